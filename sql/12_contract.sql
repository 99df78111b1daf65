-- Proves that ae.contract makes codes insensitive to their inputs, by as much as it says, in one layer
-- and in several; that weight_prior is what the weights follow; and what neither stands beside.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, sin(i) AS a, 2 * sin(i) + 0.3 * cos(1.7 * i) AS b, cos(i) * sin(3 * i) AS c, cos(0.1 * i) AS d
FROM generate_series(1, 400) i;

-- one minibatch an epoch, so that what is reported is that of weights but one small step ago; no scaling,
-- so that inputs are what the network sees
CREATE FUNCTION train(options jsonb) RETURNS bytea LANGUAGE sql AS $$
	SELECT ae.train(ARRAY[a, b, c, d], ae.options(code => 3, hidden => '{}', code_activation => 'tanh', scaling => 'none',
		batch_size => 400, validation => 0, updates => 1500, tied => true) || options) FROM data
$$;
-- the mean over rows of the squared norm of the code's derivatives, by differences of codes
CREATE FUNCTION numeric_norm(model bytea) RETURNS float8 LANGUAGE sql AS $$
	SELECT sum(((up - down) / 0.02) ^ 2) / (SELECT count(*) FROM data WHERE id % 8 = 0)
	FROM data, generate_series(1, 4) j,
		LATERAL unnest(ae.encode(model, ARRAY[a + 0.01 * (j = 1)::int, b + 0.01 * (j = 2)::int, c + 0.01 * (j = 3)::int, d + 0.01 * (j = 4)::int]),
			ae.encode(model, ARRAY[a - 0.01 * (j = 1)::int, b - 0.01 * (j = 2)::int, c - 0.01 * (j = 3)::int, d - 0.01 * (j = 4)::int])) AS h(up, down)
	WHERE id % 8 = 0
$$;
CREATE FUNCTION norm(model bytea) RETURNS float8 LANGUAGE sql AS $$ SELECT (ae.describe(model) -> 'training' ->> 'jacobian')::float8 $$;

-- the heavier, the smaller, of every activation that has no kink; the summary says it; so does arithmetic
CREATE TABLE models AS
SELECT n.name, w, train(n.options || ae.contract(w)) AS model
FROM (VALUES ('tanh', '{}'::jsonb), ('sigmoid', ae.options(code_activation => 'sigmoid')), ('identity', ae.options(code_activation => 'identity')),
		('softplus', ae.options(code_activation => 'softplus')), ('elu', ae.options(code_activation => 'elu')), ('silu', ae.options(code_activation => 'silu')),
		('deep', ae.options(hidden => '{8}')), ('deeper', ae.options(hidden => '{8,6}', activation => 'tanh')),
		('estimate', ae.options(hidden => '{8}') || ae.contract(exact => false)), ('lbfgs', ae.options(hidden => '{8}', optimizer => 'lbfgs', updates => 100)),
		('adamw', ae.options(optimizer => 'adamw')), ('sgd', ae.options(optimizer => 'sgd', learning_rate => 0.3))) n(name, options),
	unnest(ARRAY[0.0001, 0.05, 0.3]) w;
SELECT name, bool_and(falls) AS norm_falls, bool_and(abs(reported / differences - 1) < 0.1) AS reported
FROM (SELECT name, numeric_norm(model) AS differences, norm(model) AS reported,
		numeric_norm(model) < 0.99 * lag(numeric_norm(model)) OVER w AS falls
	FROM models WINDOW w AS (PARTITION BY name ORDER BY w)) s
GROUP BY name ORDER BY name;
SELECT name, substring(ae.summary(model) FROM 'contract     [^;]*; mean squared norm of the Jacobian of the code ') AS summary
FROM models WHERE w = 0.05 AND name IN ('tanh', 'deep', 'estimate') ORDER BY name;

