-- Other tables refer to this one, so it is changed where it stands.
DROP INDEX file_expected;
ALTER TABLE file
    DROP CONSTRAINT file_state_check,
    DROP COLUMN declared_media_type,
    DROP COLUMN declared_size_bytes,
    DROP COLUMN size_bytes,
    ALTER COLUMN client_id SET NOT NULL,
    ALTER COLUMN storage_key DROP NOT NULL,
    ADD COLUMN byte_count bigint NOT NULL CHECK (byte_count > 0),
    -- What the uploader announced; `sha256` is what arrived.
    ADD COLUMN announced_sha256 text,
    ADD CONSTRAINT file_state_check CHECK (state IN ('PENDING', 'STORED')),
    ADD CONSTRAINT file_arrival_check CHECK ((state = 'STORED') = (media_type IS NOT NULL AND sha256 IS NOT NULL
        AND storage_key IS NOT NULL AND stored_at IS NOT NULL));
CREATE INDEX file_pending ON file (expires_at) WHERE state = 'PENDING';

-- A stored file is what it is; an announced one may be forgotten.
CREATE TRIGGER file_frozen BEFORE UPDATE OR DELETE ON file
    FOR EACH ROW WHEN (OLD.state = 'STORED') EXECUTE FUNCTION refuse_change();
