//! Planning, starting and steering jobs.

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

use crate::{
    app::{
        self, agent, closeout, data_return,
        job::{Ask, Cancel, Options, Retry, Start},
        sanitization, scan,
    },
    domain::{
        agreement::DataFormat,
        holding::{AgentTool, DataKind, Disposition, HoldingKind, HoldingState},
        job::{JobKind, RetryScope, ReturnVerdict, TargetFilter},
        pack::PackEvents,
        sanitization::{SanitizationMethod, ScanScope, VerificationCoverage},
        text::Name,
    },
    error::{Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        types::{job::Job, job_plan::JobPlan},
    },
};

/// Plans, starts and steers jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobMutation;

/// What a job shall do.
#[derive(Clone, Debug, InputObject)]
pub struct JobPlanInput {
    /// What kind of job.
    kind: JobKind,
    /// In the course of which engagement.
    engagement_id: ID,
    /// On which lines of the ledger, up to 500; all that the kind can act on when left out. Not together with `filter`.
    #[graphql(validator(max_items = 500))]
    holding_ids: Option<Vec<ID>>,
    /// On which of the lines that the kind can act on, up to 500. The plan keeps the lines that were found.
    filter: Option<JobTargetFilter>,
    /// What the kind lets its caller choose; the field of that kind.
    options: JobOptionsInput,
}

/// Which lines of the client's ledger a job is planned for, out of those that its kind can act on. What is left out
/// allows everything.
#[derive(Clone, Debug, InputObject)]
pub struct JobTargetFilter {
    /// Only these kinds.
    kinds: Option<Vec<HoldingKind>>,
    /// Only these states.
    states: Option<Vec<HoldingState>>,
    /// Only data of these sorts.
    data_kinds: Option<Vec<DataKind>>,
    /// Only data that is to end so.
    dispositions: Option<Vec<Disposition>>,
}

impl From<JobTargetFilter> for TargetFilter {
    fn from(filter: JobTargetFilter) -> Self {
        let JobTargetFilter { kinds, states, data_kinds, dispositions } = filter;
        Self {
            kinds: kinds.unwrap_or_default(),
            states: states.unwrap_or_default(),
            data_kinds: data_kinds.unwrap_or_default(),
            dispositions: dispositions.unwrap_or_default(),
        }
    }
}

/// What a caller chooses, one field for each kind of job.
#[derive(Clone, Debug, OneofObject)]
pub enum JobOptionsInput {
    /// For a return of data.
    DataReturn(DataReturnOptionsInput),
    /// For a scan.
    DiscoveryScan(DiscoveryScanOptionsInput),
    /// For a destruction of data.
    Sanitization(SanitizationOptionsInput),
    /// For the verification of a destruction.
    SanitizationVerification(SanitizationVerificationOptionsInput),
    /// For a close-out pack.
    CloseoutPack(CloseoutPackOptionsInput),
    /// For a removal of agents.
    AgentRemoval(AgentRemovalOptionsInput),
}

/// Which agents are removed. Each is told to go, seen to fall silent, forgotten by its tool, and seen to stay away; one whose
/// device is away is waited for.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct AgentRemovalOptionsInput {
    /// Only agents for this purpose; all when left out.
    tool: Option<AgentTool>,
}

/// What goes into a close-out pack: certificates, decisions, exceptions, evidence by its hash, the ledger, and events of the
/// log, each with its proof.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct CloseoutPackOptionsInput {
    /// Which events.
    events: PackEvents,
}

/// What is scanned. Nothing is touched.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct DiscoveryScanOptionsInput {
    /// What is looked at.
    scope: ScanScope,
}

/// How data is destroyed. A scan of each line that is at most a day old says what there is; whatever came since stays.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct SanitizationOptionsInput {
    /// How.
    method: SanitizationMethod,
}

/// How a destruction is verified: by somebody else than who ordered it.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct SanitizationVerificationOptionsInput {
    /// How much is looked at.
    coverage: VerificationCoverage,
}

/// How data is returned.
#[derive(Clone, Debug, InputObject)]
pub struct DataReturnOptionsInput {
    /// How it is packed; one of the formats that a signed agreement names.
    format: DataFormat,
    /// The configured place it goes to, by name.
    destination: String,
    /// To which confirmed keys it is encrypted; every confirmed key of the client when left out.
    #[graphql(validator(max_items = 50))]
    recipient_key_ids: Option<Vec<ID>>,
}

