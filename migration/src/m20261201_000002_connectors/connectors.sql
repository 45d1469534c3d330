-- Outside systems that the provider runs. They belong to no client.
CREATE TABLE connector (
    id {uuid} PRIMARY KEY,
    kind text NOT NULL,
    name text NOT NULL UNIQUE,
    address text NOT NULL,
    username text,
    -- Encrypted with a key that is not in the database, and bound to this row's id.
    sealed_secret {bytes},
    trusted_certificates text,
    -- What the last look at it found out.
    probe {json},
    revision integer NOT NULL,
    created_by text NOT NULL,
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL
);
-- One system has one connector: what stands in one ledger only could be reached twice otherwise.
CREATE UNIQUE INDEX connector_address ON connector (kind, address);
CREATE INDEX connector_created ON connector (created_at, id);

-- Where what a line is about can be reached. One thing of an outside system stands in one ledger only.
ALTER TABLE holding ADD COLUMN connector_id {uuid} REFERENCES connector (id);
CREATE UNIQUE INDEX holding_at_connector ON holding (connector_id, kind, external_ref)
    WHERE connector_id IS NOT NULL AND external_ref IS NOT NULL;
