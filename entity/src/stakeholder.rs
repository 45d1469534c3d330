//! The `stakeholder` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "stakeholder")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub engagement_id: Uuid,
    pub client_id: Uuid,
    pub position: i32,
    pub name: String,
    pub responsibilities: String,
    pub phone_raw: Option<String>,
    pub phone_e164: Option<String>,
    pub raci: Json,
    pub revision: i32,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
