//! The settings as documentation: a page, and the end of `--help`.

use std::fmt::Write as _;

use super::{SETTINGS, Setting};

const TABLE_HEAD: &str = "| key | variable | value | default | meaning |\n| --- | --- | --- | --- | --- |";

/// The tables of `docs/configuration.md`, one per section.
pub fn markdown() -> String {
    let mut page = String::new();
    let mut section = "";
    for setting in SETTINGS {
        if setting.section != section {
            section = setting.section;
            let gap = if page.is_empty() { "" } else { "\n" };
            _ = writeln!(page, "{gap}### `[{section}]`\n\n{TABLE_HEAD}");
        }
        row(&mut page, setting);
    }
    page
}

fn row(page: &mut String, setting: &Setting) {
    let bounds = setting.bounds.map(|(min, max)| format!(", {min} to {max}")).unwrap_or_default();
    let default = if setting.default.is_empty() { "–".to_owned() } else { format!("`{}`", setting.default) };
    let (name, also) =
        if setting.is_secret { ("–".to_owned(), " (or `…_FILE`)") } else { (format!("`{}`", setting.name), "") };
    let Setting { variable, kind, doc, .. } = setting;
    // Writing to a String cannot fail.
    _ = writeln!(page, "| {name} | `{variable}`{also} | {kind}{bounds} | {default} | {doc} |");
}

/// The settings for a terminal: variable, default and meaning.
pub fn help() -> String {
    let mut text =
        String::from("Settings (variable, default, meaning); docs/configuration.md has them all with bounds:\n");
    for setting in SETTINGS {
        let default = if setting.default.is_empty() { "none" } else { setting.default };
        _ = write!(text, "\n  {} [{}]\n      {}\n", setting.variable, default, setting.doc);
    }
    text
}
