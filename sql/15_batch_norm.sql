-- Proves that batch normalisation helps a deep network of sigmoids along, leaves a model like any other
-- behind, and is refused before a second row is read beside what it cannot stand with.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, sin(i) AS a, 2 * sin(i) + 0.3 * cos(1.7 * i) AS b, cos(i) AS c, sin(2 * i) AS d, 1000 + cos(i + 1) AS e,
	CASE WHEN sin(i) > 0.3 THEN 'up' WHEN sin(i) < -0.3 THEN 'down' ELSE 'flat' END AS word, CASE WHEN i % 5 > 0 THEN cos(i) END AS gap
FROM generate_series(1, 500) i;

CREATE FUNCTION base(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ae.options(exclude => '{id}', code => 3, hidden => '{16,12,8}', activation => 'sigmoid', updates => 300) || more
$$;
CREATE TABLE models AS
SELECT norm, ae.train(t, base(ae.options(batch_norm => norm))) AS model FROM data t, unnest('{t,f}'::boolean[]) norm GROUP BY norm;

-- ahead after as many updates; the loss that training tells is that of the weights it gives
SELECT (SELECT (ae.describe(model) -> 'training' ->> 'validation_loss')::float8 FROM models WHERE norm)
	< 0.6 * (SELECT (ae.describe(model) -> 'training' ->> 'validation_loss')::float8 FROM models WHERE NOT norm) AS ahead;
SELECT norm, abs(avg(ae.reconstruction_error(model, t)) / (ae.describe(model) -> 'training' ->> 'validation_loss')::float8 - 1) < 0.25 AS as_told
FROM models, data t GROUP BY norm, model ORDER BY norm;
SELECT norm, ae.describe(model) -> 'options' -> 'batch_norm' AS described, ae.summary(model) ~ ', trained with batch normalisation' AS summary,
	ae.describe(model) -> 'network' = (SELECT ae.describe(model) -> 'network' FROM models WHERE NOT norm) AS same_network,
	length(model) - (SELECT length(model) FROM models WHERE NOT norm) AS larger_by
FROM models ORDER BY norm;
SELECT norm, ae.train(t, ae.describe(model) -> 'options') = model AS trains_the_same FROM models, data t GROUP BY norm, model ORDER BY norm;

-- the same of a row in a batch: it is folded in, and no other row has a say
SELECT count(DISTINCT ae.raw_score(model, t)) AS scores, abs((ae.evaluate(model, t)).mean_error / min(ae.reconstruction_error(model, t)) - 1) < 1e-12 AS same_in_a_batch
FROM (SELECT d.* FROM data d, generate_series(1, 8) WHERE id = 7) t, models WHERE norm GROUP BY model;

-- beside everything that it can stand with
SELECT count(DISTINCT loss) AS outcomes, max(loss) < 1 AS trained
FROM unnest(ARRAY['{}', ae.options(dropout => 0.1), ae.options(optimizer => 'adamw'), ae.options(optimizer => 'sgd'), ae.options(noise => 0.1), ae.options(masking => 0.2),
	ae.options(null_indicators => true), ae.options(category_loss => 'cross_entropy'), ae.sparse('l1'), ae.sparse('kl', layers => 'hidden'), ae.sparse(top_k => 2),
	ae.denoise('swap', emphasis => 0.3), ae.options(batch_size => 2), ae.options(purpose => 'detect', hidden => '{16,8}')]) o,
	LATERAL (SELECT avg(ae.reconstruction_error(model, t)) AS loss FROM data t, (SELECT ae.train(t, base(ae.options(batch_norm => true) || o)) AS model FROM data t) m) l;

-- training goes on from such a model, without it
SELECT ae.describe(ae.train(t, '{"updates": 5}', model)) -> 'options' -> 'batch_norm' AS after FROM data t, models WHERE norm GROUP BY model;

-- a single hidden layer, the code, has nothing to be normalised
SET client_min_messages = notice;
SELECT avg(ae.reconstruction_error(m.model, t)) = avg(ae.reconstruction_error(n.model, t)) AS the_same
FROM data t, (SELECT ae.train(t, base('{"hidden": [], "batch_norm": true}')) AS model FROM data t) m, (SELECT ae.train(t, base('{"hidden": []}')) AS model FROM data t) n;
SET client_min_messages = warning;

\i sql/include/refusal.sql
SELECT refusal(ae.options(batch_norm => true) || o) FROM unnest(ARRAY[ae.options(tied => true), ae.options(optimizer => 'lbfgs'), ae.contract(0.1), ae.pretrain(),
	ae.options(batch_size => 1), '{"batch_norm": 1}']) o;
SELECT refusal(ae.options(batch_norm => true), model) FROM models WHERE norm;

DROP TABLE data, models;
DROP FUNCTION base, refusal;
