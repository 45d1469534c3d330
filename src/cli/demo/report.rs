//! What is said at the end: what was proven, where the package lies, and how to go on.

use std::time::Duration;

use indicatif::HumanBytes;
use serde_json::Value;

use super::{Folders, files::Made, play::Proof, screen::Screen};
use crate::cli::life::{Cast, Listener, Person, text};

/// What the client has with us.
pub(super) fn data(made: Made) -> String {
    let bytes = HumanBytes(made.bytes);
    format!("{} files, {bytes}: odd names, an empty one, one over 64 MiB, a link that leads outside", made.files)
}

/// What was proven.
pub(super) fn proof(screen: &Screen, folders: &Folders, proof: &Proof, took: Duration) {
    let (on, off) = (proof.lived.onboarding, proof.lived.offboarding);
    screen.heading("Proven");
    screen.line(
        "steps",
        &format!(
            "{} done, {} not applicable; {} pieces of evidence, {} decisions granted by others, {} exceptions approved and closed",
            on.done + off.done, on.not_applicable + off.not_applicable, proof.evidence, proof.decisions, proof.exceptions
        ),
    );
    for text in ledger(&proof.ledger) {
        screen.line("ledger", &text);
    }
    let opened = &proof.opened;
    screen.line(
        "return",
        &format!(
            "receipt {}; opened with the client's key: {} files, {}, byte for byte those of the source",
            proof.receipt,
            opened.files,
            HumanBytes(opened.bytes)
        ),
    );
    screen.line("destroyed", &destroyed(&proof.destroyed));
    screen.line("pack", &proof.lived.pack.told);
    screen.line("log", &log(&proof.log));
    screen.line("client", &format!("{}, after {:.1} seconds", proof.stage, took.as_secs_f32()));
    screen.heading("See for yourself");
    screen.line("package", &opened.folder.display().to_string());
    let (key, name) = (folders.key(), &opened.name);
    screen.line("check", &format!("cd '{}' && sha256sum -c {name}.sha256", opened.folder.display()));
    screen.line(
        "open",
        &format!(
            "cut -c67- {name}.sha256 | grep -F .part- | xargs -n 1 age -d -i {} | zstd -dc | tar -xf -",
            key.display()
        ),
    );
    let program = std::env::current_exe().unwrap_or_else(|_unknown| "gangway".into());
    let pack = &proof.lived.pack;
    screen.line("verify", &format!("{} verify '{}' --key '{}'", program.display(), pack.file.display(), pack.key));
    screen.line("remove", &format!("rm -r {}", folders.root().display()));
}

/// What was destroyed here after it had gone back.
fn destroyed(certificate: &Value) -> String {
    let item = &certificate["statement"]["items"][0];
    let bytes = HumanBytes(item["bytesDestroyed"].as_u64().unwrap_or_default());
    format!(
        "certificate {}; {} files, {bytes}: overwritten ({}), read back and removed; a listing and `find` saw nothing after",
        text(&certificate["number"]),
        item["filesDestroyed"],
        text(&item["category"]),
    )
}

/// How each line ended, and what that means.
fn ledger(lines: &[Value]) -> Vec<String> {
    let names = |state: &str| -> Vec<String> {
        lines.iter().filter(|line| line["state"] == state).map(|line| text(&line["name"])).collect()
    };
    let mut said = Vec::new();
    for (state, why) in [
        (
            "CLOSED",
            "closed: gone back, acknowledged by the client, destroyed here, and seen to be gone by somebody else",
        ),
        ("RETAINED", "retained by a clause of the contract and a granted decision"),
        ("EXCEPTED", "excepted for 60 days by an approved exception: no connector is set up, so no removal is claimed"),
    ] {
        let names = names(state);
        if !names.is_empty() {
            said.push(format!("{} {why} ({})", names.len(), names.join(", ")));
        }
    }
    said
}

fn log(log: &Value) -> String {
    let verified = &log["logVerify"];
    let checkpoint = &log["logCheckpoint"];
    let root: String = text(&checkpoint["root"]).chars().take(16).collect();
    let count = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!(
        "{} events, checked from the first to the last: it holds; checkpoint {} signed over {} (root {root}…)",
        count(&verified["to"]),
        count(&verified["checkpointCount"]),
        count(&checkpoint["size"])
    )
}

/// How to reach the server that stays up.
pub(super) fn keep(screen: &Screen, url: &str, cast: &Cast, contact: &Person) {
    screen.heading("The server stays up until Ctrl-C");
    screen.line("url", &format!("{url}/graphql"));
    for person in cast.people().iter().chain([contact]) {
        screen.line("token", &format!("{} ({}): {}", person.role, person.name, person.token));
    }
}
