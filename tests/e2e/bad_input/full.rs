//! Inputs in which everything stands that may stand: each branch of each choice, and each field that may be left out.
//!
//! What [`changes`] sends is not repeated, so this is what it leaves out. A field of the schema that is in neither fails
//! the tests: whoever adds one says here what stands in it.

use serde_json::{Value, json};

use crate::{
    isolation::{
        changes::{self, Case},
        world::World,
    },
    support::{
        TestApp,
        flow::{self, key},
    },
};

/// Something to ask, and what is given with it.
pub(super) struct Asked {
    pub(super) document: String,
    /// The name of the one variable that it takes.
    pub(super) variable: &'static str,
    /// The type of that variable.
    pub(super) of: String,
    pub(super) given: Value,
}

impl Asked {
    /// A mutation with its input.
    pub(super) fn mutation(name: &str, input: Value) -> Self {
        let (first, rest) = name.split_at(1);
        let of = format!("{}{rest}Input", first.to_uppercase());
        Self { document: changes::document(name), variable: "input", of, given: input }
    }

    /// A list with its filter.
    fn list(field: &str, of: &str, filter: Value) -> Self {
        let document = format!("query($filter: {of}) {{ {field}(filter: $filter) {{ nodes {{ __typename }} }} }}");
        Self { document, variable: "filter", of: of.to_owned(), given: filter }
    }

    /// The variables, with another value in one place.
    pub(super) fn spoilt(&self, app: &TestApp, place: &str, wrong: Value) -> Value {
        let mut given = self.given.clone();
        if given.get("idempotencyKey").is_some() {
            given["idempotencyKey"] = json!(key(app));
        }
        *given.pointer_mut(place).unwrap() = wrong;
        json!({ self.variable: given })
    }
}

/// Every mutation, with everything it takes between all of its inputs; `version` is an approved one of some process.
/// Documents of processes are [`document`]'s.
pub(super) fn mutations(app: &TestApp, world: &World, version: &str) -> Vec<Asked> {
    let known = changes::cases(app, world).into_iter().map(|case: Case| Asked::mutation(case.mutation, case.input));
    let full =
        [free(app, version), papers(world), work(world), decisions(world), ledger(world), people(world)].concat();
    let full = full.into_iter().map(|(name, mut input)| {
        if TAKES_KEY.contains(&name) {
            input["idempotencyKey"] = json!(key(app));
        }
        Asked::mutation(name, input)
    });
    known.chain(full).collect()
}

/// The mutations below that take a key.
const TAKES_KEY: &[&str] = &[
    "clientCreate",
    "processReview",
    "processDuplicate",
    "agreementRecord",
    "terminationRecord",
    "contactUpsert",
    "stakeholderUpsert",
    "challengeRecord",
    "engagementStart",
    "evidenceAdd",
    "exceptionRaise",
    "decisionRequest",
    "decisionVote",
    "decisionDelegate",
    "factsRecord",
    "holdingsRegister",
    "jobRetry",
    "uploadCreate",
    "userUpsert",
    "apiKeyCreate",
    "connectorCreate",
];

