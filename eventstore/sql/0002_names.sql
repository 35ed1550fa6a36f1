-- Event types and categories are numbers in the log: their names.

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
