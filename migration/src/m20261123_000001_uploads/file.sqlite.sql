-- SQLite does not change columns; what refers to the table does so by its name.
DROP TABLE file;
CREATE TABLE file (
    id {uuid} PRIMARY KEY,
    client_id {uuid} NOT NULL REFERENCES client (id),
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING', 'STORED')),
    byte_count bigint NOT NULL CHECK (byte_count > 0),
    -- What the uploader announced; `sha256` is what arrived.
    announced_sha256 text,
    media_type text,
    sha256 text,
    storage_key text,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    expires_at {instant} NOT NULL,
    stored_at {instant},
    CHECK ((state = 'STORED') = (media_type IS NOT NULL AND sha256 IS NOT NULL AND storage_key IS NOT NULL
        AND stored_at IS NOT NULL))
);
CREATE INDEX file_pending ON file (expires_at) WHERE state = 'PENDING';

-- A stored file is what it is; an announced one may be forgotten.
CREATE TRIGGER file_no_update BEFORE UPDATE ON file WHEN OLD.state = 'STORED'
BEGIN SELECT RAISE(ABORT, 'a stored file never changes'); END;
CREATE TRIGGER file_no_delete BEFORE DELETE ON file WHEN OLD.state = 'STORED'
BEGIN SELECT RAISE(ABORT, 'a stored file never changes'); END;
