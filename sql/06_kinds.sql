-- Proves what every kind of column becomes, what a NULL, an unseen or an impossible value of it does,
-- and that ae.explain, ae.impute, ae.threshold, ae.evaluate and each option of columns do what they say.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
SET timezone = 'UTC';

CREATE TYPE grade AS ENUM ('low', 'middle', 'high');
CREATE DOMAIN grade_domain AS grade;
CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE <= 100);
CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 20);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nested AS (p pair, c int);

-- one of everything; s drives all of them together
CREATE TABLE everything AS
SELECT i AS id, s, s::smallint AS i2, s * 10 AS i4, s * 10000000000 AS i8, s::real AS r4, s + 0.25::float8 AS r8,
	s::numeric(6, 2) AS num, (s * 3)::numeric::money AS cash, s * interval '90 s' AS span, s::percent AS pct,
	s > 3 AS yes, 'level ' || s AS word, ('v' || s)::varchar(8) AS var, ('c' || s)::char(6) AS fix, chr(97 + s)::"char" AS one,
	(ARRAY['low', 'middle', 'high'])[1 + s / 3]::grade AS gr, (ARRAY['low', 'middle', 'high'])[1 + s / 3]::grade_domain AS grd,
	('t' || s)::short_text AS dom, date '2026-01-01' + s AS day, time '06:00' + s * interval '1 hour' AS tod,
	timestamp '2026-01-01' + s * interval '1 day' AS ts, timestamptz '2026-01-01 UTC' + s * interval '1 day' AS tz,
	ARRAY[s, s * s, 1 / (1.0 + s)]::real[] AS vec, ARRAY[s, -s]::int[] AS ivec,
	md5(s::text)::uuid AS uid, json_build_object('s', s) AS js
