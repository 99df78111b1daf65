-- Proves: reasons say how a value is odd: beyond which share of the rows, in how many of them, or beside
-- which other value; no column is named that is as expected; findings of one reason are a group.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
SELECT setseed(0.6);

-- the product decides the price, the region nothing
CREATE TABLE sales AS
SELECT i AS id, (ARRAY['north', 'south', 'west'])[1 + (i * 7 % 3)] AS region, product, round((price * (1 + 0.02 * random()))::numeric, 2) AS price,
	round(exp(1.2 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::numeric, 3) AS weight, random() < 0.5 AS paid
FROM generate_series(1, 4000) i, LATERAL (SELECT (ARRAY['nail', 'hammer', 'drill', 'lathe'])[1 + i % 4] AS product, (ARRAY[1, 20, 150, 900])[1 + i % 4] AS price) p;
UPDATE sales SET region = 'moon' WHERE id <= 6;
UPDATE sales SET price = 1.01 WHERE product = 'lathe' AND id BETWEEN 2000 AND 2020;
UPDATE sales SET weight = 40 + id / 1000.0 WHERE id BETWEEN 3001 AND 3003;
CREATE TABLE sales_model AS SELECT ae.train(s, '{"exclude": ["id"]}') AS m FROM sales s WHERE id BETWEEN 100 AND 1900;

-- by itself far, and beyond all; a level that is not known; rare ones
CREATE VIEW why AS SELECT s.id, e.* FROM sales_model, sales s, ae.explain(m, s) WITH ORDINALITY AS e(feature, value, expected, error, share, probability, reason, n);
SELECT id, reason ~ '^weight is 43.00[0-9]+, above (all|99\.[0-9] %) (of |)rows' AS far FROM why WHERE id = 3001 AND n = 1;
SELECT bool_or(reason ~ '^weight is [0-9.]+, above 9[0-9]\.[0-9] % of rows$') AS far FROM why WHERE feature = 'weight' AND id > 2100 AND value::numeric BETWEEN 6 AND 15;
SELECT id, regexp_replace(reason, '[0-9]+ rows', 'N rows') AS reason FROM why WHERE id = 5 AND n = 1;
-- a value beside another one that it contradicts
SELECT DISTINCT regexp_replace(reason, 'expected [0-9.]+', 'expected N') AS reason FROM why WHERE id IN (SELECT id FROM sales WHERE product = 'lathe' AND price < 2) AND feature IN ('price', 'product') AND n <= 2 AND reason ~ 'with' ORDER BY 1;
-- nothing is named that is as expected
SELECT count(*) FILTER (WHERE value = expected AND reason ~ 'expected|rather') AS wrong, count(*) FILTER (WHERE reason IS NULL AND value IS DISTINCT FROM expected AND feature IN ('region', 'product', 'paid')) AS silent,
	count(*) > 1000 AS rows FROM why WHERE id > 3000;

-- groups
SELECT n_rows, substring(reasons[1], '^[a-z]+ is moon: [0-9]+ of') AS reason FROM ae.detect('sales', '{"exclude": ["id"]}', 4, groups => true) WHERE reasons[1] ~ 'moon';
SELECT sum(n_rows) > 2 AS prices FROM ae.detect('sales', '{"exclude": ["id"]}', 4, groups => true) WHERE reasons[1] ~ '^price';
SELECT count(*) = 3 AS three, bool_and(n_rows = 1) AS single, count(DISTINCT row ->> 'id') AS rows FROM ae.detect('sales', '{"exclude": ["id"]}', 3);
SELECT count(*) <= 5 AS groups, sum(n_rows) BETWEEN 5 AND 1000 AS rows, bool_and(score IS NOT NULL) AS scores FROM ae.detect('sales', '{"exclude": ["id"]}', 5, true);
DROP VIEW why; DROP TABLE sales, sales_model;
