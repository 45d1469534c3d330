//! The `gangway` command: reads its arguments, calls what they ask for, and says what went wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    gangway::cli::main()
}
