-- Proves: types that PostgreSQL prints the same under all settings are categories when asked for,
-- and come back as they were; arrays of booleans are numbers; what a model does not use is refused
-- all at once, with a hint.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

CREATE TABLE typed AS
SELECT sin(i) AS a, ('10.0.0.' || i % 5)::inet AS ip, ('10.0.' || i % 5 || '.0/24')::cidr AS net,
	   ('08:00:2b:01:02:0' || i % 5)::macaddr AS mac, ('08:00:2b:01:02:03:04:0' || i % 5)::macaddr8 AS mac8,
	   (i % 5)::bit(3) AS bits, (i % 5)::bit(3)::varbit AS more_bits, (i % 5)::oid AS number,
	   ('10:0' || i % 5 || '+02')::timetz AS clock, ARRAY[i % 5 = 0, i % 5 < 2] AS flags
FROM generate_series(1, 300) i;

-- not without being asked to: all of them in one message
SELECT ae.train(t) FROM typed t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, '{"exclude": ["net", "mac", "mac8", "bits", "more_bits", "number", "clock"]}') FROM typed t;
\echo :LAST_ERROR_SQLSTATE

CREATE TABLE typed_model AS
SELECT ae.train(t, '{"kinds": {"ip": "category", "net": "category", "mac": "category", "mac8": "category",
					"bits": "category", "more_bits": "category", "number": "category", "clock": "category"}}') AS m
FROM typed t;
SELECT f.feature, f.kind, f.levels, f.nulls FROM typed_model, ae.features(m) f;

-- the levels are the values as they print, whatever the settings
SELECT e.feature, e.value, e.value = e.expected AS as_expected
FROM typed_model, (SELECT * FROM typed LIMIT 1) t, ae.explain(m, t) e WHERE feature <> 'a' ORDER BY feature;
CREATE TEMP TABLE before AS SELECT t.a, ae.raw_score(m, t) AS s FROM typed t, typed_model;
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Tokyo';
SET bytea_output = 'escape';
SET extra_float_digits = -3;
SELECT count(*) AS differ FROM typed t, typed_model, before b WHERE b.a = t.a AND b.s <> ae.raw_score(m, t);
RESET ALL;
SET ae.progress = off;

-- and NULLs come back as values of the type
SELECT ae.impute(m, ROW(sin(1), '10.0.0.1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{f,t}')::typed) FROM typed_model;

-- a value that training did not have is none of its levels, and no error
SELECT ae.raw_score(m, t) > 10 AS odd FROM typed_model,
	(SELECT (t.*)::typed AS t FROM (SELECT a, '2001:db8::1'::inet, net, mac, mac8, bits, more_bits, number, clock, flags FROM typed LIMIT 1) t) q;

-- arrays of booleans are numbers, as rows and as columns
SELECT round(avg((ae.reconstruct(m, b) = b)::int), 2) AS right
FROM (SELECT ae.train(ARRAY[i % 2 = 0, i % 2 = 0, i % 3 = 0], '{"code": 2, "updates": 500}') AS m FROM generate_series(1, 300) i) q,
	 (SELECT ARRAY[i % 2 = 0, i % 2 = 0, i % 3 = 0] AS b FROM generate_series(1, 6) i) r;

-- what cannot be used at all, alone and with others
SELECT ae.train(t) FROM (SELECT ARRAY['x', 'y'] AS tags, sin(i) AS a FROM generate_series(1, 30) i) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t) FROM (SELECT i AS a, '{}'::jsonb AS j, '\x00'::bytea AS "a ""b""", '(1,2)'::point AS p FROM generate_series(1, 30) i) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, '{"kinds": {"a": "boolean"}}') FROM (SELECT i AS a FROM generate_series(1, 30) i) t;
\echo :LAST_ERROR_SQLSTATE

-- arrays that are not one run of values
SELECT ae.train(t) FROM (SELECT ARRAY[[1, 2], [3, i]] AS m2, sin(i) AS a FROM generate_series(1, 30) i) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t) IS NOT NULL AS flattened
FROM (SELECT ARRAY(SELECT unnest(m2)) AS m2, a FROM (SELECT ARRAY[[1, 2], [3, i]] AS m2, sin(i) AS a FROM generate_series(1, 30) i) q) t;
SELECT ae.train(t) FROM (SELECT '{}'::int[] AS m2, sin(i) AS a FROM generate_series(1, 30) i) t;
\echo :LAST_ERROR_SQLSTATE

-- a field of another kind
SELECT ae.raw_score(m, ROW(0.5::float8, 'x')) FROM
	(SELECT ae.train(t) AS m FROM (SELECT sin(i) AS a, (ARRAY['x', 'y'])[1 + i % 2] AS c FROM generate_series(1, 100) i) t) q;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(m, t) FROM (SELECT '1' AS a, 'x'::text AS c) t,
	(SELECT ae.train(t) AS m FROM (SELECT sin(i) AS a, (ARRAY['x', 'y'])[1 + i % 2] AS c FROM generate_series(1, 100) i) t) q;
\echo :LAST_ERROR_SQLSTATE

DROP TABLE typed, typed_model;
