//! Every mutation, and which of its inputs names something of a client.

use gangway::auth::Actor;
use serde_json::{Value, json};

use super::World;
use crate::support::{
    TestApp,
    flow::{self, key},
};

/// Mutations whose input names nothing of a client.
pub(crate) const FREE: &[&str] = &[
    "clientCreate",
    "processDraft",
    "processUpdateDraft",
    "processSubmit",
    "processReview",
    "processDuplicate",
    "apiKeyRevoke",
    "connectorCreate",
    "connectorProbe",
];

/// A mutation that would be fine, if one of the ids in its input were not another client's.
pub(crate) struct Case {
    pub(crate) mutation: &'static str,
    /// Where in the input the id stands, as a JSON pointer.
    pub(crate) field: &'static str,
    /// The other client's id.
    pub(crate) theirs: String,
    /// The input, with ids of one's own.
    pub(crate) input: Value,
}

impl Case {
    /// An id of the same noun that nothing has.
    pub(crate) fn absent(&self) -> String {
        let (prefix, _) = self.theirs.rsplit_once('_').unwrap();
        format!("{prefix}_01h455vb4pex5vsknk084sn02q")
    }

    /// The id of one's own that stands where the other client's would be sent, when it names what is changed.
    pub(crate) fn named(&self) -> Option<String> {
        let is_subject = self.field.ends_with("/id");
        let id = self.input.pointer(self.field).and_then(Value::as_str).filter(|_| is_subject)?;
        Some(id.to_owned())
    }

    /// The mutation, asked for everything it may complain of.
    pub(crate) fn document(&self) -> String {
        document(self.mutation)
    }

    /// What the mutation answers when its input names `id`: the payload, or the code of its top-level error.
    pub(crate) async fn send(&self, app: &TestApp, actor: &Actor, id: &str) -> Value {
        let mut input = self.input.clone();
        *input.pointer_mut(self.field).unwrap() = json!(id);
        if input.get("idempotencyKey").is_some() {
            input["idempotencyKey"] = json!(key(app));
        }
        let document = self.document();
        let answer = app.answer(actor, &document, json!({ "input": input })).await;
        let errors = serde_json::to_value(&answer.errors).unwrap();
        json!([answer.data.into_json().unwrap(), errors])
    }
}

/// A mutation, asked for everything it may complain of.
pub(crate) fn document(mutation: &str) -> String {
    let has_rows = matches!(mutation, "factsRecord" | "factsVerify" | "holdingsRegister");
    let rows = if has_rows { "results { userErrors { code message path remedy } }" } else { "" };
    let (first, rest) = mutation.split_at(1);
    format!(
        "mutation($input: {}{rest}Input!) {{ {mutation}(input: $input) {{ {rows} userErrors {{ code message path remedy ... on ConflictError {{ currentRevision }} }} }} }}",
        first.to_uppercase()
    )
}