FROM (SELECT i, i * 37 % 7 AS s FROM generate_series(1, 350) i) g;
CREATE TABLE models (name text PRIMARY KEY, model bytea);
-- s stays out: the columns alone have to agree
CREATE FUNCTION quick(more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT ae.options(folds => 1, exclude => '{id,s,js,uid}', updates => 150, seed => 1) || more $$;
INSERT INTO models SELECT 'everything', ae.train(e, quick()) FROM everything e;

SELECT f.feature, f.kind FROM models, ae.features(model) f;
SELECT count(*), bool_and(ae.reconstruction_error(model, e) BETWEEN 0 AND 1) AS learnt FROM models, everything e;
SELECT bool_and(r.i2 = e.i2 AND r.yes = e.yes AND r.word = e.word AND r.gr = e.gr AND r.fix = e.fix AND r.one = e.one AND r.dom = e.dom
	AND r.id = e.id AND r.js::text = e.js::text AND abs(r.num - e.num) < 1 AND abs(r.cash::numeric - e.cash::numeric) < 3
	AND abs(extract(epoch FROM r.span - e.span)) < 90 AND abs(r.day - e.day) <= 1 AND r.ts - e.ts BETWEEN '-1 d' AND '1 d'
	AND r.tz - e.tz BETWEEN '-1 d' AND '1 d' AND abs(r.vec[2] - e.vec[2]) < 6 AND cardinality(r.ivec) = 2) AS reconstructs,
	count(DISTINCT pg_typeof(r)) AS one_type
FROM models, everything e, ae.reconstruct(model, e) r;
-- in users' terms
SELECT e.feature, e.value, e.expected IS NOT NULL AS expected, e.error >= 0 AS error, e.probability IS NOT NULL AS probability
FROM models, everything t, ae.explain(model, t) e WHERE t.id = 7 ORDER BY feature;

---- what is NULL is missing

-- in scoring: no loss, no error, no share; all others count
SELECT ae.reconstruction_error(model, n) IS NOT NULL AS error, (SELECT count(error) FROM ae.explain(model, n)) AS explained,
	(SELECT string_agg(concat_ws(' ', feature, error, share), ', ' ORDER BY feature) FROM ae.explain(model, n) WHERE feature IN ('word', 'i4', 'tz')) AS explained_null
FROM models, everything e, LATERAL jsonb_populate_record(e, '{"word": null, "i4": null, "tz": null}') n WHERE e.id = 7;
-- the error is the mean over what is there, and the explanation its parts
SELECT bool_and(abs(x.total / x.n - ae.reconstruction_error(model, e)) < 1e-9 * (1 + x.total)) AS mean_of_parts, bool_and(abs(x.shares - 1) < 1e-9) AS shares
FROM models, everything o, LATERAL jsonb_populate_record(o, CASE o.id % 3 WHEN 0 THEN '{"word": null, "yes": null}' WHEN 1 THEN '{"r8": null, "vec": null}' ELSE '{}' END::jsonb) e,
	LATERAL (SELECT sum(error) AS total, count(error) AS n, sum(share) AS shares
		FROM ae.explain(model, e)) x WHERE o.id <= 60;
-- a row of nothing but NULLs
SELECT ae.reconstruction_error(model, e) AS error, ae.raw_score(model, e) AS raw, ae.p_value(model, e) AS p, ae.anomaly_score(model, e) AS score,
	ae.is_anomaly(model, e) AS flagged, (SELECT count(*) FROM ae.explain(model, e)) AS explained, ae.encode(model, e) IS NOT NULL AS encode
FROM models, jsonb_populate_record(NULL::everything, '{"id": 1}') e;
-- in training
CREATE TABLE holes AS
SELECT i AS id, CASE WHEN i % 3 > 0 THEN s END AS a, CASE WHEN i % 5 > 0 THEN 'w' || s END AS b, CASE WHEN i % 7 > 0 THEN s > 3 END AS c,
	2 * s AS d, NULL::int AS nothing, NULL::text AS no_text, 5 AS same, 'k' AS same_text
FROM (SELECT i, i * 37 % 7 AS s FROM generate_series(1, 350) i) g;
INSERT INTO holes SELECT -i FROM generate_series(1, 5) i;
UPDATE holes SET same = NULL, same_text = NULL WHERE id < 0;
SET client_min_messages = notice;
INSERT INTO models SELECT 'holes', ae.train(h, ae.options(folds => 1, exclude => '{id}', updates => 600, masking => 0.3, seed => 1)) FROM holes h;
SELECT ae.train(s) IS NULL AS nothing_to_learn FROM (SELECT nothing, no_text FROM holes) s;
SET client_min_messages = warning;
SELECT feature FROM models, ae.features(model) WHERE name = 'holes' AND NOT constant;
SELECT count(*) AS without_score FROM models, holes h WHERE name = 'holes' AND ae.raw_score(model, h) IS NULL;
SELECT count(*) AS flagged FROM models, holes h WHERE name = 'holes' AND ae.is_anomaly(model, h, 0) IS TRUE;
SELECT ae.describe(model)->'options'->'null_indicators' AS indicators, ae.describe(model)->'network'->'inputs' AS inputs,
	ae.describe(ae.train(h, ae.options(folds => 1, exclude => '{id}', updates => 5, null_indicators => true)))->'network'->'inputs' AS with_indicators
FROM models, holes h WHERE name = 'holes' GROUP BY model;

---- impute

SELECT bool_and(r.id = h.id AND r.d IS NOT DISTINCT FROM h.d AND (h.a IS NULL OR r.a = h.a) AND (h.b IS NULL OR r.b = h.b) AND (h.c IS NULL OR r.c = h.c)) AS rest_is_kept,
	bool_and(r.a IS NOT NULL AND r.b IS NOT NULL AND r.c IS NOT NULL) AS filled,
	avg((r.a = h.d / 2)::int) FILTER (WHERE h.a IS NULL) > 0.9 AS numbers, avg((r.b = 'w' || h.d / 2)::int) FILTER (WHERE h.b IS NULL) > 0.9 AS levels,
	avg((r.c = (h.d > 6))::int) FILTER (WHERE h.c IS NULL) > 0.9 AS booleans
FROM models, holes h, LATERAL ae.impute(model, h) r WHERE name = 'holes' AND h.id > 0;
SELECT r.id, r.a IS NOT NULL AS a, r.b IS NOT NULL AS b, r.c IS NOT NULL AS c, r.nothing, r.no_text, r.same, r.same_text
FROM models, holes h, LATERAL ae.impute(model, h) r WHERE name = 'holes' AND h.id = -1;
SELECT pg_typeof(ae.impute(model, h)) AS type, ae.impute(model, NULL::holes) IS NULL AS null_row, ae.impute(NULL, h) IS NULL AS null_model
FROM models, holes h WHERE name = 'holes' AND id = 1;
SELECT bool_and(ae.impute(model, ae.impute(model, h)) = ae.impute(model, h)) AS stable FROM models, holes h WHERE name = 'holes' AND id > 0;
-- every kind
SELECT (r.*) IS NOT NULL AS all_filled, r.word, r.gr, r.fix, r.one, r.yes FROM models, everything e, LATERAL jsonb_populate_record(e, '{"i2": null, "i8": null, "r8": null,
	"num": null, "cash": null, "span": null, "pct": null, "yes": null, "word": null, "var": null, "fix": null, "one": null, "gr": null, "grd": null, "dom": null,
	"day": null, "tod": null, "ts": null, "tz": null}') n, LATERAL ae.impute(model, n) r WHERE name = 'everything' AND e.id = 7;
-- a level that the column's type does not admit
CREATE DOMAIN not_three AS text CHECK (VALUE <> 'w3');
SELECT ae.impute(model, n) FROM models, (SELECT 3 AS a, NULL::not_three AS b, false AS c, 6 AS d, NULL::int AS nothing, NULL::text AS no_text, 5 AS same, 'k' AS same_text) n WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.impute(model, n) FROM models, (SELECT 3 AS a, NULL::varchar(1) AS b, false AS c, 6 AS d, NULL::int AS nothing, NULL::text AS no_text, 5 AS same, 'k' AS same_text) n WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE

---- categories

-- a level that training has not seen is surprising, and no error
SELECT ae.raw_score(model, u) > 3 * (SELECT max(ae.raw_score(model, h)) FROM holes h WHERE id > 0) AS surprising,
	(SELECT feature FROM ae.explain(model, u) LIMIT 1) AS first, (SELECT value FROM ae.explain(model, u) LIMIT 1) AS value,
	(SELECT expected FROM ae.explain(model, u) LIMIT 1) AS expected, (SELECT probability < 0.1 FROM ae.explain(model, u) LIMIT 1) AS improbable
FROM models, (SELECT 3 AS a, 'nonsense' AS b, false AS c, 6 AS d, 5 AS nothing, 't' AS no_text, 5 AS same, 'k' AS same_text) u WHERE name = 'holes';
-- empty, blank and long strings are levels like others
CREATE TABLE strings AS
SELECT i AS id, (ARRAY['', ' ', 'a', 'A', 'a ', repeat('x', 1000000) || 'y', repeat('x', 1000000) || 'z'])[1 + s] AS t,
	(ARRAY['a', 'a  ', 'b', '', ' ', 'B', 'b '])[1 + s]::char(4) AS c, s
FROM (SELECT i, i % 7 AS s FROM generate_series(1, 70) i) g;
SELECT length(ae.train(r, ae.options(folds => 1, exclude => '{id}', updates => 5))) < 2200000 AS megabytes FROM strings r;
INSERT INTO models SELECT 'strings', ae.train(r, ae.options(folds => 1, exclude => '{id}', updates => 300, seed => 1)) FROM strings r WHERE length(t) < 100;
SELECT ae.describe(model)->'network'->'inputs' AS inputs, count(DISTINCT ae.encode(model, r)) AS codes FROM models, strings r
WHERE name = 'strings' AND length(t) < 100 GROUP BY model;
-- trailing blanks of char(n) mean nothing, those of text do
SELECT ae.raw_score(model, ROW('a'::text, 'b'::char(4), 2)) = ae.raw_score(model, ROW('a'::text, 'b   '::char(9), 2)) AS char_blanks,
	ae.raw_score(model, ROW('a'::text, 'b'::char(4), 2)) = ae.raw_score(model, ROW('a'::text, 'b'::text, 2)) AS char_as_text,
	ae.raw_score(model, ROW('a'::text, 'b'::char(4), 2)) = ae.raw_score(model, ROW('a '::text, 'b'::char(4), 2)) AS text_blanks
FROM models WHERE name = 'strings';
SELECT ae.raw_score(model, r) > 0 AS long_string, (SELECT length(value) FROM ae.explain(model, r) WHERE feature = 't') BETWEEN 1 AND 1000001 AS shown
FROM models, strings r WHERE name = 'strings' AND length(t) > 100 LIMIT 1;
-- integers and uuids when asked
SELECT feature, kind FROM ae.features((SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"i2": "category", "uid": "category", "yes": "category", "i4": "number"}'))
	FROM (SELECT i2, uid, yes, i4 FROM everything) s));
