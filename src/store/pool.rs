//! How much of the pools is in use.

use sea_orm::{DatabaseConnection, DbBackend};

use super::Db;

/// A pool as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// What it is for: `all`, or on SQLite `read` and `write`.
    pub pool: &'static str,
    /// Connections that somebody holds.
    pub busy: u32,
    /// Connections that wait for somebody.
    pub idle: u32,
}

impl Db {
    /// Every pool as it stands.
    pub fn pools(&self) -> Vec<PoolUse> {
        match self.backend() {
            DbBackend::Sqlite => vec![of("read", &self.read), of("write", &self.write)],
            _ => vec![of("all", &self.read)],
        }
    }
}

fn of(pool: &'static str, connection: &DatabaseConnection) -> PoolUse {
    let (size, idle) = if connection.get_database_backend() == DbBackend::Sqlite {
        let pool = connection.get_sqlite_connection_pool();
        (pool.size(), pool.num_idle())
    } else {
        let pool = connection.get_postgres_connection_pool();
        (pool.size(), pool.num_idle())
    };
    // The two are read one after the other, and connections come and go in between.
    let idle = u32::try_from(idle).unwrap_or(size).min(size);
    PoolUse { pool, busy: size - idle, idle }
}
