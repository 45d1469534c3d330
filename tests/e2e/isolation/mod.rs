//! Two clients in one house: whoever is for one of them learns nothing of the other, whichever way it asks.
//!
//! The ways are read from the schema. A root field or mutation that these tests do not know fails them: whoever adds
//! one says here which of its arguments names something of a client.

use std::{collections::BTreeSet, time::Duration};

use futures_util::StreamExt;
use gangway::{
    auth::{Actor, ClientScope},
    domain::{event::EventCursor, role::Role},
    graphql::{self, subscription::event::Everything},
    stream::Bell,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{TestApp, on_both_stacks, tables::Tables};

pub(crate) mod changes;
pub(crate) mod crawl;
mod roles;
pub(crate) mod world;

use crawl::Types;
use world::{Place, World};

/// How each field of `Query` is asked: without anything, about the caller's own client, and about the other one.
fn arguments(field: &str, world: &World) -> Vec<String> {
    let (mine, theirs) = (&world.mine, &world.theirs);
    let each = |form: &dyn Fn(&Place) -> String| vec![form(mine), form(theirs)];
    let list = |nouns: &[(&str, &str)]| {
        let filter = |(field, noun): &(&str, &str)| format!("(filter: {{ {field}: \"{}\" }})", theirs.id(noun));
        [vec![String::new()], nouns.iter().map(filter).collect()].concat()
    };
    match field {
        "viewer" | "rateLimit" | "queueHealth" | "logVerify" | "logCheckpoint" | "processes" | "pipeline" => {
            vec![String::new()]
        }
        "client" => each(&|place| format!("(id: \"{}\")", place.id("client"))),
        "engagement" => each(&|place| format!("(id: \"{}\")", place.id("engagement"))),
        "raciMatrix" => each(&|place| format!("(engagementId: \"{}\")", place.id("engagement"))),
        "job" => each(&|place| format!("(id: \"{}\")", place.id("job"))),
        "file" => each(&|place| format!("(id: \"{}\")", place.id("file"))),
        "residuals" => each(&|place| format!("(clientId: \"{}\")", place.id("client"))),
        "logInclusionProof" => each(&|place| format!("(eventId: \"{}\")", place.id("event"))),
        "logConsistencyProof" => vec!["(from: \"0\", to: \"1\")".to_owned()],
        "process" => vec!["(documentNumber: \"T-ONB-700\")".to_owned()],
        "clients" => vec![String::new(), format!("(filter: {{ nameContains: \"{}\" }})", theirs.slug)],
        "engagements" | "holdings" | "jobs" => list(&[("clientId", "client")]),
        "steps" | "decisions" => list(&[("clientId", "client"), ("engagementId", "engagement")]),
        "exceptions" => list(&[("clientId", "client"), ("engagementId", "engagement"), ("stepId", "step")]),
        "timeline" => [
            vec!["(last: 100)".to_owned()],
            list(&[("clientId", "client"), ("subjectId", "holding"), ("subjectId", "client"), ("actorId", "user")]),
        ]
        .concat(),
        "users" => vec![String::new(), "(filter: { role: CLIENT_CONTACT })".to_owned()],
        "apiKeys" | "connectors" => vec![String::new()],
        "node" => NOUNS.iter().map(|noun| format!("(id: \"{}\")", theirs.id(noun))).collect(),
        "nodes" => {
            let ids: Vec<_> = NOUNS.iter().map(|noun| format!("\"{}\"", theirs.id(noun))).collect();
            vec![format!("(ids: [{}])", ids.join(", "))]
        }
        unknown => panic!(
            "this test does not know Query.{unknown}: say how it is asked, about one's own client and about another"
        ),
    }
}

/// What may be a node.
const NOUNS: &[&str] = &[
    "client",
    "contact",
    "agreement",
    "fact",
    "engagement",
    "step",
    "stakeholder",
    "challenge",
    "exception",
    "decision",
    "holding",
    "recipientKey",
    "evidence",
    "user",
    "apiKey",
    "item",
    "event",
    "file",
    "job",
    "plan",
];

/// Panics when one of `marks` stands in `text`.
fn nothing_shows(marks: &BTreeSet<String>, text: &str, who: &str, asked: &str) {
    let shown: Vec<&String> = marks.iter().filter(|mark| text.contains(mark.as_str())).collect();
    assert!(shown.is_empty(), "{who} sees {shown:?} of another client by {asked}: {text}");
}

on_both_stacks! {
    async fn no_way_through_the_schema_shows_anything_of_another_client(app) {
        let world = world::build(&app).await;
        let marks = world::marks(&app, &world.theirs).await;
        let types = Types::read(&app).await;
        let questions = types.questions(|field| arguments(field, &world));
        assert!(questions.len() > 200, "{}", questions.len());
        for (who, actor) in world::callers(&app, &world).await {
            let (mut answered, mut own) = (0, 0);
            for question in &questions {
                let answer = app.answer(&actor, &question.document, json!({})).await;
                let errors = format!("{:?}", answer.errors);
                assert!(answer.errors.is_empty() || ["FORBIDDEN", "NOT_FOUND", "BAD_USER_INPUT"].iter().any(|code| errors.contains(code)), "{who} {}: {errors}", question.way);
                let text = format!("{} {errors}", answer.data);
                nothing_shows(&marks, &text, who, &question.way);
                answered += i32::from(answer.errors.is_empty());
                own += i32::from(text.contains(world.mine.slug) || text.contains(world.mine.id("engagement")));
            }
            assert!(answered > 20 && own > 5, "{who} gets answers, and its own client's: {answered} {own}");
        }
        // The same questions do find the other client, for somebody who may see it.
        let (_, everything) = world::callers(&app, &world).await.remove(2);
        let anybody = Actor { scope: ClientScope::system(), ..everything };
        let mut found = 0;
        for question in &questions {
            let answer = app.answer(&anybody, &question.document, json!({})).await;
            assert!(answer.errors.is_empty(), "{}: {:?}", question.document, answer.errors);
            let text = answer.data.to_string();
            found += i32::from(marks.iter().any(|mark| text.contains(mark.as_str())));
        }
        assert!(found > 50, "the questions do ask about the other client: {found}");
        assert!(types.reachable().len() > 60);
    }

    async fn no_event_of_another_client_reaches_a_subscriber(app) {
        let world = world::build(&app).await;
        let marks = world::marks(&app, &world.theirs).await;
        let types = Types::read(&app).await;
        let known = BTreeSet::from(["events", "jobEvents"].map(str::to_owned));
        assert!(types.roots("Subscription").is_subset(&known), "this test does not know every subscription: {:?}", types.roots("Subscription"));
        let (stop, bell) = (CancellationToken::new(), Bell::new());
        tokio::spawn(app.tap.clone().run(Everything(app.app.clone()), bell.clone(), stop.clone()));
        let document = "subscription($after: String, $filter: EventFilter) { events(after: $after, filter: $filter) {
            id cursor kind summary payload actor { id name } client { id slug } } }";
        for (who, actor) in world::callers(&app, &world).await {
            let own = app.ask(&actor, "{ viewer { permissions } }", json!({})).await["viewer"]["permissions"].take();
            let may = own.as_array().unwrap().contains(&json!("events"));
            for filter in [json!({}), json!({ "clientId": world.theirs.id("client") }), json!({ "subjectId": world.theirs.id("holding") })] {
                let variables = json!({ "after": EventCursor::START.to_string(), "filter": filter });
                let request = async_graphql::Request::new(document).variables(async_graphql::Variables::from_json(variables));
                let mut stream = Box::pin(app.schema.execute_stream(graphql::request(request, &app.app, actor.clone())));
                let mut count = 0;
                while let Ok(Some(answer)) = tokio::time::timeout(Duration::from_millis(1_500), stream.next()).await {
                    let text = serde_json::to_string(&answer).unwrap();
                    nothing_shows(&marks, &text, who, "events");
                    assert_eq!(text.contains("FORBIDDEN"), !may, "{who}: {text}");
                    count += 1;
                }
                let about_theirs = filter != json!({});
                assert!(!may || (count > 10) != about_theirs, "{who} {filter}: {count} events");
                assert!(!about_theirs || count == i32::from(!may), "{who} {filter}: {count} events");
            }
        }
        for (who, actor) in world::callers(&app, &world).await {
            for about in [format!("jobId: \"{}\"", world.theirs.id("job")), format!("clientId: \"{}\"", world.theirs.id("client"))] {
                let document = format!("subscription {{ jobEvents({about}) {{ cursor kind job {{ id reason client {{ id slug }} }} }} }}");
                let request = async_graphql::Request::new(document);
                let mut stream = Box::pin(app.schema.execute_stream(graphql::request(request, &app.app, actor.clone())));
                while let Ok(Some(answer)) = tokio::time::timeout(Duration::from_millis(700), stream.next()).await {
                    nothing_shows(&marks, &serde_json::to_string(&answer).unwrap(), who, "jobEvents");
                }
            }
        }
        stop.cancel();
    }

    async fn a_thing_of_another_client_and_a_thing_that_is_not_there_are_the_same_to_every_mutation(app) {
        let world = world::build(&app).await;
        let marks = world::marks(&app, &world.theirs).await;
        let types = Types::read(&app).await;
        let cases = changes::cases(&app, &world);
        let known: BTreeSet<String> = cases.iter().map(|case| case.mutation.to_owned()).chain(changes::FREE.iter().map(|one| (*one).to_owned())).collect();
        let unknown: Vec<_> = types.roots("Mutation").difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "these tests do not know {unknown:?}: say which inputs name something of a client");
        let (_, actor) = world::callers(&app, &world).await.remove(2);
        let before = Tables::read(&app).await;
        for case in cases.iter().filter(|case| types.roots("Mutation").contains(case.mutation)) {
            let theirs = case.send(&app, &actor, &case.theirs).await;
            let absent = case.send(&app, &actor, &case.absent()).await;
            assert_eq!(theirs, absent, "{} {}", case.mutation, case.field);
            let text = theirs.to_string();
            // People and keys are managed by nobody who is for some clients only.
            let code = if matches!(case.mutation, "userUpsert" | "apiKeyCreate") { "FORBIDDEN" } else { "NOT_FOUND" };
            assert!(text.contains(&format!(r#""code":"{code}""#)), "{} {}: {text}", case.mutation, case.field);
            nothing_shows(&marks, &text, "everything", case.mutation);
        }
        before.assert_same(&Tables::read(&app).await);
        for (who, actor) in world::callers(&app, &world).await.into_iter().take(2) {
            for case in cases.iter().filter(|case| types.roots("Mutation").contains(case.mutation)) {
                let text = case.send(&app, &actor, &case.theirs).await.to_string();
                assert!(text.contains("NOT_FOUND") || text.contains("FORBIDDEN"), "{who} {} {}: {text}", case.mutation, case.field);
                nothing_shows(&marks, &text, who, case.mutation);
            }
        }
        before.assert_same(&Tables::read(&app).await);
    }

    async fn every_role_that_is_for_one_client_sees_that_client_alone(app) {
        let world = world::build(&app).await;
        let marks = world::marks(&app, &world.theirs).await;
        for &role in Role::ALL {
            let actor = crate::support::run::of_client(&app, role, world.mine.id("client")).await;
            let lists = ["clients", "engagements", "steps", "exceptions", "decisions", "holdings", "timeline", "users", "apiKeys", "connectors"];
            for list in lists {
                let answer = app.answer(&actor, &format!("{{ {list} {{ nodes {{ id }} totalCount }} }}"), json!({})).await;
                nothing_shows(&marks, &answer.data.to_string(), role.as_str(), list);
                let data: Value = answer.data.into_json().unwrap();
                if let Some(total) = data[list]["totalCount"].as_u64() {
                    assert_eq!(data[list]["nodes"].as_array().unwrap().len() as u64, total.min(20), "{role} {list} counts what it shows");
                }
            }
        }
    }
}
