//! Contacts: entering, changing and reading them.
//!
//! Names, addresses and numbers of people stay in the row: the log is kept for ever, so its events say
//! only that a contact was entered or changed, and in which role.

use crate::{
    app::{App, Deed, Done, Once, revision::expect_revision},
    auth::{Actor, Permission},
    domain::{
        contact::{Contact, ContactRole, Email, Phone},
        event::{EventKind, NewEvent},
        text::Name,
    },
    error::{Error, Result, Violation},
    ids::{ClientId, ContactId},
    store,
};

/// The most contacts one client has.
///
/// # Source
/// House decision: nobody calls the hundredth; a list that long comes from a wrong import.
const CONTACTS_MAX: u64 = 200;

/// A contact as it shall be, whole: what is left out is removed.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// Whom it speaks for.
    pub client_id: ClientId,
    /// Which contact changes, and the revision the caller read. `None` enters a new one.
    pub existing: Option<(ContactId, i32)>,
    /// What it is asked about.
    pub role: ContactRole,
    /// The person's name.
    pub name: Name,
    /// Where it reads mail.
    pub email: Option<Email>,
    /// Its telephone number.
    pub phone: Option<Phone>,
    /// Who is called first: 1 before 2. `None` keeps its place, or puts a new contact last.
    pub escalation_order: Option<i32>,
}

/// Enters a contact, or changes one.
///
/// # Errors
/// `Forbidden`; `Violation` when nobody could reach it; `NotFound` on `clientId` or `id`; `Conflict` when it
/// changed since it was read.
pub async fn upsert(app: &App, actor: &Actor, input: Upsert, once: Once) -> Result<Done<Contact>> {
    actor.require(Permission::ContactUpsert)?;
    if input.email.is_none() && input.phone.is_none() {
        let missing = Violation::new("email", "Nobody can reach this contact.");
        return Err(missing.remedy("Give an e-mail address, a telephone number, or both.").into());
    }
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::contact::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    let contact = match input.existing {
        None => enter(&mut deed, input).await?,
        Some((id, expected)) => change(&mut deed, id, expected, input).await?,
    };
    deed.answer(contact.id);
    deed.commit().await?;
    Ok(Done::now(contact))
}

async fn enter(deed: &mut Deed<'_>, input: Upsert) -> Result<Contact> {
    // The lock makes two new contacts of one client take different places.
    store::client::lock(deed.tx(), &deed.actor().scope, input.client_id, "clientId").await?;
    let count = store::contact::count(deed.tx(), input.client_id).await?;
    if count >= CONTACTS_MAX {
        let full = Violation::new("clientId", format!("A client has at most {CONTACTS_MAX} contacts."));
        return Err(full.remedy("Change one that is no longer needed.").into());
    }
    let last = i32::try_from(count).unwrap_or(i32::MAX).saturating_add(1);
    let contact = Contact {
        id: deed.app().new_id(),
        client_id: input.client_id,
        role: input.role,
        name: input.name.into_string(),
        email: input.email,
        phone: input.phone,
        escalation_order: input.escalation_order.unwrap_or(last),
        revision: 1,
        created_at: deed.now(),
        updated_at: deed.now(),
    };
    store::contact::insert(deed.tx(), &contact).await?;
    deed.record(event(EventKind::ContactCreated, &contact, "entered"));
    Ok(contact)
}

async fn change(deed: &mut Deed<'_>, id: ContactId, expected: i32, input: Upsert) -> Result<Contact> {
    let mut contact = store::contact::lock(deed.tx(), &deed.actor().scope, id, "id").await?;
    if contact.client_id != input.client_id {
        return Err(Error::not_found("contact", "id"));
    }
    expect_revision(contact.id, expected, contact.revision)?;
    contact.role = input.role;
    contact.name = input.name.into_string();
    contact.email = input.email;
    contact.phone = input.phone;
    contact.escalation_order = input.escalation_order.unwrap_or(contact.escalation_order);
    contact.revision += 1;
    contact.updated_at = deed.now();
    store::contact::update(deed.tx(), &contact).await?;
    deed.record(event(EventKind::ContactUpdated, &contact, "changed"));
    Ok(contact)
}

fn event(kind: EventKind, contact: &Contact, done: &str) -> NewEvent {
    NewEvent::new(kind, contact.id, format!("A contact was {done}: {}.", contact.role))
        .client(contact.client_id)
        .with("role", contact.role.as_str())
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[ContactId]) -> Result<Vec<Contact>> {
    actor.require(Permission::Contact)?;
    store::contact::load_many(app.db().read(), &actor.scope, ids).await
}

/// The contacts of those of `clients` that the caller may see, first to call first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_clients(app: &App, actor: &Actor, clients: &[ClientId]) -> Result<Vec<Contact>> {
    actor.require(Permission::Contact)?;
    store::contact::of_clients(app.db().read(), &actor.scope, clients).await
}
