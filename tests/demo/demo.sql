-- A tour of ae on a real table: train, look at the model, score, measure, index.
-- Run by `make demo`; by hand from the top directory: psql -f tests/demo/demo.sql an_empty_database

\set ON_ERROR_STOP on
\pset footer off
\timing off

\echo == 1. A table of measurements from the space shuttle =================================
\echo '   49,097 rows of nine sensors; label is 1 where something was wrong (7 %).  Half of'
\echo '   the rows, drawn by a hash of their number, is for training, the other for the test.'
\echo

CREATE EXTENSION ae;

CREATE TABLE shuttle
(
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	f1 integer, f2 integer, f3 integer, f4 integer, f5 integer, f6 integer, f7 integer, f8 integer, f9 integer,
	label integer,
	part text GENERATED ALWAYS AS (CASE WHEN hashint4extended(id, 2026) % 2 = 0 THEN 'train' ELSE 'test' END) STORED
);
\copy shuttle (f1, f2, f3, f4, f5, f6, f7, f8, f9, label) FROM PROGRAM 'gunzip -c tests/data/ad_shuttle.csv.gz' CSV HEADER
ANALYZE shuttle;

SELECT part, count(*) AS rows, count(*) FILTER (WHERE label = 1) AS anomalies FROM shuttle GROUP BY part ORDER BY part DESC;

\echo == 2. Train on the normal rows of one half ===========================================
\echo '   An aggregate over the rows of a query: WHERE, JOIN and GROUP BY just work.'
\echo
\echo '   CREATE TABLE models AS'
\echo '   SELECT ae.train(s, ae.options(exclude => ''{id,label,part}'')) AS model'
\echo '   FROM shuttle s WHERE part = ''train'' AND label = 0;'
\echo

\timing on
CREATE TABLE models AS
SELECT ae.train(s, ae.options(exclude => '{id,label,part}')) AS model
FROM shuttle s
WHERE part = 'train' AND label = 0;
\timing off

\echo
\echo == 3. What came out ==================================================================
\echo

SELECT ae.summary(model) FROM models \g (format=unaligned tuples_only=on)

\echo
\echo == 4. Score the other half, and measure ==============================================
\echo '   AUROC: the chance that an anomaly is ranked above a normal row; average precision:'
\echo '   precision averaged over the anomalies found.  Both in plain SQL, ties handled.'
\echo '   Beside them the score that anybody could write: the squared distance to the mean,'
\echo '   in standard deviations.  A model must beat that one.'
\echo

CREATE TABLE scores AS
WITH mean AS
(
	SELECT c.i, avg(c.x) AS mean, nullif(stddev_pop(c.x), 0) AS sd
	FROM shuttle s, unnest(ARRAY[f1, f2, f3, f4, f5, f6, f7, f8, f9]) WITH ORDINALITY AS c(x, i)
	WHERE part = 'train' AND label = 0
	GROUP BY c.i
),
trivial AS
(
	SELECT s.id, sum(((c.x - mean.mean) / mean.sd) ^ 2)::double precision AS distance
	FROM shuttle s, unnest(ARRAY[f1, f2, f3, f4, f5, f6, f7, f8, f9]) WITH ORDINALITY AS c(x, i) JOIN mean USING (i)
	WHERE part = 'test'
	GROUP BY s.id
)
SELECT s.id, s.label, ae.anomaly_score(m.model, s) AS score, trivial.distance
FROM shuttle s JOIN trivial USING (id), models m;

WITH score AS
(
	SELECT 'ae.anomaly_score' AS what, label, score AS value FROM scores
	UNION ALL
	SELECT 'distance to the mean', label, distance FROM scores
),
total AS
(
	SELECT what, sum(label) AS anomalies, sum(1 - label) AS normals FROM score GROUP BY what
),
-- one row for each value: rows that tie share a rank, and are found together
step AS
(
	SELECT what, value, sum(label) AS found, count(*) AS n,
		sum(sum(label)) OVER above AS found_above, sum(count(*)) OVER above AS n_above,
		sum(count(*)) OVER below AS n_below
	FROM score
	GROUP BY what, value
	WINDOW above AS (PARTITION BY what ORDER BY value DESC), below AS (PARTITION BY what ORDER BY value)
)
SELECT what,
	round(((sum(found * (n_below - (n - 1) / 2.0)) - anomalies * (anomalies + 1) / 2.0) / (anomalies * normals))::numeric, 4)
		AS "AUROC",
	round((sum(found * found_above / n_above) / anomalies)::numeric, 4) AS "average precision"
FROM step JOIN total USING (what)
GROUP BY what, anomalies, normals
ORDER BY what;

\echo == 5. The ten most anomalous rows of that half =======================================
\echo '   The score is 1 minus the chance that a normal row is as strange as this one; beyond'
\echo '   the strangest row known it keeps the order.'
\echo

SELECT s.id, label, round(ae.anomaly_score(m.model, s)::numeric, 9) AS anomaly_score,
	round(ae.reconstruction_error(m.model, s)::numeric, 1) AS reconstruction_error, f1, f2, f3, f4, f5, f6, f7, f8, f9
FROM shuttle s, models m
WHERE part = 'test'
ORDER BY ae.anomaly_score(m.model, s) DESC NULLS LAST
LIMIT 10;

\echo == 6. An index on the score ==========================================================
\echo '   Scores have the same bits on every machine, so they are IMMUTABLE and can be'
\echo '   indexed.  An index expression must be small, so an IMMUTABLE function holds the model:'
\echo
\echo '   CREATE FUNCTION shuttle_score(...) ... RETURN ae.anomaly_score(''\\x...'', ROW(f1, ..., f9));'
\echo '   CREATE INDEX shuttle_by_score ON shuttle (shuttle_score(f1, ..., f9) DESC NULLS LAST);'
\echo

SELECT format(
	'CREATE FUNCTION shuttle_score(f1 integer, f2 integer, f3 integer, f4 integer, f5 integer, f6 integer, f7 integer,'
	' f8 integer, f9 integer) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS'
	' $$SELECT ae.anomaly_score(%L::bytea, ROW(f1, f2, f3, f4, f5, f6, f7, f8, f9))$$', model)
FROM models
\gexec

CREATE INDEX shuttle_by_score ON shuttle (shuttle_score(f1, f2, f3, f4, f5, f6, f7, f8, f9) DESC NULLS LAST);
ANALYZE shuttle;

EXPLAIN (COSTS OFF)
SELECT id, label FROM shuttle ORDER BY shuttle_score(f1, f2, f3, f4, f5, f6, f7, f8, f9) DESC NULLS LAST LIMIT 20;

\echo '   The twenty most anomalous rows of the whole table are now an index scan away:'
\echo

\timing on
SELECT count(*) AS rows, sum(label) AS anomalies
FROM (SELECT label FROM shuttle ORDER BY shuttle_score(f1, f2, f3, f4, f5, f6, f7, f8, f9) DESC NULLS LAST LIMIT 20) t;
\timing off
\echo
