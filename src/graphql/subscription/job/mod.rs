//! Jobs, live.

use async_graphql::{Context, ID, Subscription};
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};

mod watch;

use self::watch::{Jobs, Log, Watch};
use crate::{
    app,
    auth::permission::Permission,
    domain::{
        event,
        job::{JobFilter, JobKind, JobState},
    },
    error::{Error, Result, Violation},
    graphql::{
        context::Caller,
        extensions::Resume,
        id,
        payload::Nullable,
        types::{
            event::cursor,
            job_event::{JobEvent, TOLD},
        },
    },
    ids::JobId,
    stream::Tap,
};

/// Watches jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobSubscription;

#[Subscription]
impl JobSubscription {
    /// One job as it runs, or every job of a client, or every job the caller may see. Without `after` it begins with
    /// a snapshot: of the one job, or of up to 100 that are not over. Then comes what happens, in order: states and
    /// finished targets from the log, and progress at most four times a second and job. Progress is not kept: a
    /// reader that comes back with `after` gets what the log holds since, and goes on from there. With `jobId`, the
    /// job's terminal state completes the stream.
    /// Example: `subscription { jobEvents(jobId: "job_…") { cursor kind job { state progress { fraction eta } } } }`.
    async fn job_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this job.")] job_id: Option<ID>,
        #[graphql(desc = "Only jobs of this client.")] client_id: Option<ID>,
        #[graphql(desc = "Only jobs of these kinds.")] kinds: Option<Vec<JobKind>>,
        #[graphql(desc = "Go on after the event with this cursor.")] after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = Nullable<JobEvent>> + use<>> {
        let actor = ctx.actor()?.clone();
        actor.require(Permission::JobEvents)?;
        let job = job_id.as_ref().map(|job| id::get::<JobId>(job, "job", "jobId")).transpose()?;
        let client_id = client_id.as_ref().map(|client| id::get(client, "client", "clientId")).transpose()?;
        let filter = JobFilter { client_id, kinds: kinds.unwrap_or_default(), ..JobFilter::default() };
        let resume = ctx.data_opt::<Resume>().cloned().unwrap_or_default();
        let end = app::log::end(ctx.app()).await?;
        let given = after.as_deref().or(resume.after()).map(|text| cursor("after", text)).transpose()?;
        if given.is_some_and(|given| given > end) {
            let violation = Violation::new("after", "This cursor is of another log: nothing happened there yet.");
            return Err(Error::from(violation.remedy("Begin again without `after`.")).into());
        }
        let jobs = Jobs::new(ctx.app().clone(), actor.clone(), job, filter);
        let one = match job {
            Some(job) => Some(jobs.get(job).await?.ok_or_else(|| Error::not_found("job", "jobId"))?),
            None => None,
        };
        let wanted =
            event::EventFilter { client_id, job_id: job, kinds: TOLD.to_vec(), ..event::EventFilter::default() };
        let (scope, fits) = (actor.scope.clone(), wanted.clone());
        let log = Log { app: ctx.app().clone(), actor, filter: wanted };
        // Ticks are heard before the snapshot is read, so that nothing falls in between.
        let ticks = ctx.app().parts().ticks.watch();
        let events: BoxStream<'static, _> = match given {
            // Nothing more will happen to it: what the log holds is all there is to come back for.
            Some(given) if one.is_some_and(|job| job.state.is_terminal()) => {
                // The end may be so new that it is not sealed yet, and what is not sealed is not told.
                app::log::seal_waiting(ctx.app()).await?;
                log.until_now(given).boxed()
            }
            _ => {
                let fits = move |event: &event::Event| scope.sees(event.client_id) && fits.fits(event);
                ctx.data::<Tap>()?.follow(log, given.unwrap_or(end), fits).boxed()
            }
        };
        let watch = Watch::begin(jobs, ticks, events, given.unwrap_or(end), given.is_none());
        let told = watch.stream().map_ok(move |event| {
            resume.reached(event.cursor.to_string());
            event
        });
        Ok(told.map(|event: Told| Some(event.map_err(Into::into))))
    }
}

/// Every state in which a job is not over.
fn live() -> Vec<JobState> {
    JobState::LIVE.to_vec()
}

/// What a watcher gets, or why its stream ends.
type Told = Result<JobEvent>;
