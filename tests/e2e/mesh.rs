//! A real MeshCentral server for a test, with real agents: on free ports of this machine, ended with the value.

use std::{
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// As whom the server knows us.
pub(crate) const USER: &str = "gangway";
/// The password, of which nothing may be seen again.
pub(crate) const PASSWORD: &str = "Opensesame!7";

/// A server with one group of devices.
pub(crate) struct Mesh {
    server: Child,
    folder: tempfile::TempDir,
    modules: PathBuf,
    port: u16,
    /// What it calls the group.
    pub(crate) group: String,
}

/// A device's agent. It is no service, so it does not go when it is told to: whoever has it ends it, as it would itself.
pub(crate) struct Agent {
    folder: PathBuf,
    process: Option<Child>,
}

fn modules() -> PathBuf {
    let named = std::env::var_os("GANGWAY_TEST_MESHCENTRAL");
    named
        .map(PathBuf::from)
        .expect("GANGWAY_TEST_MESHCENTRAL names no node_modules with meshcentral: scripts/test.sh does")
}

/// Ends a process and all that it started.
fn end(child: &mut Child) {
    Command::new("kill").args(["-9", "--", &format!("-{}", child.id())]).status().map(|_| ()).unwrap_or_default();
    child.wait().map(|_| ()).unwrap_or_default();
}

impl Mesh {
    pub(crate) fn start() -> Self {
        let (modules, folder) = (modules(), tempfile::tempdir().unwrap());
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::os::unix::fs::symlink(&modules, folder.path().join("node_modules")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = json!({ "cert": "127.0.0.1", "port": port, "portBind": "127.0.0.1", "redirPort": 0, "mpsPort": 0,
            "selfUpdate": false, "WANonly": true, "plugins": { "enabled": false }, "autoBackup": false, "noagentupdate": 1,
            "agentPing": 5, "sessionKey": "k" });
        let config = json!({ "settings": settings, "domains": { "": { "newAccounts": false } } });
        std::fs::write(data.join("config.json"), config.to_string()).unwrap();
        let run = |args: &[&str]| {
            let mut command = Command::new("node");
            command.current_dir(folder.path()).arg(modules.join("meshcentral")).arg("--datapath").arg(&data).args(args);
            command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
            command
        };
        for args in
            [&["--createaccount", USER, "--pass", PASSWORD, "--email", "a@b.example"][..], &["--adminaccount", USER]]
        {
            assert!(run(args).status().unwrap().success(), "{args:?}");
        }
        let server = run(&[]).process_group(0).spawn().unwrap();
        let mut mesh = Self { server, folder, modules, port, group: String::new() };
        mesh.wait(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        mesh.group = mesh.added("acme");
        mesh
    }

    fn wait(&self, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while !is_so() {
            assert!(
                Instant::now() < deadline,
                "MeshCentral does not do as it should: {}",
                self.folder.path().display()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the server's own client program says.
    fn control(&self, args: &[&str]) -> String {
        let mut command = Command::new("node");
        command.current_dir(self.folder.path()).arg(self.modules.join("meshcentral/meshctrl"));
        command.args(["--url", &self.address(), "--loginuser", USER, "--loginpass", PASSWORD]).args(args);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// Adds a group of devices and gives what the server calls it.
    fn added(&self, name: &str) -> String {
        self.wait(|| self.control(&["ListDeviceGroups", "--json"]).contains('['));
        let told = self.control(&["AddDeviceGroup", "--name", name]);
        let id = told.split_whitespace().find(|word| word.starts_with("mesh/"));
        id.unwrap_or_else(|| panic!("{told}")).to_owned()
    }

    /// Moves a device to a new group, which is somebody else's.
    pub(crate) fn hand_over(&self, device: &str, name: &str) {
        let group = self.added(name);
        let told = self.control(&["MoveToDeviceGroup", "--devid", device, "--id", &group]);
        assert!(told.contains("ok"), "{told}");
    }

    pub(crate) fn address(&self) -> String {
        format!("wss://127.0.0.1:{}", self.port)
    }

    /// The certificate that the server's own is signed by.
    pub(crate) fn trusted(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("data/root-cert-public.crt")).unwrap()
    }

    /// Every device, as the server's own client program lists them: its id by its number of connections.
    pub(crate) fn devices(&self) -> Vec<(String, bool)> {
        let listed: Value = serde_json::from_str(&self.control(&["ListDevices", "--json"])).unwrap_or_default();
        let device = |device: &Value| Some((device["_id"].as_str()?.to_owned(), device["conn"] == 1));
        listed.as_array().into_iter().flatten().filter_map(device).collect()
    }

    /// Brings an agent onto a device of the group; gives it and what the server calls the device.
    pub(crate) async fn agent(&self, name: &str) -> (Agent, String) {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let http = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).build().unwrap();
        let group = self.group.rsplit('/').next().unwrap();
        let get = async |place: &str, id: &str| {
            let url =
                reqwest::Url::parse_with_params(&format!("https://127.0.0.1:{}/{place}", self.port), [("id", id)]);
            http.get(url.unwrap()).send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap()
        };
        let program = folder.join("meshagent");
        std::fs::write(&program, get("meshagents", "6").await).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let settings = String::from_utf8(get("meshsettings", group).await.to_vec()).unwrap();
        let settings: Vec<_> = settings.lines().filter(|line| !line.starts_with("translation")).collect();
        std::fs::write(folder.join("meshagent.msh"), settings.join("\n")).unwrap();
        let before: Vec<_> = self.devices().into_iter().map(|(id, _)| id).collect();
        let agent = Agent::run(&folder);
        let mut fresh = None;
        let deadline = Instant::now() + Duration::from_mins(2);
        while fresh.is_none() {
            assert!(Instant::now() < deadline, "the agent does not come up");
            fresh = self.devices().into_iter().find(|(id, is_there)| *is_there && !before.contains(id));
        }
        (agent, fresh.unwrap().0)
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

impl Agent {
    fn run(folder: &Path) -> Self {
        let mut command = Command::new(folder.join("meshagent"));
        command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        Self { folder: folder.to_owned(), process: Some(command.process_group(0).spawn().unwrap()) }
    }

    /// It goes, as an agent that is a service does when it is told to; its device would know it again.
    pub(crate) fn goes(&mut self) {
        self.process.take().as_mut().map(end).unwrap_or_default();
    }

    /// It is back.
    pub(crate) fn comes_back(&mut self) {
        *self = Self::run(&self.folder);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.goes();
    }
}
