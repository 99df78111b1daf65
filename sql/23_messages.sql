-- Proves: what is said of columns, rows and errors is true and names what it is about.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;
CREATE TABLE waves AS SELECT sin(i) AS a, cos(i) AS b FROM generate_series(1, 300) i;

-- ---- statistics ----

-- far from 0 the deviation of two folds together is that of all rows
SELECT f.feature, folds, f.sd::numeric(8, 4) AS sd, f.mean::numeric(20, 4) AS mean
FROM (SELECT folds, ae.train(t, ae.options(columns => '{a, e9, e12, ts_s, ts_ms}', folds => folds)) AS m
	  FROM (SELECT folds, i::float8 AS a, 1e9 + i AS e9, 1e12 + i AS e12,
				   timestamptz '2026-03-01 12:00+00' + i * interval '1 s' AS ts_s,
				   timestamptz '2026-03-01 12:00+00' + i * interval '1 ms' AS ts_ms
			FROM generate_series(1, 200) i, unnest(ARRAY[1, 2]) folds) t GROUP BY folds) q, ae.features(m) f
ORDER BY f.feature, folds;

-- ---- ae.detect ----

-- NULL options are none, as for ae.train, and NULL rows to show are the default
SELECT count(*) FROM ae.detect('waves', NULL);
SELECT count(*) FROM ae.detect('waves', '{}', NULL);
SELECT count(*) FROM ae.detect('waves', '{"code": 1}', 3);
SELECT count(*) FROM ae.detect(NULL);
\echo :LAST_ERROR_SQLSTATE

-- errors speak of the caller's query, not of the statement around it
SELECT * FROM ae.detect('SELECT a, ''10.0.0.1''::inet AS ip, ''{}''::jsonb AS j, gen_random_uuid() AS u FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT a, 1 / 0 AS b FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT nix FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT a FROM waves) x, (SELECT b FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT a FROM waves; SELECT b FROM waves');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION fails(float8) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'value %', 1; END $$;
-- contexts of others stay, inside and outside
DO $$ BEGIN PERFORM ae.detect('SELECT fails(a) FROM waves'); END $$;
SELECT ae.compare_models(m, m, 'SELECT fails(a) AS a, b FROM waves') FROM (SELECT ae.train(t) AS m FROM waves t) q;
CALL ae.train_model('messages', 'SELECT nix FROM waves');
\echo :LAST_ERROR_SQLSTATE

-- ---- columns that are left out, and why ----

-- one value; two values, both in one fold; none; one of two columns of an array
SELECT f.feature, f.nulls, f.constant FROM
	(SELECT ae.train(t) AS m FROM
		(SELECT sin(i) AS a, CASE WHEN i = 5 THEN 3.5 END AS c, CASE WHEN i IN (5, 6) THEN i END AS d, NULL::int AS n, 7 AS k,
				ARRAY[cos(i), 1] AS v FROM generate_series(1, 1000) i) t) q, ae.features(m) f;
-- texts that are all different, and levels too rare for one network only
SELECT ae.train(t) IS NOT NULL AS model FROM (SELECT md5(i::text) AS ref, sin(i) AS a FROM generate_series(1, 1000) i) t;
SELECT ae.train(t, '{"min_frequency": 1, "folds": 1}') IS NOT NULL AS model FROM (SELECT md5(i::text) AS ref, sin(i) AS a FROM generate_series(1, 50) i) t;
SELECT ae.train(t, '{"min_frequency": 50, "folds": 1}') IS NOT NULL AS model FROM (SELECT 'w' || i % 10 AS word, sin(i) AS a FROM generate_series(1, 100) i) t;
-- numbers that differ where double precision has no digits left; and the way out
SELECT ae.train(t) IS NOT NULL AS model FROM
	(SELECT 9223372036854775000::bigint + i AS big, 1e30::numeric + i AS num, 9223372036854775000::bigint AS one, sin(i) AS a FROM generate_series(1, 200) i) t;
SELECT f.feature, f.mean, f.constant FROM
	(SELECT ae.train(t) AS m FROM (SELECT big - 9223372036854775000 AS big, a
		FROM (SELECT 9223372036854775000::bigint + i AS big, sin(i) AS a FROM generate_series(1, 200) i) s) t) q, ae.features(m) f;
-- beyond double precision is not infinite
SELECT ae.train(t) FROM (SELECT 10::numeric ^ 400 * i AS n, sin(i) AS a FROM generate_series(1, 20) i) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t) FROM (SELECT ARRAY[i, -10::numeric ^ 400] AS v, sin(i) AS a FROM generate_series(1, 20) i) t;
SELECT ae.train(ARRAY[i, 10::numeric ^ 400]) FROM generate_series(1, 20) i;
SELECT ae.train(t, ae.target('y')) FROM (SELECT 10::numeric ^ 400 AS y, sin(i) AS a FROM generate_series(1, 20) i) t;
SELECT ae.train(t) FROM (SELECT 'Infinity'::float8 AS n, sin(i) AS a FROM generate_series(1, 20) i) t;
\echo :LAST_ERROR_SQLSTATE
-- groups say it once
SELECT count(m) FROM (SELECT ae.train(t, '{"updates": 1}') AS m FROM (SELECT i % 3 AS g, 7 AS k, sin(i) AS a, cos(i) AS b FROM generate_series(1, 90) i) t GROUP BY g) q;

-- ---- texts that look like something else ----

