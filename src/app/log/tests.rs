//! What a caller sees of the log, and the tasks that keep it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::DateTime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::{
    app::Parts,
    auth::ClientScope,
    clock::Manual,
    domain::{
        event::{EventKind, NewEvent},
        log::{Keys, Signer},
        role::Role,
    },
    ids::{ActorId, ClientId},
    ports::hints::NoHints,
    store::{Db, Options},
};

struct Test {
    app: App,
    _dir: tempfile::TempDir,
}

impl Test {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("gangway.db").display());
        let options = Options { url, max_connections: 4, statement_timeout: Duration::from_secs(30) };
        let db = Db::connect(&options).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Manual::at(DateTime::UNIX_EPOCH);
        let signer = Signer::from_seed("gangway.test/log", &[7; 32]).unwrap();
        let parts = Parts {
            shelves: crate::ports::shelves::Shelves::default(),
            uploads: crate::app::file::Uploads {
                links: crate::auth::Links::new(
                    "http://localhost",
                    &crate::auth::Secret::new("s".repeat(32).into()).unwrap(),
                ),
                limit_bytes: 0,
            },
            db,
            clock: Arc::new(clock.clone()),
            ids: Arc::new(clock),
            hints: Arc::new(NoHints),
            ticks: crate::app::job::Ticks::default(),
            written: Arc::default(),
            systems: Arc::new(crate::ports::endpoints::NoSystems),
            seal: Arc::new(crate::auth::Seal::new(&crate::auth::Secret::new("s".repeat(32).into()).unwrap()).unwrap()),
            log_keys: Arc::new(Keys { signer, retired: Vec::new() }),
        };
        Self { app: App::new(parts), _dir: dir }
    }

    async fn record(&self, client: Option<ClientId>) {
        let actor = Actor::system();
        let mut deed = self.app.begin(&actor).await.unwrap();
        deed.record(NewEvent::new(EventKind::ClientUpdated, "cli_x", "It changed.").client(client));
        deed.commit().await.unwrap();
    }
}

fn staff(scope: ClientScope) -> Actor {
    Actor {
        id: ActorId::System,
        name: String::new(),
        roles: BTreeSet::from([Role::Compliance]),
        scope,
        may_adhoc: false,
        expires_at: None,
    }
}

#[tokio::test]
async fn a_caller_with_some_clients_sees_their_events_and_no_others_by_any_way() {
    let test = Test::new().await;
    let (mine, foreign) = (ClientId::from(Uuid::from_u128(1)), ClientId::from(Uuid::from_u128(2)));
    for client in [Some(mine), Some(foreign), None, Some(mine)] {
        test.record(client).await;
    }
    seal_waiting(&test.app).await.unwrap();
    let (everyone, me) = (staff(ClientScope::system()), staff(ClientScope::for_test([mine])));
    let (all, window) = (EventFilter::default(), EventWindow::default());
    let whole = timeline(&test.app, &everyone, &all, &window).await.unwrap().items;
    assert_eq!(whole.len(), 4);

    let seen = timeline(&test.app, &me, &all, &window).await.unwrap().items;
    assert_eq!(seen.iter().map(|event| event.position).collect::<Vec<_>>(), [0, 3]);
    assert_eq!(count(&test.app, &me, &all).await.unwrap(), 2);
    let asked = EventFilter { client_id: Some(foreign), ..all.clone() };
    assert!(timeline(&test.app, &me, &asked, &window).await.unwrap().items.is_empty());

    let batch = read(&test.app, &me, &all, EventCursor::START, 10).await.unwrap();
    assert_eq!(batch.events, seen);
    assert_eq!((batch.next, batch.is_end), (EventCursor::end_of(4), true));
    let first = read(&test.app, &me, &all, EventCursor::START, 1).await.unwrap();
    assert_eq!((first.next, first.is_end), (EventCursor::after(0), false));

    let ids: Vec<_> = whole.iter().map(|event| event.id).collect();
    assert_eq!(load_many(&test.app, &me, &ids).await.unwrap(), seen);
    for event in &whole {
        let is_mine = event.client_id == Some(mine);
        assert_eq!(find(&test.app, &me, event.id).await.unwrap().is_some(), is_mine);
        let proven = inclusion(&test.app, &me, event.id).await;
        assert_eq!(matches!(proven, Err(Error::NotFound(_))), !is_mine);
    }
}

#[tokio::test]
async fn the_sealer_seals_what_is_written_rings_and_seals_once_more_when_it_stops() {
    let test = Test::new().await;
    let stop = CancellationToken::new();
    let (rung, mut ring) = tokio::sync::mpsc::unbounded_channel();
    let sealer = tokio::spawn(keep_sealed(test.app.clone(), move |size| rung.send(size).unwrap(), stop.clone()));
    for size in 1..=5 {
        test.record(None).await;
        assert_eq!(timeout(Duration::from_secs(20), ring.recv()).await.unwrap(), Some(size));
    }
    // Nobody rings for this one: it stands in for a process that died after its commit.
    let actor = Actor::system();
    let mut deed = test.app.begin(&actor).await.unwrap();
    deed.record(NewEvent::new(EventKind::ClientUpdated, "cli_x", "It changed."));
    let written = Arc::clone(&test.app.parts().written);
    deed.commit().await.unwrap();
    drop(timeout(Duration::ZERO, written.notified()).await);
    assert_eq!(timeout(Duration::from_secs(20), ring.recv()).await.unwrap(), Some(6));
    stop.cancel();
    sealer.await.unwrap();
    assert!(verify(&test.app, &staff(ClientScope::system()), None, None).await.unwrap().holds());
}

#[tokio::test]
async fn the_log_is_signed_when_it_grew_and_only_then() {
    let test = Test::new().await;
    let stop = CancellationToken::new();
    let signing = tokio::spawn(keep_signed(test.app.clone(), Duration::from_millis(20), stop.clone()));
    let reader = staff(ClientScope::system());
    for size in 1..=2 {
        test.record(None).await;
        seal_waiting(&test.app).await.unwrap();
        let newest = timeout(Duration::from_secs(20), async {
            loop {
                let newest = checkpoint(&test.app, &reader).await.unwrap();
                match newest.filter(|signed| signed.checkpoint.size == size) {
                    Some(newest) => return newest,
                    None => tokio::task::yield_now().await,
                }
            }
        });
        newest.await.unwrap();
    }
    stop.cancel();
    signing.await.unwrap();
    let verification = verify(&test.app, &reader, None, None).await.unwrap();
    assert!(verification.holds() && verification.checkpoints == 2, "{verification:?}");
}
