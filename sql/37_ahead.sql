-- Proves: rows are read ahead only where nobody can tell: who stops early gets no error of a later row, what changes
-- meanwhile is seen, few pages and little memory are held, and a function is known by what the catalog says.
\set VERBOSITY terse
SET client_min_messages = warning;
SET temp_buffers = 100;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE TABLE seen AS
SELECT id, id::numeric AS n, ARRAY[sin(id), cos(id), id % 3]::real[] AS x, ARRAY[id % 5, id % 7, id % 3] AS y FROM generate_series(1, 300) id;
SELECT ae.save_model('ahead', ae.train(x, ae.options(updates => 50))) IS NOT NULL AS saved FROM seen;
SELECT ae.save_model('ahead_again', ae.train(x, ae.options(updates => 20))) IS NOT NULL AS saved FROM seen;
ANALYZE seen;
CREATE FUNCTION lines(query text, pattern text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE query LOOP
    IF line ~ pattern THEN RETURN NEXT line; END IF;
  END LOOP;
END $$;
CREATE FUNCTION has_node(query text) RETURNS boolean LANGUAGE sql AS
$$ SELECT EXISTS (SELECT FROM lines('EXPLAIN (COSTS OFF) ' || query, 'AeBatch')) $$;
CREATE FUNCTION saved(query text) RETURNS int LANGUAGE sql AS
$$ SELECT sum(substring(l FROM '\d+')::int)::int FROM lines('EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, SUMMARY OFF, COSTS OFF) ' || query, 'Calls Saved') l $$;
CREATE FUNCTION outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE query INTO result;
  RETURN result;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- read to the end, a condition that may raise does no harm
SELECT has_node('SELECT ae.raw_score(''ahead'', x) FROM seen WHERE n > 5'), saved('SELECT ae.raw_score(''ahead'', x) FROM seen WHERE n > 5');
SELECT outcome('CREATE TEMP TABLE all_of_them AS SELECT ae.raw_score(''ahead'', x) FROM seen WHERE 100 / (50 - id) <> 1000');

-- who wants some rows gets them, and no error of the 50th: SELECT INTO, a function, a loop that is left
CREATE FUNCTION first_into() RETURNS int LANGUAGE plpgsql AS $$
DECLARE result int;
BEGIN
  SELECT id INTO result FROM seen WHERE 100 / (50 - id) <> 1000 AND (ae.raw_score('ahead', x) >= 0)::int * id >= 48;
  RETURN result;
END $$;
CREATE FUNCTION first_of_all() RETURNS int LANGUAGE sql AS
$$ SELECT id FROM seen WHERE 100 / (50 - id) <> 1000 AND (ae.raw_score('ahead', x) >= 0)::int * id >= 48 $$;
CREATE FUNCTION some_of_all() RETURNS SETOF int LANGUAGE sql AS
$$ SELECT id FROM seen WHERE 100 / (50 - id) <> 1000 AND (ae.raw_score('ahead', x) >= 0)::int * id >= 48 $$;
CREATE FUNCTION looped() RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN SELECT id, ae.raw_score('ahead', x) AS s FROM seen WHERE 100 / (20 - id) <> 1000 LOOP
    EXIT WHEN r.id = 5;
  END LOOP;
  RETURN r.id;
END $$;
SELECT outcome('SELECT first_into()'), outcome('SELECT first_of_all()'), outcome('SELECT some_of_all() LIMIT 1'), outcome('SELECT looped()');
-- nor below a Result, a join or a WITH
CREATE FUNCTION deeper(OUT a int, OUT b int) LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
  WITH w AS MATERIALIZED (SELECT id, ae.raw_score('ahead', x) AS s FROM seen WHERE 100 / (50 - id) <> 1000) SELECT id INTO a FROM w WHERE s * 0 + id >= 48;
  SELECT l.id INTO b FROM seen l JOIN seen r ON l.id = r.id WHERE 100 / (50 - l.id) <> 1000 AND (ae.raw_score('ahead', l.x) >= 0)::int * l.id >= 48 AND r.n > 0;
END $$;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
CREATE INDEX ON seen (id);
SELECT outcome('SELECT deeper()');
-- of an array of arrays the dimensions may differ; a bitmap that is lossy asks again
CREATE INDEX ON seen (n);
SELECT has_node('SELECT id FROM seen WHERE ARRAY[x, y::real[]] IS NOT NULL AND ae.raw_score(''ahead'', x) > 0 LIMIT 5');
CREATE TABLE other AS SELECT id AS k, id AS v FROM seen;
CREATE INDEX ON other (k);
DROP INDEX seen_id_idx;
ANALYZE other;
SELECT has_node('SELECT id, ae.raw_score(''ahead'', x) FROM seen, other WHERE k = id AND 100 / (50 - id) < v LIMIT 15'), has_node('SELECT id, ae.raw_score(''ahead'', x) FROM seen, other WHERE k = id AND id < v LIMIT 15');
SELECT count(*) FROM (SELECT id, ae.raw_score('ahead', x) FROM seen, other WHERE k = id AND 100 / (50 - id) < v LIMIT 45) s;
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT has_node('SELECT id FROM seen WHERE n > 5 AND ae.raw_score(''ahead'', x) > 0 LIMIT 5'), has_node('SELECT id FROM seen WHERE id > 5 AND ae.raw_score(''ahead'', x) > 0 LIMIT 5');
RESET enable_seqscan;
RESET enable_indexscan;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- what changes from row to row is seen at the next one: by a volatile function, by a trigger, by who reads
SET my.stop = 1000;
CREATE TABLE filed AS SELECT id, ae.raw_score('ahead', x) AS s, set_config('my.stop', CASE WHEN id < 9 THEN '1000' ELSE '12' END, false) FROM seen WHERE id < current_setting('my.stop')::int;
SELECT max(id) FROM filed;
SELECT has_node('SELECT ae.raw_score(''ahead'', x), set_config(''my.stop'', ''12'', false) FROM seen WHERE id < 200');
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.id = 9 THEN PERFORM set_config('my.stop', '12', false); END IF;
  RETURN new;
END $$;
CREATE TRIGGER stop BEFORE INSERT ON filed FOR EACH ROW EXECUTE FUNCTION stop();
SET my.stop = 1000;
TRUNCATE filed;
INSERT INTO filed SELECT id, ae.raw_score('ahead', x) FROM seen WHERE id < current_setting('my.stop')::int;
SELECT max(id) FROM filed;
SELECT has_node('INSERT INTO filed SELECT id, ae.raw_score(''ahead'', x) FROM seen WHERE id < 200');
DROP TRIGGER stop ON filed;
SET my.stop = 1000;
SELECT has_node('INSERT INTO filed SELECT id, ae.raw_score(''ahead'', x) FROM seen WHERE id < current_setting(''my.stop'')::int');
SET my.stop = 1000;
CREATE FUNCTION ended() RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN SELECT id, ae.raw_score('ahead', x) AS s FROM seen WHERE id < current_setting('my.stop')::int LOOP
    PERFORM set_config('my.stop', '13', false);
  END LOOP;
  RETURN r.id;
END $$;
SELECT ended();
SELECT ended() IS NULL OR ended() < 13 AS once_more;
-- a model that a setting names
CREATE FUNCTION model_at(i int) RETURNS ae.model LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN i < 10 THEN 'ahead'::ae.model ELSE 'ahead_again'::ae.model END $$;
SET my.model = 'ahead';
CREATE TABLE by_setting AS
SELECT id, ae.raw_score(current_setting('my.model')::ae.model, x) AS s, set_config('my.model', CASE WHEN id < 9 THEN 'ahead' ELSE 'ahead_again' END, false) FROM seen;
SELECT count(*) FROM by_setting JOIN seen USING (id) WHERE s IS DISTINCT FROM ae.raw_score(model_at(id), x);

-- a temporary table has 100 pages in memory: a thousand rows do not hold on to them
CREATE TEMP TABLE broad (id int, x real[], filler text);
ALTER TABLE broad ALTER filler SET STORAGE PLAIN;
INSERT INTO broad SELECT id, x, repeat('x', 5000) FROM seen;
ANALYZE broad;
SET ae.batch_rows = 1000;
SELECT has_node('SELECT ae.raw_score(''ahead'', x) FROM broad');
SELECT count(DISTINCT s) = (SELECT count(DISTINCT ae.raw_score('ahead', x)) FROM seen) AS same FROM (SELECT ae.raw_score('ahead', x) AS s FROM broad) s;
SELECT count(*) FROM (SELECT ctid AS place, ae.raw_score('ahead', x) AS s FROM broad) b JOIN broad ON ctid = place WHERE s IS DISTINCT FROM ae.raw_score('ahead', x);
-- copies take no more than work_mem
SELECT saved('SELECT ae.raw_score(''ahead'', x) FROM (SELECT x, filler FROM broad OFFSET 0) b WHERE filler > '''' OR ae.raw_score(''ahead'', x) > 0') > 290 AS many;
SET work_mem = '64kB';
SELECT saved('SELECT filler, ae.raw_score(''ahead'', x) FROM (SELECT x, filler FROM broad OFFSET 0) b') BETWEEN 200 AND 285 AS fewer;
SELECT saved('SELECT filler, ae.raw_score(''ahead'', x) FROM broad') BETWEEN 200 AND 285 AS fewer;
RESET work_mem;
RESET ae.batch_rows;

-- a function whose library is gone is none of ours, and nobody's trouble; nor one of too few arguments
CREATE FUNCTION ae.predict(int, int) RETURNS text LANGUAGE c AS '$libdir/ae', 'pg_ae_version';
UPDATE pg_proc SET probin = '$libdir/gone' WHERE oid = 'ae.predict(int, int)'::regprocedure;
SELECT count(*) FROM seen;
SELECT has_node('SELECT ae.raw_score(''ahead'', x) FROM seen');
CREATE FUNCTION ae.raw_score(int) RETURNS float8 LANGUAGE c AS '$libdir/ae', 'pg_ae_raw_score';
SELECT has_node('SELECT ae.raw_score(id) FROM seen');
DROP FUNCTION ae.raw_score(int);
DROP FUNCTION ae.predict(int, int);

SELECT ae.drop_model('ahead'), ae.drop_model('ahead_again');
DROP TABLE seen, other, filed, by_setting, broad;
DROP FUNCTION lines, has_node, saved, outcome, first_into, first_of_all, some_of_all, looped, deeper, stop, ended, model_at;
