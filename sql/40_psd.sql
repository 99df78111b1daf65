-- Proves that ae.infer finds the sparse code that is best, that ae.psd trains an encoder which predicts it, and
-- what neither can be combined with.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
CREATE SCHEMA predicted;
SET search_path = predicted;

-- sums of two of 18 directions in 8 columns
CREATE TABLE mixes AS SELECT i AS id, (SELECT array_agg(((1 + i % 3) * sin(i * 7 % 18 * 37.7 + k * k * 1.3) - (1 + i % 5) * 0.7 * sin((i * 11 + i / 18) % 18 * 37.7 + k * k * 1.3))::real ORDER BY k)
	FROM generate_series(1, 8) k) AS v FROM generate_series(1, 600) i;
CREATE TABLE m AS SELECT ae.train(v, ae.options(code => 18, hidden => '{32}', epochs => 60) || ae.sparse('l1', 0.02) || ae.psd()) AS model FROM mixes;
CREATE TABLE plain AS SELECT ae.train(v, ae.options(code => 18, hidden => '{32}', decoder => '{}', epochs => 60) || ae.sparse('l1', 0.02)) AS model FROM mixes;

---- the best code

-- what it minimises: the squared error of the scaled row, the mean over columns, and 0.02 times the sum of |h|; but ae.decode stays within
-- the values of training, so for some rows this is less
CREATE FUNCTION cost(model bytea, v real[], h real[]) RETURNS double precision LANGUAGE sql AS $$
	SELECT avg(((x - r) / sd)^2) + 0.02 * (SELECT sum(abs(u)) FROM unnest(h) u)
	FROM unnest(v, ae.decode(model, h)) WITH ORDINALITY AS s(x, r, n) JOIN (SELECT row_number() OVER () AS n, sd FROM ae.features(model)) f USING (n) $$;
CREATE TABLE codes AS SELECT id, model, v, ae.infer(model, v) AS h, ae.encode(model, v) AS guess FROM m, mixes WHERE id <= 40;
SELECT avg((abs(cost(model, v, guess) - ae.reconstruction_error(model, v) - 0.02 * (SELECT sum(abs(u)) FROM unnest(guess) u)) < 1e-4)::int) > 0.5 AS objective,
	bool_and(cost(model, v, h) < cost(model, v, guess)) AS better, avg((SELECT count(*) FROM unnest(h) u WHERE u = 0)) > 8 AS sparse FROM codes;
-- no unit could be better, whichever way it went
SELECT bool_and(cost(model, v, h) <= cost(model, v, h[:k - 1] || (h[k] + step)::real || h[k + 1:]) + 2e-4) AS best
FROM codes, generate_series(1, 18) k, unnest('{-0.3,-0.03,0.03,0.3}'::float8[]) step WHERE id <= 12;
-- the encoder predicts it, better than one that was trained without
SELECT off[1] < 0.5 AS predicts, off[1] < off[2] AS better
FROM (SELECT array_agg(off ORDER BY n) AS off FROM (SELECT n, sum((a - b) ^ 2) / sum(a ^ 2) AS off
	FROM (SELECT 1 AS n, model FROM m UNION ALL SELECT 2, model FROM plain) x, mixes, unnest(ae.infer(model, v), ae.encode(model, v)) u(a, b) WHERE id > 300 GROUP BY n) y) z;
-- atoms are at most 1 long: what one unit adds to the scaled row
SELECT max(length) <= 1.0001 AS bounded FROM (SELECT k, sqrt(sum(((r - z) / sd) ^ 2)) AS length
	FROM m, generate_series(1, 18) k, LATERAL unnest(ae.decode(model, array_fill(0::real, '{18}')), ae.decode(model, array_fill(0::real, ARRAY[k - 1]) || 1::real || array_fill(0::real, ARRAY[18 - k]))) WITH ORDINALITY AS s(z, r, n)
		JOIN (SELECT row_number() OVER () AS n, sd FROM m, ae.features(model)) f USING (n) GROUP BY k) l;
