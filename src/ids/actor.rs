//! Who did something, in print: [`ActorId`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ApiKeyId, UserId, prefix_of};

const SYSTEM: &str = "system";

/// Who did it, as every `*_by` column and every event holds it: `usr_…`, `key_…` or `system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActorId {
    /// A person.
    User(UserId),
    /// An integration, by the key it used.
    ApiKey(ApiKeyId),
    /// Gangway itself: schedules, jobs and repair.
    System,
}

/// The text is neither `usr_…` nor `key_…` nor `system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an actor: expected `usr_…`, `key_…` or `system`")]
pub struct ParseActorIdError;

impl ActorId {
    /// The person, unless a key or the system acted.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::ApiKey(_) | Self::System => None,
        }
    }

    /// The key, unless a person or the system acted.
    pub fn api_key(self) -> Option<ApiKeyId> {
        match self {
            Self::ApiKey(id) => Some(id),
            Self::User(_) | Self::System => None,
        }
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::ApiKey(id) => id.fmt(f),
            Self::System => f.write_str(SYSTEM),
        }
    }
}

impl FromStr for ActorId {
    type Err = ParseActorIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match prefix_of(text) {
            None if text == SYSTEM => Some(Self::System),
            Some(UserId::PREFIX) => text.parse().map(Self::User).ok(),
            Some(ApiKeyId::PREFIX) => text.parse().map(Self::ApiKey).ok(),
            None | Some(_) => None,
        };
        parsed.ok_or(ParseActorIdError)
    }
}

impl Serialize for ActorId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActorId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_kind_of_actor_prints_and_reads_back() {
        let uuid = Uuid::now_v7();
        for id in [ActorId::User(uuid.into()), ActorId::ApiKey(uuid.into()), ActorId::System] {
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(serde_json::from_str::<ActorId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        }
    }

    #[test]
    fn what_cannot_act_is_no_actor() {
        let client = crate::ids::ClientId::from(Uuid::now_v7()).to_string();
        for text in ["", "System", "system_", "usr_", "usr_x", "key", client.as_str()] {
            assert_eq!(text.parse::<ActorId>(), Err(ParseActorIdError), "{text}");
        }
    }
}
