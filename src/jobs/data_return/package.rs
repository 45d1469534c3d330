//! The package manifest: what lies at the destination, in one canonical text whose digest the client
//! acknowledges.
//!
//! Beside the parts stand `<name>.package.json` (canonical JSON, RFC 8785), `<name>.sha256` (a list that
//! `sha256sum -c` reads, of the other objects and the package manifest) and `<name>.HOW-TO-RESTORE.txt`. None of them
//! is encrypted and none holds a file name of the client; the list of omissions does and is ([`Omissions`]). In the second edition of a package, in which something that
//! came back damaged was made again, they are called `<name>.v2…`: a worker that was held up in the first spoils
//! nothing.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    bag,
    checkpoint::{Checkpoint, PartRecord, Position},
    fault::{Result, ReturnError, written},
    inventory::Frozen,
    omissions::Omissions,
    order::{Format, Order, Slug},
    part::Parts,
    spooled::Head,
    tally::Tally,
};
use crate::domain::recipient_key::RecipientKey;

/// The format of the package manifest.
const MANIFEST_FORMAT: &str = "gangway.data-return/1";

/// A finished package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What it is made of.
    pub manifest: PackageManifest,
    /// SHA-256 of the canonical text of `manifest`, in hex: what the client acknowledges.
    pub digest: String,
    /// The checkpoint that it follows from.
    pub packed: Checkpoint,
}

/// What a package is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageManifest {
    /// The format of this text.
    pub format: String,
    /// Name of the package.
    pub name: Slug,
    /// How it is packed.
    pub packing: Format,
    /// The program that made it, with its version.
    pub made_by: String,
    /// The return's own number.
    pub external_identifier: String,
    /// SHA-256 of the frozen inventory that was planned.
    pub inventory_sha256: String,
    /// SHA-256 of the bag's payload manifest, in hex.
    pub bag_manifest_sha256: String,
    /// What is in the bag, and what is not.
    pub contents: Tally,
    /// Fingerprints of the keys that open it.
    pub recipients: Vec<String>,
    /// The parts, in order.
    pub parts: Vec<PartRecord>,
    /// The list of what is not in the bag, or not whole; none when there is nothing to list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omissions: Option<Omissions>,
}

impl Package {
    /// The bytes of its parts, as they lie at the destination.
    pub fn bytes(&self) -> u64 {
        self.manifest.parts.iter().map(|part| part.bytes).sum()
    }
}

impl PackageManifest {
    /// The canonical text.
    ///
    /// # Errors
    /// `Broken` when a number is beyond what JSON can carry exactly, 2^53.
    pub fn canonical(&self) -> Result<Vec<u8>> {
        serde_json_canonicalizer::to_vec(self)
            .map_err(|_error| ReturnError::Broken("the package manifest has no canonical text"))
    }

    /// SHA-256 of the canonical text, in hex.
    ///
    /// # Errors
    /// As [`canonical`](Self::canonical).
    pub fn digest(&self) -> Result<String> {
        Ok(hex::encode(Sha256::digest(self.canonical()?)))
    }

    /// Whether everything that was planned is in the bag.
    pub fn is_complete(&self) -> bool {
        self.contents.is_complete()
    }
}

/// Writes the texts beside the parts.
pub(super) async fn describe(order: &Order, frozen: &Frozen, packed: Checkpoint) -> Result<Package> {
    let Position::End { manifest_sha256: bag_manifest_sha256 } = &packed.at else {
        return Err(ReturnError::Broken("a package is described before its end"));
    };
    let manifest = PackageManifest {
        format: MANIFEST_FORMAT.to_owned(),
        name: order.name.clone(),
        packing: order.format,
        made_by: order.about.made_by.clone(),
        external_identifier: order.about.external_identifier.clone(),
        inventory_sha256: frozen.sha256.clone(),
        bag_manifest_sha256: bag_manifest_sha256.clone(),
        contents: packed.tally.clone(),
        recipients: order.recipients.iter().map(RecipientKey::fingerprint).collect(),
        parts: records(order, &packed.parts).await?,
        omissions: packed.omissions.clone(),
    };
    let digest = manifest.digest()?;
    for (name, bytes) in texts(order, &manifest, packed.edition)? {
        let path = order.destination.at(name);
        written(order.destination.store.put(&path, Bytes::from(bytes)).await).map_err(ReturnError::Destination)?;
    }
    for name in (0..packed.edition).flat_map(|earlier| self::names(order, earlier)) {
        order.destination.store.delete(&order.destination.at(name)).await.map_err(ReturnError::Destination)?;
    }
    Ok(Package { manifest, digest, packed })
}

