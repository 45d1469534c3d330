//! PostgreSQL and Redis of one's own, to be stopped at will.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A port nobody listens on just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Waits until something listens on `port`.
fn wait_for(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A Redis without persistence.
pub(crate) struct Redis {
    port: u16,
    process: Option<Child>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let mut redis = Self { port: free_port(), process: None };
        redis.begin();
        redis
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again, empty, at the same place.
    pub(crate) fn begin(&mut self) {
        let port = self.port.to_string();
        let process = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the drills need redis-server; scripts/test.sh installs it");
        self.process = Some(process);
        wait_for(self.port);
    }

    /// What `command` answers, with at most one number in it.
    pub(crate) async fn ask(&self, command: &[&str]) -> i64 {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut asked = redis::cmd(command[0]);
        for word in &command[1..] {
            asked.arg(word);
        }
        asked.query_async::<Option<i64>>(&mut connection).await.ok().flatten().unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A PostgreSQL cluster.
pub(crate) struct Postgres {
    dir: TempDir,
    port: u16,
    bin: PathBuf,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let cluster = Self { dir: tempfile::tempdir().unwrap(), port: free_port(), bin: bin() };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.dir.path()));
        }
        let data = cluster.data();
        run(cluster.command("initdb").args(["-U", "postgres", "-A", "trust", "-N", "-D"]).arg(&data));
        cluster.begin();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A program of PostgreSQL, which refuses to run as root.
    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it as a power cut would.
    pub(crate) fn stop_immediately(&self) {
        run(self.command("pg_ctl").args(["-m", "immediate", "-w", "stop", "-D"]).arg(self.data()));
    }

    /// Starts it again.
    pub(crate) fn begin(&self) {
        let options = format!("-p {} -k {} -c listen_addresses=127.0.0.1", self.port, self.dir.path().display());
        let log = self.dir.path().join("log");
        run(self.command("pg_ctl").args(["-w", "-o", &options, "-l"]).arg(log).args(["start", "-D"]).arg(self.data()));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.command("pg_ctl").args(["-m", "immediate", "stop", "-D"]).arg(self.data()).output().ok();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where PostgreSQL keeps `initdb`: beside the newest server that Debian installed, or on the path.
fn bin() -> PathBuf {
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|dirs| dirs.filter_map(|dir| Some(dir.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    versions.retain(|dir: &PathBuf| dir.join("initdb").exists());
    versions.sort();
    versions.pop().unwrap_or_else(|| Path::new("").to_path_buf())
}
