//! The inbox, and reading many decisions at once.

use gangway::{auth::Actor, domain::role::Role};
use serde_json::{Value, json};

use super::{DELEGATE, plan, vote};
use crate::support::{
    TestApp,
    make::{self, sent},
    on_both_stacks, run,
};

const INBOX: &str = "{ decisions(filter: { awaitsViewer: true }) { nodes { id viewerCan { vote voteAs isAwaited delegate withdraw } } totalCount } }";

/// The ids of what waits for `actor`.
async fn inbox(app: &TestApp, actor: &Actor) -> Vec<String> {
    let read = app.ask(actor, INBOX, json!({})).await;
    let nodes = read["decisions"]["nodes"].as_array().unwrap();
    assert_eq!(read["decisions"]["totalCount"], nodes.len());
    assert!(nodes.iter().all(|node| node["viewerCan"]["isAwaited"] == true && node["viewerCan"]["vote"] == true));
    nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

on_both_stacks! {
    async fn an_inbox_holds_what_waits_for_its_owner_and_nothing_else(app) {
        let run = run::run(&app, "acme").await;
        let rule = json!({ "isOrdered": true, "requirements": [
            { "anyOf": ["SERVICE_DELIVERY_MANAGER", "HEAD_OF_OPERATIONS"] }, { "anyOf": ["DIRECTOR"] }] });
        let id = plan(&app, &run, rule).await;
        let manager = run::colleague(&app, &[Role::ServiceDeliveryManager]).await;
        let (head, director) = (app.staff(Role::HeadOfOperations), app.staff(Role::Director));
        let deputy = run::colleague(&app, &[Role::Sales]).await;
        let none: [String; 0] = [];
        assert_eq!(inbox(&app, &manager).await, std::slice::from_ref(&id));
        assert_eq!(inbox(&app, &head).await, std::slice::from_ref(&id));
        assert_eq!(inbox(&app, &director).await, none);
        let input = json!({ "id": id, "delegateId": deputy.id.to_string(), "idempotencyKey": "hand-it-on" });
        sent(&app, &manager, DELEGATE, input).await;
        assert_eq!(inbox(&app, &manager).await, none);
        assert_eq!(inbox(&app, &deputy).await, std::slice::from_ref(&id));
        vote(&app, &id, &deputy, "GRANT").await;
        assert_eq!(inbox(&app, &deputy).await, none);
        assert_eq!(inbox(&app, &head).await, none);
        assert_eq!(inbox(&app, &director).await, std::slice::from_ref(&id));
        vote(&app, &id, &director, "GRANT").await;
        assert_eq!(inbox(&app, &director).await, none);
        assert_eq!(inbox(&app, &app.staff(Role::Admin)).await, none);
    }

    async fn what_the_viewer_can_do_depends_on_who_looks(app) {
        let run = run::run(&app, "acme").await;
        plan(&app, &run, Value::Null).await;
        let document = "{ decisions { nodes { viewerCan { vote voteAs isAwaited delegate withdraw } } } }";
        let as_seen_by = |role: Role| { let app = &app; async move {
            app.ask(&app.staff(role), document, json!({})).await["decisions"]["nodes"][0]["viewerCan"].take()
        } };
        let manager = json!({ "vote": true, "voteAs": "HEAD_OF_OPERATIONS", "isAwaited": true, "delegate": true, "withdraw": false });
        assert_eq!(as_seen_by(Role::HeadOfOperations).await, manager);
        let nothing = json!({ "vote": false, "voteAs": null, "isAwaited": false, "delegate": false, "withdraw": false });
        for role in [Role::Technician, Role::Admin, Role::AccountManager] {
            assert_eq!(as_seen_by(role).await, nothing, "{role}");
        }
    }

    async fn many_decisions_are_read_in_as_many_statements_as_few(app) {
        let document = "{ engagements(first: 100) { nodes { decisions { state client { name } requestedBy { name }
            rule { requirements { granted } } votes { voter { name } } delegations { role } viewerCan { vote } } } } }";
        let director = app.staff(Role::Director);
        let voter = run::colleague(&app, &[Role::ServiceDeliveryManager]).await;
        let both = json!({ "requirements": [{ "anyOf": ["SERVICE_DELIVERY_MANAGER", "HEAD_OF_OPERATIONS"], "quorum": 2 }] });
        let decided = |n: usize| { let (app, voter, both) = (&app, &voter, both.clone()); async move {
            let run = run::run(app, &format!("client-{n}")).await;
            let id = plan(app, &run, both).await;
            vote(app, &id, voter, "GRANT").await;
        } };
        for n in 0..2 {
            decided(n).await;
        }
        let few = run::statements(&app, &director, document).await;
        for n in 2..10 {
            decided(n).await;
        }
        make::assert_constant(few, run::statements(&app, &director, document).await);
        let read = app.ask(&director, document, json!({})).await;
        let decisions = read["engagements"]["nodes"].as_array().unwrap();
        assert_eq!(decisions.len(), 10);
        assert!(decisions.iter().all(|node| node["decisions"][0]["votes"].as_array().unwrap().len() == 1));
    }
}
