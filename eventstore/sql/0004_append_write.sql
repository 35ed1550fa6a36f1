-- Appending, its second half: writes what the check let pass. The arrays are
-- those of append_check().

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
