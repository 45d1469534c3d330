//! From [`Error`] to an answer: what a caller can mend goes into the payload's `userErrors`, everything
//! else becomes a top-level error with a code, and the cause goes to the log and nowhere else.

use async_graphql::{
    ComplexObject, Context, Enum, ErrorExtensions, ID, Interface, SimpleObject, resolver_utils::EnumType,
};

use crate::{
    error::{Conflict, Error, Unavailable},
    graphql::types::{
        blocker::Blocker,
        node::{self, Node},
    },
};

/// The closed set of error codes, in `userErrors[].code` and in `errors[].extensions.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document does not fit the schema.
    GraphqlValidationFailed,
    /// A value breaks a rule of form or business.
    BadUserInput,
    /// No valid token came with the request.
    Unauthenticated,
    /// The caller's roles do not allow this.
    Forbidden,
    /// Absent, or outside the caller's scope.
    NotFound,
    /// The caller's picture of the world is stale, a name is taken, or a state does not allow the deed.
    Conflict,
    /// Gates are closed.
    Blocked,
    /// The idempotency key came before with another input.
    IdempotencyKeyReused,
    /// A request with this idempotency key has not ended.
    IdempotencyInProgress,
    /// The plan no longer describes the world.
    PlanChanged,
    /// The document costs more than is allowed.
    QueryTooComplex,
    /// Too many requests in too short a time.
    RateLimited,
    /// The answer was not ready in time.
    Timeout,
    /// No document is stored under this id.
    PersistedQueryNotFound,
    /// Something this answer needs does not respond.
    UpstreamUnavailable,
    /// A fault of the server; the request id finds it in the log.
    Internal,
}

impl ErrorCode {
    /// The code as answers and metrics show it.
    pub fn as_str(self) -> &'static str {
        Self::items().iter().find(|item| item.value == self).map_or("INTERNAL", |item| item.name)
    }

    /// The code that answers show as `text`.
    pub fn find(text: &str) -> Option<Self> {
        Self::items().iter().find(|item| item.name == text).map(|item| item.value)
    }
}

/// Something the caller can mend.
#[derive(Clone, Debug, Interface)]
#[graphql(
    field(name = "message", ty = "&String", desc = "What is wrong, as a full sentence."),
    field(name = "code", ty = "&ErrorCode", desc = "Which kind of wrong."),
    field(name = "path", ty = "&Option<Vec<String>>", desc = "The input field, from the outside in."),
    field(name = "remedy", ty = "&Option<String>", desc = "What to do instead.")
)]
pub enum UserError {
    /// A value breaks a rule.
    Validation(ValidationError),
    /// A state, a revision or a name stands in the way.
    Conflict(ConflictError),
    /// Gates are closed.
    Blocked(BlockedError),
    /// The idempotency key came before.
    Idempotency(IdempotencyError),
}

/// A value that breaks a rule, or names nothing the caller can see.
#[derive(Clone, Debug, SimpleObject)]
pub struct ValidationError {
    /// What is wrong, as a full sentence.
    message: String,
    /// Which kind of wrong.
    code: ErrorCode,
    /// The input field, from the outside in.
    path: Option<Vec<String>>,
    /// What to do instead.
    remedy: Option<String>,
}

/// The caller's picture of the world is stale, a name is taken, or a state does not allow the deed.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ConflictError {
    /// What is wrong, as a full sentence.
    message: String,
    /// Which kind of wrong.
    code: ErrorCode,
    /// The input field, from the outside in.
    path: Option<Vec<String>>,
    /// What to do instead.
    remedy: Option<String>,
    /// The revision that stands now, when a stale one was sent.
    current_revision: Option<i32>,
    #[graphql(skip)]
    stale: Option<ID>,
}

#[ComplexObject]
impl ConflictError {
    /// The noun as it stands now, when a stale revision of it was sent; null for callers who may not read it.
    async fn current(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Node>> {
        match &self.stale {
            Some(id) => node::find(ctx, id).await,
            None => Ok(None),
        }
    }
}

/// What stands in the way, one by one.
#[derive(Clone, Debug, SimpleObject)]
pub struct BlockedError {
    /// What is wrong, as a full sentence.
    message: String,
    /// Always BLOCKED.
    code: ErrorCode,
    /// The input field, from the outside in.
    path: Option<Vec<String>>,
    /// What to do instead.
    remedy: Option<String>,
    /// Every closed gate.
    blockers: Vec<Blocker>,
}

/// The idempotency key came before: with another input, or on a request that has not ended.
#[derive(Clone, Debug, SimpleObject)]
pub struct IdempotencyError {
    /// What is wrong, as a full sentence.
    message: String,
    /// `IDEMPOTENCY_KEY_REUSED` or `IDEMPOTENCY_IN_PROGRESS`.
    code: ErrorCode,
    /// The input field, from the outside in.
    path: Option<Vec<String>>,
    /// What to do instead.
    remedy: Option<String>,
    /// After how many milliseconds the same request should be sent again; null where only another key helps.
    retry_after_ms: Option<i32>,
}

/// When a request whose first attempt still runs is worth sending again, in milliseconds: deeds are short.
const IN_PROGRESS_RETRY_MS: u16 = 1_000;

impl IdempotencyError {
    fn reused() -> Self {
        Self::new(
            ErrorCode::IdempotencyKeyReused,
            "This key came before with another input.",
            "Send a new key, or the first input again.",
        )
    }

    fn in_progress() -> Self {
        let error = Self::new(
            ErrorCode::IdempotencyInProgress,
            "The first request with this key has not ended.",
            "Send the same request again in a second.",
        );
        Self { retry_after_ms: Some(IN_PROGRESS_RETRY_MS.into()), ..error }
    }

