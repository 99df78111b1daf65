-- Proves: rows that a query reads ahead are scored together, and nobody can tell: the same bits, NULLs, errors
-- at the same row, no row read too many where that could show.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT ae.version() IS NOT NULL AS loaded;

-- arrays with NULLs, infinities and NULL rows; rows with all kinds of columns and a dropped one
CREATE TABLE arrays AS
SELECT i AS id, i % 5 AS g,
       CASE WHEN i % 17 = 0 THEN NULL
            WHEN i % 23 = 0 THEN ARRAY[sin(i), NULL, 'Infinity', 1]
            WHEN i % 29 = 0 THEN '{NULL,NULL,NULL,NULL}'
            ELSE ARRAY[sin(i), cos(i), sin(i) * cos(i), i % 3] END::real[] AS x
FROM generate_series(1, 500) i;
CREATE TABLE whole (gone text, id int, a real, b double precision, c numeric, k text, t timestamptz, f boolean, l int[]);
INSERT INTO whole
SELECT 'x', i, sin(i), nullif(round(cos(i)::numeric, 3), 0), i % 7, 'k' || i % 4, '2026-01-01'::timestamptz + i * interval '1 hour', i % 2 = 0, ARRAY[i % 3, i % 5]
FROM generate_series(1, 500) i;
CREATE TABLE dropped (LIKE whole);
INSERT INTO dropped TABLE whole;
ALTER TABLE dropped DROP COLUMN gone;
CREATE TABLE parted (LIKE whole) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (200);
CREATE TABLE parted_2 (l int[], f boolean, gone text, id int NOT NULL, t timestamptz, a real, b double precision, c numeric, k text);
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (200) TO (1000);
INSERT INTO parted TABLE whole;

CREATE TABLE models (name text, model bytea);
INSERT INTO models SELECT 'arrays', ae.train(x, ae.options(updates => 50)) FROM arrays WHERE NOT x && '{Infinity}';
INSERT INTO models SELECT 'codes', ae.train(x, ae.options(code => 2, updates => 50)) FROM arrays WHERE NOT x && '{Infinity}';
INSERT INTO models SELECT 'rows', ae.train(w, ae.options(exclude => '{id,gone}', updates => 50)) FROM whole w;
INSERT INTO models SELECT 'rowcodes', ae.train(w, ae.options(exclude => '{id,gone}', code => 2, updates => 50)) FROM whole w;
INSERT INTO models SELECT 'three', ae.train(ARRAY[a, b, id]::real[], ae.options(updates => 50)) FROM whole;
INSERT INTO models SELECT 'threecodes', ae.train(ARRAY[a, b, id]::real[], ae.options(code => 2, updates => 50)) FROM whole;
INSERT INTO models SELECT 'level', ae.train(w, ae.options(exclude => '{id,gone}', updates => 50) || ae.target('k')) FROM whole w;
INSERT INTO models SELECT 'number', ae.train(w, ae.options(exclude => '{id,gone}', folds => 1, updates => 50) || ae.target('c')) FROM whole w;
SELECT ae.save_model('batch_rows', model) IS NOT NULL AS saved FROM models WHERE name = 'rows';
ANALYZE;

-- what a plan looks like
EXPLAIN (COSTS OFF, VERBOSE) SELECT id, ae.anomaly_score((SELECT model FROM models WHERE name = 'arrays'), x) FROM arrays WHERE g = 1;
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM whole w, models m WHERE m.name = 'rows' AND id > 100 AND ae.anomaly_score(model, w) > 0.9;
EXPLAIN (COSTS OFF, VERBOSE) SELECT k, avg(ae.raw_score((SELECT model FROM models WHERE name = 'rows'), ROW(a, b, c, k, t, f, l))) FROM whole GROUP BY k;
EXPLAIN (COSTS OFF) SELECT id, ae.p_value((SELECT model FROM models WHERE name = 'rows'), p) FROM parted p;
EXPLAIN (COSTS OFF, VERBOSE) SELECT g, avg(ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x)) FROM (SELECT g, x FROM arrays ORDER BY id OFFSET 0) s GROUP BY g;

