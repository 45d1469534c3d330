//! Clients.

use gangway::domain::role::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, on_both_stacks};

const CREATE: &str = "mutation($input: ClientCreateInput!) {
    clientCreate(input: $input) { client { id slug name stage timeZone revision } userErrors { code path message remedy } replayed }
}";
const UPDATE: &str = "mutation($input: ClientUpdateInput!) {
    clientUpdate(input: $input) { client { name revision } userErrors { code path ... on ConflictError { currentRevision } } }
}";

fn input(slug: &str, key: &str) -> Value {
    json!({ "input": { "name": "Acme Dental", "slug": slug, "timeZone": "America/New_York", "idempotencyKey": key } })
}

async fn create(app: &TestApp, slug: &str, key: &str) -> Value {
    let sales = app.staff(Role::Sales);
    app.ask(&sales, CREATE, input(slug, key)).await["clientCreate"].take()
}

on_both_stacks! {
    async fn an_answer_is_remembered_for_a_week(app) {
        let sales = app.staff(Role::Sales);
        let create = async || app.ask(&sales, CREATE, input("acme-dental", "first-request")).await["clientCreate"].clone();
        let first = create().await;
        app.pass(7 * 24 * 3_600);
        assert_eq!(gangway::app::forget_answers(&app.app, 10).await.unwrap(), 0);
        let again = create().await;
        assert_eq!((&again["replayed"], &again["client"]["id"]), (&json!(true), &first["client"]["id"]));
        app.pass(1);
        assert_eq!(gangway::app::forget_answers(&app.app, 10).await.unwrap(), 1);
        assert_eq!(create().await["client"], Value::Null, "the name is taken");
    }

    async fn a_client_is_entered_as_a_prospect(app) {
        let created = create(&app, "acme-dental", "first-request").await;
        assert_eq!(created["userErrors"], json!([]));
        assert_eq!(created["replayed"], false);
        let client = &created["client"];
        assert_eq!((&client["slug"], &client["stage"], &client["revision"]), (&json!("acme-dental"), &json!("PROSPECT"), &json!(1)));
        assert!(client["id"].as_str().unwrap().starts_with("cli_"));
    }

    async fn the_same_request_again_enters_no_second_client(app) {
        let sales = app.staff(Role::Sales);
        let first = app.ask(&sales, CREATE, input("acme", "the-same-key")).await["clientCreate"].take();
        let again = app.ask(&sales, CREATE, input("acme", "the-same-key")).await["clientCreate"].take();
        assert_eq!(again["replayed"], true);
        assert_eq!(again["client"], first["client"]);
        let other = app.ask(&sales, CREATE, input("other", "the-same-key")).await["clientCreate"].take();
        assert_eq!(other["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
        let clients = app.ask(&sales, "{ clients { totalCount } }", json!({})).await;
        assert_eq!(clients["clients"]["totalCount"], 1);
    }

    async fn wrong_input_names_the_field_and_the_remedy(app) {
        let sales = app.staff(Role::Sales);
        for (field, value) in [("slug", "Acme Dental"), ("timeZone", "Mars/Olympus"), ("name", "   "), ("idempotencyKey", "short")] {
            let mut variables = input("acme", "a-good-key");
            variables["input"][field] = json!(value);
            let refused = app.ask(&sales, CREATE, variables).await["clientCreate"].take();
            assert_eq!(refused["client"], Value::Null, "{field}");
            assert_eq!(refused["userErrors"][0]["code"], "BAD_USER_INPUT", "{field}");
            assert_eq!(refused["userErrors"][0]["path"], json!([field]));
        }
    }

    async fn a_taken_slug_is_refused(app) {
        create(&app, "acme", "first-request").await;
        let second = create(&app, "acme", "second-request").await;
        assert_eq!(second["userErrors"][0]["code"], "CONFLICT");
        assert_eq!(second["userErrors"][0]["path"], json!(["slug"]));
    }

    async fn a_stale_revision_changes_nothing(app) {
        let id = create(&app, "acme", "first-request").await["client"]["id"].take();
        let sales = app.staff(Role::Sales);
        let change = |revision: i32, name: &str| json!({ "input": { "id": id, "expectedRevision": revision, "name": name } });
        let updated = app.ask(&sales, UPDATE, change(1, "Acme")).await["clientUpdate"].take();
        assert_eq!(updated["client"], json!({ "name": "Acme", "revision": 2 }));
        let stale = app.ask(&sales, UPDATE, change(1, "Other")).await["clientUpdate"].take();
        assert_eq!(stale["userErrors"][0]["currentRevision"], 2);
    }

    async fn a_list_is_read_page_by_page_in_both_directions(app) {
        for n in 0..5 {
            app.pass(1);
            create(&app, &format!("client-{n}"), &format!("request-{n}")).await;
        }
        let sales = app.staff(Role::Sales);
        let page = "query($first: Int, $after: String, $last: Int, $before: String) {
            clients(first: $first, after: $after, last: $last, before: $before) {
                nodes { slug } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }";
        let first = app.ask(&sales, page, json!({ "first": 2 })).await["clients"].take();
        assert_eq!(first["nodes"], json!([{ "slug": "client-4" }, { "slug": "client-3" }]));
        assert_eq!((&first["pageInfo"]["hasNextPage"], &first["totalCount"]), (&json!(true), &json!(5)));
        let next = app.ask(&sales, page, json!({ "first": 9, "after": first["pageInfo"]["endCursor"] })).await["clients"].take();
        assert_eq!(next["nodes"].as_array().unwrap().len(), 3);
        assert_eq!((&next["pageInfo"]["hasNextPage"], &next["pageInfo"]["hasPreviousPage"]), (&json!(false), &json!(true)));
        let back = app.ask(&sales, page, json!({ "last": 1, "before": next["pageInfo"]["startCursor"] })).await["clients"].take();
        assert_eq!(back["nodes"], json!([{ "slug": "client-3" }]));
        assert_eq!(back["pageInfo"]["hasPreviousPage"], true);
    }

    async fn a_list_stands_in_the_order_that_is_asked_for(app) {
        let sales = app.staff(Role::Sales);
        for (slug, name) in [("one", "beta"), ("two", "Gamma"), ("three", "Alpha"), ("four", "alpha"), ("five", "Delta")] {
            app.pass(1);
            let mut entered = input(slug, &format!("request-{slug}"));
            entered["input"]["name"] = json!(name);
            app.ask(&sales, CREATE, entered).await;
        }
        let list = "query($order: ClientOrder, $first: Int, $after: String) {
            clients(orderBy: $order, first: $first, after: $after) { nodes { slug } pageInfo { endCursor hasNextPage } } }";
        let slugs = |page: &Value| -> Vec<String> {
            page["nodes"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap().to_owned()).collect()
        };
        for (order, expected) in [
            (json!("CREATED_NEWEST"), ["five", "four", "three", "two", "one"]),
            (Value::Null, ["five", "four", "three", "two", "one"]),
            (json!("CREATED_OLDEST"), ["one", "two", "three", "four", "five"]),
            (json!("NAME"), ["three", "four", "one", "five", "two"]),
        ] {
            let (mut seen, mut after) = (Vec::new(), Value::Null);
            loop {
                let page = app.ask(&sales, list, json!({ "order": order, "first": 2, "after": after })).await["clients"].take();
                seen.extend(slugs(&page));
                after = page["pageInfo"]["endCursor"].clone();
                if page["pageInfo"]["hasNextPage"] == false { break; }
            }
            assert_eq!(seen, expected, "{order}");
        }
        // Backwards, from the end and from a place.
        let backwards = "query($before: String) { clients(orderBy: NAME, last: 2, before: $before) { nodes { slug } pageInfo { startCursor } } }";
        let last = app.ask(&sales, backwards, json!({})).await["clients"].take();
        assert_eq!(slugs(&last), ["five", "two"]);
        let before = app.ask(&sales, backwards, json!({ "before": last["pageInfo"]["startCursor"] })).await["clients"].take();
        assert_eq!(slugs(&before), ["four", "one"]);
    }

    async fn what_the_viewer_can_do_is_told(app) {
        create(&app, "acme", "first-request").await;
        let asked = "{ clients { nodes { viewerCan { update upsertContact recordAgreement recordFacts registerHoldings startEngagement planJob } } } }";
        let sales = app.ask(&app.staff(Role::Sales), asked, json!({})).await["clients"]["nodes"][0]["viewerCan"].take();
        let (yes, no) = (json!(true), json!(false));
        assert_eq!((&sales["update"], &sales["startEngagement"], &sales["planJob"]), (&yes, &yes, &no));
        let billing = app.ask(&app.staff(Role::Billing), asked, json!({})).await["clients"]["nodes"][0]["viewerCan"].take();
        assert!(billing.as_object().unwrap().values().all(|may| *may == no), "{billing}");
    }

    async fn an_impossible_page_is_refused(app) {
        let sales = app.staff(Role::Sales);
        for arguments in ["first: -1", "first: 0", "first: 101", "first: 1, last: 1", "after: \"nonsense\""] {
            let answer = app.answer(&sales, &format!("{{ clients({arguments}) {{ totalCount }} }}"), json!({})).await;
            assert_eq!(answer.errors.len(), 1, "{arguments}");
        }
    }
}
