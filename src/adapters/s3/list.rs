//! Listing a bucket, page by page.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use futures_util::StreamExt;
use rusty_s3::{S3Action, actions::ListObjectsV2, actions::list_objects_v2::ListObjectsContent};

use super::{SIGNED_FOR, Shared, call::SHORT_CALL};
use crate::ports::storage::{Entry, EntryKind, Facts, Fault, FaultKind, Listed, Listing, ObjectPath, Result};

/// Where a listing stands.
enum Next {
    First,
    After(String),
    Done,
}

/// All objects below `folder`.
pub(super) fn objects(shared: Arc<Shared>, folder: ObjectPath) -> Listing {
    futures_util::stream::try_unfold(Next::First, move |next| {
        let (shared, folder) = (shared.clone(), folder.clone());
        async move {
            let token = match next {
                Next::First => None,
                Next::After(token) => Some(token),
                Next::Done => return Ok(None),
            };
            let (page, next) = page(&shared, &folder, token).await?;
            Ok(Some((page, next)))
        }
    })
    .boxed()
}

async fn page(shared: &Shared, folder: &ObjectPath, token: Option<String>) -> Result<(Vec<Listed>, Next)> {
    let place = folder.to_string();
    let prefix = if folder.is_root() { String::new() } else { format!("{}/", Shared::key("list", folder)?) };
    let request = |http: &reqwest::Client| {
        let mut action = ListObjectsV2::new(&shared.bucket, Some(&shared.credentials));
        action.with_prefix(prefix.as_str());
        if let Some(token) = &token {
            action.with_continuation_token(token.as_str());
        }
        http.get(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    let broken = |detail: &str| Fault::new(FaultKind::Transient, "list", place.as_str(), detail);
    let response = shared.send("list", &place, request).await?;
    let document = response.text().await.map_err(|_error| broken("the answer broke off"))?;
    if let Some(fault) = super::answer::hidden_refusal("list", &place, &document) {
        return Err(fault);
    }
    let parsed = ListObjectsV2::parse_response(&document)
        .map_err(|_error| Fault::new(FaultKind::Permanent, "list", place.as_str(), "the answer is no listing"))?;
    // A folder in a bucket is there as long as something is in it; an empty bucket is there as well.
    if token.is_none() && parsed.contents.is_empty() && parsed.next_continuation_token.is_none() && !folder.is_root() {
        return Err(Fault::new(FaultKind::NotFound, "list", place, "no key begins so"));
    }
    let next = parsed.next_continuation_token.map_or(Next::Done, Next::After);
    let listed = parsed.contents.into_iter().filter(|object| object.key != prefix);
    Ok((listed.map(|object| line(&object)).collect(), next))
}

fn line(object: &ListObjectsContent) -> Listed {
    let size = object.size.unwrap_or(0);
    // Tools that show buckets as folders leave empty objects whose key ends in a slash.
    let folder = object.key.strip_suffix('/').filter(|name| size == 0 && !name.is_empty());
    let (kind, path) = match folder {
        Some(name) => (EntryKind::Directory, ObjectPath::from(name)),
        None => (EntryKind::File, ObjectPath::from(object.key.as_str())),
    };
    if let Err(fault) = Shared::key("list", &path) {
        return Listed::Unreadable { path, kind, fault };
    }
    let facts = Facts {
        size,
        modified: object.last_modified.as_deref().and_then(listed_time),
        version: object.etag.as_deref().map(bare_etag),
    };
    Listed::Entry(Entry { path, kind, facts, mode: None, link: None })
}

/// A listing tells milliseconds where a read tells whole seconds: the coarser of the two compares.
fn listed_time(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc().trunc_subsecs(0))
}

/// An `ETag` without its quotes.
pub(super) fn bare_etag(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}
