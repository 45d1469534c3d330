//! Documents that are sent by name instead of by text: those the front end registered, and those somebody sent before.
//!
//! A name is the SHA-256 of the text, as `documentId: "sha256:…"` or as Apollo's
//! `extensions.persistedQuery.sha256Hash`. Registered documents are read from a file at the start. Where free documents
//! are allowed, a text that comes with its name is kept for those who send the name alone, in this process and as long as
//! there is room: whoever is told `PERSISTED_QUERY_NOT_FOUND` sends the text once more.
//!
//! # Source
//! GraphQL over HTTP, persisted documents (draft appendix); Apollo's automatic persisted queries, version 1.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::ask::{Ask, Named};
use crate::graphql::error::ErrorCode;

/// How many bytes of texts that somebody sent are kept.
const KEPT_BYTES: usize = 8 << 20;

/// SHA-256 of a text.
pub(super) type Digest = [u8; 32];

/// The digest in `sha256:HEX`, or in the hex digits alone.
pub(super) fn digest(name: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    hex::decode_to_slice(name.strip_prefix("sha256:").unwrap_or(name), &mut digest).ok()?;
    Some(digest)
}

/// The documents that can be sent by name.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    registered: Arc<HashMap<Digest, Arc<str>>>,
    kept: Arc<Mutex<Kept>>,
}

/// Texts that somebody sent, the oldest first.
#[derive(Debug, Default)]
struct Kept {
    texts: HashMap<Digest, Arc<str>>,
    order: VecDeque<Digest>,
    bytes: usize,
}

/// Why a request has no document that may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unresolved {
    pub(super) code: ErrorCode,
    pub(super) message: &'static str,
}

const UNKNOWN: Unresolved =
    Unresolved { code: ErrorCode::PersistedQueryNotFound, message: "No document is stored under this id." };
const OTHER_TEXT: Unresolved =
    Unresolved { code: ErrorCode::BadUserInput, message: "The document's SHA-256 is not the one it is sent with." };
const NOT_REGISTERED: Unresolved = Unresolved {
    code: ErrorCode::Forbidden,
    message: "Only registered documents are taken from a token without the scope `graphql:adhoc`.",
};

impl Documents {
    /// Reads the registered documents from a file: a JSON object from names to texts, as code generators write it.
    ///
    /// # Errors
    /// The file cannot be read, is no such object, or holds a text that has another name or more than `text_max` bytes.
    pub fn load(path: &Path, text_max: usize) -> io::Result<Self> {
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let all: BTreeMap<String, String> = serde_json::from_slice(&fs::read(path)?)
            .map_err(|error| wrong(format!("it is no JSON object from ids to texts (line {})", error.line())))?;
        let mut registered = HashMap::with_capacity(all.len());
        for (name, text) in all {
            let found = Digest::from(Sha256::digest(&text));
            if digest(&name) != Some(found) {
                return Err(wrong(format!("the document `{name}` has the id sha256:{}", hex::encode(found))));
            }
            if text.len() > text_max {
                return Err(wrong(format!("the document `{name}` is larger than {text_max} bytes")));
            }
            registered.insert(found, text.into());
        }
        Ok(Self { registered: Arc::new(registered), kept: Arc::default() })
    }

    /// Puts the text into a request that names a document. Only a caller who `is_free` may send what is not registered.
    ///
    /// # Errors
    /// [`Unresolved`] when nothing is stored under the name, the text has another, or the caller may not send it.
    pub(super) fn resolve(&self, ask: &mut Ask, is_free: bool, text_max: usize) -> Result<(), Unresolved> {
        let named = ask.named();
        let Some(text) = ask.document() else {
            let Named::By(name) = named else {
                return if named == Named::Not { Ok(()) } else { Err(UNKNOWN) };
            };
            let text = self.find(&name, is_free).ok_or(UNKNOWN)?;
            ask.set_document(&text);
            return Ok(());
        };
        if named == Named::Not && is_free {
            return Ok(());
        }
        let found = Digest::from(Sha256::digest(text));
        if named != Named::Not && named != Named::By(found) {
            return Err(OTHER_TEXT);
        }
        if self.registered.contains_key(&found) {
            return Ok(());
        }
        if !is_free {
            return Err(NOT_REGISTERED);
        }
        if text.len() <= text_max {
            self.kept().keep(found, text.into());
        }
        Ok(())
    }