/// The texts beside the parts in this `edition`, by name. Everybody who knows the manifest writes the same.
///
/// # Errors
/// As [`PackageManifest::canonical`].
pub(super) fn texts(order: &Order, manifest: &PackageManifest, edition: u32) -> Result<[(String, Vec<u8>); 3]> {
    let [package, sums, restore] = names(order, edition);
    let text = manifest.canonical()?;
    let sums_text = sums_text(manifest, &package, &hex::encode(Sha256::digest(&text)));
    let restore_text = restore_text(order, manifest, &order.stem(edition));
    Ok([(package, text), (sums, sums_text.into_bytes()), (restore, restore_text.into_bytes())])
}

/// Names of the texts beside the parts in this `edition`: the package manifest, the list of sums, the instructions.
fn names(order: &Order, edition: u32) -> [String; 3] {
    let stem = order.stem(edition);
    ["package.json", "sha256", "HOW-TO-RESTORE.txt"].map(|kind| format!("{stem}.{kind}"))
}

async fn records(order: &Order, parts: &Parts) -> Result<Vec<PartRecord>> {
    let mut records = Vec::new();
    for part in parts.iter() {
        records.push(Head::of(order, part).await?.record);
    }
    Ok(records)
}

fn sums_text(manifest: &PackageManifest, name: &str, digest: &str) -> String {
    let objects = manifest.parts.iter().chain(manifest.omissions.as_ref().map(|list| &list.object));
    objects
        .map(|object| format!("{}  {}\n", object.sha256, object.name))
        .chain([format!("{digest}  {name}\n")])
        .collect()
}

fn restore_text(order: &Order, manifest: &PackageManifest, stem: &str) -> String {
    let name = &order.name;
    let unpack = match order.format {
        Format::BagitTar => "tar -xf -",
        Format::BagitTarZstd => "zstd -dc | tar -xf -",
    };
    let omissions = manifest.omissions.as_ref().map(omissions_text).unwrap_or_default();
    let recipients: String = manifest.recipients.iter().flat_map(|print| ["    ", print, "\n"]).collect();
    format!(
        "How to restore {name}\n\
         \n\
         This folder holds {count} encrypted parts of one archive. You need the program age\n\
         (https://age-encryption.org){zstd}, tar, and the private key of one of the recipients\n\
         {recipients}\
         \n\
         1. Check that everything arrived:\n\
         \n\
         \x20   sha256sum -c {stem}.sha256\n\
         \n\
         2. Decrypt, in order, and unpack (key.txt is the file with your private key):\n\
         \n\
         \x20   set -o pipefail\n\
         \x20   for p in $(cut -c67- {stem}.sha256 | grep -F .part-); do age -d -i key.txt $p || break; done | {unpack}\n\
         \n\
         \x20  The list names the parts in order; an object that it does not name is not part of the package.\n\
         \x20  A part that was changed or cut short makes age fail; tar then fails as well.\n\
         \n\
         3. Check the files. The folder {name} is a BagIt bag (RFC 8493), so any validator of such does:\n\
         \n\
         \x20   (cd {name} && sha256sum -c --quiet {manifest_file})\n\
         \n\
         \x20  A percent sign or a line break in a file's name is percent-encoded in the manifest, as RFC 8493\n\
         \x20  asks, and so is a byte that is not UTF-8. A program that does not decode these calls such files\n\
         \x20  missing although they are there: sha256sum all of them, bagit.py those without a line break.\n\
         \n\
         What else there is: {name}/{inventory} has one line of JSON for everything that was found at the\n\
         source: files, empty folders, links (which are not followed), and whatever changed or could not be\n\
         read. In this package: {files} files, {bytes} bytes, {changed} changed during the return,\n\
         {missing} not in the package.\n\
         {omissions}\
         \n\
         The digest to acknowledge is the SHA-256 of {stem}.package.json.\n",
        count = manifest.parts.len(),
        zstd = if order.format == Format::BagitTarZstd { ", zstd" } else { "" },
        manifest_file = bag::MANIFEST,
        inventory = bag::INVENTORY,
        files = manifest.contents.files,
        bytes = manifest.contents.bytes,
        changed = manifest.contents.changed,
        missing = manifest.contents.unreadable + manifest.contents.vanished,
    )
}

fn omissions_text(list: &Omissions) -> String {
    format!(
        "\n\
         What could not be returned, or perhaps not whole, are {count} entries. Their lines of that inventory\n\
         are beside the parts as well, to be read without unpacking anything:\n\
         \n\
         \x20   age -d -i key.txt {name}\n",
        count = list.count,
        name = list.object.name,
    )
}
