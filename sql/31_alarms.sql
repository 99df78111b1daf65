-- Proves: ae.sprt gathers evidence from p-values in the order of rows, as its formula says, and finds a
-- slight fault that no single row shows; ae.alarm_rate is the rate at which k flags in n rows come by chance.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

-- by hand: (0.2 + 0.35 + 0.5 + 0.65 + 0.8) / 5, and factors of a p^(a - 1)
SELECT round(ae.sprt(1)::numeric, 12) AS one, round((ae.sprt(0.01) - (0.2 * 0.01 ^ -0.8 + 0.35 * 0.01 ^ -0.65 + 0.5 * 0.01 ^ -0.5 + 0.65 * 0.01 ^ -0.35 + 0.8 * 0.01 ^ -0.2) / 5)::numeric, 9) AS small;
SELECT i, round(ae.sprt(CASE WHEN i BETWEEN 3 AND 6 THEN 0.01 WHEN i <> 9 THEN 0.8 END) OVER (ORDER BY i)::numeric, 3) AS evidence FROM generate_series(1, 12) i;
-- no rows, no p-values; the bound, and how soon evidence is gone where p-values are as chance has them
SELECT ae.sprt(NULL) AS none, (SELECT ae.sprt(0.5) WHERE false) IS NULL AS empty;
SELECT max(e) AS most, max(i) FILTER (WHERE e >= 1000) - 100 BETWEEN 150 AND 350 AS rows FROM (SELECT i, ae.sprt(CASE WHEN i <= 100 THEN 1e-5 ELSE (i * 37 % 100 + 0.5) / 100 END) OVER (ORDER BY i) AS e FROM generate_series(1, 900) i) s;

SELECT round(ae.alarm_rate(0.01, 1, 1)::numeric, 6) AS flag, round(ae.alarm_rate(0.01, 3, 10)::numeric, 9) AS three, round((36 * 0.01 ^ 3 * 0.99 ^ 8)::numeric, 9) AS by_hand, ae.alarm_rate(0, 3, 10) AS never;
-- an alarm that is on most of the time begins hardly ever
SET client_min_messages = notice;
SELECT round(ae.alarm_rate(0.5, 2, 100)::numeric, 6) AS rate;
SELECT ae.alarm_rate(1, 2, 3) AS rate;
SELECT ae.alarm_rate(0.05, 6, 100) > 0 AS rate;
SET client_min_messages = warning;

-- a pump whose pressure reads a little too high from row 4,501 on
SELECT setseed(0.7);
CREATE TABLE alarm_pump AS SELECT i AS id, x AS load, 20 + 50 * x + random() AS temperature, 1 + 4 * x + 0.2 * random() + CASE WHEN i > 4500 THEN 0.12 ELSE 0 END AS pressure, 30 * x + random() AS flow
FROM (SELECT i, random() AS x FROM generate_series(1, 4600) i) s;
CREATE TABLE alarm_model AS SELECT ae.train(p, ae.options(exclude => '{id}')) AS model FROM alarm_pump p WHERE id <= 3000;
CREATE VIEW alarm_judged AS SELECT p.id, p.id > 4500 AS faulty, ae.p_value(m.model, p) AS p, ae.is_anomaly(m.model, p, 0.01) AS flag FROM alarm_pump p, alarm_model m WHERE p.id > 3000;
SELECT faulty, count(*) FILTER (WHERE flag) < 30 AS few_flags, max(e) >= 10000 AS evidence, (min(id) FILTER (WHERE e >= 10000) - 4500) < 60 AS soon
FROM (SELECT *, ae.sprt(p) OVER (ORDER BY id) AS e FROM alarm_judged) s GROUP BY faulty ORDER BY faulty;
SELECT faulty, bool_or(alarm) AS alarm FROM (SELECT *, count(*) FILTER (WHERE p <= 0.05) OVER (ORDER BY id ROWS 19 PRECEDING) >= 6 AS alarm FROM alarm_judged) s GROUP BY faulty ORDER BY faulty;

-- a contamination that so few rows cannot support
SET client_min_messages = notice;
SELECT ae.threshold(model, 1e-5) AS none FROM alarm_model;
SELECT ae.threshold(model, 0.001) < 'Infinity' AS some, ae.threshold(model, 0) AS none FROM alarm_model;
SET client_min_messages = warning;

-- errors
SELECT ae.sprt(0);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.sprt(1.5);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.sprt('NaN');
\echo :LAST_ERROR_SQLSTATE
SELECT ae.alarm_rate(0.01, 4, 3);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.alarm_rate(0.01, 0, 3);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.alarm_rate(2, 1, 3);
\echo :LAST_ERROR_SQLSTATE
