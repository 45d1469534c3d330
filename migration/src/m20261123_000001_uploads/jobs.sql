CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;
-- Jobs that are over and whose remains are to be cleared away: few, among all that ever ran.
CREATE INDEX job_uncleared ON job (finished_at) WHERE checkpoint IS NOT NULL AND finished_at IS NOT NULL;
