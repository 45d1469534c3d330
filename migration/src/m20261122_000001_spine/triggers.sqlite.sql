-- The log is append-only. Sealing may fill `position` and `leaf_hash` once, from null.
CREATE TRIGGER event_append_only BEFORE UPDATE ON event
WHEN NOT (
    OLD.position IS NULL AND OLD.leaf_hash IS NULL AND NEW.position IS NOT NULL AND NEW.leaf_hash IS NOT NULL
    AND (OLD.sequence, OLD.id, OLD.at, OLD.kind, OLD.actor, OLD.subject_id, OLD.summary, OLD.payload)
        = (NEW.sequence, NEW.id, NEW.at, NEW.kind, NEW.actor, NEW.subject_id, NEW.summary, NEW.payload)
    AND OLD.client_id IS NEW.client_id AND OLD.job_id IS NEW.job_id AND OLD.cause_id IS NEW.cause_id)
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TRIGGER log_checkpoint_no_update BEFORE UPDATE ON log_checkpoint
BEGIN SELECT RAISE(ABORT, 'log_checkpoint rows never change'); END;
CREATE TRIGGER log_checkpoint_no_delete BEFORE DELETE ON log_checkpoint
BEGIN SELECT RAISE(ABORT, 'log_checkpoint rows never change'); END;
CREATE TRIGGER certificate_no_update BEFORE UPDATE ON certificate
BEGIN SELECT RAISE(ABORT, 'certificate rows never change'); END;
CREATE TRIGGER certificate_no_delete BEFORE DELETE ON certificate
BEGIN SELECT RAISE(ABORT, 'certificate rows never change'); END;

CREATE TRIGGER log_head_grows BEFORE UPDATE ON log_head WHEN NEW.size < OLD.size
BEGIN SELECT RAISE(ABORT, 'the log never shrinks'); END;
CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head
BEGIN SELECT RAISE(ABORT, 'the log never shrinks'); END;

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
