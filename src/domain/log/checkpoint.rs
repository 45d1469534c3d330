//! Checkpoints: how large the log was and which root it had, in a form that can be signed and kept apart.
//!
//! Whoever holds an old checkpoint can ask for a consistency proof and sees whether anything before it was
//! touched since.
//!
//! # Source
//! C2SP `tlog-checkpoint`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use super::{
    NodeHash,
    note::{self, NoteError, Signer, VerifierKey},
};

/// Size and root of one log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log this is: a name without a scheme, like `gangway.example/log`, unique for ever.
    pub origin: String,
    /// How many events the log had.
    pub size: u64,
    /// The root of its tree.
    pub root: NodeHash,
}

/// A checkpoint as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note, to keep apart from the log.
    pub note: String,
    /// When it was written.
    pub at: DateTime<Utc>,
}

/// Why a text is no checkpoint of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note does not open.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note opens and holds something else than a checkpoint.
    #[error("the note is not a checkpoint")]
    Malformed,
}

impl Checkpoint {
    /// The three lines that are signed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// Reads the lines. Lines after the third, which others may use, are passed over.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<_> = text.strip_suffix('\n').ok_or(CheckpointError::Malformed)?.split('\n').collect();
        let [origin, size, root, ..] = lines.as_slice() else { return Err(CheckpointError::Malformed) };
        if lines.iter().any(|line| line.is_empty()) {
            return Err(CheckpointError::Malformed);
        }
        let number: u64 = size.parse().ok().ok_or(CheckpointError::Malformed)?;
        let root = STANDARD.decode(root).ok().and_then(|bytes| NodeHash::try_from(bytes.as_slice()).ok());
        // One spelling per number: no sign, no leading zero.
        if number.to_string() != *size {
            return Err(CheckpointError::Malformed);
        }
        Ok(Self { origin: (*origin).to_owned(), size: number, root: root.ok_or(CheckpointError::Malformed)? })
    }

    /// The signed note.
    ///
    /// # Errors
    /// When the origin cannot stand in a note.
    pub fn sign(&self, signer: &Signer) -> Result<String, CheckpointError> {
        if self.origin.is_empty() || self.origin.contains('\n') {
            return Err(CheckpointError::Malformed);
        }
        Ok(signer.sign(&self.to_text())?)
    }

    /// The checkpoint in `note`, once one of `keys` signed it.
    ///
    /// # Errors
    /// When no known key signed it, a signature fails, or it is no checkpoint.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        Self::from_text(note::open(note, keys)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "gangway.example/log".into(), size: 42, root: NodeHash::leaf(b"x") }
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_and_no_other() {
        let signer = Signer::from_seed("gangway.example/log", &[1; 32]).unwrap();
        let other = Signer::from_seed("gangway.example/log", &[2; 32]).unwrap();
        let note = checkpoint().sign(&signer).unwrap();
        assert!(note.starts_with("gangway.example/log\n42\n"));
        assert_eq!(Checkpoint::open(&note, &[signer.verifier().clone()]), Ok(checkpoint()));
        let refused = Checkpoint::open(&note, &[other.verifier().clone()]);
        assert_eq!(refused, Err(CheckpointError::Note(NoteError::UnknownKey)));
        let bent = Checkpoint::open(&note.replace("\n42\n", "\n43\n"), &[signer.verifier().clone()]);
        assert_eq!(bent, Err(CheckpointError::Note(NoteError::Signature)));
    }

    #[test]
    fn lines_for_others_are_passed_over() {
        let text = format!("{}extension\n", checkpoint().to_text());
        assert_eq!(Checkpoint::from_text(&text), Ok(checkpoint()));
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = STANDARD.encode([0; 32]);
        for text in [
            String::new(),
            "a\n1\n".to_owned(),
            format!("\n1\n{root}\n"),
            format!("a\n01\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n18446744073709551616\n{root}\n"),
            format!("a\n1\n{root}"),
            format!("a\n1\n{root}\n\nb\n"),
            format!("a\n1\n{}\n", STANDARD.encode([0; 31])),
        ] {
            assert_eq!(Checkpoint::from_text(&text), Err(CheckpointError::Malformed), "{text:?}");
        }
        let two_lines = Checkpoint { origin: "a\nb".into(), ..checkpoint() };
        assert!(two_lines.sign(&Signer::from_seed("k", &[1; 32]).unwrap()).is_err());
    }
}
