-- Proves: a row of weight w counts as w rows in all that training does: with whole weights the model is that of
-- repeated rows, with others it is on the average; weights are no input, and bad ones are refused.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

CREATE TABLE weighed AS SELECT i, sin(i)::real AS a, (sin(i) + cos(i * 1.7) / 10)::real AS b, (ARRAY['x', 'y', 'z'])[1 + i * i % 3] AS c, i % 4 AS w FROM generate_series(1, 400) i;
CREATE TABLE weight_repeated AS SELECT t.* FROM weighed t, generate_series(1, w);
CREATE TABLE weight_models AS
SELECT 'weighed' AS name, ae.train(t, ae.options(exclude => '{i}', weight => 'w', updates => 50)) AS m FROM weighed t
UNION ALL SELECT 'numeric', ae.train(t, ae.options(exclude => '{i}', weight => 'w', updates => 50)) FROM (SELECT i, a, b, c, w::numeric AS w FROM weighed ORDER BY i DESC) t
UNION ALL SELECT 'repeated', ae.train(t, ae.options(exclude => '{i,w}', updates => 50)) FROM weight_repeated t
UNION ALL SELECT 'as they are', ae.train(t, ae.options(exclude => '{i,w}', updates => 50)) FROM weighed t
UNION ALL SELECT 'one network', ae.train(t, ae.options(exclude => '{i}', weight => 'w', updates => 50, folds => 1)) FROM weighed t
UNION ALL SELECT 'one, repeated', ae.train(t, ae.options(exclude => '{i,w}', updates => 50, folds => 1)) FROM weight_repeated t;
-- the same bits of every score, error and p-value, and the same statistics of columns
CREATE VIEW weight_told AS SELECT name, md5(string_agg(concat(ae.raw_score(m, t), ' ', ae.reconstruction_error(m, t), ' ', ae.p_value(m, t)), ',' ORDER BY i)) AS scores,
	(SELECT md5(string_agg(f::text, ',')) FROM ae.features(m) f) AS columns, ae.describe(m) #>> '{training,rows}' AS rows FROM weight_models, weighed t GROUP BY name, m;
SELECT a.name, a.scores = b.scores AS scores, a.columns = b.columns AS columns
FROM weight_told a, weight_told b WHERE b.name = CASE WHEN a.name ~ '^one' THEN 'one, repeated' ELSE 'repeated' END ORDER BY a.name;
SELECT feature FROM weight_models, ae.features(m) WHERE name = 'weighed' ORDER BY 1;

-- fractions: 1,000 equal rows of weight 0.3 are 300, and so are 1,000 of different values, on the average
SELECT round(avg(mean::numeric), 2) AS mean, count(*) FROM (SELECT (ae.features(m)).mean, (ae.features(m)).feature FROM
	(SELECT ae.train(t, ae.options(weight => 'w', updates => 10, folds => 1)) AS m FROM (SELECT (i > 1000)::int::real AS a, i AS b, CASE WHEN i > 1000 THEN 0.3 ELSE 0.1 END AS w FROM generate_series(1, 2000) i) t) s) f WHERE feature = 'a';
SELECT round(mean::numeric, 2) AS mean FROM (SELECT (ae.features(m)).* FROM
	(SELECT ae.train(t, ae.options(weight => 'w', updates => 10, folds => 1)) AS m FROM (SELECT (i > 1000)::int::real AS a, CASE WHEN i > 1000 THEN 0.3 ELSE 0.1 END AS w FROM generate_series(1, 2000) i) t) s) f;

-- what is evaluated: rows of weight w as w rows
SELECT abs(a.mean_error - b.mean_error) < 1e-9 AS error, abs(a.share_flagged - b.share_flagged) < 1e-9 AS flagged, abs((a.column_errors ->> 'b')::float8 - (b.column_errors ->> 'b')::float8) < 1e-6 AS columns, a.n_rows, b.n_rows, abs(a.mean_error - c.mean_error) > 1e-6 AS differs
FROM (SELECT (ae.evaluate(m, t, 0.1, w)).* FROM weighed t, weight_models WHERE name = 'one network') a, (SELECT (ae.evaluate(m, t, 0.1)).* FROM weight_repeated t, weight_models WHERE name = 'one network') b,
	(SELECT (ae.evaluate(m, t, 0.1)).* FROM weighed t, weight_models WHERE name = 'one network') c;
SELECT (ae.evaluate(m, t, 0.1, 0)).mean_error IS NULL AS none FROM weighed t, weight_models WHERE name = 'one network';
SELECT ae.evaluate(m, t, 0.1, -1) FROM weighed t, weight_models WHERE name = 'one network';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.evaluate(m, t, 0.1, NULL) FROM weighed t, weight_models WHERE name = 'one network';
\echo :LAST_ERROR_SQLSTATE

-- training that goes on; beside a target and feedback
SELECT ae.train(t, ae.options(weight => 'w', updates => 10), m) IS NOT NULL AS further FROM weighed t, weight_models WHERE name = 'repeated' GROUP BY m;
SELECT ae.predict(m, ROW(0.1::real, 0.1::real)) IS NOT NULL AS predicted FROM (SELECT ae.train(t, ae.options(exclude => '{i}', weight => 'w', updates => 10) || ae.target('c')) AS m FROM weighed t) s;
SELECT ae.train(t, ae.options(exclude => '{i}', weight => 'w', updates => 10) || ae.feedback('f')) IS NOT NULL AS judged FROM (SELECT *, CASE WHEN i < 3 THEN i = 1 END AS f FROM weighed) t;

-- errors
SELECT ae.train(t, ae.options(weight => 'w')) FROM (SELECT a, b, CASE WHEN i <> 7 THEN 1 END AS w FROM weighed) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w')) FROM (SELECT a, b, CASE WHEN i <> 7 THEN 1 ELSE -0.5 END AS w FROM weighed) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w')) FROM (SELECT a, b, CASE WHEN i <> 7 THEN 1.0 ELSE 'NaN'::float8 END AS w FROM weighed) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w')) FROM (SELECT a, b, 1e7 AS w FROM weighed) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w')) FROM (SELECT a, b, 0 AS w FROM weighed) t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'c')) FROM weighed t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'v')) FROM weighed t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w', exclude => '{w}')) FROM weighed t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w') || ae.target('w')) FROM weighed t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w') || ae.feedback('w')) FROM weighed t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'w', kinds => '{"w": "number"}')) FROM weighed t;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[a, b], ae.options(weight => 'w')) FROM weighed;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(t, ae.options(weight => 'a'), m) FROM weighed t, weight_models WHERE name = 'repeated' GROUP BY m;
\echo :LAST_ERROR_SQLSTATE
DROP VIEW weight_told; DROP TABLE weighed, weight_repeated, weight_models;
