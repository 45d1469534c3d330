//! A deviation from the process: asked for with reasons, approved by management, worked off, closed.
//!
//! Invariants: an exception names at least one risk; it expires; it is closed only when each of the
//! three actions is done or does not apply. It never opens a hard gate, however approved.
//!
//! Which deviation clears what is decided in [`crate::domain::gate`].
//!
//! Long because its sets of words, its state machine and their full tables of tests stand together.
//!
//! # Source
//! Policy section 5.2 (justification, designated management); T-ONB-010, section "Exceptions".

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Invalid, Refused,
        decision::{Requirement, Rule},
        role::Role,
        step_to,
        text::{Name, Prose, Text},
    },
    ids::{ActorId, ClientId, DecisionId, EngagementId, ExceptionId, HoldingId, StepId},
};

words! {
    /// How a run leaves the process.
    ExceptionType {
        /// A step before those it waits for.
        OutOfOrder = "OUT_OF_ORDER",
        /// A step, or the removal of a holding, not at all.
        Skipped = "SKIPPED",
        /// A step in another way than described, or the return of a holding without what could not be read.
        Deviation = "DEVIATION",
    }
}

words! {
    /// Where an exception stands.
    ExceptionState {
        /// Waits for a decision.
        Requested = "REQUESTED",
        /// Stands until it expires.
        Approved = "APPROVED",
        /// Refused.
        Rejected = "REJECTED",
        /// Taken back.
        Withdrawn = "WITHDRAWN",
        /// Its time ran out.
        Expired = "EXPIRED",
        /// Every action done; what it allowed stays allowed until it expires.
        Closed = "CLOSED",
    }
}

words! {
    /// What may be done with an exception, as the participle a refusal uses.
    ExceptionVerb {
        /// Management grants it.
        Approve = "approved",
        /// Management refuses it.
        Reject = "rejected",
        /// Whoever asked no longer wants it.
        Withdraw = "withdrawn",
        /// Its time runs out.
        Expire = "expired",
        /// Everything is done.
        Close = "closed",
    }
}

impl ExceptionState {
    /// The state after `verb`. Closing asks more than the state: see [`Exception::close`].
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: ExceptionVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            ExceptionVerb::Approve => (&[Self::Requested], Self::Approved),
            ExceptionVerb::Reject => (&[Self::Requested], Self::Rejected),
            ExceptionVerb::Withdraw => (&[Self::Requested], Self::Withdrawn),
            ExceptionVerb::Expire => (&[Self::Requested, Self::Approved], Self::Expired),
            ExceptionVerb::Close => (&[Self::Approved], Self::Closed),
        };
        step_to("exception", self, verb, rule)
    }

    /// Whether somebody still has to do something about it.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Requested | Self::Approved => true,
            Self::Rejected | Self::Withdrawn | Self::Expired | Self::Closed => false,
        }
    }

    /// Whether management has granted it and its time has not been declared over.
    pub const fn is_granted(self) -> bool {
        match self {
            Self::Approved | Self::Closed => true,
            Self::Requested | Self::Rejected | Self::Withdrawn | Self::Expired => false,
        }
    }
}

words! {
    /// What may come of a deviation.
    RiskKind {
        /// The client goes live later.
        GoLiveDelay = "GO_LIVE_DELAY",
        /// The client is less content.
        ClientSatisfaction = "CLIENT_SATISFACTION",
        /// A missed promise costs money.
        FinancialPenalty = "FINANCIAL_PENALTY",
        /// Something stays open that should be shut.
        Security = "SECURITY",
        /// Data is lost or in the wrong hands.
        DataProtection = "DATA_PROTECTION",
        /// A contract or a law is broken.
        Legal = "LEGAL",
    }
}

words! {
    /// How likely, or how bad.
    RiskLevel {
        /// Hardly.
        Low = "LOW",
        /// Somewhat.
        Medium = "MEDIUM",
        /// Very.
        High = "HIGH",
    }
}

/// What may come of a deviation, and how bad that would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What may come.
    pub kind: RiskKind,
    /// How likely.
    pub likelihood: RiskLevel,
    /// How bad.
    pub impact: RiskLevel,
    /// What it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<Penalty>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Penalty {
    /// In the currency's smallest unit (cents); at least 1.
    pub amount_minor: u64,
    /// ISO 4217 code: `USD`.
    pub currency: String,
}

words! {
    /// What a deviation obliges to.
    ActionKind {
        /// Tell the onboarding manager.
        Escalate = "ESCALATE",
        /// Write it into the checklist.
        Document = "DOCUMENT",
        /// Move what was planned.
        Reschedule = "RESCHEDULE",
    }
}

