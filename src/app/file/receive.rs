//! Taking the bytes of an announced file, in constant memory.

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{clear, event, folder, shelf};
use crate::{
    app::App,
    auth::{Actor, link},
    domain::{
        event::EventKind,
        file::{Arrival, Digest, File, Sniffer, already_stored},
    },
    error::{Error, Result, at},
    ids::FileId,
    ports::storage::{ObjectPath, Upload},
    store,
};

/// So much is gathered before the store is called; a network sends in far smaller pieces.
const GATHERED_BYTES: usize = 256 * 1024;

/// A file on its way in. Dropped without an end, nothing was stored.
pub struct Reception {
    app: App,
    file: File,
    path: ObjectPath,
    key: String,
    upload: Box<dyn Upload>,
    gathered: BytesMut,
    received: u64,
    digest: Sha256,
    sniffer: Sniffer,
}

/// Opens the way for the bytes of the file `id` to whoever holds the link with `token`.
///
/// # Errors
/// `Forbidden` when the token does not allow it; `NotFound` on `id` when the file is not waited for any longer;
/// `Conflict` when it is stored already; `Unavailable` when the store does not answer.
pub async fn receive(app: &App, id: FileId, token: &str) -> Result<Reception> {
    let now = app.now();
    let parts = app.parts();
    parts.uploads.links.verify(token, link::Deed::Put, id, now)?;
    // The link is the right, so no caller's scope is asked.
    let file = store::file::get(app.db().read(), &Actor::system().scope, id, "id").await?;
    if file.arrival.is_some() {
        return Err(already_stored().into());
    }
    if !file.is_awaited(now) {
        return Err(Error::not_found("file", "id"));
    }
    let attempt = app.new_id::<Uuid>().simple().to_string();
    let path = folder(app, &file).join(&attempt);
    let key = format!("uploads/{}/{}/{attempt}", file.client_id, file.id);
    let upload = shelf(app).store.begin(&path).await?;
    Ok(Reception {
        app: app.clone(),
        file,
        path,
        key,
        upload,
        gathered: BytesMut::new(),
        received: 0,
        digest: Sha256::new(),
        sniffer: Sniffer::default(),
    })
}

impl Reception {
    /// The most bytes that may still come.
    pub fn room(&self) -> u64 {
        self.file.byte_count.min(self.app.parts().uploads.limit_bytes).saturating_sub(self.received)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Unavailable` or `Internal` when the store does not take them: the reception is then good for nothing but
    /// [`Reception::abandon`].
    pub async fn take(&mut self, chunk: &[u8]) -> Result<()> {
        self.received += chunk.len() as u64;
        self.digest.update(chunk);
        self.sniffer.see(chunk);
        self.gathered.extend_from_slice(chunk);
        if self.gathered.len() < GATHERED_BYTES {
            return Ok(());
        }
        let gathered = std::mem::take(&mut self.gathered).freeze();
        self.write(gathered).await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match self.upload.write(bytes).await {
            Ok(()) => Ok(()),
            Err(fault) => Err(or_stored(&self.app, self.file.id, fault.into()).await),
        }
    }

    /// Gives back what the store kept: the file waits as if nothing had come.
    pub async fn abandon(self) {
        self.upload.abandon().await;
    }

    /// Compares what came with what was announced and stores it.
    ///
    /// # Errors
    /// `Violation` on `body` when another size or digest was announced; `Conflict` when another attempt was
    /// faster; `NotFound` on `id` when the file is not waited for any longer; those of the store and the database.
    /// The file waits as before then.
    pub async fn finish(mut self) -> Result<File> {
        let digest = Digest::of(std::mem::take(&mut self.digest).finalize().into());
        if let Err(invalid) = self.file.check(self.received, &digest) {
            self.abandon().await;
            return Err(at("body", invalid));
        }
        let rest = std::mem::take(&mut self.gathered).freeze();
        if !rest.is_empty()
            && let Err(error) = self.write(rest).await
        {
            self.abandon().await;
            return Err(error);
        }
        let arrival = Arrival {
            media_type: self.sniffer.media_type().to_owned(),
            sha256: digest,
            storage_key: self.key.clone(),
            at: self.app.now(),
        };
        let Self { app, file, path, upload, .. } = self;
        if let Err(fault) = upload.finish().await {
            return Err(or_stored(&app, file.id, fault.into()).await);
        }
        let stored = settled(&app, &file, &path, stored(&app, file.id, arrival).await).await?;
        if let Err(error) = clear(&app, &stored, Some(&path)).await {
            tracing::warn!(file.id = %stored.id, error = error.describe(), "what other attempts left stays for now");
        }
        Ok(stored)
    }
}

/// Why the store failed: whoever stored the file first took away what the others were still sending.
async fn or_stored(app: &App, id: FileId, error: Error) -> Error {
    match store::file::get(app.db().read(), &Actor::system().scope, id, "id").await {
        Ok(file) if file.arrival.is_some() => already_stored().into(),
        Ok(_) | Err(_) => error,
    }
}

/// The deed that makes it so, done in the name of whoever announced the file.
async fn stored(app: &App, id: FileId, arrival: Arrival) -> Result<File> {
    let system = Actor::system();
    let announced = store::file::get(app.db().read(), &system.scope, id, "id").await?;
    let actor = Actor { id: announced.created_by, ..system };
    let mut deed = app.begin(&actor).await?;
    let file = store::file::lock(deed.tx(), &actor.scope, id, "id").await?;
    if file.arrival.is_none() && !file.is_awaited(deed.now()) {
        return Err(Error::not_found("file", "id"));
    }
    let file = file.stored(Arrival { at: deed.now(), ..arrival })?;
    store::file::update(deed.tx(), &file).await?;
    deed.record(event(EventKind::FileStored, &file, "was stored"));
    deed.commit().await?;
    Ok(file)
}

/// What became of the deed, and the object at `path` with it. When the database cannot tell whether it was
/// committed, the object stays: a file that is stored must never lose its bytes.
async fn settled(app: &App, file: &File, path: &ObjectPath, done: Result<File>) -> Result<File> {
    let Err(error) = done else { return done };
    let found = store::file::get(app.db().read(), &Actor::system().scope, file.id, "id").await;
    let key = |file: &File| file.arrival.as_ref().map(|arrival| arrival.storage_key.clone());
    let is_ours = |key: &str| path.as_bytes().ends_with(key.as_bytes());
    match found {
        Ok(file) if key(&file).is_some_and(|key| is_ours(&key)) => return Ok(file),
        Ok(_) | Err(Error::NotFound(_)) => {
            if let Err(fault) = shelf(app).store.delete(path).await {
                tracing::warn!(file.id = %file.id, error = fault.to_string(), "what an attempt left stays for now");
            }
        }
        Err(_) => {}
    }
    Err(error)
}
