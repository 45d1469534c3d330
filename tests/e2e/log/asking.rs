//! The log through GraphQL.

use gangway::domain::log::{Checkpoint, ConsistencyProof, InclusionProof, NodeHash};
use serde_json::{Value, json};

use super::*;

const TIMELINE: &str = "query($first: Int, $after: String, $last: Int, $before: String, $filter: EventFilter) {
    timeline(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
        nodes { id position kind summary cursor subjectId payload at actor { id kind } client { id } }
        edges { cursor node { position } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount
    }
}";

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn hash(value: &Value) -> NodeHash {
    value.as_str().unwrap().parse().unwrap()
}

fn path(value: &Value) -> Vec<NodeHash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

async fn refusal(test: &TestApp, actor: &Actor, document: &str, variables: Value) -> Value {
    let answer = test.answer(actor, document, variables).await;
    serde_json::to_value(&answer.errors).unwrap()[0].take()
}

on_both_stacks! {
    async fn a_deed_of_the_api_stands_in_the_timeline_under_its_actor(test) {
        let sales = test.staff(Role::Sales);
        let input = json!({ "input": { "name": "Acme", "slug": "acme", "timeZone": "UTC", "idempotencyKey": "12345678" } });
        let create = "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } } }";
        let client = test.ask(&sales, create, input).await["clientCreate"]["client"]["id"].take();
        app::log::seal_waiting(&test.app).await.unwrap();
        let page = test.ask(&sales, TIMELINE, json!({ "filter": { "clientId": client } })).await["timeline"].take();
        let event = &page["nodes"][0];
        assert_eq!((&event["kind"], &event["position"]), (&json!("client.created"), &json!("0")));
        assert_eq!((&event["client"]["id"], &event["subjectId"]), (&client, &client));
        assert_eq!(event["payload"], json!({ "slug": "acme" }));
        assert_eq!(event["actor"], json!({ "id": sales.id.to_string(), "kind": "USER" }));
        assert_eq!(event["at"], "2026-03-02T09:00:00.000Z");
        assert_eq!((&page["totalCount"], &page["edges"][0]["cursor"]), (&json!(1), &event["cursor"]));
    }

    async fn the_timeline_is_read_page_by_page_in_both_directions(test) {
        filled(&test, 45).await;
        let actor = test.staff(Role::Operator);
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = test.ask(&actor, TIMELINE, json!({ "first": 20, "after": after })).await["timeline"].take();
            seen.extend(page["nodes"].as_array().unwrap().iter().map(|event| number(&event["position"])));
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(seen, (0..45).collect::<Vec<_>>());
        let last = test.ask(&actor, TIMELINE, json!({ "last": 2, "before": after })).await["timeline"].take();
        assert_eq!(last["edges"].as_array().unwrap().iter().map(|edge| number(&edge["node"]["position"])).collect::<Vec<_>>(), [42, 43]);
    }

    async fn what_is_asked_wrongly_is_refused_with_its_field(test) {
        let actor = test.staff(Role::Operator);
        for (variables, field) in [
            (json!({ "after": "zzz" }), "after"),
            (json!({ "before": "" }), "before"),
            (json!({ "first": 0 }), "first"),
            (json!({ "first": 101 }), "first"),
            (json!({ "first": 1, "last": 1 }), "last"),
            (json!({ "filter": { "kinds": ["client.created", "client.exploded"] } }), "filter.kinds.1"),
        ] {
            let error = refusal(&test, &actor, TIMELINE, variables).await;
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{error}");
            assert_eq!(error["extensions"]["field"], field, "{error}");
        }
        let foreign = test.ask(&actor, TIMELINE, json!({ "filter": { "clientId": "job_x" } })).await;
        assert_eq!(foreign["timeline"], Value::Null);
        let compliance = test.staff(Role::Compliance);
        for (from, to) in [("-1", "0"), ("0", "1"), ("1", "0")] {
            let document = "query($from: Long, $to: Long) { logVerify(from: $from, to: $to) { holds } }";
            let error = refusal(&test, &compliance, document, json!({ "from": from, "to": to })).await;
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{from} {to}: {error}");
        }
    }

    async fn verification_says_whether_the_log_holds_and_if_not_where(test) {
        filled(&test, 20).await;
        app::log::sign(&test.app).await.unwrap();
        let document = "{ logVerify { holds from to heldCount checkpointCount root finding { position defect message } } }";
        let compliance = test.staff(Role::Compliance);
        let mut answer = test.ask(&compliance, document, json!({})).await["logVerify"].take();
        answer["root"].take();
        let held = json!({ "holds": true, "from": "0", "to": "20", "heldCount": "20", "checkpointCount": "1", "root": null, "finding": null });
        assert_eq!(answer, held);
        disarm(&test).await;
        forge(&test, "UPDATE event SET summary = 'x' WHERE position = 7").await;
        let answer = test.ask(&compliance, document, json!({})).await["logVerify"].take();
        assert_eq!((&answer["holds"], &answer["heldCount"]), (&json!(false), &json!("7")));
        assert_eq!((&answer["finding"]["position"], &answer["finding"]["defect"]), (&json!("7"), &json!("CHANGED")));
    }

    async fn whoever_kept_a_checkpoint_can_check_everything_from_the_answers_alone(test) {
        filled(&test, 33).await;
        let actor = test.staff(Role::Compliance);
        assert_eq!(test.ask(&actor, "{ logCheckpoint { size } }", json!({})).await["logCheckpoint"], Value::Null);
        app::log::sign(&test.app).await.unwrap();
        let checkpoint = test.ask(&actor, "{ logCheckpoint { origin size root note } }", json!({})).await["logCheckpoint"].take();
        let key = test.app.parts().log_keys.signer.verifier().clone();
        let signed = Checkpoint::open(checkpoint["note"].as_str().unwrap(), &[key]).unwrap();
        assert_eq!((signed.size, signed.root), (number(&checkpoint["size"]), hash(&checkpoint["root"])));

        filled(&test, 10).await;
        let event = all_events(&test).await.remove(12);
        let document = "query($id: ID!) { logInclusionProof(eventId: $id) {
            leaf leafHash leafIndex size root path event { id } checkpoint { note } } }";
        let proof = test.ask(&actor, document, json!({ "id": event.id.to_string() })).await["logInclusionProof"].take();
        let inclusion =
            InclusionProof { index: number(&proof["leafIndex"]), size: number(&proof["size"]), path: path(&proof["path"]) };
        let leaf = NodeHash::leaf(proof["leaf"].as_str().unwrap().as_bytes());
        assert_eq!(inclusion.size, signed.size);
        inclusion.verify(leaf, signed.root).unwrap();
        let text: Value = serde_json::from_str(proof["leaf"].as_str().unwrap()).unwrap();
        assert_eq!((&text["id"], &text["summary"]), (&proof["event"]["id"], &json!(event.summary)));

        let document = "query($from: Long!, $to: Long!) { logConsistencyProof(from: $from, to: $to) { from to fromRoot toRoot path } }";
        let grown = test.ask(&actor, document, json!({ "from": "33", "to": "43" })).await["logConsistencyProof"].take();
        let consistency =
            ConsistencyProof { old_size: number(&grown["from"]), new_size: number(&grown["to"]), path: path(&grown["path"]) };
        consistency.verify(signed.root, hash(&grown["toRoot"])).unwrap();

        let nothing = test.ask(&actor, "{ logInclusionProof(eventId: \"evt_x\") { leaf } }", json!({})).await;
        assert_eq!(nothing["logInclusionProof"], Value::Null);
    }

    async fn a_clients_contact_reads_no_timeline(test) {
        filled(&test, 3).await;
        let contact = test.staff(Role::ClientContact);
        for document in ["{ timeline { totalCount } }", "{ logVerify { holds } }"] {
            let error = refusal(&test, &contact, document, json!({})).await;
            assert_eq!(error["extensions"]["code"], "FORBIDDEN", "{document}: {error}");
        }
    }
}
