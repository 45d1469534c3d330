//! The database itself refuses to change the log.

use super::*;

async fn refused(test: &TestApp, sql: &str) {
    let outcome = test.app.db().write().execute_unprepared(sql).await;
    let error = outcome.expect_err(sql).to_string();
    assert!(["append-only", "never change", "only grows"].iter().any(|words| error.contains(words)), "{sql}: {error}");
}

on_both_stacks! {
    async fn events_are_neither_changed_nor_deleted_nor_sealed_twice(test) {
        let client = filled(&test, 5).await;
        deed(&test.app, &test.staff(Role::Operator), client, "waiting", 1).await;
        for sql in [
            "UPDATE event SET summary = 'x' WHERE position = 3",
            "UPDATE event SET position = 99 WHERE position = 3",
            "UPDATE event SET position = NULL, leaf_hash = NULL, tree_root = NULL WHERE position = 3",
            "UPDATE event SET leaf_hash = tree_root WHERE position = 3",
            "DELETE FROM event WHERE position = 3",
            "DELETE FROM event",
            // Not even before it is sealed, and sealing changes nothing else.
            "UPDATE event SET summary = 'x' WHERE position IS NULL",
            "UPDATE event SET position = 5 WHERE position IS NULL",
            "DELETE FROM event WHERE position IS NULL",
            "INSERT INTO event (id, position, leaf_hash, tree_root, at, kind, actor, subject_id, summary, payload)
             SELECT client_id, 5, leaf_hash, tree_root, at, kind, actor, subject_id, summary, payload
             FROM event WHERE position = 3",
        ] {
            refused(&test, sql).await;
        }
        app::log::seal_waiting(&test.app).await.unwrap();
        assert!(verified(&test).await.holds());
        assert_eq!(all_events(&test).await.len(), 6);
    }

    async fn the_head_only_grows_and_checkpoints_and_subtrees_never_change(test) {
        filled(&test, 300).await;
        app::log::sign(&test.app).await.unwrap();
        for sql in [
            "UPDATE log_head SET size = 299",
            "UPDATE log_head SET frontier = ''",
            "DELETE FROM log_head",
            "UPDATE log_checkpoint SET note = ''",
            "DELETE FROM log_checkpoint",
            "UPDATE log_subtree SET level = 16",
            "DELETE FROM log_subtree",
        ] {
            refused(&test, sql).await;
        }
        assert!(verified(&test).await.holds());
    }

    async fn no_statement_of_one_dialect_slips_past_the_guards(test) {
        filled(&test, 300).await;
        app::log::sign(&test.app).await.unwrap();
        let statements: &[&str] = match test.app.db().backend() {
            DbBackend::Postgres => &[
                "TRUNCATE event",
                "TRUNCATE log_head",
                "TRUNCATE log_checkpoint",
                "TRUNCATE log_subtree",
                "INSERT INTO log_head VALUES (1, 0, '') ON CONFLICT (id) DO UPDATE SET size = 0",
            ],
            _ => &[
                "INSERT OR REPLACE INTO event (sequence, id, at, kind, actor, subject_id, summary, payload)
                 SELECT sequence, id, at, kind, actor, subject_id, 'x', payload FROM event WHERE position = 3",
                "INSERT OR REPLACE INTO event (id, at, kind, actor, subject_id, summary, payload)
                 SELECT id, at, kind, actor, subject_id, 'x', payload FROM event WHERE position = 3",
                "REPLACE INTO log_head VALUES (1, 0, '')",
                "REPLACE INTO log_checkpoint SELECT size, root, 'x', created_at FROM log_checkpoint",
                "REPLACE INTO log_subtree SELECT level, number, x'00' FROM log_subtree",
            ],
        };
        for sql in statements {
            refused(&test, sql).await;
        }
        if test.app.db().backend() == DbBackend::Sqlite {
            deed(&test.app, &test.staff(Role::Operator), test.app.new_id(), "waiting", 1).await;
            refused(
                &test,
                "UPDATE OR REPLACE event SET position = 3, leaf_hash = x'00', tree_root = x'00' WHERE position IS NULL",
            )
            .await;
            app::log::seal_waiting(&test.app).await.unwrap();
        }
        assert!(verified(&test).await.holds());
    }
}
