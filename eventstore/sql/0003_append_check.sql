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
