//! What a client does with a package it was sent: open it with its own key and compare what is inside with what it
//! gave us. Nothing here uses the engine that made the package; it does what HOW-TO-RESTORE.txt says.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use age::x25519::Identity;
use anyhow::{Context, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{HandOver, list, text};

/// SHA-256 of each file's content, by its path below the folder that was handed over.
type Contents = BTreeMap<Vec<u8>, [u8; 32]>;

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
        source(&hand_over.source, &hand_over.source, &mut expected)?;
        ensure!(found == expected, "the package does not hold the files of the source");
        let digest = hex::encode(Sha256::digest(&manifest));
        Ok(Self { folder, name: name.to_owned(), digest, files: found.len() as u64, bytes })
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
        // `NAME/data/LABEL/PATH`: what is elsewhere are the bag's own files.
        let path = entry.path_bytes().into_owned();
        let mut segments = path.splitn(4, |byte| *byte == b'/').skip(1);
        let (Some(b"data"), Some(_), Some(below)) = (segments.next(), segments.next(), segments.next()) else {
            continue;
        };
        if entry.header().entry_type().is_file() {
            bytes += entry.size();
            let again = contents.insert(below.to_vec(), digest(&mut entry)?);
            ensure!(again.is_none(), "the package holds a file twice");
        }
    }
    Ok((contents, bytes))
}

/// The contents of a folder's files; links are not followed.
fn source(root: &Path, folder: &Path, contents: &mut Contents) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            source(root, &entry.path(), contents)?;
        } else if kind.is_file() {
            let path = entry.path();
            let below = path.strip_prefix(root)?.as_os_str().as_bytes().to_vec();
            contents.insert(below, digest(&mut File::open(&path)?)?);
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
