//! `gangway` alone, and `gangway serve`.

use std::fs::File;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::program::{Place, Server, ended, free_address};

/// What the server at `at` with its data in `data` says, and that it is true.
async fn assert_welcome(server: &Server, place: &Place, data: &str) {
    let folder = place.home().join(data);
    assert_eq!(server.welcome[0], format!("Gangway answers at {0}/graphql (health: {0}/healthz).", server.url));
    assert_eq!(server.welcome[1], format!("Its database, files and keys lie in {}.", folder.display()));
    assert!(folder.join("gangway.sqlite").is_file(), "{}", folder.display());
    let offered = server.welcome[2].strip_prefix("A token to try it with: ").unwrap();
    // Pasted as it stands, elsewhere.
    let token = ended(Command::new("sh").args(["-c", offered]).current_dir("/")).await;
    assert_eq!(token.code, 0, "{offered}: {token:?}");
    let viewer = server.api().ask(token.out.trim_end(), "{ viewer { roles } }", json!({})).await.unwrap();
    assert_eq!(viewer, json!({ "viewer": { "roles": ["ONBOARDING_MANAGER"] } }));
}

#[tokio::test]
async fn the_program_alone_serves_and_says_how_to_go_on() {
    let (place, at) = (Place::new(), free_address());
    let server = Server::start(place.command(&[]).env("GANGWAY_LISTEN", &at), &at).await;
    assert_welcome(&server, &place, "data").await;
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test]
async fn flags_say_where_to_listen_and_where_the_data_lies() {
    let (place, at) = (Place::new(), free_address());
    let mut command = place.command(&["serve", "--listen", &at, "--data", "it's 100% mine?"]);
    let server = Server::start(command.env("GANGWAY_DATA", "other").env("GANGWAY_LISTEN", "127.0.0.1:1"), &at).await;
    assert_welcome(&server, &place, "it's 100% mine?").await;
    assert!(!place.home().join("other").exists());
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test]
async fn every_line_about_a_request_carries_its_id_and_nothing_of_its_secrets() {
    let (place, at) = (Place::new(), free_address());
    let log = place.home().join("log");
    let mut command = place.command(&["serve", "--worker=false", "--listen", &at]);
    command.env("GANGWAY_LOG", "gangway=debug").env("GANGWAY_LOG_FORMAT", "json").stderr(File::create(&log).unwrap());
    let server = Server::started(&mut command, &at).await;
    let asked = reqwest::Client::new().post(format!("{}/graphql", server.url)).header("x-request-id", "ticket-4711");
    let asked = asked.bearer_auth("a-token-of-nobody").json(&json!({ "query": "{ viewer { name } }" }));
    let answer = asked.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-request-id"]), (401, &"ticket-4711".parse().unwrap()));
    assert_eq!(server.stop().await, Some(0));

    let text = std::fs::read_to_string(log).unwrap();
    assert!(!text.contains("a-token-of-nobody"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_it: Vec<_> = lines.iter().filter(|line| line["request.id"] == "ticket-4711").collect();
    let answered = of_it.iter().find(|line| line["http.status"] == 401).unwrap_or_else(|| panic!("{text}"));
    assert_eq!((&answered["http.method"], &answered["http.route"]), (&json!("POST"), &json!("/graphql")));
}

#[tokio::test]
async fn schema_prints_what_the_server_answers_to() {
    let said = Place::new().run(&["schema"]).await;
    let committed = include_str!("../../schema.graphql");
    assert!(said.code == 0 && said.out == committed, "{}", said.err);
}

#[tokio::test]
async fn wrong_arguments_are_told_apart_from_whatever_a_command_ends_with() {
    let place = Place::new();
    for arguments in [&["serve", "--workers"][..], &["nonsense"], &["watch", "--token", "secret"]] {
        let said = place.run(arguments).await;
        assert_eq!(said.code, 64, "{arguments:?}: {said:?}");
        assert!(said.out.is_empty() && said.err.starts_with("error: "), "{said:?}");
    }
    let help = place.run(&["serve", "--help"]).await;
    assert!(help.code == 0 && help.out.contains("GANGWAY_SHUTDOWN_GRACE"), "{help:?}");
}
