//! The one log: nothing is lost, doubled or moved, and nobody changes it unseen.

use gangway::{
    app::{self, App},
    auth::Actor,
    domain::{
        event::{Event, EventCursor, EventFilter, EventKind, NewEvent},
        log::{Defect, Verification},
        role::Role,
    },
    ids::{ClientId, EventId},
};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::support::{TestApp, on_both_stacks};

mod asking;
mod live;
mod order;
mod proofs;
mod tampering;
mod triggers;

/// Commits one deed with `count` events.
async fn deed(app: &App, actor: &Actor, client: ClientId, name: &str, count: usize) {
    let mut deed = app.begin(actor).await.unwrap();
    for number in 0..count {
        let event = NewEvent::new(EventKind::ClientUpdated, client, format!("Change {number} of {name}."));
        deed.record(event.client(client).with("deed", name).with("number", number));
    }
    deed.commit().await.unwrap();
}

/// A log with `count` sealed events of one client.
async fn filled(test: &TestApp, count: usize) -> ClientId {
    let client = test.app.new_id();
    let mut left = count;
    while left > 0 {
        let size = left.min(7);
        deed(&test.app, &test.staff(Role::Operator), client, &left.to_string(), size).await;
        left -= size;
    }
    app::log::seal_waiting(&test.app).await.unwrap();
    client
}

async fn verified(test: &TestApp) -> Verification {
    app::log::verify(&test.app, &test.staff(Role::Compliance), None, None).await.unwrap()
}

async fn all_events(test: &TestApp) -> Vec<Event> {
    let (mut events, mut next) = (Vec::new(), EventCursor::START);
    loop {
        let actor = test.staff(Role::Operator);
        let batch = app::log::read(&test.app, &actor, &EventFilter::default(), next, 100).await.unwrap();
        events.extend(batch.events);
        next = batch.next;
        if batch.is_end {
            return events;
        }
    }
}

/// Runs SQL as somebody who has the database for himself.
async fn forge(test: &TestApp, sql: &str) {
    test.app.db().write().execute_unprepared(sql).await.unwrap();
}

/// Takes the guards off.
async fn disarm(test: &TestApp) {
    test.forges();
    let sql = match test.app.db().backend() {
        DbBackend::Postgres => {
            "ALTER TABLE event DISABLE TRIGGER ALL; ALTER TABLE log_head DISABLE TRIGGER ALL;
             ALTER TABLE log_checkpoint DISABLE TRIGGER ALL; ALTER TABLE log_subtree DISABLE TRIGGER ALL;"
        }
        _ => {
            "DROP TRIGGER event_append_only; DROP TRIGGER event_unsealed_at_first; DROP TRIGGER event_no_delete;
             DROP TRIGGER log_head_grows; DROP TRIGGER log_head_no_delete; DROP TRIGGER log_head_no_replace;
             DROP TRIGGER log_checkpoint_no_update; DROP TRIGGER log_checkpoint_no_delete;
             DROP TRIGGER log_checkpoint_no_replace; DROP TRIGGER log_subtree_no_update;
             DROP TRIGGER log_subtree_no_delete; DROP TRIGGER log_subtree_no_replace;"
        }
    };
    forge(test, sql).await;
}

async fn expect(test: &TestApp, position: u64, defect: Defect) {
    let verification = verified(test).await;
    let finding = verification.finding.expect("the log does not hold");
    assert_eq!((finding.position, finding.defect), (position, defect), "{}", finding.message);
}
