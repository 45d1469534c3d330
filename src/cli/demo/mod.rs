//! `gangway demo`: one client's whole life, shown. It needs no services: a server in this process, on SQLite and the
//! embedded queue, in a folder of its own; everything it shows went through the public API, over HTTP, with tokens.

use std::{
    fs,
    path::{Path, PathBuf},
};

use age::secrecy::ExposeSecret;
use anyhow::{Context, ensure};
use chrono_tz::Tz;
use clap::Args;

use super::{
    life::{Cast, HandOver, Life, Listener, Scene, Stage, ledger},
    local::Local,
    stop_on_signal,
};
use crate::{
    clock::{Clock, Stopwatch, System},
    config::{Config, Environment, Flags},
    telemetry,
};

pub mod files;
pub mod play;
mod report;
mod screen;

use files::Amount;
use screen::Screen;

/// About as much as a small office leaves behind, in two thousand files, one of them over 64 MiB.
pub const AMOUNT: Amount = Amount { files: 2_000, bytes: 130_000_000, largest: 70 * 1024 * 1024 };
/// What the store with the client's files is called.
const SOURCE: &str = "fileserver";
/// What the place is called where the client fetches its package.
const DESTINATION: &str = "handover";

/// What to show.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Leaves the server up at the end, and prints how to reach it.
    #[arg(long)]
    keep: bool,
    /// A folder for everything, new or empty; one in the system's temporary folder when left out.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Where the demo keeps what.
#[derive(Clone, Debug)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Below `root`, which is made when it is not there.
    ///
    /// # Errors
    /// It is not empty, or cannot be made.
    pub fn at(root: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("{} cannot be made", root.display()))?;
        let root = root.canonicalize()?;
        ensure!(fs::read_dir(&root)?.next().is_none(), "{} is not empty", root.display());
        let folders = Self { root };
        for folder in [folders.source(), folders.handover()] {
            fs::create_dir_all(folder)?;
        }
        Ok(folders)
    }

    fn temporary() -> PathBuf {
        let name = format!("gangway-demo-{}-{}", System.now().format("%Y%m%d-%H%M%S"), std::process::id());
        std::env::temp_dir().join(name)
    }

    /// Everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The client's files, as we keep them.
    pub fn source(&self) -> PathBuf {
        self.root.join("provider")
    }

    /// Where packages are left for clients.
    pub fn handover(&self) -> PathBuf {
        self.root.join("handover")
    }

    /// The client's private key.
    pub fn key(&self) -> PathBuf {
        self.root.join("client-key.txt")
    }

    /// Settings for a server here, on the services that `environment` names, if it names any.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn config(&self, environment: &Environment) -> anyhow::Result<Config> {
        let place = |name: &str, folder: &Path| format!("{name}={}", folder.display());
        let flags = Flags::from([
            ("GANGWAY_DATA", self.root.join("gangway").display().to_string()),
            ("GANGWAY_SOURCES", place(SOURCE, &self.source())),
            ("GANGWAY_DESTINATIONS", place(DESTINATION, &self.handover())),
            ("GANGWAY_ERASABLE", SOURCE.to_owned()),
        ]);
        Ok(Config::read(&flags, environment)?)
    }

    /// The client whose life is shown, with its files made.
    ///
    /// # Errors
    /// A folder cannot be written to.
    pub fn scene(&self, amount: Amount) -> anyhow::Result<(Scene, files::Made)> {
        let slug = "harbor-dental";
        let mut scene = Scene::of_today("Harbor Dental Group", slug, Tz::America__New_York, "Nora Pine");
        scene.lines = ledger::lines(slug, &scene.machines);
        scene.lines.push(ledger::files(&format!("{SOURCE}://{slug}"), ledger::End::Destroyed));
        let source = self.source().join(slug);
        fs::create_dir_all(&source)?;
        let made = files::make(&source, amount)?;
        private(&self.key(), scene.key.to_string().expose_secret())?;
        scene.hand_over = Some(HandOver { source, destination: DESTINATION.to_owned(), folder: self.handover() });
        Ok((scene, made))
    }
}

fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(writeln!(file, "{text}")?)
}

/// Shows it.
///
/// # Errors
/// Something refused; the sentence says what.
pub(super) async fn run(demo: Demo) -> anyhow::Result<()> {
    telemetry::start(telemetry::Format::Text, "error")?;
    let since = Stopwatch::start();
    let screen = Screen::new();
    let folders = Folders::at(&demo.data.clone().unwrap_or_else(Folders::temporary))?;
    let (scene, made) = folders.scene(AMOUNT)?;
    let local = Local::start(folders.config(&Environment::default())?).await?;
    screen.line("server", &format!("{} on SQLite and the embedded queue, in {}", local.url, folders.root().display()));
    screen.line("data", &report::data(made));
    let cast = Cast::meet(&local.api, &local.issuer).await?;
    screen.line("people", &format!("{} sign in with tokens of the development issuer", cast.people().len()));
    let stage = Stage { api: &local.api, cast, issuer: &local.issuer };
    let life = Life::begin(&stage, &screen, scene).await?;
    let lived = play::live(&life, &screen).await;
    screen.clear();
    let lived = lived?;
    local.checkpoint().await?;
    let proof = play::prove(&life, lived).await?;
    report::proof(&screen, &folders, &proof, since.elapsed());
    if demo.keep {
        report::keep(&screen, &local.url, &stage.cast, &life.contact);
        stop_on_signal(local.stop().clone())?;
        return local.ended().await;
    }
    local.end().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::data_return::order::PART_BYTES;

    #[test]
    fn a_small_office_leaves_two_thousand_files_200_mb_and_one_that_fills_more_than_a_part() {
        let dir = tempfile::tempdir().unwrap();
        let made = files::make(dir.path(), AMOUNT).unwrap();
        assert!((2_000..2_050).contains(&made.files), "{made:?}");
        assert!((190_000_000..=220_000_000).contains(&made.bytes), "{made:?}");
        let largest = fs::metadata(dir.path().join("Archive/mailbox.bin")).unwrap().len();
        assert!(largest == AMOUNT.largest && largest > 64 << 20 && largest > PART_BYTES, "{largest}");
    }
}
