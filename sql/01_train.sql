-- ae.train: every kind of row gives a model, the same rows give the same bytes in any order, plan
-- and memory, and rows that nothing can be learned from are refused by name.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

CREATE TABLE measurements AS
SELECT i AS id, i % 3 AS grp, i % 4 = 0 AS flag,
	sin(i)::real AS a,
	2 * sin(i) + 0.1 * cos(1.7 * i) AS b,
	(100 * cos(i))::numeric(10, 4) AS c,
	(i % 10)::smallint AS d,
	i::bigint * 1000000 AS e
FROM generate_series(1, 1200) i;

-- a net of moderate size and a short training: what most tests below use
CREATE FUNCTION quick(more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT ae.options(exclude => '{id,grp}', code => 3, hidden => '{8}', updates => 30) || more $$;

-- arrays of every numeric type, typed as they come
SELECT kind, jsonb_path_query(d, '$.columns') AS columns, d->>'row_type' AS row_type
FROM (
	SELECT 'smallint' AS kind, ae.describe(ae.train(ARRAY[d, d * d]::smallint[],
		ae.options(code => 1, updates => 5))) AS d FROM measurements
	UNION ALL SELECT 'integer', ae.describe(ae.train(ARRAY[d, grp, id],
		ae.options(code => 1, updates => 5))) FROM measurements
	UNION ALL SELECT 'bigint', ae.describe(ae.train(ARRAY[e, id],
		ae.options(code => 1, updates => 5))) FROM measurements
	UNION ALL SELECT 'numeric', ae.describe(ae.train(ARRAY[c, d],
		ae.options(code => 1, updates => 5))) FROM measurements
	UNION ALL SELECT 'real', ae.describe(ae.train(ARRAY[a, a * a],
		ae.options(code => 1, updates => 5))) FROM measurements
	UNION ALL SELECT 'double precision', ae.describe(ae.train(ARRAY[a, b],
		ae.options(code => 1, updates => 5))) FROM measurements
) t;

-- composite rows: a table's, a view's, a subquery's, a ROW()
SELECT ae.describe(ae.train(m, quick()))->'options'->'columns' AS of_a_table FROM measurements m;
CREATE VIEW measured AS SELECT a AS alpha, b AS "Beta b", flag FROM measurements;
SELECT ae.describe(ae.train(v, ae.options(code => 1, updates => 5)))->'options'->'columns' AS of_a_view
FROM measured v;
SELECT ae.describe(ae.train(s, ae.options(code => 1, updates => 5)))->'options'->'columns' AS of_a_subquery
FROM (SELECT a AS x, b + c AS y FROM measurements) s;
SELECT ae.describe(ae.train(ROW(a, b), ae.options(code => 1, updates => 5)))->'options'->'columns' AS of_a_row
FROM measurements;
SELECT ae.describe(ae.train(m, ae.options(columns => '{c,a}', code => 1, updates => 5)))->'options'->'columns'
	AS chosen FROM measurements m;

-- without options: a wide net that detects
SELECT d->'options'->>'purpose' AS purpose, d->'network'->'widths' AS widths,
	(d->'training'->>'train_loss')::float8 < 0.3 * (d->'training'->>'mean_loss')::float8 AS learned
FROM (SELECT ae.describe(ae.train(s)) AS d FROM (SELECT a, b, c, flag FROM measurements) s) t;

---- the same rows, the same bytes

CREATE TABLE reference AS SELECT ae.train(m, quick()) AS model FROM measurements m;

SELECT 'again' AS what, ae.train(m, quick()) = (SELECT model FROM reference) AS same FROM measurements m
UNION ALL
SELECT 'shuffled', ae.train(m, quick() ORDER BY md5(id::text)) = (SELECT model FROM reference) FROM measurements m
UNION ALL
SELECT 'backwards', ae.train(m, quick()) = (SELECT model FROM reference)
FROM (SELECT * FROM measurements ORDER BY id DESC) m
UNION ALL
SELECT 'distinct', ae.train(DISTINCT m, quick()) = (SELECT model FROM reference) FROM measurements m
UNION ALL
SELECT 'null rows between', ae.train(m, quick()) = (SELECT model FROM reference)
FROM (SELECT m FROM measurements m UNION ALL SELECT NULL FROM generate_series(1, 10)) AS s(m)
UNION ALL
SELECT 'filter', ae.train(m, quick()) FILTER (WHERE m.id <= 1200) = (SELECT model FROM reference)
FROM (TABLE measurements UNION ALL SELECT id + 1200, grp, flag, 0, 0, 0, 0::smallint, 0 FROM measurements) m;

-- another seed is another model, another set of rows too
SELECT ae.train(m, quick(ae.options(seed => 1))) = (SELECT model FROM reference) AS same FROM measurements m;
SELECT ae.train(m, quick()) = (SELECT model FROM reference) AS same FROM measurements m WHERE id > 1;

-- with a parallel scan below
CREATE TABLE many AS SELECT i AS id, sin(i) AS a, cos(i) AS b, sin(2 * i) AS c, cos(2 * i) AS d, i % 17 AS e
FROM generate_series(1, 40000) i;
ANALYZE many;
CREATE TABLE of_many AS SELECT 'serial'::text AS how, ae.train(m, ae.options(code => 2, updates => 40)) AS model
FROM many m;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%' || node || '%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT plan_has('SELECT ae.train(m, ae.options(code => 2)) FROM many m', 'Parallel Seq Scan') AS parallel_scan,
	plan_has('SELECT ae.train(m, ae.options(code => 2)) FROM many m', 'Partial Aggregate') AS partial_aggregate;
INSERT INTO of_many SELECT 'parallel', ae.train(m, ae.options(code => 2, updates => 40)) FROM many m;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;

-- with rows in a temporary file, for every way of training
SET maintenance_work_mem = '1MB';
INSERT INTO of_many SELECT 'from disk', ae.train(m, ae.options(code => 2, updates => 40)) FROM many m;
CREATE TABLE two_ways AS SELECT 'adam, epochs'::text AS how,
	ae.train(m, ae.options(code => 2, epochs => 2, validation => 0.3, patience => 1)) AS model FROM many m;
INSERT INTO two_ways SELECT 'lbfgs',
	ae.train(m, ae.options(code => 2, hidden => '{}', updates => 5, optimizer => 'lbfgs', validation => 0)) FROM many m;
SET maintenance_work_mem = '256MB';
INSERT INTO two_ways SELECT 'adam, epochs',
	ae.train(m, ae.options(code => 2, epochs => 2, validation => 0.3, patience => 1)) FROM many m;
INSERT INTO two_ways SELECT 'lbfgs',
	ae.train(m, ae.options(code => 2, hidden => '{}', updates => 5, optimizer => 'lbfgs', validation => 0)) FROM many m;
RESET maintenance_work_mem;
SELECT count(*) AS ways, count(DISTINCT model) AS models FROM of_many;
SELECT how, count(*) AS ways, count(DISTINCT model) AS models FROM two_ways GROUP BY how ORDER BY how;

-- groups: each is trained as if it were alone, by sorting and by hashing
CREATE TABLE alone AS SELECT 0 AS grp, ae.train(m, quick()) AS model FROM measurements m WHERE grp = 0;
INSERT INTO alone SELECT 1, ae.train(m, quick()) FROM measurements m WHERE grp = 1;
INSERT INTO alone SELECT 2, ae.train(m, quick()) FROM measurements m WHERE grp = 2;
SELECT g.grp, g.model = alone.model AS same
FROM (SELECT grp, ae.train(m, quick()) AS model FROM measurements m GROUP BY grp) g JOIN alone USING (grp) ORDER BY grp;
SET enable_sort = off;
SET work_mem = '1GB';
SELECT g.grp, g.model = alone.model AS same
FROM (SELECT grp, ae.train(m, quick()) AS model FROM measurements m GROUP BY grp) g JOIN alone USING (grp) ORDER BY grp;
RESET enable_sort;
RESET work_mem;

-- options may change from group to group, but not within one
SELECT grp, ae.describe(ae.train(m, quick(ae.options(code => grp + 1))))->'options'->'code' AS code
FROM measurements m GROUP BY grp ORDER BY grp;
SELECT ae.train(m, quick(ae.options(code => grp + 1))) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(m, CASE WHEN id < 100 THEN quick() END) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
-- equal options need not be written alike
SELECT ae.train(m, CASE WHEN id < 100 THEN '{"code": 3, "updates": 30, "hidden": [8], "exclude": ["id", "grp"]}'
	ELSE '{"exclude":["id","grp"],"hidden":[8],"updates":30,"code":3}'::jsonb END) = (SELECT model FROM reference) AS same
FROM measurements m;

---- a start from another model

SELECT d->'network'->'widths' = r->'network'->'widths' AS same_network,
	(d->'training'->>'train_loss')::float8 < 0.9 * (r->'training'->>'train_loss')::float8 AS goes_on
FROM (SELECT ae.describe(ae.train(m, ae.options(updates => 200), (SELECT model FROM reference))) AS d FROM measurements m) t,
	(SELECT ae.describe(model) AS r FROM reference) u;
SELECT ae.train(m, quick(), (SELECT model FROM reference)) = ae.train(m, quick(), (SELECT model FROM reference)) AS same,
	ae.train(m, quick(), NULL) = (SELECT model FROM reference) AS null_is_none
FROM measurements m;
SELECT ae.train(m, ae.options(code => 2, hidden => '{4}', loss => 'bce', noise => 0), (SELECT model FROM reference)) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(m, ae.options(exclude => '{a}'), (SELECT model FROM reference)) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s, '{}', (SELECT model FROM reference)) FROM (SELECT a, b, flag FROM measurements) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(m, '{}', '\x00'::bytea) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(m, '{}', CASE WHEN id < 100 THEN (SELECT model FROM reference) END) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE

