//! Reading back what was sent: the bytes at the destination, and, with a key of our own, the files inside.

use std::{
    io::{self, Read},
    sync::Arc,
};

use age::x25519::Identity;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    bag,
    checkpoint::{PartRecord, Phase, SoFar, Watch},
    fault::{Result, ReturnError},
    order::{Format, Order},
    package::{self, Package, PackageManifest},
};
use crate::ports::storage::{BlockingBody, Fault, FaultKind, Reader, Span, path};

/// Parts read back at the same time.
const PARTS_AT_ONCE: usize = 2;

/// So much is read and hashed at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Reads every object of the package back and compares size and SHA-256 with what was sent.
///
/// # Errors
/// `Mismatch` naming the first object that differs or is missing; `Destination` when it cannot be asked;
/// `Cancelled`.
pub async fn verify(order: &Arc<Order>, package: &Package, watch: &Watch) -> Result<()> {
    check_description(order, package).await?;
    let reads = package.manifest.parts.iter().map(|part| read_back(order.clone(), part.clone(), watch.clone()));
    let mut reads = futures_util::stream::iter(reads).buffered(PARTS_AT_ONCE);
    let (mut bytes, mut parts) = (0, 0);
    loop {
        let next = tokio::select! {
            biased;
            () = watch.cancel.cancelled() => return Err(ReturnError::Cancelled),
            next = reads.try_next() => next?,
        };
        let Some(read) = next else { return Ok(()) };
        bytes += read;
        parts += 1;
        watch.progress.at(SoFar { phase: Phase::Verifying, files: 0, bytes, parts });
    }
}

/// The package manifest at the destination is the one that was made.
async fn check_description(order: &Order, package: &Package) -> Result<()> {
    let name = package::manifest_name(order);
    let read = order.destination.store.open(&order.destination.at(&name), Span::All).await;
    let opened = read.map_err(|fault| missing(&name, fault))?;
    let limit = opened.facts.size;
    let text = opened.body.into_bytes(limit).await.map_err(ReturnError::Destination)?;
    let differs = |message: &str| ReturnError::Mismatch { name: name.clone(), message: message.to_owned() };
    if hex::encode(Sha256::digest(&text)) != package.digest {
        return Err(differs("The package manifest at the destination is not the one that was sent."));
    }
    let parsed: PackageManifest =
        serde_json::from_slice(&text).map_err(|_error| differs("The package manifest cannot be read."))?;
    if parsed == package.manifest { Ok(()) } else { Err(differs("The package manifest says something else.")) }
}

fn missing(name: &str, fault: Fault) -> ReturnError {
    if fault.kind == FaultKind::NotFound {
        return ReturnError::Mismatch { name: name.to_owned(), message: "It is not at the destination.".to_owned() };
    }
    ReturnError::Destination(fault)
}

async fn read_back(order: Arc<Order>, part: PartRecord, watch: Watch) -> Result<u64> {
    let runtime = Handle::current();
    let read = tokio::task::spawn_blocking(move || {
        let mut body = open_part(&order, &part, &runtime)?;
        let mut check = Check::new(part);
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        while !watch.cancel.is_cancelled() {
            chunk.clear();
            if body.read_into(&mut chunk, CHUNK_BYTES).map_err(ReturnError::Destination)? == 0 {
                return check.end();
            }
            check.update(&chunk);
        }
        Err(ReturnError::Cancelled)
    });
    read.await.map_err(|_stopped| ReturnError::Interrupted)?
}

fn open_part(order: &Order, part: &PartRecord, runtime: &Handle) -> Result<Box<dyn BlockingBody>> {
    let path = order.destination.at(&part.name);
    let opened = runtime.block_on(order.destination.store.open(&path, Span::All));
    let opened = opened.map_err(|fault| missing(&part.name, fault))?;
    Ok(opened.body.into_blocking(&opened.facts, runtime))
}

/// Compares what passes with a record.
struct Check {
    part: PartRecord,
    hasher: Sha256,
    bytes: u64,
}

impl Check {
    fn new(part: PartRecord) -> Self {
        Self { part, hasher: Sha256::new(), bytes: 0 }
    }

    fn update(&mut self, chunk: &[u8]) {
        self.hasher.update(chunk);
        self.bytes += chunk.len() as u64;
    }

    fn end(self) -> Result<u64> {
        let Self { part, hasher, bytes } = self;
        let name = part.name;
        if bytes != part.bytes {
            let message = format!("It has {bytes} bytes where {} were sent.", part.bytes);
            return Err(ReturnError::Mismatch { name, message });
        }
        if hex::encode(hasher.finalize()) != part.sha256 {
            let message = "Its SHA-256 is not that of what was sent.".to_owned();
            return Err(ReturnError::Mismatch { name, message });
        }
        Ok(bytes)
    }
}

/// Opens the package with `identity` and compares every file inside with the bag's manifest, the manifest with
/// the bag's tag manifest, and all of it with what was counted. Does everything [`verify`] does as well.
///
/// The manifest stands behind the files and names them in their order, so one running digest over the lines
/// that the files *should* have compares them all, in constant memory.
///
/// # Errors
/// As [`verify`].
pub async fn verify_deeply(order: &Arc<Order>, package: &Package, identity: Identity, watch: &Watch) -> Result<()> {
    check_description(order, package).await?;
    let (order, manifest, watch) = (order.clone(), package.manifest.clone(), watch.clone());
    let runtime = Handle::current();
    let read = tokio::task::spawn_blocking(move || {
        let parts = Parts {
            order: &order,
            identity: &identity,
            runtime,
            watch,
            left: manifest.parts.clone(),
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
    left: Vec<PartRecord>,
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
        if self.left.is_empty() {
            return Ok(false);
        }
        let part = self.left.remove(0);
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
            self.lines.update(format!("{digest}  {}\n", path::encode(&name)));
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
