//! Somebody else's program that looks whether anything is left.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use async_trait::async_trait;

use super::off_the_runtime;
use crate::ports::{
    eraser::{SIGHT_MAX, Sight, Witness},
    storage::{Fault, FaultKind, ObjectPath, Result},
};

/// What `find` says, in the language it is told to speak, of a place that is not there.
const ABSENT: &[u8] = b"No such file or directory";

/// The program `find` of this machine. It shares no code with whatever destroyed.
#[derive(Clone, Debug)]
pub struct Find {
    root: PathBuf,
    tool: String,
}

impl Find {
    /// It looks below `root`, the absolute path of a store.
    pub fn below(root: PathBuf) -> Self {
        let said = Command::new("find").arg("--version").env("LC_ALL", "C").output();
        let said = said.map(|output| output.stdout).unwrap_or_default();
        let first = String::from_utf8_lossy(said.split(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
        Self { root, tool: if first.is_empty() { "find".to_owned() } else { first } }
    }

    fn run(&self, folder: &ObjectPath) -> Result<Sight> {
        let mut place = self.root.as_os_str().as_bytes().to_vec();
        place.push(b'/');
        place.extend_from_slice(folder.as_bytes());
        let mut command = Command::new("find");
        command.arg("-P").arg(OsString::from_vec(place.clone())).arg("-print0");
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Where the store itself is not there, nobody can say what is in it.
        if !self.root.is_dir() {
            return Err(Fault::new(FaultKind::Permanent, "look", folder.to_string(), "the store is not there"));
        }
        let broken = |why: String| Fault::new(FaultKind::Permanent, "look", folder.to_string(), why);
        let does_not_run = |error: io::Error| broken(format!("find does not run: {error}"));
        let mut running = command.spawn().map_err(does_not_run)?;
        // Read beside the names: whoever writes to a full pipe waits.
        let complaints = running.stderr.take();
        let complaints = thread::spawn(move || {
            let mut last = Vec::new();
            for line in complaints.into_iter().flat_map(|said| BufReader::new(said).split(b'\n')) {
                last = line?;
            }
            io::Result::Ok(last)
        });
        let mut sight = Sight::default();
        for name in running.stdout.take().into_iter().flat_map(|names| BufReader::new(names).split(0)) {
            let name = name.map_err(does_not_run)?;
            if sight.first.len() < SIGHT_MAX {
                let below = name.strip_prefix(place.as_slice()).unwrap_or(&name);
                sight.first.push(ObjectPath::from_bytes(below.strip_prefix(b"/").unwrap_or(below)));
            }
            sight.count += 1;
        }
        let ended = running.wait().map_err(does_not_run)?;
        let said =
            complaints.join().map_err(|_panic| broken("find was not heard".to_owned()))?.map_err(does_not_run)?;
        let is_absent = sight.count == 0 && said.trim_ascii_end().ends_with(ABSENT);
        if ended.success() || is_absent {
            return Ok(sight);
        }
        Err(broken("find could not look at all of it".to_owned()))
    }
}

#[async_trait]
impl Witness for Find {
    fn tool(&self) -> &str {
        &self.tool
    }

    async fn look(&self, folder: &ObjectPath) -> Result<Sight> {
        let (find, folder) = (self.clone(), folder.clone());
        off_the_runtime("look", move || find.run(&folder)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sees_what_is_there_and_says_so_when_it_cannot_look() {
        let temp = tempfile::tempdir().unwrap();
        let find = Find::below(temp.path().to_owned());
        assert!(find.tool().starts_with("find"), "{}", find.tool());
        assert_eq!(find.run(&"acme".into()).unwrap(), Sight::default());
        std::fs::create_dir_all(temp.path().join("acme/a\nb")).unwrap();
        std::fs::write(temp.path().join("acme/a\nb/c"), "").unwrap();
        let seen = find.run(&"acme".into()).unwrap();
        assert_eq!((seen.count, seen.first[0].is_root()), (3, true));
        assert_eq!(seen.first[2].as_bytes(), b"a\nb/c");
        let elsewhere = Find { root: temp.path().join("not mounted"), tool: String::new() };
        assert!(elsewhere.run(&"acme".into()).is_err(), "nobody knows what is in a store that is not there");
        for number in 0..20 {
            std::fs::write(temp.path().join(format!("acme/{number}")), "").unwrap();
        }
        let seen = find.run(&"acme".into()).unwrap();
        assert_eq!((seen.count, seen.first.len()), (23, SIGHT_MAX));
    }
}