CREATE TABLE imported AS
SELECT to_char(i * 1.37, 'FM$9,999.00') AS price, (i * 37 % 1000)::text AS number, i % 101 || ' %' AS share,
	   to_char(date '2024-01-01' + i % 365, 'MM/DD/YYYY') AS us, to_char(date '2024-01-01' + i % 365, 'DD.MM.YYYY') AS "Eu day",
	   to_char(date '2024-01-01' + i % 365, 'YYYY-MM-DD') AS iso, to_char(timestamp '2024-01-01' + i % 999 * interval '7 h', 'YYYY-MM-DD HH24:MI') AS at,
	   to_char(time '00:00' + i % 500 * interval '1 min', 'HH24:MI') AS clock, md5((i % 700)::text) AS id,
	   'word ' || i % 150 AS word, (i % 30)::text AS code, lpad((1 + i % 12)::text, 2, '0') || '.0' || (1 + i % 9) || '.2024' AS dots,
	   replace((i % 300 / 8.0)::numeric(6, 2)::text, '.', ',') AS comma, sin(i) AS a
FROM generate_series(1, 1000) i;
SELECT ae.train(t, '{"updates": 1, "min_frequency": 2}') IS NOT NULL AS model FROM imported t;
-- what the hints say works
SELECT pg_typeof(m) FROM (SELECT ae.train(t, '{"updates": 1}') AS m FROM
	(SELECT regexp_replace(price, '[^0-9.-]', '', 'g')::numeric AS price, number::numeric AS number, rtrim(share, ' %')::numeric AS share,
			to_date(us, 'MM/DD/YYYY') AS us, to_date("Eu day", 'DD.MM.YYYY') AS "Eu day", iso::date AS iso, at::timestamp AS at, clock::time AS clock
	 FROM imported) t) q;

-- ---- targets ----

SELECT ae.train(t, ae.options(updates => 1) || ae.target('y')) IS NOT NULL AS model FROM (SELECT a, b, (a > 0)::int AS y FROM waves) t;
-- but not where it was asked for, or where there are three
SELECT ae.train(t, ae.options(updates => 1, kinds => '{"y": "number"}') || ae.target('y')) IS NOT NULL AS model FROM (SELECT a, b, (a > 0)::int AS y FROM waves) t;
SELECT ae.train(t, ae.options(updates => 1) || ae.target('y')) IS NOT NULL AS model FROM (SELECT a, b, round(a) AS y FROM waves) t;

-- ---- reasons ----

-- amounts with a long tail: the value itself is far, whatever the network makes of it; an ordinary row beside it
SELECT setseed(0.42);
CREATE TABLE pay AS SELECT i AS id, round(exp(3 + 1.6 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::numeric, 2) AS amount,
	sin(i) AS v1, (ARRAY['red', 'blue'])[1 + i % 2] AS colour, i % 2 = 0 AS even FROM generate_series(1, 3000) i;
UPDATE pay SET amount = 61232 WHERE id = 7;
UPDATE pay SET colour = CASE colour WHEN 'red' THEN 'blue' ELSE 'red' END WHERE id = 100;
SELECT row ->> 'id' AS id, regexp_replace(reasons[1], '\(mean.*', '') AS first FROM ae.detect('pay', '{"exclude": ["id"]}', 1);
CREATE TABLE pay_model AS SELECT ae.train(p, '{"exclude": ["id"]}') AS m FROM pay p;
SELECT e.feature, e.value, e.expected, regexp_replace(e.reason, '[0-9.]+ %', 'p') AS reason FROM pay_model, pay p, ae.explain(m, p) e
WHERE id = 100 AND feature IN ('colour', 'even') ORDER BY feature;
-- no column leads that is as expected, and not far, while another one is not
SELECT count(*) > 2900 AS rows, count(*) FILTER (WHERE first = expected_first AND others) AS wrong FROM
	(SELECT (array_agg(value ORDER BY n))[1] AS first, (array_agg(expected ORDER BY n))[1] AS expected_first,
			bool_or(value <> expected AND feature IN ('colour', 'even')) AS others, (array_agg(reason ORDER BY n))[1] AS reason
	 FROM pay_model, pay p, ae.explain(m, p) WITH ORDINALITY AS e(feature, value, expected, error, share, probability, reason, n) GROUP BY id) q
WHERE coalesce(reason, '') !~ 'deviations|of rows|all rows';
-- shares are of the raw score still
SELECT count(*) FROM (SELECT abs(sum(share) - 1) < 1e-9 AS whole FROM pay_model, pay p, ae.explain(m, p) GROUP BY id) q WHERE NOT whole;
-- times and NaN have a reason too
SELECT e.feature, regexp_replace(e.reason, 'expected .*', 'expected') AS reason FROM
	(SELECT ae.train(t, '{"time_parts": []}') AS m FROM (SELECT timestamp '2026-01-01' + i * interval '1 h' AS at, sin(i) AS a FROM generate_series(1, 300) i) t) q,
	ae.explain(m, ROW(timestamp '2030-01-01', 'NaN'::float8)) e WHERE e.feature = 'a';

DROP TABLE pay, pay_model;
DROP TABLE waves, imported;
DROP FUNCTION fails(float8);

-- an alias that a column hides, and a column that is missing: the nearest one is suggested, unless the model uses it itself
CREATE TABLE hidden AS SELECT i AS hidden, i % 7 AS c1, i % 5 AS c2 FROM generate_series(1, 40) i;
SELECT ae.train(hidden) FROM hidden;
CREATE TABLE two AS SELECT ae.train(h, '{"columns": ["c1", "c2"], "updates": 10}') AS model FROM hidden h;
SELECT ae.raw_score(model, h) FROM two, (SELECT c1, c2 AS c2b FROM hidden) h;
SELECT ae.raw_score(model, h) FROM two, (SELECT c1 FROM hidden) h;
