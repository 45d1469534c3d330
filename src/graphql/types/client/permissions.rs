//! What a caller may do with a client.

use async_graphql::SimpleObject;

use crate::{
    auth::{Actor, Permission},
    domain::client::{Client, ClientStage},
};

/// What the caller may do with a client now.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing that may be done")]
pub struct ClientPermissions {
    /// Whether the caller may change it.
    update: bool,
    /// Whether the caller may enter and change its contacts.
    upsert_contact: bool,
    /// Whether the caller may record agreements with it.
    record_agreement: bool,
    /// Whether the caller may record what discovery finds.
    record_facts: bool,
    /// Whether the caller may enter lines into its ledger.
    register_holdings: bool,
    /// Whether the caller may start an engagement; the gates of the process may still refuse.
    start_engagement: bool,
    /// Whether the caller may plan jobs for it.
    plan_job: bool,
}

impl ClientPermissions {
    pub(super) fn of(actor: &Actor, client: &Client) -> Self {
        let is_engaged = matches!(client.stage, ClientStage::Onboarding | ClientStage::Offboarding);
        Self {
            update: actor.may(Permission::ClientUpdate),
            upsert_contact: actor.may(Permission::ContactUpsert),
            record_agreement: actor.may(Permission::AgreementRecord),
            record_facts: actor.may(Permission::FactsRecord),
            register_holdings: actor.may(Permission::HoldingsRegister),
            start_engagement: !is_engaged && actor.may(Permission::EngagementStart),
            plan_job: actor.may(Permission::JobPlan),
        }
    }
}
