-- Proves which rows a model takes, how their columns find the model's, what goes back into a
-- reconstructed row, and that every other row is refused with the right SQLSTATE.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE DOMAIN ratio AS float8 CHECK (VALUE > -1e6);
CREATE DOMAIN ratio2 AS ratio;
CREATE DOMAIN money2 AS numeric(8, 2);
CREATE TABLE kinds (
	id text, i2 smallint, dead text, i4 int, i8 bigint, r real, d double precision, n numeric(7, 2),
	b boolean, dom ratio2, cost money2 NOT NULL, note text);
ALTER TABLE kinds DROP COLUMN dead;
INSERT INTO kinds
SELECT 'row ' || i, i % 13, i % 17, i % 19, i % 23, (i % 29) / 4.0, i % 7, i % 2 = 0, i % 5, i % 3, 'kept'
FROM generate_series(1, 300) i;
CREATE TABLE models (name text PRIMARY KEY, model bytea);
INSERT INTO models
SELECT 'kinds', ae.train(k, ae.options(exclude => '{id,note}', code => 5, epochs => 10, seed => 1)) FROM kinds k;

-- what the model was trained on: usable columns in the table's order
SELECT cardinality(ae.decode(model, ae.encode(model, k))) AS n_columns FROM models, kinds k WHERE id = 'row 1';
CREATE TABLE truth AS SELECT id, ae.raw_score(model, k) AS s FROM models, kinds k;
CREATE FUNCTION differs(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (%s) q FULL JOIN truth USING (id) WHERE (q.s = truth.s) IS NOT TRUE', query) INTO n;
	RETURN n;
END $$;

-- composite rows by name: any order, extra columns, other numeric types, whatever they come from
CREATE VIEW kinds_view AS SELECT note, cost, dom, b, n, d, r, i8, i4, i2, id FROM kinds;
CREATE TABLE kinds_wide AS
SELECT 1 AS extra, id, i2::bigint, i4::numeric, i8::int, r::float8, d::real, n, b, dom::float8, cost::numeric, now() AS t FROM kinds;
CREATE DOMAIN kinds_domain AS kinds;
SELECT differs('SELECT id, ae.raw_score(model, v) AS s FROM models, kinds_view v') AS view,
	differs('SELECT id, ae.raw_score(model, w) AS s FROM models, kinds_wide w') AS other_types,
	differs('SELECT id, ae.raw_score(model, s) AS s FROM models, (SELECT * FROM kinds) s') AS subquery,
	differs('SELECT id, ae.raw_score(model, s) AS s FROM models, (SELECT b, cost, d, dom, i2, i4, i8, n, r, id FROM kinds OFFSET 0) s') AS reordered,
	differs('WITH c AS MATERIALIZED (SELECT * FROM kinds) SELECT id, ae.raw_score(model, c) AS s FROM models, c') AS cte,
	differs('SELECT id, ae.raw_score(model, j) AS s FROM models, (kinds JOIN truth USING (id)) j') AS join_alias,
	differs('SELECT id, ae.raw_score(model, k.*) AS s FROM models, kinds k') AS star,
	differs('SELECT id, ae.raw_score(model, k::kinds_domain) AS s FROM models, kinds k') AS domain_of_row;
-- ROW() by position
SELECT differs('SELECT id, ae.raw_score(model, ROW(i2, i4, i8, r, d, n, b, dom, cost)) AS s FROM models, kinds') AS row_of_columns,
	differs('SELECT id, ae.raw_score(model, (i2::float8, i4, i8, r, d, n::real, b, dom, cost::int)) AS s FROM models, kinds') AS other_types;
-- row types that change from row to row
CREATE FUNCTION named(anyelement) RETURNS record LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
SELECT differs($$ SELECT id, ae.raw_score(model, x) AS s FROM models,
	(SELECT id, CASE i2 % 3 WHEN 0 THEN named(k) WHEN 1 THEN named(v) ELSE ROW(i2, i4, i8, r, d, n, b, dom, cost) END AS x
	 FROM kinds k JOIN kinds_view v USING (id, i2, i4, i8, r, d, n, b, dom, cost)) s $$) AS mixed;

-- refused: a column is missing, is of another type, is NULL, is there twice
SELECT ae.raw_score(model, s) FROM models, (SELECT id, i2, i4, i8, r, d, n, b, dom FROM kinds) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, s) FROM models, (SELECT i2, i4, i8, r, d, n::text, b, dom, cost FROM kinds) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, s) FROM models, (SELECT i2, i4, i8, r, d, n, b::int, dom, cost FROM kinds) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, s) FROM models, (SELECT i2, i4 > 0 AS i4, i8, r, d, n, b, dom, cost FROM kinds) s;
\echo :LAST_ERROR_SQLSTATE
SELECT count(ae.raw_score(model, s)) > 0 AS scored_with_null FROM models, (SELECT i2, i4, i8, r, NULL::float8 AS d, n, b, dom, cost FROM kinds) s;
SELECT ae.raw_score(model, s) FROM models, (SELECT i2, i2, i4, i8, r, d, n, b, dom, cost FROM kinds) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW(i2, i4, i8)) FROM models, kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW(i2, i4, i8, r, d, n, b, dom, cost, 1)) FROM models, kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW(i2, i4, i8, r, d, n, dom, b, cost)) FROM models, kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW()) FROM models;
\echo :LAST_ERROR_SQLSTATE
-- refused: what is no row, or the other sort of row
SELECT ae.raw_score(model, i4) FROM models, kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, 'a'::text) FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, '{1,2}') FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ARRAY[1, 2]) FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ARRAY['a', 'b']) FROM models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ARRAY[k]) FROM models, kinds k;
\echo :LAST_ERROR_SQLSTATE

