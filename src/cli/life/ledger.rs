//! What a provider opens at a client, and how each line of it ends.
//!
//! Only data has an engine that removes it and a proof that it is gone. The other kinds wait for theirs; until then
//! a line stays by a clause of the contract and a granted decision, or by an approved exception. The story never
//! says that something was removed which nobody verified.

use serde_json::{Value, json};

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The data goes back, and the client says that it arrived.
    Returned,
    /// That too; then what we hold of it is destroyed, and somebody else sees that it is gone.
    Destroyed,
    /// A clause of the contract and a granted decision let it stay.
    Retained(&'static str),
    /// An approved exception lets it stay.
    Excepted(&'static str),
}

/// A line to be.
#[derive(Clone, Debug)]
pub struct Line {
    /// The step of the onboarding in which it is opened.
    pub opened_in: &'static str,
    /// What people call it; unique within the client.
    pub name: String,
    /// What it is, as `HoldingDetailsInput`.
    pub details: Value,
    /// How it ends.
    pub end: End,
}

/// Books and documents are kept.
const KEPT_BOOKS: &str = "9.2";
/// Agents pass to the client.
const HANDED_OVER: &str = "7.3";
const BY_HAND: &str = "It is taken away by hand: no connector to its system is set up, so nothing can verify that it is gone. \
                       The line stays open to everybody's eyes until somebody proves it.";

/// The clauses that lines cite, as the service agreement has them.
pub(super) fn clauses() -> Value {
    json!([
        { "reference": HANDED_OVER, "text": "At the end of service, agents and their licences pass to the client." },
        { "reference": KEPT_BOOKS, "text": "Books and documents about the client are kept for as long as the law asks for." },
    ])
}

/// What is opened at a client called `slug` with these machines.
pub fn lines(slug: &str, machines: &[(String, &'static str)]) -> Vec<Line> {
    let mut lines = records();
    lines.extend(credentials(slug));
    lines.extend(machines.iter().filter(|(_, sort)| *sort != "NETWORK").map(|(host, _)| agent(host)));
    lines.extend(configs(slug));
    lines
}

fn records() -> Vec<Line> {
    let record = |name: &str, system, end| Line {
        opened_in: "system_records",
        name: name.to_owned(),
        details: json!({ "systemRecord": { "system": system } }),
        end,
    };
    vec![
        record("Account in the PSA", "PSA", End::Excepted(BY_HAND)),
        record("Site in the RMM", "RMM", End::Excepted(BY_HAND)),
        record("Account in billing", "BILLING", End::Retained(KEPT_BOOKS)),
        record("Space in the documentation", "DOCUMENTATION", End::Retained(KEPT_BOOKS)),
    ]
}

fn credentials(slug: &str) -> Vec<Line> {
    let credential = |name: &str, kind, principal: &str, is_last_mile: bool| Line {
        opened_in: "credentials",
        name: name.to_owned(),
        details: json!({ "credential": {
            "credentialKind": kind,
            "principal": format!("{principal}@{slug}"),
            "mfaState": if is_last_mile { "NOT_APPLICABLE" } else { "ENABLED" },
            "mfaReason": is_last_mile.then_some("A service cannot answer a prompt."),
            "vaultUri": format!("vault://provider/{slug}/{principal}"),
            "isLastMile": is_last_mile,
        } }),
        end: End::Excepted(BY_HAND),
    };
    vec![
        credential("Administrator of the domain", "ADMIN", "adm-provider", false),
        credential("Account of the agents", "SERVICE_ACCOUNT", "svc-rmm", true),
    ]
}

fn agent(host: &str) -> Line {
    Line {
        opened_in: "tools",
        name: format!("RMM agent on {host}"),
        details: json!({ "agent": { "tool": "RMM", "hostname": host, "site": "Head office" } }),
        end: End::Retained(HANDED_OVER),
    }
}

fn configs(slug: &str) -> Vec<Line> {
    let config = |name: &str, kind, location: &str, reference: &str| Line {
        opened_in: "baseline",
        name: name.to_owned(),
        details: json!({ "config": { "configKind": kind, "location": location, "reference": format!("{slug}-{reference}") } }),
        end: End::Excepted(BY_HAND),
    };
    vec![
        config("Firewall rule for remote care", "FIREWALL_RULE", "edge-fw-02", "remote-care"),
        config("Check of the server", "MONITORING_CHECK", "monitoring-01", "server"),
    ]
}

/// The client's files, which go back at the end; `end` says whether they are destroyed then.
pub fn files(location: &str, end: End) -> Line {
    let disposition = if end == End::Destroyed { "RETURN_THEN_DESTROY" } else { "RETURN" };
    Line {
        opened_in: "baseline",
        name: "File share".to_owned(),
        details: json!({ "data": {
            "dataKind": "FILES", "disposition": disposition, "keyEscrow": "NOT_ENCRYPTED", "location": location,
        } }),
        end,
    }
}
