-- Proves what the scoring functions give, that a score is the same bits whichever way model and
-- row arrive, and that models follow the argument row by row.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

SELECT ae.version() ~ '^\d+\.\d+\.\d+$' AS has_version;

-- nearly a plane in three dimensions, and rows that leave it
CREATE TABLE pts (id int, a float8, b float8, c float8);
INSERT INTO pts
SELECT i, i % 17, (i * 7) % 23, 2 * (i % 17) - (i * 7) % 23 + (i * 5 % 11) / 4.0 FROM generate_series(1, 400) i;
CREATE TABLE odd (id int, a float8, b float8, c float8);
INSERT INTO odd VALUES (1, 8, 11, 90), (2, 8, 11, 900), (3, 8, 11, 9000), (4, 8, 11, 90000);
CREATE TABLE models (name text PRIMARY KEY, model bytea);
ALTER TABLE models ALTER model SET STORAGE EXTERNAL;
INSERT INTO models
SELECT 'rows', ae.train(p, ae.options(exclude => '{id}', code => 2, optimizer => 'lbfgs', updates => 100, seed => 1)) FROM pts p;
INSERT INTO models
SELECT 'arrays', ae.train(ARRAY[a, b, c], ae.options(code => 2, optimizer => 'lbfgs', updates => 100, seed => 1)) FROM pts;

-- types and shapes
SELECT pg_typeof(ae.encode(model, p)) AS encode, cardinality(ae.encode(model, p)) AS n_code,
	pg_typeof(ae.decode(model, ae.encode(model, p))) AS decode,
	cardinality(ae.decode(model, ae.encode(model, p))) AS n_columns,
	pg_typeof(ae.reconstruct(model, p)) AS reconstruct,
	pg_typeof(ae.reconstruction_error(model, p)) AS error,
	pg_typeof(ae.is_anomaly(model, p)) AS is_anomaly
FROM models, pts p WHERE name = 'rows' AND id = 1;

-- decode(encode(x)) is reconstruct(x), rounded to real; the plane is learnt
SELECT bool_and(d[1] = r.a::real AND d[2] = r.b::real AND d[3] = r.c::real) AS decoded_equals,
	bool_and(r.id = p.id) AS others_pass, sqrt(avg((r.c - p.c) ^ 2)) < 0.1 * stddev(p.c) AS learnt
FROM models, pts p, ae.reconstruct(model, p) r, ae.decode(model, ae.encode(model, p)) d
WHERE name = 'rows';

-- the scores and how they hang together
CREATE VIEW scored AS
SELECT t.*, ae.reconstruction_error(model, t) AS error, ae.raw_score(model, t) AS raw,
	ae.p_value(model, t) AS p, ae.anomaly_score(model, t) AS score,
	ae.is_anomaly(model, t) AS flagged, ae.is_anomaly(model, t, 0.2) AS flagged_20
FROM models, (TABLE pts UNION ALL TABLE odd) t WHERE name = 'rows';
SELECT count(*), bool_and(error >= 0) AS error, bool_and(raw = error) AS raw,
	bool_and(p > 0 AND p <= 1) AS p, bool_and(score >= 0 AND score < 1) AS score,
	bool_and(flagged = (p <= 0.01)) AS flagged, bool_and(flagged_20 = (p <= 0.2)) AS flagged_20
FROM scored;
SELECT bool_and(score >= before) AS ordered
FROM (SELECT score, lag(score) OVER (ORDER BY raw) AS before FROM scored) s;
SELECT count(DISTINCT score) AS distinct_at_the_top, bool_and(id < 5) AS odd_rows_on_top
FROM (SELECT * FROM scored ORDER BY score DESC LIMIT 4) s;

-- NULL gives NULL
SELECT ae.encode(NULL, ARRAY[1, 2, 3]) IS NULL AND ae.raw_score(model, NULL::pts) IS NULL
	AND ae.decode(model, NULL) IS NULL AND ae.is_anomaly(model, ARRAY[1, 2, 3], NULL) IS NULL AS is_null
FROM models;

-- what is not finite scores as infinite, and encodes as the mean
SELECT x, ae.reconstruction_error(model, ARRAY[1, x, 3]) AS error,
	ae.p_value(model, ARRAY[1, x, 3]) = ae.p_value(model, ARRAY[0, 0, 1e300]) AS p_is_least,
	ae.anomaly_score(model, ARRAY[1, x, 3]) < 1 AS below_one,
	ae.anomaly_score(model, ARRAY[1, x, 3]) >= ae.anomaly_score(model, ARRAY[0, 0, 1e300]) AS on_top,
	ae.is_anomaly(model, ARRAY[1, x, 3], 0.5) AS flagged,
	ae.encode(model, ARRAY[1, x, 3]) = ae.encode(model, ARRAY[1, m, 3]) AS encodes_as_mean,
	ae.reconstruct(model, ARRAY[1, x, 3]) = ae.reconstruct(model, ARRAY[1, m, 3]) AS as_mean
