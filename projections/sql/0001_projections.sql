-- What projections there are, their table versions, and who serves them.
-- Read models themselves live in the read schema, one view and its tables each.

CREATE TABLE {schema}.projections (
  name text COLLATE "C" PRIMARY KEY,
  read_schema text NOT NULL,
  view_name text NOT NULL,
  is_inline boolean NOT NULL,

  -- Versions; active is what the view shows. Null active = being created.
  active int,
  previous int,
  building int,

  -- A rebuild that was asked for and not yet begun.
  requested_fingerprint text,
  requested_at timestamptz,

  -- The process that leads the build, until its lease runs out.
  builder text,
  builder_until timestamptz,
  build_phase text NOT NULL DEFAULT '',
  build_started_at timestamptz,
  build_position bigint NOT NULL DEFAULT 0,
  build_rate float8 NOT NULL DEFAULT 0,

  last_error text NOT NULL DEFAULT '',
  comparison text NOT NULL DEFAULT '',
  switched_at timestamptz,
  UNIQUE (read_schema, view_name)
);

-- Rows of versions that are gone stay, as the memory of what was replaced.
CREATE TABLE {schema}.projection_versions (
  name text COLLATE "C" NOT NULL
    REFERENCES {schema}.projections ON DELETE CASCADE,
  version int NOT NULL,
  fingerprint text NOT NULL,
  table_name text NOT NULL,

  -- 'building', 'active', 'previous', 'dropped' (its table is still to be
  -- dropped), 'gone'.
  state text NOT NULL,

  -- What fills it: 'log' through the consumer, from start_position, or
  -- 'appends'. Each change to 'log' begins a new consumer.
  feed text NOT NULL CHECK (feed IN ('log', 'appends')),
  consumer text NOT NULL DEFAULT '',
  start_position bigint NOT NULL DEFAULT 0,
  feeds int NOT NULL DEFAULT 1,
  event_types text[] NOT NULL,

  -- A previous version is kept current until then.
  warm_until timestamptz,
  PRIMARY KEY (name, version)
);

CREATE TABLE {schema}.projection_processes (
  name text COLLATE "C" NOT NULL
    REFERENCES {schema}.projections ON DELETE CASCADE,
  process text NOT NULL,
  fingerprint text NOT NULL,
  is_inline boolean NOT NULL,
  alive_until timestamptz NOT NULL,
  -- Why its part in the projection does not go on; empty while it does.
  last_error text NOT NULL DEFAULT '',
  PRIMARY KEY (name, process)
);
