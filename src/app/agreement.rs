//! Agreements: recording and signing them, and the notice that ends them.
//!
//! What is agreed is not edited: whoever was wrong records it anew. A termination notice is in force as soon
//! as it is recorded, because it came from outside; a later one takes its place.

use chrono::NaiveDate;

use crate::{
    app::{self, App, Deed, Done, Once, client, engagement, revision::expect_revision, rows::refuse_secrets},
    auth::{Actor, Permission},
    domain::{
        agreement::{
            Agreement, AgreementDetails, AgreementKind, AgreementState, AgreementVerb, NoticeChannel, Signature,
            SignatureMethod, TerminationNotice,
        },
        client::{Client, ClientStage},
        event::{EventKind, NewEvent},
        text::{Name, Prose},
    },
    error::{Error, Result, Violation, at},
    ids::{AgreementId, ClientId, FileId},
    store,
};

/// What was agreed.
#[derive(Clone, Debug)]
pub struct Record {
    /// With whom.
    pub client_id: ClientId,
    /// What people call it.
    pub title: Name,
    /// What it says. Never a termination notice: those are recorded by [`terminate`].
    pub details: AgreementDetails,
    /// The paper.
    pub file_id: Option<FileId>,
    /// In force from this day.
    pub effective_on: Option<NaiveDate>,
    /// In force until this day.
    pub ends_on: Option<NaiveDate>,
}

/// That an agreement was signed.
#[derive(Clone, Debug)]
pub struct Sign {
    /// Which one.
    pub id: AgreementId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// Who signed for the client, when and how.
    pub signature: Signature,
    /// The signed paper, when it is another one than was recorded.
    pub file_id: Option<FileId>,
}

/// That a client, or the provider, gave notice.
#[derive(Clone, Debug)]
pub struct Terminate {
    /// Whose service ends.
    pub client_id: ClientId,
    /// The day the notice came.
    pub received_on: NaiveDate,
    /// How it came.
    pub channel: NoticeChannel,
    /// Who gave it.
    pub given_by: Name,
    /// The last day of service.
    pub final_service_on: NaiveDate,
    /// Until when the agreement outlives the service, when it does.
    pub ends_on: Option<NaiveDate>,
    /// Why the notice is shorter than was agreed; needed when it is.
    pub short_notice_reason: Option<Prose>,
    /// The notice itself.
    pub file_id: Option<FileId>,
}

/// Records what was agreed, as a draft.
///
/// # Errors
/// `Forbidden`; `Violation` on `details`, `endsOn` or `fileId`; `NotFound` on `clientId` or `fileId`.
pub async fn record(app: &App, actor: &Actor, input: Record, once: Once) -> Result<Done<Agreement>> {
    actor.require(Permission::AgreementRecord)?;
    input.details.check().map_err(|invalid| at("details", invalid))?;
    refuse_secrets("details", &input.details)?;
    if let (Some(from), Some(until)) = (input.effective_on, input.ends_on)
        && until < from
    {
        let wrong = Violation::new("endsOn", "An agreement does not end before it begins.");
        return Err(wrong.remedy("Give a day on or after `effectiveOn`.").into());
    }
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::agreement::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    let client = store::client::lock(deed.tx(), &actor.scope, input.client_id, "clientId").await?;
    check_file(&deed, client.id, input.file_id).await?;
    let agreement = Agreement {
        id: app.new_id(),
        client_id: client.id,
        state: AgreementState::Draft,
        title: input.title.into_string(),
        details: input.details,
        file_id: input.file_id,
        effective_on: input.effective_on,
        ends_on: input.ends_on,
        signed_at: None,
        signature: None,
        revision: 1,
        created_by: actor.id,
        created_at: deed.now(),
        updated_at: deed.now(),
    };
    store::agreement::insert(deed.tx(), &agreement).await?;
    deed.record(event(EventKind::AgreementRecorded, &agreement, "recorded"));
    deed.answer(agreement.id);
    deed.commit().await?;
    Ok(Done::now(agreement))
}

