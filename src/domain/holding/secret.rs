//! Finds what looks like a secret in a text where a secret must not stand.
//!
//! Gangway names where a secret lies (a vault's address, a fingerprint) and never holds it. People paste
//! one all the same; this catches what they paste. It is a net, not a proof: a secret that reads like a
//! word passes, and a text that is caught is refused, not stored and not logged.
//!
//! Two nets: [`is_marked_secret`] looks only for formats that announce themselves and fits every text;
//! [`looks_like_secret`] also judges how random a word is and fits short names (a principal, a label).
//! Ids of outside systems can be as random as keys, so they get the first net only.

/// What gave a secret away. The text itself is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretSign {
    /// A private key in its usual frame.
    #[error("it holds a private key")]
    PrivateKey,
    /// A token whose maker gave it a telling beginning, or a signed token.
    #[error("it holds an access token")]
    Token,
    /// `password=…` and the like.
    #[error("it names a password and its value")]
    Assignment,
    /// A name and a password before the host of an address.
    #[error("it holds an address with a password in it")]
    Address,
    /// The seed of one-time codes.
    #[error("it holds the seed of one-time codes")]
    OneTimeSeed,
    /// A word as random as a generated key or password.
    #[error("it holds a word as random as a generated password")]
    Random,
}

/// What in `text` announces itself as a secret.
pub fn is_marked_secret(text: &str) -> Option<SecretSign> {
    let has_key = text.contains("-----BEGIN") && text.contains("PRIVATE KEY")
        || text.to_ascii_uppercase().contains("AGE-SECRET-KEY-1")
        || text.contains("PuTTY-User-Key-File");
    if has_key {
        return Some(SecretSign::PrivateKey);
    }
    if text.contains("otpauth://") {
        return Some(SecretSign::OneTimeSeed);
    }
    if words(text).any(is_token) {
        return Some(SecretSign::Token);
    }
    if has_address(text) {
        return Some(SecretSign::Address);
    }
    has_assignment(text).then_some(SecretSign::Assignment)
}

/// What in `text` announces itself as a secret, or is as random as one.
pub fn looks_like_secret(text: &str) -> Option<SecretSign> {
    is_marked_secret(text).or_else(|| {
        if runs(text).any(is_one_time_seed) {
            return Some(SecretSign::OneTimeSeed);
        }
        let is_random = runs(text).any(|run| is_random(run) || is_long_hex(run)) || words(text).any(is_password);
        is_random.then_some(SecretSign::Random)
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'`,;<>()[]{}".contains(c)).filter(|word| !word.is_empty())
}

/// Unbroken letters and digits: names of people and machines break at a mark sooner than keys do.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty())
}

/// Beginnings that makers of tokens document, with the number of characters that must follow.
///
/// # Source
/// GitHub, GitLab, Slack, Stripe, Google, AWS, `HashiCorp` Vault, `SendGrid`, npm, `PyPI` and Standard Webhooks
/// documentation of their token formats.
const TOKEN_BEGINNINGS: &[(&str, usize)] = &[
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("xoxs-", 16),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("sk_test_", 16),
    ("sk-", 32),
    ("AIza", 35),
    ("AKIA", 16),
    ("ASIA", 16),
    ("hvs.", 20),
    ("SG.", 40),
    ("npm_", 30),
    ("pypi-", 40),
    ("whsec_", 16),
];

fn is_token(word: &str) -> bool {
    let has_beginning = TOKEN_BEGINNINGS
        .iter()
        .any(|(beginning, rest)| word.starts_with(beginning) && word.len() >= beginning.len() + rest);
    // A signed token: three parts, the first two of them JSON objects in base64 (`eyJ` is `{"`).
    let parts = || word.split('.');
    let is_signed = parts().count() == 3 && parts().take(2).all(|part| part.starts_with("eyJ"));
    has_beginning || is_signed
}

fn has_address(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let authority = rest.split(|c: char| c.is_whitespace() || "/?#".contains(c)).next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, word)| !word.is_empty()))
    })
}

