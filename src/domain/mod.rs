//! Types, state machines and rules. No I/O, no async, no clock, no database types.
//!
//! A state changes only through a method that can refuse. The same rules stand as constraints in
//! the database; here they come with a reason a person can read.

// A new state or kind must break every `match` that forgot it.
#![warn(clippy::wildcard_enum_match_arm)]

use std::fmt::Display;

/// A word that is not in its closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of {set}")]
pub struct UnknownWord {
    /// The set, by its Rust name.
    pub set: &'static str,
}

/// Input that breaks a rule of form. The caller knows the field's name and adds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// What is wrong, as a full sentence.
    pub message: String,
    /// What to do instead, when there is one thing to do.
    pub remedy: Option<String>,
}

impl Invalid {
    /// Input that breaks the rule that `message` states.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: None }
    }

    /// Adds the way out.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// A deed that the present state of a noun, or a rule of the business, does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// What stands in the way, as a full sentence.
    pub message: String,
    /// What to do instead, when there is one thing to do.
    pub remedy: Option<String>,
}

impl Refused {
    /// A deed refused for the reason that `message` gives.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: None }
    }

    /// Adds the way out.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// `to` when `state` is one of `from`; otherwise a refusal that names what would have been needed.
/// A state that a verb does not list is refused: a new state allows nothing until somebody says so.
fn step_to<S>(noun: &str, state: S, done: impl Display, (from, to): (&[S], S)) -> Result<S, Refused>
where
    S: Copy + PartialEq + Display,
{
    if from.contains(&state) {
        return Ok(to);
    }
    let needed = from.iter().map(S::to_string).collect::<Vec<_>>().join(" or ");
    Err(Refused::new(format!("This {noun} is {state}; only one that is {needed} can be {done}.")))
}

/// Tries every verb on every state: exactly those of `allowed` go through, each to its state.
#[cfg(test)]
fn assert_table<S, V>(states: &[S], verbs: &[V], after: impl Fn(S, V) -> Result<S, Refused>, allowed: &[(S, V, S)])
where
    S: Copy + PartialEq + Display + std::fmt::Debug,
    V: Copy + PartialEq + std::fmt::Debug,
{
    for &state in states {
        for &verb in verbs {
            let expected = allowed.iter().find(|(from, by, _)| *from == state && *by == verb).map(|(_, _, to)| *to);
            match after(state, verb) {
                Ok(to) => assert_eq!(Some(to), expected, "{state:?} {verb:?}"),
                Err(refused) => {
                    assert_eq!(expected, None, "{state:?} {verb:?}");
                    assert!(refused.message.contains(&state.to_string()), "{}", refused.message);
                }
            }
        }
    }
}

/// Declares a closed set of words: an enum that reads and prints the words the database, the API and
/// the log use.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])+ #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word of the set, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What the set is, as it stands above.
            pub const DOC: &'static str = concat!($($doc, "\n"),+);

            /// What each word means, in the order of [`Self::ALL`].
            pub const DOCS: &'static [&'static str] = &[$(concat!($($vdoc, "\n"),+)),+];

            /// The word as it stands in the database, the API and the log.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
                    .ok_or($crate::domain::UnknownWord { set: stringify!($name) })
            }
        }
    };
}

pub(crate) use words;

pub mod agent;
pub mod agreement;
pub mod api_key;
pub mod certificate;
pub mod clearance;
pub mod client;
pub mod connector;
pub mod contact;
pub mod decision;
pub mod engagement;
pub mod event;
pub mod evidence;
pub mod exception;
pub mod fact;
pub mod file;
pub mod forecast;
pub mod gate;
pub mod holding;
pub mod job;
pub mod log;
pub mod pack;
pub mod page;
pub mod policy;
pub mod process;
pub mod rate;
pub mod recipient_key;
pub mod role;
pub mod sanitization;
pub mod stakeholder;
pub mod step;
pub mod text;
pub mod user;
