//! A client's files, and the package they became: opened and judged by tools that are not ours.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use age::{secrecy::ExposeSecret, x25519::Identity};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;

/// Makes files that do not compress, all of one size.
pub(crate) fn fill(folder: &Path, count: u64, bytes: usize) {
    fs::create_dir_all(folder).unwrap();
    let (mut random, mut content) = (StdRng::seed_from_u64(7), vec![0; bytes]);
    for number in 0..count {
        random.fill_bytes(&mut content);
        fs::write(folder.join(format!("{number}.bin")), &content).unwrap();
    }
}

/// The parts that lie in `folder`, by name.
pub(crate) fn parts(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut parts: Vec<_> = paths.filter(|path| path.extension().is_some_and(|name| name == "age")).collect();
    parts.sort();
    parts
}

/// The parts that the list beside them names, in its order: what else lies there does not count.
pub(crate) fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let list = entries.find(|path| path.to_str().unwrap().ends_with(".package.json")).unwrap();
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    let names = list["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap());
    names.map(|name| folder.join(name)).collect()
}

/// Decrypts and unpacks `parts` into the new folder `into` of `home`, has the bag validated, and says where it lies.
pub(crate) fn open(parts: &[PathBuf], identity: &Identity, home: &Path) -> PathBuf {
    let (key, into) = (home.join("key.txt"), home.join("opened"));
    writeln!(fs::File::create(&key).unwrap(), "{}", identity.to_string().expose_secret()).unwrap();
    fs::create_dir(&into).unwrap();
    let parts: Vec<_> = parts.iter().map(|path| path.display().to_string()).collect();
    let script = format!(
        "set -eu; for part in {}; do age -d -i '{}' \"$part\"; done | zstd -dc | tar -x -C '{}'",
        parts.join(" "),
        key.display(),
        into.display()
    );
    run("sh", &["-c", &script]);
    let bag = fs::read_dir(&into).unwrap().next().unwrap().unwrap().path();
    run("bagit.py", &["--validate", bag.to_str().unwrap()]);
    bag
}

/// The files below the one label of `bag` are those of `source`.
pub(crate) fn assert_same(bag: &Path, source: &Path) {
    let label = fs::read_dir(bag.join("data")).unwrap().next().unwrap().unwrap().path();
    run("diff", &["-r", label.to_str().unwrap(), source.to_str().unwrap()]);
}

/// Runs a program that has to succeed.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
