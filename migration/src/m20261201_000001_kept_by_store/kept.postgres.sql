-- A line of the ledger may stay until its store lets go of it, which nobody decides.
ALTER TABLE holding ADD COLUMN retained_until timestamptz;
ALTER TABLE holding DROP CONSTRAINT holding_check;
ALTER TABLE holding ADD CONSTRAINT holding_check CHECK
    (state <> 'RETAINED' OR (retained_clause IS NOT NULL AND (decision_id IS NOT NULL OR retained_until IS NOT NULL)));
CREATE INDEX holding_retained_until ON holding (retained_until) WHERE retained_until IS NOT NULL;
