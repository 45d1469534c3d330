//! Looking inside a package with a key of our own: every file against the bag's manifest.

use std::{
    io::{self, Read},
    sync::Arc,
    vec,
};

use age::x25519::Identity;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    bag,
    checkpoint::{PartRecord, Phase, SoFar, Watch},
    fault::{Result, ReturnError},
    order::{Format, Order},
    package::{Package, PackageManifest},
    verify::{Check, check_beside, open_part},
};
use crate::ports::storage::{ObjectPath, Reader};

/// Opens the package with `identity` and compares every file inside with the bag's manifest, the manifest with
/// the bag's tag manifest, and all of it with what was counted. Does everything [`verify`](super::verify()) does as well.
///
/// The manifest stands behind the files and names them in their order, so one running digest over the lines
/// that the files *should* have compares them all, in constant memory.
///
/// # Errors
/// As [`verify`](super::verify()).
pub async fn verify_deeply(order: &Arc<Order>, package: &Package, identity: Identity, watch: &Watch) -> Result<()> {
    check_beside(order, package, watch).await?;
    let (order, manifest, watch) = (order.clone(), package.manifest.clone(), watch.clone());
    let runtime = Handle::current();
    let read = tokio::task::spawn_blocking(move || {
        let parts = Parts {
            order: &order,
            identity: &identity,
            runtime,
            watch,
            left: manifest.parts.clone().into_iter(),
            open: None,
            done: (0, 0),
        };
        Inside::new(&order, &manifest).check(parts)
    });
    read.await.map_err(|_stopped| ReturnError::Interrupted)?
}

/// The decrypted parts as one stream. An error of ours travels inside the I/O error.
struct Parts<'a> {
    order: &'a Order,
    identity: &'a Identity,
    runtime: Handle,
    watch: Watch,
    left: vec::IntoIter<PartRecord>,
    open: Option<age::stream::StreamReader<Checked>>,
    done: (u64, u32),
}

/// A part's bytes on their way to age.
struct Checked {
    reader: Reader,
    check: Option<Check>,
}

#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Carried(ReturnError);

fn carry(error: ReturnError) -> io::Error {
    io::Error::other(Carried(error))
}

impl Read for Checked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(out).map_err(|error| carry(ReturnError::Destination(Reader::fault(error))))?;
        if count == 0 && !out.is_empty() {
            if let Some(check) = self.check.take() {
                check.end().map_err(carry)?;
            }
        } else if let Some(check) = &mut self.check {
            check.update(&out[..count]);
        }
        Ok(count)
    }
}

impl Parts<'_> {
    fn next_part(&mut self) -> Result<bool> {
        let Some(part) = self.left.next() else { return Ok(false) };
        let name = part.name.clone();
        let locked = |message: &str| ReturnError::Mismatch { name: name.clone(), message: message.to_owned() };
        let reader = Reader::new(open_part(self.order, &part, &self.runtime)?);
        let checked = Checked { reader, check: Some(Check::new(part)) };
        let decryptor = age::Decryptor::new(checked).map_err(|_error| locked("It is not an age file."))?;
        let identities = std::iter::once(self.identity as &dyn age::Identity);
        let open = decryptor.decrypt(identities).map_err(|_error| locked("The key does not open it."))?;
        self.open = Some(open);
        Ok(true)
    }
}

impl Read for Parts<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.watch.cancel.is_cancelled() {
            return Err(carry(ReturnError::Cancelled));
        }
        loop {
            if let Some(open) = &mut self.open {
                let count = open.read(out)?;
                if count > 0 || out.is_empty() {
                    self.done.0 += count as u64;
                    return Ok(count);
                }
                self.open = None;
                self.done.1 += 1;
                let (bytes, parts) = self.done;
                self.watch.progress.at(SoFar { phase: Phase::Verifying, files: 0, bytes, parts });
            }
            if !self.next_part().map_err(carry)? {
                return Ok(0);
            }
        }
    }
}

/// What is found inside a package.
struct Inside<'a> {
    order: &'a Order,
    manifest: &'a PackageManifest,
    /// Over the manifest lines that the files found should have.
    lines: Sha256,
    /// The line of the last file, held back because a second copy of it may follow and take its place.
    held: Option<(Vec<u8>, String, u64)>,
    files: u64,
    bytes: u64,
    tags: Vec<(String, String)>,
    tag_manifest: Option<String>,
}