-- a table that changes while PL/pgSQL keeps the expression
CREATE TABLE changing (a int, b int, c int);
INSERT INTO changing SELECT i % 7, i % 5, i % 7 + i % 5 FROM generate_series(1, 100) i;
INSERT INTO models SELECT 'abc', ae.train(t, ae.options(code => 2, epochs => 5, seed => 1)) FROM changing t;
DO $$
DECLARE m bytea := (SELECT model FROM models WHERE name = 'abc'); x record; s float8[];
BEGIN
	FOR i IN 1..3 LOOP
		SELECT t AS whole INTO x FROM changing t WHERE a = 3 AND b = 2 LIMIT 1;
		s[i] := ae.raw_score(m, x.whole);
		IF i = 1 THEN EXECUTE 'ALTER TABLE changing ALTER a TYPE float8';
		ELSIF i = 2 THEN EXECUTE 'ALTER TABLE changing ADD COLUMN extra text, ALTER b TYPE bigint';
		END IF;
	END LOOP;
	RAISE WARNING 'altered columns: % scores, same: %', cardinality(s), s[1] = s[2] AND s[2] = s[3];
END $$;
-- by name, a swap of names is followed
SELECT ae.raw_score(model, t) AS s, a, b, c FROM models, changing t WHERE name = 'abc' AND a <> c LIMIT 1 \gset
ALTER TABLE changing RENAME a TO old;
ALTER TABLE changing RENAME c TO a;
ALTER TABLE changing RENAME old TO c;
SELECT ae.raw_score(model, t) = ae.raw_score(model, ROW(a, b, c)) AS by_name, ae.raw_score(model, t) = :s AS as_before,
	ae.raw_score(model, ROW(c, b, a)) = :s AS other_order
FROM models, changing t WHERE name = 'abc' AND t.a = :c AND t.b = :b AND t.c = :a LIMIT 1;

