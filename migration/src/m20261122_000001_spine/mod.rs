//! The spine: clients, agreements, processes, engagements, the ledger, jobs and the log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect::render;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_000001_spine"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and async_trait makes the two forms differ")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let backend = manager.get_database_backend();
        let triggers = match backend {
            DbBackend::Postgres => include_str!("triggers.postgres.sql"),
            _ => include_str!("triggers.sqlite.sql"),
        };
        db.execute_unprepared(&render(include_str!("tables.sql"), backend)).await?;
        db.execute_unprepared(triggers).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
