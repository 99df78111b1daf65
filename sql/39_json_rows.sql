-- Proves: a jsonb object is scored like the row that it was made of, to the bit, whatever the settings;
-- keys that are not there are NULL; what cannot be read is a clear error.  Arrays stand for the
-- columns of a model of numbers, by position.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;
SET extra_float_digits = 1;

CREATE TYPE json_mood AS ENUM ('sad', 'ok');
CREATE TABLE json_rows AS
SELECT i AS id, (sin(i) / 3)::real AS r, cos(i) AS d, 0.1::real AS constant, (i % 7)::smallint AS small,
	   9007199254740993 + i AS big, round((i % 90)::numeric / 7, 3) AS n, i % 3 = 0 AS flag,
	   'level ' || i % 4 AS word, ('c' || i % 3)::char(6) AS padded, (ARRAY['sad', 'ok'])[1 + i % 2]::json_mood AS mood,
	   i % 5 AS number, ARRAY[sin(i), cos(i)]::real[] AS pair, ARRAY[i % 2 = 0, i % 3 = 0] AS flags,
	   date '2024-02-28' + i AS day, timestamp '2024-02-28 12:30:00.123' + i * interval '1 hour' AS at,
	   timestamptz '2024-02-28 12:30:00+02' + i * interval '7 minutes' AS tz, time '00:00' + i * interval '5 minutes' AS clock
FROM generate_series(1, 400) i;
UPDATE json_rows SET d = NULL, word = NULL, at = NULL, pair = '{NULL,0.5}' WHERE id % 10 = 0;
UPDATE json_rows SET d = 'Infinity' WHERE id = 7;
UPDATE json_rows SET tz = 'infinity', n = 'NaN' WHERE id = 8;
UPDATE json_rows SET at = '0044-03-15 10:00:00 BC', day = '12024-02-29', clock = '24:00' WHERE id = 9;

CREATE TABLE json_models AS
SELECT o AS options, ae.train(t, o || '{"exclude": ["id"], "kinds": {"number": "category"}, "updates": 150, "seed": 1}') AS m
FROM json_rows t, (VALUES ('{"purpose": "detect"}'::jsonb), ('{"purpose": "compress", "code": 3}'), ('{"purpose": "detect", "max_levels": 2}')) o(o)
WHERE id NOT IN (7, 8, 9) GROUP BY o;

-- the same bits, whatever the settings, with keys in any order, beside others, and NULLs left out
CREATE FUNCTION pg_temp.differ() RETURNS SETOF bigint LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE ae.raw_score(m, t) IS DISTINCT FROM ae.raw_score(m, to_jsonb(t))
		OR ae.anomaly_score(m, t) IS DISTINCT FROM ae.anomaly_score(m, jsonb_strip_nulls(to_jsonb(t)) || '{"more": [{}]}')
		OR ae.reconstruction_error(m, t) IS DISTINCT FROM ae.reconstruction_error(m, to_jsonb(t)))
	FROM json_models, json_rows t $$;
SELECT pg_temp.differ();
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kathmandu';
SET lc_numeric = 'C';
SELECT pg_temp.differ();
RESET datestyle;
RESET timezone;
SELECT count(*) AS rows, count(*) FILTER (WHERE ae.encode(m, t) = ae.encode(m, to_jsonb(t))) AS same_code,
	   count(*) FILTER (WHERE ae.p_value(m, t) = ae.p_value(m, to_jsonb(t))) AS same_p,
	   count(*) FILTER (WHERE ae.is_anomaly(m, t) = ae.is_anomaly(m, to_jsonb(t))) AS same_flag
FROM json_models, json_rows t WHERE options @> '{"purpose": "compress"}';
-- (whole numbers are expected as numbers: JSON has no integers)
SELECT count(*) AS reasons, count(*) FILTER (WHERE e.share = f.share AND e.error = f.error) AS same
FROM json_models, json_rows t, LATERAL ae.explain(m, t) e, LATERAL ae.explain(m, to_jsonb(t)) f
WHERE id < 4 AND options @> '{"max_levels": 2}' AND e.feature = f.feature;
SELECT ae.evaluate(m, t) = ae.evaluate(m, to_jsonb(t)) AS same_evaluation FROM json_models, json_rows t
WHERE options @> '{"max_levels": 2}';

