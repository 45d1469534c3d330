//! The outside systems behind the traits of `ports`: everything that opens a file or a connection.
//!
//! An adapter translates and protects: paths that cannot leave their root, time limits, bounded retries,
//! errors without secrets. It decides nothing about clients and jobs.

mod guarded;
pub mod jwks;
pub mod lab;
pub mod local_files;
pub mod mesh_central;
pub mod s3;
pub mod systems;
pub mod witness;
