//! The `agreement` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agreement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: Uuid,
    pub kind: String,
    pub state: String,
    pub title: String,
    pub details: Json,
    pub file_id: Option<Uuid>,
    pub effective_on: Option<Date>,
    pub ends_on: Option<Date>,
    pub signed_at: Option<DateTimeUtc>,
    pub signed_by_name: Option<String>,
    pub signature: Option<Json>,
    pub revision: i32,
    pub created_by: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