-- stored: immutable
CREATE TABLE json_events (payload jsonb);
INSERT INTO json_events SELECT to_jsonb(t) FROM json_rows t;
CALL ae.train_model('json', 'SELECT r, d, word FROM json_rows WHERE id <> 7', '{"updates": 50}');
CREATE INDEX ON json_events (ae.anomaly_score('json', payload));
SELECT count(*) > 0 AS some FROM json_events WHERE ae.anomaly_score('json', payload) > 0.9;

-- numbers as text, categories as numbers and truths, times of every look
CREATE TABLE json_kinds AS
SELECT ae.train(t, '{"kinds": {"k": "category", "b": "category"}, "updates": 20, "folds": 1}') AS m
FROM (SELECT sin(i) AS x, i % 4 AS k, i % 2 = 0 AS b, i % 3 = 0 AS flag, timestamptz '2024-01-01 00:00Z' + i * interval '1 hour' AS at
	  FROM generate_series(1, 200) i) t;
SELECT count(DISTINCT ae.raw_score(m, j)) AS one_score FROM json_kinds, (VALUES
	('{"x": 0.25, "k": 3, "b": true, "flag": false, "at": "2024-01-02T03:04:05Z"}'::jsonb),
	('{"x": "0.25", "k": "3", "b": "true", "flag": "off", "at": "2024-01-02 03:04:05+00"}'),
	('{"x": " 2.5e-1 ", "k": 3.00, "b": true, "flag": "f", "at": "2024-01-02 03:04:05.000"}'),
	('{"x": 1, "x": 0.25, "k": 3, "b": true, "flag": false, "at": "2024-01-02T08:34:05.000000+05:30"}'),
	('{"x": 0.25, "k": 3, "b": true, "flag": false, "at": "2024-01-01t21:04:05-06:00:00"}')) v(j);
SELECT ae.raw_score(m, '{"x": 0.25}'::jsonb) = ae.raw_score(m, '{"x": 0.25, "k": null, "at": null}'::jsonb) AS same,
	   ae.raw_score(m, '{}'::jsonb) IS NULL AS nothing_known, ae.raw_score(m, NULL::jsonb) IS NULL AS no_row,
	   ae.raw_score(m, '{"x": "NaN"}'::jsonb) AS nan, ae.raw_score(m, '{"x": 1e400}'::jsonb) AS beyond FROM json_kinds;
SELECT feature, value, expected IS NULL AS unknown FROM json_kinds,
	ae.explain(m, '{"x": 0.25, "k": 3, "b": true, "flag": false, "at": "2024-01-02T03:04:05Z"}'::jsonb) ORDER BY feature;

