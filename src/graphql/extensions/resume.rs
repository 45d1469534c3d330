//! Where a reader left a stream of events, and where it is now.

use std::sync::{Arc, Mutex, PoisonError};

/// Shared between a subscription and a transport that keeps the reader's place for it (the `id:` lines of
/// an event stream).
///
/// A resolver of a subscription starts after `after` of its arguments or else after [`Resume::after`], and
/// calls [`Resume::reached`] with the cursor of each event before it yields the event. Events are resolved
/// one by one, so the place belongs to the answer that comes next.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    after: Option<Arc<str>>,
    reached: Arc<Mutex<Option<String>>>,
}

impl Resume {
    /// A reader that saw everything up to `after`, or nothing.
    pub fn new(after: Option<String>) -> Self {
        Self { after: after.map(Arc::from), reached: Arc::default() }
    }

    /// The cursor the reader saw last, from before this request.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Notes that the next answer is the event at `cursor`.
    pub fn reached(&self, cursor: impl Into<String>) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(cursor.into());
    }

    /// The cursor noted since the last call.
    pub fn take(&self) -> Option<String> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
