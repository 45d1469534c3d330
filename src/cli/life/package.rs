//! What a client does with a package it was sent: open it with its own key and compare what is inside with what it
//! gave us. Nothing here uses the engine that made the package; it does what HOW-TO-RESTORE.txt says.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use age::x25519::Identity;
use anyhow::{Context, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{HandOver, list, text};

/// How many files have which content, by its SHA-256.
type Contents = BTreeMap<[u8; 32], u64>;

/// What the client found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The folder with the package.
    pub folder: PathBuf,
    /// The package's name.
    pub name: String,
    /// SHA-256 of the package manifest, in hex.
    pub digest: String,
    /// Files in it, each byte for byte one of the source.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Opened {
    /// Opens the package `name` at `location` (`DESTINATION://FOLDER`) with `key`, and compares it with the source.
    pub(super) fn read(hand_over: &HandOver, location: &str, name: &str, key: &Identity) -> anyhow::Result<Self> {
        let below = location.split_once("://").map_or("", |(_, folder)| folder);
        let folder = hand_over.folder.join(below);
        let path = folder.join(format!("{name}.package.json"));
        let manifest = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let parts = list(serde_json::from_slice::<Value>(&manifest)?["parts"].take());
        let parts = parts.iter().map(|part| folder.join(text(&part["name"]))).collect::<Vec<_>>();
        let (found, bytes) = inside(Parts { left: parts.into_iter(), key, open: None })?;
        let mut expected = Contents::new();
        source(&hand_over.source, &mut expected)?;
        ensure!(found == expected, "the package does not hold the files of the source");
        let digest = hex::encode(Sha256::digest(&manifest));
        Ok(Self { folder, name: name.to_owned(), digest, files: found.values().sum(), bytes })
    }
}

/// The parts, decrypted one after the other.
struct Parts<'k> {
    left: std::vec::IntoIter<PathBuf>,
    key: &'k Identity,
    open: Option<age::stream::StreamReader<File>>,
}

impl Read for Parts<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(open) = &mut self.open {
                let count = open.read(out)?;
                if count > 0 || out.is_empty() {
                    return Ok(count);
                }
            }
            let Some(path) = self.left.next() else { return Ok(0) };
            let decryptor = age::Decryptor::new(File::open(path)?).map_err(io::Error::other)?;
            let identities = std::iter::once(self.key as &dyn age::Identity);
            self.open = Some(decryptor.decrypt(identities).map_err(io::Error::other)?);
        }
    }
}

/// The contents of the bag's payload, and their bytes.
fn inside(parts: Parts<'_>) -> anyhow::Result<(Contents, u64)> {
    let mut archive = tar::Archive::new(zstd::Decoder::new(parts)?);
    let (mut contents, mut bytes) = (Contents::new(), 0);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let is_payload = entry.path()?.components().nth(1).is_some_and(|folder| folder.as_os_str() == "data");
        if is_payload && entry.header().entry_type().is_file() {
            bytes += entry.size();
            *contents.entry(digest(&mut entry)?).or_default() += 1;
        }
    }
    Ok((contents, bytes))
}

/// The contents of a folder's files; links are not followed.
fn source(folder: &Path, contents: &mut Contents) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            source(&entry.path(), contents)?;
        } else if kind.is_file() {
            *contents.entry(digest(&mut File::open(entry.path())?)?).or_default() += 1;
        }
    }
    Ok(())
}

fn digest(from: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..count]);
    }
}