impl JobPlanInput {
    fn parse(self) -> Result<Ask> {
        let options = self.options.parse()?;
        if options.kind() != self.kind {
            let violation = Violation::new("options", format!("These are no options of a {}.", self.kind));
            return Err(violation.remedy("Fill in the field of that kind; other kinds cannot be planned.").into());
        }
        if self.holding_ids.is_some() && self.filter.is_some() {
            let violation = Violation::new("filter", "Lines are named or filtered, not both.");
            return Err(violation.remedy("Leave out `holdingIds` or `filter`.").into());
        }
        Ok(Ask {
            engagement_id: id::get(&self.engagement_id, "engagement", "engagementId")?,
            holding_ids: ids(self.holding_ids, "holding", "holdingIds")?,
            filter: self.filter.map(TargetFilter::from),
            options,
        })
    }
}

impl JobOptionsInput {
    fn parse(self) -> Result<Options> {
        Ok(match self {
            Self::DataReturn(options) => Options::DataReturn(data_return::Options {
                format: options.format,
                destination: parse::<Name>("options.dataReturn.destination", &options.destination)?.into_string(),
                recipient_keys: ids(options.recipient_key_ids, "recipient key", "options.dataReturn.recipientKeyIds")?,
            }),
            Self::DiscoveryScan(options) => Options::DiscoveryScan(scan::Options { scope: options.scope }),
            Self::Sanitization(options) => Options::Sanitization(sanitization::Options { method: options.method }),
            Self::SanitizationVerification(options) => {
                Options::SanitizationVerification(sanitization::VerificationOptions { coverage: options.coverage })
            }
            Self::AgentRemoval(options) => Options::AgentRemoval(agent::Options { tool: options.tool }),
            Self::CloseoutPack(options) => Options::CloseoutPack(closeout::Options { events: options.events }),
        })
    }
}

