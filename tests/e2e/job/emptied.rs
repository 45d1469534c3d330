//! Data in a bucket that is destroyed: versions, markers and unfinished uploads, in a real store of the S3 protocol.

use std::sync::Mutex;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use reqwest::Method;
use tokio::net::TcpListener;

use super::{bucket::configured, ending::Ending, *};
use crate::{
    moto::Moto,
    support::{flow::done, make::refusal, on_both_stacks, run::events},
};

const METHOD: &str = "DELETE_OBJECT_VERSIONS";

/// Sends what only a test sends; moto does not ask who does.
async fn send(moto: &Moto, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.request(method, moto.endpoint.join(target).unwrap()).body(body.to_owned());
    let credential =
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    request = request.header("authorization", credential);
    if body == "content" {
        // A bucket with locks takes nothing without it.
        request = request.header("content-md5", "mgNkuembtIDdJeHwKEyFVQ==");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{target}: {answer:?}");
    answer.text().await.unwrap()
}

async fn put(moto: &Moto, key: &str, content: &str) {
    send(moto, Method::PUT, &format!("/data/{key}"), &[], content).await;
}

/// The bucket `data`, with versions, locks, or neither.
async fn bucket(moto: &Moto, headers: &[(&str, &str)], is_versioned: bool) {
    send(moto, Method::PUT, "/data", headers, "").await;
    if is_versioned {
        let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        send(moto, Method::PUT, "/data?versioning", &[], body).await;
    }
}

/// Every version, marker and unfinished upload of the bucket whose key begins so, as a store tells of them.
async fn there(moto: &Moto, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (resource, id) in [("versions", "VersionId"), ("uploads", "UploadId")] {
        let text = send(moto, Method::GET, &format!("/data?{resource}&prefix={prefix}"), &[], "").await;
        let field = |part: &str, name: &str| {
            let value = part.split(&format!("<{name}>")).nth(1).unwrap_or_default();
            value.split('<').next().unwrap_or_default().to_owned()
        };
        for part in text.split("<Key>").skip(1) {
            found.push(format!("{} {}", part.split('<').next().unwrap(), field(part, id)));
        }
    }
    found.retain(|line| line.starts_with(prefix));
    found
}

/// A client whose data lies in the bucket `data` of the store at `endpoint`, at `gw/acme/old`.
async fn ending(test: TestApp, endpoint: &str) -> Ending {
    let places = configured(endpoint, &["source"], "bucket").await;
    let change = |shelves: &mut Shelves| {
        shelves.sources.extend(places.sources);
        shelves.erasable.extend(places.erasable);
    };
    Ending::at_site(Site::placed(test, change, "bucket://acme/old", "DESTROY").await, METHOD).await
}

/// What answers orders to delete in the place of a store, one answer for each, and hands on everything else.
#[derive(Clone)]
struct Instead {
    store: reqwest::Url,
    answers: Arc<Mutex<Vec<&'static str>>>,
}

impl Instead {
    /// The address of a store that gives these answers, the last one first.
    async fn of(moto: &Moto, answers: &[&'static str]) -> String {
        let instead = Self { store: moto.endpoint.clone(), answers: Arc::new(Mutex::new(answers.to_vec())) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(Self::answer).with_state(instead);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    async fn answer(State(instead): State<Self>, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let is_order = head.method == Method::POST && head.uri.query().is_some_and(|query| query.contains("delete="));
        if is_order && let Some(answer) = instead.answers.lock().unwrap().pop() {
            return Response::new(Body::from(answer));
        }
        let mut headers = head.headers;
        headers.remove("host");
        let url = instead.store.join(&head.uri.to_string()).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = to_bytes(body, 1 << 24).await.unwrap();
        let answer = http.request(head.method, url).headers(headers).body(body).send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = answer.headers().clone();
        response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
    }
}

fn outcome(job: &Value) -> &Value {
    &job["targets"]["nodes"][0]["outcome"]
}

on_both_stacks! {
    async fn every_version_marker_and_upload_goes_and_nothing_of_anybody_else(test) {
        let moto = Moto::start();
        bucket(&moto, &[], true).await;
        for key in ["gw/acme/old/a.txt", "gw/acme/old/a.txt", "gw/acme/old/gone.txt", "gw/acme/old/", "gw/acme/old//twice",
            "gw/acme/old/gr%C3%B6%C3%9Fe%20100%25%20%26%3C%3E%22%2B.bin", "gw/acme/old/two%09words"] {
            put(&moto, key, "content").await;
        }
        send(&moto, Method::DELETE, "/data/gw/acme/old/gone.txt", &[], "").await;
        send(&moto, Method::POST, "/data/gw/acme/old/half.bin?uploads", &[], "").await;
        // Of another client, beside it, and outside what the settings name.
        let others = ["gw/acme/older/a", "gw/acme/old.txt", "gw/acme/old", "gw/acmeter/old/a", "acme/old/a"];
        for key in others {
            put(&moto, key, "not meant").await;
            send(&moto, Method::POST, &format!("/data/{key}?uploads"), &[], "").await;
        }
        let elsewhere = async || {
            let mut all = there(&moto, "").await;
            all.retain(|line| !line.starts_with("gw/acme/old/"));
            all
        };
        let (before, planned) = (elsewhere().await, there(&moto, "gw/acme/old/").await);
        assert_eq!((before.len(), planned.len()), (10, 9));
        let ending = ending(test, moto.endpoint.as_str()).await;
        let working = ending.site.work();
        let scanned = ending.scan("SUCCEEDED").await["outcome"].take();
        assert_eq!((&scanned["itemCount"], &scanned["fileCount"], &scanned["byteCount"]), (&json!("9"), &json!("7"), &json!("49")));
        assert!(scanned["limits"][0].as_str().unwrap().contains("version by version"), "{scanned}");

        let options = json!({ "sanitization": { "method": "OVERWRITE_ZERO" } });
        let refused = ending.planned("SANITIZATION", options).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "options.sanitization.method".to_owned()), "{refused}");
        let plan = ending.plan().await;
        ending.agree(&plan).await;
        let job = done(ending.start(&plan).await)["job"].take();
        let gone = ending.ended(&job, "SUCCEEDED").await;
        assert_eq!(outcome(&gone)["destroyedCount"], "7", "{gone}");
        assert_eq!((&outcome(&gone)["removedCount"], &outcome(&gone)["leftCount"]), (&json!("2"), &json!("0")));
        assert_eq!(gone["result"], json!({ "places": "1", "files": "7", "bytes": "49" }));
        assert_eq!(there(&moto, "gw/acme/old/").await, Vec::<String>::new());

        let verified = ending.verify("SUCCEEDED").await;
        working.end().await;
        assert_eq!(ending.line().await, "CLOSED");
        let tools: Vec<_> = outcome(&verified)["witnesses"].as_array().unwrap().iter().map(|seen| seen["count"].clone()).collect();
        assert_eq!(tools, ["0", "0"]);
        let item = &verified["certificate"]["statement"]["items"][0];
        assert_eq!((&item["category"], &item["method"]), (&json!("CLEAR"), &json!(METHOD)));
        assert_eq!(item["location"], "bucket://acme/old");
        assert_eq!(elsewhere().await, before, "not one thing outside of the plan is gone or new");
    }

    async fn what_the_store_keeps_is_retained_until_its_date_and_goes_then(test) {
        let moto = Moto::start();
        bucket(&moto, &[("x-amz-bucket-object-lock-enabled", "true")], false).await;
        put(&moto, "gw/acme/old/free", "content").await;
        let lock = [("x-amz-object-lock-mode", "COMPLIANCE"), ("x-amz-object-lock-retain-until-date", "2031-01-15T00:00:00Z")];
        send(&moto, Method::PUT, "/data/gw/acme/old/kept", &lock, "content").await;
        let kept = there(&moto, "gw/acme/old/kept").await.remove(0);
        // The client deleted it: it is there, and nobody sees it.
        send(&moto, Method::DELETE, "/data/gw/acme/old/kept", &[], "").await;
        let ending = ending(test, moto.endpoint.as_str()).await;
        let working = ending.site.work();
        let job = ending.destroy().await;
        let failed = ending.ended(&job, "FAILED").await;
        let target = &failed["targets"]["nodes"][0];
        assert_eq!(target["error"]["code"], "LOCKED_BY_STORE", "{failed}");
        assert!(target["error"]["message"].as_str().unwrap().contains("2031-01-15"), "{target}");
        assert_eq!((&outcome(&failed)["destroyedCount"], &outcome(&failed)["lockedCount"]), (&json!("1"), &json!("2")));
        assert_eq!(outcome(&failed)["lockedUntil"], "2031-01-15T00:00:00.000Z");
        assert_eq!(there(&moto, "gw/acme/old/").await.len(), 2, "what was not locked is gone, and what is stays hidden");
        let read = "query($id: ID!) { node(id: $id) { ... on Holding { state isResidual retainedClause retainedUntil } } }";
        let line = async || ending.site.test.ask(&ending.site.manager, read, json!({ "id": ending.site.holding })).await["node"].take();
        assert_eq!(line().await, json!({ "state": "RETAINED", "isResidual": true, "retainedUntil": "2031-01-15T00:00:00.000Z",
            "retainedClause": "Locked by its store: 2 versions of objects." }));

        // Before the date nothing moves; then the line is open again, and what was kept goes.
        assert_eq!(gangway::app::holding::release_due(&ending.site.test.app, 10).await.unwrap(), 0);
        ending.site.test.pass(5 * 365 * 24 * 3_600);
        let opened = async {
            while ending.line().await != "ACTIVE" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LONG, opened).await.unwrap();
        assert_eq!(line().await, json!({ "state": "ACTIVE", "isResidual": true, "retainedClause": null, "retainedUntil": null }));
        // The store's own clock stands where ours stood: its lock is taken off instead.
        let past = "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2021-01-15T00:00:00Z</RetainUntilDate></Retention>";
        let id = kept.split(' ').nth(1).unwrap();
        send(&moto, Method::PUT, &format!("/data/gw/acme/old/kept?retention&versionId={id}"), &[], past).await;
        let job = ending.destroy().await;
        ending.ended(&job, "SUCCEEDED").await;
        ending.verify("SUCCEEDED").await;
        working.end().await;
        assert_eq!((ending.line().await.as_str(), there(&moto, "gw/").await.len()), ("CLOSED", 0));
        let told = events(&ending.site.test, &ending.site.holding).await;
        assert!(told.contains(&"holding.retained".to_owned()) && told.contains(&"holding.activated".to_owned()), "{told:?}");
    }

    async fn a_legal_hold_of_the_store_has_no_date_and_keeps_the_line_open(test) {
        let moto = Moto::start();
        bucket(&moto, &[("x-amz-bucket-object-lock-enabled", "true")], false).await;
        send(&moto, Method::PUT, "/data/gw/acme/old/held", &[("x-amz-object-lock-legal-hold", "ON")], "content").await;
        let ending = ending(test, moto.endpoint.as_str()).await;
        let working = ending.site.work();
        let job = ending.destroy().await;
        let failed = ending.ended(&job, "FAILED").await;
        working.end().await;
        assert_eq!(failed["targets"]["nodes"][0]["error"]["code"], "STORE_REFUSED", "{failed}");
        assert_eq!(outcome(&failed)["first"], json!(["REFUSED held", "LEFT held"]));
        assert_eq!((ending.line().await.as_str(), there(&moto, "gw/").await.len()), ("ACTIVE", 1));
        // Nor does the database take a line for retained that nobody and nothing keeps.
        let db = ending.site.test.app.db().write().clone();
        let kept = "UPDATE holding SET state = 'RETAINED', retained_clause = 'Because.'";
        sea_orm::ConnectionTrait::execute_unprepared(&db, kept).await.unwrap_err();
    }

    async fn a_store_that_agrees_and_keeps_everything_is_found_out(test) {
        let moto = Moto::start();
        bucket(&moto, &[], true).await;
        put(&moto, "gw/acme/old/a", "content").await;
        let address = Instead::of(&moto, &["<DeleteResult></DeleteResult>"; 9]).await;
        let ending = ending(test, &address).await;
        let working = ending.site.work();
        let job = ending.destroy().await;
        let failed = ending.ended(&job, "FAILED").await;
        working.end().await;
        assert_eq!(failed["targets"]["nodes"][0]["error"]["code"], "STORE_REFUSED", "{failed}");
        assert_eq!((&outcome(&failed)["destroyedCount"], &outcome(&failed)["refusedCount"]), (&json!("0"), &json!("1")));
        assert_eq!((ending.line().await.as_str(), there(&moto, "gw/").await.len()), ("ACTIVE", 1));
    }

    async fn an_error_inside_of_a_yes_is_tried_again(test) {
        let moto = Moto::start();
        bucket(&moto, &[], true).await;
        put(&moto, "gw/acme/old/a", "content").await;
        let error = "<DeleteResult><Error><Key>gw/acme/old/a</Key><Code>SlowDown</Code></Error></DeleteResult>";
        let address = Instead::of(&moto, &[error]).await;
        let ending = ending(test, &address).await;
        let working = ending.site.work();
        let job = ending.destroy().await;
        let failed = ending.site.until(&job["id"], "RETRYING").await;
        assert_eq!(failed["attempt"], 1, "{failed}");
        ending.site.test.pass(3_600);
        let gone = ending.ended(&job, "SUCCEEDED").await;
        working.end().await;
        assert_eq!((&outcome(&gone)["destroyedCount"], ending.line().await.as_str()), (&json!("1"), "REMOVED"));
    }

    async fn an_object_that_was_overwritten_since_it_was_scanned_stays(test) {
        let moto = Moto::start();
        bucket(&moto, &[], false).await;
        for key in ["changed", "same", "taken"] {
            put(&moto, &format!("gw/acme/old/{key}"), "content").await;
        }
        let ending = ending(test, moto.endpoint.as_str()).await;
        let working = ending.site.work();
        ending.scan("SUCCEEDED").await;
        let plan = ending.plan().await;
        ending.agree(&plan).await;
        put(&moto, "gw/acme/old/changed", "of today").await;
        send(&moto, Method::DELETE, "/data/gw/acme/old/taken", &[], "").await;
        let job = done(ending.start(&plan).await)["job"].take();
        let failed = ending.ended(&job, "FAILED").await;
        working.end().await;
        assert_eq!(failed["targets"]["nodes"][0]["error"]["code"], "TARGET_CHANGED", "{failed}");
        assert_eq!((&outcome(&failed)["destroyedCount"], &outcome(&failed)["changedCount"]), (&json!("1"), &json!("2")));
        assert_eq!(there(&moto, "gw/").await, ["gw/acme/old/changed null"]);
        assert_eq!(ending.line().await, "ACTIVE");
    }
}
