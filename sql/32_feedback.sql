-- Proves: verdicts on rows move the scores of rows like them, and of no others; what was confirmed
-- teaches nothing; bad feedback is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;
CREATE FUNCTION pg_temp.noise(i int, k int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	$$ SELECT hashint8(i * 100 + k) / 2147483648.0::float8 $$;

-- 600 ordinary rows, 12 of one odd kind, 12 of another
CREATE TABLE plant AS
	SELECT i AS id, t + 0.1 * pg_temp.noise(i, 2) AS temperature, 2 * t + 0.1 * pg_temp.noise(i, 3) AS pressure,
		t * t + 0.1 * pg_temp.noise(i, 4) AS flow, i % 3 AS line, 'ordinary' AS what
	FROM (SELECT i, pg_temp.noise(i, 1) AS t FROM generate_series(1, 600) i) r
	UNION ALL
	SELECT 1000 + i, 1.2 + 0.03 * pg_temp.noise(i, 5), -1.5 + 0.03 * pg_temp.noise(i, 6), 0.2, i % 3, 'leak'
	FROM generate_series(1, 12) i
	UNION ALL
	SELECT 2000 + i, -0.5 + 0.03 * pg_temp.noise(i, 5), 1.5 + 0.03 * pg_temp.noise(i, 6), 1.2, i % 3, 'test run'
	FROM generate_series(1, 12) i;
CREATE TABLE verdicts (id int PRIMARY KEY, anomaly boolean NOT NULL);
INSERT INTO verdicts VALUES (1001, true), (1002, true), (2001, false), (2002, false);
CREATE VIEW judged AS SELECT p.*, v.anomaly FROM plant p LEFT JOIN verdicts v USING (id);
CREATE TABLE models (name text PRIMARY KEY, model bytea);
ALTER TABLE models ALTER model SET STORAGE EXTERNAL;
INSERT INTO models SELECT 'without', ae.train(p, ae.options(exclude => '{id, what}', updates => 300)) FROM plant p;
INSERT INTO models SELECT 'with', ae.train(j, ae.options(exclude => '{id, what}', updates => 300) || ae.feedback('anomaly')) FROM judged j;

SELECT ae.feedback('anomaly'), ae.feedback();

-- rows like the confirmed ones rise, rows like the dismissed ones fall, as far as they may
CREATE VIEW compared AS
	SELECT p.id, p.what, ae.anomaly_score(a.model, p) AS score_without,
		ae.anomaly_score(b.model, p) AS score_with, ae.is_anomaly(a.model, p) AS flag_without, ae.is_anomaly(b.model, p) AS flag_with
	FROM plant p, models a, models b WHERE a.name = 'without' AND b.name = 'with';
SELECT what, count(*), avg(score_with) > avg(score_without) AS rose, avg(score_with) < avg(score_without) AS fell,
	count(*) FILTER (WHERE flag_with) > count(*) FILTER (WHERE flag_without) AS more_flagged,
	count(*) FILTER (WHERE flag_with) < count(*) FILTER (WHERE flag_without) AS fewer_flagged
FROM compared WHERE what <> 'ordinary' AND id NOT IN (SELECT id FROM verdicts) GROUP BY what ORDER BY what;
SELECT bool_and(flag_with) AS confirmed_are_flagged FROM compared WHERE id IN (1001, 1002);
SELECT bool_or(flag_with) AS dismissed_are_flagged FROM compared WHERE id IN (2001, 2002);
SELECT count(*) FILTER (WHERE flag_with) <= 12 AS as_few_alarms_as_promised FROM compared WHERE what = 'ordinary';

-- what was confirmed is not trained on, and does not calibrate
SELECT name, ae.describe(model) -> 'feedback' AS feedback, ae.describe(model) -> 'training' -> 'rows' AS rows,
	ae.describe(model) -> 'calibration' -> 'rows' AS calibrates,
	ae.describe(model) -> 'columns' AS columns
FROM models ORDER BY name;
SELECT line FROM models, regexp_split_to_table(ae.summary(model), E'\n') line WHERE name = 'with' AND line ~ 'feedback';
SELECT line FROM models, regexp_split_to_table(ae.summary(model), E'\n') line WHERE name = 'without' AND line ~ 'feedback';
INSERT INTO models SELECT 'no leaks', ae.train(p, ae.options(exclude => '{id, what}', updates => 300)) FROM plant p WHERE id NOT IN (1001, 1002);
SELECT bool_and(ae.reconstruction_error(a.model, p) = ae.reconstruction_error(b.model, p)) AS same_errors
FROM plant p, models a, models b WHERE a.name = 'no leaks' AND b.name = 'with';

-- explanations add up; other functions ask for no verdicts
SELECT bool_and(abs(total - 1) < 1e-9) AS shares_sum_to_1
FROM (SELECT p.id, sum(e.share) AS total FROM plant p, models m, ae.explain(m.model, p) e WHERE m.name = 'with' GROUP BY p.id) s;
SELECT bool_and(ae.anomaly_score(m.model, p) = ae.anomaly_score(m.model, j)) AS verdicts_do_not_matter
FROM plant p JOIN judged j USING (id), models m WHERE m.name = 'with';

-- no verdicts: the model is as without
DELETE FROM verdicts;
CREATE FUNCTION pg_temp.scores_alike(a bytea, b bytea) RETURNS boolean LANGUAGE sql AS
	$$ SELECT bool_and(ae.anomaly_score(a, p) = ae.anomaly_score(b, p)) FROM plant p $$;
SELECT pg_temp.scores_alike(a, b), length(a) = length(b) AS same_size
FROM (SELECT ae.train(j, ae.options(exclude => '{id, what}', updates => 20) || ae.feedback('anomaly')) AS a FROM judged j) x,
	(SELECT ae.train(p, ae.options(exclude => '{id, what}', updates => 20)) AS b FROM plant p) y;

-- of equal rows with both verdicts the confirmed one wins
INSERT INTO models SELECT 'both', ae.train(r, ae.options(exclude => '{id, what}', updates => 100) || ae.feedback('anomaly'))
FROM (SELECT p.*, NULL::boolean AS anomaly FROM plant p WHERE id <> 1001
	UNION ALL SELECT p.*, v FROM plant p, unnest(ARRAY[true, false]) v WHERE id = 1001) r;
SELECT ae.is_anomaly(model, p), ae.describe(model) -> 'feedback' AS feedback FROM models, plant p WHERE name = 'both' AND id = 1001;

-- one network without prototypes, few rows, all of them dismissed
SELECT ae.describe(ae.train(r, ae.options(exclude => '{id, what}', updates => 50, folds => 1) || ae.feedback('anomaly'))) -> 'feedback' AS feedback
FROM (SELECT p.*, CASE id WHEN 1001 THEN true WHEN 2001 THEN false END AS anomaly FROM plant p) r;
SELECT ae.describe(ae.train(r, ae.options(exclude => '{id, what}', updates => 50) || ae.feedback('anomaly'))) -> 'feedback' AS feedback
FROM (SELECT p.*, false AS anomaly FROM plant p WHERE id < 40) r;
SELECT ae.describe(ae.train(r, ae.options(updates => 10) || ae.feedback('v'))) -> 'feedback' AS feedback
FROM (VALUES (1, 2, NULL), (2, 3, false), (9, 9, true), (3, 4, NULL)) r (a, b, v);
-- categories, arrays and NULLs; rows that are NULL but for their verdict say nothing
SELECT ae.describe(ae.train(r, ae.options(updates => 10) || ae.feedback('v'))) -> 'feedback' AS feedback
FROM (SELECT CASE WHEN i % 7 > 0 THEN 'level ' || i % 5 END AS c, ARRAY[i, CASE WHEN i % 3 > 0 THEN i * i END]::float8[] AS a,
		CASE WHEN i % 4 > 0 THEN i END AS n, CASE WHEN i % 20 = 0 THEN i % 40 = 0 END AS v
	FROM generate_series(1, 200) i
	UNION ALL SELECT NULL, NULL, NULL, true) r;

-- training goes on: verdicts are kept, or replaced by those of the rows
INSERT INTO models SELECT 'kept', ae.train(p, ae.options(updates => 10), m.model) FROM plant p, models m WHERE m.name = 'with';
INSERT INTO models SELECT 'replaced', ae.train(r, ae.options(updates => 10) || ae.feedback('anomaly'), m.model)
FROM (SELECT p.*, CASE WHEN id > 2000 THEN true END AS anomaly FROM plant p) r, models m WHERE m.name = 'with';
SELECT name, ae.describe(model) -> 'feedback' AS feedback FROM models WHERE name IN ('kept', 'replaced') ORDER BY name;
\set VERBOSITY terse
SELECT ae.train(p, ae.feedback('anomaly'), m.model) FROM plant p, models m WHERE m.name = 'with';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(p, ae.feedback('flow'), m.model) FROM plant p, models m WHERE m.name = 'with';
\echo :LAST_ERROR_SQLSTATE

-- what cannot be feedback
\set VERBOSITY default
SELECT ae.train(p, ae.feedback('anomaly')) FROM plant p;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(p, ae.feedback('line')) FROM plant p;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(r, ae.feedback('v')) FROM (SELECT p.*, true AS v FROM plant p) r;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(r, ae.feedback('v')) FROM (SELECT i AS a, i * i AS b, i % 2 = 0 AS v FROM generate_series(1, 10001) i) r;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[id, flow], ae.feedback('v')) FROM plant p;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(p, ae.options(exclude => '{line}') || ae.feedback('line')) FROM plant p;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(p, ae.options(columns => '{line, flow}') || ae.feedback('line')) FROM plant p;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(p, ae.options(kinds => '{"line": "boolean"}') || ae.feedback('line')) FROM plant p;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(p, ae.target('line') || ae.feedback('line')) FROM plant p;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(p, '{"feedback": 1}') FROM plant p;
\echo :LAST_ERROR_SQLSTATE
DROP VIEW judged, compared;
DROP TABLE plant, verdicts, models;
DROP FUNCTION pg_temp.noise, pg_temp.scores_alike;

-- beside rows that come very often: scores calibrate as they are judged
CREATE TABLE often AS SELECT i, CASE WHEN i % 10 = 0 THEN 0 ELSE sin(i) END AS a, CASE WHEN i % 10 = 0 THEN 0 ELSE cos(i * i) END AS b,
	CASE i WHEN 1 THEN true WHEN 2 THEN false WHEN 10 THEN false END AS v FROM generate_series(1, 3000) i;
CREATE TABLE often_model AS SELECT ae.train(t, ae.options(exclude => '{i}', updates => 200) || ae.feedback('v')) AS m FROM often t;
SELECT c, abs(avg(ae.is_anomaly(m, t, c)::int) - c) < 0.015 AS as_promised FROM often t, often_model, unnest('{0.3,0.1,0.05}'::float8[]) c GROUP BY c ORDER BY c;
DROP TABLE often, often_model;
