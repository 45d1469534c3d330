//! Whether the process can work now: its database and the schema; and whether Redis, where it is configured, is there.

use async_trait::async_trait;

use crate::{
    config::Secret,
    error::{Error, Result},
    http::{Check, Readiness},
    store::Db,
};

/// Looks at what this process needs.
pub(super) struct Process {
    db: Db,
    redis: Option<redis::Client>,
}

impl Process {
    pub(super) fn new(db: Db, redis: Option<&Secret>) -> Result<Self> {
        let redis = redis.map(|url| redis::Client::open(url.expose())).transpose().map_err(Error::internal)?;
        Ok(Self { db, redis })
    }

    async fn redis(client: &redis::Client) -> bool {
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
        redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
    }
}

#[async_trait]
impl Readiness for Process {
    async fn check(&self) -> Vec<Check> {
        let pending = self.db.pending_migrations().await;
        if let Err(error) = &pending {
            tracing::warn!(error = error.describe(), "the database does not answer");
        }
        let mut checks = vec![
            Check { name: "database", is_ok: pending.is_ok(), is_needed: true },
            Check { name: "migrations", is_ok: pending.is_ok_and(|count| count == 0), is_needed: true },
        ];
        if let Some(client) = &self.redis {
            checks.push(Check { name: "redis", is_ok: Self::redis(client).await, is_needed: false });
        }
        checks
    }
}