const NAMES_OF_SECRETS: &[&str] = &[
    "password",
    "passwort",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "psk",
    "access_key",
    "private_key",
];

/// `name=value` is taken at its word; `name: value` only when the value is no plain word, because people
/// also write "password: see the vault".
fn has_assignment(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    NAMES_OF_SECRETS.iter().any(|name| {
        lower.match_indices(name).any(|(at, _)| {
            // ASCII lower case keeps every byte where it was.
            let rest = text[at + name.len()..].trim_start_matches(['"', '\'', ' ']);
            let value = |rest: &str| words(rest).next().map(|word| word.trim_end_matches(['.', '!', '?']).to_owned());
            if let Some(rest) = rest.strip_prefix('=') {
                value(rest).is_some_and(|word| word.len() >= 4 && !is_placeholder(&word))
            } else if let Some(rest) = rest.strip_prefix(':') {
                value(rest).is_some_and(|word| word.len() >= 7 && classes(&word) >= 2 && !is_placeholder(&word))
            } else {
                false
            }
        })
    })
}

/// Stars, or a reference to where the value lies.
fn is_placeholder(word: &str) -> bool {
    word.chars().all(|c| "*xX.•-_".contains(c)) || word.starts_with('$') || word.contains("://")
}

/// How many of lower case, upper case, digit and mark a word mixes. A capital at its beginning is only
/// how a sentence begins.
fn classes(word: &str) -> usize {
    let has = |test: fn(&char) -> bool| usize::from(word.chars().any(|c| test(&c)));
    let has_upper = usize::from(word.chars().skip(1).any(char::is_uppercase));
    let has_mark = usize::from(word.chars().any(|c| !c.is_alphanumeric() && c != '-' && c != '\''));
    has(|c| c.is_lowercase()) + has_upper + has(char::is_ascii_digit) + has_mark
}

/// Sixteen or more letters and digits that change between small, capital and digit as chance would have
/// it: a word that people made up changes at most once for each part of it.
fn is_random(run: &str) -> bool {
    let has = |test: fn(&u8) -> bool| run.bytes().any(|byte| test(&byte));
    run.len() >= 16
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && switches(run) * 4 >= run.len()
        && entropy_bits(run) >= 3.2
}

