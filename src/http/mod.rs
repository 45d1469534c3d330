//! The way in: `/graphql` by POST, GET, event stream and socket; `/files`; health, readiness and metrics; GraphiQL.
//!
//! * Every answer carries `x-request-id`, `cache-control: no-store` and `x-content-type-options: nosniff`.
//! * Nothing is executed for a caller who did not prove who they are, not even `{__typename}`.
//! * Only a bearer authenticates, in the header or in `connection_init`; cookies are never looked at.
//! * Every stream ends with its token, with the caller's rights, and when the process stops.
//! * Whatever is counted, buffered or waited for has a bound; the bounds are settings of `config`.
//! * Files come and go at `/files/{id}` by a signed link in the query; no bearer is asked there, and no query is
//!   ever written to the log.
//!
//! Deliberately absent: batching, uploads by multipart, the legacy socket protocol, HTTP/2 (a proxy's
//! work), compression (likewise). To add a route, add it to [`Transport::router`].
//!
//! # Source
//! GraphQL over HTTP (working draft), with the statuses of its audits; graphql-transport-ws; GraphQL over
//! SSE, distinct connections; the API's rules, Transport and Live.

mod accept;
mod answer;
mod ask;
mod caller;
mod console;
mod documents;
mod endpoint;
mod files;
mod frame;
mod graph;
mod operations;
mod serve;
mod socket;
mod sse;
mod status;

use std::{fmt, future::Future, io, sync::Arc};

use axum::{
    Router,
    routing::{any, get},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use documents::Documents;
pub use graph::Graph;
pub use operations::{Check, Readiness};

use ask::Ask;
use documents::Unresolved;

use crate::{
    app::{App, rate::Rates},
    auth::{Actor, Authenticate},
    clock::{Clock, IdSource},
    config::Config,
};

/// What the transport needs from the rest.
#[derive(Clone)]
pub struct Ports {
    /// The schema, and what every request to it carries.
    pub graph: Graph,
    /// Who stands behind a bearer.
    pub authenticate: Arc<dyn Authenticate>,
    /// Whether work can be done now.
    pub readiness: Arc<dyn Readiness>,
    /// When tokens end.
    pub clock: Arc<dyn Clock>,
    /// Names for requests.
    pub ids: Arc<dyn IdSource>,
    /// Writes `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Takes and gives files; without it, there are none.
    pub files: Option<App>,
    /// What can be asked by name.
    pub documents: Documents,
    /// How much callers may ask; without it, as much as they like.
    pub rates: Option<Arc<dyn Rates>>,
}

/// Serves the API.
#[derive(Clone)]
pub struct Transport(Arc<Shared>);

/// What all handlers share.
struct Shared {
    ports: Ports,
    config: Config,
    /// Origins whose pages may open sockets.
    origins: Vec<String>,
    /// One permit per query or mutation that runs.
    running: Arc<Semaphore>,
    /// One permit per file that is being sent to us.
    receiving: Arc<Semaphore>,
    seats: caller::Seats,
    /// Connections and sockets that must end before the process does.
    open: TaskTracker,
    /// Cancelled when the process is to stop.
    stop: CancellationToken,
}

impl Shared {
    /// Puts the document into a request that names one, if `actor` may send it.
    fn resolve(&self, ask: &mut Ask, actor: &Actor) -> Result<(), Unresolved> {
        let is_free = actor.may_adhoc || self.config.takes_free_documents();
        self.ports.documents.resolve(ask, is_free, self.config.http.document_limit.bytes())
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl Transport {
    /// A transport over `ports` that ends its streams when `stop` is cancelled.
    pub fn new(ports: Ports, config: &Config, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            origins: config.origins().iter().map(|origin| origin.as_str().to_owned()).collect(),
            running: Arc::new(Semaphore::new(config.http.requests as usize)),
            receiving: Arc::new(Semaphore::new(files::AT_ONCE)),
            seats: caller::Seats::new(config.http.sockets_per_caller),
            open: TaskTracker::new(),
            config: config.clone(),
            ports,
            stop,
        }))
    }

    /// All routes.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .route("/", get(console::front))
            .route("/graphql", any(endpoint::graphql))
            .route("/graphiql", get(console::index))
            .route("/graphiql/{file}", get(console::file))
            .route("/files/{id}", get(files::give).put(files::take))
            .merge(operations::routes())
            .with_state(self.clone());
        frame::around(routes, self)
    }

    /// Answers on `listener` until the transport is stopped and everything open has ended, or the grace
    /// period is over.
    ///
    /// # Errors
    /// The listener failed.
    pub fn serve(&self, listener: TcpListener) -> impl Future<Output = io::Result<()>> + Send + use<> {
        serve::serve(self.clone(), self.router(), listener)
    }

    /// The same for a process that has no callers: health, readiness and metrics alone.
    ///
    /// # Errors
    /// The listener failed.
    pub fn serve_operations(&self, listener: TcpListener) -> impl Future<Output = io::Result<()>> + Send + use<> {
        let router = frame::around(operations::routes().with_state(self.clone()), self);
        serve::serve(self.clone(), router, listener)
    }
}
