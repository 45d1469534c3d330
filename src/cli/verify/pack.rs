//! Checking a close-out pack, with nothing but public keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Read},
};

use anyhow::{Context, anyhow, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::domain::{
    log::{
        Checkpoint,
        note::{self, MAX_NOTE_BYTES, VerifierKey},
    },
    pack::{CERTIFICATES, CHECKPOINT, EVENTS, EventReader, NOTE, PackFile, PackLog, PackStatement, ProvenEvent, TYPE},
};

/// Bytes of the record that ends an archive without a comment.
const END: u64 = 22;
/// Bytes that a file takes in an archive beside its content and twice its name.
const HEADERS: u64 = 30 + 46;
/// Longer lines are no events.
const LINE_MAX: u64 = 1 << 22;

/// Checks everything in the pack; gives what it comes to.
pub(super) fn check(file: File, keys: &[VerifierKey]) -> anyhow::Result<String> {
    let length = file.metadata()?.len();
    let mut pack = ZipArchive::new(file).context("it is no archive")?;
    let statement = signed(&mut pack, keys)?;
    names(&pack, &statement)?;
    let note = pack.by_name(NOTE)?.size();
    let sizes = statement.files.iter().map(|file| (file.path.as_str(), file.bytes)).chain([(NOTE, note)]);
    let whole: u64 = sizes.map(|(name, bytes)| HEADERS + 2 * name.len() as u64 + bytes).sum();
    ensure!(length == END + whole, "there are bytes in it that nobody signed for");
    for file in &statement.files {
        digest(&mut pack, file)?;
    }
    let log = Checkpoint::open(&text(&mut pack, CHECKPOINT)?, keys).with_context(|| CHECKPOINT.to_owned())?;
    ensure!(PackLog::from(&log) == statement.log, "{CHECKPOINT}: it is not the one that {NOTE} names");
    let (count, told) = events(&mut pack, &statement, &log)?;
    let certificates = certificates(&mut pack, &statement, &told, keys)?;
    Ok(format!(
        "{}: {} left; {} events proven against a log of {}, {} certificates, {} files.\nMade at {} for run {}, which was {}.",
        statement.number,
        statement.client.name,
        count,
        log.size,
        certificates,
        statement.files.len(),
        statement.issued_at,
        statement.engagement.id,
        statement.engagement.state,
    ))
}

fn text(pack: &mut ZipArchive<File>, name: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    let file = pack.by_name(name).with_context(|| format!("{name}: it is not there"))?;
    ensure!(file.size() <= MAX_NOTE_BYTES as u64, "{name}: it is too long for a note");
    file.take(MAX_NOTE_BYTES as u64).read_to_string(&mut text).with_context(|| format!("{name}: it is no text"))?;
    Ok(text)
}

fn signed(pack: &mut ZipArchive<File>, keys: &[VerifierKey]) -> anyhow::Result<PackStatement> {
    let signed = text(pack, NOTE)?;
    let statement = note::open(&signed, keys).with_context(|| NOTE.to_owned())?;
    let statement: PackStatement =
        serde_json::from_str(statement).with_context(|| format!("{NOTE}: it is no statement of a pack"))?;
    ensure!(statement.r#type == TYPE, "{NOTE}: it is a statement of another kind");
    Ok(statement)
}

/// The archive has what the statement names, once each, and nothing else.
fn names(pack: &ZipArchive<File>, statement: &PackStatement) -> anyhow::Result<()> {
    let mut wanted: BTreeSet<&str> = statement.files.iter().map(|file| file.path.as_str()).collect();
    wanted.insert(NOTE);
    ensure!(wanted.len() == statement.files.len() + 1, "{NOTE}: it names a file twice");
    for name in [CHECKPOINT, EVENTS] {
        ensure!(wanted.contains(name), "{name}: it is not there");
    }
    let mut there = BTreeSet::new();
    for name in pack.file_names() {
        let name = name.context("the archive has a file without a name")?.into_owned();
        ensure!(wanted.contains(name.as_str()), "{name}: nobody signed for it");
        there.insert(name);
    }
    match wanted.into_iter().find(|name| !there.contains(*name)) {
        Some(absent) => Err(anyhow!("{absent}: it is not there")),
        None => Ok(()),
    }
}

fn digest(pack: &mut ZipArchive<File>, wanted: &PackFile) -> anyhow::Result<()> {
    let mut file = pack.by_name(&wanted.path).with_context(|| format!("{}: it is not there", wanted.path))?;
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut block = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut block).with_context(|| format!("{}: it cannot be read", wanted.path))?;
        if count == 0 {
            break;
        }
        digest.update(&block[..count]);
        bytes += count as u64;
    }
    let is_same = bytes == wanted.bytes && hex::encode(digest.finalize()) == wanted.sha256;
    ensure!(is_same, "{}: it is not what was signed", wanted.path);
    Ok(())
}

/// Every line is proven; gives their number, and the certificates they tell of.
fn events(
    pack: &mut ZipArchive<File>,
    statement: &PackStatement,
    log: &Checkpoint,
) -> anyhow::Result<(u64, BTreeMap<String, String>)> {
    let mut lines = BufReader::new(pack.by_name(EVENTS)?);
    let (mut reader, mut count) = (EventReader::default(), 0);
    loop {
        let mut line = Vec::new();
        if (&mut lines).take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok((count, reader.certificates));
        }
        count += 1;
        ensure!(line.ends_with(b"\n"), "{EVENTS} line {count}: it is cut");
        let event: ProvenEvent =
            serde_json::from_slice(&line).with_context(|| format!("{EVENTS} line {count}: it is no event"))?;
        reader.read(&event, log, statement.client.id).with_context(|| format!("{EVENTS} line {count}"))?;
    }
}

/// Every certificate is signed, the client's, and the one that the log tells of; gives their number.
fn certificates(
    pack: &mut ZipArchive<File>,
    statement: &PackStatement,
    told: &BTreeMap<String, String>,
    keys: &[VerifierKey],
) -> anyhow::Result<usize> {
    let mut count = 0;
    for PackFile { path, .. } in &statement.files {
        let Some(name) = path.strip_prefix(CERTIFICATES) else { continue };
        let note = text(pack, path)?;
        let signed = note::open(&note, keys).with_context(|| path.clone())?;
        let text = signed.strip_suffix('\n').unwrap_or(signed);
        let number = name.strip_suffix(".note").unwrap_or(name);
        let digest = hex::encode(Sha256::digest(text));
        ensure!(told.get(number) == Some(&digest), "{path}: the log tells of no such certificate");
        let certificate: Value = serde_json::from_str(text).with_context(|| path.clone())?;
        let client = statement.client.id.to_string();
        let is_theirs = certificate["clientId"] == client && certificate["number"] == number;
        ensure!(is_theirs, "{path}: it is another certificate");
        count += 1;
    }
    Ok(count)
}
