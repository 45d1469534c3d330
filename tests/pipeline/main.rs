//! The storage adapters and the engine of a data return, against real folders, a real S3 server (moto) and
//! the tools a client would use: `age`, `zstd`, `tar`, `sha256sum`, `bagit.py`. A missing tool fails the test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod changes;
mod damage;
mod engine;
mod local;
mod memory;
mod mend;
mod omissions;
mod resume;
mod s3;
mod s3_faults;
mod support;
