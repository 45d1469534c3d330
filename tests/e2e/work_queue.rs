//! The work queue, and what the work of the whole house looks like in numbers.

use gangway::{auth::Actor, clock::IdSource, domain::role::Role, ids::EngagementId};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::{
    engagement::change,
    support::{
        TestApp,
        flow::{self, House, done, key, started, step_of, template, text, work},
        make::{self, sent},
        on_both_stacks,
        run::{self, Run},
    },
};

const PAGE: &str = "query($first: Int, $after: String, $last: Int, $before: String, $filter: StepFilter) {
    steps(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
        nodes { key blockedBy { code } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
const PIPELINE: &str = "{ pipeline { clients { stage count } overdueSteps blockedSteps openExceptions } }";
const RAISE: &str = "mutation($input: ExceptionRaiseInput!) { exceptionRaise(input: $input) {
    exception { id decision { id } } userErrors { code path message } } }";

/// A run of four steps: `soon` and `later` are due, `after` waits for `soon`, `some_day` is due on no day.
async fn four(app: &TestApp, house: &House, slug: &str) -> Value {
    let client = make::client(app, slug).await;
    started(app, house, &client, "T-ONB-700").await
}

async fn house(app: &TestApp) -> House {
    let house = flow::house(app).await;
    let due = |days: i32| json!({ "due": { "days": days, "from": "START" } });
    let after = json!({ "due": { "days": 6, "from": "START" }, "depends_on": ["soon"] });
    let steps = [
        template("soon", due(2)),
        template("after", after),
        template("later", due(9)),
        template("some_day", json!({})),
    ];
    flow::process(app, &house, "T-ONB-700", &steps).await;
    house
}

async fn page(app: &TestApp, actor: &Actor, variables: Value) -> Value {
    app.ask(actor, PAGE, variables).await["steps"].take()
}

fn keys(page: &Value) -> Vec<&str> {
    page["nodes"].as_array().unwrap().iter().map(|step| step["key"].as_str().unwrap()).collect()
}

/// As many free steps as that at the very front of the queue of `run`: its process knows nothing of them.
async fn crowd(app: &TestApp, run: &Run, count: usize) {
    let engagement = run.id.parse::<EngagementId>().unwrap().uuid();
    let example = flow::row(app, &run.kickoff).await;
    let front = "2026-01-01T00:00:00Z".parse().unwrap();
    let row = |number: usize| entity::step::Model {
        id: app.clock.next(),
        engagement_id: engagement,
        key: format!("extra-{number}"),
        due_at: Some(front),
        queue_at: front,
        ..example.clone()
    };
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let rows = chunk.iter().map(|number| make::step_row(row(*number)));
        entity::step::Entity::insert_many(rows).exec_without_returning(app.app.db().write()).await.unwrap();
    }
}

async fn forecast(app: &TestApp, house: &House, run: &Value) -> Value {
    let document = "query($id: ID!) { engagement(id: $id) { forecastOn } }";
    app.ask(&house.technician, document, json!({ "id": run["id"] })).await["engagement"]["forecastOn"].take()
}

