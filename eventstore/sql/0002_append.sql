-- Appending. One call takes many independent units, each of one stream or
-- several, and judges each by itself. Arrays come in two lengths: one element a
-- stream (of all units, sorted by name, each name once) and one element an
-- event (in the order in which positions are given out).
--
-- The settings on the functions keep the plans: tables may be empty when a
-- session makes its plans and hold millions of rows when it uses them.

-- Verdicts on a stream's part of a unit:
--   0 appended   1 not at the expected version   2 tombstoned
--   3 repeated: it is there already
--   4 only some of its events are there, or in another order
--   5 another stream of its unit was refused
--   7 busy: another session holds the stream, so nothing is known of it
--
-- How long a call waits for streams that other sessions hold (`wait`):
--   0 not at all   1 some milliseconds   2 as long as the session may
-- A group never waits, since the others in it would wait too.

-- Makes the streams that are missing. Waits for whoever is making the same.
CREATE FUNCTION {schema}.append_create(
  names text[], category_ids integer[], expected bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.streams (name, category_id)
  SELECT names[g], category_ids[g]
  FROM generate_series(1, cardinality(names)) AS g
  WHERE expected[g] = 0
     OR (expected[g] = -1 AND (SELECT s.stream_key FROM {schema}.streams s
                               WHERE s.name = names[g]) IS NULL)
  ON CONFLICT (name) DO NOTHING;
END
$$;

-- The same for a group: leaves out what somebody else is making right now. SQL
-- has no way to skip such a row, only to give up on it soon.
CREATE FUNCTION {schema}.append_create_free(
  names text[], category_ids integer[], expected bigint[]) RETURNS void
LANGUAGE plpgsql
SET lock_timeout = '2ms'
AS $$
BEGIN
  PERFORM {schema}.append_create(names, category_ids, expected);
EXCEPTION WHEN lock_not_available THEN
  FOR i IN 1..cardinality(names) LOOP
    BEGIN
      PERFORM {schema}.append_create(names[i:i], category_ids[i:i],
                                     expected[i:i]);
    EXCEPTION WHEN lock_not_available THEN
      NULL;
    END;
  END LOOP;
END
$$;

-- Waits a moment for streams to be let go, and then holds them. Queues where
-- others queue, so that a stream that is never free for long is had at last.
CREATE FUNCTION {schema}.append_await(
  names text[], category_ids integer[], expected bigint[], may_create boolean)
RETURNS void
LANGUAGE plpgsql
SET lock_timeout = '20ms'
AS $$
BEGIN
  IF may_create THEN
    PERFORM {schema}.append_create(names, category_ids, expected);
  END IF;
  PERFORM FROM {schema}.streams s WHERE s.name = ANY (names)
  ORDER BY s.name FOR NO KEY UPDATE;
EXCEPTION WHEN lock_not_available THEN
  NULL;
END
$$;

-- Locks the streams, makes those that are missing, and judges. Takes no
-- positions: what is refused leaves no hole. Locks are taken in name order, so
-- that two calls never wait for each other.
CREATE FUNCTION {schema}.append_check(
  names text[], units integer[], category_ids integer[], expected bigint[],
  may_create boolean, ids uuid[], ids_are_commands boolean[],
  starts integer[], counts integer[], event_ids uuid[], wait integer,
  OUT keys bigint[], OUT versions bigint[], OUT verdicts smallint[],
  OUT repeated_first bigint[], OUT repeated_last bigint[],
  OUT repeated_position bigint[], OUT recorded_at timestamptz)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  n CONSTANT integer := cardinality(names);
  found_names text[];
  tombstoned boolean[];
  last_ids uuid[];
  unlisted bigint[];
  held boolean[];  -- Null = none is.
  suspects integer[];
BEGIN
  IF wait = 1 THEN
    PERFORM {schema}.append_await(names, category_ids, expected, may_create);
  END IF;
  IF may_create AND wait = 2 THEN
    PERFORM {schema}.append_create(names, category_ids, expected);
  ELSIF may_create THEN
    PERFORM {schema}.append_create_free(names, category_ids, expected);
  END IF;

  -- A new statement, so that it sees what was committed while we waited.
  IF wait = 2 THEN
    SELECT array_agg(l.name), array_agg(l.stream_key), array_agg(l.version),
           array_agg(l.is_tombstoned), array_agg(l.last_event_id),
           array_agg(l.unlisted_version)
    INTO found_names, keys, versions, tombstoned, last_ids, unlisted
    FROM (SELECT s.name, s.stream_key, s.version, s.is_tombstoned,
                 s.last_event_id, s.unlisted_version
          FROM {schema}.streams s WHERE s.name = ANY (names)
          ORDER BY s.name FOR NO KEY UPDATE) AS l;
  ELSE
    SELECT array_agg(l.name), array_agg(l.stream_key), array_agg(l.version),
           array_agg(l.is_tombstoned), array_agg(l.last_event_id),
           array_agg(l.unlisted_version)
    INTO found_names, keys, versions, tombstoned, last_ids, unlisted
    FROM (SELECT s.name, s.stream_key, s.version, s.is_tombstoned,
                 s.last_event_id, s.unlisted_version
          FROM {schema}.streams s WHERE s.name = ANY (names)
          ORDER BY s.name FOR NO KEY UPDATE SKIP LOCKED) AS l;
  END IF;

  recorded_at := clock_timestamp();
  IF coalesce(cardinality(keys), 0) < n THEN
    -- Some are missing or held: spread the others over the places of the names.
    SELECT array_agg(l.stream_key ORDER BY g),
           array_agg(coalesce(l.version, 0) ORDER BY g),
           array_agg(coalesce(l.is_tombstoned, false) ORDER BY g),
           array_agg(l.last_event_id ORDER BY g),
           array_agg(l.unlisted_version ORDER BY g),
           array_agg(wait < 2 AND l.name IS NULL
                     AND (expected[g] IN (0, -1)
                          OR EXISTS (SELECT FROM {schema}.streams s
                                     WHERE s.name = names[g])) ORDER BY g)
    INTO keys, versions, tombstoned, last_ids, unlisted, held
    FROM generate_series(1, n) AS g
    LEFT JOIN unnest(found_names, keys, versions, tombstoned, last_ids,
                     unlisted)
      AS l(name, stream_key, version, is_tombstoned, last_event_id,
           unlisted_version)
      ON l.name = names[g];
  END IF;

  -- Nearly always none: not as expected, or perhaps there already.
  SELECT array_agg(g) INTO suspects FROM generate_series(1, n) AS g
  WHERE held[g] OR tombstoned[g]
     OR NOT CASE expected[g] WHEN -1 THEN true WHEN -2 THEN versions[g] > 0
                             ELSE versions[g] = expected[g] END
     OR (versions[g] > 0
         AND (last_ids[g] = event_ids[starts[g]]
              OR (expected[g] < 0
                  AND unlisted[g] > greatest(versions[g] - 100, 0))
              OR (ids[g] IS NOT NULL
                  AND (SELECT a.position FROM {schema}.append_ids a
                       WHERE a.id = ids[g] AND a.stream_key = keys[g]
                         AND a.is_command = ids_are_commands[g])
                      IS NOT NULL)
              OR ((counts[g] > 1 OR ids_are_commands[g])
                  AND {schema}.append_meets(
                        keys[g], last_ids[g], expected[g],
                        event_ids[starts[g]:starts[g] + counts[g] - 1]))));
  IF suspects IS NULL THEN
    RETURN;  -- All are to be appended.
  END IF;

  SELECT j.* INTO verdicts, repeated_first, repeated_last, repeated_position
  FROM {schema}.append_judge(suspects, keys, versions, tombstoned, held,
                             expected, ids, ids_are_commands, starts, counts,
                             event_ids) AS j;
  verdicts := {schema}.append_unite(units, verdicts);
  -- What was made for a part that is not to be appended.
  DELETE FROM {schema}.streams s USING generate_series(1, n) AS g
  WHERE s.stream_key = keys[g] AND s.version = 0 AND versions[g] = 0
    AND verdicts[g] <> 0;
END
$$;

-- Whether one of these events is the last of its stream or listed in
-- append_ids, where that matters.
CREATE FUNCTION {schema}.append_meets(
  key bigint, last_id uuid, expected bigint, event_ids uuid[])
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN last_id = ANY (event_ids)
      OR (expected < 0 AND EXISTS (
            SELECT FROM {schema}.append_ids a
            WHERE a.id = ANY (event_ids) AND a.stream_key = key));
END
$$;

-- The verdicts on all parts, each by itself. Parts that are no suspects are to
-- be appended.
CREATE FUNCTION {schema}.append_judge(
  suspects integer[], keys bigint[], versions bigint[], tombstoned boolean[],
  held boolean[], expected bigint[], ids uuid[], ids_are_commands boolean[],
  starts integer[], counts integer[], event_ids uuid[],
  OUT verdicts smallint[], OUT repeated_first bigint[],
  OUT repeated_last bigint[], OUT repeated_position bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  n CONSTANT integer := cardinality(keys);
  i integer;
  r record;
BEGIN
  verdicts := array_fill(0::smallint, ARRAY[n]);
  repeated_first := array_fill(0::bigint, ARRAY[n]);
  repeated_last := repeated_first;
  repeated_position := repeated_first;
  FOREACH i IN ARRAY suspects LOOP
    IF held[i] THEN
      verdicts[i] := 7;
      CONTINUE;
    END IF;
    r := {schema}.append_find(
      keys[i], versions[i], expected[i], ids[i], ids_are_commands[i],
      event_ids[starts[i]:starts[i] + counts[i] - 1]);
    IF r.first_version IS NOT NULL THEN
      verdicts[i] := 3;
      repeated_first[i] := r.first_version;
      repeated_last[i] := r.last_version;
      repeated_position[i] := r.last_position;
    ELSE
      verdicts[i] := CASE WHEN tombstoned[i] THEN 2
                          WHEN r.in_part THEN 4
                          WHEN expected[i] = -1 THEN 0
                          WHEN expected[i] = -2 AND versions[i] > 0 THEN 0
                          WHEN versions[i] = expected[i] THEN 0
                          ELSE 1 END;
    END IF;
  END LOOP;
END
$$;

-- Where a stream has what a part would append: what the command with its id
-- appended, or events with its ids, one behind the other. Nulls = nowhere;
-- `in_part` then says whether some of the events were met. Looks right behind
-- the version that was expected, among the last hundred events and at all that
-- are listed in append_ids.
CREATE FUNCTION {schema}.append_find(
  key bigint, version bigint, expected bigint, id uuid, id_is_command boolean,
  event_ids uuid[],
  OUT first_version bigint, OUT last_version bigint,
  OUT last_position bigint, OUT in_part boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  size CONSTANT integer := cardinality(event_ids);
  low bigint;
  high bigint;
  listed bigint;
  recent bigint;
  candidate bigint;
  met bigint;
BEGIN
  in_part := false;
  IF version = 0 THEN
    RETURN;
  END IF;
  IF id_is_command THEN
    SELECT a.first_version, a.last_version, a.position
    INTO first_version, last_version, last_position
    FROM {schema}.append_ids a
    WHERE a.id = append_find.id AND a.stream_key = key AND a.is_command;
    IF FOUND THEN
      RETURN;
    END IF;
  END IF;

  SELECT s.first_position, s.last_position INTO low, high
  FROM {schema}.streams s WHERE s.stream_key = key;
  SELECT min(a.first_version) INTO listed FROM {schema}.append_ids a
  WHERE a.id = ANY (event_ids) AND a.stream_key = key AND NOT a.is_command;
  -- This and what follows: served by the (stream_key, version) index of each
  -- partition in range.
  SELECT min(e.version) INTO recent FROM {schema}.events e
  WHERE e.stream_key = key AND e.version > append_find.version - 100
    AND e.position >= low AND e.position <= high
    AND e.event_id = ANY (event_ids);
  in_part := listed IS NOT NULL OR recent IS NOT NULL;
  FOREACH candidate IN ARRAY ARRAY[listed, recent, expected + 1] LOOP
    CONTINUE WHEN candidate IS NULL OR candidate < 1;
    SELECT count(*), max(e.position) INTO met, last_position
    FROM {schema}.events e
    WHERE e.stream_key = key AND e.version >= candidate
      AND e.version < candidate + size
      AND e.position >= low AND e.position <= high
      AND e.event_id = event_ids[(e.version - candidate + 1)::integer];
    IF met = size THEN
      first_version := candidate;
      last_version := candidate + size - 1;
      RETURN;
    END IF;
  END LOOP;
END
$$;

-- A unit stands or falls as a whole.
CREATE FUNCTION {schema}.append_unite(units integer[], verdicts smallint[])
RETURNS smallint[]
LANGUAGE plpgsql AS $$
DECLARE
  refused integer[];
BEGIN
  SELECT array_agg(u.unit) INTO refused
  FROM (SELECT p.unit FROM unnest(units, verdicts) AS p(unit, verdict)
        GROUP BY p.unit
        HAVING bool_or(p.verdict <> 0) AND NOT bool_and(p.verdict = 3)) AS u;
  IF refused IS NULL THEN
    RETURN verdicts;
  END IF;
  -- What of a refused unit was there before is no repetition of it.
  RETURN ARRAY(
    SELECT CASE WHEN NOT p.unit = ANY (refused) THEN p.verdict
                WHEN p.verdict = 0 THEN 5
                WHEN p.verdict = 3 THEN 4
                ELSE p.verdict END::smallint
    FROM unnest(units, verdicts) WITH ORDINALITY AS p(unit, verdict, i)
    ORDER BY p.i);
END
$$;

-- Writes what append_check() let pass: `verdicts` null means all of it. The
-- last thing a transaction should do, for until its commit the readers of the
-- log wait at the floor.
CREATE FUNCTION {schema}.append_write(
  keys bigint[], versions bigint[], verdicts smallint[],
  category_ids integer[], ids uuid[], ids_are_commands boolean[],
  has_ids boolean, starts integer[], counts integer[],
  recorded_at timestamptz, owners integer[], event_ids uuid[],
  type_ids integer[], metadata bytea[], payloads bytea[],
  OUT positions bigint[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  m CONSTANT integer := cardinality(event_ids);
  n CONSTANT integer := cardinality(keys);
  low_on_room boolean;
  out_of_room boolean;
  locked text;
  is_guarded boolean;
BEGIN
  -- The floor: a position that is surely below all that we are about to take,
  -- held in a shared lock until we commit. Readers stop at the least floor
  -- (pg_locks.objid, modulo 2^32). The lock's first key is the sequence, which
  -- keeps apart the stores of one database. Taken in a statement before the
  -- one that takes positions.
  SELECT p.last_value + 1000000 > s.partitions_end,
         p.last_value + m + 200000 > s.partitions_end,
         pg_advisory_xact_lock_shared(
           '{schema}.positions'::regclass::oid::integer,
           ((((CASE WHEN p.is_called THEN p.last_value
                    ELSE p.last_value - 1 END) & 4294967295) # 2147483648)
            - 2147483648)::integer)
  INTO low_on_room, out_of_room, locked
  FROM {schema}.positions p, {schema}.store s;
  IF low_on_room THEN
    -- Waits for others only when there would be no place for those in flight.
    PERFORM {schema}.extend_events(5000000, may_wait => out_of_room);
  END IF;

  -- The guards are looked at with the floor in hand, so that whoever raised one
  -- and then sees no older floor knows that nobody overlooks it.
  IF verdicts IS NULL THEN
    SELECT array_agg(nextval('{schema}.positions')),
           (SELECT s.guarded_types && type_ids FROM {schema}.store s)
    INTO positions, is_guarded FROM generate_series(1, m);
  ELSE
    SELECT array_agg(CASE WHEN verdicts[owners[j]] = 0
                          THEN nextval('{schema}.positions') END),
           (SELECT s.guarded_types && type_ids FROM {schema}.store s)
    INTO positions, is_guarded FROM generate_series(1, m) AS j;
  END IF;
  IF is_guarded THEN
    PERFORM {schema}.check_inline(type_ids);
  END IF;

  INSERT INTO {schema}.events (position, stream_key, version, recorded_at,
                               event_id, type_id, category_id, metadata,
                               payload)
  SELECT positions[j], keys[owners[j]],
         versions[owners[j]] + (j - starts[owners[j]] + 1),
         append_write.recorded_at, event_ids[j], type_ids[j],
         category_ids[owners[j]], metadata[j], payloads[j]
  FROM generate_series(1, m) AS j
  WHERE positions[j] IS NOT NULL;

  UPDATE {schema}.streams s
  SET version = versions[i] + counts[i],
      first_position = CASE WHEN versions[i] = 0 THEN positions[starts[i]]
                            ELSE s.first_position END,
      last_position = positions[starts[i] + counts[i] - 1],
      last_event_id = event_ids[starts[i] + counts[i] - 1],
      unlisted_version = CASE WHEN ids[i] IS NULL OR ids_are_commands[i]
                              THEN versions[i] + counts[i]
                              ELSE s.unlisted_version END
  FROM generate_series(1, n) AS i
  WHERE s.stream_key = keys[i] AND positions[starts[i]] IS NOT NULL;

  IF has_ids THEN
    INSERT INTO {schema}.append_ids (id, stream_key, first_version,
                                     last_version, position, recorded_at,
                                     is_command)
    SELECT ids[i], keys[i], versions[i] + 1, versions[i] + counts[i],
           positions[starts[i] + counts[i] - 1], append_write.recorded_at, true
    FROM generate_series(1, n) AS i
    WHERE ids_are_commands[i] AND positions[starts[i]] IS NOT NULL
    UNION ALL
    SELECT event_ids[j], keys[i], versions[i] + (j - starts[i] + 1),
           versions[i] + (j - starts[i] + 1), positions[j],
           append_write.recorded_at, false
    FROM generate_series(1, m) AS j, LATERAL (SELECT owners[j] AS i) AS o
    WHERE ids[i] IS NOT NULL AND NOT ids_are_commands[i]
      AND positions[j] IS NOT NULL;
  END IF;
END
$$;

-- Fails if one of the types is guarded by an owner whose inline work this
-- transaction does not do.
CREATE FUNCTION {schema}.check_inline(types integer[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  missing record;
BEGIN
  SELECT g.owner, t.name INTO missing
  FROM {schema}.inline_guards g JOIN {schema}.event_types t USING (type_id)
  WHERE g.type_id = ANY (types)
    AND NOT g.owner = ANY (coalesce(nullif(
      current_setting('stele.inline_work', true), ''), '{}')::text[])
  ORDER BY g.owner, t.name LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'events of type % change the inline projection %, which '
      'this process does not have, or not with this event: append them through '
      'Projections::store() of a process that has it', missing.name,
      missing.owner USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
$$;

-- Has `guarded` be all the types that `guard_owner` guards; none = no guard. In
-- force for appends whose floor is taken after the commit. The types must have
-- numbers: made in here, they would keep appends of them waiting for as long as
-- this transaction is open.
CREATE FUNCTION {schema}.guard_inline(guard_owner text, guarded text[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  ids integer[];
  missing text;
  everything integer[];
BEGIN
  SELECT array_agg(t.type_id), min(u.name) FILTER (WHERE t.type_id IS NULL)
  INTO ids, missing
  FROM unnest(guarded) AS u(name)
  LEFT JOIN {schema}.event_types t ON t.name = u.name;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'event type % has no number yet', missing
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  ids := coalesce(ids, '{}');
  DELETE FROM {schema}.inline_guards g
  WHERE g.owner = guard_owner AND NOT g.type_id = ANY (ids);
  INSERT INTO {schema}.inline_guards (owner, type_id)
  SELECT guard_owner, u.id FROM unnest(ids) AS u(id) ON CONFLICT DO NOTHING;
  SELECT coalesce(array_agg(DISTINCT g.type_id ORDER BY g.type_id), '{}')
  INTO everything FROM {schema}.inline_guards g;
  UPDATE {schema}.store s SET guarded_types = everything
  WHERE s.guarded_types <> everything;
END
$$;

-- The transactions that have a floor in hand right now.
CREATE FUNCTION {schema}.appends_under_way() RETURNS text[]
LANGUAGE sql AS $$
  SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}')
  FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'advisory' AND l.objsubid = 2
    AND l.classid = '{schema}.positions'::pg_catalog.regclass::oid
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                      WHERE d.datname = pg_catalog.current_database())
$$;

-- Both in one: a whole group of appends in one round trip and one commit.
CREATE FUNCTION {schema}.append(
  names text[], units integer[], category_ids integer[], expected bigint[],
  may_create boolean, ids uuid[], ids_are_commands boolean[],
  has_ids boolean, starts integer[], counts integer[], owners integer[],
  event_ids uuid[], type_ids integer[], metadata bytea[], payloads bytea[],
  wait integer, OUT versions bigint[], OUT verdicts smallint[],
  OUT repeated_first bigint[], OUT repeated_last bigint[],
  OUT repeated_position bigint[],
  OUT positions bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  c record;
BEGIN
  c := {schema}.append_check(names, units, category_ids, expected, may_create,
                             ids, ids_are_commands, starts, counts, event_ids,
                             wait);
  versions := c.versions;
  verdicts := c.verdicts;
  repeated_first := c.repeated_first;
  repeated_last := c.repeated_last;
  repeated_position := c.repeated_position;
  IF verdicts IS NULL OR 0 = ANY (verdicts) THEN
    positions := {schema}.append_write(
      c.keys, versions, verdicts, category_ids, ids, ids_are_commands, has_ids,
      starts, counts, c.recorded_at, owners, event_ids, type_ids, metadata,
      payloads);
  END IF;
END
$$;

-- The ids of names, made where they are missing, in the order asked for. In a
-- transaction of its own, so that an id once seen is never rolled back.
CREATE FUNCTION {schema}.intern_types(names text[]) RETURNS integer[]
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.event_types (name)
  SELECT u.name FROM unnest(names) AS u(name)
  WHERE (SELECT t.type_id FROM {schema}.event_types t
         WHERE t.name = u.name) IS NULL
  ORDER BY u.name ON CONFLICT (name) DO NOTHING;
  RETURN ARRAY(SELECT (SELECT t.type_id FROM {schema}.event_types t
                       WHERE t.name = u.name)
               FROM unnest(names) WITH ORDINALITY AS u(name, i) ORDER BY u.i);
END
$$;

CREATE FUNCTION {schema}.intern_categories(names text[]) RETURNS integer[]
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {schema}.categories (name)
  SELECT u.name FROM unnest(names) AS u(name)
  WHERE (SELECT c.category_id FROM {schema}.categories c
         WHERE c.name = u.name) IS NULL
  ORDER BY u.name ON CONFLICT (name) DO NOTHING;
  RETURN ARRAY(SELECT (SELECT c.category_id FROM {schema}.categories c
                       WHERE c.name = u.name)
               FROM unnest(names) WITH ORDINALITY AS u(name, i) ORDER BY u.i);
END
$$;

-- Closes a stream. The verdict is 0, 1 (not at the expected version) or 6 (no
-- such stream).
CREATE FUNCTION {schema}.tombstone(
  stream_name text, expected bigint,
  OUT verdict smallint, OUT version bigint)
LANGUAGE plpgsql AS $$
DECLARE
  closed boolean;
BEGIN
  SELECT s.version, s.is_tombstoned INTO version, closed
  FROM {schema}.streams s WHERE s.name = stream_name FOR NO KEY UPDATE;
  verdict := CASE
    WHEN NOT FOUND THEN 6
    WHEN closed OR expected < 0 OR expected = version THEN 0
    ELSE 1 END;
  version := coalesce(version, 0);
  IF verdict = 0 AND NOT closed THEN
    UPDATE {schema}.streams s SET is_tombstoned = true
    WHERE s.name = stream_name;
    DELETE FROM {schema}.snapshots p USING {schema}.streams s
    WHERE s.name = stream_name AND p.stream_key = s.stream_key;
  END IF;
END
$$;
