//! Outside systems, and the lines of the ledger that are reached through them.

use sea_orm_migration::prelude::*;

use crate::dialect::render;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261201_000002_connectors"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and async_trait makes the two forms differ")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = render(include_str!("connectors.sql"), manager.get_database_backend());
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
