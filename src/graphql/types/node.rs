//! Everything that can be asked for by its id alone.
//!
//! Deliberately absent: what is only a part of something else and never changed by its own id. To add a noun, give it a
//! variant here and a line in [`find`]; its `id` must be visible here.

use async_graphql::{Context, ContextSelectionSet, ID, Interface, OutputType, Positioned, ServerResult, Value};
use async_graphql::{parser::types::Field, registry::Registry};

use crate::{
    auth::Permission,
    graphql::{
        context::Caller,
        id,
        loaders::{
            AgreementKey, ApiKeyKey, CertificateKey, ChallengeKey, ChecklistItemKey, ClientKey, ConnectorKey,
            ContactKey, DecisionKey, EngagementKey, EventKey, EvidenceKey, ExceptionKey, FactKey, FileKey, HoldingKey,
            JobKey, PlanKey, ProcessKey, RecipientKeyKey, StakeholderKey, StepKey, TargetKey, UserKey, VersionKey,
            load,
        },
        types::{
            agreement::{Agreement, ServiceAgreement, SlaAgreement, SowAgreement, TerminationNotice},
            api_key::ApiKey,
            certificate::Certificate,
            challenge::Challenge,
            client::Client,
            connector::Connector,
            contact::Contact,
            decision::Decision,
            engagement::Engagement,
            event::Event,
            evidence::{AttestationEvidence, Evidence, FileEvidence, MeetingEvidence, PhotoEvidence},
            exception::Exception,
            fact::{ApplicationFact, ComplianceNeedFact, DeviceFact, Fact, NoteFact, UserBaseFact, VendorFact},
            file::File,
            holding::{AgentHolding, ConfigHolding, CredentialHolding, DataHolding, Holding, SystemRecordHolding},
            job::Job,
            job_plan::JobPlan,
            job_target::JobTarget,
            process::{Process, ProcessVersion},
            recipient_key::RecipientKey,
            stakeholder::Stakeholder,
            step::{ChecklistItem, Step},
            user::User,
        },
    },
    ids::{
        self, AgreementId, ApiKeyId, CertificateId, ChallengeId, ChecklistItemId, ClientId, ConnectorId, ContactId,
        DecisionId, EngagementId, EventId, EvidenceId, ExceptionId, FactId, FileId, HoldingId, JobId, JobPlanId,
        JobTargetId, ProcessId, ProcessVersionId, RecipientKeyId, StakeholderId, StepId, UserId,
    },
};

/// Something that has an id of its own and can be asked for by it, with `node` or `nodes`.
#[derive(Clone, Debug, Interface)]
#[expect(clippy::large_enum_variant, reason = "one lives as long as its answer is written")]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque id."))]
pub enum Node {
    /// A client.
    Client(Client),
    /// A person who speaks for a client.
    Contact(Contact),
    /// A service agreement.
    ServiceAgreement(ServiceAgreement),
    /// What is promised, in numbers.
    SlaAgreement(SlaAgreement),
    /// What is to be delivered.
    SowAgreement(SowAgreement),
    /// The word that the service shall end.
    TerminationNotice(TerminationNotice),
    /// A process document.
    Process(Process),
    /// One edition of a process document.
    ProcessVersion(ProcessVersion),
    /// A client's run through one edition.
    Engagement(Engagement),
    /// Somebody with an interest in an engagement.
    Stakeholder(Stakeholder),
    /// A challenge of an engagement.
    Challenge(Challenge),
    /// A piece of an engagement.
    Step(Step),
    /// A line of a step's checklist.
    ChecklistItem(ChecklistItem),
    /// A document as proof.
    FileEvidence(FileEvidence),
    /// A picture as proof.
    PhotoEvidence(PhotoEvidence),
    /// Somebody's word as proof.
    AttestationEvidence(AttestationEvidence),
    /// A meeting as proof.
    MeetingEvidence(MeetingEvidence),
    /// An uploaded file.
    File(File),
    /// A piece of the infrastructure.
    DeviceFact(DeviceFact),
    /// A group of people.
    UserBaseFact(UserBaseFact),
    /// A program.
    ApplicationFact(ApplicationFact),
    /// Somebody else who serves the client.
    VendorFact(VendorFact),
    /// A law, standard or wish.
    ComplianceNeedFact(ComplianceNeedFact),
    /// Anything else that was found out.
    NoteFact(NoteFact),
    /// A permitted deviation.
    Exception(Exception),
    /// A question put to those who may decide it.
    Decision(Decision),
    /// A record in one of the provider's systems.
    SystemRecordHolding(SystemRecordHolding),
    /// A program on a device.
    AgentHolding(AgentHolding),
    /// Access to the client's systems.
    CredentialHolding(CredentialHolding),
    /// Something set in shared infrastructure.
    ConfigHolding(ConfigHolding),
    /// Data in the provider's hands.
    DataHolding(DataHolding),
    /// A key to which a client's data is encrypted.
    RecipientKey(RecipientKey),
    /// What a job would do.
    JobPlan(JobPlan),
    /// Work that takes its time.
    Job(Job),
    /// One thing a job acts on.
    JobTarget(JobTarget),
    /// A signed statement.
    Certificate(Certificate),
    /// A line of the log.
    Event(Event),
    /// A person who signs in.
    User(User),
    /// A key that an integration signs in with.
    ApiKey(ApiKey),
    /// An outside system that the provider runs.
    Connector(Connector),
}