    fn find(&self, name: &Digest, is_free: bool) -> Option<Arc<str>> {
        let registered = self.registered.get(name).cloned();
        registered.or_else(|| if is_free { self.kept().texts.get(name).cloned() } else { None })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, name: Digest, text: Arc<str>) {
        if self.texts.contains_key(&name) {
            return;
        }
        self.bytes += text.len();
        self.texts.insert(name, text);
        self.order.push_back(name);
        while self.bytes > KEPT_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.texts.remove(&oldest).map_or(0, |text| text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "{ viewer { name } }";

    fn ask(members: &serde_json::Value) -> Ask {
        Ask::from_json(members.to_string().as_bytes()).unwrap()
    }

    fn id(text: &str) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(text)))
    }

    fn hashed(text: &str) -> serde_json::Value {
        json!({ "persistedQuery": { "version": 1, "sha256Hash": hex::encode(Sha256::digest(text)) } })
    }

    fn registered(text: &str) -> Documents {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), json!({ id(text): text }).to_string()).unwrap();
        Documents::load(file.path(), 100).unwrap()
    }

    #[test]
    fn a_registered_document_is_found_by_either_name_and_may_be_sent_as_text() {
        let documents = registered(TEXT);
        for members in
            [json!({ "documentId": id(TEXT) }), json!({ "extensions": hashed(TEXT) }), json!({ "query": TEXT })]
        {
            let mut ask = ask(&members);
            assert_eq!(documents.resolve(&mut ask, false, 100), Ok(()));
            assert_eq!(ask.document(), Some(TEXT));
        }
        for (members, refused) in [
            (json!({ "query": "{ clients { totalCount } }" }), NOT_REGISTERED),
            (json!({ "query": "{ me }", "extensions": hashed("{ me }") }), NOT_REGISTERED),
            (json!({ "documentId": id("{ me }") }), UNKNOWN),
            (json!({ "documentId": "sha256:abc" }), UNKNOWN),
            (json!({ "query": TEXT, "documentId": id("{ me }") }), OTHER_TEXT),
            (json!({ "query": TEXT, "documentId": "viewer" }), OTHER_TEXT),
        ] {
            assert_eq!(documents.resolve(&mut ask(&members), false, 100), Err(refused), "{members}");
        }
    }

    #[test]
    fn what_a_free_caller_sent_with_its_name_is_found_by_free_callers() {
        let documents = Documents::default();
        let by_name = json!({ "extensions": hashed(TEXT) });
        assert_eq!(documents.resolve(&mut ask(&by_name), true, 100), Err(UNKNOWN));
        assert_eq!(
            documents.resolve(&mut ask(&json!({ "query": TEXT, "extensions": hashed(TEXT) })), true, 100),
            Ok(())
        );
        let mut found = ask(&by_name);
        assert_eq!(documents.resolve(&mut found, true, 100), Ok(()));
        assert_eq!(found.document(), Some(TEXT));
        assert_eq!(documents.resolve(&mut ask(&by_name), false, 100), Err(UNKNOWN));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for_and_the_oldest_goes_first() {
        let mut kept = Kept::default();
        for number in 0..20_u8 {
            kept.keep([number; 32], "x".repeat(1 << 20).into());
            kept.keep([number; 32], "x".into());
        }
        assert_eq!((kept.bytes, kept.texts.len(), kept.order.len()), (KEPT_BYTES, 8, 8));
        assert!(kept.texts.contains_key(&[19; 32]) && !kept.texts.contains_key(&[11; 32]));
    }

    #[test]
    fn a_file_that_does_not_add_up_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["", "[]", "{\"a\": 1}", "{\"sha256:00\": \"{ me }\"}"] {
            fs::write(file.path(), text).unwrap();
            assert!(Documents::load(file.path(), 100).is_err(), "{text}");
        }
        let long = "x".repeat(101);
        fs::write(file.path(), json!({ id(&long): long }).to_string()).unwrap();
        assert!(Documents::load(file.path(), 100).unwrap_err().to_string().contains("larger"));
        assert!(Documents::load(Path::new("/nowhere/at/all"), 100).is_err());
    }
}
