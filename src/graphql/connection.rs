//! Relay connections over [`Page`]: opaque cursors, both directions, `nodes` beside `edges`, and a total
//! that is counted only when it is asked for.
//!
//! # Source
//! GraphQL Cursor Connections Specification.

use async_graphql::{Context, SimpleObject};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    domain::page::{End, Key, LIMIT_DEFAULT, LIMIT_MAX, Page, Window},
    error::{Result, Violation},
};

/// Which part of a list a page is.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether a later page exists.
    has_next_page: bool,
    /// Whether an earlier page exists.
    has_previous_page: bool,
    /// The cursor of the first edge, or where a search from the end stopped looking.
    start_cursor: Option<String>,
    /// The cursor of the last edge, or where a search from the start stopped looking.
    end_cursor: Option<String>,
}

impl PageInfo {
    /// The info of a page whose edges have these cursors.
    pub fn new(has_next_page: bool, has_previous_page: bool, cursors: &[String]) -> Self {
        Self {
            has_next_page,
            has_previous_page,
            start_cursor: cursors.first().cloned(),
            end_cursor: cursors.last().cloned(),
        }
    }

    /// The info of `page`.
    pub fn of<T>(page: &Page<T>, cursor: impl Fn(&T) -> String) -> Self {
        let ends: Vec<_> = page.items.first().into_iter().chain(page.items.last()).map(cursor).collect();
        let mut info = Self::new(page.has_next, page.has_previous, &ends);
        match page.stopped_at {
            Some((End::First, key)) => info.end_cursor = Some(print(key)),
            Some((End::Last, key)) => info.start_cursor = Some(print(key)),
            None => {}
        }
        info
    }
}

/// The four arguments every connection takes.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// How many from the start.
    pub first: Option<i32>,
    /// Only what follows this cursor.
    pub after: Option<String>,
    /// How many from the end.
    pub last: Option<i32>,
    /// Only what precedes this cursor.
    pub before: Option<String>,
}

impl Slice {
    /// How many rows these arguments ask for, and from which end.
    ///
    /// # Errors
    /// `Violation` on `first` or `last`.
    pub fn extent(&self) -> Result<(u32, End)> {
        match (self.first, self.last) {
            (Some(_), Some(_)) => {
                let both = Violation::new("last", "Pass `first` or `last`, not both.");
                Err(both.remedy("Leave one of them out.").into())
            }
            (None, Some(last)) => Ok((limit("last", last)?, End::Last)),
            (Some(first), None) => Ok((limit("first", first)?, End::First)),
            (None, None) => Ok((LIMIT_DEFAULT, End::First)),
        }
    }

    /// The window these arguments describe.
    ///
    /// # Errors
    /// `Violation` on `first`, `last`, `after` or `before`.
    pub fn window(&self) -> Result<Window> {
        let (limit, end) = self.extent()?;
        let after = self.after.as_deref().map(|text| parse("after", text)).transpose()?;
        let before = self.before.as_deref().map(|text| parse("before", text)).transpose()?;
        Ok(Window { limit, end, after, before })
    }
}

fn limit(field: &str, asked: i32) -> Result<u32> {
    let limit = u32::try_from(asked).ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| {
        let outside = Violation::new(field, format!("`{field}` is from 1 to {LIMIT_MAX}."));
        outside.remedy("Ask for a smaller page, and go on with its cursors.").into()
    })
}

/// The end of the year 9999: no row of ours is later, and a database may know no later instant.
const AT_MAX_MS: i64 = 253_402_300_800_000;

/// A key as the opaque text a caller passes back.
pub fn print(key: Key) -> String {
    let mut bytes = [0_u8; 24];
    bytes[..8].copy_from_slice(&key.at_ms.to_be_bytes());
    bytes[8..].copy_from_slice(key.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn parse(field: &str, text: &str) -> Result<Key> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 24]>::try_from(bytes).ok());
    let key = bytes.map(|bytes| {
        let (at, id) = bytes.split_at(8);
        let at_ms = i64::from_be_bytes(at.try_into().unwrap_or_default());
        Key { at_ms, id: Uuid::from_slice(id).unwrap_or_default() }
    });
    key.filter(|key| (0..AT_MAX_MS).contains(&key.at_ms)).ok_or_else(|| {
        Violation::new(field, "This is not a cursor of this list.").remedy("Pass a cursor unchanged.").into()
    })
}

/// How long the whole list is. It is counted only when the connection that is being resolved is asked for its
/// `totalCount`; otherwise nobody sees it, and it is 0.
///
/// # Errors
/// Those of `count`.
pub async fn total<E>(ctx: &Context<'_>, count: impl Future<Output = Result<u64, E>>) -> Result<u64, E> {
    if ctx.look_ahead().field("totalCount").exists() { count.await } else { Ok(0) }
}

/// Declares the connection and edge of a node that is [`Keyed`](crate::domain::page::Keyed).
macro_rules! connection {
    ($(#[$doc:meta])* $connection:ident, $edge:ident, $node:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $connection {
            page: $crate::domain::page::Page<$node>,
            total: u64,
        }

        /// A node and its place in the list.
        #[derive(Clone, Debug, async_graphql::SimpleObject)]
        pub struct $edge {
            /// The place, to pass as `after` or `before`.
            cursor: String,
            /// The node.
            node: $node,
        }

        impl $connection {
            /// One page, and how long the whole list is, as [`total`](crate::graphql::connection::total) tells.
            pub fn new(page: $crate::domain::page::Page<$node>, total: u64) -> Self {
                Self { page, total }
            }

            /// A list without anything in it.
            pub fn empty() -> Self {
                Self { page: $crate::domain::page::Page::empty(&$crate::domain::page::Window::default()), total: 0 }
            }

            fn cursor(node: &$node) -> String {
                $crate::graphql::connection::print($crate::domain::page::Keyed::key(node))
            }
        }

        $(#[$doc])*
        #[async_graphql::Object]
        impl $connection {
            /// The nodes of this page with their cursors.
            async fn edges(&self) -> Vec<$edge> {
                self.page.items.iter().map(|node| $edge { cursor: Self::cursor(node), node: node.clone() }).collect()
            }

            /// The nodes of this page.
            async fn nodes(&self) -> Vec<$node> {
                self.page.items.clone()
            }

            /// Which part of the list this is.
            async fn page_info(&self) -> $crate::graphql::connection::PageInfo {
                $crate::graphql::connection::PageInfo::of(&self.page, Self::cursor)
            }

            /// How many there are in the whole list; counted only when selected.
            async fn total_count(&self) -> i32 {
                i32::try_from(self.total).unwrap_or(i32::MAX)
            }
        }
    };
}
pub(crate) use connection;
