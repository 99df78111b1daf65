-- Proves that pretraining changes where a deep network begins, and for the better; that the same options
-- train the same model; and that what cannot be pretrained is refused before a second row is read.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, sin(i) AS a, 2 * sin(i) + 0.3 * cos(1.7 * i) AS b, cos(i) AS c, cos(0.1 * i) AS d, sin(2 * i) AS e,
	CASE WHEN sin(i) > 0.3 THEN 'up' WHEN sin(i) < -0.3 THEN 'down' ELSE 'flat' END AS word, CASE WHEN i % 5 > 0 THEN cos(i) END AS gap
FROM generate_series(1, 400) i;

CREATE FUNCTION base(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ae.options(exclude => '{id}', code => 3, hidden => '{12,8}', activation => 'tanh', updates => 5, learning_rate => 0.001) || more
$$;
CREATE FUNCTION loss(options jsonb) RETURNS float8 LANGUAGE sql AS $$
	SELECT (ae.describe(ae.train(t, base(options))) -> 'training' ->> 'validation_loss')::float8 FROM data t
$$;

-- after few updates of the whole, a pretrained network is ahead; the more it was pretrained, the further
SELECT kind, loss(ae.pretrain(kind)) < 0.7 * loss('{}') AS ahead, loss(ae.pretrain(kind)) < loss(ae.pretrain(kind, 20)) AS longer_is_better
FROM unnest('{plain,denoising}'::text[]) kind;
SELECT count(DISTINCT loss(o)) AS outcomes
FROM unnest(ARRAY['{}', ae.pretrain(), ae.pretrain('denoising'), ae.pretrain('denoising') || ae.options(noise => 0.5), ae.pretrain('denoising') || ae.denoise('swap'),
	ae.pretrain('plain') || ae.denoise('swap'), ae.pretrain('plain', 30), ae.pretrain('plain', 30) || ae.options(tied => true),
	ae.pretrain('plain', 30) || ae.sparse('l1', layers => 'hidden'), ae.pretrain('plain', 30) || ae.options(optimizer => 'lbfgs'),
	ae.pretrain('plain', 30) || ae.options(null_indicators => true), ae.pretrain('plain', 30) || ae.sparse(top_k => 2)]) o;

-- what was resolved: described, summed up, and trains the same model again; crossed networks are pretrained each
SELECT o.n, s -> 'options' -> 'pretrain' AS pretrain, s -> 'options' -> 'pretrain_updates' AS updates, s -> 'network' -> 'widths' AS widths,
	ae.describe(ae.train(t, s -> 'options')) -> 'training' = s -> 'training' AS trains_the_same, substring(ae.summary(model) FROM 'pretrained   ([^\n]*)') AS summary
FROM (VALUES (1, base(ae.pretrain())), (2, base(ae.pretrain('denoising', 7))), (3, base(ae.pretrain(updates => 7) || ae.options(optimizer => 'lbfgs'))),
		(4, ae.options(hidden => '{9,5}', updates => 3) || ae.pretrain(updates => 7)), (5, ae.options(decoder => '{9}', updates => 3) || ae.pretrain(updates => 7)),
		(6, ae.options(hidden => '{9,5}', updates => 3, quality => 'accurate') || ae.denoise('swap', emphasis => 0.5) || ae.pretrain('denoising', updates => 7)), (7, base('{}'))) o(n, options),
	LATERAL (SELECT ae.train(t, o.options || ae.options(columns => '{a,b,c,word,gap}', exclude => '{}')) AS model FROM data t) m, ae.describe(model) s, data t
GROUP BY o.n, s, model ORDER BY o.n;

-- a time limit ends pretraining, too; training still makes an update
SELECT d ->> 'state' AS state, (d ->> 'updates')::int BETWEEN 1 AND 9999999 AS cut_short
FROM (SELECT ae.describe(ae.train(t, base(ae.pretrain('plain', 10000000) || ae.options(time_limit => 0.2, updates => 10000000)))) -> 'training' AS d FROM data t) s;

-- a single layer before the code: nothing to pretrain
SET client_min_messages = notice;
SELECT ae.train(t, ae.options(columns => '{a,b,c}', code => 2, hidden => '{}', updates => 2) || ae.pretrain()) =
	ae.train(t, ae.options(columns => '{a,b,c}', code => 2, hidden => '{}', updates => 2)) AS the_same FROM data t;
-- said once, though two networks are crossed
SELECT ae.train(t, ae.options(exclude => '{id}', updates => 1) || ae.pretrain()) IS NOT NULL AS crossed FROM data t;
SET client_min_messages = warning;

\i sql/include/refusal.sql
SELECT refusal(o) FROM unnest(ARRAY['{"pretrain_updates": 3}', ae.pretrain('both'), ae.pretrain(updates => 0), ae.pretrain() || ae.options(code => 2, hidden => '{8,5}', decoder => '{8,5}'),
	ae.pretrain() || ae.options(code => 2, hidden => '{8}', decoder => '{}'), ae.pretrain() || ae.options(hidden => '{8,9,4}', decoder => '{8,9}'),
	ae.pretrain('denoising') || ae.options(optimizer => 'lbfgs')]) o;
SELECT refusal(ae.pretrain(), ae.train(t, base('{}'))) FROM data t;

DROP TABLE data;
DROP FUNCTION base, loss, refusal;
