//! The commands of `gangway`.
//!
//! Commands that run a process (`serve`, `worker`, `migrate`) are put together in
//! [`startup`](crate::startup); those that only call the public API (`demo`, `watch`) speak HTTP like
//! any other client and import nothing of the application.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::graphql;

/// Runs a managed service provider's client onboarding and offboarding, and proves it.
#[derive(Debug, Parser)]
#[command(name = "gangway", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the GraphQL schema.
    Schema,
}

/// Runs what the arguments ask for.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Schema => print(&graphql::sdl()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Says what went wrong on the error stream, causes included.
fn complain(error: &anyhow::Error) -> ExitCode {
    drop(writeln!(io::stderr().lock(), "gangway: {error:#}"));
    ExitCode::FAILURE
}