/// Puts an agreement in force.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id` or `fileId`; `Conflict` when it changed since it was read or is no draft;
/// `Violation` on `signedOn` when that day is still to come, or on `fileId`.
pub async fn sign(app: &App, actor: &Actor, input: Sign) -> Result<Agreement> {
    actor.require(Permission::AgreementSign)?;
    let mut deed = app.begin(actor).await?;
    let mut agreement = store::agreement::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    expect_revision(agreement.id, input.expected_revision, agreement.revision)?;
    agreement.state = agreement.state.after(AgreementVerb::Sign)?;
    let client = store::client::find(deed.tx(), &actor.scope, agreement.client_id).await?;
    let client = client.ok_or_else(|| Error::not_found("agreement", "id"))?;
    not_in_future("signedOn", input.signature.signed_on, &client, &deed)?;
    check_file(&deed, agreement.client_id, input.file_id).await?;
    agreement.signature = Some(input.signature);
    agreement.signed_at = Some(deed.now());
    agreement.file_id = input.file_id.or(agreement.file_id);
    save(&mut deed, &mut agreement).await?;
    deed.record(event(EventKind::AgreementSigned, &agreement, "signed"));
    deed.commit().await?;
    Ok(agreement)
}

/// Records that notice was given, and with it the client's last day of service. An earlier notice ends.
///
/// # Errors
/// `Forbidden`; `NotFound` on `clientId` or `fileId`; `Violation` on `receivedOn`, `finalServiceOn`, `endsOn` or
/// `shortNoticeReason`; `Conflict` when the relationship has ended already.
pub async fn terminate(app: &App, actor: &Actor, input: Terminate, once: Once) -> Result<Done<(Client, Agreement)>> {
    actor.require(Permission::TerminationRecord)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        let notice = store::agreement::lock(deed.tx(), &actor.scope, id, "id").await?;
        let client = store::client::lock(deed.tx(), &actor.scope, notice.client_id, "clientId").await?;
        return Ok(Done::earlier((client, notice)));
    }
    let mut client = store::client::lock(deed.tx(), &actor.scope, input.client_id, "clientId").await?;
    if client.stage == ClientStage::Concluded {
        return Err(Error::state("The service relationship with this client has ended already."));
    }
    not_in_future("receivedOn", input.received_on, &client, &deed)?;
    check_file(&deed, client.id, input.file_id).await?;
    let terms = notice(&input, agreed_days(&deed, client.id).await?)?;
    end_earlier(&mut deed, client.id).await?;
    let notice = notice_of(&deed, input, terms);
    store::agreement::insert(deed.tx(), &notice).await?;
    client.final_service_on = final_service_on(&notice);
    client::save(&mut deed, &mut client).await?;
    let terminated = deed.record(terminated(&notice));
    deed.follow(Some(terminated));
    engagement::restage(&mut deed, &mut client).await?;
    deed.answer(notice.id);
    deed.commit().await?;
    Ok(Done::now((client, notice)))
}

/// How many days' notice the agreements in force ask for: the longest of them.
async fn agreed_days(deed: &Deed<'_>, client: ClientId) -> Result<u16> {
    let signed = store::agreement::lock_signed(deed.tx(), client, AgreementKind::ServiceAgreement).await?;
    let days = |agreement: &Agreement| match &agreement.details {
        AgreementDetails::ServiceAgreement(details) => details.notice_days,
        AgreementDetails::Sla(_) | AgreementDetails::Sow(_) | AgreementDetails::TerminationNotice(_) => None,
    };
    Ok(signed.iter().filter_map(days).max().unwrap_or_default())
}

/// What the notice says, when its days make sense together and with what was agreed.
fn notice(input: &Terminate, agreed_days: u16) -> Result<TerminationNotice> {
    let given_days = (input.final_service_on - input.received_on).num_days();
    if given_days < 0 {
        let wrong = Violation::new("finalServiceOn", "Service cannot end before the notice came.");
        return Err(wrong.remedy("Give a day on or after `receivedOn`.").into());
    }
    if input.ends_on.is_some_and(|ends_on| ends_on < input.final_service_on) {
        let wrong = Violation::new("endsOn", "The agreement cannot end before the service does.");
        return Err(wrong.remedy("Give a day on or after `finalServiceOn`, or leave it out.").into());
    }
    let given_days = u16::try_from(given_days).unwrap_or(u16::MAX);
    if given_days < agreed_days && input.short_notice_reason.is_none() {
        let message = format!("{agreed_days} days' notice are agreed, and this is a notice of {given_days} days.");
        let remedy = "Move `finalServiceOn`, or say as `shortNoticeReason` why both sides agree on an earlier end.";
        return Err(Violation::new("finalServiceOn", message).remedy(remedy).into());
    }
    let notice = TerminationNotice {
        received_on: input.received_on,
        channel: input.channel,
        notice_days: agreed_days.min(given_days),
        final_service_on: input.final_service_on,
        short_notice_reason: input.short_notice_reason.as_ref().map(ToString::to_string),
    };
    let details = AgreementDetails::TerminationNotice(notice.clone());
    details.check().map_err(|invalid| at("finalServiceOn", invalid))?;
    Ok(notice)
}

