//! Taking tokens and passwords out of a text.

use std::borrow::Cow;

const REDACTED: &str = "[redacted]";
/// What ends a word that could be a secret.
const ENDS: [char; 10] = [' ', '\t', '\n', '"', '\'', ',', ';', '<', '>', '&'];

/// `text` without what looks like a token or a password: what follows `Bearer`, JSON web tokens, api keys,
/// and the password of a URL.
pub fn redact(text: &str) -> Cow<'_, str> {
    if !text.split(ENDS).any(looks_secret) && !has_bearer(text) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut after_bearer = false;
    for piece in text.split_inclusive(ENDS) {
        let word = piece.trim_end_matches(ENDS);
        let end = &piece[word.len()..];
        if after_bearer && !word.is_empty() || looks_secret(word) {
            clean.push_str(&without_secret(word, after_bearer));
        } else {
            clean.push_str(word);
        }
        clean.push_str(end);
        after_bearer = word.eq_ignore_ascii_case("bearer") || (after_bearer && word.is_empty());
    }
    Cow::Owned(clean)
}

fn has_bearer(text: &str) -> bool {
    text.split(ENDS).any(|word| word.eq_ignore_ascii_case("bearer"))
}

/// Three base64url parts of which the first begins like `{"`; a key of ours; or a URL with a password.
fn looks_secret(word: &str) -> bool {
    let token = word.rsplit(['=', ':', '(', '[']).next().unwrap_or(word);
    (token.starts_with("eyJ") && token.matches('.').count() >= 2)
        || token.starts_with("gwk_")
        || password(word).is_some()
}

/// The place of the password in a word such as `postgres://user:password@host`.
fn password(word: &str) -> Option<(usize, usize)> {
    let start = word.find("://")? + 3;
    let authority = &word[start..];
    let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
    let at = authority.rfind('@')?;
    let colon = authority[..at].find(':')?;
    Some((start + colon + 1, start + at))
}

fn without_secret(word: &str, is_whole: bool) -> Cow<'static, str> {
    match password(word) {
        Some((from, to)) if !is_whole => Cow::Owned(format!("{}{REDACTED}{}", &word[..from], &word[to..])),
        _ => Cow::Borrowed(REDACTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_and_everything_else_stays() {
        for (text, expected) in [
            ("The job ended.", "The job ended."),
            ("authorization: Bearer abc.def", "authorization: Bearer [redacted]"),
            ("bearer  abc,next", "bearer  [redacted],next"),
            ("token=eyJhbGciOi.eyJzdWIi.c2ln end", "[redacted] end"),
            ("key gwk_0123456789", "key [redacted]"),
            ("postgres://u:p@ss@h:5432/d?x=1 failed", "postgres://u:[redacted]@h:5432/d?x=1 failed"),
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("https://a.example/path:with@at", "https://a.example/path:with@at"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
