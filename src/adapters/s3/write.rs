//! Writing an object: in one call when it is small, in pieces when it is not; clearing up what was left.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use reqwest::{
    Body as HttpBody, RequestBuilder, Response,
    header::{CONTENT_LENGTH, ETAG},
};
use rusty_s3::{
    S3Action,
    actions::{
        AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, DeleteObject, PutObject, UploadPart,
    },
};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::{
    SIGNED_FOR, Shared,
    answer::{between, hidden_refusal},
    call::{LONG_CALL, SHORT_CALL, TRIES, is_worth_a_retry, pause},
    list::bare_etag,
    read::stat,
    versions::{self, After, UPLOADS},
};
use crate::ports::storage::{Fault, FaultKind, Go, ObjectPath, Result, Stored, Upload};

/// Size of one piece of a multipart upload; a store takes 5 MiB and more. With the 10,000 pieces that a store
/// takes, an object may have 80 GiB, far beyond a part of a package.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// Pages of a thousand unfinished uploads that one sweep clears.
const MOST_SWEEPS: usize = 1000;

/// Pieces a store takes for one object.
const MOST_PIECES: usize = 10_000;

/// An upload that becomes one call or many, as its length turns out.
///
/// One piece is on its way while the next one fills: at most two pieces are held.
pub(super) struct S3Upload {
    shared: Arc<Shared>,
    path: ObjectPath,
    filling: Vec<Bytes>,
    filled: usize,
    size: u64,
    upload_id: Option<String>,
    etags: Vec<String>,
    on_its_way: Option<JoinHandle<Result<String>>>,
}

impl S3Upload {
    pub(super) fn new(shared: Arc<Shared>, path: ObjectPath) -> Self {
        Self {
            shared,
            path,
            filling: Vec::new(),
            filled: 0,
            size: 0,
            upload_id: None,
            etags: Vec::new(),
            on_its_way: None,
        }
    }

    async fn send_piece(&mut self) -> Result<()> {
        self.arrive().await?;
        let upload_id = match &self.upload_id {
            Some(id) => id.clone(),
            None => self.upload_id.insert(create(&self.shared, &self.path).await?).clone(),
        };
        let number = self.etags.len() + 1;
        if number > MOST_PIECES {
            return Err(self.fault(FaultKind::Unsupported, "is longer than 80 GiB"));
        }
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let piece = std::mem::take(&mut self.filling);
        self.filled = 0;
        let (shared, path) = (self.shared.clone(), self.path.clone());
        let piece = async move { upload_piece(&shared, &path, &upload_id, number, &piece).await };
        self.on_its_way = Some(tokio::spawn(piece));
        Ok(())
    }

    /// Waits for the piece that is on its way.
    async fn arrive(&mut self) -> Result<()> {
        if let Some(piece) = self.on_its_way.take() {
            let etag = piece.await.map_err(|stopped| self.fault(FaultKind::Transient, &stopped.to_string()))??;
            self.etags.push(etag);
        }
        Ok(())
    }

    fn fault(&self, kind: FaultKind, detail: &str) -> Fault {
        Fault::new(kind, "write", self.path.to_string(), detail)
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.size += chunk.len() as u64;
        self.filled += chunk.len();
        self.filling.push(chunk);
        if self.filled >= PIECE_BYTES { self.send_piece().await } else { Ok(()) }
    }

    async fn finish(mut self: Box<Self>) -> Result<Stored> {
        if self.upload_id.is_none() {
            return put(&self.shared, &self.path, std::mem::take(&mut self.filling)).await;
        }
        if self.filled > 0 {
            self.send_piece().await?;
        }
        self.arrive().await?;
        let upload_id = self.upload_id.clone().unwrap_or_default();
        complete(&self.shared, &self.path, &upload_id, &self.etags).await?;
        confirm(&self.shared, &self.path, self.size).await
    }

    async fn abandon(mut self: Box<Self>) {
        if let Some(piece) = self.on_its_way.take() {
            piece.abort();
        }
        if let Some(upload_id) = &self.upload_id {
            // What cannot be aborted now is found by the next sweep.
            abort(&self.shared, &self.path, upload_id).await.unwrap_or_default();
        }
    }
}

/// Writes an object in one call. The store checks the digest it is given.
pub(super) async fn put(shared: &Shared, path: &ObjectPath, chunks: Vec<Bytes>) -> Result<Stored> {
    let (key, place) = (Shared::key("write", path)?, path.to_string());
    let mut digest = Sha256::new();
    for chunk in &chunks {
        digest.update(chunk);
    }
    let checksum = BASE64_STANDARD.encode(digest.finalize());
    let size = chunks.iter().map(Bytes::len).sum::<usize>() as u64;
    let request = |http: &reqwest::Client| {
        let mut action = PutObject::new(&shared.bucket, Some(&shared.credentials), key);
        action.headers_mut().insert("x-amz-checksum-sha256", checksum.as_str());
        let request = http.put(action.sign(SIGNED_FOR)).header("x-amz-checksum-sha256", &checksum);
        with_body(request, &chunks).timeout(LONG_CALL)
    };
    let response = shared.send("write", &place, request).await?;
    Ok(Stored { size, version: etag(&response) })
}

fn with_body(request: RequestBuilder, chunks: &[Bytes]) -> RequestBuilder {
    let length = chunks.iter().map(Bytes::len).sum::<usize>();
    let stream = futures_util::stream::iter(Vec::from(chunks).into_iter().map(Ok::<_, std::io::Error>));
    request.header(CONTENT_LENGTH, length).body(HttpBody::wrap_stream(stream))
}

fn etag(response: &Response) -> Option<String> {
    response.headers().get(ETAG)?.to_str().ok().map(bare_etag)
}

