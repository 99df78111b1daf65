-- Proves that a decoder's distribution makes rows likely, as arithmetic on what ae.reconstruct says gives
-- it; that a joint density is the objective of a sparse model, and constants; that variational models learn,
-- that their estimates rise to the likelihood, and whose draws are whose; what is refused.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, 10 * sin(i) + 50 AS a, 20 * sin(i) + 3 * cos(1.7 * i) AS b, cos(i) * sin(3 * i) AS c, i % 4 = 0 AS flag,
	CASE WHEN i % 3 = 0 THEN 'x' WHEN i % 7 = 0 THEN 'z' ELSE 'y' END AS word, CASE WHEN i % 5 > 0 THEN cos(i) END AS gap
FROM generate_series(1, 240) i;
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
SELECT ae.log_likelihood(model, ROW(NULL, 'new')::two_levels) <= -ln(241::float8) AS unseen, ae.log_likelihood(model, ROW(NULL, 'y')::two_levels) > -ln(241::float8) AS seen,
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

-- variational codes: training raises the lower bound; estimates by more draws are higher, and nearer to the likelihood
CREATE TABLE drawn AS
SELECT updates, ae.train(d, ae.options(exclude => '{id}', code => 3, updates => updates, validation => 0) || ae.variational()) AS model
FROM data d, unnest('{20,100,600}'::int[]) updates GROUP BY updates;
SELECT updates, elbo > lag(elbo, 1, '-Infinity') OVER (ORDER BY updates) AS rises, elbo < l100 AND l1 < l100 AS bounds, given > l100 AS by_the_mean
FROM (SELECT updates, avg(ae.elbo(model, d)) AS elbo, avg(ae.log_likelihood(model, d, 1, 7)) AS l1, 
		avg(ae.log_likelihood(model, d, 100, 7)) AS l100, avg(ae.log_likelihood(model, d)) AS given FROM drawn, data d WHERE id <= 100 GROUP BY updates) s;
SELECT d -> 'options' -> 'distribution' AS distribution, d -> 'options' -> 'variational_beta' AS beta, d -> 'options' -> 'purpose' AS purpose,
	(d -> 'training' ->> 'divergence')::float8 > 0.1 AS divergence, d -> 'training' -> 'collapsed_code_units' AS collapsed,
	regexp_replace(substring(ae.summary(model) FROM 'variational [^\n]*'), '[0-9]+\.[0-9]+', 'x', 'g') AS summary
