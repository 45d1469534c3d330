//! Somebody who has the database for himself changes the log. Every way is found and named.

use super::*;

on_both_stacks! {
    async fn an_untouched_log_holds(test) {
        filled(&test, 600).await;
        app::log::sign(&test.app).await.unwrap();
        let verification = verified(&test).await;
        assert!(verification.holds(), "{verification:?}");
        assert_eq!((verification.from, verification.to, verification.held, verification.checkpoints), (0, 600, 600, 1));
        let part = app::log::verify(&test.app, &test.staff(Role::Compliance), Some(300), Some(513)).await.unwrap();
        assert!(part.holds() && part.held == 213, "{part:?}");
        assert!(app::log::verify(&test.app, &test.staff(Role::Compliance), Some(600), None).await.unwrap().holds());
    }

    async fn an_empty_log_holds(test) {
        let verification = verified(&test).await;
        assert!(verification.holds() && verification.to == 0, "{verification:?}");
    }

    async fn a_changed_event_is_named_whatever_was_changed(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        let before = all_events(&test).await[7].clone();
        for (change, undo) in [
            ("summary = 'Nothing happened.'".to_owned(), format!("summary = '{}'", before.summary)),
            ("actor = 'system'".to_owned(), format!("actor = '{}'", before.actor)),
            ("actor = 'nobody'".to_owned(), format!("actor = '{}'", before.actor)),
            ("kind = 'client.created'".to_owned(), format!("kind = '{}'", before.kind)),
            ("subject_id = 'cli_x'".to_owned(), format!("subject_id = '{}'", before.subject_id)),
            ("payload = '{}'".to_owned(), format!("payload = '{}'", serde_json::to_string(&before.payload).unwrap())),
            ("payload = '[]'".to_owned(), format!("payload = '{}'", serde_json::to_string(&before.payload).unwrap())),
        ] {
            forge(&test, &format!("UPDATE event SET {change} WHERE position = 7")).await;
            expect(&test, 7, Defect::Changed).await;
            forge(&test, &format!("UPDATE event SET {undo} WHERE position = 7")).await;
            assert!(verified(&test).await.holds(), "undone: {change}");
        }
        forge(&test, "UPDATE event SET client_id = NULL WHERE position = 7").await;
        expect(&test, 7, Defect::Changed).await;
    }

    async fn an_event_that_was_changed_together_with_its_hash_is_named(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        // The forged event is the ninth, put in the place of the eighth with everything but its root.
        forge(&test, "UPDATE event SET leaf_hash = (SELECT leaf_hash FROM event WHERE position = 8) WHERE position = 7").await;
        for column in ["id", "at", "kind", "actor", "client_id", "subject_id", "summary", "payload"] {
            if column != "id" {
                let from = format!("(SELECT {column} FROM event WHERE position = 8)");
                forge(&test, &format!("UPDATE event SET {column} = {from} WHERE position = 7")).await;
            }
        }
        expect(&test, 7, Defect::Changed).await;
    }

    async fn a_row_that_no_longer_reads_is_named(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        match test.app.db().backend() {
            DbBackend::Postgres => forge(&test, "UPDATE event SET payload = '7' WHERE position = 11").await,
            _ => forge(&test, "UPDATE event SET payload = 'no JSON' WHERE position = 11").await,
        }
        expect(&test, 11, Defect::Changed).await;
    }

    async fn a_removed_event_is_named(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        forge(&test, "DELETE FROM event WHERE position = 7").await;
        expect(&test, 7, Defect::Missing).await;
    }

    async fn a_removed_event_is_named_when_the_others_close_up(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        forge(&test, "DELETE FROM event WHERE position = 7").await;
        for position in 8..20 {
            forge(&test, &format!("UPDATE event SET position = {} WHERE position = {position}", position - 1)).await;
        }
        expect(&test, 7, Defect::Missing).await;
    }

    async fn an_inserted_event_is_named(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        for position in (7..20).rev() {
            forge(&test, &format!("UPDATE event SET position = {} WHERE position = {position}", position + 1)).await;
        }
        insert(&test, 7).await;
        expect(&test, 7, Defect::Inserted).await;
    }

    async fn an_event_put_behind_the_last_one_is_named(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        insert(&test, 20).await;
        expect(&test, 20, Defect::Inserted).await;
    }

    async fn swapped_events_are_named_by_the_first_of_them(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        swap(&test, 7, 15).await;
        expect(&test, 7, Defect::Reordered).await;
        swap(&test, 7, 15).await;
        assert!(verified(&test).await.holds());
        swap(&test, 10, 11).await;
        expect(&test, 10, Defect::Reordered).await;
    }

    async fn a_cut_log_is_named(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        forge(&test, "DELETE FROM event WHERE position >= 12").await;
        expect(&test, 12, Defect::Cut).await;
    }

    async fn a_log_that_was_cut_together_with_its_head_is_named_by_the_checkpoint(test) {
        filled(&test, 12).await;
        let frontier = "(SELECT frontier FROM log_head WHERE id = 1)";
        forge(&test, &format!("CREATE TABLE kept AS SELECT {frontier} AS frontier")).await;
        filled(&test, 8).await;
        app::log::sign(&test.app).await.unwrap();
        disarm(&test).await;
        forge(&test, "DELETE FROM event WHERE position >= 12").await;
        forge(&test, "UPDATE log_head SET size = 12, frontier = (SELECT frontier FROM kept)").await;
        expect(&test, 12, Defect::Cut).await;
        assert!(app::log::sign(&test.app).await.is_err(), "a cut log is not signed");
    }

    async fn a_head_that_does_not_fit_is_named(test) {
        filled(&test, 20).await;
        disarm(&test).await;
        forge(&test, "UPDATE log_head SET frontier = (SELECT leaf_hash || tree_root FROM event WHERE position = 3)").await;
        expect(&test, 20, Defect::Head).await;
        assert!(app::log::sign(&test.app).await.is_err(), "a head that does not fit is not signed");
    }

    async fn a_log_that_was_rewritten_with_all_its_hashes_is_named_by_the_checkpoint(test) {
        filled(&test, 12).await;
        app::log::sign(&test.app).await.unwrap();
        filled(&test, 8).await;
        app::log::sign(&test.app).await.unwrap();
        disarm(&test).await;
        // Everything after the first checkpoint is unsealed, one event is bent, and the log's own sealer does the rest.
        forge(&test, "UPDATE event SET summary = 'Forged.' WHERE position = 15").await;
        forge(&test, "UPDATE event SET position = NULL, leaf_hash = NULL, tree_root = NULL").await;
        forge(&test, "UPDATE log_head SET size = 0, frontier = ''").await;
        assert_eq!(app::log::seal_waiting(&test.app).await.unwrap(), Some(20));
        expect(&test, 12, Defect::Checkpoint).await;
        assert!(app::log::sign(&test.app).await.is_err(), "a rewritten log is not signed");
    }

    async fn a_forged_checkpoint_is_named(test) {
        filled(&test, 12).await;
        app::log::sign(&test.app).await.unwrap();
        disarm(&test).await;
        forge(&test, "UPDATE log_checkpoint SET note = replace(note, 'gangway.test', 'forgery.test')").await;
        expect(&test, 12, Defect::Checkpoint).await;
    }

    async fn a_bent_subtree_hash_is_named(test) {
        filled(&test, 600).await;
        disarm(&test).await;
        forge(&test, "UPDATE log_subtree SET hash = (SELECT leaf_hash FROM event WHERE position = 0) WHERE number = 1").await;
        expect(&test, 256, Defect::Subtree).await;
    }
}