-- the same with and without, bit for bit; and calls that were not made
CREATE FUNCTION saved(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE line text; n int := 0;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, SUMMARY OFF, COSTS OFF) ' || query LOOP
    IF line ~ 'Calls Saved' THEN n := n + substring(line FROM '\d+')::int; END IF;
  END LOOP;
  RETURN n;
END $$;
CREATE FUNCTION has_node(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    IF line ~ 'AeBatch' THEN RETURN true; END IF;
  END LOOP;
  RETURN false;
END $$;
CREATE FUNCTION compare(query text, OUT n bigint, OUT different bigint, OUT saved int) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('ae.batch_rows', '0', false);
  EXECUTE 'CREATE TEMP TABLE alone AS ' || query;
  PERFORM set_config('ae.batch_rows', '24', false);
  EXECUTE 'CREATE TEMP TABLE together AS ' || query;
  SELECT count(*) FROM together INTO n;
  SELECT count(*) FROM ((TABLE alone EXCEPT ALL TABLE together) UNION ALL (TABLE together EXCEPT ALL TABLE alone)) d INTO different;
  DROP TABLE alone, together;
  saved := saved(query);
END $$;
CREATE TABLE functions (function text, codes boolean);
INSERT INTO functions VALUES ('ae.reconstruction_error(%s)', false), ('ae.raw_score(%s)', false), ('ae.p_value(%s)', false),
  ('ae.anomaly_score(%s)', false), ('ae.is_anomaly(%s)', false), ('ae.is_anomaly(%s, 0.2)', false), ('ae.encode(%s)', true), ('ae.encode_bits(%s)::text', true);
CREATE TABLE forms (form text, query text, argument text, scores text, codes text);
INSERT INTO forms VALUES
  ('array', 'arrays', 'x', 'arrays', 'codes'),
  ('array in a condition', 'arrays WHERE g < 3', 'x', 'arrays', 'codes'),
  ('array of columns', 'whole', 'ARRAY[a, b, id]::real[]', 'three', 'threecodes'),
  ('array of double precision', 'whole', 'ARRAY[a, b, id]', 'three', 'threecodes'),
  ('whole row', 'whole w', 'w', 'rows', 'rowcodes'),
  ('row of columns', 'whole w', 'ROW(a, b, c, k, t, f, l)', 'rows', 'rowcodes'),
  ('dropped column', 'dropped w', 'w', 'rows', 'rowcodes'),
  ('partitions', 'parted p', 'p', 'rows', 'rowcodes'),
  ('subquery', '(SELECT id, a, b, c, k, t, f, l FROM whole OFFSET 0) s', 's', 'rows', 'rowcodes'),
  ('join', 'whole w JOIN arrays a USING (id)', 'w', 'rows', 'rowcodes'),
  ('outer join', 'arrays a LEFT JOIN (SELECT * FROM whole WHERE id < 300) w USING (id)', 'w', 'rows', 'rowcodes');
SELECT form, regexp_replace(function, '\(.*?(, 0.2)?\)', '\1') AS function, c.*
FROM forms f, functions n, LATERAL compare(format('SELECT id, %s AS v FROM %s',
       format(function, format('(SELECT model FROM models WHERE name = %L), %s', CASE WHEN n.codes THEN f.codes ELSE scores END, argument)), query)) c
ORDER BY form, function;
SELECT compare('SELECT id, ae.predict((SELECT model FROM models WHERE name = ''level''), w) AS p FROM whole w');
SELECT compare('SELECT id, ae.predict((SELECT model FROM models WHERE name = ''number''), ROW(a, b, k, t, f, l)) AS p FROM whole w');
SELECT compare('SELECT id, ae.reconstruct((SELECT model FROM models WHERE name = ''arrays''), x) AS r FROM arrays');
SELECT compare('SELECT id, ae.reconstruct((SELECT model FROM models WHERE name = ''three''), ARRAY[a, b, id]) AS r FROM whole');
-- not of rows, where a column's type may refuse
SELECT compare('SELECT id, ae.reconstruct((SELECT model FROM models WHERE name = ''rows''), w) AS r FROM whole w');

-- models: by name, by parameter, several beside each other
SELECT compare('SELECT id, ae.anomaly_score(''batch_rows'', w) FROM whole w');
SELECT compare('SELECT id, name, ae.anomaly_score(model, x) FROM arrays, models WHERE name IN (''arrays'', ''codes'')');
SELECT compare('SELECT id, name, ae.raw_score(model, x) AS r FROM models, arrays WHERE name IN (''arrays'', ''codes'') ORDER BY id, name');
SELECT compare('SELECT id, ae.anomaly_score((SELECT model FROM models WHERE name = ''arrays''), x) AS a, ae.p_value((SELECT model FROM models WHERE name = ''codes''), x) AS p FROM arrays');
-- scores of one model and row are made once
SELECT compare('SELECT id, ae.anomaly_score(model, w) AS a, ae.p_value(model, w) AS p, ae.is_anomaly(model, w) AS i FROM whole w, models WHERE name = ''rows'' AND ae.raw_score(model, w) > -1');
-- in all places
SELECT compare('SELECT id FROM arrays ORDER BY ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) DESC NULLS LAST, id LIMIT 40');
SELECT compare('SELECT g, count(*), sum(ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x)) AS s FROM arrays GROUP BY g');
SELECT compare('SELECT g, count(*) FILTER (WHERE ae.is_anomaly((SELECT model FROM models WHERE name = ''arrays''), x)) AS c FROM arrays GROUP BY g');
-- a window function looks at the rows that it needs, and no others are taken along; nor across grouping sets
SELECT compare('SELECT id, sum(ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x)) OVER (PARTITION BY g ORDER BY id) AS s FROM arrays');
SELECT compare('SELECT g, ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) AS r, sum(ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x)) AS s FROM arrays GROUP BY g, ROLLUP (x)');
SELECT compare('SELECT a.id, (SELECT sum(ae.raw_score(m.model, b.x)) FROM arrays b WHERE b.g = a.g AND b.id < 100) AS s FROM arrays a, models m WHERE m.name = ''arrays'' AND a.id < 30');
SELECT compare('SELECT tableoid::regclass AS o, ctid AS place, ae.raw_score((SELECT model FROM models WHERE name = ''rows''), p) AS r FROM parted p');
SELECT compare('SELECT count(*) AS n, sum(ae.raw_score(model, w)) AS s FROM whole w JOIN models ON ae.is_anomaly(model, w, 0.5) WHERE name = ''rows''');
SELECT compare('SELECT id, (ae.encode((SELECT model FROM models WHERE name = ''codes''), x))[1] AS c, CASE WHEN g = 1 THEN ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) END AS r FROM arrays');
SELECT (compare('SELECT DISTINCT ae.encode_bits((SELECT model FROM models WHERE name = ''codes''), x)::text AS b FROM arrays')).different;

-- parallel workers
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE arrays SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT count(*) FROM arrays WHERE ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) > 1;
SELECT (compare('SELECT id FROM arrays WHERE ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) > 1')).different;
SELECT (compare('SELECT id, ae.encode((SELECT model FROM models WHERE name = ''codes''), x) AS c FROM arrays')).different;
SET max_parallel_workers_per_gather = 0;

