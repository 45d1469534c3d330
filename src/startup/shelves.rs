//! The places that the settings name, opened.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use secrecy::SecretString;

use crate::{
    adapters::{
        local_files::{Find, LocalFiles, Mounts},
        s3::{AddressStyle, S3, S3Config, Versions},
        witness::Listing,
    },
    config::{Config, FileStore, Root, S3Store, StoreName, StoreUse},
    error::{Error, Result, Violation},
    ports::{
        eraser::Witness,
        shelves::{Erasable, Shelf, Shelves},
        storage::{ObjectPath, ObjectSource, ObjectStore},
    },
};

/// Opens every configured place. A folder that is not there stops the start: nobody would notice later.
pub(super) fn build(config: &Config) -> Result<Shelves> {
    let storage = &config.storage;
    let mut sources: BTreeMap<String, Shelf<dyn ObjectSource>> = BTreeMap::new();
    let mut destinations: BTreeMap<String, Shelf<dyn ObjectStore>> = BTreeMap::new();
    for root in &storage.sources {
        let store: Arc<dyn ObjectSource> = Arc::new(LocalFiles::open(&root.path, Mounts::Stay)?);
        sources.insert(root.name.clone(), Shelf { store, folder: ObjectPath::ROOT });
    }
    for root in &storage.destinations {
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFiles::create(&root.path)?);
        destinations.insert(root.name.clone(), Shelf { store, folder: ObjectPath::ROOT });
    }
    for store in &storage.s3_stores {
        let (bucket, folder) = (bucket(store)?, folder(store)?);
        if store.serves(StoreUse::Source) {
            sources.insert(store.name.clone(), Shelf { store: Arc::new(bucket.clone()), folder: folder.clone() });
        }
        if store.serves(StoreUse::Destination) {
            destinations.insert(store.name.clone(), Shelf { store: Arc::new(bucket), folder });
        }
    }
    let erasable = storage
        .erasable
        .iter()
        .map(|StoreName(name)| Ok((name.clone(), erasable(config, name)?)))
        .collect::<Result<_>>()?;
    Ok(Shelves { sources, destinations, erasable, own: own(config)? })
}

/// The source of this name, as a place whose content may be destroyed.
fn erasable(config: &Config, name: &str) -> Result<Erasable> {
    let storage = &config.storage;
    if let Some(root) = storage.sources.iter().find(|root| root.name == *name) {
        return erasable_folder(config, root);
    }
    if let Some(store) = storage.s3_stores.iter().find(|store| store.name == *name && store.serves(StoreUse::Source)) {
        return erasable_bucket(config, store);
    }
    let violation = Violation::new("GANGWAY_ERASABLE", format!("There is no source `{name}`."));
    Err(violation.remedy("Name a folder of GANGWAY_SOURCES, or a source of GANGWAY_S3_STORES.").into())
}

/// What is refused because something else that is configured lies there as well.
fn shared(name: &str, other: &str) -> Error {
    let violation = Violation::new("GANGWAY_ERASABLE", format!("The place of `{name}` is also that of {other}."));
    violation.remedy("What may be erased lies apart from everything else that is configured.").into()
}

fn erasable_bucket(config: &Config, store: &S3Store) -> Result<Erasable> {
    let (bucket, folder) = (bucket(store)?, folder(store)?);
    for other in config.storage.s3_stores.iter().filter(|other| other.name != store.name) {
        // One store has many addresses, so the bucket's name alone is compared.
        if other.bucket == store.bucket && folder.meets(&self::folder(other)?) {
            return Err(shared(&store.name, &format!("`{}`", other.name)));
        }
    }
    if store.serves(StoreUse::Destination) || matches!(&config.storage.files, FileStore::S3(own) if *own == store.name)
    {
        return Err(shared(&store.name, "returned data or of uploads"));
    }
    let witnesses: Vec<Arc<dyn Witness>> =
        vec![Arc::new(Versions::of(bucket.clone())), Arc::new(Listing::of(Arc::new(bucket.clone())))];
    Ok(Erasable { eraser: Arc::new(bucket), folder, witnesses })
}

fn erasable_folder(config: &Config, root: &Root) -> Result<Erasable> {
    let name = &root.name;
    let others = config.storage.sources.iter().filter(|other| other.name != *name).chain(&config.storage.destinations);
    let others = others.map(|other| other.path.as_path()).chain([config.server.data.as_path()]);
    if let Some(other) = others.into_iter().find(|other| meet(&root.path, other)) {
        return Err(shared(name, &other.display().to_string()));
    }
    let files = Arc::new(LocalFiles::open(&root.path, Mounts::Stay)?);
    let witnesses: Vec<Arc<dyn Witness>> =
        vec![Arc::new(Listing::of(files.clone())), Arc::new(Find::below(root.path.clone()))];
    Ok(Erasable { eraser: files, folder: ObjectPath::ROOT, witnesses })
}

/// Whether one of two folders is, or lies in, the other, through whatever links.
fn meet(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_absent| path.to_owned());
    let (one, other) = (real(one), real(other));
    one.starts_with(&other) || other.starts_with(&one)
}

fn own(config: &Config) -> Result<Shelf<dyn ObjectStore>> {
    match &config.storage.files {
        FileStore::Local => {
            let store = Arc::new(LocalFiles::create(&config.server.data.join("files"))?);
            Ok(Shelf { store, folder: ObjectPath::ROOT })
        }
        FileStore::S3(name) => {
            let found = config.storage.s3_stores.iter().find(|store| store.name == *name);
            let missing =
                || Violation::new("GANGWAY_FILES", format!("There is no store `{name}` in GANGWAY_S3_STORES."));
            let store = found.ok_or_else(missing)?;
            Ok(Shelf { store: Arc::new(bucket(store)?), folder: folder(store)? })
        }
    }
}

fn folder(store: &S3Store) -> Result<ObjectPath> {
    ObjectPath::from_text(store.prefix.trim_matches('/'))
        .map_err(|_bad| Error::violation("GANGWAY_S3_STORES", format!("The prefix of `{}` is not a path.", store.name)))
}

fn bucket(store: &S3Store) -> Result<S3> {
    Ok(S3::new(&S3Config {
        endpoint: store.endpoint.clone(),
        region: store.region.clone(),
        bucket: store.bucket.clone(),
        style: AddressStyle::Path,
        access_key: SecretString::from(store.access_key_id.expose().to_owned()),
        secret_key: SecretString::from(store.secret_access_key.expose().to_owned()),
        session_token: None,
    })?)
}
