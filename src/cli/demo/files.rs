//! A client's files as file servers have them: many small ones, a few large ones, and names nobody would choose.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// Names that have broken somebody's backup before.
const ODD: &[&[u8]] = &[
    "Ümläut – Übersicht.txt".as_bytes(),
    "日本語/報告書 2025.txt".as_bytes(),
    b"with spaces/and  more   spaces .txt",
    b"line\nbreak.txt",
    b"100%25 done %2e%2e.txt",
    b"-rf",
    b"quote ' and \" and $HOME.txt",
    b"tab\tand\\backslash.txt",
];

/// Folders that most of the files lie in.
const FOLDERS: &[&str] = &["Accounting/2024", "Accounting/2025", "Contracts", "Patients/A-M", "Patients/N-Z", "Scans"];

/// How much to make.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Ordinary files.
    pub files: u32,
    /// Their bytes, all together and about.
    pub bytes: u64,
    /// One file of this many bytes.
    pub largest: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Makes the same files each time.
///
/// # Errors
/// The folder cannot be written to.
pub fn make(folder: &Path, amount: Amount) -> io::Result<Made> {
    let mut maker = Maker { folder, random: StdRng::seed_from_u64(7), made: Made::default() };
    let average = amount.bytes / u64::from(amount.files.max(1));
    for (number, name) in (0..amount.files).zip(FOLDERS.iter().cycle()) {
        let size = maker.random.random_range(average / 4..=average * 7 / 4);
        let sort = if number % 2 == 0 { "txt" } else { "bin" };
        maker.file(format!("{name}/{number:05}.{sort}").as_bytes(), size)?;
    }
    for name in ODD {
        maker.file(name, 300)?;
    }
    maker.file(b"empty.txt", 0)?;
    maker.file(b"Archive/mailbox.bin", amount.largest)?;
    fs::create_dir_all(folder.join("Nothing in here"))?;
    symlink("/etc/hostname", folder.join("leads outside"))?;
    Ok(maker.made)
}

struct Maker<'a> {
    folder: &'a Path,
    random: StdRng,
    made: Made,
}

impl Maker<'_> {
    /// A file of `size` bytes: lines where the name says text, noise elsewhere.
    fn file(&mut self, name: &[u8], size: u64) -> io::Result<()> {
        let path = self.folder.join(OsStr::from_bytes(name));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = BufWriter::new(File::create(path)?);
        let is_text = name.ends_with(b".txt");
        let mut left = size;
        let mut noise = [0; 16 * 1024];
        while left > 0 {
            let line;
            let bytes: &[u8] = if is_text {
                line = format!("{:08} an invoice, paid, {:04} items\n", left, self.random.random_range(0..10_000));
                line.as_bytes()
            } else {
                self.random.fill_bytes(&mut noise);
                &noise
            };
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            file.write_all(&bytes[..count])?;
            left -= count as u64;
        }
        file.flush()?;
        self.made.files += 1;
        self.made.bytes += size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_made_each_time_odd_names_and_all() {
        let amount = Amount { files: 20, bytes: 20_000, largest: 5_000 };
        let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let made = make(one.path(), amount).unwrap();
        assert_eq!(made, make(two.path(), amount).unwrap());
        assert_eq!(made.files, 20 + ODD.len() as u64 + 2);
        assert!(fs::read_link(one.path().join("leads outside")).is_ok());
        for name in ODD {
            let [one, two] = [&one, &two].map(|dir| fs::read(dir.path().join(OsStr::from_bytes(name))).unwrap());
            assert_eq!(one, two);
        }
    }
}