impl<'a> Inside<'a> {
    fn new(order: &'a Order, manifest: &'a PackageManifest) -> Self {
        Self {
            order,
            manifest,
            lines: Sha256::new(),
            held: None,
            files: 0,
            bytes: 0,
            tags: Vec::new(),
            tag_manifest: None,
        }
    }

    fn check(mut self, parts: Parts<'_>) -> Result<()> {
        let read = match self.manifest.packing {
            Format::BagitTar => self.read(tar::Archive::new(parts)),
            Format::BagitTarZstd => match zstd::Decoder::new(parts) {
                Ok(decoder) => self.read(tar::Archive::new(decoder)),
                Err(error) => Err(error),
            },
        };
        read.map_err(|error| self.why(error))?;
        self.conclude()
    }

    fn why(&self, error: io::Error) -> ReturnError {
        let text = error.to_string();
        let mut inner = error.into_inner();
        while let Some(boxed) = inner {
            match boxed.downcast::<Carried>() {
                Ok(carried) => return carried.0,
                Err(other) => match other.downcast::<io::Error>() {
                    Ok(error) => inner = error.into_inner(),
                    Err(_) => break,
                },
            }
        }
        self.differs(&format!("It cannot be unpacked: {text}."))
    }

    fn differs(&self, message: &str) -> ReturnError {
        ReturnError::Mismatch { name: self.order.name.to_string(), message: message.to_owned() }
    }

    fn read<R: Read>(&mut self, mut archive: tar::Archive<R>) -> io::Result<()> {
        let top = format!("{}/", self.order.name).into_bytes();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path_bytes().strip_prefix(top.as_slice()).map(<[u8]>::to_vec);
            let Some(name) = name else {
                return Err(carry(self.differs("It holds something beside the bag.")));
            };
            match entry.header().entry_type() {
                tar::EntryType::Directory => {}
                tar::EntryType::Regular => self.file(name, &mut entry)?,
                _ => return Err(carry(self.differs("It holds something that is neither file nor folder."))),
            }
        }
        // Whatever follows the end of the tar is read too, so that every part is checked to its last byte.
        let mut rest = archive.into_inner();
        io::copy(&mut rest, &mut io::sink()).map(|_| ())
    }

    fn file(&mut self, name: Vec<u8>, content: &mut impl Read) -> io::Result<()> {
        let mut hasher = Hashing(Sha256::new(), if name == TAG_MANIFEST { Some(Vec::new()) } else { None });
        let size = io::copy(content, &mut hasher)?;
        let Hashing(hasher, kept) = hasher;
        let digest = hex::encode(hasher.finalize());
        if name.starts_with(b"data/") {
            if self.held.as_ref().is_some_and(|(held, ..)| *held != name) {
                self.count_held();
            }
            self.held = Some((name, digest, size));
        } else if let Some(text) = kept {
            self.tag_manifest = Some(String::from_utf8_lossy(&text).into_owned());
        } else {
            self.tags.push((String::from_utf8_lossy(&name).into_owned(), digest));
        }
        Ok(())
    }

    fn count_held(&mut self) {
        if let Some((name, digest, size)) = self.held.take() {
            self.files += 1;
            self.bytes += size;
            self.lines.update(format!("{digest}  {}\n", ObjectPath::from_bytes(name).to_manifest_text()));
        }
    }

    fn conclude(mut self) -> Result<()> {
        self.count_held();
        let contents = &self.manifest.contents;
        if (self.files, self.bytes) != (contents.files, contents.bytes) {
            return Err(self.differs("It does not hold as many files and bytes as were packed."));
        }
        let lines = hex::encode(std::mem::take(&mut self.lines).finalize());
        let manifest = self.tags.iter().find(|(name, _)| name == bag::MANIFEST).map(|(_, digest)| digest.as_str());
        if manifest != Some(lines.as_str()) || lines != self.manifest.bag_manifest_sha256 {
            return Err(self.differs("A file is not what the bag's manifest says."));
        }
        let mut expected: Vec<_> = self.tag_manifest.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
        let mut found: Vec<_> = self.tags.iter().map(|(name, digest)| format!("{digest}  {name}")).collect();
        expected.sort();
        found.sort();
        if found.len() == 4 && found == expected {
            return Ok(());
        }
        Err(self.differs("A file of the bag itself is not what its tag manifest says."))
    }
}

/// Name of the tag manifest inside the bag.
const TAG_MANIFEST: &[u8] = bag::TAG_MANIFEST.as_bytes();

/// Hashes what is written to it, and keeps it when there is somewhere to keep it.
struct Hashing(Sha256, Option<Vec<u8>>);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        if let Some(kept) = &mut self.1 {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
