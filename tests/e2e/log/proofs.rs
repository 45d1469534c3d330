//! Proofs that anybody can check with what the API gives and a checkpoint they kept.

use gangway::{
    domain::{
        event::EventWindow,
        log::{Checkpoint, NodeHash, VerifierKey, leaf},
        page::End,
    },
    error::Error,
};

use super::*;

/// What a reader outside keeps: the key, and one checkpoint.
async fn kept(test: &TestApp) -> (VerifierKey, Checkpoint) {
    let signed = app::log::sign(&test.app).await.unwrap();
    let key = test.app.parts().log_keys.signer.verifier().clone();
    let checkpoint = Checkpoint::open(&signed.note, std::slice::from_ref(&key)).unwrap();
    assert_eq!(checkpoint, signed.checkpoint);
    (key, checkpoint)
}

on_both_stacks! {
    async fn every_event_is_proven_to_be_in_the_signed_log(test) {
        filled(&test, 700).await;
        let (_, checkpoint) = kept(&test).await;
        filled(&test, 30).await;
        let events = all_events(&test).await;
        for position in [0_usize, 1, 255, 256, 257, 511, 512, 600, 698, 699] {
            let event = &events[position];
            let proven = app::log::inclusion(&test.app, &test.staff(Role::Compliance), event.id).await.unwrap();
            assert_eq!(&proven.event, event);
            assert_eq!(proven.checkpoint.unwrap().checkpoint, checkpoint);
            proven.included.proof.verify(leaf::hash(event).unwrap(), checkpoint.root).unwrap();
        }
        // No checkpoint has it yet: the proof is for the log as it stands.
        let late = app::log::inclusion(&test.app, &test.staff(Role::Compliance), events[729].id).await.unwrap();
        assert!(late.checkpoint.is_none() && late.included.proof.size == 730);
        late.included.proof.verify(leaf::hash(&events[729]).unwrap(), late.included.root).unwrap();
    }

    async fn the_log_is_proven_to_have_only_grown_between_any_two_sizes(test) {
        filled(&test, 300).await;
        let (_, first) = kept(&test).await;
        filled(&test, 313).await;
        let (_, second) = kept(&test).await;
        let actor = test.staff(Role::Compliance);
        for (from, to) in [(300, 613), (0, 613), (613, 613), (1, 613), (256, 512), (255, 257), (512, 600)] {
            let grown = app::log::consistency(&test.app, &actor, from, to).await.unwrap();
            grown.proof.verify(grown.old_root, grown.new_root).unwrap();
            assert!(from != 300 || grown.old_root == first.root);
            assert!(to != 613 || grown.new_root == second.root);
            assert!(from != 0 || grown.old_root == NodeHash::empty());
        }
        for (from, to, field) in [(5, 614, "to"), (7, 6, "from")] {
            let refused = app::log::consistency(&test.app, &actor, from, to).await;
            assert!(matches!(refused, Err(Error::Violation(violation)) if violation.field == field));
        }
    }

    async fn a_proof_of_one_event_among_many_reads_few_rows(test) {
        filled(&test, 1_500).await;
        let event = all_events(&test).await.remove(777);
        let before = test.app.db().statements();
        app::log::inclusion(&test.app, &test.staff(Role::Compliance), event.id).await.unwrap();
        assert!(test.app.db().statements() - before <= 8, "{}", test.app.db().statements() - before);
    }

    async fn a_bent_log_gives_an_error_and_no_proof(test) {
        filled(&test, 20).await;
        let events = all_events(&test).await;
        disarm(&test).await;
        forge(&test, "UPDATE event SET leaf_hash = tree_root WHERE position = 6").await;
        for position in [5, 6, 7, 19] {
            let refused = app::log::inclusion(&test.app, &test.staff(Role::Compliance), events[position].id).await;
            assert!(matches!(refused, Err(Error::Inconsistent(_))), "{position}");
        }
    }

    async fn signing_an_unchanged_log_gives_the_checkpoint_it_has(test) {
        filled(&test, 3).await;
        let first = app::log::sign(&test.app).await.unwrap();
        test.pass(60);
        assert_eq!(app::log::sign(&test.app).await.unwrap(), first);
        filled(&test, 1).await;
        assert_eq!(app::log::sign(&test.app).await.unwrap().checkpoint.size, 4);
        let newest = app::log::checkpoint(&test.app, &test.staff(Role::Technician)).await.unwrap().unwrap();
        assert_eq!(newest.checkpoint.size, 4);
    }

    async fn the_timeline_pages_in_both_directions_and_filters(test) {
        let one = filled(&test, 9).await;
        test.pass(60);
        let since = test.app.now();
        let other = filled(&test, 4).await;
        let actor = test.staff(Role::Operator);
        let positions = async |filter: EventFilter, window: EventWindow| {
            let page = app::log::timeline(&test.app, &actor, &filter, &window).await.unwrap();
            let positions: Vec<_> = page.items.iter().map(|event| event.position).collect();
            (positions, page.has_previous, page.has_next)
        };
        let all = EventFilter::default();
        let first = EventWindow { limit: 5, ..EventWindow::default() };
        assert_eq!(positions(all.clone(), first).await, (vec![0, 1, 2, 3, 4], false, true));
        let after = EventWindow { after: Some(EventCursor::after(10)), ..first };
        assert_eq!(positions(all.clone(), after).await, (vec![11, 12], true, false));
        let last = EventWindow { end: End::Last, ..first };
        assert_eq!(positions(all.clone(), last).await, (vec![8, 9, 10, 11, 12], true, false));
        let before = EventWindow { before: Some(EventCursor::after(3)), ..last };
        assert_eq!(positions(all.clone(), before).await, (vec![0, 1, 2], false, true));

        let of = EventFilter { client_id: Some(other), ..all.clone() };
        assert_eq!(positions(of.clone(), EventWindow::default()).await.0, [9, 10, 11, 12]);
        assert_eq!(app::log::count(&test.app, &actor, &of).await.unwrap(), 4);
        let subject = EventFilter { subject_id: Some(one.to_string()), ..all.clone() };
        assert_eq!(positions(subject, EventWindow::default()).await.0.len(), 9);
        let recent = EventFilter { since: Some(since), ..all.clone() };
        assert_eq!(positions(recent, EventWindow::default()).await.0, [9, 10, 11, 12]);
        let old = EventFilter { until: Some(since), ..all.clone() };
        assert_eq!(positions(old, EventWindow::default()).await.0.len(), 9);
        let kinds = EventFilter { kinds: vec![EventKind::ClientCreated], ..all.clone() };
        assert_eq!(positions(kinds, EventWindow::default()).await.0.len(), 0);
        let by_nobody = EventFilter { actor: Some(actor.id), ..all };
        assert_eq!(positions(by_nobody, EventWindow::default()).await.0.len(), 0);
    }
}
