//! Api keys: making them, ending them, and finding them again when somebody signs in.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::{
    app::{App, Deed, Done, Once, user::require_everywhere},
    auth::{
        Actor, Permission,
        api_key::{ApiKeyDirectory, ApiKeySecret, KeyHash, StoredKey},
    },
    clock::Instant,
    domain::{
        api_key::{ApiKey, CLIENTS_MAX, ROLES},
        event::{EventKind, NewEvent},
        page::{Page, Window},
        role::Role,
        text::Name,
    },
    error::{Error, Result, Violation},
    ids::{ApiKeyId, ClientId},
    store,
};

/// What a new key is for.
#[derive(Clone, Debug)]
pub struct Create {
    /// What people call it.
    pub name: Name,
    /// What it acts as.
    pub roles: BTreeSet<Role>,
    /// The clients it is for; `None` for every client.
    pub client_ids: Option<BTreeSet<ClientId>>,
    /// When it ends; `None` for only by hand.
    pub expires_at: Option<Instant>,
}

/// A new key, and the only sight of its secret.
#[derive(Clone, Debug)]
pub struct Created {
    /// The key.
    pub key: ApiKey,
    /// What its holder keeps. `None` on a repeated request: it was shown then.
    pub secret: Option<ApiKeySecret>,
}

/// Makes a key.
///
/// # Errors
/// `Forbidden`; `Violation` on `roles`, `clientIds` or `expiresAt`; `NotFound` on `clientIds`.
pub async fn create(app: &App, actor: &Actor, input: Create, once: Once) -> Result<Done<Created>> {
    actor.require(Permission::ApiKeyCreate)?;
    require_everywhere(actor)?;
    check(&input, app.now())?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        let key = store::api_key::lock(deed.tx(), &actor.scope, id).await?;
        return Ok(Done::earlier(Created { key, secret: None }));
    }
    require_clients(&deed, input.client_ids.as_ref()).await?;
    let secret = ApiKeySecret::generate()?;
    let key = ApiKey {
        id: app.new_id(),
        name: input.name.into_string(),
        hint: secret.hint(),
        roles: input.roles,
        client_ids: input.client_ids,
        created_by: actor.id,
        created_at: deed.now(),
        expires_at: input.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    store::api_key::insert(deed.tx(), &key, &secret.hash()).await?;
    let roles: Vec<_> = key.roles.iter().map(|role| role.as_str()).collect();
    let made = NewEvent::new(EventKind::ApiKeyCreated, key.id, format!("The api key {} was made.", key.name));
    deed.record(made.with("roles", roles).with("hint", key.hint.as_str()));
    deed.answer(key.id);
    deed.commit().await?;
    Ok(Done::now(Created { key, secret: Some(secret) }))
}

fn check(input: &Create, now: Instant) -> Result<()> {
    if input.roles.is_empty() || !input.roles.iter().all(|role| ROLES.contains(role)) {
        let violation = Violation::new("roles", "A key acts as INTEGRATION, OPERATOR or both.");
        return Err(violation.remedy("People decide; let a person sign in for any other role.").into());
    }
    if input.client_ids.as_ref().is_some_and(|ids| ids.is_empty() || ids.len() > CLIENTS_MAX) {
        let violation = Violation::new("clientIds", format!("A key is for 1 to {CLIENTS_MAX} clients, or for all."));
        return Err(violation.remedy("Leave `clientIds` out for every client.").into());
    }
    if input.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::violation("expiresAt", "A key must end in the future."));
    }
    Ok(())
}

async fn require_clients(deed: &Deed<'_>, ids: Option<&BTreeSet<ClientId>>) -> Result<()> {
    let Some(ids) = ids else { return Ok(()) };
    let wanted: Vec<_> = ids.iter().copied().collect();
    let found = store::client::load_many(deed.tx(), &deed.actor().scope, &wanted).await?;
    if found.len() == wanted.len() { Ok(()) } else { Err(Error::not_found("client", "clientIds")) }
}

/// Ends a key for good. It opens nothing from then on, within the minute that sign-ins are remembered for.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it was revoked before.
pub async fn revoke(app: &App, actor: &Actor, id: ApiKeyId) -> Result<ApiKey> {
    actor.require(Permission::ApiKeyRevoke)?;
    require_everywhere(actor)?;
    let mut deed = app.begin(actor).await?;
    let mut key = store::api_key::lock(deed.tx(), &actor.scope, id).await?;
    key.revoke(deed.now())?;
    store::api_key::update(deed.tx(), &key).await?;
    deed.record(NewEvent::new(EventKind::ApiKeyRevoked, key.id, format!("The api key {} was revoked.", key.name)));
    deed.commit().await?;
    Ok(key)
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[ApiKeyId]) -> Result<Vec<ApiKey>> {
    actor.require(Permission::ApiKeys)?;
    store::api_key::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the keys, newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, window: &Window) -> Result<Page<ApiKey>> {
    actor.require(Permission::ApiKeys)?;
    store::api_key::list(app.db().read(), &actor.scope, window).await
}

/// How many keys [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor) -> Result<u64> {
    actor.require(Permission::ApiKeys)?;
    store::api_key::count(app.db().read(), &actor.scope).await
}

#[async_trait]
impl ApiKeyDirectory for App {
    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredKey>> {
        store::api_key::find_by_hash(self.db().read(), hash).await
    }

    async fn used(&self, id: ApiKeyId, at: Instant) -> Result<()> {
        store::api_key::used(self.db().write(), id, at).await
    }
}
