//! The `fact` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "fact")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: Uuid,
    pub kind: String,
    pub name: String,
    pub source: String,
    pub state: String,
    pub details: Json,
    pub collected_by: String,
    pub collected_at: DateTimeUtc,
    pub verified_by: Option<String>,
    pub verified_at: Option<DateTimeUtc>,
    pub revision: i32,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
