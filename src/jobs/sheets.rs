//! What a scan found, written down: sheets of items, and one page that names them all.
//!
//! Sheets are small enough to be held, so that whoever destroys can go through them from the last item to the first: what
//! is in a folder before the folder. The page's SHA-256 is the scan's digest; it depends on the place and the items
//! alone, and the page holds the SHA-256 of each sheet, so what is read back is what was found.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    app::scan::Found,
    error::{Error, Result},
    ports::{
        eraser::{Eraser, Ground, Item, Surveyed},
        storage::{EntryKind, ObjectPath, ObjectStore, Span},
    },
};

/// Items of a sheet, and bytes of names after which no other item joins them.
const SHEET: (usize, usize) = (4_096, 8 * 1024 * 1024);
/// Contents with several names whose names are counted, which takes some 20 MB. Of more nobody could say whether all of their
/// names are here.
const SHARED_MAX: usize = 200_000;
/// The largest object that is read back: far more than a sheet of the longest names takes.
const OBJECT_MAX: u64 = 64 * 1024 * 1024;
/// What the page is called.
const PAGE: &str = "page.json";

/// Where the sheets of one target lie.
#[derive(Clone, Copy)]
pub(super) struct Shelf<'a> {
    pub(super) store: &'a dyn ObjectStore,
    pub(super) folder: &'a ObjectPath,
}

/// The page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    /// The place, as `STORE://PATH`.
    pub(super) place: String,
    /// Which store it was.
    pub(super) root: String,
    /// The sheets, in order.
    pub(super) sheets: Vec<Sheet>,
}

/// A sheet, as the page names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sheet {
    /// SHA-256 of its bytes, in hex.
    pub(super) sha256: String,
    /// How many items are on it.
    pub(super) items: u64,
}

impl Shelf<'_> {
    fn sheet(&self, number: usize) -> ObjectPath {
        self.folder.join(format!("{number:08}.jsonl"))
    }

    /// Writes down everything at and below `folder`. An earlier writing is replaced. `told` is given the counts as they
    /// grow.
    ///
    /// # Errors
    /// Those of either store.
    pub(super) async fn write(
        &self,
        eraser: &dyn Eraser,
        folder: &ObjectPath,
        place: String,
        ground: Ground,
        told: impl Fn(&Found) + Send + Sync,
    ) -> Result<Found> {
        let mut found = Found { limits: ground.limits, root: ground.root.clone(), ..Found::default() };
        let mut page = Page { place, root: ground.root, ..Page::default() };
        let (mut items, mut bytes, mut shared) = (Vec::with_capacity(SHEET.0), 0, Shared::default());
        let mut survey = eraser.survey(folder);
        while let Some(surveyed) = survey.try_next().await? {
            for line in surveyed {
                match line {
                    Surveyed::Item(item) => {
                        count(&mut found, &item);
                        shared.count(&item);
                        bytes += item.path.as_bytes().len();
                        items.push(item);
                    }
                    Surveyed::Hidden { path, fault } => {
                        tracing::info!(path = %path.to_text(), error = %fault, "something cannot be looked at");
                        found.hidden += 1;
                    }
                }
                if items.len() == SHEET.0 || bytes >= SHEET.1 {
                    bytes = 0;
                    page.sheets.push(self.put(page.sheets.len(), &std::mem::take(&mut items)).await?);
                }
            }
            told(&found);
        }
        if !items.is_empty() {
            page.sheets.push(self.put(page.sheets.len(), &items).await?);
        }
        found.named_elsewhere = shared.elsewhere();
        let text = serde_json_canonicalizer::to_vec(&page).map_err(Error::internal)?;
        found.digest = hex::encode(Sha256::digest(&text));
        self.store.put(&self.folder.join(PAGE), Bytes::from(text)).await?;
        Ok(found)
    }

    async fn put(&self, number: usize, items: &[Item]) -> Result<Sheet> {
        let mut text = Vec::new();
        for item in items {
            serde_json::to_writer(&mut text, item).map_err(Error::internal)?;
            text.push(b'\n');
        }
        let sheet = Sheet { sha256: hex::encode(Sha256::digest(&text)), items: items.len() as u64 };
        self.store.put(&self.sheet(number), Bytes::from(text)).await?;
        Ok(sheet)
    }

    /// The page, if it is the one that `digest` stands for.
    ///
    /// # Errors
    /// `PlanChanged` when it is another; those of the store.
    pub(super) async fn page(&self, digest: &str) -> Result<Page> {
        let text = self.object(&self.folder.join(PAGE), digest).await?;
        serde_json::from_slice(&text).map_err(Error::internal)
    }

    /// The items of sheet `number` of `page`, in the order in which they were found.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub(super) async fn items(&self, page: &Page, number: usize) -> Result<Vec<Item>> {
        let sheet = page.sheets.get(number).ok_or_else(|| Error::internal("a sheet that no page names"))?;
        let text = self.object(&self.sheet(number), &sheet.sha256).await?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(Error::internal)).collect()
    }

    async fn object(&self, path: &ObjectPath, sha256: &str) -> Result<Bytes> {
        let text = self.store.open(path, Span::All).await?.body.into_bytes(OBJECT_MAX).await?;
        if hex::encode(Sha256::digest(&text)) == sha256 {
            return Ok(text);
        }
        Err(Error::PlanChanged("What the scan wrote down is not what was approved."))
    }
}

/// Contents with several names, and how many of these were seen.
#[derive(Default)]
struct Shared {
    seen: HashMap<String, (u64, u64)>,
    uncounted: u64,
}

impl Shared {
    fn count(&mut self, item: &Item) {
        if item.kind != EntryKind::File || item.names < 2 {
            return;
        }
        if self.seen.len() >= SHARED_MAX && !self.seen.contains_key(item.content()) {
            self.uncounted += 1;
            return;
        }
        self.seen.entry(item.content().to_owned()).or_insert((0, item.names)).0 += 1;
    }

    /// Contents that have, or may have, names that were not seen.
    fn elsewhere(&self) -> u64 {
        self.uncounted + self.seen.values().filter(|(seen, names)| seen < names).count() as u64
    }
}

fn count(found: &mut Found, item: &Item) {
    found.items += 1;
    if item.kind == EntryKind::File {
        found.files += 1;
        found.bytes += item.size;
        found.several_names += u64::from(item.names > 1);
    }
}
