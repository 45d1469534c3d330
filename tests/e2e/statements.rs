//! What is nested is read in as many statements as there are kinds of things, however many of them there are.
//!
//! Loaders gather for a while before they ask, and on a busy machine a batch may fall apart. So these tests let them
//! gather far longer than the server does, and then demand the very same number of every list by itself.

use std::time::Duration;

use async_graphql::{Request, Variables};
use gangway::{auth::Actor, domain::role::Role, graphql};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    flow::{self, House, ONBOARDING, done, key, step_of},
    make::sent,
    on_both_stacks,
};

/// Long enough for every sibling to ask, whatever else the machine does.
const GATHER: Duration = Duration::from_millis(80);
/// The same for the page that asks for everything: fifty clients' steps take a while to be walked through.
const GATHER_ALL: Duration = Duration::from_millis(400);

/// Everything below a client that a front end may want on one page.
const EVERYTHING: &str = "{ clients(first: 100) { totalCount nodes { name stage viewerCan { update }
    jobs(first: 5) { totalCount nodes { state client { name } startedBy { name } certificate { number } } }
    contacts { name role } recipientKeys { state } agreements { kind state recordedBy { name } }
    facts(first: 5) { totalCount nodes { name collectedBy { name } } }
    holdings(first: 10, filter: { isResidual: true }) { totalCount nodes { name state client { name } evidence { label } } }
    engagements(first: 5) { totalCount nodes { state client { name } score { percent flagged } forecastOn blockedBy { code } viewerCan { conclude }
        processVersion { number process { title } } stakeholders { name } challenges { expected }
        exceptions { state requestedBy { name } step { key } decision { state votes { role } } } decisions { state requestedBy { name } }
        steps { key description isOverdue assignee { name client { name } } dependsOn { key } blockedBy { code message } checklist { key state }
            evidence { label recordedBy { name } } viewerCan { start complete } engagement { state } } } } } } }";

/// What `actor` is answered, and in how many statements.
async fn read(app: &TestApp, actor: &Actor, document: &str, patience: u32) -> (Value, u64) {
    let before = app.app.db().statements();
    let request = graphql::request_gathering(
        Request::new(document).variables(Variables::default()),
        &app.app,
        actor.clone(),
        patience * if document == EVERYTHING { GATHER_ALL } else { GATHER },
    );
    let answer = app.schema.execute(request).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    (answer.data.into_json().unwrap(), app.app.db().statements() - before)
}

