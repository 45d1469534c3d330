//! People: who signed in, who may come in, what they are called.
//!
//! A person is written down at the first sight of a valid token and brought up to date when a later token says
//! otherwise; both are events, because "who could do what on that day" is part of the proof. Signing in
//! without news costs one statement that reads.

use async_trait::async_trait;

use crate::{
    app::{App, Deed, Done, Once, revision::expect_revision},
    auth::{
        Actor, ClientScope, Permission,
        authenticator::{SignIn, SignedIn, UserDirectory},
    },
    domain::{
        event::{EventKind, NewEvent},
        page::{Page, Window},
        user::{Profile, Subject, User, UserFilter},
    },
    error::{Conflict, Error, Result, Violation, at},
    ids::{ActorId, UserId},
    store,
};

/// What Admin enters about a person.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// By which tokens name the person.
    pub subject: Subject,
    /// The revision the caller read; `None` for a person who is not entered yet.
    pub expected_revision: Option<i32>,
    /// What is known of the person, until a token says otherwise.
    pub profile: Profile,
    /// Whether the person may come in.
    pub is_active: bool,
}

/// Enters a person, or changes one.
///
/// # Errors
/// `Forbidden`; `Violation` on roles that do not go together and on the revision of nobody; `NotFound` on `clientId`;
/// `Conflict` when the person changed since it was read, or would shut itself out.
pub async fn upsert(app: &App, actor: &Actor, input: Upsert, once: Once) -> Result<Done<User>> {
    actor.require(Permission::UserUpsert)?;
    require_everywhere(actor)?;
    input.profile.check().map_err(|invalid| at("roles", invalid))?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::user::lock(deed.tx(), &actor.scope, id, "subject").await?));
    }
    if let Some(client) = input.profile.client_id {
        store::client::lock(deed.tx(), &actor.scope, client, "clientId").await?;
    }
    let found = store::user::lock_by_subject(deed.tx(), &actor.scope, input.subject.as_str()).await?;
    let user = match found {
        None if input.expected_revision.is_some() => {
            let absent = Violation::new("expectedRevision", "Nobody is entered under this name, so nothing was read.");
            return Err(absent.remedy("Leave it out to enter the person, or mend `subject`.").into());
        }
        None => enter(&mut deed, input.subject.as_str(), input.profile, input.is_active).await?,
        Some(user) => {
            expect_revision(user.id, input.expected_revision.unwrap_or_default(), user.revision)?;
            if actor.id == ActorId::User(user.id) && !input.is_active {
                return Err(Error::state("Nobody shuts themselves out; let somebody else do it."));
            }
            change(&mut deed, user, input.profile, input.is_active).await?
        }
    };
    deed.answer(user.id);
    deed.commit().await?;
    Ok(Done::now(user))
}

/// People and keys concern every client, so whoever is restricted to some does not manage them.
pub(in crate::app) fn require_everywhere(actor: &Actor) -> Result<()> {
    match actor.scope.restriction() {
        None => Ok(()),
        Some(_) => Err(Error::Forbidden("People and keys are managed by somebody who sees every client.")),
    }
}

async fn enter(deed: &mut Deed<'_>, subject: &str, profile: Profile, is_active: bool) -> Result<User> {
    let Profile { name, email, roles, client_id } = profile;
    let user = User {
        id: deed.app().new_id(),
        subject: subject.to_owned(),
        name,
        email,
        roles,
        client_id,
        is_active,
        revision: 1,
        created_at: deed.now(),
        updated_at: deed.now(),
    };
    store::user::insert(deed.tx(), &user).await?;
    deed.record(event(EventKind::UserCreated, &user, format!("{} was given access.", user.name)));
    Ok(user)
}

async fn change(deed: &mut Deed<'_>, mut user: User, profile: Profile, is_active: bool) -> Result<User> {
    let was_active = std::mem::replace(&mut user.is_active, is_active);
    Profile { name: user.name, email: user.email, roles: user.roles, client_id: user.client_id } = profile;
    user.revision += 1;
    user.updated_at = deed.now();
    store::user::update(deed.tx(), &user).await?;
    let (kind, what) = match (was_active, is_active) {
        (true, false) => (EventKind::UserDeactivated, "lost access"),
        (false, true) => (EventKind::UserUpdated, "was given access again"),
        _ => (EventKind::UserUpdated, "was changed"),
    };
    deed.record(event(kind, &user, format!("{} {what}.", user.name)));
    Ok(user)
}

/// Names and addresses stay out of the payload: an event can never be taken back, a person's data may have to be.
fn event(kind: EventKind, user: &User, summary: String) -> NewEvent {
    let roles: Vec<_> = user.roles.iter().map(|role| role.as_str()).collect();
    NewEvent::new(kind, user.id, summary).client(user.client_id).with("roles", roles).with("isActive", user.is_active)
}

#[async_trait]
impl UserDirectory for App {
    async fn sign_in(&self, sign_in: SignIn) -> Result<SignedIn> {
        let SignIn { subject, name, email, roles, client } = sign_in;
        let profile = Profile { name, email, roles, client_id: client };
        let known = store::user::find_by_subject(self.db().read(), &ClientScope::system(), &subject).await?;
        // Whoever may not come in changes nothing, and whoever brings no news costs no transaction.
        let known = match known {
            Some(user) if !user.is_active || Profile::of(&user) == profile => user,
            _ => match meet(self, &subject, &profile).await {
                // Two first requests of one person at the same moment: the other one entered it.
                Err(Error::Conflict(Conflict::Taken { .. })) => meet(self, &subject, &profile).await?,
                met => met?,
            },
        };
        Ok(SignedIn { id: known.id, is_active: known.is_active })
    }
}

/// Enters the person, or brings it up to date.
async fn meet(app: &App, subject: &str, profile: &Profile) -> Result<User> {
    let actor = Actor::system();
    let mut deed = app.begin(&actor).await?;
    if let Some(client) = profile.client_id
        && store::client::find(deed.tx(), &actor.scope, client).await?.is_none()
    {
        return Err(Error::Unauthenticated("The token names a client that does not exist."));
    }
    let user = match store::user::lock_by_subject(deed.tx(), &actor.scope, subject).await? {
        None => enter(&mut deed, subject, profile.clone(), true).await?,
        Some(user) if !user.is_active || Profile::of(&user) == *profile => return Ok(user),
        Some(user) => change(&mut deed, user, profile.clone(), true).await?,
    };
    deed.commit().await?;
    Ok(user)
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[UserId]) -> Result<Vec<User>> {
    actor.require(Permission::User)?;
    store::user::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the people the caller may see, newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, filter: &UserFilter, window: &Window) -> Result<Page<User>> {
    actor.require(Permission::Users)?;
    store::user::list(app.db().read(), &actor.scope, filter, window).await
}

/// How many people [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor, filter: &UserFilter) -> Result<u64> {
    actor.require(Permission::Users)?;
    store::user::count(app.db().read(), &actor.scope, filter).await
}
