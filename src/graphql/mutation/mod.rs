//! What can be done, one root object per noun.

use async_graphql::{InputType, MergedObject};
use sha2::{Digest, Sha256};

use crate::{
    app::{IdempotencyKey, Once},
    error::{Error, Result},
};

pub mod access;
pub mod agreement;
pub mod challenge;
pub mod client;
pub mod connector;
pub mod contact;
pub mod decision;
pub mod engagement;
pub mod evidence;
pub mod exception;
pub mod fact;
pub mod file;
pub mod holding;
pub mod job;
pub mod process;
pub mod recipient_key;
mod rows;
pub mod stakeholder;
pub mod step;
pub mod termination;

/// Everything that can be done.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    agreement::AgreementMutation,
    challenge::ChallengeMutation,
    access::AccessMutation,
    client::ClientMutation,
    connector::ConnectorMutation,
    contact::ContactMutation,
    decision::DecisionMutation,
    engagement::EngagementMutation,
    evidence::EvidenceMutation,
    exception::ExceptionMutation,
    fact::FactMutation,
    file::FileMutation,
    holding::HoldingMutation,
    job::JobMutation,
    process::ProcessMutation,
    recipient_key::RecipientKeyMutation,
    stakeholder::StakeholderMutation,
    step::StepMutation,
    termination::TerminationMutation,
);

/// The request `key` names, with the hash of its whole `input`.
///
/// # Errors
/// `Violation` on `idempotencyKey`.
pub fn once(mutation: &'static str, key: &str, input: &impl InputType) -> Result<Once> {
    let key = IdempotencyKey::parse(key.to_owned())?;
    let canonical = serde_json_canonicalizer::to_vec(&input.to_value()).map_err(Error::internal)?;
    Ok(Once { mutation, key, input_hash: hex::encode(Sha256::digest(canonical)) })
}
