//! Settings about files, and about the places data returns read from and write to.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::{Problem, Secret, Storage, Value, source::Sources, values::Listed};

/// Where uploads lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStore {
    /// In the data folder.
    Local,
    /// In the S3 store of this name.
    S3(String),
}

/// A folder with a name: nothing outside such folders can be named by a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What callers call it.
    pub name: String,
    /// Where it lies; absolute.
    pub path: PathBuf,
}

/// What an S3 store may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreUse {
    /// Uploads.
    Files,
    /// Holdings may lie in it.
    Source,
    /// Data returns may be delivered to it.
    Destination,
}

/// A bucket, or a part of one, of an S3-compatible store.
#[derive(Clone, Debug)]
pub struct S3Store {
    /// What callers and the log call it.
    pub name: String,
    /// The store's own URL, without the bucket.
    pub endpoint: Url,
    /// The bucket.
    pub bucket: String,
    /// The region requests are signed for.
    pub region: String,
    /// What every key begins with; nothing outside it can be named by a caller.
    pub prefix: String,
    /// What it may be used for.
    pub uses: Vec<StoreUse>,
    /// The public half of its credentials.
    pub access_key_id: Secret,
    /// The secret half of its credentials.
    pub secret_access_key: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStore {
    name: String,
    endpoint: Url,
    bucket: String,
    #[serde(default = "default_region")]
    region: String,
    #[serde(default)]
    prefix: String,
    uses: Vec<StoreUse>,
}

/// What stores without regions expect in a signature.
fn default_region() -> String {
    "us-east-1".to_owned()
}

/// Names appear in URIs and in names of variables.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(is_plain) {
        return Err(format!("the name `{name}` must be 1 to 32 lower-case letters, digits or `-`"));
    }
    Ok(())
}

impl Value for FileStore {
    const KIND: &'static str = "`local` or a store's name";

    fn parse(text: &str) -> Result<Self, String> {
        check_name(text)?;
        Ok(if text == "local" { Self::Local } else { Self::S3(text.to_owned()) })
    }
}

/// What a store is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreName(pub String);

impl Value for StoreName {
    const KIND: &'static str = "a store's name";

    fn parse(text: &str) -> Result<Self, String> {
        check_name(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl Listed for StoreName {
    const LIST_KIND: &'static str = "names, separated by commas";
}

impl Value for Root {
    const KIND: &'static str = "name=path";

    fn parse(text: &str) -> Result<Self, String> {
        let (name, path) =
            text.split_once('=').ok_or_else(|| format!("must be `name=/absolute/path`, not `{text}`"))?;
        check_name(name)?;
        let path = PathBuf::from(path);
        if !path.is_absolute() || path.parent().is_none() {
            return Err(format!("the path of `{name}` must be absolute and must not be the root of the file system"));
        }
        Ok(Self { name: name.to_owned(), path })
    }
}

impl Listed for Root {
    const LIST_KIND: &'static str = "name=path, separated by commas";
}

impl Value for Vec<S3Store> {
    const KIND: &'static str = "JSON list";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        let written: Vec<WrittenStore> =
            serde_json::from_str(text).map_err(|error| format!("is not a list of stores: {error}"))?;
        written.into_iter().map(S3Store::without_keys).collect()
    }
}

impl S3Store {
    fn without_keys(written: WrittenStore) -> Result<Self, String> {
        let WrittenStore { name, endpoint, bucket, region, prefix, uses } = written;
        check_name(&name)?;
        if name == "local" {
            return Err("a store cannot be called `local`".to_owned());
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(format!("the `endpoint` of `{name}` must not hold credentials"));
        }
        if !matches!(endpoint.scheme(), "http" | "https") || bucket.is_empty() || uses.is_empty() {
            return Err(format!("`{name}` needs an http or https `endpoint`, a `bucket` and one of `uses` at least"));
        }
        let (access_key_id, secret_access_key) = (Secret::new(""), Secret::new(""));
        Ok(Self { name, endpoint, bucket, region, prefix, uses, access_key_id, secret_access_key })
    }

    /// Whether it may be used for `purpose`.
    pub fn serves(&self, purpose: StoreUse) -> bool {
        self.uses.contains(&purpose)
    }

    fn key_variables(&self) -> [String; 2] {
        let name = self.name.to_ascii_uppercase().replace('-', "_");
        ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"].map(|key| format!("GANGWAY_S3_{name}_{key}"))
    }
}

impl Storage {
    /// Fills in the credentials, whose variables depend on the stores' names.
    pub(super) fn read_store_keys(&mut self, sources: &Sources<'_>, problems: &mut Vec<Problem>) {
        for store in &mut self.s3_stores {
            let [id, secret] = store.key_variables().map(|variable| sources.secret(&variable, problems));
            if let (Some(id), Some(secret)) = (id, secret) {
                (store.access_key_id, store.secret_access_key) = (id, secret);
            }
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if let FileStore::S3(name) = &self.files
            && !self.s3_stores.iter().any(|store| store.name == *name && store.serves(StoreUse::Files))
        {
            let message = format!("`{name}` is not a store of GANGWAY_S3_STORES with `files` among its uses");
            problems.push(Problem::new("GANGWAY_FILES", message));
        }
        let names = |purpose, roots: &[Root]| -> Vec<String> {
            let stores = self.s3_stores.iter().filter(|store| store.serves(purpose)).map(|store| store.name.clone());
            roots.iter().map(|root| root.name.clone()).chain(stores).collect()
        };
        for (variable, names) in [
            ("GANGWAY_SOURCES", names(StoreUse::Source, &self.sources)),
            ("GANGWAY_DESTINATIONS", names(StoreUse::Destination, &self.destinations)),
            ("GANGWAY_S3_STORES", self.s3_stores.iter().map(|store| store.name.clone()).collect()),
        ] {
            refuse_twins(variable, names, problems);
        }
    }
}

fn refuse_twins(variable: &str, mut names: Vec<String>, problems: &mut Vec<Problem>) {
    names.sort();
    for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
        problems.push(Problem::new(variable, format!("the name `{}` is used twice", pair[0])));
    }
}
