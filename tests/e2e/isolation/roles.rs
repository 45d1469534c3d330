//! Every root field, asked as every role: the table of permissions is what the schema does.

use std::{collections::BTreeSet, time::Duration};

use async_graphql::{Request, Response};
use futures_util::StreamExt;
use gangway::{
    auth::{
        Actor,
        permission::{Surface, TABLE},
    },
    domain::{event::EventCursor, role::Role},
    graphql::{self, subscription::event::Everything},
    stream::Bell,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{World, arguments, changes, crawl::Types, world};
use crate::support::{TestApp, flow, on_both_stacks, tables::Tables};

/// Inputs that can be read, of mutations that name nothing of a client. None of them would do anything.
fn free(mutation: &str, world: &World) -> Value {
    // The number is taken, so that whoever may write a document does not.
    let content = flow::document("T-ONB-700", &[flow::template("only", json!({}))]);
    let version = json!({ "id": "prv_01h455vb4pex5vsknk084sn02q", "expectedRevision": 1 });
    let with = |more: Value| {
        let mut input = version.clone();
        flow::merge(&mut input, more);
        input
    };
    match mutation {
        "clientCreate" => {
            json!({ "slug": world.mine.slug, "name": "Taken", "timeZone": "UTC", "idempotencyKey": "client-again" })
        }
        "processDraft" => json!({ "content": content, "idempotencyKey": "draft-nothing" }),
        "processUpdateDraft" => with(json!({ "content": content })),
        "processSubmit" => version,
        "processReview" => {
            json!({ "id": version["id"], "notes": "Fine.", "verdict": "KEEP", "idempotencyKey": "review-it-now" })
        }
        "processDuplicate" => json!({ "id": version["id"], "idempotencyKey": "duplicate-it" }),
        "apiKeyRevoke" => json!({ "id": "key_01h455vb4pex5vsknk084sn02q" }),
        "connectorCreate" => {
            json!({ "kind": "MESH_CENTRAL", "name": "RMM", "address": "wss://rmm", "idempotencyKey": "connector-1" })
        }
        "connectorProbe" => json!({ "id": "cnn_01h455vb4pex5vsknk084sn02q" }),
        unknown => panic!("this test has no input for {unknown}"),
    }
}

fn is_forbidden(answer: &Response) -> bool {
    let code = |error: &async_graphql::ServerError| error.extensions.as_ref().and_then(|all| all.get("code").cloned());
    answer.errors.iter().any(|error| code(error) == Some("FORBIDDEN".into()))
}

/// The first answer of a subscription, asked for something that there is.
async fn first(app: &TestApp, actor: &Actor, world: &World, field: &str) -> Response {
    let about = match field {
        "jobEvents" => format!("jobId: \"{}\"", world.mine.id("job")),
        _ => format!("after: \"{}\"", EventCursor::START),
    };
    let document = format!("subscription {{ {field}({about}) {{ __typename }} }}");
    let request = graphql::request(Request::new(document), &app.app, actor.clone());
    let mut answers = Box::pin(app.schema.execute_stream(request));
    tokio::time::timeout(Duration::from_secs(30), answers.next()).await.expect("there is something to say").unwrap()
}

/// What `actor` is answered by the root field, asked so that nothing changes.
async fn ask(app: &TestApp, actor: &Actor, world: &World, surface: Surface, field: &str) -> Response {
    let cases = changes::cases(app, world);
    match (surface, cases.iter().find(|case| case.mutation == field)) {
        (Surface::Query, _) => {
            let arguments = arguments(field, world).remove(0);
            app.answer(actor, &format!("{{ {field}{arguments} {{ __typename }} }}"), json!({})).await
        }
        (Surface::Mutation, Some(case)) => {
            let mut input = case.input.clone();
            *input.pointer_mut(case.field).unwrap() = json!(case.absent());
            app.answer(actor, &case.document(), json!({ "input": input })).await
        }
        (Surface::Mutation, None) => {
            let (letter, rest) = field.split_at(1);
            let document = format!(
                "mutation($input: {}{rest}Input!) {{ {field}(input: $input) {{ userErrors {{ code }} }} }}",
                letter.to_uppercase()
            );
            app.answer(actor, &document, json!({ "input": free(field, world) })).await
        }
        (Surface::Subscription | Surface::Node, _) => first(app, actor, world, field).await,
    }
}

on_both_stacks! {
    async fn every_role_is_let_in_exactly_where_the_table_says(app) {
        let world = world::build(&app).await;
        let types = Types::read(&app).await;
        let shown: BTreeSet<String> = ["Query", "Mutation", "Subscription"].iter().flat_map(|root| types.roots(root)).collect();
        let before = Tables::read(&app).await;
        let stop = CancellationToken::new();
        tokio::spawn(app.tap.clone().run(Everything(app.app.clone()), Bell::new(), stop.clone()));
        let (mut let_in, mut kept_out) = (0, 0);
        for row in TABLE.iter().filter(|row| row.surface != Surface::Node && shown.contains(row.field)) {
            for &role in Role::ALL {
                let (actor, may) = (app.staff(role), row.roles.contains(&role));
                let answer = ask(&app, &actor, &world, row.surface, row.field).await;
                assert_eq!(is_forbidden(&answer), !may, "{} as {role}: {:?} {}", row.field, answer.errors, answer.data);
                let_in += i32::from(may);
                kept_out += i32::from(!may);
            }
        }
        stop.cancel();
        assert!(let_in > 200 && kept_out > 200, "{let_in} {kept_out}");
        before.assert_same(&Tables::read(&app).await);
    }
}
