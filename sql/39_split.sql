-- Proves: ae.split takes the share that was asked for, by content alone: the same rows in every order, under
-- all settings and on every server.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

CREATE TABLE split_rows AS SELECT i AS id, i % 100 AS customer, (i % 97) * 0.25::float8 AS x, 'word ' || i % 10 AS w, i % 2 = 0 AS b,
	timestamptz '2024-01-01 00:00Z' + i * interval '1 minute' AS at, ARRAY[i, NULL, 3] AS a FROM generate_series(1, 20000) i;
-- within three standard errors of the share
SELECT share, abs(avg(ae.split(t, share)::int) - share) < 3 * sqrt(share * (1 - share) / 20000) AS fits
FROM split_rows t, (VALUES (0.05::float8), (0.5), (0.8)) s(share) GROUP BY share ORDER BY share;
-- these sides never change
SELECT string_agg((ae.split(t, 0.5)::int)::text, '' ORDER BY id) AS of_rows, string_agg((ae.split(id, 0.5)::int)::text, '' ORDER BY id) AS of_keys,
	   string_agg((ae.split(w, 0.5)::int)::text, '' ORDER BY id) AS of_texts, string_agg((ae.split(ROW(w, x), 0.5, 7)::int)::text, '' ORDER BY id) AS seed_7
FROM split_rows t WHERE id <= 24;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SELECT string_agg((ae.split(t, 0.5)::int)::text, '' ORDER BY id) AS of_rows FROM split_rows t WHERE id <= 24;
RESET timezone;
RESET datestyle;
-- larger shares contain smaller ones; a key keeps its rows together; seeds are independent; all and none
SELECT count(*) FILTER (WHERE ae.split(t, 0.3) AND NOT ae.split(t, 0.4)) AS outside,
	   max(sides) AS sides_of_a_customer, count(*) FILTER (WHERE ae.split(t, 1)) AS all_rows, count(*) FILTER (WHERE ae.split(t, 0)) AS no_row,
	   abs(count(*) FILTER (WHERE ae.split(t, 0.5) AND ae.split(t, 0.5, 1)) - 5000) < 3 * sqrt(20000 * 0.25 * 0.75) AS independent
FROM split_rows t, (SELECT customer, count(DISTINCT ae.split(customer, 0.5)) AS sides FROM split_rows GROUP BY 1) c WHERE c.customer = t.customer;
-- numbers are what they are, of any type; large ones are told apart
SELECT ae.split(5, 0.5) = ae.split(5.0, 0.5) AND ae.split(5::float4, 0.5) = ae.split(5::int8, 0.5) AS one_number,
	   ae.split('-0'::float8, 0.5) = ae.split(0, 0.5) AS zero,
	   (SELECT count(DISTINCT ae.split(9007199254740000 + i, 0.5)) FROM generate_series(1, 50) i) AS sides;
-- NULLs
SELECT ae.split(NULL::split_rows, 0.5) IS NULL AS no_row, ae.split(ROW(NULL::int, NULL::text), 0.5) IS NOT NULL AS a_row_of_nulls, ae.split(1, NULL) IS NULL AS no_share;
-- in an index, and to train and test with
CREATE INDEX ON split_rows (id) WHERE ae.split(id, 0.1);
SELECT n_rows > 3000 AS some, mean_error > 0 AS error FROM (SELECT (ae.evaluate(m, t)).* FROM split_rows t,
	(SELECT ae.train(t, '{"columns": ["x", "w", "b"], "updates": 20}') AS m FROM split_rows t WHERE ae.split(id, 0.8)) q WHERE NOT ae.split(id, 0.8)) e;
SELECT ae.split(1, 1.5);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.split(1, 'NaN');
SELECT ae.split('{}'::jsonb, 0.5);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.split(s, 0.5) FROM (SELECT 1 AS id, '\x'::bytea AS b) s;
ALTER TABLE split_rows DROP COLUMN w, ADD j int DEFAULT 3;
SELECT count(*) FILTER (WHERE ae.split(t, 0.5)) BETWEEN 9700 AND 10300 AS altered FROM split_rows t;
DROP TABLE split_rows;