SELECT count(DISTINCT ae.raw_score(model, ROW(i2))) AS equal_by_position, bool_and(ae.raw_score(model, ROW(i2)) = ae.raw_score(model, ROW(i2::bigint))) AS int2_as_int8
FROM (SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"i2": "category"}')) AS model FROM (SELECT i2 FROM everything) s) m, everything;
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"r8": "category"}')) FROM (SELECT r8, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"num": "category"}')) FROM (SELECT num, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"day": "category"}')) FROM (SELECT day, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"word": "number"}')) FROM (SELECT word, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"absent": "number"}')) FROM (SELECT word, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"i2": "colour"}')) FROM (SELECT word, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '{"i2": 7}')) FROM (SELECT word, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5, kinds => '["i2"]')) FROM (SELECT word, i2 FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[i2, i4], ae.options(folds => 1, updates => 5, kinds => '{"i2": "category"}')) FROM everything;
\echo :LAST_ERROR_SQLSTATE

-- max_levels, min_frequency: what is beyond goes into one bucket
CREATE TABLE tail AS SELECT i AS id, CASE WHEN i <= 600 THEN 'top ' || i % 3 WHEN i <= 640 THEN 'mid ' || i % 10 ELSE 'rare ' || i END AS w, i % 3 AS n FROM generate_series(1, 650) i;
CREATE FUNCTION inputs(more jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT ae.describe(ae.train(t, ae.options(folds => 1, exclude => '{id}', updates => 5) || more))->'network'->>'inputs' FROM tail t $$;
SELECT inputs('{}') AS by_default, inputs('{"max_levels": 3}') AS three, inputs('{"min_frequency": 1}') AS all_of_them, inputs('{"min_frequency": 5}') AS frequent,
	inputs('{"min_frequency": 1, "max_levels": 1000}') AS all_again;
SELECT ae.encode(model, ROW('rare 645'::text, 1)) = ae.encode(model, ROW('rare 646'::text, 1)) AS one_bucket, ae.encode(model, ROW('rare 645'::text, 1)) = ae.encode(model, ROW('new'::text, 1)) AS new_is_other,
	ae.raw_score(model, ROW('rare 645'::text, 1)) > ae.raw_score(model, ROW('top 1'::text, 1)) AS rarer_is_odder
FROM (SELECT ae.train(t, ae.options(folds => 1, exclude => '{id}', updates => 200, max_levels => 3)) AS model FROM tail t) m;
SELECT inputs('{"max_levels": 0}');
\echo :LAST_ERROR_SQLSTATE
SELECT inputs('{"max_levels": "many"}');
\echo :LAST_ERROR_SQLSTATE
SELECT inputs('{"min_frequency": 0}');
\echo :LAST_ERROR_SQLSTATE
SELECT inputs('{"min_frequency": 1e10}');
\echo :LAST_ERROR_SQLSTATE

---- options that change what is learnt

CREATE FUNCTION model_with(more jsonb) RETURNS bytea LANGUAGE sql AS
$$ SELECT ae.train(h, ae.options(folds => 1, exclude => '{id}', updates => 30, seed => 1) || more) FROM holes h $$;
\set has 'SELECT o AS option, model_with(o) <> model_with(''{}'') AS has_an_effect FROM unnest(ARRAY'
:has ['{"scaling": "minmax"}', '{"scaling": "robust"}', '{"scaling": "log"}', '{"scaling": "quantile"}', '{"scaling": "none"}', '{"clip": 0.5}']::jsonb[]) o;
:has ['{"null_indicators": true}', '{"max_levels": 2}', '{"min_frequency": 45}', '{"kinds": {"d": "category"}}', '{"kinds": {"c": "category"}}']::jsonb[]) o;
:has ['{"scaling": {"d": "log"}}']::jsonb[]) o;
:has ['{"masking": 0.3}']::jsonb[]) o;
SELECT model_with(ae.options(folds => 1, scaling => '{"d": "log"}')) = model_with('{"scaling": {"d": "log"}}') AS same_in_both_forms;
SELECT model_with('{"category_loss": "mse"}') <> model_with('{"category_loss": "cross_entropy"}') AS category_loss;
SELECT model_with('{"scaling": "standard"}') = model_with('{}') AS standard_is_default,
	model_with('{"max_levels": 100, "min_frequency": 2, "null_indicators": false, "time_parts": []}') = model_with('{}') AS others_are_default;
