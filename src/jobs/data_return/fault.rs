//! Why a data return stopped.

use crate::{
    error::{Error, Violation},
    ports::storage::Fault,
};

/// Why a data return stopped before its end.
#[derive(Debug)]
pub enum ReturnError {
    /// The order cannot be carried out by anybody.
    Order(Violation),
    /// Somebody asked for it. What is durable stays and can be gone on from.
    Cancelled,
    /// A source is out of reach as a whole. (One file that cannot be read does not stop a return.)
    Source(Fault),
    /// The destination refuses or fails.
    Destination(Fault),
    /// Gangway's own store refuses or fails.
    Spool(Fault),
    /// The checkpoint was not taken: the job is not ours any more, or the database is away.
    Checkpoint(Error),
    /// The frozen inventory is not the one the plan names.
    PlanChanged,
    /// What came back from the destination is not what was sent.
    Mismatch {
        /// The object.
        name: String,
        /// What differs, as a full sentence.
        message: String,
    },
    /// A stored thing of ours cannot be: a spool object that does not parse.
    Broken(&'static str),
    /// Another stage stopped first and knows why.
    Interrupted,
}

/// The result of a stage.
pub(super) type Result<T, E = ReturnError> = std::result::Result<T, E>;

impl From<ReturnError> for Error {
    fn from(error: ReturnError) -> Self {
        match error {
            ReturnError::Source(fault) | ReturnError::Destination(fault) | ReturnError::Spool(fault) => fault.into(),
            ReturnError::Order(violation) => violation.into(),
            ReturnError::Checkpoint(error) => error,
            ReturnError::PlanChanged => Self::PlanChanged("The inventory is not the one that was planned."),
            ReturnError::Mismatch { name, message } => Self::internal(format!("{name}: {message}")),
            ReturnError::Broken(what) => Self::internal(what),
            ReturnError::Cancelled => Self::state("The return was cancelled."),
            ReturnError::Interrupted => Self::internal("a stage of the return stopped without a reason"),
        }
    }
}
