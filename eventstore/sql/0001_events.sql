-- The log of events and the streams they belong to.
--
-- Names in braces are replaced by the store's schema, so that a function finds
-- its tables whatever the caller's search_path is.

-- Positions of the log. CACHE 1 is load-bearing: with a larger one a session
-- would hand out numbers from before its floor lock (see append_write).
CREATE SEQUENCE {schema}.positions AS bigint MINVALUE 1 CACHE 1;

-- One row: what is true of the store as a whole.
CREATE TABLE {schema}.store (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  -- Names the history that the log tells. Another one after a restore that may
  -- have lost events: see change_epoch().
  epoch uuid NOT NULL DEFAULT gen_random_uuid(),
  -- The service that the store is of: the first to open it with a name. Null
  -- = nobody's yet.
  service text COLLATE "C",
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Partitions of events exist for positions below this one.
  partitions_end bigint NOT NULL DEFAULT 0,
  -- All types in inline_guards: one look at every append.
  guarded_types integer[] NOT NULL DEFAULT '{}'
);
INSERT INTO {schema}.store DEFAULT VALUES;

CREATE TABLE {schema}.categories (
  category_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE {schema}.event_types (
  type_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- Types of events that may be appended only in transactions that do the inline
-- work of the owner, too: those that name it in the setting stele.inline_work,
-- an array of owners. Changed by guard_inline().
CREATE TABLE {schema}.inline_guards (
  owner text COLLATE "C" NOT NULL,
  type_id integer NOT NULL,
  PRIMARY KEY (owner, type_id)
);

-- Updated in place at every append: the free space keeps the updates HOT, for
-- no index covers a column that changes.
CREATE TABLE {schema}.streams (
  stream_key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version bigint NOT NULL DEFAULT 0,  -- 0 only within the creating transaction.
  first_position bigint NOT NULL DEFAULT 0,
  last_position bigint NOT NULL DEFAULT 0,
  last_event_id uuid,
  -- The newest version whose event is not listed in append_ids.
  unlisted_version bigint NOT NULL DEFAULT 0,
  category_id integer NOT NULL,
  is_tombstoned boolean NOT NULL DEFAULT false,
  name text COLLATE "C" NOT NULL UNIQUE
) WITH (fillfactor = 70);

CREATE TABLE {schema}.events (
  position bigint NOT NULL PRIMARY KEY,
  stream_key bigint NOT NULL,
  version bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  event_id uuid NOT NULL,
  type_id integer NOT NULL,
  category_id integer NOT NULL,
  metadata bytea NOT NULL,
  payload bytea NOT NULL
) PARTITION BY RANGE (position);

-- Cheaper to unpack than the default, where the server was built with it.
DO $$
BEGIN
  ALTER TABLE {schema}.events ALTER COLUMN payload SET COMPRESSION lz4;
  ALTER TABLE {schema}.events ALTER COLUMN metadata SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
  NULL;
END
$$;

-- What makes a repeated append recognizable where the version cannot: the
-- command's id or, without one, the id of each event.
CREATE TABLE {schema}.append_ids (
  id uuid NOT NULL,
  stream_key bigint NOT NULL,
  first_version bigint NOT NULL,
  last_version bigint NOT NULL,
  position bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  is_command boolean NOT NULL,
  PRIMARY KEY (id, stream_key, is_command)
);

CREATE TABLE {schema}.snapshots (
  stream_key bigint PRIMARY KEY,
  version bigint NOT NULL,
  saved_at timestamptz NOT NULL DEFAULT now(),
  fingerprint text NOT NULL,
  state bytea NOT NULL
);

-- Tells every process that the log may have gone back, so that positions seen
-- before may stand for other events now. `from_epoch`: only if that is still
-- the epoch. Returns the epoch that is true afterwards.
CREATE FUNCTION {schema}.change_epoch(from_epoch uuid DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {schema}.store s SET epoch = gen_random_uuid()
  WHERE from_epoch IS NULL OR s.epoch = from_epoch;
  RETURN (SELECT s.epoch FROM {schema}.store s);
END
$$;

-- Makes partitions until `min_free` positions beyond the last one given out
-- have a place. Readers and appenders are not disturbed. Waits for whoever else
-- changes the table, or without `may_wait` leaves it at that.
CREATE FUNCTION {schema}.extend_events(
  min_free bigint, may_wait boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  size CONSTANT bigint := 10000000;
  lower_bound bigint;
  used bigint;
  leaf text;
BEGIN
  -- The lock that attaching takes, before anything is made or held.
  IF may_wait THEN
    LOCK TABLE ONLY {schema}.events IN SHARE UPDATE EXCLUSIVE MODE;
  ELSE
    BEGIN
      LOCK TABLE ONLY {schema}.events IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
      PERFORM FROM {schema}.store FOR UPDATE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
      RETURN;
    END;
  END IF;
  SELECT s.partitions_end INTO lower_bound FROM {schema}.store s FOR UPDATE;
  SELECT p.last_value INTO used FROM {schema}.positions p;
  WHILE lower_bound - used < min_free LOOP
    leaf := 'events_' || lpad((lower_bound / size)::text, 6, '0');
    -- Attaching, unlike creating as a partition, lets appends go on; the check
    -- spares the scan.
    EXECUTE format(
      'CREATE TABLE {schema}.%1$I (LIKE {schema}.events INCLUDING STORAGE '
      'INCLUDING COMPRESSION, CHECK (position >= %2$s AND position < %3$s)) '
      'WITH (autovacuum_vacuum_insert_scale_factor = 0.02)',
      leaf, lower_bound, lower_bound + size);
    EXECUTE format('CREATE UNIQUE INDEX %2$I ON {schema}.%1$I '
                   '(stream_key, version)', leaf, leaf || '_stream');
    EXECUTE format('ALTER TABLE {schema}.events ATTACH PARTITION {schema}.%1$I '
                   'FOR VALUES FROM (%2$s) TO (%3$s)',
                   leaf, lower_bound, lower_bound + size);
    lower_bound := lower_bound + size;
    UPDATE {schema}.store SET partitions_end = lower_bound;
  END LOOP;
END
$$;

SELECT {schema}.extend_events(15000000);
