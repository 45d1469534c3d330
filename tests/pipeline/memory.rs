//! What a return costs in memory: each runs in a process of its own, this very program started once more.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use age::x25519::Identity;
use gangway::jobs::data_return::{Order, order::PART_BYTES, verify};

use crate::support::{Bench, Recorder, run};

/// Where such a process reads how large its one file is, and writes what it had.
const VARIABLE: &str = "GANGWAY_MEMORY_OF";

const MIB: u64 = 1 << 20;

/// The most memory this process ever had, in kB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What such a process runs. As a test it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test below"]
async fn a_return_of_one_file() {
    let Some(folder) = std::env::var_os(VARIABLE) else { return };
    let folder = PathBuf::from(folder);
    let bytes = fs::read_to_string(folder.join("bytes")).unwrap().parse().unwrap();
    let bench = Bench { temp: tempfile::tempdir_in(&folder).unwrap(), identity: Identity::generate() };
    fs::create_dir(bench.source()).unwrap();
    File::create(bench.path("source/disk.img")).unwrap().set_len(bytes).unwrap();
    let order = Arc::new(Order { part_bytes: PART_BYTES, ..bench.order() });
    let (frozen, package) = run(&order).await;
    verify(&order, &package, &Recorder::default().watch()).await.unwrap();
    assert_eq!(frozen.tally.bytes, bytes);
    assert!(package.manifest.parts.len() as u64 > bytes / PART_BYTES, "it was cut into parts");
    fs::write(folder.join("peak"), peak().to_string()).unwrap();
}

/// The memory that a return of one file of so many bytes had, in kB.
fn of_a_file(folder: &Path, bytes: u64) -> u64 {
    fs::write(folder.join("bytes"), bytes.to_string()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["memory::a_return_of_one_file", "--exact", "--ignored", "--test-threads=1"]);
    let output = command.env(VARIABLE, folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    fs::read_to_string(folder.join("peak")).unwrap().parse().unwrap()
}

#[test]
fn a_file_of_2_gib_needs_no_more_memory_than_one_of_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let [small, large] = [64 * MIB, 2_048 * MIB].map(|bytes| of_a_file(folder.path(), bytes));
    let grown = large.saturating_sub(small);
    assert!(grown < 16 * 1024, "2 GiB cost {grown} kB more than the {small} kB of 64 MiB");
}
