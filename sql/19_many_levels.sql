-- Proves: categories of more levels than the network has inputs for are judged by how often values
-- occur together, a frequent level is not odd, and no reason says "x, expected x".
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
SELECT setseed(0.5);

-- users of ten groups, each with hosts of its own; 40 rows pair a frequent user with a frequent host of another group
CREATE TABLE logs AS SELECT i, 'u' || u AS usr, 'h' || CASE WHEN i <= 40 THEN 10 * floor(4 * random())::int + (u + 3) % 10 ELSE 10 * floor(20 * power(random(), 3))::int + u % 10 END AS host,
	i % 7 AS n, i <= 40 AS attack
FROM (SELECT i, CASE WHEN i <= 40 THEN floor(50 * random())::int ELSE floor(1000 * power(random(), 2))::int END AS u FROM generate_series(1, 20000) i) s;
SELECT count(DISTINCT usr) > 900 AS users, count(DISTINCT host) > 190 AS hosts FROM logs;
CREATE TABLE m AS SELECT ae.train(l, '{"columns": ["usr", "host", "n"]}') AS m FROM logs l;
CREATE TABLE scores AS SELECT l.*, ae.raw_score(m, l) AS s, ae.is_anomaly(m, l) AS flagged FROM logs l, m;
CREATE FUNCTION auroc(query text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE result double precision;
BEGIN
	EXECUTE 'SELECT (sum(r) FILTER (WHERE positive) - n1 * (n1 + 1) / 2.0) / n1 / n0 FROM (SELECT positive, rank() OVER (ORDER BY s) + (count(*) OVER (PARTITION BY s) - 1) / 2.0 AS r, '
		'count(*) FILTER (WHERE positive) OVER () AS n1, count(*) FILTER (WHERE NOT positive) OVER () AS n0 FROM (' || query || ') q) r GROUP BY n1, n0' INTO result;
	RETURN result;
END $$;
SELECT auroc('SELECT attack AS positive, s FROM scores') > 0.93 AS pairs_rank_high, auroc('SELECT attack AS positive, s FROM scores') > 0.05 + auroc('SELECT attack AS positive, -count(*) OVER (PARTITION BY usr, host) AS s FROM scores') AS better_than_counts,
	avg(flagged::int) FILTER (WHERE attack) > 0.3 AS many_are_flagged FROM scores;
-- frequent users score as others do
WITH top AS (SELECT usr FROM logs GROUP BY usr ORDER BY count(*) DESC, usr LIMIT 100), scored AS (SELECT usr IN (TABLE top) AS frequent, s, flagged FROM scores WHERE NOT attack),
	medians AS (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s) FILTER (WHERE frequent) / percentile_cont(0.5) WITHIN GROUP (ORDER BY s) FILTER (WHERE NOT frequent) AS ratio,
		avg(flagged::int) FILTER (WHERE frequent) AS f, avg(flagged::int) FILTER (WHERE NOT frequent) AS o FROM scored)
SELECT ratio BETWEEN 0.5 AND 2 AS medians_are_near, f < 0.02 AS frequent_not_flagged, o < 0.02 AS others_not_flagged FROM medians;

-- nor are they odd where nothing else has many levels: the crowd of others is no level that they lack
CREATE TABLE transfers AS SELECT 'u' || u AS usr, (ARRAY['a','b','c','d','e'])[1 + u % 5] AS proc, exp(5 + u % 5 + random())::int AS bytes
FROM (SELECT least(2000, floor(2000 * power(random(), 2))::int + 1) AS u FROM generate_series(1, 20000) i) s;
WITH top AS (SELECT usr FROM transfers GROUP BY usr ORDER BY count(*) DESC, usr LIMIT 100),
	scored AS (SELECT usr IN (TABLE top) AS frequent, ae.raw_score(m, t) AS s, ae.is_anomaly(m, t) AS flagged FROM transfers t, (SELECT ae.train(t, '{"updates": 300}') AS m FROM transfers t) m)
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s) FILTER (WHERE frequent) / percentile_cont(0.5) WITHIN GROUP (ORDER BY s) FILTER (WHERE NOT frequent) BETWEEN 0.5 AND 2 AS medians_are_near,
	avg(flagged::int) FILTER (WHERE frequent) < 0.02 AS frequent_not_flagged, avg(flagged::int) FILTER (WHERE NOT frequent) < 0.02 AS others_not_flagged FROM scored;

