//! Managing people and keys.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::{
    app::{self, api_key::Create, user::Upsert},
    auth::api_key::ApiKeySecret,
    domain::{contact::Email, role::Role, text::Name, user::Profile},
    error::{Result, parse},
    graphql::{
        context::Caller,
        error::UserError,
        id,
        mutation::once,
        payload::{Nullable, Payload, payload, settle},
        scalars::DateTime,
        types::{api_key::ApiKey, user::User},
    },
};

/// Manages people and keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessMutation;

/// What is known of a person, until a token says otherwise.
#[derive(Clone, Debug, InputObject)]
pub struct UserUpsertInput {
    /// The name by which tokens name the person: the issuer and its own name for the person, joined by `#`.
    subject: String,
    /// The revision the caller read; left out for a person who is not entered yet.
    expected_revision: Option<i32>,
    /// How the person is called, 1 to 200 characters.
    name: String,
    /// Where the person reads mail.
    email: Option<String>,
    /// What the person acts as, at least one role; `CLIENT_CONTACT` stands alone.
    roles: Vec<Role>,
    /// The one client the person sees; needed for a `CLIENT_CONTACT`.
    client_id: Option<ID>,
    /// Whether the person may come in. False ends its access within a minute, whatever its token says.
    #[graphql(default = true)]
    is_active: bool,
    /// The caller's name for this request, 8 to 128 characters; the same key never enters two people.
    idempotency_key: String,
}

impl UserUpsertInput {
    fn parse(&self) -> Result<Upsert> {
        let email: Option<Email> = self.email.as_deref().map(|email| parse("email", email)).transpose()?;
        let client_id = self.client_id.as_ref().map(|id| id::get(id, "client", "clientId")).transpose()?;
        Ok(Upsert {
            subject: parse("subject", &self.subject)?,
            expected_revision: self.expected_revision,
            profile: Profile {
                name: parse::<Name>("name", &self.name)?.into_string(),
                email: email.map(|email| email.as_str().to_owned()),
                roles: self.roles.iter().copied().collect(),
                client_id,
            },
            is_active: self.is_active,
        })
    }
}

/// What a new api key is for.
#[derive(Clone, Debug, InputObject)]
pub struct ApiKeyCreateInput {
    /// What people call it, 1 to 200 characters.
    name: String,
    /// What it acts as: INTEGRATION, OPERATOR or both.
    roles: Vec<Role>,
    /// The clients it is for, up to 500; left out for every client.
    client_ids: Option<Vec<ID>>,
    /// When it ends; left out for only by hand.
    expires_at: Option<DateTime>,
    /// The caller's name for this request, 8 to 128 characters; the same key never makes two api keys.
    idempotency_key: String,
}

impl ApiKeyCreateInput {
    fn parse(&self) -> Result<Create> {
        let client_ids = self
            .client_ids
            .as_ref()
            .map(|ids| ids.iter().map(|id| id::get(id, "client", "clientIds")).collect::<Result<_>>());
        Ok(Create {
            name: parse("name", &self.name)?,
            roles: self.roles.iter().copied().collect(),
            client_ids: client_ids.transpose()?,
            expires_at: self.expires_at.map(|at| at.0),
        })
    }
}

/// Which api key ends.
#[derive(Clone, Debug, InputObject)]
pub struct ApiKeyRevokeInput {
    /// The api key.
    id: ID,
}

payload! {
    /// The entered or changed person.
    once UserUpsertPayload {
        /// The person.
        user: User,
    }
}

/// The new api key.
#[derive(Clone, Debug, SimpleObject)]
pub struct ApiKeyCreatePayload {
    /// The key, without its secret.
    api_key: Option<ApiKey>,
    /// The secret, to be sent as a bearer. It is shown this once; a repeated request does not show it again.
    secret: Option<String>,
    /// What the caller can mend; empty when it was done.
    user_errors: Vec<UserError>,
    /// Whether an earlier request with the same idempotency key did it.
    replayed: bool,
}

impl Payload for ApiKeyCreatePayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { api_key: None, secret: None, user_errors, replayed: false }
    }
}

payload! {
    /// The ended api key.
    ApiKeyRevokePayload {
        /// The key.
        api_key: ApiKey,
    }
}

#[Object]
impl AccessMutation {
    /// Enters a person before the first sign-in, changes one, or ends its access.
    /// Example: `mutation { userUpsert(input: { subject: "tess", name: "Tess Lindqvist", roles: [TECHNICIAN],
    /// idempotencyKey: "tess-joins" }) { user { id } userErrors { message } } }`.
    async fn user_upsert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is known of the person.")] input: UserUpsertInput,
    ) -> Nullable<UserUpsertPayload> {
        let done = async {
            let once = once("userUpsert", &input.idempotency_key, &input)?;
            let done = app::user::upsert(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(UserUpsertPayload::done(done.is_replayed, User(done.made)))
        };
        settle(done.await)
    }

    /// Makes an api key. Its secret is in this answer and nowhere else.
    /// Example: `mutation { apiKeyCreate(input: { name: "PSA bridge", roles: [INTEGRATION], idempotencyKey:
    /// "psa-bridge-1" }) { apiKey { id hint } secret userErrors { message } } }`.
    async fn api_key_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is for.")] input: ApiKeyCreateInput,
    ) -> Nullable<ApiKeyCreatePayload> {
        let created = async {
            let once = once("apiKeyCreate", &input.idempotency_key, &input)?;
            let done = app::api_key::create(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(ApiKeyCreatePayload {
                api_key: Some(ApiKey(done.made.key)),
                secret: done.made.secret.as_ref().map(ApiKeySecret::expose).map(str::to_owned),
                user_errors: Vec::new(),
                replayed: done.is_replayed,
            })
        };
        settle(created.await)
    }

    /// Ends an api key for good, within a minute.
    /// Example: `mutation { apiKeyRevoke(input: { id: "key_…" }) { apiKey { revokedAt } userErrors { message } } }`.
    async fn api_key_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: ApiKeyRevokeInput,
    ) -> Nullable<ApiKeyRevokePayload> {
        let revoked = async {
            let id = id::get(&input.id, "api key", "id")?;
            let key = app::api_key::revoke(ctx.app(), ctx.actor()?, id).await?;
            Ok(ApiKeyRevokePayload::done(ApiKey(key)))
        };
        settle(revoked.await)
    }
}