---- rows that nothing can be learned from

SELECT ae.train(m) IS NULL AS no_model FROM measurements m WHERE false;
SELECT ae.train(m) IS NULL AS no_model FROM (SELECT NULL::measurements FROM measurements) AS s(m);
SELECT ae.train(m) IS NULL AS no_model FROM measurements m WHERE id = 1;
SELECT ae.train(ARRAY[1, 2, 3]) IS NULL AS no_model FROM measurements;
SELECT length(ae.train(ARRAY[1, d, 2, a, 3, 4, 5, 6, 7], ae.options(code => 1, updates => 5))) > 0 AS model FROM measurements;
SELECT length(ae.train(m, quick())) > 0 AS of_two_rows FROM measurements m WHERE id <= 2;

---- rows that are refused

SELECT ae.train(s) FROM (SELECT a, CASE WHEN id = 7 THEN 'NaN' ELSE b END AS b FROM measurements) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT a, CASE WHEN id = 7 THEN '-Infinity' ELSE b END AS b FROM measurements) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[a, CASE WHEN id = 7 THEN 'Infinity' ELSE a END]) FROM measurements;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT a, CASE WHEN id = 7 THEN 'NaN' ELSE c END AS c FROM measurements) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT CASE id WHEN 7 THEN 1e300 WHEN 8 THEN -1e300 ELSE b END AS b FROM measurements) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) IS NOT NULL AS trained_with_null FROM (SELECT a, nullif(id, 7) AS id FROM measurements) s;
SELECT ae.train(ARRAY[a, nullif(b, b)]) IS NOT NULL AS trained_with_null FROM measurements;
SELECT ae.train(CASE WHEN id < 100 THEN ARRAY[a, b] ELSE ARRAY[a, b, b] END) FROM measurements;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[[a, b], [b, a]]) FROM measurements;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY['a', 'b']) FROM measurements;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(a) FROM measurements;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT a, '{}'::json AS notes FROM measurements) s;
\echo :LAST_ERROR_SQLSTATE
SELECT length(ae.train(s, ae.options(exclude => '{notes}', code => 1, updates => 5))) > 0 AS model
FROM (SELECT a, b, '{}'::json AS notes FROM measurements) s;
SELECT ae.train(m, ae.options(columns => '{a,wind}')) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(m, quick()) OVER (ORDER BY id) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train('{1,2}') FROM measurements;
\echo :LAST_ERROR_SQLSTATE

