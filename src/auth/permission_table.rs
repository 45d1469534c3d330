//! The table itself: one line per permission. What it is for, and why the lines are as they are, stands in
//! [`super::permission`].

use super::permission::{Row, Surface};
use crate::domain::role::{
    Role,
    Role::{
        AccountManager, Admin, Billing, ClientContact, Compliance, CustomerSuccess, Director, HeadOfOperations,
        Integration, OnboardingManager, Operator, Sales, ServiceDeliveryManager, Technician,
    },
};

macro_rules! table {
    ($($surface:ident { $($permission:ident $field:literal => $roles:expr,)+ })+) => {
        /// Something a caller may ask; each is named after its root field or noun.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $($(
            #[doc = concat!("`", $field, "`.")]
            $permission,
        )+)+ }

        /// Every permission and the roles it is open to, in the order of [`Permission`].
        pub const TABLE: &[Row] = &[$($(
            Row { permission: Permission::$permission, surface: Surface::$surface, field: $field, roles: $roles },
        )+)+];
    };
}

/// Whoever signs in or holds a key. That a contact sees its own client only is its scope, not its role.
const EVERYBODY: &[Role] = Role::ALL;
/// The provider's own people.
const STAFF: &[Role] = &[
    Sales,
    OnboardingManager,
    Technician,
    AccountManager,
    CustomerSuccess,
    Billing,
    Compliance,
    ServiceDeliveryManager,
    HeadOfOperations,
    Director,
    Operator,
    Admin,
];
/// The provider's own people and programs: everybody but a contact.
const INSIDE: &[Role] = &[
    Sales,
    OnboardingManager,
    Technician,
    AccountManager,
    CustomerSuccess,
    Billing,
    Compliance,
    ServiceDeliveryManager,
    HeadOfOperations,
    Director,
    Operator,
    Admin,
    Integration,
];
/// The roles that steps are given to. Which step, its own role says.
const STEP_ROLES: &[Role] = &[
    Sales,
    OnboardingManager,
    Technician,
    AccountManager,
    CustomerSuccess,
    Billing,
    Compliance,
    ServiceDeliveryManager,
    HeadOfOperations,
    Director,
];
/// Those who lead engagements, and those they escalate to.
const LEADS: &[Role] = &[OnboardingManager, AccountManager, ServiceDeliveryManager, HeadOfOperations];
/// Those who write and revise process documents. The Director approves them by vote.
const AUTHORS: &[Role] = &[OnboardingManager, AccountManager, Compliance, ServiceDeliveryManager, HeadOfOperations];
/// Those who speak for a new or present client.
const CLIENT_FACING: &[Role] = &[Sales, OnboardingManager, AccountManager, CustomerSuccess];
/// Those who start what acts on the outside world. What destroys also needs a plan and granted decisions.
const STARTERS: &[Role] = &[OnboardingManager, Technician, AccountManager, Operator];
/// Those who steer a job that runs.
const STEERERS: &[Role] =
    &[OnboardingManager, Technician, AccountManager, ServiceDeliveryManager, HeadOfOperations, Operator];
/// Those who watch over the queue and the log as a whole, all clients together.
const OVERSEERS: &[Role] = &[Compliance, ServiceDeliveryManager, HeadOfOperations, Director, Operator, Admin];
/// Whom a decision can ask: neither Admin nor programs.
const VOTERS: &[Role] = &[
    Sales,
    OnboardingManager,
    Technician,
    AccountManager,
    CustomerSuccess,
    Billing,
    Compliance,
    ServiceDeliveryManager,
    HeadOfOperations,
    Director,
    Operator,
    ClientContact,
];

