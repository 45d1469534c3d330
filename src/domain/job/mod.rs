//! A long-running task: its states, its targets, how far it is, how it ends and when it is tried again.
//!
//! The **row** is the truth: whoever changes it does so by compare-and-set, and a worker's every write
//! carries the fence of its [`Lease`], so one that wakes after a long pause changes nothing. This module
//! decides *what* a change may be; `store::job` makes it one statement, `app::job` adds the event.
//!
//! * [`JobState::after`] and [`TargetState::after`] are the only ways from one state to the next.
//! * [`settle`] turns what a task returned into what becomes of its job; [`crashed`] does so for a
//!   worker that died.
//! * SUCCEEDED means *verified*: a target has to pass VERIFYING.
//!
//! Deliberately absent: what a kind does (`jobs/`), and time: instants and random numbers are passed in.
//! To add a kind, add one line to [`JobKind`], a file in `jobs/` and its registration.

mod claim;
mod crash;
mod outcome;
mod plan;
mod progress;
mod retry;
mod state;
mod target;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use self::{
    claim::{Claimant, Claimed, Enqueued, Held, Lease, Pick, Presence},
    crash::{ALONE_AFTER_CRASHES, FAILED_AFTER_CRASHES, crashed, runs_alone},
    outcome::{JobError, Outcome, RunAt, Settlement, Standing, settle},
    plan::{PLAN_LIFETIME, Plan, PlannedTarget, RETRIED_FOR, RetryScope, TargetFilter},
    progress::{Meter, Progress, ProgressUnit},
    retry::{BACKOFF_BASE, BACKOFF_CAP, BACKOFF_FLOOR, backoff},
    state::{JobState, Verb},
    target::{NewTarget, Target, TargetCounts, TargetState, TargetVerb, Verdict},
};
use crate::ids::{ActorId, ClientId, EngagementId, JobId, JobPlanId, StepId};

words! {
    /// What a client says of data that was returned to it.
    ReturnVerdict {
        /// It is complete and readable.
        Accepted = "ACCEPTED",
        /// Something is missing or wrong.
        Disputed = "DISPUTED",
    }
}

words! {
    /// What a job does. The word is stored with every job: it is never renamed or reused, and a kind
    /// that is retired stays in the set until no row holds it.
    JobKind {
        /// Delivers a client's data to the client, encrypted and verified.
        DataReturn = "DATA_RETURN",
        /// Destroys a client's data where it is kept.
        Sanitization = "SANITIZATION",
        /// Shows, by another person and tool, that destroyed data is gone.
        SanitizationVerification = "SANITIZATION_VERIFICATION",
        /// Brings agents onto devices.
        AgentDeployment = "AGENT_DEPLOYMENT",
        /// Takes agents off devices.
        AgentRemoval = "AGENT_REMOVAL",
        /// Disables accounts and keys.
        CredentialRevocation = "CREDENTIAL_REVOCATION",
        /// Removes firewall rules, checks and backup jobs.
        ConfigRemoval = "CONFIG_REMOVAL",
        /// Enters a client in outside systems.
        SystemProvisioning = "SYSTEM_PROVISIONING",
        /// Deactivates a client in outside systems.
        SystemDeactivation = "SYSTEM_DEACTIVATION",
        /// Looks at what a client has.
        DiscoveryScan = "DISCOVERY_SCAN",
        /// Renders a report.
        Report = "REPORT",
        /// Files the documents of an engagement.
        Archive = "ARCHIVE",
        /// Builds the signed pack that proves an offboarding.
        CloseoutPack = "CLOSEOUT_PACK",
        /// Probes closed holdings for a sign of life.
        ResidualCheck = "RESIDUAL_CHECK",
        /// Delivers events to a webhook endpoint.
        WebhookDelivery = "WEBHOOK_DELIVERY",
    }
}

impl JobKind {
    /// What people call it, to stand behind "the": "the data return".
    pub const fn title(self) -> &'static str {
        match self {
            Self::DataReturn => "data return",
            Self::Sanitization => "sanitization",
            Self::SanitizationVerification => "verification of a sanitization",
            Self::AgentDeployment => "deployment of agents",
            Self::AgentRemoval => "removal of agents",
            Self::CredentialRevocation => "revocation of credentials",
            Self::ConfigRemoval => "removal of settings",
            Self::SystemProvisioning => "provisioning of outside systems",
            Self::SystemDeactivation => "deactivation in outside systems",
            Self::DiscoveryScan => "discovery scan",
            Self::Report => "report",
            Self::Archive => "archiving",
            Self::CloseoutPack => "closing pack",
            Self::ResidualCheck => "check for residuals",
            Self::WebhookDelivery => "delivery of webhooks",
        }
    }
}