-- stored rows, from before their type had all columns, and after
CREATE TYPE part AS (b int, a int);
CREATE TABLE holder (part part);
INSERT INTO holder VALUES (ROW(1, 2));
ALTER TYPE part ADD ATTRIBUTE c int;
SELECT ae.raw_score(model, part) IS NOT NULL AS scored_with_null FROM holder, models WHERE name = 'abc';
UPDATE holder SET part.c = 3;
SELECT ae.raw_score(model, part) = ae.raw_score(model, ROW(2, 1, 3)) AS same, (ae.reconstruct(model, part)).c IS NOT NULL AS reconstructed
FROM holder, models WHERE name = 'abc';

-- names f1 .. fn: in a named type they are names; in a RECORD of the right length positions
CREATE TABLE fs (f2 float8, f5 float8);
INSERT INTO fs SELECT i % 7, 2 * (i % 7) + i % 2 FROM generate_series(1, 100) i;
INSERT INTO models SELECT 'fs', ae.train(t, ae.options(code => 1, epochs => 5, seed => 1)) FROM fs t;
SELECT bool_and(ae.raw_score(model, fs) = ae.raw_score(model, ROW(f2, f5))) AS by_position,
	bool_and(ae.raw_score(model, fs) = ae.raw_score(model, ROW('x', f2, now(), NULL::int, f5))) AS by_name
FROM models, fs WHERE name = 'fs';

-- reconstruct: the same type, columns of the model replaced, all else kept
SELECT pg_typeof(ae.reconstruct(model, k)) AS type, (ae.reconstruct(model, k)).id, (ae.reconstruct(model, k)).note,
	scale((ae.reconstruct(model, k)).n) AS n_scale, scale((ae.reconstruct(model, k)).cost) AS cost_scale
FROM models, kinds k WHERE name = 'kinds' AND id = 'row 7';
SELECT bool_and(v[1] BETWEEN r.i2 - 0.5 AND r.i2 + 0.5) AS i2, bool_and(v[2] BETWEEN r.i4 - 0.5 AND r.i4 + 0.5) AS i4,
	bool_and(v[3] BETWEEN r.i8 - 0.5 AND r.i8 + 0.5) AS i8, bool_and(v[4] = r.r) AS r, bool_and(v[5] = r.d::real) AS d,
	bool_and(abs(v[6]::numeric - r.n) < 0.006) AS n, bool_and((v[7] >= 0.5) = r.b) AS b,
	bool_and(v[8] = r.dom::real) AS dom, bool_and(abs(v[9]::numeric - r.cost) < 0.006) AS cost
FROM models, kinds k, ae.reconstruct(model, k) r, LATERAL (SELECT ae.decode(model, ae.encode(model, k)) AS v) x
WHERE name = 'kinds';
SELECT ae.raw_score(model, ae.reconstruct(model, k)) >= 0 AS row_again,
	pg_typeof(ae.reconstruct(model, s)) AS subquery, ae.reconstruct(model, s) IS NOT NULL AS whole,
	to_jsonb(ae.reconstruct(model, s)) ? 'cost' AS names_kept,
	pg_typeof(ae.reconstruct(model, ROW(i2, i4, i8, r, d, n, b, dom, cost))) AS of_row
