//! Texts with bounds: [`Line`] for names and titles, [`Text`] for what people explain.
//!
//! Invariants: trimmed; between `MIN` and `MAX` characters long; no character that a database refuses
//! (NUL), that a terminal obeys (controls) or that makes a text read differently than it is stored
//! (bidirectional overrides).
//!
//! Deliberately absent: normalising. What somebody wrote is kept as it was written.

use std::{fmt, str::FromStr};

use crate::domain::Invalid;

/// Up to this many characters, a name or a title.
///
/// # Source
/// House decision: two lines on a screen.
pub const NAME_MAX: usize = 200;
/// Up to this many characters, an explanation.
///
/// # Source
/// House decision: two pages; whoever has more attaches a file.
pub const TEXT_MAX: usize = 4_000;

/// A name: one line of 1 to [`NAME_MAX`] characters.
pub type Name = Line<1, NAME_MAX>;
/// A remark, possibly empty.
pub type Remark = Text<0, TEXT_MAX>;
/// An explanation that says something: at least 1 character.
pub type Prose = Text<1, TEXT_MAX>;

/// One line of `MIN` to `MAX` characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line<const MIN: usize, const MAX: usize>(String);

/// A text of `MIN` to `MAX` characters that may have several lines.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

macro_rules! bounded {
    ($name:ident, $accepts:expr) => {
        impl<const MIN: usize, const MAX: usize> $name<MIN, MAX> {
            /// `text`, trimmed.
            ///
            /// # Errors
            /// [`Invalid`] when it is too short, too long or holds a character that may not stand here.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                checked(text, MIN, MAX, $accepts).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl<const MIN: usize, const MAX: usize> FromStr for $name<MIN, MAX> {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }

        impl<const MIN: usize, const MAX: usize> fmt::Display for $name<MIN, MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<const MIN: usize, const MAX: usize> From<$name<MIN, MAX>> for String {
            fn from(text: $name<MIN, MAX>) -> Self {
                text.0
            }
        }
    };
}

bounded!(Line, |c| !c.is_control() && !is_bidirectional(c));
bounded!(Text, |c| matches!(c, '\n' | '\r' | '\t') || (!c.is_control() && !is_bidirectional(c)));

fn checked(text: &str, min: usize, max: usize, accepts: impl Fn(char) -> bool) -> Result<String, Invalid> {
    let text = text.trim();
    let length = text.chars().count();
    if length < min {
        let message = if length == 0 {
            "This may not be empty or blank.".to_owned()
        } else {
            format!("This has {length} characters and needs at least {min}.")
        };
        return Err(Invalid::new(message).remedy(format!("Give {min} to {max} characters.")));
    }
    if length > max {
        return Err(Invalid::new(format!("This has {length} characters and may have at most {max}."))
            .remedy(format!("Give {min} to {max} characters.")));
    }
    match text.chars().find(|&c| !accepts(c)) {
        Some(c) => Err(Invalid::new(format!("The character U+{:04X} may not stand here.", u32::from(c)))
            .remedy("Remove it: control characters and direction overrides are refused.")),
        None => Ok(text.to_owned()),
    }
}

/// Characters that reorder what follows them on the screen.
///
/// # Source
/// Unicode Technical Report 36, section 2.5 (bidirectional text spoofing).
const fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_count_characters_and_the_limit_is_named() {
        assert_eq!(Line::<1, 3>::parse("  äöü ").unwrap().as_str(), "äöü");
        let error = Line::<1, 3>::parse("abcd").unwrap_err();
        assert!(error.message.contains("at most 3"), "{}", error.message);
        assert!(Line::<2, 3>::parse("a").unwrap_err().message.contains("at least 2"));
    }

    #[test]
    fn blank_is_empty() {
        for blank in ["", "   ", "\n\t", "\u{a0}\u{2003}"] {
            assert!(Prose::parse(blank).unwrap_err().message.contains("blank"), "{blank:?}");
            assert_eq!(Remark::parse(blank).unwrap().as_str(), "");
        }
    }

    #[test]
    fn characters_that_harm_are_refused() {
        for harmful in ["a\0b", "a\u{1b}[2Jb", "a\u{202e}b", "a\u{2066}b", "a\u{7f}b", "a\u{85}b"] {
            assert!(Name::parse(harmful).is_err(), "{harmful:?}");
            assert!(Prose::parse(harmful).is_err(), "{harmful:?}");
        }
    }

    #[test]
    fn only_a_text_has_lines() {
        assert!(Name::parse("one\ntwo").is_err());
        assert_eq!(Prose::parse("one\r\n\ttwo").unwrap().as_str(), "one\r\n\ttwo");
    }
}
