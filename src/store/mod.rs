//! Everything that speaks to the database: queries, and the way between rows and the domain's types.
//!
//! * A **read** takes a [`ClientScope`]; there is no unscoped `find` to call by mistake.
//! * A **write** takes a [`Tx`], which only [`Db::begin`] makes; `app` holds it open for one deed.
//! * Nothing here waits for the outside world, so a transaction is as long as its statements.
//!
//! Deliberately absent: rules. A row that breaks one is [`Error::Inconsistent`], not mended.
//! To add a noun, add a module with its `find`, `get`, `list`, `load_many`, `insert` and `update`.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, QueryFilter, RuntimeErr, Select, SqlErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{
    auth::ClientScope,
    error::{Error, Inconsistent, Result, Unavailable},
};

pub(crate) mod actor;
pub(crate) mod agreement;
pub(crate) mod api_key;
pub(crate) mod certificate;
pub(crate) mod challenge;
pub(crate) mod client;
pub(crate) mod connector;
pub(crate) mod contact;
pub(crate) mod decision;
mod dialect;
pub(crate) mod engagement;
pub(crate) mod evidence;
pub(crate) mod exception;
pub(crate) mod fact;
pub(crate) mod file;
pub(crate) mod holding;
pub(crate) mod idempotency;
pub(crate) mod job;
pub(crate) mod log;
mod page;
mod pool;
pub(crate) mod process;
pub(crate) mod recipient_key;
pub(crate) mod room;
pub(crate) mod situation;
pub(crate) mod stakeholder;
pub(crate) mod step;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod user;
pub(crate) mod worker;

/// What a query runs on: a pool, or a transaction that has not ended.
pub(crate) use sea_orm::ConnectionTrait as Reader;

pub use pool::PoolUse;

pub(crate) use page::{Sort, counted, counted_each, fetch, fetch_by, fetch_each, fetch_each_by};

/// How long a caller is asked to wait when the database does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Lets one process at a time migrate. The number only has to be ours.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(7165917)";

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite://…` or `postgres://…`.
    pub url: String,
    /// The most connections one process opens.
    pub max_connections: u32,
    /// The longest one statement may take.
    pub statement_timeout: Duration,
}

/// The database: one pool on PostgreSQL; on SQLite one connection that writes and several that read,
/// because SQLite lets one transaction write at a time and fails a second one instead of queueing it.
#[derive(Clone)]
pub struct Db {
    read: DatabaseConnection,
    write: DatabaseConnection,
    statements: Arc<AtomicU64>,
}

/// An open transaction that may write.
pub type Tx = DatabaseTransaction;

impl Db {
    /// Opens the pools.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn connect(options: &Options) -> Result<Self> {
        let statements = Arc::new(AtomicU64::new(0));
        let read = open(options, options.max_connections, &statements).await?;
        let write = match read.get_database_backend() {
            DbBackend::Sqlite => open(options, 1, &statements).await?,
            _ => read.clone(),
        };
        Ok(Self { read, write, statements })
    }

    /// Brings the schema up to date. Safe to run twice and from several processes.
    ///
    /// # Errors
    /// `Internal` when a change fails; the database then is as before it.
    pub async fn migrate(&self) -> Result<()> {
        // Nothing is locked on SQLite, where only one process uses the file.
        let turn = match self.backend() {
            DbBackend::Postgres => {
                let turn = self.write.begin().await?;
                turn.execute_unprepared(MIGRATION_LOCK).await?;
                Some(turn)
            }
            _ => None,
        };
        Migrator::up(&self.write, None).await?;
        if let Some(turn) = turn {
            turn.commit().await?;
        }
        Ok(())
    }

    /// How many schema changes this program knows that the database does not have yet.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn pending_migrations(&self) -> Result<usize> {
        Ok(Migrator::get_pending_migrations(&self.read).await?.len())
    }

    /// For reads outside a transaction.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// For single statements that write, such as a claim.
    pub fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// Opens a transaction that may write.
    ///
    /// # Errors
    /// `Unavailable` when no connection is free in time.
    pub async fn begin(&self) -> Result<Tx> {
        let options = TransactionOptions {
            isolation_level: None,
            // To name the default, which is to write, would cost a round trip of its own.
            access_mode: None,
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        Ok(self.write.begin_with_options(options).await?)
    }

    /// Closes the pools, waiting for statements under way.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn close(self) -> Result<()> {
        self.read.close().await?;
        Ok(self.write.close().await?)
    }

    /// Asks the database for the smallest of answers.
    ///
    /// # Errors
    /// `Unavailable` when it gives none.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.read.ping().await?)
    }

    /// Which of the two databases this is.
    pub fn backend(&self) -> DbBackend {
        self.read.get_database_backend()
    }

    /// How many statements ran so far, for tests that count them.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Db({:?})", self.backend())
    }
}

