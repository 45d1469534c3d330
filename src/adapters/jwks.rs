//! Fetches an issuer's key set over HTTP, for `auth`.
//!
//! The address is configured, never taken from a token. It must be `https`, or `http` to this machine
//! for trying out. Redirects are not followed, a body over 256 kB is cut off as a failure, and the whole
//! exchange ends after five seconds.
//!
//! Deliberately absent: caching and retries, which `auth::jwks` does; proxies from the environment, because
//! only `config` reads it.

use std::{net::IpAddr, time::Duration};

use reqwest::{Client, Response, header, redirect};
use url::{Host, Url};

use crate::error::{Error, Result, Unavailable, Violation};

/// The longest an exchange may take: somebody who signs in is waiting.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest body. Real sets hold a few keys of at most some kilobytes.
const MAX_BYTES: usize = 256 * 1024;
/// When to try again, at the earliest.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// An HTTP client for key sets.
#[derive(Clone, Debug)]
pub struct JwksClient(Client);

impl JwksClient {
    /// Makes the client.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up.
    pub fn new() -> Result<Self> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("gangway/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(Error::internal)
    }

    /// The body at `url`.
    ///
    /// # Errors
    /// `Violation` when the address is not allowed; `Unavailable` when it does not answer as a key set does.
    pub async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        let url = check_url(url)?;
        let request = self.0.get(url).header(header::ACCEPT, "application/jwk-set+json, application/json");
        let response = request.send().await.and_then(Response::error_for_status).map_err(unavailable)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(unavailable(format!("the answer's status is {}", response.status())));
        }
        read(response).await
    }
}

/// Reads an address from the configuration.
///
/// # Errors
/// `Violation` when it is no URL, or neither `https` nor on this machine.
pub fn check_url(text: &str) -> Result<Url> {
    let refuse = |message: &str| Violation::new("jwksUrl", message).remedy("Use https://…");
    let Ok(url) = Url::parse(text) else { return Err(refuse("The address of a key set must be a URL.").into()) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("The address of a key set must not carry a password.").into());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(refuse("A key set is fetched by https, or by http from this machine only.").into()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(unavailable("the body is larger than 256 kB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unavailable(Unavailable { system: "token issuer", retry_after: RETRY_AFTER, source: source.into() })
}