FROM models, (SELECT k, k.*, 1 AS one FROM kinds k) s WHERE name = 'kinds' AND id = 'row 7';
-- typmods and domains of the result are enforced, and the error names the column
CREATE TYPE narrow AS (a numeric(2, 1), b smallint, c ratio);
CREATE DOMAIN small_sum AS narrow CHECK ((VALUE).b < 3);
CREATE TABLE spread (a float8, b float8, c float8);
INSERT INTO spread SELECT 500 + i % 3, 1e6 + i % 3, -2e6 - i % 3 FROM generate_series(1, 60) i;
INSERT INTO models SELECT 'spread', ae.train(s, ae.options(code => 1, epochs => 5, seed => 1)) FROM spread s;
CREATE FUNCTION failing(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; context text; state text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT, state = RETURNED_SQLSTATE;
	RETURN state || ': ' || message || coalesce(' / ' || substring(context FROM '^reconstructed [^\n]*'), '');
END $$;
SELECT failing($$ SELECT ae.reconstruct(model, ROW(1, 2, 3)::narrow) FROM models WHERE name = 'spread' $$);
ALTER TYPE narrow ALTER ATTRIBUTE a TYPE numeric;
SELECT failing($$ SELECT ae.reconstruct(model, ROW(1, 2, 3)::narrow) FROM models WHERE name = 'spread' $$);
ALTER TYPE narrow ALTER ATTRIBUTE c TYPE bigint;
SELECT (ae.reconstruct(model, ROW(1, 2, 3)::narrow)).b AS saturated FROM models WHERE name = 'spread';
SELECT failing($$ SELECT ae.reconstruct(model, ROW(1, 2, 3)::narrow::small_sum) FROM models WHERE name = 'spread' $$);

CREATE DOMAIN small_int AS smallint CHECK (VALUE < 30000);
INSERT INTO models SELECT 'wide', ae.train(ARRAY[a, b, c], ae.options(code => 1, epochs => 5, seed => 1)) FROM spread;
SELECT failing($$ SELECT ae.reconstruct(model, ARRAY[1, 2, 3]::small_int[]) FROM models WHERE name = 'wide' $$);
-- integers go half to even and saturate
CREATE TABLE halves (a float8, b float8, c float8, d float8, e float8, v float8);
INSERT INTO halves SELECT 0.5, 1.5, -2.5, 1e19, -1e19, i % 3 FROM generate_series(1, 30) i;
INSERT INTO models SELECT 'halves', ae.train(h, ae.options(code => 1, epochs => 1, seed => 1)) FROM halves h;
CREATE TYPE rounded AS (a smallint, b int, c bigint, d bigint, e int, v real);
SELECT r.a, r.b, r.c, r.d, r.e FROM models, ae.reconstruct(model, ROW(0, 0, 0, 0, 0, 1)::rounded) r WHERE name = 'halves';
-- arrays of every numeric type
INSERT INTO models SELECT 'arrays', ae.train(ARRAY[a, b, c], ae.options(code => 2, epochs => 5, seed => 1)) FROM changing;
CREATE DOMAIN triple AS float8[] CHECK (cardinality(VALUE) = 3);
SELECT bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::int2[])) AS i2, bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::int[])) AS i4,
	bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::bigint[])) AS i8, bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::real[])) AS r,
	bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::float8[])) AS d, bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::numeric[])) AS n,
	bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::triple)) AS of_domain, bool_and(t.s = ae.raw_score(model, ARRAY[a, b, c]::ratio[])) AS of_elements,
	bool_and(t.s = ae.raw_score(model, ('[4:6]=' || ARRAY[a, b, c]::text)::real[])) AS bounds
FROM models, changing, LATERAL (SELECT ae.raw_score(model, ARRAY[a, b, c]::float8[]) AS s) t WHERE name = 'arrays';
SELECT pg_typeof(ae.reconstruct(model, ARRAY[1, 2, 3]::int2[])) AS i2, pg_typeof(ae.reconstruct(model, ARRAY[1, 2, 3])) AS i4,
	pg_typeof(ae.reconstruct(model, ARRAY[1, 2, 3]::real[])) AS r, pg_typeof(ae.reconstruct(model, ARRAY[1, 2, 3]::numeric[])) AS n,
	pg_typeof(ae.reconstruct(model, ARRAY[1, 2, 3]::triple)) AS of_domain,
	array_lower(ae.reconstruct(model, '[4:6]={1,2,3}'::real[]), 1) AS lower
