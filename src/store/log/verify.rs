//! Going through the stored log from one position to another, a page at a time, and naming the first
//! position that does not hold.
//!
//! Every row is hashed again. Then the subtree hashes that shorten proofs, the head, and every checkpoint
//! passed on the way are held against what the rows give. Memory does not grow with the log; the cost is one
//! read of the rows, and a second one only when a row is out of place and its right place is looked for.

use std::collections::VecDeque;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};

use super::{checkpoint, row, stored, subtree};
use crate::{
    domain::log::{
        Audit, AuditRow, Checkpoint, Defect, Finding, Frontier, Node, NodeHash, Verification, VerifierKey,
        audit::Doubt, subtree_is_stored,
    },
    error::{Error, Result, Violation},
    store,
};

use entity::{event, log_checkpoint, log_subtree};

/// Rows read at once.
const PAGE: u64 = 500;

/// Everything about the log's end in one statement, so that it belongs together while the log grows.
const EDGES: &str = "
    SELECT size, frontier,
        (SELECT MIN(position) FROM event WHERE position >= log_head.size) AS beyond,
        (SELECT MAX(size) FROM log_checkpoint) AS signed
    FROM log_head WHERE id = 1";
const SURPLUS: &str = "
    SELECT (SELECT COUNT(*) FROM event WHERE position IS NOT NULL) - size AS surplus FROM log_head WHERE id = 1";

#[derive(FromQueryResult)]
struct Edges {
    size: i64,
    frontier: Vec<u8>,
    /// The first position that the head does not know of.
    beyond: Option<i64>,
    /// The largest size that a checkpoint states.
    signed: Option<i64>,
}

#[derive(FromQueryResult)]
struct Surplus {
    surplus: i64,
}

async fn raw<T: FromQueryResult>(db: &impl ConnectionTrait, sql: &str) -> Result<T> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let found = T::find_by_statement(statement).one(db).await?;
    found.ok_or_else(|| store::inconsistent(super::HEAD, "id", super::HEAD_ID))
}

/// Verifies the events from position `from` up to, and without, `to`; up to the end when `to` is none.
/// Checkpoints must be signed by one of `keys`; with no keys, signatures are not looked at.
///
/// When `from` is not 0, what stands before it is taken as the root at `from` says, and not verified.
///
/// # Errors
/// `Violation` when the log has no such part; those of the database.
pub(crate) async fn verify(
    db: &impl ConnectionTrait,
    from: u64,
    to: Option<u64>,
    keys: &[VerifierKey],
) -> Result<Verification> {
    let edges: Edges = raw(db, EDGES).await?;
    let size = edges.size.unsigned_abs();
    let to = to.unwrap_or(size);
    if to > size {
        let violation = Violation::new("to", format!("The log holds {size} events."));
        return Err(violation.remedy("Leave `to` out to verify up to the end.").into());
    }
    if from > to {
        return Err(Error::violation("from", "`from` is not greater than `to`."));
    }
    let start = match start(db, from).await? {
        Ok(frontier) => frontier,
        Err(finding) => {
            let root = NodeHash::empty();
            return Ok(Verification { from, to, held: 0, checkpoints: 0, root, finding: Some(finding) });
        }
    };
    let mut walk =
        Walk { db, keys, audit: Audit::after(start), to, signed: from, checkpoints: 0, due: VecDeque::new() };
    let mut finding = walk.go().await?;
    if finding.is_none() && to == size {
        finding = end(&edges, walk.audit.frontier());
    }
    let held = walk.audit.next() - from;
    let root = walk.audit.frontier().root();
    Ok(Verification { from, to, held, checkpoints: walk.checkpoints, root, finding })
}

/// The frontier that the stored hashes before `from` give, if its root is the one sealed there.
async fn start(db: &impl ConnectionTrait, from: u64) -> Result<Result<Frontier, Finding>> {
    let stored = subtree::frontier_at(db, from).await;
    let sealed = super::root_at(db, from).await;
    match (stored, sealed) {
        (Ok(frontier), Ok(root)) if frontier.root() == root => Ok(Ok(frontier)),
        (Err(error @ Error::Unavailable(_)), _) | (_, Err(error @ Error::Unavailable(_))) => Err(error),
        _ => {
            let message = "What stands before this position does not hold. Verify from 0 to find out where.";
            Ok(Err(Finding::new(from.saturating_sub(1), Defect::Changed, message)))
        }
    }
}

