//! A task that does what its arguments say, and writes down every run, also one that does not count.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use gangway::{
    domain::job::{JobError, JobKind, Outcome},
    error::{Error, Result},
    jobs::{Task, TaskContext},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// The kind the lab borrows. The queue does not care what a kind does.
pub(crate) const KIND: JobKind = JobKind::ResidualCheck;

/// How a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    #[default]
    Done,
    Partial,
    Fail,
    Retry,
    /// Fails twice, then is done.
    DoneAtThird,
    Wait,
    Panic,
    Outage,
    /// Takes the whole process with it.
    Abort,
}

/// What a run does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Args {
    /// How long it works.
    pub(crate) ms: u64,
    #[serde(default)]
    pub(crate) end: End,
    /// Whether it goes on from a checkpoint: hands back when the worker drains, and skips what is done.
    #[serde(default)]
    pub(crate) resumes: bool,
    /// Whether it looks at nobody's signals.
    #[serde(default)]
    pub(crate) is_deaf: bool,
}

/// Works for a while in steps of 20 ms.
pub(crate) struct Lab {
    pub(crate) log: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
struct Checkpoint {
    worked_ms: u64,
}

impl Lab {
    fn note(&self, what: &str, context: &TaskContext) {
        let (job, lease) = (context.job(), context.lease());
        let line =
            format!("{what} {} fence={} attempt={} pid={}\n", job.id, lease.fence, job.attempt, std::process::id());
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }

    async fn work(&self, context: &TaskContext, args: &Args) -> Result<Option<Outcome>> {
        let mut done = context.checkpoint::<Checkpoint>().unwrap_or_default();
        let (began, before) = (Instant::now(), done.worked_ms);
        context.progress().update(|progress| progress.total = Some(args.ms));
        while done.worked_ms < args.ms {
            sleep(Duration::from_millis(20.min(args.ms - done.worked_ms))).await;
            done.worked_ms = before + u64::try_from(began.elapsed().as_millis()).unwrap();
            context.progress().update(|progress| progress.done = done.worked_ms.min(args.ms));
            if args.is_deaf {
                continue;
            }
            if let Some(outcome) = context.signals().must_stop() {
                return Ok(Some(outcome));
            }
            if args.resumes && context.signals().drain.is_cancelled() {
                context.save_checkpoint(&done).await?;
                return Ok(Some(Outcome::HandBack));
            }
        }
        Ok(None)
    }
}

fn broken() -> JobError {
    JobError { code: "LAB".into(), message: "The lab says no.".into(), is_retryable: true, remedy: None }
}

#[async_trait]
impl Task for Lab {
    fn kind(&self) -> JobKind {
        KIND
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        self.note("START", context);
        let args: Args = context.args()?;
        if let Some(outcome) = self.work(context, &args).await? {
            self.note("STOP", context);
            return Ok(outcome);
        }
        self.note("END", context);
        let result = Some(json!({ "fence": context.lease().fence, "pid": std::process::id() }));
        Ok(match args.end {
            End::DoneAtThird if context.job().attempt < 3 => Outcome::RetryAfter(Duration::ZERO, broken()),
            End::Done | End::DoneAtThird => Outcome::Done(result),
            End::Partial => Outcome::Partial(result, broken()),
            End::Fail => Outcome::Fail(broken()),
            End::Retry => Outcome::Retry(broken()),
            End::Wait => Outcome::Wait(Duration::from_millis(300), broken()),
            End::Panic => panic!("the lab panics"),
            End::Outage => return Err(Error::internal("an outage of the lab")),
            End::Abort => std::process::abort(),
        })
    }
}

/// One line of a lab's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) what: String,
    pub(crate) job: String,
    pub(crate) fence: i64,
    pub(crate) pid: u32,
}

/// Every run that was noted in `log`.
pub(crate) fn read(log: &Path) -> Vec<Noted> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let noted = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (what, job) = (words.next()?.to_owned(), words.next()?.to_owned());
        let rest: HashMap<_, _> = words.filter_map(|word| word.split_once('=')).collect();
        Some(Noted { what, job, fence: rest.get("fence")?.parse().ok()?, pid: rest.get("pid")?.parse().ok()? })
    });
    noted.collect()
}

/// How many runs began.
pub(crate) fn runs(log: &Path) -> usize {
    read(log).iter().filter(|noted| noted.what == "START").count()
}
