-- What is ranked first: common values that do not go together, and no row that comes very often; and who
-- judges new rows.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

---- a meter: 30 of 8,760 hours have the night's value at noon, and all hours train

CREATE TABLE meter AS SELECT i, sin(2 * pi() * h / 24) AS hs, cos(2 * pi() * h / 24) AS hc, i / 24 IN (40, 99, 160, 222, 300) AND h BETWEEN 11 AND 16 AS wrong,
	35 + 12 * sin(2 * pi() * (h - 8) / 24) + 2 * (random() + random() + random() + random() - 2) * sqrt(3) AS kwh
FROM (SELECT i, i % 24 AS h FROM generate_series(0, 8759) i, (SELECT setseed(0.4)) s) q;
UPDATE meter SET kwh = 24 + random() WHERE wrong;
SELECT sum(ae.is_anomaly(m, t, 0.005)::int) FILTER (WHERE wrong) AS found,
	sum(ae.is_anomaly(m, t, 0.005)::int) FILTER (WHERE NOT wrong) BETWEEN 1 AND 44 AS as_promised
FROM meter t, (SELECT ae.train(t, '{"exclude":["i","wrong"]}') AS m FROM meter t) q;

---- rows that come very often: 700 and 200 copies among 1,000 rows; 15 copies of another one are no such rows

CREATE TABLE often AS SELECT i, CASE WHEN i < 700 THEN 1.0 WHEN i < 900 THEN -2.0 WHEN i < 915 THEN 9.0 ELSE random() * 4 - 2 END AS a,
	CASE WHEN i < 700 THEN 3.0 WHEN i < 900 THEN 0.5 WHEN i < 915 THEN -9.0 ELSE random() * 4 - 2 END AS b
FROM generate_series(0, 999) i, (SELECT setseed(0.3)) s;
CREATE TABLE often_models AS SELECT ae.train(t, '{"exclude":["i"]}') AS m FROM often t;
SELECT CASE WHEN i < 700 THEN '700' WHEN i < 900 THEN '200' WHEN i < 915 THEN '15' ELSE 'once' END AS copies, max(p) > 0.1 AS ordinary, max(p) < 0.05 AS rare
FROM (SELECT i, ae.p_value(m, t) AS p FROM often t, often_models) s GROUP BY 1 ORDER BY 1;
-- the share of rows with a p-value below some number is at most that number, with the copies too
SELECT bool_and((SELECT avg((p <= c)::int) FROM (SELECT ae.p_value(m, t) AS p FROM often t, often_models) s) <= c) AS promised
FROM unnest(ARRAY[0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9]) c;
-- by either way of giving a row, and where the training had none of them like any other row
SELECT ae.raw_score(m, ROW(1.0, 3.0)) = ae.raw_score(m, t) AS same FROM often_models, often t WHERE i = 5;
SELECT max(ae.raw_score(m, ROW(1.0, 3.0))) / min(ae.raw_score(m, ROW(1.0, 3.0))) > 3 AS differs
FROM (SELECT m FROM often_models UNION ALL SELECT ae.train(t, '{"exclude":["i"]}') FROM often t WHERE i >= 700) q;
---- new rows: by both networks, rows of training by the one that did not see them

CREATE TABLE points AS SELECT i, a, a * a / 2 + random() - 0.5 AS b FROM (SELECT i, random() * 4 - 2 AS a FROM generate_series(1, 2000) i, (SELECT setseed(0.2)) s) q;
CREATE TABLE points_model AS SELECT ae.train(t, '{"exclude":["i"]}') AS m FROM points t WHERE i <= 1000;
-- what one network reconstructs makes the error of rows of training, and hardly that of others
WITH told AS (SELECT t.i, ae.reconstruction_error(m, t) AS error, ((t.a - r.a) ^ 2 / a_var + (t.b - r.b) ^ 2 / b_var) / 2 AS own
	FROM points t, points_model, (SELECT var_pop(a) AS a_var, var_pop(b) AS b_var FROM points WHERE i <= 1000) v, LATERAL (SELECT (x).* FROM (SELECT ae.reconstruct(m, t) AS x) y) r)
SELECT i <= 1000 AS trained, avg((error / own BETWEEN 0.85 AND 1.18)::int) > 0.9 AS by_one, avg((error / own BETWEEN 0.85 AND 1.18)::int) < 0.7 AS by_both FROM told GROUP BY 1 ORDER BY 1;
-- everything agrees with the score
SELECT i <= 1000 AS trained, abs((ae.evaluate(m, t)).mean_error / avg(ae.reconstruction_error(m, t)) - 1) < 1e-9 AS mean,
	abs(((ae.evaluate(m, t)).column_errors ->> 'a')::float8 / 2 + ((ae.evaluate(m, t)).column_errors ->> 'b')::float8 / 2 - avg(ae.reconstruction_error(m, t))) < 1e-6 AS columns,
	(ae.evaluate(m, t, 0.1)).share_flagged = avg(ae.is_anomaly(m, t, 0.1)::int) AS flagged FROM points t, points_model GROUP BY 1 ORDER BY 1;
SELECT bool_and(abs(share - 1) < 1e-9) AS shares, bool_and(abs(error / 2 - told) < 1e-6 * (1 + told)) AS errors
FROM (SELECT ae.reconstruction_error(m, t) AS told, (SELECT sum(e.share) FROM ae.explain(m, t) e) AS share, (SELECT sum(e.error) FROM ae.explain(m, t) e) AS error FROM points t, points_model WHERE i % 20 = 0) s;
-- the promise holds, as it does for rows of training
SELECT i <= 1000 AS trained, avg((p <= 0.1)::int) < 0.13 AS tenth, avg((p <= 0.01)::int) < 0.02 AS hundredth FROM (SELECT i, ae.p_value(m, t) AS p FROM points t, points_model) s GROUP BY 1 ORDER BY 1;
-- a model that was trained further may have seen any row
WITH further AS (SELECT ae.train(t, '{"exclude":["i"], "updates": 10}', m) AS m FROM points t, points_model WHERE i <= 1000),
	told AS (SELECT ae.reconstruction_error(f.m, t) AS error, ((t.a - r.a) ^ 2 / a_var + (t.b - r.b) ^ 2 / b_var) / 2 AS own
	FROM points t, further f, (SELECT var_pop(a) AS a_var, var_pop(b) AS b_var FROM points WHERE i <= 1000) v, LATERAL (SELECT (x).* FROM (SELECT ae.reconstruct(f.m, t) AS x) y) r WHERE t.i > 1000)
SELECT avg((error / own BETWEEN 0.85 AND 1.18)::int) > 0.9 AS by_one FROM told;
DROP TABLE meter, often, often_models, points, points_model;
