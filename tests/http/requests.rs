//! POST and GET: what is taken, what is refused, and with which status.

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::toy::Toy;

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

fn ask(toy: &Toy, accept: &str, body: &Value) -> RequestBuilder {
    let request = Client::new().post(toy.url("/graphql")).bearer_auth("good");
    request.header("accept", accept).header("content-type", JSON).body(body.to_string())
}

fn get(toy: &Toy, query: &[(&str, &str)]) -> RequestBuilder {
    Client::new().get(toy.query(query)).bearer_auth("good").header("accept", GRAPHQL)
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The status, and the code of the first error.
async fn outcome(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert!(body.get("data").is_none(), "{body}");
    (status, body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_answer_comes_in_the_form_the_caller_likes_best() {
    let toy = Toy::start().await;
    for (accept, content_type) in [
        (JSON, "application/json; charset=utf-8"),
        (GRAPHQL, "application/graphql-response+json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
    ] {
        let response = ask(&toy, accept, &json!({"query": "{number(value:1)}"})).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), content_type);
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert!(header(&response, "vary").contains("accept") || response.headers().get_all("vary").iter().count() > 1);
        assert_eq!(response.text().await.unwrap(), r#"{"data":{"number":1}}"#);
    }
    let (status, code) = outcome(ask(&toy, "image/png", &json!({"query": "{a}"}))).await;
    assert_eq!((status, code.as_str()), (406, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn a_document_that_cannot_be_run_is_400_and_for_old_clients_200() {
    let toy = Toy::start().await;
    for (body, code) in [
        (json!({"query": "{"}), "GRAPHQL_PARSE_FAILED"),
        (json!({"query": "{absent}"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "query($v:Int!){number(value:$v)}", "variables": {"v": "x"}}), "BAD_USER_INPUT"),
        (json!({"query": "query A{viewer{tenant}} query B{viewer{tenant}}"}), "BAD_USER_INPUT"),
        (json!({"query": "subscription{silence}"}), "BAD_USER_INPUT"),
        (json!({"documentId": "sha256:abc"}), "PERSISTED_QUERY_NOT_FOUND"),
        (json!({"extensions": {"persistedQuery": {"version": 1}}}), "PERSISTED_QUERY_NOT_FOUND"),
    ] {
        assert_eq!(outcome(ask(&toy, GRAPHQL, &body)).await, (400, code.to_owned()), "{body}");
        assert_eq!(outcome(ask(&toy, JSON, &body)).await, (200, code.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_400_whatever_the_form() {
    let toy = Toy::start().await;
    for body in [
        "",
        "{\"query\":",
        "null",
        "[]",
        "[{\"query\":\"{__typename}\"}]",
        "{}",
        "{\"query\":\"\"}",
        "{\"query\":1}",
        "{\"query\":\"{__typename}\",\"variables\":[]}",
        "{\"query\":\"{__typename}\",\"operationName\":1}",
        "{\"query\":\"{__typename}\",\"extensions\":\"x\"}",
    ] {
        for accept in [JSON, GRAPHQL] {
            let request = ask(&toy, accept, &Value::Null).body(body);
            assert_eq!(outcome(request).await, (400, "BAD_USER_INPUT".to_owned()), "{body}");
        }
    }
}

#[tokio::test]
async fn members_nobody_knows_and_nulls_are_ignored() {
    let toy = Toy::start().await;
    let body = json!({
        "query": "query($v:Int=2){number(value:$v)}",
        "operationName": null, "variables": null, "extensions": null, "future": 1
    });
    let answer: Value = ask(&toy, GRAPHQL, &body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"data": {"number": 2}}));
}

#[tokio::test]
async fn what_a_strangers_page_can_send_unasked_is_refused_unread() {
    let toy = Toy::start().await;
    let body = r#"{"query":"mutation{touch}"}"#;
    for content_type in [
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json; charset=utf-16"),
        None,
    ] {
        let mut request = Client::new().post(toy.url("/graphql")).bearer_auth("good").body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        assert_eq!(outcome(request).await.0, 415, "{content_type:?}");
    }
}

#[tokio::test]
async fn errors_of_resolvers_are_200_with_data_and_name_the_request() {
    let toy = Toy::start().await;
    let request = ask(&toy, GRAPHQL, &json!({"query": "{fail number(value:1)}"})).header("x-request-id", "desk-1");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "x-request-id"), "desk-1");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["data"], json!({"fail": null, "number": 1}));
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(*extensions, json!({"code": "FORBIDDEN", "requestId": "desk-1", "retryable": false}));
}

#[tokio::test]
async fn a_name_for_the_request_that_is_long_or_odd_is_replaced() {
    let toy = Toy::start().await;
    for odd in ["", "a b", "a\"b", &"x".repeat(65)] {
        let response = ask(&toy, GRAPHQL, &json!({"query": "{"})).header("x-request-id", odd).send().await.unwrap();
        let id = header(&response, "x-request-id").to_owned();
        assert!(id.starts_with("req_") && id.len() == 36, "{id}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["requestId"], id.as_str());
    }
}

#[tokio::test]
async fn fields_come_in_the_order_they_were_asked_for() {
    let toy = Toy::start().await;
    let body = json!({"query": "{z:number(value:1) a:number(value:2) viewer{tenant subject}}"});
    let text = ask(&toy, GRAPHQL, &body).send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with(r#"{"data":{"z":1,"a":2,"viewer":{"tenant":"good","subject":"usr_"#), "{text}");
}

#[tokio::test]
async fn nobody_without_a_valid_token_gets_anything_executed() {
    let toy = Toy::start().await;
    let body = json!({"query": "{__typename}"});
    let bare = || Client::new().post(toy.url("/graphql")).header("content-type", JSON).body(body.to_string());
    for (request, challenge) in [
        (bare(), r#"Bearer realm="gangway""#),
        (bare().header("cookie", "authorization=Bearer good; token=good"), r#"Bearer realm="gangway""#),
        (bare().header("authorization", "Basic good"), r#"Bearer realm="gangway""#),
        (bare().bearer_auth("forged"), r#"Bearer realm="gangway", error="invalid_token""#),
        (
            Client::new().get(toy.url("/graphql?query=%7B__typename%7D")).bearer_auth("forged"),
            r#"Bearer realm="gangway", error="invalid_token""#,
        ),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(header(&response, "www-authenticate"), challenge);
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        assert!(answer.get("data").is_none());
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_verified_now_is_asked_for_later() {
    let toy = Toy::start().await;
    let body = json!({"query": "{__typename}"});
    let response = ask(&toy, GRAPHQL, &body).header("authorization", "Bearer down").send().await.unwrap();
    // Two headers are no token.
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let request = Client::new().post(toy.url("/graphql")).bearer_auth("down").header("content-type", JSON);
    let response = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&response, "retry-after"), "7");
    assert!(!response.text().await.unwrap().contains("hunter2"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_declared_or_not() {
    let toy = Toy::start().await;
    let large = json!({"query": "{__typename}", "variables": {"x": "a".repeat(1 << 20)}}).to_string();
    let request = ask(&toy, GRAPHQL, &Value::Null).body(large);
    assert_eq!(outcome(request).await, (413, "BAD_USER_INPUT".to_owned()));

    let mut stream = TcpStream::connect(toy.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    for _ in 0..17 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_document_over_its_limit_is_too_complex() {
    let toy = Toy::start().await;
    let body = json!({"query": format!("{{__typename}} #{}", "x".repeat(64 << 10))});
    assert_eq!(outcome(ask(&toy, GRAPHQL, &body)).await, (400, "QUERY_TOO_COMPLEX".to_owned()));
}

#[tokio::test]
async fn get_takes_queries_and_never_mutations() {
    let toy = Toy::start().await;
    let mixed = "query Q{__typename} mutation M{touch}";
    let two = "query A{a:__typename} query B{b:__typename}";
    let answer: Value =
        get(&toy, &[("query", two), ("operationName", "B")]).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"data": {"b": "Query"}}));
    let with = [("query", "query($v:Int!){number(value:$v)}"), ("variables", "{\"v\":5}"), ("extensions", "{}")];
    let answer: Value = get(&toy, &with).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"data": {"number": 5}}));
    for query in [&[("query", "mutation{touch}")][..], &[("query", mixed), ("operationName", "M")]] {
        let response = get(&toy, query).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, "allow"), "POST");
    }
    for query in
        [&[][..], &[("query", "{__typename}"), ("variables", "[]")], &[("query", "{__typename}"), ("variables", "{")]]
    {
        assert_eq!(outcome(get(&toy, query)).await.0, 400, "{query:?}");
    }
}

#[tokio::test]
async fn in_production_get_takes_no_text() {
    let toy = Toy::with([("GANGWAY_DEV_ISSUER", "false")]).await;
    let response = get(&toy, &[("query", "{__typename}")]).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&response, "allow"), "POST");
    let stored = outcome(get(&toy, &[("documentId", "sha256:abc")])).await;
    assert_eq!(stored, (400, "PERSISTED_QUERY_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn other_methods_and_paths_are_named_as_such() {
    let toy = Toy::start().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let response = Client::new().request(method, toy.url("/graphql")).bearer_auth("good").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, "allow"), "GET, POST");
    }
    assert_eq!(outcome(Client::new().get(toy.url("/nothing"))).await, (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_read_answers() {
    let toy = Toy::with([("GANGWAY_ORIGINS", "https://desk.example")]).await;
    let preflight = |origin: &'static str| {
        let request = Client::new().request(Method::OPTIONS, toy.url("/graphql")).header("origin", origin);
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
    };
    let allowed = preflight("https://desk.example").await.unwrap();
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://desk.example");
    assert!(header(&allowed, "access-control-allow-headers").contains("authorization"));
    assert_eq!(header(&allowed, "access-control-allow-credentials"), "");
    let refused = preflight("https://evil.example").await.unwrap();
    assert_eq!(header(&refused, "access-control-allow-origin"), "");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_cut() {
    let toy = Toy::with([("GANGWAY_EXECUTION_TIMEOUT", "50ms")]).await;
    let body = json!({"query": "{slow(millis:5000)}"});
    let answer: Value = ask(&toy, GRAPHQL, &body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TIMEOUT");
    assert_eq!(answer["errors"][0]["extensions"]["retryable"], true);
}

#[tokio::test]
async fn a_panic_is_an_error_of_ours_and_the_server_goes_on() {
    let toy = Toy::start().await;
    let answer: Value = ask(&toy, GRAPHQL, &json!({"query": "{panic}"})).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
    assert!(!answer.to_string().contains("on purpose"));
    let body = json!({"query": "{number(value:3)}"});
    let answer: Value = ask(&toy, GRAPHQL, &body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["number"], 3);
}

#[tokio::test]
async fn a_process_at_its_limit_says_when_to_come_back() {
    let toy = Toy::with([("GANGWAY_MAX_REQUESTS", "1")]).await;
    let slow = tokio::spawn(ask(&toy, GRAPHQL, &json!({"query": "{slow(millis:2000)}"})).send());
    let body = json!({"query": "{number(value:1)}"});
    toy.slow.notified().await;
    let refused = ask(&toy, GRAPHQL, &body).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&refused, "retry-after"), "1");
    let answer: Value = refused.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UPSTREAM_UNAVAILABLE");
    assert_eq!(answer["errors"][0]["extensions"]["retryAfterMs"], 1000);
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
}
