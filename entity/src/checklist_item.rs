//! The `checklist_item` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "checklist_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub step_id: Uuid,
    pub client_id: Uuid,
    pub key: String,
    pub position: i32,
    pub text: String,
    pub is_required: bool,
    pub state: String,
    pub note: Option<String>,
    pub set_by: Option<String>,
    pub set_at: Option<DateTimeUtc>,
    pub revision: i32,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
