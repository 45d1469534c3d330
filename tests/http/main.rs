//! The transport over a schema of its own: raw HTTP, event streams and sockets, byte by byte; and files, which need
//! a whole process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod console;
mod documents;
mod files;
mod operations;
mod rates;
mod requests;
mod sockets;
mod streams;
mod toy;
mod whole;

#[path = "../pipeline/support/moto.rs"]
mod moto;
