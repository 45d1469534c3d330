//! The archive of a close-out pack, on disk while it is made.

use std::{
    fs::File,
    io::{self, Seek, Write},
};

use sha2::{Digest, Sha256};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    domain::pack::PackFile,
    error::{Error, Result},
};

/// An archive that grows. Nothing of it has a name on disk, so a process that dies leaves nothing.
pub(super) struct Archive {
    zip: ZipWriter<File>,
    files: Vec<PackFile>,
    open: Option<(PackFile, Sha256)>,
}

impl Archive {
    pub(super) fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(Error::internal)?;
        Ok(Self { zip: ZipWriter::new(file), files: Vec::new(), open: None })
    }

    /// Begins the file `path`; what is written goes there until the next one begins.
    pub(super) fn begin(&mut self, path: &str) -> Result<()> {
        self.end();
        // As it is and without the time of day, so that who checks it can account for each byte of the archive.
        let how = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.zip.start_file(path, how).map_err(Error::internal)?;
        let file = PackFile { path: path.to_owned(), sha256: String::new(), bytes: 0 };
        self.open = Some((file, Sha256::new()));
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((file, digest)) = &mut self.open {
            digest.update(bytes);
            file.bytes += bytes.len() as u64;
        }
        self.zip.write_all(bytes).map_err(Error::internal)
    }

    pub(super) fn add(&mut self, path: &str, text: &str) -> Result<()> {
        self.begin(path)?;
        self.write(text.as_bytes())
    }

    fn end(&mut self) {
        if let Some((file, digest)) = self.open.take() {
            self.files.push(PackFile { sha256: hex::encode(digest.finalize()), ..file });
        }
    }

    /// What is in it so far, by name.
    pub(super) fn files(&mut self) -> Vec<PackFile> {
        self.end();
        let mut files = self.files.clone();
        files.sort();
        files
    }

    /// The archive, read from its beginning.
    pub(super) fn finish(self) -> Result<File> {
        let mut file = self.zip.finish().map_err(Error::internal)?;
        file.seek(io::SeekFrom::Start(0)).map_err(Error::internal)?;
        Ok(file)
    }
}
