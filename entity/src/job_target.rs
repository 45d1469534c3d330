//! The `job_target` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "job_target")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub job_id: Uuid,
    pub client_id: Option<Uuid>,
    pub holding_id: Option<Uuid>,
    pub position: i32,
    pub name: String,
    pub state: String,
    pub attempt: i32,
    pub details: Json,
    pub outcome: Option<Json>,
    pub error: Option<Json>,
    pub updated_at: DateTimeUtc,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
