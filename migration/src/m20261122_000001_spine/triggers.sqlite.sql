-- The log is append-only. Sealing may fill `position`, `leaf_hash` and `tree_root` once, from null.
-- SQLite deletes rows without asking any trigger when a statement says OR REPLACE, so whatever such a
-- statement would collide with is refused beforehand.
CREATE TRIGGER event_append_only BEFORE UPDATE ON event
WHEN NOT (
    OLD.position IS NULL AND OLD.leaf_hash IS NULL AND OLD.tree_root IS NULL
    AND NEW.position IS NOT NULL AND NEW.leaf_hash IS NOT NULL AND NEW.tree_root IS NOT NULL
    AND (OLD.sequence, OLD.id, OLD.at, OLD.kind, OLD.actor, OLD.subject_id, OLD.summary, OLD.payload)
        = (NEW.sequence, NEW.id, NEW.at, NEW.kind, NEW.actor, NEW.subject_id, NEW.summary, NEW.payload)
    AND OLD.client_id IS NEW.client_id AND OLD.job_id IS NEW.job_id AND OLD.cause_id IS NEW.cause_id
    AND NOT EXISTS (SELECT 1 FROM event WHERE position = NEW.position))
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER event_unsealed_at_first BEFORE INSERT ON event
WHEN NEW.position IS NOT NULL OR NEW.leaf_hash IS NOT NULL OR NEW.tree_root IS NOT NULL
    OR EXISTS (SELECT 1 FROM event WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM event WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TRIGGER log_subtree_no_update BEFORE UPDATE ON log_subtree
BEGIN SELECT RAISE(ABORT, 'log_subtree rows never change'); END;
CREATE TRIGGER log_subtree_no_delete BEFORE DELETE ON log_subtree
BEGIN SELECT RAISE(ABORT, 'log_subtree rows never change'); END;
CREATE TRIGGER log_subtree_no_replace BEFORE INSERT ON log_subtree
WHEN EXISTS (SELECT 1 FROM log_subtree WHERE level = NEW.level AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'log_subtree rows never change'); END;
CREATE TRIGGER log_checkpoint_no_update BEFORE UPDATE ON log_checkpoint
BEGIN SELECT RAISE(ABORT, 'log_checkpoint rows never change'); END;
CREATE TRIGGER log_checkpoint_no_delete BEFORE DELETE ON log_checkpoint
BEGIN SELECT RAISE(ABORT, 'log_checkpoint rows never change'); END;
CREATE TRIGGER log_checkpoint_no_replace BEFORE INSERT ON log_checkpoint
WHEN EXISTS (SELECT 1 FROM log_checkpoint WHERE size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'log_checkpoint rows never change'); END;
CREATE TRIGGER certificate_no_update BEFORE UPDATE ON certificate
BEGIN SELECT RAISE(ABORT, 'certificate rows never change'); END;
CREATE TRIGGER certificate_no_delete BEFORE DELETE ON certificate
BEGIN SELECT RAISE(ABORT, 'certificate rows never change'); END;

CREATE TRIGGER log_head_grows BEFORE UPDATE ON log_head WHEN NOT (NEW.id = OLD.id AND NEW.size > OLD.size)
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_head_no_replace BEFORE INSERT ON log_head
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;

-- The content of a version is frozen once it is approved.
CREATE TRIGGER process_version_frozen BEFORE UPDATE ON process_version
WHEN OLD.state IN ('APPROVED', 'SUPERSEDED', 'RETIRED') AND (
    NEW.state IN ('DRAFT', 'IN_REVIEW')
    OR OLD.content IS NOT NEW.content OR OLD.content_hash IS NOT NEW.content_hash
    OR OLD.process_id IS NOT NEW.process_id OR OLD.number IS NOT NEW.number
    OR OLD.approved_by IS NOT NEW.approved_by OR OLD.approved_at IS NOT NEW.approved_at)
BEGIN SELECT RAISE(ABORT, 'an approved process version never changes'); END;
CREATE TRIGGER process_version_no_delete BEFORE DELETE ON process_version
BEGIN SELECT RAISE(ABORT, 'process versions are never deleted'); END;
