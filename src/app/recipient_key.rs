//! The keys to which a client's data is encrypted before it goes back.
//!
//! A key counts only when its holder proved two things: that it can read what is encrypted to the key, by
//! answering a challenge, and that both sides mean the same key, by typing the fingerprint back.

use crate::{
    app::{App, Deed, Done, Once, revision::expect_revision},
    auth::{Actor, permission::Permission},
    domain::{
        Refused,
        event::{EventKind, NewEvent},
        recipient_key::{Challenge, RecipientKey, RecipientKeyState, RecipientKeyVerb, StoredKey},
        role::Role,
    },
    error::{Error, Result, Violation, at},
    ids::{ClientId, RecipientKeyId},
    store,
};

/// A key to enter.
#[derive(Clone, Debug)]
pub struct Register {
    /// Whose it is.
    pub client_id: ClientId,
    /// The public key.
    pub recipient: RecipientKey,
}

/// The proof that somebody holds a key.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// The key.
    pub id: RecipientKeyId,
    /// The text inside the challenge.
    pub answer: String,
    /// The fingerprint, as the holder computed it.
    pub fingerprint: String,
}

/// Enters a key and makes the challenge its holder must answer.
///
/// # Errors
/// `Forbidden`; `NotFound` on `clientId`; `Violation` on `recipient`.
pub async fn register(app: &App, actor: &Actor, input: Register, once: Once) -> Result<Done<StoredKey>> {
    actor.require(Permission::RecipientKeyRegister)?;
    let mut random = [0_u8; 768];
    aws_lc_rs::rand::fill(&mut random).map_err(Error::internal)?;
    let challenge = input.recipient.challenge(&random).map_err(|invalid| at("recipient", invalid))?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::recipient_key::lock(deed.tx(), &actor.scope, id, "id").await?));
    }
    let client = store::client::lock(deed.tx(), &actor.scope, input.client_id, "clientId").await?;
    let key = StoredKey {
        id: app.new_id(),
        client_id: client.id,
        state: RecipientKeyState::Challenged,
        recipient: input.recipient.as_str().to_owned(),
        fingerprint: input.recipient.fingerprint(),
        challenge: challenge.message,
        challenge_hash: challenge.answer_sha256.to_vec(),
        created_by: actor.id,
        created_at: deed.now(),
        confirmed_by: None,
        confirmed_at: None,
        revision: 1,
    };
    store::recipient_key::insert(deed.tx(), &key).await?;
    record(&mut deed, EventKind::RecipientKeyRegistered, &key, "A key for data returns was entered and challenged.");
    deed.answer(key.id);
    deed.commit().await?;
    Ok(Done::now(key))
}

/// Confirms a key by the answer to its challenge and its fingerprint.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Violation` on `answer` or `fingerprint`; `Conflict` when it is not waiting, its
/// challenge expired, or the caller entered it and is not the client.
pub async fn confirm(app: &App, actor: &Actor, input: Confirm) -> Result<StoredKey> {
    actor.require(Permission::RecipientKeyConfirm)?;
    let mut deed = app.begin(actor).await?;
    let mut key = store::recipient_key::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    let confirmed = key.state.after(RecipientKeyVerb::Confirm)?;
    if key.challenge_expires_at() <= deed.now() {
        let expired = Refused::new("The challenge of this key expired.");
        return Err(expired
            .remedy("Enter the key again with `recipientKeyRegister`, and answer the new challenge.")
            .into());
    }
    if key.created_by == actor.id && !actor.has(Role::ClientContact) {
        let same = Refused::new("Whoever of the provider entered a key does not confirm it.");
        return Err(same
            .remedy("Let the client's contact answer the challenge, or a colleague who has the answer from the client.")
            .into());
    }
    let plain = |text: &str| text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase();
    if plain(&input.fingerprint) != plain(&key.fingerprint) {
        let violation = Violation::new("fingerprint", "This is not the fingerprint of the key that was entered.");
        return Err(violation.remedy("Compare the key itself; somebody may have swapped it.").into());
    }
    let expected: [u8; 32] = key.challenge_hash.as_slice().try_into().map_err(Error::internal)?;
    if !Challenge::is_answered_by(&expected, &input.answer) {
        let violation = Violation::new("answer", "This is not the text inside the challenge.");
        return Err(violation.remedy("Decrypt it: `age -d -i KEY challenge.age`, and send what it prints.").into());
    }
    key.state = confirmed;
    key.confirmed_by = Some(actor.id);
    key.confirmed_at = Some(deed.now());
    save(&mut deed, &mut key).await?;
    let summary = if actor.has(Role::ClientContact) {
        "The client proved that it holds its key."
    } else {
        "The answer to the challenge of a key was handed in for the client."
    };
    record(&mut deed, EventKind::RecipientKeyConfirmed, &key, summary);
    deed.commit().await?;
    Ok(key)
}

/// Takes a key out of use. Packages that were made for it stay readable to its holder.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it is stale or revoked.
pub async fn revoke(app: &App, actor: &Actor, id: RecipientKeyId, expected_revision: i32) -> Result<StoredKey> {
    actor.require(Permission::RecipientKeyRevoke)?;
    let mut deed = app.begin(actor).await?;
    let mut key = store::recipient_key::lock(deed.tx(), &actor.scope, id, "id").await?;
    expect_revision(key.id, expected_revision, key.revision)?;
    key.state = key.state.after(RecipientKeyVerb::Revoke)?;
    save(&mut deed, &mut key).await?;
    record(&mut deed, EventKind::RecipientKeyRevoked, &key, "A key for data returns was revoked.");
    deed.commit().await?;
    Ok(key)
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[RecipientKeyId]) -> Result<Vec<StoredKey>> {
    actor.require(Permission::RecipientKey)?;
    store::recipient_key::load_many(app.db().read(), &actor.scope, ids).await
}

/// The keys of these clients, the oldest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn of_clients(app: &App, actor: &Actor, clients: &[ClientId]) -> Result<Vec<StoredKey>> {
    actor.require(Permission::RecipientKey)?;
    store::recipient_key::of_clients(app.db().read(), &actor.scope, clients).await
}

async fn save(deed: &mut Deed<'_>, key: &mut StoredKey) -> Result<()> {
    key.revision += 1;
    store::recipient_key::update(deed.tx(), key).await
}

fn record(deed: &mut Deed<'_>, kind: EventKind, key: &StoredKey, summary: &str) {
    deed.record(
        NewEvent::new(kind, key.id, summary).client(key.client_id).with("fingerprint", key.fingerprint.as_str()),
    );
}
