//! Destroying what lies in a store, item by item, and looking whether anything is left.
//!
//! Beside [`storage`](super::storage), and not part of it: a data return is handed stores that cannot destroy, and what
//! can destroy asks for a [`Clearance`], which only a deed that asked the gates can make.
//!
//! * [`Eraser::survey`] says what is there, in a fixed order in which a container comes before what it contains.
//! * [`Eraser::erase`] destroys exactly the items of a batch, each only while it is still what the survey saw.
//! * [`Witness::look`] says what is left, by another way than the one that destroyed.
//!
//! To add a kind of store, implement both in `adapters/` and name it in `startup`.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use std::time::Duration;

use super::storage::{EntryKind, Fault, ObjectPath, Result};
use crate::{
    clock::Instant,
    domain::{
        clearance::Clearance,
        sanitization::{Fate, SanitizationMethod},
    },
};

/// One thing that can be destroyed, as a survey saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where it lies, below the surveyed folder; empty for the folder itself.
    pub path: ObjectPath,
    /// What it is.
    pub kind: EntryKind,
    /// Its size in bytes; 0 for anything but a file.
    pub size: u64,
    /// The store's mark of this very state: another state of the same name has another. What stands before its first colon
    /// names the content alone, whatever its state. Items of one path differ in it.
    pub state: String,
    /// How many names its content has, here or elsewhere; 1 when it is the only one.
    pub names: u64,
}

impl Item {
    /// What all names of the same content have in common.
    pub fn content(&self) -> &str {
        self.state.split(':').next().unwrap_or_default()
    }
}

/// One line of a survey.
#[derive(Clone, Debug)]
pub enum Surveyed {
    /// Something that can be destroyed.
    Item(Item),
    /// Something that cannot be looked at: nobody can say what would be destroyed.
    Hidden {
        /// Where, below the surveyed folder.
        path: ObjectPath,
        /// Why.
        fault: Fault,
    },
}

/// A survey, page by page.
pub type Survey = BoxStream<'static, Result<Vec<Surveyed>>>;

/// Whoever destroys and finds that so much time has passed since it looked last may have stood still, and others may have
/// taken its work over: it stops.
pub const STANDSTILL: Duration = Duration::from_secs(10);

/// How long a clearance may be used: until somebody says stop.
#[derive(Clone, Debug, Default)]
pub struct Leave(Vec<CancellationToken>);

impl Leave {
    /// A leave that ends with the first of these.
    pub fn until(stops: impl IntoIterator<Item = CancellationToken>) -> Self {
        Self(stops.into_iter().collect())
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.0.iter().any(CancellationToken::is_cancelled)
    }
}

/// What lies beneath a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Which store it is: another one that is mounted, or configured, in its place has another.
    pub root: String,
    /// What a promise to destroy does not cover there, as sentences for a certificate.
    pub limits: Vec<String>,
}

/// Items that are destroyed on one clearance.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The folder that was surveyed.
    pub folder: ObjectPath,
    /// What is destroyed, in this order: a container behind what it contains.
    pub items: Vec<Item>,
    /// The place of the first item in its plan, counted backwards from its end; the others follow.
    pub first: u64,
    /// Tells what this plan set aside from what others did; letters and digits.
    pub tag: String,
    /// How.
    pub method: SanitizationMethod,
    /// For how long.
    pub leave: Leave,
}

/// What became of an item.
#[derive(Clone, Debug)]
pub struct Erased {
    /// In a word.
    pub fate: Fate,
    /// Why, when it is not gone.
    pub fault: Option<Fault>,
    /// Until when the store keeps it, when it is [`Fate::Locked`].
    pub until: Option<Instant>,
}

impl Erased {
    /// One that came to `fate`.
    pub const fn of(fate: Fate) -> Self {
        Self { fate, fault: None, until: None }
    }

    /// One that is not gone, and why.
    pub const fn not(fate: Fate, fault: Fault) -> Self {
        Self { fate, fault: Some(fault), until: None }
    }

    /// One that the store keeps until then.
    pub const fn locked(until: Instant) -> Self {
        Self { fate: Fate::Locked, fault: None, until: Some(until) }
    }
}

/// A store that destroys.
#[async_trait]
pub trait Eraser: Send + Sync + 'static {
    /// The one way in which it destroys.
    fn method(&self) -> SanitizationMethod;

    /// Which store this is.
    ///
    /// # Errors
    /// Those of the store.
    async fn root(&self) -> Result<String>;

    /// What lies beneath `folder`.
    ///
    /// # Errors
    /// Those of the store; `NotFound` when there is no such folder.
    async fn ground(&self, folder: &ObjectPath) -> Result<Ground>;

    /// Everything at and below `folder`, itself first where folders are things of their own. A folder that is not there is
    /// the fault `NotFound`, here or of [`ground`](Self::ground).
    fn survey(&self, folder: &ObjectPath) -> Survey;

    /// Destroys the items, and gives what became of each, in their order. Safe to repeat after it was stopped anywhere:
    /// an item that was under way is gone on with, one that is gone is `Absent`.
    ///
    /// # Errors
    /// Only faults that concern the store as a whole, and `Transient` when the leave has ended; items before the one at
    /// which it showed may be gone.
    async fn erase(&self, clearance: Clearance<Batch>) -> Result<Vec<Erased>>;
}

/// What somebody who looks finds at a place that should be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// How many names are there, the place's own included.
    pub count: u64,
    /// The first few of them, below the place.
    pub first: Vec<ObjectPath>,
}

/// The most names that a [`Sight`] tells.
pub const SIGHT_MAX: usize = 10;

/// Somebody who looks at a place.
#[async_trait]
pub trait Witness: Send + Sync + 'static {
    /// What it looks with, and which version of it, for a certificate.
    fn tool(&self) -> &str;

    /// What is at and below `folder`.
    ///
    /// # Errors
    /// Those of the store. That something cannot be looked at is an error, never an empty sight.
    async fn look(&self, folder: &ObjectPath) -> Result<Sight>;
}
