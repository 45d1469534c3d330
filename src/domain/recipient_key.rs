//! Who can open a package: an age X25519 recipient, its fingerprint, and the message that shows that somebody
//! holds its private key before any data is sent.

use std::{fmt, io::Write, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::{Invalid, Refused, step_to},
    ids::{ActorId, ClientId, RecipientKeyId},
};

/// An age recipient, `age1…`.
#[derive(Clone)]
pub struct RecipientKey {
    key: age::x25519::Recipient,
    text: String,
}

impl FromStr for RecipientKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let remedy = "Run age-keygen and give the line that begins with age1.";
        if text.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("AGE-SECRET-KEY-")) {
            let message = "This is a private key. Do not give it to anybody; make a new one.";
            return Err(Invalid::new(message).remedy(remedy));
        }
        let key =
            text.parse().map_err(|_why: &str| Invalid::new("This is not an age X25519 public key.").remedy(remedy))?;
        Ok(Self { key, text: text.to_owned() })
    }
}

impl RecipientKey {
    /// The key as text, `age1…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, in sixteen groups of four hex digits, for people to compare.
    pub fn fingerprint(&self) -> String {
        let hex = hex::encode_upper(Sha256::digest(&self.text));
        let mut groups = String::with_capacity(hex.len() + hex.len() / 4);
        for (index, digit) in hex.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                groups.push(' ');
            }
            groups.push(digit);
        }
        groups
    }

    pub(crate) fn as_age(&self) -> &age::x25519::Recipient {
        &self.key
    }

    /// A message that only the holder of the private key can read.
    ///
    /// `random` is 768 fresh random bytes; their Base64 text of 1 KiB is what must be read.
    ///
    /// # Errors
    /// [`Invalid`] when the key cannot be encrypted to, which no parsed key shows.
    pub fn challenge(&self, random: &[u8; 768]) -> Result<Challenge, Invalid> {
        let secret = BASE64_STANDARD.encode(random);
        let sealed =
            seal(&self.key, secret.as_bytes()).ok_or_else(|| Invalid::new("Nothing can be encrypted to this key."))?;
        Ok(Challenge { message: armor(&sealed), answer_sha256: Sha256::digest(&secret).into() })
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

words! {
    /// Whether a key may be used.
    RecipientKeyState {
        /// Its holder was asked to prove that it can read.
        Challenged = "CHALLENGED",
        /// Its holder proved it.
        Confirmed = "CONFIRMED",
        /// It is not used any more.
        Revoked = "REVOKED",
    }
}

words! {
    /// What may be done with a key, as the participle a refusal uses.
    RecipientKeyVerb {
        /// Take the proof that its holder can read.
        Confirm = "confirmed",
        /// Take it out of use.
        Revoke = "revoked",
    }
}

impl RecipientKeyState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// [`Refused`] when the present state does not allow it.
    pub fn after(self, verb: RecipientKeyVerb) -> Result<Self, Refused> {
        let rule: (&[Self], Self) = match verb {
            RecipientKeyVerb::Confirm => (&[Self::Challenged], Self::Confirmed),
            RecipientKeyVerb::Revoke => (&[Self::Challenged, Self::Confirmed], Self::Revoked),
        };
        step_to("key", self, verb, rule)
    }
}

/// A client's key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key's id.
    pub id: RecipientKeyId,
    /// Whose it is.
    pub client_id: ClientId,
    /// Whether it may be used.
    pub state: RecipientKeyState,
    /// The public key, `age1…`.
    pub recipient: String,
    /// For people to compare.
    pub fingerprint: String,
    /// What the holder must read.
    pub challenge: String,
    /// SHA-256 of the text inside the challenge.
    pub challenge_hash: Vec<u8>,
    /// Who entered it.
    pub created_by: ActorId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who proved it.
    pub confirmed_by: Option<ActorId>,
    /// When.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Grows with every change.
    pub revision: i32,
}

/// How long a challenge can be answered.
///
/// # Source
/// House decision: two weeks are enough to reach whoever holds the key; a challenge that lies about for longer
/// says little about who holds it now.
pub const CHALLENGE_LIFETIME: TimeDelta = TimeDelta::days(14);

impl StoredKey {
    /// Until when its challenge can be answered.
    pub fn challenge_expires_at(&self) -> DateTime<Utc> {
        self.created_at + CHALLENGE_LIFETIME
    }
}

/// A test message for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The message, in age's text form: `age -d -i key.txt message.age` reads it.
    pub message: String,
    /// SHA-256 of the text inside. Knowing it does not help to answer.
    pub answer_sha256: [u8; 32],
}

impl Challenge {
    /// Whether `answer` is the text inside; white space around it does not count.
    pub fn is_answered_by(answer_sha256: &[u8; 32], answer: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(answer.trim()).into();
        given.ct_eq(answer_sha256).into()
    }
}

fn seal(key: &age::x25519::Recipient, plain: &[u8]) -> Option<Vec<u8>> {
    let encryptor = age::Encryptor::with_recipients(std::iter::once(key as &dyn age::Recipient)).ok()?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).ok()?;
    writer.write_all(plain).ok()?;
    writer.finish().ok()?;
    Some(sealed)
}

/// Length of a line in age's text form.
const ARMOR_COLUMNS: usize = 64;

/// age's text form: strict PEM.
fn armor(sealed: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(sealed);
    let mut text = String::from("-----BEGIN AGE ENCRYPTED FILE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, later) = rest.split_at(ARMOR_COLUMNS.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = later;
    }
    text.push_str("-----END AGE ENCRYPTED FILE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::assert_table;

    #[test]
    fn a_key_goes_only_these_ways() {
        use RecipientKeyState::{Challenged, Confirmed, Revoked};
        use RecipientKeyVerb::{Confirm, Revoke};
        assert_table(
            RecipientKeyState::ALL,
            RecipientKeyVerb::ALL,
            RecipientKeyState::after,
            &[(Challenged, Confirm, Confirmed), (Challenged, Revoke, Revoked), (Confirmed, Revoke, Revoked)],
        );
    }

    const KEY: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn a_key_is_parsed_and_shown_by_its_fingerprint() {
        let key: RecipientKey = format!(" {KEY}\n").parse().unwrap();
        assert_eq!(key.as_str(), KEY);
        let print = key.fingerprint();
        assert_eq!(print.split(' ').count(), 16);
        assert_eq!(print.replace(' ', "").to_lowercase(), hex::encode(Sha256::digest(KEY)));
    }

    #[test]
    fn what_is_no_public_key_is_refused_with_a_way_out() {
        for text in ["", "age1", "ssh-ed25519 AAAA", &KEY[..KEY.len() - 1], &KEY.replace('q', "p"), "é"] {
            let violation = text.parse::<RecipientKey>().unwrap_err();
            assert!(violation.remedy.is_some());
        }
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let secret = "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
        let violation = secret.parse::<RecipientKey>().unwrap_err();
        assert!(violation.message.contains("private key"));
        assert!(!format!("{violation:?}").contains("QQQQ"));
    }

    #[test]
    fn only_the_text_inside_answers_a_challenge() {
        let key: RecipientKey = KEY.parse().unwrap();
        let challenge = key.challenge(&[7; 768]).unwrap();
        let inside = BASE64_STANDARD.encode([7; 768]);
        assert_eq!(inside.len(), 1024);
        assert!(Challenge::is_answered_by(&challenge.answer_sha256, &format!("{inside}\r\n")));
        for wrong in ["", &inside[1..], &challenge.message, &hex::encode(challenge.answer_sha256)] {
            assert!(!Challenge::is_answered_by(&challenge.answer_sha256, wrong));
        }
    }
}
