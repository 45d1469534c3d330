//! A data return against the tools one would string together for it: `bagit.py --sha256`, then
//! `tar | zstd -3 | age`.
//!
//! ```text
//! cargo bench --bench data_return -- [--dir FOLDER] [--pairs 5] [--files 20000] [--mib 2048] [--sparse-gib 10]
//! ```
//!
//! Both make the same from the same tree, one after the other, so many pairs; what is printed are the medians
//! of the pairs' ratios, which hold on a busy machine where walls do not. Each return runs in a process of its
//! own, which reports its time on the processors (`/proc/self/stat`), its peak memory (`VmHWM`) and the bytes
//! it read (`rchar`). One sparse file follows, for the peak of memory. Exits with 1 when a goal is missed.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark is a program for a person at a terminal"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use async_trait::async_trait;
use gangway::{
    adapters::local_files::{LocalFiles, Mounts},
    error::Error,
    jobs::data_return::{
        Checkpoint, CheckpointSink, Format, Order, Place, Progress, SoFar, Source, Watch, freeze,
        order::{About, PART_BYTES},
        pack, verify,
    },
    ports::storage::ObjectPath,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// # Source
/// The goals in `docs/performance.md`.
const WALL_GOAL: f64 = 1.5;
const CPU_GOAL: f64 = 0.85;
const READ_GOAL: f64 = 1.02;
const MEMORY_GOAL_MIB: f64 = 96.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let options: BTreeMap<&str, &str> =
        arguments.chunks_exact(2).map(|pair| (pair[0].trim_start_matches('-'), pair[1].as_str())).collect();
    if let Some(folder) = options.get("child") {
        return child(Path::new(folder), options["source"]);
    }
    let number = |name: &str, default: u64| options.get(name).map_or(default, |text| text.parse().unwrap());
    let dir = options.get("dir").map_or_else(std::env::temp_dir, PathBuf::from).join("gangway-bench-data-return");
    if dir.exists() {
        fs::remove_dir_all(&dir).unwrap();
    }
    fs::create_dir_all(&dir).unwrap();
    let has_met_all = compare(&dir, number("files", 20_000), number("mib", 2048) << 20, number("pairs", 5))
        & sparse(&dir, number("sparse-gib", 10) << 30);
    fs::remove_dir_all(&dir).unwrap();
    std::process::exit(i32::from(!has_met_all));
}

/// What a run took.
#[derive(Debug, Serialize, Deserialize)]
struct Took {
    wall_secs: f64,
    cpu_secs: f64,
    #[serde(default)]
    peak_mib: f64,
    #[serde(default)]
    read_bytes: f64,
    #[serde(default)]
    stored_bytes: f64,
    #[serde(default)]
    read_back_secs: f64,
}

fn compare(dir: &Path, files: u64, bytes: u64, pairs: u64) -> bool {
    let tree = dir.join("tree");
    let payload = make_tree(&tree, files, bytes);
    println!("{files} files, {:.0} MiB, half text, half noise", payload as f64 / 1_048_576.0);
    let mut rows = Vec::new();
    for pair in 0..pairs {
        settle();
        let ours = ours(dir, &tree);
        settle();
        let theirs = theirs(dir, &tree);
        println!(
            "pair {pair}: ours {:.2} s wall {:.2} s CPU {:.0} MiB peak {:.3} x read, {:.0} MiB stored, read back in {:.2} s; \
             theirs {:.2} s wall {:.2} s CPU {:.0} MiB stored",
            ours.wall_secs,
            ours.cpu_secs,
            ours.peak_mib,
            ours.read_bytes / payload as f64,
            ours.stored_bytes / 1_048_576.0,
            ours.read_back_secs,
            theirs.wall_secs,
            theirs.cpu_secs,
            theirs.stored_bytes / 1_048_576.0,
        );
        rows.push((ours, theirs));
    }
    let of = |ratio: fn(&(Took, Took)) -> f64| median(rows.iter().map(ratio).collect());
    let wall = of(|(ours, theirs)| theirs.wall_secs / ours.wall_secs);
    let cpu = of(|(ours, theirs)| ours.cpu_secs / theirs.cpu_secs);
    let read = of(|(ours, _)| ours.read_bytes) / payload as f64;
    let peak = rows.iter().map(|(ours, _)| ours.peak_mib).fold(0.0, f64::max);
    let size = of(|(ours, theirs)| ours.stored_bytes / theirs.stored_bytes);
    println!("stored size: {size:.3} of theirs");
    goal("wall, times faster", wall, wall >= WALL_GOAL, WALL_GOAL)
        & goal("CPU, of theirs", cpu, cpu <= CPU_GOAL, CPU_GOAL)
        & goal("bytes read, of the payload", read, read <= READ_GOAL, READ_GOAL)
        & goal("peak memory, MiB", peak, peak <= MEMORY_GOAL_MIB, MEMORY_GOAL_MIB)
}

