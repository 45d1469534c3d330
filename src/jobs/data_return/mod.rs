//! The engine of a data return: the client's files become one encrypted, provable package at the destination.
//!
//! ```text
//!  sources ─► freeze: walk, sort, one JSON line per entry ─► spool            the plan: its SHA-256
//!  spool ──► produce ──► workers: read, SHA-256, tar, zstd ──► seal: age ──► destination, part by part
//!                                                                 └─► commit: part durable, its lines
//!                                                                      spooled, checkpoint saved
//!  spool ──► the bag's manifests as the last parts ──► package.json, its digest ──► verify: read back
//! ```
//!
//! Invariants:
//! - **Each source byte is read once**, hashed in the buffer it was read into, and packed from there. (Twice
//!   only when it changed meanwhile.) Sources are held as [`ObjectSource`](crate::ports::storage::ObjectSource),
//!   which has no verb to write.
//! - **Memory does not grow** with the number or the size of files: what grows is in the spool.
//! - **The bag is valid for what was packed**, whatever happened to the source meanwhile; what happened is
//!   written down in `gangway-inventory.jsonl` line by line.
//! - **Safe stopped anywhere and safe twice**: a part counts once it is durable, its lines are spooled and its
//!   checkpoint is saved, in that order. A new run clears what lies behind the checkpoint and goes on from
//!   there; it reads again at most what the unfinished parts held.
//! - **A run that wakes too late spoils nothing**: what another run would write otherwise bears the fence of the
//!   run in its name ([`PartId`]), the checkpoint says which names count, and only what older runs left is
//!   taken away. The package manifest and the list beside it follow from the checkpoint of the last part alone.
//! - **What comes back damaged is made again**, and only that, twice at most: each time is another edition of the
//!   package, whose parts and texts bear its number in their names.
//! - **Parts are independent** age files. Decrypted and put together in order they are one zstd stream of one
//!   tar. Inside a part every block is a zstd frame of its own, so blocks are compressed side by side.
//!
//! How a tar header that cannot be taken back lives with files that change: a file of up to half a block is
//! read whole before its header is written. A larger one is announced with the size it had when it was opened;
//! should it end early, zeros fill the announced length, should it grow, the rest is left out, and if it
//! changed at all it is packed **once more** right behind under the same name, which is the copy that
//! extraction keeps and that the manifest names. A file that changed during that as well is listed as torn.
//!
//! Where the checkpoint stays small: the records of finished parts and the lines of their files are in the
//! spool, one object per part, so a checkpoint has the same few hundred bytes after one part and after a
//! hundred thousand.
//!
//! Deliberately absent: include and exclude patterns, owners and access lists, following links, choosing what
//! a person must approve (that is `domain` and `app`), job rows (the glue implements [`CheckpointSink`] and
//! [`Progress`] on them).
//!
//! To add a format: a word in [`Format`], its file extension, and what a worker does with a full block.

pub mod bag;
pub mod checkpoint;
pub mod inventory;
pub mod line;
pub mod order;
pub mod package;
pub mod tally;
pub mod verify;

mod batch;
mod begin;
mod commit;
mod fault;
mod file;
mod inside;
mod lane;
mod mark;
mod mend;
mod omissions;
mod part;
mod payload;
mod renaming;
mod room;
mod run;
mod seal;
mod spooled;
mod tags;
mod tarball;
mod task;

pub use crate::domain::recipient_key::{Challenge, RecipientKey};
pub use checkpoint::{Checkpoint, CheckpointSink, PartRecord, Phase, Position, Progress, SoFar, Watch};
pub use fault::ReturnError;
pub use inside::verify_deeply;
pub use inventory::{Frozen, freeze};
pub use mend::{EDITIONS_MAX, condemn};
pub use omissions::Omissions;
pub use order::{Format, Order, Place, Slug, Source};
pub use package::Package;
pub use part::{PartId, Parts};
pub use run::pack;
pub use task::ReturnTask;
pub use verify::{Damage, read_back, verify};