type Inputs = Vec<(&'static str, Value)>;

/// What names nothing of a client.
fn free(app: &TestApp, version: &str) -> Inputs {
    vec![
        ("clientCreate", json!({ "slug": "gamma", "name": "Gamma", "timeZone": "Europe/Berlin" })),
        ("processSubmit", json!({ "id": version, "expectedRevision": 1 })),
        ("processReview", json!({ "id": version, "notes": "Fine.", "verdict": "KEEP" })),
        ("processDuplicate", json!({ "id": version })),
        (
            "processDraft",
            json!({ "content": flow::document("T-ONB-702", &[flow::template("one", json!({}))]), "idempotencyKey": key(app) }),
        ),
        ("apiKeyRevoke", json!({ "id": "key_01h455vb4pex5vsknk084sn02q" })),
    ]
}

fn papers(world: &World) -> Inputs {
    let mine = |noun: &str| json!(world.mine.id(noun));
    let clauses = json!([{ "reference": "7.2", "text": "It stays." }]);
    let details = [
        json!({ "serviceAgreement": { "clauses": clauses, "noticeDays": 30,
            "dataReturn": { "formats": ["BAGIT_TAR"], "destination": "The client's own disk." } } }),
        json!({ "sla": { "clauses": clauses,
            "targets": [{ "priority": "P1", "respondWithinMinutes": 15, "resolveWithinMinutes": 240 }] } }),
        json!({ "sow": { "clauses": clauses, "lines": [{ "key": "deploy", "text": "Deploy it.", "quantity": 2 }] } }),
    ];
    let record = |details| {
        (
            "agreementRecord",
            json!({ "clientId": mine("client"), "title": "Paper", "details": details,
            "effectiveOn": "2026-03-01", "endsOn": "2027-02-28", "fileId": mine("file") }),
        )
    };
    let mut inputs: Inputs = details.into_iter().map(record).collect();
    inputs.push((
        "agreementSign",
        json!({ "id": mine("draft"), "expectedRevision": 1, "name": "Dana", "title": "Owner",
        "signedOn": "2026-02-27", "method": "ELECTRONIC", "reference": "envelope 7", "fileId": mine("file") }),
    ));
    inputs.push((
        "terminationRecord",
        json!({ "clientId": mine("client"), "receivedOn": "2026-03-01", "channel": "LETTER",
        "givenBy": "Dana", "finalServiceOn": "2026-04-30", "endsOn": "2026-04-30", "fileId": mine("file"),
        "shortNoticeReason": "Both want it." }),
    ));
    inputs.push((
        "clientUpdate",
        json!({ "id": mine("client"), "expectedRevision": 1, "name": "New", "timeZone": "UTC",
        "serviceStartOn": "2026-04-01" }),
    ));
    inputs
}

fn work(world: &World) -> Inputs {
    let mine = |noun: &str| json!(world.mine.id(noun));
    let details = [
        json!({ "attestation": { "statement": "So it is." } }),
        json!({ "file": { "fileId": mine("file"), "description": "The list." } }),
        json!({ "photo": { "fileId": mine("file"), "caption": "The rack." } }),
        json!({ "meeting": { "heldAt": "2026-03-01T09:00:00Z", "notes": "Agreed.",
            "attendees": [{ "name": "Ann", "team": "SALES", "isExcused": true }, { "name": "Bo" }] } }),
    ];
    let prove = |details| ("evidenceAdd", json!({ "stepId": mine("step"), "label": "Proof", "details": details }));
    let mut inputs: Inputs = details.into_iter().map(prove).collect();
    let penalty = json!({ "amountMinor": "120000", "currency": "EUR" });
    let risks = json!([{ "kind": "FINANCIAL_PENALTY", "likelihood": "LOW", "impact": "HIGH", "penalty": penalty }]);
    inputs.extend([
        (
            "engagementStart",
            json!({ "clientId": mine("client"), "kind": "ONBOARDING", "documentNumber": "T-ONB-700",
            "targetOn": "2026-06-30" }),
        ),
        (
            "checklistItemSet",
            json!({ "id": mine("item"), "expectedRevision": 1, "state": "NOT_APPLICABLE", "note": "None." }),
        ),
        (
            "challengeRecord",
            json!({ "engagementId": mine("engagement"), "id": mine("challenge"), "expected": "Slow.",
            "actual": "Slower.", "learning": "Begin earlier." }),
        ),
        (
            "exceptionRaise",
            json!({ "engagementId": mine("engagement"), "stepId": mine("step"), "type": "DEVIATION",
            "situation": "New", "justification": "Nobody could come before today.", "expiresAt": "2026-03-30T09:00:00Z",
            "risks": risks, "actions": [{ "kind": "ESCALATE", "note": "Call." }] }),
        ),
        (
            "exceptionActionDone",
            json!({ "id": mine("exception"), "expectedRevision": 1, "action": "ESCALATE",
            "state": "NOT_APPLICABLE", "note": "Nobody to call." }),
        ),
    ]);
    inputs
}

fn decisions(world: &World) -> Inputs {
    let mine = |noun: &str| json!(world.mine.id(noun));
    let requirements = json!([{ "anyOf": ["SERVICE_DELIVERY_MANAGER", "HEAD_OF_OPERATIONS"], "quorum": 2 }, { "anyOf": ["DIRECTOR"] }]);
    vec![
        (
            "decisionRequest",
            json!({ "kind": "CHANGE", "question": "New?", "engagementId": mine("engagement"),
            "subjectId": mine("step"), "subjectHash": "0".repeat(64), "expiresAt": "2026-03-30T09:00:00Z",
            "rule": { "isOrdered": true, "requirements": requirements } }),
        ),
        (
            "decisionVote",
            json!({ "id": mine("decision"), "verdict": "GRANT", "role": "TECHNICIAN", "comment": "Yes." }),
        ),
        ("decisionDelegate", json!({ "id": mine("decision"), "delegateId": mine("user"), "role": "TECHNICIAN" })),
    ]
}

fn ledger(world: &World) -> Inputs {
    let mine = |noun: &str| json!(world.mine.id(noun));
    let facts = [
        json!({ "note": { "text": "New." } }),
        json!({ "device": { "deviceType": "SERVER", "hostname": "srv-1", "os": "Linux", "serial": "S1", "site": "HQ" } }),
        json!({ "userBase": { "userCount": 12, "location": "HQ" } }),
        json!({ "application": { "criticality": "HIGH", "owner": "Ann", "rpoMinutes": 60, "rtoMinutes": 120 } }),
        json!({ "vendor": { "service": "Lines", "accountRef": "A-1", "contact": "Bo" } }),
        json!({ "complianceNeed": { "framework": "ISO 27001", "scope": "All of it." } }),
    ];
    let holdings = [
        json!({ "agent": { "tool": "RMM", "hostname": "pc-1", "os": "Linux", "serial": "S1", "site": "HQ", "version": "1.2" } }),
        json!({ "config": { "configKind": "BACKUP_JOB", "location": "Backup server", "reference": "job-7" } }),
        json!({ "credential": { "credentialKind": "ADMIN", "principal": "admin@alpha", "fingerprint": "SHA256:abc",
            "isLastMile": true, "mfaState": "NOT_APPLICABLE", "mfaReason": "A machine uses it.",
            "rotationDueOn": "2026-06-30", "vaultUri": "vault://alpha/admin" } }),
        json!({ "data": { "dataKind": "FILES", "location": "archive://alpha", "disposition": "RETAIN", "clause": "7.2",
            "keyEscrow": "NOT_ENCRYPTED" } }),
        json!({ "systemRecord": { "system": "PSA" } }),
    ];
    let fact = |details| {
        let fact = json!({ "name": "New", "source": "SCAN", "details": details });
        ("factsRecord", json!({ "clientId": mine("client"), "facts": [fact] }))
    };
    let holding = |details| {
        let line = json!({ "name": "New", "externalRef": "ref-1", "connectorId": "cnn_01h455vb4pex5vsknk084sn02q", "isPlanned": true, "details": details });
        ("holdingsRegister", json!({ "clientId": mine("client"), "holdings": [line] }))
    };
    let options = json!({ "dataReturn": { "format": "BAGIT_TAR_ZSTD", "destination": "client-drop",
        "recipientKeyIds": [mine("recipientKey")] } });
    let filter = json!({ "kinds": ["DATA"], "states": ["ACTIVE"], "dataKinds": ["FILES"], "dispositions": ["RETURN"] });
    let mut inputs: Inputs = facts.into_iter().map(fact).chain(holdings.into_iter().map(holding)).collect();
    let others = [
        ("DISCOVERY_SCAN", json!({ "discoveryScan": { "scope": "DATA" } })),
        ("SANITIZATION", json!({ "sanitization": { "method": "OVERWRITE_ZERO" } })),
        ("SANITIZATION_VERIFICATION", json!({ "sanitizationVerification": { "coverage": "FULL" } })),
        ("CLOSEOUT_PACK", json!({ "closeoutPack": { "events": "ALL" } })),
        ("AGENT_REMOVAL", json!({ "agentRemoval": { "tool": "RMM" } })),
    ];
    inputs.extend(others.map(|(kind, options)| {
        ("jobPlan", json!({ "kind": kind, "engagementId": mine("engagement"), "options": options }))
    }));
    inputs.extend([
        (
            "jobPlan",
            json!({ "kind": "DATA_RETURN", "engagementId": mine("engagement"), "filter": filter, "options": options }),
        ),
        ("jobRetry", json!({ "id": mine("job"), "reason": "Because.", "targets": "UNFINISHED" })),
        (
            "dataReturnAcknowledge",
            json!({ "jobId": mine("job"), "manifestDigest": "0".repeat(64), "verdict": "DISPUTED",
            "comment": "A file is missing." }),
        ),
        (
            "uploadCreate",
            json!({ "clientId": mine("client"), "name": "new.txt", "byteCount": "3", "sha256": "0".repeat(64) }),
        ),
    ]);
    inputs
}

fn people(world: &World) -> Inputs {
    let mine = |noun: &str| json!(world.mine.id(noun));
    vec![
        (
            "contactUpsert",
            json!({ "clientId": mine("client"), "id": mine("contact"), "expectedRevision": 1, "name": "New",
            "role": "BILLING", "email": "new@example.com", "phone": "+49 30 1234567", "escalationOrder": 2 }),
        ),
        (
            "stakeholderUpsert",
            json!({ "engagementId": mine("engagement"), "id": mine("stakeholder"), "expectedRevision": 1,
            "name": "New", "responsibilities": "New.", "phone": "+49 30 1234567",
            "raci": [{ "stepKey": "one", "raci": "INFORMED" }] }),
        ),
        (
            "userUpsert",
            json!({ "subject": format!("issuer#{}", world.mine.slug), "name": "New", "roles": ["CLIENT_CONTACT"],
            "clientId": mine("client"), "email": "new@example.com", "isActive": true, "expectedRevision": 1 }),
        ),
        (
            "connectorCreate",
            json!({ "kind": "MESH_CENTRAL", "name": "New", "address": "wss://rmm.example.test", "username": "gangway",
            "secret": "opensesame", "trustedCertificates": "-----BEGIN CERTIFICATE-----" }),
        ),
        ("connectorProbe", json!({ "id": "cnn_01h455vb4pex5vsknk084sn02q" })),
        (
            "apiKeyCreate",
            json!({ "name": "New", "roles": ["INTEGRATION"], "clientIds": [mine("client")],
            "expiresAt": "2026-12-31T00:00:00Z" }),
        ),
    ]
}

/// Every list that takes a filter, with everything in it.
pub(super) fn lists(world: &World) -> Vec<Asked> {
    let mine = |noun: &str| json!(world.mine.id(noun));
    vec![
        Asked::list("clients", "ClientFilter", json!({ "nameContains": "a", "stages": ["PROSPECT"] })),
        Asked::list(
            "engagements",
            "EngagementFilter",
            json!({ "clientId": mine("client"), "kind": "ONBOARDING", "states": ["RUNNING"] }),
        ),
        Asked::list(
            "steps",
            "StepFilter",
            json!({ "assigneeId": mine("user"), "clientId": mine("client"), "isMine": true,
            "engagementId": mine("engagement"), "isBlocked": true, "isOverdue": true, "roles": ["SALES"], "states": ["PENDING"] }),
        ),
        Asked::list(
            "exceptions",
            "ExceptionFilter",
            json!({ "clientId": mine("client"), "engagementId": mine("engagement"),
            "stepId": mine("step"), "states": ["REQUESTED"], "types": ["DEVIATION"] }),
        ),
        Asked::list(
            "decisions",
            "DecisionFilter",
            json!({ "awaitsViewer": true, "clientId": mine("client"),
            "engagementId": mine("engagement"), "kinds": ["PLAN"], "states": ["OPEN"] }),
        ),
        Asked::list(
            "holdings",
            "HoldingFilter",
            json!({ "clientId": mine("client"), "isResidual": true, "kinds": ["AGENT"], "states": ["ACTIVE"] }),
        ),
        Asked::list(
            "jobs",
            "JobFilter",
            json!({ "clientId": mine("client"), "engagementId": mine("engagement"),
            "kinds": ["DATA_RETURN"], "states": ["QUEUED"] }),
        ),
        Asked::list("processes", "ProcessFilter", json!({ "kind": "ONBOARDING" })),
        Asked::list("users", "UserFilter", json!({ "isActive": true, "role": "SALES" })),
        Asked::list(
            "timeline",
            "EventFilter",
            json!({ "actorId": mine("user"), "clientId": mine("client"), "jobId": mine("job"),
            "subjectId": mine("holding"), "kinds": ["client.created"], "since": "2026-03-01T00:00:00Z", "until": "2026-03-31T00:00:00Z" }),
        ),
    ]
}

/// A process document with every field and every gate.
pub(super) fn document(number: &str) -> Value {
    let of = json!({ "config": { "configKinds": ["BACKUP_JOB"] } });
    let mut gates = vec![
        json!({ "agreementsSigned": { "agreementKinds": ["SLA"] } }),
        json!({ "stepsDone": { "stepKeys": ["first"] } }),
        json!({ "evidencePresent": { "evidenceKinds": ["PHOTO"] } }),
        json!({ "teamsMet": { "teams": ["SALES"] } }),
        json!({ "factsVerified": { "factKinds": ["DEVICE"] } }),
        json!({ "roleHeld": { "role": "BILLING" } }),
        json!({ "decisionGranted": { "decisionKind": "CHANGE" } }),
        json!({ "dateReached": { "which": "TERMINATION" } }),
        json!({ "holdingsActive": { "of": { "systemRecord": { "systems": ["PSA"] } } } }),
        json!({ "holdingsSettled": { "of": { "credential": { "isLastMile": false } } } }),
        json!({ "holdingsClosed": { "of": of } }),
        json!({ "differentPerson": { "stepKey": "first" } }),
    ];
    let bare = [
        "checklistDone",
        "intakeReceived",
        "designatedAuthoritySet",
        "approvedChange",
        "windowAgreed",
        "noticeRecorded",
        "returnTermsAgreed",
        "recipientKeyConfirmed",
        "receiptGiven",
        "feesSettled",
        "noResiduals",
        "openExceptionsClosed",
        "openDecisionsDecided",
    ];
    gates.extend(bare.map(|name| json!({ name: true })));
    let gates: Vec<_> =
        gates.into_iter().map(|gate| json!({ "gate": gate, "isHardHere": false, "when": "START" })).collect();
    let step = json!({ "key": "first", "title": "First", "description": "What is done.", "role": "TECHNICIAN", "category": "TECHNICAL" });
    let mut second = step.clone();
    flow::merge(
        &mut second,
        json!({
            "key": "second", "dependsOn": ["first"], "isSecurity": true, "mayBeNotApplicable": true, "jobKind": "DATA_RETURN",
            "requiredEvidence": ["ATTESTATION"], "due": { "days": -3, "from": "TARGET" }, "gates": gates,
            "checklist": [{ "key": "one", "text": "One.", "isRequired": false }],
            "holdings": [{ "agent": { "tools": ["RMM"] } }, { "data": { "dispositions": ["RETAIN"] } }],
        }),
    );
    json!({
        "documentNumber": number, "title": "A process", "kind": "ONBOARDING", "process": "Short.", "objective": "An end.",
        "reason": "A test.", "goals": ["It ends."], "focusAreas": [{ "rank": 1, "text": "Being short." }],
        "stakeholders": [{ "name": "Engineering", "phone": "+49 30 1234567", "role": "TECHNICIAN", "responsibilities": ["Does it."],
            "raci": [{ "stepKey": "first", "raci": "ACCOUNTABLE" }, { "stepKey": "second", "raci": "ACCOUNTABLE" }] }],
        "boundaries": { "start": "It starts.", "end": "It ends." },
        "activities": [{ "text": "All of it.", "steps": ["first", "second"] }],
        "inputs": [{ "text": "A form.", "gate": { "intakeReceived": true } }],
        "outputs": [{ "text": "Work.", "gate": { "stepsDone": { "stepKeys": ["first"] } } }],
        "startGates": [{ "intakeReceived": true }], "conclusionGates": [{ "openExceptionsClosed": true }],
        "challenges": [{ "expected": "Little.", "actual": "More.", "learning": "Much." }],
        "exceptions": { "situations": ["None."], "actions": [{ "kind": "ESCALATE", "text": "Call." }],
            "risks": [{ "kind": "LEGAL", "text": "Law." }] },
        "prepared": { "by": "Somebody", "at": "2026-02-28T10:00:00Z", "timeZone": "Europe/Berlin", "originalTimeText": "Ten.",
            "originalApprovalText": "Yes.", "place": { "address": "Here", "latitude": 52.5, "longitude": -13.25 } },
        "review": { "intervalMonths": 6, "reviewer": "Somebody", "contact": "somebody@gangway.example", "autoRevise": false,
            "stepsBeforeRevision": ["Look."] },
        "steps": [step, second],
    })
}
