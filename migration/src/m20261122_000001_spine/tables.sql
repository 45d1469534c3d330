-- Conventions: `_at` is an instant in UTC, `_on` a date in the client's zone, `_by` an actor
-- (`usr_…`, `key_…` or `system`). Every row that belongs to a client says so in `client_id`, so that
-- a scope is one condition and a nested read is flat. `revision` grows with every change of a row
-- that callers may edit. Columns named `details` hold what only one kind of a noun has.

-- People and keys ---------------------------------------------------------------------------------

CREATE TABLE client (
    id {uuid} PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text NOT NULL,
    name_search text NOT NULL,
    -- Derived from engagements and the service period in the deed that changes them.
    stage text NOT NULL CHECK (stage IN ('PROSPECT', 'ONBOARDING', 'ACTIVE', 'OFFBOARDING', 'CONCLUDED')),
    time_zone text NOT NULL,
    service_start_on {date},
    service_started_at {instant},
    final_service_on {date},
    revision integer NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL
);
CREATE INDEX client_stage ON client (stage, created_at, id);
CREATE INDEX client_created ON client (created_at, id);
CREATE INDEX client_name ON client (name_search, id);

CREATE TABLE contact (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    role text NOT NULL CHECK (role IN ('PRIMARY', 'SECURITY', 'TECHNICAL', 'BILLING', 'EXECUTIVE')),
    name text NOT NULL,
    email text,
    phone_raw text,
    phone_e164 text,
    escalation_order integer NOT NULL,
    revision integer NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL
);
CREATE INDEX contact_client ON contact (client_id, escalation_order, id);

CREATE TABLE "user" (
    id {uuid} PRIMARY KEY,
    subject text NOT NULL UNIQUE,
    name text NOT NULL,
    email text,
    roles {json} NOT NULL,
    -- Set for a CLIENT_CONTACT: the one client this person sees.
    client_id {uuid} REFERENCES client (id),
    is_active boolean NOT NULL,
    revision integer NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL
);

CREATE TABLE api_key (
    id {uuid} PRIMARY KEY,
    name text NOT NULL,
    -- SHA-256 of the key; the key itself is shown once and never stored.
    hash {bytes} NOT NULL UNIQUE,
    hint text NOT NULL,
    roles {json} NOT NULL,
    -- JSON array of client ids, or null for every client.
    client_ids {json},
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    expires_at {instant},
    revoked_at {instant},
    last_used_at {instant}
);

CREATE TABLE file (
    id {uuid} PRIMARY KEY,
    client_id {uuid} REFERENCES client (id),
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('EXPECTED', 'STORED')),
    declared_media_type text NOT NULL,
    media_type text,
    declared_size_bytes bigint NOT NULL,
    size_bytes bigint,
    sha256 text,
    storage_key text NOT NULL,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    stored_at {instant}
);
CREATE INDEX file_expected ON file (expires_at) WHERE state = 'EXPECTED';

CREATE TABLE agreement (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    kind text NOT NULL CHECK (kind IN ('SERVICE_AGREEMENT', 'SLA', 'SOW', 'TERMINATION_NOTICE')),
    state text NOT NULL CHECK (state IN ('DRAFT', 'SIGNED', 'ENDED')),
    title text NOT NULL,
    details {json} NOT NULL,
    file_id {uuid} REFERENCES file (id),
    effective_on {date},
    ends_on {date},
    signed_at {instant},
    signed_by_name text,
    signature {json},
    revision integer NOT NULL,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL
);
CREATE INDEX agreement_client ON agreement (client_id, kind, id);

CREATE TABLE fact (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    kind text NOT NULL,
    name text NOT NULL,
    source text NOT NULL CHECK (source IN ('QUESTIONNAIRE', 'INTERVIEW', 'SCAN', 'INTAKE')),
    state text NOT NULL CHECK (state IN ('RECORDED', 'VERIFIED')),
    details {json} NOT NULL,
    collected_by text NOT NULL,
    collected_at {instant} NOT NULL,
    verified_by text,
    verified_at {instant},
    revision integer NOT NULL,
    CHECK (verified_by IS NULL OR verified_by <> collected_by)
);
CREATE INDEX fact_client ON fact (client_id, kind, collected_at, id);
CREATE INDEX fact_collected ON fact (client_id, collected_at, id);
CREATE UNIQUE INDEX fact_name ON fact (client_id, kind, name);

-- Processes ---------------------------------------------------------------------------------------

