//! Outside systems: entering them, looking at what they can do, and opening them for a job.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use crate::{
    app::{App, Deed, Done, Once, user::require_everywhere},
    auth::{Actor, ClientScope, permission::Permission},
    domain::{
        connector::{Address, Connector, ConnectorFault, ConnectorKind, Probe},
        event::{EventKind, NewEvent},
        page::{Page, Window},
        text::{Name, Remark},
    },
    error::{Error, Result, Violation},
    ids::ConnectorId,
    ports::endpoints::{About, Endpoints, Fault},
    store,
};

/// How long a system may take to say what it is: somebody waits for it.
const PROBED_WITHIN: Duration = Duration::from_secs(5);

/// A system to enter.
#[derive(Clone, Debug)]
pub struct Create {
    /// What kind of system it is.
    pub kind: ConnectorKind,
    /// What people call it.
    pub name: Name,
    /// Where it is.
    pub address: Address,
    /// As whom it is spoken to.
    pub username: Option<Name>,
    /// What it is spoken to with.
    pub secret: Option<SecretString>,
    /// The certificates that its own has to be signed by, as PEM.
    pub trusted_certificates: Option<String>,
}

/// Enters a system. Nothing is asked of it; that is what [`probe`] does.
///
/// # Errors
/// `Forbidden`; `Violation` on `username`, `secret` or `trustedCertificates`; `Conflict` when the name or the address is taken.
pub async fn create(app: &App, actor: &Actor, input: Create, once: Once) -> Result<Done<Connector>> {
    actor.require(Permission::ConnectorCreate)?;
    require_everywhere(actor)?;
    check(&input)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(store::connector::lock(deed.tx(), &actor.scope, id).await?));
    }
    let connector = Connector {
        id: app.new_id(),
        kind: input.kind,
        name: input.name.into_string(),
        address: input.address,
        username: input.username.map(Name::into_string),
        trusted_certificates: input.trusted_certificates,
        probe: None,
        revision: 1,
        created_by: actor.id,
        created_at: deed.now(),
        updated_at: deed.now(),
    };
    let seal = &app.parts().seal;
    let sealed = input.secret.map(|secret| seal.close(&connector.id.to_string(), &secret)).transpose()?;
    store::connector::insert(deed.tx(), &connector, sealed).await?;
    let summary = format!("The outside system {} was entered.", connector.name);
    deed.record(about(EventKind::ConnectorCreated, &connector, summary));
    deed.answer(connector.id);
    deed.commit().await?;
    Ok(Done::now(connector))
}

fn check(input: &Create) -> Result<()> {
    let signs_in = input.kind.signs_in();
    for (field, is_given) in [("username", input.username.is_some()), ("secret", input.secret.is_some())] {
        if is_given != signs_in {
            let (message, remedy) = if signs_in {
                ("Such a system is spoken to with a name and a secret.", "Give both.")
            } else {
                ("Such a system asks for no name and no secret.", "Leave both out.")
            };
            return Err(Violation::new(field, message).remedy(remedy).into());
        }
    }
    let pem = input.trusted_certificates.as_deref().unwrap_or_default();
    Remark::parse(pem).map_err(|invalid| crate::error::at("trustedCertificates", invalid))?;
    if pem.contains("PRIVATE KEY")
        || input.trusted_certificates.is_some() != pem.contains("-----BEGIN CERTIFICATE-----")
    {
        let violation = Violation::new("trustedCertificates", "These are no certificates in PEM form.");
        return Err(violation.remedy("Give blocks that start with -----BEGIN CERTIFICATE-----, and no key.").into());
    }
    Ok(())
}

fn about(kind: EventKind, connector: &Connector, summary: String) -> NewEvent {
    NewEvent::new(kind, connector.id, summary).with("connectorKind", connector.kind.as_str())
}

/// Asks a system what it is and what it lets us do, and keeps the answer. That it does not answer is an answer too.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; those of the database.
pub async fn probe(app: &App, actor: &Actor, id: ConnectorId) -> Result<Connector> {
    actor.require(Permission::ConnectorProbe)?;
    let (connector, opened) = opened(app, &actor.scope, id).await?;
    let told = match opened {
        Ok(endpoints) => tokio::time::timeout(PROBED_WITHIN, endpoints.about())
            .await
            .unwrap_or_else(|_late| Err(Fault::new(ConnectorFault::Transient, "probe", "no answer in time"))),
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &told {
        tracing::info!(connector = %connector.id, error = %fault, "an outside system did not say what it is");
    }
    let mut deed = app.begin(actor).await?;
    let mut connector = store::connector::lock(deed.tx(), &actor.scope, id).await?;
    let probe = found(&deed, told);
    let outcome = probe.fault.map_or("answers", |_fault| "does not do as it is asked");
    let event =
        about(EventKind::ConnectorProbed, &connector, format!("The outside system {} {outcome}.", connector.name));
    deed.record(event.with("fault", probe.fault.map(ConnectorFault::as_str)));
    connector.probe = Some(probe);
    connector.updated_at = deed.now();
    store::connector::probed(deed.tx(), &connector).await?;
    deed.commit().await?;
    Ok(connector)
}

fn found(deed: &Deed<'_>, told: std::result::Result<About, Fault>) -> Probe {
    let nothing =
        Probe { at: deed.now(), tool: None, account: None, capabilities: Vec::new(), clock_skew_ms: None, fault: None };
    match told {
        Ok(About { tool, account, capabilities, time }) => Probe {
            tool: Some(tool),
            account,
            capabilities,
            clock_skew_ms: time.map(|time| (time - deed.app().now()).num_milliseconds()),
            ..nothing
        },
        Err(fault) => Probe { fault: Some(fault.kind), ..nothing },
    }
}

/// The system as it is spoken to, with its connector; in place of it, why this process cannot.
async fn opened(
    app: &App,
    scope: &ClientScope,
    id: ConnectorId,
) -> Result<(Connector, std::result::Result<Arc<dyn Endpoints>, Fault>)> {
    let found = store::connector::find(app.db().read(), scope, id).await?;
    let store::connector::Stored { connector, sealed_secret } =
        found.ok_or_else(|| Error::not_found("connector", "id"))?;
    let owner = connector.id.to_string();
    let secret = sealed_secret.map(|sealed| app.parts().seal.open(&owner, &sealed)).transpose()?;
    let endpoints = app.parts().systems.endpoints(&connector, secret.as_ref());
    Ok((connector, endpoints))
}

/// Opens a system for a job.
///
/// # Errors
/// `NotFound` on `id`; those of the database.
pub async fn open(app: &App, id: ConnectorId) -> Result<std::result::Result<Arc<dyn Endpoints>, Fault>> {
    Ok(opened(app, &ClientScope::system(), id).await?.1)
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[ConnectorId]) -> Result<Vec<Connector>> {
    actor.require(Permission::Connectors)?;
    store::connector::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of the systems, newest first.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list(app: &App, actor: &Actor, window: &Window) -> Result<Page<Connector>> {
    actor.require(Permission::Connectors)?;
    store::connector::list(app.db().read(), &actor.scope, window).await
}

/// How many [`list`] has in all.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count(app: &App, actor: &Actor) -> Result<u64> {
    actor.require(Permission::Connectors)?;
    store::connector::count(app.db().read(), &actor.scope).await
}