-- the whole of it: validation rows, early stopping, crossed networks, categories and NULLs
SELECT norm(model) > 0 AS reported, norm(model) < 0.8 * norm(less) AS smaller, ae.describe(model) -> 'options' -> 'contract_exact' AS exact
FROM (SELECT ae.train(t, ae.options(exclude => '{id}', null_indicators => true, updates => 200) || o || ae.contract(0.3)) AS model,
		ae.train(t, ae.options(exclude => '{id}', null_indicators => true, updates => 200) || o || ae.contract(0.001)) AS less
	FROM (SELECT *, CASE WHEN id % 3 = 0 THEN 'x' ELSE 'y' END AS word, CASE WHEN id % 5 > 0 THEN cos(id) END AS gap FROM data) t,
		(VALUES (1, ae.options(weight_decay => 1e-4)), (2, ae.options(code => 40, weight_decay => 1e-4, validation => 0.2, patience => 5)),
			(3, ae.options(code => 3, masking => 0.1, noise => 0.1) || ae.sparse('l1'))) n(i, o) GROUP BY i ORDER BY i) s;

-- defaults; how wide a code has an exact norm
SELECT ae.contract() AS by_name, d -> 'options' -> 'contract_weight' AS resolved FROM ae.describe(train('{"contract_exact": true}')) d;
SELECT code, hidden, ae.describe(train(ae.options(code => code, hidden => hidden::int[], updates => 2) || o || ae.contract())) -> 'options' -> 'contract_exact' AS exact
FROM (VALUES (33, '{}', '{}'::jsonb), (32, '{40}', '{}'), (33, '{40}', '{}'), (33, '{40}', ae.options(optimizer => 'lbfgs'))) s(code, hidden, o);
-- a weight of 0 is none
SELECT train(ae.contract(0)) = train('{}') AS same, norm(train('{}')) IS NULL AS none;
-- options as ae.describe resolved them train the same model again
SELECT n, ae.train(ARRAY[a, b, c, d], options) = model AS same
FROM data, (SELECT n, train(o) AS model FROM (VALUES (1, ae.contract(0.1)), (2, ae.options(hidden => '{8}') || ae.contract(0.1, false)),
		(3, ae.options(weight_decay => 0.01, weight_prior => 'laplace'))) s(n, o) OFFSET 0) m, LATERAL (SELECT ae.describe(model) -> 'options' AS options) d
GROUP BY n, model ORDER BY n;

-- it keeps a wide code from copying; but a decoder of its own may undo it
SET client_min_messages = notice;
SELECT train(ae.options(code => 5, updates => 2)) IS NOT NULL AS copies;
SELECT train(ae.options(code => 5, updates => 2) || ae.contract()) IS NOT NULL AS contracts;
SELECT train(ae.options(updates => 2, tied => false) || ae.contract()) IS NOT NULL AS undone;
SET client_min_messages = warning;
SELECT ae.summary(train(ae.options(code => 5, updates => 2) || o)) ~ 'nothing keeps it from copying' AS warning FROM unnest(ARRAY['{}', ae.contract()]) o;

-- ---- weight decay as a prior ----

-- of a linear network, weights show as differences: of codes by an input, of outputs by a unit of the code
CREATE FUNCTION weights(model bytea) RETURNS SETOF float8 LANGUAGE sql AS $$
	SELECT (ae.encode(model, ARRAY[(i = 1)::int, (i = 2)::int, (i = 3)::int, (i = 4)::int]::real[]))[j] - (ae.encode(model, ARRAY[0, 0, 0, 0]::real[]))[j]
	FROM generate_series(1, 4) i, generate_series(1, 3) j
	UNION ALL
	SELECT ((ae.decode(model, ARRAY[(j = 1)::int / 64.0, (j = 2)::int / 64.0, (j = 3)::int / 64.0]::real[]))[i] - (ae.decode(model, ARRAY[0, 0, 0]::real[]))[i]) * 64
	FROM generate_series(1, 4) i, generate_series(1, 3) j
$$;
CREATE TABLE priors AS
SELECT prior, optimizer, train(ae.options(code_activation => 'identity', tied => false, updates => 2000, optimizer => optimizer, weight_prior => prior,
	weight_decay => decay)) AS model
FROM (VALUES ('gaussian', 'adam', 0.01), ('laplace', 'adam', 0.01), ('gaussian', 'adamw', 0.3), ('laplace', 'adamw', 1)) o(prior, optimizer, decay);
-- Laplace's is peaked at 0
SELECT optimizer, max(share) FILTER (WHERE prior = 'laplace') > 2 * max(share) FILTER (WHERE prior = 'gaussian') + 0.1 AS peaked
FROM (SELECT prior, optimizer, (SELECT avg((abs(w) < 0.05 * size)::int) FROM weights(model) w) AS share
	FROM priors, LATERAL (SELECT avg(abs(w)) AS size FROM weights(model) w) s) s