macro_rules! nodes {
    ($($noun:ident: $($kind:ident),+;)+) => {$(
        impl From<$noun> for Node {
            fn from(noun: $noun) -> Self {
                match noun { $($noun::$kind(one) => one.into(),)+ }
            }
        }
    )+};
}

nodes! {
    Agreement: ServiceAgreement, Sla, Sow, TerminationNotice;
    Evidence: File, Photo, Attestation, Meeting;
    Fact: Device, UserBase, Application, Vendor, ComplianceNeed, Note;
    Holding: SystemRecordHolding, AgentHolding, CredentialHolding, ConfigHolding, DataHolding;
}

/// What `id` names, loaded together with every other id of this answer that names the same noun; `None` when it is
/// unknown, malformed, or not for the caller to read.
///
/// # Errors
/// Those of the load.
pub(in crate::graphql) async fn find(ctx: &Context<'_>, id: &ID) -> async_graphql::Result<Option<Node>> {
    let actor = ctx.actor()?;
    macro_rules! by_prefix {
        ($($id:ident: $permission:ident, $key:ident;)+) => {
            match ids::prefix_of(id) {
                $(Some($id::PREFIX) => match id::find(id) {
                    Some(id) if actor.may(Permission::$permission) => Ok(load(ctx, $key(id)).await?.map(Node::from)),
                    _ => Ok(None),
                },)+
                _ => Ok(None),
            }
        };
    }
    // A contact sees the version its engagement follows, there; by id, drafts could be read as well.
    by_prefix! {
        AgreementId: Agreement, AgreementKey;
        ApiKeyId: ApiKeys, ApiKeyKey;
        CertificateId: Certificate, CertificateKey;
        ConnectorId: Connectors, ConnectorKey;
        ChallengeId: Challenge, ChallengeKey;
        ChecklistItemId: Step, ChecklistItemKey;
        ClientId: Client, ClientKey;
        ContactId: Contact, ContactKey;
        DecisionId: Decision, DecisionKey;
        EngagementId: Engagement, EngagementKey;
        EventId: Event, EventKey;
        EvidenceId: Evidence, EvidenceKey;
        ExceptionId: Exception, ExceptionKey;
        FactId: Fact, FactKey;
        FileId: File, FileKey;
        HoldingId: Holding, HoldingKey;
        JobId: Job, JobKey;
        JobPlanId: Plan, PlanKey;
        JobTargetId: JobTarget, TargetKey;
        ProcessId: Process, ProcessKey;
        ProcessVersionId: Process, VersionKey;
        RecipientKeyId: RecipientKey, RecipientKeyKey;
        StakeholderId: Stakeholder, StakeholderKey;
        StepId: Step, StepKey;
        UserId: User, UserKey;
    }
}

/// Says in the schema that the interfaces whose every type is a node are nodes themselves, which deriving them
/// cannot say. It is registered and never given as an answer.
#[derive(Clone, Copy, Debug)]
pub struct NodeInterfaces;

impl OutputType for NodeInterfaces {
    fn type_name() -> std::borrow::Cow<'static, str> {
        Node::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        for interface in [Agreement::type_name(), Evidence::type_name(), Fact::type_name(), Holding::type_name()] {
            registry.add_implements(&interface, &Node::type_name());
        }
        Node::create_type_info(registry)
    }

    async fn resolve(&self, _ctx: &ContextSelectionSet<'_>, _field: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}
