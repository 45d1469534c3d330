//! Reading back what was sent: every object at the destination, byte by byte.

use std::{fmt, sync::Arc};

use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{
    checkpoint::{PartRecord, Phase, SoFar, Watch},
    fault::{Result, ReturnError},
    mend::DAMAGED_MAX,
    order::Order,
    package::{self, Package},
};
use crate::ports::storage::{BlockingBody, Fault, FaultKind, Span};

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
    match read_back(order, package, None, watch).await? {
        None => Ok(()),
        Some(damage) => Err(damage.into()),
    }
}

/// What came back otherwise than it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The numbers of the parts, in order. None when it is a text beside them. When there are too many, only the first
    /// are named.
    pub parts: Vec<u32>,
    /// The first object that differs.
    name: String,
    /// What differs, as a full sentence.
    message: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl From<Damage> for ReturnError {
    fn from(Damage { name, message, .. }: Damage) -> Self {
        Self::Mismatch { name, message }
    }
}

/// Reads every object of the package back, except the parts that stand in the edition `before` as well, which were read
/// back with it. Says what is damaged.
///
/// # Errors
/// `Destination` when it cannot be asked; `Cancelled`.
pub async fn read_back(
    order: &Arc<Order>,
    package: &Package,
    before: Option<&Package>,
    watch: &Watch,
) -> Result<Option<Damage>> {
    let mut damage = None;
    note(&mut damage, None, check_beside(order, package, watch).await)?;
    let known = |at: usize, part: &PartRecord| before.is_some_and(|before| before.manifest.parts.get(at) == Some(part));
    let parts = package.manifest.parts.iter().enumerate().filter(|(at, part)| !known(*at, part));
    let parts: Vec<_> = parts.map(|(_, part)| part.clone()).collect();
    let (order, watching) = (order.clone(), watch.clone());
    let reads = parts.into_iter().map(move |part| {
        let (order, watch) = (order.clone(), watching.clone());
        async move { (part.number, read_part(order, part, watch).await) }
    });
    let mut reads = futures_util::stream::iter(reads).buffered(PARTS_AT_ONCE);
    let (mut bytes, mut parts) = (0, 0);
    while damage.as_ref().is_none_or(|damage| damage.parts.len() <= DAMAGED_MAX) {
        let next = tokio::select! {
            biased;
            () = watch.cancel.cancelled() => return Err(ReturnError::Cancelled),
            next = reads.next() => next,
        };
        let Some((number, read)) = next else { break };
        bytes += note(&mut damage, Some(number), read)?.unwrap_or_default();
        parts += 1;
        watch.progress.at(SoFar { phase: Phase::Verifying, files: 0, bytes, parts });
    }
    Ok(damage)
}

/// Takes down what differs; gives on what does not, and every other error.
fn note<T>(damage: &mut Option<Damage>, part: Option<u32>, read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(ReturnError::Mismatch { name, message }) => {
            damage.get_or_insert(Damage { parts: Vec::new(), name, message }).parts.extend(part);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What lies beside the parts at the destination is what was sent: the three texts, and the list of omissions.
pub(super) async fn check_beside(order: &Arc<Order>, package: &Package, watch: &Watch) -> Result<()> {
    for (name, sent) in package::texts(order, &package.manifest, package.packed.edition)? {
        check_text(order, name, &sent).await?;
    }
    if let Some(list) = &package.manifest.omissions {
        read_part(order.clone(), list.object.clone(), watch.clone()).await?;
    }
    Ok(())
}

async fn check_text(order: &Order, name: String, sent: &[u8]) -> Result<()> {
    let read = order.destination.store.open(&order.destination.at(&name), Span::All).await;
    let opened = read.map_err(|fault| missing(&name, fault))?;
    let length = sent.len() as u64;
    let is_same = opened.facts.size == length
        && opened.body.into_bytes(length).await.map_err(ReturnError::Destination)?.as_ref() == sent;
    let message = "What lies at the destination is not what was sent.".to_owned();
    if is_same { Ok(()) } else { Err(ReturnError::Mismatch { name, message }) }
}

fn missing(name: &str, fault: Fault) -> ReturnError {
    if fault.kind == FaultKind::NotFound {
        return ReturnError::Mismatch { name: name.to_owned(), message: "It is not at the destination.".to_owned() };
    }
    ReturnError::Destination(fault)
}

async fn read_part(order: Arc<Order>, part: PartRecord, watch: Watch) -> Result<u64> {
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

pub(super) fn open_part(order: &Order, part: &PartRecord, runtime: &Handle) -> Result<Box<dyn BlockingBody>> {
    let path = order.destination.at(&part.name);
    let opened = runtime.block_on(order.destination.store.open(&path, Span::All));
    let opened = opened.map_err(|fault| missing(&part.name, fault))?;
    Ok(opened.body.into_blocking(&opened.facts, runtime))
}

/// Compares what passes with a record.
pub(super) struct Check {
    part: PartRecord,
    hasher: Sha256,
    bytes: u64,
}

impl Check {
    pub(super) fn new(part: PartRecord) -> Self {
        Self { part, hasher: Sha256::new(), bytes: 0 }
    }

    pub(super) fn update(&mut self, chunk: &[u8]) {
        self.hasher.update(chunk);
        self.bytes += chunk.len() as u64;
    }

    pub(super) fn end(self) -> Result<u64> {
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