/// Forty or more hexadecimal digits: a key or a hash, and neither is a name. A UUID is shorter.
fn is_long_hex(run: &str) -> bool {
    run.len() >= 40
        && run.bytes().all(|byte| byte.is_ascii_hexdigit())
        && run.bytes().any(|byte| byte.is_ascii_digit())
        && run.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The seed of one-time codes, in base32.
///
/// # Source
/// RFC 4648 section 6 (alphabet), RFC 4226 section 4 (at least 128 bits; 80 in the field: 16 characters).
fn is_one_time_seed(run: &str) -> bool {
    let digits = run.bytes().filter(|byte| (b'2'..=b'7').contains(byte)).count();
    let capitals = run.bytes().filter(u8::is_ascii_uppercase).count();
    run.len() >= 16 && digits + capitals == run.len() && digits >= 2 && capitals >= 8 && switches(run) >= 4
}

/// A short word that mixes everything, or a well-known password in disguise.
fn is_password(word: &str) -> bool {
    let has = |test: fn(char) -> bool| word.chars().any(test);
    let mixes = word.len() >= 8
        && has(|c| c.is_ascii_lowercase())
        && has(|c| c.is_ascii_uppercase())
        && has(|c| c.is_ascii_digit())
        && has(|c| "!#$%^*?~".contains(c));
    let plain: String = word.chars().map(undisguised).collect();
    let is_disguised = ["password", "passwort", "letmein", "welcome", "qwerty", "changeme"]
        .iter()
        .any(|known| plain.contains(known) && !word.to_ascii_lowercase().contains(known));
    mixes || is_disguised
}

const fn undisguised(c: char) -> char {
    match c {
        '@' | '4' => 'a',
        '0' => 'o',
        '3' => 'e',
        '1' | '!' => 'i',
        '$' | '5' => 's',
        other => other.to_ascii_lowercase(),
    }
}

/// How often neighbours differ in being a digit, and how often a small letter meets a capital. A capital
/// followed by small letters is how a word begins, so that change does not count.
fn switches(run: &str) -> usize {
    run.as_bytes()
        .windows(2)
        .filter(|pair| {
            pair[0].is_ascii_digit() != pair[1].is_ascii_digit()
                || pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()
        })
        .count()
}

/// Shannon entropy of the characters of `run`, in bits for each character.
fn entropy_bits(run: &str) -> f64 {
    let mut counts = [0_u32; 256];
    run.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let total = f64::from(u32::try_from(run.len()).unwrap_or(u32::MAX));
    counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count) / total).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_announces_itself_is_found() {
        use SecretSign::{Address, Assignment, OneTimeSeed, PrivateKey, Token};
        let cases = [
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r", PrivateKey),
            ("age-secret-key-1qqqq", PrivateKey),
            ("PuTTY-User-Key-File-3: ssh-ed25519", PrivateKey),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", Token),
            ("key is AKIAIOSFODNN7EXAMPLE here", Token),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", Token),
            ("postgres://admin:hunter2@db.acme.test/app", Address),
            ("password=hunter2", Assignment),
            ("PWD = letmein", Assignment),
            ("Password: Hunter2!", Assignment),
            ("{\"api_key\":\"a1b2c3d4e5\"}", Assignment),
            ("otpauth://totp/acme?secret=JBSWY3DPEHPK3PXP", OneTimeSeed),
        ];
        for (text, sign) in cases {
            assert_eq!(is_marked_secret(text), Some(sign), "{text}");
        }
    }

    #[test]
    fn random_words_are_found() {
        let cases = [
            "wJalrXUtnFEMI7K7MDENGbPxRfiCYEXAMPLEKEY1",
            "svc-backup / Zk3vQ9xT2mLp8RwY",
            "Xy7!kQ92zz",
            "P@ssw0rd",
            "Welc0me2024",
            "JBSWY3DPEHPK3PXP",
            "3b1f0c9ae7d24f6f8b8d1a2b3c4d5e6f7a8b9c0d",
        ];
        for text in cases {
            assert!(looks_like_secret(text).is_some(), "{text}");
        }
    }

    #[test]
    fn names_of_people_machines_and_places_pass() {
        let cases = [
            "svc-backup@acme.local",
            "ACME\\svc-Backup01",
            "CN=Backup Service,OU=Service Accounts,DC=acme,DC=local",
            "S-1-5-21-3623811015-3361044348-30300820-1013",
            "arn:aws:iam::123456789012:user/gangway-operator",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "cli_01h455vb4pex5vsknk084sn02q",
            "DESKTOP-7QK3M2P",
            "BackupServerNode2024",
            "Domain administrator (break glass), MFA by hardware token",
            "password: see the vault",
            "The password is rotated every 90 days.",
            "Password policy: Required by contract",
            "token ring switch, 2nd floor",
            "vault://msp/clients/acme/domain-admin",
            "https://vault.example.com:8200/v1/kv/data/acme",
            "O'Brien, Seán (Zürich)",
            "gateway.acme-dental.example.com",
            "node//R1XV",
            "SN: 5CG1234ABC",
            "password=********",
        ];
        for text in cases {
            assert_eq!(looks_like_secret(text), None, "{text}");
        }
    }

    #[test]
    fn ids_of_outside_systems_pass_the_first_net() {
        for id in ["node//R1XVk8Zp3sT0yQ2wLm9aBc7DeFgHiJkLmNoPqRsTuVwXyZ", "a3f0c9ae7d24f6f8b8d1a2b3c4d5e6f7a8b9c0d1"] {
            assert_eq!(is_marked_secret(id), None, "{id}");
        }
    }
}
