-- Proves that networks learn by recirculation, nearly as well as by back-propagation, and what that cannot be combined with.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;
CREATE SCHEMA recirculated;
SET search_path = recirculated;

CREATE TABLE waves AS SELECT i AS id, sin(i) AS a, cos(i) AS b, sin(i) + 0.3 * cos(i * 1.7) AS c, cos(i) - 0.3 * sin(i * 2.3) AS d, CASE WHEN i % 10 > 0 THEN sin(i) - cos(i) END AS e, CASE WHEN i % 2 = 0 THEN 'x' ELSE 'y' END AS word
FROM generate_series(1, 800) i;
CREATE TABLE m AS SELECT algorithm, ae.train(w, ae.options(exclude => '{id,word}', code => 4, hidden => '{}', updates => 1500, learning_rate => 0.01, code_activation => 'sigmoid', masking => 0, algorithm => algorithm)) AS model
FROM waves w, unnest('{backpropagation,recirculation}'::text[]) algorithm GROUP BY algorithm;
SELECT loss[2] / loss[1] < 1.3 AS nearly_as_good, loss[2] < 0.5 AS learns, loss[2] <> loss[1] AS differs
FROM (SELECT array_agg((ae.describe(model) -> 'training' ->> 'train_loss')::float8 ORDER BY algorithm) AS loss FROM m) s;
SELECT ae.describe(model) -> 'options' -> 'algorithm' AS algorithm, ae.describe(model) -> 'options' -> 'hidden' AS hidden, ae.describe(model) -> 'options' -> 'code_activation' AS activation, ae.describe(model) -> 'options' -> 'purpose' AS purpose
FROM (SELECT ae.train(w, ae.options(exclude => '{id,word}', algorithm => 'recirculation', updates => 5)) AS model FROM waves w) t;
SELECT bool_and(again = model) AS same FROM (SELECT model, ae.train(w, ae.describe(model) -> 'options') AS again FROM m, (SELECT a, b, c, d, e FROM waves) w GROUP BY model) s;
SELECT ae.train(w, ae.options(updates => 2, algorithm => 'recirculation'), model) IS NOT NULL AS goes_on FROM waves w, m WHERE algorithm = 'backpropagation' GROUP BY model;

\i sql/include/query_refusal.sql
\pset format unaligned
\pset tuples_only on
SELECT refusal(format('SELECT ae.train(w, ae.options(exclude => ''{id,word}'', updates => 2, algorithm => ''recirculation'') || %L::jsonb) FROM waves w', o)) FROM unnest(ARRAY[
	'{"algorithm": "magic"}', '{"hidden": [8]}', '{"decoder": [8, 8]}', '{"hidden": [8, 4, 2]}', '{"tied": true}', '{"optimizer": "lbfgs"}', '{"optimizer": "pca"}', '{"loss": "mae"}', '{"output_activation": "tanh"}', '{"distribution": "mixed"}',
	'{"variational_beta": 1}', '{"sparse": "l1"}', '{"top_k": 1}', '{"batch_top_k": 1}', '{"hash_bits": 2}', '{"contract_weight": 1}', '{"neighbours_weight": 1}', '{"target": "a"}', '{"batch_norm": true}', '{"null_indicators": true}',
	'{"pretrain": "plain"}', '{"purpose": "generate"}', '{"purpose": "search"}', '{"exclude": ["id"]}', '{"denoise": "swap", "denoise_walkback": 2}', '{"purpose": "detect"}', '{"dropout": 0.1, "skip": true}']) o;
\pset format aligned
\pset tuples_only off
SELECT ae.train(w, ae.options(updates => 2, algorithm => 'recirculation'), model) FROM waves w, (SELECT ae.train(w, ae.options(exclude => '{id,word}', code => 2, hidden => '{3}', updates => 2)) AS model FROM waves w) m GROUP BY model;
SET client_min_messages = warning;
DROP SCHEMA recirculated CASCADE;