-- reasons: nothing is expected of such a column, and the reason does not say "x, expected x"
SELECT bool_and(expected IS NULL) FILTER (WHERE feature IN ('usr', 'host')) AS expects_nothing, bool_and(expected IS NOT NULL) FILTER (WHERE feature = 'n') AS number, bool_and(probability BETWEEN 0 AND 1) AS probabilities
FROM m, (SELECT * FROM logs WHERE attack LIMIT 5) l, ae.explain(m, l) WHERE feature <> 'n' OR probability IS NULL;
SELECT count(*) FILTER (WHERE r ~ '^(usr|host) is [uh]\d+ \(p = [0-9.]+\), unusual with the other columns') > 0 AS said, bool_or(r ~ '^(usr|host).*expected') AS expected
FROM (SELECT unnest(reasons) AS r FROM ae.detect('SELECT usr, host, n FROM logs', top => 10)) d;

-- errors of columns make up that of the row
SELECT count(*) AS rows, bool_and(abs(e - parts) < 1e-6 * (1 + e)) AS add_up FROM (SELECT ae.reconstruction_error(m, l) AS e, (SELECT avg(error) FROM ae.explain(m, l)) AS parts FROM m, logs l WHERE i % 1000 = 0) s;
-- a value that was never seen is odder where new values are rare than where every second row has one
CREATE TABLE news AS SELECT 'v' || CASE WHEN i % 2 = 0 THEN i % 300 ELSE i END AS often, 'v' || i % 300 AS never, i % 5 AS n FROM generate_series(1, 6000) i;
SELECT max(error) FILTER (WHERE feature = 'often') < 3 AS news_are_usual, max(error) FILTER (WHERE feature = 'never') > 5 AS nothing_is_new
FROM (SELECT ae.train(t, ae.options(folds => 1, updates => 20)) AS m FROM news t) m, ae.explain(m, ROW('new'::text, 'new'::text, 1)) e;
-- no order of rows, no number of folds, no other encoding of the same text matters
SELECT ae.train(l, '{"columns": ["usr", "host"], "updates": 20}' ORDER BY i) = ae.train(l, '{"columns": ["usr", "host"], "updates": 20}' ORDER BY host, i) AS any_order FROM (SELECT * FROM logs WHERE i <= 3000) l;
SELECT auroc('SELECT attack AS positive, ae.raw_score(m, l) AS s FROM logs l, (SELECT ae.train(l, ae.options(columns => ''{usr,host}'', folds => 1, updates => 20)) AS m FROM logs l) m') > 0.97 AS one_network;
SELECT ae.raw_score(m, ROW('u1'::text, 'h1'::varchar, 1)) = ae.raw_score(m, ROW('u1'::varchar, 'h1'::text, 1)) AS any_type FROM m;
-- NULL takes no part; training goes on from a model, which then knows the new rows' pairs
SELECT ae.raw_score(m, ROW(NULL::text, 'h1'::text, 1)) > 0 AS no_user, ae.raw_score(m, ROW('u1'::text, NULL::text, NULL::int)) IS NOT NULL AS user_alone FROM m;
CREATE TABLE next AS SELECT 'x' || i % 200 AS usr, 'h' || i % 200 AS host, i % 7 AS n FROM generate_series(1, 4000) i;
SELECT ae.raw_score(old, ROW('x7'::text, 'h7'::text, 1)) > 2 * ae.raw_score(new, ROW('x7'::text, 'h7'::text, 1)) AS learnt,
	ae.raw_score(new, ROW('x7'::text, 'h9'::text, 1)) > 2 * ae.raw_score(new, ROW('x7'::text, 'h7'::text, 1)) AS never_met
FROM (SELECT m AS old, (SELECT ae.train(t, '{"updates": 20}', m) FROM next t) AS new FROM m) s;
-- with inputs for all levels a level is expected again
SELECT bool_and(expected IS NOT NULL) AS expects FROM (SELECT ae.train(t, '{"updates": 20, "max_levels": 200}') AS m FROM next t) m, ae.explain(m, ROW('x7'::text, 'h9'::text, 1));

-- a notice says so
SET client_min_messages = notice;
\set VERBOSITY default
SELECT ae.train(t, '{"updates": 20}') IS NOT NULL AS trained FROM next t;
SELECT ae.train(t, '{"updates": 20, "max_levels": 50, "columns": ["host", "n"]}') IS NOT NULL AS trained FROM next t;
-- of less than one percent of the rows, how many they are
SELECT ae.train(t, '{"updates": 2, "max_levels": 2, "folds": 1}') IS NOT NULL AS trained
FROM (SELECT CASE WHEN i % 200 = 7 THEN 'c' WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS l, sin(i) AS n FROM generate_series(1, 2000) i) t;
-- and where levels are many because hardly any comes twice
SELECT ae.train(t, '{"updates": 20}') IS NOT NULL AS trained FROM (SELECT often, n FROM news WHERE often ~ '[13579]$' OR often ~ '^v[0-8]$') t;
\set VERBOSITY terse
