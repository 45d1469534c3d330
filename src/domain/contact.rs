//! A person who speaks for a client.
//!
//! Invariant: a telephone number is kept as it was given, whatever it looks like; the international
//! form stands beside it only when the number says its country itself. A number that cannot be read
//! is a warning, never a loss.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    domain::{Invalid, text::Line},
    ids::{ClientId, ContactId},
};

words! {
    /// What a contact is asked about.
    ContactRole {
        /// The first to call.
        Primary = "PRIMARY",
        /// Incidents and access.
        Security = "SECURITY",
        /// Systems and devices.
        Technical = "TECHNICAL",
        /// Invoices.
        Billing = "BILLING",
        /// Contracts and escalations.
        Executive = "EXECUTIVE",
    }
}

/// A contact as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The contact's id.
    pub id: ContactId,
    /// Whom the contact speaks for.
    pub client_id: ClientId,
    /// What it is asked about.
    pub role: ContactRole,
    /// The person's name: a [`crate::domain::text::Name`].
    pub name: String,
    /// Where it reads mail.
    pub email: Option<Email>,
    /// Its telephone number.
    pub phone: Option<Phone>,
    /// Who is called first within a client: 1 before 2.
    pub escalation_order: i32,
    /// Grows with every change.
    pub revision: i32,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An address for mail. Its local part is kept as written; the domain in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Email(String);

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = Invalid;

    /// Accepts what mail systems accept in practice: a dot-atom, `@`, and a domain with a dot in it.
    ///
    /// # Source
    /// RFC 5321 section 4.5.3.1 (64 and 255 octets, 254 in a path), RFC 5322 section 3.2.3 (dot-atom).
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let invalid = || Invalid::new("This is not an e-mail address.").remedy("Give one like `name@example.com`.");
        let (local, domain) = text.rsplit_once('@').ok_or_else(invalid)?;
        let is_atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let local_fits =
            local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        if text.len() <= 254 && local_fits && domain.contains('.') && domain.split('.').all(is_label) {
            Ok(Self(format!("{local}@{}", domain.to_lowercase())))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A telephone number: as given, and in international form when it can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phone {
    /// As given; 1 to 40 characters.
    pub raw: String,
    /// `+` and 7 to 15 digits, when the number was given with its country.
    pub e164: Option<String>,
}

impl Phone {
    /// Whether nobody could dial it from abroad without knowing more.
    pub fn is_ambiguous(&self) -> bool {
        self.e164.is_none()
    }
}

impl FromStr for Phone {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let raw = Line::<1, 40>::parse(text)?.into_string();
        if raw.chars().any(|c| c.is_ascii_digit()) {
            Ok(Self { e164: e164(&raw), raw })
        } else {
            Err(Invalid::new("This is not a telephone number: it has no digits.")
                .remedy("Give the number with its country: `+1 212 555 0100`."))
        }
    }
}

/// The international form of `raw` when it begins with `+` and holds nothing but digits and the usual
/// separators. A `(0)` after the country is left out by those who dial, so it is left out here.
///
/// # Source
/// ITU-T E.164 section 6.1: at most 15 digits, and no country code begins with 0; E.123 section 2.7 for `(0)`.
fn e164(raw: &str) -> Option<String> {
    let national = raw.strip_prefix('+')?.replace("(0)", "");
    let digits: String = national.chars().filter(char::is_ascii_digit).collect();
    let is_readable = national.chars().all(|c| c.is_ascii_digit() || " -./()\u{a0}".contains(c));
    (is_readable && (7..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b.co", "first.last+tag@Example.COM", "o'brien@acme-dental.example", "ü@bücher.example"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        assert_eq!("Ann@Example.COM".parse::<Email>().unwrap().as_str(), "Ann@example.com");
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in
            ["", "a", "@b.co", "a@", "a@b", "a b@c.de", "a@b..c", "a..b@c.de", ".a@b.co", "a@-b.co", "a@b.co\nx", &long]
        {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_is_kept_as_given_and_made_international_only_when_it_says_its_country() {
        for (raw, e164) in [
            ("+1 (212) 555-0100", Some("+12125550100")),
            ("+44 (0)20 7946 0000", Some("+442079460000")),
            ("7879999999", None),
            ("00442079460000", None),
            ("+0 12 34 56 78", None),
            ("+1 23", None),
            ("+1 212 555 0100 ext. 7", None),
        ] {
            let phone: Phone = raw.parse().unwrap();
            assert_eq!(phone.raw, raw);
            assert_eq!(phone.e164.as_deref(), e164, "{raw}");
            assert_eq!(phone.is_ambiguous(), e164.is_none());
        }
        for bad in ["", "call me", "1".repeat(41).as_str()] {
            assert!(bad.parse::<Phone>().is_err(), "{bad}");
        }
    }
}
