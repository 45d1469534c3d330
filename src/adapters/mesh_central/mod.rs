//! MeshCentral, over its control socket.
//!
//! What was observed of it, and shapes what is asked: an order to uninstall has no reply, and is ignored without a word when
//! the device is away, the account lacks the right, or the agent is no service; an order to delete a device says "ok" and the
//! device may be back half a second later. So nothing that it answers to an order is believed; the list is asked.
//!
//! One signed-in connection is kept, and opened again when it breaks. An account with a second factor cannot be used.
//!
//! A device that was moved to a group in which the account has no rights reads as missing: nobody tells us of it.
//!
//! Deliberately absent: presence as events. The list is asked in every round anyway.
//!
//! # Source
//! MeshCentral 1.1.55: `meshuser.js` (`nodes`, `lastconnects`, `uninstallagent`, `removedevices`), `webserver.js` (`x-meshauth`).

mod session;

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use reqwest::{Certificate, Client, redirect};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use self::session::{Login, Session};
use crate::{
    clock::{Instant, Stopwatch},
    domain::{
        agent::{Patience, Presence},
        clearance::Clearance,
        connector::{Capability, Connector, ConnectorFault},
    },
    ports::endpoints::{About, Endpoint, Endpoints, Fault, Order, ROSTER_MAX, Result},
};

/// How long its agents are waited for: they answer within a second, and a connection that is dead shows within 2 minutes.
///
/// # Source
/// Engines, agent removal: silence of at least three check-ins and 60 s.
const PATIENCE: Patience =
    Patience { answer: TimeDelta::minutes(2), silence: TimeDelta::minutes(6), absence: TimeDelta::minutes(6) };
/// Time to connect.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// A connection that nobody used for longer may be dead without anybody having noticed.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// The right to take agents off.
const RIGHT_UNINSTALL: u64 = 32_768;
/// A device's agent is connected.
const AGENT_CONNECTED: u64 = 1;

/// A MeshCentral server.
pub struct MeshCentral {
    http: Client,
    login: Login,
    session: Mutex<Option<(Session, Stopwatch)>>,
}

impl MeshCentral {
    /// The server that `connector` names, spoken to with `secret`.
    ///
    /// # Errors
    /// `Auth` without a name and a secret, `Unsupported` when its certificates or address cannot be used.
    pub fn new(connector: &Connector, secret: Option<&SecretString>) -> Result<Self> {
        let refuse = |kind, what: &str| Fault::new(kind, "open", what);
        let (Some(username), Some(password)) = (connector.username.clone(), secret.cloned()) else {
            return Err(refuse(ConnectorFault::Auth, "no name or secret"));
        };
        let mut http = Client::builder()
            .connect_timeout(CONNECTED_WITHIN)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .user_agent(concat!("gangway/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &connector.trusted_certificates {
            let trusted = Certificate::from_pem_bundle(pem.as_bytes());
            let trusted =
                trusted.map_err(|_misfit| refuse(ConnectorFault::Unsupported, "its certificates do not read"))?;
            http = http.tls_certs_only(trusted);
        }
        let http = http.build().map_err(|_error| refuse(ConnectorFault::Unsupported, "TLS cannot be set up"))?;
        let address = connector.address.url().as_str().replacen("wss:", "https:", 1);
        let url = url::Url::parse(&address).and_then(|url| url.join("control.ashx"));
        let url = url.map_err(|_misfit| refuse(ConnectorFault::Unsupported, "its address does not read"))?;
        Ok(Self { http, login: Login { url, username, password }, session: Mutex::default() })
    }

    /// The kept connection, or a new one when there is none or it has long been idle. Whoever takes it gives it back with
    /// [`Turn::keep`] when all went well; one on which something went wrong is not kept.
    async fn session(&self) -> Result<Turn<'_>> {
        let mut kept = self.session.lock().await;
        let session = match kept.take().filter(|(_, used)| used.elapsed() < IDLE_FOR) {
            Some((session, _)) => session,
            None => Session::open(&self.http, &self.login).await?,
        };
        Ok(Turn { kept, session })
    }

    async fn order(&self, doing: &'static str, order: &Value) -> Result<()> {
        let mut turn = self.session().await?;
        turn.session.say(doing, order).await?;
        // It was read once what follows it is answered.
        turn.session.ask(doing, &json!({ "action": "ping" }), |told| told["action"] == "pong").await?;
        turn.keep();
        Ok(())
    }
}

/// The one who speaks to the server now.
struct Turn<'a> {
    kept: MutexGuard<'a, Option<(Session, Stopwatch)>>,
    session: Session,
}

impl Turn<'_> {
    fn keep(mut self) {
        *self.kept = Some((self.session, Stopwatch::start()));
    }
}

#[async_trait]
impl Endpoints for MeshCentral {
    fn patience(&self) -> Patience {
        PATIENCE
    }

    async fn about(&self) -> Result<About> {
        // A connection of its own: what it says of itself it says when it is signed in to.
        let session = Session::open(&self.http, &self.login).await?;
        let rights = session.user["links"].as_object().into_iter().flatten();
        let mut rights = rights.filter_map(|(_, link)| link["rights"].as_u64());
        let mut capabilities = vec![Capability::ListEndpoints, Capability::LastSeen];
        if rights.any(|rights| rights & RIGHT_UNINSTALL != 0) {
            capabilities.extend([Capability::UninstallAgent, Capability::ForgetEndpoint]);
        }
        Ok(About {
            tool: "MeshCentral".to_owned(),
            account: session.user["name"].as_str().map(str::to_owned),
            capabilities,
            time: session.server["serverTime"].as_i64().and_then(DateTime::from_timestamp_millis),
        })
    }

