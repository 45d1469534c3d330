//! What a data return would do, judged before anybody starts it.

use std::collections::HashMap;

use super::{Args, Delivery, Options, TargetDetails};
use crate::{
    app::{
        App,
        job::{Ask, Draft, Wanted, course, is_offboarding, lines, nobody_works_on, step_of},
    },
    auth::{Actor, ClientScope},
    domain::{
        agreement::DataFormat,
        client::Client,
        gate::{self, Blocker},
        holding::{Holding, HoldingDetails, HoldingKind, HoldingState},
        job::{JobKind, PlannedTarget},
        recipient_key::StoredKey,
    },
    error::{Error, Result, Violation},
    ids::ClientId,
    store::{self, Reader},
};

/// The key of the step that returns data, in every offboarding process.
const STEP: &str = "data_return";
/// The states of data that can be returned.
const OPEN: [HoldingState; 3] = [HoldingState::Active, HoldingState::Closing, HoldingState::Resurfaced];
/// Judges what a return of these holdings would do. Nothing is written.
///
/// # Errors
/// `NotFound` on `engagementId` or `holdingIds`; `Violation` on `holdingIds`, `filter`, `destination`, `format` or
/// `recipientKeyIds`; `Conflict` when the run is no offboarding under way.
pub(in crate::app) async fn draft(
    db: &impl Reader,
    app: &App,
    actor: &Actor,
    ask: &Ask,
    options: &Options,
) -> Result<Draft> {
    let scope = &actor.scope;
    let (engagement, client) = course(db, scope, ask).await?;
    let holdings = lines(db, scope, &client, ask, &WANTED).await?;
    nobody_works_on(db, &holdings, &[JobKind::Sanitization]).await?;
    let keys = keys(db, scope, &client, options).await?;
    let delivery = Delivery {
        format: options.format,
        destination: options.destination.clone(),
        recipients: keys.iter().map(|key| key.fingerprint.clone()).collect(),
    };
    is_offboarding(&engagement, "Data is returned")?;
    destination(app, options)?;
    agreed(db, &client, options).await?;
    Ok(Draft {
        client_id: client.id,
        step_id: step_of(db, scope, &engagement, STEP).await?,
        targets: holdings.iter().map(|holding| target(holding, &delivery)).collect::<Result<_>>()?,
        warnings: warnings(&holdings),
        blockers: blockers(db, scope, app, &[client.id]).await?.remove(&client.id).unwrap_or_default(),
        fingerprint: fingerprint(&holdings, &keys),
        args: serde_json::to_value(Args {
            engagement_id: engagement.id,
            client_slug: client.slug.to_string(),
            client_name: client.name,
            format: options.format,
            destination: options.destination.clone(),
            recipients: keys.iter().map(|key| key.recipient.clone()).collect(),
        })
        .map_err(Error::internal)?,
    })
}

/// The client's data that is there and goes back.
const WANTED: Wanted<'static> = Wanted {
    kind: HoldingKind::Data,
    states: &OPEN,
    is_fit: &|holding| matches!(&holding.details, HoldingDetails::Data(data) if data.disposition.is_returned()),
    is_not: "is not data that is to be returned now",
    remedy: "Only DATA holdings count that are open and have RETURN or RETURN_THEN_DESTROY.",
};

async fn keys(db: &impl Reader, scope: &ClientScope, client: &Client, options: &Options) -> Result<Vec<StoredKey>> {
    let mut keys = store::recipient_key::confirmed(db, scope, client.id).await?;
    if !options.recipient_keys.is_empty() {
        keys.retain(|key| options.recipient_keys.contains(&key.id));
        if keys.len() != options.recipient_keys.len() {
            let field = "options.dataReturn.recipientKeyIds";
            let violation = Violation::new(field, "One of these is no confirmed key of the client.");
            return Err(violation.remedy("Confirm it with `recipientKeyConfirm`.").into());
        }
    }
    Ok(keys)
}

fn destination(app: &App, options: &Options) -> Result<()> {
    let known = &app.parts().shelves.destinations;
    if known.contains_key(&options.destination) {
        return Ok(());
    }
    let names: Vec<_> = known.keys().map(String::as_str).collect();
    let violation =
        Violation::new("options.dataReturn.destination", format!("There is no destination `{}`.", options.destination));
    Err(violation.remedy(format!("Name one of those that are configured: {}.", names.join(", "))).into())
}

/// The format is one that can be made and that a signed service agreement names.
async fn agreed(db: &impl Reader, client: &Client, options: &Options) -> Result<()> {
    if options.format == DataFormat::PlainMirror {
        let violation = Violation::new("options.dataReturn.format", "A plain mirror cannot be made yet.");
        return Err(violation.remedy("Agree on a bag with the client: BAGIT_TAR or BAGIT_TAR_ZSTD.").into());
    }
    let terms = store::agreement::return_terms(db, client.id).await?;
    let formats = terms.map(|terms| terms.formats).unwrap_or_default();
    if formats.contains(&options.format) {
        return Ok(());
    }
    let known: Vec<_> = formats.iter().map(|format| format.as_str()).collect();
    let violation =
        Violation::new("options.dataReturn.format", format!("The format {} was not agreed.", options.format));
    Err(violation.remedy(format!("Agreed are: {}.", known.join(", "))).into())
}

/// What stands in the way of returning the data of these clients, client by client.
///
/// # Errors
/// Those of the database.
pub(in crate::app) async fn blockers(
    db: &impl Reader,
    scope: &ClientScope,
    app: &App,
    clients: &[ClientId],
) -> Result<HashMap<ClientId, Vec<Blocker>>> {
    let situations = store::situation::of_clients(db, scope, app.now(), clients).await?;
    let mut gates = gate::hard_gates_of_job(JobKind::DataReturn);
    gates.push(gate::Gate::NoticeRecorded);
    let missing = |(client, situation)| (client, gate::evaluate_hard(&gates, &situation));
    Ok(situations.into_iter().map(missing).collect())
}

fn warnings(holdings: &[Holding]) -> Vec<String> {
    let again = holdings.iter().filter(|holding| holding.state != HoldingState::Active);
    again.map(|holding| format!("{} was tried before and is returned again.", holding.name)).collect()
}

fn fingerprint(holdings: &[Holding], keys: &[StoredKey]) -> String {
    let holdings = holdings.iter().map(|holding| format!("{}@{}", holding.id, holding.revision));
    let keys = keys.iter().map(|key| format!("{}@{}", key.id, key.revision));
    holdings.chain(keys).collect::<Vec<_>>().join(" ")
}

fn target(holding: &Holding, delivery: &Delivery) -> Result<PlannedTarget> {
    let HoldingDetails::Data(data) = &holding.details else {
        return Err(Error::not_found("holding", "holdingIds"));
    };
    let details = TargetDetails {
        holding_id: holding.id,
        store: data.location.store().to_owned(),
        path: data.location.path().to_owned(),
        label: label(holding),
        delivery: Some(delivery.clone()),
    };
    Ok(PlannedTarget {
        holding_id: Some(holding.id),
        name: holding.name.clone(),
        details: serde_json::to_value(details).map_err(Error::internal)?,
    })
}

/// A folder name that is safe everywhere, unique by the end of the holding's id.
fn label(holding: &Holding) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = holding.name.chars().take(40).map(plain).collect();
    let id = holding.id.to_string();
    let tail = &id[id.len() - 6..];
    let name = name.trim_matches('-');
    if name.is_empty() { format!("data-{tail}") } else { format!("{name}-{tail}") }
}
