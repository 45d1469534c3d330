//! Jobs by id, client and step, and their targets; plans by id.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_graphql::dataloader::Loader;

use crate::{
    app::{self, job::PlanGates},
    domain::{
        gate::Blocker,
        job::{JobFilter, JobKind, TargetCounts, TargetState},
        page::{Page, Window},
    },
    graphql::{
        loaders::{Batch, Shared, alike},
        types::{job::Job, job_plan::JobPlan, job_target::JobTarget},
    },
    ids::{ClientId, JobId, JobPlanId, JobTargetId, StepId},
};

/// Asks for the job with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobKey(pub JobId);

/// Asks for one page of a client's jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobsOf(pub ClientId, pub JobFilter, pub Window);

/// Asks how many jobs a client has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobCountOf(pub ClientId, pub JobFilter);

/// Asks for the newest jobs that do this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobsOfStep(pub StepId);

/// Asks for a page of a job's targets, of one state if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetsOf(pub JobId, pub Option<TargetState>, pub Window);

/// Asks for the target with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetKey(pub JobTargetId);

/// Asks how many targets of this job stand where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetCountsOf(pub JobId);

/// Asks for the plan with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlanKey(pub JobPlanId);

/// Asks what stands in the way of a plan for a job of this kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GatesOfPlan(pub JobKind, pub PlanGates);

impl Loader<PlanKey> for Batch {
    type Value = JobPlan;
    type Error = Shared;

    async fn load(&self, keys: &[PlanKey]) -> Result<HashMap<PlanKey, JobPlan>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::job::load_plans(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|plan| (PlanKey(plan.id), plan.into())).collect())
    }
}

impl Loader<GatesOfPlan> for Batch {
    type Value = Vec<Blocker>;
    type Error = Shared;

    async fn load(&self, keys: &[GatesOfPlan]) -> Result<HashMap<GatesOfPlan, Vec<Blocker>>, Shared> {
        let mut found = HashMap::new();
        for (kind, plans) in alike(keys, |key| (key.0, key.1.clone())) {
            let closed = app::job::blockers(&self.app, &self.actor, kind, &plans).await.map_err(Arc::new)?;
            found.extend(closed.into_iter().map(|(plan, gates)| (GatesOfPlan(kind, plan), gates)));
        }
        Ok(found)
    }
}

impl Loader<JobKey> for Batch {
    type Value = Job;
    type Error = Shared;

    async fn load(&self, keys: &[JobKey]) -> Result<HashMap<JobKey, Job>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::job::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|job| (JobKey(job.id), job.into())).collect())
    }
}

impl Loader<JobsOf> for Batch {
    type Value = Page<Job>;
    type Error = Shared;

    async fn load(&self, keys: &[JobsOf]) -> Result<HashMap<JobsOf, Page<Job>>, Shared> {
        let mut asked: BTreeMap<(JobFilter, Window), Vec<ClientId>> = BTreeMap::new();
        for JobsOf(client, filter, window) in keys {
            asked.entry((filter.clone(), *window)).or_default().push(*client);
        }
        let mut found = HashMap::new();
        for ((filter, window), clients) in asked {
            let pages = app::job::of_clients(&self.app, &self.actor, &clients, &filter, &window);
            let pages = pages.await.map_err(Arc::new)?;
            let page = |(id, page): (_, Page<_>)| (JobsOf(id, filter.clone(), window), page.map(Into::into));
            found.extend(pages.into_iter().map(page));
        }
        Ok(found)
    }
}

impl Loader<JobCountOf> for Batch {
    type Value = u64;
    type Error = Shared;

    async fn load(&self, keys: &[JobCountOf]) -> Result<HashMap<JobCountOf, u64>, Shared> {
        let mut found = HashMap::new();
        for (filter, clients) in alike(keys, |key| (key.1.clone(), key.0)) {
            let counts = app::job::count_each(&self.app, &self.actor, &clients, &filter).await.map_err(Arc::new)?;
            found.extend(counts.into_iter().map(|(client, count)| (JobCountOf(client, filter.clone()), count)));
        }
        Ok(found)
    }
}

impl Loader<JobsOfStep> for Batch {
    type Value = Vec<Job>;
    type Error = Shared;

    async fn load(&self, keys: &[JobsOfStep]) -> Result<HashMap<JobsOfStep, Vec<Job>>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::job::of_steps(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        let jobs = |jobs: Vec<_>| jobs.into_iter().map(Into::into).collect();
        Ok(found.into_iter().map(|(step, list)| (JobsOfStep(step), jobs(list))).collect())
    }
}

impl Loader<TargetsOf> for Batch {
    type Value = Page<JobTarget>;
    type Error = Shared;

    async fn load(&self, keys: &[TargetsOf]) -> Result<HashMap<TargetsOf, Page<JobTarget>>, Shared> {
        let mut found = HashMap::new();
        for ((state, window), jobs) in alike(keys, |key| ((key.1, key.2), key.0)) {
            let pages = app::job::targets_of(&self.app, &self.actor, &jobs, state, &window).await.map_err(Arc::new)?;
            found.extend(pages.into_iter().map(|(job, page)| (TargetsOf(job, state, window), page.map(JobTarget))));
        }
        Ok(found)
    }
}

impl Loader<TargetKey> for Batch {
    type Value = JobTarget;
    type Error = Shared;

    async fn load(&self, keys: &[TargetKey]) -> Result<HashMap<TargetKey, JobTarget>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::job::load_targets(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|target| (TargetKey(target.id), JobTarget(target))).collect())
    }
}

impl Loader<TargetCountsOf> for Batch {
    type Value = TargetCounts;
    type Error = Shared;

    async fn load(&self, keys: &[TargetCountsOf]) -> Result<HashMap<TargetCountsOf, TargetCounts>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::job::target_counts(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|(job, counts)| (TargetCountsOf(job), counts)).collect())
    }
}