FROM models, unnest('{NaN,Infinity,-Infinity}'::float8[]) x, (SELECT avg(b) AS m FROM pts) s
WHERE name = 'arrays';

-- a row without a type: the parser's word, which the README repeats
SELECT ae.raw_score(model, '{1,2,3}') FROM models;
\echo :LAST_ERROR_SQLSTATE
PREPARE untyped AS SELECT ae.raw_score(model, $1) FROM models;
\echo :LAST_ERROR_SQLSTATE
PREPARE typed AS SELECT ae.raw_score(model, $1::real[]) >= 0 AS scores FROM models WHERE name = 'arrays';
EXECUTE typed('{1,2,3}');
DEALLOCATE typed;

-- contamination
SELECT ae.is_anomaly(model, p, 1) AS all_of_them, ae.is_anomaly(model, p, 0) AS none
FROM models, pts p WHERE name = 'rows' AND id = 1;
SELECT ae.is_anomaly(model, p, 1.5) FROM models, pts p WHERE name = 'rows';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.is_anomaly(model, p, -0.1) FROM models, pts p WHERE name = 'rows';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.is_anomaly(model, p, contamination => 'NaN') FROM models, pts p WHERE name = 'rows';
\echo :LAST_ERROR_SQLSTATE

-- codes that are none
SELECT ae.decode(model, '{1,2,3}') FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.decode(model, '{}') FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.decode(model, '{{1,2}}') FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.decode(model, '{1,NULL}') FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.decode(model, '{1,NaN}') FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.decode(model, '{-Infinity,1}') FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.decode(model, '[5:6]={0,0}') = ae.decode(model, '{0,0}') AS bounds_do_not_matter FROM models;

