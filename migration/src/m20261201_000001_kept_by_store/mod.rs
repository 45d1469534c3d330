//! A line of the ledger may stay until its store lets go of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261201_000001_kept_by_store"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and async_trait makes the two forms differ")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("kept.postgres.sql"),
            _ => include_str!("kept.sqlite.sql"),
        };
        let db = manager.get_connection();
        db.execute_unprepared(sql).await?;
        if manager.get_database_backend() == DbBackend::Sqlite {
            // A text that somebody wrote anew has nothing to replace, which is found out here and not by the first job.
            let rewritten =
                "SELECT 1 FROM sqlite_schema WHERE name = 'holding' AND sql LIKE '%retained_until IS NOT NULL%'";
            let found = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, rewritten)).await?;
            found.ok_or_else(|| DbErr::Custom("the table holding is not as an earlier change made it".to_owned()))?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