fn sparse(dir: &Path, bytes: u64) -> bool {
    if bytes == 0 {
        return true;
    }
    let source = dir.join("sparse");
    fs::create_dir(&source).unwrap();
    fs::File::create(source.join("disk.img")).unwrap().set_len(bytes).unwrap();
    let took = ours(dir, &source);
    println!("sparse file of {} GiB: {:.1} s wall, {:.1} s CPU", bytes >> 30, took.wall_secs, took.cpu_secs);
    goal("peak memory with it, MiB", took.peak_mib, took.peak_mib <= MEMORY_GOAL_MIB, MEMORY_GOAL_MIB)
}

fn goal(what: &str, is: f64, is_met: bool, goal: f64) -> bool {
    println!("{what}: {is:.3} (goal {goal}) {}", if is_met { "met" } else { "MISSED" });
    is_met
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Waits until nothing is left to be written to the disk: what one run wrote must not be written out during the next.
fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}

/// Runs the engine in a process of its own.
fn ours(dir: &Path, source: &Path) -> Took {
    let out = dir.join("ours");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--child".as_ref(), out.as_os_str(), "--source".as_ref(), source.as_os_str()])
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    fs::remove_dir_all(&out).unwrap();
    serde_json::from_slice(&child.stdout).unwrap()
}

fn child(out: &Path, source: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let took = runtime.block_on(run(out, Path::new(source)));
    println!("{}", serde_json::to_string(&took).unwrap());
}

async fn run(out: &Path, source: &Path) -> Took {
    let store = Arc::new(LocalFiles::create(out).unwrap());
    let order = Arc::new(Order {
        name: "bench".parse().unwrap(),
        fence: 1,
        sources: vec![Source {
            label: "files".parse().unwrap(),
            store: Arc::new(LocalFiles::open(source, Mounts::Stay).unwrap()),
            folder: ObjectPath::ROOT,
        }],
        format: Format::BagitTarZstd,
        recipients: vec![RECIPIENT.parse().unwrap()],
        destination: Place { store: store.clone(), folder: "package".into() },
        spool: Place { store, folder: "spool".into() },
        part_bytes: PART_BYTES,
        workers: std::thread::available_parallelism().map_or(2, usize::from).min(4),
        about: About {
            source_organization: "Example Services".into(),
            external_identifier: "ret_1".into(),
            external_description: "A benchmark".into(),
            bagged_on: chrono::NaiveDate::default(),
            made_by: "gangway test".into(),
        },
    });
    let watch = Watch { sink: Arc::new(Silent), progress: Arc::new(Silent), cancel: CancellationToken::new() };
    let begun = Instant::now();
    let frozen = freeze(&order, &watch).await.unwrap();
    let package = pack(&order, &frozen, None, &watch).await.unwrap();
    let wall_secs = begun.elapsed().as_secs_f64();
    let (cpu_secs, read_bytes) = (cpu_secs(), field("/proc/self/io", "rchar:"));
    let begun = Instant::now();
    verify(&order, &package, &watch).await.unwrap();
    let stored: u64 = package.manifest.parts.iter().map(|part| part.bytes).sum();
    Took {
        wall_secs,
        cpu_secs,
        peak_mib: field("/proc/self/status", "VmHWM:") / 1024.0,
        read_bytes,
        stored_bytes: stored as f64,
        read_back_secs: begun.elapsed().as_secs_f64(),
    }
}