async fn open(options: &Options, max: u32, statements: &Arc<AtomicU64>) -> Result<DatabaseConnection> {
    let mut connect = ConnectOptions::new(&options.url);
    connect
        .max_connections(max)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(8))
        .connect_timeout(Duration::from_secs(8))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
        });
    if options.url.starts_with("postgres") {
        connect.statement_timeout(options.statement_timeout);
    }
    let mut connection = Database::connect(connect).await?;
    let count = Arc::clone(statements);
    connection.set_metric_callback(move |info| {
        count.fetch_add(1, Ordering::Relaxed);
        metrics::histogram!("gangway_sql_seconds").record(info.elapsed.as_secs_f64());
    });
    Ok(connection)
}

/// Reads a stored word into its closed set.
///
/// # Errors
/// `Inconsistent` when the word is not of the set.
pub(crate) fn word<T: FromStr>(
    table: &'static str,
    column: &'static str,
    id: impl fmt::Display,
    word: &str,
) -> Result<T> {
    word.parse().map_err(|_invalid| inconsistent(table, column, id))
}

/// Reads stored JSON into its type.
///
/// # Errors
/// `Inconsistent` when it does not fit.
pub(crate) fn json<T: serde::de::DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    id: impl fmt::Display,
    value: serde_json::Value,
) -> Result<T> {
    serde_json::from_value(value).map_err(|_misfit| inconsistent(table, column, id))
}

/// Writes a value that always serialises.
///
/// # Errors
/// `Internal` when it does not, which is a bug.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(Error::internal)
}

pub(in crate::store) fn inconsistent(table: &'static str, column: &'static str, id: impl fmt::Display) -> Error {
    Error::Inconsistent(Inconsistent { table, column, id: id.to_string() })
}

/// Only rows whose client the scope allows. Rows without a client are seen only by those who see all.
pub(crate) fn within<E: EntityTrait>(select: Select<E>, client: impl ColumnTrait, scope: &ClientScope) -> Select<E> {
    match scope.restriction() {
        None => select,
        Some(clients) => select.filter(client.is_in(clients.iter().map(|id| id.uuid()))),
    }
}

/// Whether the error says that a unique value is taken.
pub(crate) fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_outage(&error) {
            return Self::Unavailable(Unavailable {
                system: "database",
                retry_after: RETRY_AFTER,
                source: error.into(),
            });
        }
        Self::internal(error)
    }
}

/// Whether the same statement may succeed when it is sent again: no connection, a restart, a deadlock.
fn is_outage(error: &DbErr) -> bool {
    let runtime = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return true,
        DbErr::Exec(runtime) | DbErr::Query(runtime) => runtime,
        _ => return false,
    };
    let RuntimeErr::SqlxError(sqlx) = runtime else { return false };
    match sqlx.as_ref() {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        // 40001/40P01: lost a race; 57*: the server stops or cancels; 08*: the connection broke; 53*: it is full.
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            matches!(code.as_ref(), "40001" | "40P01") || ["57", "08", "53"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}
