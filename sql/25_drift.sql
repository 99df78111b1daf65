-- Proves that ae.drift fires for a column that has moved, for levels and NULLs that are new, and for a
-- relation between columns that no longer holds, and for nothing in rows like those of training; and
-- that it is the same in parallel, by name and in groups.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
SELECT setseed(0.3);

CREATE TABLE customers AS
SELECT i AS id, age, CASE WHEN age < 25 THEN 'student' WHEN age > 65 THEN 'retired' ELSE (ARRAY['nurse', 'teacher', 'driver'])[1 + (10 * random())::int % 3] END AS job,
	exp(5 + age / 20.0 + random()) AS balance, age BETWEEN 30 AND 60 AND random() < 0.9 AS mortgage, 2 * age + random() AS twice,
	date '2026-01-01' + (90 * random())::int AS visit, ARRAY[age + random(), random()]::real[] AS pair
FROM (SELECT i, 18 + (70 * random())::int AS age FROM generate_series(1, 2800) i) s;
CREATE TABLE customer_models AS SELECT ae.train(c, ae.options(exclude => '{id}')) AS model FROM customers c WHERE id <= 2000;
CREATE TABLE new_customers AS SELECT * FROM customers WHERE id > 2000;
CREATE VIEW report AS SELECT r.* FROM customer_models m, LATERAL ae.drift_report(m.model, 'new_customers') r;

