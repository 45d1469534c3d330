//! Whoever sends a revision that no longer stands is shown what stands now, whichever noun it is.

use std::collections::BTreeSet;

use gangway::{auth::Actor, domain::role::Role};
use serde_json::{Value, json};

use crate::{
    isolation::{changes, world},
    support::{
        TestApp,
        flow::{self, done, key},
        make::{self, refusal, sent},
        on_both_stacks, run,
    },
};

/// A revision that nothing has reached.
const STALE: i32 = 99;

const TYPES: &str = "{ node: __type(name: \"Node\") { possibleTypes { name fields { name } } }
    mutations: __type(name: \"Mutation\") { fields { name } }
    __schema { types { name inputFields { name } } } }";

/// Selects id and revision of whatever node it is.
fn current(types: &Value) -> String {
    let has_revision =
        |r#type: &&Value| r#type["fields"].as_array().unwrap().iter().any(|field| field["name"] == "revision");
    let nouns = types["node"]["possibleTypes"].as_array().unwrap().iter().filter(has_revision);
    let fragments: Vec<_> =
        nouns.map(|noun| format!("... on {} {{ revision }}", noun["name"].as_str().unwrap())).collect();
    format!("code path ... on ConflictError {{ currentRevision current {{ id {} }} }}", fragments.join(" "))
}

/// The mutations whose input, or a row of it, has an `expectedRevision`.
fn revised(types: &Value) -> BTreeSet<String> {
    let has_revision = |name: &str| {
        let inputs = types["__schema"]["types"].as_array().unwrap();
        let fields =
            inputs.iter().find(|input| input["name"] == name).and_then(|input| input["inputFields"].as_array());
        fields.is_some_and(|fields| fields.iter().any(|field| field["name"] == "expectedRevision"))
    };
    let all = types["mutations"]["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap());
    let named = all.filter(|name| {
        let (first, rest) = name.split_at(1);
        let input = format!("{}{rest}Input", first.to_uppercase());
        has_revision(&input) || (*name == "factsVerify" && has_revision("FactVerifyInput"))
    });
    named.map(str::to_owned).collect()
}

/// The first complaint of a payload or of its first row.
fn complaint(payload: &Value) -> &Value {
    let whole = &payload["userErrors"][0];
    if whole.is_null() { &payload["results"][0]["userErrors"][0] } else { whole }
}

/// The input of a draft of a process that stands, and its id.
async fn draft(app: &TestApp, actor: &Actor) -> String {
    let document = "mutation($input: ProcessDraftInput!) { processDraft(input: $input) { processVersion { id } userErrors { message path } } }";
    let content = flow::document("T-ONB-701", &[flow::template("one", json!({}))]);
    let input = json!({ "content": content, "idempotencyKey": key(app) });
    flow::text(&done(sent(app, actor, document, input).await)["processVersion"]["id"])
}

on_both_stacks! {
    async fn a_stale_revision_is_answered_with_the_noun_as_it_stands(app) {
        let world = world::build(&app).await;
        let (_, scoped) = world::callers(&app, &world).await.remove(2);
        let everybody = Actor { scope: gangway::auth::ClientScope::system(), ..scoped.clone() };
        let types = app.ask(&everybody, TYPES, json!({})).await;
        let (current, mut tried) = (current(&types), BTreeSet::new());
        let mut asked: Vec<(&str, Value, String, &Actor)> = Vec::new();
        for case in changes::cases(&app, &world) {
            let (id, mut input) = (case.named(), case.input.clone());
            let place = ["/expectedRevision", "/facts/0/expectedRevision"].into_iter().find(|at| input.pointer(at).is_some());
            if let (Some(place), Some(id)) = (place, id) {
                *input.pointer_mut(place).unwrap() = json!(STALE);
                asked.push((case.mutation, input, id, &scoped));
            }
        }
        let version = draft(&app, &everybody).await;
        let content = flow::document("T-ONB-701", &[flow::template("one", json!({}))]);
        let revision = json!({ "id": version, "expectedRevision": STALE });
        let mut update = revision.clone();
        flow::merge(&mut update, json!({ "content": content }));
        asked.push(("processUpdateDraft", update, version.clone(), &everybody));
        asked.push(("processSubmit", revision, version, &everybody));
        let person = json!({ "subject": format!("issuer#{}", world.mine.slug), "name": "New", "roles": ["SALES"], "expectedRevision": STALE, "idempotencyKey": key(&app) });
        asked.push(("userUpsert", person, world.mine.id("user").to_owned(), &everybody));
        for (mutation, input, id, actor) in asked {
            let rows = if mutation == "factsVerify" { format!("results {{ userErrors {{ {current} }} }}") } else { String::new() };
            let (first, rest) = mutation.split_at(1);
            let document = format!("mutation($input: {}{rest}Input!) {{ {mutation}(input: $input) {{ {rows} userErrors {{ {current} }} }} }}", first.to_uppercase());
            let payload = sent(&app, actor, &document, input).await;
            let error = complaint(&payload);
            assert_eq!(error["code"], "CONFLICT", "{mutation}: {payload}");
            assert_eq!(error["current"], json!({ "id": id, "revision": error["currentRevision"] }), "{mutation}: {payload}");
            assert!(error["currentRevision"].is_i64(), "{mutation}: {payload}");
            tried.insert(mutation.to_owned());
        }
        assert_eq!(tried, revised(&types), "every mutation that takes a revision is asked here");
    }

    async fn only_a_stale_revision_shows_what_stands_and_only_to_who_may_read_it(app) {
        let document = "mutation($input: RecipientKeyRevokeInput!) { recipientKeyRevoke(input: $input) {
            userErrors { code path remedy ... on ConflictError { currentRevision current { id } } } } }";
        let (mine, theirs) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        let register = "mutation($input: RecipientKeyRegisterInput!) { recipientKeyRegister(input: $input) { recipientKey { id } userErrors { message } } }";
        let mut ids = Vec::new();
        for client in [&mine, &theirs] {
            let recipient = age::x25519::Identity::generate().to_public().to_string();
            let input = json!({ "clientId": client, "recipient": recipient, "idempotencyKey": key(&app) });
            ids.push(done(sent(&app, &app.staff(Role::Technician), register, input).await)["recipientKey"]["id"].take());
        }
        let contact = run::of_client(&app, Role::ClientContact, &mine).await;
        let revoke = async |id: &Value, revision: i32| {
            sent(&app, &contact, document, json!({ "id": id, "expectedRevision": revision })).await
        };
        let stale = revoke(&ids[0], 2).await;
        assert_eq!((&stale["userErrors"][0]["current"]["id"], &stale["userErrors"][0]["currentRevision"]), (&ids[0], &json!(1)));
        let foreign = revoke(&ids[1], 2).await;
        assert_eq!(refusal(&foreign), ("NOT_FOUND", "id".to_owned()), "a foreign noun is not shown, stale or not");
        done(revoke(&ids[0], 1).await);
        let again = revoke(&ids[0], 2).await;
        assert_eq!(refusal(&again).0, "CONFLICT");
        assert_eq!(again["userErrors"][0]["current"], Value::Null, "nothing was stale");
    }
}