/// A client in the middle of its onboarding, with something in every list.
async fn client(app: &TestApp, house: &House, number: usize) {
    let slug = format!("client-{number}");
    let client = flow::prospect(app, house, &slug).await;
    let contact = "mutation($input: ContactUpsertInput!) { contactUpsert(input: $input) { userErrors { message } } }";
    let input = json!({ "clientId": client, "name": "Kim", "role": "PRIMARY", "email": "kim@example.com", "idempotencyKey": key(app) });
    done(sent(app, &house.sales, contact, input).await);
    flow::register(app, &house.technician, &client, json!([flow::agent("pc-1"), flow::agent("pc-2")])).await;
    let run = flow::started(app, house, &client, ONBOARDING).await;
    let step = step_of(&run, "handover");
    done(flow::work(app, &house.sales, "Start", &step, Value::Null).await);
    let evidence = "mutation($input: EvidenceAddInput!) { evidenceAdd(input: $input) { userErrors { message } } }";
    for step in ["handover", "kickoff", "discovery"] {
        let input = json!({ "stepId": step_of(&run, step), "details": { "attestation": { "statement": "So it is." } }, "idempotencyKey": key(app) });
        done(sent(app, &house.manager, evidence, input).await);
    }
    let raise = "mutation($input: ExceptionRaiseInput!) { exceptionRaise(input: $input) { userErrors { message } } }";
    let input = json!({ "engagementId": run["id"], "stepId": step, "type": "DEVIATION", "situation": "It is late", "justification": "Nobody could come before today.",
        "expiresAt": "2026-03-30T09:00:00.000Z", "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }], "idempotencyKey": key(app) });
    done(sent(app, &house.technician, raise, input).await);
    let stakeholder =
        "mutation($input: StakeholderUpsertInput!) { stakeholderUpsert(input: $input) { userErrors { message } } }";
    let input = json!({ "engagementId": run["id"], "name": "Owner", "responsibilities": "Decides.", "idempotencyKey": key(app) });
    done(sent(app, &house.sales, stakeholder, input).await);
}

/// The fewest statements that the page takes, of three readings: a busy machine may split a batch, and never saves one.
async fn fewest(app: &TestApp, actor: &Actor, document: &str) -> u64 {
    let mut fewest = u64::MAX;
    for _ in 0..3 {
        fewest = fewest.min(read(app, actor, document, 1).await.1);
    }
    fewest
}

/// The page takes no statement more for many rows than for few; the one that asks for everything up to a quarter. It has several tries, each with more patience, because
/// a busy machine may split a batch; one that takes a statement for each row has none of them right.
async fn compare(app: &TestApp, actor: &Actor, document: &str, few: u64, rows: usize) {
    // On the page that asks for everything, one loader is asked from many places, and whether these meet in one batch is
    // a matter of moments.
    let most = if document == EVERYTHING { few + few / 4 } else { few };
    let mut taken = Vec::new();
    for patience in [1, 2, 4, 8, 16] {
        let (answer, statements) = read(app, actor, document, patience).await;
        assert!(answer.to_string().len() > rows * 10, "there is something to read");
        if statements <= most {
            return;
        }
        taken.push(statements);
    }
    panic!("{few} statements for few rows became {taken:?} for many, of {document}");
}

on_both_stacks! {
    async fn ten_times_as_many_clients_take_no_statement_for_each_of_them(app) {
        let house = flow::house(&app).await;
        for number in 0..5 {
            client(&app, &house, number).await;
        }
        // Each list by itself, so that one that grows is named; then all of them together.
        let pages: Vec<String> = ["contacts { name }", "recipientKeys { state }", "agreements { kind recordedBy { name } }",
            "facts(first: 5) { totalCount nodes { name } }", "holdings(first: 10) { totalCount nodes { name client { name } evidence { label } } }", "jobs(first: 5) { totalCount nodes { state } }",
            "engagements(first: 5) { totalCount nodes { state } }", "engagements(first: 5) { nodes { blockedBy { code } score { percent } viewerCan { pause } } }",
            "engagements(first: 5) { nodes { steps { assignee { name } evidence { recordedBy { name } } checklist { key } dependsOn { key } blockedBy { code } } } }"]
            .iter().map(|list| format!("{{ clients(first: 100) {{ nodes {{ id {list} }} }} }}")).chain([EVERYTHING.to_owned()]).collect();
        let mut few = Vec::new();
        for page in &pages {
            few.push(fewest(&app, &house.account, page).await);
        }
        assert!(few.iter().all(|&count| count < 100), "{few:?}");
        for number in 5..50 {
            client(&app, &house, number).await;
        }
        for (page, few) in pages.iter().zip(few) {
            compare(&app, &house.account, page, few, 50).await;
        }
        let (answer, _) = read(&app, &house.account, EVERYTHING, 1).await;
        let nodes = answer["clients"]["nodes"].as_array().unwrap();
        assert!(nodes.len() == 50 && nodes.iter().all(|one| one["engagements"]["nodes"][0]["steps"].as_array().unwrap().len() == 15));
        assert!(nodes.iter().all(|one| one["holdings"]["totalCount"] == 2 && one["engagements"]["totalCount"] == 1 && one["facts"]["totalCount"] == 1));
    }

    async fn the_work_queue_takes_as_many_statements_for_many_steps_as_for_few(app) {
        let house = flow::house(&app).await;
        for number in 0..2 {
            client(&app, &house, number).await;
        }
        let pages = ["{ steps(first: 100) { totalCount nodes { key title assignee { name } engagement { state client { name contacts { name } } }
            checklist { key } evidence { label } blockedBy { code } } } }", "{
            steps(first: 100) { nodes { key viewerCan { start } } } }", "{
            steps(first: 20, filter: { isBlocked: true }) { nodes { key blockedBy { code } } } }", "{
            pipeline { clients { count } overdueSteps blockedSteps openExceptions } }", "{
            holdings(first: 100) { totalCount nodes { name client { name } } } }", "{
            decisions(first: 100) { totalCount nodes { state votes { role } client { name } engagement { state } requestedBy { name } } } }", "{
            exceptions(first: 100) { totalCount nodes { state step { key } decision { state } client { name } } } }"];
        let mut few = Vec::new();
        for page in pages {
            few.push(fewest(&app, &house.account, page).await);
        }
        for number in 2..12 {
            client(&app, &house, number).await;
        }
        for (page, few) in pages.iter().zip(few) {
            compare(&app, &house.account, page, few, 10).await;
        }
    }

    async fn the_numbers_of_the_pipeline_are_counted_once_however_often_they_are_asked_for(app) {
        let house = flow::house(&app).await;
        client(&app, &house, 0).await;
        let fields = "clients { count } overdueSteps blockedSteps openExceptions";
        let again = "a: clients { count } b: overdueSteps c: blockedSteps d: openExceptions e: blockedSteps";
        let once = fewest(&app, &house.account, &format!("{{ pipeline {{ {fields} }} }}")).await;
        let often = format!("{{ pipeline {{ {fields} {again} }} x: pipeline {{ {fields} {again} }} }}");
        assert_eq!(fewest(&app, &house.account, &often).await, once);
    }

    async fn a_contact_reads_its_own_page_in_a_fixed_number_of_statements(app) {
        let house = flow::house(&app).await;
        for number in 0..4 {
            client(&app, &house, number).await;
        }
        let contact = app.staff(Role::ClientContact);
        // Apart, because both read how a run stands: who asks while the other's answer is under way reads it once more.
        let pages = [
            "{ clients { nodes { name contacts { name } agreements { kind } engagements { nodes { steps { key blockedBy { code } } } } } } }",
            "{ clients { nodes { name engagements { nodes { score { percent } } } } } }",
        ];
        let mut few = Vec::new();
        for page in pages {
            few.push(fewest(&app, &contact, page).await);
        }
        for number in 4..12 {
            client(&app, &house, number).await;
        }
        for (page, few) in pages.into_iter().zip(few) {
            compare(&app, &contact, page, few, 12).await;
        }
    }
}
