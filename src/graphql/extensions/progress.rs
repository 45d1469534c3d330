//! How far a request got, and by which name the log knows it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

/// The furthest point a request reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing is known of its document.
    Received,
    /// Its document is GraphQL.
    Parsed,
    /// Its document fits the schema and its variables fit the document.
    Validated,
    /// Resolvers ran: whatever it asked for may have happened.
    Executed,
}

/// Shared between a request and the transport that sent it: how far it got, and what it cost.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    phase: Arc<AtomicU8>,
    cost: Arc<AtomicU64>,
}

impl Progress {
    /// The furthest point reached so far.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Received,
            1 => Phase::Parsed,
            2 => Phase::Validated,
            _ => Phase::Executed,
        }
    }

    /// Whether resolvers ran. If not, errors are *request errors*, and the answer holds no `data`.
    pub fn is_executed(&self) -> bool {
        self.phase() == Phase::Executed
    }

    /// The static cost of the document; 0 before it was weighed.
    pub fn cost(&self) -> u64 {
        self.cost.load(Ordering::Relaxed)
    }

    pub(super) fn reach(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    pub(super) fn weighed(&self, cost: u64) {
        self.cost.store(cost, Ordering::Relaxed);
    }
}

/// The name of a request in answers and in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The name `text`.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
