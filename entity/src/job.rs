//! The `job` table.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: Option<Uuid>,
    pub engagement_id: Option<Uuid>,
    pub step_id: Option<Uuid>,
    pub plan_id: Option<Uuid>,
    pub parent_id: Option<Uuid>,
    pub kind: String,
    pub state: String,
    pub args: Json,
    pub reason: Option<String>,
    pub priority: i32,
    pub attempt: i32,
    pub max_attempts: i32,
    pub crash_count: i32,
    pub run_at: DateTimeUtc,
    pub hinted_at: Option<DateTimeUtc>,
    pub worker: Option<String>,
    pub fence: i64,
    pub lease_until: Option<DateTimeUtc>,
    pub is_cancel_requested: bool,
    pub progress: Json,
    pub progressed_at: Option<DateTimeUtc>,
    pub checkpoint: Option<Json>,
    pub result: Option<Json>,
    pub error: Option<Json>,
    pub unique_key: Option<String>,
    pub started_by: String,
    pub created_at: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
}

/// None: nested reads are flat statements by key, not joins.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