on_both_stacks! {
    async fn the_work_queue_finds_what_is_mine_open_and_overdue(app) {
        let house = flow::house(&app).await;
        let due = |days: i32| json!({ "due": { "days": days, "from": "START" } });
        let steps = [template("soon", due(1)), template("later", due(9)), template("some_day", json!({}))];
        flow::process(&app, &house, "T-ONB-700", &steps).await;
        let client = make::client(&app, "acme").await;
        let run = started(&app, &house, &client, "T-ONB-700").await;
        let other = make::client(&app, "other").await;
        started(&app, &house, &other, "T-ONB-700").await;
        done(work(&app, &house.technician, "Start", &step_of(&run, "soon"), Value::Null).await);
        app.pass(4 * 86_400);
        let list = async |filter: Value| {
            let document = "query($filter: StepFilter) { steps(filter: $filter) { nodes { key isOverdue engagement { client { slug } } } totalCount } }";
            let read = app.ask(&house.technician, document, json!({ "filter": filter })).await["steps"].take();
            assert_eq!(read["nodes"].as_array().unwrap().len() as u64, read["totalCount"].as_u64().unwrap());
            read["nodes"].as_array().unwrap().iter().map(|step| format!("{}/{}", step["engagement"]["client"]["slug"].as_str().unwrap(), step["key"].as_str().unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(list(json!({ "isMine": true })).await, ["acme/soon"]);
        let mut overdue = list(json!({ "isOverdue": true })).await;
        overdue.sort();
        assert_eq!(overdue, ["acme/soon", "other/soon"]);
        assert_eq!(list(json!({ "isOverdue": true, "clientId": client })).await, ["acme/soon"]);
        assert_eq!(list(json!({ "clientId": client, "states": ["PENDING"] })).await, ["acme/later", "acme/some_day"]);
        assert_eq!(list(json!({ "engagementId": run["id"], "roles": ["BILLING"] })).await, [""; 0]);
        assert_eq!(list(json!({ "assigneeId": "usr_01h455vb4pex5vsknk084sn02q" })).await, [""; 0]);
        assert_eq!(list(json!({ "clientId": "nonsense" })).await, [""; 0]);
    }

    async fn what_is_due_on_no_day_stands_behind_and_is_paged_to_from_both_ends(app) {
        let house = house(&app).await;
        four(&app, &house, "acme").await;
        four(&app, &house, "other").await;
        let technician = &house.technician;
        let expected = ["soon", "soon", "after", "after", "later", "later", "some_day", "some_day"];
        let (mut found, mut after) = (Vec::new(), Value::Null);
        while found.len() < 8 {
            let read = page(&app, technician, json!({ "first": 3, "after": after })).await;
            found.extend(keys(&read).into_iter().map(str::to_owned));
            assert_eq!(read["pageInfo"]["hasNextPage"], found.len() < 8);
            after = read["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(found, expected);
        let (mut found, mut before) = (Vec::new(), Value::Null);
        while found.len() < 8 {
            let read = page(&app, technician, json!({ "last": 3, "before": before })).await;
            found.splice(0..0, keys(&read).into_iter().map(str::to_owned));
            before = read["pageInfo"]["startCursor"].clone();
        }
        assert_eq!(found, expected);
    }

    async fn the_work_queue_holds_work_of_engagements_under_way(app) {
        let house = house(&app).await;
        let run = four(&app, &house, "acme").await;
        let id = text(&run["id"]);
        done(change(&app, &house.account, "Pause", &id, &json!(1)).await);
        assert_eq!(keys(&page(&app, &house.technician, json!({})).await).len(), 4, "a pause ends");
        done(change(&app, &house.account, "Cancel", &id, &json!(2)).await);
        assert_eq!(keys(&page(&app, &house.technician, json!({ "filter": { "engagementId": id } })).await), [""; 0]);
    }

    async fn work_is_found_by_whether_something_stands_in_its_way(app) {
        let house = house(&app).await;
        let run = four(&app, &house, "acme").await;
        let technician = &house.technician;
        let list = async |filter: Value| page(&app, technician, json!({ "filter": filter })).await;
        assert_eq!(keys(&list(json!({ "isBlocked": true })).await), ["after"]);
        assert_eq!(keys(&list(json!({ "isBlocked": false })).await), ["soon", "later", "some_day"]);
        assert_eq!(keys(&list(json!({ "isBlocked": true, "states": ["IN_PROGRESS"] })).await), [""; 0]);
        assert_eq!(keys(&list(json!({ "isBlocked": true, "states": ["DONE"] })).await), [""; 0]);
        flow::finish(&app, technician, &step_of(&run, "soon")).await;
        assert_eq!(keys(&list(json!({ "isBlocked": true })).await), [""; 0]);
        assert_eq!(keys(&list(json!({ "isBlocked": false })).await), ["after", "later", "some_day"]);
        let last = page(&app, technician, json!({ "last": 2, "filter": { "isBlocked": false } })).await;
        assert_eq!((keys(&last), &last["pageInfo"]["hasPreviousPage"]), (vec!["later", "some_day"], &json!(true)));
        let before = json!({ "last": 2, "before": last["pageInfo"]["startCursor"], "filter": { "isBlocked": false } });
        let first = page(&app, technician, before).await;
        assert_eq!((keys(&first), &first["pageInfo"]["hasPreviousPage"]), (vec!["after"], &json!(false)));
        let counted = app.answer(technician, "{ steps(filter: { isBlocked: true }) { totalCount } }", json!({})).await;
        assert!(format!("{:?}", counted.errors).contains("BAD_USER_INPUT"), "{:?}", counted.errors);
    }

    async fn a_search_that_stops_says_where_it_goes_on(app) {
        let run = run::run(&app, "acme").await;
        crowd(&app, &run, 2_050).await;
        let technician = app.staff(Role::Technician);
        let ask = async |end: &str, cursor: &str, place: Value| {
            page(&app, &technician, json!({ end: 5, cursor: place, "filter": { "isBlocked": true } })).await
        };
        let stopped = ask("first", "after", Value::Null).await;
        assert_eq!((keys(&stopped).len(), &stopped["pageInfo"]["hasNextPage"]), (0, &json!(true)));
        let rest = ask("first", "after", stopped["pageInfo"]["endCursor"].clone()).await;
        assert_eq!((keys(&rest), &rest["pageInfo"]["hasNextPage"]), (vec!["handover"], &json!(false)));
        // From the end it is met at once, and the search goes on in vain until it stops.
        let stopped = ask("last", "before", Value::Null).await;
        assert_eq!((keys(&stopped), &stopped["pageInfo"]["hasPreviousPage"]), (vec!["handover"], &json!(true)));
        let rest = ask("last", "before", stopped["pageInfo"]["startCursor"].clone()).await;
        assert_eq!((keys(&rest).len(), &rest["pageInfo"]["hasPreviousPage"]), (0, &json!(false)));
    }

    async fn a_forecast_follows_what_is_late(app) {
        let house = house(&app).await;
        let run = four(&app, &house, "acme").await;
        assert_eq!(forecast(&app, &house, &run).await, "2026-03-11");
        app.pass(8 * 86_400);
        assert_eq!(forecast(&app, &house, &run).await, "2026-03-14", "six days late, and four more for what waits");
        for step in ["soon", "after", "later", "some_day"] {
            flow::finish(&app, &house.technician, &step_of(&run, step)).await;
        }
        assert_eq!(forecast(&app, &house, &run).await, "2026-03-10", "nothing is left but to conclude");
        done(change(&app, &house.manager, "Conclude", &text(&run["id"]), &json!(1)).await);
        app.pass(86_400);
        assert_eq!(forecast(&app, &house, &run).await, "2026-03-10");
    }

    async fn a_score_counts_what_is_flagged_and_what_is_left_to_do_about_it(app) {
        let house = house(&app).await;
        let run = four(&app, &house, "acme").await;
        let score = async || {
            let document = "query($id: ID!) { engagement(id: $id) { score { flagged openActions percent } } }";
            app.ask(&house.technician, document, json!({ "id": run["id"] })).await["engagement"]["score"].take()
        };
        assert_eq!(score().await, json!({ "flagged": 0, "openActions": 0, "percent": null }));
        let input = json!({ "engagementId": run["id"], "stepId": step_of(&run, "after"), "type": "OUT_OF_ORDER", "situation": "Hardware is late",
            "justification": "The vendor ships three weeks late.", "expiresAt": "2026-03-30T09:00:00.000Z",
            "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }], "idempotencyKey": key(&app) });
        let raised = done(sent(&app, &house.technician, RAISE, input).await);
        assert_eq!(score().await, json!({ "flagged": 1, "openActions": 0, "percent": null }), "it may be refused yet");
        flow::grant(&app, &house.delivery, &text(&raised["exception"]["decision"]["id"])).await;
        assert_eq!(score().await, json!({ "flagged": 1, "openActions": 3, "percent": null }));
        let settle = "mutation($input: ExceptionActionDoneInput!) { exceptionActionDone(input: $input) { exception { id } userErrors { message } } }";
        let input = json!({ "id": raised["exception"]["id"], "expectedRevision": 2, "action": "ESCALATE", "note": "Told." });
        done(sent(&app, &house.manager, settle, input).await);
        assert_eq!(score().await, json!({ "flagged": 1, "openActions": 2, "percent": null }));
        app.pass(40 * 86_400);
        assert_eq!(score().await, json!({ "flagged": 0, "openActions": 0, "percent": null }), "its time is over");
    }

    async fn a_score_tells_nothing_of_exceptions_to_those_who_may_not_read_them(app) {
        let house = house(&app).await;
        let run = four(&app, &house, "acme").await;
        let input = json!({ "engagementId": run["id"], "stepId": step_of(&run, "after"), "type": "OUT_OF_ORDER", "situation": "Hardware is late",
            "justification": "The vendor ships three weeks late.", "expiresAt": "2026-03-30T09:00:00.000Z",
            "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }], "idempotencyKey": key(&app) });
        done(sent(&app, &house.technician, RAISE, input).await);
        let document = "query($id: ID!) { engagement(id: $id) { client { id } score { earned flagged openActions } } }";
        let read = app.ask(&house.technician, document, json!({ "id": run["id"] })).await["engagement"].take();
        assert_eq!(read["score"], json!({ "earned": 0, "flagged": 1, "openActions": 0 }));
        let contact = run::of_client(&app, Role::ClientContact, &text(&read["client"]["id"])).await;
        let read = app.ask(&contact, document, json!({ "id": run["id"] })).await["engagement"].take();
        assert_eq!(read["score"], json!({ "earned": 0, "flagged": null, "openActions": null }));
    }

    async fn the_pipeline_tells_how_all_the_work_stands(app) {
        let house = house(&app).await;
        four(&app, &house, "acme").await;
        let cancelled = four(&app, &house, "other").await;
        make::client(&app, "third").await;
        done(change(&app, &house.account, "Cancel", &text(&cancelled["id"]), &json!(1)).await);
        app.pass(4 * 86_400);
        let read = app.ask(&house.director, PIPELINE, json!({})).await["pipeline"].take();
        let clients = json!([{ "stage": "PROSPECT", "count": "2" }, { "stage": "ONBOARDING", "count": "1" },
            { "stage": "ACTIVE", "count": "0" }, { "stage": "OFFBOARDING", "count": "0" }, { "stage": "CONCLUDED", "count": "0" }]);
        let expected = json!({ "clients": clients, "overdueSteps": "1", "blockedSteps": "1", "openExceptions": "0" });
        assert_eq!(read, expected);
        let overdue = app.ask(&house.technician, "{ steps(filter: { isOverdue: true }) { nodes { key overdueBy } } }", json!({})).await;
        // Due at the end of the client's own 4th of March.
        assert_eq!(overdue["steps"]["nodes"], json!([{ "key": "soon", "overdueBy": "P1DT4H" }]));
    }

    async fn the_matrix_shows_who_is_what_to_which_step(app) {
        let run = run::run(&app, "acme").await;
        let upsert = "mutation($input: StakeholderUpsertInput!) { stakeholderUpsert(input: $input) { stakeholder { id } userErrors { message } } }";
        for (name, raci) in [
            ("Engineering", json!([{ "stepKey": "access", "raci": "ACCOUNTABLE" }, { "stepKey": "kickoff", "raci": "RESPONSIBLE" }])),
            ("Success", json!([{ "stepKey": "kickoff", "raci": "ACCOUNTABLE" }])),
        ] {
            let input = json!({ "engagementId": run.id, "name": name, "responsibilities": "Its part.", "raci": raci, "idempotencyKey": key(&app) });
            done(sent(&app, &app.staff(Role::OnboardingManager), upsert, input).await);
        }
        let document = "query($id: ID!) { raciMatrix(engagementId: $id) { engagement { id } steps { key }
            rows { stakeholder { name } cells } withoutOneAccountable { key } } }";
        let matrix = app.ask(&app.staff(Role::Technician), document, json!({ "id": run.id })).await["raciMatrix"].take();
        assert_eq!(matrix["steps"], json!([{ "key": "kickoff" }, { "key": "access" }, { "key": "handover" }]));
        assert_eq!(matrix["rows"], json!([
            { "stakeholder": { "name": "Engineering" }, "cells": ["RESPONSIBLE", "ACCOUNTABLE", null] },
            { "stakeholder": { "name": "Success" }, "cells": ["ACCOUNTABLE", null, null] },
        ]));
        assert_eq!(matrix["withoutOneAccountable"], json!([{ "key": "handover" }]));
        for id in ["eng_01h455vb4pex5vsknk084sn02q", "nonsense", run.client.as_str()] {
            let read = app.ask(&app.staff(Role::Technician), document, json!({ "id": id })).await;
            assert_eq!(read["raciMatrix"], Value::Null);
        }
    }
}
