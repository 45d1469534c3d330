//! Facts.

use async_graphql::{Context, ID, Interface, SimpleObject};

use crate::{
    domain::{
        fact::{self, Criticality, DeviceType, FactDetails, FactKind, FactSource, FactState},
        page::{Key, Keyed},
    },
    graphql::{
        connection::connection,
        error::UserError,
        loaders::{ClientKey, required},
        scalars::DateTime,
        types::{actor::Actor, client::Client, kinds::kinds},
    },
};

/// What discovery found at a client; one type for each kind.
#[derive(Clone, Debug, Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Opaque id."),
    field(name = "client", ty = "Client", desc = "The client it is about."),
    field(name = "kind", ty = "FactKind", desc = "What it is about."),
    field(name = "name", ty = "&str", desc = "What people call it: unique within client and kind."),
    field(name = "source", ty = "FactSource", desc = "How it came to be known."),
    field(name = "state", ty = "FactState", desc = "Whether somebody else looked too."),
    field(name = "collected_by", ty = "Actor", desc = "Who found out."),
    field(name = "collected_at", ty = "DateTime", desc = "When it was found out."),
    field(name = "verified_by", ty = "Option<Actor>", desc = "Who checked it; never who collected it."),
    field(name = "verified_at", ty = "Option<DateTime>", desc = "When it was checked."),
    field(name = "revision", ty = "i32", desc = "Grows with every change; send it back as `expectedRevision`.")
)]
pub enum Fact {
    /// A piece of the infrastructure.
    Device(DeviceFact),
    /// A group of people.
    UserBase(UserBaseFact),
    /// A program.
    Application(ApplicationFact),
    /// Somebody else who serves the client.
    Vendor(VendorFact),
    /// A law, standard or wish.
    ComplianceNeed(ComplianceNeedFact),
    /// Anything else.
    Note(NoteFact),
}