words! {
    /// Where an action stands.
    ActionState {
        /// To do.
        Open = "OPEN",
        /// Done.
        Done = "DONE",
        /// Nothing to do; a note says why.
        NotApplicable = "NOT_APPLICABLE",
    }
}

/// One of the three things a deviation obliges to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Which of the three.
    pub kind: ActionKind,
    /// Where it stands.
    pub state: ActionState,
    /// What was done, or why nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who settled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<ActorId>,
    /// When it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_at: Option<DateTime<Utc>>,
}

/// The three actions a new exception begins with.
pub fn open_actions() -> Vec<Action> {
    ActionKind::ALL
        .iter()
        .map(|&kind| Action { kind, state: ActionState::Open, note: None, set_by: None, set_at: None })
        .collect()
}

/// An exception as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The exception's id.
    pub id: ExceptionId,
    /// The client it concerns.
    pub client_id: ClientId,
    /// The run it deviates in.
    pub engagement_id: EngagementId,
    /// The step it is about; none when it is about a holding or the run.
    pub step_id: Option<StepId>,
    /// The holding that shall stay open.
    pub holding_id: Option<HoldingId>,
    /// How the run leaves the process.
    pub r#type: ExceptionType,
    /// Where it stands.
    pub state: ExceptionState,
    /// What happened: one of the process's catalogue, or in own words.
    pub situation: String,
    /// Why the deviation is right: a [`Justification`].
    pub justification: String,
    /// What may come of it; at least one.
    pub risks: Vec<Risk>,
    /// What it obliges to; one of each kind.
    pub actions: Vec<Action>,
    /// Where it is decided.
    pub decision_id: Option<DecisionId>,
    /// Who asked for it.
    pub requested_by: ActorId,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// From then on it allows nothing more.
    pub expires_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub revision: i32,
}

/// Which exceptions a list holds. Empty fields allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionFilter {
    /// Only these states, as they are now: one whose time is over counts as expired.
    pub states: Vec<ExceptionState>,
    /// Only these types.
    pub types: Vec<ExceptionType>,
    /// Only those about this client.
    pub client_id: Option<ClientId>,
    /// Only those raised in this run.
    pub engagement_id: Option<EngagementId>,
    /// Only those about this step.
    pub step_id: Option<StepId>,
}

impl Exception {
    /// Where it stands at `now`: its time may be over before anybody wrote that down.
    pub fn state_at(&self, now: DateTime<Utc>) -> ExceptionState {
        if self.state.is_open() && self.expires_at <= now { ExceptionState::Expired } else { self.state }
    }

    /// Whether it allows at `now` what it was asked for.
    pub fn is_in_force(&self, now: DateTime<Utc>) -> bool {
        self.state.is_granted() && now < self.expires_at
    }

    /// The actions after `kind` was settled as `state`.
    ///
    /// # Errors
    /// [`Refused`] when the exception is not approved, or the action is to be open again.
    pub fn settle(
        &self,
        kind: ActionKind,
        state: ActionState,
        note: Option<String>,
        by: ActorId,
        at: DateTime<Utc>,
    ) -> Result<Vec<Action>, Refused> {
        if self.state != ExceptionState::Approved {
            let message = format!("This exception is {}; only an APPROVED one has actions to settle.", self.state);
            return Err(Refused::new(message));
        }
        if state == ActionState::Open {
            return Err(Refused::new("An action is settled as DONE or NOT_APPLICABLE."));
        }
        if state == ActionState::NotApplicable && note.as_deref().is_none_or(|note| note.trim().is_empty()) {
            return Err(Refused::new("An action that does not apply needs a note.").remedy("Say why in `note`."));
        }
        let settled = Action { kind, state, note, set_by: Some(by), set_at: Some(at) };
        let keep = |action: &Action| if action.kind == kind { settled.clone() } else { action.clone() };
        Ok(self.actions.iter().map(keep).collect())
    }

    /// The state once everything is done.
    ///
    /// # Errors
    /// [`Refused`] when it is not approved, or an action is open.
    pub fn close(&self) -> Result<ExceptionState, Refused> {
        let closed = self.state.after(ExceptionVerb::Close)?;
        let is_settled = |kind: &ActionKind| {
            self.actions.iter().any(|action| action.kind == *kind && action.state != ActionState::Open)
        };
        let open: Vec<_> = ActionKind::ALL.iter().filter(|kind| !is_settled(kind)).map(|kind| kind.as_str()).collect();
        if open.is_empty() {
            return Ok(closed);
        }
        Err(Refused::new(format!("These actions are open: {}.", open.join(", ")))
            .remedy("Settle each with `exceptionActionDone`, as done or as not applicable with a note."))
    }
}