async fn end_earlier(deed: &mut Deed<'_>, client: ClientId) -> Result<()> {
    end(deed, client, AgreementKind::TerminationNotice).await
}

/// Ends everything that is signed with the client: the relationship is over.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn end_all(deed: &mut Deed<'_>, client: ClientId) -> Result<()> {
    for &kind in AgreementKind::ALL {
        end(deed, client, kind).await?;
    }
    Ok(())
}

async fn end(deed: &mut Deed<'_>, client: ClientId, kind: AgreementKind) -> Result<()> {
    for mut earlier in store::agreement::lock_signed(deed.tx(), client, kind).await? {
        earlier.state = earlier.state.after(AgreementVerb::End)?;
        save(deed, &mut earlier).await?;
        deed.record(event(EventKind::AgreementEnded, &earlier, "ended"));
    }
    Ok(())
}

fn notice_of(deed: &Deed<'_>, input: Terminate, terms: TerminationNotice) -> Agreement {
    let method = match input.channel {
        NoticeChannel::Letter | NoticeChannel::InPerson => SignatureMethod::Ink,
        NoticeChannel::Email | NoticeChannel::Portal => SignatureMethod::Electronic,
    };
    let given = Signature {
        name: input.given_by.into_string(),
        title: None,
        signed_on: input.received_on,
        method,
        reference: None,
    };
    Agreement {
        id: deed.app().new_id(),
        client_id: input.client_id,
        state: AgreementState::Signed,
        title: "Termination notice".to_owned(),
        details: AgreementDetails::TerminationNotice(terms),
        file_id: input.file_id,
        effective_on: Some(input.received_on),
        ends_on: input.ends_on,
        signed_at: Some(deed.now()),
        signature: Some(given),
        revision: 1,
        created_by: deed.actor().id,
        created_at: deed.now(),
        updated_at: deed.now(),
    }
}

fn final_service_on(notice: &Agreement) -> Option<NaiveDate> {
    match &notice.details {
        AgreementDetails::TerminationNotice(terms) => Some(terms.final_service_on),
        AgreementDetails::ServiceAgreement(_) | AgreementDetails::Sla(_) | AgreementDetails::Sow(_) => None,
    }
}

fn terminated(notice: &Agreement) -> NewEvent {
    let day = final_service_on(notice).map(|day| day.to_string()).unwrap_or_default();
    let summary = format!("Notice was given; the last day of service is {day}.");
    NewEvent::new(EventKind::TerminationRecorded, notice.id, summary)
        .client(notice.client_id)
        .with("finalServiceOn", day)
        .with("receivedOn", notice.effective_on.map(|day| day.to_string()))
}

fn event(kind: EventKind, agreement: &Agreement, done: &str) -> NewEvent {
    NewEvent::new(kind, agreement.id, format!("{} was {done}: {}.", agreement.kind(), agreement.title))
        .client(agreement.client_id)
        .with("kind", agreement.kind().as_str())
        .with("state", agreement.state.as_str())
        .with("revision", agreement.revision)
}

async fn save(deed: &mut Deed<'_>, agreement: &mut Agreement) -> Result<()> {
    agreement.revision += 1;
    agreement.updated_at = deed.now();
    store::agreement::update(deed.tx(), agreement).await
}

async fn check_file(deed: &Deed<'_>, client: ClientId, file: Option<FileId>) -> Result<()> {
    match file {
        Some(id) => app::file::arrived(deed, client, id, "fileId").await.map(drop),
        None => Ok(()),
    }
}

fn not_in_future(field: &str, day: NaiveDate, client: &Client, deed: &Deed<'_>) -> Result<()> {
    let today = client.today(deed.now());
    if day <= today {
        return Ok(());
    }
    let wrong = Violation::new(field, format!("{day} is still to come for this client, where it is {today}."));
    Err(wrong.remedy("Record it when it has happened.").into())
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[AgreementId]) -> Result<Vec<Agreement>> {
    actor.require(Permission::Agreement)?;
    store::agreement::load_many(app.db().read(), &actor.scope, ids).await
}

/// The agreements with those of `clients` that the caller may see, oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_clients(app: &App, actor: &Actor, clients: &[ClientId]) -> Result<Vec<Agreement>> {
    actor.require(Permission::Agreement)?;
    store::agreement::of_clients(app.db().read(), &actor.scope, clients).await
}
