-- The log is append-only. Sealing may fill `position`, `leaf_hash` and `tree_root` once, from null.
CREATE FUNCTION event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.position IS NULL AND NEW.leaf_hash IS NULL AND NEW.tree_root IS NULL THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE'
        AND OLD.position IS NULL AND OLD.leaf_hash IS NULL AND OLD.tree_root IS NULL
        AND NEW.position IS NOT NULL AND NEW.leaf_hash IS NOT NULL AND NEW.tree_root IS NOT NULL
        AND ROW(OLD.sequence, OLD.id, OLD.at, OLD.kind, OLD.actor, OLD.client_id, OLD.subject_id, OLD.job_id,
                OLD.cause_id, OLD.summary, OLD.payload)
            IS NOT DISTINCT FROM
            ROW(NEW.sequence, NEW.id, NEW.at, NEW.kind, NEW.actor, NEW.client_id, NEW.subject_id, NEW.job_id,
                NEW.cause_id, NEW.summary, NEW.payload)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the log is append-only';
END $$;
CREATE TRIGGER event_append_only BEFORE INSERT OR UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_guard();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows never change', TG_TABLE_NAME;
END $$;
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_subtree_append_only BEFORE UPDATE OR DELETE ON log_subtree
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_subtree_no_truncate BEFORE TRUNCATE ON log_subtree EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_checkpoint_append_only BEFORE UPDATE OR DELETE ON log_checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_checkpoint_no_truncate BEFORE TRUNCATE ON log_checkpoint EXECUTE FUNCTION refuse_change();
CREATE TRIGGER certificate_append_only BEFORE UPDATE OR DELETE ON certificate
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION log_head_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id AND NEW.size > OLD.size THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the log only grows';
END $$;
CREATE TRIGGER log_head_grows BEFORE UPDATE OR DELETE ON log_head FOR EACH ROW EXECUTE FUNCTION log_head_guard();
CREATE TRIGGER log_head_no_truncate BEFORE TRUNCATE ON log_head EXECUTE FUNCTION refuse_change();

-- The content of a version is frozen once it is approved.
CREATE FUNCTION process_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'process versions are never deleted';
    END IF;
    IF OLD.state IN ('APPROVED', 'SUPERSEDED', 'RETIRED')
        AND (NEW.state IN ('DRAFT', 'IN_REVIEW')
            OR ROW(OLD.content, OLD.content_hash, OLD.process_id, OLD.number, OLD.approved_by, OLD.approved_at)
                IS DISTINCT FROM
               ROW(NEW.content, NEW.content_hash, NEW.process_id, NEW.number, NEW.approved_by, NEW.approved_at))
    THEN
        RAISE EXCEPTION 'an approved process version never changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER process_version_frozen BEFORE UPDATE OR DELETE ON process_version
    FOR EACH ROW EXECUTE FUNCTION process_version_guard();
