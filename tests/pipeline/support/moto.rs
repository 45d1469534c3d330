//! A real S3 server for a test: moto, on a free port of this machine, ended with the value.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use gangway::adapters::s3::{AddressStyle, S3, S3Config};
use url::Url;

pub(crate) struct Moto {
    server: Child,
    pub(crate) endpoint: Url,
}

impl Moto {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let server = started.unwrap_or_else(|error| {
            panic!("moto_server does not start ({error}); these tests need it: pip install 'moto[server]'")
        });
        let moto = Self { server, endpoint: format!("http://127.0.0.1:{port}").parse().unwrap() };
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto_server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    pub(crate) fn config(&self, bucket: &str) -> S3Config {
        S3Config {
            endpoint: self.endpoint.clone(),
            region: "us-east-1".into(),
            bucket: bucket.into(),
            style: AddressStyle::Path,
            access_key: "test".to_owned().into(),
            secret_key: "secret".to_owned().into(),
            session_token: None,
        }
    }

    /// A new bucket.
    pub(crate) async fn bucket(&self, name: &str) -> S3 {
        let url = self.endpoint.join(&format!("/{name}")).unwrap();
        let answer = reqwest::Client::builder().no_proxy().build().unwrap().put(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        S3::new(&self.config(name)).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.server.kill().unwrap_or_default();
        self.server.wait().map(|_| ()).unwrap_or_default();
    }
}
