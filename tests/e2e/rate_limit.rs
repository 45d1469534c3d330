//! What a caller may still ask is told for nothing, also when nothing is left.

use std::sync::Arc;

use async_graphql::{Request, Variables};
use gangway::{
    app::rate::Buckets,
    auth::Actor,
    domain::{rate::Rate, role::Role},
    graphql::{
        self,
        extensions::{Meter, Progress, RequestId, finish, guarded},
        guard::Limits,
    },
};
use serde_json::{Value, json};

use crate::support::{TestApp, on_both_stacks};

const RATE_LIMIT: &str = "{ rateLimit { limit remaining resetAt cost } }";

/// The answer to `document` of somebody whose allowance `buckets` holds.
async fn ask(app: &TestApp, actor: &Actor, buckets: &Arc<Buckets>, document: &str) -> Value {
    ask_with(app, actor, buckets, document, json!({})).await
}

async fn ask_with(app: &TestApp, actor: &Actor, buckets: &Arc<Buckets>, document: &str, variables: Value) -> Value {
    let schema = guarded(graphql::builder(), Limits::default()).finish();
    let (progress, id) = (Progress::default(), RequestId::new("req_test"));
    let request =
        graphql::request(Request::new(document).variables(Variables::from_json(variables)), &app.app, actor.clone());
    let request = request.data(progress.clone()).data(id.clone()).data(Meter::new(buckets.clone(), actor.id));
    let mut answer = schema.execute(request).await;
    finish(&mut answer, &progress, &id);
    serde_json::to_value(&answer).unwrap()
}

on_both_stacks! {
    async fn the_allowance_is_told_for_nothing_and_fills_with_time(app) {
        let buckets = Arc::new(Buckets::new(Rate::new(100, 10).unwrap(), Arc::new(app.clock.clone())));
        let sales = app.staff(Role::Sales);
        let told = |remaining: i32, reset_at: &str, cost: i32| json!({ "limit": 100, "remaining": remaining, "resetAt": reset_at, "cost": cost });
        let free = ask(&app, &sales, &buckets, RATE_LIMIT).await;
        assert_eq!(free["data"]["rateLimit"], told(100, "2026-03-02T09:00:00.000Z", 0));
        // The connection and its 99 nodes.
        let page = ask(&app, &sales, &buckets, "{ clients(first: 99) { nodes { id } } rateLimit { limit remaining resetAt cost } }").await;
        assert_eq!(page["data"]["rateLimit"], told(0, "2026-03-02T09:00:10.000Z", 100));
        let refused = ask(&app, &sales, &buckets, "{ viewer { name } }").await;
        assert_eq!((&refused["errors"][0]["extensions"]["code"], &refused["errors"][0]["extensions"]["retryAfterMs"]), (&json!("RATE_LIMITED"), &json!(100)));
        let free = ask(&app, &sales, &buckets, RATE_LIMIT).await;
        assert_eq!(free["data"]["rateLimit"], told(0, "2026-03-02T09:00:10.000Z", 0));
        app.pass(1);
        let later = ask(&app, &sales, &buckets, "{ viewer { name } rateLimit { limit remaining resetAt cost } }").await;
        assert_eq!(later["data"]["rateLimit"], told(9, "2026-03-02T09:00:10.100Z", 1));
        assert_eq!(app.ask(&sales, RATE_LIMIT, json!({})).await["rateLimit"], Value::Null, "nothing is limited without a meter");
    }

    async fn what_works_through_thousands_of_rows_costs_more_than_it_shows(app) {
        let buckets = Arc::new(Buckets::new(Rate::new(50_000, 1).unwrap(), Arc::new(app.clock.clone())));
        let director = app.staff(Role::Director);
        for (document, variables, cost) in [
            ("{ pipeline { overdueSteps openExceptions } rateLimit { cost } }", json!({}), 1),
            ("{ pipeline { a: blockedSteps b: blockedSteps } rateLimit { cost } }", json!({}), 1 + 2 * 200),
            ("{ steps(first: 5) { nodes { key } } rateLimit { cost } }", json!({}), 1 + 5),
            ("{ steps(first: 5, filter: { isOverdue: true, isBlocked: null }) { nodes { key } } rateLimit { cost } }", json!({}), 1 + 5),
            ("{ steps(first: 5, filter: { isBlocked: false }) { nodes { key } } rateLimit { cost } }", json!({}), 1 + 5 + 200),
            ("query($b: Boolean) { steps(first: 5, filter: { isBlocked: $b }) { nodes { key } } rateLimit { cost } }", json!({}), 1 + 5),
            ("query($b: Boolean) { steps(first: 5, filter: { isBlocked: $b }) { nodes { key } } rateLimit { cost } }", json!({ "b": true }), 1 + 5 + 200),
            ("query($f: StepFilter) { steps(first: 5, filter: $f) { nodes { key } } rateLimit { cost } }", json!({ "f": { "isBlocked": true } }), 1 + 5 + 200),
            ("query($f: StepFilter = { isBlocked: true }) { steps(first: 5, filter: $f) { nodes { key } } rateLimit { cost } }", json!({}), 1 + 5 + 200),
        ] {
            let answer = ask_with(&app, &director, &buckets, document, variables).await;
            assert_eq!(answer["data"]["rateLimit"]["cost"], cost, "{document}: {answer}");
        }
        let many = (0..149).fold(String::new(), |all, n| format!("{all} a{n}: blockedSteps"));
        let refused = ask(&app, &director, &buckets, &format!("{{ pipeline {{ {many} }} }}")).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX", "{refused}");
    }
}
