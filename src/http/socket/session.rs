//! One socket, from its first message to its close.

use std::time::Duration;

use async_graphql::{Response as Answer, parser::types::OperationType};
use axum::extract::ws::{Message, WebSocket};
use futures_util::{
    SinkExt, StreamExt,
    stream::{self, BoxStream, SplitSink, SplitStream},
};
use tokio::time::MissedTickBehavior;
use tokio_stream::StreamMap;

use super::{
    close::{Close, Counted},
    message::{ACK, Incoming, PING, complete, item, pong},
};
use crate::{
    graphql::{
        error::ErrorCode,
        extensions::{Finished, Progress, finish, refusal},
    },
    http::{
        Transport,
        ask::Ask,
        caller::{Caller, Seat, after_scheme},
        documents::Unresolved,
        graph::{Call, Item, Via},
    },
};

/// A peer that takes no message for so long is gone.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How long a peer may take to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// A peer that leaves so many pings unanswered is gone.
const PINGS_UNANSWERED_MAX: u32 = 4;

/// How a socket ends: closed by this side, or gone.
type End = Option<Close>;

/// One answer of an operation, or `None` at its end.
type Step = Option<Box<Item>>;

/// What a socket does next.
enum Event {
    Incoming(Result<Incoming, End>),
    Step(String, Step),
    Ping,
}

struct Session<'a> {
    transport: &'a Transport,
    sink: SplitSink<WebSocket, Message>,
    stream: SplitStream<WebSocket>,
    operations: StreamMap<String, BoxStream<'static, Step>>,
    /// Pings since the last message of the peer.
    unanswered: u32,
}

/// Serves `socket` to its end. `bearer` is the token that came with the upgrade, if any did.
pub(super) async fn run(transport: &Transport, socket: WebSocket, bearer: Option<String>) {
    let _counted = Counted::new(Via::Socket);
    let speaks = socket.protocol().is_some();
    let (sink, stream) = socket.split();
    let mut session = Session { transport, sink, stream, operations: StreamMap::new(), unanswered: 0 };
    let end = if speaks { session.live(bearer).await } else { Some(Close::protocol()) };
    session.operations.clear();
    if let Some(close) = end {
        session.close(close).await;
    }
}