table! {
    Query {
        Viewer "viewer" => EVERYBODY,
        RateLimit "rateLimit" => EVERYBODY,
        Node "node" => EVERYBODY,
        Nodes "nodes" => EVERYBODY,
        Client "client" => EVERYBODY,
        Clients "clients" => EVERYBODY,
        Process "process" => INSIDE,
        Processes "processes" => INSIDE,
        Engagement "engagement" => EVERYBODY,
        Engagements "engagements" => EVERYBODY,
        Steps "steps" => EVERYBODY,
        Pipeline "pipeline" => STAFF,
        RaciMatrix "raciMatrix" => INSIDE,
        Exceptions "exceptions" => INSIDE,
        Decisions "decisions" => EVERYBODY,
        File "file" => INSIDE,
        Holdings "holdings" => INSIDE,
        Residuals "residuals" => INSIDE,
        Job "job" => EVERYBODY,
        Jobs "jobs" => EVERYBODY,
        QueueHealth "queueHealth" =>
            &[Technician, Compliance, ServiceDeliveryManager, HeadOfOperations, Director, Operator, Admin, Integration],
        Timeline "timeline" => INSIDE,
        LogVerify "logVerify" => OVERSEERS,
        LogCheckpoint "logCheckpoint" => EVERYBODY,
        LogInclusionProof "logInclusionProof" => INSIDE,
        LogConsistencyProof "logConsistencyProof" => EVERYBODY,
        Users "users" => STAFF,
        ApiKeys "apiKeys" => &[Compliance, Admin],
        Connectors "connectors" => STAFF,
    }
    Mutation {
        ClientCreate "clientCreate" => &[Sales, OnboardingManager, AccountManager],
        ClientUpdate "clientUpdate" => &[Sales, OnboardingManager, AccountManager],
        ContactUpsert "contactUpsert" => CLIENT_FACING,
        StakeholderUpsert "stakeholderUpsert" => CLIENT_FACING,
        AgreementRecord "agreementRecord" => &[Sales, AccountManager],
        AgreementSign "agreementSign" => &[Sales, AccountManager, ClientContact],
        FactsRecord "factsRecord" => &[Sales, OnboardingManager, Technician, AccountManager, Integration],
        FactsVerify "factsVerify" => &[OnboardingManager, Technician, AccountManager],
        HoldingsRegister "holdingsRegister" => &[OnboardingManager, Technician, AccountManager, Integration],
        HoldingActivate "holdingActivate" => &[OnboardingManager, Technician, AccountManager, Integration],
        HoldingRetain "holdingRetain" => &[AccountManager, Compliance],
        RecipientKeyRegister "recipientKeyRegister" => &[Technician, AccountManager, ClientContact],
        RecipientKeyRevoke "recipientKeyRevoke" => &[Technician, AccountManager, ClientContact],
        RecipientKeyConfirm "recipientKeyConfirm" => &[AccountManager, ClientContact],

        ProcessDraft "processDraft" => AUTHORS,
        ProcessUpdateDraft "processUpdateDraft" => AUTHORS,
        ProcessSubmit "processSubmit" => AUTHORS,
        ProcessReview "processReview" =>
            &[OnboardingManager, AccountManager, Compliance, ServiceDeliveryManager, HeadOfOperations, Director],
        ProcessDuplicate "processDuplicate" => AUTHORS,

        EngagementStart "engagementStart" => &[Sales, OnboardingManager, AccountManager],
        EngagementPause "engagementPause" => LEADS,
        EngagementResume "engagementResume" => LEADS,
        EngagementCancel "engagementCancel" => LEADS,
        EngagementConclude "engagementConclude" => &[OnboardingManager, AccountManager, ServiceDeliveryManager],
        TerminationRecord "terminationRecord" => &[AccountManager],
        TerminationWithdraw "terminationWithdraw" => &[AccountManager],
        ChallengeRecord "challengeRecord" => STEP_ROLES,

        StepAssign "stepAssign" => LEADS,
        StepStart "stepStart" => STEP_ROLES,
        StepComplete "stepComplete" => STEP_ROLES,
        StepMarkNotApplicable "stepMarkNotApplicable" => LEADS,
        StepReopen "stepReopen" => LEADS,
        ChecklistItemSet "checklistItemSet" => STEP_ROLES,
        UploadCreate "uploadCreate" => STEP_ROLES,
        EvidenceAdd "evidenceAdd" => STEP_ROLES,

        ExceptionRaise "exceptionRaise" => STEP_ROLES,
        ExceptionActionDone "exceptionActionDone" =>
            &[OnboardingManager, Technician, AccountManager, ServiceDeliveryManager, HeadOfOperations],
        ExceptionClose "exceptionClose" => LEADS,
        ExceptionWithdraw "exceptionWithdraw" => STEP_ROLES,
        DecisionRequest "decisionRequest" => STEP_ROLES,
        DecisionVote "decisionVote" => VOTERS,
        DecisionDelegate "decisionDelegate" => STEP_ROLES,
        DecisionWithdraw "decisionWithdraw" => STEP_ROLES,

        JobPlan "jobPlan" => &[OnboardingManager, Technician, AccountManager, Compliance, Operator],
        JobStart "jobStart" => STARTERS,
        JobCancel "jobCancel" => STEERERS,
        JobRetry "jobRetry" => STEERERS,
        DataReturnAcknowledge "dataReturnAcknowledge" => &[ClientContact],

        UserUpsert "userUpsert" => &[Admin],
        ApiKeyCreate "apiKeyCreate" => &[Admin],
        ApiKeyRevoke "apiKeyRevoke" => &[Admin],
        ConnectorCreate "connectorCreate" => &[Admin],
        ConnectorProbe "connectorProbe" => &[Technician, Operator, Admin],
    }
    Subscription {
        Events "events" => INSIDE,
        JobEvents "jobEvents" => EVERYBODY,
    }
    Node {
        Contact "contact" => EVERYBODY,
        Agreement "agreement" => EVERYBODY,
        Stakeholder "stakeholder" => INSIDE,
        Challenge "challenge" => INSIDE,
        ProcessVersion "processVersion" => EVERYBODY,
        Step "step" => EVERYBODY,
        ChecklistItem "checklistItem" => EVERYBODY,
        Evidence "evidence" => EVERYBODY,
        Fact "fact" => INSIDE,
        Exception "exception" => INSIDE,
        Decision "decision" => EVERYBODY,
        Holding "holding" => INSIDE,
        RecipientKey "recipientKey" =>
            &[Technician, AccountManager, Compliance, Operator, OnboardingManager, ClientContact],
        Plan "plan" => EVERYBODY,
        JobTarget "jobTarget" => EVERYBODY,
        Certificate "certificate" => EVERYBODY,
        User "user" => INSIDE,
        Event "event" => INSIDE,
    }
}
