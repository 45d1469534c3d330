//! GraphiQL as `scripts/console.sh` builds it: it has to work where nothing but this server can be reached.

use std::{collections::BTreeSet, path::Path, process::Command};

use reqwest::StatusCode;

use crate::toy::Toy;

const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/console/dist");

/// Whom the bundle's authors name, in links for people and in names of formats. Nothing is loaded from there. Before a
/// host is added here, look what it is for.
const NAMED: &[&str] = &[
    "code.visualstudio.com",
    "commonmark.org",
    "en.wikipedia.org",
    "github.com",
    "json-schema.org",
    "microsoft.com",
    "prettier.io",
    "react.dev",
    "www.w3.org",
    "yarnpkg.com",
];

/// The text of a file, as a browser gets it: with a policy that keeps it from going elsewhere.
async fn served(toy: &Toy, path: &str) -> String {
    let answer = reqwest::get(toy.url(path)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    for directive in ["default-src 'self'", "connect-src 'self'", "worker-src 'self'"] {
        assert!(policy.split("; ").any(|part| part == directive), "{path}: {directive} is not in {policy}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("packed.gz");
    std::fs::write(&file, answer.bytes().await.unwrap()).unwrap();
    unpacked(&file)
}

fn unpacked(file: &Path) -> String {
    let output = Command::new("gzip").arg("-dc").arg(file).output().unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What stands after each `before`, up to the first of `ends`.
fn after<'a>(text: &'a str, before: &'a str, ends: &'a [char]) -> impl Iterator<Item = &'a str> {
    text.match_indices(before).map(move |(at, _)| text[at + before.len()..].split(ends).next().unwrap_or_default())
}

/// Every host that an absolute address in `text` names.
fn hosts(text: &str) -> BTreeSet<&str> {
    let addresses = ["http://", "https://", "ws://", "wss://"]
        .into_iter()
        .flat_map(|scheme| text.match_indices(scheme).map(move |(at, _)| &text[at + scheme.len()..]));
    let is_host = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
    addresses
        .map(|rest| &rest[..rest.find(|letter| !is_host(letter)).unwrap_or(rest.len())])
        .filter(|host| !host.is_empty())
        .collect()
}

#[tokio::test]
async fn the_console_that_was_built_loads_nothing_from_elsewhere() {
    assert!(Path::new(DIST).is_dir(), "GraphiQL is not built: scripts/test.sh does that, and scripts/console.sh alone");
    let toy = Toy::with([("GANGWAY_CONSOLE", DIST)]).await;
    let page = served(&toy, "/graphiql").await;
    let loaded: Vec<_> = ["src=\"", "href=\""].into_iter().flat_map(|name| after(&page, name, &['"'])).collect();
    assert_eq!(loaded, ["graphiql/console.js", "graphiql/console.css"]);

    let style = served(&toy, "/graphiql/console.css").await;
    let is_own = |place: &str| place.starts_with("data:") || place == "./codicon.ttf";
    let foreign: Vec<_> =
        after(&style, "url(", &[')']).filter(|place| !is_own(place.trim_matches(['"', '\'']))).collect();
    assert!(foreign.is_empty() && !style.contains("@import"), "{foreign:?}");

    let mut texts = vec![page, style];
    for name in ["console.js", "editor.worker.js", "json.worker.js", "graphql.worker.js"] {
        texts.push(served(&toy, &format!("/graphiql/{name}")).await);
    }
    let foreign: Vec<_> = texts.iter().flat_map(|text| hosts(text)).filter(|host| !NAMED.contains(host)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
