-- Proves that every kind of denoising trains another model and one that mends corrupted rows better than a
-- plain one, that the loss is taken against the clean row, that the same options train the same model, and
-- that options which contradict each other are refused before a second row is read.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, sin(i) AS a, 2 * sin(i) + 0.1 * cos(1.7 * i) AS b, cos(i) AS c, sin(i) - cos(i) AS d, sin(i) + cos(i) AS e,
	CASE WHEN sin(i) > 0.3 THEN 'up' WHEN sin(i) < -0.3 THEN 'down' ELSE 'flat' END AS word, cos(i) > 0 AS flag,
	ARRAY[sin(i), cos(i), sin(i) + cos(i)]::real[] AS list, timestamp '2024-01-01' + i * interval '1 hour' AS at,
	CASE WHEN i % 5 > 0 THEN cos(i) END AS gap
FROM generate_series(1, 600) i;

CREATE FUNCTION base(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ae.options(exclude => '{id}', purpose => 'compress', code => 24, hidden => '{}', code_activation => 'gelu', updates => 300, validation => 0) || more
$$;

-- every kind, of rows with columns of every kind: models of their own, repeatable, the options described
CREATE TABLE kinds (kind text, level float8, emphasis float8);
INSERT INTO kinds VALUES ('gaussian', NULL, NULL), ('gaussian', 0.5, NULL), ('masking', NULL, NULL), ('masking', 0.5, 0.5), ('salt_pepper', NULL, NULL),
	('salt_pepper', 0.3, NULL), ('salt_pepper', 0.3, 0.8), ('swap', NULL, NULL), ('swap', 0.3, NULL), ('swap', 0.3, 1);
CREATE TABLE models AS
SELECT kind, level, emphasis, ae.train(t, base(ae.denoise(kind, level, emphasis) || '{"updates": 20}')) AS model FROM data t, kinds GROUP BY 1, 2, 3;
SELECT count(*) AS models, count(DISTINCT error) AS outcomes
FROM (SELECT (SELECT avg(ae.reconstruction_error(model, t)) FROM data t) AS error FROM models
	UNION ALL SELECT avg(ae.reconstruction_error(model, t)) FROM data t, (SELECT ae.train(t, base('{"updates": 20}')) AS model FROM data t) m) s;
SELECT kind, level, emphasis, o -> 'noise' AS noise, o -> 'masking' AS masking, o -> 'denoise' AS denoise, o -> 'denoise_level' AS level, o -> 'denoise_emphasis' AS emphasis,
	ae.train(t, o) = model AS trains_the_same
FROM data t, (SELECT *, ae.describe(model) -> 'options' AS o FROM models OFFSET 0) m GROUP BY kind, level, emphasis, o, model ORDER BY 1, 2, 3;
SELECT kind, level, emphasis, substring(ae.summary(model) FROM 'corruption   ([^\n]*)') AS corruption, ae.summary(model) ~ 'in training \(with noise\)' AS with_noise
FROM models ORDER BY 1, 2, 3;

-- to detect, the kind takes the place of the default noise, unless noise is asked for, too
SELECT o ->> 'noise' AS noise, o ->> 'masking' AS masking, o ->> 'denoise_level' AS level
FROM (VALUES (1, '{}'), (2, ae.denoise('gaussian')), (3, ae.denoise('masking')), (4, ae.denoise('swap')), (5, ae.denoise('swap') || ae.options(noise => 0.1)),
		(6, ae.denoise('swap', 0))) v(n, options),
	LATERAL (SELECT ae.describe(ae.train(t, options || ae.options(columns => '{a,b,c}', updates => 2))) -> 'options' AS o FROM data t) m ORDER BY n;
-- gaussian and masking are the options noise and masking by another name
SELECT ae.train(t, base(ae.denoise('gaussian', 0.3))) = ae.train(t, base(ae.options(noise => 0.3))) AS gaussian,
	ae.train(t, base(ae.denoise('masking', 0.3))) = ae.train(t, base(ae.options(masking => 0.3))) AS masking FROM data t;

-- a column that another row's stands in is mended by those trained to, not by one that copies
CREATE TABLE mended AS
SELECT kind, avg(abs((ae.reconstruct(m.model, ARRAY[t.a, t.b, t.c, u.d, t.e]))[4] - t.d)) AS error
FROM (SELECT kind, ae.train(ARRAY[a, b, c, d, e], base('{"exclude": null, "updates": 3000}' || options)) AS model
		FROM data, (VALUES ('plain', '{}'::jsonb), ('swap', ae.denoise('swap', 0.25)), ('swap, emphasised', ae.denoise('swap', 0.25, 0.5)),
			('salt_pepper', ae.denoise('salt_pepper', 0.25))) v(kind, options) GROUP BY kind) m,
	data t JOIN data u ON u.id = (t.id * 37) % 600 + 1 GROUP BY kind;
SELECT a.kind, a.error < 0.7 * b.error AS mends FROM mended a, mended b WHERE b.kind = 'plain' AND a.kind <> 'plain' ORDER BY 1;
SELECT a.error < b.error AS emphasis_mends_better FROM mended a, mended b WHERE a.kind = 'swap, emphasised' AND b.kind = 'swap';

-- a wide code that is kept from copying by any kind gets no notice, one of level 0 does
SET client_min_messages = notice;
SELECT kind, ae.train(t, base(ae.denoise(kind, 0.1) || '{"columns": ["a", "b"], "exclude": null, "updates": 2}')) IS NOT NULL AS model
FROM data t, unnest('{gaussian,masking,salt_pepper,swap}'::text[]) kind GROUP BY kind ORDER BY kind;
SELECT ae.train(t, base(ae.denoise('swap', 0) || '{"columns": ["a", "b"], "exclude": null, "updates": 2}')) IS NOT NULL AS model FROM data t;
SET client_min_messages = warning;
SELECT kind, level, ae.summary(ae.train(t, base(ae.denoise(kind, level) || '{"columns": ["a", "b"], "exclude": null, "updates": 2}'))) ~ 'nothing keeps it from copying' AS warned
FROM data t, (VALUES ('salt_pepper', 0.1), ('swap', 0.1), ('swap', 0)) k(kind, level) GROUP BY kind, level ORDER BY kind, level;

-- what contradicts itself, said before a row is read
\i sql/include/refusal.sql
SELECT refusal(o) FROM unnest(ARRAY[
	ae.denoise(level => 0.1), ae.denoise(emphasis => 0.1), ae.denoise('pepper'), ae.denoise('swap', -0.1), ae.denoise('swap', emphasis => 1.1),
	ae.denoise('gaussian') || ae.options(noise => 0.1), ae.denoise('masking') || ae.options(masking => 0.1), ae.denoise('gaussian', emphasis => 0.5),
	ae.denoise('masking', 1), ae.denoise('salt_pepper', 1.5), ae.denoise('swap', 1), ae.denoise('gaussian', 1e7),
	ae.denoise('gaussian') || ae.options(optimizer => 'lbfgs'), ae.denoise('salt_pepper') || ae.options(optimizer => 'lbfgs'),
	ae.denoise('swap', emphasis => 0.5) || ae.options(optimizer => 'lbfgs'),
	ae.denoise('swap', walkback => -1), ae.denoise('swap', walkback => 101), ae.denoise('swap', emphasis => 0.5, walkback => 1), ae.denoise('swap', walkback => 1) || ae.options(batch_norm => true),
	ae.denoise(walkback => 1) || ae.options(optimizer => 'lbfgs'), ae.denoise(walkback => 1) || ae.options(optimizer => 'pca'), ae.denoise(walkback => 1) || ae.options(purpose => 'generate')]) o;
-- a walk of several steps, and the same model from the options that ae.describe shows
SELECT kind, n, bool_and(again = model) AS same, count(DISTINCT model) AS models, max(substring(ae.summary(model) FROM 'walks[^\n]*')) AS summary
FROM (SELECT kind, n, ae.train(t, base(ae.denoise(kind, walkback => n) || '{"updates": 20}')) AS model FROM data t, unnest('{gaussian,swap}'::text[]) kind, unnest('{0,3}'::int[]) n GROUP BY kind, n) m,
	LATERAL (SELECT ae.train(t, ae.describe(model) -> 'options') AS again FROM data t) a
GROUP BY kind, n ORDER BY kind, n;

DROP TABLE data, kinds, models, mended;
DROP FUNCTION base, refusal;

-- the same under any settings
SET extra_float_digits = -12;
SELECT ae.denoise('swap', 0.00123456789012345, 0.5);
RESET extra_float_digits;
