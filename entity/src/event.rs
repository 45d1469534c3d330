//! The `event` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub id: Uuid,
    pub position: Option<i64>,
    pub leaf_hash: Option<Vec<u8>>,
    pub tree_root: Option<Vec<u8>>,
    pub at: DateTimeUtc,
    pub kind: String,
    pub actor: String,
    pub client_id: Option<Uuid>,
    pub subject_id: String,
    pub job_id: Option<Uuid>,
    pub cause_id: Option<Uuid>,
    pub summary: String,
    pub payload: Json,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
