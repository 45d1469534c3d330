//! Putting a request to the schema: in time, one of a bounded number, safe against a panic, counted.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Executor, Request, Response, ServerError, Value, parser::types::OperationType};
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tracing::Instrument;

use super::{Shared, answer::to_json};
use crate::{
    app::rate::Rates,
    auth::Actor,
    clock::Stopwatch,
    domain::rate::Draw,
    graphql::{
        error::ErrorCode,
        extensions::{Finished, Meter, Progress, RequestId, Resume, cost_report, finish, operation_type, refusal},
    },
};

/// When a process that is busy is worth asking again.
const BUSY_RETRY_MS: u64 = 1_000;
/// Among the extensions of a request, `true` asks what it costs; among those of the answer, that is told.
const COST: &str = "cost";

/// The schema, and what every request to it carries.
#[derive(Clone)]
pub struct Graph {
    api: Arc<dyn Api>,
    context: Arc<dyn Fn(Request, Actor) -> Request + Send + Sync>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Graph")
    }
}

/// A schema of any type.
trait Api: Send + Sync {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response>;
    fn stream(&self, request: Request) -> BoxStream<'static, Response>;
}

impl<E: Executor> Api for E {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Executor::execute(self, request).boxed()
    }

    fn stream(&self, request: Request) -> BoxStream<'static, Response> {
        self.execute_stream(request, None)
    }
}

impl Graph {
    /// `schema`, where `context` adds to each request what its resolvers reach for: the caller among it.
    pub fn new(schema: impl Executor, context: impl Fn(Request, Actor) -> Request + Send + Sync + 'static) -> Self {
        Self { api: Arc::new(schema), context: Arc::new(context) }
    }
}

/// By which way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// A POST or GET with one answer.
    Http,
    /// An event stream.
    Sse,
    /// A socket.
    Socket,
}

impl Via {
    /// As metrics and the log name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sse => "sse",
            Self::Socket => "ws",
        }
    }
}

/// One request of one caller.
pub(super) struct Call {
    request: Request,
    actor: Actor,
    via: Via,
    kind: Option<OperationType>,
    progress: Progress,
    resume: Resume,
    meter: Option<Meter>,
    id: RequestId,
}

/// One answer of a subscription, ready to be sent.
pub(super) struct Item {
    /// The answer, or for a refusal its errors alone.
    pub(super) answer: Response,
    /// What became of the request.
    pub(super) finished: Finished,
    /// Where in its stream the answer stands.
    pub(super) cursor: Option<String>,
    /// What was drawn from the caller's bucket.
    pub(super) drawn: Option<Draw>,
}

impl Item {
    /// As it is sent.
    pub(super) fn json(&self) -> String {
        to_json(&self.answer, self.finished)
    }
}

impl Call {
    /// `request` as `actor` asks it. A document longer than `document_max` bytes is not even parsed here.
    pub(super) fn new(mut request: Request, actor: Actor, via: Via, id: RequestId, document_max: usize) -> Self {
        let kind = if request.query.len() <= document_max { operation_type(&mut request) } else { None };
        Self { request, actor, via, kind, progress: Progress::default(), resume: Resume::default(), meter: None, id }
    }

    /// The same, at the cost of what the actor may ask by `rates`.
    pub(super) fn metered(mut self, rates: Option<&Arc<dyn Rates>>) -> Self {
        self.meter = rates.map(|rates| Meter::new(Arc::clone(rates), self.actor.id));
        self
    }

    /// What it draws from its caller's bucket, when that is limited.
    pub(super) fn meter(&self) -> Option<&Meter> {
        self.meter.as_ref()
    }

    /// The same, for a reader who saw everything up to `after`.
    pub(super) fn resumed(mut self, after: Option<String>) -> Self {
        if after.is_some() {
            metrics::counter!("gangway_subscription_resumes_total").increment(1);
        }
        self.resume = Resume::new(after);
        self
    }

    /// What is asked to run, when that can be told.
    pub(super) fn kind(&self) -> Option<OperationType> {
        self.kind
    }

    fn into_request(self, graph: &Graph) -> Request {
        let Self { request, actor, progress, resume, meter, id, .. } = self;
        let request = (graph.context)(request, actor).data(progress).data(resume).data(id);
        match meter {
            Some(meter) => request.data(meter),
            None => request,
        }
    }
}

impl Shared {
    /// Runs a query or mutation.
    pub(super) async fn run(&self, call: Call) -> Item {
        let record = Record::of(&call);
        let span = tracing::info_span!("operation", request.id = call.id.as_str(), actor.id = %call.actor.id);
        async {
            let (id, resume, bill) = (call.id.clone(), call.resume.clone(), Bill::of(&call));
            let mut answer = self.execute(call).await;
            let finished = finish(&mut answer, &bill.progress, &id);
            record.ended(finished, &bill.progress);
            bill.tell(&mut answer);
            Item { answer, finished, cursor: resume.take(), drawn: bill.drawn() }
        }
        .instrument(span)
        .await
    }