/// Each id once, in the order of ids: what is asked for does not depend on how it is written.
fn ids<T: std::str::FromStr + Ord>(ids: Option<Vec<ID>>, noun: &'static str, field: &'static str) -> Result<Vec<T>> {
    let ids = ids.unwrap_or_default();
    let mut ids = ids.iter().map(|text| id::get(text, noun, field)).collect::<Result<Vec<T>>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// A SHA-256 in hex, as it is compared.
fn digest(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    let violation = Violation::new(field, "A SHA-256 has 64 hexadecimal digits.");
    Err(violation.remedy("Send it as it was given or computed, without a file's name.").into())
}

/// The plan to be carried out.
#[derive(Clone, Debug, InputObject)]
pub struct JobStartInput {
    /// The plan.
    plan_id: ID,
    /// Its hash, as `jobPlan` gave it.
    plan_hash: String,
    /// Why, for the log.
    reason: String,
    /// The caller's name for this request, 8 to 128 characters.
    idempotency_key: String,
}

/// The job to be stopped.
#[derive(Clone, Debug, InputObject)]
pub struct JobCancelInput {
    /// The job.
    id: ID,
    /// Why, for the log.
    reason: String,
}

/// The job to be tried again.
#[derive(Clone, Debug, InputObject)]
pub struct JobRetryInput {
    /// The job.
    id: ID,
    /// Which of its targets; those that failed when left out.
    targets: Option<RetryScope>,
    /// Why, for the log.
    reason: String,
    /// The caller's name for this request, 8 to 128 characters.
    idempotency_key: String,
}

/// What a client says of its returned data.
#[derive(Clone, Debug, InputObject)]
pub struct DataReturnAcknowledgeInput {
    /// The job that returned it.
    job_id: ID,
    /// SHA-256 of the package manifest in hex, as the client computed it.
    manifest_digest: String,
    /// Whether the client accepts.
    verdict: ReturnVerdict,
    /// What is wrong, or a remark; needed for a dispute.
    comment: Option<String>,
}

payload! {
    /// What a job would do.
    JobPlanPayload {
        /// The plan.
        plan: JobPlan,
    }
}
payload! {
    /// The job that was started.
    once JobStartPayload {
        /// The job.
        job: Job,
    }
}
payload! {
    /// The job that is stopped, or stops at its next safe point.
    JobCancelPayload {
        /// The job.
        job: Job,
    }
}
payload! {
    /// The job that is tried again.
    once JobRetryPayload {
        /// The job.
        job: Job,
    }
}
payload! {
    /// The job whose outcome was acknowledged or disputed.
    DataReturnAcknowledgePayload {
        /// The job.
        job: Job,
    }
}

#[Object]
impl JobMutation {
    /// Judges what a job would do and what stands in its way, and gives the hash to start it with. Nothing outside
    /// is touched.
    /// Example: `mutation { jobPlan(input: { kind: DATA_RETURN, engagementId: "eng_…", options: { dataReturn: { format:
    /// BAGIT_TAR_ZSTD, destination: "handover" } } }) { plan { id planHash blockedBy { message } } userErrors { message
    /// } } }`.
    async fn job_plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it shall do.")] input: JobPlanInput,
    ) -> Nullable<JobPlanPayload> {
        let planned = async {
            let planned = app::job::plan(ctx.app(), ctx.actor()?, &input.parse()?).await?;
            Ok(JobPlanPayload::done(planned.into()))
        };
        settle(planned.await)
    }

    /// Starts a planned job, unless the world changed since or a gate is closed.
    /// Example: `mutation { jobStart(input: { planId: "pln_…", planHash: "9f86…", reason: "Notice of 2 November.",
    /// idempotencyKey: "start-0001" }) { job { id state } userErrors { message } } }`.
    async fn job_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which plan.")] input: JobStartInput,
    ) -> Nullable<JobStartPayload> {
        let started = async {
            let once = once("jobStart", &input.idempotency_key, &input)?;
            let start = Start {
                plan_id: id::get(&input.plan_id, "job plan", "planId")?,
                plan_hash: digest("planHash", &input.plan_hash)?,
                reason: parse("reason", &input.reason)?,
            };
            let done = app::job::start(ctx.app(), ctx.actor()?, start, once).await?;
            Ok(JobStartPayload::done(done.is_replayed, done.made.into()))
        };
        settle(started.await)
    }

    /// Stops a job: at once while no worker holds it, otherwise at its next safe point.
    /// Example: `mutation { jobCancel(input: { id: "job_…", reason: "The client asked for another format." }) { job {
    /// state } userErrors { message } } }`.
    async fn job_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: JobCancelInput,
    ) -> Nullable<JobCancelPayload> {
        let stopped = async {
            let cancel = Cancel { id: id::get(&input.id, "job", "id")?, reason: parse("reason", &input.reason)? };
            let job = app::job::cancel(ctx.app(), ctx.actor()?, cancel).await?;
            Ok(JobCancelPayload::done(job.into()))
        };
        settle(stopped.await)
    }

    /// Has a job tried again with all its attempts. Targets that are done are never done twice.
    /// Example: `mutation { jobRetry(input: { id: "job_…", targets: FAILED, reason: "The store is back.",
    /// idempotencyKey: "retry-0001" }) { job { state } userErrors { message } } }`.
    async fn job_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: JobRetryInput,
    ) -> Nullable<JobRetryPayload> {
        let ordered = async {
            let once = once("jobRetry", &input.idempotency_key, &input)?;
            let retry = Retry {
                id: id::get(&input.id, "job", "id")?,
                scope: input.targets.unwrap_or(RetryScope::Failed),
                reason: parse("reason", &input.reason)?,
            };
            let done = app::job::retry(ctx.app(), ctx.actor()?, retry, once).await?;
            Ok(JobRetryPayload::done(done.is_replayed, done.made.into()))
        };
        settle(ordered.await)
    }

    /// Records that the client accepts or disputes the data it received.
    /// Example: `mutation { dataReturnAcknowledge(input: { jobId: "job_…", manifestDigest: "9f86…", verdict: ACCEPTED
    /// }) { job { state } userErrors { message } } }`.
    async fn data_return_acknowledge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what the client says.")] input: DataReturnAcknowledgeInput,
    ) -> Nullable<DataReturnAcknowledgePayload> {
        let acknowledged = async {
            let comment = input.comment.as_deref().map(|text| parse("comment", text)).transpose()?;
            let acknowledge = data_return::Acknowledge {
                job_id: id::get(&input.job_id, "job", "jobId")?,
                manifest_digest: digest("manifestDigest", &input.manifest_digest)?,
                verdict: input.verdict,
                comment,
            };
            let job = data_return::acknowledge(ctx.app(), ctx.actor()?, acknowledge).await?;
            Ok(DataReturnAcknowledgePayload::done(job.into()))
        };
        settle(acknowledged.await)
    }
}
