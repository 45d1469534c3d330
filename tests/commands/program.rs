//! The built program in a folder of its own.

use std::{net::TcpListener, path::Path, process::Stdio, time::Duration};

use gangway::cli::api::Api;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// The most anything here may take, on a machine that does other things as well.
pub(crate) const LONG: Duration = Duration::from_secs(50);

/// A folder to run the program in.
pub(crate) struct Place {
    home: TempDir,
}

/// What a command said, and what it ended with.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A server that answers.
pub(crate) struct Server {
    pub(crate) url: String,
    /// What it said when it was ready.
    pub(crate) welcome: Vec<String>,
    child: Child,
    /// Held, because a program whose reader is gone cannot print.
    _out: Lines<BufReader<ChildStdout>>,
}

/// An address that nobody listens on just now.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The program with `arguments`, in this folder. Whatever is set for the tests is no setting here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gangway"));
        command.args(arguments).current_dir(self.home()).kill_on_drop(true).stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            if name.starts_with("GANGWAY_") || name.starts_with("DATABASE_URL") || name.starts_with("REDIS_URL") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        ended(&mut self.command(arguments)).await
    }

    /// What the program prints when nothing is wrong.
    pub(crate) async fn print(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said.out.trim_end().to_owned()
    }

    /// A server without workers on the database in `data`.
    pub(crate) async fn serve(&self, data: &str) -> Server {
        let at = free_address();
        let mut command = self.command(&["serve", "--worker=false", "--listen", &at, "--data", data]);
        Server::start(&mut command, &at).await
    }

    /// What `role` is answered by `server`, whose keys lie in `data`.
    pub(crate) async fn ask(&self, server: &Server, data: &str, role: &str, query: &str) -> Value {
        let token = self.print(&["token", "--role", role, "--data", data]).await;
        server.api().ask(&token, query, json!({})).await.unwrap()
    }
}

/// Runs a program to its end.
pub(crate) async fn ended(command: &mut Command) -> Said {
    let output = timeout(LONG, command.output()).await.expect("the program ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().expect("an exit code"), out: text(output.stdout), err: text(output.stderr) }
}

impl Server {
    /// Starts `command`, which listens at `at`, and waits for the last line of its welcome.
    pub(crate) async fn start(command: &mut Command, at: &str) -> Self {
        Self::started(command.stderr(Stdio::null()), at).await
    }

    /// The same, with whatever `command` does with its log.
    pub(crate) async fn started(command: &mut Command, at: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut welcome = Vec::new();
        while welcome.len() < 3 {
            let line = timeout(LONG, out.next_line()).await.expect("the server is ready").unwrap();
            welcome.push(line.expect("the server has not ended"));
        }
        Self { url: format!("http://{at}"), welcome, child, _out: out }
    }

    pub(crate) fn api(&self) -> Api {
        Api::at(&self.url).unwrap()
    }

    /// Ends it as an operator does, and gives its exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        timeout(LONG, self.child.wait()).await.expect("the server ends").unwrap().code()
    }
}