FROM models WHERE name = 'arrays';
SELECT bool_and(abs(d - i) <= 0.5) AS rounded, bool_and(d::real = r) AS real
FROM models, unnest(ae.reconstruct(model, ARRAY[1, 2, 3]::float8[]), ae.reconstruct(model, ARRAY[1, 2, 3]),
	ae.reconstruct(model, ARRAY[1, 2, 3]::real[])) x(d, i, r) WHERE name = 'arrays';
SELECT ae.raw_score(model, ARRAY[1, 2]) FROM models WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ARRAY[1, 2, 3, 4]) FROM models WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, '{}'::real[]) FROM models WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ARRAY[[1, 2, 3]]) FROM models WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ARRAY[1, NULL, 3]) IS NOT NULL AS scored_with_null FROM models WHERE name = 'arrays';
SELECT ae.raw_score(model, ARRAY[1, NULL, 3]::numeric[]) IS NOT NULL AS scored_with_null FROM models WHERE name = 'arrays';
SELECT ae.raw_score(model, ARRAY['a', 'b', 'c']) FROM models WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, t) FROM models, changing t WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE
SELECT ae.raw_score(model, ROW(1, 2, 3)) FROM models WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE

-- numbers at the ends of their types
SELECT (ae.raw_score(model, ROW('NaN'::numeric, 1, 1)) = 'Infinity') AS nan_numeric,
	ae.raw_score(model, ROW(9223372036854775807, (-32768)::smallint, 1e300)) > 0 AS large,
	ae.raw_score(model, ROW(repeat('9', 400)::numeric, 1, 1)) = 'Infinity' AS beyond_double,
	ae.raw_score(model, ROW(-0.0::float8, 0, 1)) = ae.raw_score(model, ROW(0, 0, 1)) AS minus_zero
FROM models WHERE name = 'abc';

-- training: which columns
SELECT ae.train(k) IS NOT NULL AS trained FROM kinds k;
SELECT ae.train(k, ae.options(exclude => '{ids,note}')) FROM kinds k;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(k, ae.options(columns => '{i2,i5}')) FROM kinds k;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(k, ae.options(columns => '{dead,i4}')) FROM kinds k;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(k, ae.options(columns => '{i2,i4,i2}')) FROM kinds k;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(k, ae.options(columns => '{i2}', exclude => '{i2}')) FROM kinds k;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT i2, i4, i2 FROM kinds) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[i2, i4], ae.options(columns => '{i2}')) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[i2, i4], ae.options(exclude => '{i2}')) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(i2) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(id) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[id]) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train('{}'::real[]) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(array_fill(i2::real, ARRAY[1 + i2])) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[[i2, i4]]) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[i2, nullif(i4, 16)]) IS NOT NULL AS trained_with_null FROM kinds;
SELECT ae.train(s) IS NOT NULL AS trained_with_null FROM (SELECT i2, nullif(i4, 16) AS i4 FROM kinds) s;
SELECT ae.train(array_fill(1.0::real, ARRAY[65537])) FROM kinds;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(x) FROM (SELECT CASE WHEN i2 < 5 THEN ROW(i2, r) ELSE ROW(d, i8) END AS x FROM kinds ORDER BY i2) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(s) FROM (SELECT) s;
\echo :LAST_ERROR_SQLSTATE
-- `columns` gives the order
SELECT (ae.decode(model, code))[1] > 999990 AS b_first
FROM (SELECT ae.train(s, ae.options(columns => '{b,a}', code => 1, epochs => 5, seed => 1)) AS model FROM spread s) m,
	LATERAL ae.encode(model, ROW(1e6, 500)) code;

DROP TABLE models, truth, halves, holder, fs, spread, changing, kinds_wide CASCADE;
DROP DOMAIN small_sum, small_int, triple, kinds_domain;
DROP TYPE narrow, rounded, part;
DROP VIEW kinds_view;
DROP TABLE kinds;
DROP DOMAIN ratio2, ratio, money2;
DROP FUNCTION differs(text);
DROP FUNCTION failing(text), named(anyelement);
