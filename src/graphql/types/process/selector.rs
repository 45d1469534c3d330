//! Some lines of the ledger, as a process document names them: one type for each kind of holding.

use async_graphql::{InputObject, Interface, OneofObject, SimpleObject};

use super::part::{Shown, Taken};
use crate::{
    domain::{
        gate,
        holding::{AgentTool, ConfigKind, Disposition, HoldingKind, System},
    },
    error::Result,
};

/// Declares the kinds of selectors: one object and one input for each, with the ways between them and the domain.
macro_rules! selectors {
    ($($(#[$doc:meta])* $kind:ident, $shown:ident, $taken:ident {
        $(#[$fdoc:meta])* $field:ident: $ty:ty [$($attribute:tt)*]
    })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, SimpleObject)]
            pub struct $shown {
                /// From which kind of holding it selects.
                kind: HoldingKind,
                $(#[$fdoc])*
                $field: $ty,
            }

            $(#[$doc])*
            #[derive(Clone, Debug, InputObject)]
            pub struct $taken {
                $(#[$fdoc])*
                #[graphql($($attribute)*)]
                $field: $ty,
            }
        )+

        /// Some lines of the ledger, by their kind.
        #[derive(Clone, Debug, Interface)]
        #[graphql(field(name = "kind", ty = "&HoldingKind", desc = "From which kind of holding it selects."))]
        pub enum HoldingSelector { $($(#[$doc])* $kind($shown),)+ }

        /// Some lines of the ledger, by their kind.
        #[derive(Clone, Debug, OneofObject)]
        pub enum HoldingSelectorInput { $($(#[$doc])* $kind($taken),)+ }

        impl Shown<gate::HoldingSelector> for HoldingSelector {
            fn show(domain: &gate::HoldingSelector) -> Self {
                let kind = domain.kind();
                match domain {
                    $(gate::HoldingSelector::$kind { $field } => Self::$kind($shown { kind, $field: $field.clone() }),)+
                }
            }
        }

        impl Taken<gate::HoldingSelector> for HoldingSelectorInput {
            fn take(self, _: &str) -> Result<gate::HoldingSelector> {
                Ok(match self {
                    $(Self::$kind($taken { $field }) => gate::HoldingSelector::$kind { $field },)+
                })
            }
        }
    };
}

selectors! {
    /// Records in the provider's systems.
    SystemRecord, SystemRecordSelector, SystemRecordSelectorInput {
        /// Only in these systems; empty for all.
        systems: Vec<System> [default]
    }
    /// Agents.
    Agent, AgentSelector, AgentSelectorInput {
        /// Only for these purposes; empty for all.
        tools: Vec<AgentTool> [default]
    }
    /// Access.
    Credential, CredentialSelector, CredentialSelectorInput {
        /// Only what outlives the tools, or only what does not; null for both.
        is_last_mile: Option<bool> [default]
    }
    /// Settings.
    Config, ConfigSelector, ConfigSelectorInput {
        /// Only of these kinds; empty for all.
        config_kinds: Vec<ConfigKind> [default]
    }
    /// Data.
    Data, DataSelector, DataSelectorInput {
        /// Only with these ends; empty for all.
        dispositions: Vec<Disposition> [default]
    }
}