/// Why a deviation is right: 20 to 2,000 characters.
///
/// # Source
/// Policy 5.2 asks for a *documented* justification: twenty characters is more than "urgent".
pub type Justification = Text<20, 2_000>;

/// The longest time an exception may stand.
///
/// # Source
/// House decision: a quarter; whatever is needed longer is a change of the process.
pub const LIFETIME_MAX: TimeDelta = TimeDelta::days(92);

/// At most this many risks on one exception.
const RISKS_MAX: usize = 20;

/// Whether what somebody asks for is complete and within bounds.
///
/// # Errors
/// [`Invalid`] for the first thing that is not, with the name of its field.
pub fn check(
    situation: &str,
    justification: &str,
    risks: &[Risk],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), (&'static str, Invalid)> {
    Name::parse(situation).map_err(|invalid| ("situation", invalid))?;
    Justification::parse(justification).map_err(|invalid| ("justification", invalid))?;
    check_risks(risks).map_err(|invalid| ("risks", invalid))?;
    if expires_at <= now || expires_at - now > LIFETIME_MAX {
        let message = format!("An exception expires within {} days from now.", LIFETIME_MAX.num_days());
        return Err(("expiresAt", Invalid::new(message).remedy("Give an instant in that time.")));
    }
    Ok(())
}

fn check_risks(risks: &[Risk]) -> Result<(), Invalid> {
    if risks.is_empty() || risks.len() > RISKS_MAX {
        return Err(Invalid::new(format!("An exception names 1 to {RISKS_MAX} risks."))
            .remedy("Say what may come of the deviation, how likely and how bad it is."));
    }
    let is_currency = |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    for penalty in risks.iter().filter_map(|risk| risk.penalty.as_ref()) {
        if penalty.amount_minor == 0 || i64::try_from(penalty.amount_minor).is_err() {
            return Err(Invalid::new("A penalty is at least one smallest unit of its currency.")
                .remedy("Leave the penalty out where there is none."));
        }
        if !is_currency(&penalty.currency) {
            return Err(Invalid::new("This is not a currency.").remedy("Give its ISO 4217 code, such as `USD`."));
        }
    }
    Ok(())
}

/// Who decides on an exception: designated management, and for what touches security the designated
/// authority as well.
///
/// # Source
/// Policy 5.2 and section 4 (designated authority).
pub fn rule(is_security: bool) -> Rule {
    let mut requirements =
        vec![Requirement { any_of: vec![Role::ServiceDeliveryManager, Role::HeadOfOperations], quorum: 1 }];
    if is_security {
        requirements.push(Requirement { any_of: vec![Role::Compliance], quorum: 1 });
    }
    Rule { requirements, is_ordered: false }
}

/// What a process expects to go wrong, and what to do then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalogue {
    /// Situations that lead to exceptions.
    pub situations: Vec<String>,
    /// What is to be done then, in words, for each kind of action.
    pub actions: Vec<CatalogueAction>,
    /// What may come of it, in words, for each kind of risk.
    pub risks: Vec<CatalogueRisk>,
}

/// What a process says about an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueAction {
    /// Which of the three.
    pub kind: ActionKind,
    /// What it means here.
    pub text: String,
}

/// What a process says about a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueRisk {
    /// Which one.
    pub kind: RiskKind,
    /// What it means here.
    pub text: String,
}

