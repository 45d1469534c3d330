//! What a client and the provider have agreed in writing, and how such an agreement ends.
//!
//! One table for every kind; what only one kind has is an [`AgreementDetails`].
//!
//! Invariants: what is signed is not edited; a termination notice is an agreement too, because it
//! changes what was agreed. To add a kind, add a word, a variant of the details and its check.
//!
//! Long because each kind stands beside its bounds: whoever changes one sees the other.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Invalid, Refused, step_to,
        text::{Name, Prose},
    },
    ids::{ActorId, AgreementId, ClientId, FileId},
};

words! {
    /// Which paper it is.
    AgreementKind {
        /// The contract itself.
        ServiceAgreement = "SERVICE_AGREEMENT",
        /// What is promised, in numbers.
        Sla = "SLA",
        /// What is to be delivered, line by line.
        Sow = "SOW",
        /// The word that the service shall end.
        TerminationNotice = "TERMINATION_NOTICE",
    }
}

words! {
    /// Where an agreement stands.
    AgreementState {
        /// Recorded, not in force.
        Draft = "DRAFT",
        /// In force.
        Signed = "SIGNED",
        /// No longer in force; a notice that was taken back.
        Ended = "ENDED",
    }
}

words! {
    /// What may be done with an agreement, as the participle a refusal uses.
    AgreementVerb {
        /// Put it in force.
        Sign = "signed",
        /// Let it end.
        End = "ended",
    }
}

impl AgreementState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: AgreementVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            AgreementVerb::Sign => (&[Self::Draft], Self::Signed),
            AgreementVerb::End => (&[Self::Draft, Self::Signed], Self::Ended),
        };
        step_to("agreement", self, verb, rule)
    }
}

/// An agreement as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The agreement's id.
    pub id: AgreementId,
    /// With whom.
    pub client_id: ClientId,
    /// Where it stands.
    pub state: AgreementState,
    /// What people call it: a [`crate::domain::text::Name`].
    pub title: String,
    /// What was agreed; its kind is the agreement's kind.
    pub details: AgreementDetails,
    /// The signed paper.
    pub file_id: Option<FileId>,
    /// In force from this day.
    pub effective_on: Option<NaiveDate>,
    /// In force until this day.
    pub ends_on: Option<NaiveDate>,
    /// When the signature was recorded.
    pub signed_at: Option<DateTime<Utc>>,
    /// Who signed for the client.
    pub signature: Option<Signature>,
    /// Grows with every change.
    pub revision: i32,
    /// Who recorded it.
    pub created_by: ActorId,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Agreement {
    /// Which paper it is.
    pub fn kind(&self) -> AgreementKind {
        self.details.kind()
    }
}

words! {
    /// How a signature was given.
    SignatureMethod {
        /// By hand, on paper.
        Ink = "INK",
        /// Through a signing service; `reference` names the envelope.
        Electronic = "ELECTRONIC",
    }
}

/// Who put an agreement in force, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The person who signed for the client: a [`crate::domain::text::Name`].
    pub name: String,
    /// That person's position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The day on the paper.
    pub signed_on: NaiveDate,
    /// By hand or by a service.
    pub method: SignatureMethod,
    /// Where the signing service keeps its own proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// What was agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum AgreementDetails {
    /// The contract itself.
    #[serde(rename = "SERVICE_AGREEMENT")]
    ServiceAgreement(ServiceAgreement),
    /// What is promised, in numbers.
    #[serde(rename = "SLA")]
    Sla(Sla),
    /// What is to be delivered.
    #[serde(rename = "SOW")]
    Sow(Sow),
    /// The word that the service shall end.
    #[serde(rename = "TERMINATION_NOTICE")]
    TerminationNotice(TerminationNotice),
}

/// A passage that others refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// How it is cited: `7.2`, `Annex B`.
    pub reference: String,
    /// What it says.
    pub text: String,
}

