//! What keeps a destruction from going wrong when the world is not as it was: other lines in its place, another store, an
//! old scan, another hand at the same job.

use gangway::{
    config::{Config, Environment, Flags},
    startup,
};

use super::{ending::Ending, *};
use crate::support::{
    flow::{done, key},
    make::refusal,
    on_both_stacks,
};

/// Why a process with these settings does not start; the folders `one` and `one/below` of `home` are there.
async fn refused(home: &TempDir, variables: &[(&str, String)]) -> String {
    let data = home.path().join("process").display().to_string();
    let mut all: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.resize(6, ("GANGWAY_S3_BUCKET_SECRET_ACCESS_KEY", "secret"));
    all.push(("GANGWAY_S3_BUCKET_ACCESS_KEY_ID", "test"));
    all.extend([("GANGWAY_S3_OTHER_ACCESS_KEY_ID", "test"), ("GANGWAY_S3_OTHER_SECRET_ACCESS_KEY", "secret")]);
    let all: [(&str, &str); 9] = all.try_into().unwrap();
    let config = Config::read(&Flags::from([("GANGWAY_DATA", data)]), &Environment::from(all)).unwrap();
    startup::assemble(config).await.unwrap_err().describe()
}

#[tokio::test]
async fn what_may_be_erased_has_its_place_for_itself_or_nothing_starts() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("one/below")).unwrap();
    let at = |name: &str, path: &str| format!("{name}={}", home.path().join(path).display());
    let stores = |prefixes: [&str; 2], uses: &str| {
        let store = |name: &str, prefix: &str| json!({ "name": name, "endpoint": "http://127.0.0.1:1", "bucket": "data", "prefix": prefix, "uses": [uses] });
        json!([store("bucket", prefixes[0]), store("other", prefixes[1])]).to_string()
    };
    let erasable = |name: &str| ("GANGWAY_ERASABLE", name.to_owned());
    let meant = at("one", "one");
    for (variables, expected) in [
        (vec![("GANGWAY_SOURCES", meant.clone()), erasable("two")], "There is no source `two`."),
        (vec![("GANGWAY_SOURCES", format!("{meant},{}", at("two", "one/below"))), erasable("one")], "is also that of"),
        (
            vec![("GANGWAY_SOURCES", format!("{},{}", at("two", "one"), at("one", "one/below"))), erasable("one")],
            "is also that of",
        ),
        (
            vec![("GANGWAY_SOURCES", meant.clone()), ("GANGWAY_DESTINATIONS", at("out", "one/out")), erasable("one")],
            "is also that of",
        ),
        (vec![("GANGWAY_SOURCES", at("all", "")), erasable("all")], "is also that of"),
        (
            vec![("GANGWAY_S3_STORES", stores(["gw", "gw/below"], "source")), erasable("bucket")],
            "is also that of `other`",
        ),
        (
            vec![("GANGWAY_S3_STORES", stores(["gw/below", "gw/"], "destination")), erasable("bucket")],
            "no source `bucket`",
        ),
        (
            vec![
                ("GANGWAY_S3_STORES", stores(["gw", "other"], "files")),
                ("GANGWAY_FILES", "bucket".to_owned()),
                erasable("bucket"),
            ],
            "no source `bucket`",
        ),
    ] {
        let why = refused(&home, &variables).await;
        assert!(why.contains(expected), "{variables:?}: {why}");
    }
}

/// A plan that everybody agreed to, while nobody is at work.
async fn agreed(ending: &Ending) -> Value {
    let working = ending.site.work();
    ending.scan("SUCCEEDED").await;
    working.end().await;
    let plan = ending.plan().await;
    ending.agree(&plan).await;
    plan
}

/// Whoever takes the job up now finds that it is not what was agreed to any more, and touches nothing.
async fn assert_left_alone(ending: &Ending, job: &Value) {
    let working = ending.site.work();
    let failed = ending.ended(job, "FAILED").await;
    working.end().await;
    assert_eq!(failed["targets"]["nodes"][0]["error"]["code"], "LINE_CHANGED", "{failed}");
    assert_eq!((ending.site.lying("data/acme").len(), ending.line().await.as_str()), (3, "ACTIVE"));
}

