-- What the consuming side remembers, beside the effects of its handlers.

-- The ids of messages that were handled (or parked): none counts twice.
CREATE TABLE {schema}.inbox_handled (
  inbox      text COLLATE "C" NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  handled_at timestamptz NOT NULL,
  PRIMARY KEY (inbox, message_id)
);

-- For forgetting the oldest.
CREATE INDEX inbox_handled_by_age ON {schema}.inbox_handled (inbox, handled_at);

-- Messages set aside, raw, in the order of arrival. The first of a key has a
-- next try ('infinity' = only when asked); those held behind it have none.
CREATE TABLE {schema}.inbox_parked (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  inbox     text COLLATE "C" NOT NULL,
  key       text COLLATE "C" NOT NULL,
  message   bytea NOT NULL,
  cause     text NOT NULL,
  tries     integer NOT NULL,
  parked_at timestamptz NOT NULL,
  next_try  timestamptz
);

CREATE INDEX inbox_parked_by_key ON {schema}.inbox_parked (inbox, key, id);
CREATE INDEX inbox_parked_by_next_try
  ON {schema}.inbox_parked (inbox, next_try) WHERE next_try IS NOT NULL;