/// Exchanges two events whole.
async fn swap(test: &TestApp, one: u64, other: u64) {
    forge(test, &format!("UPDATE event SET position = 1000 WHERE position = {one}")).await;
    forge(test, &format!("UPDATE event SET position = {one} WHERE position = {other}")).await;
    forge(test, &format!("UPDATE event SET position = {other} WHERE position = 1000")).await;
}

/// Puts a new event at `position`, with the hash that its content has.
async fn insert(test: &TestApp, position: u64) {
    let actor = test.staff(Role::Operator);
    let mut deed = test.app.begin(&actor).await.unwrap();
    deed.record(NewEvent::new(EventKind::ClientUpdated, "cli_x", "Forged."));
    deed.commit().await.unwrap();
    let forged = Event { position, ..unsealed(test).await };
    let leaf = gangway::domain::log::leaf::hash(&forged).unwrap();
    let bytes = match test.app.db().backend() {
        DbBackend::Postgres => format!("decode('{leaf}', 'hex')"),
        _ => format!("unhex('{leaf}')"),
    };
    let set = format!("position = {position}, leaf_hash = {bytes}, tree_root = {bytes}");
    forge(test, &format!("UPDATE event SET {set} WHERE position IS NULL")).await;
}

/// The one event that is not sealed.
async fn unsealed(test: &TestApp) -> Event {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
    let waiting = entity::event::Column::Position.is_null();
    let row = entity::event::Entity::find().filter(waiting).one(test.app.db().write()).await.unwrap().unwrap();
    Event {
        id: EventId::from(row.id),
        position: 0,
        at: row.at,
        kind: row.kind,
        actor: row.actor.parse().unwrap(),
        client_id: None,
        subject_id: row.subject_id,
        job_id: None,
        cause_id: None,
        summary: row.summary,
        payload: serde_json::from_value(row.payload).unwrap(),
    }
}
