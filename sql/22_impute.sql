-- Proves that what is imputed and reconstructed stays within what training saw, that NULL stays where
-- nothing was learnt, that all members of a model have a say in it, and that passes
-- are used where they help.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

-- y = 2x with gaps: from tiny tables networks run away when they are shown what they have not seen
CREATE TYPE pair AS (x float8, y float8, whole integer, at timestamp);
CREATE TABLE lines AS SELECT n, s.*
FROM unnest('{6,8,10,14,20,50,200}'::int[]) n, LATERAL (
	SELECT i, CASE WHEN sin(7.3 * i * n) > -0.7 THEN 1 + 4.5 * (1 + sin(i * n)) END AS x, CASE WHEN sin(7.3 * i * n) < 0.7 THEN 2 + 9 * (1 + sin(i * n)) END AS y,
		CASE WHEN i % 5 > 0 THEN round(40 + 20 * sin(i * n)) END AS whole, CASE WHEN i % 7 > 0 THEN timestamp '2026-03-01' + sin(i * n) * interval '30 days' END AS at
	FROM generate_series(1, n) i) s;
CREATE TABLE line_models AS
SELECT n, o.name, ae.train(ROW(x, y, whole, at)::pair, ae.options(hidden => '{12}', updates => 100) || o.options) AS model
FROM lines, (VALUES ('code', '{"code": 1}'::jsonb), ('detect', '{}'), ('accurate', '{"quality": "accurate"}'), ('log', '{"code": 1, "scaling": "log"}'),
	('quantile', '{"code": 1, "scaling": "quantile"}')) o(name, options)
GROUP BY n, o.name, o.options;
CREATE TABLE questions AS SELECT * FROM (VALUES (ROW(NULL, 4, NULL, NULL)::pair), (ROW(NULL, NULL, NULL, NULL)::pair), (ROW(1e9, -1e9, NULL, NULL)::pair),
	(ROW(NULL, NULL, 41, '2030-01-01')::pair), (ROW(5, NULL, -1000000, NULL)::pair)) v(q);
CREATE FUNCTION within(r pair, n integer) RETURNS boolean LANGUAGE sql AS $$
	SELECT r.x BETWEEN min(x) AND max(x) AND r.y BETWEEN min(y) AND max(y) AND r.whole BETWEEN min(whole) AND max(whole) AND r.at BETWEEN min(at) AND max(at) FROM lines l WHERE l.n = $2
$$;
SELECT name, bool_and(within(ae.reconstruct(model, q), n)) AS reconstructed,
	bool_and(within(jsonb_populate_record(ae.impute(model, q), to_jsonb(ae.reconstruct(model, q)) - ARRAY(SELECT key FROM jsonb_each_text(to_jsonb(q)) WHERE value IS NULL)), n)) AS imputed
FROM line_models, questions GROUP BY name ORDER BY name;
-- from a code too
SELECT bool_and(x BETWEEN least AND greatest) AS decoded
FROM (SELECT min(x)::real AS least, max(x)::real AS greatest FROM lines WHERE n = 50) b, line_models, unnest('{-1e6,-3,0,3,1e6}'::real[]) code, LATERAL (SELECT (ae.decode(model, ARRAY[code]))[1] AS x) d
WHERE n = 50 AND name = 'code';
-- what is known stays as it is
SELECT name, bool_and((ae.impute(model, q)).y = 4) AS kept FROM line_models, questions WHERE (q).y = 4 GROUP BY name ORDER BY name;

-- y = 2x: of one the other.  Rows with gaps teach a narrow code what a gap is; where there are none, passes find it
CREATE TYPE xy AS (x float8, y float8);
CREATE TABLE doubles AS
SELECT n, d, gaps, ae.train(ROW(CASE WHEN NOT gaps OR r > 0.15 THEN x END, CASE WHEN NOT gaps OR r < 0.85 THEN 2 * x END)::xy, '{"code": 1}') AS model
FROM unnest('{20,50,200}'::int[]) n, generate_series(1, 5) d, unnest('{f,t}'::bool[]) gaps,
	LATERAL (SELECT 1 + 9 * ((i * 0.61803398875 + d / 7.0) % 1) AS x, (i * 0.7548776662467 + d / 3.0) % 1 AS r FROM generate_series(1, n) i) s
GROUP BY n, d, gaps;
CREATE TABLE halves AS
SELECT n, d, gaps, abs((ae.impute(model, ROW(NULL, 4)::xy)).x - 2) AS at_2, sqrt(avg(((ae.impute(model, ROW(NULL, 2 * v)::xy)).x - v) ^ 2)) AS x, sqrt(avg(((ae.impute(model, ROW(v, NULL)::xy)).y / 2 - v) ^ 2)) AS y,
	sqrt(avg(((ae.reconstruct(model, ROW(NULL, 2 * v)::xy)).x - v) ^ 2 + ((ae.reconstruct(model, ROW(v, NULL)::xy)).y / 2 - v) ^ 2) / 2) AS one_pass
