-- What stands beside the streams of sagas. Rebuilt from them by nobody: a timer
-- that is lost is a saga that waits for ever, so these are backed up with the
-- events.

-- A timer that waits. Taking the row away is the right to let the timer elapse,
-- done in the transaction that records it.
CREATE TABLE saga_timers (
  saga text COLLATE "C" NOT NULL,
  instance text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  slot integer NOT NULL,
  due_at timestamptz NOT NULL,
  -- The version, in the instance's stream, of the step that started it.
  set_version bigint NOT NULL,
  PRIMARY KEY (saga, instance, name)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0);

-- The head of each slot's queue. There is no cursor over due times: one would
-- pass by a timer whose transaction commits late.
CREATE INDEX saga_timers_due ON saga_timers (saga, slot, due_at);

-- One row an instance, for lists; the stream alone is the truth.
CREATE TABLE saga_instances (
  saga text COLLATE "C" NOT NULL,
  instance text COLLATE "C" NOT NULL,
  slot integer NOT NULL,
  status smallint NOT NULL,
  steps bigint NOT NULL,
  last_input_position bigint NOT NULL,
  undos integer NOT NULL,
  timers integer NOT NULL,
  next_timer_at timestamptz,
  reason text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (saga, instance)
) WITH (fillfactor = 80);

CREATE INDEX saga_instances_by_age
  ON saga_instances (saga, status, updated_at);
