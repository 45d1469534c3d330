//! Progress on its way out of a task.

use tokio::sync::watch;

use crate::domain::job::Progress;

/// Where a task says how far it is. Cheap to clone, and to be told something thousands of times a second,
/// from a thread as well: only the latest is looked at, a few times a second.
#[derive(Clone, Debug)]
pub struct Progressing(watch::Sender<Progress>);

impl Progressing {
    /// Begins with what the job's row says.
    pub fn new(progress: Progress) -> Self {
        Self(watch::Sender::new(progress))
    }

    /// Changes what is known. The rate and the end are worked out from the counts; do not set them.
    pub fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.0.send_if_modified(|progress| {
            let before = progress.clone();
            change(progress);
            *progress != before
        });
    }

    /// What is known now.
    pub fn get(&self) -> Progress {
        self.0.borrow().clone()
    }

    /// Tells of every change, the latest only.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.0.subscribe()
    }
}
