//! Going through the log row by row, and naming the first one that does not hold.
//!
//! Every sealed row carries the hash of its own content and the root of the tree that ends with it. The
//! first says whether the row is what it was; the second whether it stands where it stood, after exactly
//! the rows that stood before it. Whoever rewrites rows, hashes and roots alike is found by the
//! checkpoints, which are signed.
//!
//! Deliberately absent: mending. A log that does not hold is shown to people.

use super::{Frontier, Node, NodeHash};

words! {
    /// How a log can fail to hold.
    Defect {
        /// The event that was sealed at this position is gone.
        Missing = "MISSING",
        /// The event at this position is not what was sealed.
        Changed = "CHANGED",
        /// The event that was sealed at this position stands at another one.
        Reordered = "REORDERED",
        /// An event stands here that was never sealed.
        Inserted = "INSERTED",
        /// From this position on the log is gone.
        Cut = "CUT",
        /// Every event holds, and the head of the log does not fit them.
        Head = "HEAD",
        /// The events follow from each other, and not from what a checkpoint signed.
        Checkpoint = "CHECKPOINT",
        /// Every event holds, and a stored hash that shortens proofs does not.
        Subtree = "SUBTREE",
    }
}

/// The first position that does not hold, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The position.
    pub position: u64,
    /// What is wrong there.
    pub defect: Defect,
    /// The same as a sentence, with what else is known.
    pub message: String,
}

impl Finding {
    /// `defect` at `position`; `message` is a sentence.
    pub fn new(position: u64, defect: Defect, message: impl Into<String>) -> Self {
        Self { position, defect, message: message.into() }
    }
}

/// What going through part of the log showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The first position that was asked for.
    pub from: u64,
    /// The position after the last one that was asked for.
    pub to: u64,
    /// How many events hold, counted from `from` up to the first that does not.
    pub held: u64,
    /// How many checkpoints were passed on the way and hold.
    pub checkpoints: u64,
    /// The root of the tree that ends with the last event that holds.
    pub root: NodeHash,
    /// The first thing that does not hold; none when everything does.
    pub finding: Option<Finding>,
}

impl Verification {
    /// Whether everything that was asked for holds.
    pub fn holds(&self) -> bool {
        self.finding.is_none()
    }
}

/// What the audit needs of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Where it stands.
    pub position: u64,
    /// The hash of its content as it is now; none when the content does not even read.
    pub content: Option<NodeHash>,
    /// The leaf hash that sealing wrote.
    pub leaf: Option<NodeHash>,
    /// The root that sealing wrote.
    pub root: Option<NodeHash>,
}

/// Why a row was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A later position came than the next.
    Gap,
    /// A position came again.
    Twice,
    /// The content is not what was hashed.
    Content,
    /// The content is what was hashed, but it was not sealed here.
    Place,
    /// As `Place`; and without the row before it would be in its place.
    IntruderBefore,
}

/// An audit in progress.
#[derive(Clone, Debug)]
pub struct Audit {
    frontier: Frontier,
    before_last: Option<Frontier>,
}

impl Audit {
    /// Goes on after the rows that `frontier` stands for.
    pub fn after(frontier: Frontier) -> Self {
        Self { frontier, before_last: None }
    }

    /// The next position.
    pub fn next(&self) -> u64 {
        self.frontier.size()
    }

    /// Of the rows that were admitted.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Takes the next row, and shows every perfect subtree that ends with it.
    ///
    /// # Errors
    /// Why the row does not hold; it was not taken then.
    pub fn admit(&mut self, row: &AuditRow, completed: impl FnMut(Node, NodeHash)) -> Result<(), Doubt> {
        if row.position != self.next() {
            return Err(if row.position > self.next() { Doubt::Gap } else { Doubt::Twice });
        }
        let Some(leaf) = row.leaf.filter(|leaf| row.content == Some(*leaf)) else { return Err(Doubt::Content) };
        if !is_home(&self.frontier, leaf, row.root) {
            let intruder = self.before_last.as_ref().is_some_and(|before| is_home(before, leaf, row.root));
            return Err(if intruder { Doubt::IntruderBefore } else { Doubt::Place });
        }
        self.before_last = Some(self.frontier.clone());
        self.frontier.append_and_see(leaf, completed);
        Ok(())
    }

    /// Whether `row`, wherever it stands now, was sealed at the next position.
    pub fn awaits(&self, row: &AuditRow) -> bool {
        row.leaf.is_some_and(|leaf| is_home(&self.frontier, leaf, row.root))
    }