---- sizes, time, and training that goes wrong

-- as many columns as a table can have
DO $$
BEGIN
	EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg('c' || i || ' real', ', ' ORDER BY i) FROM generate_series(1, 1600) i) || ')';
	EXECUTE 'INSERT INTO wide SELECT ' || (SELECT string_agg('sin(i * ' || i || ')', ', ' ORDER BY i) FROM generate_series(1, 1600) i)
		|| ' FROM generate_series(1, 20) i';
END $$;
SELECT d->'columns' AS columns, d->'network'->'widths' AS widths
FROM (SELECT ae.describe(ae.train(w, ae.options(code => 4, hidden => '{}', updates => 3))) AS d FROM wide w) t;
-- a net that no model can hold
SELECT ae.train(m, quick(ae.options(code => 65536, hidden => '{65536}'))) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE

-- a cancelled training ends at once, and leaves nothing that hurts the next one
SET statement_timeout = '300ms';
SELECT ae.train(m, quick(ae.options(updates => 1000000000))) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(m, quick(ae.options(updates => 1000000000, optimizer => 'lbfgs', hidden => '{512,512}'))) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
SELECT ae.train(m, quick()) = (SELECT model FROM reference) AS same FROM measurements m;

-- steps far too long: an error, or the last good weights, but never weights that are not numbers
SELECT ae.train(m, quick(ae.options(optimizer => 'sgd', learning_rate => 1e6, warmup => 0))) FROM measurements m;
\echo :LAST_ERROR_SQLSTATE

-- the temporary tables of rows are gone
SELECT count(*) AS temporary_files FROM pg_ls_tmpdir();
DROP TABLE measurements, reference, many, of_many, two_ways, alone, wide CASCADE;
DROP FUNCTION quick, plan_has;
