//! Documents that are sent by name.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{sockets::Socket, toy::Toy};

const NUMBER: &str = "query($v:Int!){number(value:$v)}";
const TOUCH: &str = "mutation{touch}";

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn id(text: &str) -> String {
    format!("sha256:{}", hash(text))
}

fn hashed(text: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(text) } })
}

/// A server that knows these two documents and takes others only from those who may.
async fn strict() -> Toy {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({ id(NUMBER): NUMBER, hash(TOUCH): TOUCH }).to_string()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    Toy::with([("GANGWAY_DOCUMENTS", &path), ("GANGWAY_GET_DOCUMENTS", "false")]).await
}

/// The status, and the data or the code of the first error.
async fn post(toy: &Toy, token: &str, body: Value) -> (u16, Value) {
    let request = Client::new().post(toy.url("/graphql")).bearer_auth(token);
    let response = request.header("accept", "application/graphql-response+json").json(&body).send().await.unwrap();
    let status = response.status().as_u16();
    let mut answer: Value = response.json().await.unwrap();
    let found = answer["data"].take();
    (status, if found.is_null() { answer["errors"][0]["extensions"]["code"].take() } else { found })
}

#[tokio::test]
async fn a_registered_document_runs_by_its_id() {
    let toy = strict().await;
    let body = json!({ "documentId": id(NUMBER), "variables": { "v": 5 } });
    assert_eq!(post(&toy, "good", body).await, (200, json!({ "number": 5 })));
    assert_eq!(post(&toy, "good", json!({ "query": TOUCH })).await.0, 200, "its text is as good as its id");
    let get = |document: String| {
        Client::new().get(toy.query(&[("documentId", &document), ("variables", "{\"v\":6}")])).bearer_auth("good")
    };
    let answer: Value = get(id(NUMBER)).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["number"], 6);
    assert_eq!(get(id(TOUCH)).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED, "a mutation is no GET");
}

#[tokio::test]
async fn other_documents_are_for_those_whose_token_says_so() {
    let toy = strict().await;
    let free = json!({ "query": "{number(value:1)}" });
    assert_eq!(post(&toy, "good", free.clone()).await, (403, json!("FORBIDDEN")));
    assert_eq!(post(&toy, "adhoc", free).await, (200, json!({ "number": 1 })));
    let unknown = json!({ "documentId": id("{number(value:1)}") });
    assert_eq!(post(&toy, "good", unknown).await, (400, json!("PERSISTED_QUERY_NOT_FOUND")));
}

#[tokio::test]
async fn a_text_that_came_with_its_hash_is_found_by_the_hash_alone() {
    let toy = Toy::start().await;
    let by_hash = json!({ "extensions": hashed(NUMBER), "variables": { "v": 7 } });
    assert_eq!(post(&toy, "good", by_hash.clone()).await, (400, json!("PERSISTED_QUERY_NOT_FOUND")));
    let with_text = json!({ "query": NUMBER, "extensions": hashed(NUMBER), "variables": { "v": 7 } });
    assert_eq!(post(&toy, "good", with_text).await, (200, json!({ "number": 7 })));
    assert_eq!(post(&toy, "other", by_hash).await, (200, json!({ "number": 7 })));
    let forged = json!({ "query": TOUCH, "extensions": hashed(NUMBER) });
    assert_eq!(post(&toy, "good", forged).await, (400, json!("BAD_USER_INPUT")));
}

#[tokio::test]
async fn a_socket_takes_names_too() {
    let toy = strict().await;
    let mut socket = Socket::ready(&toy, "good").await;
    socket
        .send(
            json!({ "id": "1", "type": "subscribe", "payload": { "documentId": id(NUMBER), "variables": { "v": 8 } } }),
        )
        .await;
    assert_eq!(socket.next().await["payload"]["data"]["number"], 8);
    assert_eq!(socket.next().await["type"], "complete");
    socket.send(json!({ "id": "2", "type": "subscribe", "payload": { "query": "{number(value:1)}" } })).await;
    let refused = socket.next().await;
    assert_eq!(
        (&refused["type"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("FORBIDDEN"))
    );
}