-- statements that write
CREATE TABLE scored AS SELECT id, 0.0::float8 AS s, x FROM arrays;
ANALYZE scored;
SELECT has_node('UPDATE scored SET s = ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x)');
UPDATE scored SET s = ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x);
SELECT count(*) FROM scored JOIN arrays USING (id) WHERE s IS DISTINCT FROM ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), arrays.x);
-- a column that old rows do not have
ALTER TABLE scored ADD COLUMN late int DEFAULT 7;
UPDATE scored SET s = late + ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x);
SELECT count(*) FROM scored WHERE s IS DISTINCT FROM 7 + ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x);
WITH d AS (DELETE FROM scored WHERE ae.is_anomaly((SELECT model FROM models WHERE name = 'arrays'), x, 0.3) RETURNING id)
SELECT count(*) = (SELECT count(*) FROM arrays WHERE ae.is_anomaly((SELECT model FROM models WHERE name = 'arrays'), x, 0.3)) AS deleted FROM d;
CREATE TABLE filed (n serial, id int, s float8);
SELECT has_node('INSERT INTO filed (id, s) SELECT id, ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) FROM arrays');
INSERT INTO filed (id, s) SELECT id, ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) FROM arrays;
SELECT count(*), count(DISTINCT n), max(n), count(*) FILTER (WHERE n <> id) FROM filed;
BEGIN;
SELECT count(*) FROM (SELECT id FROM arrays WHERE ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) > -1 FOR UPDATE) s;
COMMIT;

