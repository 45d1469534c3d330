//! A server in this very process, for commands that show or fill Gangway through its own API.

use std::sync::Arc;

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{api::Api, explain};
use crate::{
    app::{self, App},
    auth::development::DevelopmentIssuer,
    clock::System,
    config::Config,
    startup,
    telemetry::Metrics,
};

/// A running server.
pub struct Local {
    /// How it is asked.
    pub api: Api,
    /// Where it answers, without a path.
    pub url: String,
    /// What its tokens come from.
    pub issuer: DevelopmentIssuer,
    app: App,
    stop: CancellationToken,
    serving: JoinHandle<crate::error::Result<()>>,
}

impl Local {
    /// Serves on a free port of this machine, where tokens of the development issuer count.
    ///
    /// # Errors
    /// The database does not answer or is not up to date, or a setting cannot be used.
    pub async fn start(mut config: Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        config.server.listen = listener.local_addr()?;
        config.server.public_url = None;
        config.auth.dev_issuer = Some(true);
        let url = config.public_url();
        std::fs::create_dir_all(&config.server.data)?;
        let issuer = startup::access::development_issuer(&config, Arc::new(System)).map_err(explain)?;
        let process = startup::assemble(config).await.map_err(explain)?;
        let (app, stop) = (process.app.clone(), process.stop.clone());
        let serving = tokio::spawn(process.serve(listener, Metrics::start()?));
        Ok(Self { api: Api::at(&url)?, url, issuer, app, stop, serving })
    }

    /// Has the log signed now, which the server does by itself every minute.
    ///
    /// # Errors
    /// The log is not what the last checkpoint says it was.
    pub async fn checkpoint(&self) -> anyhow::Result<()> {
        app::log::sign_now(&self.app).await.map(drop).map_err(explain)
    }

    /// What ends it when it is cancelled.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Lets it end by itself, once [`Self::stop`] is cancelled.
    ///
    /// # Errors
    /// It failed while it served.
    pub async fn ended(self) -> anyhow::Result<()> {
        self.serving.await?.map_err(explain)
    }

    /// Ends it: what was begun is finished, what was written is sealed.
    ///
    /// # Errors
    /// It failed while it served.
    pub async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.ended().await
    }
}
