//! An S3 server that answers what a test tells it to, to show how the adapter takes bad answers.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Response},
};
use bytes::Bytes;
use gangway::adapters::s3::{AddressStyle, S3, S3Config};

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) size: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

type Answer = Box<dyn FnMut(&Asked) -> Response<Body> + Send>;

/// The server; ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Scripted {
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Answers every request by `answer`; gives the server and a store that talks to it.
    pub(crate) async fn start(answer: impl FnMut(&Asked) -> Response<Body> + Send + 'static) -> (Self, S3) {
        let scripted = Self { answer: Arc::new(Mutex::new(Box::new(answer))), asked: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let router = Router::new().fallback(serve).with_state(scripted.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let config = S3Config {
            endpoint,
            region: "us-east-1".into(),
            bucket: "bucket".into(),
            style: AddressStyle::Path,
            access_key: "key".to_owned().into(),
            secret_key: "secret".to_owned().into(),
            session_token: Some("token".to_owned().into()),
        };
        (scripted, S3::new(&config).unwrap())
    }

    /// Everything that came in so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(State(scripted): State<Scripted>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let size = axum::body::to_bytes(body, usize::MAX).await.unwrap().len();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let asked = Asked { method: parts.method, query, headers: parts.headers, size };
    scripted.asked.lock().unwrap().push(asked.clone());
    (scripted.answer.lock().unwrap())(&asked)
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// An error document.
pub(crate) fn refusal(status: u16, code: &str) -> Response<Body> {
    answer(status, &[], format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"))
}

/// A body that breaks off, after a moment in which what was sent arrives.
pub(crate) fn broken_off(sent: Vec<u8>) -> Body {
    let first = futures_util::stream::once(async move { Ok(Bytes::from(sent)) });
    let then = futures_util::stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        Err(std::io::Error::other("the test pulls the plug"))
    });
    Body::from_stream(futures_util::StreamExt::chain(first, then))
}
