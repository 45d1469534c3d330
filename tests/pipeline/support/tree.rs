//! Trees of files, and comparing them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use gangway::{jobs::data_return::line::Line, ports::storage::ObjectPath};
use sha2::{Digest, Sha256};

/// Bytes that look random and are the same every time.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Writes a file and the folders on the way.
pub(crate) fn write(root: &Path, name: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = root.join(std::ffi::OsStr::from_bytes(name.as_ref()));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// The regular files below `root`: name and content.
pub(crate) fn files(root: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let name = entry.path().strip_prefix(root).unwrap().to_owned().into_os_string().into_vec();
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// The bag's payload from one source is exactly the files below `source`.
pub(crate) fn assert_same_files(source: &Path, bag: &Path, label: &str) {
    let (expected, found) = (files(source), files(&bag.join("data").join(label)));
    let names = |files: &BTreeMap<Vec<u8>, Vec<u8>>| {
        files.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&expected), names(&found));
    for (name, content) in &expected {
        assert!(found[name] == *content, "{} differs", String::from_utf8_lossy(name));
    }
}

/// A validator of our own tests, which decodes names as RFC 8493 says: complete, and every digest right.
pub(crate) fn validate(bag: &Path) {
    let manifest = fs::read_to_string(bag.join("manifest-sha256.txt")).unwrap();
    let mut listed = BTreeMap::new();
    for line in manifest.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        let name = ObjectPath::from_text(name).unwrap().as_bytes().to_vec();
        assert!(listed.insert(name, digest.to_owned()).is_none(), "{line} is there twice");
    }
    let mut found = BTreeMap::new();
    for (name, content) in files(&bag.join("data")) {
        found.insert([b"data/", name.as_slice()].concat(), hex::encode(Sha256::digest(content)));
    }
    assert_eq!(listed, found);
    let tags = fs::read_to_string(bag.join("tagmanifest-sha256.txt")).unwrap();
    assert_eq!(tags.lines().count(), 4);
    for line in tags.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        assert_eq!(digest, hex::encode(Sha256::digest(fs::read(bag.join(name)).unwrap())), "{name}");
    }
    let info = fs::read_to_string(bag.join("bag-info.txt")).unwrap();
    let bytes: usize = files(&bag.join("data")).values().map(Vec::len).sum();
    assert!(info.contains(&format!("Payload-Oxum: {bytes}.{}\n", listed.len())), "{info}");
}

/// The inventory in a restored bag, by path as text.
pub(crate) fn inventory(bag: &Path) -> BTreeMap<String, Line> {
    let text = fs::read_to_string(bag.join("gangway-inventory.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
    lines.map(|line| (line.path.to_text().into_owned(), line)).collect()
}