CREATE TABLE process (
    id {uuid} PRIMARY KEY,
    document_number text NOT NULL UNIQUE,
    title text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('ONBOARDING', 'OFFBOARDING')),
    created_at {instant} NOT NULL
);

CREATE TABLE process_version (
    id {uuid} PRIMARY KEY,
    process_id {uuid} NOT NULL REFERENCES process (id),
    number integer NOT NULL,
    state text NOT NULL CHECK (state IN ('DRAFT', 'IN_REVIEW', 'APPROVED', 'SUPERSEDED', 'RETIRED')),
    content {json} NOT NULL,
    -- SHA-256 of the canonical content, in hex: what an approval approves.
    content_hash text NOT NULL,
    supersedes_id {uuid} REFERENCES process_version (id),
    prepared_by text NOT NULL,
    prepared_at {instant} NOT NULL,
    approved_by text,
    approved_at {instant},
    next_review_on {date},
    revision integer NOT NULL,
    updated_at {instant} NOT NULL,
    UNIQUE (process_id, number)
);
CREATE UNIQUE INDEX process_version_approved ON process_version (process_id) WHERE state = 'APPROVED';

CREATE TABLE process_review (
    id {uuid} PRIMARY KEY,
    process_version_id {uuid} NOT NULL REFERENCES process_version (id),
    verdict text NOT NULL CHECK (verdict IN ('KEEP', 'REVISE', 'RETIRE')),
    notes text NOT NULL,
    reviewed_by text NOT NULL,
    reviewed_at {instant} NOT NULL
);
CREATE INDEX process_review_version ON process_review (process_version_id, reviewed_at);

-- Engagements -------------------------------------------------------------------------------------

CREATE TABLE engagement (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    kind text NOT NULL CHECK (kind IN ('ONBOARDING', 'OFFBOARDING')),
    state text NOT NULL CHECK (state IN ('PLANNED', 'RUNNING', 'PAUSED', 'CONCLUDED', 'CANCELLED')),
    process_version_id {uuid} NOT NULL REFERENCES process_version (id),
    target_on {date},
    forecast_on {date},
    state_reason text,
    started_at {instant},
    concluded_at {instant},
    revision integer NOT NULL,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL
);
CREATE UNIQUE INDEX engagement_live ON engagement (client_id, kind) WHERE state IN ('PLANNED', 'RUNNING', 'PAUSED');
CREATE INDEX engagement_client ON engagement (client_id, created_at, id);
CREATE INDEX engagement_created ON engagement (created_at, id);
CREATE INDEX engagement_state ON engagement (state, created_at, id);

CREATE TABLE stakeholder (
    id {uuid} PRIMARY KEY,
    engagement_id {uuid} NOT NULL REFERENCES engagement (id),
    client_id {uuid} NOT NULL REFERENCES client (id),
    position integer NOT NULL,
    name text NOT NULL,
    responsibilities text NOT NULL,
    phone_raw text,
    phone_e164 text,
    raci {json} NOT NULL,
    revision integer NOT NULL
);
CREATE INDEX stakeholder_engagement ON stakeholder (engagement_id, position);

CREATE TABLE challenge (
    id {uuid} PRIMARY KEY,
    engagement_id {uuid} NOT NULL REFERENCES engagement (id),
    client_id {uuid} NOT NULL REFERENCES client (id),
    expected text,
    actual text,
    learning text,
    recorded_by text NOT NULL,
    recorded_at {instant} NOT NULL
);
CREATE INDEX challenge_engagement ON challenge (engagement_id, id);

CREATE TABLE decision (
    id {uuid} PRIMARY KEY,
    client_id {uuid} REFERENCES client (id),
    engagement_id {uuid} REFERENCES engagement (id),
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'GRANTED', 'REFUSED', 'WITHDRAWN', 'EXPIRED')),
    question text NOT NULL,
    -- The noun the question is about, as a printed id.
    subject_id text NOT NULL,
    -- What exactly was decided on (a plan hash, a content hash), when it can change.
    subject_hash text,
    -- Roles with their quorum, and whether they decide in order.
    rule {json} NOT NULL,
    requested_by text NOT NULL,
    requested_at {instant} NOT NULL,
    expires_at {instant},
    decided_at {instant},
    revision integer NOT NULL
);
CREATE INDEX decision_subject ON decision (subject_id, requested_at);
CREATE INDEX decision_engagement ON decision (engagement_id, requested_at, id);
CREATE INDEX decision_open ON decision (requested_at, id) WHERE state = 'OPEN';
CREATE INDEX decision_expiry ON decision (expires_at) WHERE state = 'OPEN';
CREATE INDEX decision_requested ON decision (requested_at, id);