impl Catalogue {
    /// The first text that is blank or too long.
    ///
    /// # Errors
    /// [`Invalid`] for that text.
    pub fn check(&self) -> Result<(), Invalid> {
        let actions = self.actions.iter().map(|action| &action.text);
        let risks = self.risks.iter().map(|risk| &risk.text);
        self.situations.iter().chain(actions).chain(risks).try_for_each(|text| Prose::parse(text).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::assert_table;

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn risk() -> Risk {
        Risk { kind: RiskKind::GoLiveDelay, likelihood: RiskLevel::High, impact: RiskLevel::Low, penalty: None }
    }

    fn exception(state: ExceptionState) -> Exception {
        Exception {
            id: Uuid::nil().into(),
            client_id: Uuid::nil().into(),
            engagement_id: Uuid::nil().into(),
            step_id: None,
            holding_id: None,
            r#type: ExceptionType::Deviation,
            state,
            situation: "Hardware is late".into(),
            justification: "The vendor ships three weeks late.".into(),
            risks: vec![risk()],
            actions: open_actions(),
            decision_id: None,
            requested_by: ActorId::System,
            requested_at: now(),
            expires_at: now() + TimeDelta::days(7),
            closed_at: None,
            revision: 1,
        }
    }

    #[test]
    fn an_exception_goes_only_these_ways() {
        use ExceptionState::{Approved, Closed, Expired, Rejected, Requested, Withdrawn};
        use ExceptionVerb::{Approve, Close, Expire, Reject, Withdraw};
        assert_table(
            ExceptionState::ALL,
            ExceptionVerb::ALL,
            ExceptionState::after,
            &[
                (Requested, Approve, Approved),
                (Requested, Reject, Rejected),
                (Requested, Withdraw, Withdrawn),
                (Requested, Expire, Expired),
                (Approved, Expire, Expired),
                (Approved, Close, Closed),
            ],
        );
    }

    #[test]
    fn closing_needs_each_of_the_three_actions_settled() {
        let mut open = exception(ExceptionState::Approved);
        let settle = |exception: &Exception, kind, state, note: Option<&str>| {
            exception.settle(kind, state, note.map(str::to_owned), ActorId::System, now())
        };
        for (kind, state, note) in [
            (ActionKind::Escalate, ActionState::Done, None),
            (ActionKind::Document, ActionState::Done, Some("In the handover list.")),
            (ActionKind::Reschedule, ActionState::NotApplicable, Some("No date moves.")),
        ] {
            let refused = open.close().unwrap_err();
            assert!(refused.message.contains(kind.as_str()), "{}", refused.message);
            open.actions = settle(&open, kind, state, note).unwrap();
        }
        assert_eq!(open.close().unwrap(), ExceptionState::Closed);
        open.actions.pop();
        assert!(open.close().is_err(), "an action that is not there is not settled");
    }

    #[test]
    fn an_action_is_settled_with_reason_and_only_once_approved() {
        let approved = exception(ExceptionState::Approved);
        let settle = |exception: &Exception, state, note: Option<&str>| {
            exception.settle(ActionKind::Escalate, state, note.map(str::to_owned), ActorId::System, now())
        };
        assert!(settle(&approved, ActionState::NotApplicable, Some(" ")).is_err());
        assert!(settle(&approved, ActionState::NotApplicable, None).is_err());
        assert!(settle(&approved, ActionState::Open, None).is_err());
        for &state in ExceptionState::ALL {
            let is_approved = state == ExceptionState::Approved;
            assert_eq!(settle(&exception(state), ActionState::Done, None).is_ok(), is_approved, "{state}");
        }
    }

    #[test]
    fn it_is_in_force_from_its_approval_until_it_expires() {
        for &state in ExceptionState::ALL {
            let granted = matches!(state, ExceptionState::Approved | ExceptionState::Closed);
            assert_eq!(exception(state).is_in_force(now()), granted, "{state}");
            assert!(!exception(state).is_in_force(now() + TimeDelta::days(7)), "{state}");
        }
    }

    #[test]
    fn what_is_incomplete_or_out_of_bounds_is_refused_by_field() {
        let good = "The vendor ships three weeks late.";
        let week = now() + TimeDelta::days(7);
        let ask = |situation: &str, why: &str, risks: &[Risk], until| {
            check(situation, why, risks, now(), until).map_err(|(field, _)| field)
        };
        let fined = |amount_minor, currency: &str| Risk {
            penalty: Some(Penalty { amount_minor, currency: currency.into() }),
            ..risk()
        };
        assert_eq!(ask("Late", good, &[risk(), fined(1, "USD")], week), Ok(()));
        assert_eq!(ask(" ", good, &[risk()], week), Err("situation"));
        assert_eq!(ask("Late", "urgent", &[risk()], week), Err("justification"));
        assert_eq!(ask("Late", &" ".repeat(40), &[risk()], week), Err("justification"));
        assert_eq!(ask("Late", &"x".repeat(2_001), &[risk()], week), Err("justification"));
        assert_eq!(ask("Late", good, &[], week), Err("risks"));
        assert_eq!(ask("Late", good, &vec![risk(); RISKS_MAX + 1], week), Err("risks"));
        for wrong in [fined(0, "USD"), fined(u64::MAX, "USD"), fined(1, "usd"), fined(1, "EURO")] {
            assert_eq!(ask("Late", good, &[wrong], week), Err("risks"));
        }
        for until in [now(), now() - TimeDelta::days(1), now() + LIFETIME_MAX + TimeDelta::milliseconds(1)] {
            assert_eq!(ask("Late", good, &[risk()], until), Err("expiresAt"));
        }
    }

    #[test]
    fn security_asks_the_designated_authority_too() {
        assert!(rule(false).check().is_ok() && rule(true).check().is_ok());
        let asks = |rule: Rule| rule.requirements.iter().any(|needed| needed.any_of.contains(&Role::Compliance));
        assert!(!asks(rule(false)));
        assert!(asks(rule(true)));
    }
}