    async fn execute(&self, call: Call) -> Response {
        let Ok(_permit) = self.running.try_acquire() else {
            let mut error = refusal(ErrorCode::UpstreamUnavailable, "The server is busy.");
            error.extensions.get_or_insert_default().set("retryAfterMs", BUSY_RETRY_MS);
            return Response::from_errors(vec![error]);
        };
        let within = self.config.http.execution_timeout;
        let request = call.into_request(&self.ports.graph);
        let running = AssertUnwindSafe(self.ports.graph.api.execute(request)).catch_unwind();
        match tokio::time::timeout(within, running).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Response::from_errors(vec![panicked()]),
            Err(_) => {
                let message = format!("The answer was not ready within {} ms.", within.as_millis());
                Response::from_errors(vec![refusal(ErrorCode::Timeout, message)])
            }
        }
    }

    /// Opens a subscription. It ends by itself, or when the stream is dropped.
    pub(super) fn subscribe(&self, call: Call) -> BoxStream<'static, Item> {
        let record = Record::of(&call);
        let open = Open::new(call.via);
        let span = tracing::info_span!("subscription", request.id = call.id.as_str(), actor.id = %call.actor.id);
        let (id, resume, bill) = (call.id.clone(), call.resume.clone(), Bill::of(&call));
        let request = call.into_request(&self.ports.graph);
        let answers = span.in_scope(|| self.ports.graph.api.stream(request));
        // After a panic the stream must not be polled again.
        let calm = AssertUnwindSafe(answers)
            .catch_unwind()
            .scan(false, |is_over, next| {
                let item = (!*is_over).then(|| next.unwrap_or_else(|_panic| Response::from_errors(vec![panicked()])));
                std::future::ready(item)
            })
            .boxed();
        stream::unfold((calm, Some(record), open), move |(mut answers, mut record, open)| {
            let (id, resume, bill) = (id.clone(), resume.clone(), bill.clone());
            let next = async move {
                if bill.is_spent() {
                    return None;
                }
                let mut answer = answers.next().await?;
                let mut finished = finish(&mut answer, &bill.progress, &id);
                let mut cursor = resume.take();
                if bill.is_spent() {
                    finished = Finished::Refused(ErrorCode::RateLimited);
                    // The event was not shown: whoever comes back shall see it.
                    cursor = None;
                    open.limited();
                }
                if let Some(record) = record.take() {
                    record.ended(finished, &bill.progress);
                    bill.tell(&mut answer);
                }
                Some((Item { answer, finished, cursor, drawn: bill.drawn() }, (answers, record, open)))
            };
            next.instrument(span.clone())
        })
        .boxed()
    }
}

/// What a call costs, and whether its answer shall say so.
#[derive(Clone)]
struct Bill {
    progress: Progress,
    meter: Option<Meter>,
    is_asked: bool,
}

impl Bill {
    fn of(call: &Call) -> Self {
        let is_asked = call.request.extensions.get(COST) == Some(&Value::Boolean(true));
        Self { progress: call.progress.clone(), meter: call.meter.clone(), is_asked }
    }

    fn drawn(&self) -> Option<Draw> {
        self.meter.as_ref().and_then(Meter::drawn)
    }

    /// Whether an event could not be paid for, which ends its subscription.
    fn is_spent(&self) -> bool {
        self.meter.as_ref().is_some_and(Meter::is_spent)
    }

    /// Puts the cost into an answer that was asked to tell it. For a subscription that is the first one.
    fn tell(&self, answer: &mut Response) {
        if self.is_asked {
            answer.extensions.insert(COST.to_owned(), cost_report(self.progress.cost(), self.drawn()));
        }
    }
}

fn panicked() -> ServerError {
    tracing::error!("A resolver panicked.");
    refusal(ErrorCode::Internal, "Something went wrong on our side.")
}

/// Counts an operation once it is known how it went; for a subscription that is at its first answer.
struct Record {
    kind: &'static str,
    via: &'static str,
    since: Stopwatch,
}

impl Record {
    fn of(call: &Call) -> Self {
        let kind = match call.kind {
            Some(OperationType::Query) => "query",
            Some(OperationType::Mutation) => "mutation",
            Some(OperationType::Subscription) => "subscription",
            None => "unknown",
        };
        Self { kind, via: call.via.as_str(), since: Stopwatch::start() }
    }

    fn ended(self, finished: Finished, progress: &Progress) {
        let Self { kind, via, since } = self;
        let (outcome, code) = match finished {
            Finished::Ok => ("ok", ""),
            Finished::Errors => ("errors", ""),
            Finished::Refused(code) => ("refused", code.as_str()),
        };
        if finished == Finished::Refused(ErrorCode::RateLimited) {
            count_limited(via);
        }
        let elapsed = since.elapsed();
        metrics::counter!("gangway_requests_total", "type" => kind, "transport" => via, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("gangway_request_seconds", "type" => kind, "transport" => via)
            .record(elapsed.as_secs_f64());
        if progress.is_executed() {
            #[expect(clippy::cast_precision_loss, reason = "a cost is far below 2^52")]
            metrics::histogram!("gangway_request_cost").record(progress.cost() as f64);
        }
        let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let cost = progress.cost();
        tracing::info!(operation.type = kind, transport = via, outcome, code, cost, duration_ms, "An operation was answered.");
    }
}

fn count_limited(via: &'static str) {
    metrics::counter!("gangway_rate_limited_total", "transport" => via).increment(1);
}

/// An open subscription, for as long as it is counted as one.
struct Open(Via);

impl Open {
    fn new(via: Via) -> Self {
        metrics::gauge!("gangway_subscriptions", "transport" => via.as_str()).increment(1);
        Self(via)
    }

    /// Counts that it ends for want of allowance.
    fn limited(&self) {
        count_limited(self.0.as_str());
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("gangway_subscriptions", "transport" => self.0.as_str()).decrement(1);
    }
}
