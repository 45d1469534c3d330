//! A signed-in connection to a server's control socket, and asking on it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, StatusCode, Upgraded, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};
use url::Url;

use crate::{
    domain::connector::ConnectorFault,
    ports::endpoints::{Fault, Result},
};

/// The largest answer: a list of some ten thousand devices.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// What a session is opened with.
#[derive(Clone)]
pub(super) struct Login {
    /// `https://HOST:PORT/control.ashx`.
    pub(super) url: Url,
    pub(super) username: String,
    pub(super) password: SecretString,
}

/// A connection that the server knows as ours.
pub(super) struct Session {
    socket: WebSocketStream<Upgraded>,
    /// What the server said of itself.
    pub(super) server: Value,
    /// As whom it knows us, and what it lets us do.
    pub(super) user: Value,
}

fn broken(doing: &'static str, what: &str) -> Fault {
    Fault::new(ConnectorFault::Transient, doing, what)
}

impl Session {
    /// Connects and signs in.
    ///
    /// # Errors
    /// [`Fault`]: `Auth` when the server does not know us or is not the one whose certificates are trusted.
    pub(super) async fn open(http: &Client, login: &Login) -> Result<Self> {
        let socket = connect(http, login).await?;
        let mut session = Self { socket, server: Value::Null, user: Value::Null };
        while session.user.is_null() {
            let mut told = session.next("sign in").await?;
            match told["action"].as_str() {
                Some("serverinfo") => session.server = told["serverinfo"].take(),
                Some("userinfo") => session.user = told["userinfo"].take(),
                _ => {}
            }
        }
        Ok(session)
    }

    /// Sends `question` and gives the first message that `is_answer` knows as its answer.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) async fn ask(
        &mut self,
        doing: &'static str,
        question: &Value,
        is_answer: impl Fn(&Value) -> bool + Send,
    ) -> Result<Value> {
        self.say(doing, question).await?;
        loop {
            let told = self.next(doing).await?;
            if is_answer(&told) {
                return Ok(told);
            }
        }
    }

    /// Sends `message`.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) async fn say(&mut self, doing: &'static str, message: &Value) -> Result<()> {
        let sent = self.socket.send(Message::text(message.to_string())).await;
        sent.map_err(|_error| broken(doing, "the connection broke"))
    }

    async fn next(&mut self, doing: &'static str) -> Result<Value> {
        loop {
            let message = self.socket.next().await.ok_or_else(|| broken(doing, "the server hung up"))?;
            match message.map_err(|_error| broken(doing, "the connection broke"))? {
                Message::Text(text) => return read(doing, &text),
                Message::Close(_) => return Err(broken(doing, "the server hung up")),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

fn read(doing: &'static str, text: &str) -> Result<Value> {
    let unreadable = |_misfit| Fault::new(ConnectorFault::Permanent, doing, "an answer that is no JSON");
    let told: Value = serde_json::from_str(text).map_err(unreadable)?;
    if told["action"] == "close" {
        let why = if told["msg"] == "tokenrequired" { "the account has a second factor" } else { "not let in" };
        return Err(Fault::new(ConnectorFault::Auth, doing, why));
    }
    Ok(told)
}

async fn connect(http: &Client, login: &Login) -> Result<WebSocketStream<Upgraded>> {
    let key = generate_key();
    let name = |text: &str| STANDARD.encode(text);
    let proof = format!("{},{}", name(&login.username), name(login.password.expose_secret()));
    let mut proof = header::HeaderValue::from_str(&proof)
        .map_err(|_misfit| Fault::new(ConnectorFault::Auth, "sign in", "a name or secret that cannot be sent"))?;
    proof.set_sensitive(true);
    let request = http
        .get(login.url.clone())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header("x-meshauth", proof);
    let answer = request.send().await.map_err(|error| unreachable(&error))?;
    let accepted = answer
        .headers()
        .get(header::SEC_WEBSOCKET_ACCEPT)
        .is_some_and(|it| it == derive_accept_key(key.as_bytes()).as_str());
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS if accepted => {}
        status if status.is_server_error() => return Err(broken("connect", status.as_str())),
        status => {
            return Err(Fault::new(ConnectorFault::Unsupported, "connect", format!("no control socket: {status}")));
        }
    }
    let stream = answer.upgrade().await.map_err(|_error| broken("connect", "the connection broke"))?;
    let config = WebSocketConfig::default().max_message_size(Some(ANSWER_MAX)).max_frame_size(Some(ANSWER_MAX));
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

/// What a failure below the protocol means. A certificate that is not trusted is a matter of knowing whom one speaks to.
fn unreachable(error: &reqwest::Error) -> Fault {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    let mut is_untrusted = false;
    while let Some(cause) = source {
        is_untrusted |= cause.to_string().contains("certificate");
        source = cause.source();
    }
    if is_untrusted {
        return Fault::new(ConnectorFault::Auth, "connect", "its certificate is not one that is trusted");
    }
    broken("connect", if error.is_timeout() { "no answer in time" } else { "cannot connect" })
}