/// What is wrong beyond the last row.
fn end(edges: &Edges, frontier: &Frontier) -> Option<Finding> {
    let size = frontier.size();
    if let Some(beyond) = edges.beyond {
        let message = "An event stands here that was never sealed: the head of the log does not know of it.";
        return Some(Finding::new(beyond.unsigned_abs(), Defect::Inserted, message));
    }
    if edges.signed.is_some_and(|signed| signed > edges.size) {
        let signed = edges.signed.unwrap_or_default();
        let message = format!("From here on the log is gone: a checkpoint was signed when it held {signed} events.");
        return Some(Finding::new(size, Defect::Cut, message));
    }
    if edges.frontier != frontier.to_bytes() {
        let message = "Every event holds, but the head of the log keeps other hashes than they give.";
        return Some(Finding::new(size, Defect::Head, message));
    }
    None
}

struct Walk<'a, C> {
    db: &'a C,
    keys: &'a [VerifierKey],
    audit: Audit,
    to: u64,
    /// The size at which the last checkpoint held, or where the walk began.
    signed: u64,
    checkpoints: u64,
    /// Checkpoints ahead; refilled a page at a time.
    due: VecDeque<log_checkpoint::Model>,
}

impl<C: ConnectionTrait> Walk<'_, C> {
    async fn go(&mut self) -> Result<Option<Finding>> {
        self.load_checkpoints(self.audit.next()).await?;
        if let Some(finding) = self.pass_checkpoints().await? {
            return Ok(Some(finding));
        }
        while self.audit.next() < self.to {
            let rows = match self.page(self.audit.next(), self.to).await? {
                Ok(rows) => rows,
                Err(unreadable) => return Ok(Some(unreadable)),
            };
            if rows.is_empty() {
                return self.ended_early().await.map(Some);
            }
            if let Some(finding) = self.take(&rows).await? {
                return Ok(Some(finding));
            }
        }
        Ok(None)
    }

    async fn take(&mut self, rows: &[AuditRow]) -> Result<Option<Finding>> {
        let mut completed = Vec::new();
        for row in rows {
            let admitted = self.audit.admit(row, |node, hash| {
                if subtree_is_stored(node) {
                    completed.push((node, hash));
                }
            });
            if let Err(doubt) = admitted {
                return self.conclude(doubt).await.map(Some);
            }
            if let Some(finding) = self.pass_checkpoints().await? {
                return Ok(Some(finding));
            }
        }
        self.compare_subtrees(&completed).await
    }

    /// Up to a page of rows from `from` on and before `to`. A row that the database cannot even read as an
    /// event is a finding.
    async fn page(&self, from: u64, to: u64) -> Result<Result<Vec<AuditRow>, Finding>> {
        match self.rows(from, to, PAGE).await {
            Err(Error::Internal(_)) => {}
            rows => return rows.map(Ok),
        }
        // One of them is the one; those before it still count.
        let first = self.first(from).await?.unwrap_or(from);
        match self.rows(first, first + 1, 1).await {
            Err(Error::Internal(_)) => {
                Ok(Err(Finding::new(first, Defect::Changed, "The event's columns hold what no event can.")))
            }
            rows => rows.map(Ok),
        }
    }

    async fn rows(&self, from: u64, to: u64, limit: u64) -> Result<Vec<AuditRow>> {
        let rows = event::Entity::find()
            .filter(event::Column::Position.gte(stored(from)))
            .filter(event::Column::Position.lt(stored(to)))
            .order_by_asc(event::Column::Position)
            .order_by_asc(event::Column::Sequence)
            .limit(limit + 1)
            .all(self.db)
            .await?;
        let mut rows: Vec<AuditRow> = rows.into_iter().map(row::audit_row).collect::<Result<_>>()?;
        // A second row at the last position of the page would be skipped by the next page.
        if let [.., last, over] = rows.as_slice()
            && rows.len() as u64 > limit
            && over.position != last.position
        {
            rows.pop();
        }
        Ok(rows)
    }

    /// The first position from `from` on at which a row stands.
    async fn first(&self, from: u64) -> Result<Option<u64>> {
        let first: Option<i64> = event::Entity::find()
            .select_only()
            .column(event::Column::Position)
            .filter(event::Column::Position.gte(stored(from)))
            .order_by_asc(event::Column::Position)
            .limit(1)
            .into_tuple()
            .one(self.db)
            .await?;
        Ok(first.map(i64::unsigned_abs))
    }

    async fn ended_early(&self) -> Result<Finding> {
        if self.first(self.audit.next()).await?.is_some() {
            return self.conclude(Doubt::Gap).await;
        }
        let message = format!("From here on the log is gone: its head says it goes on to {}.", self.to);
        Ok(Finding::new(self.audit.next(), Defect::Cut, message))
    }

    async fn conclude(&self, doubt: Doubt) -> Result<Finding> {
        let stands_at = match doubt {
            Doubt::Gap | Doubt::Place => self.search().await?,
            Doubt::Content | Doubt::Twice | Doubt::IntruderBefore => None,
        };
        let surplus: Surplus = raw(self.db, SURPLUS).await?;
        Ok(self.audit.conclude(doubt, stands_at, surplus.surplus))
    }

    /// Where the row stands now that was sealed at the next position.
    async fn search(&self) -> Result<Option<u64>> {
        let mut from = self.audit.next();
        loop {
            // A row that does not read is passed over here; it is somebody else's finding.
            let Ok(rows) = self.page(from, u64::MAX).await? else { return Ok(None) };
            if let Some(row) = rows.iter().find(|row| self.audit.awaits(row)) {
                return Ok(Some(row.position));
            }
            let Some(last) = rows.last() else { return Ok(None) };
            from = last.position + 1;
        }
    }

    async fn compare_subtrees(&self, completed: &[(Node, NodeHash)]) -> Result<Option<Finding>> {
        if completed.is_empty() {
            return Ok(None);
        }
        let wanted = completed.iter().fold(Condition::any(), |any, (node, _)| {
            let level = log_subtree::Column::Level.eq(i32::from(node.level));
            any.add(Condition::all().add(level).add(log_subtree::Column::Number.eq(stored(node.index))))
        });
        let rows = log_subtree::Entity::find().filter(wanted).all(self.db).await?;
        let bent = completed.iter().find(|(node, hash)| {
            !rows.iter().any(|row| {
                let is_it = (row.level, row.number) == (i32::from(node.level), stored(node.index));
                is_it && row.hash == hash.as_bytes()
            })
        });
        Ok(bent.map(|(node, _)| {
            let leaves = node.leaves();
            let message = format!("The stored hash over the events from here to {} is another one.", leaves.end - 1);
            Finding::new(leaves.start, Defect::Subtree, message)
        }))
    }

    async fn load_checkpoints(&mut self, from: u64) -> Result<()> {
        self.due = log_checkpoint::Entity::find()
            .filter(log_checkpoint::Column::Size.gte(stored(from)))
            .filter(log_checkpoint::Column::Size.lte(stored(self.to)))
            .order_by_asc(log_checkpoint::Column::Size)
            .limit(PAGE)
            .all(self.db)
            .await?
            .into();
        Ok(())
    }

    /// Holds the checkpoint of the present size, if there is one, against the rows.
    async fn pass_checkpoints(&mut self) -> Result<Option<Finding>> {
        let here = self.audit.next();
        if self.due.front().is_none_or(|row| row.size != stored(here)) {
            return Ok(None);
        }
        let Some(row) = self.due.pop_front() else { return Ok(None) };
        if self.due.is_empty() {
            self.load_checkpoints(here + 1).await?;
        }
        let finding = self.compare_checkpoint(row);
        if finding.is_none() {
            (self.signed, self.checkpoints) = (here, self.checkpoints + 1);
        }
        Ok(finding)
    }

    fn compare_checkpoint(&self, row: log_checkpoint::Model) -> Option<Finding> {
        let here = self.audit.next();
        let bent = |what: &str| {
            Some(Finding::new(here, Defect::Checkpoint, format!("The checkpoint of the first {here} events {what}.")))
        };
        let Ok(signed) = checkpoint::read(row) else { return bent("contradicts itself") };
        if !self.keys.is_empty() && Checkpoint::open(&signed.note, self.keys).is_err() {
            return bent("is not signed by a known key");
        }
        if signed.checkpoint.root == self.audit.frontier().root() {
            return None;
        }
        let message = format!(
            "The events from here to {here} follow from each other, but not from the checkpoint that was signed \
             then: somebody rewrote them together with their hashes."
        );
        Some(Finding::new(self.signed, Defect::Checkpoint, message))
    }
}
