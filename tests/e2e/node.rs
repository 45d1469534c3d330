//! Reading anything by its id alone.

use gangway::{
    app,
    clock::{Clock, IdSource},
    domain::role::Role,
    ids::{CertificateId, ClientId},
};
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::{
    job::Site,
    support::{
        TestApp,
        make::{self, sent},
        on_both_stacks,
        run::{self, Run, of_client},
    },
};

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id } }";
const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";

/// Does `document` and gives back the id at `path` of its payload.
async fn made(app: &TestApp, role: Role, document: &str, path: &str, input: Value) -> String {
    let payload = sent(app, &app.staff(role), document, input).await;
    payload.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{document}: {payload}")).to_owned()
}

/// Nouns of one client that is being taken on, each with the name of its type.
async fn nouns(app: &TestApp, run: &Run) -> Vec<(&'static str, String)> {
    let key = |what: &str| format!("{what}-{}", run.id);
    let contact = "mutation($input: ContactUpsertInput!) { contactUpsert(input: $input) { contact { id } userErrors { message path } } }";
    let input = json!({ "clientId": run.client, "role": "PRIMARY", "name": "Dana", "email": "dana@acme.example", "idempotencyKey": key("contact") });
    let contact = made(app, Role::Sales, contact, "/contact/id", input).await;
    let agreement = "mutation($input: AgreementRecordInput!) { agreementRecord(input: $input) { agreement { id } userErrors { message path } } }";
    let details = json!({ "serviceAgreement": { "dataReturn": { "destination": "A bucket", "formats": ["BAGIT_TAR_ZSTD"] }, "noticeDays": 0 } });
    let input =
        json!({ "clientId": run.client, "title": "Service", "details": details, "idempotencyKey": key("agreement") });
    let agreement = made(app, Role::Sales, agreement, "/agreement/id", input).await;
    let stakeholder = "mutation($input: StakeholderUpsertInput!) { stakeholderUpsert(input: $input) { stakeholder { id } userErrors { message path } } }";
    let input = json!({ "engagementId": run.id, "name": "IT", "responsibilities": "Systems.", "raci": [], "idempotencyKey": key("stakeholder") });
    let stakeholder = made(app, Role::OnboardingManager, stakeholder, "/stakeholder/id", input).await;
    let challenge = "mutation($input: ChallengeRecordInput!) { challengeRecord(input: $input) { challenge { id } userErrors { message path } } }";
    let input =
        json!({ "engagementId": run.id, "expected": "The vendor is slow.", "idempotencyKey": key("challenge") });
    let challenge = made(app, Role::Technician, challenge, "/challenge/id", input).await;
    let fact = "mutation($input: FactsRecordInput!) { factsRecord(input: $input) { results { fact { id } userErrors { message path } } userErrors { message path } } }";
    let row =
        json!({ "name": "Hours", "source": "INTERVIEW", "details": { "note": { "text": "Closed on Fridays." } } });
    let input = json!({ "clientId": run.client, "facts": [row], "idempotencyKey": key("fact") });
    let fact = made(app, Role::Technician, fact, "/results/0/fact/id", input).await;
    let holding = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) { results { holding { id } userErrors { message path } } userErrors { message path } } }";
    let data = json!({ "dataKind": "FILES", "disposition": "RETURN", "keyEscrow": "NOT_ENCRYPTED", "location": "archive://acme" });
    let input = json!({ "clientId": run.client, "holdings": [{ "name": "Folder", "details": { "data": data } }], "idempotencyKey": key("holding") });
    let holding = made(app, Role::Technician, holding, "/results/0/holding/id", input).await;
    let evidence = "mutation($input: EvidenceAddInput!) { evidenceAdd(input: $input) { evidence { id } userErrors { message path } } }";
    let input = json!({ "holdingId": holding, "details": { "attestation": { "statement": "It is there." } }, "idempotencyKey": key("evidence") });
    let evidence = made(app, Role::Technician, evidence, "/evidence/id", input).await;
    let exception = "mutation($input: ExceptionRaiseInput!) { exceptionRaise(input: $input) { exception { id } userErrors { message path } } }";
    let input = json!({ "engagementId": run.id, "stepId": run.kickoff, "type": "DEVIATION", "situation": "The client is away",
        "justification": "The client's own team is away until Monday.", "expiresAt": "2026-03-30T09:00:00.000Z",
        "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "HIGH", "impact": "MEDIUM" }], "idempotencyKey": key("exception") });
    let exception = made(app, Role::Technician, exception, "/exception/id", input).await;
    vec![
        ("Client", run.client.clone()),
        ("Contact", contact),
        ("ServiceAgreement", agreement),
        ("Engagement", run.id.clone()),
        ("Stakeholder", stakeholder),
        ("Challenge", challenge),
        ("Step", run.kickoff.clone()),
        ("NoteFact", fact),
        ("DataHolding", holding),
        ("AttestationEvidence", evidence),
        ("File", make::upload(app, &run.client, "plan.pdf", b"%PDF-1.7").await),
        ("Exception", exception),
        ("Certificate", certificate(app, &run.client).await),
    ]
}

/// A statement about `client`, written straight into the table: how they come about is tested with jobs.
async fn certificate(app: &TestApp, client: &str) -> String {
    let id = app.clock.next();
    let row = entity::certificate::Model {
        id,
        client_id: client.parse::<ClientId>().unwrap().uuid(),
        engagement_id: None,
        job_id: None,
        number: format!("C-{id}"),
        kind: "DATA_RETURN_RECEIPT".to_owned(),
        statement: "{}".to_owned(),
        signature: String::new(),
        key_id: String::new(),
        issued_at: app.clock.now(),
    };
    let db = app.app.db().write();
    entity::certificate::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    CertificateId::from(id).to_string()
}

/// What has to do with `run` besides: its question, its process, a line of the log, somebody.
async fn around(app: &TestApp, run: &Run) -> Vec<(&'static str, String)> {
    app::log::seal_waiting(&app.app).await.unwrap();
    let document = "query($id: ID!, $client: ID!) {
        engagement(id: $id) { decisions { id } processVersion { id } }
        processes { nodes { id } }
        timeline(first: 1, filter: { clientId: $client }) { nodes { id subject { __typename id } } } }";
    let lead = app.staff(Role::AccountManager);
    let found = app.ask(&lead, document, json!({ "id": run.id, "client": run.client })).await;
    let id = |path: &str| found.pointer(path).unwrap_or_else(|| panic!("{path}: {found}")).as_str().unwrap().to_owned();
    let subject = &found["timeline"]["nodes"][0]["subject"];
    assert_eq!(*subject, json!({ "__typename": "Client", "id": run.client }));
    let user = run::colleague(app, &[Role::Sales]).await.id.user().unwrap().to_string();
    vec![
        ("Decision", id("/engagement/decisions/0/id")),
        ("ProcessVersion", id("/engagement/processVersion/id")),
        ("Process", id("/processes/nodes/0/id")),
        ("Event", id("/timeline/nodes/0/id")),
        ("User", user),
    ]
}