SELECT ae.describe(model_with('{"scaling": {"d": "log"}}'))->'options'->'scaling' AS per_column;
SELECT feature, scaling FROM ae.features(model_with('{"scaling": {"d": "robust", "a": "quantile"}}'));
SELECT model_with('{"scaling": "logarithmic"}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"scaling": {"absent": "log"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"scaling": {"a": "loud"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with(ae.options(folds => 1, scaling => '{"a": '));
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"clip": 0}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"clip": -1}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"category_loss": "bce"}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"masking": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"null_indicators": "yes"}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"time_parts": ["minute"]}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"time_parts": "hour"}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"kind": {"a": "number"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT model_with('{"null_indicator": true}');
\echo :LAST_ERROR_SQLSTATE
-- scalings go back to the user's units
CREATE TABLE xy AS SELECT i AS id, i % 10 * 1.0 AS x, i % 10 * 2 AS y FROM generate_series(1, 300) i;
SELECT o AS scaling, bool_and(abs(r.x - t.x) <= 0.25 * t.x + 1) AS back
FROM unnest('{standard,minmax,robust,log,quantile,none}'::text[]) o,
	LATERAL (SELECT ae.train(t, ae.options(folds => 1, exclude => '{id}', updates => 800, scaling => o, seed => 1)) AS model FROM xy t) m, xy t, LATERAL ae.reconstruct(m.model, t) r
GROUP BY o ORDER BY o;
-- log of what is negative, and values beyond what training saw
SELECT feature, scaling FROM ae.features((SELECT ae.train(t, ae.options(folds => 1, updates => 5, scaling => 'log')) FROM (SELECT i - 50 AS x, i % 10 * 2 AS y FROM generate_series(1, 100) i) t));
SELECT o AS scaling, ae.raw_score(m.model, ROW(1e6, 4)) > ae.raw_score(m.model, ROW(2, 4)) AS far_is_odd, ae.raw_score(m.model, ROW(-1e6, 4)) > ae.raw_score(m.model, ROW(2, 4)) AS below_too
FROM unnest('{standard,minmax,robust,log,quantile}'::text[]) o,
	LATERAL (SELECT ae.train(t, ae.options(folds => 1, updates => 200, scaling => o, seed => 1)) AS model FROM (SELECT x, y FROM xy) t) m ORDER BY o;
SELECT ae.raw_score(m.model, ROW(1e6, 4)) = ae.raw_score(m.model, ROW(1e9, 4)) AS clipped_alike
FROM (SELECT ae.train(t, ae.options(folds => 1, updates => 200, clip => 5, seed => 1)) AS model FROM (SELECT x, y FROM xy) t) m;

---- times

CREATE TABLE times AS SELECT i AS id, timestamp '2026-01-01' + i * interval '1 hour' AS t, sin(i * pi() / 12) + 0.01 * sin(i) AS v FROM generate_series(1, 1500) i;
SELECT ae.describe(ae.train(r, ae.options(folds => 1, exclude => '{id}', updates => 5)))->'network'->'inputs' AS plain,
	ae.describe(ae.train(r, ae.options(folds => 1, exclude => '{id}', updates => 5, time_parts => '{hour}')))->'network'->'inputs' AS hour,
	ae.describe(ae.train(r, ae.options(folds => 1, exclude => '{id}', updates => 5, time_parts => '{hour,weekday,month}')))->'network'->'inputs' AS all_parts
FROM times r;
-- with the hour known, a value at the wrong time of day is odd
SELECT ae.raw_score(m.model, ROW(timestamp '2026-01-31 06:00', 1.0)) < ae.raw_score(m.model, ROW(timestamp '2026-01-31 18:00', 1.0)) AS hour_counts,
	ae.raw_score(m.model, ROW(timestamp '2026-01-31 06:00', 1.0)) = ae.raw_score(m.model, ROW(timestamptz '2026-01-31 06:00 UTC', 1.0)) AS in_utc
FROM (SELECT ae.train(r, ae.options(folds => 1, exclude => '{id}', time_parts => '{hour}', updates => 600, seed => 1)) AS model FROM times r) m;
INSERT INTO models SELECT 'times', ae.train(r, ae.options(folds => 1, exclude => '{id}', updates => 100, seed => 1)) FROM times r;

SET timezone = 'America/New_York';
SELECT ae.raw_score(model, ROW(timestamp '2026-01-10 06:00', 1.0)) = ae.raw_score(model, ROW(timestamptz '2026-01-10 01:00', 1.0)) AS zone_has_no_say FROM models WHERE name = 'times';
SET timezone = 'UTC';
-- infinite in scoring: infinitely odd; in training: an error that names the column
SELECT t, ae.raw_score(model, ROW(t, 1.0)) AS score, ae.p_value(model, ROW(t, 1.0)) < 0.01 AS least_p, ae.encode(model, ROW(t, 1.0)) IS NOT NULL AS encode
FROM models, unnest('{infinity,-infinity}'::timestamp[]) t WHERE name = 'times';
SELECT d, ae.raw_score(model, ROW(d, 1.0)) AS score FROM models, unnest('{infinity,-infinity}'::date[]) d WHERE name = 'times';
SELECT (SELECT array_agg(feature || ' ' || value || ' ' || error) FROM ae.explain(model, ROW('infinity'::timestamptz, 1.0)) WHERE error > 1e9) AS explained FROM models WHERE name = 'times';
SELECT ae.train(s) FROM (SELECT t, v FROM times UNION ALL SELECT 'infinity', 0) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT t::date AS d, v FROM times UNION ALL SELECT '-infinity', 0) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT t::timestamptz AS tz, v FROM times UNION ALL SELECT 'infinity', 0) s;
\echo :LAST_ERROR_SQLSTATE
-- numbers that are none
SELECT ae.train(s) FROM (SELECT v::numeric AS n, v FROM times UNION ALL SELECT 'NaN', 0) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT ARRAY[v, 1]::real[] AS arr, v FROM times UNION ALL SELECT '{1,NaN}', 0) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5)) IS NOT NULL AS largest FROM (SELECT interval '178000000 years' AS span, 1 AS v UNION ALL SELECT '-178000000 years', 2 UNION ALL SELECT '1 s', 3) s;
SELECT ae.train(s, ae.options(folds => 1, updates => 5)) IS NOT NULL AS largest FROM (SELECT '92233720368547758.07'::money AS cash, 1 AS v UNION ALL SELECT '-92233720368547758.08', 2 UNION ALL SELECT '1', 3) s;
SELECT ae.train(s, ae.options(folds => 1, updates => 5)) IS NOT NULL AS ends_of_time FROM (SELECT timestamp '294276-12-31' AS t, 1 AS v UNION ALL SELECT '4713-01-01 BC', 2 UNION ALL SELECT '2026-01-01', 3) s;

