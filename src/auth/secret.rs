//! [`Secret`]: what this installation signs with where nobody else has to verify it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result, Violation};

/// HMAC-SHA-256 wants a key at least as long as its hash: 32 bytes, 64 hexadecimal characters.
const SECRET_BYTES: usize = 32;

/// A secret that only this installation knows. Never printed.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret from the configuration.
    ///
    /// # Errors
    /// `Violation` when it has fewer than 32 bytes.
    pub fn new(text: SecretString) -> Result<Self> {
        if text.expose_secret().len() < SECRET_BYTES {
            return Err(Violation::new("secret", "A secret to sign with must have at least 32 bytes.")
                .remedy("openssl rand -hex 32")
                .into());
        }
        Ok(Self(text))
    }

    /// What is signed with.
    pub(in crate::auth) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// The secret in the file at `path`, which is made with a new one when it is absent: see [`kept`].
    ///
    /// # Errors
    /// `Violation` when others may read the file or it holds too little; `Internal` when it cannot be used.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        Self::new(kept(path, || {
            let mut secret = [0; SECRET_BYTES];
            rand::fill(&mut secret).map_err(Error::internal)?;
            Ok(hex::encode(secret).into())
        })?)
    }
}

/// What the file at `path` holds, which is made, for its owner only, with what `make` gives when it is absent.
/// Processes that start at the same moment agree on one text.
///
/// # Errors
/// `Violation` when others may read the file; `Internal` when it cannot be used; those of `make`.
pub fn kept(path: &Path, make: impl FnOnce() -> Result<SecretString>) -> Result<SecretString> {
    match read_private(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = make()?;
            create(path, text.expose_secret().as_bytes()).map_err(|error| about(path, &error))?;
            read_private(path).map_err(|error| about(path, &error))
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(Violation::new("secret", format!("{} must be readable by its owner only.", path.display()))
                .remedy(format!("chmod 600 {}", path.display()))
                .into())
        }
        Err(error) => Err(about(path, &error)),
        Ok(text) => Ok(text),
    }
}

fn about(path: &Path, error: &io::Error) -> Error {
    Error::internal(format!("{}: {error}", path.display()))
}

fn read_private(path: &Path) -> io::Result<SecretString> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(ErrorKind::PermissionDenied.into());
    }
    Ok(io::read_to_string(file)?.trim().into())
}

/// Writes `text` beside `path` and links it there, so that nobody ever reads half of it and whoever comes second keeps
/// what the first one wrote.
fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut suffix = [0; 8];
    rand::fill(&mut suffix).map_err(io::Error::other)?;
    let fresh = path.with_extension(hex::encode(suffix));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text)?;
    file.sync_all()?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}