-- where reading ahead could show, nobody does
CREATE SEQUENCE counter;
CREATE FUNCTION loud(i int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN IF i > 12 THEN RAISE EXCEPTION 'row % is read', i; END IF; RETURN true; END $$;
CREATE TABLE refused (why text, query text);
INSERT INTO refused VALUES
  ('volatile below', 'SELECT id FROM (SELECT id, x, nextval(''counter'') AS n FROM arrays OFFSET 0) s WHERE ae.raw_score(:model, x) > 0'),
  ('volatile condition', 'SELECT id FROM arrays WHERE random() < 2 AND ae.raw_score(:model, x) > 0'),
  ('leaky below LIMIT', 'SELECT id FROM arrays WHERE loud(id) AND ae.raw_score(:model, x) > 0 LIMIT 5'),
  ('leaky in EXISTS', 'SELECT 1 WHERE EXISTS (SELECT FROM arrays WHERE loud(id) AND ae.raw_score(:model, x) > 0)'),
  ('locks in a subquery', 'SELECT ae.raw_score(:model, x) FROM (SELECT x FROM arrays FOR UPDATE) s'),
  ('writes in a WITH', 'WITH w AS (INSERT INTO filed (id) SELECT 1 RETURNING id) SELECT ae.raw_score(:model, x) FROM arrays, w'),
  ('few rows', 'SELECT ae.raw_score(:model, x) FROM arrays WHERE id = 3'),
  ('conditional', 'SELECT CASE WHEN id > 3 THEN ae.raw_score(:model, x) END FROM arrays'),
  ('a row that may fail', 'SELECT ae.raw_score(:model, ARRAY[1 / id, 2, 3, 4]) FROM arrays'),
  ('no call', 'SELECT count(*) FROM arrays WHERE g = 1');
SELECT why, has_node(replace(query, ':model', '(SELECT model FROM models WHERE name = ''arrays'')')) FROM refused;
SELECT count(*) FROM (SELECT id FROM arrays WHERE loud(id) AND ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) > 0 LIMIT 5) s;
SELECT count(*) FROM (SELECT id, nextval('counter') FROM arrays WHERE ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) > 0 LIMIT 5) s;
SELECT last_value FROM counter;

-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM arrays WHERE ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) > 0;
MOVE 30 IN c;
FETCH BACKWARD 2 FROM c;
DECLARE u CURSOR FOR SELECT id FROM scored WHERE ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) > 0 FOR UPDATE;
FETCH 3 FROM u;
UPDATE scored SET s = -1 WHERE CURRENT OF u RETURNING id;
ROLLBACK;

