//! What is wrong is refused by name, with a way out, and nothing is written.
//!
//! The inputs are those that would be fine, spoilt in one place: each text, id, day, word and number in turn, of every
//! field that any input of the schema has.

use std::collections::BTreeSet;

use gangway::{
    auth::{Actor, ClientScope},
    domain::role::Role,
};
use serde_json::{Value, json};

use crate::{
    isolation::{changes, world},
    support::{
        TestApp,
        flow::{self, key},
        make::{self, refusal, sent},
        on_both_stacks,
        tables::Tables,
    },
};

mod door;
mod full;

use door::{Complaint, Door};

/// Somebody who may do everything everywhere, so that nothing is refused for want of a role.
async fn anybody(app: &TestApp, world: &world::World) -> Actor {
    let (_, everything) = world::callers(app, world).await.remove(2);
    Actor { scope: ClientScope::system(), ..everything }
}

/// The approved version of the process that the world's runs follow.
async fn approved(app: &TestApp) -> String {
    let document = "{ process(documentNumber: \"T-ONB-700\") { approvedVersion { id } } }";
    flow::text(&app.ask(&app.staff(Role::Sales), document, json!({})).await["process"]["approvedVersion"]["id"])
}

/// Whether the list is empty or absent: what cannot be anybody's id or name is looked for in vain, like one that is
/// nobody's.
fn finds_nothing(answer: &Value) -> bool {
    let list = answer["data"].as_object().and_then(|fields| fields.values().next());
    answer["errors"].is_null() && list.is_some_and(|list| list.is_null() || list["nodes"] == json!([]))
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
        let before = Tables::read(&app).await;
        let (mut tried, mut wrongs) = (0, Vec::new());
        for asked in full::mutations(&app, &world, &approved(&app).await).iter().chain(&full::lists(&world)) {
            let mut leaves = Vec::new();
            door.leaves(&asked.of, &asked.given, "", &mut leaves);
            for (place, name) in leaves {
                for wrong in door.wrong(&name, &place) {
                    let answer = door.ask(&app, &actor, &asked.document, asked.spoilt(&app, &place, wrong.clone())).await;
                    let shown: String = wrong.to_string().chars().take(40).collect();
                    tried += 1;
                    let is_named = |complaint: &Complaint| {
                        let is_known = ["BAD_USER_INPUT", "NOT_FOUND", "CONFLICT", "GRAPHQL_VALIDATION_FAILED"].contains(&complaint.code.as_str());
                        let is_about_value = complaint.code != "CONFLICT" || name == "Int";
                        is_known && is_about_value && complaint.remedy.is_some() && complaint.names(&place)
                    };
                    let complaint = Complaint::of(&answer);
                    let is_vain = asked.variable == "filter" && matches!(name.as_str(), "ID" | "String") && finds_nothing(&answer);
                    if !is_vain && !complaint.as_ref().is_some_and(is_named) {
                        wrongs.push(format!("{} {place} = {shown}: {complaint:?}", asked.of));
                    }
                }
            }
        }
        assert!(wrongs.is_empty(), "{} of {tried}:\n{}", wrongs.len(), wrongs.join("\n"));
        assert!(tried > 1_000, "{tried}");
        before.assert_same(&Tables::read(&app).await);
    }

    async fn every_field_of_every_input_is_spoilt_somewhere(app) {
        let (door, world) = (Door::of(&app).await, world::build(&app).await);
        let mut filled = BTreeSet::new();
        for asked in full::mutations(&app, &world, &approved(&app).await).iter().chain(&full::lists(&world)) {
            door.filled(&asked.of, &asked.given, &mut filled);
        }
        let update = json!({ "id": "prv_x", "expectedRevision": 1, "document": full::document("T-ONB-703"), "content": {} });
        door.filled("ProcessUpdateDraftInput", &update, &mut filled);
        door.filled("ProcessDraftInput", &json!({ "document": {} }), &mut filled);
        let missing: Vec<_> = door.fields().difference(&filled).cloned().collect();
        assert!(missing.is_empty(), "no test spoils {missing:?}: say what stands there");
        assert!(filled.len() > 400, "{}", filled.len());
    }

    async fn whatever_is_spoilt_in_a_process_document_is_refused_or_found(app) {
        let (door, author) = (Door::of(&app).await, app.staff(Role::OnboardingManager));
        let draft = "mutation($input: ProcessDraftInput!) { processDraft(input: $input) { processVersion { id findings { path } } userErrors { message path } } }";
        let document = full::document("T-ONB-703");
        let input = json!({ "document": document, "idempotencyKey": key(&app) });
        let made = flow::done(sent(&app, &author, draft, input).await)["processVersion"].take();
        assert_eq!(made["findings"], json!([]), "what is spoilt is whole before");
        let update = "mutation($input: ProcessUpdateDraftInput!) { processUpdateDraft(input: $input) {
            processVersion { revision findings { path message } } userErrors { code message path remedy } } }";
        let (mut leaves, mut revision, mut wrongs) = (Vec::new(), 1, Vec::new());
        door.leaves("ProcessDocumentInput", &document, "", &mut leaves);
        for (place, name) in leaves {
            for wrong in door.wrong(&name, &place) {
                let mut spoilt = document.clone();
                *spoilt.pointer_mut(&place).unwrap() = wrong.clone();
                let input = json!({ "id": made["id"], "expectedRevision": revision, "document": spoilt });
                let answer = door.ask(&app, &author, update, json!({ "input": input })).await;
                let version = &answer["data"]["processUpdateDraft"]["processVersion"];
                revision = version["revision"].as_i64().unwrap_or(revision);
                let found = version["findings"].as_array().into_iter().flatten().map(|one| format!("document/{}", flow::text(&one["path"]).replace('.', "/")));
                let complaint = Complaint::of(&answer);
                let place = format!("/document{place}");
                let is_named = complaint.as_ref().is_some_and(|complaint| complaint.names(&place) && complaint.remedy.is_some());
                if !is_named && !found.into_iter().any(|path| place[1..].starts_with(&path)) {
                    let shown: String = wrong.to_string().chars().take(40).collect();
                    wrongs.push(format!("{place} = {shown}: {complaint:?} {}", version["findings"]));
                }
            }
        }
        assert!(wrongs.is_empty(), "{}:\n{}", wrongs.len(), wrongs.join("\n"));
        assert!(revision > 20, "a draft may be wrong: {revision}");
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
        let before = Tables::read(&app).await;
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
            let Complaint { code, path, remedy } = Complaint::of(&answer).unwrap_or_else(|| panic!("{mutation} was accepted"));
            assert!(code == "BAD_USER_INPUT" || code == "NOT_FOUND", "{mutation}: {answer}");
            assert!(path.starts_with(place), "{mutation}: {answer}");
            assert!(remedy.is_some() || code == "NOT_FOUND", "{mutation}: {answer}");
        }
        before.assert_same(&Tables::read(&app).await);
    }

    async fn a_stale_revision_or_a_used_key_writes_nothing(app) {
        let world = world::build(&app).await;
        let actor = anybody(&app, &world).await;
        let before = Tables::read(&app).await;
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
        before.assert_same(&Tables::read(&app).await);

        let create = "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } userErrors { code path message remedy } } }";
        let input = json!({ "name": "New", "slug": "new", "timeZone": "UTC", "idempotencyKey": "the-same-key" });
        flow::done(sent(&app, &actor, create, input.clone()).await);
        let before = Tables::read(&app).await;
        let mut other = input;
        other["slug"] = json!("newer");
        let refused = sent(&app, &actor, create, other).await;
        assert_eq!(refusal(&refused), ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey".to_owned()));
        assert!(refused["userErrors"][0]["remedy"].is_string());
        before.assert_same(&Tables::read(&app).await);
    }

    async fn a_place_outside_the_configured_ones_is_refused(app) {
        let client = make::client(&app, "acme").await;
        let before = Tables::read(&app).await;
        let document = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) { results { holding { id } userErrors { code path message remedy } } userErrors { code } } }";
        for location in ["/etc/passwd", "archive://../etc/passwd", "file:///etc/passwd", "other://files"] {
            let data = json!({ "dataKind": "FILES", "location": location, "disposition": "RETURN", "keyEscrow": "NOT_ENCRYPTED" });
            let input = json!({ "clientId": client, "holdings": [{ "name": "Files", "details": { "data": data } }], "idempotencyKey": key(&app) });
            let answer = sent(&app, &app.staff(Role::Technician), document, input).await;
            assert_eq!(refusal(&answer["results"][0]), ("BAD_USER_INPUT", "holdings.0.details.data.location".to_owned()), "{location}");
            assert!(answer["results"][0]["userErrors"][0]["remedy"].is_string());
        }
        before.assert_same(&Tables::read(&app).await);
    }
}