-- The roles a decision asks, taken from its rule so that an inbox is found by an index. Awaited are those whose
-- vote is missing now; none once it is decided.
CREATE TABLE decision_role (
    decision_id {uuid} NOT NULL REFERENCES decision (id),
    role text NOT NULL,
    is_awaited boolean NOT NULL,
    PRIMARY KEY (decision_id, role)
);
CREATE INDEX decision_role_awaited ON decision_role (role, decision_id) WHERE is_awaited;

CREATE TABLE decision_vote (
    decision_id {uuid} NOT NULL REFERENCES decision (id),
    -- Votes count in the order they were cast, and two may share an instant.
    position integer NOT NULL,
    voter text NOT NULL,
    role text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('GRANT', 'REFUSE')),
    comment text,
    voted_at {instant} NOT NULL,
    PRIMARY KEY (decision_id, voter),
    UNIQUE (decision_id, position)
);

CREATE TABLE decision_delegation (
    decision_id {uuid} NOT NULL REFERENCES decision (id),
    delegator text NOT NULL,
    delegate text NOT NULL,
    role text NOT NULL,
    delegated_at {instant} NOT NULL,
    PRIMARY KEY (decision_id, delegator, role)
);

CREATE TABLE step (
    id {uuid} PRIMARY KEY,
    engagement_id {uuid} NOT NULL REFERENCES engagement (id),
    client_id {uuid} NOT NULL REFERENCES client (id),
    key text NOT NULL,
    position integer NOT NULL,
    title text NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING', 'IN_PROGRESS', 'DONE', 'NOT_APPLICABLE', 'EXCEPTED')),
    role text NOT NULL,
    assignee_id {uuid} REFERENCES "user" (id),
    due_at {instant},
    state_reason text,
    started_at {instant},
    finished_at {instant},
    finished_by text,
    revision integer NOT NULL,
    UNIQUE (engagement_id, key)
);
CREATE INDEX step_engagement ON step (engagement_id, position);
CREATE INDEX step_open_role ON step (role, due_at, id) WHERE state IN ('PENDING', 'IN_PROGRESS');
CREATE INDEX step_open_assignee ON step (assignee_id, due_at, id) WHERE state IN ('PENDING', 'IN_PROGRESS');

CREATE TABLE checklist_item (
    id {uuid} PRIMARY KEY,
    step_id {uuid} NOT NULL REFERENCES step (id),
    client_id {uuid} NOT NULL REFERENCES client (id),
    key text NOT NULL,
    position integer NOT NULL,
    text text NOT NULL,
    is_required boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'DONE', 'NOT_APPLICABLE')),
    note text,
    set_by text,
    set_at {instant},
    revision integer NOT NULL,
    UNIQUE (step_id, key)
);
CREATE INDEX checklist_item_step ON checklist_item (step_id, position);

CREATE TABLE exception (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    engagement_id {uuid} NOT NULL REFERENCES engagement (id),
    step_id {uuid} REFERENCES step (id),
    holding_id {uuid},
    type text NOT NULL CHECK (type IN ('OUT_OF_ORDER', 'SKIPPED', 'DEVIATION')),
    state text NOT NULL CHECK (state IN ('REQUESTED', 'APPROVED', 'REJECTED', 'WITHDRAWN', 'EXPIRED', 'CLOSED')),
    situation text NOT NULL,
    justification text NOT NULL,
    risks {json} NOT NULL,
    actions {json} NOT NULL,
    decision_id {uuid} REFERENCES decision (id),
    requested_by text NOT NULL,
    requested_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    closed_at {instant},
    revision integer NOT NULL
);
CREATE INDEX exception_engagement ON exception (engagement_id, requested_at, id);
CREATE INDEX exception_requested ON exception (requested_at, id);
CREATE INDEX exception_expiry ON exception (expires_at) WHERE state IN ('REQUESTED', 'APPROVED');

-- The ledger --------------------------------------------------------------------------------------

