-- Where a step stands in the work queue: when it is due, or at the end of time. A column of its own, because a page
-- found by comparing keys needs one that is never null; generated, so that it is right whoever writes the row.
ALTER TABLE step ADD COLUMN queue_at {instant}
    GENERATED ALWAYS AS (COALESCE(due_at, '9999-12-31T00:00:00+00:00')) {generated};
DROP INDEX step_open_role;
DROP INDEX step_open_assignee;
CREATE INDEX step_queue ON step (queue_at, id);
CREATE INDEX step_open_role ON step (role, queue_at, id) WHERE state IN ('PENDING', 'IN_PROGRESS');
CREATE INDEX step_open_assignee ON step (assignee_id, queue_at, id) WHERE state IN ('PENDING', 'IN_PROGRESS');

-- engagement.forecast_on stays for processes of the release before, which write it; nobody reads it any more. A later
-- release drops it.