/// Every mutation with every id it takes. An id of one's own stands in the other places.
#[expect(clippy::too_many_lines, reason = "a table: one entry for each mutation")]
pub(crate) fn cases(app: &TestApp, world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |mutation: &'static str, input: Value, fields: &[(&'static str, &str)]| {
        for (field, noun) in fields {
            let (theirs, input) = (world.theirs.id(noun).to_owned(), input.clone());
            cases.push(Case { mutation, field, theirs, input });
        }
    };
    let mine = |noun: &str| json!(world.mine.id(noun));
    let revised = |noun: &str, more: Value| {
        let mut input = json!({ "id": mine(noun), "expectedRevision": 1 });
        flow::merge(&mut input, more);
        input
    };
    let once = json!(key(app));

    add("clientUpdate", revised("client", json!({ "name": "New" })), &[("/id", "client")]);
    let contact = json!({ "clientId": mine("client"), "name": "New", "role": "BILLING", "email": "new@example.com", "idempotencyKey": once });
    add("contactUpsert", contact.clone(), &[("/clientId", "client")]);
    add(
        "contactUpsert",
        {
            let mut it = contact;
            flow::merge(&mut it, json!({ "id": mine("contact"), "expectedRevision": 1 }));
            it
        },
        &[("/id", "contact")],
    );
    add(
        "agreementRecord",
        json!({ "clientId": mine("client"), "title": "New", "details": flow::contract(), "idempotencyKey": once }),
        &[("/clientId", "client")],
    );
    let signature = json!({ "name": "Dana", "signedOn": "2026-02-27", "method": "INK" });
    add("agreementSign", revised("draft", signature), &[("/id", "draft"), ("/id", "agreement")]);
    let notice = json!({ "clientId": mine("client"), "receivedOn": "2026-03-01", "channel": "LETTER", "givenBy": "Dana", "finalServiceOn": "2026-04-30", "idempotencyKey": once });
    add("terminationRecord", notice, &[("/clientId", "client")]);
    let back = json!({ "reason": "They stay." });
    add("terminationWithdraw", revised("agreement", back), &[("/id", "agreement"), ("/id", "draft")]);
    let note = json!([{ "name": "New", "source": "INTAKE", "details": { "note": { "text": "New." } } }]);
    add(
        "factsRecord",
        json!({ "clientId": mine("client"), "facts": note, "idempotencyKey": once }),
        &[("/clientId", "client")],
    );
    add("factsVerify", json!({ "facts": [{ "id": mine("fact"), "expectedRevision": 1 }] }), &[("/facts/0/id", "fact")]);
    add(
        "holdingsRegister",
        json!({ "clientId": mine("client"), "holdings": [flow::agent("new")], "idempotencyKey": once }),
        &[("/clientId", "client")],
    );
    add("holdingActivate", revised("holding", json!({})), &[("/id", "holding")]);
    let retain = json!({ "clause": "7.2", "decisionId": mine("decision") });
    add("holdingRetain", revised("holding", retain), &[("/id", "holding"), ("/decisionId", "decision")]);
    let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    add(
        "recipientKeyRegister",
        json!({ "clientId": mine("client"), "recipient": recipient, "idempotencyKey": once }),
        &[("/clientId", "client")],
    );
    add(
        "recipientKeyConfirm",
        json!({ "id": mine("recipientKey"), "answer": "x", "fingerprint": "x" }),
        &[("/id", "recipientKey")],
    );
    add("recipientKeyRevoke", revised("recipientKey", json!({})), &[("/id", "recipientKey")]);

    add("engagementStart", flow::begin(app, world.mine.id("client"), "T-ONB-700"), &[("/clientId", "client")]);
    for (mutation, more) in [
        ("engagementPause", json!({ "reason": "Because." })),
        ("engagementResume", json!({})),
        ("engagementCancel", json!({ "reason": "Because." })),
        ("engagementConclude", json!({})),
    ] {
        add(mutation, revised("engagement", more), &[("/id", "engagement")]);
    }
    let stakeholder = json!({ "engagementId": mine("engagement"), "name": "New", "responsibilities": "New.", "idempotencyKey": once });
    add("stakeholderUpsert", stakeholder.clone(), &[("/engagementId", "engagement")]);
    add(
        "stakeholderUpsert",
        {
            let mut it = stakeholder;
            flow::merge(&mut it, json!({ "id": mine("stakeholder"), "expectedRevision": 1 }));
            it
        },
        &[("/id", "stakeholder")],
    );
    let challenge = json!({ "engagementId": mine("engagement"), "expected": "New.", "idempotencyKey": once });
    add("challengeRecord", challenge.clone(), &[("/engagementId", "engagement")]);
    add(
        "challengeRecord",
        {
            let mut it = challenge;
            flow::merge(&mut it, json!({ "id": mine("challenge") }));
            it
        },
        &[("/id", "challenge")],
    );

    for mutation in ["stepStart", "stepComplete", "stepMarkNotApplicable", "stepReopen"] {
        add(mutation, revised("step", json!({ "reason": "Because." })), &[("/id", "step")]);
    }
    add(
        "stepAssign",
        revised("step", json!({ "assigneeId": mine("user") })),
        &[("/id", "step"), ("/assigneeId", "user")],
    );
    add("checklistItemSet", revised("item", json!({ "state": "DONE" })), &[("/id", "item")]);
    let said = json!({ "attestation": { "statement": "New." } });
    add(
        "evidenceAdd",
        json!({ "stepId": mine("step"), "details": said, "idempotencyKey": once }),
        &[("/stepId", "step")],
    );
    add(
        "evidenceAdd",
        json!({ "holdingId": mine("holding"), "details": said, "idempotencyKey": once }),
        &[("/holdingId", "holding")],
    );

    let exception = json!({ "engagementId": mine("engagement"), "stepId": mine("step"), "type": "DEVIATION", "situation": "New",
        "justification": "Nobody could come before today.", "expiresAt": "2026-03-30T09:00:00.000Z",
        "risks": [{ "kind": "GO_LIVE_DELAY", "likelihood": "LOW", "impact": "LOW" }], "idempotencyKey": once });
    add("exceptionRaise", exception.clone(), &[("/engagementId", "engagement"), ("/stepId", "step")]);
    let mut kept = exception;
    flow::merge(&mut kept, json!({ "stepId": null, "holdingId": mine("holding"), "type": "SKIPPED" }));
    add("exceptionRaise", kept, &[("/holdingId", "holding")]);
    add("exceptionActionDone", revised("exception", json!({ "action": "ESCALATE" })), &[("/id", "exception")]);
    add("exceptionClose", revised("exception", json!({})), &[("/id", "exception")]);
    add("exceptionWithdraw", revised("exception", json!({})), &[("/id", "exception")]);

    let question = json!({ "kind": "CHANGE", "question": "New?", "engagementId": mine("engagement"), "subjectId": mine("step"), "idempotencyKey": once });
    add(
        "decisionRequest",
        question,
        &[
            ("/engagementId", "engagement"),
            ("/subjectId", "step"),
            ("/subjectId", "holding"),
            ("/subjectId", "client"),
            ("/subjectId", "engagement"),
            ("/subjectId", "evidence"),
        ],
    );
    add(
        "decisionVote",
        json!({ "id": mine("decision"), "verdict": "GRANT", "idempotencyKey": once }),
        &[("/id", "decision")],
    );
    let handed = json!({ "id": mine("decision"), "delegateId": mine("user"), "idempotencyKey": once });
    add("decisionDelegate", handed, &[("/id", "decision"), ("/delegateId", "user")]);
    add("decisionWithdraw", revised("decision", json!({})), &[("/id", "decision")]);

    let options = json!({ "dataReturn": { "format": "BAGIT_TAR", "destination": "client-drop", "recipientKeyIds": [mine("recipientKey")] } });
    let plan = json!({ "kind": "DATA_RETURN", "engagementId": mine("engagement"), "holdingIds": [mine("holding")], "options": options });
    add("jobPlan", plan, &[("/engagementId", "engagement"), ("/holdingIds/0", "holding")]);
    let start =
        json!({ "planId": mine("plan"), "planHash": "0".repeat(64), "reason": "Because.", "idempotencyKey": once });
    add("jobStart", start, &[("/planId", "plan")]);
    add("jobCancel", json!({ "id": mine("job"), "reason": "Because." }), &[("/id", "job")]);
    add("jobRetry", json!({ "id": mine("job"), "reason": "Because.", "idempotencyKey": once }), &[("/id", "job")]);
    let upload = json!({ "clientId": mine("client"), "name": "new.txt", "byteCount": "3", "idempotencyKey": once });
    add("uploadCreate", upload, &[("/clientId", "client")]);
    let verdict = json!({ "jobId": mine("job"), "manifestDigest": "0".repeat(64), "verdict": "ACCEPTED" });
    add("dataReturnAcknowledge", verdict, &[("/jobId", "job")]);

    let person = json!({ "subject": "issuer#new", "name": "New", "roles": ["CLIENT_CONTACT"], "clientId": mine("client"), "idempotencyKey": once });
    add("userUpsert", person, &[("/clientId", "client")]);
    add(
        "apiKeyCreate",
        json!({ "name": "New", "roles": ["INTEGRATION"], "clientIds": [mine("client")], "idempotencyKey": once }),
        &[("/clientIds/0", "client")],
    );
    cases
}
