//! Long work: planned, started and followed to its end.

use std::ops::ControlFlow;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{Life, Person, documents, text};
use crate::{cli::api::stream::Subscription, domain::role::Role};

impl Life<'_> {
    /// What a job of `kind` would do; gives the plan.
    pub(super) async fn plan_job(
        &self,
        who: &Person,
        engagement: &str,
        kind: &str,
        options: Value,
    ) -> anyhow::Result<Value> {
        let input = json!({ "kind": kind, "engagementId": engagement, "options": options });
        let made = self.send(who, documents::JOB_PLAN, input).await;
        Ok(made.with_context(|| format!("planning a {kind}"))?["plan"].take())
    }

    /// Starts what was planned and follows it to its end; gives the job, which succeeded.
    pub(super) async fn do_job(&self, who: &Person, plan: &Value, reason: &str) -> anyhow::Result<Value> {
        let input = json!({ "planId": plan["id"], "planHash": plan["planHash"], "reason": reason });
        let started = self.make(who, documents::JOB_START, input).await.context("starting a job")?;
        let id = text(&started["job"]["id"]);
        self.watch(&id).await?;
        let job = self.ask(&self.contact, documents::JOB, json!({ "id": id })).await?["job"].take();
        ensure!(job["state"] == "SUCCEEDED", "the {} is {}: {}", job["kind"], job["state"], job["error"]["message"]);
        Ok(job)
    }

    /// Follows a job to its end, live.
    async fn watch(&self, job: &str) -> anyhow::Result<()> {
        let subscription = Subscription {
            token: self.person(Role::Operator).token.clone(),
            document: documents::JOB_EVENTS,
            variables: json!({ "jobId": job }),
            after: None,
        };
        let follow = self.stage.api.follow(subscription, |event| {
            self.listener.job(&event);
            ControlFlow::<()>::Continue(())
        });
        follow.await.context("following the job")?;
        Ok(())
    }
}
