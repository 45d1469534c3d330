//! Which clients a list holds, and in which order.

use async_graphql::{Enum, InputObject};

use crate::{
    domain::client::{self, ClientStage},
    error::{Result, Violation},
};

/// No name is longer than twice this, and a search for half of one finds it.
const SEARCH_MAX: usize = 100;

/// Which clients a list holds. Fields left out allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ClientFilter {
    /// Only clients in one of these stages.
    pub stages: Option<Vec<ClientStage>>,
    /// Only clients whose name contains this text, whatever its case; up to 100 characters.
    pub name_contains: Option<String>,
}

impl ClientFilter {
    /// What is asked for.
    ///
    /// # Errors
    /// `Violation` on `filter.nameContains` when that is too long.
    pub fn parse(self) -> Result<client::ClientFilter> {
        let is_long = |text: &String| text.chars().count() > SEARCH_MAX;
        if self.name_contains.as_ref().is_some_and(is_long) {
            let violation = Violation::new("filter.nameContains", "This is more than a name has in it.");
            return Err(violation.remedy(format!("Search for up to {SEARCH_MAX} characters.")).into());
        }
        Ok(client::ClientFilter { stages: self.stages.unwrap_or_default(), name_contains: self.name_contains })
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
