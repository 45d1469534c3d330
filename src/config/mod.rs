//! Every setting: its type, default, bounds, variable and meaning, stated once.
//!
//! * This module is the **only reader of the environment**, but for `GANGWAY_URL` of `gangway watch`, which is a
//!   client. Everything else is handed what it needs.
//! * A flag of the command line wins over a variable, a variable over the file, the file over the default.
//! * A secret comes from a variable `X` or from the file that `X_FILE` names, never from the settings file.
//! * All that is wrong is reported at once, each line with the name of the variable to mend.
//!
//! Deliberately absent: settings that change while the process runs, and settings for what a
//! standard or a rule of the business fixes.
//!
//! To add a setting, add one line to the `settings!` call below; `docs/configuration.md` and
//! `--help` follow from it (a test prints the command that renews the page).

use std::{
    net::SocketAddr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

mod auth;
mod client;
mod docs;
mod settings;
mod source;
mod storage;
#[cfg(test)]
mod tests;
mod values;

use settings::settings;
use url::Url;

pub use auth::{Algorithm, Issuer, IssuerKeys};
pub use client::token;
pub use docs::{help, markdown};
pub use settings::Setting;
pub use source::{Environment, Flags, Problem, Problems};
pub use storage::{FileStore, Root, S3Store, StoreName, StoreUse};
pub use values::{Hints, LogFormat, Origin, Secret, Size, Value};

settings! {
    /// Where the process listens and keeps its files.
    server: Server {
        /// Address and port the API listens on.
        listen: SocketAddr = "127.0.0.1:8080" from "GANGWAY_LISTEN";
        /// The URL callers reach the API by, when a proxy stands in between. Upload links begin with it. Default:
        /// `http://` and the address listened on.
        public_url: Option<Url> = "" from "GANGWAY_PUBLIC_URL";
        /// The folder for the embedded database, uploaded files, keys and work in progress.
        data: PathBuf = "data" from "GANGWAY_DATA";
        /// How long requests and jobs may take to end after SIGTERM.
        shutdown_grace: Duration = "30s" from "GANGWAY_SHUTDOWN_GRACE" within "1s" to "1h";
    }
    /// The database.
    database: Database {
        /// `postgres://…` or `sqlite://…`. Default: an embedded `SQLite` file in the data folder.
        url: Option<Secret> = "" from "DATABASE_URL";
        /// The most connections one process opens.
        connections: u32 = "16" from "GANGWAY_DATABASE_CONNECTIONS" within "2" to "500";
        /// The longest one statement may take on PostgreSQL. SQLite knows no such limit.
        statement_timeout: Duration = "10s" from "GANGWAY_STATEMENT_TIMEOUT" within "100ms" to "10m";
    }
    /// Redis carries hints, wake-ups and callers' allowances, never state. Without it all of them stay inside the process.
    redis: Redis {
        /// `redis://…` or `rediss://…`. Default: none.
        url: Option<Secret> = "" from "REDIS_URL";
        /// What every key and channel begins with.
        prefix: String = "gangway" from "GANGWAY_REDIS_PREFIX";
    }
    /// Jobs and the processes that run them.
    worker: Worker {
        /// Whether `serve` also runs jobs. `worker` always does.
        enabled: bool = "true" from "GANGWAY_WORKER";
        /// Where the command `worker` answers `/healthz`, `/readyz` and `/metrics`, as `ADDRESS:PORT`. Default: nowhere.
        listen: Option<SocketAddr> = "" from "GANGWAY_WORKER_LISTEN";
        /// How a waiting job is announced. Only latency depends on it. Default: `redis` when `REDIS_URL` is set, else
        /// `memory`.
        hints: Option<Hints> = "" from "GANGWAY_HINTS";
        /// Jobs one process runs at a time.
        slots: u32 = "8" from "GANGWAY_WORKER_SLOTS" within "1" to "1000";
        /// How long a worker holds a job without a sign of life.
        lease: Duration = "30s" from "GANGWAY_LEASE" within "1s" to "1h";
        /// The folder with the state of simulated devices, for trying out. Connectors of the kind LAB work only where there is
        /// one. Default: none.
        lab: Option<PathBuf> = "" from "GANGWAY_LAB";
        /// The pause between two rounds of repair.
        reconcile_every: Duration = "5s" from "GANGWAY_RECONCILE_EVERY" within "50ms" to "10m";
    }
    /// The API's transport.
    http: Http {
        /// Web origins whose pages may call the API and open sockets, such as `https://desk.example.com`. The public
        /// URL's own origin always may.
        origins: Vec<Origin> = "" from "GANGWAY_ORIGINS";
        /// The largest body of a request.
        body_limit: Size = "1MiB" from "GANGWAY_BODY_LIMIT" within "1KiB" to "64MiB";
        /// The largest GraphQL document.
        document_limit: Size = "64KiB" from "GANGWAY_DOCUMENT_LIMIT" within "1KiB" to "1MiB";
        /// The longest a query or mutation may run.
        execution_timeout: Duration = "10s" from "GANGWAY_EXECUTION_TIMEOUT" within "10ms" to "10m";
        /// Whether `GET` may carry the text of a query. Default: only while the development issuer is on.
        get_documents: Option<bool> = "" from "GANGWAY_GET_DOCUMENTS";
        /// A JSON file with the documents the front end registered: an object from `sha256:HEX` to the text, as code
        /// generators write it. Default: none.
        documents: Option<PathBuf> = "" from "GANGWAY_DOCUMENTS";
        /// Whether callers may send documents that are not registered. Where they may not, those whose token has the
        /// scope `graphql:adhoc` still may. Default: while no file of documents is named.
        free_documents: Option<bool> = "" from "GANGWAY_FREE_DOCUMENTS";
        /// How much one caller may ask at once, in units of a document's cost (`rateLimit` tells it); shared by all
        /// processes with the same Redis. 0 means no limit.
        rate_capacity: u32 = "50000" from "GANGWAY_RATE_CAPACITY" within "0" to "1000000000";
        /// How much of it comes back every second. 0 means no limit.
        rate_refill: u32 = "1000" from "GANGWAY_RATE_REFILL" within "0" to "1000000";
        /// Queries and mutations that may run at a time; more are asked to come back (503).
        requests: u32 = "256" from "GANGWAY_MAX_REQUESTS" within "1" to "100000";
        /// Connections that may be open at a time.
        connections: u32 = "4096" from "GANGWAY_MAX_CONNECTIONS" within "1" to "1000000";
        /// Sockets and event streams one caller may hold open.
        sockets_per_caller: u32 = "20" from "GANGWAY_SOCKETS_PER_CALLER" within "1" to "10000";
        /// Operations that may be open on one socket.
        operations_per_socket: u32 = "100" from "GANGWAY_OPERATIONS_PER_SOCKET" within "1" to "10000";
        /// The largest message a socket takes.
        message_limit: Size = "64KiB" from "GANGWAY_MESSAGE_LIMIT" within "1KiB" to "1MiB";
        /// How long a socket may stay without `connection_init`.
        init_timeout: Duration = "10s" from "GANGWAY_INIT_TIMEOUT" within "100ms" to "1m";
        /// The pause between two signs of life on a socket or event stream.
        ping_every: Duration = "12s" from "GANGWAY_PING_EVERY" within "100ms" to "2m";
        /// How often an open socket's token is verified anew, so that a revoked right ends it.
        recheck_every: Duration = "30s" from "GANGWAY_RECHECK_EVERY" within "100ms" to "10m";
        /// Whether `/metrics` answers.
        metrics: bool = "true" from "GANGWAY_METRICS";
        /// A folder with the built `GraphiQL` (`scripts/console.sh` makes it). Default: `console` in the data folder.
        console: Option<PathBuf> = "" from "GANGWAY_CONSOLE";
    }
    /// Who may sign tokens, and what the log and certificates are signed with.
    auth: Auth {
        /// The issuers whose tokens count, as a JSON list of `{"issuer", "audience", "jwks_url" or "pem",
        /// "algorithms"}`.
        issuers: Vec<Issuer> = "" from "GANGWAY_JWT_ISSUERS";
        /// Whether tokens of `gangway token` count. Never in production. Default: on while no issuer is named and the
        /// API listens on loopback only.
        dev_issuer: Option<bool> = "" from "GANGWAY_DEV_ISSUER";
        /// What the development issuer signs with, 32 characters or more. Default: made once and kept in the data
        /// folder.
        dev_secret: Option<Secret> = "" from "GANGWAY_DEV_SECRET";
        /// What links to uploads and downloads are signed with, 32 characters or more; the same in every process.
        /// Default: made once and kept in the data folder.
        link_secret: Option<Secret> = "" from "GANGWAY_LINK_SECRET";
        /// What the secrets of connectors are encrypted with, 32 characters or more; the same in every process. Without it
        /// they cannot be read again. Default: made once and kept in the data folder.
        seal_secret: Option<Secret> = "" from "GANGWAY_SEAL_SECRET";
        /// The Ed25519 key (PKCS#8, PEM) that signs checkpoints and certificates. Default: made once and kept in the
        /// data folder.
        signing_key: Option<PathBuf> = "" from "GANGWAY_SIGNING_KEY";
        /// The public keys that signed before it, as `NAME+ID+KEY` separated by commas: what they signed still counts.
        retired_keys: String = "" from "GANGWAY_RETIRED_KEYS";
    }
    /// Uploaded files, and the places data returns read from and write to.
    storage: Storage {
        /// Where uploads lie: `local` (in the data folder) or the name of a store of `GANGWAY_S3_STORES`.
        files: FileStore = "local" from "GANGWAY_FILES";
        /// The largest upload.
        upload_limit: Size = "100MiB" from "GANGWAY_UPLOAD_LIMIT" within "1KiB" to "100GiB";
        /// Folders a holding's location may lie below, as `name=/absolute/path` separated by commas.
        sources: Vec<Root> = "" from "GANGWAY_SOURCES";
        /// Folders a data return may be delivered to, in the same form.
        destinations: Vec<Root> = "" from "GANGWAY_DESTINATIONS";
        /// Names of sources, folders and S3 stores, in which clients' data may be destroyed, separated by commas. In them a
        /// client's data lies below a folder that is called as its short name; nothing else is touched.
        erasable: Vec<StoreName> = "" from "GANGWAY_ERASABLE";
        /// S3 stores, as a JSON list of `{"name", "endpoint", "bucket", "region", "prefix", "uses"}`. The keys of
        /// store `name` come from `GANGWAY_S3_NAME_ACCESS_KEY_ID` and `GANGWAY_S3_NAME_SECRET_ACCESS_KEY`.
        s3_stores: Vec<S3Store> = "" from "GANGWAY_S3_STORES";
    }
    /// The process's own log.
    log: Log {
        /// `text` for people, `json` for machines: one line per event either way.
        format: LogFormat = "text" from "GANGWAY_LOG_FORMAT";
        /// Which events are written, as `level` or `module=level` separated by commas.
        filter: String = "info" from "GANGWAY_LOG";
    }
}

impl Config {
    /// The settings of this process: flags, then the environment, then the file, then the defaults.
    ///
    /// # Errors
    /// Everything that is wrong, each with the variable that says it.
    pub fn load(flags: &Flags) -> Result<Self, Problems> {
        Self::read(flags, &Environment::of_process())
    }

    /// The same from an environment that is handed in.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(flags: &Flags, environment: &Environment) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let sources = source::Sources::collect(flags, environment, SETTINGS, &mut problems);
        let config = Self::from_sources(&sources, &mut problems);
        let Some(mut config) = config else { return Err(Problems::new(problems)) };
        config.storage.read_store_keys(&sources, &mut problems);
        config.warnings = sources.unknown_variables(SETTINGS);
        config.check_together(&mut problems);
        if problems.is_empty() { Ok(config) } else { Err(Problems::new(problems)) }
    }

    /// What can only be judged by looking at more than one setting.
    fn check_together(&self, problems: &mut Vec<Problem>) {
        if self.hints() == Hints::Redis && self.redis.url.is_none() {
            problems.push(Problem::new("GANGWAY_HINTS", "`redis` needs REDIS_URL"));
        }
        self.auth.check(problems);
        self.storage.check(problems);
    }

    /// The URL callers reach the API by, without a slash at its end.
    pub fn public_url(&self) -> String {
        let url =
            self.server.public_url.as_ref().map_or_else(|| format!("http://{}", self.server.listen), Url::to_string);
        url.trim_end_matches('/').to_owned()
    }

    /// The database's URL: the one given, or that of the embedded file.
    pub fn database_url(&self) -> Secret {
        self.database.url.clone().unwrap_or_else(|| {
            let file = self.server.data.join("gangway.sqlite");
            Secret::new(format!("sqlite://{}?mode=rwc", in_url(&file)))
        })
    }

    /// How waiting jobs are announced.
    pub fn hints(&self) -> Hints {
        self.worker.hints.unwrap_or(if self.redis.url.is_some() { Hints::Redis } else { Hints::Memory })
    }

    /// Whether tokens of the development issuer count.
    pub fn is_dev_issuer_on(&self) -> bool {
        let is_loopback = self.server.listen.ip().to_canonical().is_loopback();
        self.auth.dev_issuer.unwrap_or(self.auth.issuers.is_empty() && is_loopback)
    }

    /// Whether `GET` may carry the text of a query.
    pub fn takes_get_documents(&self) -> bool {
        self.http.get_documents.unwrap_or_else(|| self.is_dev_issuer_on())
    }

    /// Whether callers may send documents that are not registered.
    pub fn takes_free_documents(&self) -> bool {
        self.http.free_documents.unwrap_or(self.http.documents.is_none())
    }

    /// The folder with the built `GraphiQL`, whether it is there or not.
    pub fn console_dir(&self) -> PathBuf {
        self.http.console.clone().unwrap_or_else(|| self.server.data.join("console"))
    }

    /// The web origins whose pages may call the API: those named, that of the public URL, and while the
    /// API listens on loopback the other names of loopback at the same port.
    pub fn origins(&self) -> Vec<Origin> {
        let mut origins = self.http.origins.clone();
        origins.extend(Origin::of(&self.public_url()));
        if self.server.listen.ip().to_canonical().is_loopback() {
            let port = self.server.listen.port();
            let names = ["localhost", "127.0.0.1", "[::1]"];
            origins.extend(names.iter().filter_map(|name| Origin::of(&format!("http://{name}:{port}"))));
        }
        origins.sort();
        origins.dedup();
        origins
    }
}

/// A path as a URL holds it, in which a space, `?` or `%` would mean something else.
fn in_url(path: &Path) -> String {
    let encoded = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    path.as_os_str().as_bytes().iter().map(encoded).collect()
}
