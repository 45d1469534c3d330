//! The validation of a destruction: an authority that had no part in it says whether it is enough for the data.

use super::{
    ending::{ASK, Ending},
    *,
};
use crate::support::{
    flow::{done, key, text},
    make::refusal,
    on_both_stacks,
};

const STATEMENTS: &str =
    "query($id: ID!) { engagement(id: $id) { certificates { number kind statement note decisions { id } } } }";

/// Asks whether `certificate` is enough; gives the answer to the question.
async fn asked(ending: &Ending, id: &Value, digest: &Value) -> Value {
    let input = json!({ "kind": "VALIDATION", "question": "Is this enough for health records?", "subjectId": id,
        "subjectHash": digest, "idempotencyKey": key(&ending.site.test) });
    sent(&ending.site.test, &ending.site.manager, ASK, input).await
}

/// A certificate of a destruction.
async fn certificate(ending: &Ending) -> Value {
    let working = ending.site.work();
    let job = ending.destroy().await;
    ending.ended(&job, "SUCCEEDED").await;
    let certificate = ending.verify("SUCCEEDED").await["certificate"].take();
    working.end().await;
    certificate
}

/// The statements of the run of this kind.
async fn statements(ending: &Ending, kind: &str) -> Vec<Value> {
    let found = ending.site.test.ask(&ending.site.manager, STATEMENTS, json!({ "id": ending.site.engagement })).await;
    let all = found["engagement"]["certificates"].as_array().unwrap().clone();
    all.into_iter().filter(|one| one["kind"] == kind).collect()
}

on_both_stacks! {
    async fn an_authority_that_had_no_part_in_it_states_that_a_destruction_is_enough(test) {
        let mut ending = Ending::of(test).await;
        ending.verifier = colleague(&ending.site.test, &[Role::OnboardingManager, Role::Compliance]).await;
        let certificate = certificate(&ending).await;
        let stale = asked(&ending, &certificate["id"], &json!("0".repeat(64))).await;
        assert_eq!(refusal(&stale).0, "PLAN_CHANGED", "{stale}");
        let other = asked(&ending, &json!(ending.site.holding), &Value::Null).await;
        assert_eq!(refusal(&other), ("BAD_USER_INPUT", "subjectId".to_owned()), "{other}");

        let question = text(&done(asked(&ending, &certificate["id"], &certificate["digest"]).await)["decision"]["id"]);
        let own = json!({ "id": question, "verdict": "GRANT", "idempotencyKey": key(&ending.site.test) });
        let vote = "mutation($input: DecisionVoteInput!) { decisionVote(input: $input) {
            decision { state } userErrors { code message path remedy } } }";
        let refused = sent(&ending.site.test, &ending.verifier, vote, own).await;
        assert_eq!(refusal(&refused).0, "CONFLICT", "{refused}");
        assert!(statements(&ending, "SANITIZATION_VALIDATION").await.is_empty());
        assert_eq!(ending.vote(&ending.authority, &question, "GRANT").await, "GRANTED");

        let again = asked(&ending, &certificate["id"], &certificate["digest"]).await;
        assert_eq!(refusal(&again).0, "CONFLICT", "an answer is an answer: {again}");
        let stated = statements(&ending, "SANITIZATION_VALIDATION").await;
        let statement = &stated[0]["statement"];
        assert_eq!((stated.len(), &statement["verdict"]), (1, &json!("ACCEPTED")));
        let about = json!({ "id": certificate["id"], "number": certificate["number"], "sha256": certificate["digest"] });
        assert_eq!(statement["certificate"], about);
        assert_eq!((&statement["decisionId"], &statement["by"][0]["role"]), (&json!(question), &json!("COMPLIANCE")));
        let keys = ending.site.test.app.parts().log_keys.verifiers();
        gangway::domain::log::note::open(stated[0]["note"].as_str().unwrap(), &keys).unwrap();
        let about = statements(&ending, "SANITIZATION").await;
        assert_eq!(about[0]["decisions"], json!([{ "id": question }]));
        // A statement about a statement is not asked for.
        let found = ending.site.test.ask(&ending.site.manager, "query($id: ID!) { engagement(id: $id) { certificates { id kind digest } } }", json!({ "id": ending.site.engagement })).await;
        let own = found["engagement"]["certificates"].as_array().unwrap().iter().find(|one| one["kind"] == "SANITIZATION_VALIDATION").unwrap().clone();
        assert_eq!(refusal(&asked(&ending, &own["id"], &own["digest"]).await), ("BAD_USER_INPUT", "subjectId".to_owned()));
    }

    async fn a_destruction_that_is_not_enough_is_stated_with_the_reason(test) {
        let ending = Ending::of(test).await;
        let certificate = certificate(&ending).await;
        let question = text(&done(asked(&ending, &certificate["id"], &certificate["digest"]).await)["decision"]["id"]);
        assert_eq!(ending.vote(&ending.authority, &question, "REFUSE").await, "REFUSED");
        let stated = statements(&ending, "SANITIZATION_VALIDATION").await;
        assert_eq!(stated[0]["statement"]["verdict"], "REJECTED");
        assert_eq!(stated[0]["statement"]["by"][0]["reason"], "So be it.");
        assert_eq!(ending.line().await, "CLOSED", "what is gone is gone");
    }
}