/// What a job has unless somebody says otherwise. Smaller numbers go first.
pub const PRIORITY_DEFAULT: i32 = 100;

/// Attempts a job has unless its kind says otherwise. With the schedule of [`backoff`] the tenth comes at
/// most 17 minutes after the first ended, not counting the runs themselves: long enough for a restart or
/// a fail-over of an outside system.
pub const MAX_ATTEMPTS_DEFAULT: u32 = 10;

/// A job to be put in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// The client it concerns; none for work of the provider alone.
    pub client_id: Option<ClientId>,
    /// The engagement it belongs to.
    pub engagement_id: Option<EngagementId>,
    /// The step it does.
    pub step_id: Option<StepId>,
    /// The plan it carries out.
    pub plan_id: Option<JobPlanId>,
    /// The job that ordered it.
    pub parent_id: Option<JobId>,
    /// What the task reads. Fields may be added later, never renamed: an old row meets a new program.
    pub args: Value,
    /// Why a person ordered it.
    pub reason: Option<String>,
    /// Smaller goes first.
    pub priority: i32,
    /// How often it is tried before it fails.
    pub max_attempts: u32,
    /// Not before this long from now, on the database's clock.
    pub delay: Duration,
    /// While a live job holds this key, no second one can be queued.
    pub unique_key: Option<String>,
    /// In what it counts its progress.
    pub unit: ProgressUnit,
    /// Who ordered it.
    pub started_by: ActorId,
}

impl NewJob {
    /// A job of `kind` that is due at once, with the default priority and attempts.
    pub fn new(id: JobId, kind: JobKind, args: Value, started_by: ActorId) -> Self {
        Self {
            id,
            kind,
            client_id: None,
            engagement_id: None,
            step_id: None,
            plan_id: None,
            parent_id: None,
            args,
            reason: None,
            priority: PRIORITY_DEFAULT,
            max_attempts: MAX_ATTEMPTS_DEFAULT,
            delay: Duration::ZERO,
            unique_key: None,
            unit: ProgressUnit::Targets,
            started_by,
        }
    }
}

/// Which jobs a list holds. An empty list allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobFilter {
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Only this engagement's.
    pub engagement_id: Option<EngagementId>,
    /// Only these kinds.
    pub kinds: Vec<JobKind>,
    /// Only these states.
    pub states: Vec<JobState>,
}

/// In which order a list of jobs stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum JobOrder {
    /// What was ordered last comes first.
    #[default]
    Newest,
    /// What was ordered first comes first.
    Oldest,
}

/// How the queue does as a whole.
#[derive(Clone, Debug)]
pub struct QueueHealth {
    /// How many live jobs of each kind stand in each state; pairs without a job are left out.
    pub counts: Vec<(JobKind, JobState, u64)>,
    /// How many could be taken up now.
    pub due_count: u64,
    /// Since when the one that is due longest has been due.
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// How many ended within the last hour, by how they ended.
    pub ended: Vec<(JobState, u64)>,
    /// The workers that were seen lately.
    pub workers: Vec<(Presence, DateTime<Utc>)>,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// The client it concerns.
    pub client_id: Option<ClientId>,
    /// The engagement it belongs to.
    pub engagement_id: Option<EngagementId>,
    /// The step it does.
    pub step_id: Option<StepId>,
    /// The plan it carries out.
    pub plan_id: Option<JobPlanId>,
    /// The job that ordered it.
    pub parent_id: Option<JobId>,
    /// What the task reads.
    pub args: Value,
    /// Why a person ordered it.
    pub reason: Option<String>,
    /// Smaller goes first.
    pub priority: i32,
    /// The attempt that runs or ran last, counted from 1; 0 before the first.
    pub attempt: u32,
    /// How often it is tried before it fails.
    pub max_attempts: u32,
    /// How often a worker died while it ran this job. Not an attempt: the job may be innocent.
    pub crash_count: u32,
    /// Not before this instant, on the database's clock.
    pub run_at: DateTime<Utc>,
    /// Whether somebody asked a running job to stop.
    pub is_cancel_requested: bool,
    /// How far it is.
    pub progress: Progress,
    /// What it achieved, in its kind's own shape; of a job that was ordered again, what it had achieved before.
    pub result: Option<Value>,
    /// What went wrong last.
    pub error: Option<JobError>,
    /// Who ordered it.
    pub started_by: ActorId,
    /// When it was ordered.
    pub created_at: DateTime<Utc>,
    /// When a worker first took it up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it reached its end.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Job {
    /// Whether what it left for another run is kept at `now`: always while it is live, and for a while after.
    pub fn is_kept_at(&self, now: DateTime<Utc>) -> bool {
        self.finished_at.is_none_or(|ended| now < ended + RETRIED_FOR)
    }
}
