//! A bucket of an S3-compatible store.
//!
//! A small set of calls, signed by `rusty-s3` and sent by `reqwest`: list (V2, all pages), head, ranged get,
//! put, multipart create, upload, complete, abort and list, delete, and those on versions that destroying takes
//! ([`erase`]). Path-style and virtual-host addresses.
//!
//! Invariants:
//! - Every call has a time limit and is tried a bounded number of times on 5xx, 429, `SlowDown` and broken
//!   connections ([`call`]); every call here may be repeated without harm.
//! - What a read gives is **one** state of the object: a broken stream is resumed with `If-Match`.
//! - "200" is not believed by itself: an `Error` document inside is read, and the size of what was written is
//!   asked for again.
//! - No fault, log line or `Debug` holds a key or a signed address.
//!
//! Deliberately absent: making and removing buckets, setting locks, copies, redirects to another region (the fault says so), proxies from the environment.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use rusty_s3::{
    Bucket, Credentials, S3Action, UrlStyle,
    actions::{GetObject, PutObject},
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    error::Violation,
    ports::storage::{
        Facts, Fault, FaultKind, Go, Listing, ObjectPath, ObjectSource, ObjectStore, Opened, Result, SignedRequest,
        Span, Stored, Upload, UploadTerms,
    },
};

mod answer;
mod call;
mod erase;
mod list;
mod read;
mod versions;
mod write;

pub use erase::Versions;

/// How a bucket is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressStyle {
    /// `https://host/bucket/key`, as most stores beside Amazon's want it.
    Path,
    /// `https://bucket.host/key`.
    VirtualHost,
}

/// Which bucket, where, and as whom.
pub struct S3Config {
    /// Address of the store, `http` or `https`.
    pub endpoint: Url,
    /// Region the signature names.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// How it is addressed.
    pub style: AddressStyle,
    /// Access key id.
    pub access_key: SecretString,
    /// Secret key.
    pub secret_key: SecretString,
    /// Token of temporary credentials.
    pub session_token: Option<SecretString>,
}

/// One bucket.
#[derive(Clone)]
pub struct S3 {
    shared: Arc<Shared>,
}

struct Shared {
    bucket: Bucket,
    credentials: Credentials,
    http: reqwest::Client,
}

/// Time to reach the store.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time a store may stay silent in the middle of an answer.
const SILENCE_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a signature of ours works; it is made anew for every try.
const SIGNED_FOR: Duration = Duration::from_mins(10);

impl S3 {
    /// The bucket that `config` names. Nothing is sent yet.
    ///
    /// # Errors
    /// A [`Violation`] naming the setting that cannot be.
    pub fn new(config: &S3Config) -> Result<Self, Violation> {
        let style = match config.style {
            AddressStyle::Path => UrlStyle::Path,
            AddressStyle::VirtualHost => UrlStyle::VirtualHost,
        };
        if config.bucket.is_empty() {
            return Err(Violation::new("bucket", "A bucket is needed.").remedy("Name the bucket."));
        }
        let bucket = Bucket::new(config.endpoint.clone(), style, config.bucket.clone(), config.region.clone())
            .map_err(|_error| {
                Violation::new("endpoint", "This is not the address of an S3-compatible store.").remedy(
                    "Give an http or https address with a host, and path style for a host that is an IP address.",
                )
            })?;
        let (key, secret) = (config.access_key.expose_secret(), config.secret_key.expose_secret());
        let credentials = match &config.session_token {
            Some(token) => Credentials::new_with_token(key, secret, token.expose_secret()),
            None => Credentials::new(key, secret),
        };
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|_error| Violation::new("endpoint", "The TLS set-up of this machine does not work."))?;
        Ok(Self { shared: Arc::new(Shared { bucket, credentials, http }) })
    }
}

impl Shared {
    /// The key for `path`.
    ///
    /// A key that is not UTF-8 cannot exist; one with a segment `.` or `..` exists but has no address, because
    /// every HTTP library resolves such segments.
    fn key<'a>(doing: &'static str, path: &'a ObjectPath) -> Result<&'a str> {
        let refuse = |why: &str| Fault::new(FaultKind::Unsupported, doing, path.to_string(), why);
        let key = path.as_utf8().ok_or_else(|| refuse("a key must be UTF-8"))?;
        if key.is_empty() || key.len() > 1024 {
            return Err(refuse("a key has 1 to 1024 bytes"));
        }
        if key.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(refuse("a key with a segment . or .. has no address"));
        }
        Ok(key)
    }
}

#[async_trait]
impl ObjectSource for S3 {
    fn list(&self, folder: &ObjectPath) -> Listing {
        list::objects(self.shared.clone(), folder.clone())
    }

    async fn stat(&self, path: &ObjectPath) -> Result<Facts> {
        read::stat(&self.shared, path).await
    }

    async fn open(&self, path: &ObjectPath, span: Span) -> Result<Opened> {
        read::open(self.shared.clone(), path.clone(), span).await
    }
}

#[async_trait]
impl ObjectStore for S3 {
    async fn begin(&self, path: &ObjectPath) -> Result<Box<dyn Upload>> {
        Shared::key("write", path)?;
        Ok(Box::new(write::S3Upload::new(self.shared.clone(), path.clone())))
    }

    async fn put(&self, path: &ObjectPath, bytes: Bytes) -> Result<Stored> {
        write::put(&self.shared, path, vec![bytes]).await
    }

    async fn delete(&self, path: &ObjectPath) -> Result<()> {
        write::delete(&self.shared, path).await
    }

    async fn sweep(&self, folder: &ObjectPath, go: Go) -> Result<u64> {
        write::sweep(&self.shared, folder, &go).await
    }

    fn sign_upload(&self, path: &ObjectPath, terms: &UploadTerms) -> Option<SignedRequest> {
        let key = Shared::key("sign", path).ok()?;
        let size = terms.size.to_string();
        let mut action = PutObject::new(&self.shared.bucket, Some(&self.shared.credentials), key);
        action.headers_mut().insert("content-length", size.clone());
        action.headers_mut().insert("content-type", terms.media_type.clone());
        let url = action.sign(terms.expires_in);
        let headers = vec![("content-length".into(), size), ("content-type".into(), terms.media_type.clone())];
        Some(SignedRequest { method: "PUT", url: SecretString::from(String::from(url)), headers })
    }

    fn sign_download(&self, path: &ObjectPath, expires_in: Duration) -> Option<SignedRequest> {
        let key = Shared::key("sign", path).ok()?;
        let url = GetObject::new(&self.shared.bucket, Some(&self.shared.credentials), key).sign(expires_in);
        Some(SignedRequest { method: "GET", url: SecretString::from(String::from(url)), headers: Vec::new() })
    }
}
