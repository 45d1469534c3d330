//! A small schema, callers and a server for them.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::{ComplexObject, Context, Object, Request, Schema, SimpleObject, Subscription};
use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::{Stream, StreamExt, stream};
use gangway::{
    app::rate::{Buckets, Rates},
    auth::{Actor, Authenticate, ClientScope},
    clock::{Clock, System},
    config::{Config, Environment, Flags},
    domain::{rate::Rate, role::Role},
    error::{Error, Result, Unavailable},
    graphql::{
        extensions::{Resume, guarded},
        guard::Limits,
    },
    http::{Check, Documents, Graph, Ports, Readiness, Transport},
    ids::ActorId,
    telemetry::Metrics,
};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How many events a job of the toy has.
pub(crate) const EVENTS: u32 = 60;

fn fault() -> i32 {
    panic!("on purpose")
}

#[derive(SimpleObject)]
struct Viewer {
    subject: String,
    tenant: String,
}

pub(crate) struct Query;

#[Object]
impl Query {
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        let actor = ctx.data_unchecked::<Actor>();
        Viewer { subject: actor.id.to_string(), tenant: actor.name.clone() }
    }
    async fn number(&self, value: i32) -> i32 {
        value
    }
    async fn fail(&self) -> Option<async_graphql::Result<i32>> {
        Some(Err(Error::Forbidden("Not you.").into()))
    }
    async fn panic(&self) -> i32 {
        fault()
    }
    async fn slow(&self, ctx: &Context<'_>, millis: u64) -> bool {
        ctx.data_unchecked::<Arc<Notify>>().notify_one();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        true
    }
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    async fn touch(&self) -> bool {
        true
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
struct JobEvent {
    cursor: String,
    percent: u32,
}

#[ComplexObject]
impl JobEvent {
    /// The event once more, at the cost of 1.
    async fn again(&self) -> Self {
        Self { cursor: self.cursor.clone(), percent: self.percent }
    }
}

pub(crate) struct Events;

#[Subscription]
impl Events {
    /// Sixty events, each a few milliseconds after the other, after `after` or after what the reader saw.
    async fn job_events(
        &self,
        ctx: &Context<'_>,
        job_id: async_graphql::ID,
        after: Option<String>,
    ) -> Result<impl Stream<Item = JobEvent>> {
        let _ = job_id;
        let resume = ctx.data_unchecked::<Resume>().clone();
        let after = after.or_else(|| resume.after().map(str::to_owned)).unwrap_or_else(|| "c0".to_owned());
        let from: u32 = after
            .trim_start_matches('c')
            .parse()
            .ok()
            .ok_or_else(|| Error::violation("after", "This is not a cursor."))?;
        Ok(stream::iter(from + 1..=EVENTS).then(move |percent| {
            let resume = resume.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(3)).await;
                let cursor = format!("c{percent}");
                resume.reached(cursor.clone());
                JobEvent { cursor, percent }
            }
        }))
    }

    /// Nothing, for ever.
    async fn silence(&self) -> impl Stream<Item = i32> {
        stream::pending()
    }

    /// As much as anybody takes.
    async fn flood(&self) -> impl Stream<Item = String> {
        stream::repeat("x".repeat(10_000))
    }

    /// Two events and a panic.
    async fn trap(&self) -> impl Stream<Item = i32> {
        stream::iter(1..).map(|n| if n > 2 { panic!("on purpose") } else { n })
    }
}

/// Knows a few tokens.
pub(crate) struct Doorman {
    pub(crate) is_revoked: AtomicBool,
}

