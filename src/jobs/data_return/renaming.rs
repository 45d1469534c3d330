//! Names in the bag for files that cannot keep their own.

use sha2::{Digest, Sha256};

use crate::ports::storage::ObjectPath;

/// Gives names in the bag to what cannot keep its own.
///
/// A local path can always be a path in a tar. An object key need not: it may end in a slash, hold empty or
/// dotted segments, be too long for a file name, or be both an object and the "folder" of others. Such a file
/// is packed as `<label>/.renamed/<first half of the SHA-256 of its key, in hex>`; its line tells both names.
///
/// Objects come in the order of their keys, so the keys that begin like the present one are the last ones
/// seen: a short stack of them finds every key that is also a folder.
#[derive(Default)]
pub(super) struct Renaming {
    open: Vec<Vec<u8>>,
}

impl Renaming {
    /// The name in the bag for `key` below `label`, where it must differ.
    pub(super) fn name_for(&mut self, label: &str, key: &[u8]) -> Option<ObjectPath> {
        while self.open.last().is_some_and(|earlier| !key.starts_with(earlier)) {
            self.open.pop();
        }
        let is_below_a_file = self.open.iter().any(|earlier| key.get(earlier.len()) == Some(&b'/'));
        let can_be_a_path = key
            .split(|byte| *byte == b'/')
            .all(|name| !matches!(name, b"" | b"." | b"..") && name.len() <= 255 && !name.contains(&0));
        let collides = key.starts_with(RENAMED.as_bytes());
        self.open.push(key.to_vec());
        if can_be_a_path && !is_below_a_file && !collides {
            return None;
        }
        let digest = hex::encode(&Sha256::digest(key)[..16]);
        Some(ObjectPath::from(format!("{label}/{RENAMED}{digest}").as_str()))
    }
}

/// The folder for renamed files below a source's label.
const RENAMED: &str = ".renamed/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_cannot_be_paths_get_another_name_and_no_other_key_does() {
        let keys: [(&str, bool); 13] = [
            ("a", false),
            ("a-b", false),
            ("a/b", true),
            ("a/c/d", true),
            ("ab/c", false),
            ("b//c", true),
            ("b/c", false),
            ("b/c/", true),
            ("b/c0", false),
            ("d/../e", true),
            ("dir/", true),
            ("e", false),
            (".renamed/x", true),
        ];
        let mut renaming = Renaming::default();
        for (key, is_renamed) in keys {
            assert_eq!(renaming.name_for("s3", key.as_bytes()).is_some(), is_renamed, "{key}");
        }
    }
}
