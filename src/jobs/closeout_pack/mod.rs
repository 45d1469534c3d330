//! Making a close-out pack.
//!
//! Numbered steps: (1) the log is sealed and signed; (2) everything is written into an archive on this machine, event by event
//! with its proof; (3) the archive is sent to where our own files lie, under a name that the job alone makes, so a run that
//! comes after one that was stopped replaces what that one left; (4) one deed makes it a file of the client, certifies it
//! and notes the job's result. A run that finds the note has nothing left to do.

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
        log::SignedCheckpoint,
        pack::{CHECKPOINT, EVENTS, NOTE, PackClient, PackLog, PackRun, PackStatement, TYPE},
    },
    error::{Error, Result},
    ports::{
        shelves::Shelf,
        storage::{ObjectPath, ObjectStore},
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
        let log = log::sign_now(context.app()).await?;
        let made = tokio::select! {
            made = make(context, &log) => made?,
            outcome = context.signals().stopping() => return Ok(outcome),
        };
        let job = context.job();
        let key = format!("{}{}/{}.zip", closeout::FOLDER, made.statement.client.id, job.id);
        let (sha256, bytes) = self.send(made.file, &key).await?;
        let (events, certificates) = (made.events, made.certificates);
        let archive = closeout::Archive { sha256, bytes, storage_key: key, events, certificates };
        let actor = Actor::system();
        let mut deed = context.begin(&actor).await?;
        let summary = closeout::handed_over(&mut deed, job, &made.statement, archive).await?;
        context.journal(&deed, &summary).await?;
        deed.commit().await?;
        done(&summary)
    }
}

fn done(summary: &Summary) -> Result<Outcome> {
    Ok(Outcome::Done(Some(serde_json::to_value(summary).map_err(Error::internal)?)))
}

/// Writes everything into an archive, the signed statement last.
async fn make(context: &TaskContext, log: &SignedCheckpoint) -> Result<Made> {
    let (app, job) = (context.app(), context.job());
    let (run, client) = closeout::subject(app, job).await?;
    let documents = closeout::documents(app, &run).await?;
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
