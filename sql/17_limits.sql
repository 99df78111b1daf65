-- Proves that sizes are summed before they are believed, that a type may change while its rows are read, that
-- a user's cast always has a snapshot, and that what does not fit in memory is an error that says so.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

-- lengths of arrays whose sum does not fit 32 bits
CREATE FUNCTION train_arrays(n int, len int) RETURNS text LANGUAGE sql AS $$
	SELECT 'SELECT ae.train(s) FROM (SELECT ' || string_agg(format('a AS a%s', i), ', ')
		|| ', array_fill(0::real, ARRAY[33]) AS b FROM (SELECT array_fill(NULL::real, ARRAY[' || len || ']) AS a OFFSET 0) x) s'
	FROM generate_series(1, n) i
$$;
SELECT train_arrays(32, 134217727) AS query \gset
:query;
\echo :LAST_ERROR_SQLSTATE
SELECT train_arrays(2, 32752) AS query \gset
:query;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(array_fill(0::real, ARRAY[65537]));
\echo :LAST_ERROR_SQLSTATE

-- rows that wait for the length of an array are read before the procedure commits
CREATE TYPE pair AS (x float8, y float8);
CREATE FUNCTION reals(pair) RETURNS real[] LANGUAGE sql IMMUTABLE AS 'SELECT ARRAY[($1).x, ($1).y]::real[]';
CREATE CAST (pair AS real[]) WITH FUNCTION reals(pair);
CREATE TABLE pairs AS SELECT ROW(sin(i), cos(i))::pair AS p, NULL::real[] AS gone FROM generate_series(1, 100) i;
CALL ae.train_model('pairs', 'pairs', '{"updates": 2}');
SELECT feature, kind FROM ae.features('pairs');
-- the same bytes as where nothing had to wait
SELECT ae.anomaly_score('pairs', t) = ae.anomaly_score(model, t) AS same
FROM pairs t, (SELECT ae.train(t, '{"exclude": ["gone"], "updates": 2}') AS model FROM pairs t) m LIMIT 1;

-- arguments that are toasted, of a procedure that has committed
CREATE TABLE arguments (query text, options jsonb);
ALTER TABLE arguments ALTER query SET STORAGE EXTERNAL, ALTER options SET STORAGE EXTERNAL;
INSERT INTO arguments SELECT 'SELECT * FROM pairs -- ' || repeat('x', 10000),
	jsonb_build_object('updates', 2, 'exclude', (SELECT jsonb_agg('gone'::text) FROM generate_series(1, 2000)));
CREATE FUNCTION late_query() RETURNS text LANGUAGE sql STABLE AS 'SELECT query FROM arguments';
CREATE FUNCTION late_options() RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT options FROM arguments';
DO $$
BEGIN
	COMMIT;
	CALL ae.train_model('late', late_query(), late_options());
END $$;
SELECT feature FROM ae.features('late');

-- a cast that is replaced while an expression is kept
DO $$
DECLARE
	v pair := ROW(0.5, 0.25);
	m bytea := (SELECT model FROM ae.models WHERE name = 'pairs');
	before float8;
	after float8;
BEGIN
	FOR i IN 1..2 LOOP
		after := ae.reconstruction_error(m, ROW(v, NULL::real[])::pairs);
		IF i = 1 THEN
			before := after;
			DROP CAST (pair AS real[]);
			DROP FUNCTION reals(pair);
			CREATE FUNCTION reals(pair) RETURNS real[] LANGUAGE sql IMMUTABLE AS 'SELECT ARRAY[($1).x + 7, ($1).y]::real[]';
			CREATE CAST (pair AS real[]) WITH FUNCTION reals(pair);
		END IF;
	END LOOP;
	RAISE WARNING 'the new cast counts: %', after > before;
END $$;
-- the same of a type that is a row itself
CREATE FUNCTION reals(point) RETURNS real[] LANGUAGE sql IMMUTABLE AS 'SELECT ARRAY[$1[0], $1[1]]::real[]';
CREATE CAST (point AS real[]) WITH FUNCTION reals(point);
DO $$
DECLARE
	v point := '(0.5, 0.25)';
	m bytea := (SELECT ae.train(point(sin(i), cos(i)), '{"updates": 2}') FROM generate_series(1, 100) i);
	before float8;
	after float8;
BEGIN
	FOR i IN 1..2 LOOP
		after := ae.reconstruction_error(m, v);
		IF i = 1 THEN
			before := after;
			DROP CAST (point AS real[]);
			DROP FUNCTION reals(point);
			CREATE FUNCTION reals(point) RETURNS real[] LANGUAGE sql IMMUTABLE AS 'SELECT ARRAY[$1[0] + 7, $1[1]]::real[]';
			CREATE CAST (point AS real[]) WITH FUNCTION reals(point);
		END IF;
	END LOOP;
	RAISE WARNING 'the new cast counts: %', after > before;
END $$;
DROP CAST (point AS real[]);

-- a type that grows while its rows are read, before any of them told how long its array is
CREATE TYPE growing AS (a float8, b float8[]);
CREATE FUNCTION grown(i int, change text) RETURNS growing LANGUAGE plpgsql AS $$
DECLARE r growing;
BEGIN
	IF i = 5 THEN
		FOR k IN 1..200 LOOP EXECUTE format(change, k); END LOOP;
	END IF;
	EXECUTE 'SELECT (json_populate_record(NULL::growing, $1)).*' INTO r USING json_build_object('a', i, 'b', CASE WHEN i > 40 THEN '[1,2]'::json END);
	RETURN r;
END $$;
SELECT ae.train(grown(i, 'ALTER TYPE growing ADD ATTRIBUTE x%s float8'), '{"updates": 2}') FROM generate_series(1, 50) i;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(grown(i, 'SELECT %s'), '{"updates": 2}') IS NOT NULL AS trained FROM generate_series(1, 50) i;
-- after the first row has told all there is to know
CREATE TYPE shrinking AS (a float8, b float8, c float8);
CREATE FUNCTION shrunk(i int) RETURNS shrinking LANGUAGE plpgsql AS $$
DECLARE r shrinking;
BEGIN
	IF i = 5 THEN
		ALTER TYPE shrinking DROP ATTRIBUTE c;
		ALTER TYPE shrinking ADD ATTRIBUTE d float8;
	END IF;
	EXECUTE 'SELECT (json_populate_record(NULL::shrinking, $1)).*' INTO r USING json_build_object('a', sin(i), 'b', cos(i), 'd', 1e300);
	RETURN r;
END $$;
SELECT ae.train(shrunk(i), '{"updates": 2, "columns": ["a", "b"]}') IS NOT NULL AS trained FROM generate_series(1, 50) i;

SELECT ae.drop_model(name) FROM unnest('{pairs,late}'::text[]) name;
DROP TABLE pairs, arguments;
DROP TYPE pair, growing, shrinking CASCADE;
DROP FUNCTION train_arrays, reals(point), late_query, late_options;