FROM drawn, LATERAL ae.describe(model) d WHERE updates = 600;
-- one code for two numbers, x = w z + b + noise of variance 1: log Normal(b, w w' + 1) exactly, by the weights that decode tells
CREATE TABLE pair AS SELECT ARRAY[a, 10 * sin(id) + 0.5 * c] AS v FROM data;
-- by the bound of one draw and by that of four, which are weighed, to the same likelihood
SELECT n, round((avg(estimate) / avg(exact))::numeric, 2) AS ratio, abs(avg(exact) / first_value(avg(exact)) OVER (ORDER BY n) - 1) < 0.01 AS same
FROM (SELECT n, ae.log_likelihood(model, v, 200, 1) AS estimate,
		-ln(2 * pi()) - ln(1 + w1 * w1 + w2 * w2) / 2 - (x1 * x1 + x2 * x2 - (w1 * x1 + w2 * x2) ^ 2 / (1 + w1 * w1 + w2 * w2)) / 2 AS exact
	FROM (SELECT n, model, v, (v[1] - zero[1]) / s[1] AS x1, (v[2] - zero[2]) / s[2] AS x2, 10 * (tenth[1] - zero[1]) / s[1] AS w1, 10 * (tenth[2] - zero[2]) / s[2] AS w2
		FROM pair, (SELECT n, model, ae.decode(model, '{0}') AS zero, ae.decode(model, '{0.1}') AS tenth, (SELECT array_agg(sd ORDER BY f) FROM ae.features(model) f) AS s
			FROM (SELECT n, ae.train(v, ae.options(code => 1, hidden => '{}', updates => 800) || ae.decoder('gaussian', 'fixed') || ae.variational(samples => n)) AS model
				FROM pair, unnest('{1,4}'::int[]) n GROUP BY n) m) m) x) y
GROUP BY n ORDER BY n;
-- ae.encode gives the mean of draws; a draw is that of its row and seed, and no other's
SELECT bool_and(abs(mean[1] - h1) < 0.35 AND abs(mean[2] - h2) < 0.35) AS mean, count(DISTINCT first) = 20 AS rows_differ, bool_and(n = 100) AS seeds_differ
FROM (SELECT id, ARRAY[avg(z[1]), avg(z[2])] AS mean, min(h[1]) AS h1, min(h[2]) AS h2, min(z[1]) AS first, count(DISTINCT z) AS n
	FROM drawn, data d, generate_series(1, 100) seed, LATERAL ae.encode_sample(model, d, seed) z, LATERAL ae.encode(model, d) h WHERE id <= 20 AND updates = 600 GROUP BY id) s;
SELECT bool_and(ae.encode_sample(model, d, 9223372036854775807) = ae.encode_sample(model, d, 9223372036854775807)
	AND ae.encode_sample(model, d, -9223372036854775808) <> ae.encode_sample(model, d, 0)) AS seeds FROM drawn, data d WHERE id < 5;
SELECT abs(ae.elbo(model, d, own_units => true) - ae.elbo(model, d) - (ae.log_likelihood(model, d, true) - ae.log_likelihood(model, d))) < 1e-9 AS own_units,
	ae.elbo(model, d, 16, 0) = ae.elbo(model, d) AS defaults FROM drawn, data d WHERE id = 1 AND updates = 600;
-- a heavier divergence is smaller; free bits keep units from collapsing
SELECT o ->> 'variational_beta' AS beta, (d ->> 'divergence')::float8 < lag((d ->> 'divergence')::float8, 1, '1e9') OVER (ORDER BY n) AS smaller, d -> 'collapsed_code_units' AS collapsed
FROM (SELECT n, o, ae.describe(ae.train(d, ae.options(exclude => '{id}', code => 4, updates => 300) || o)) -> 'training' AS d
	FROM data d, (VALUES (1, ae.variational(0.1)), (2, ae.variational(1)), (3, ae.variational(50))) v(n, o) GROUP BY n, o) s;
SELECT (ae.describe(ae.train(d, ae.options(exclude => '{id}', code => 4, updates => 300) || ae.variational(50, free_bits => 0.3))) -> 'training' ->> 'collapsed_code_units')::int AS collapsed FROM data d;
-- crossed, with a target, gaps, and going on
SELECT avg(ae.elbo(model, d)) > -20 AS elbo, min(ae.predict(model, d)) AS predicted
FROM (SELECT ae.train(d, ae.options(exclude => '{id}', purpose => 'detect', updates => 200, masking => 0.1) || ae.variational(0.5, 0.3) || ae.target('word')) AS model FROM data d) m, data d;
SELECT ae.describe(again) -> 'options' -> 'variational_beta' AS beta, avg(ae.elbo(again, d)) > -20 AS elbo
FROM (SELECT ae.train(d, ae.options(updates => 5), model) AS again FROM drawn, data d WHERE updates = 600 GROUP BY model) s, data d GROUP BY again;
SELECT ae.train(d, ae.variational(), model) FROM decoders, data d WHERE o ->> 'variance' = 'shared' GROUP BY model;
SELECT bool_and(again = model) AS same FROM (SELECT model, ae.train(d, ae.describe(model) -> 'options') AS again FROM drawn, data d WHERE updates = 100 GROUP BY model) s;
-- what cannot be asked
SELECT ae.elbo(model, d, 0) FROM drawn, data d LIMIT 1;
SELECT ae.log_likelihood(model, d, -5, 1) FROM drawn, data d LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.elbo(model, ARRAY[1, 2, 3]) FROM fixed;
SELECT ae.encode_sample(model, ARRAY[1, 2, 3], 1) FROM fixed;
\echo :LAST_ERROR_SQLSTATE
SELECT refusal(ae.variational() || o) FROM (VALUES
	(1, ae.options(tied => true)), (2, ae.options(optimizer => 'lbfgs')), (3, ae.options(optimizer => 'pca')), (4, ae.options(code_activation => 'relu')),
	(5, ae.sparse('l1')), (6, ae.sparse(top_k => 2)), (7, ae.sparse(batch_top_k => 2)), (8, ae.hash(4)), (9, ae.contract()), (10, ae.pretrain()),
	(11, ae.neighbours()), (12, ae.options(purpose => 'search')), (13, ae.options(loss => 'mae')), (14, ae.options(loss => 'huber')),
	(15, ae.options(category_loss => 'mse')), (16, ae.denoise('masking', emphasis => 0.1)), (17, ae.variational(0)), (18, ae.variational(warmup => 2)),
	(19, ae.variational(free_bits => -1)), (20, ae.options(loss => 'bce')), (21, ae.options(purpose => 'generate')),
	(22, ae.variational(samples => 0)), (23, ae.variational(samples => 3, free_bits => 0.1))) t(n, o) ORDER BY n;
SELECT refusal('{"variational_warmup": 0.5}');