---- arrays and nested rows within a row

SELECT feature FROM models, everything t, ae.explain(model, t) WHERE name = 'everything' AND t.id = 1 AND feature LIKE '%vec%' ORDER BY 1;
SELECT ae.raw_score(model, n) > 0 AS real_as_float8 FROM models, (SELECT *, vec::float8[] AS vec2 FROM everything WHERE id = 1) e,
	LATERAL (SELECT e.i2, e.i4, e.i8, e.r4, e.r8, e.num, e.cash, e.span, e.pct, e.yes, e.word, e.var, e.fix, e.one, e.gr, e.grd, e.dom, e.day, e.tod, e.ts, e.tz, e.vec2 AS vec, e.ivec) n
WHERE name = 'everything';
CREATE TABLE vectors AS SELECT i, ARRAY[sin(i), cos(i), 1]::real[] AS v, i % 3 AS n FROM generate_series(1, 90) i;
INSERT INTO models SELECT 'vectors', ae.train(r, ae.options(folds => 1, exclude => '{i}', updates => 50, seed => 1)) FROM vectors r;
SELECT ae.raw_score(model, ROW(NULL::real[], 1)) IS NOT NULL AS null_vector FROM models WHERE name = 'vectors';
SELECT ae.raw_score(model, ROW('{1,2}'::real[], 1)) FROM models WHERE name = 'vectors';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW('{1,2,3,4}'::real[], 1)) FROM models WHERE name = 'vectors';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW('{{1,2,3}}'::real[], 1)) FROM models WHERE name = 'vectors';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW('{}'::real[], 1)) FROM models WHERE name = 'vectors';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW('{1,NULL,3}'::real[], 1)) IS NOT NULL AS null_element FROM models WHERE name = 'vectors';
SELECT ae.train(s, ae.options(folds => 1, updates => 5)) FROM (SELECT v, n FROM vectors UNION ALL SELECT '{1,2}', 1) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, updates => 5)) FROM (SELECT v::text[] AS v, n FROM vectors) s;
\echo :LAST_ERROR_SQLSTATE
---- what no model can use: named with its type and the way out

\set VERBOSITY default
SELECT ae.train(s) FROM (SELECT id, js FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT ae.train(s) FROM (SELECT id, js::jsonb AS document FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, word::bytea AS bytes FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, uid FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, point(i2, i4) AS place FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, int4range(i2, i2 + 1) AS range FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, ROW(i4, word)::pair AS inner_row FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, ROW(ROW(i4, word), i2)::nested AS inner_rows FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, tod::timetz AS tod FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, '10.0.0.1'::inet AS address FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT id, b'101' AS bits FROM everything) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, ae.options(folds => 1, exclude => '{js}', updates => 5)) IS NOT NULL AS way_out FROM (SELECT id, js FROM everything) s;

