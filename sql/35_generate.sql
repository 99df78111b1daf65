-- Proves that ae.generate draws rows that look like those of training: of their types, with their
-- dependence, their NULLs and what is given; the same for the same seed; and that ae.impute with a seed
-- draws what is missing.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
CREATE SCHEMA generated;
SET search_path = generated;

CREATE TYPE size AS ENUM ('S', 'M', 'L');
CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE orders AS
SELECT i AS id, CASE WHEN i % 4 = 0 THEN 'gold' WHEN i % 4 < 3 THEN 'plain' END AS customer,
	('{S,M,L}'::size[])[1 + (i * 7 % 11) % 3] AS size, i * 7 % 11 AS pieces,
	round(2.5 * (i * 7 % 11) + (i % 4 = 0)::int * 100, 2) AS price, (i * 13 % 101)::percent AS rebate, i % 4 = 0 AS express,
	date '2024-01-01' + i % 28 AS day, time '08:00' + i % 9 * interval '1 hour' AS at,
	ARRAY[i % 3, CASE WHEN i % 5 > 0 THEN i % 2 END]::smallint[] AS marks, 7 AS seven, NULL::text AS note,
	CASE WHEN i % 2 = 0 THEN 1 END AS one_or_none, md5(i::text) AS token
FROM generate_series(1, 1200) i;
CREATE TABLE m AS SELECT ae.train(o, ae.options(purpose => 'generate', exclude => '{id}', hidden => '{}', code => 64, decoder => '{}', updates => 400, learning_rate => 0.01)) AS model FROM orders o;
CREATE TABLE drawn AS SELECT g.* FROM m, ae.generate(model, NULL::orders, 1000, 1) g;

---- rows of the table's type

-- columns that the model does not have are NULL, those of one value have it, NULLs come as often
SELECT count(*), count(id) AS id, count(DISTINCT size) AS sizes, bool_and(pieces BETWEEN 0 AND 10) AS pieces,
	bool_and(price = round(price, 1)) AS price, bool_and(day BETWEEN '2024-01-01' AND '2024-01-28') AS day,
	bool_and(at = date_trunc('hour', at::interval)) AS at, bool_and(marks[1] BETWEEN 0 AND 2) AS marks, min(array_length(marks, 1)) AS n_marks,
	bool_and(seven = 7) AS seven, count(note) AS note, count(token) AS token, count(one_or_none) BETWEEN 400 AND 600 AS one_or_none,
	count(*) - count(customer) BETWEEN 180 AND 320 AS no_customer, count(marks[2]) BETWEEN 700 AND 900 AS second_mark
FROM drawn;
-- columns go together as in training
SELECT avg(((customer = 'gold') = express)::int) > 0.9 AS customer_and_express,
	corr(pieces, price) - (SELECT corr(pieces, price) FROM orders) BETWEEN -0.15 AND 0.15 AS pieces_and_price,
	avg((size = ('{S,M,L}'::size[])[1 + pieces % 3])::int) > 0.8 AS size_and_pieces
FROM drawn;
-- a number that only one row had is not drawn as it was
CREATE TABLE rare AS SELECT CASE WHEN i = 5 THEN 123456.78 ELSE i % 10 END AS x, i % 2 AS y FROM generate_series(1, 500) i;
SELECT max(x) FROM (SELECT ae.train(rare, ae.options(purpose => 'generate', updates => 20)) AS model FROM rare) t, ae.generate(model, NULL::rare, 2000, 1);

