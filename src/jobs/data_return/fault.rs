//! Why a data return stopped.

use crate::{
    domain::job::JobError,
    error::{Error, Violation},
    ports::storage::{self, Fault, FaultKind},
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

/// What came of a write. That a store has nothing where it is written to means that somebody took the unfinished
/// write away, a late run's tidying up for one: another attempt may well go through, unlike when a place is missing.
pub(super) fn written<T>(wrote: storage::Result<T>) -> storage::Result<T> {
    wrote.map_err(|fault| match fault.kind {
        FaultKind::NotFound => Fault { kind: FaultKind::Conflict, ..fault },
        _ => fault,
    })
}

/// The result of a stage.
pub(super) type Result<T, E = ReturnError> = std::result::Result<T, E>;

impl ReturnError {
    /// What a person is told of an error that another attempt would only meet again; `None` when it may pass.
    ///
    /// The code of a store's refusal is the store's part in the return and the kind of the fault:
    /// `SOURCE_NOT_FOUND`, `DESTINATION_AUTH`.
    pub(super) fn refusal(&self) -> Option<JobError> {
        let (part, subject, fault) = match self {
            Self::Source(fault) => ("SOURCE", "The source", fault),
            Self::Destination(fault) => ("DESTINATION", "The destination", fault),
            Self::Spool(fault) => ("SPOOL", "Gangway's own store", fault),
            Self::Mismatch { name, message } => {
                let message =
                    format!("{name}: {message} What came back damaged was sent again twice, and still something is.");
                let remedy = "Look at the destination, then retry the job: everything is sent anew.";
                return Some(refused("INTEGRITY_MISMATCH".to_owned(), message, remedy));
            }
            Self::Broken(what) => {
                let message = format!("Gangway cannot go on with its own notes of this return: {what}.");
                return Some(refused("RETURN_BROKEN".to_owned(), message, "Retry the job: it begins anew."));
            }
            Self::Order(_) | Self::Cancelled | Self::Checkpoint(_) | Self::PlanChanged | Self::Interrupted => {
                return None;
            }
        };
        let (happened, remedy) = refusing(fault)?;
        Some(refused(format!("{part}_{}", fault.kind), format!("{subject} {happened}."), remedy))
    }

    /// Whether it would pass if somebody made room.
    pub(super) fn lacks_room(&self) -> bool {
        matches!(self, Self::Destination(fault) | Self::Spool(fault) if fault.kind == FaultKind::Full)
    }

    /// Whether what earlier runs kept is no longer true, so that going on from it would fail again for ever.
    pub(super) fn spoils_the_checkpoint(&self) -> bool {
        match self {
            Self::Mismatch { .. } | Self::PlanChanged | Self::Broken(_) => true,
            Self::Spool(fault) => fault.kind == FaultKind::NotFound,
            Self::Order(_)
            | Self::Cancelled
            | Self::Source(_)
            | Self::Destination(_)
            | Self::Checkpoint(_)
            | Self::Interrupted => false,
        }
    }
}

fn refused(code: String, message: String, remedy: &str) -> JobError {
    JobError { code, message, is_retryable: false, remedy: Some(remedy.to_owned()) }
}

/// What a store that will not change its mind did, and what a person can do about it; `None` when it may. The
/// fault's detail is for the log alone.
fn refusing(fault: &Fault) -> Option<(String, &'static str)> {
    let at = if fault.place.is_empty() { String::new() } else { format!(" at `{}`", fault.place) };
    Some(match fault.kind {
        // Both say where: a source refuses like this as a whole, so the place is a folder and never a file of
        // the client's.
        FaultKind::NotFound => (
            format!("has nothing{at}"),
            "Put it back and retry the job, or plan the return again with a place that is there.",
        ),
        FaultKind::Forbidden => {
            (format!("does not let Gangway in{at}"), "Give Gangway's account the right to it, then retry the job.")
        }
        FaultKind::Auth => (
            "does not accept Gangway's credentials".to_owned(),
            "Configure valid ones and see that the clock is right, then retry the job.",
        ),
        FaultKind::Unsupported => {
            ("cannot do what a return needs".to_owned(), "Plan the return again with another place.")
        }
        FaultKind::Permanent => (
            "failed in a way that does not pass".to_owned(),
            "Have whoever runs it look at it, with what Gangway's log says of this job, then retry the job.",
        ),
        FaultKind::Full => {
            ("has no room left".to_owned(), "Make room, then retry the job: it goes on where it stopped.")
        }
        FaultKind::Transient | FaultKind::RateLimited | FaultKind::Conflict | FaultKind::Lied => return None,
    })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_will_stand_has_a_code_a_sentence_and_a_remedy_and_all_else_is_tried_again() {
        use FaultKind::{Auth, Forbidden, Full, NotFound, Permanent, Unsupported};
        for kind in FaultKind::ALL {
            let fault = || Fault::new(*kind, "list", "acme", "AKIA0123 of 10.0.0.7");
            let parts = [
                ("SOURCE", ReturnError::Source(fault())),
                ("DESTINATION", ReturnError::Destination(fault())),
                ("SPOOL", ReturnError::Spool(fault())),
            ];
            for (part, error) in parts {
                let stands = matches!(kind, Auth | Forbidden | Full | NotFound | Permanent | Unsupported);
                let refusal = error.refusal();
                assert_eq!(refusal.is_some(), stands, "{kind}");
                let Some(JobError { code, message, is_retryable, remedy }) = refusal else { continue };
                assert_eq!((code, is_retryable), (format!("{part}_{kind}"), false));
                assert!(message.ends_with('.') && remedy.is_some_and(|text| text.ends_with('.')), "{message}");
                assert!(!message.contains("AKIA"), "{message}");
            }
        }
    }

    #[test]
    fn only_what_was_kept_and_is_no_longer_true_is_thrown_away() {
        let spool = |kind| ReturnError::Spool(Fault::new(kind, "open", "spool", "gone"));
        let mismatch = ReturnError::Mismatch { name: "part".to_owned(), message: "It differs.".to_owned() };
        let broken = ReturnError::Broken("a spooled part has no record");
        for error in [mismatch, ReturnError::PlanChanged, broken, spool(FaultKind::NotFound)] {
            assert!(error.spoils_the_checkpoint(), "{error:?}");
        }
        let source = ReturnError::Source(Fault::new(FaultKind::NotFound, "list", "acme", "gone"));
        for error in [source, spool(FaultKind::Transient), ReturnError::Cancelled, ReturnError::Interrupted] {
            assert!(!error.spoils_the_checkpoint(), "{error:?}");
        }
    }
}