async fn create(shared: &Shared, path: &ObjectPath) -> Result<String> {
    let (key, place) = (Shared::key("write", path)?, path.to_string());
    let request = |http: &reqwest::Client| {
        let action = CreateMultipartUpload::new(&shared.bucket, Some(&shared.credentials), key);
        http.post(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    let broken = |kind, detail: &str| Fault::new(kind, "write", place.as_str(), detail);
    let response = shared.send("write", &place, request).await?;
    let document = response.text().await.map_err(|_error| broken(FaultKind::Transient, "the answer broke off"))?;
    let parsed = CreateMultipartUpload::parse_response(&document)
        .map_err(|_error| broken(FaultKind::Permanent, "the answer names no upload"))?;
    Ok(parsed.upload_id().to_owned())
}

async fn upload_piece(
    shared: &Shared,
    path: &ObjectPath,
    upload_id: &str,
    number: u16,
    chunks: &[Bytes],
) -> Result<String> {
    let (key, place) = (Shared::key("write", path)?, path.to_string());
    let request = |http: &reqwest::Client| {
        let action = UploadPart::new(&shared.bucket, Some(&shared.credentials), key, number, upload_id);
        with_body(http.put(action.sign(SIGNED_FOR)), chunks).timeout(LONG_CALL)
    };
    let response = shared.send("write", &place, request).await?;
    let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok());
    etag.map(str::to_owned).ok_or_else(|| Fault::new(FaultKind::Permanent, "write", place, "a piece got no ETag"))
}

/// Puts the pieces together.
///
/// The answer may be lost after the store did it, and a second try then finds no such upload: that is for
/// [`confirm`] to decide, which looks at the object itself.
async fn complete(shared: &Shared, path: &ObjectPath, upload_id: &str, etags: &[String]) -> Result<()> {
    let (key, place) = (Shared::key("write", path)?, path.to_string());
    let action = || {
        let etags = etags.iter().map(String::as_str);
        CompleteMultipartUpload::new(&shared.bucket, Some(&shared.credentials), key, upload_id, etags)
    };
    let request =
        |http: &reqwest::Client| http.post(action().sign(SIGNED_FOR)).body(action().body()).timeout(LONG_CALL);
    let mut tried = 1;
    loop {
        let answer = match shared.send("write", &place, request).await {
            Ok(response) => read_completion(&place, response).await,
            Err(fault) if fault.kind == FaultKind::NotFound => return Ok(()),
            Err(fault) => Err(fault),
        };
        match answer {
            Err(fault) if is_worth_a_retry(&fault) && tried < TRIES => pause(&place, tried, fault.retry_after).await,
            other => return other,
        }
        tried += 1;
    }
}

async fn read_completion(place: &str, response: Response) -> Result<()> {
    let broken = |kind, detail: &str| Fault::new(kind, "write", place, detail);
    let document = response.text().await.map_err(|_error| broken(FaultKind::Transient, "the answer broke off"))?;
    if let Some(fault) = hidden_refusal("write", place, &document) {
        return Err(fault);
    }
    // Stores do not agree on the name of the document, so its content is looked for, and the object after it.
    match between(&document, "<ETag>", "</ETag>").next() {
        Some(_etag) => Ok(()),
        None => Err(broken(FaultKind::Permanent, "the answer confirms no upload")),
    }
}

/// Looks whether the object is there with the size that was sent.
async fn confirm(shared: &Shared, path: &ObjectPath, size: u64) -> Result<Stored> {
    let facts = stat(shared, path).await?;
    if facts.size == size {
        return Ok(Stored { size, version: facts.version });
    }
    let detail = format!("holds {} of {size} bytes", facts.size);
    Err(Fault::new(FaultKind::Lied, "write", path.to_string(), detail))
}

/// Gives up an upload that was begun.
pub(super) async fn abort(shared: &Shared, path: &ObjectPath, upload_id: &str) -> Result<()> {
    let (key, place) = (Shared::key("sweep", path)?, path.to_string());
    let request = |http: &reqwest::Client| {
        let action = AbortMultipartUpload::new(&shared.bucket, Some(&shared.credentials), key, upload_id);
        http.delete(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    absent_is_fine(shared.send("sweep", &place, request).await)
}

/// Takes an object away.
pub(super) async fn delete(shared: &Shared, path: &ObjectPath) -> Result<()> {
    let (key, place) = (Shared::key("delete", path)?, path.to_string());
    let request = |http: &reqwest::Client| {
        let action = DeleteObject::new(&shared.bucket, Some(&shared.credentials), key);
        http.delete(action.sign(SIGNED_FOR)).timeout(SHORT_CALL)
    };
    absent_is_fine(shared.send("delete", &place, request).await)
}

/// What is not there need not be taken away.
pub(super) fn absent_is_fine(answer: Result<Response>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(fault) if fault.kind == FaultKind::NotFound => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Aborts the multipart uploads below `folder` that `go`; gives their number.
pub(super) async fn sweep(shared: &Shared, folder: &ObjectPath, go: &Go) -> Result<u64> {
    let (mut swept, below) = (0, versions::prefix(folder)?);
    // Aborted uploads leave the listing, so the first page is asked for until it is empty.
    for _ in 0..MOST_SWEEPS {
        let mut uploads = versions::page(shared, &UPLOADS, &below, &After::default()).await?.things;
        uploads.retain(|upload| go(upload.key.file_name()));
        if uploads.is_empty() {
            return Ok(swept);
        }
        for upload in uploads {
            abort(shared, &upload.key, &upload.id).await?;
            swept += 1;
        }
    }
    Err(Fault::new(FaultKind::Lied, "sweep", folder.to_string(), "aborted uploads stay listed"))
}
