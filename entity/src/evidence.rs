//! The `evidence` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "evidence")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: Uuid,
    pub step_id: Option<Uuid>,
    pub holding_id: Option<Uuid>,
    pub kind: String,
    pub label: String,
    pub details: Json,
    pub file_id: Option<Uuid>,
    pub sha256: Option<String>,
    pub recorded_by: String,
    pub recorded_at: DateTimeUtc,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
