//! The tools a client would use.

use std::{
    path::Path,
    process::{Command, Output},
};

/// Runs a tool; what is missing fails the test with what to install.
pub(crate) fn run(program: &str, install: &str, command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{program} does not run ({error}); these tests need it: {install}"),
    }
}

fn must(program: &str, install: &str, command: &mut Command) -> String {
    let output = run(program, install, command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{program} says {}:\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Checks the sums, decrypts and unpacks, word for word as the instructions beside the parts say.
pub(crate) fn restore(package: &Path, key: &Path, into: &Path) {
    for (program, install) in [("age", "apt-get install age"), ("zstd", "apt-get install zstd")] {
        run(program, install, Command::new(program).arg("--version"));
    }
    let mut beside = std::fs::read_dir(package).unwrap().map(|entry| entry.unwrap().path());
    let instructions = beside.find(|path| path.to_string_lossy().ends_with(".HOW-TO-RESTORE.txt")).unwrap();
    let text = std::fs::read_to_string(instructions).unwrap();
    let line = |beginning: &str| {
        let found = text.lines().map(str::trim).find(|line| line.starts_with(beginning));
        found.unwrap_or_else(|| panic!("no line {beginning} in:\n{text}")).to_owned()
    };
    let unpack = line("for p in")
        .replace("key.txt", &key.to_string_lossy())
        .replace("tar -xf -", &format!("tar -C '{}' -xf -", into.display()));
    let script = format!("set -e\n{}\n{}\n{unpack}\n", line("sha256sum -c"), line("set -o pipefail"));
    must("bash", "apt-get install bash", Command::new("bash").arg("-c").arg(script).current_dir(package));
}

/// An independent validator says that the bag is valid.
pub(crate) fn validate_with_bagit_py(bag: &Path) {
    must("bagit.py", "pip install bagit", Command::new("bagit.py").arg("--validate").arg(bag));
}

/// What the independent validator says.
pub(crate) fn bagit_py(bag: &Path) -> Output {
    run("bagit.py", "pip install bagit", Command::new("bagit.py").arg("--validate").arg(bag))
}

/// Decrypts a message with the command line tool.
pub(crate) fn age_decrypt(key: &Path, file: &Path) -> String {
    must("age", "apt-get install age", Command::new("age").arg("-d").arg("-i").arg(key).arg(file))
}