on_both_stacks! {
    async fn every_noun_is_read_by_its_id(app) {
        let run = run::run(&app, "acme").await;
        let mut all = nouns(&app, &run).await;
        all.extend(around(&app, &run).await);
        let director = app.staff(Role::Director);
        for (kind, id) in &all {
            let read = app.ask(&director, NODE, json!({ "id": id })).await;
            assert_eq!(read["node"], json!({ "__typename": kind, "id": id }));
        }
        let ids: Vec<_> = all.iter().map(|(_, id)| id).collect();
        let read = app.ask(&director, NODES, json!({ "ids": ids })).await;
        let expected: Vec<_> = all.iter().map(|(kind, id)| json!({ "__typename": kind, "id": id })).collect();
        assert_eq!(read["nodes"], json!(expected));
    }

    async fn a_plan_and_its_job_are_read_by_their_ids(test) {
        let site = Site::of(test).await;
        let plan = site.plan().await;
        let job = site.start("start-by-node").await;
        let document = "query($ids: [ID!]!) { nodes(ids: $ids) {
            id ... on JobPlan { planHash blockedBy { code } } ... on Job { kind } } }";
        let read = site.test.ask(&site.manager, document, json!({ "ids": [plan["id"], job["id"]] })).await;
        let plan = json!({ "id": plan["id"], "planHash": plan["planHash"], "blockedBy": [] });
        assert_eq!(read["nodes"], json!([plan, { "id": job["id"], "kind": "DATA_RETURN" }]));
    }

    async fn a_target_is_read_by_its_id_by_whoever_sees_its_job(test) {
        let site = Site::of(test).await;
        let job = site.start("target-by-node").await;
        let document = "query($id: ID!) { job(id: $id) { targets { edges { node { id name state } } } } }";
        let found = site.test.ask(&site.manager, document, json!({ "id": job["id"] })).await;
        let target = &found["job"]["targets"]["edges"][0]["node"];
        let read = "query($id: ID!) { node(id: $id) { id ... on JobTarget { name state } } }";
        let contact = of_client(&site.test, Role::ClientContact, &site.client).await;
        for actor in [&site.manager, &contact] {
            assert_eq!(site.test.ask(actor, read, json!({ "id": target["id"] })).await["node"], *target);
        }
        let other = run::run(&site.test, "other").await;
        let stranger = of_client(&site.test, Role::ClientContact, &other.client).await;
        assert_eq!(site.test.ask(&stranger, read, json!({ "id": target["id"] })).await, json!({ "node": null }));
    }

    async fn an_api_key_is_read_by_its_id_by_those_who_may_list_them(app) {
        let admin = app.staff(Role::Admin);
        let create = "mutation($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { apiKey { id } userErrors { message } } }";
        let input = json!({ "name": "Billing", "roles": ["INTEGRATION"], "idempotencyKey": "key-by-node" });
        let key = made(&app, Role::Admin, create, "/apiKey/id", input).await;
        let read = "query($id: ID!) { node(id: $id) { id ... on ApiKey { name revokedAt } } }";
        for actor in [&admin, &app.staff(Role::Compliance)] {
            let expected = json!({ "id": key, "name": "Billing", "revokedAt": null });
            assert_eq!(app.ask(actor, read, json!({ "id": key })).await["node"], expected);
        }
        let client = make::client(&app, "acme").await;
        let of_one = of_client(&app, Role::Admin, &client).await;
        for actor in [app.staff(Role::Director), app.staff(Role::Integration), of_one] {
            assert_eq!(app.ask(&actor, read, json!({ "id": key })).await, json!({ "node": null }), "{:?}", actor.roles);
        }
    }

    async fn a_contact_reads_its_own_client_and_nothing_that_its_role_does_not_open(app) {
        let (own, other) = (run::run(&app, "acme").await, run::run(&app, "other").await);
        let (mine, foreign) = (nouns(&app, &own).await, nouns(&app, &other).await);
        let contact = of_client(&app, Role::ClientContact, &own.client).await;
        for (kind, id) in &foreign {
            let read = app.ask(&contact, NODE, json!({ "id": id })).await;
            assert_eq!(read, json!({ "node": null }), "{kind}");
        }
        let open = ["Client", "Contact", "ServiceAgreement", "Engagement", "Step", "AttestationEvidence", "Certificate"];
        for (kind, id) in &mine {
            let read = app.ask(&contact, NODE, json!({ "id": id })).await;
            assert_eq!(!read["node"].is_null(), open.contains(kind), "{kind}");
        }
        for (kind, id) in around(&app, &own).await {
            let read = app.ask(&contact, NODE, json!({ "id": id })).await;
            assert_eq!(read, json!({ "node": null }), "{kind}");
        }
    }

    async fn the_order_is_kept_and_what_names_nothing_is_null(app) {
        let (one, two) = (make::client(&app, "one").await, make::client(&app, "two").await);
        let sales = app.staff(Role::Sales);
        let ids = json!([two, "cli_01h455vb4pex5vsknk084sn02q", one, "nonsense", two, "", "cli_x", "chk_01h455vb4pex5vsknk084sn02q"]);
        let read = app.ask(&sales, NODES, json!({ "ids": ids })).await;
        let found: Vec<_> = read["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()).collect();
        assert_eq!(json!(found), json!([two, null, one, null, two, null, null, null]));
        assert_eq!(app.ask(&sales, NODES, json!({ "ids": [] })).await["nodes"], json!([]));
    }

    async fn a_hundred_and_one_ids_are_too_many(app) {
        let client = make::client(&app, "acme").await;
        let sales = app.staff(Role::Sales);
        let most = app.ask(&sales, NODES, json!({ "ids": vec![&client; 100] })).await;
        assert_eq!(most["nodes"].as_array().unwrap().len(), 100);
        let answer = app.answer(&sales, NODES, json!({ "ids": vec![&client; 101] })).await;
        let error = serde_json::to_value(&answer.errors).unwrap();
        assert_eq!(error[0]["extensions"]["code"], "BAD_USER_INPUT", "{error}");
        assert!(error.to_string().contains("ids"), "{error}");
    }

    async fn many_ids_of_one_noun_take_one_statement(app) {
        let mut clients = Vec::new();
        for n in 0..12 {
            clients.push(make::client(&app, &format!("client-{n}")).await);
        }
        let sales = app.staff(Role::Sales);
        let (one, all) = (format!("{{ nodes(ids: {:?}) {{ id }} }}", &clients[..1]), format!("{{ nodes(ids: {clients:?}) {{ id }} }}"));
        assert_eq!(run::statements(&app, &sales, &one).await, run::statements(&app, &sales, &all).await);
    }
}
