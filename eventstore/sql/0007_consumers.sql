-- Consumers: who may work on which part of the log, how far it got, and which
-- keys are set aside. Leases are judged by this server's clock alone, and no
-- lock outlives a short transaction.
--
-- Locks are waited for in one order, so that no two transactions wait for each
-- other: checkpoints, the consumer's row, owners, parked keys, parked events.
-- Whoever holds the consumer's row and then comes to a checkpoint passes over
-- one that is locked.

CREATE TABLE {schema}.consumers (
  name text COLLATE "C" PRIMARY KEY,
  slots integer NOT NULL,
  is_paused boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Whoever asked for slots lately: also those that were given none yet, so that
-- the others make room for them.
CREATE TABLE {schema}.consumer_owners (
  consumer text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  -- The event types that it handles, in order; none = all.
  types text[] COLLATE "C" NOT NULL,
  -- In which order the sets of types came; one number for owners of one set.
  joined bigint NOT NULL,
  -- It leaves all slots to owners of another set, and moves no checkpoint.
  yields boolean NOT NULL DEFAULT false,
  live_until timestamptz NOT NULL,
  -- As long as others yield to it: a database that fails over, say, must not
  -- have them handle what it knows better.
  awaited_until timestamptz NOT NULL,
  PRIMARY KEY (consumer, owner)
) WITH (fillfactor = 70);

-- Of the log beside it: a restore takes both back, so no epoch is kept here.
CREATE TABLE {schema}.checkpoints (
  consumer text COLLATE "C" NOT NULL,
  slot integer NOT NULL,
  position bigint NOT NULL,
  lease_epoch bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  updated_at timestamptz NOT NULL DEFAULT now(),
  lease_owner text COLLATE "C",
  PRIMARY KEY (consumer, slot)
) WITH (fillfactor = 70);

-- Keys are any bytes.
CREATE TABLE {schema}.parked (
  consumer text COLLATE "C" NOT NULL,
  key bytea NOT NULL,
  slot integer NOT NULL,
  state smallint NOT NULL,
  discard_position bigint NOT NULL DEFAULT 0,
  tries integer NOT NULL,
  first_position bigint NOT NULL,
  parked_at timestamptz NOT NULL,
  next_try timestamptz NOT NULL,
  cause text NOT NULL,
  PRIMARY KEY (consumer, key)
);

CREATE TABLE {schema}.parked_events (
  consumer text COLLATE "C" NOT NULL,
  key bytea NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (consumer, key, position)
);

-- Says who yields. One set of types works at a time: of those of awaited
-- owners that no other one contains, the last that came. So there is always
-- one. Slots of owners that yield are free from now on; one whose checkpoint is
-- being moved right now stays, and is not moved again.
CREATE FUNCTION {schema}.judge_owners(consumer_name text, at timestamptz)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  working text[];
BEGIN
  SELECT o.types INTO working FROM {schema}.consumer_owners o
  WHERE o.consumer = consumer_name AND o.awaited_until > at AND NOT EXISTS (
    SELECT FROM {schema}.consumer_owners w
    WHERE w.consumer = consumer_name AND w.awaited_until > at
      AND w.types <> o.types
      AND (w.types = '{}' OR (o.types <> '{}' AND o.types <@ w.types)))
  ORDER BY o.joined DESC LIMIT 1;

  UPDATE {schema}.consumer_owners o SET yields = (o.types <> working)
  WHERE o.consumer = consumer_name AND o.yields <> (o.types <> working);

  UPDATE {schema}.checkpoints c
  SET lease_owner = NULL, lease_until = '-infinity'
  WHERE c.consumer = consumer_name AND c.slot = ANY (ARRAY(
    SELECT x.slot FROM {schema}.checkpoints x
    WHERE x.consumer = consumer_name AND x.lease_owner IN (
      SELECT o.owner FROM {schema}.consumer_owners o
      WHERE o.consumer = consumer_name AND o.yields)
    FOR NO KEY UPDATE SKIP LOCKED));
END
$$;

-- Has `owner` live from now on for as long as `lease` says, and has those yield
-- that must. One at a time per consumer: its row is locked. All null for one
-- that is not registered.
CREATE FUNCTION {schema}.enter_consumer(
  consumer_name text, owner_name text, owner_types text[], lease interval,
  OUT all_slots integer, OUT entered_at timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT c.slots INTO all_slots FROM {schema}.consumers c
  WHERE c.name = consumer_name FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  entered_at := clock_timestamp();
  -- Kept beyond that: in which order the sets came, and that one who comes back
  -- after a long silence may have to yield, is known by nothing else.
  DELETE FROM {schema}.consumer_owners o
  WHERE o.consumer = consumer_name
    AND o.awaited_until <= entered_at - interval '1 day';
  INSERT INTO {schema}.consumer_owners
    (consumer, owner, types, joined, live_until, awaited_until)
  SELECT consumer_name, owner_name, owner_types,
         coalesce(min(x.joined) FILTER (WHERE x.types = owner_types),
                  max(x.joined) + 1, 1),
         entered_at + lease, entered_at + 6 * lease
  FROM {schema}.consumer_owners x WHERE x.consumer = consumer_name
  ON CONFLICT (consumer, owner) DO UPDATE
  SET types = excluded.types, joined = excluded.joined,
      live_until = excluded.live_until, awaited_until = excluded.awaited_until;
  PERFORM {schema}.judge_owners(consumer_name, entered_at);
END
$$;

-- Renews what `owner` holds. A slot whose checkpoint is being moved right now
-- is passed over, and is safe all the same: nobody takes a slot of an owner
-- that is live.
CREATE FUNCTION {schema}.extend_leases(
  consumer_name text, owner_name text, until timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {schema}.checkpoints c SET lease_until = until
  FROM (SELECT x.slot FROM {schema}.checkpoints x
        WHERE x.consumer = consumer_name AND x.lease_owner = owner_name
        FOR NO KEY UPDATE SKIP LOCKED) AS s
  WHERE c.consumer = consumer_name AND c.slot = s.slot;
END
$$;

-- The slots that `owner` holds.
CREATE FUNCTION {schema}.slots_held(
  consumer_name text, owner_name text,
  OUT slots integer[], OUT epochs bigint[], OUT positions bigint[])
LANGUAGE plpgsql AS $$
BEGIN
  SELECT coalesce(array_agg(c.slot ORDER BY c.slot), '{}'),
         coalesce(array_agg(c.lease_epoch ORDER BY c.slot), '{}'),
         coalesce(array_agg(c.position ORDER BY c.slot), '{}')
  INTO slots, epochs, positions
  FROM {schema}.checkpoints c
  WHERE c.consumer = consumer_name AND c.lease_owner = owner_name;
END
$$;

-- Renews what `owner` holds, and its own life. Null for a consumer that is not
-- registered.
CREATE FUNCTION {schema}.renew_slots(
  consumer_name text, owner_name text, owner_types text[], lease interval,
  OUT slots integer[], OUT epochs bigint[], OUT positions bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz;
BEGIN
  SELECT e.entered_at INTO at
  FROM {schema}.enter_consumer(
    consumer_name, owner_name, owner_types, lease) AS e;
  IF at IS NULL THEN
    RETURN;
  END IF;
  PERFORM {schema}.extend_leases(consumer_name, owner_name, at + lease);
  SELECT h.* INTO slots, epochs, positions
  FROM {schema}.slots_held(consumer_name, owner_name) AS h;
END
$$;

-- Renews what `owner` holds, gives up what is beyond its fair share, and takes
-- up to it what is free or whose owner is no longer live. The share of one that
-- yields is none. Null for a consumer that is not registered. A slot whose
-- checkpoint is being moved right now is left to who moves it.
CREATE FUNCTION {schema}.acquire_slots(
  consumer_name text, owner_name text, owner_types text[], lease interval,
  OUT slots integer[], OUT epochs bigint[], OUT positions bigint[])
LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz;
  all_slots integer;
  owners integer;
  share integer;
  held integer;
BEGIN
  SELECT e.all_slots, e.entered_at INTO all_slots, at
  FROM {schema}.enter_consumer(
    consumer_name, owner_name, owner_types, lease) AS e;
  IF at IS NULL THEN
    RETURN;
  END IF;
  SELECT count(*) INTO owners FROM {schema}.consumer_owners o
  WHERE o.consumer = consumer_name AND o.live_until > at AND NOT o.yields;
  share := (all_slots + owners - 1) / greatest(owners, 1);
  IF (SELECT o.yields FROM {schema}.consumer_owners o
      WHERE o.consumer = consumer_name AND o.owner = owner_name) THEN
    share := 0;
  END IF;

  UPDATE {schema}.checkpoints c
  SET lease_owner = NULL, lease_until = '-infinity'
  WHERE c.consumer = consumer_name AND c.slot = ANY (ARRAY(
    SELECT x.slot FROM {schema}.checkpoints x
    WHERE x.consumer = consumer_name AND x.lease_owner = owner_name
    ORDER BY x.slot OFFSET share FOR NO KEY UPDATE SKIP LOCKED));

  PERFORM {schema}.extend_leases(consumer_name, owner_name, at + lease);

  SELECT count(*) INTO held FROM {schema}.checkpoints c
  WHERE c.consumer = consumer_name AND c.lease_owner = owner_name;

  -- An array, so that no plan runs the limited query more than once.
  UPDATE {schema}.checkpoints c
  SET lease_owner = owner_name, lease_until = at + lease,
      lease_epoch = c.lease_epoch + 1
  WHERE c.consumer = consumer_name AND c.slot = ANY (ARRAY(
    SELECT x.slot FROM {schema}.checkpoints x
    WHERE x.consumer = consumer_name
      AND (x.lease_owner IS NULL OR NOT EXISTS (
             SELECT FROM {schema}.consumer_owners o
             WHERE o.consumer = consumer_name AND o.owner = x.lease_owner
               AND o.live_until > at))
    ORDER BY x.slot LIMIT greatest(share - held, 0)
    FOR NO KEY UPDATE SKIP LOCKED));

  SELECT h.* INTO slots, epochs, positions
  FROM {schema}.slots_held(consumer_name, owner_name) AS h;
END
$$;
