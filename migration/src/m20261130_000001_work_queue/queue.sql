-- Where a step stands in the work queue: when it is due, or at the end of time. A column of its own, because a page
-- found by comparing keys needs one that is never null.
ALTER TABLE step ADD COLUMN queue_at {instant} NOT NULL DEFAULT '9999-12-31T00:00:00+00:00';
UPDATE step SET queue_at = due_at WHERE due_at IS NOT NULL;
DROP INDEX step_open_role;
DROP INDEX step_open_assignee;
CREATE INDEX step_queue ON step (queue_at, id);
CREATE INDEX step_open_role ON step (role, queue_at, id) WHERE state IN ('PENDING', 'IN_PROGRESS');
CREATE INDEX step_open_assignee ON step (assignee_id, queue_at, id) WHERE state IN ('PENDING', 'IN_PROGRESS');

-- A forecast is worked out whenever it is asked for; what was written down when a run began stood still.
ALTER TABLE engagement DROP COLUMN forecast_on;
