//! How jobs start and get on.

use std::{collections::BTreeSet, time::Duration};

use gangway::domain::job::{JobKind, NewJob};
use sea_orm::{ConnectionTrait, Statement};
use tokio::time::Instant;

use crate::{
    LONG, on_every_stack,
    support::{
        lab::{self, Args},
        stack::Stack,
    },
};

async fn set(stack: &Stack, what: &str) {
    stack.app.db().write().execute_unprepared(&format!("UPDATE job SET {what}")).await.unwrap();
}

on_every_stack! {
    async fn an_idle_worker_starts_a_job_when_it_is_told_of_it(site) {
        let stack = &site.stack;
        // The next look is up to half a second away: what starts sooner was told.
        let (_queue, working) = if site.has_hints() {
            (None, site.work())
        } else {
            let (queue, working) = site.work_with(|_| {});
            (Some(queue), working)
        };
        stack.order(1, &Args::default()).await;
        stack.all_over(LONG).await;
        let mut waits = Vec::new();
        for round in 2..12 {
            let began = Instant::now();
            stack.order(1, &Args::default()).await;
            stack.runs(round).await;
            waits.push(began.elapsed());
        }
        waits.sort();
        // The time between two ticks is 500 ms; without hints half of that is to be expected.
        let limit = Duration::from_millis(if site.has_hints() { 250 } else { 1_500 });
        assert!(waits[5] < limit, "median {:?} of {waits:?}", waits[5]);
        stack.all_over(LONG).await;
        working.end(LONG).await;
    }

    async fn no_more_jobs_run_at_a_time_than_there_are_slots(site) {
        let stack = &site.stack;
        stack.order(9, &Args { ms: 300, ..Args::default() }).await;
        let working = site.work();
        let (mut most, deadline) = (0, Instant::now() + LONG);
        while stack.states().await.get("SUCCEEDED") != Some(&9) {
            assert!(Instant::now() < deadline, "{:?}", stack.states().await);
            most = most.max(stack.states().await.get("RUNNING").copied().unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(most, 4);
        assert_eq!(lab::runs(&stack.log()), 9);
        stack.assert_consistent().await;
        working.end(LONG).await;
    }

    async fn a_lost_hint_costs_one_tick_at_most(site) {
        let stack = &site.stack;
        let working = site.work();
        // As if the process that ordered it had died between its commit and the hint.
        let silent = gangway::app::App::new(gangway::app::Parts {
            shelves: gangway::ports::shelves::Shelves::default(),
            uploads: gangway::app::file::Uploads {
                links: gangway::auth::Links::new("http://localhost", &gangway::auth::Secret::new("s".repeat(32).into()).unwrap()),
                limit_bytes: 0,
            },
            hints: std::sync::Arc::new(gangway::ports::hints::NoHints),
            ..stack.app.parts().clone()
        });
        let actor = gangway::auth::Actor::system();
        let args = serde_json::to_value(Args::default()).unwrap();
        let new = NewJob::new(silent.new_id(), lab::KIND, args, gangway::ids::ActorId::System);
        let mut deed = silent.begin(&actor).await.unwrap();
        gangway::app::job::enqueue(&mut deed, &new, Vec::new()).await.unwrap();
        deed.commit().await.unwrap();
        let began = Instant::now();
        stack.runs(1).await;
        // A look comes twice a second; only after two seconds is it told of once more.
        assert!(began.elapsed() < Duration::from_millis(1_800), "{:?}", began.elapsed());
        stack.all_over(LONG).await;
        working.end(LONG).await;
    }

    async fn a_kind_this_program_does_not_know_is_left_to_others(site) {
        let stack = &site.stack;
        let foreign = stack.order_one(&Args::default(), |new| new.kind = JobKind::Report).await;
        let own = stack.order_one(&Args::default(), |_| {}).await;
        let working = site.work();
        stack.until("ours ends", LONG, async || {
            let state = stack.row(own).await.state;
            if state == "SUCCEEDED" { Ok(()) } else { Err(state) }
        }).await;
        working.end(LONG).await;
        assert_eq!(stack.row(foreign).await.state, "QUEUED");
    }

    async fn jobs_that_crashed_twice_run_one_by_one_and_alone(site) {
        let stack = &site.stack;
        stack.order(3, &Args { ms: 200, ..Args::default() }).await;
        set(stack, "crash_count = 2").await;
        stack.order(3, &Args { ms: 200, ..Args::default() }).await;
        let working = site.work();
        let (mut seen, deadline) = (BTreeSet::new(), Instant::now() + LONG);
        while stack.states().await.get("SUCCEEDED") != Some(&6) {
            assert!(Instant::now() < deadline, "{:?}", stack.states().await);
            let running: Vec<_> = stack.rows().await.into_iter().filter(|row| row.state == "RUNNING").collect();
            if running.iter().any(|row| row.crash_count == 2) {
                assert_eq!(running.len(), 1, "it has the process to itself");
                seen.insert(running[0].id);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(seen.len(), 3);
        stack.assert_consistent().await;
        working.end(LONG).await;
    }

    async fn progress_is_told_at_most_four_times_a_second(site) {
        let stack = &site.stack;
        let mut ticks = stack.app.parts().ticks.watch();
        let job = stack.order_one(&Args { ms: 1_500, ..Args::default() }, |_| {}).await;
        let working = site.work();
        stack.all_over(LONG).await;
        working.end(LONG).await;
        let mut told = Vec::new();
        while let Ok(tick) = ticks.try_recv() {
            assert_eq!(tick.job, job);
            told.push(tick.progress);
        }
        // The lab reports some 75 times.
        assert!((3..=8).contains(&told.len()), "{}", told.len());
        assert!(told.is_sorted_by_key(|progress| progress.done));
        assert_eq!(told.last().unwrap().done, 1_500);
        assert!(told[2].rate.is_some_and(|rate| rate > 500.0 && rate < 1_500.0), "{:?}", told[2]);
    }

    async fn a_worker_says_that_it_is_there_and_that_it_left(site) {
        let stack = &site.stack;
        let workers = async || {
            let count = Statement::from_string(stack.app.db().backend(), "SELECT count(*) AS n FROM worker WHERE slots = 4");
            let row = stack.app.db().read().query_one_raw(count).await.unwrap().unwrap();
            row.try_get::<i64>("", "n").unwrap()
        };
        let working = site.work();
        stack.until("it is seen", LONG, async || if workers().await == 1 { Ok(()) } else { Err(()) }).await;
        working.end(LONG).await;
        assert_eq!(workers().await, 0);
    }
}
