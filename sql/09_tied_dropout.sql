-- Proves that a tied decoder has the weights of its encoder, that dropout is for training alone, and that
-- options which cannot stand beside them are refused before a second row is read.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, sin(i) AS a, 2 * sin(i) + 0.3 * cos(1.7 * i) AS b, cos(i) * sin(3 * i) AS c, cos(0.1 * i) AS d,
	CASE WHEN i % 3 = 0 THEN 'x' ELSE 'y' END AS word, CASE WHEN i % 5 > 0 THEN cos(i) END AS gap
FROM generate_series(1, 400) i;

-- of a linear network, weights show as differences: of codes by an input, of outputs by a unit of the code
CREATE FUNCTION most_different(options jsonb) RETURNS float8 LANGUAGE sql AS $$
	WITH m AS (SELECT ae.train(ARRAY[a, b, c, d], ae.options(code => 2, hidden => '{}', activation => 'identity', scaling => 'none', updates => 200) || options) AS model FROM data),
	encoder AS (SELECT i, j, (ae.encode(model, ARRAY[(i = 1)::int, (i = 2)::int, (i = 3)::int, (i = 4)::int]::real[]))[j]
			- (ae.encode(model, ARRAY[0, 0, 0, 0]::real[]))[j] AS w FROM m, generate_series(1, 4) i, generate_series(1, 2) j),
	decoder AS (SELECT i, j, ((ae.decode(model, ARRAY[(j = 1)::int / 64.0, (j = 2)::int / 64.0]::real[]))[i]
			- (ae.decode(model, ARRAY[0, 0]::real[]))[i]) * 64 AS w FROM m, generate_series(1, 4) i, generate_series(1, 2) j)
	SELECT max(abs(encoder.w - decoder.w)) FROM encoder JOIN decoder USING (i, j)
$$;
SELECT o AS optimizer, most_different(ae.options(tied => true, optimizer => o)) < 1e-5 AS tied, most_different(ae.options(tied => false, optimizer => o)) > 0.01 AS untied
FROM unnest('{sgd,adam,adamw,lbfgs}'::text[]) o;

-- a tied network is nearly as good, and says what it is; all kinds of columns
SELECT (t ->> 'train_loss')::float8 < 1.3 * (u ->> 'train_loss')::float8 + 0.05 AS good
FROM (SELECT ae.describe(ae.train(t, ae.options(code => 3, tied => true, exclude => '{id}', updates => 800))) -> 'training' AS t,
		ae.describe(ae.train(t, ae.options(code => 3, exclude => '{id}', updates => 800))) -> 'training' AS u FROM data t) s;
SELECT d -> 'options' -> 'tied' AS tied, d -> 'network' -> 'widths' AS widths, ae.summary(model) ~ ', the decoder''s tied to the encoder''s' AS summary
FROM (VALUES (ae.options(code => 2, hidden => '{7,5}')), (ae.options(code => 2, decoder => '{5,7}')), (ae.options(code => 2, hidden => '{5}', decoder => '{5}')),
		(ae.options()), (ae.options(hidden => '{9,6}')), (ae.options(decoder => '{9}'))) o(options),
	LATERAL (SELECT ae.train(t, o.options || ae.options(tied => true, columns => '{a,b,c}', updates => 3)) AS model FROM data t) m, ae.describe(model) d;

-- options as ae.describe resolved them train the same model again
SELECT ae.train(t, d.options) = m.model AS same
FROM data t, (SELECT ae.train(t, ae.options(tied => true, dropout => 0.2, columns => '{a,b,word}', hidden => '{9}', code => 2, updates => 20)) AS model FROM data t) m,
	LATERAL (SELECT ae.describe(m.model) -> 'options' AS options) d
GROUP BY m.model;

-- training goes on from a tied model, and leaves it tied
CREATE TABLE models AS SELECT tied, ae.train(t, ae.options(tied => tied, columns => '{a,b,c}', code => 2, updates => 20)) AS model FROM data t, unnest('{t,f}'::boolean[]) tied GROUP BY tied;
SELECT m.tied, ae.describe(ae.train(t, '{"updates": 5}', m.model)) -> 'options' -> 'tied' AS after FROM data t, models m GROUP BY m.tied, m.model ORDER BY 1;
SELECT ae.train(t, '{"tied": true}', m.model) FROM data t, models m WHERE NOT m.tied;
\echo :LAST_ERROR_SQLSTATE

-- dropout is for training alone: a row scores the same again, and in a batch
SELECT count(DISTINCT ae.raw_score(m.model, t)) AS scores, abs((ae.evaluate(m.model, t)).mean_error / min(ae.reconstruction_error(m.model, t)) - 1) < 1e-12 AS same_in_a_batch
FROM (SELECT d.* FROM data d, generate_series(1, 8) WHERE id = 7) t,
	(SELECT ae.train(t, ae.options(columns => '{a,b,c}', code => 2, dropout => 0.3, updates => 50)) AS model FROM data t) m;
SET client_min_messages = notice;
SELECT ae.train(t, ae.options(columns => '{a,b,c}', code => 2, hidden => '{}', dropout => 0.3, updates => 2, validation => 0)) IS NOT NULL AS model FROM data t;
SET client_min_messages = warning;

\i sql/include/refusal.sql
SELECT refusal(o) FROM unnest(ARRAY[ae.options(tied => true, code => 2, hidden => '{8}', decoder => '{9}'), ae.options(tied => true, code => 2, hidden => '{8}', decoder => '{}'),
	ae.options(tied => true, hidden => '{8,9}', decoder => '{9,8}'), ae.options(tied => true, null_indicators => true),
	ae.options(dropout => 0.5, optimizer => 'lbfgs'), ae.options(dropout => 1)]) o;

DROP TABLE data, models;
DROP FUNCTION most_different, refusal;