    async fn roster(&self, group: &str) -> Result<Vec<Endpoint>> {
        let mut turn = self.session().await?;
        let listed = list(&mut turn.session, Some(group)).await?;
        let seen = last_seen(&mut turn.session).await?;
        turn.keep();
        let own = listed.into_iter().filter(|(of, _)| of == group);
        Ok(own.map(|(_, endpoint)| Endpoint { last_seen: seen(&endpoint.id), ..endpoint }).collect())
    }

    async fn elsewhere(&self, group: &str, ids: &[String]) -> Result<HashSet<String>> {
        let mut turn = self.session().await?;
        let listed = list(&mut turn.session, None).await?;
        drop(last_seen(&mut turn.session).await?);
        turn.keep();
        let ids: HashSet<_> = ids.iter().collect();
        let others = listed.into_iter().filter(|(of, endpoint)| of != group && ids.contains(&endpoint.id));
        Ok(others.map(|(_, endpoint)| endpoint.id).collect())
    }

    async fn uninstall(&self, order: Clearance<Order>) -> Result<()> {
        self.order("uninstall", &json!({ "action": "uninstallagent", "nodeids": [order.spend().endpoint] })).await
    }

    async fn forget(&self, order: Clearance<Order>) -> Result<()> {
        self.order("forget", &json!({ "action": "removedevices", "nodeids": [order.spend().endpoint] })).await
    }
}

/// The devices of `group`, or of every group that the account sees, each with its group.
async fn list(session: &mut Session, group: Option<&str>) -> Result<Vec<(String, Endpoint)>> {
    let mut found = Vec::new();
    loop {
        let mut question = json!({ "action": "nodes", "skip": found.len(), "limit": ROSTER_MAX, "responseid": "list" });
        if let Some(group) = group {
            question["meshid"] = group.into();
        }
        let is_answer = |told: &Value| told["action"] == "nodes" && told["responseid"] == "list";
        let answer = session.ask("list", &question, is_answer).await?;
        let page = page(&answer)?;
        let (count, limit) = (page.len(), answer["limit"].as_u64());
        found.extend(page);
        if found.len() > ROSTER_MAX {
            return Err(Fault::new(ConnectorFault::Permanent, "list", "more devices than a list may have"));
        }
        // A server that gives its list in pages says so by their size.
        if count == 0 || limit.is_none_or(|limit| (count as u64) < limit) {
            return Ok(found);
        }
    }
}

/// When the server last heard of each device. Every list is followed by this question: a server whose database is away answers
/// a list with no devices, and this one not at all.
async fn last_seen(session: &mut Session) -> Result<impl Fn(&str) -> Option<Instant> + use<>> {
    let question = json!({ "action": "lastconnects", "tag": "seen" });
    let seen = session.ask("list", &question, |told| told["action"] == "lastconnects").await?;
    Ok(move |id: &str| seen["lastconnects"][id].as_i64().and_then(Instant::from_timestamp_millis))
}

/// The devices in one answer, each with its group.
fn page(answer: &Value) -> Result<Vec<(String, Endpoint)>> {
    if let Some(refusal) = answer["result"].as_str() {
        return Err(Fault::new(ConnectorFault::NotFound, "list", refusal));
    }
    let unreadable = || Fault::new(ConnectorFault::Permanent, "list", "a list that does not read");
    let mut found = Vec::new();
    for (group, devices) in answer["nodes"].as_object().ok_or_else(unreadable)? {
        for device in devices.as_array().ok_or_else(unreadable)? {
            let id = device["_id"].as_str().ok_or_else(unreadable)?.to_owned();
            let is_connected = device["conn"].as_u64().unwrap_or_default() & AGENT_CONNECTED != 0;
            let hostname = device["rname"].as_str().or_else(|| device["name"].as_str()).unwrap_or(&id).to_owned();
            let presence = if is_connected { Presence::Online } else { Presence::Offline };
            found.push((group.clone(), Endpoint { id, hostname, presence, last_seen: None }));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_device_by_device_each_with_its_group() {
        let answer = json!({ "action": "nodes", "nodes": {
            "mesh//acme": [{ "_id": "node//1", "name": "pc-1", "rname": "PC-1", "conn": 1 },
                           { "_id": "node//2", "name": "pc-2", "conn": 16 }, { "_id": "node//3" }],
            "mesh//other": [{ "_id": "node//4", "conn": 1 }] } });
        let found = page(&answer).unwrap();
        let seen: Vec<_> =
            found.iter().map(|(of, one)| (of.as_str(), one.id.as_str(), one.hostname.as_str(), one.presence)).collect();
        let (online, offline) = (Presence::Online, Presence::Offline);
        assert_eq!(
            seen,
            [
                ("mesh//acme", "node//1", "PC-1", online),
                ("mesh//acme", "node//2", "pc-2", offline),
                ("mesh//acme", "node//3", "node//3", offline),
                ("mesh//other", "node//4", "node//4", online),
            ]
        );
        assert!(page(&json!({ "nodes": {} })).unwrap().is_empty());
    }

    #[test]
    fn an_answer_that_is_no_list_is_no_empty_list() {
        let fault = |answer| page(&answer).unwrap_err().kind;
        assert_eq!(fault(json!({ "result": "Invalid group id" })), ConnectorFault::NotFound);
        assert_eq!(fault(json!({})), ConnectorFault::Permanent);
        assert_eq!(fault(json!({ "nodes": [] })), ConnectorFault::Permanent);
        assert_eq!(fault(json!({ "nodes": { "mesh//acme": {} } })), ConnectorFault::Permanent);
        assert_eq!(fault(json!({ "nodes": { "mesh//acme": [{}] } })), ConnectorFault::Permanent);
    }
}
