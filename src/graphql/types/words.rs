//! The domain's closed sets of words as GraphQL enums: same words, same descriptions, written once.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, InputType, InputValueError, InputValueResult, Name, OutputType, Positioned, ServerResult,
    Value,
    indexmap::IndexMap,
    parser::types::Field,
    registry::{EnumBuilder, MetaEnumValue, MetaTypeId, Registry},
};

/// The first paragraph of a doc comment on one line; what follows it is for readers of the code.
fn summary(doc: &str) -> String {
    let lines = doc.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

fn items(words: &[&str], docs: &[&str]) -> IndexMap<String, MetaEnumValue> {
    let value = |(word, doc): (&&str, &&str)| {
        let mut value = MetaEnumValue::new(*word);
        value.description = Some(summary(doc));
        ((*word).to_owned(), value)
    };
    words.iter().zip(docs).map(value).collect()
}

fn parse<T: std::str::FromStr + InputType>(value: Option<Value>) -> InputValueResult<T> {
    let value = value.unwrap_or_default();
    let word = match &value {
        Value::Enum(name) => name.as_str(),
        Value::String(text) => text.as_str(),
        _ => return Err(InputValueError::expected_type(value)),
    };
    word.parse().map_err(|_unknown| InputValueError::custom(format!("`{word}` is not one of its values")))
}

macro_rules! enums {
    ($($ty:ty as $name:literal,)+) => {$(
        impl InputType for $ty {
            type RawValueType = Self;

            fn type_name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn create_type_info(registry: &mut Registry) -> String {
                registry.create_input_type::<Self, _>(MetaTypeId::Enum, |_| {
                    let words: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    EnumBuilder::new($name, items(&words, Self::DOCS))
                        .description(Some(summary(Self::DOC)))
                        .rust_typename(std::any::type_name::<Self>())
                        .build()
                })
            }

            fn parse(value: Option<Value>) -> InputValueResult<Self> {
                parse(value)
            }

            fn to_value(&self) -> Value {
                Value::Enum(Name::new(self.as_str()))
            }

            fn as_raw_value(&self) -> Option<&Self::RawValueType> {
                Some(self)
            }
        }

        impl OutputType for $ty {
            fn type_name() -> Cow<'static, str> {
                <Self as InputType>::type_name()
            }

            fn create_type_info(registry: &mut Registry) -> String {
                <Self as InputType>::create_type_info(registry)
            }

            async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
                Ok(self.to_value())
            }
        }
    )+};
}

enums! {
    crate::domain::agreement::AgreementKind as "AgreementKind",
    crate::domain::agreement::AgreementState as "AgreementState",
    crate::domain::agreement::DataFormat as "DataFormat",
    crate::domain::agreement::NoticeChannel as "NoticeChannel",
    crate::domain::agreement::SignatureMethod as "SignatureMethod",
    crate::domain::client::ClientStage as "ClientStage",
    crate::domain::agent::Presence as "Presence",
    crate::domain::connector::Capability as "ConnectorCapability",
    crate::domain::connector::ConnectorFault as "ConnectorFault",
    crate::domain::connector::ConnectorKind as "ConnectorKind",
    crate::domain::contact::ContactRole as "ContactRole",
    crate::domain::decision::DecisionKind as "DecisionKind",
    crate::domain::decision::DecisionState as "DecisionState",
    crate::domain::decision::Verdict as "DecisionVerdict",
    crate::domain::engagement::EngagementKind as "EngagementKind",
    crate::domain::engagement::EngagementState as "EngagementState",
    crate::domain::evidence::EvidenceKind as "EvidenceKind",
    crate::domain::file::FileState as "FileState",
    crate::domain::exception::ActionKind as "ExceptionActionKind",
    crate::domain::exception::ActionState as "ExceptionActionState",
    crate::domain::exception::ExceptionState as "ExceptionState",
    crate::domain::exception::ExceptionType as "ExceptionType",
    crate::domain::exception::RiskKind as "RiskKind",
    crate::domain::exception::RiskLevel as "RiskLevel",
    crate::domain::fact::Criticality as "Criticality",
    crate::domain::fact::DeviceType as "DeviceType",
    crate::domain::fact::FactKind as "FactKind",
    crate::domain::fact::FactSource as "FactSource",
    crate::domain::fact::FactState as "FactState",
    crate::domain::certificate::CertificateKind as "CertificateKind",
    crate::domain::job::JobKind as "JobKind",
    crate::domain::pack::PackEvents as "PackEvents",
    crate::domain::sanitization::SanitizationMethod as "SanitizationMethod",
    crate::domain::sanitization::ScanScope as "ScanScope",
    crate::domain::sanitization::VerificationCoverage as "VerificationCoverage",
    crate::domain::job::JobState as "JobState",
    crate::domain::job::ProgressUnit as "ProgressUnit",
    crate::domain::job::RetryScope as "JobRetryScope",
    crate::domain::job::ReturnVerdict as "ReturnVerdict",
    crate::domain::job::TargetState as "TargetState",
    crate::domain::log::Defect as "LogDefect",
    crate::domain::holding::AgentTool as "AgentTool",
    crate::domain::holding::ConfigKind as "ConfigKind",
    crate::domain::holding::CredentialKind as "CredentialKind",
    crate::domain::holding::DataKind as "DataKind",
    crate::domain::holding::Disposition as "Disposition",
    crate::domain::holding::HoldingKind as "HoldingKind",
    crate::domain::holding::HoldingState as "HoldingState",
    crate::domain::holding::KeyEscrow as "KeyEscrow",
    crate::domain::holding::MfaState as "MfaState",
    crate::domain::holding::System as "System",
    crate::domain::gate::Moment as "GateMoment",
    crate::domain::gate::Which as "GateDate",
    crate::domain::process::DueFrom as "StepDueFrom",
    crate::domain::process::ProcessVersionState as "ProcessVersionState",
    crate::domain::process::ReviewVerdict as "ReviewVerdict",
    crate::domain::process::StepCategory as "StepCategory",
    crate::domain::recipient_key::RecipientKeyState as "RecipientKeyState",
    crate::domain::role::Role as "Role",
    crate::domain::stakeholder::Raci as "Raci",
    crate::domain::step::ChecklistItemState as "ChecklistItemState",
    crate::domain::step::StepState as "StepState",
}
