//! Every kind of event is brought about by a test that names it, or stands here with the reason why none can.
//!
//! What each *mutation* leaves is `e2e/coverage.rs`; this is about what comes without one as well: workers, repair, time.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use gangway::domain::event::EventKind;

/// Kinds that nothing leaves yet. They are words of the log already, so that no reader has to learn them later.
const UNUSED: &[(&str, &str)] = &[
    ("engagement.planned", "an engagement begins at once; none is planned ahead"),
    ("stakeholder.removed", "there is no mutation that takes a stakeholder off"),
    ("recipient_key.challenged", "a key is challenged when it is registered, and that event says so"),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let each = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(each).filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

fn below(folder: &str) -> Vec<(PathBuf, String)> {
    let found = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The kinds that are written, as words of their own, in a test other than this one.
fn named() -> BTreeSet<&'static str> {
    let tests: Vec<_> = below("tests").into_iter().filter(|(path, _)| !path.ends_with("tests/coverage.rs")).collect();
    let is_named = |kind: &&str| tests.iter().any(|(_, text)| text.contains(&format!("\"{kind}\"")));
    EventKind::ALL.iter().map(|kind| kind.as_str()).filter(is_named).collect()
}

#[test]
fn every_kind_of_event_is_named_by_a_test() {
    let named = named();
    let unused: BTreeSet<_> = UNUSED.iter().map(|(kind, _)| *kind).collect();
    let missing: Vec<_> = EventKind::ALL
        .iter()
        .map(|kind| kind.as_str())
        .filter(|kind| !named.contains(kind) && !unused.contains(kind))
        .collect();
    assert!(missing.is_empty(), "no test brings these about, or none names them: {missing:?}");
}

/// What stands above is still true: no code records such an event, and no test expects one.
#[test]
fn what_counts_as_unused_is_recorded_nowhere() {
    let code: Vec<_> = below("src").into_iter().filter(|(path, _)| !path.ends_with("domain/event.rs")).collect();
    for (word, _) in UNUSED {
        let kind: EventKind = word.parse().unwrap();
        let recorded = format!("EventKind::{kind:?}");
        let at: Vec<_> = code.iter().filter(|(_, text)| text.contains(&recorded)).map(|(path, _)| path).collect();
        assert!(at.is_empty(), "{word} is recorded by {at:?}: take it off the list, and name it in a test");
        assert!(!named().contains(word), "a test names {word}, which nothing records");
    }
}
