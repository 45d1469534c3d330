//! Job.
