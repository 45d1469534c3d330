//! The lines of the ledger that a job acts on: those that were named, or all that its kind can act on.

use super::Ask;
use crate::{
    auth::ClientScope,
    domain::{
        client::Client,
        holding::{Holding, HoldingFilter, HoldingKind, HoldingState},
    },
    error::{Error, Result, Violation},
    store::{self, Reader, room::CLIENT_MAX},
};

/// The most lines that one job acts on.
///
/// # Source
/// Rule of the API: up to 500 items at once, larger work in several plans.
pub const LINES_MAX: u16 = 500;

/// Which lines a kind of job can act on, and what to say of others.
pub(in crate::app) struct Wanted<'a> {
    /// Of which kind they are.
    pub(in crate::app) kind: HoldingKind,
    /// Where they stand.
    pub(in crate::app) states: &'a [HoldingState],
    /// Whether the kind can act on one of those.
    pub(in crate::app) is_fit: &'a (dyn Fn(&Holding) -> bool + Sync),
    /// What an unfit line is not, behind its name.
    pub(in crate::app) is_not: &'a str,
    /// What to name instead.
    pub(in crate::app) remedy: &'a str,
}

/// The lines that `ask` is about, in the order of their ids.
///
/// # Errors
/// `NotFound` on `holdingIds`; `Violation` on `holdingIds` when one cannot be acted on, and on `holdingIds` or `filter`
/// when they are none or too many.
pub(in crate::app) async fn lines(
    db: &impl Reader,
    scope: &ClientScope,
    client: &Client,
    ask: &Ask,
    wanted: &Wanted<'_>,
) -> Result<Vec<Holding>> {
    let (ids, filter) = (ask.holding_ids.as_slice(), ask.filter.as_ref());
    let mut found = if ids.is_empty() {
        let (kinds, states) = (vec![wanted.kind], wanted.states.to_vec());
        let among = HoldingFilter { client_id: Some(client.id), kinds, states, ..HoldingFilter::default() };
        store::holding::all(db, scope, &among, CLIENT_MAX as u64).await?
    } else {
        store::holding::load_many(db, scope, ids).await?
    };
    found.retain(|holding| holding.client_id == client.id);
    if !ids.is_empty() && found.len() != ids.len() {
        return Err(Error::not_found("holding", "holdingIds"));
    }
    let is_fit = |holding: &Holding| {
        holding.kind() == wanted.kind && wanted.states.contains(&holding.state) && (wanted.is_fit)(holding)
    };
    if ids.is_empty() {
        found.retain(|holding| is_fit(holding) && filter.is_none_or(|filter| filter.admits(holding)));
    }
    if let Some(other) = found.iter().find(|holding| !is_fit(holding)) {
        let violation = Violation::new("holdingIds", format!("{} {}.", other.name, wanted.is_not));
        return Err(violation.remedy(wanted.remedy).into());
    }
    if !(1..=usize::from(LINES_MAX)).contains(&found.len()) {
        let message = format!("Such a job takes 1 to {LINES_MAX} holdings; these are {}.", found.len());
        let field = if filter.is_some() { "filter" } else { "holdingIds" };
        let remedy = format!("{} Plan more than {LINES_MAX} in several jobs.", wanted.remedy);
        return Err(Violation::new(field, message).remedy(remedy).into());
    }
    found.sort_by_key(|holding| holding.id);
    Ok(found)
}
