//! Making a close-out pack.
//!
//! Numbered steps: (1) the documents are read, and then the log is sealed and signed, so that it tells of every certificate
//! among them; (2) everything is written into an archive on this machine, event by event with its proof; (3) the archive is
//! sent to where our own files lie, under a name that this run alone makes: one that was stopped and comes back replaces
//! nothing; (4) one deed makes it a file of the client, certifies it and notes the job's result. A run that finds the note has
//! nothing left to do. (5) What other runs left is taken away.

mod archive;

use std::{fs::File, io::Read};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use self::archive::Archive;
use super::{Task, TaskContext};
use crate::{
    app::{
        closeout::{self, Summary},
        log,
    },
    auth::Actor,
    domain::{
        event::EventCursor,
        file::Digest,
        job::{JobKind, Outcome},
        pack::{CHECKPOINT, EVENTS, NOTE, PackClient, PackLog, PackRun, PackStatement, TYPE},
    },
    error::{Error, Result},
    ports::{
        shelves::Shelf,
        storage::{self, ObjectPath, ObjectStore},
    },
};

/// So much is read and sent at a time.
const CHUNK: usize = 1024 * 1024;
/// What whoever opens the archive reads first.
const README: &str = include_str!("README.txt");

/// Packs.
#[derive(Clone)]
pub struct PackTask {
    own: Shelf<dyn ObjectStore>,
}

/// An archive that is complete.
struct Made {
    file: File,
    statement: PackStatement,
    events: u64,
    certificates: u64,
}

impl PackTask {
    /// A task that leaves packs among our own files.
    pub fn new(own: Shelf<dyn ObjectStore>) -> Self {
        Self { own }
    }

    /// Sends the archive; gives its digest and size.
    async fn send(&self, mut file: File, key: &str) -> Result<(Digest, u64)> {
        let path: ObjectPath = self.own.folder.join(key);
        let mut upload = self.own.store.begin(&path).await?;
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        loop {
            let read = blocking(move || {
                let mut chunk = Vec::with_capacity(CHUNK);
                (&mut file).take(CHUNK as u64).read_to_end(&mut chunk).map_err(Error::internal)?;
                Ok((file, chunk))
            });
            let (rest, chunk) = read.await?;
            file = rest;
            if chunk.is_empty() {
                break;
            }
            digest.update(&chunk);
            bytes += chunk.len() as u64;
            upload.write(Bytes::from(chunk)).await?;
        }
        upload.finish().await?;
        Ok((Digest::of(digest.finalize().into()), bytes))
    }
}

#[async_trait]
impl Task for PackTask {
    fn kind(&self) -> JobKind {
        JobKind::CloseoutPack
    }

    async fn run(&self, context: &TaskContext) -> Result<Outcome> {
        if let Some(summary) = context.checkpoint::<Summary>() {
            return done(&summary);
        }
        let made = tokio::select! {
            made = make(context) => made?,
            outcome = context.signals().stopping() => return Ok(outcome),
        };
        let job = context.job();
        let folder = format!("packs/{}/{}", made.statement.client.id, job.id);
        let name = format!("{}.zip", context.lease().fence);
        let key = format!("{folder}/{name}");
        let (sha256, bytes) = self.send(made.file, &key).await?;
        let (events, certificates) = (made.events, made.certificates);
        let archive = closeout::Archive { sha256, bytes, storage_key: key, events, certificates };
        let actor = Actor::system();
        let mut deed = context.begin(&actor).await?;
        let summary = closeout::handed_over(&mut deed, job, &made.statement, archive).await?;
        context.journal(&deed, &summary).await?;
        deed.commit().await?;
        let is_other = move |other: &[u8]| other != name.as_bytes();
        if let Err(fault) = storage::clear(self.own.store.as_ref(), &self.own.folder.join(&folder), is_other).await {
            tracing::warn!(error = fault.to_string(), "what other runs left stays for now");
        }
        done(&summary)
    }
}

fn done(summary: &Summary) -> Result<Outcome> {
    Ok(Outcome::Done(Some(serde_json::to_value(summary).map_err(Error::internal)?)))
}

/// Writes everything into an archive, the signed statement last.
async fn make(context: &TaskContext) -> Result<Made> {
    let (app, job) = (context.app(), context.job());
    let (run, client) = closeout::subject(app, job).await?;
    let documents = closeout::documents(app, &run).await?;
    let log = log::sign_now(app).await?;
    let certificates = documents.iter().filter(|document| document.is_certificate()).count() as u64;
    let checkpoint = log.note.clone();
    let mut archive = blocking(move || {
        let mut archive = Archive::new()?;
        archive.add("README.txt", README)?;
        archive.add(CHECKPOINT, &checkpoint)?;
        for document in documents {
            archive.add(&document.path, &document.text)?;
        }
        archive.begin(EVENTS)?;
        Ok(archive)
    })
    .await?;
    let (mut after, mut events) = (EventCursor::START, 0);
    while let Some((page, next)) = closeout::events(app, &client, after, &log.checkpoint).await? {
        events += page.len() as u64;
        context.progress().update(|progress| progress.done = events);
        archive = blocking(move || {
            for event in &page {
                let mut line = serde_json::to_vec(event).map_err(Error::internal)?;
                line.push(b'\n');
                archive.write(&line)?;
            }
            Ok(archive)
        })
        .await?;
        after = next;
    }
    let id = job.id.to_string();
    let statement = PackStatement {
        r#type: TYPE.to_owned(),
        number: format!("CP-{}", id[id.len() - 12..].to_uppercase()),
        issued_at: app.now(),
        client: PackClient { id: client.id, name: client.name, slug: client.slug.to_string() },
        engagement: PackRun { id: run.id, state: run.state.to_string(), concluded_at: run.concluded_at },
        job_id: job.id,
        log: PackLog::from(&log.checkpoint),
        files: archive.files(),
    };
    let text = serde_json_canonicalizer::to_string(&statement).map_err(Error::internal)?;
    let note = app.parts().log_keys.signer.sign(&format!("{text}\n")).map_err(Error::internal)?;
    let file = blocking(move || {
        archive.add(NOTE, &note)?;
        archive.finish()
    });
    Ok(Made { file: file.await?, statement, events, certificates })
}

/// Does what a disk may keep waiting where nobody else waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
