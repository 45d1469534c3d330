//! How the queue does, in a handful of statements that read indexes.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};

use entity::job::{Column, Entity};

use super::{TABLE, states};
use crate::{
    auth::ClientScope,
    clock::{Instant, to_millis},
    domain::job::{JobKind, JobState, Presence, QueueHealth},
    error::Result,
    store::{
        self, Db,
        dialect::{Dialect, millis},
        word,
    },
};

/// The most workers an answer names.
const WORKERS_MAX: u64 = 1_000;

/// How the queue does: live jobs as they stand, what ended since `ended_since`, and the workers that were
/// seen within `silence`. Jobs are counted within `scope`.
///
/// # Errors
/// `Inconsistent` for a broken row.
pub(crate) async fn health(
    db: &Db,
    scope: &ClientScope,
    ended_since: Instant,
    silence: Duration,
) -> Result<QueueHealth> {
    let (due_count, oldest_due_at) = due(db, scope).await?;
    Ok(QueueHealth {
        counts: live(db.read(), scope).await?,
        due_count,
        oldest_due_at,
        ended: ended(db.read(), scope, ended_since).await?,
        workers: workers(db, silence).await?,
    })
}

fn scoped(scope: &ClientScope) -> Select<Entity> {
    store::within(Entity::find(), Column::ClientId, scope).select_only()
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

async fn live(db: &impl ConnectionTrait, scope: &ClientScope) -> Result<Vec<(JobKind, JobState, u64)>> {
    let counts = scoped(scope)
        .column(Column::Kind)
        .column(Column::State)
        .column_as(Expr::cust("COUNT(*)"), "count")
        .filter(Expr::cust(format!("state IN ({})", states(JobState::LIVE))))
        .group_by(Column::Kind)
        .group_by(Column::State)
        .order_by_asc(Column::Kind)
        .order_by_asc(Column::State)
        .into_tuple::<(String, String, i64)>()
        .all(db)
        .await?;
    let row = |(kind, state, count): (String, String, i64)| {
        Ok((word(TABLE, "kind", &kind, &kind)?, word(TABLE, "state", &state, &state)?, number(count)))
    };
    counts.into_iter().map(row).collect()
}

/// How many jobs are due and wait for a worker, and since when the first of them.
///
/// # Errors
/// Those of the database.
pub(crate) async fn due(db: &Db, scope: &ClientScope) -> Result<(u64, Option<Instant>)> {
    let now = Dialect::of(db.backend()).now();
    let due = format!("state IN ({}) AND run_at <= {now}", states(JobState::CLAIMABLE));
    let found = scoped(scope)
        .column_as(Expr::cust("COUNT(*)"), "count")
        .column_as(Column::RunAt.min(), "oldest")
        .filter(Expr::cust(due))
        .into_tuple::<(i64, Option<Instant>)>()
        .one(db.read())
        .await?;
    Ok(found.map_or((0, None), |(count, oldest)| (number(count), oldest.map(to_millis))))
}

async fn ended(db: &impl ConnectionTrait, scope: &ClientScope, since: Instant) -> Result<Vec<(JobState, u64)>> {
    let counts = scoped(scope)
        .column(Column::State)
        .column_as(Expr::cust("COUNT(*)"), "count")
        .filter(Column::FinishedAt.gte(since))
        .group_by(Column::State)
        .order_by_asc(Column::State)
        .into_tuple::<(String, i64)>()
        .all(db)
        .await?;
    counts.into_iter().map(|(state, count)| Ok((word(TABLE, "state", &state, &state)?, number(count)))).collect()
}

async fn workers(db: &Db, silence: Duration) -> Result<Vec<(Presence, Instant)>> {
    use entity::worker::{Column, Entity};
    let dialect = Dialect::of(db.backend());
    let seen = Expr::cust_with_values(format!("seen_at >= {}", dialect.before("$1")), [millis(silence)]);
    let rows = Entity::find().filter(seen).order_by_asc(Column::StartedAt).limit(WORKERS_MAX).all(db.read()).await?;
    let count = |value: i32| u32::try_from(value).unwrap_or_default();
    let presence = |row: entity::worker::Model| {
        let presence = Presence {
            worker: row.id.into(),
            host: row.host,
            process_id: count(row.process_id),
            slots: count(row.slots),
            busy: count(row.busy),
            is_draining: row.is_draining,
            started_at: row.started_at,
        };
        (presence, row.seen_at)
    };
    Ok(rows.into_iter().map(presence).collect())
}
