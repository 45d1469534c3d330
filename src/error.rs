//! The one error, its public codes, and what a caller can do about each.
//!
//! A *public* message and an *internal* context travel apart: only the first can reach a client.
//! [`Error`] therefore has **no `Display`**, so that it cannot slip into an answer by way of a
//! blanket conversion; [`Error::describe`] gives the whole chain to the log, once, where the error is
//! handled. `graphql::error` turns an error into an answer, `queue` into a job outcome.
//!
//! To add a rule a caller can break, make a [`Violation`]; a new variant here needs a new
//! kind of *reaction*.

use std::{error::Error as StdError, str::FromStr, time::Duration};

use crate::domain::{Invalid, Refused, gate::Blocker};

/// What went wrong, and so what may be done about it.
#[derive(Debug)]
pub enum Error {
    /// The caller's input breaks a rule of form or business.
    Violation(Violation),
    /// Absent, or outside the caller's scope: the two read the same.
    NotFound(NotFound),
    /// No valid token came with the request.
    Unauthenticated(&'static str),
    /// The caller's roles do not allow this.
    Forbidden(&'static str),
    /// The caller's picture of the world is stale, or a name is taken.
    Conflict(Conflict),
    /// Gates are closed: what is missing, one by one.
    Blocked(Vec<Blocker>),
    /// The same idempotency key came before with another input.
    IdempotencyKeyReused,
    /// A request with the same idempotency key has not ended yet.
    IdempotencyInProgress,
    /// What a plan would touch is no longer what it was when the plan was made.
    PlanChanged(&'static str),
    /// An outside system, the pool or Redis does not answer now.
    Unavailable(Unavailable),
    /// A stored row breaks an invariant: somebody must look.
    Inconsistent(Inconsistent),
    /// A bug, or a fault that no caller can mend.
    Internal(Box<dyn StdError + Send + Sync>),
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A broken rule: where, which, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the input field, `steps.0.key` style, as the caller named it. Empty for the whole input.
    pub field: String,
    /// What is wrong, as a full sentence.
    pub message: String,
    /// What to do instead, when there is one thing to do.
    pub remedy: Option<String>,
}

impl Violation {
    /// `field` breaks a rule that `message` states.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), remedy: None }
    }

    /// Adds the way out.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Something asked for by id that is not there for this caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// The noun, as the API calls it.
    pub noun: &'static str,
    /// The input field that named it.
    pub field: &'static str,
}

/// Why a write did not go through although its input is well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The row moved on since the caller read it.
    Stale {
        /// The row's noun, as its id is printed.
        id: String,
        /// The revision that stands now.
        current_revision: i32,
    },
    /// A unique value is in use.
    Taken {
        /// The input field whose value is taken.
        field: &'static str,
    },
    /// The noun is in a state that does not allow this deed.
    State {
        /// What stands in the way, as a full sentence.
        message: String,
        /// What to do instead, when there is one thing to do.
        remedy: Option<String>,
    },
}

/// An outage, and when to try again.
#[derive(Debug)]
pub struct Unavailable {
    /// What does not answer: `database`, `redis`, `storage`.
    pub system: &'static str,
    /// How long to wait before the next try.
    pub retry_after: Duration,
    /// For the log only.
    pub source: Box<dyn StdError + Send + Sync>,
}

/// The place of a broken row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistent {
    /// The table.
    pub table: &'static str,
    /// The column whose value cannot be.
    pub column: &'static str,
    /// The row, as printed in the database.
    pub id: String,
}

impl Error {
    /// `field` breaks the rule that `message` states.
    pub fn violation(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Violation(Violation::new(field, message))
    }

    /// `noun`, named by `field`, is absent or out of scope.
    pub fn not_found(noun: &'static str, field: &'static str) -> Self {
        Self::NotFound(NotFound { noun, field })
    }

    /// The noun's state forbids the deed.
    pub fn state(message: impl Into<String>) -> Self {
        Self::Conflict(Conflict::State { message: message.into(), remedy: None })
    }

    /// A bug or an unexpected fault, kept for the log.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Whether the same call may succeed later without the caller changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Internal(_) | Self::IdempotencyInProgress)
    }

    /// Everything that is known, sources included. For the log, never for an answer.
    pub fn describe(&self) -> String {
        match self {
            Self::Internal(source) => chain(source.as_ref()),
            Self::Unavailable(Unavailable { system, source, .. }) => {
                format!("{system} unavailable: {}", chain(source.as_ref()))
            }
            Self::Violation(violation) => format!("{}: {}", violation.field, violation.message),
            other => format!("{other:?}"),
        }
    }
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// Reads a caller's text into its type.
///
/// # Errors
/// `Violation` on `field` with the type's own reason and remedy.
pub fn parse<T: FromStr<Err = Invalid>>(field: &str, text: &str) -> Result<T> {
    text.parse().map_err(|invalid| at(field, invalid))
}

/// `invalid` as the fault of `field`.
pub fn at(field: &str, invalid: Invalid) -> Error {
    Violation { field: field.to_owned(), message: invalid.message, remedy: invalid.remedy }.into()
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Conflict(Conflict::State { message: refused.message, remedy: refused.remedy })
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}