CREATE TABLE holding (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    kind text NOT NULL CHECK (kind IN ('SYSTEM_RECORD', 'AGENT', 'CREDENTIAL', 'CONFIG', 'DATA')),
    state text NOT NULL CHECK (state IN
        ('PLANNED', 'ACTIVE', 'CLOSING', 'WAITING', 'REMOVED', 'CLOSED', 'RETAINED', 'EXCEPTED', 'RESURFACED')),
    name text NOT NULL,
    external_ref text,
    details {json} NOT NULL,
    -- Why it may stay: the contract clause and the granted decision, or the approved exception.
    retained_clause text,
    decision_id {uuid} REFERENCES decision (id),
    exception_id {uuid} REFERENCES exception (id),
    last_probed_at {instant},
    -- When the client acknowledged that this data was returned.
    acknowledged_at {instant},
    closed_at {instant},
    revision integer NOT NULL,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL,
    CHECK (state <> 'RETAINED' OR (retained_clause IS NOT NULL AND decision_id IS NOT NULL)),
    CHECK (state <> 'EXCEPTED' OR exception_id IS NOT NULL)
);
CREATE INDEX holding_client ON holding (client_id, created_at, id);
CREATE INDEX holding_created ON holding (created_at, id);
CREATE INDEX holding_residual ON holding (client_id, kind) WHERE state NOT IN ('CLOSED', 'RETAINED', 'EXCEPTED');
CREATE UNIQUE INDEX holding_ref ON holding (client_id, kind, external_ref) WHERE external_ref IS NOT NULL;

CREATE TABLE recipient_key (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    state text NOT NULL CHECK (state IN ('CHALLENGED', 'CONFIRMED', 'REVOKED')),
    recipient text NOT NULL,
    fingerprint text NOT NULL,
    -- A text only the holder of the private key can read; answering it confirms the key.
    challenge text NOT NULL,
    challenge_hash {bytes} NOT NULL,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    confirmed_by text,
    confirmed_at {instant},
    revision integer NOT NULL
);
CREATE INDEX recipient_key_client ON recipient_key (client_id, id);

CREATE TABLE evidence (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    step_id {uuid} REFERENCES step (id),
    holding_id {uuid} REFERENCES holding (id),
    kind text NOT NULL,
    label text NOT NULL,
    details {json} NOT NULL,
    file_id {uuid} REFERENCES file (id),
    sha256 text,
    recorded_by text NOT NULL,
    recorded_at {instant} NOT NULL,
    CHECK (step_id IS NOT NULL OR holding_id IS NOT NULL)
);
CREATE INDEX evidence_step ON evidence (step_id, id);
CREATE INDEX evidence_holding ON evidence (holding_id, id);

-- Jobs --------------------------------------------------------------------------------------------

CREATE TABLE job_plan (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    engagement_id {uuid} REFERENCES engagement (id),
    step_id {uuid} REFERENCES step (id),
    kind text NOT NULL,
    options {json} NOT NULL,
    targets {json} NOT NULL,
    warnings {json} NOT NULL,
    plan_hash text NOT NULL,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    expires_at {instant} NOT NULL
);

CREATE TABLE job (
    id {uuid} PRIMARY KEY,
    client_id {uuid} REFERENCES client (id),
    engagement_id {uuid} REFERENCES engagement (id),
    step_id {uuid} REFERENCES step (id),
    plan_id {uuid} REFERENCES job_plan (id),
    parent_id {uuid} REFERENCES job (id),
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN
        ('QUEUED', 'RUNNING', 'RETRYING', 'WAITING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')),
    args {json} NOT NULL,
    reason text,
    priority integer NOT NULL,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    -- How often a worker died while it ran this job; counted apart from attempts.
    crash_count integer NOT NULL,
    -- Not before this instant (database clock).
    run_at {instant} NOT NULL,
    -- When a hint was last sent; null makes this row its own outbox entry.
    hinted_at {instant},
    worker text,
    -- Grows with every claim; a write that carries an older number changes nothing.
    fence bigint NOT NULL,
    lease_until {instant},
    is_cancel_requested boolean NOT NULL,
    progress {json} NOT NULL,
    -- When progress last moved (database clock): a job that runs and does not move is stalled.
    progressed_at {instant},
    checkpoint {json},
    result {json},
    error {json},
    unique_key text,
    started_by text NOT NULL,
    created_at {instant} NOT NULL,
    started_at {instant},
    finished_at {instant}
);
-- The claim sorts by all three columns: without the last one it reads every due row.
CREATE INDEX job_ready ON job (priority, run_at, id) WHERE state IN ('QUEUED', 'RETRYING', 'WAITING');
CREATE INDEX job_running ON job (worker) WHERE state = 'RUNNING';
CREATE INDEX job_lease ON job (lease_until) WHERE state = 'RUNNING';
CREATE INDEX job_client ON job (client_id, created_at, id);
CREATE INDEX job_created ON job (created_at, id);
CREATE INDEX job_step ON job (step_id, created_at, id);
CREATE INDEX job_plan_started ON job (plan_id);
CREATE UNIQUE INDEX job_unique ON job (unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('QUEUED', 'RUNNING', 'RETRYING', 'WAITING');

CREATE TABLE job_target (
    id {uuid} PRIMARY KEY,
    job_id {uuid} NOT NULL REFERENCES job (id),
    client_id {uuid} REFERENCES client (id),
    holding_id {uuid} REFERENCES holding (id),
    position integer NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN
        ('PENDING', 'RUNNING', 'VERIFYING', 'WAITING', 'SUCCEEDED', 'FAILED', 'EXCEPTED', 'CANCELLED')),
    attempt integer NOT NULL,
    details {json} NOT NULL,
    outcome {json},
    error {json},
    updated_at {instant} NOT NULL,
    UNIQUE (job_id, position)
);
CREATE INDEX job_target_state ON job_target (job_id, state, position);
CREATE INDEX job_target_holding ON job_target (holding_id);

