//! Files by signed links: what is taken, what is refused, and that nothing is left behind.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use gangway::auth::link::Deed;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    moto::Moto,
    whole::{Whole, client, outcome, put},
};

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// That the file waits as if nothing had come.
async fn assert_nothing_came(whole: &Whole, id: &str) {
    assert_eq!(whole.file(id).await["state"], "PENDING");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !whole.lying().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", whole.lying());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_file_goes_in_and_comes_out() {
    let whole = Whole::start([]).await;
    let (id, url) = whole.announce("Übersicht \"2026\".txt", 5, Some(sha256(b"hello").to_uppercase())).await;
    let (status, body) = put(&url, "hello").await;
    assert_eq!(
        (status, body),
        (200, json!({ "id": id, "sha256": sha256(b"hello"), "byteCount": 5, "mediaType": "text/plain" }))
    );
    let file = whole.file(&id).await;
    assert_eq!((&file["state"], &file["mediaType"]), (&json!("STORED"), &json!("text/plain")));
    let response = client().get(file["downloadUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-length", "5"),
        (
            "content-disposition",
            "attachment; filename=\"_bersicht _2026_.txt\"; filename*=UTF-8''%C3%9Cbersicht%20%222026%22.txt",
        ),
        ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    assert_eq!(response.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_page_that_was_sent_as_a_picture_is_told_as_a_page() {
    let whole = Whole::start([]).await;
    let page = "<!DOCTYPE html><script>alert(1)</script>";
    let (id, url) = whole.announce("innocent.png", page.len() as u64, None).await;
    let sent = client().put(&url).header("content-type", "image/png").body(page).send().await.unwrap();
    assert_eq!(outcome(sent).await.1["mediaType"], "text/html");
    assert_eq!(whole.file(&id).await["mediaType"], "text/html");
}

#[tokio::test]
async fn what_is_not_what_was_announced_is_refused_and_can_be_sent_again() {
    let whole = Whole::start([]).await;
    let (id, url) = whole.announce("plan.txt", 5, Some(sha256(b"hello"))).await;
    let chunked = |text: &'static str| {
        let pieces = text.as_bytes().chunks(2).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        reqwest::Body::wrap_stream(stream::iter(pieces.collect::<Vec<_>>()))
    };
    for (body, expected) in [
        (reqwest::Body::from("hell"), 400),
        (reqwest::Body::from(""), 400),
        (reqwest::Body::from("HELLO"), 400),
        (reqwest::Body::from("hello!"), 413),
        (chunked("hell"), 400),
        (chunked("hello and much more"), 413),
    ] {
        let (status, body) = put(&url, body).await;
        assert_eq!(status, expected, "{body}");
        assert!(body["errors"][0]["message"].is_string());
        assert_nothing_came(&whole, &id).await;
    }
    assert_eq!(put(&url, chunked("hello")).await.0, 200);
    assert_eq!(put(&url, "hello").await.0, 409);
    assert_eq!(whole.lying().len(), 1);
}

#[tokio::test]
async fn only_its_own_link_opens_a_file() {
    let whole = Whole::start([]).await;
    let (id, url) = whole.announce("plan.txt", 5, None).await;
    let (other, other_url) = whole.announce("other.txt", 5, None).await;
    let token = |url: &str| url.split_once('=').unwrap().1.to_owned();
    let with = |token: &str| format!("{}/files/{id}?token={token}", whole.base);
    let minute = TimeDelta::minutes(1);
    let unknown = "fil_01h455vb4pex5vsknk084sn02q";
    for (link, expected) in [
        (with(&token(&other_url)), 403),
        (with("nonsense"), 403),
        (with(""), 403),
        (format!("{}/files/{id}", whole.base), 403),
        (whole.link(Deed::Get, &id, minute), 403),
        (whole.link(Deed::Put, &id, -minute), 403),
        (whole.link(Deed::Put, unknown, minute), 404),
        (format!("{}/files/nonsense?token={}", whole.base, token(&url)), 404),
    ] {
        let (status, body) = put(&link, "hello").await;
        assert_eq!(status, expected, "{link}: {body}");
    }
    let get = async |link: String| client().get(link).send().await.unwrap().status().as_u16();
    assert_eq!(get(url.clone()).await, 403, "a link to send is none to read");
    assert_eq!(get(whole.link(Deed::Get, &id, minute)).await, 404, "it has not arrived");
    assert_eq!(put(&url, "hello").await.0, 200);
    assert_eq!(get(whole.link(Deed::Get, &id, minute)).await, 200);
    assert_eq!(get(whole.link(Deed::Get, &id, -minute)).await, 403);
    assert_eq!(get(whole.link(Deed::Get, &other, minute)).await, 404);
    assert_eq!(client().delete(&url).send().await.unwrap().status(), 405);
    assert_nothing_of(&whole, &other).await;
}

async fn assert_nothing_of(whole: &Whole, id: &str) {
    assert_eq!(whole.file(id).await["state"], "PENDING");
    assert!(whole.lying().iter().all(|path| !path.to_str().unwrap().contains(id)));
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let whole = Whole::start([]).await;
    let (id, url) = whole.announce("plan.txt", 1_000_000, None).await;
    let path = url.strip_prefix(&whole.base).unwrap();
    for head in ["content-length: 1000000", "transfer-encoding: chunked"] {
        let mut socket = TcpStream::connect(whole.base.strip_prefix("http://").unwrap()).await.unwrap();
        socket.write_all(format!("PUT {path} HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
        let piece = "x".repeat(400_000);
        let framed = if head.contains("chunked") { format!("{:x}\r\n{piece}\r\n", piece.len()) } else { piece };
        socket.write_all(framed.as_bytes()).await.unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while whole.lying().is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "nothing arrives");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(socket);
        assert_nothing_came(&whole, &id).await;
    }
    assert_eq!(put(&url, "y".repeat(1_000_000)).await.0, 200);
}

#[tokio::test]
async fn whoever_asks_first_is_told_before_sending() {
    let whole = Whole::start([]).await;
    let (_, url) = whole.announce("plan.txt", 10, None).await;
    let path = url.strip_prefix(&whole.base).unwrap();
    let mut socket = TcpStream::connect(whole.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("PUT {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\nexpect: 100-continue\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let length = socket.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_at_once_one_wins() {
    let whole = Whole::start([]).await;
    let (id, url) = whole.announce("plan.txt", 2_000_000, None).await;
    let (a, b) = ("a".repeat(2_000_000), "b".repeat(2_000_000));
    let (one, other) = tokio::join!(put(&url, a), put(&url, b));
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.1, other.1);
    let lying = whole.lying();
    assert_eq!(lying.len(), 1);
    let kept = std::fs::read(&lying[0]).unwrap();
    assert_eq!(whole.file(&id).await["sha256"], sha256(&kept));
}

#[tokio::test]
async fn the_limit_of_the_settings_holds_whatever_was_announced() {
    let whole = Whole::start([("GANGWAY_UPLOAD_LIMIT", "1KiB")]).await;
    let (_, url) = whole.announce("plan.txt", 1024, None).await;
    assert_eq!(put(&url, "x".repeat(1025)).await.0, 413);
    assert_eq!(put(&url, "x".repeat(1024)).await.0, 200);
}

/// Keeps every line that is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_ever_logged() {
    let lines = Lines::default();
    let kept = lines.clone();
    let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || kept.clone());
    // With a single subscriber, `tracing` asks that of the thread which meets a line of code first whether it is
    // logged, and keeps the answer for all: the other tests' threads, which have none, would say never.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(all.finish());
    let whole = Whole::start([]).await;
    let (id, url) = whole.announce("plan.txt", 5, None).await;
    assert_eq!(put(&url, "oh").await.0, 400);
    assert_eq!(put(&url, "hello").await.0, 200);
    let download = whole.file(&id).await["downloadUrl"].as_str().unwrap().to_owned();
    assert_eq!(raw_get(&whole, &download).await, 200);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/files/{id}"), "the requests were logged");
    for link in [url, download] {
        let token = link.split_once('=').unwrap().1;
        let found: Vec<_> = log.lines().filter(|line| line.contains(token)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// The status of a GET, by a plain socket.
async fn raw_get(whole: &Whole, url: &str) -> u16 {
    let path = url.strip_prefix(&whole.base).unwrap();
    let mut socket = TcpStream::connect(whole.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

const MIB: usize = 1 << 20;

/// 64 MiB that are no text, piece by piece.
fn large() -> (reqwest::Body, String) {
    let piece: Vec<u8> = (0..=255).cycle().take(MIB).collect();
    let mut digest = Sha256::new();
    (0..64).for_each(|_| digest.update(&piece));
    let pieces = stream::iter(0..64).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    (reqwest::Body::wrap_stream(pieces), hex::encode(digest.finalize()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_a_network_takes_files_too() {
    let moto = Moto::start();
    moto.bucket("files").await;
    let stores =
        json!([{ "name": "own", "endpoint": moto.endpoint, "bucket": "files", "prefix": "gw", "uses": ["files"] }]);
    let stores = stores.to_string();
    let whole = Whole::start([
        ("GANGWAY_FILES", "own"),
        ("GANGWAY_S3_STORES", &stores),
        ("GANGWAY_S3_OWN_ACCESS_KEY_ID", "test"),
        ("GANGWAY_S3_OWN_SECRET_ACCESS_KEY", "secret"),
    ])
    .await;
    let bucket = gangway::adapters::s3::S3::new(&moto.config("files")).unwrap();
    for (size, body, sha256) in [(5, reqwest::Body::from("hello"), sha256(b"hello")), {
        let (body, sha256) = large();
        (64 * MIB, body, sha256)
    }] {
        let (id, url) = whole.announce("plan.bin", size as u64, None).await;
        // A sender that gives up half-way leaves no parts behind.
        let half = stream::iter([Ok(vec![0; size / 2]), Err(std::io::Error::other("gone"))]);
        client().put(&url).body(reqwest::Body::wrap_stream(half)).send().await.unwrap_err();
        assert_eq!(whole.file(&id).await["state"], "PENDING");
        let (status, told) = put(&url, body).await;
        assert_eq!((status, &told["sha256"]), (200, &json!(sha256)), "{told}");
        let file = whole.file(&id).await;
        let given = client().get(file["downloadUrl"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(given.headers()["content-length"], size.to_string());
        assert_eq!(self::sha256(&given.bytes().await.unwrap()), sha256);
        assert_eq!(objects(&bucket, &id).await, 1);
    }
}

/// How many objects lie below the folder of the file.
async fn objects(bucket: &gangway::adapters::s3::S3, id: &str) -> usize {
    use gangway::ports::storage::{Listed, ObjectSource};
    let mut pages = bucket.list(&"gw/uploads".into());
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let is_its = |listed: &&Listed| matches!(listed, Listed::Entry(entry) if entry.path.to_text().contains(id));
        count += page.unwrap().iter().filter(is_its).count();
    }
    count
}

/// The most memory that the process `id` ever had, in kB.
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The program itself, started as an operator would, ended with this value.
struct Program(std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

#[tokio::test]
async fn a_large_file_needs_no_more_memory_than_a_small_one() {
    let data = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let gangway = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gangway"));
        command.env_clear().env("GANGWAY_DATA", data.path()).env("GANGWAY_LISTEN", format!("127.0.0.1:{port}"));
        command
    };
    let program = Program(
        gangway().arg("serve").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap(),
    );
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while client().get(format!("{base}/readyz")).send().await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "the program does not answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ask = async |role: &str, document: &str, input: Value| {
        let token = gangway().args(["token", "--role", role]).output().unwrap().stdout;
        let token = String::from_utf8(token).unwrap();
        let body = json!({ "query": document, "variables": { "input": input } });
        let request = client().post(format!("{base}/graphql")).bearer_auth(token.trim());
        let request = request.header("content-type", "application/json").header("accept", "application/json");
        outcome(request.body(body.to_string()).send().await.unwrap()).await.1
    };
    let document = "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } } }";
    let input = json!({ "name": "Acme", "slug": "acme", "timeZone": "UTC", "idempotencyKey": "the-first-client" });
    let created = ask("SALES", document, input).await;
    let acme = &created["data"]["clientCreate"]["client"]["id"];
    let send = async |size: usize, body: reqwest::Body| {
        let document = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { url } }";
        let key = format!("request-{size}");
        let input = json!({ "clientId": acme, "name": "a.bin", "byteCount": size.to_string(), "idempotencyKey": key });
        let announced = ask("TECHNICIAN", document, input).await;
        put(announced["data"]["uploadCreate"]["url"].as_str().unwrap(), body).await
    };
    assert_eq!(send(MIB, reqwest::Body::from(vec![7; MIB])).await.0, 200);
    let before = peak(program.0.id());
    let (body, sha256) = large();
    let (status, told) = send(64 * MIB, body).await;
    assert_eq!((status, &told["sha256"]), (200, &json!(sha256)), "{told}");
    let grown = peak(program.0.id()) - before;
    assert!(grown < 16 * 1024, "64 MiB cost {grown} kB");
}