-- bytes that are no model
SELECT ae.encode(''::bytea, ARRAY[1, 2]);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.encode('\x00'::bytea, ARRAY[1, 2]);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(substr(model, 1, length(model) - 1), p) FROM models, pts p WHERE name = 'rows';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model || '\x00', p) FROM models, pts p WHERE name = 'rows';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(set_byte(model, 200, get_byte(model, 200) # 1), p) FROM models, pts p WHERE name = 'rows';
\echo :LAST_ERROR_SQLSTATE
-- unqualified, this is another function
SELECT encode('\x6165'::bytea, 'hex');

-- the same bits whichever way the model comes: column, constant, subquery, CTE, parameter, variable
CREATE TABLE truth AS
SELECT id, ae.raw_score(model, p) AS s, ae.encode(model, p) AS h FROM models, pts p WHERE name = 'rows';
CREATE FUNCTION differs(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (%s) q JOIN truth USING (id) WHERE (q.s = truth.s) IS NOT TRUE', query) INTO n;
	RETURN n;
END $$;
SELECT differs(format('SELECT id, ae.raw_score(%L::bytea, p) AS s FROM pts p', model)) AS constant
FROM models WHERE name = 'rows';
SELECT differs($$ SELECT id, ae.raw_score((SELECT model FROM models WHERE name = 'rows'), p) AS s FROM pts p $$) AS subquery,
	differs($$ WITH m AS MATERIALIZED (SELECT model FROM models WHERE name = 'rows')
		SELECT id, ae.raw_score(model, p) AS s FROM m, pts p $$) AS cte,
	differs($$ SELECT id, ae.raw_score(model, ROW(a, b, c)) AS s FROM models, pts WHERE name = 'rows' $$) AS by_position,
	differs($$ SELECT id, ae.raw_score(model, s) AS s FROM models, (SELECT c, id, b, a FROM pts) s WHERE name = 'rows' $$) AS by_name;
PREPARE score(bytea) AS SELECT count(*) FROM pts p JOIN truth USING (id) WHERE ae.raw_score($1, p) <> s;
DO $$
DECLARE m bytea := (SELECT model FROM models WHERE name = 'rows'); n bigint := 0; r pts;
BEGIN
	FOR r IN SELECT * FROM pts LOOP
		n := n + (SELECT count(*) FROM truth WHERE id = r.id AND s <> ae.raw_score(m, r));
	END LOOP;
	RAISE WARNING 'plpgsql: % differ', n;
END $$;
SELECT model AS m FROM models WHERE name = 'rows' \gset
EXECUTE score(:'m');
SET plan_cache_mode = force_generic_plan;
EXECUTE score(:'m');
RESET plan_cache_mode;

-- compressed or not, plain or toasted
CREATE TABLE stored (how text, model bytea);
ALTER TABLE stored ALTER model SET STORAGE PLAIN;
INSERT INTO stored SELECT 'plain', model FROM models WHERE name = 'rows';
ALTER TABLE stored ALTER model SET STORAGE EXTENDED;
INSERT INTO stored SELECT 'extended', model FROM models WHERE name = 'rows';
ALTER TABLE stored ALTER model SET STORAGE MAIN;
INSERT INTO stored SELECT 'main', model FROM models WHERE name = 'rows';
SELECT how, differs(format('SELECT id, ae.raw_score(model, p) AS s FROM pts p, stored WHERE how = %L', how))
FROM stored ORDER BY how;

-- and whichever kernels run, of those that this CPU has; nonsense is refused
CREATE FUNCTION differs_with(kernels text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('ae.kernels', kernels, true);
	RETURN differs(query);
EXCEPTION WHEN invalid_parameter_value THEN
	IF kernels LIKE 'avx%' THEN RETURN 0; END IF;
	RAISE;
END $$;
SELECT kernels,
	differs_with(kernels, $$ SELECT id, ae.raw_score(model, p) AS s FROM models, pts p WHERE name = 'rows' $$) AS scores,
	differs_with(kernels, $$ SELECT id, CASE WHEN ae.encode(model, p) = h THEN s END AS s
		FROM models, pts p JOIN truth USING (id) WHERE name = 'rows' $$) AS codes
FROM unnest('{auto,generic,avx2,avx512}'::text[]) kernels;
SET ae.kernels = 'mmx';
\echo :LAST_ERROR_SQLSTATE

-- and in parallel workers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan_has(query text, what text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%' || what || '%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT plan_has($$ SELECT id, ae.raw_score((SELECT model FROM models WHERE name = 'rows'), p) AS s FROM pts p $$, 'Gather') AS parallel,
	differs($$ SELECT id, ae.raw_score((SELECT model FROM models WHERE name = 'rows'), p) AS s FROM pts p $$) AS differ;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- more models than the cache has room for, one row after the other
INSERT INTO models
SELECT 'seed ' || i, (SELECT ae.train(ARRAY[a, b, c], ae.options(code => 1 + i % 2, epochs => 1, seed => i)) FROM pts)
FROM generate_series(1, 7) i;
CREATE TABLE each AS
SELECT name, ARRAY(SELECT ae.raw_score(m.model, ARRAY[a, b, c]) FROM pts ORDER BY id) AS s
FROM models m WHERE name <> 'rows';
SELECT count(DISTINCT s[1]) AS distinct_models FROM each;
SELECT count(*) AS interleaved_differ
FROM (SELECT id, name, ae.raw_score(model, ARRAY[a, b, c]) AS s FROM pts, models WHERE name <> 'rows' ORDER BY id, name OFFSET 0) q
JOIN each USING (name) WHERE q.s <> each.s[id];

-- a PL/pgSQL expression is kept while its variables change
DO $$
DECLARE m record; n int := 0; x float8[] := (SELECT ARRAY[a, b, c] FROM pts WHERE id = 1);
BEGIN
	FOR i IN 1..2 LOOP
		FOR m IN SELECT models.name, model, s FROM models JOIN each USING (name) LOOP
			IF ae.raw_score(m.model, x) <> m.s[1] THEN n := n + 1; END IF;
		END LOOP;
	END LOOP;
	RAISE WARNING 'loop over models: % wrong', n;
END $$;
-- an error in between leaves nothing half done
DO $$
DECLARE m record; n int := 0; failed int := 0; x float8[] := (SELECT ARRAY[a, b, c] FROM pts WHERE id = 1);
BEGIN
	FOR m IN SELECT model, s[1] AS s FROM models JOIN each USING (name) UNION ALL SELECT '\x6161', 0 FROM generate_series(1, 9) ORDER BY 1 LOOP
		BEGIN
			IF ae.raw_score(m.model, x) <> m.s THEN n := n + 1; END IF;
		EXCEPTION WHEN invalid_binary_representation THEN failed := failed + 1;
		END;
	END LOOP;
	RAISE WARNING 'with broken models between: % wrong, % refused', n, failed;
END $$;

-- an index on the score, through an IMMUTABLE function that holds the model: of columns by ROW(),
-- of an array, and of a whole row
ALTER TABLE pts ADD COLUMN x float8[];
UPDATE pts SET x = ARRAY[a, b, c];
SELECT string_agg(format('CREATE FUNCTION %s RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $f$ SELECT ae.reconstruction_error(%L::bytea, %s) $f$', head, model, input), ';') AS ddl
FROM models JOIN (VALUES ('rows', 'row_error(a float8, b float8, c float8)', 'ROW(a, b, c)'),
	('arrays', 'array_error(x float8[])', 'x'), ('rows', 'whole_error(t pts)', 't')) v(name, head, input) USING (name) \gset
:ddl;
CREATE INDEX pts_row ON pts (row_error(a, b, c) DESC NULLS LAST);
CREATE INDEX pts_array ON pts (array_error(x) DESC NULLS LAST);
CREATE INDEX pts_whole ON pts (whole_error(pts) DESC NULLS LAST);
ANALYZE pts;
CREATE FUNCTION top(query text) RETURNS TABLE (index_used text, ids int[]) LANGUAGE plpgsql AS $$
BEGIN
	SELECT i INTO index_used FROM unnest('{pts_row,pts_array,pts_whole}'::text[]) i WHERE plan_has(query, i);
	EXECUTE format('SELECT array_agg(id) FROM (%s) q', query) INTO ids;
	RETURN NEXT;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT t.index_used, t.ids = ARRAY(SELECT id FROM truth ORDER BY s DESC NULLS LAST, id LIMIT 20) AS right_rows
FROM (VALUES ('SELECT id FROM pts ORDER BY row_error(a, b, c) DESC NULLS LAST LIMIT 20'),
	('SELECT id FROM pts ORDER BY whole_error(pts) DESC NULLS LAST LIMIT 20')) q, top(column1) t;
SELECT t.index_used, t.ids = ARRAY(SELECT id FROM pts ORDER BY (SELECT ae.reconstruction_error(model, x) FROM models WHERE name = 'arrays') DESC LIMIT 20) AS right_rows
FROM top('SELECT id FROM pts ORDER BY array_error(x) DESC NULLS LAST LIMIT 20') t;
-- inserting what is not finite does not fail
INSERT INTO pts VALUES (401, 'NaN', 0, 0, '{NaN,0,0}'), (402, 1, '-Infinity', 0, '{0,Infinity,0}');
SELECT index_used, (SELECT array_agg(i ORDER BY i) FROM unnest(ids) i) AS ids
FROM top('SELECT id FROM pts ORDER BY row_error(a, b, c) DESC NULLS LAST LIMIT 2');
DELETE FROM pts WHERE id > 400;
-- after two columns swap their names, ROW() in the index means the columns it was made of
ALTER TABLE pts RENAME a TO old;
ALTER TABLE pts RENAME c TO a;
ALTER TABLE pts RENAME old TO c;
SELECT t.index_used, t.ids = ARRAY(SELECT id FROM truth ORDER BY s DESC NULLS LAST, id LIMIT 20) AS right_rows
FROM top('SELECT id FROM pts ORDER BY row_error(c, b, a) DESC NULLS LAST LIMIT 20') t;
SELECT t.index_used, t.ids = ARRAY(SELECT id FROM pts ORDER BY (SELECT ae.reconstruction_error(model, x) FROM models WHERE name = 'arrays') DESC LIMIT 20) AS right_rows
FROM top('SELECT id FROM pts ORDER BY array_error(x) DESC NULLS LAST LIMIT 20') t;
ALTER TABLE pts RENAME a TO old;
ALTER TABLE pts RENAME c TO a;
ALTER TABLE pts RENAME old TO c;
RESET enable_seqscan;
RESET enable_sort;

-- a stored generated column
SELECT format('CREATE TABLE gen (a float8, b float8, c float8, error float8 GENERATED ALWAYS AS
	(ae.reconstruction_error(%L::bytea, ROW(a, b, c))) STORED)', model) AS ddl
FROM models WHERE name = 'rows' \gset
:ddl;
INSERT INTO gen SELECT a, b, c FROM pts WHERE id <= 400;
CREATE INDEX ON gen (error DESC NULLS LAST);
SELECT (SELECT array_agg(error ORDER BY error) FROM gen) = (SELECT array_agg(s ORDER BY s) FROM truth) AS same_scores;
INSERT INTO gen (a, b, c) VALUES (1, NULL, 2);

DROP VIEW scored;
DROP FUNCTION top(text), plan_has(text, text), differs_with(text, text), differs(text);
DROP TABLE gen, stored, each, truth, models, odd;
DROP TABLE pts CASCADE;
DROP FUNCTION row_error(float8, float8, float8), array_error(float8[]);
