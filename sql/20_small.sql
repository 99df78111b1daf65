-- Few rows: the wild one comes first, the work follows the rows, and many small models are one
-- statement that says little.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

---- the wild row of a few

CREATE TABLE one_wild(x) AS VALUES (41.0), (64.5), (53.7), (50.2), (69.8), (440.0);
SELECT (array_agg(x ORDER BY ae.raw_score(m, v) DESC))[1] AS by_score, (array_agg(x ORDER BY ae.p_value(m, v)))[1] AS by_p,
	(array_agg(x ORDER BY ae.anomaly_score(m, v) DESC))[1] AS by_anomaly, min(ae.p_value(m, v)) > 0.2 AS p_stays
FROM one_wild v, (SELECT ae.train(v) AS m FROM one_wild v) q;

-- as ae.detect shows it, and why
CREATE TABLE people AS SELECT i AS id, (20 + i * 1.5 + sin(i))::real AS height,
	(CASE WHEN i = 8 THEN 300 ELSE 50 + 3 * i + cos(7 * i) END)::real AS weight FROM generate_series(1, 15) i;
SELECT rank, "row" ->> 'id' AS id, split_part(reasons[1], ',', 1) AS reason FROM ae.detect('people', '{"exclude":["id"]}', 1);
SELECT feature, share > 0.9 AS most FROM (SELECT ae.train(p, '{"exclude":["id"]}') AS m FROM people p) q, people p,
	ae.explain(m, p) WHERE id = 8 LIMIT 1;

