//! The examples of `docs/examples`, which these commands send as they stand there.

macro_rules! documents {
    ($($name:ident = $file:literal;)+) => {$(
        #[doc = concat!("`docs/examples/", $file, ".graphql`.")]
        pub const $name: &str = include_str!(concat!("../../../docs/examples/", $file, ".graphql"));
    )+};
}

documents! {
    VIEWER = "viewer";
    CLIENTS = "clients";
    CLIENT = "client";
    CLIENT_CREATE = "client-create";
    CLIENT_UPDATE = "client-update";
    CONTACT_UPSERT = "contact-upsert";
    AGREEMENT_RECORD = "agreement-record";
    AGREEMENT_SIGN = "agreement-sign";
    TERMINATION_RECORD = "termination-record";
    FACTS_RECORD = "facts-record";
    CLIENT_FACTS = "client-facts";
    FACTS_VERIFY = "facts-verify";
    ENGAGEMENT_START = "engagement-start";
    ENGAGEMENT = "engagement";
    ENGAGEMENT_PROOF = "engagement-proof";
    ENGAGEMENT_CONCLUDE = "engagement-conclude";
    STEP_START = "step-start";
    STEP_COMPLETE = "step-complete";
    STEP_MARK_NOT_APPLICABLE = "step-mark-not-applicable";
    CHECKLIST_ITEM_SET = "checklist-item-set";
    UPLOAD_CREATE = "upload-create";
    EVIDENCE_ADD = "evidence-add";
    DECISION_REQUEST = "decision-request";
    DECISION_VOTE = "decision-vote";
    EXCEPTION_RAISE = "exception-raise";
    EXCEPTIONS = "exceptions";
    EXCEPTION_ACTION_DONE = "exception-action-done";
    EXCEPTION_CLOSE = "exception-close";
    HOLDINGS_REGISTER = "holdings-register";
    HOLDING_RETAIN = "holding-retain";
    LEDGER = "ledger";
    RECIPIENT_KEY_REGISTER = "recipient-key-register";
    RECIPIENT_KEY_CONFIRM = "recipient-key-confirm";
    JOB_PLAN = "job-plan";
    JOB_START = "job-start";
    JOB = "job";
    JOB_EVENTS = "job-events";
    DATA_RETURN_ACKNOWLEDGE = "data-return-acknowledge";
    LOG_VERIFY = "log-verify";
    TIMELINE = "timeline";
}
