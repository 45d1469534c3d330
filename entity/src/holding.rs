//! The `holding` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "holding")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: Uuid,
    pub kind: String,
    pub state: String,
    pub name: String,
    pub external_ref: Option<String>,
    pub connector_id: Option<Uuid>,
    pub details: Json,
    pub retained_clause: Option<String>,
    pub retained_until: Option<DateTimeUtc>,
    pub decision_id: Option<Uuid>,
    pub exception_id: Option<Uuid>,
    pub last_probed_at: Option<DateTimeUtc>,
    pub acknowledged_at: Option<DateTimeUtc>,
    pub closed_at: Option<DateTimeUtc>,
    pub revision: i32,
    pub created_by: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
