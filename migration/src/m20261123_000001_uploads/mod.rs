//! Uploads as they came to be: a file is announced with its size, measured as it arrives, and frozen then. Nothing
//! wrote to the table before. And indexes for jobs that are over.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect::render;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000001_uploads"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and async_trait makes the two forms differ")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let backend = manager.get_database_backend();
        let file = match backend {
            DbBackend::Postgres => include_str!("file.postgres.sql"),
            _ => include_str!("file.sqlite.sql"),
        };
        db.execute_unprepared(&render(file, backend)).await?;
        db.execute_unprepared(include_str!("jobs.sql")).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
