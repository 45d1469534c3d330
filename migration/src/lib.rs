//! Gangway's schema changes: one module per change, forward only, the same on SQLite and PostgreSQL.
//!
//! Tables are written as SQL, because that is what a person reads when something is wrong at night.
//! The few types whose names differ between the two databases stand in braces and are filled in by
//! [`dialect::render`]; triggers, whose languages differ, are one file per database.
//!
//! To add a change, add a module named `mYYYYMMDD_NNNNNN_what`, expand first, contract in a later
//! release, and list it in [`Migrator`].

use sea_orm_migration::prelude::*;

pub use sea_orm_migration::MigratorTrait;

pub mod dialect;
mod m20261122_000001_spine;
mod m20261123_000001_uploads;
mod m20261130_000001_work_queue;
mod m20261201_000001_kept_by_store;
mod m20261201_000002_connectors;

/// Every change in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_spine::Migration),
            Box::new(m20261123_000001_uploads::Migration),
            Box::new(m20261130_000001_work_queue::Migration),
            Box::new(m20261201_000001_kept_by_store::Migration),
            Box::new(m20261201_000002_connectors::Migration),
        ]
    }
}