on_both_stacks! {
    async fn a_line_of_another_client_in_the_same_place_is_in_the_way_until_it_is_gone(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        ending.scan("SUCCEEDED").await;
        let plan = ending.plan().await;
        ending.agree(&plan).await;
        let other = make::client(&ending.site.test, "other").await;
        let document = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) {
            results { holding { id } userErrors { message path } } userErrors { message path } } }";
        let data = json!({ "dataKind": "FILES", "disposition": "RETURN", "keyEscrow": "NOT_ENCRYPTED", "location": "data://acme/old/m%61il" });
        let input = json!({ "clientId": other, "holdings": [{ "name": "Theirs", "details": { "data": data } }],
            "idempotencyKey": key(&ending.site.test) });
        done(sent(&ending.site.test, &ending.site.manager, document, input).await);
        // The plan that was agreed to is not started, nor is a new one made.
        let refused = ending.start(&plan).await;
        let (code, path) = refusal(&refused);
        assert_eq!((code, path.as_str()), ("PLAN_CHANGED", "planHash"));
        let options = json!({ "sanitization": { "method": "OVERWRITE_ZERO" } });
        assert_eq!(refusal(&ending.planned("SANITIZATION", options).await), ("BAD_USER_INPUT", "holdingIds".to_owned()));
        working.end().await;
        assert_eq!(ending.site.lying("data/acme").len(), 3);
    }

    async fn a_line_that_came_while_the_job_waited_stops_it(test) {
        let ending = Ending::of(test).await;
        let plan = agreed(&ending).await;
        let job = done(ending.start(&plan).await)["job"].take();
        ending.site.register("Contracts", "data://acme/old/mail", "RETURN").await;
        assert_left_alone(&ending, &job).await;
    }

    async fn a_scan_that_grew_old_while_the_job_waited_is_not_gone_by(test) {
        let ending = Ending::of(test).await;
        let plan = agreed(&ending).await;
        let job = done(ending.start(&plan).await)["job"].take();
        ending.site.test.pass(25 * 3_600);
        assert_left_alone(&ending, &job).await;
    }

    async fn another_store_in_the_place_of_the_one_that_was_scanned_is_left_alone(test) {
        let mut ending = Ending::of(test).await;
        let plan = agreed(&ending).await;
        ending.twist(|odd| odd.root = Some("another one".to_owned()));
        let job = done(ending.start(&plan).await)["job"].take();
        assert_left_alone(&ending, &job).await;
    }

    async fn another_store_has_nothing_in_it_and_proves_nothing(test) {
        let mut ending = Ending::of(test).await;
        let working = ending.site.work();
        let job = ending.destroy().await;
        ending.ended(&job, "SUCCEEDED").await;
        working.end().await;
        ending.twist(|odd| odd.root = Some("another one".to_owned()));
        let working = ending.site.work();
        let failed = ending.verify("FAILED").await;
        working.end().await;
        assert_eq!((&failed["error"]["code"], &failed["certificate"]), (&json!("PLAN_CHANGED"), &Value::Null), "{failed}");
        assert_eq!(ending.line().await, "REMOVED", "nobody knows better yet");
    }

    async fn what_hides_something_is_no_scan(test) {
        let mut ending = Ending::of(test).await;
        ending.twist(|odd| odd.hides = true);
        let working = ending.site.work();
        let found = ending.scan("FAILED").await;
        working.end().await;
        assert_eq!((&found["error"]["code"], &found["outcome"]["hiddenCount"]), (&json!("SCAN_INCOMPLETE"), &json!("1")));
        let options = json!({ "sanitization": { "method": "OVERWRITE_ZERO" } });
        assert_eq!(refusal(&ending.planned("SANITIZATION", options).await), ("BAD_USER_INPUT", "holdingIds".to_owned()));
    }

    async fn one_line_has_one_hand_at_it_and_whoever_orders_it_again_does_not_verify_it(test) {
        let mut ending = Ending::of(test).await;
        let gate = ending.gated();
        let working = ending.site.work();
        let job = ending.destroy().await;
        gate.reached().await;
        let options = json!({ "sanitization": { "method": "OVERWRITE_ZERO" } });
        assert_eq!(refusal(&ending.planned("SANITIZATION", options).await).0, "CONFLICT", "one is at it");
        let input = json!({ "id": job["id"], "reason": "Wait." });
        ending.site.done(CANCEL, input).await;
        ending.site.until(&job["id"], "CANCELLED").await;
        gate.open();
        assert_eq!(ending.line().await, "ACTIVE");
        let again = json!({ "id": job["id"], "targets": "UNFINISHED", "reason": "Go on.", "idempotencyKey": key(&ending.site.test) });
        let payload = sent(&ending.site.test, &ending.verifier, RETRY, again).await;
        assert_eq!(payload["job"]["state"], "QUEUED", "{payload}");
        ending.ended(&job, "SUCCEEDED").await;
        working.end().await;
        let options = json!({ "sanitizationVerification": { "coverage": "FULL" } });
        let input = json!({ "kind": "SANITIZATION_VERIFICATION", "engagementId": ending.site.engagement, "options": options });
        let own = sent(&ending.site.test, &ending.verifier, PLAN, input).await;
        assert_eq!(refusal(&own).0, "CONFLICT", "{own}");
    }

    async fn what_was_planned_and_is_not_gone_stands_in_the_certificate_of_what_is(test) {
        let ending = Ending::of(test).await;
        std::fs::create_dir_all(ending.at("second")).unwrap();
        ending.put("second/one", "content");
        let second = ending.site.register("Second", "data://acme/second", "DESTROY").await;
        let working = ending.site.work();
        ending.scan("SUCCEEDED").await;
        let plan = ending.plan().await;
        ending.agree(&plan).await;
        ending.put("second/one", "is another content");
        let job = done(ending.start(&plan).await)["job"].take();
        let partly = ending.ended(&job, "PARTIAL").await;
        assert_eq!(partly["result"], json!({ "places": "1", "files": "2", "bytes": "8" }));
        assert_eq!((ending.line().await, ending.site.state_of(&second).await), ("REMOVED".to_owned(), "ACTIVE".to_owned()));
        let verified = ending.verify("SUCCEEDED").await;
        working.end().await;
        let statement = &verified["certificate"]["statement"];
        assert_eq!((&statement["verdict"], statement["items"].as_array().unwrap().len()), (&json!("SANITIZED_WITH_EXCEPTIONS"), 1));
        let exceptions = statement["exceptions"].as_array().unwrap();
        assert_eq!((exceptions.len(), &exceptions[0]["id"], &exceptions[0]["state"]), (1, &json!(second), &json!("ACTIVE")));
    }

    async fn what_a_scan_wrote_down_is_cleared_away_when_nobody_can_go_by_it(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        ending.scan("SUCCEEDED").await;
        let written = || ending.site.lying("own/scans").len();
        assert_eq!(written(), 2, "a sheet and the page");
        ending.site.test.pass(9 * 24 * 3_600);
        gangway::app::scan::clear_ended(&ending.site.test.app, 10).await.unwrap();
        assert_eq!(written(), 0);
        working.end().await;
        assert_eq!(ending.site.lying("data/acme").len(), 3);
    }
}
