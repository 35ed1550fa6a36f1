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
--   4 its id stands for other events
--   5 another stream of its unit was refused

-- Locks the streams, makes those that are missing, and judges. Takes no
-- positions: what is refused leaves no hole. Locks are taken in name order, so
-- that two calls never wait for each other.
CREATE FUNCTION {schema}.append_check(
  names text[], units integer[], category_ids integer[], expected bigint[],
  may_create boolean, ids uuid[], ids_are_commands boolean[],
  starts integer[], counts integer[], event_ids uuid[],
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
  suspects integer[];
  doomed bigint[];
  refused integer[];
  is_tombstoned boolean;
  i integer;
  k integer;
  matches bigint;
  r record;
BEGIN
  IF may_create THEN
    INSERT INTO {schema}.streams (name, category_id)
    SELECT names[g], category_ids[g] FROM generate_series(1, n) AS g
    WHERE expected[g] = 0
       OR (expected[g] = -1 AND (SELECT s.stream_key FROM {schema}.streams s
                                 WHERE s.name = names[g]) IS NULL)
    ON CONFLICT (name) DO NOTHING;
  END IF;

  -- A new statement, so that it sees what was committed while we waited.
  SELECT array_agg(l.name), array_agg(l.stream_key), array_agg(l.version),
         array_agg(l.is_tombstoned)
  INTO found_names, keys, versions, tombstoned
  FROM (SELECT s.name, s.stream_key, s.version, s.is_tombstoned
        FROM {schema}.streams s WHERE s.name = ANY (names)
        ORDER BY s.name FOR NO KEY UPDATE) AS l;

  recorded_at := clock_timestamp();
  IF coalesce(cardinality(keys), 0) < n THEN
    -- Some are missing: spread what was found over the places of the names.
    k := 1;
    FOR i IN 1..n LOOP
      IF found_names[k] IS NOT DISTINCT FROM names[i] THEN
        k := k + 1;
      ELSE
        found_names := found_names[:k - 1] || names[i] || found_names[k:];
        keys := keys[:k - 1] || NULL::bigint || keys[k:];
        versions := versions[:k - 1] || 0::bigint || versions[k:];
        tombstoned := tombstoned[:k - 1] || false || tombstoned[k:];
        k := k + 1;
      END IF;
    END LOOP;
  END IF;

  SELECT array_agg(g) INTO suspects FROM generate_series(1, n) AS g
  WHERE tombstoned[g]
     OR NOT CASE expected[g] WHEN -1 THEN true WHEN -2 THEN versions[g] > 0
                             ELSE versions[g] = expected[g] END
     OR (versions[g] > 0 AND ids[g] IS NOT NULL
         AND (SELECT a.position FROM {schema}.append_ids a
              WHERE a.id = ids[g] AND a.stream_key = keys[g]) IS NOT NULL);
  IF suspects IS NULL THEN
    RETURN;  -- All are to be appended.
  END IF;

  verdicts := array_fill(0::smallint, ARRAY[n]);
  repeated_first := array_fill(0::bigint, ARRAY[n]);
  repeated_last := repeated_first;
  repeated_position := repeated_first;
  FOREACH i IN ARRAY suspects LOOP
    verdicts[i] := CASE WHEN tombstoned[i] THEN 2
                        WHEN expected[i] = -1 THEN 0
                        WHEN expected[i] = -2 AND versions[i] > 0 THEN 0
                        WHEN versions[i] = expected[i] THEN 0
                        ELSE 1 END;
    IF ids[i] IS NOT NULL THEN
      SELECT a.first_version, a.last_version, a.position, a.is_command INTO r
      FROM {schema}.append_ids a
      WHERE a.id = ids[i] AND a.stream_key = keys[i];
      IF FOUND THEN
        IF r.is_command AND ids_are_commands[i] THEN
          matches := counts[i];
        ELSIF r.is_command OR ids_are_commands[i]
           OR r.last_version - r.first_version + 1 <> counts[i] THEN
          matches := -1;
        ELSE
          matches := {schema}.count_matches(keys[i], r.first_version,
                                            event_ids, starts[i], counts[i]);
        END IF;
        verdicts[i] := CASE WHEN matches = counts[i] THEN 3 ELSE 4 END;
        repeated_first[i] := r.first_version;
        repeated_last[i] := r.last_version;
        repeated_position[i] := r.position;
        CONTINUE;
      END IF;
    END IF;
    -- The stream moved on: perhaps by these very events.
    IF expected[i] >= 0 AND versions[i] >= expected[i] + counts[i]
       AND {schema}.count_matches(keys[i], expected[i] + 1, event_ids,
                                  starts[i], counts[i]) = counts[i] THEN
      verdicts[i] := 3;
      repeated_first[i] := expected[i] + 1;
      repeated_last[i] := expected[i] + counts[i];
      SELECT e.position INTO matches
      FROM {schema}.streams s JOIN {schema}.events e
        ON e.stream_key = s.stream_key AND e.position >= s.first_position
       AND e.position <= s.last_position
      WHERE s.stream_key = keys[i] AND e.version = repeated_last[i];
      repeated_position[i] := matches;
    END IF;
  END LOOP;

  -- A unit stands or falls as a whole.
  SELECT array_agg(u.unit) INTO refused
  FROM (SELECT units[g] AS unit FROM generate_series(1, n) AS g
        GROUP BY units[g]
        HAVING bool_or(verdicts[g] <> 0)
           AND NOT bool_and(verdicts[g] = 3)) AS u;
  IF refused IS NOT NULL THEN
    FOR i IN 1..n LOOP
      CONTINUE WHEN NOT units[i] = ANY (refused);
      IF verdicts[i] = 0 THEN
        verdicts[i] := 5;
      ELSIF verdicts[i] = 3 THEN
        -- Only part of the unit was there before: it is not a repetition.
        verdicts[i] := CASE WHEN expected[i] >= 0 AND ids[i] IS NULL THEN 1
                            ELSE 4 END;
      END IF;
    END LOOP;
  END IF;

  SELECT array_agg(keys[g]) INTO doomed FROM generate_series(1, n) AS g
  WHERE verdicts[g] <> 0 AND versions[g] = 0 AND keys[g] IS NOT NULL;
  IF doomed IS NOT NULL THEN
    DELETE FROM {schema}.streams s
    WHERE s.stream_key = ANY (doomed) AND s.version = 0;
  END IF;
END
$$;

-- How many of the `count` events of a stream from `first_version` on have the
-- given ids, in order.
CREATE FUNCTION {schema}.count_matches(
  key bigint, first_version bigint, event_ids uuid[], start integer,
  count integer) RETURNS bigint
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  result bigint;
  low bigint;
  high bigint;
BEGIN
  SELECT s.first_position, s.last_position INTO low, high
  FROM {schema}.streams s WHERE s.stream_key = key;
  -- Served by the (stream_key, version) index of each partition in range.
  SELECT count(*) INTO result FROM {schema}.events e
  WHERE e.stream_key = key AND e.version >= first_version
    AND e.version < first_version + count
    AND e.position >= low AND e.position <= high
    AND e.event_id = event_ids[(start + e.version - first_version)::integer];
  RETURN result;
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
      last_position = positions[starts[i] + counts[i] - 1]
  FROM generate_series(1, n) AS i
  WHERE s.stream_key = keys[i] AND positions[starts[i]] IS NOT NULL;

  IF has_ids THEN
    INSERT INTO {schema}.append_ids (id, stream_key, first_version,
                                     last_version, position, recorded_at,
                                     is_command)
    SELECT ids[i], keys[i], versions[i] + 1, versions[i] + counts[i],
           positions[starts[i] + counts[i] - 1], append_write.recorded_at,
           ids_are_commands[i]
    FROM generate_series(1, n) AS i
    WHERE ids[i] IS NOT NULL AND positions[starts[i]] IS NOT NULL;
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
-- force for appends whose floor is taken after the commit.
CREATE FUNCTION {schema}.guard_inline(guard_owner text, guarded text[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  ids integer[] := {schema}.intern_types(guarded);
  everything integer[];
BEGIN
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
  OUT versions bigint[], OUT verdicts smallint[], OUT repeated_first bigint[],
  OUT repeated_last bigint[], OUT repeated_position bigint[],
  OUT positions bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  c record;
BEGIN
  c := {schema}.append_check(names, units, category_ids, expected, may_create,
                             ids, ids_are_commands, starts, counts, event_ids);
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
