-- Guards: event types that may be appended only together with the inline work
-- of those who own them.

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
