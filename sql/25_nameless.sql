-- Proves that rows whose columns have no names are refused where ae.nameless_rows is off, that the
-- same rows cast to a composite type are matched by name, and that ae.detect, ae.compare_models and
-- ae.train_model take the columns of a query by their names, whatever else is asked of them.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE pump AS
SELECT i AS id, sin(i) AS load, 10 + 3 * sin(i) + 0.1 * cos(5 * i) AS heat, i % 7 = 0 AS valve
FROM generate_series(1, 300) i;
SELECT ae.train(p, '{"exclude": ["id"], "updates": 200}') AS model FROM pump p \gset
-- columns in another order than the model's, as another server may send them
CREATE TYPE permuted AS (heat float8, valve boolean, load float8);

SHOW ae.nameless_rows;
-- by position: wrong when the order is, as nothing says so
SELECT count(*) AS rows, count(*) FILTER (WHERE ae.raw_score(:'model'::bytea, p) = ae.raw_score(:'model'::bytea, ROW(load, heat, valve))) AS same,
	count(*) FILTER (WHERE ae.raw_score(:'model'::bytea, p) = ae.raw_score(:'model'::bytea, ROW(heat, load, valve))) AS permuted
FROM pump p;

SET ae.nameless_rows = off;
SELECT ae.raw_score(:'model'::bytea, ROW(load, heat, valve)) FROM pump;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.anomaly_score(:'model'::bytea, ROW(heat, load, valve)) FROM pump;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.evaluate(:'model'::bytea, ROW(heat, load, valve)) FROM pump;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ROW(heat, load, valve)) FROM pump;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ROW(heat, load, valve), '{}', :'model'::bytea) FROM pump;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT count(ae.is_anomaly(:'model'::bytea, ROW(load, heat, valve))) FROM pump;
\set VERBOSITY terse

-- what has names is matched by them: rows of tables and subqueries, and of a type with names
SELECT count(*) AS rows, count(*) FILTER (WHERE ae.raw_score(:'model'::bytea, p) = ae.raw_score(:'model'::bytea, s)) AS subquery,
	count(*) FILTER (WHERE ae.raw_score(:'model'::bytea, p) = ae.raw_score(:'model'::bytea, ROW(p.heat, p.valve, p.load)::permuted)) AS cast_row,
	count(*) FILTER (WHERE ae.raw_score(:'model'::bytea, p) = ae.raw_score(:'model'::bytea, ROW(p.id, p.load, p.heat, p.valve)::pump)) AS cast_to_table
FROM pump p JOIN (SELECT valve, heat, load, id FROM pump) s USING (id);
-- a stored expression of such a row, and a query that meets it
SELECT ae.save_model('pump', :'model'::bytea) IS NOT NULL AS saved;
CREATE INDEX pump_score ON pump (ae.raw_score('pump', ROW(heat, valve, load)::permuted));
ANALYZE pump;
SET enable_seqscan = off;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) FILTER (WHERE plan LIKE '%Index Scan%pump_score%') AS by_index
FROM plan_of('SELECT id FROM pump ORDER BY ae.raw_score(''pump'', ROW(heat, valve, load)::permuted) LIMIT 3') plan;
RESET enable_seqscan;
-- arrays have no names to lose
SELECT count(ae.raw_score((SELECT ae.train(ARRAY[load, heat], '{"updates": 50}') FROM pump), ARRAY[load, heat])) FROM pump;

-- rows of a query have the names of its columns
SELECT count(*) FROM ae.detect('SELECT heat, load, valve FROM pump ORDER BY id', '{"updates": 50}', 5);
SELECT DISTINCT json_object_keys("row") FROM ae.detect('SELECT heat AS "ae.rows", load AS "Load", valve FROM pump', '{"updates": 50}', 5) ORDER BY 1;
SELECT n_rows, agreement, rank_correlation FROM ae.compare_models('pump', 'pump', 'SELECT valve, heat, load FROM pump -- all');
CALL ae.train_model('pump', 'SELECT valve, heat, load FROM pump -- all', '{"updates": 50}');
SELECT feature FROM ae.features('pump');
SELECT ae.detect('WITH w AS (DELETE FROM pump RETURNING *) SELECT * FROM w');
\echo :LAST_ERROR_SQLSTATE
CALL ae.train_model('pump', 'WITH w AS (DELETE FROM pump RETURNING *) SELECT * FROM w');
\echo :LAST_ERROR_SQLSTATE
SELECT ae.compare_models('pump', 'pump', 'SELECT 1; SELECT 2');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM pump;
