//! Random questions, votes and delegations through the API, compared step by step with the pure rules.

use std::collections::BTreeSet;

use gangway::{
    auth::Actor,
    clock::Clock,
    domain::{
        decision::{
            Answers, Decision, DecisionKind, DecisionState, Delegation, Requirement, Rule, Verdict, Vote, outcome,
        },
        role::Role,
    },
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};

use super::{DELEGATE, REQUEST, VOTE};
use crate::support::{TestApp, make::sent, run};

/// How many questions are put.
const CASES: usize = 24;

/// Who is around; the first puts every question.
const PEOPLE: [&[Role]; 7] = [
    &[Role::ServiceDeliveryManager, Role::Technician],
    &[Role::ServiceDeliveryManager],
    &[Role::HeadOfOperations],
    &[Role::HeadOfOperations, Role::Compliance],
    &[Role::Compliance],
    &[Role::Director, Role::Technician],
    &[Role::Sales],
];

/// What somebody does, by the place in [`PEOPLE`].
#[derive(Clone, Copy, Debug)]
enum Deed {
    Vote(usize, Verdict),
    Delegate(usize, usize),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let person = || 0..PEOPLE.len();
    let verdict = prop_oneof![7 => Just(Verdict::Grant), 1 => Just(Verdict::Refuse)];
    let vote = (person(), verdict).prop_map(|(who, verdict)| Deed::Vote(who, verdict));
    let delegate = (person(), person()).prop_map(|(from, to)| Deed::Delegate(from, to));
    prop::collection::vec(prop_oneof![3 => vote, 1 => delegate], 1..9)
}

fn rules() -> impl Strategy<Value = Rule> {
    let managers = prop_oneof![
        Just(vec![Role::ServiceDeliveryManager, Role::HeadOfOperations]),
        Just(vec![Role::HeadOfOperations]),
    ];
    let others = prop::sample::subsequence(vec![Role::Compliance, Role::Director, Role::Technician], 0..=2);
    (managers, 1..3_u8, others, any::<bool>()).prop_map(|(managers, quorum, others, is_ordered)| {
        let mut requirements = vec![Requirement { any_of: managers, quorum }];
        requirements.extend(others.into_iter().map(|role| Requirement { any_of: vec![role], quorum: 1 }));
        Rule { requirements, is_ordered }
    })
}

fn input(rule: &Rule) -> Value {
    let requirement = |needed: &Requirement| json!({ "anyOf": needed.any_of, "quorum": needed.quorum });
    let requirements: Vec<_> = rule.requirements.iter().map(requirement).collect();
    json!({ "requirements": requirements, "isOrdered": rule.is_ordered })
}

/// The question as the pure rules know it.
struct Model {
    decision: Decision,
    answers: Answers,
}

impl Model {
    /// What the rules say to a deed: whether it is done.
    fn apply(&mut self, deed: Deed, people: &[Actor], app: &TestApp) -> bool {
        let now = app.clock.now();
        let ballot = self.decision.with(&self.answers);
        match deed {
            Deed::Vote(who, verdict) => {
                let who = &people[who];
                let Ok(role) = ballot.voting_role(who.id, &who.roles, now) else { return false };
                self.answers.votes.push(Vote { voter: who.id, role, verdict, comment: None, voted_at: now });
            }
            Deed::Delegate(from, to) => {
                let (from, to) = (&people[from], &people[to]);
                let Ok(role) = ballot.voting_role(from.id, &from.roles, now) else { return false };
                if ballot.may_delegate(from.id, &from.roles, role, to.id, now).is_err() {
                    return false;
                }
                self.answers.delegations.push(Delegation {
                    delegator: from.id,
                    delegate: to.id,
                    role,
                    delegated_at: now,
                });
            }
        }
        let decision = &mut self.decision;
        if let Some(verb) = outcome(&decision.rule, decision.requested_by, &self.answers.votes).verb() {
            decision.state = decision.state.after(verb).unwrap();
        }
        true
    }
}