impl Session<'_> {
    /// Everything up to the end, which the token, the rights and the process can bring about at any time.
    async fn live(&mut self, bearer: Option<String>) -> End {
        let Transport(shared) = self.transport;
        let greeted = tokio::select! {
            greeted = self.greet(bearer) => greeted,
            () = shared.stop.cancelled() => return Some(Close::going_away()),
        };
        let (caller, _seat) = match greeted {
            Ok(greeted) => greeted,
            Err(end) => return end,
        };
        tokio::select! {
            end = self.work(&caller) => end,
            () = shared.stop.cancelled() => Some(Close::going_away()),
            () = shared.outlived(&caller) => Some(Close::forbidden("the token no longer holds")),
        }
    }

    /// Waits for `connection_init` and acknowledges it.
    async fn greet(&mut self, bearer: Option<String>) -> Result<(Caller, Seat), End> {
        let Transport(shared) = self.transport;
        let within = shared.config.http.init_timeout;
        let sent = match tokio::time::timeout(within, self.init()).await {
            Ok(sent) => sent?,
            Err(_) => return Err(Some(Close::init_timeout())),
        };
        let bearer = match &sent {
            Some(text) => after_scheme(text),
            None => bearer.as_deref(),
        };
        let caller = match tokio::time::timeout(within, shared.caller(bearer)).await {
            Ok(Ok(caller)) => caller,
            Ok(Err(refused)) if refused.is_about_the_caller() => return Err(Some(Close::forbidden(refused.message()))),
            Ok(Err(_)) | Err(_) => return Err(Some(Close::try_later("The token cannot be verified now"))),
        };
        let seat = shared.seats.take(caller.actor.id).ok_or_else(|| Some(Close::too_many_sockets()))?;
        self.send(ACK.to_owned()).await?;
        Ok((caller, seat))
    }

    /// The token of the first `connection_init`.
    async fn init(&mut self) -> Result<Option<String>, End> {
        let limit = self.transport.0.config.http.message_limit.bytes();
        loop {
            match receive(&mut self.stream, limit).await? {
                Incoming::Init(token) => return Ok(token),
                Incoming::Ping(payload) => self.send(pong(payload.as_deref())).await?,
                Incoming::Pong | Incoming::Complete(_) => {}
                Incoming::Subscribe(..) => return Err(Some(Close::unacknowledged())),
            }
        }
    }

    /// Takes messages and sends answers, one at a time.
    async fn work(&mut self, caller: &Caller) -> End {
        let http = &self.transport.0.config.http;
        let mut pings = tokio::time::interval(http.ping_every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        loop {
            let Self { stream, operations, .. } = self;
            let event = tokio::select! {
                incoming = receive(stream, http.message_limit.bytes()) => Event::Incoming(incoming),
                Some((id, step)) = operations.next(), if !operations.is_empty() => Event::Step(id, step),
                _ = pings.tick() => Event::Ping,
            };
            let done = match event {
                Event::Incoming(Ok(incoming)) => self.take(incoming, caller).await,
                Event::Incoming(Err(end)) => Err(end),
                Event::Step(id, step) => self.pass_on(&id, step).await,
                Event::Ping => self.ping().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn take(&mut self, incoming: Incoming, caller: &Caller) -> Result<(), End> {
        self.unanswered = 0;
        match incoming {
            Incoming::Init(_) => Err(Some(Close::second_init())),
            Incoming::Ping(payload) => self.send(pong(payload.as_deref())).await,
            Incoming::Pong => Ok(()),
            Incoming::Complete(id) => {
                self.operations.remove(&id);
                Ok(())
            }
            Incoming::Subscribe(id, _) if self.operations.contains_key(&id) => Err(Some(Close::duplicate(&id))),
            Incoming::Subscribe(id, ask) => {
                let most = self.transport.0.config.http.operations_per_socket as usize;
                if self.operations.len() >= most {
                    let message = format!("This socket holds the {most} operations it may.");
                    return self.pass_on(&id, Some(Box::new(self.refused(ErrorCode::RateLimited, &message)))).await;
                }
                let steps = self.operation(*ask, caller);
                self.operations.insert(id, steps);
                Ok(())
            }
        }
    }

    /// The answers of one operation and its end.
    fn operation(&self, mut ask: Ask, caller: &Caller) -> BoxStream<'static, Step> {
        let shared = self.transport.0.clone();
        let one = |item: Item| stream::once(async move { Some(Box::new(item)) }).boxed();
        if let Err(Unresolved { code, message }) = shared.resolve(&mut ask, &caller.actor) {
            return one(self.refused(code, message));
        }
        let request = match ask.into_request() {
            Ok(request) => request,
            Err(refused) => return one(self.refused(ErrorCode::BadUserInput, refused.message())),
        };
        let document_max = shared.config.http.document_limit.bytes();
        let call = Call::new(request, caller.actor.clone(), Via::Socket, self.transport.new_id(), document_max)
            .metered(shared.ports.rates.as_ref());
        let items = if call.kind() == Some(OperationType::Subscription) {
            shared.subscribe(call)
        } else {
            stream::once(async move { shared.run(call).await }).boxed()
        };
        items.map(|item| Some(Box::new(item))).chain(stream::once(async { None })).boxed()
    }

    fn refused(&self, code: ErrorCode, message: &str) -> Item {
        let mut answer = Answer::from_errors(vec![refusal(code, message)]);
        let finished = finish(&mut answer, &Progress::default(), &self.transport.new_id());
        Item { answer, finished, cursor: None, drawn: None }
    }

    async fn pass_on(&mut self, id: &str, step: Step) -> Result<(), End> {
        let (text, is_over) = match &step {
            // An `error` ends its operation; no `complete` follows.
            Some(answer) => (item(id, answer), matches!(answer.finished, Finished::Refused(_))),
            None => (complete(id), true),
        };
        if is_over {
            self.operations.remove(id);
        }
        self.send(text).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.unanswered += 1;
        if self.unanswered > PINGS_UNANSWERED_MAX {
            return Err(Some(Close::silent()));
        }
        self.send(PING.to_owned()).await
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        match tokio::time::timeout(SEND_WITHIN, self.sink.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(None),
        }
    }

    /// Says why, and gives the peer time to hear it: a connection that is dropped with messages unread
    /// takes the close with it.
    async fn close(mut self, close: Close) {
        metrics::counter!("gangway_socket_closes_total", "code" => close.code.to_string()).increment(1);
        tracing::info!(socket.close_code = close.code, socket.reason = close.reason, "A socket was closed.");
        let goodbye = async {
            if self.sink.send(Message::Close(Some(close.into_frame()))).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        // After that the peer is not waited for.
        _ = tokio::time::timeout(CLOSE_WITHIN, goodbye).await;
    }
}

/// The next message of the protocol.
async fn receive(stream: &mut SplitStream<WebSocket>, limit: usize) -> Result<Incoming, End> {
    loop {
        let text = match stream.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(Some(Close::bad_message("Text frames only"))),
            // Answered below this level.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            // The library names its cause in words only.
            Some(Err(error)) if error.to_string().contains("too long") => return Err(Some(Close::too_big(limit))),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
        };
        if text.len() > limit {
            return Err(Some(Close::too_big(limit)));
        }
        return Incoming::read(text.as_str()).map_err(Some);
    }
}