GROUP BY optimizer ORDER BY optimizer;
-- the penalty is that of the weights, the log posterior what they say together
SELECT prior, optimizer, d -> 'options' -> 'weight_prior' AS described,
	abs((t ->> 'weight_penalty')::float8 / ((d -> 'options' ->> 'weight_decay')::float8
		* (SELECT sum(CASE prior WHEN 'laplace' THEN abs(w) ELSE w * w / 2 END) FROM weights(model) w)) - 1) < 1e-4 AS penalty,
	abs((t ->> 'log_posterior')::float8 / (-400 * ((t ->> 'train_loss')::float8 + (t ->> 'weight_penalty')::float8)) - 1) < 1e-12 AS posterior,
	ae.summary(model) ~ ('weights      ' || prior || ' prior, decay [\d.]+: penalty [\d.]+, log posterior -[\d.]+ and a constant') AS summary
FROM priors, ae.describe(model) d, LATERAL (SELECT d -> 'training' AS t) t ORDER BY optimizer, prior;
-- training finds a larger one; without a decay it is the likelihood
SELECT (ae.describe(train(ae.options(updates => 400, weight_decay => 0.01))) -> 'training' ->> 'log_posterior')::float8
	> (ae.describe(train(ae.options(updates => 20, weight_decay => 0.01))) -> 'training' ->> 'log_posterior')::float8 AS rises;
SELECT (t ->> 'weight_penalty')::float8 AS penalty, (t ->> 'log_posterior')::float8 = -400 * (t ->> 'train_loss')::float8 AS likelihood
FROM (SELECT ae.describe(train('{}')) -> 'training' AS t) s;

-- ---- what neither stands beside, said before a second row is read ----
\i sql/include/refusal.sql
SELECT refusal(o || ae.contract()) FROM unnest(ARRAY[
	ae.options(code_activation => 'relu'), ae.options(code => 2, activation => 'leaky_relu'), ae.options(activation => 'selu'),
	ae.options(hidden => '{9,8}', activation => 'relu', code_activation => 'tanh'), ae.options(code => 2, tied => true, decoder => '{9}', activation => 'relu'),
	ae.sparse(top_k => 2), ae.sparse(batch_top_k => 2), ae.sparse(kind => 'jumprelu'),
	ae.options(code_activation => 'tanh') || ae.sparse(kind => 'jumprelu'), ae.options(dropout => 0.1), ae.options(batch_norm => true),
	ae.options(optimizer => 'lbfgs') || '{"contract_exact": false}', '{"contract_exact": 1}']) o;
SELECT refusal(o) FROM unnest(ARRAY[ae.contract(-1), ae.contract(1e7), '{"contract_exact": true}' || ae.options(code_activation => 'relu'),
	ae.options(weight_prior => 'laplace'), ae.options(weight_prior => 'gaussian', optimizer => 'sgd'),
	ae.options(weight_prior => 'laplace', weight_decay => 0.1, optimizer => 'lbfgs'), ae.options(weight_prior => 'cauchy', weight_decay => 0.1)]) o;
-- kinks of the decoder are no matter, nor a weight of 0
SELECT train(o || ae.options(updates => 2)) IS NOT NULL AS trained
FROM unnest(ARRAY[ae.options(tied => false, decoder => '{9}', activation => 'relu') || ae.contract(), ae.options(code_activation => 'relu') || ae.contract(0),
	ae.options(weight_prior => 'laplace', optimizer => 'adamw')]) o;
-- nor is there a start from a model whose encoder has some
SELECT ae.train(ARRAY[a, b, c, d], ae.contract(), m) FROM data, (SELECT train(ae.options(code_activation => 'relu', updates => 2)) AS m OFFSET 0) s;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(ARRAY[a, b, c, d], ae.contract(), m) FROM data, (SELECT train(ae.options(updates => 2) || ae.sparse(top_k => 2)) AS m OFFSET 0) s;
\echo :LAST_ERROR_SQLSTATE
SELECT norm(ae.train(ARRAY[a, b, c, d], ae.options(updates => 2) || ae.contract(), m)) > 0 AS goes_on
FROM data, (SELECT train(ae.options(updates => 2)) AS m OFFSET 0) s;

DROP TABLE data, models, priors;
DROP FUNCTION train, numeric_norm, norm, weights, refusal;
