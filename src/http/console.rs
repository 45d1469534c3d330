//! GraphiQL, from our own origin only: nothing is fetched from elsewhere, and the page may not try.
//!
//! The bundle is other people's code, so it is built (`scripts/console.sh`) and not kept in the tree. It is
//! served from a folder, or with the cargo feature `console` from the binary itself, compressed as it lies
//! there: every browser takes gzip.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use super::Transport;

/// The editor draws with style elements of its own; scripts, data and everything else come from here.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
                      connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What is served when GraphiQL was not built.
const NOT_BUILT: &str = include_str!("console.html");

const INDEX: &str = "index.html";

/// The files of the bundle, with their types. No other name is looked up.
const FILES: &[(&str, &str)] = &[
    (INDEX, "text/html; charset=utf-8"),
    ("console.js", "text/javascript; charset=utf-8"),
    ("console.css", "text/css; charset=utf-8"),
    ("editor.worker.js", "text/javascript; charset=utf-8"),
    ("json.worker.js", "text/javascript; charset=utf-8"),
    ("graphql.worker.js", "text/javascript; charset=utf-8"),
    ("codicon.ttf", "font/ttf"),
];

/// The way from the bare address to the console.
pub(super) async fn front() -> Redirect {
    Redirect::temporary("/graphiql")
}

/// The page.
pub(super) async fn index(State(transport): State<Transport>) -> Response {
    match load(&transport, INDEX).await {
        Some(response) => response,
        None => page("text/html; charset=utf-8", NOT_BUILT.into()),
    }
}

/// A part of the page.
pub(super) async fn file(State(transport): State<Transport>, Path(name): Path<String>) -> Response {
    load(&transport, &name).await.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

async fn load(transport: &Transport, name: &str) -> Option<Response> {
    let (name, media) = FILES.iter().find(|(known, _)| *known == name)?;
    let body = match embedded(name) {
        Some(bytes) => bytes.into(),
        None => tokio::fs::read(transport.0.config.console_dir().join(format!("{name}.gz"))).await.ok()?.into(),
    };
    let mut response = page(media, body);
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Some(response)
}

fn page(media: &'static str, body: axum::body::Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // The files have no version in their names: ask each time whether they changed.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}

#[cfg(not(feature = "console"))]
fn embedded(_name: &str) -> Option<&'static [u8]> {
    None
}

#[cfg(feature = "console")]
fn embedded(name: &str) -> Option<&'static [u8]> {
    macro_rules! built {
        ($($file:literal),+ $(,)?) => {
            match name {
                $($file => Some(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/console/dist/", $file, ".gz"))),)+
                _ => None,
            }
        };
    }
    built!(
        "index.html",
        "console.js",
        "console.css",
        "editor.worker.js",
        "json.worker.js",
        "graphql.worker.js",
        "codicon.ttf",
    )
}
