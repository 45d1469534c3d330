//! `gangway migrate`, and what a server does before it.

use reqwest::StatusCode;

use crate::{
    database::OwnDatabase,
    program::{Place, Server, ended, free_address},
};

#[tokio::test]
async fn a_server_waits_for_its_operator_to_migrate_postgres() {
    let (place, database, at) = (Place::new(), OwnDatabase::create().await, free_address());
    let on = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("DATABASE_URL", &database.url);
        command
    };
    let serve = ["serve", "--worker=false", "--listen", &at];
    for arguments in [&serve[..], &["worker"]] {
        let refused = ended(&mut on(arguments)).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        let expected =
            "gangway: DATABASE_URL: The database is not up to date. Run `gangway migrate` once, then start again.\n";
        assert!(refused.err.ends_with(expected), "{refused:?}");
        assert_eq!(refused.out, "", "who does not answer does not say so");
    }
    // The second time there is nothing to do.
    for _ in 0..2 {
        let migrated = ended(&mut on(&["migrate"])).await;
        assert_eq!((migrated.code, migrated.out.as_str()), (0, "The database is up to date.\n"), "{migrated:?}");
    }
    let server = Server::start(&mut on(&serve), &at).await;
    let ready = reqwest::get(format!("{}/readyz", server.url)).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    assert_eq!(server.stop().await, Some(0));
}
