//! What many tests begin with, made through the API as any caller would.

use gangway::{auth::Actor, domain::role::Role};
use serde_json::{Value, json};

use super::TestApp;

/// Enters a client and gives back its id.
pub(crate) async fn client(app: &TestApp, slug: &str) -> String {
    let document =
        "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } userErrors { message } } }";
    let input = json!({ "name": slug, "slug": slug, "timeZone": "America/New_York", "idempotencyKey": format!("client-{slug}") });
    let created = app.ask(&app.staff(Role::Sales), document, json!({ "input": input })).await;
    created["clientCreate"]["client"]["id"].as_str().unwrap().to_owned()
}

/// Sends `document`, whose one mutation takes `input`, and gives back that mutation's payload.
pub(crate) async fn sent(app: &TestApp, actor: &Actor, document: &str, input: Value) -> Value {
    let answer = app.ask(actor, document, json!({ "input": input })).await;
    answer.as_object().and_then(|fields| fields.values().next()).cloned().unwrap()
}

/// The one error of a payload that refused: its code and its path, after a look at its remedy.
#[track_caller]
pub(crate) fn refusal(payload: &Value) -> (&str, String) {
    let errors = payload["userErrors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{payload}");
    let path =
        errors[0]["path"].as_array().map(|path| path.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>());
    (errors[0]["code"].as_str().unwrap(), path.unwrap_or_default().join("."))
}

/// That `many` rows took no more statements than `few` did. Loads that wait for each other may be split in two
/// when the machine is busy for longer than they wait, so a handful more is allowed; a statement for each row is not.
#[track_caller]
pub(crate) fn assert_constant(few: u64, many: u64) {
    assert!(many <= few + 4, "{few} statements became {many}");
}