-- Who is there to work: one row per running process, renewed with its heart-beat, gone with a clean stop.
CREATE TABLE worker (
    id {uuid} PRIMARY KEY,
    host text NOT NULL,
    process_id integer NOT NULL,
    slots integer NOT NULL,
    busy integer NOT NULL,
    is_draining boolean NOT NULL,
    started_at {instant} NOT NULL,
    -- Database clock, like every instant a lease is judged by.
    seen_at {instant} NOT NULL
);

CREATE TABLE certificate (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    engagement_id {uuid} REFERENCES engagement (id),
    job_id {uuid} REFERENCES job (id),
    number text NOT NULL UNIQUE,
    kind text NOT NULL,
    -- Canonical JSON, kept as text: these very bytes are what is signed.
    statement text NOT NULL,
    signature text NOT NULL,
    key_id text NOT NULL,
    issued_at {instant} NOT NULL
);
CREATE INDEX certificate_engagement ON certificate (engagement_id, issued_at);
CREATE INDEX certificate_job ON certificate (job_id);

-- The log -----------------------------------------------------------------------------------------

CREATE TABLE event (
    -- Order of insertion, used only to order events within one sealing. It is no cursor: rows become
    -- visible out of this order. The cursor is `position`.
    sequence {sequence},
    id {uuid} NOT NULL UNIQUE,
    -- These three are null until the event is sealed: its place in the log, the hash of its leaf, and the
    -- root of the tree that ends with it. The root says which row is the first that does not belong.
    position bigint UNIQUE,
    leaf_hash {bytes},
    tree_root {bytes},
    at {instant} NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    client_id {uuid},
    -- The noun the event is about, as a printed id.
    subject_id text NOT NULL,
    job_id {uuid},
    cause_id {uuid},
    summary text NOT NULL,
    payload {json} NOT NULL
);
CREATE INDEX event_unsealed ON event (sequence) WHERE position IS NULL;
CREATE INDEX event_client ON event (client_id, position);
CREATE INDEX event_subject ON event (subject_id, position);
CREATE INDEX event_kind ON event (kind, position);
CREATE INDEX event_job ON event (job_id, position);

-- One row, locked by whoever seals: the size of the log and the right edge of its Merkle tree.
CREATE TABLE log_head (
    id integer PRIMARY KEY CHECK (id = 1),
    size bigint NOT NULL,
    -- Concatenated 32-byte hashes of the perfect subtrees, largest first.
    frontier {bytes} NOT NULL
);
INSERT INTO log_head (id, size, frontier) VALUES (1, 0, '');

-- The hash of every perfect subtree of 256, 65536, ... leaves, so that a proof reads some hundred rows,
-- however long the log is.
CREATE TABLE log_subtree (
    level integer NOT NULL,
    number bigint NOT NULL,
    hash {bytes} NOT NULL,
    PRIMARY KEY (level, number)
);

CREATE TABLE log_checkpoint (
    size bigint PRIMARY KEY,
    root {bytes} NOT NULL,
    -- The signed note, in the C2SP tlog-checkpoint form.
    note text NOT NULL,
    created_at {instant} NOT NULL
);

-- Answers already given ---------------------------------------------------------------------------

CREATE TABLE idempotency (
    actor text NOT NULL,
    mutation text NOT NULL,
    key text NOT NULL,
    -- SHA-256 of the canonical input, in hex.
    input_hash text NOT NULL,
    -- The printed id of what the mutation made or started.
    subject_id text NOT NULL,
    created_at {instant} NOT NULL,
    PRIMARY KEY (actor, mutation, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);