kinds! {
    fact::Fact,
    {
        /// Opaque id.
        pub(super) async fn id(&self) -> ID {
            self.noun.id.to_string().into()
        }

        /// The client it is about.
        async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
            required(ctx, ClientKey(self.noun.client_id)).await
        }

        /// What it is about.
        async fn kind(&self) -> FactKind {
            self.noun.kind()
        }

        /// What people call it: unique within client and kind.
        async fn name(&self) -> &str {
            &self.noun.name
        }

        /// How it came to be known.
        async fn source(&self) -> FactSource {
            self.noun.source
        }

        /// Whether somebody else looked too.
        async fn state(&self) -> FactState {
            self.noun.state
        }

        /// Who found out.
        async fn collected_by(&self) -> Actor {
            self.noun.collected_by.into()
        }

        /// When it was found out.
        async fn collected_at(&self) -> DateTime {
            self.noun.collected_at.into()
        }

        /// Who checked it; never who collected it.
        async fn verified_by(&self) -> Option<Actor> {
            self.noun.verified_by.map(Actor::from)
        }

        /// When it was checked.
        async fn verified_at(&self) -> Option<DateTime> {
            self.noun.verified_at.map(DateTime)
        }

        /// Grows with every change; send it back as `expectedRevision`.
        async fn revision(&self) -> i32 {
            self.noun.revision
        }
    }

    /// A piece of the infrastructure.
    DeviceFact(fact::DeviceFact) {
        /// What it is.
        async fn device_type(&self) -> DeviceType {
            self.details.device_type
        }

        /// How it calls itself.
        async fn hostname(&self) -> Option<&str> {
            self.details.hostname.as_deref()
        }

        /// What its maker calls it.
        async fn serial(&self) -> Option<&str> {
            self.details.serial.as_deref()
        }

        /// What runs on it.
        async fn os(&self) -> Option<&str> {
            self.details.os.as_deref()
        }

        /// Where it stands.
        async fn site(&self) -> Option<&str> {
            self.details.site.as_deref()
        }
    }

    /// A group of people who use the client's systems.
    UserBaseFact(fact::UserBaseFact) {
        /// How many people.
        async fn user_count(&self) -> i32 {
            i32::try_from(self.details.user_count).unwrap_or(i32::MAX)
        }

        /// Where they are.
        async fn location(&self) -> Option<&str> {
            self.details.location.as_deref()
        }
    }

    /// A program the client depends on.
    ApplicationFact(fact::ApplicationFact) {
        /// How much the client depends on it.
        async fn criticality(&self) -> Criticality {
            self.details.criticality
        }

        /// Minutes it may be down.
        async fn rto_minutes(&self) -> Option<i32> {
            self.details.rto_minutes.map(|minutes| i32::try_from(minutes).unwrap_or(i32::MAX))
        }

        /// Minutes of work that may be lost.
        async fn rpo_minutes(&self) -> Option<i32> {
            self.details.rpo_minutes.map(|minutes| i32::try_from(minutes).unwrap_or(i32::MAX))
        }

        /// Who answers for it at the client.
        async fn owner(&self) -> Option<&str> {
            self.details.owner.as_deref()
        }
    }

    /// Somebody else who serves the client.
    VendorFact(fact::VendorFact) {
        /// What it delivers.
        async fn service(&self) -> &str {
            &self.details.service
        }

        /// Whom to call.
        async fn contact(&self) -> Option<&str> {
            self.details.contact.as_deref()
        }

        /// What it calls the client.
        async fn account_ref(&self) -> Option<&str> {
            self.details.account_ref.as_deref()
        }
    }

    /// A law, standard or wish the client is bound by.
    ComplianceNeedFact(fact::ComplianceNeedFact) {
        /// Its name.
        async fn framework(&self) -> &str {
            &self.details.framework
        }

        /// What of the client it covers.
        async fn scope(&self) -> Option<&str> {
            self.details.scope.as_deref()
        }
    }

    /// Anything else worth knowing.
    NoteFact(fact::NoteFact) {
        /// What is known.
        async fn text(&self) -> &str {
            &self.details.text
        }
    }
}

impl From<fact::Fact> for Fact {
    fn from(noun: fact::Fact) -> Self {
        match noun.details.clone() {
            FactDetails::Device(details) => Self::Device(DeviceFact { noun, details }),
            FactDetails::UserBase(details) => Self::UserBase(UserBaseFact { noun, details }),
            FactDetails::Application(details) => Self::Application(ApplicationFact { noun, details }),
            FactDetails::Vendor(details) => Self::Vendor(VendorFact { noun, details }),
            FactDetails::ComplianceNeed(details) => Self::ComplianceNeed(ComplianceNeedFact { noun, details }),
            FactDetails::Note(details) => Self::Note(NoteFact { noun, details }),
        }
    }
}

impl Fact {
    fn noun(&self) -> &fact::Fact {
        match self {
            Self::Device(fact) => &fact.noun,
            Self::UserBase(fact) => &fact.noun,
            Self::Application(fact) => &fact.noun,
            Self::Vendor(fact) => &fact.noun,
            Self::ComplianceNeed(fact) => &fact.noun,
            Self::Note(fact) => &fact.noun,
        }
    }
}

impl Keyed for Fact {
    fn key(&self) -> Key {
        let noun = self.noun();
        Key { at_ms: noun.collected_at.timestamp_millis(), id: noun.id.uuid() }
    }
}

connection! {
    /// Facts, the latest found first.
    FactConnection, FactEdge, Fact
}

/// What became of one row of a request about facts.
#[derive(Clone, Debug, SimpleObject)]
pub struct FactResult {
    /// The row, counted from 0 as it was sent.
    pub index: i32,
    /// The fact as it stands now; null when the row was refused.
    pub fact: Option<Fact>,
    /// What the caller can mend in this row; empty when it was done.
    pub user_errors: Vec<UserError>,
}
