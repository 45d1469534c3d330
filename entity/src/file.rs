//! The `file` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "file")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: Uuid,
    pub name: String,
    pub state: String,
    pub byte_count: i64,
    pub announced_sha256: Option<String>,
    pub media_type: Option<String>,
    pub sha256: Option<String>,
    pub storage_key: Option<String>,
    pub created_by: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub stored_at: Option<DateTimeUtc>,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