-- what cannot be read
CREATE FUNCTION pg_temp.error_of(row_value jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM ae.raw_score(m, row_value) FROM json_kinds;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(sqlstate, ' ', sqlerrm, E'\n    ' || nullif(hint, ''));
END $$;
SELECT pg_temp.error_of(j) FROM (VALUES ('{"x": "much"}'::jsonb), ('{"x": true}'), ('{"x": {"y": 1}}'), ('{"x": [1]}'), ('{"x": ""}'), ('{"x": "0x10"}'),
	('{"x": "1 2"}'), ('{"k": {}}'), ('{"b": []}'), ('{"flag": 1}'), ('{"flag": "maybe"}'), ('[1, 2]'), ('"x"'), ('1'), ('null'), ('{"X": 1}'),
	('{"y": 1}')) v(j);
SELECT j, pg_temp.error_of(jsonb_build_object('at', j)) FROM (VALUES ('1700000000'::jsonb), ('true'), ('"31.01.2024"'), ('"01/31/2024"'), ('"2024-02-30"'),
	('"2023-02-29"'), ('"2024-13-01"'), ('"2024-1-1"'), ('"2024-01-01 25:00"'), ('"2024-01-01 24:00:01"'), ('"2024-01-01 12:60"'), ('"2024-01-01 12"'),
	('"2024-01-01 12:00:00."'), ('"2024-01-01 12:00 CET"'), ('"2024-01-01 12:00+1"'), ('"now"'), ('"yesterday"'), ('""'), ('"0000-01-01"'),
	('"9999999-01-01"'), ('"2024-01-01 12:00:00.1234567"'), ('"2024-01-01x"'), ('"BC"'), ('" BC"')) v(j);
SELECT pg_temp.error_of(jsonb_build_object('at', j)) FROM (VALUES ('"2024-01-01"'::jsonb), ('"12:30"'), ('"24:00:00"'), ('"infinity"'), ('"2024-01-01 24:00"'),
	('"0044-03-15 BC"'), ('"294276-12-31 23:59:59Z"')) v(j);
SELECT ae.raw_score(m, '{"pair": [1, 2, 3]}'::jsonb) FROM json_models LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(m, '{"pair": [1, "x"]}'::jsonb) FROM json_models LIMIT 1;
SELECT ae.raw_score(m, '{"pair": [1, [2]]}'::jsonb) FROM json_models LIMIT 1;
SELECT ae.raw_score(m, '{"pair": 1}'::jsonb) FROM json_models LIMIT 1;
SELECT ae.impute(m, '{"x": 1, "k": 1, "b": true, "flag": true, "at": "2024-01-01"}'::jsonb) FROM json_kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.reconstruct(m, '{"x": 1}'::jsonb) FROM json_kinds;
SELECT ae.train(j) FROM (SELECT '{"x": 1}'::jsonb AS j) q;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(j, '{}', m) FROM (SELECT '{"x": 1}'::jsonb AS j) q, json_kinds;
SELECT ae.raw_score(m, '{"x": 1}'::json) FROM json_kinds;
\echo :LAST_ERROR_SQLSTATE

-- what the hint says works
SELECT (ae.impute('json', jsonb_populate_record(NULL::json_rows, '{"r": 0.25, "d": 0.5}'))).word IS NOT NULL AS imputed;

-- models of arrays: JSON arrays
CREATE TABLE json_vectors AS SELECT i, ARRAY[sin(i), cos(i), 0.1]::real[] AS v FROM generate_series(1, 300) i;
CREATE TABLE json_vector_model AS SELECT ae.train(v, '{"updates": 50}') AS m FROM json_vectors;
SELECT count(*) AS differ FROM json_vectors, json_vector_model WHERE ae.raw_score(m, v) IS DISTINCT FROM ae.raw_score(m, to_jsonb(v));
SELECT ae.raw_score(m, '[1, null, 0.5]'::jsonb) = ae.raw_score(m, '{1,NULL,0.5}'::real[]) AS with_null FROM json_vector_model;
SELECT feature, value FROM json_vector_model, ae.explain(m, '[1, null, 0.5]'::jsonb) ORDER BY feature;
SELECT ae.raw_score(m, '[1, 2]'::jsonb) FROM json_vector_model;
SELECT ae.raw_score(m, '{"a": 1}'::jsonb) FROM json_vector_model;

-- arrays for a model of numbers with names: as ROW(...) is, by position
CREATE TABLE json_numbers AS SELECT i, sin(i)::real AS a, cos(i)::real AS b, (i % 5)::real AS c FROM generate_series(1, 300) i;
CREATE TABLE json_number_model AS
SELECT ae.train(t, o::jsonb || '{"exclude": ["i"], "updates": 50}') AS m FROM json_numbers t, (VALUES ('{}'), ('{"code": 2}')) o(o) GROUP BY o;
SELECT count(*) AS differ FROM json_numbers t, json_number_model
WHERE ae.raw_score(m, t) IS DISTINCT FROM ae.raw_score(m, ARRAY[a, b, c]) OR ae.raw_score(m, t) IS DISTINCT FROM ae.raw_score(m, ROW(a, b, c))
   OR ae.anomaly_score(m, t) IS DISTINCT FROM ae.anomaly_score(m, ARRAY[a, b, c]::float8[]);
SELECT feature, value FROM json_number_model, ae.explain(m, '{0.5,NULL,100}'::real[]) WHERE value = '100';
SELECT array_position(ae.impute(m, '{0.5,NULL,1}'::real[]), NULL) AS still_null, (ae.impute(m, '{0.5,NULL,1}'::real[]))[1] AS first
FROM json_number_model;
SELECT ae.raw_score(m, '{1,2}'::real[]) FROM json_number_model;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(m, '{1,2,3,4,5}'::real[]) FROM json_kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[a, b, c], '{}', (SELECT m FROM json_number_model LIMIT 1)) FROM json_numbers;
\echo :LAST_ERROR_SQLSTATE
SET ae.nameless_rows = off;
SELECT ae.raw_score(m, '{1,2,3}'::real[]) FROM json_number_model;
\echo :LAST_ERROR_SQLSTATE
RESET ae.nameless_rows;

SET client_min_messages = warning;
DROP TABLE json_events;
SELECT ae.drop_model('json');
DROP TABLE json_rows, json_models, json_kinds, json_vectors, json_vector_model, json_numbers, json_number_model;
DROP TYPE json_mood;
