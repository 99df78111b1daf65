-- Proves that a value which training did not see costs more than any known one, in every kind of column;
-- that what is ignored changes nothing; and that all functions of scores rank rows in one order.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

-- ---- constants ----

CREATE TABLE machine AS
SELECT i AS id, (20 + 25 * (1 + sin(i * 1.7)))::real AS temp, (1 + 2 * (1 + cos(i * 2.3)))::real AS press, 'OK'::text AS status, 7 AS firmware, 0.1::real AS share, true AS on_duty,
	date '2026-01-01' AS since, ARRAY[sin(i * 0.9), 5, cos(i * 0.9)]::real[] AS phase, NULL::text AS never, (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS colour
FROM generate_series(1, 1000) i;
SET client_min_messages = notice;
\set VERBOSITY default
SELECT ae.train(m, ae.options(exclude => '{id}', updates => 1, folds => 1)) IS NOT NULL AS trained FROM machine m;
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE models AS
SELECT o.name, ae.train(m, ae.options(exclude => '{id}', hidden => '{12}', updates => 60) || o.options) AS model
FROM machine m, (VALUES ('crossed', '{}'::jsonb), ('one', '{"folds": 1}'), ('code', '{"code": 2}'), ('accurate', '{"quality": "accurate"}'),
	('entropy', '{"category_loss": "cross_entropy"}')) o(name, options)
GROUP BY o.name, o.options;
CREATE TABLE changes (what text, change jsonb);
INSERT INTO changes VALUES ('status', '{"status": "FAIL"}'), ('firmware', '{"firmware": 8}'), ('share', '{"share": 0.2}'), ('on_duty', '{"on_duty": false}'), ('since', '{"since": "2026-01-02"}'),
	('colour', '{"colour": "pink"}'), ('two', '{"status": "FAIL", "firmware": -999999}');
CREATE VIEW changed AS SELECT what, m.id, jsonb_populate_record(m, change) AS r, m FROM changes, machine m WHERE id <= 20;
-- is flagged at whatever contamination flags anything, by the columns that changed, the others being what they were
SELECT name, what, bool_and(ae.p_value(model, r) = 1 / (1 + (ae.describe(model) -> 'calibration' ->> 'rows')::float8)) AS least_p, bool_and(ae.is_anomaly(model, r)) AS flagged,
	bool_and(ae.raw_score(model, r) > (ae.describe(model) -> 'calibration' ->> 'max')::float8) AS beyond, bool_or(ae.is_anomaly(model, m, 0)) AS before
FROM models, changed GROUP BY name, what ORDER BY name, what;
SELECT what, array_agg(DISTINCT e.feature || ' is ' || e.value || CASE WHEN e.feature <> 'colour' THEN ', expected ' || e.expected ELSE '' END || coalesce(', p = ' || probability, '')) AS reasons, round(min(e.share)::numeric, 2) AS share
FROM models, changed, LATERAL (SELECT * FROM ae.explain(model, r) LIMIT CASE what WHEN 'two' THEN 2 ELSE 1 END) e WHERE name = 'crossed' GROUP BY what ORDER BY what;
SELECT feature, bool_or(share > 0) AS has_share FROM models, changed, ae.explain(model, m) WHERE name = 'crossed' AND what = 'two' GROUP BY feature ORDER BY feature;
-- drift: the error of the column is that of the rows that have such a value
SELECT name, what, n_scored, share_flagged, (column_errors ->> 'status')::float8 > 100 AS status, (column_errors ->> 'firmware')::float8 > 100 AS firmware, (column_errors ->> 'since')::float8 > 100 AS since
FROM (SELECT name, what, (ae.evaluate(model, r)).* FROM models, changed WHERE what IN ('status', 'two') AND name <> 'entropy' GROUP BY name, what) e ORDER BY name, what;
-- an element of an array that never changed
SELECT name, bool_and(ae.is_anomaly(model, s)) AS element, min(feature) AS reason FROM models, (SELECT temp, press, status, firmware, share, on_duty, since, ARRAY[phase[1], 6, phase[3]] AS phase, never, colour FROM machine WHERE id <= 20) s,
	LATERAL (SELECT feature FROM ae.explain(model, s) LIMIT 1) e GROUP BY name ORDER BY name;
-- 0.1 is 0.1, whatever type; a NULL costs nothing; a column that was always NULL is ignored
SELECT name, bool_and(ae.raw_score(model, s) = ae.raw_score(model, m)) AS noise, bool_and(ae.raw_score(model, n) = ae.raw_score(model, m)) AS nulls, bool_and(ae.raw_score(model, v) = ae.raw_score(model, m)) AS ignored
FROM models, machine m, LATERAL (SELECT temp, press, status, firmware::numeric, 0.1::float8 AS share, on_duty, since, phase, never, colour FROM machine s WHERE s.id = m.id) s,
	LATERAL (SELECT temp, press, NULL::text AS status, NULL::int AS firmware, NULL::real AS share, NULL::boolean AS on_duty, NULL::date AS since, phase, never, colour FROM machine s WHERE s.id = m.id) n,
	LATERAL (SELECT temp, press, status, firmware, share, on_duty, since, phase, 'now' AS never, colour FROM machine s WHERE s.id = m.id) v
WHERE m.id <= 50 GROUP BY name ORDER BY name;
-- all such values cost the same, and do not choose another network
SELECT name, count(DISTINCT ae.raw_score(model, ROW(45, 3, status, 7, 0.1::real, true, date '2026-01-01', '{0.1,5,0.1}'::real[], NULL::text, 'red'::text))) AS scores
FROM models, unnest('{FAIL,fail,"",Error 7,x,y,z}'::text[]) status GROUP BY name ORDER BY name;
-- where nothing else is there it is a score; a known constant alone is none
SELECT name, ae.is_anomaly(model, ROW(NULL::real, NULL::real, 'FAIL'::text, 7, NULL::real, NULL::boolean, NULL::date, NULL::real[], NULL::text, NULL::text)) AS unseen,
	ae.raw_score(model, ROW(NULL::real, NULL::real, 'OK'::text, 7, NULL::real, NULL::boolean, NULL::date, NULL::real[], NULL::text, NULL::text)) AS known
FROM models ORDER BY name;
-- NaN where there was one value is infinite, as it is elsewhere
SELECT name, ae.raw_score(model, jsonb_populate_record(m, '{"share": "NaN"}')) AS raw FROM models, machine m WHERE id = 1 ORDER BY name;
-- arrays: rows of numbers
SELECT bool_and(ae.is_anomaly(model, ARRAY[temp, press, 8], 0.0011)) AS unseen, bool_or(ae.is_anomaly(model, ARRAY[temp, press, 7], 0.0011)) AS known, min(e.feature) AS reason
FROM (SELECT ae.train(ARRAY[temp, press, firmware], ae.options(hidden => '{12}', updates => 60)) AS model FROM machine) m, machine, LATERAL (SELECT feature FROM ae.explain(model, ARRAY[temp, press, 8]) LIMIT 1) e WHERE id <= 20;
SELECT ae.train(s) FROM (SELECT status, firmware FROM machine) s;

-- one value that nobody else has, in the table itself, and a column with one value or NULL
CREATE TABLE odd AS SELECT id, temp, press, CASE WHEN id = 500 THEN 'FAIL' ELSE 'OK' END AS status, CASE WHEN id % 100 = 0 THEN 'deleted' END AS remark FROM machine;
SELECT rank, "row" ->> 'id' AS id, reasons FROM ae.detect('odd', '{"exclude": ["id"], "hidden": [12], "updates": 60}', 1);
SELECT ae.is_anomaly(model, s) AS flagged, feature, value FROM (SELECT ae.train(o, ae.options(exclude => '{id}', hidden => '{12}', updates => 60)) AS model FROM odd o) m, (SELECT temp, press, 'OK' AS status, remark FROM machine, unnest('{deleted,undeleted}'::text[]) remark WHERE id = 3) s,
	LATERAL (SELECT * FROM ae.explain(model, s) WHERE s.remark = 'undeleted' OR feature = 'temp' LIMIT 1) e ORDER BY 1;

-- a level that is new to half of the rows is not above all others: p-values stay true
CREATE TABLE many AS SELECT i AS id, sin(i) AS a, 'l' || (i * i % 97) / 2 AS level FROM generate_series(1, 800) i;
SELECT avg(ae.is_anomaly(model, m, 0.05)::int) < 0.06 AS flagged FROM (SELECT ae.train(m, ae.options(exclude => '{id}', hidden => '{12}', updates => 50)) AS model FROM many m) t, many m;

-- training goes on: what it has seen by then costs what it is worth
SELECT ae.raw_score(after, r) < ae.raw_score(before, r) AS cheaper FROM (SELECT model AS before, ae.train(s, '{"updates": 20}', model) AS after FROM models, LATERAL (SELECT temp, press, CASE WHEN id % 3 = 0 THEN 'FAIL' ELSE 'OK' END AS status, firmware, share, on_duty, since, phase, never, colour FROM machine) s
	WHERE name = 'crossed' GROUP BY model) t, changed WHERE what = 'status' AND id = 5;

-- ---- one order ----

-- many models of many shapes: whichever two rows, whichever two functions, none contradicts the other
CREATE TABLE rows_of AS SELECT k, i AS id, sin(i * (1 + k)) + CASE WHEN i % (40 + k) = 0 THEN 9 ELSE 0 END AS a, cos(i * (1 + k) * 1.1) * (1 + i % 5) AS b, CASE WHEN i % 7 > 0 THEN exp(3 * sin(i * 0.37)) END AS c,
	CASE WHEN sin(i * (1 + k)) > 0.3 THEN 'up' WHEN i % 11 = 0 THEN 'odd' ELSE 'down' END AS d
FROM generate_series(1, 6) k, LATERAL generate_series(1, 20 + 25 * k * k) i;
CREATE TABLE order_models AS
SELECT k, o.name, ae.train(r, ae.options(exclude => '{k,id}', hidden => '{12}', updates => 40, seed => k) || o.options) AS model
FROM rows_of r, (VALUES ('crossed', '{}'::jsonb), ('accurate', '{"quality": "accurate"}'), ('one', '{"folds": 1}'), ('no prototypes', '{"prototypes": 0}'), ('code', '{"code": 2}')) o(name, options)
GROUP BY k, o.name, o.options;
CREATE TABLE scored AS
SELECT m.k, m.name, ae.raw_score(model, r) AS raw, ae.p_value(model, r) AS p, ae.anomaly_score(model, r) AS score, ae.is_anomaly(model, r, 0.05) AS flag, ae.raw_score(model, r) > ae.threshold(model, 0.05) AS over
FROM order_models m JOIN rows_of r USING (k)
UNION ALL
SELECT m.k, m.name, ae.raw_score(model, s), ae.p_value(model, s), ae.anomaly_score(model, s), ae.is_anomaly(model, s, 0.05), ae.raw_score(model, s) > ae.threshold(model, 0.05)
FROM order_models m, (SELECT i * sin(i) AS a, i * cos(i) AS b, i::float8 AS c, CASE WHEN i % 2 = 0 THEN 'up' ELSE 'sideways' END AS d FROM generate_series(1, 100) i) s;
SELECT name, count(DISTINCT k) AS models, bool_and(p <= p_before) AS p, bool_and(score >= score_before) AS score, bool_and(raw = raw_before OR raw <= largest OR score > score_before) AS strict_beyond, bool_and(flag >= flag_before) AS flag, bool_and(flag = over) AS threshold
FROM (SELECT *, lag(raw) OVER w AS raw_before, lag(p) OVER w AS p_before, lag(score) OVER w AS score_before, lag(flag) OVER w AS flag_before FROM scored WINDOW w AS (PARTITION BY k, name ORDER BY raw)) s
	JOIN (SELECT k, name, (ae.describe(model) -> 'calibration' ->> 'max')::float8 AS largest FROM order_models) l USING (k, name)
WHERE raw_before IS NOT NULL GROUP BY name ORDER BY name;
-- ae.detect ranks by it
SELECT bool_and(score <= before) AS falls, bool_and(p_value >= p_before) AS rises
FROM (SELECT score, p_value, lag(score) OVER w AS before, lag(p_value) OVER w AS p_before FROM ae.detect('SELECT a, b, c, d FROM rows_of WHERE k = 4', '{"hidden": [12], "updates": 40}', 200) WINDOW w AS (ORDER BY rank)) s
WHERE before IS NOT NULL;
-- and all rows calibrate
SELECT name, k, ae.describe(model) -> 'calibration' ->> 'rows' AS calibrated FROM order_models WHERE k = 3 ORDER BY name;

DROP VIEW changed;
DROP TABLE machine, models, changes, odd, many, rows_of, order_models, scored;