-- of few different rows all are learnt, and none is held out
CREATE TABLE few AS SELECT i % 3 AS a, (i % 3) * 2 + i % 2 AS b FROM generate_series(1, 300) i;
SELECT avg((b - 2 * a IN (0, 1))::int) > 0.95 AS together, count(DISTINCT (a, b)) BETWEEN 6 AND 10 AS kinds, max(ae.describe(model) #>> '{training,validation_rows}') AS held_out
FROM (SELECT ae.train(few, ae.options(purpose => 'generate', hidden => '{}', code => 32, decoder => '{}', updates => 200, learning_rate => 0.01)) AS model FROM few) t,
	ae.generate(model, NULL::few, 300, 1);

---- seeds

SELECT bool_and(g::text IN (SELECT d::text FROM drawn d)) AS same FROM m, ae.generate(model, NULL::orders, 100, 1) g;
-- rows are the same however many are asked for
SELECT (SELECT array_agg(g::text) FROM m, ae.generate(model, NULL::orders, 70, 1) g) =
	(SELECT array_agg(g) FROM (SELECT g::text AS g FROM m, ae.generate(model, NULL::orders, 100, 1) g LIMIT 70) s) AS same;
SELECT seed, count(*), count(DISTINCT g::text) > 90 AS differ
FROM m, unnest('{0,2,-9223372036854775808,9223372036854775807}'::bigint[]) seed, ae.generate(model, NULL::orders, 100, seed) g
GROUP BY seed ORDER BY seed;
SELECT count(DISTINCT g::text) > 190 AS seeds_differ FROM m, generate_series(1, 100) seed, ae.generate(model, NULL::orders, 2, seed) g;
-- rows come one by one: of a billion, three
SELECT count(*) FROM (SELECT ae.generate(model, NULL::orders, 1000000000000, 1) FROM m LIMIT 3) s;
SELECT count(*) FROM m, ae.generate(model, NULL::orders, 0, 1);
SELECT count(*) FROM m, ae.generate(model, NULL::orders, NULL, 1);
SELECT count(*) FROM m, ae.generate(NULL::bytea, NULL::orders, 5, 1);

---- what is given

SELECT count(*), count(id) AS id, bool_and(customer = 'gold' AND pieces = 3) AS given, avg(express::int) > 0.9 AS express,
	bool_and(token = 'mine') AS left_out
FROM m, ae.generate(model, json_populate_record(NULL::orders, '{"id": 5, "customer": "gold", "pieces": 3, "token": "mine"}'), 200, 1);
-- a domain's check holds
CREATE TABLE checked (customer text, rebate percent);
SELECT count(*), min(rebate) >= 0 AND max(rebate) <= 100 AS within FROM
	(SELECT ae.train(c, ae.options(purpose => 'generate', updates => 50)) AS model FROM (SELECT customer, rebate FROM orders) c) t, ae.generate(model, NULL::checked, 100, 1);

-- so do those of a table, and NOT NULL of what the model fills
CREATE TABLE strict (id int NOT NULL, customer text NOT NULL, pieces int CHECK (pieces % 2 = 0), price numeric, CHECK (price > pieces * 2), extra date NOT NULL);
SELECT count(*), count(id) AS id, count(customer) AS customer, bool_and(pieces % 2 = 0 AND price > pieces * 2) AS met
FROM (SELECT ae.train(o, ae.options(columns => '{customer,pieces,price}', purpose => 'generate', hidden => '{}', code => 32, decoder => '{}', updates => 200)) AS model FROM orders o) t,
	ae.generate(model, NULL::strict, 200, 1);
SELECT count(*) FROM m, ae.generate(model, NULL::orders, 1, 1);
ALTER TABLE orders ADD CONSTRAINT impossible CHECK (pieces > 1000) NOT VALID;
SELECT ae.generate(model, NULL::orders, 1, 1) FROM m;
ALTER TABLE orders DROP CONSTRAINT impossible;

-- what a domain refuses is drawn again, too: of a column, of a row, of an array and its elements
CREATE DOMAIN evens AS int CHECK (VALUE % 2 = 0);
CREATE DOMAIN named AS text NOT NULL CHECK (VALUE <> 'plain');
CREATE TABLE choosy (customer named, pieces evens, marks smallint[]);
CREATE DOMAIN express_only AS choosy CHECK ((VALUE).pieces > 3);
SELECT count(*), bool_and((g).customer = 'gold') AS named, bool_and((g).pieces % 2 = 0 AND (g).pieces > 3) AS pieces
FROM (SELECT ae.train(o, ae.options(columns => '{customer,pieces,marks}', purpose => 'generate', hidden => '{}', code => 32, decoder => '{}', updates => 200)) AS model FROM orders o) t,
	ae.generate(model, NULL::express_only, 200, 1) g;
-- what a column has to meet that the model does not have is left out, and a NOTICE says so of a check; unless the row has its value
CREATE TABLE numbered (id int NOT NULL CHECK (id > 0), pieces int CHECK (pieces % 2 = 0), at timestamptz DEFAULT now(), CONSTRAINT before CHECK (pieces > id), CONSTRAINT whole CHECK (numbered IS NOT NULL));
CREATE TABLE pieces_only AS SELECT ae.train(o, ae.options(columns => '{pieces}', purpose => 'generate', updates => 50)) AS model FROM orders o;
SET client_min_messages = notice;
SELECT count(*), count(id) AS id, bool_and(pieces % 2 = 0) AS even FROM pieces_only, ae.generate(model, NULL::numbered, 100, 1);
SELECT count(*), bool_and(id = 4 AND pieces > 4 AND pieces % 2 = 0) AS met FROM pieces_only, ae.generate(model, json_populate_record(NULL::numbered, '{"id": 4, "at": "2024-01-01"}'), 100, 1);
SET client_min_messages = warning;
-- a generated column, stored or virtual, is what the table makes of the others
DO $$ BEGIN EXECUTE format('CREATE TABLE twice (pieces int, doubled int GENERATED ALWAYS AS (nullif(pieces, 5) * 2) %s NOT NULL, CHECK (doubled > 6))',
	CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'STORED' ELSE 'VIRTUAL' END); END $$;
SELECT count(*), min(pieces), bool_or(pieces = 5) AS five FROM pieces_only, ae.generate(model, NULL::twice, 200, 1);

-- numbers that are known enter as the bins of their values, however far out these are
SELECT avg((i.size = o.size)::int) > 0.9 AS size, avg((abs(i.price - o.price) < 3)::int) > 0.9 AS price
FROM m, (SELECT * FROM orders ORDER BY id LIMIT 110) o, LATERAL ae.impute(model, jsonb_populate_record(NULL::orders, to_jsonb(o) - '{size,price}'::text[])) i;
SELECT count(i.size) FROM m, unnest('{-2147483648,0,2147483647}'::int[]) n, LATERAL ae.impute(model, jsonb_populate_record(NULL::orders, jsonb_build_object('pieces', n, 'price', 1e100, 'rebate', 100))) i;

---- arrays

CREATE TABLE vectors AS SELECT ARRAY[i % 3, (i % 3) * 2 + i % 2, CASE WHEN i % 4 > 0 THEN 0.5 END, sin(i)]::real[] AS v FROM generate_series(1, 600) i;
CREATE TABLE a AS SELECT ae.train(v, ae.options(purpose => 'generate', hidden => '{}', code => 32, decoder => '{}', updates => 300, learning_rate => 0.01)) AS model FROM vectors;
SELECT count(*), bool_and(v[1] IN (0, 1, 2)) AS first, avg((v[2] - 2 * v[1] IN (0, 1))::int) > 0.9 AS second, count(v[3]) BETWEEN 130 AND 170 AS third
FROM a, ae.generate(model, 200, 1) v;
CREATE DOMAIN digit AS real CHECK (VALUE >= 0);
CREATE DOMAIN digits AS digit[] CHECK (VALUE[1] < 2);
SELECT count(*), bool_and(v[1] < 2 AND v[4] >= 0) AS met, min(pg_typeof(v)::text) AS type FROM a, ae.generate(model, NULL::digits, 50, 1) v;
SELECT count(*), bool_and(v[1] = 1) AS given, pg_typeof(min(v)) FROM a, ae.generate(model, '{1,NULL,NULL,NULL}'::float8[], 50, 1) v GROUP BY pg_typeof(v);
SELECT (SELECT array_agg(v) FROM a, ae.generate(model, 20, 1) v) = (SELECT array_agg(v) FROM a, ae.generate(model, NULL::real[], 20, 1) v) AS same;

---- a variational model: a code from its prior, then a row from what the decoder says

CREATE TABLE whole AS SELECT i AS id, round((10 + 3 * sin(i) + cos(i * 1.7))::numeric, 2) AS a, (20 + 12 * sin(i))::int AS b, sin(i) > 0.3 AS up, CASE WHEN sin(i) > 0.3 THEN 'high' WHEN i % 3 = 0 THEN 'middle' ELSE 'low' END AS word,
	timestamp '2024-01-01' + i * interval '1 hour' AS at, 5 AS five FROM generate_series(1, 1500) i;
CREATE TABLE decoded AS SELECT ae.train(w, ae.options(exclude => '{id}', code => 3, updates => 1500) || ae.variational()) AS model FROM whole w;
CREATE TABLE rows_of AS SELECT g.* FROM decoded, ae.generate(model, NULL::whole, 2000, 1) g;
SELECT count(*), count(id) AS id, bool_and(five = 5) AS five, bool_and(a = round(a, 2) AND a BETWEEN (SELECT min(a) FROM whole) AND (SELECT max(a) FROM whole)) AS a,
	abs(avg(a) - 10) < 0.4 AS mean, stddev(a) / (SELECT stddev(a) FROM whole) BETWEEN 0.8 AND 1.2 AS sd, count(DISTINCT word) AS words,
	abs(avg((word = 'high')::int) - (SELECT avg((word = 'high')::int) FROM whole)) < 0.1 AS high, bool_and(at BETWEEN '2024-01-01' AND '2024-03-05') AS at FROM rows_of;
-- columns go together
SELECT corr(a, b) > 0.7 AS numbers, avg((up = (word = 'high'))::int) > 0.8 AS levels, avg(b) FILTER (WHERE up) > avg(b) FILTER (WHERE NOT up) + 8 AS both FROM rows_of;
SELECT (SELECT array_agg(r::text) FROM (SELECT * FROM rows_of LIMIT 100) r) = (SELECT array_agg(g::text) FROM decoded, ae.generate(model, NULL::whole, 100, 1) g) AS same,
	(SELECT count(DISTINCT g::text) FROM decoded, unnest('{0,-9223372036854775808,9223372036854775807}'::bigint[]) seed, ae.generate(model, NULL::whole, 50, seed) g) > 140 AS differ;
ALTER TABLE whole ADD CHECK (b < 20) NOT VALID;
SELECT count(*), max(b) < 20 AS met FROM decoded, ae.generate(model, NULL::whole, 100, 1);
SELECT count(*), min(array_length(v, 1)) AS n, abs(avg(v[2]) - 3) < 0.2 AS mean FROM (SELECT ae.train(ARRAY[a, (b - 20) / 12.0 + 3]::real[], ae.options(code => 1, updates => 300) || ae.variational()) AS model FROM whole) t, ae.generate(model, 500, 1) v;

---- impute

-- a value for each NULL, of the table's type, and nothing else changes; a seed draws, none gives what is most probable
CREATE TABLE holes AS SELECT id, CASE WHEN id % 3 > 0 THEN customer END AS customer, size, pieces, CASE WHEN id % 3 <> 1 THEN price END AS price,
	CASE WHEN id % 3 <> 1 THEN rebate END AS rebate, express,
	day, at, marks, seven, note, one_or_none, token FROM orders WHERE id <= 300 AND customer IS NOT NULL AND marks[2] IS NOT NULL;
SELECT count(*), count((i).customer) AS customer, count((i).price) AS price, bool_and((i).id = (h).id AND (i).day = (h).day AND ((h).price IS NULL OR (i).price = (h).price)) AS others,
	avg(((i).customer = (o).customer)::int) > 0.85 AS customer_right,
	count(DISTINCT (i).price) > 5 AS prices_vary
FROM (SELECT h, o, ae.impute(model, h, 1) AS i FROM m, holes h JOIN orders o USING (id) OFFSET 0) s;
SELECT count(*) FILTER (WHERE ae.impute(model, h, 1) IS DISTINCT FROM ae.impute(model, h, 1)) AS unstable,
	count(*) FILTER (WHERE ae.impute(model, h, 1)::text <> ae.impute(model, h, 2)::text) > 20 AS seeds_differ,
	count(*) FILTER (WHERE (ae.impute(model, h)).customer IS NULL) AS left_null FROM m, holes h;

---- named models, and models that go on training

SELECT ae.save_model('generated', model) IS NOT NULL AS saved FROM m;
SELECT (SELECT array_agg(g::text) FROM ae.generate('generated'::ae.model, NULL::orders, 50, 1) g) = (SELECT array_agg(g::text) FROM m, ae.generate(model, NULL::orders, 50, 1) g) AS same;
SELECT ae.impute('generated'::ae.model, h, 1)::text = ae.impute(model, h, 1)::text AS same FROM m, holes h LIMIT 1;
SELECT count(*) FROM (SELECT ae.train(o, ae.options(updates => 5), model) AS more FROM orders o, m) t, ae.generate(more, NULL::orders, 5, 1);
SELECT ae.describe(model) #> '{options,purpose}' AS purpose, ae.describe(model) #> '{options,scaling}' AS scaling, ae.describe(model) #> '{calibration,rows}' AS calibrated FROM m;

---- refusals

\i sql/include/query_refusal.sql
CREATE TABLE detector AS SELECT ae.train(o, ae.options(columns => '{pieces,price}', updates => 5)) AS model FROM orders o;
\pset format unaligned
\pset tuples_only on
SELECT refusal(q) FROM unnest(ARRAY[
	'SELECT ae.generate(model, NULL::orders, 1, 1) FROM detector',
	'SELECT ae.impute(model, o, 1) FROM detector, orders o', 'SELECT ae.impute(model, w, 1) FROM decoded, whole w',
	'SELECT ae.generate(model, json_populate_record(NULL::whole, ''{"b": 3}''), 1, 1) FROM decoded', 'SELECT ae.generate(model, NULL::orders, 1, 1) FROM decoded',
	'SELECT ae.generate(model, NULL::whole, 1, 1) FROM (SELECT ae.train(w, ae.options(purpose => ''detect'', updates => 2) || ae.variational()) AS model FROM (SELECT a, b FROM whole) w) m',
	'SELECT ae.generate(model, NULL::orders, -1, 1) FROM m',
	'SELECT ae.generate(model, 1, 1) FROM m',
	'SELECT ae.generate(model, NULL::record, 1, 1) FROM m',
	'SELECT ae.generate(model, NULL::int, 1, 1) FROM m',
	'SELECT ae.generate(model, NULL::detector, 1, 1) FROM m',
	'SELECT ae.generate(model, json_populate_record(NULL::orders, ''{"customer": "silver"}''), 1, 1) FROM m',
	'SELECT ae.impute(model, json_populate_record(NULL::orders, ''{"customer": "silver"}''), 1) FROM m',
	'SELECT ae.generate(model, ''{Infinity,NULL,NULL,NULL}''::real[], 1, 1) FROM a',
	'SELECT ae.generate(model, ''{1}''::real[], 1, 1) FROM a',
	'SELECT ae.anomaly_score(model, o) FROM m, orders o',
	'SELECT ae.encode(model, o) FROM m, orders o',
	'SELECT ae.reconstruct(model, o) FROM m, orders o',
	'SELECT ae.explain(model, o) FROM m, orders o',
	'SELECT ae.evaluate(model, o) FROM m, orders o',
	'SELECT ae.threshold(model) FROM m']) q;
SELECT refusal(format('SELECT ae.train(o, ''{"purpose": "generate"}'' || %L::jsonb) FROM orders o', o)) FROM unnest(ARRAY[
	'{"folds": 2}', '{"quality": "accurate"}', '{"masking": 0.2}', '{"noise": 0.2}', '{"denoise": "swap"}', '{"loss": "mae"}', '{"category_loss": "onehot"}',
	'{"scaling": "log"}', '{"clip": 5}', '{"distribution": "mixed"}', '{"time_parts": ["hour"]}', '{"null_indicators": true}', '{"target": "express"}', '{"optimizer": "lbfgs"}', '{"optimizer": "pca"}',
	'{"prototypes": 8}', '{"neighbours_weight": 1}', '{"pretrain": "plain"}', '{"scaling": "bins"}']) o;
SELECT refusal('SELECT ae.train(v, ae.options(purpose => ''generate'', updates => 2)) FROM (SELECT array_agg(i * j % 7)::real[] AS v FROM generate_series(1, 1665) i, generate_series(1, 3) j GROUP BY j) s');
SELECT refusal(q) FROM unnest(ARRAY['SELECT * FROM ae.generate(''generated'', NULL::jsonb, 1, 1)', 'SELECT * FROM ae.generate(''generated'', ''{}''::jsonb, 0, 1)',
	'SELECT ae.impute(''generated'', ''{"a": null}''::jsonb, 1)', 'SELECT * FROM ae.generate(''generated'', ARRAY[1, 2]::real[], 1, 1)']) q;
\pset format aligned
\pset tuples_only off
SELECT ae.drop_model('generated');
SET client_min_messages = warning;
DROP SCHEMA generated CASCADE;
