//! The committed schema is the built one, every part of it says what it is, and nothing is written twice.

use std::{fs, path::Path};

use gangway::graphql;

fn committed() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).unwrap_or_default()
}

#[test]
fn the_committed_schema_is_the_built_one() {
    let built = graphql::sdl();
    assert!(
        committed() == built,
        "the schema changed: run `cargo run -- schema > schema.graphql` and look at the diff"
    );
}

/// Type definitions and fields without a description, found by reading the SDL the way a person does: the
/// line before a definition closes a description.
#[test]
fn everything_in_the_schema_has_a_description() {
    let built = graphql::sdl();
    let lines: Vec<&str> = built.lines().map(str::trim).collect();
    let is_definition = |line: &str| {
        ["type ", "interface ", "input ", "enum ", "union ", "scalar "].iter().any(|word| line.starts_with(word))
    };
    let bare: Vec<_> = lines
        .windows(2)
        .filter(|pair| is_definition(pair[1]) && !pair[0].ends_with("\"\"\""))
        .map(|pair| pair[1])
        .collect();
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}
