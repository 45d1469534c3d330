//! Agreements: recording and signing them here, the notice that ends them in [`termination`].
//!
//! What is agreed is not edited: whoever was wrong records it anew. A termination notice is in force as soon
//! as it is recorded, because it came from outside; a later one takes its place.

use chrono::NaiveDate;

use crate::{
    app::{self, App, Deed, Done, Once, revision::expect_revision, rows::refuse_secrets},
    auth::{Actor, Permission},
    domain::{
        agreement::{Agreement, AgreementDetails, AgreementKind, AgreementState, AgreementVerb, Signature},
        client::Client,
        event::{EventKind, NewEvent},
        text::Name,
    },
    error::{Error, Result, Violation, at},
    ids::{AgreementId, ClientId, FileId},
    store,
};

mod termination;

pub use termination::{Terminate, Withdraw, terminate, withdraw};

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
