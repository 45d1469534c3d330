//! The texts of a bag.
//!
//! # Source
//! RFC 8493, The `BagIt` File Packaging Format (V1.0).

use super::{
    order::{About, Order},
    tally::Tally,
};

/// Name of the bag's declaration.
pub const DECLARATION: &str = "bagit.txt";
/// Name of the payload manifest.
pub const MANIFEST: &str = "manifest-sha256.txt";
/// Name of the inventory, our own tag file for what a bag cannot say: see [`super::line::Line`].
pub const INVENTORY: &str = "gangway-inventory.jsonl";
/// Name of the bag's description.
pub const INFO: &str = "bag-info.txt";
/// Name of the manifest of the tag files.
pub const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";

/// The declaration's text.
pub const DECLARATION_TEXT: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// The program that makes the bags, with its version.
pub const AGENT: &str = concat!("gangway ", env!("CARGO_PKG_VERSION"));

/// The description's text.
pub fn info(order: &Order, tally: &Tally) -> String {
    let About { source_organization, external_identifier, external_description, bagged_on, made_by } = &order.about;
    let fields = [
        ("Source-Organization", source_organization.clone()),
        ("Bagging-Date", bagged_on.format("%Y-%m-%d").to_string()),
        ("External-Identifier", external_identifier.clone()),
        ("External-Description", external_description.clone()),
        ("Payload-Oxum", format!("{}.{}", tally.bytes, tally.files)),
        ("Bag-Size", readable_size(tally.bytes)),
        ("Bag-Software-Agent", made_by.clone()),
        ("Gangway-Changed-During-Return", tally.changed.to_string()),
        ("Gangway-Unreadable", tally.unreadable.to_string()),
        ("Gangway-Vanished", tally.vanished.to_string()),
    ];
    fields.iter().flat_map(|(label, value)| [*label, ": ", &on_one_line(value), "\n"].map(str::to_owned)).collect()
}

/// The manifest of the tag files, given as name and digest.
pub(super) fn tag_manifest(tags: &[(&str, String)]) -> String {
    tags.iter().flat_map(|(name, digest)| [digest, "  ", name, "\n"]).collect()
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// A size for a person, in powers of 1000, as `Bag-Size` wants it.
pub(super) fn readable_size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_000 && unit + 1 < units.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{}.{} {}", tenths / 10, tenths % 10, units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_a_person_would_write_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_550_000, "1.6 MB"),
            (2_147_483_648, "2.1 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(readable_size(bytes), text);
        }
    }

    #[test]
    fn a_line_break_cannot_forge_a_field() {
        assert_eq!(on_one_line(" Acme\r\nPayload-Oxum: 0.0 "), "Acme  Payload-Oxum: 0.0");
    }
}
