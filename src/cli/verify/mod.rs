//! `gangway verify`: checks a certificate, a checkpoint or a close-out pack without any server.

use std::{
    fs::File,
    io::{Read, Seek},
    path::PathBuf,
};

use anyhow::{Context, anyhow};
use clap::Args;

use crate::domain::log::note::{VerifierKey, open};

mod pack;

/// What every archive begins with.
const ARCHIVE: &[u8] = b"PK";

/// What to check, and against which keys.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// A signed note (the `note` of a certificate, or a checkpoint of the log), or a close-out pack.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// A public key that counts, `NAME+ID+KEY`; may be given more than once.
    #[arg(long, value_name = "KEY", required = true)]
    pub(super) key: Vec<String>,
}

/// What holds: the signed text, or what a pack comes to. The error names the first thing that does not.
pub(super) fn run(verify: &Verify) -> anyhow::Result<String> {
    let keys = verify.key.iter().map(|key| {
        key.parse::<VerifierKey>().map_err(|_misfit| anyhow!("`{key}` is no public key; it looks like NAME+ID+KEY"))
    });
    let keys: Vec<VerifierKey> = keys.collect::<anyhow::Result<_>>()?;
    let file = verify.file.display();
    let mut opened = File::open(&verify.file).with_context(|| format!("cannot read {file}"))?;
    let mut start = Vec::new();
    (&mut opened).take(ARCHIVE.len() as u64).read_to_end(&mut start)?;
    opened.rewind()?;
    if start == ARCHIVE {
        let told = pack::check(opened, &keys).with_context(|| format!("{file} does not hold"))?;
        return Ok(format!("{file} holds.\n\n{told}"));
    }
    let mut note = String::new();
    opened.read_to_string(&mut note).with_context(|| format!("cannot read {file}"))?;
    let text = open(&note, &keys).with_context(|| format!("{file} does not hold"))?;
    let names: Vec<_> = keys.iter().map(VerifierKey::name).collect();
    Ok(format!("{file} holds: signed by {}.\n\n{text}", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::log::Signer;

    #[test]
    fn what_was_signed_holds_and_what_was_changed_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::from_seed("gangway.test/log", &[7; 32]).unwrap();
        let note = signer.sign("{\"a\":1}\n").unwrap();
        let verify = |content: &str, key: String| {
            let file = folder.path().join("receipt.note");
            std::fs::write(&file, content).unwrap();
            run(&Verify { file, key: vec![key] })
        };
        assert!(verify(&note, signer.verifier().to_string()).unwrap().contains("{\"a\":1}"));
        assert!(verify(&note.replace(":1", ":2"), signer.verifier().to_string()).is_err());
        let other = Signer::from_seed("gangway.test/log", &[8; 32]).unwrap();
        assert!(verify(&note, other.verifier().to_string()).is_err());
        assert!(verify(&note, "nonsense".to_owned()).is_err());
    }
}