FROM doubles, generate_series(1.5, 9.5, 0.25) v GROUP BY n, d, gaps, model;
-- the mean of x would be wrong by 2.4
SELECT gaps, n, percentile_cont(0.5) WITHIN GROUP (ORDER BY at_2) < 0.7 AS about_2, percentile_cont(0.5) WITHIN GROUP (ORDER BY x) < CASE WHEN gaps THEN 0.8 ELSE 2 END AS x, percentile_cont(0.5) WITHIN GROUP (ORDER BY y) < CASE WHEN gaps THEN 0.8 ELSE 0.3 END AS y
FROM halves GROUP BY gaps, n ORDER BY gaps, n;
SELECT bool_and(sqrt((x ^ 2 + y ^ 2) / 2) < 1.05 * one_pass) AS at_least_one_pass FROM halves;
-- only where there are gaps, the code is narrow, and nobody said otherwise
SELECT o.options, o.gaps, ae.describe(ae.train(ROW(CASE WHEN NOT o.gaps OR i % 5 > 0 THEN i END, i % 7)::xy, o.options || '{"updates": 1}'))->'options'->'masking' AS masking
FROM (VALUES (1, '{"code": 1}'::jsonb, true), (2, '{"code": 1}', false), (3, '{}', true), (4, '{"code": 1, "noise": 0}', true), (5, '{"code": 1, "masking": 0}', true), (6, '{"code": 1, "masking": 0.3}', true),
	(7, '{"code": 1, "denoise": "swap"}', true), (8, '{"code": 1, "optimizer": "lbfgs"}', true)) o(k, options, gaps), generate_series(1, 60) i GROUP BY o.k, o.options, o.gaps ORDER BY o.k;

-- a column that was one value or NULL: nothing says when it is which.  One that was never NULL has its value
CREATE TABLE remarks AS
SELECT i AS id, sin(i) AS a, CASE WHEN i % 100 = 0 THEN 'deleted by admin' END AS remark, CASE WHEN i % 50 = 0 THEN 3 END AS code, 'OK'::text AS status,
	CASE WHEN i % 2 = 0 THEN ARRAY[cos(i), 7, NULL, CASE WHEN i % 4 = 0 THEN 9 END] END AS readings, NULL::date AS never
FROM generate_series(1, 2000) i;
CREATE TABLE remark_models AS SELECT folds, ae.train(r, ae.options(exclude => '{id}', hidden => '{12}', updates => 60, folds => folds)) AS model FROM remarks r, unnest('{1,2}'::int[]) folds GROUP BY folds;
SELECT folds, count(*) AS rows, count(i.remark) AS remarks, count(i.code) AS codes, count(i.never) AS never, count(i.readings[1]) AS readings,
	bool_and(i.readings[2] = 7) AS constant, count(i.readings[3]) AS no_element, count(i.readings[4]) AS half
FROM remark_models, remarks r, LATERAL ae.impute(model, r) i GROUP BY folds ORDER BY folds;
SELECT folds, i.* FROM remark_models, LATERAL ae.impute(model, ROW(0.5::float8, NULL::text, NULL::int, NULL::text, '{0.1,NULL,NULL,NULL}'::float8[], NULL::date)) AS i(a float8, remark text, code int, status text, readings float8[], never date) ORDER BY folds;
-- nor is it made up in a reconstruction, where what is there becomes what was seen
SELECT DISTINCT folds, i.remark, i.code, i.status, i.never
FROM remark_models, unnest(ARRAY[NULL, 'deleted by a ghost']) given, LATERAL ae.reconstruct(model, ROW(0.5::float8, given, NULL::int, NULL::text, '{0.1,7,NULL,9}'::float8[], NULL::date)) AS i(a float8, remark text, code int, status text, readings float8[], never date)
ORDER BY folds, remark;

-- of several networks the mean: each of them alone is worse, as they are trained with other noise
CREATE TABLE waves AS SELECT i AS id, sin(i) + 0.1 * sin(3.3 * i) AS a, cos(i) AS b, sin(2 * i) AS c, 0.5 * sin(i) + cos(i) + 0.1 * cos(7.7 * i) AS d FROM generate_series(1, 500) i;
CREATE TABLE wave_models AS SELECT quality, ae.train(w, ae.options(exclude => '{id}', quality => nullif(quality, 'default'), hidden => '{48}', updates => 300, seed => 1)) AS model FROM waves w, unnest('{default,accurate}'::text[]) quality GROUP BY quality;
CREATE TABLE filled AS SELECT quality, w.id, w.a, (ae.impute(model, h)).a AS guess, (ae.reconstruct(model, h)).a AS reconstructed FROM wave_models, waves w, LATERAL jsonb_populate_record(w, '{"a": null}') h;
SELECT max(e) FILTER (WHERE quality = 'accurate') < 1.05 * max(e) FILTER (WHERE quality = 'default') AS impute,
	max(e) < 0.55 AS learnt, max(r) < 0.55 AS reconstruct
FROM (SELECT quality, sqrt(avg((guess - a) ^ 2)) AS e, sqrt(avg((reconstructed - a) ^ 2)) AS r FROM filled GROUP BY quality) s;

DROP TABLE doubles, halves, lines, line_models, questions, remarks, remark_models, waves, wave_models, filled;
DROP FUNCTION within(pair, integer);
DROP TYPE pair, xy;