/// A key of nobody.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

struct Silent;

#[async_trait]
impl CheckpointSink for Silent {
    async fn still_ours(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn save(&self, _checkpoint: &Checkpoint) -> Result<(), Error> {
        Ok(())
    }
}

impl Progress for Silent {
    fn at(&self, _so_far: SoFar) {}
}

fn cpu_secs() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // User and system time, in hundredths of a second on every Linux there is.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn field(file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs the tools, on a bag made in place as `bagit.py` does it; undoes that afterwards, outside the measurement.
fn theirs(dir: &Path, tree: &Path) -> Took {
    let (out, parent, name) = (dir.join("theirs.tar.zst.age"), tree.parent().unwrap(), tree.file_name().unwrap());
    let script = format!(
        "set -eo pipefail; TIMEFORMAT='{{\"wall_secs\":%R,\"cpu_secs\":0,\"user\":%U,\"sys\":%S}}'\n\
         time {{ bagit.py --sha256 --quiet '{tree}' 2>/dev/null; tar -C '{parent}' -cf - '{name}' | zstd -q -3 -c | age -r {RECIPIENT} > '{out}'; }}",
        tree = tree.display(),
        parent = parent.display(),
        name = name.display(),
        out = out.display(),
    );
    let ran = Command::new("bash").arg("-c").arg(script).output().unwrap();
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "bagit.py, tar, zstd and age are needed: {told}");
    let told: BTreeMap<String, f64> = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let stored = fs::metadata(&out).unwrap().len();
    fs::remove_file(out).unwrap();
    for entry in fs::read_dir(tree).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    for entry in fs::read_dir(tree.join("data")).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), tree.join(entry.file_name())).unwrap();
    }
    fs::remove_dir(tree.join("data")).unwrap();
    Took {
        wall_secs: told["wall_secs"],
        cpu_secs: told["user"] + told["sys"],
        peak_mib: 0.0,
        read_bytes: 0.0,
        stored_bytes: stored as f64,
        read_back_secs: 0.0,
    }
}

/// Numbers that look random and are the same every time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Files of 1 KiB to 1 MiB, as many small ones as large ones on a scale of doublings, every second one text;
/// scaled so that they make `bytes` together. Gives the exact sum.
fn make_tree(root: &Path, files: u64, bytes: u64) -> u64 {
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let sizes: Vec<u64> = (0..files).map(|_| (1024 << (noise.next() % 10)) + noise.next() % 1024).collect();
    let sum: u64 = sizes.iter().sum();
    let words: Vec<String> = (0..4096).map(|_| word(&mut noise)).collect();
    let mut content = Vec::new();
    let mut made = 0;
    for (index, size) in sizes.iter().enumerate() {
        let size = usize::try_from(u128::from(*size) * u128::from(bytes) / u128::from(sum)).unwrap();
        content.clear();
        while content.len() < size {
            if index % 2 == 0 {
                // Low numbers come more often, as frequent words do.
                let (one, two) = (noise.next() % 4096, noise.next() % 4096);
                content.extend_from_slice(words[usize::try_from(one * two / 4096).unwrap()].as_bytes());
            } else {
                content.extend_from_slice(&noise.next().to_le_bytes());
            }
        }
        content.truncate(size);
        let folder = root.join(format!("folder {:03}", index / 100));
        if index % 100 == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::File::create(folder.join(format!("file {index:05}.bin"))).unwrap().write_all(&content).unwrap();
        made += size as u64;
    }
    made
}

fn word(noise: &mut Noise) -> String {
    let letters = b"etaoinshrdlucmfw";
    let len = 2 + noise.next() % 9;
    let mut text: String = (0..len).map(|_| char::from(letters[usize::try_from(noise.next() % 16).unwrap()])).collect();
    text.push(if noise.next().is_multiple_of(12) { '\n' } else { ' ' });
    text
}
