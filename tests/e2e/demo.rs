//! `gangway demo --keep`, as somebody meets it who tries Gangway out: the program itself, and what it prints to be done
//! by hand. With all of its files, so that the package has several parts.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// The most that the whole life may take on a machine that does other things as well.
const LONG: Duration = Duration::from_mins(5);

/// A demo that stays up, and the lines it printed: topic and text.
struct Demo {
    program: Child,
    lines: Vec<(String, String)>,
    /// Held open: it goes on to print.
    _rest: Lines<BufReader<ChildStdout>>,
}

impl Demo {
    /// Runs it in `folder` until it has said how to reach it.
    async fn keep(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gangway"));
        // What is set for other processes is nothing to it.
        command.args(["demo", "--keep", "--data"]).arg(folder).env("DATABASE_URL", "postgres://nowhere");
        let mut program = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true).spawn().unwrap();
        let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut lines = Vec::new();
        let reading = async {
            while let Some(line) = said.next_line().await.unwrap() {
                let (topic, text) = line.split_at_checked(14).unwrap_or((&line, ""));
                lines.push((topic.trim().to_owned(), text.to_owned()));
                if topic.trim() == "token" {
                    return;
                }
            }
        };
        timeout(LONG, reading).await.unwrap();
        Self { program, lines, _rest: said }
    }

    /// What it said about `topic`, the last time.
    #[track_caller]
    fn said(&self, topic: &str) -> &str {
        let line = self.lines.iter().rfind(|(about, _)| about == topic);
        &line.unwrap_or_else(|| panic!("nothing about {topic}: {:#?}", self.lines)).1
    }

    /// What it answers to whoever takes its address and token from the screen.
    async fn ask(&self, query: &str) -> Value {
        let token = self.said("token").rsplit(' ').next().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(self.said("url")).bearer_auth(token).json(&json!({ "query": query }));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Types the lines `check` and `open` into a shell; gives the bag they leave.
    fn open(&self) -> PathBuf {
        let typed = format!("{}\n{}", self.said("check"), self.said("open"));
        run("bash", &["-euo", "pipefail", "-c", &typed]);
        let mut entries = std::fs::read_dir(self.said("package")).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.is_dir()).unwrap()
    }

    /// Presses Ctrl-C; gives how it ended.
    async fn interrupt(mut self) -> Option<i32> {
        let id = i32::try_from(self.program.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
        timeout(Duration::from_secs(20), self.program.wait()).await.unwrap().unwrap().code()
    }
}

/// Runs a program that has to succeed.
fn run(program: &str, arguments: &[&str]) {
    let output = std::process::Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_stays_up_and_what_it_prints_can_be_done_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("demo");
    let demo = Demo::keep(&folder).await;
    let answer = demo.ask("{ viewer { name roles } clients { nodes { slug stage } } }").await;
    let (role, name) = demo.said("token").split_once(" (").unwrap();
    let name = name.split_once("):").unwrap().0;
    assert_eq!(answer["data"]["viewer"], json!({ "name": name, "roles": [role] }), "{answer}");
    assert_eq!(answer["data"]["clients"]["nodes"], json!([{ "slug": "harbor-dental", "stage": "CONCLUDED" }]));

    run("bash", &["-c", demo.said("verify")]);
    let bag = demo.open();
    let label = std::fs::read_dir(bag.join("data")).unwrap().next().unwrap().unwrap().path();
    assert!(
        std::fs::read_dir(folder.join("provider")).unwrap().next().is_none(),
        "what went back is not here any more"
    );
    let made = tempfile::tempdir().unwrap();
    gangway::cli::demo::files::make(made.path(), gangway::cli::demo::AMOUNT).unwrap();
    // Empty folders and links are named in the bag's inventory; a bag holds files.
    let left_out = ["-x", "leads outside", "-x", "Nothing in here"];
    run(
        "diff",
        &[&["-r", "--no-dereference"], &left_out[..], &[label.to_str().unwrap(), made.path().to_str().unwrap()]]
            .concat(),
    );

    assert_eq!(demo.said("remove"), format!("rm -r {}", folder.canonicalize().unwrap().display()));
    assert_eq!(demo.interrupt().await, Some(0));
}
