-- Proves that the recipe against drift of the guide fires for a column that has moved, and for a
-- relation between columns that no longer holds, and for nothing in rows like those of training.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
SELECT setseed(0.3);

CREATE TABLE customers AS
SELECT i AS id, age, CASE WHEN age < 25 THEN 'student' WHEN age > 65 THEN 'retired' ELSE (ARRAY['nurse', 'teacher', 'driver'])[1 + (10 * random())::int % 3] END AS job,
	exp(5 + age / 20.0 + random()) AS balance, age BETWEEN 30 AND 60 AND random() < 0.9 AS mortgage, 2 * age + random() AS twice
FROM (SELECT i, 18 + (70 * random())::int AS age FROM generate_series(1, 2600) i) s;
CREATE TABLE customer_models AS SELECT ae.train(c, ae.options(exclude => '{id}')) AS model FROM customers c WHERE id <= 2000;
CREATE TABLE new_customers AS SELECT * FROM customers WHERE id > 2000;

CREATE VIEW customer_drift AS
SELECT f.feature, now.value::float8 > 1.5 * was.value::float8 AS error, abs(n.mean - f.mean) > 0.3 * f.sd AS mean,
	now.value::float8 > 1.5 * was.value::float8 OR coalesce(abs(n.mean - f.mean) > 0.3 * f.sd, false) AS look
FROM customer_models m, LATERAL ae.features(m.model) f,
	LATERAL (SELECT ae.evaluate(m.model, c) AS e FROM customers c WHERE id <= 2000) base,
	LATERAL (SELECT ae.evaluate(m.model, c) AS e FROM new_customers c) fresh,
	LATERAL jsonb_each_text((base.e).column_errors) was, LATERAL jsonb_each_text((fresh.e).column_errors) now,
	LATERAL (SELECT avg((to_jsonb(c) ->> f.feature)::float8) AS mean FROM new_customers c WHERE f.kind = 'number') n
WHERE was.key = f.feature AND now.key = f.feature;

SELECT feature, look FROM customer_drift ORDER BY feature COLLATE "C";
-- 600 other rows, and another 100
DELETE FROM new_customers WHERE id > 2100;
SELECT feature FROM customer_drift WHERE look;

-- a column moves alone
BEGIN;
UPDATE new_customers SET age = age + 20;
SELECT feature, mean FROM customer_drift WHERE feature = 'age' AND look;
ROLLBACK;
-- all that depends on it moves with it: no relation is broken
BEGIN;
UPDATE new_customers SET age = age + 20, twice = twice + 40;
SELECT feature, mean FROM customer_drift WHERE feature IN ('age', 'twice') AND look ORDER BY feature;
ROLLBACK;
-- the same values, of other rows: means stay, the relation does not
BEGIN;
UPDATE new_customers n SET twice = o.twice FROM new_customers o WHERE o.id = 4101 - n.id;
SELECT feature, mean, error FROM customer_drift WHERE feature = 'twice' AND look;
ROLLBACK;
-- another code for a level
BEGIN;
UPDATE new_customers SET job = 'pensioner' WHERE job = 'retired';
SELECT feature, error FROM customer_drift WHERE feature = 'job' AND look;
ROLLBACK;
