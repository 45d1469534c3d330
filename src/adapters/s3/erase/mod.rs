//! Deleting what a bucket holds below a folder: every version by its own id, every marker, every unfinished upload.
//!
//! A store says "deleted" of what was not there and of what it keeps, so no yes of it is counted. A batch is looked at,
//! deleted, and looked at again: what was there and is not any more was destroyed; what is still there, or was refused, is
//! there, perhaps locked until a date that the store is asked for. What has another state than the one that was surveyed is left alone.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};

use super::{
    S3, Shared,
    versions::{self, After, Call, Kind, Thing, UPLOADS, VERSIONS},
};
use crate::{
    domain::{
        clearance::Clearance,
        sanitization::{Fate, SanitizationMethod},
    },
    ports::{
        eraser::{Batch, Erased, Eraser, Ground, Item, Leave, STANDSTILL, Survey, Surveyed},
        storage::{EntryKind, Fault, FaultKind, ObjectPath, Result},
    },
};

mod call;
mod ground;
mod witness;

pub use witness::Versions;

/// Calls about single things that are under way at a time.
const AT_ONCE: usize = 8;

#[async_trait]
impl Eraser for S3 {
    fn method(&self) -> SanitizationMethod {
        SanitizationMethod::DeleteVersions
    }

    async fn root(&self) -> Result<String> {
        Ok(ground::identity(&self.shared))
    }

    async fn ground(&self, folder: &ObjectPath) -> Result<Ground> {
        ground::ground(&self.shared, folder).await
    }

    fn survey(&self, folder: &ObjectPath) -> Survey {
        let at = folder.clone();
        let items = move |things: Vec<Thing>| things.iter().map(|thing| Surveyed::Item(item(&at, thing))).collect();
        versions::things(&self.shared, folder).map_ok(items).boxed()
    }

    async fn erase(&self, clearance: Clearance<Batch>) -> Result<Vec<Erased>> {
        erase(&self.shared, &clearance.spend()).await
    }
}

fn item(folder: &ObjectPath, thing: &Thing) -> Item {
    Item {
        path: ObjectPath::from_bytes(thing.key.below(folder).unwrap_or_default()),
        kind: if thing.kind == Kind::Version { EntryKind::File } else { EntryKind::Other },
        size: thing.size,
        state: thing.state(),
        names: 1,
    }
}

/// The key of an item: a folder may itself be one, with its slash.
fn key(folder: &ObjectPath, item: &Item) -> ObjectPath {
    let path = item.path.as_bytes();
    if folder.is_root() { item.path.clone() } else { ObjectPath::from_bytes([folder.as_bytes(), b"/", path].concat()) }
}

async fn erase(shared: &Shared, batch: &Batch) -> Result<Vec<Erased>> {
    let keys: Vec<_> = batch.items.iter().map(|item| key(&batch.folder, item)).collect();
    let (before, look) = fresh(shared, batch, &keys).await?;
    let things = keys.iter().zip(&batch.items).filter_map(|(key, item)| before.same(key, item));
    let (markers, contents): (Vec<_>, Vec<_>) = things.partition(|thing| thing.kind == Kind::Marker);
    let mut kept = call::delete(shared, &batch.folder, &contents, &look).await?;
    let (mut after, look) = fresh(shared, batch, &keys).await?;
    // A marker hides what is below it: without it, what stays there would be there for everybody to see.
    let (covers, markers): (Vec<_>, Vec<_>) =
        markers.into_iter().partition(|marker| after.has_version(&marker.key) || kept.has(marker));
    if !markers.is_empty() {
        kept.add(call::delete(shared, &batch.folder, &markers, &look).await?);
        after = There::look(shared, batch, &keys).await?;
    }
    let (kept, covers) = (&kept, &covers);
    let fates = keys.iter().zip(&batch.items).map(|(key, item)| {
        let (was, is_changed) = (before.same(key, item), before.has(key, item));
        let stays = was.is_some_and(|thing| after.same(key, item).is_some() || kept.has(thing));
        async move {
            match was {
                Some(thing) if covers.iter().any(|cover| std::ptr::eq(*cover, thing)) => Ok(hides(&thing.key)),
                Some(thing) if stays => call::why_it_stays(shared, thing, kept).await,
                Some(thing) if thing.kind == Kind::Version => Ok(Erased::of(Fate::Destroyed)),
                Some(_) => Ok(Erased::of(Fate::Removed)),
                None if is_changed => Ok(Erased::not(Fate::Changed, changed(key))),
                None => Ok(Erased::of(Fate::Absent)),
            }
        }
    });
    let fates: Vec<_> = fates.collect();
    futures_util::stream::iter(fates).buffered(AT_ONCE).try_collect().await
}

