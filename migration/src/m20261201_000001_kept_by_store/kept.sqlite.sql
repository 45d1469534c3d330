-- A line of the ledger may stay until its store lets go of it, which nobody decides.
ALTER TABLE holding ADD COLUMN retained_until timestamp_with_timezone_text;
-- SQLite drops no constraint of a table, and other tables refer to this one, so it cannot be built anew. What its manual
-- (lang_altertable, "other kinds of table schema changes") allows for a CHECK is to rewrite the table's own text.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
    SET sql = replace(sql, 'AND decision_id IS NOT NULL))', 'AND (decision_id IS NOT NULL OR retained_until IS NOT NULL)))')
    WHERE type = 'table' AND name = 'holding';
PRAGMA writable_schema = RESET;
CREATE INDEX holding_retained_until ON holding (retained_until) WHERE retained_until IS NOT NULL;