---- rows of other shapes

CREATE VIEW turned AS SELECT now() AS added, ivec, vec, tz, ts, tod, day, dom, grd, gr, one, fix, var, word, yes, pct, span, cash, num, r8, r4, i8, i4, i2, id, 'x' AS also FROM everything;
SELECT count(*) AS differ FROM models, everything e JOIN turned t USING (id) WHERE name = 'everything' AND ae.raw_score(model, e) IS DISTINCT FROM ae.raw_score(model, t);
SELECT ae.raw_score(model, s) FROM models, (SELECT i2, i4 FROM everything) s WHERE name = 'everything';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, s) FROM models, (SELECT a, b, c, d::text, same, same_text FROM holes) s WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, s) FROM models, (SELECT a, b::bytea, c, d, same, same_text FROM holes) s WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW(1, 2, 3)) FROM models WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.row_expression(model) FROM models WHERE name = 'holes';
-- generated columns, defaults, partitions
CREATE TABLE parted (k text, x int, twice int GENERATED ALWAYS AS (x * 2) STORED) PARTITION BY LIST (k);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (extra int, twice int GENERATED ALWAYS AS (x * 2) STORED, x int, k text);
ALTER TABLE parted_b DROP extra;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
INSERT INTO parted SELECT chr(97 + i % 2), i % 10 FROM generate_series(1, 200) i;
SELECT ae.train(p, ae.options(folds => 1, updates => 20)) = ae.train(q, ae.options(folds => 1, updates => 20)) AS same_model
FROM parted p FULL JOIN (SELECT k, x, twice FROM parted) q ON false;

---- threshold

SELECT bool_and(ae.is_anomaly(model, e, c) = (ae.raw_score(model, e) > ae.threshold(model, c))) AS agrees
FROM models, everything e, unnest('{0.5,0.2,0.1,0.05,0.01,0.001}'::float8[]) c WHERE name = 'everything';
SELECT ae.threshold(model) = ae.threshold(model, 0.01) AS default_is_one_percent, ae.threshold(model, 0.5) <= ae.threshold(model, 0.1) AS falls,
	ae.threshold(model, 1e-9) AS none_can_be, ae.threshold(model, NULL) IS NULL AS null_argument, ae.threshold(NULL) IS NULL AS null_model
FROM models WHERE name = 'everything';
SELECT ae.threshold(model, 1) AS all_of_them, ae.threshold(model, 0) AS none FROM models WHERE name = 'everything';
SELECT ae.threshold(model, 1.5) FROM models WHERE name = 'everything';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.threshold(model, 'NaN') FROM models WHERE name = 'everything';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.threshold('\x00'::bytea);
\echo :LAST_ERROR_SQLSTATE

---- evaluate

SELECT (v).n_rows, (v).n_scored, abs((v).mean_error - avg_error) < 1e-9 AS mean_error, abs((v).share_flagged - share) < 1e-9 AS share_flagged,
	(SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys((v).column_errors) k) AS columns
FROM (SELECT ae.evaluate(model, h) AS v, avg(ae.reconstruction_error(model, h)) AS avg_error, avg(ae.is_anomaly(model, h)::int) AS share FROM models, holes h WHERE name = 'holes') s;
SELECT bool_and(abs(((v).column_errors->>feature)::float8 - mean) < 1e-9 * (1 + mean)) AS column_errors
FROM (SELECT ae.evaluate(model, h) AS v FROM models, holes h WHERE name = 'holes') s,
	(SELECT feature, avg(error) AS mean FROM models, holes h, ae.explain(model, h) WHERE name = 'holes' GROUP BY feature) x;
SELECT (ae.evaluate(model, h, 0.2)).share_flagged >= (ae.evaluate(model, h, 0.01)).share_flagged AS contamination, pg_typeof(ae.evaluate(model, h)) AS type
FROM models, holes h WHERE name = 'holes';
SELECT (v).n_rows, (v).n_scored, (v).mean_error, (v).share_flagged, (v).column_errors FROM (SELECT ae.evaluate(model, h) AS v FROM models, holes h WHERE name = 'holes' AND h.id < 0) s;
SELECT ae.evaluate(model, h) AS no_rows FROM models, holes h WHERE name = 'holes' AND false;
SELECT (ae.evaluate(model, CASE WHEN h.id > 0 THEN h END)).n_rows AS null_rows FROM models, holes h WHERE name = 'holes';
SELECT h.id % 2 AS grp, (ae.evaluate(model, h)).n_rows, (ae.evaluate(model, h) FILTER (WHERE a > 2)).n_rows AS filtered FROM models, holes h WHERE name = 'holes' AND h.id > 0 GROUP BY 1 ORDER BY 1;
-- drift shows in the column that drifts
SELECT (SELECT key FROM jsonb_each_text((v).column_errors) ORDER BY value::float8 DESC LIMIT 1) AS drifting, (v).share_flagged > 0.5 AS flagged
FROM (SELECT ae.evaluate(model, s) AS v FROM models, (SELECT a, b, c, d + 100 AS d, nothing, no_text, same, same_text FROM holes WHERE id > 0) s WHERE name = 'holes') s;
SELECT ae.evaluate(model, ARRAY[1, 2, 3]) FROM models WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.evaluate(model, h, 2) FROM models, holes h WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.evaluate(m, h) FROM (SELECT model FROM models WHERE name = 'holes' UNION ALL SELECT model_with('{}')) AS two(m), holes h;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.evaluate(model, h, CASE h.id WHEN 7 THEN 0.1 ELSE 0.2 END) FROM models, holes h WHERE name = 'holes';
\echo :LAST_ERROR_SQLSTATE
-- arrays are rows too
SELECT (ae.evaluate(m.model, ARRAY[x, y])).n_scored, (SELECT count(*) FROM ae.explain(m.model, ARRAY[1, 2]::float8[])) AS explained, ae.impute(m.model, ARRAY[1, NULL]::float8[]) IS NOT NULL AS impute
FROM (SELECT ae.train(ARRAY[a, d]::float8[], ae.options(folds => 1, code => 1, updates => 50)) AS model FROM holes WHERE a IS NOT NULL) m, (SELECT a AS x, d AS y FROM holes WHERE id > 0) s GROUP BY m.model;

