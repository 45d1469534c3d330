//! How jobs end.

use gangway::{domain::job::JobState, telemetry::Metrics};
use serde_json::Value;

use crate::{
    LONG, on_every_stack,
    support::lab::{self, Args, End},
};

on_every_stack! {
    async fn every_outcome_leads_to_its_state(site) {
        let (stack, metrics) = (&site.stack, Metrics::start().unwrap());
        let order = async |end, max_attempts| {
            stack.order_one(&Args { end, ..Args::default() }, |new| new.max_attempts = max_attempts).await
        };
        let cases = [
            (order(End::Done, 3).await, JobState::Succeeded, 1, None),
            (order(End::Partial, 3).await, JobState::Partial, 1, Some("LAB")),
            (order(End::Fail, 3).await, JobState::Failed, 1, Some("LAB")),
            (order(End::DoneAtThird, 3).await, JobState::Succeeded, 3, None),
            (order(End::Retry, 2).await, JobState::Failed, 2, Some("LAB")),
            (order(End::Panic, 1).await, JobState::Failed, 1, Some("INTERNAL")),
            (order(End::Outage, 2).await, JobState::Failed, 2, Some("INTERNAL")),
        ];
        let working = site.work();
        stack.all_over(LONG).await;
        for (job, state, attempts, error) in cases {
            let row = stack.row(job).await;
            assert_eq!((row.state.as_str(), row.attempt), (state.as_str(), attempts), "{:?}", stack.story(job).await);
            assert_eq!(row.error.as_ref().and_then(|error| error["code"].as_str()), error);
            assert_eq!(row.result.is_some(), matches!(state, JobState::Succeeded | JobState::Partial));
        }
        let tried = ["job.queued", "job.started", "job.retrying", "job.started", "job.failed"];
        assert_eq!(stack.story(cases[4].0).await, tried);
        stack.assert_consistent().await;
        working.end(LONG).await;
        for code in ["LAB", "INTERNAL"] {
            let line = format!(r#"gangway_job_errors_total{{kind="{}",code="{code}"}} "#, lab::KIND.as_str());
            assert!(metrics.render().contains(&line), "{line} is not in\n{}", metrics.render());
        }
    }

    async fn a_job_that_waits_comes_back_at_no_cost(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { end: End::Wait, ..Args::default() }, |new| new.max_attempts = 1).await;
        let working = site.work();
        stack.runs(3).await;
        working.end(LONG).await;
        let row = stack.row(job).await;
        assert_eq!((row.state.as_str(), row.attempt), ("WAITING", 0));
        assert!(row.fence >= 3 && row.finished_at.is_none());
        let story = stack.story(job).await;
        assert_eq!(story[..5], ["job.queued", "job.started", "job.waiting", "job.started", "job.waiting"]);
    }

    async fn what_is_not_due_does_not_run(site) {
        let stack = &site.stack;
        let later = stack.order_one(&Args::default(), |new| new.delay = std::time::Duration::from_hours(1)).await;
        let soon = stack.order_one(&Args::default(), |new| new.delay = std::time::Duration::from_millis(1200)).await;
        let ordered = std::time::Instant::now();
        let working = site.work();
        stack.until("the delayed job ends", LONG, async || {
            let state = stack.row(soon).await.state;
            if state == "SUCCEEDED" { Ok(()) } else { Err(state) }
        }).await;
        assert!(ordered.elapsed().as_millis() >= 1_000, "{:?}", ordered.elapsed());
        assert_eq!((stack.row(later).await.state.as_str(), lab::runs(&stack.log())), ("QUEUED", 1));
        working.end(LONG).await;
    }

    async fn a_result_and_the_last_progress_stand_in_the_row(site) {
        let stack = &site.stack;
        let job = stack.order_one(&Args { ms: 60, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.all_over(LONG).await;
        let row = stack.row(job).await;
        assert_eq!((row.progress["done"].clone(), row.progress["total"].clone()), (Value::from(60), Value::from(60)));
        assert_eq!(row.result.unwrap()["fence"], 1);
        working.end(LONG).await;
    }
}
