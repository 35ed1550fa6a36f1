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