-- gaps take no part; the same code by name, for a row and for its array
SELECT (SELECT count(*) FROM unnest(ae.infer(model, '{1,NULL,2,NULL,NULL,1,0,1}'::real[])) h WHERE h <> 0) BETWEEN 1 AND 6 AS gaps, ae.infer(model, NULL::real[]) IS NULL AS none FROM m;
SELECT ae.save_model('predicted', model) IS NOT NULL AS saved FROM m;
SELECT bool_and(ae.infer('predicted'::ae.model, v) = h) AS same FROM codes;
-- columns of any kind
CREATE TABLE mixed AS SELECT i % 7 AS a, CASE WHEN i % 9 > 0 THEN sin(i) END AS b, substr('xyz', 1 + i % 3, 1) AS c, i % 2 = 0 AS d, ARRAY[i % 3, i % 5]::real[] AS e FROM generate_series(1, 300) i;
SELECT bool_and(array_length(ae.infer(model, x), 1) = 9) AS codes, bool_and(ae.infer(model, x) <> ae.encode(model, x)) AS differ,
	min(o -> 'options' ->> 'psd_weight') AS weight, min(o -> 'options' ->> 'purpose') AS purpose, min(o -> 'options' ->> 'decoder') AS decoder
FROM (SELECT ae.train(x, ae.options(code => 9, updates => 100) || ae.sparse('l1', 0.05) || ae.psd(0.5)) AS model FROM mixed x) t, LATERAL ae.describe(model) AS o(o), mixed x;
SELECT substring(ae.summary(model) FROM 'in training[^,]*') AS summary, ae.summary(model) ~ 'by heart' AS warned FROM m;
-- a model goes on with it, and options as ae.describe has them train the same model
SELECT ae.describe(ae.train(v, ae.options(updates => 5) || ae.sparse('l1', 0.02) || ae.psd(2), model)) -> 'options' -> 'psd_weight' AS weight FROM mixes, m GROUP BY model;
SELECT bool_and(again = model) AS same FROM (SELECT model, ae.train(v, ae.describe(model) -> 'options') AS again FROM m, mixes GROUP BY model) s;

---- refusals

\i sql/include/query_refusal.sql
\pset format unaligned
\pset tuples_only on
SELECT refusal(format('SELECT ae.train(v, ae.options(code => 4, updates => 2) || ae.psd() || %L::jsonb) FROM mixes', o)) FROM unnest(ARRAY[
	'{}', '{"sparse": "log"}', '{"sparse": "l1", "sparse_layers": "hidden"}', '{"sparse": "l1", "sparse_weight": 0}']) o;
SELECT refusal(format('SELECT ae.train(v, ae.options(code => 4, updates => 2) || ae.sparse(''l1'') || ae.psd() || %L::jsonb) FROM mixes', o)) FROM unnest(ARRAY[
	'{"psd_weight": -1}', '{"code_activation": "tanh"}', '{"loss": "mae"}', '{"category_loss": "softmax"}', '{"output_activation": "tanh"}', '{"distribution": "mixed"}', '{"denoise": "swap", "denoise_emphasis": 0.5}',
	'{"variational_beta": 1}', '{"optimizer": "lbfgs"}', '{"optimizer": "pca"}', '{"tied": true}', '{"top_k": 2}', '{"batch_top_k": 2}', '{"hash_bits": 4, "code": null}', '{"contract_weight": 1}', '{"neighbours_weight": 1}',
	'{"pretrain": "plain"}', '{"purpose": "generate"}', '{"purpose": "search"}', '{"decoder": [8]}', '{"psd_weight": 0}', '{"denoise": "swap", "batch_norm": true, "dropout": 0.1}']) o;
SELECT refusal('SELECT ae.train(x, ae.options(updates => 2) || ae.sparse(''l1'') || ae.psd() || ae.target(''a'')) FROM mixed x');
SELECT refusal(q) FROM unnest(ARRAY[
	'SELECT ae.infer(model, ''{1,2}''::real[]) FROM m',
	'SELECT ae.infer(model, v) FROM mixes, (SELECT ae.train(v, ae.options(code => 4, updates => 2)) AS model FROM mixes) s',
	'SELECT ae.infer(model, v) FROM mixes, (SELECT ae.train(v, ae.options(code => 4, hidden => ''{8}'', updates => 2) || ae.sparse(''l1'')) AS model FROM mixes) s',
	'SELECT ae.infer(model, v) FROM mixes, (SELECT ae.train(v, ae.options(code => 4, folds => 2, decoder => ''{}'', updates => 2) || ae.sparse(''l1'')) AS model FROM mixes) s',
	'SELECT ae.train(v, ae.options(updates => 2) || ae.sparse(''l1'') || ae.psd(), model) FROM mixes, (SELECT ae.train(v, ae.options(code => 4, hidden => ''{8}'', updates => 2)) AS model FROM mixes) s GROUP BY model']) q;
\pset format aligned
\pset tuples_only off
SELECT ae.drop_model('predicted');
SET client_min_messages = warning;
DROP SCHEMA predicted CASCADE;