/// The contract itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceAgreement {
    /// Passages that holdings and exceptions cite.
    pub clauses: Vec<Clause>,
    /// How many days' notice ends it.
    pub notice_days: Option<u16>,
    /// How the client's data goes back to it. Without this, nothing can be returned.
    pub data_return: Option<ReturnTerms>,
}

/// How a client's data goes back to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTerms {
    /// The formats that were agreed; a return picks one of them.
    pub formats: Vec<DataFormat>,
    /// Where it goes, in words: "the client's own bucket", "a disk handed over in person".
    pub destination: String,
}

words! {
    /// The shape in which data is returned.
    DataFormat {
        /// A `BagIt` bag in a tar archive.
        BagitTar = "BAGIT_TAR",
        /// The same, compressed with zstd.
        BagitTarZstd = "BAGIT_TAR_ZSTD",
        /// The files as they lie.
        PlainMirror = "PLAIN_MIRROR",
    }
}

/// What is promised, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sla {
    /// Passages that others cite.
    pub clauses: Vec<Clause>,
    /// One line for each priority, most urgent first.
    pub targets: Vec<SlaTarget>,
}

/// How soon somebody answers and mends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaTarget {
    /// What people call it: `P1`.
    pub priority: String,
    /// Minutes until somebody answers; 1 to a year.
    pub respond_within_minutes: u32,
    /// Minutes until it is mended; not sooner than the answer.
    pub resolve_within_minutes: u32,
}

/// What is to be delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sow {
    /// Passages that others cite.
    pub clauses: Vec<Clause>,
    /// One line for each deliverable.
    pub lines: Vec<SowLine>,
}

/// One deliverable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SowLine {
    /// How it is cited: unique within the statement of work.
    pub key: String,
    /// What is delivered.
    pub text: String,
    /// How many; at least 1.
    pub quantity: u32,
}

words! {
    /// How a notice came.
    NoticeChannel {
        /// On paper.
        Letter = "LETTER",
        /// By mail.
        Email = "EMAIL",
        /// Through a portal.
        Portal = "PORTAL",
        /// Said to somebody's face, and written down.
        InPerson = "IN_PERSON",
    }
}

/// The word that the service shall end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminationNotice {
    /// The day it came.
    pub received_on: NaiveDate,
    /// How it came.
    pub channel: NoticeChannel,
    /// Days of notice that apply; 0 when both sides agree on an end without notice.
    pub notice_days: u16,
    /// The last day of service, confirmed by both sides.
    pub final_service_on: NaiveDate,
    /// Why the notice is shorter than was agreed, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_notice_reason: Option<String>,
}

impl TerminationNotice {
    /// The first day the notice allows as the last day of service.
    pub fn earliest_end(&self) -> Option<NaiveDate> {
        self.received_on.checked_add_days(Days::new(self.notice_days.into()))
    }

    /// The day from which the agreement is at an end: the last day of service, or `ends_on` of the
    /// notice when the agreement outlives the service.
    pub fn terminates_on(&self, ends_on: Option<NaiveDate>) -> NaiveDate {
        ends_on.map_or(self.final_service_on, |ends_on| ends_on.max(self.final_service_on))
    }
}

/// At most this many clauses, targets or lines in one agreement.
///
/// # Source
/// House decision: a page that is still readable; more belongs in the attached paper.
const LIST_MAX: usize = 200;
/// A year, in minutes: the longest promise that still is one.
const YEAR_MINUTES: u32 = 366 * 24 * 60;

/// More pieces than any line of a statement of work delivers: catches a number in the wrong field.
const QUANTITY_MAX: u32 = 1_000_000;

impl AgreementDetails {
    /// Which paper it is.
    pub const fn kind(&self) -> AgreementKind {
        match self {
            Self::ServiceAgreement(_) => AgreementKind::ServiceAgreement,
            Self::Sla(_) => AgreementKind::Sla,
            Self::Sow(_) => AgreementKind::Sow,
            Self::TerminationNotice(_) => AgreementKind::TerminationNotice,
        }
    }

