//! Which clients a list holds, and in which order.

use async_graphql::{Enum, InputObject};

use crate::domain::client::{self, ClientStage};

/// Which clients a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ClientFilter {
    /// Only clients in one of these stages.
    pub stages: Option<Vec<ClientStage>>,
    /// Only clients whose name contains this text, whatever its case; up to 100 characters.
    #[graphql(validator(max_length = 100))]
    pub name_contains: Option<String>,
}

impl From<ClientFilter> for client::ClientFilter {
    fn from(filter: ClientFilter) -> Self {
        Self { stages: filter.stages.unwrap_or_default(), name_contains: filter.name_contains }
    }
}

/// In which order a list of clients stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ClientOrder {
    /// What was entered last comes first.
    CreatedNewest,
    /// What was entered first comes first.
    CreatedOldest,
    /// From A to Z, whatever the case.
    Name,
}

impl From<ClientOrder> for client::ClientOrder {
    fn from(order: ClientOrder) -> Self {
        match order {
            ClientOrder::CreatedNewest => Self::Newest,
            ClientOrder::CreatedOldest => Self::Oldest,
            ClientOrder::Name => Self::Name,
        }
    }
}
