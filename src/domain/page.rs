//! A page of a long list, and the key that says where one ends.
//!
//! Every list is ordered by one column (an instant as a rule, or a name) and an id, so a page is found by comparing
//! keys and never by counting rows.

use uuid::Uuid;

/// The most rows one page holds.
pub const LIMIT_MAX: u32 = 100;
/// The rows of a page when nobody says how many.
pub const LIMIT_DEFAULT: u32 = 20;

/// Where a row stands in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The instant the list is ordered by, in milliseconds since 1970.
    pub at_ms: i64,
    /// Breaks ties.
    pub id: Uuid,
}

/// From which end a page is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The first rows after a key.
    First,
    /// The last rows before a key.
    Last,
}

/// What part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// How many rows, from 1 to [`LIMIT_MAX`].
    pub limit: u32,
    /// From which end.
    pub end: End,
    /// Only rows after this key.
    pub after: Option<Key>,
    /// Only rows before this key.
    pub before: Option<Key>,
}

impl Default for Window {
    fn default() -> Self {
        Self { limit: LIMIT_DEFAULT, end: End::First, after: None, before: None }
    }
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// Whether rows follow.
    pub has_next: bool,
    /// Whether rows precede.
    pub has_previous: bool,
    /// The last place that was looked at, where a search stopped before it had found a page full: the list goes on
    /// from there, not from its outermost row.
    pub stopped_at: Option<(End, Key)>,
}

impl<T> Page<T> {
    /// The page in `window` of a list that has no rows there.
    pub fn empty(window: &Window) -> Self {
        let (has_next, has_previous) = (window.before.is_some(), window.after.is_some());
        Self { items: Vec::new(), has_next, has_previous, stopped_at: None }
    }

    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
            stopped_at: self.stopped_at,
        }
    }

    /// The same page of something else, unless one row refuses.
    ///
    /// # Errors
    /// What `f` says of the first row that refuses.
    pub fn try_map<U, E>(self, f: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(f).collect::<Result<_, E>>()?;
        Ok(Page { items, has_next: self.has_next, has_previous: self.has_previous, stopped_at: self.stopped_at })
    }
}

/// What can be placed in a list ordered by an instant and an id.
pub trait Keyed {
    /// Its place.
    fn key(&self) -> Key;
}
