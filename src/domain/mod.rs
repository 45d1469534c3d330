//! Types, state machines and rules. No I/O, no async, no clock, no database types.
//!
//! A state changes only through a method that can refuse. The same rules stand as constraints in
//! the database; here they come with a reason a person can read.

/// A word that is not in its closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of {set}")]
pub struct UnknownWord {
    /// The set, by its Rust name.
    pub set: &'static str,
}

/// Declares a closed set of words: an enum that reads and prints the words the database, the API and
/// the log use.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word of the set, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

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

pub mod agreement;
pub mod certificate;
pub mod client;
pub mod decision;
pub mod engagement;
pub mod event;
pub mod evidence;
pub mod exception;
pub mod fact;
pub mod gate;
pub mod holding;
pub mod job;
pub mod log;
pub mod page;
pub mod policy;
pub mod process;
pub mod role;
pub mod stakeholder;
pub mod step;
