//! What is wrong is refused by name, with a way out, and nothing is written.
//!
//! The inputs are those that would be fine, spoilt in one place: each text, id, day, word and number in turn.

use std::collections::BTreeMap;

use async_graphql::{Request, Variables};
use gangway::{
    auth::{Actor, ClientScope},
    domain::role::Role,
    graphql::{
        self, Schema,
        extensions::{Progress, RequestId, finish, guarded},
        guard::Limits,
    },
};
use serde_json::{Value, json};

use crate::{
    isolation::{changes, world},
    support::{
        TestApp,
        flow::{self, key},
        make::{self, refusal, sent},
        on_both_stacks, tables,
    },
};

const INPUTS: &str = "{ __schema { types { kind name inputFields { name type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

/// The schema as strangers ask it, with its guards, and the input types it has.
struct Door {
    schema: Schema,
    kinds: BTreeMap<String, String>,
    inputs: BTreeMap<String, BTreeMap<String, String>>,
}

impl Door {
    async fn of(app: &TestApp) -> Self {
        let schema = guarded(graphql::builder().data(app.tap.clone()), Limits::default()).finish();
        let read = app.ask(&app.staff(Role::Admin), INPUTS, json!({})).await;
        let (mut kinds, mut inputs) = (BTreeMap::new(), BTreeMap::new());
        for r#type in read["__schema"]["types"].as_array().unwrap() {
            let name = r#type["name"].as_str().unwrap().to_owned();
            let fields = r#type["inputFields"].as_array().cloned().unwrap_or_default();
            let field = |field: &Value| (field["name"].as_str().unwrap().to_owned(), named(&field["type"]));
            inputs.insert(name.clone(), fields.iter().map(field).collect());
            kinds.insert(name, r#type["kind"].as_str().unwrap().to_owned());
        }
        Self { schema, kinds, inputs }
    }

    /// The answer as it leaves.
    async fn ask(&self, app: &TestApp, actor: &Actor, document: &str, variables: Value) -> Value {
        let (progress, id) = (Progress::default(), RequestId::new("req_test"));
        let request = Request::new(document).variables(Variables::from_json(variables));
        let request = graphql::request(request, &app.app, actor.clone()).data(progress.clone()).data(id.clone());
        let mut answer = self.schema.execute(request).await;
        finish(&mut answer, &progress, &id);
        serde_json::to_value(&answer).unwrap()
    }

    /// Every place in `input`, which is of the type `name`, with the type that stands there.
    fn leaves(&self, name: &str, input: &Value, at: &str, into: &mut Vec<(String, String)>) {
        match input {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.leaves(name, item, &format!("{at}/{index}"), into);
                }
            }
            Value::Object(fields) if self.kinds[name] == "INPUT_OBJECT" => {
                for (field, value) in fields {
                    self.leaves(&self.inputs[name][field], value, &format!("{at}/{field}"), into);
                }
            }
            Value::Null => {}
            _ => into.push((at.to_owned(), name.to_owned())),
        }
    }

    /// Values that cannot stand where `name` is asked for.
    fn wrong(&self, name: &str, place: &str) -> Vec<Value> {
        match name {
            "String" => {
                vec![json!("a\u{0}b"), json!("bell\u{7}"), json!("x\u{202e}y"), json!("x".repeat(5_000)), json!(7)]
            }
            "ID" => vec![
                json!("nonsense"),
                json!(""),
                json!("\u{0}"),
                json!("cli_01h455vb4pex5vsknk084sn0zz9"),
                json!("x".repeat(5_000)),
            ],
            "Int" if place.ends_with("expectedRevision") => {
                vec![json!(0), json!(-1), json!(i32::MAX), json!(3_000_000_000_i64), json!("1")]
            }
            "Int" => vec![json!(-1), json!(3_000_000_000_i64), json!("many")],
            "Boolean" => vec![json!("yes"), json!(1)],
            "Date" => vec![
                json!("2026-02-30"),
                json!("02/03/2026"),
                json!("2026-03-02T09:00:00Z"),
                json!("tomorrow"),
                json!(20_260_302),
            ],
            "DateTime" => vec![json!("2026-03-02"), json!("2026-03-02T25:00:00Z"), json!("now"), json!(0)],
            _ if self.kinds[name] == "ENUM" => vec![json!("NONSENSE"), json!("grant"), json!(0)],
            _ => Vec::new(),
        }
    }
}

fn named(mut r#type: &Value) -> String {
    while r#type["ofType"].is_object() {
        r#type = &r#type["ofType"];
    }
    r#type["name"].as_str().unwrap().to_owned()
}

