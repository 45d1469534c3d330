//! A client with a folder that is to be returned, entered in the database as its life would have left it.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use age::x25519::Identity;
use gangway::{
    app::{
        data_return::{Args, TargetDetails},
        job,
    },
    auth::Actor,
    domain::{
        agreement::DataFormat,
        job::{JobKind, NewJob, NewTarget},
    },
    ids::{ActorId, ClientId, EngagementId, HoldingId, JobId},
};
use sea_orm::{EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{ledger::Line, package, stack::Stack};

/// Enough for several parts of 64 MiB, and so for several checkpoints.
pub(crate) const FILES: u64 = 5;
const FILE_BYTES: usize = 64 << 20;
/// The most that packing two parts may take.
const PACKED_WITHIN: Duration = Duration::from_secs(40);

/// A client with data in a folder.
pub(crate) struct Data {
    home: tempfile::TempDir,
    identity: Identity,
    client: ClientId,
    holding: HoldingId,
    /// How many files there are.
    pub(crate) files: u64,
}

impl Data {
    /// A client whose files fill several parts.
    pub(crate) async fn of(stack: &mut Stack) -> Self {
        Self::of_files(stack, FILES, FILE_BYTES).await
    }

    /// Makes files of so many bytes each, and enters who they belong to. The workers of `stack` find them from then on.
    pub(crate) async fn of_files(stack: &mut Stack, files: u64, bytes: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        package::fill(&home.path().join("source/files"), files, bytes);
        stack.plan.data = Some(home.path().to_owned());
        let (client, holding, identity) = (Uuid::now_v7(), Uuid::now_v7(), Identity::generate());
        let line = Line { client, holding, location: "data://files", disposition: "RETURN", final_service_on: None };
        line.enter(stack).await;
        confirm(stack, client, &identity.to_public().to_string()).await;
        Self { home, identity, client: client.into(), holding: holding.into(), files }
    }

    /// Puts the return in the queue, as starting its plan would.
    pub(crate) async fn order(&self, stack: &Stack) -> JobId {
        let args = Args {
            engagement_id: EngagementId::from(Uuid::now_v7()),
            client_slug: "acme".to_owned(),
            client_name: "Acme".to_owned(),
            format: DataFormat::BagitTarZstd,
            destination: "returns".to_owned(),
            recipients: vec![self.identity.to_public().to_string()],
        };
        let details = TargetDetails {
            holding_id: self.holding,
            store: "data".to_owned(),
            path: "files".to_owned(),
            label: "files".to_owned(),
            delivery: None,
        };
        let target = NewTarget {
            id: stack.app.new_id(),
            holding_id: Some(self.holding),
            name: "Files".to_owned(),
            details: serde_json::to_value(details).unwrap(),
        };
        let args = serde_json::to_value(args).unwrap();
        let new = NewJob {
            client_id: Some(self.client),
            ..NewJob::new(stack.app.new_id(), JobKind::DataReturn, args, ActorId::System)
        };
        let actor = Actor::system();
        let mut deed = stack.app.begin(&actor).await.unwrap();
        job::enqueue(&mut deed, &new, vec![target]).await.unwrap();
        deed.commit().await.unwrap();
        new.id
    }

    /// The objects of the package that lie at the destination, by name, with the instant they were written.
    pub(crate) fn parts(&self, job: JobId) -> Vec<Written> {
        package::parts(&self.folder(job)).into_iter().map(written).collect()
    }

    /// Those of them that its list names.
    pub(crate) fn listed(&self, job: JobId) -> Vec<Written> {
        package::listed(&self.folder(job)).into_iter().map(written).collect()
    }

    /// Where a program finds the client's folder, as its settings say that.
    pub(crate) fn sources(&self) -> String {
        format!("data={}", self.home.path().join("source").display())
    }

    /// Where it leaves packages, as its settings say that.
    pub(crate) fn destinations(&self) -> String {
        format!("returns={}", self.home.path().join("returns").display())
    }

    fn folder(&self, job: JobId) -> PathBuf {
        self.home.path().join("returns/acme").join(job.to_string())
    }

    /// Unpacks and has the bag judged by tools that are not ours.
    pub(crate) fn assert_whole(&self, job: JobId) {
        let bag = package::open(&package::listed(&self.folder(job)), &self.identity, self.home.path());
        package::assert_same(&bag, &self.home.path().join("source/files"));
    }
}

/// A file, and when it was last written.
pub(crate) type Written = (PathBuf, SystemTime);

fn written(path: PathBuf) -> Written {
    let at = fs::metadata(&path).unwrap().modified().unwrap();
    (path, at)
}

async fn confirm(stack: &Stack, client: Uuid, recipient: &str) {
    let now = stack.app.now();
    let row = entity::recipient_key::Model {
        id: Uuid::now_v7(),
        client_id: client,
        state: "CONFIRMED".to_owned(),
        recipient: recipient.to_owned(),
        fingerprint: "0".repeat(64),
        challenge: String::new(),
        challenge_hash: vec![0; 32],
        created_by: "system".to_owned(),
        created_at: now,
        confirmed_by: Some("system".to_owned()),
        confirmed_at: Some(now),
        revision: 1,
    };
    let db = stack.app.db().write();
    entity::recipient_key::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
}

/// Waits until two parts of the package count.
pub(crate) async fn two_parts(stack: &Stack, job: JobId) {
    stack
        .until("two parts are counted", PACKED_WITHIN, async || {
            let checkpoint = stack.row(job).await.checkpoint;
            let parts = checkpoint.as_ref().and_then(|mark| mark["begun"]["packed"]["parts"][0]["last"].as_u64());
            if parts >= Some(2) { Ok(()) } else { Err(parts) }
        })
        .await;
}
