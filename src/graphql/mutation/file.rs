//! Announcing files.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::{
    app::{
        self,
        file::{Announce, Place},
    },
    error::{Result, parse},
    graphql::{
        context::Caller,
        error::UserError,
        id,
        mutation::once,
        payload::{Nullable, Payload, settle},
        scalars::{DateTime, Long, Url},
        types::file::File,
    },
};

/// Announces files.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileMutation;

/// How the bytes are sent.
const METHOD: &str = "PUT";
/// What is sent along: the bytes say themselves what they are.
const HEADERS: &[(&str, &str)] = &[("Content-Type", "application/octet-stream")];

/// A file that is about to be sent.
#[derive(Clone, Debug, InputObject)]
pub struct UploadCreateInput {
    /// Whose it is.
    client_id: ID,
    /// The original name of the file, 1 to 200 characters, without a folder.
    name: String,
    /// Its exact size in bytes, at least 1. The server has a limit, 100 MiB unless it was set otherwise.
    byte_count: Long,
    /// SHA-256 of its bytes in 64 hexadecimal digits. When it is given, nothing else is stored.
    sha256: Option<String>,
    /// The caller's name for this request, 8 to 128 characters; the same key never announces two files.
    idempotency_key: String,
}

impl UploadCreateInput {
    fn parse(&self) -> Result<Announce> {
        Ok(Announce {
            client_id: id::get(&self.client_id, "client", "clientId")?,
            name: parse("name", &self.name)?,
            byte_count: self.byte_count.0,
            sha256: self.sha256.as_deref().map(|text| parse("sha256", text)).transpose()?,
        })
    }
}

/// A header to send along.
#[derive(Clone, Debug, SimpleObject)]
pub struct UploadHeader {
    /// Its name.
    name: String,
    /// Its value.
    value: String,
}

/// An announced file, and where to send its bytes.
#[derive(Clone, Debug, SimpleObject)]
pub struct UploadCreatePayload {
    /// The file; it is PENDING until its bytes have arrived.
    file: Option<File>,
    /// Where to send its bytes. Whoever has the address has the right to, so keep it to yourself; it needs no token.
    url: Option<Url>,
    /// How to send them.
    method: String,
    /// What to send along.
    headers: Vec<UploadHeader>,
    /// Until when sending may begin: 15 minutes from now. The same request again gives a new address.
    expires_at: Option<DateTime>,
    /// What the caller can mend; empty when it was done.
    user_errors: Vec<UserError>,
    /// Whether an earlier request with the same idempotency key did it.
    replayed: bool,
}

impl UploadCreatePayload {
    fn new(place: Option<Place>, user_errors: Vec<UserError>, replayed: bool) -> Self {
        let header = |&(name, value): &(&str, &str)| UploadHeader { name: name.to_owned(), value: value.to_owned() };
        let (url, expires_at) = place.as_ref().map(|place| (Url(place.url.clone()), place.expires_at.into())).unzip();
        Self {
            file: place.map(|place| place.file.into()),
            url,
            method: METHOD.to_owned(),
            headers: HEADERS.iter().map(header).collect(),
            expires_at,
            user_errors,
            replayed,
        }
    }
}

impl Payload for UploadCreatePayload {
    fn refused(errors: Vec<UserError>) -> Self {
        Self::new(None, errors, false)
    }
}

#[Object]
impl FileMutation {
    /// Announces a file and gives the address to send its bytes to, in one PUT. Once they are stored, the file's id
    /// goes into `evidenceAdd` or `agreementRecord`.
    /// Example: `mutation { uploadCreate(input: { clientId: "cli_01h455vb4pex5vsknk084sn02q", name: "plan.pdf",
    /// byteCount: "48213", idempotencyKey: "0197-plan" }) { file { id } url method headers { name value } userErrors {
    /// message } } }`.
    async fn upload_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: UploadCreateInput,
    ) -> Nullable<UploadCreatePayload> {
        let done = async {
            let once = once("uploadCreate", &input.idempotency_key, &input)?;
            let done = app::file::announce(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(UploadCreatePayload::new(Some(done.made), Vec::new(), done.is_replayed))
        };
        settle(done.await)
    }
}
