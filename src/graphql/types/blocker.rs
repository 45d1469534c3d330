//! What stands in the way, as data.

use async_graphql::SimpleObject;

use crate::domain::gate;

/// Something that stands in the way, and the mutation that clears it.
#[derive(Clone, Debug, SimpleObject)]
pub struct Blocker {
    /// Which kind of obstacle.
    code: String,
}

impl From<gate::Blocker> for Blocker {
    fn from(_: gate::Blocker) -> Self {
        Self { code: String::new() }
    }
}
