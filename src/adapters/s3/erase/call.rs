//! The calls that delete, and the one that says why something stays.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt};
use reqwest::StatusCode;
use rusty_s3::{
    S3Action,
    actions::{DeleteObject, DeleteObjects, HeadObject, ObjectIdentifier},
};

use super::{AT_ONCE, Fresh};
use crate::{
    adapters::s3::{
        SIGNED_FOR, Shared,
        answer::{between, hidden_refusal, kind},
        call::{SHORT_CALL, is_worth_a_retry},
        versions::{Kind, Thing, unescaped},
        write,
    },
    domain::sanitization::Fate,
    ports::{
        eraser::Erased,
        storage::{Fault, FaultKind, ObjectPath, Result},
    },
};

/// Things that one call takes.
const MOST: usize = 1_000;

/// What the store would not delete: keys and ids. Some stores tell the key alone.
#[derive(Default)]
pub(super) struct Kept(HashSet<(ObjectPath, String)>);

impl Kept {
    /// Adds others.
    pub(super) fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether the thing may be one of these.
    pub(super) fn has(&self, thing: &Thing) -> bool {
        [&thing.id, ""].iter().any(|id| self.0.contains(&(thing.key.clone(), (*id).to_owned())))
    }
}

/// Asks the store to delete all of `things`; gives those of which it says that it does not. Of the others a look has to
/// say what came of it.
///
/// # Errors
/// `Transient` when the leave has ended or the look is old; those of the store that may pass. A refusal is none.
pub(super) async fn delete(shared: &Shared, folder: &ObjectPath, things: &[&Thing], fresh: &Fresh<'_>) -> Result<Kept> {
    let (plain, mut odd): (Vec<&Thing>, Vec<&Thing>) =
        things.iter().copied().partition(|thing| thing.kind != Kind::Upload && is_xml(&thing.key));
    let mut kept = Kept::default();
    for some in plain.chunks(MOST) {
        fresh.holds(folder)?;
        match together(shared, folder, some).await {
            Ok(some) => kept.add(some),
            Err(fault) if fault.concerns_the_store() => return Err(fault),
            // One of them spoils it for all, or the store has no such call.
            Err(_refused) => odd.extend(some),
        }
    }
    let singly = odd.into_iter().map(|thing| async move {
        fresh.holds(folder)?;
        match alone(shared, thing).await {
            Ok(()) => Ok(None),
            Err(fault) if fault.concerns_the_store() => Err(fault),
            Err(_refused) => Ok(Some((thing.key.clone(), thing.id.clone()))),
        }
    });
    let singly: Vec<_> = singly.collect();
    let refused: Vec<_> = futures_util::stream::iter(singly).buffer_unordered(AT_ONCE).try_collect().await?;
    kept.0.extend(refused.into_iter().flatten());
    Ok(kept)
}

/// XML has no way to write control characters, and what one does with line ends is not what another does.
fn is_xml(key: &ObjectPath) -> bool {
    key.as_utf8().is_some_and(|text| !text.chars().any(|c| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')))
}

async fn together(shared: &Shared, folder: &ObjectPath, things: &[&Thing]) -> Result<Kept> {
    let place = folder.to_string();
    let object = |thing: &&Thing| {
        let key = thing.key.as_utf8().unwrap_or_default().to_owned();
        ObjectIdentifier { key, version_id: Some(thing.id.clone()) }
    };
    let objects: Vec<_> = things.iter().map(object).collect();
    let request = |http: &reqwest::Client| {
        let mut action = DeleteObjects::new(&shared.bucket, Some(&shared.credentials), objects.iter());
        action.set_quiet(true);
        let url = action.sign(SIGNED_FOR);
        let (body, digest) = action.body_with_md5();
        http.post(url).header("content-md5", digest).body(body).timeout(SHORT_CALL)
    };
    // Not tried again from here: whoever tries again looks again.
    let response = shared.try_once("erase", &place, request(&shared.http)).await?;
    let broken = |_error| Fault::new(FaultKind::Transient, "erase", place.as_str(), "the answer broke off");
    let document = response.text().await.map_err(broken)?;
    if let Some(fault) = hidden_refusal("erase", &place, &document) {
        return Err(fault);
    }
    let mut kept = Kept::default();
    for error in between(&document, "<Error>", "</Error>") {
        let field = |open, close| unescaped(between(error, open, close).next().unwrap_or_default());
        let code = field("<Code>", "</Code>");
        let fault = Fault::new(kind(StatusCode::OK, &code), "erase", place.as_str(), "HTTP 200 with an error inside");
        if is_worth_a_retry(&fault) {
            return Err(fault);
        }
        let key = ObjectPath::from(field("<Key>", "</Key>").as_str());
        kept.0.insert((key, field("<VersionId>", "</VersionId>")));
    }
    Ok(kept)
}

async fn alone(shared: &Shared, thing: &Thing) -> Result<()> {
    if thing.kind == Kind::Upload {
        return write::abort(shared, &thing.key, &thing.id).await;
    }
    let (key, place) = (Shared::key("erase", &thing.key)?, thing.key.to_string());
    let request = |http: &reqwest::Client| {
        let mut action = DeleteObject::new(&shared.bucket, Some(&shared.credentials), key);
        action.query_mut().insert("versionId", thing.id.as_str());
        http.delete(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    write::absent_is_fine(shared.try_once("erase", &place, request(&shared.http)).await)
}

/// What became of a thing that is, or may be, there although it was to be deleted.
///
/// # Errors
/// Those of the store that may pass.
pub(super) async fn why_it_stays(shared: &Shared, thing: &Thing, kept: &Kept) -> Result<Erased> {
    let place = thing.key.to_string();
    let stays = |kind, why: &str| Erased::not(Fate::Refused, Fault::new(kind, "erase", place.as_str(), why));
    if thing.kind == Kind::Version {
        match lock(shared, thing).await {
            Ok(Lock::Until(until)) => return Ok(Erased::locked(until)),
            Ok(Lock::Held) => return Ok(stays(FaultKind::Forbidden, "a legal hold of the store")),
            Ok(Lock::None) => {}
            Err(fault) if fault.kind == FaultKind::NotFound => return Ok(Erased::of(Fate::Destroyed)),
            Err(fault) if fault.concerns_the_store() => return Err(fault),
            Err(fault) => return Ok(Erased::not(Fate::Refused, fault)),
        }
    }
    Ok(if kept.has(thing) {
        stays(FaultKind::Forbidden, "the store does not delete it")
    } else {
        stays(FaultKind::Lied, "is still there after the store agreed to delete it")
    })
}

/// What keeps a version.
enum Lock {
    Until(DateTime<Utc>),
    /// Until somebody lifts it.
    Held,
    None,
}

async fn lock(shared: &Shared, thing: &Thing) -> Result<Lock> {
    let (key, place) = (Shared::key("erase", &thing.key)?, thing.key.to_string());
    let request = |http: &reqwest::Client| {
        let mut action = HeadObject::new(&shared.bucket, Some(&shared.credentials), key);
        action.query_mut().insert("versionId", thing.id.as_str());
        http.head(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    let response = shared.send("erase", &place, request).await?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    if header("x-amz-object-lock-legal-hold").is_some_and(|hold| hold.eq_ignore_ascii_case("on")) {
        return Ok(Lock::Held);
    }
    let until = header("x-amz-object-lock-retain-until-date").and_then(|date| DateTime::parse_from_rfc3339(date).ok());
    Ok(until.map_or(Lock::None, |until| Lock::Until(until.to_utc())))
}