-- random tables of n rows, the third of them wild by some 30 deviations: whether 19 of 20 have that row first
CREATE FUNCTION first_of(n int, seed int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	found bool;
BEGIN
	PERFORM setseed(seed / 100.0);
	CREATE TEMP TABLE rnd ON COMMIT DROP AS SELECT i, z + CASE WHEN i = 3 THEN 20 ELSE 0 END AS a, 2 * z + noise AS b, other AS c
	FROM (SELECT i, random() + random() + random() + random() - 2 AS z, random() - 0.5 AS noise, random() AS other
		FROM generate_series(1, n) i) r;
	SELECT i = 3 INTO found FROM rnd, (SELECT ae.train(ROW(a, b, c)) AS m FROM rnd) q
	ORDER BY ae.raw_score(m, ROW(a, b, c)) DESC LIMIT 1;
	DROP TABLE rnd;
	RETURN found;
END $$;
SET client_min_messages = warning;
SELECT n, count(*) FILTER (WHERE first_of(n, seed)) >= 19 AS first FROM unnest(ARRAY[6, 8, 12, 20, 40]) n, generate_series(1, 20) seed
GROUP BY n ORDER BY n;

-- not of fifty rows, nor where the purpose is another; of a NULL nothing
CREATE FUNCTION says(m bytea) RETURNS text LANGUAGE sql AS $$ SELECT substring(ae.summary(m) FROM 'few rows[^\n]*') $$;
SELECT n, says(ae.train(ROW(sin(i), cos(2 * i)), ae.options(updates => 5)))
FROM unnest(ARRAY[25, 40, 50]) n, LATERAL generate_series(1, n) i GROUP BY n ORDER BY n;
SELECT says(ae.train(p, ae.options(exclude => '{id}', purpose => 'compress', updates => 5))) AS compress FROM people p;
SELECT ae.raw_score(m, ROW(NULL::float8, 'a'::text)) < 10 AS unjudged, ae.raw_score(m, ROW(1e9::float8, 'a'::text)) > 1000 AS judged
FROM (SELECT ae.train(ROW(i::float8, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END), ae.options(updates => 5)) AS m FROM generate_series(1, 12) i) q;
RESET client_min_messages;

---- widths count inputs: an array column is as wide as the same array alone

CREATE FUNCTION network(m bytea) RETURNS text LANGUAGE sql AS $$ SELECT substring(ae.summary(m) FROM 'network +([^\n]*)') $$;
CREATE TABLE docs AS SELECT i AS id, (SELECT array_agg(sin(i * k / 37.0)::real) FROM generate_series(1, 120) k) AS v,
	'w' || i % 40 AS word FROM generate_series(1, 1200) i;
SET client_min_messages = warning;
SELECT purpose, network(ae.train(d, o || '{"columns":["v"]}')) = network(ae.train(v, o)) AS alike,
	(ae.describe(ae.train(d, o || '{"columns":["v"]}')) -> 'options') ->> 'code' AS code
FROM docs d, (SELECT purpose, ae.options(purpose => purpose, updates => 2) AS o FROM unnest(ARRAY['detect', 'compress']) purpose) o GROUP BY purpose ORDER BY purpose;
SELECT network(ae.train(d, ae.options(columns => '{word}', purpose => 'compress', updates => 2))) FROM docs d;
SELECT network(ae.train(d, ae.options(columns => '{v}', code => 20, updates => 2))) FROM docs d;

---- work and width follow the rows, unless they are given

SELECT n, network(ae.train(ROW(sin(i), cos(2 * i), i % 5))), count(*) FROM unnest(ARRAY[8, 50, 100, 200]) n, LATERAL generate_series(1, n) i GROUP BY n ORDER BY n;
CREATE FUNCTION work(m bytea) RETURNS text LANGUAGE sql AS $$
SELECT format('%s updates, rate %s', o ->> 'updates', round((o ->> 'learning_rate')::numeric, 4)) FROM (SELECT ae.describe(m) -> 'options' AS o) q $$;
SELECT n, work(ae.train(ROW(sin(i), cos(2 * i), i % 5))) FROM unnest(ARRAY[8, 50, 100, 200]) n, LATERAL generate_series(1, n) i GROUP BY n ORDER BY n;
SELECT work(ae.train(ROW(sin(i), cos(2 * i)), ae.options(updates => 40))) AS given_updates,
	work(ae.train(ROW(sin(i), cos(2 * i)), ae.options(learning_rate => 0.001))) AS given_rate,
	network(ae.train(ROW(sin(i), cos(2 * i)), ae.options(hidden => '{70}', updates => 2))) AS given_width
FROM generate_series(1, 50) i;
SELECT length(m) < 15000 AS small, (SELECT count(*) BETWEEN 20 AND 66 FROM ae.history(m)) AS short_history,
	(SELECT max(epoch) FROM ae.history(m)) = (ae.describe(m) -> 'options' ->> 'updates')::int AS to_its_end
FROM (SELECT ae.train(ROW(sin(i), cos(2 * i), i % 5)) AS m FROM generate_series(1, 50) i) q;
RESET client_min_messages;

---- of many models notices are given once, and summed up at the end

CREATE TABLE groups AS SELECT g, i, CASE WHEN g % 4 = 0 THEN 7 ELSE i END AS sometimes, sin(i * g) AS x FROM generate_series(1, 10) g, generate_series(1, 30) i;
SELECT count(m) FROM (SELECT g, ae.train(r, '{"columns":["sometimes","x"],"updates":2}') AS m FROM (SELECT * FROM groups ORDER BY g) r GROUP BY g) q;
SELECT count(m) FROM (SELECT g, ae.train(ROW(sometimes), '{"updates":2}') AS m FROM groups GROUP BY g) q;
-- nothing is summed up of one model, or where the statement fails
SELECT ae.train(r, '{"columns":["sometimes","x"],"updates":2}') IS NULL FROM groups r WHERE g = 4;
SELECT length(ae.train(r, '{"columns":["sometimes","x"],"updates":2}')) / (10 - g) FROM groups r GROUP BY g ORDER BY g;

DROP TABLE one_wild, people, docs, groups;
DROP FUNCTION first_of, says, network(bytea), work(bytea);
