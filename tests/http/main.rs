//! The transport over a schema of its own: raw HTTP, event streams and sockets, byte by byte.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod operations;
mod requests;
mod sockets;
mod streams;
mod toy;