-- other rows, of one distribution
SELECT ae.drift(m.model, n) -> 'drifted' AS drifted FROM customer_models m, new_customers n;
SELECT count(*), count(*) FILTER (WHERE drifted) AS drifted, count(reason) AS reasons FROM report;
SELECT jsonb_object_keys(ae.drift(m.model, n) -> 'columns') AS column FROM customer_models m, new_customers n;
SELECT d - 'columns' - 'rows' AS whole, jsonb_object_keys(d -> 'rows') AS rows FROM (SELECT ae.drift(m.model, n) AS d FROM customer_models m, new_customers n) s;
SELECT jsonb_object_keys(ae.drift(m.model, n) #> '{columns,job}') AS job FROM customer_models m, new_customers n;
SELECT (d #>> '{columns,age,ks}')::float8 BETWEEN 0.001 AND 0.07 AS ks, (d #>> '{columns,job,tv}')::float8 BETWEEN 0.001 AND 0.09 AS tv, (d #>> '{columns,age,psi}')::float8 < 0.05 AS psi,
	(d #>> '{rows,share_flagged}')::float8 < 0.03 AS flagged, (d #>> '{rows,rank}')::float8 BETWEEN 0.45 AND 0.55 AS rank,
	(d #>> '{rows,error_now}')::float8 / (d #>> '{rows,error_was}')::float8 BETWEEN 0.8 AND 1.25 AS error
FROM (SELECT ae.drift(m.model, n) AS d FROM customer_models m, new_customers n) s;

-- a column moves alone
BEGIN;
UPDATE new_customers SET age = age + 20;
SELECT feature, regexp_replace(reason, '[0-9.]+', 'N', 'g') AS reason, psi > 0.5 AS psi, round(distance::numeric, 1) AS distance FROM report LIMIT 1;
SELECT feature, drifted FROM report WHERE feature IS NULL;
ROLLBACK;
-- all that depends on it moves with it
BEGIN;
UPDATE new_customers SET age = age + 20, twice = twice + 40;
SELECT feature FROM report WHERE drifted AND reason LIKE 'mean%' ORDER BY feature;
ROLLBACK;
-- it stands still
BEGIN;
UPDATE new_customers SET twice = 100;
SELECT feature, regexp_replace(reason, 'mean .* in', 'mean N in') AS reason FROM report LIMIT 1;
ROLLBACK;
-- the same values, of other rows: distributions stay, the relation does not
BEGIN;
UPDATE new_customers n SET twice = o.twice FROM new_customers o WHERE o.id = 4801 - n.id;
SELECT feature, left(reason, 46) AS reason, psi < 0.05 AS psi, error_now > 2 * error_was AS error FROM report WHERE feature = 'twice' AND drifted;
SELECT drifted FROM report WHERE feature IS NULL;
ROLLBACK;
-- another word for a level; levels that change places
BEGIN;
UPDATE new_customers SET job = 'pensioner' WHERE job = 'retired';
SELECT feature, regexp_replace(reason, '[0-9.]+ %', 'N %') AS reason FROM report LIMIT 1;
ROLLBACK;
BEGIN;
UPDATE new_customers SET job = 'nurse' WHERE job = 'teacher';
SELECT feature, regexp_replace(reason, '[0-9.]+ %', 'N %', 'g') AS reason FROM report LIMIT 1;
ROLLBACK;
-- 5 % of NULLs
BEGIN;
UPDATE new_customers SET balance = NULL WHERE id % 20 = 0;
SELECT feature, reason, nulls_was, nulls_now FROM report WHERE drifted;
ROLLBACK;
-- a truth, a time, and an element of an array
BEGIN;
UPDATE new_customers SET mortgage = true;
SELECT feature, regexp_replace(reason, '[0-9.]+', 'N', 'g') AS reason FROM report LIMIT 1;
ROLLBACK;
BEGIN;
UPDATE new_customers SET visit = visit + 365;
SELECT feature, reason FROM report LIMIT 1;
ROLLBACK;
BEGIN;
UPDATE new_customers SET pair[2] = pair[2] + 1;
SELECT feature, left(reason, 13) AS reason FROM report LIMIT 1;
ROLLBACK;

-- no rows, rows that are NULL, one row, two rows
SELECT ae.drift(m.model, n) IS NULL AS null FROM customer_models m, new_customers n WHERE false;
SELECT ae.drift(m.model, NULL::new_customers) IS NULL AS null FROM customer_models m;
SET client_min_messages = notice;
SELECT count(*) FROM customer_models m, ae.drift_report(m.model, 'SELECT * FROM new_customers WHERE false');
SET client_min_messages = warning;
SELECT d ->> 'n_rows' AS n, d -> 'drifted' AS drifted, d #> '{rows,drifted}' AS rows, d #> '{columns,age,drifted}' AS age, d #> '{columns,age,p_value}' AS p
FROM (SELECT ae.drift(m.model, n) AS d FROM customer_models m, new_customers n WHERE n.id = 2001) s;
SELECT d ->> 'n_rows' AS n, d -> 'drifted' AS drifted FROM (SELECT ae.drift(m.model, n) AS d FROM customer_models m, new_customers n WHERE n.id IN (2001, 2002)) s;
-- rows that are NULL in all columns; values that are not finite
SELECT d ->> 'n_rows' AS n, d -> 'drifted' AS drifted, d #> '{columns,age,nulls_now}' AS nulls, d #> '{rows,share_flagged}' AS flagged, d #>> '{columns,age,reason}' AS reason
FROM (SELECT ae.drift(m.model, n) AS d FROM customer_models m, (SELECT NULL::int AS age, NULL::text AS job, NULL::float8 AS balance, NULL::bool AS mortgage, NULL::float8 AS twice, NULL::date AS visit, NULL::real[] AS pair FROM generate_series(1, 20)) n) s;
SELECT d #> '{rows,share_flagged}' AS flagged, d #> '{columns,balance,drifted}' AS drifted
FROM (SELECT ae.drift(m.model, n) AS d FROM customer_models m, (SELECT age, job, 'Infinity'::float8 AS balance, mortgage, 'NaN'::float8 AS twice, visit, pair FROM new_customers LIMIT 20) n) s;

-- groups, and the same in parallel
SELECT id % 2 AS half, ae.drift(m.model, n) -> 'drifted' AS drifted FROM customer_models m, (SELECT id, CASE id % 2 WHEN 0 THEN age ELSE age / 2 END AS age, job, balance, mortgage, twice, visit, pair FROM new_customers) n GROUP BY 1 ORDER BY 1;
CREATE TABLE alone AS SELECT ae.drift((SELECT model FROM customer_models), n) AS d FROM new_customers n;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$;
SELECT count(*) AS partial FROM plan('SELECT ae.drift((SELECT model FROM customer_models), n) FROM new_customers n') AS line WHERE line LIKE '%Partial Aggregate%';
SELECT d #- '{rows,error_now}' #- '{columns}' = p #- '{rows,error_now}' #- '{columns}' AS rows, d #> '{columns,job}' #- '{error_now}' = p #> '{columns,job}' #- '{error_now}' AS job
FROM alone, (SELECT ae.drift((SELECT model FROM customer_models), n) AS p FROM new_customers n) s;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- by name
SELECT ae.save_model('customers', model) IS NOT NULL AS saved FROM customer_models;
SELECT ae.drift('customers', n) = d AS same FROM new_customers n, alone GROUP BY d;
SELECT count(*) FROM ae.drift_report('customers', 'TABLE new_customers');
SELECT ae.drop_model('customers');

-- many rows of few contents, in folds of different sizes: the rows of training themselves
CREATE TABLE repeated AS SELECT i % 4 AS a, i / 4 % 3 AS b, (i / 12 % 2)::text AS c FROM generate_series(1, 48000) i;
SELECT ae.drift(m.model, r) -> 'drifted' AS drifted FROM (SELECT ae.train(r, ae.options(updates => 20)) AS model FROM repeated r) m, repeated r;

-- arrays; rows of one network, whose errors are compared where rows were held out, and not where none were
CREATE TABLE vectors AS SELECT id, ARRAY[age, twice, balance] AS v FROM customers;
CREATE TABLE vector_models AS SELECT 'held out' AS name, ae.train(v, ae.options(code => 1, updates => 200)) AS model FROM vectors WHERE id <= 2000
UNION ALL SELECT 'seen', ae.train(v, ae.options(folds => 1, updates => 200)) FROM vectors WHERE id <= 900;
SELECT name, d -> 'drifted' AS drifted, d #> '{columns,[1],drifted}' AS first, d #> '{columns,[1],error_was}' IS DISTINCT FROM 'null' AS errors, d #> '{rows,drifted}' AS rows
FROM (SELECT name, ae.drift(model, v) AS d FROM vector_models, vectors WHERE id > 2000 GROUP BY name) s ORDER BY name;
SELECT name, d #> '{columns,[1],drifted}' AS first, d #> '{columns,[3],drifted}' AS third
FROM (SELECT name, ae.drift(model, ARRAY[v[1] + 20, v[2], v[3]]) AS d FROM vector_models, vectors WHERE id > 2000 GROUP BY name) s ORDER BY name;

-- training that goes on compares with its own rows
SELECT ae.drift(m.model, n) #> '{columns,age,drifted}' AS age
FROM (SELECT ae.train(c, ae.options(updates => 50), model) AS model FROM customer_models, (SELECT id, age + 20 AS age, job, balance, mortgage, twice, visit, pair FROM customers WHERE id <= 2000) c) m,
	(SELECT age + 20 AS age, job, balance, mortgage, twice, visit, pair FROM new_customers) n;

-- errors
SELECT ae.drift(m.model, n) FROM customer_models m, (SELECT id, age, job FROM new_customers) n;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.drift(m.model, v) FROM vector_models m, vectors v WHERE id > 2000;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.drift(m.model, v) FROM vector_models m, (SELECT ARRAY[1, 2] AS v) v WHERE name = 'seen';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.drift_report(m.model, 'nowhere') FROM customer_models m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.drift_report(m.model, 'SELECT 1 AS x') FROM customer_models m;
\echo :LAST_ERROR_SQLSTATE
-- a model that knows no distributions
\set bytes `tr -d ' \n' < tests/golden/model_v1_array.hex`
SELECT ae.drift(decode(:'bytes', 'hex'), array_fill(1::real, ARRAY[21]));
\echo :LAST_ERROR_SQLSTATE