    /// What is wrong at the next position, where a row raised `doubt`. `stands_at` is where the row that was
    /// sealed there was found; `surplus` is how many more rows with a position there are than the head says.
    pub fn conclude(&self, doubt: Doubt, stands_at: Option<u64>, surplus: i64) -> Finding {
        let at = self.next();
        let finding = |defect, message: &str| Finding::new(at, defect, message);
        match (doubt, stands_at) {
            (Doubt::Content, _) => {
                finding(Defect::Changed, "The event's content is not what was hashed when it was sealed.")
            }
            (Doubt::Twice, _) => {
                Finding::new(at.saturating_sub(1), Defect::Inserted, "Two events stand at the same position.")
            }
            (Doubt::IntruderBefore, _) => Finding::new(
                at.saturating_sub(1),
                Defect::Inserted,
                "An event stands here that was never sealed; the next one follows without it.",
            ),
            (Doubt::Place, _) if surplus > 0 => {
                finding(Defect::Inserted, "An event stands here that was never sealed; the ones after it were moved.")
            }
            (Doubt::Place | Doubt::Gap, Some(place)) => Finding::new(
                at,
                Defect::Reordered,
                format!("The event that was sealed here stands at position {place} now."),
            ),
            (Doubt::Gap, None) => finding(Defect::Missing, "No event stands here, and later ones do."),
            (Doubt::Place, None) if surplus < 0 => {
                finding(Defect::Missing, "The event that was sealed here is gone, and the ones after it were moved.")
            }
            (Doubt::Place, None) => finding(Defect::Changed, "Another event than the one that was sealed stands here."),
        }
    }
}

fn is_home(before: &Frontier, leaf: NodeHash, root: Option<NodeHash>) -> bool {
    let mut with = before.clone();
    with.append(leaf);
    Some(with.root()) == root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(count: u64) -> Vec<AuditRow> {
        let mut frontier = Frontier::new();
        (0..count)
            .map(|position| {
                let leaf = NodeHash::leaf(&position.to_be_bytes());
                frontier.append(leaf);
                AuditRow { position, content: Some(leaf), leaf: Some(leaf), root: Some(frontier.root()) }
            })
            .collect()
    }

    /// The first doubt, and where the row stands that was sealed at that place.
    fn audit(rows: &[AuditRow], head: u64) -> Option<Finding> {
        let mut audit = Audit::after(Frontier::new());
        for (index, row) in rows.iter().enumerate() {
            if let Err(doubt) = audit.admit(row, |_, _| ()) {
                let stands_at = rows[index..].iter().find(|row| audit.awaits(row)).map(|row| row.position);
                let surplus = i64::try_from(rows.len()).unwrap() - i64::try_from(head).unwrap();
                return Some(audit.conclude(doubt, stands_at, surplus));
            }
        }
        None
    }

    fn renumber(rows: &mut [AuditRow]) {
        for (position, row) in (0..).zip(rows) {
            row.position = position;
        }
    }

    fn expect(rows: &[AuditRow], position: u64, defect: Defect) {
        let finding = audit(rows, 20).unwrap();
        assert_eq!((finding.position, finding.defect), (position, defect), "{}", finding.message);
    }

    #[test]
    fn a_sealed_log_holds() {
        assert_eq!(audit(&sealed(20), 20), None);
    }

    #[test]
    fn a_changed_row_is_named_with_and_without_its_hash() {
        let other = Some(NodeHash::leaf(b"other"));
        let mut rows = sealed(20);
        rows[7].content = other;
        expect(&rows, 7, Defect::Changed);
        rows[7].leaf = other;
        expect(&rows, 7, Defect::Changed);
        let mut rows = sealed(20);
        rows[7].content = None;
        expect(&rows, 7, Defect::Changed);
    }

    #[test]
    fn a_removed_row_is_named_also_when_the_others_close_up() {
        let mut rows = sealed(20);
        rows.remove(7);
        expect(&rows, 7, Defect::Missing);
        renumber(&mut rows);
        expect(&rows, 7, Defect::Missing);
    }

    #[test]
    fn swapped_rows_are_named_by_the_first_of_them() {
        for (one, other) in [(7, 8), (7, 15), (0, 19)] {
            let mut rows = sealed(20);
            rows.swap(one, other);
            renumber(&mut rows);
            expect(&rows, one as u64, Defect::Reordered);
        }
        let mut rows = sealed(20);
        let moved = rows.remove(7);
        rows.push(moved);
        renumber(&mut rows);
        expect(&rows, 7, Defect::Reordered);
    }

    #[test]
    fn an_inserted_row_is_named_also_when_its_hashes_are_right() {
        let leaf = NodeHash::leaf(b"new");
        let mut rows = sealed(20);
        rows.insert(7, AuditRow { content: Some(leaf), leaf: Some(leaf), ..rows[7] });
        renumber(&mut rows);
        expect(&rows, 7, Defect::Inserted);

        let mut frontier = Frontier::new();
        for row in &rows[..8] {
            frontier.append(row.leaf.unwrap());
        }
        rows[7].root = Some(frontier.root());
        expect(&rows, 7, Defect::Inserted);

        let mut rows = sealed(20);
        rows.insert(7, rows[6]);
        expect(&rows, 6, Defect::Inserted);
    }
}