---- values that columns cannot hold, and elements that stay

CREATE DOMAIN unit_interval AS float8 CHECK (VALUE BETWEEN 0 AND 1);
CREATE DOMAIN unit_element AS real CHECK (VALUE BETWEEN 0 AND 1);
CREATE TABLE narrow AS SELECT i AS id, (0.5 + 0.5 * sin(i))::unit_interval AS a, (9.4 + 0.5 * sin(i))::numeric(2, 1) AS b,
	ARRAY[0.5 + 0.5 * sin(i), 0.5]::unit_element[] AS v, ARRAY[9.4 + 0.5 * sin(i), 1 + i % 3]::numeric(2, 1)[] AS nv, sin(i) AS x, 2 * sin(i) AS y
FROM generate_series(1, 300) i;
INSERT INTO models SELECT 'narrow', ae.train(n, '{"folds": 1, "exclude": ["id"], "updates": 300, "hidden": [], "code": 1, "activation": "identity", "seed": 1}') FROM narrow n;
INSERT INTO narrow VALUES (-1, 1, 9.9, '{1,0.5}', '{9.9,1}', 1e4, 1e4), (-2, 0, 8.9, '{0,0.5}', '{8.9,1}', -1e4, -1e4);
-- however far a row is out, what is expected is within what training saw, and the columns can hold it
SELECT n.id, e.feature, e.value, CASE WHEN feature IN ('a', 'b') THEN expected::float8 BETWEEN 0 AND 9.9 ELSE (expected::float8[])[1] BETWEEN 0 AND 9.9 END AS within
FROM models, narrow n, ae.explain(model, n) e WHERE name = 'narrow' AND id < 0 AND feature NOT IN ('x', 'y') ORDER BY id, feature;
SELECT count(*) FROM ae.detect('SELECT a, b, v, nv, x, y FROM narrow', ae.options(seed => 1, updates => 50));
SELECT n.id, (r).b BETWEEN 8.9 AND 9.9 AS b, (r).v[1] BETWEEN 0 AND 1 AS v, (r).x BETWEEN -1 AND 1 AS x
FROM (SELECT n.id, ae.reconstruct(model, n) AS r FROM models, narrow n WHERE name = 'narrow' AND id < 0) n ORDER BY id;
-- a type that holds less than in training
CREATE DOMAIN lower_half AS float8 CHECK (VALUE < 0.5);
CREATE TYPE narrower AS (a lower_half, b numeric(1, 1), v real[], nv real[], x float8, y float8);
\set VERBOSITY default
SELECT ae.reconstruct(model, ROW(0.4, NULL, '{1,0.5}', '{9.9,1}', 1, 2)::narrower) FROM models WHERE name = 'narrow';
SELECT ae.impute(model, ROW(0.4, NULL, '{1,0.5}', '{9.9,1}', 1, 2)::narrower) FROM models WHERE name = 'narrow';
\set VERBOSITY terse

-- elements that are there stay digit for digit, and so does the lower bound
CREATE TABLE wide AS SELECT ARRAY[9007199254740993 + i, 100 * sin(i), 5 + i % 7]::bigint[] AS v,
	ARRAY[.12345678901234567890123 + i, sin(i)::numeric, 3]::numeric[] AS n, sin(i) AS x FROM generate_series(1, 300) i;
INSERT INTO models SELECT 'wide', ae.train(w, '{"folds": 1, "updates": 50, "seed": 1}') FROM wide w;
SELECT array_lower(v, 1), v[0], v[1] IS NOT NULL AS filled, v[2], n[1], n[2] IS NOT NULL AS filled, n[3]
FROM models, ae.impute(model, ROW('[0:2]={9007199254740993,NULL,6}'::bigint[], ARRAY[.12345678901234567890123, NULL, 3]::numeric[], 0.5::float8)::wide) r WHERE name = 'wide';
SELECT cardinality(v), v[1] IS NOT NULL AS filled, n FROM models, ae.impute(model, ROW(NULL, '{1,2.00,3}', 0.5)::wide) r WHERE name = 'wide';

