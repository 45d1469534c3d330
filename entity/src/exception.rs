//! The `exception` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "exception")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: Uuid,
    pub engagement_id: Uuid,
    pub step_id: Option<Uuid>,
    pub holding_id: Option<Uuid>,
    pub r#type: String,
    pub state: String,
    pub situation: String,
    pub justification: String,
    pub risks: Json,
    pub actions: Json,
    pub decision_id: Option<Uuid>,
    pub requested_by: String,
    pub requested_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
    pub revision: i32,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
