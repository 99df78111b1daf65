-- Proves that a decoder's distribution makes rows likely, as arithmetic on what ae.reconstruct says gives
-- it; that a joint density is the objective of a sparse model, and constants; what is refused.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, 10 * sin(i) + 50 AS a, 20 * sin(i) + 3 * cos(1.7 * i) AS b, cos(i) * sin(3 * i) AS c, i % 4 = 0 AS flag,
	CASE WHEN i % 3 = 0 THEN 'x' WHEN i % 7 = 0 THEN 'z' ELSE 'y' END AS word, CASE WHEN i % 5 > 0 THEN cos(i) END AS gap
FROM generate_series(1, 400) i;
CREATE FUNCTION refusal(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; hint text;
BEGIN
	PERFORM ae.train(d, options) FROM data d;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN state || ': ' || message || CASE WHEN hint <> '' THEN E'\n       ' || hint ELSE '' END;
END $$;

-- numbers of variance 1 in scaled units: the likelihood from the error, in either unit
CREATE TABLE fixed AS
SELECT ae.train(ARRAY[a, b, c], ae.options(code => 2, updates => 400) || ae.decoder('gaussian', 'fixed')) AS model FROM data;
SELECT bool_and(abs(ae.log_likelihood(model, v) + (3 * ae.reconstruction_error(model, v) + 3 * ln(2 * pi())) / 2) < 1e-4) AS scaled,
	bool_and(abs(ae.log_likelihood(model, v, true) - ae.log_likelihood(model, v) + scales) < 1e-9) AS own_units
FROM (SELECT model, v, (SELECT sum(ln(f.sd)) FROM ae.features(model) f) AS scales FROM fixed, (SELECT ARRAY[a, b, c] AS v FROM data WHERE id <= 100) d) s;

-- what a variance is learned for: rows become likelier; ae.describe and ae.summary say it
CREATE TABLE decoders AS
SELECT o, ae.train(d, ae.options(exclude => '{id}', code => 3, updates => 600, validation => 0) || o) AS model
FROM data d, (VALUES (ae.decoder(variance => 'fixed')), (ae.decoder(variance => 'shared')), (ae.decoder())) v(o) GROUP BY o;
SELECT o ->> 'variance' AS given, d -> 'options' -> 'distribution' AS distribution, d -> 'options' -> 'variance' AS variance,
	of_rows > lag(of_rows, 1, '-Infinity') OVER (ORDER BY o ->> 'variance' NULLS LAST) - (o ->> 'variance' IS NULL)::int AS likelier,
	abs(of_rows - (d -> 'training' ->> 'log_likelihood')::float8) < 0.6 AS reported,
	substring(ae.summary(model) FROM 'decoder [^;]*; [^-0-9]*') AS summary
FROM decoders, LATERAL ae.describe(model) d, LATERAL (SELECT avg(ae.log_likelihood(model, x)) AS of_rows FROM data x) x
ORDER BY o ->> 'variance' NULLS LAST;
-- Bernoulli numbers by the reconstruction, levels by the probabilities that ae.explain gives
SELECT bool_and(abs(ae.log_likelihood(model, v) - (SELECT sum(x * ln(p) + (1 - x) * ln(1 - p)) FROM unnest(v, ae.reconstruct(model, v)) AS u(x, p))) < 1e-4) AS bernoulli
FROM (SELECT ae.train(ARRAY[(a - 40) / 20, (c + 1) / 2], ae.options(code => 1, updates => 200, scaling => 'none') || ae.decoder('bernoulli')) AS model FROM data) m,
	(SELECT ARRAY[(a - 40) / 20, (c + 1) / 2] AS v FROM data WHERE id <= 50) d;
CREATE TYPE two_levels AS (flag boolean, word text);
CREATE TABLE levels AS
SELECT ae.train(x, ae.options(code => 2, updates => 200) || ae.decoder('categorical')) AS model FROM (SELECT flag, word FROM data) x;
SELECT bool_and(abs(ae.log_likelihood(model, v) - (SELECT sum(ln(probability)) FROM ae.explain(model, v))) < 1e-4) AS categorical
FROM levels, (SELECT ROW(flag, word)::two_levels AS v FROM data WHERE id <= 50) d;
-- of an unseen level the logarithm of its share, at least; of gaps nothing; nothing known is NULL; NaN is impossible
SELECT ae.log_likelihood(model, ROW(NULL, 'new')::two_levels) <= -ln(401::float8) AS unseen, ae.log_likelihood(model, ROW(NULL, 'y')::two_levels) > -ln(401::float8) AS seen,
	ae.log_likelihood(model, ROW(NULL, NULL)::two_levels) IS NULL AS unknown
FROM levels;
SELECT ae.log_likelihood(model, ARRAY[1, 'NaN', 2]::float8[]) AS not_finite FROM fixed;
-- crossed networks, quantiles in their own units
SELECT round(avg(ae.log_likelihood(model, d))::numeric) > -10 AS crossed, ae.describe(model) -> 'training' -> 'networks' AS networks
FROM (SELECT ae.train(d, ae.options(exclude => '{id}', updates => 200) || ae.decoder()) AS model FROM data d) m, data d GROUP BY model;
SELECT abs(avg(ae.log_likelihood(model, ARRAY[a, b, c], true) - ae.log_likelihood(model, ARRAY[a, b, c]))) BETWEEN 1 AND 20 AS quantile
FROM (SELECT ae.train(ARRAY[a, b, c], ae.options(code => 2, updates => 200, scaling => 'quantile') || ae.decoder()) AS model FROM data) m, data GROUP BY model;
CREATE TYPE number_and_time AS (i integer, t timestamp);
SELECT ae.log_likelihood(model, ROW(1, '2020-01-01')::number_and_time, true)
FROM (SELECT ae.train(x, ae.options(code => 1, updates => 2, time_parts => '{hour}') || ae.decoder()) AS model FROM (SELECT i, timestamp '2020-01-01' + i * interval '5 hours' AS t FROM generate_series(1, 50) i) x) m;
\echo :LAST_ERROR_SQLSTATE

-- the joint density is -C times the loss and the penalty, and constants: the same difference for all rows
SELECT kind, stddev(ae.log_joint(model, v) - (ae.log_likelihood(model, v) - 3 * 0.4 * penalty)) < 1e-5 AS constant, count(*)
FROM (SELECT kind, ae.train(ARRAY[a, b, c], ae.options(code => 4, updates => 200) || ae.decoder() || ae.sparse(kind, 0.4)) AS model
		FROM data, unnest('{l1,student_t}'::text[]) kind GROUP BY kind) m,
	(SELECT ARRAY[a, b, c] AS v FROM data) d,
	LATERAL (SELECT sum(CASE kind WHEN 'l1' THEN abs(h) ELSE ln(1 + h::float8 ^ 2) END) AS penalty FROM unnest(ae.encode(model, v)) h) p
GROUP BY kind ORDER BY kind;
SELECT ae.log_joint(model, ARRAY[1, 2, 3]) FROM fixed;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.log_likelihood(model, ARRAY[1, 2, 3]) FROM (SELECT ae.train(ARRAY[a, b, c], ae.options(code => 2, updates => 2)) AS model FROM data) m;
\echo :LAST_ERROR_SQLSTATE

-- options as ae.describe resolved them train the same model again; a model goes on as it was
SELECT bool_and(again = model) AS same FROM (SELECT model, ae.train(d, ae.describe(model) -> 'options') AS again FROM decoders, data d GROUP BY model) s;
SELECT ae.describe(ae.train(d, ae.options(updates => 2), model)) -> 'options' -> 'variance' AS goes_on FROM decoders, data d WHERE o ->> 'variance' = 'shared' GROUP BY o, model;
SELECT ae.train(d, ae.decoder('mixed', 'column'), model) FROM decoders, data d WHERE o ->> 'variance' = 'shared' GROUP BY o, model;
SELECT refusal(o) FROM (VALUES
	(1, ae.decoder('gaussian')), (2, ae.decoder('bernoulli')), (3, ae.decoder('categorical')), (4, ae.decoder('poisson')), (5, ae.decoder(variance => 'row')),
	(6, ae.decoder() || ae.options(loss => 'mae')), (7, ae.decoder('gaussian') || ae.options(loss => 'bce')), (8, ae.decoder('bernoulli') || ae.options(loss => 'mse')),
	(9, ae.decoder('bernoulli', 'fixed')), (10, ae.decoder('categorical', 'column')), (11, ae.decoder() || ae.options(category_loss => 'mse')),
	(12, ae.decoder(variance => 'column') || ae.options(optimizer => 'lbfgs')), (13, ae.decoder() || ae.options(optimizer => 'pca')),
	(14, ae.decoder() || ae.denoise('masking', emphasis => 0.5)), (15, '{"variance": "column"}'),
	(16, ae.decoder('bernoulli') || ae.options(scaling => 'standard')), (17, ae.decoder('bernoulli') || ae.options(output_activation => 'tanh'))) t(n, o) ORDER BY n;