-- bytes that are no characters
CREATE TABLE bytes AS SELECT i AS id, (CASE WHEN i % 3 = 0 THEN (-61)::"char" ELSE 'a' END) AS c, (i % 3 = 0)::int::float8 AS x FROM generate_series(1, 300) i;
INSERT INTO models SELECT 'bytes', ae.train(b, '{"folds": 1, "exclude": ["id"], "updates": 300, "seed": 1}') FROM bytes b;
SELECT b.id, r.c = b.c AS back, f.c = b.c AS filled, e.value, e.expected
FROM models, bytes b, ae.reconstruct(model, b) r, ae.impute(model, jsonb_populate_record(b, '{"c": null}')) f, ae.explain(model, b) e
WHERE name = 'bytes' AND b.id IN (2, 3) AND e.feature = 'c' ORDER BY id;
-- a domain over the type of the row
CREATE DOMAIN bytes_domain AS bytes CHECK ((VALUE).x = 0 AND (VALUE).c IS DISTINCT FROM 'a');
\set VERBOSITY default
SELECT ae.impute(model, ROW(2, NULL, 0)::bytes_domain) FROM models WHERE name = 'bytes';
\set VERBOSITY terse

-- a type that only becomes real[], and sometimes does not
CREATE TYPE triple AS (a real, b real, c real);
CREATE FUNCTION triple_array(triple) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN ($1).a IS NOT NULL THEN ARRAY[($1).a, ($1).b, ($1).c] END $$;
CREATE CAST (triple AS real[]) WITH FUNCTION triple_array(triple);
CREATE TABLE triples AS SELECT i AS id, ROW(CASE WHEN i % 50 <> 1 THEN sin(i) END, cos(i), i % 3)::triple AS t, sin(i) AS x FROM generate_series(1, 300) i;
INSERT INTO models SELECT 'triples', ae.train(r, '{"folds": 1, "exclude": ["id"], "updates": 50, "seed": 1}') FROM triples r;
SELECT r.id, feature, value, expected LIKE '{%,%,%}' AS array FROM models, triples r, ae.explain(model, r) e WHERE name = 'triples' AND id IN (1, 6) ORDER BY id, feature;
SELECT ae.reconstruct(model, r) FROM models, triples r WHERE name = 'triples' AND id = 6;
REVOKE EXECUTE ON FUNCTION triple_array(triple) FROM PUBLIC;
CREATE ROLE regress_ae_no_cast;
GRANT SELECT ON models, triples TO regress_ae_no_cast;
GRANT USAGE ON SCHEMA ae TO regress_ae_no_cast;
SET ROLE regress_ae_no_cast;
SELECT ae.reconstruction_error(model, r) FROM models, triples r WHERE name = 'triples' AND id = 6;
RESET ROLE;
DROP OWNED BY regress_ae_no_cast;
DROP ROLE regress_ae_no_cast;
-- in a list of columns
SELECT (ae.explain(model, r)).feature FROM models, triples r WHERE name = 'triples' AND id = 1;

DROP TABLE narrow, wide, bytes, triples CASCADE;
DROP TYPE triple, narrower CASCADE;
DROP DOMAIN unit_interval, unit_element, lower_half;

---- levels that take more memory than all columns may have together

SET maintenance_work_mem = '1MB';
SELECT ae.train(s) FROM (SELECT i::text AS a, CASE i WHEN 3 THEN repeat('x', 600000) ELSE 'y' END AS b FROM generate_series(1, 10) i) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT i % 7 AS x, i::text AS a, md5(i::text) AS b, i::text AS c FROM generate_series(1, 5000) i) s;
\echo :LAST_ERROR_SQLSTATE
-- of a column that is left out nothing is kept; what is not in memory at once does not add up
SELECT ae.train(s, ae.options(exclude => '{a,b}', updates => 5)) IS NOT NULL AS one_column,
	ae.train(s, ae.options(exclude => '{b,c}', updates => 5)) IS NOT NULL AS another
FROM (SELECT i % 7 AS x, i::text AS a, md5(i::text) AS b, i::text AS c FROM generate_series(1, 3000) i) s;
SET enable_hashagg = off;
SELECT g, ae.train(s, ae.options(exclude => '{g}', updates => 5)) IS NOT NULL AS trained
FROM (SELECT i % 7 AS x, i::text AS a, i % 5 AS g FROM generate_series(1, 10000) i) s GROUP BY g ORDER BY g;
RESET enable_hashagg;
-- rows that wait for the length of an array
SELECT ae.train(s) FROM (SELECT i AS x, NULL::real[] AS a, repeat('x', 100) AS t FROM generate_series(1, 5000) i) s;
\echo :LAST_ERROR_SQLSTATE
SET enable_sort = off;
SET work_mem = '1GB';
SELECT ae.train(s, ae.options(exclude => '{g}')) FROM (SELECT i AS x, i % 10 AS g, NULL::real[] AS a, repeat('x', 100) AS t FROM generate_series(1, 5000) i) s GROUP BY g;
RESET enable_sort;
RESET work_mem;
RESET maintenance_work_mem;

---- volatility, and that nothing was said about it elsewhere

SELECT proname, provolatile, proparallel, proisstrict, prokind, proretset, obj_description(oid, 'pg_proc') IS NOT NULL AS documented
FROM pg_proc WHERE pronamespace = 'ae'::regnamespace AND proname IN ('explain', 'impute', 'threshold', 'evaluate') ORDER BY proname, pronargs;

DROP TABLE everything, models, holes, strings, tail, times, vectors, xy, parted CASCADE;
DROP FUNCTION quick, inputs, model_with;
DROP TYPE nested, pair;
DROP DOMAIN grade_domain, percent, short_text, not_three;
DROP TYPE grade;
