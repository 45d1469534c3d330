//! The close-out pack: everything that proves how a client left, in one archive that is checked without us.
//!
//! Whoever makes a pack and whoever checks one have this module in common: what the signed statement says, and what one
//! line of the client's log has to prove.
//!
//! Invariants: every file of the archive stands in the statement with its SHA-256, and no byte else is in it; the
//! statement is signed, and names the checkpoint of the log that every line is proven against; no line is of another client;
//! the log tells of each certificate by its SHA-256. That no line was left out is the word of whoever signed.
//!
//! # Source
//! RFC 9162 for the proofs; C2SP signed-note and tlog-checkpoint for what is signed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    domain::log::{Checkpoint, InclusionProof, NodeHash},
    ids::{ClientId, EngagementId, JobId},
};

/// What the statement is.
pub const TYPE: &str = "https://gangway.example/statements/closeout-pack/1";
/// The signed statement in the archive.
pub const NOTE: &str = "pack.note";
/// The signed checkpoint of the log.
pub const CHECKPOINT: &str = "checkpoint.note";
/// What the log holds of the client, a [`ProvenEvent`] in each line.
pub const EVENTS: &str = "events.jsonl";
/// Where certificates lie: each as `NUMBER.note`.
pub const CERTIFICATES: &str = "certificates/";

words! {
    /// Which events a pack holds.
    PackEvents {
        /// All of the client's, from its first day.
        All = "ALL",
    }
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackStatement {
    /// [`TYPE`].
    pub r#type: String,
    /// What people cite it by.
    pub number: String,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// Who left.
    pub client: PackClient,
    /// In the course of what.
    pub engagement: PackRun,
    /// What made it.
    pub job_id: JobId,
    /// What the log was then.
    pub log: PackLog,
    /// Every other file of the archive, by its name.
    pub files: Vec<PackFile>,
}

/// Who left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackClient {
    /// The client.
    pub id: ClientId,
    /// What people call it.
    pub name: String,
    /// Its short name.
    pub slug: String,
}

/// The run that ended it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackRun {
    /// The run.
    pub id: EngagementId,
    /// Where it stood.
    pub state: String,
    /// When it was concluded.
    pub concluded_at: Option<DateTime<Utc>>,
}

/// What a log was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackLog {
    /// Which log.
    pub origin: String,
    /// How many events it had.
    pub size: u64,
    /// The root of its tree, in hex.
    pub root: String,
}

impl From<&Checkpoint> for PackLog {
    fn from(log: &Checkpoint) -> Self {
        Self { origin: log.origin.clone(), size: log.size, root: log.root.to_string() }
    }
}

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackFile {
    /// Where it lies in the archive.
    pub path: String,
    /// SHA-256 of it, in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// One event, and the proof that the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenEvent {
    /// Its place in the log, from 0.
    pub position: u64,
    /// Its canonical text, which is what the log hashes.
    pub leaf: String,
    /// The hashes beside the way from the leaf up to the root, in hex.
    pub path: Vec<String>,
}

/// Why a line of the log proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventDoubt {
    /// It is no text of an event.
    #[error("it is no event")]
    NoEvent,
    /// It is about somebody else.
    #[error("it is about another client")]
    OtherClient,
    /// The log with that root has no such event there.
    #[error("the signed log has no such event there")]
    NotInLog,
    /// It does not come after the one before it.
    #[error("it does not come after the one before it")]
    Order,
}

/// What a reader of the lines keeps between two of them.
#[derive(Clone, Debug, Default)]
pub struct EventReader {
    last: Option<u64>,
    /// The certificates whose issue the lines tell of: the SHA-256 of each statement, by number.
    pub certificates: BTreeMap<String, String>,
}

impl EventReader {
    /// Takes the next line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, event: &ProvenEvent, log: &Checkpoint, client: ClientId) -> Result<(), EventDoubt> {
        let hash = |text: &String| text.parse::<NodeHash>().ok();
        let path: Option<Vec<_>> = event.path.iter().map(hash).collect();
        let proof = InclusionProof { index: event.position, size: log.size, path: path.ok_or(EventDoubt::NotInLog)? };
        proof.verify(NodeHash::leaf(event.leaf.as_bytes()), log.root).ok().ok_or(EventDoubt::NotInLog)?;
        if self.last.is_some_and(|last| event.position <= last) {
            return Err(EventDoubt::Order);
        }
        self.last = Some(event.position);
        let leaf: Value = serde_json::from_str(&event.leaf).ok().ok_or(EventDoubt::NoEvent)?;
        if leaf["client_id"].as_str() != Some(client.to_string().as_str()) {
            return Err(EventDoubt::OtherClient);
        }
        if leaf["kind"] == "certificate.issued" {
            let told = |field: &str| leaf["payload"][field].as_str().map(str::to_owned);
            self.certificates.extend(told("number").zip(told("sha256")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A log of these two leaves.
    fn log(leaves: [&str; 2]) -> Checkpoint {
        let [left, right] = leaves.map(|leaf| NodeHash::leaf(leaf.as_bytes()));
        Checkpoint { origin: "test/log".to_owned(), size: 2, root: NodeHash::node(left, right) }
    }

    fn event(position: u64, leaf: &str, other: &str) -> ProvenEvent {
        let path = vec![NodeHash::leaf(other.as_bytes()).to_string()];
        ProvenEvent { position, leaf: leaf.to_owned(), path }
    }

    #[test]
    fn a_line_proves_what_it_says_in_its_place_and_for_its_client() {
        let client = ClientId::from(Uuid::from_u128(7));
        let ours = format!(
            "{{\"client_id\":\"{client}\",\"kind\":\"certificate.issued\",\"payload\":{{\"number\":\"SC-1\",\"sha256\":\"12\"}}}}"
        );
        let theirs = "{\"client_id\":\"cli_other\",\"kind\":\"x\"}";
        let log = log([&ours, theirs]);
        let mut reader = EventReader::default();
        assert_eq!(reader.read(&event(0, &ours, theirs), &log, client), Ok(()));
        assert_eq!(reader.certificates, BTreeMap::from([("SC-1".to_owned(), "12".to_owned())]));
        assert_eq!(reader.read(&event(0, &ours, theirs), &log, client), Err(EventDoubt::Order));
        assert_eq!(reader.read(&event(1, theirs, &ours), &log, client), Err(EventDoubt::OtherClient));
        let mut reader = EventReader::default();
        assert_eq!(reader.read(&event(1, &ours, theirs), &log, client), Err(EventDoubt::NotInLog), "another place");
        let other = ours.replace("SC-1", "SC-2");
        assert_eq!(reader.read(&event(0, &other, theirs), &log, client), Err(EventDoubt::NotInLog));
        let log = self::log(["no json", theirs]);
        assert_eq!(reader.read(&event(0, "no json", theirs), &log, client), Err(EventDoubt::NoEvent));
    }
}