    fn new(code: ErrorCode, message: &str, remedy: &str) -> Self {
        let path = path("idempotencyKey");
        Self { message: message.to_owned(), code, path, remedy: Some(remedy.to_owned()), retry_after_ms: None }
    }

    /// The same at the top level.
    fn at_top(self) -> (&'static str, String, Option<u64>) {
        (self.code.as_str(), self.message, self.retry_after_ms.map(|millis| millis.unsigned_abs().into()))
    }
}

fn path(field: &str) -> Option<Vec<String>> {
    (!field.is_empty()).then(|| field.split('.').map(str::to_owned).collect())
}

fn validation(code: ErrorCode, field: &str, message: String, remedy: Option<String>) -> UserError {
    UserError::Validation(ValidationError { message, code, path: path(field), remedy })
}

fn conflict(conflict: Conflict) -> UserError {
    let (message, field, stale, remedy) = match conflict {
        Conflict::Stale { id, current_revision } => (
            "It changed since you read it.".to_owned(),
            "expectedRevision",
            Some((current_revision, id)),
            Some("Look at what stands now, and send its present revision.".to_owned()),
        ),
        Conflict::Taken { field } => {
            (format!("This {field} is in use."), field, None, Some("Choose another one.".to_owned()))
        }
        Conflict::State { message, remedy } => (message, "", None, remedy),
    };
    let (current_revision, stale) = stale.map(|(revision, id)| (revision, id.into())).unzip();
    let (code, path) = (ErrorCode::Conflict, path(field));
    UserError::Conflict(ConflictError { message, code, path, remedy, current_revision, stale })
}

impl UserError {
    /// The error as a part of a payload, or the error itself when it does not belong there.
    ///
    /// # Errors
    /// The error, when no caller can mend it.
    pub fn from_error(error: Error) -> Result<Self, Error> {
        Ok(match error {
            Error::Violation(violation) => {
                validation(ErrorCode::BadUserInput, &violation.field, violation.message, violation.remedy)
            }
            Error::NotFound(missing) => {
                let message = format!("There is no such {}.", missing.noun);
                let remedy = format!("Name a {} that you can see.", missing.noun);
                validation(ErrorCode::NotFound, missing.field, message, Some(remedy))
            }
            Error::IdempotencyKeyReused => Self::Idempotency(IdempotencyError::reused()),
            Error::IdempotencyInProgress => Self::Idempotency(IdempotencyError::in_progress()),
            Error::PlanChanged(message) => {
                let remedy = Some("Call jobPlan again and start from the new plan.".to_owned());
                validation(ErrorCode::PlanChanged, "planHash", message.to_owned(), remedy)
            }
            Error::Conflict(found) => conflict(found),
            Error::Blocked(blockers) => Self::Blocked(BlockedError {
                message: "Gates are closed.".to_owned(),
                code: ErrorCode::Blocked,
                path: None,
                remedy: Some("Clear every blocker, or have an exception approved where none is hard.".to_owned()),
                blockers: blockers.into_iter().map(Blocker::from).collect(),
            }),
            Error::Unauthenticated(_)
            | Error::Forbidden(_)
            | Error::Unavailable(_)
            | Error::Inconsistent(_)
            | Error::Internal(_) => return Err(error),
        })
    }
}

impl UserError {
    /// The same error, with its path beginning further outside.
    #[must_use]
    pub fn below(mut self, outer: impl IntoIterator<Item = String>) -> Self {
        let path = match &mut self {
            Self::Validation(error) => &mut error.path,
            Self::Conflict(error) => &mut error.path,
            Self::Blocked(error) => &mut error.path,
            Self::Idempotency(error) => &mut error.path,
        };
        let inner = path.take().unwrap_or_default();
        *path = Some(outer.into_iter().chain(inner).collect());
        self
    }
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for async_graphql::Error {
    fn from(error: &Error) -> Self {
        let is_retryable = error.is_retryable();
        let (code, message, retry_after_ms) = match error {
            Error::Unauthenticated(why) => ("UNAUTHENTICATED", (*why).to_owned(), None),
            Error::Forbidden(why) => ("FORBIDDEN", (*why).to_owned(), None),
            Error::Unavailable(Unavailable { system, retry_after, .. }) => {
                tracing::warn!(error = error.describe(), "an answer needs something that does not respond");
                let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
                ("UPSTREAM_UNAVAILABLE", format!("The {system} does not answer."), Some(millis))
            }
            Error::Violation(violation) => ("BAD_USER_INPUT", violation.message.clone(), None),
            Error::NotFound(missing) => ("NOT_FOUND", format!("There is no such {}.", missing.noun), None),
            Error::Conflict(_) => ("CONFLICT", "The state does not allow this.".to_owned(), None),
            Error::Blocked(_) => ("BLOCKED", "Gates are closed.".to_owned(), None),
            Error::IdempotencyKeyReused => IdempotencyError::reused().at_top(),
            Error::IdempotencyInProgress => IdempotencyError::in_progress().at_top(),
            Error::PlanChanged(why) => ("PLAN_CHANGED", (*why).to_owned(), None),
            Error::Inconsistent(_) | Error::Internal(_) => {
                tracing::error!(error = error.describe(), "a request met a fault of ours");
                ("INTERNAL", "Something went wrong on our side.".to_owned(), None)
            }
        };
        Self::new(message).extend_with(|_, extensions| {
            extensions.set("code", code);
            extensions.set("retryable", is_retryable);
            if let Some(millis) = retry_after_ms {
                extensions.set("retryAfterMs", millis);
            }
            if let Error::Violation(violation) = error {
                extensions.set("field", violation.field.as_str());
                if let Some(remedy) = &violation.remedy {
                    extensions.set("remedy", remedy.as_str());
                }
            }
        })
    }
}