    /// The passages that may be cited.
    pub fn clauses(&self) -> &[Clause] {
        match self {
            Self::ServiceAgreement(details) => &details.clauses,
            Self::Sla(details) => &details.clauses,
            Self::Sow(details) => &details.clauses,
            Self::TerminationNotice(_) => &[],
        }
    }

    /// Whether everything in it is within bounds and makes sense together.
    ///
    /// # Errors
    /// [`Invalid`] for the first thing that is not.
    pub fn check(&self) -> Result<(), Invalid> {
        check_clauses(self.clauses())?;
        match self {
            Self::ServiceAgreement(details) => details.data_return.as_ref().map_or(Ok(()), ReturnTerms::check),
            Self::Sla(details) => details.check(),
            Self::Sow(details) => details.check(),
            Self::TerminationNotice(details) => details.check(),
        }
    }
}

fn at_most(count: usize, what: &str) -> Result<(), Invalid> {
    if count <= LIST_MAX {
        return Ok(());
    }
    Err(Invalid::new(format!("These are {count} {what}; at most {LIST_MAX} are allowed."))
        .remedy("Attach the rest as a file."))
}

fn check_clauses(clauses: &[Clause]) -> Result<(), Invalid> {
    at_most(clauses.len(), "clauses")?;
    for (index, clause) in clauses.iter().enumerate() {
        Name::parse(&clause.reference)?;
        Prose::parse(&clause.text)?;
        if clauses[..index].iter().any(|earlier| earlier.reference == clause.reference) {
            return Err(Invalid::new(format!("The clause {} stands here twice.", clause.reference)));
        }
    }
    Ok(())
}

impl ReturnTerms {
    fn check(&self) -> Result<(), Invalid> {
        Prose::parse(&self.destination)?;
        if self.formats.is_empty() {
            return Err(Invalid::new("Terms of data return need at least one format.")
                .remedy("Name every format the client accepts, such as BAGIT_TAR_ZSTD."));
        }
        Ok(())
    }
}

impl Sla {
    fn check(&self) -> Result<(), Invalid> {
        at_most(self.targets.len(), "targets")?;
        for target in &self.targets {
            Name::parse(&target.priority)?;
            let respond = target.respond_within_minutes;
            if respond == 0 || respond > target.resolve_within_minutes || target.resolve_within_minutes > YEAR_MINUTES {
                return Err(Invalid::new(format!("The times of {} make no sense.", target.priority))
                    .remedy("Answer within 1 minute or more, mend no sooner than that and within a year."));
            }
        }
        Ok(())
    }
}

impl Sow {
    fn check(&self) -> Result<(), Invalid> {
        at_most(self.lines.len(), "lines")?;
        for (index, line) in self.lines.iter().enumerate() {
            Name::parse(&line.key)?;
            Prose::parse(&line.text)?;
            if line.quantity == 0 {
                return Err(Invalid::new(format!("Line {} delivers nothing.", line.key)).remedy("Leave it out."));
            }
            if line.quantity > QUANTITY_MAX {
                return Err(Invalid::new(format!("Line {} delivers more than {QUANTITY_MAX}.", line.key))
                    .remedy("Give how many pieces are delivered."));
            }
            if self.lines[..index].iter().any(|earlier| earlier.key == line.key) {
                return Err(Invalid::new(format!("The line {} stands here twice.", line.key)));
            }
        }
        Ok(())
    }
}