async fn through_the_api(app: &TestApp, id: &str, deed: Deed, people: &[Actor], key: String) -> bool {
    let (actor, document, input) = match deed {
        Deed::Vote(who, verdict) => {
            (&people[who], VOTE, json!({ "id": id, "verdict": verdict, "comment": "Because.", "idempotencyKey": key }))
        }
        Deed::Delegate(from, to) => (
            &people[from],
            DELEGATE,
            json!({ "id": id, "delegateId": people[to].id.to_string(), "idempotencyKey": key }),
        ),
    };
    sent(app, actor, document, input).await["userErrors"] == json!([])
}

/// Compares what the API shows with what the rules say, for everybody.
async fn compare(app: &TestApp, id: &str, model: &Model, people: &[Actor], told: &str) {
    let document = "query($inbox: DecisionFilter) {
        all: decisions(first: 1) { nodes { id state votes { role verdict voter { id } } viewerCan { voteAs isAwaited } } }
        inbox: decisions(filter: $inbox) { nodes { id } } }";
    for person in people {
        let read = app.ask(person, document, json!({ "inbox": { "awaitsViewer": true } })).await;
        let shown = &read["all"]["nodes"][0];
        assert_eq!(shown["id"], id);
        assert_eq!(shown["state"], model.decision.state.as_str(), "{told}");
        let votes = model.answers.votes.iter().map(
            |vote| json!({ "role": vote.role, "verdict": vote.verdict, "voter": { "id": vote.voter.to_string() } }),
        );
        assert_eq!(shown["votes"], votes.collect::<Value>(), "{told}");
        let ballot = model.decision.with(&model.answers);
        let role = ballot.voting_role(person.id, &person.roles, app.clock.now()).ok();
        let awaited = ballot.awaits(person.id, &person.roles, app.clock.now());
        assert_eq!(shown["viewerCan"], json!({ "voteAs": role, "isAwaited": awaited }), "{told}");
        let in_box = read["inbox"]["nodes"].as_array().unwrap().iter().any(|node| node["id"] == id);
        assert_eq!(in_box, awaited, "{told}: {:?}", person.roles);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_do_the_api_agrees_with_the_rules() {
    let app = TestApp::embedded().await;
    let run = run::run(&app, "acme").await;
    let mut people = Vec::new();
    for roles in PEOPLE {
        people.push(run::colleague(&app, roles).await);
    }
    let mut runner = TestRunner::deterministic();
    let mut ends = BTreeSet::new();
    for case in 0..CASES {
        app.pass(1);
        let rule = rules().new_tree(&mut runner).unwrap().current();
        let deeds = deeds().new_tree(&mut runner).unwrap().current();
        let request = json!({ "kind": "PLAN", "question": "Does it stand?", "engagementId": run.id, "rule": input(&rule),
            "idempotencyKey": format!("question-{case}") });
        let asked = sent(&app, &people[0], REQUEST, request).await;
        let id = asked["decision"]["id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
        let decision = Decision {
            id: id.parse().unwrap(),
            client_id: None,
            engagement_id: None,
            kind: DecisionKind::Plan,
            state: DecisionState::Open,
            question: String::new(),
            subject_id: String::new(),
            subject_hash: None,
            rule,
            requested_by: people[0].id,
            requested_at: app.clock.now(),
            expires_at: None,
            decided_at: None,
            revision: 1,
        };
        let mut model = Model { decision, answers: Answers::default() };
        for (place, deed) in deeds.iter().enumerate() {
            let done = through_the_api(&app, &id, *deed, &people, format!("deed-{case}-{place}")).await;
            let told = format!("{:?} {deeds:?} at {place}", model.decision.rule);
            assert_eq!(done, model.apply(*deed, &people, &app), "{told}");
        }
        compare(&app, &id, &model, &people, &format!("{:?} {deeds:?}", model.decision.rule)).await;
        ends.insert(model.decision.state);
        if model.decision.state == DecisionState::Open {
            let read = app.ask(&people[0], "{ decisions(first: 1) { nodes { revision } } }", json!({})).await;
            let input = json!({ "id": id, "expectedRevision": read["decisions"]["nodes"][0]["revision"] });
            assert_eq!(sent(&app, &people[0], super::WITHDRAW, input).await["userErrors"], json!([]));
        }
    }
    assert_eq!(ends.len(), 3, "the cases reach every end: {ends:?}");
}