fn changed(key: &ObjectPath) -> Fault {
    Fault::new(FaultKind::Conflict, "erase", key.to_string(), "is not what was surveyed")
}

/// It stays as long as what it hides.
fn hides(key: &ObjectPath) -> Erased {
    Erased::not(Fate::Locked, Fault::new(FaultKind::Conflict, "erase", key.to_string(), "hides a version that stays"))
}

/// A leave, and a look that it goes by.
struct Fresh<'a> {
    leave: &'a Leave,
    looked: Instant,
}

impl Fresh<'_> {
    /// Refuses to go on when the leave has ended or the look is old: a process that stood still has not seen what is there.
    fn holds(&self, folder: &ObjectPath) -> Result<()> {
        let ended = |why: &str| Err(Fault::new(FaultKind::Transient, "erase", folder.to_string(), why));
        if self.leave.is_over() {
            return ended("the leave to destroy has ended");
        }
        if self.looked.elapsed() > STANDSTILL { ended("what was looked at is too long ago") } else { Ok(()) }
    }
}

/// A look, and that it was a quick one.
async fn fresh<'a>(shared: &Shared, batch: &'a Batch, keys: &[ObjectPath]) -> Result<(There, Fresh<'a>)> {
    let fresh = Fresh { leave: &batch.leave, looked: Instant::now() };
    let there = There::look(shared, batch, keys).await?;
    fresh.holds(&batch.folder)?;
    Ok((there, fresh))
}

/// What is there under the keys of a batch.
struct There(HashMap<ObjectPath, Vec<Thing>>);

impl There {
    /// Looks, in listings: asking for each key by itself would take a thousand times as many calls.
    async fn look(shared: &Shared, batch: &Batch, keys: &[ObjectPath]) -> Result<Self> {
        let is_upload = |item: &Item| item.state.ends_with(":upload");
        let mut there = Self(HashMap::new());
        for (call, wanted) in [(&VERSIONS, false), (&UPLOADS, true)] {
            let of_call = keys.iter().zip(&batch.items).filter(|(_, item)| is_upload(item) == wanted);
            let keys: BTreeSet<_> = of_call.map(|(key, _)| key).collect();
            let (Some(first), Some(last)) = (keys.first(), keys.last()) else { continue };
            let text = first.as_utf8().unwrap_or_default();
            // A listing begins behind a key and never with one, so the first is asked for by itself.
            there.add(shared, call, (text, After::default()), &keys, first).await?;
            let behind = After { key: text.to_owned(), id: String::new() };
            there.add(shared, call, (&versions::prefix(&batch.folder)?, behind), &keys, last).await?;
        }
        Ok(there)
    }

    /// Adds what is there of `keys`, up to the `last` of them, in the listing that begins there.
    async fn add(
        &mut self,
        shared: &Shared,
        call: &Call,
        (prefix, after): (&str, After),
        keys: &BTreeSet<&ObjectPath>,
        last: &ObjectPath,
    ) -> Result<()> {
        let mut at = Some(after);
        while let Some(after) = at {
            let page = versions::page(shared, call, prefix, &after).await?;
            let is_past = page.things.iter().any(|thing| thing.key > *last);
            for thing in page.things.into_iter().filter(|thing| keys.contains(&thing.key)) {
                self.0.entry(thing.key.clone()).or_default().push(thing);
            }
            at = page.next.filter(|_| !is_past);
        }
        Ok(())
    }

    /// The thing under `key` that is still as `item` was.
    fn same(&self, key: &ObjectPath, item: &Item) -> Option<&Thing> {
        self.0.get(key)?.iter().find(|thing| thing.state() == item.state)
    }

    /// Whether a version lies under `key`.
    fn has_version(&self, key: &ObjectPath) -> bool {
        self.0.get(key).is_some_and(|things| things.iter().any(|thing| thing.kind == Kind::Version))
    }

    /// Whether something under `key` has the id of `item`.
    fn has(&self, key: &ObjectPath, item: &Item) -> bool {
        let is_it = |thing: &Thing| thing.state().split(':').next() == Some(item.content());
        self.0.get(key).is_some_and(|things| things.iter().any(is_it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_itself_may_be_a_key() {
        let item =
            |path: &str| Item { path: path.into(), kind: EntryKind::File, size: 0, state: String::new(), names: 1 };
        for (folder, path, expected) in
            [("acme", "", "acme/"), ("acme", "a/", "acme/a/"), ("acme", "/a", "acme//a"), ("", "a", "a")]
        {
            assert_eq!(key(&folder.into(), &item(path)).as_bytes(), expected.as_bytes());
        }
    }
}
