//! Which task does which kind.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::Task;
use crate::{
    domain::job::JobKind,
    jobs::{
        agent_removal::RemovalTask, closeout_pack::PackTask, data_return::ReturnTask, discovery_scan::ScanTask,
        sanitization::SanitizationTask, sanitization_verification::VerificationTask,
    },
    ports::shelves::Shelves,
};

/// The tasks a process can run. It claims jobs of these kinds and leaves all others to processes of another
/// version.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<JobKind, Arc<dyn Task>>);

impl Registry {
    /// Every task there is, at the places that are configured.
    pub fn of(shelves: &Shelves) -> Self {
        Self::default()
            .with(ReturnTask::new(shelves.clone()))
            .with(ScanTask::new(shelves.clone()))
            .with(SanitizationTask::new(shelves.clone()))
            .with(VerificationTask::new(shelves.clone()))
            .with(PackTask::new(shelves.own.clone()))
            .with(RemovalTask)
    }

    /// Adds a task; a second one of the same kind takes the place of the first.
    #[must_use]
    pub fn with(mut self, task: impl Task) -> Self {
        self.0.insert(task.kind(), Arc::new(task));
        self
    }

    /// The task of `kind`.
    pub fn find(&self, kind: JobKind) -> Option<Arc<dyn Task>> {
        self.0.get(&kind).cloned()
    }

    /// Every kind there is a task for.
    pub fn kinds(&self) -> Vec<JobKind> {
        self.0.keys().copied().collect()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