/// The first thing the answer complains of: its code, the place it names, and its remedy.
fn complaint(answer: &Value) -> Option<(String, String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(error) = answer["errors"].as_array().and_then(|errors| errors.first()) {
        let extensions = &error["extensions"];
        let field = text(&extensions["field"]).unwrap_or_default().replace('.', "/");
        let path = field.strip_prefix("input/").unwrap_or(&field).to_owned();
        return Some((text(&extensions["code"]).unwrap_or_default(), path, text(&extensions["remedy"])));
    }
    let payload = answer["data"].as_object()?.values().next()?;
    let rows = payload["results"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|row| row["userErrors"].as_array().into_iter().flatten());
    let error = payload["userErrors"].as_array().into_iter().flatten().chain(rows).next()?;
    let path =
        error["path"].as_array().into_iter().flatten().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join("/");
    Some((text(&error["code"])?, path, text(&error["remedy"])))
}

/// Somebody who may do everything everywhere, so that nothing is refused for want of a role.
async fn anybody(app: &TestApp, world: &world::World) -> Actor {
    let (_, everything) = world::callers(app, world).await.remove(2);
    Actor { scope: ClientScope::system(), ..everything }
}

on_both_stacks! {
    async fn text_that_no_database_can_hold_and_days_out_of_time_are_refused_by_name(app) {
        let door = Door::of(&app).await;
        let staff = app.staff(Role::Admin);
        let cases = [
            ("query($n: String) { clients(filter: { nameContains: $n }) { totalCount } }", json!({ "n": "a\u{0}b" })),
            ("{ clients(filter: { nameContains: \"a\\u0000b\" }) { totalCount } }", json!({})),
            ("query($n: String) { timeline(filter: { subjectId: $n }) { nodes { id } } }", json!({ "n": "\u{0}" })),
            // A cursor of the right length whose instant no database knows.
            ("{ clients(after: \"gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\") { totalCount } }", json!({})),
        ];
        for (document, variables) in &cases {
            let answer = door.ask(&app, &staff, document, variables.clone()).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{document}: {answer}");
        }
        let update = "mutation($input: ClientUpdateInput!) { clientUpdate(input: $input) { client { id } userErrors { code } } }";
        for day in ["9999-12-31", "0001-01-01", "2026-02-30"] {
            let input = json!({ "id": "cli_01h455vb4pex5vsknk084sn02q", "expectedRevision": 1, "serviceStartOn": day });
            let answer = door.ask(&app, &staff, update, json!({ "input": input })).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{day}: {answer}");
        }
    }

    async fn whatever_is_spoilt_in_an_input_is_named_and_nothing_is_written(app) {
        let world = world::build(&app).await;
        let (door, actor) = (Door::of(&app).await, anybody(&app, &world).await);
        let before = tables::counts(&app).await;
        let (mut tried, mut wrongs) = (0, Vec::new());
        for case in changes::cases(&app, &world) {
            let (first, rest) = case.mutation.split_at(1);
            let input_type = format!("{}{rest}Input", first.to_uppercase());
            if !door.inputs.contains_key(&input_type) {
                continue;
            }
            let mut leaves = Vec::new();
            door.leaves(&input_type, &case.input, "", &mut leaves);
            for (place, name) in leaves {
                for wrong in door.wrong(&name, &place) {
                    let mut input = case.input.clone();
                    if input.get("idempotencyKey").is_some() {
                        input["idempotencyKey"] = json!(key(&app));
                    }
                    *input.pointer_mut(&place).unwrap() = wrong.clone();
                    let answer = door.ask(&app, &actor, &case.document(), json!({ "input": input })).await;
                    let shown: String = wrong.to_string().chars().take(40).collect();
                    let what = format!("{} {place} = {shown}", case.mutation);
                    tried += 1;
                    let Some((code, path, remedy)) = complaint(&answer) else {
                        wrongs.push(format!("{what}: accepted"));
                        continue;
                    };
                    let is_known = ["BAD_USER_INPUT", "NOT_FOUND", "CONFLICT", "GRAPHQL_VALIDATION_FAILED"].contains(&code.as_str());
                    let in_payload = answer["errors"].is_null();
                    let is_named = !path.is_empty() && (place[1..].starts_with(&path) || path.starts_with(&place[1..]));
                    let has_remedy = remedy.is_some();
                    let is_about_value = !in_payload || code != "CONFLICT" || name == "Int";
                    if !is_known || !is_named || !has_remedy || !is_about_value {
                        wrongs.push(format!("{what}: {code} {path} {remedy:?}"));
                    }
                }
            }
        }
        assert!(wrongs.is_empty(), "{} of {tried}:\n{}", wrongs.len(), wrongs.join("\n"));
        assert!(tried > 500, "{tried}");
        assert_eq!(tables::counts(&app).await, before, "nothing was written");
    }

    async fn a_page_that_cannot_be_is_refused_by_every_list(app) {
        let (door, world) = (Door::of(&app).await, world::build(&app).await);
        let actor = anybody(&app, &world).await;
        let introspection = "{ __type(name: \"Query\") { fields { name args { name } } } }";
        let read = app.ask(&actor, introspection, json!({})).await;
        let mut lists = 0;
        for field in read["__type"]["fields"].as_array().unwrap() {
            let names: Vec<&str> = field["args"].as_array().unwrap().iter().map(|arg| arg["name"].as_str().unwrap()).collect();
            if !names.contains(&"first") {
                continue;
            }
            lists += 1;
            let mut bad = vec![("first: -1", "first"), ("first: 0", "first"), ("first: 101", "first"), ("first: 2147483647", "first"), ("after: \"nonsense\"", "after"), ("after: \"\"", "after")];
            if names.contains(&"last") {
                bad.extend([("last: -1", "last"), ("last: 101", "last"), ("first: 1, last: 1", "last"), ("before: \"nonsense\"", "before")]);
            }
            for (arguments, place) in bad {
                let document = format!("{{ {}({arguments}) {{ nodes {{ __typename }} }} }}", field["name"].as_str().unwrap());
                let answer = door.ask(&app, &actor, &document, json!({})).await;
                let extensions = &answer["errors"][0]["extensions"];
                assert_eq!((&extensions["code"], &extensions["field"]), (&json!("BAD_USER_INPUT"), &json!(place)), "{document}: {answer}");
                assert!(extensions["remedy"].is_string() && extensions["retryable"] == false, "{document}: {answer}");
            }
            for arguments in ["first: 2147483648", "first: 1.5", "first: \"1\"", "nonsense: 1"] {
                let document = format!("{{ {}({arguments}) {{ nodes {{ __typename }} }} }}", field["name"].as_str().unwrap());
                let answer = door.ask(&app, &actor, &document, json!({})).await;
                let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap();
                assert!(["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&code), "{document}: {answer}");
            }
        }
        assert!(lists >= 9, "{lists}");
        let client = world.mine.id("client");
        for nested in ["engagements", "holdings", "facts"] {
            for arguments in ["first: -1", "first: 101", "after: \"nonsense\""] {
                let document = format!("{{ client(id: \"{client}\") {{ {nested}({arguments}) {{ nodes {{ __typename }} }} }} }}");
                let answer = door.ask(&app, &actor, &document, json!({})).await;
                assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{document}: {answer}");
            }
        }
    }

    async fn too_many_of_anything_is_refused(app) {
        let world = world::build(&app).await;
        let (door, actor) = (Door::of(&app).await, anybody(&app, &world).await);
        let (client, step, run) = (world.mine.id("client"), world.mine.id("step"), world.mine.id("engagement"));
        let many = |count: usize, one: Value| Value::Array(vec![one; count]);
        let note = json!({ "name": "n", "source": "SCAN", "details": { "note": { "text": "x" } } });
        let clause = json!({ "reference": "1", "text": "x" });
        let attendee = json!({ "name": "Ann" });
        let risk = json!({ "kind": "LEGAL", "likelihood": "LOW", "impact": "LOW" });
        let requirement = json!({ "anyOf": ["DIRECTOR"] });
        let before = tables::counts(&app).await;
        for (mutation, rows, input, place) in [
            ("holdingsRegister", true, json!({ "clientId": client, "holdings": many(501, flow::agent("pc")) }), "holdings"),
            ("holdingsRegister", true, json!({ "clientId": client, "holdings": [] }), "holdings"),
            ("factsRecord", true, json!({ "clientId": client, "facts": many(501, note) }), "facts"),
            ("factsVerify", true, json!({ "facts": many(501, json!({ "id": world.mine.id("fact"), "expectedRevision": 1 })) }), "facts"),
            ("agreementRecord", false, json!({ "clientId": client, "title": "A", "details": { "serviceAgreement": { "clauses": many(201, clause) } } }), "details"),
            ("evidenceAdd", false, json!({ "stepId": step, "details": { "meeting": { "heldAt": "2026-03-01T09:00:00Z", "notes": "x", "attendees": many(101, attendee) } } }), "details"),
            ("exceptionRaise", false, json!({ "engagementId": run, "type": "DEVIATION", "situation": "Late", "justification": "Nobody could come before today.",
                "expiresAt": "2026-03-30T09:00:00Z", "risks": many(101, risk) }), "risks"),
            ("decisionRequest", false, json!({ "engagementId": run, "kind": "PLAN", "question": "Why?", "rule": { "requirements": many(2, requirement) } }), "rule"),
            ("apiKeyCreate", false, json!({ "name": "A", "roles": ["INTEGRATION"], "clientIds": (0..1_001).map(|_| format!("cli_{}", "0".repeat(26))).collect::<Vec<_>>() }), "clientIds"),
        ] {
            let mut input = input;
            if mutation != "factsVerify" {
                input["idempotencyKey"] = json!(key(&app));
            }
            let (first, rest) = mutation.split_at(1);
            let results = if rows { "results { userErrors { code } }" } else { "" };
            let document = format!("mutation($input: {}{rest}Input!) {{ {mutation}(input: $input) {{ {results} userErrors {{ code path message remedy }} }} }}", first.to_uppercase());
            let answer = door.ask(&app, &actor, &document, json!({ "input": input })).await;
            let (code, path, remedy) = complaint(&answer).unwrap_or_else(|| panic!("{mutation} was accepted"));
            assert!(code == "BAD_USER_INPUT" || code == "NOT_FOUND", "{mutation}: {answer}");
            assert!(path.starts_with(place), "{mutation}: {answer}");
            assert!(remedy.is_some() || code == "NOT_FOUND", "{mutation}: {answer}");
        }
        assert_eq!(tables::counts(&app).await, before, "nothing was written");
    }

    async fn a_stale_revision_or_a_used_key_writes_nothing(app) {
        let world = world::build(&app).await;
        let actor = anybody(&app, &world).await;
        let before = tables::counts(&app).await;
        let cases = changes::cases(&app, &world);
        let mut stale = 0;
        for case in cases.iter().filter(|case| case.input.get("expectedRevision").is_some()) {
            let mut input = case.input.clone();
            input["expectedRevision"] = json!(99);
            let answer = app.answer(&actor, &case.document(), json!({ "input": input })).await;
            assert!(answer.errors.is_empty(), "{}: {:?}", case.mutation, answer.errors);
            let data = answer.data.into_json().unwrap();
            let payload = data.as_object().unwrap().values().next().unwrap();
            assert_eq!(refusal(payload), ("CONFLICT", "expectedRevision".to_owned()), "{}: {payload}", case.mutation);
            assert!(payload["userErrors"][0]["remedy"].is_string(), "{}", case.mutation);
            stale += 1;
        }
        assert!(stale > 15, "{stale}");
        assert_eq!(tables::counts(&app).await, before, "nothing was written");

        let create = "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } userErrors { code path message remedy } } }";
        let input = json!({ "name": "New", "slug": "new", "timeZone": "UTC", "idempotencyKey": "the-same-key" });
        flow::done(sent(&app, &actor, create, input.clone()).await);
        let before = tables::counts(&app).await;
        let mut other = input;
        other["slug"] = json!("newer");
        let refused = sent(&app, &actor, create, other).await;
        assert_eq!(refusal(&refused), ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey".to_owned()));
        assert!(refused["userErrors"][0]["remedy"].is_string());
        assert_eq!(tables::counts(&app).await, before, "nothing was written");
    }

    async fn a_place_outside_the_configured_ones_is_refused(app) {
        let client = make::client(&app, "acme").await;
        let before = tables::counts(&app).await;
        let document = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) { results { holding { id } userErrors { code path message remedy } } userErrors { code } } }";
        for location in ["/etc/passwd", "archive://../etc/passwd", "file:///etc/passwd", "other://files"] {
            let data = json!({ "dataKind": "FILES", "location": location, "disposition": "RETURN", "keyEscrow": "NOT_ENCRYPTED" });
            let input = json!({ "clientId": client, "holdings": [{ "name": "Files", "details": { "data": data } }], "idempotencyKey": key(&app) });
            let answer = sent(&app, &app.staff(Role::Technician), document, input).await;
            assert_eq!(refusal(&answer["results"][0]), ("BAD_USER_INPUT", "holdings.0.details.data.location".to_owned()), "{location}");
            assert!(answer["results"][0]["userErrors"][0]["remedy"].is_string());
        }
        assert_eq!(tables::counts(&app).await, before, "nothing but the answers to the requests is kept");
    }
}