#[async_trait]
impl Authenticate for Doorman {
    async fn authenticate(&self, bearer: &str) -> Result<Actor> {
        let (name, expires_at) = match bearer.split_once('-') {
            Some(("short", millis)) => {
                let millis = TimeDelta::milliseconds(millis.parse().unwrap());
                ("short", Some(System.now() + millis))
            }
            _ => (bearer, None),
        };
        match name {
            "good" | "other" | "short" | "adhoc" => {}
            "revocable" if !self.is_revoked.load(Ordering::SeqCst) => {}
            "down" => {
                let source = std::io::Error::other("hunter2").into();
                let retry_after = Duration::from_secs(7);
                return Err(Error::Unavailable(Unavailable { system: "issuer", retry_after, source }));
            }
            _ => return Err(Error::Unauthenticated("The token is not valid.")),
        }
        let id = ActorId::User(uuid_of(name).into());
        let roles = BTreeSet::from([Role::Operator]);
        Ok(Actor {
            id,
            name: name.to_owned(),
            roles,
            scope: ClientScope::system(),
            may_adhoc: name == "adhoc",
            expires_at,
        })
    }
}

fn uuid_of(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    name.bytes().zip(bytes.iter_mut()).for_each(|(from, to)| *to = from);
    Uuid::from_bytes(bytes)
}

/// Says what it is told to.
pub(crate) struct Ready(pub(crate) AtomicBool);

#[async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Vec<Check> {
        vec![
            Check { name: "database", is_ok: self.0.load(Ordering::SeqCst), is_needed: true },
            Check { name: "migrations", is_ok: true, is_needed: true },
            Check { name: "redis", is_ok: false, is_needed: false },
        ]
    }
}

/// A running server.
pub(crate) struct Toy {
    pub(crate) address: SocketAddr,
    pub(crate) doorman: Arc<Doorman>,
    pub(crate) ready: Arc<Ready>,
    /// Told when `slow` has begun.
    pub(crate) slow: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    pub(crate) server: JoinHandle<std::io::Result<()>>,
}

impl Toy {
    pub(crate) async fn start() -> Self {
        Self::with([]).await
    }

    /// A server with these variables set.
    pub(crate) async fn with<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self::on("127.0.0.1:0", variables).await
    }

    pub(crate) async fn on<const N: usize>(listen: &str, variables: [(&str, &str); N]) -> Self {
        Self::serving(listen, variables, true).await
    }

    /// A process without callers.
    pub(crate) async fn without_callers() -> Self {
        Self::serving("127.0.0.1:0", [], false).await
    }

    async fn serving<const N: usize>(listen: &str, variables: [(&str, &str); N], has_callers: bool) -> Self {
        let config = Config::read(&Flags::new(), &Environment::from(variables)).unwrap();
        let doorman = Arc::new(Doorman { is_revoked: AtomicBool::new(false) });
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        let metrics = Metrics::start().unwrap();
        let slow = Arc::new(Notify::new());
        let schema = guarded(Schema::build(Query, Mutation, Events).data(slow.clone()), Limits::default()).finish();
        let rate = Rate::new(config.http.rate_capacity, config.http.rate_refill);
        let ports = Ports {
            rates: rate.map(|rate| -> Arc<dyn Rates> { Arc::new(Buckets::new(rate, Arc::new(System))) }),
            graph: Graph::new(schema, Request::data),
            authenticate: doorman.clone(),
            readiness: ready.clone(),
            clock: Arc::new(System),
            ids: Arc::new(System),
            metrics: Arc::new(move || metrics.render()),
            files: None,
            documents: config
                .http
                .documents
                .as_ref()
                .map_or_else(Documents::default, |path| Documents::load(path, 64 << 10).unwrap()),
        };
        let stop = CancellationToken::new();
        let transport = Transport::new(ports, &config, stop.clone());
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = if has_callers {
            tokio::spawn(transport.serve(listener))
        } else {
            tokio::spawn(transport.serve_operations(listener))
        };
        Self { address, doorman, ready, slow, stop, server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The API's URL with these members in its query.
    pub(crate) fn query(&self, members: &[(&str, &str)]) -> url::Url {
        url::Url::parse_with_params(&self.url("/graphql"), members).unwrap()
    }
}
