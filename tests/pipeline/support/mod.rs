//! What the tests of this binary share.

pub(crate) mod moto;
pub(crate) mod scripted;
pub(crate) mod stores;
pub(crate) mod tools;
pub(crate) mod tree;
pub(crate) mod twisted;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use age::{secrecy::ExposeSecret, x25519::Identity};
use async_trait::async_trait;
use chrono::NaiveDate;
use gangway::{
    adapters::local_files::{LocalFiles, Mounts},
    error::Error,
    jobs::data_return::{
        Checkpoint, CheckpointSink, Format, Frozen, Order, Package, Place, Progress, ReturnError, SoFar, Source, Watch,
        freeze, order::About, pack,
    },
    ports::storage::{ObjectPath, ObjectSource, ObjectStore},
};
use tokio_util::sync::CancellationToken;

/// A folder for one test with a source, a destination and a spool, and a client's key.
pub(crate) struct Bench {
    pub(crate) temp: tempfile::TempDir,
    pub(crate) identity: Identity,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        for folder in ["source", "destination", "spool"] {
            std::fs::create_dir(temp.path().join(folder)).unwrap();
        }
        Self { temp, identity: Identity::generate() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.path("source")
    }

    /// Where the package's objects lie.
    pub(crate) fn package(&self) -> PathBuf {
        self.path("destination/return-1")
    }

    /// An order from local folder to local folder, in small parts.
    pub(crate) fn order(&self) -> Order {
        Order {
            name: "return-1".parse().unwrap(),
            fence: 1,
            sources: vec![Source {
                label: "files".parse().unwrap(),
                store: Arc::new(LocalFiles::open(&self.source(), Mounts::Stay).unwrap()),
                folder: ObjectPath::ROOT,
            }],
            format: Format::BagitTarZstd,
            recipients: vec![self.identity.to_public().to_string().parse().unwrap()],
            destination: Place { store: self.local("destination"), folder: "return-1".into() },
            spool: Place { store: self.local("spool"), folder: "run".into() },
            part_bytes: 256 * 1024,
            workers: 2,
            about: About {
                source_organization: "Example Services".into(),
                external_identifier: "ret_1".into(),
                external_description: "Files of a client".into(),
                bagged_on: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
                made_by: "gangway test".into(),
            },
        }
    }

    pub(crate) fn local(&self, folder: &str) -> Arc<dyn ObjectStore> {
        Arc::new(LocalFiles::create(&self.path(folder)).unwrap())
    }

    /// The key file that `age -d -i` wants.
    pub(crate) fn key_file(&self) -> PathBuf {
        let path = self.path("key.txt");
        std::fs::write(&path, format!("{}\n", self.identity.to_string().expose_secret())).unwrap();
        path
    }

    /// Unpacks the package as its instructions say, with the command line tools; gives the bag.
    pub(crate) fn restore(&self) -> PathBuf {
        self.restore_from(&self.package())
    }

    pub(crate) fn restore_from(&self, package: &Path) -> PathBuf {
        let into = self.path("restored");
        if into.exists() {
            std::fs::remove_dir_all(&into).unwrap();
        }
        std::fs::create_dir(&into).unwrap();
        tools::restore(package, &self.key_file(), &into);
        into.join("return-1")
    }
}

/// Freezes and packs; gives everything.
pub(crate) async fn run(order: &Arc<Order>) -> (Frozen, Package) {
    let watch = Recorder::default().watch();
    let frozen = freeze(order, &watch).await.unwrap();
    let package = pack(order, &frozen, None, &watch).await.unwrap();
    (frozen, package)
}

/// Keeps what the engine reports; can be told to refuse.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    state: Arc<Mutex<Recorded>>,
}

#[derive(Default)]
pub(crate) struct Recorded {
    /// As a job's row would keep it: text.
    pub(crate) saved: Vec<String>,
    pub(crate) ticks: Vec<SoFar>,
    /// The checkpoint after so many saves is refused.
    pub(crate) refuse_after: Option<usize>,
    /// The job is another worker's after so many saves.
    pub(crate) lost_after: Option<usize>,
}

impl Recorder {
    pub(crate) fn refusing_after(saves: usize) -> Self {
        let recorder = Self::default();
        recorder.state.lock().unwrap().refuse_after = Some(saves);
        recorder
    }

    pub(crate) fn lost_after(saves: usize) -> Self {
        let recorder = Self::default();
        recorder.state.lock().unwrap().lost_after = Some(saves);
        recorder
    }

    pub(crate) fn watch(&self) -> Watch {
        self.watch_until(CancellationToken::new())
    }

    pub(crate) fn watch_until(&self, cancel: CancellationToken) -> Watch {
        Watch { sink: Arc::new(self.clone()), progress: Arc::new(self.clone()), cancel }
    }

    /// The last checkpoint, read back from its text.
    pub(crate) fn last(&self) -> Option<Checkpoint> {
        self.state.lock().unwrap().saved.last().map(|text| serde_json::from_str(text).unwrap())
    }

    pub(crate) fn with<T>(&self, read: impl FnOnce(&Recorded) -> T) -> T {
        read(&self.state.lock().unwrap())
    }
}

#[async_trait]
impl CheckpointSink for Recorder {
    async fn still_ours(&self) -> Result<(), Error> {
        let state = self.state.lock().unwrap();
        if state.lost_after == Some(state.saved.len()) { Err(Error::state("fenced")) } else { Ok(()) }
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap();
        if state.refuse_after == Some(state.saved.len()) {
            return Err(Error::state("refused"));
        }
        state.saved.push(serde_json::to_string(checkpoint).unwrap());
        Ok(())
    }
}

impl Progress for Recorder {
    fn at(&self, so_far: SoFar) {
        self.state.lock().unwrap().ticks.push(so_far);
    }
}

/// The fault's name, for assertions.
pub(crate) fn why(error: &ReturnError) -> String {
    format!("{error:?}")
}

/// The source of a store that only reads.
pub(crate) fn as_source<T: ObjectSource>(store: T) -> Arc<dyn ObjectSource> {
    Arc::new(store)
}