impl TerminationNotice {
    fn check(&self) -> Result<(), Invalid> {
        match self.earliest_end() {
            Some(earliest) if earliest <= self.final_service_on => Ok(()),
            Some(earliest) => Err(Invalid::new(format!(
                "{} days' notice from {} end on {earliest}, after the final service date {}.",
                self.notice_days, self.received_on, self.final_service_on
            ))
            .remedy("Move the final service date, or record the shorter notice that both sides agreed on.")),
            None => Err(Invalid::new("The notice runs beyond the calendar.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::assert_table;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
    }

    fn notice(notice_days: u16, final_service_on: NaiveDate) -> TerminationNotice {
        TerminationNotice {
            received_on: day(1),
            channel: NoticeChannel::Letter,
            notice_days,
            final_service_on,
            short_notice_reason: None,
        }
    }

    #[test]
    fn an_agreement_goes_only_these_ways() {
        use AgreementState::{Draft, Ended, Signed};
        use AgreementVerb::{End, Sign};
        assert_table(
            AgreementState::ALL,
            AgreementVerb::ALL,
            AgreementState::after,
            &[(Draft, Sign, Signed), (Draft, End, Ended), (Signed, End, Ended)],
        );
    }

    #[test]
    fn a_notice_shorter_than_agreed_is_refused() {
        assert!(AgreementDetails::TerminationNotice(notice(29, day(30))).check().is_ok());
        let refused = AgreementDetails::TerminationNotice(notice(30, day(30))).check().unwrap_err();
        assert!(refused.message.contains("2026-12-01"), "{}", refused.message);
        let endless = TerminationNotice { received_on: NaiveDate::MAX, ..notice(1, day(30)) };
        assert!(AgreementDetails::TerminationNotice(endless).check().is_err());
    }

    #[test]
    fn an_agreement_may_outlive_its_service_and_never_ends_before_it() {
        assert_eq!(notice(0, day(10)).terminates_on(None), day(10));
        assert_eq!(notice(0, day(10)).terminates_on(Some(day(20))), day(20));
        assert_eq!(notice(0, day(10)).terminates_on(Some(day(5))), day(10));
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        let target = |respond, resolve| SlaTarget {
            priority: "P1".into(),
            respond_within_minutes: respond,
            resolve_within_minutes: resolve,
        };
        let sla = |targets| AgreementDetails::Sla(Sla { clauses: vec![], targets });
        assert!(sla(vec![target(15, 240)]).check().is_ok());
        for wrong in [target(0, 10), target(20, 10), target(1, YEAR_MINUTES + 1)] {
            assert!(sla(vec![wrong.clone()]).check().is_err(), "{wrong:?}");
        }
        let line = |key: &str, quantity| SowLine { key: key.into(), text: "Backup".into(), quantity };
        let sow = |lines| AgreementDetails::Sow(Sow { clauses: vec![], lines });
        assert!(sow(vec![line("1", 1), line("2", 1)]).check().is_ok());
        assert!(sow(vec![line("1", 1), line("1", 1)]).check().is_err());
        assert!(sow(vec![line("1", 0)]).check().is_err());
        assert!(sow(vec![line("1", 1); LIST_MAX + 1]).check().unwrap_err().message.contains("200"));
        let clause = |reference: &str| Clause { reference: reference.into(), text: "x".into() };
        let contract = |clauses, formats: &[DataFormat]| {
            let terms = ReturnTerms { formats: formats.to_vec(), destination: "A disk".into() };
            AgreementDetails::ServiceAgreement(ServiceAgreement {
                clauses,
                notice_days: Some(30),
                data_return: Some(terms),
            })
        };
        assert!(contract(vec![clause("7.1"), clause("7.2")], &[DataFormat::BagitTar]).check().is_ok());
        assert!(contract(vec![clause("7.1"), clause("7.1")], &[DataFormat::BagitTar]).check().is_err());
        assert!(contract(vec![], &[]).check().is_err());
    }

    #[test]
    fn details_read_back_with_their_kind() {
        let details = AgreementDetails::TerminationNotice(notice(0, day(10)));
        let json = serde_json::to_value(&details).unwrap();
        assert_eq!(json["kind"], AgreementKind::TerminationNotice.as_str());
        assert_eq!(serde_json::from_value::<AgreementDetails>(json).unwrap(), details);
    }
}
