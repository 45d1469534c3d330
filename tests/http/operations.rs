//! Health, readiness, metrics and the console.

use std::{sync::atomic::Ordering, time::Duration};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::toy::Toy;

#[tokio::test]
async fn a_process_that_runs_is_healthy_and_one_that_can_work_is_ready() {
    let toy = Toy::start().await;
    assert_eq!(reqwest::get(toy.url("/healthz")).await.unwrap().text().await.unwrap(), "ok\n");
    let response = reqwest::get(toy.url("/readyz")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let answer: Value = response.json().await.unwrap();
    // What is only slower without it is told and does not count.
    let checks = json!({"database": "ok", "migrations": "ok", "redis": "failed"});
    assert_eq!(answer, json!({"status": "ready", "checks": checks}));
    toy.ready.0.store(false, Ordering::SeqCst);
    let response = reqwest::get(toy.url("/readyz")).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.json::<Value>().await.unwrap()["checks"]["database"], "failed");
    assert_eq!(reqwest::get(toy.url("/healthz")).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_happens_is_counted_under_few_labels() {
    let toy = Toy::start().await;
    let ask = |query: &str| {
        let request = Client::new().post(toy.url("/graphql")).bearer_auth("good");
        request.json(&json!({"query": query})).send()
    };
    ask("query Some{number(value:1)}").await.unwrap();
    ask("{absent}").await.unwrap();
    ask("{fail}").await.unwrap();
    reqwest::get(toy.url("/some/path/nobody/knows")).await.unwrap();
    let text = reqwest::get(toy.url("/metrics")).await.unwrap().text().await.unwrap();
    for line in [
        r#"gangway_requests_total{type="query",transport="http",outcome="ok"}"#,
        r#"gangway_requests_total{type="query",transport="http",outcome="refused"}"#,
        r#"gangway_requests_total{type="query",transport="http",outcome="errors"}"#,
        r#"gangway_errors_total{code="GRAPHQL_VALIDATION_FAILED"}"#,
        r#"gangway_errors_total{code="FORBIDDEN"}"#,
        r#"gangway_http_responses_total{route="/graphql",status="200"}"#,
        r#"gangway_http_responses_total{route="none",status="404"}"#,
        r#"gangway_request_seconds_count{type="query",transport="http"}"#,
        "# HELP gangway_connections ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("Some") && !text.contains("nobody"), "{text}");
    let silent = Toy::with([("GANGWAY_METRICS", "false")]).await;
    assert_eq!(reqwest::get(silent.url("/metrics")).await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_console_is_served_from_its_folder_and_only_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Toy::with([("GANGWAY_CONSOLE", folder.path().to_str().unwrap())]).await;
    let page = reqwest::get(toy.url("/")).await.unwrap();
    assert_eq!(page.url().path(), "/graphiql");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe-eval") && !policy.contains("http"));
    assert!(page.text().await.unwrap().contains("scripts/console.sh"));
    std::fs::write(folder.path().join("index.html.gz"), "<p>built</p>").unwrap();
    std::fs::write(folder.path().join("console.js.gz"), "1").unwrap();
    std::fs::write(folder.path().join("secret.txt.gz"), "s").unwrap();
    let page = reqwest::get(toy.url("/graphiql")).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["content-encoding"], "gzip");
    assert_eq!(page.text().await.unwrap(), "<p>built</p>");
    let script = reqwest::get(toy.url("/graphiql/console.js")).await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    for path in
        ["/graphiql/secret.txt", "/graphiql/secret.txt.gz", "/graphiql/console.css", "/graphiql/..%2fsecret.txt"]
    {
        assert_eq!(reqwest::get(toy.url(path)).await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_process_that_stops_takes_no_more_and_ends_what_runs() {
    let toy = Toy::start().await;
    let request = Client::new().post(toy.url("/graphql")).bearer_auth("good");
    let running = tokio::spawn(request.json(&json!({"query": "{slow(millis:400)}"})).send());
    // A connection that sends nothing must not hold the process up.
    let mut idle = TcpStream::connect(toy.address).await.unwrap();
    toy.slow.notified().await;
    toy.stop.cancel();
    let answer: Value = running.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["slow"], true);
    tokio::time::timeout(Duration::from_secs(5), toy.server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(toy.address).await.is_err());
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let toy = Toy::start().await;
    let mut stream = TcpStream::connect(toy.address).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(200 << 10));
    _ = stream.write_all(head.as_bytes()).await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_process_without_callers_says_how_it_does_and_nothing_else() {
    let toy = Toy::without_callers().await;
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/graphql", 404), ("/", 404)] {
        let answer = reqwest::Client::new().get(toy.url(path)).bearer_auth("good").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
}