-- errors come at their row, and not at all for rows that nobody asks for
CREATE TABLE broken AS SELECT id, CASE WHEN id = 120 THEN '{1,2}'::real[] ELSE x END AS x FROM arrays;
ANALYZE broken;
CREATE FUNCTION rows_before_error(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; n int := 0;
BEGIN
  FOR r IN EXECUTE query LOOP n := n + 1; END LOOP;
  RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN RETURN n || ' rows, then ' || SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT has_node('SELECT ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) FROM broken');
SET ae.batch_rows = 0;
SELECT rows_before_error('SELECT ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) FROM broken');
SELECT rows_before_error('SELECT ae.encode((SELECT model FROM models WHERE name = ''arrays''), x) FROM broken');
SELECT rows_before_error('SELECT ae.raw_score(''\x00''::bytea, x) FROM broken');
SET ae.batch_rows = 24;
SELECT rows_before_error('SELECT ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) FROM broken');
SELECT rows_before_error('SELECT ae.encode((SELECT model FROM models WHERE name = ''arrays''), x) FROM broken');
SELECT rows_before_error('SELECT ae.raw_score(''\x00''::bytea, x) FROM broken');
SELECT count(r) FROM (SELECT ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) AS r FROM broken LIMIT 119) s;
SELECT count(r) FROM (SELECT ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) AS r, count(*) OVER () FROM broken LIMIT 1) s;
UPDATE whole SET b = 1e300 WHERE id = 400;
SELECT rows_before_error('SELECT ae.raw_score((SELECT model FROM models WHERE name = ''three''), ARRAY[a, b, id]::real[]) FROM whole ORDER BY id');
SELECT count(r) FROM (SELECT ae.raw_score((SELECT model FROM models WHERE name = 'three'), ARRAY[a, b, id]::real[]) AS r FROM whole LIMIT 390) s;
SELECT rows_before_error('SELECT ae.raw_score((SELECT model FROM models WHERE name = ''arrays''), x) FROM broken');

-- a setting that changes between planning and execution; two executions of one plan at a time
PREPARE scores AS SELECT sum(ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x)) AS s FROM arrays;
CREATE TEMP TABLE sum_24 AS EXECUTE scores;
SET ae.batch_rows = 0;
CREATE TEMP TABLE sum_0 AS EXECUTE scores;
SET ae.batch_rows = 5;
CREATE TEMP TABLE sum_5 AS EXECUTE scores;
SET ae.batch_rows = 1000;
CREATE TEMP TABLE sum_1000 AS EXECUTE scores;
RESET ae.batch_rows;
SELECT count(*), count(DISTINCT s) FROM (TABLE sum_24 UNION ALL TABLE sum_0 UNION ALL TABLE sum_5 UNION ALL TABLE sum_1000) s;
CREATE FUNCTION nested(depth int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE r record; total float8 := 0; n int := 0;
BEGIN
  FOR r IN SELECT id, ae.raw_score((SELECT model FROM models WHERE name = 'arrays'), x) AS s FROM arrays WHERE x IS NOT NULL AND NOT x && '{Infinity}' ORDER BY id LOOP
    n := n + 1;
    IF n = 20 AND depth > 0 THEN total := total + nested(depth - 1); END IF;
    total := total + coalesce(r.s, 0);
  END LOOP;
  RETURN total;
END $$;
SELECT abs(nested(2) - 3 * nested(0)) < 1e-9 * nested(0) AS same;

-- below nodes of every kind, with all of them
SET ae.batch_always = on;
SELECT count(*), sum(a.id) FROM arrays a JOIN whole w USING (id) LEFT JOIN arrays b ON b.id = w.id + 1 WHERE a.g <> 2 AND w.k > 'k0';
SELECT id, (SELECT max(b.id) FROM arrays b WHERE b.g = a.g AND b.id < a.id) FROM arrays a WHERE id BETWEEN 10 AND 14 ORDER BY id;
SELECT k, count(*), sum(count(*)) OVER (ORDER BY k) FROM parted WHERE f GROUP BY k ORDER BY k;
RESET ae.batch_always;

SELECT ae.drop_model('batch_rows');
DROP TABLE arrays, whole, dropped, parted, models, functions, forms, scored, filed, refused, broken;
DROP SEQUENCE counter;
DROP FUNCTION saved, has_node, compare, loud, rows_before_error, nested;
