-- GROUP BY and its like: a model of a group holds the bytes of one trained on its rows alone,
-- whatever the plan, the memory, and the way the rows come in.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

CREATE TABLE readings AS
SELECT i AS id, 'r' || i % 3 AS region, i % 4 AS site,
	sin(i)::real AS a, 2 * sin(i) + 0.1 * cos(1.7 * i) AS b, i % 7 AS c
FROM generate_series(1, 720) i;
VACUUM ANALYZE readings;

CREATE FUNCTION quick(more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT ae.options(columns => '{a,b,c}', code => 1, hidden => '{4}', updates => 20) || more $$;

-- the model of the rows that a condition selects, trained in a statement of its own
CREATE FUNCTION alone(condition text, options jsonb DEFAULT quick()) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	model bytea;
BEGIN
	EXECUTE format('SELECT ae.train(r, $1) FROM readings r WHERE %s', condition) INTO model USING options;
	RETURN model;
END $$;

-- how the topmost aggregate of a plan works: Plain, Sorted, Hashed, Mixed
CREATE FUNCTION strategy(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN jsonb_path_query_first(plan::jsonb, '$.**."Strategy"') #>> '{}';
END $$;

---- groups

SELECT region, model = alone(format('region = %L', region)) AS as_alone
FROM (SELECT region, ae.train(r, quick()) AS model FROM readings r GROUP BY region) g ORDER BY region;

-- neither a sorted plan nor a hash table, one of all groups or one of few, leaves a trace
CREATE VIEW by_hundred AS
SELECT id % 100 AS g, ae.train(r, quick()) AS model FROM readings r GROUP BY id % 100;
SET enable_hashagg = off;
SELECT strategy('SELECT * FROM by_hundred');
CREATE TABLE sorted AS SELECT * FROM by_hundred;
RESET enable_hashagg;
SET enable_sort = off;
SELECT strategy('SELECT * FROM by_hundred');
CREATE TABLE hashed AS SELECT * FROM by_hundred;
SET work_mem = '1GB';
CREATE TABLE hashed_at_once AS SELECT * FROM by_hundred;
RESET work_mem;
RESET enable_sort;
SELECT count(*) AS groups, count(DISTINCT s.model) AS models, bool_and(s.model = h.model) AS hashed,
	bool_and(s.model = o.model) AS hashed_at_once, bool_and(s.model = alone(format('id %% 100 = %s', g))) AS alone
FROM sorted s JOIN hashed h USING (g) JOIN hashed_at_once o USING (g);

-- as many rows as do not fit: of one group, of three, of 200 at a time
CREATE TABLE many AS
SELECT i AS id, i % 200 AS g200, i % 3 AS g3, sin(i) AS a, cos(i) AS b, i % 7 AS c
FROM generate_series(1, 60000) i;
VACUUM ANALYZE many;
SET enable_sort = off;
SET work_mem = '1GB';
CREATE TABLE in_memory AS
SELECT g3, g200, ae.train(m, quick()) AS model FROM many m GROUP BY GROUPING SETS ((), (g3), (g200));
SET maintenance_work_mem = '1MB';
SELECT strategy('SELECT g200, ae.train(m) FROM many m GROUP BY g200');
SELECT bool_and(model = (SELECT model FROM in_memory i WHERE (i.g3, i.g200) IS NOT DISTINCT FROM (m.g3, m.g200))) AS same
FROM (SELECT NULL::int AS g3, NULL::int AS g200, ae.train(m, quick()) AS model FROM many m
	UNION ALL SELECT g3, NULL, ae.train(m, quick()) FROM many m GROUP BY g3
	UNION ALL SELECT NULL, g200, ae.train(m, quick()) FROM many m GROUP BY g200) m;
-- another seed is another order of rows: other bytes, and again the same in any memory
CREATE TABLE seeded AS SELECT ae.train(m, quick('{"seed": 7}')) AS model FROM many m;
SET maintenance_work_mem = '64MB';
SELECT model = (SELECT ae.train(m, quick('{"seed": 7}')) FROM many m) AS same,
	model = (SELECT model FROM in_memory WHERE g3 IS NULL AND g200 IS NULL) AS same_as_other_seed
FROM seeded;
RESET maintenance_work_mem;
RESET work_mem;
RESET enable_sort;

-- groups of one row and of equal rows give no model; the others do
SELECT g, model IS NOT NULL AS model
FROM (SELECT CASE WHEN id = 1 THEN 'one row' WHEN id IN (2, 3) THEN 'two rows' ELSE 'more' END AS g,
	ae.train(r, quick()) AS model FROM readings r GROUP BY 1) g ORDER BY g;
SELECT g, model IS NOT NULL AS model
FROM (SELECT id % 2 AS g, ae.train(ARRAY[CASE WHEN id % 2 = 0 THEN a END, b], ae.options(code => 1, updates => 5))
	FILTER (WHERE id % 2 = 0) AS model FROM readings GROUP BY 1) g ORDER BY g;
SELECT region, ae.train(r, quick()) FROM readings r WHERE false GROUP BY region;
SELECT ae.train(r, quick()) FROM readings r WHERE false;

-- an array that is NULL in all rows of a group gives no model, and hurts no other group
SELECT g, model IS NOT NULL AS model
FROM (SELECT g, ae.train(s, '{"exclude": ["g"], "code": 1, "updates": 5}') AS model
	FROM (SELECT id % 2 AS g, CASE WHEN id % 2 = 0 THEN ARRAY[a, b] END AS v FROM readings) s GROUP BY g) g ORDER BY g;

-- a hash table of groups that is read again gives the same models again, and the NULL
SET enable_sort = off;
SET work_mem = '1GB';
SELECT n, (SELECT array_agg(region ORDER BY region) FROM (SELECT region, ae.train(r, quick()) AS model FROM readings r GROUP BY region OFFSET 0) g
	WHERE md5(model) = md5(alone(format('region = %L', region))) AND n > 0) AS same,
	(SELECT count(*) || ' with ' || count(model) FROM (SELECT id = 1, ae.train(r, quick()) AS model FROM readings r GROUP BY 1 OFFSET 0) g
	WHERE n > 0) AS one_of_two
FROM generate_series(1, 3) n;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT region, md5(ae.train(r, quick())) = md5(alone(format('region = %L', region))) AS same
	FROM readings r GROUP BY region;
MOVE 1 FROM c;
SAVEPOINT s;
MOVE ALL FROM c;
ROLLBACK TO s;
MOVE ABSOLUTE 0 FROM c;
SELECT strategy('SELECT region, ae.train(r) FROM readings r GROUP BY region');
FETCH ALL FROM c;
COMMIT;
RESET enable_sort;
RESET work_mem;

---- what may stand inside the call

SELECT ae.train(r, quick()) FILTER (WHERE region = 'r1') = alone('region = ''r1''') AS filtered,
	ae.train(r, quick()) FILTER (WHERE false) IS NULL AS nothing_left
FROM readings r;
SELECT ae.train(r, quick() ORDER BY a DESC, id) = alone('true') AS ordered FROM readings r;
SELECT region, model = alone(format('region = %L', region)) AS ordered
FROM (SELECT region, ae.train(r, quick() ORDER BY b) AS model FROM readings r GROUP BY region) g ORDER BY region;
SELECT ae.train(DISTINCT s, ae.options(code => 1, updates => 5))
		= (SELECT ae.train(d, ae.options(code => 1, updates => 5)) FROM (SELECT DISTINCT id % 50 AS x, c FROM readings) d) AS as_distinct,
	ae.train(DISTINCT s, ae.options(code => 1, updates => 5)) = ae.train(s, ae.options(code => 1, updates => 5)) AS as_all
FROM (SELECT id % 50 AS x, c FROM readings) s;

-- several calls in one SELECT, beside other aggregates, equal ones included
SELECT region, n, m1 = alone(format('region = %L', region)) AS first,
	m2 = alone(format('region = %L', region), quick('{"seed": 2}')) AS second,
	m3 = alone(format('region = %L AND site > 0', region)) AS third, m1 = m4 AS fourth
FROM (SELECT region, count(*) AS n, ae.train(r, quick()) AS m1, ae.train(r, quick('{"seed": 2}')) AS m2,
	ae.train(r, quick()) FILTER (WHERE site > 0) AS m3, ae.train(r, quick()) AS m4
	FROM readings r GROUP BY region) g ORDER BY region;

-- options and a model to start from may be those of the group, but not differ within it
CREATE TABLE first_models AS
SELECT region, ae.train(r, quick()) AS model, quick(jsonb_build_object('seed', right(region, 1)::int + 5)) AS options
FROM readings r GROUP BY region;
SELECT region, g.model = alone(format('region = %L', region), f.options) AS own_options
FROM (SELECT region, ae.train(r, f.options) AS model FROM readings r JOIN first_models f USING (region) GROUP BY region) g
	JOIN first_models f USING (region) ORDER BY region;
SELECT region, g.model = (SELECT ae.train(r, '{"updates": 5}', f.model) FROM readings r WHERE r.region = f.region) AS continued
FROM (SELECT region, ae.train(r, '{"updates": 5}', f.model) AS model
	FROM readings r JOIN first_models f USING (region) GROUP BY region) g JOIN first_models f USING (region) ORDER BY region;
SELECT site, length(ae.train(r, f.options)) FROM readings r JOIN first_models f USING (region) GROUP BY site;
\echo :LAST_ERROR_SQLSTATE

---- grouping sets, sorted and hashed

CREATE VIEW cubed AS
SELECT region, site, ae.train(r, quick()) AS model FROM readings r GROUP BY CUBE (region, site);
CREATE VIEW cubed_alone AS
SELECT region, site, strategy, count(*) OVER () AS models,
	model = alone(format('coalesce(region = %L, true) AND coalesce(site = %L, true)', region, site)) AS same
FROM (SELECT *, strategy('SELECT * FROM cubed') FROM cubed) c;
SET enable_hashagg = off;
SELECT DISTINCT strategy, models, same FROM cubed_alone;
RESET enable_hashagg;
SET enable_sort = off;
SET work_mem = '1GB';
SET maintenance_work_mem = '1MB';
SELECT DISTINCT strategy, models, same FROM cubed_alone;
RESET enable_sort;
RESET work_mem;
RESET maintenance_work_mem;
SELECT region, site, model = alone(format('coalesce(region = %L, true) AND coalesce(site = %L, true)', region, site)) AS same
FROM (SELECT region, site, ae.train(r, quick()) AS model FROM readings r
	WHERE site < 2 GROUP BY ROLLUP (region, site) HAVING region IS NOT NULL AND site IS NOT NULL) g ORDER BY region, site;

---- where rows come from

-- partitions, one of them with its columns in another order and a dropped one
CREATE TABLE parted (id int, region text, site int, a real, b float8, c int) PARTITION BY LIST (region);
CREATE TABLE part0 PARTITION OF parted FOR VALUES IN ('r0');
CREATE TABLE part1 (c int, gone text, b float8, a real, site int, region text, id int);
ALTER TABLE part1 DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION part1 FOR VALUES IN ('r1');
CREATE TABLE part2 PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT id, region, site, a, b, c FROM readings;
SELECT ae.train(p, quick()) = alone('true') AS whole FROM parted p;
SELECT ae.train(p, quick()) = alone('region = ''r1''') AS other_order FROM part1 p;
SELECT region, model = alone(format('region = %L', region)) AS by_partition
FROM (SELECT region, ae.train(p, quick()) AS model FROM parted p GROUP BY region) g ORDER BY region;
SET enable_partitionwise_aggregate = on;
SELECT region, model = alone(format('region = %L', region)) AS partitionwise
FROM (SELECT region, ae.train(p, quick()) AS model FROM parted p GROUP BY region) g ORDER BY region;
SELECT ae.train(p, quick()) = alone('true') AS whole FROM parted p;
RESET enable_partitionwise_aggregate;

-- children by inheritance have columns that their parent does not know
CREATE TABLE heirs (extra int) INHERITS (readings);
INSERT INTO heirs SELECT id + 1000, region, site, a / 2, b, c, 1 FROM readings WHERE site = 1;
SELECT ae.train(r, quick()) = (SELECT ae.train(s, quick()) FROM (SELECT a, b, c FROM readings) s) AS with_heirs,
	ae.train(r, quick()) = (SELECT ae.train(o, quick()) FROM ONLY readings o) AS without
FROM readings r;
DROP TABLE heirs;

CREATE VIEW seen AS SELECT region AS zone, a, b, c FROM readings WHERE site < 3;
SELECT zone, model = alone(format('region = %L AND site < 3', zone)) AS view
FROM (SELECT zone, ae.train(v, quick()) AS model FROM seen v GROUP BY zone) g ORDER BY zone;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM seen;
SELECT ae.train(k, quick()) = alone('site < 3') AS materialized_view FROM kept k;
WITH s AS MATERIALIZED (SELECT region, a, b, c FROM readings)
SELECT region, ae.train(s, quick()) = alone(format('region = %L', region)) AS cte FROM s GROUP BY region ORDER BY region;
WITH RECURSIVE s(id, a, b, c) AS (
	SELECT id, a, b, c FROM readings WHERE id = 1
	UNION ALL SELECT r.id, r.a, r.b, r.c FROM s JOIN readings r ON r.id = s.id + 1)
SELECT ae.train(s, quick()) = alone('true') AS recursive FROM s;
SELECT region, ae.train(s, quick()) = alone(format('region = %L', region)) AS joined
FROM (SELECT l.region, l.a, r.b, r.c FROM readings l JOIN readings r USING (id)) s GROUP BY region ORDER BY region;
SELECT ae.train(s, quick()) = alone('site = 2') AS set_returning
FROM (SELECT (jsonb_populate_record(NULL::readings, to_jsonb(r))).* FROM readings r WHERE site = 2) s;

-- a subquery that runs again for every outer row, and an aggregate that is not read to its end
SELECT v, t.same
FROM (VALUES ('r0'), ('r1')) o(v), LATERAL (
	SELECT bool_and(model = alone(format('region = %L AND site = %s', v, site))) AS same
	FROM (SELECT site, ae.train(r, quick()) AS model FROM readings r WHERE region = v GROUP BY site) g) t;
SELECT count(*) FROM (SELECT ae.train(r, quick()) FROM readings r GROUP BY region, site LIMIT 2) g;
BEGIN;
DECLARE c CURSOR FOR SELECT site, model = alone(format('site = %s', site)) AS same
FROM (SELECT site, ae.train(r, quick()) AS model FROM readings r GROUP BY site) g ORDER BY site;
FETCH 1 FROM c;
SAVEPOINT s;
SELECT ae.train(ARRAY[a, 1 / (id - 720)]) FROM readings;
ROLLBACK TO s;
FETCH 1 FROM c;
CLOSE c;
COMMIT;

---- where it cannot stand

SELECT ae.train(r, quick()) OVER (PARTITION BY region) FROM readings r;
\echo :LAST_ERROR_SQLSTATE

SET client_min_messages = warning;
DROP FUNCTION quick, alone, strategy CASCADE;
DROP TABLE readings, many, sorted, hashed, hashed_at_once, in_memory, seeded, first_models, parted CASCADE;
