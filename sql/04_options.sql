-- Proves that every option of ae.train has an effect on what the model computes, that ae.describe
-- says what was asked for, and that every value an option cannot have is refused by name.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

-- options are the same under any settings
SELECT ae.options(learning_rate => 0.00123456789012345, scaling => E'\n {"a": "log"}') AS options \gset
SET extra_float_digits = -12;
SET standard_conforming_strings = off;
SELECT ae.options(learning_rate => 0.00123456789012345, scaling => E'\n {"a": "log"}') = :'options' AS same, :'options' AS options;
RESET standard_conforming_strings;
RESET extra_float_digits;

CREATE TABLE data AS
SELECT i AS id, i % 5 AS number, sin(i) + 2 AS a, 2 * sin(i) + 0.3 * cos(1.7 * i) + 5 AS b, cos(i) * sin(3 * i) AS c, i % 4 = 0 AS flag,
	CASE WHEN i % 50 = 1 THEN 'rare' WHEN i % 3 = 0 THEN 'x' ELSE 'y' END AS word, timestamp '2020-01-01' + i * interval '5 hours' AS at,
	CASE WHEN i % 5 > 0 THEN exp(sin(i)) END AS gap
FROM generate_series(1, 400) i;

-- What a model computes, of a few rows: two models that differ in nothing but their record of the
-- options have the same.
CREATE FUNCTION outcome(options jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(ae.raw_score(m.model, d)::text, ' ' ORDER BY id))
	FROM data d, (SELECT ae.train(t, options) AS model FROM data t) m WHERE id <= 20
$$;
CREATE FUNCTION described(options jsonb, option text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ae.describe(ae.train(t, options)) -> 'options' -> option FROM data t
$$;

-- base: options that the option needs to matter; value: one that is not its default
CREATE TABLE tried (n serial, option text, value jsonb, base jsonb);
INSERT INTO tried (option, value, base) VALUES
	('columns', '["b", "a"]', '{}'),
	('exclude', '["id", "c"]', '{}'),
	('weight', '"number"', '{"columns": ["a", "b"]}'),
	('kinds', '{"number": "category"}', '{"columns": ["a", "b", "number"]}'),
	('purpose', '"compress"', '{}'),
	('folds', '1', '{}'),
	('prototypes', '8', '{}'),
	('quality', '"accurate"', '{}'),
	('code', '2', '{"purpose": "compress"}'),
	('hidden', '[7, 5]', '{"code": 2}'),
	('decoder', '[6]', '{"code": 2}'),
	('skip', 'true', '{"code": 2}'),
	('tied', 'true', '{"code": 2}'),
	('batch_norm', 'true', '{"code": 2}'),
	('activation', '"tanh"', '{"code": 2}'),
	('code_activation', '"sigmoid"', '{"code": 2}'),
	('output_activation', '"silu"', '{"code": 2}'),
	('loss', '"bce"', '{"code": 2}'),
	('category_loss', '"cross_entropy"', '{"columns": ["a", "word"]}'),
	('scaling', '"minmax"', '{"code": 2}'),
	('clip', '0.5', '{}'),
	('max_levels', '1', '{"columns": ["a", "word"]}'),
	('min_frequency', '100', '{"columns": ["a", "word"]}'),
	('null_indicators', 'true', '{"columns": ["a", "gap"]}'),
	('time_parts', '["hour", "month"]', '{"columns": ["a", "at"]}'),
	('masking', '0.3', '{}'),
	('noise', '0.5', '{}'),
	('dropout', '0.3', '{}'),
	('optimizer', '"adamw"', '{}'),
	('algorithm', '"recirculation"', '{"code": 2, "hidden": [], "decoder": [], "columns": ["a", "b", "c"]}'),
	('learning_rate', '0.01', '{}'),
	('schedule', '"constant"', '{}'),
	('final_rate', '0.5', '{}'),
	('warmup', '0.5', '{}'),
	('momentum', '0.5', '{"optimizer": "sgd"}'),
	('beta1', '0.5', '{}'),
	('beta2', '0.9', '{}'),
	('epsilon', '0.1', '{}'),
	('weight_decay', '0.1', '{}'),
	('weight_prior', '"laplace"', '{"weight_decay": 0.1}'),
	('clip_norm', '0.1', '{}'),
	('epochs', '3', '{"updates": null}'),
	('updates', '20', '{"updates": null}'),
	('batch_size', '32', '{}'),
	('validation', '0.5', '{}'),
	('patience', '1', '{"updates": null, "validation": 0.5, "epochs": 60, "learning_rate": 0.1, "schedule": "constant"}'),
	('time_limit', '0.001', '{"updates": 100000}'),
	('seed', '9223372036854775807', '{}'),
	('sparse', '"log"', '{"code": 2}'),
	('sparse_weight', '1', '{"code": 2, "sparse": "l1"}'),
	('sparse_target', '0.2', '{"code": 2, "sparse": "kl"}'),
	('sparse_layers', '"hidden"', '{"code": 2, "sparse": "student_t"}'),
	('top_k', '2', '{"code": 3, "purpose": "compress"}'),
	('contract_weight', '0.1', '{"code": 2}'),
	('contract_exact', 'false', '{"code": 2, "contract_weight": 0.1}'),
	('distribution', '"mixed"', '{"code": 2}'),
	('variance', '"shared"', '{"code": 2, "distribution": "mixed"}'),
	('variational_beta', '0.5', '{"code": 2, "distribution": "mixed"}'),
	('variational_warmup', '0.5', '{"code": 2, "variational_beta": 1}'),
	('variational_free_bits', '0.5', '{"code": 2, "variational_beta": 1}'),
	('variational_samples', '3', '{"code": 2, "variational_beta": 1}'),
	('denoise_walkback', '3', '{"denoise": "masking"}'),
	('psd_weight', '0.5', '{"code": 2, "decoder": [], "sparse": "l1"}');

SELECT option, value,
	outcome(full_base) = outcome(full_base) AS repeatable,
	outcome(full_base) <> outcome(full_base || jsonb_build_object(option, value)) AS has_effect,
	described(full_base || jsonb_build_object(option, value), option) AS described
FROM tried, LATERAL (SELECT CASE WHEN option IN ('columns', 'exclude') THEN '{}' ELSE '{"columns": ["a", "b", "c", "flag"]}'::jsonb END
	|| CASE WHEN option = 'time_limit' THEN '{}' ELSE '{"updates": 10}'::jsonb END || base AS full_base) f
WHERE option <> 'time_limit' ORDER BY n;
-- the one option that makes a training not repeatable
SELECT (d -> 'training' ->> 'state') AS state, (d -> 'training' ->> 'updates')::int BETWEEN 1 AND 99999 AS cut_short
FROM (SELECT ae.describe(ae.train(t, '{"updates": 100000, "time_limit": 0.05}')) AS d FROM data t) s;

-- every option is tried, and every option is an argument of ae.options
SELECT array_agg(name) AS untried
FROM (SELECT unnest(proargnames) FROM pg_proc WHERE oid = 'ae.options'::regproc) s(name)
WHERE name NOT IN (SELECT option FROM tried);
SELECT option AS no_argument FROM tried
WHERE option NOT IN (SELECT unnest(proargnames) FROM pg_proc WHERE oid = 'ae.options'::regproc
	UNION ALL SELECT jsonb_object_keys(ae.sparse('l1', 1, 0.1, 'code', 1))
	UNION ALL SELECT jsonb_object_keys(ae.contract(1, true))
	UNION ALL SELECT jsonb_object_keys(ae.decoder('mixed', 'fixed'))
	UNION ALL SELECT jsonb_object_keys(ae.psd(1))
	UNION ALL SELECT jsonb_object_keys(ae.denoise('swap', 0.1, 0.1, 1))
	UNION ALL SELECT jsonb_object_keys(ae.variational(1, 1, 1, 1)));

CREATE FUNCTION refusal(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; hint text;
BEGIN
	PERFORM ae.train(t, options) FROM data t;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN state || ': ' || message || CASE WHEN hint <> '' THEN E'\n       ' || hint ELSE '' END;
END $$;
CREATE TABLE activations AS SELECT unnest(string_to_array(substring(refusal('{"activation": "?"}') FROM 'Valid values are: (.*)\.'), ', ')) AS a;

-- every choice, of layers, losses and optimizers, gives a model of its own that has learnt
SELECT count(*) = count(DISTINCT outcome(options)) AS activations_differ
FROM activations,
	LATERAL (SELECT ae.options(exclude => '{id,number,word,at,gap}', code => 2, activation => a, code_activation => a, updates => 30)) o(options);
SELECT bool_and(outcome(ae.options(exclude => '{id,number,word,at,gap}', code => 2, output_activation => a, scaling => 'minmax', updates => 30)) IS NOT NULL) AS output_activations_score
FROM activations;
SELECT o AS optimizer, s AS schedule,
	(d ->> 'validation_loss')::float8 < 0.5 * (d ->> 'mean_loss')::float8 AS learned, d ->> 'state' AS state
FROM unnest('{sgd,adam,adamw,lbfgs}'::text[]) o, unnest('{constant,cosine,step}'::text[]) s,
	LATERAL (SELECT ae.describe(ae.train(t, ae.options(exclude => '{id,number,word,at,gap}', code => 3, optimizer => o, updates => 400, validation => 0.2)
		|| CASE WHEN o = 'lbfgs' THEN '{}' ELSE ae.options(schedule => s) END)) -> 'training' AS d FROM data t) m
WHERE o <> 'lbfgs' OR s = 'constant';
-- losses of numbers: models of their own, better than the mean; absolute and Huber's loss of the mean itself
CREATE TABLE losses AS SELECT unnest(string_to_array(substring(refusal('{"loss": "?"}') FROM 'Valid values are: (.*)\.'), ', ')) AS l;
SELECT bool_and((d ->> 'validation_loss')::float8 < 0.5 * (d ->> 'mean_loss')::float8) AS learned
FROM (SELECT l FROM losses WHERE l <> 'bce') l,
	LATERAL (SELECT ae.describe(ae.train(t, ae.options(columns => '{a,b,c,flag,gap}', code => 3, loss => l, updates => 400,
		validation => 0.2))) -> 'training' AS d FROM data t) m;
SELECT count(*) = count(DISTINCT outcome(ae.options(columns => '{a,b,c}', code => 2, loss => l, updates => 30))) AS losses_differ
FROM losses;
SELECT l AS loss, round((ae.describe(model) -> 'training' ->> 'mean_loss')::numeric, 5) = round(mean_loss::numeric, 5) AS mean_loss
FROM unnest('{mae,huber}'::text[]) l,
	LATERAL (SELECT ae.train(t, ae.options(columns => '{a}', code => 1, loss => l, updates => 2)) AS model FROM data t) m,
	LATERAL (SELECT avg(CASE WHEN l = 'mae' THEN e WHEN e < 1 THEN e * e / 2 ELSE e - 0.5 END) AS mean_loss
		FROM (SELECT abs(a - avg(a) OVER ()) / stddev_pop(a) OVER () AS e FROM data) s) w;
SELECT s AS scaling, outcome(ae.options(exclude => '{id,number,word,at,gap}', code => 2, scaling => s, updates => 30)) IS NOT NULL AS scores
FROM unnest('{none,standard,minmax}'::text[]) s;

-- what a purpose resolves to
SELECT p AS purpose, d -> 'options' -> 'noise' AS noise, d -> 'options' -> 'patience' AS patience,
	d -> 'options' -> 'validation' AS validation, d -> 'network' -> 'widths' AS widths
FROM unnest('{detect,compress}'::text[]) p,
	LATERAL (SELECT ae.describe(ae.train(t, ae.options(purpose => p, updates => 10))) AS d FROM data t) m;
SELECT d -> 'options' -> 'purpose' AS purpose_when_code_is_given
FROM (SELECT ae.describe(ae.train(t, ae.options(code => 1, updates => 10))) AS d FROM data t) m;

-- early stopping brings the best weights back
SELECT d ->> 'state' AS state, (d ->> 'best_epoch')::int < (d ->> 'epochs')::int AS best_came_before,
	(d ->> 'validation_loss')::real = (SELECT min(validation_loss)::real FROM ae.history(model)) AS best_is_restored
FROM (SELECT model, ae.describe(model) -> 'training' AS d
	FROM (SELECT ae.train(t, ae.options(exclude => '{id,number,word,at,gap}', code => 2, validation => 0.5, patience => 3, epochs => 2000,
		learning_rate => 0.05, schedule => 'constant')) AS model FROM data t) m) s;

---- refusals

-- what is said of single columns
SELECT count(DISTINCT outcome(ae.options(columns => '{a,b,c}', scaling => s, updates => 30))) AS scalings
FROM unnest('{none,standard,minmax,robust,log,quantile,"{\"a\": \"log\"}"}'::text[]) s;
SELECT refusal('{"scaling": {"a": "best"}}') AS no_scaling, refusal('{"scaling": {"z": "log"}}') AS no_column;
SELECT refusal('{"kinds": {"a": "category"}}') AS no_category, refusal('{"kinds": {"word": "number"}}') AS no_number;
SELECT refusal('{"time_parts": ["year"]}') AS no_part, refusal('{"optimizer": "lbfgs", "masking": 0.1}') AS no_masking;
SELECT refusal('{"purpose": "compress", "folds": 2}') AS no_folds, refusal('{"code": 2, "quality": "accurate"}') AS no_quality;
-- the members of a model have noise of their own, which stays in its range
SELECT outcome('{"quality": "accurate", "noise": 1e6, "updates": 1}') IS NOT NULL AS most_noise;
SELECT refusal('{"loss": "bce", "scaling": "log"}') AS no_log, refusal('{"kinds": {"z": "number"}}') AS no_column;

-- of a type that the option cannot have
SELECT option, refusal(jsonb_build_object(option, '{"an": "object"}'::jsonb)) FROM tried ORDER BY n;
-- below and above its range
SELECT option, low, refusal(jsonb_build_object(option, low)) AS refusal
FROM (SELECT n, option, CASE WHEN jsonb_typeof(value) = 'array' THEN '[-1]' ELSE '-1' END::jsonb AS low
	FROM tried WHERE value ->> 0 ~ '^\d' OR jsonb_typeof(value) = 'number') s ORDER BY n;
SELECT option, refusal(jsonb_build_object(option, CASE WHEN jsonb_typeof(value) = 'array' THEN '[1e30]' ELSE '1e30' END::jsonb)) AS refusal
FROM tried WHERE value ->> 0 ~ '^\d' OR jsonb_typeof(value) = 'number' ORDER BY n;
-- no choice
SELECT option, refusal(jsonb_build_object(option, 'best')) AS refusal
FROM tried WHERE jsonb_typeof(value) = 'string' ORDER BY n;
-- everything else
SELECT o AS options, refusal(o::jsonb)
FROM unnest(ARRAY['[]', '3', '"code"', '{"epoch": 3}', '{"Code": 3}', '{"qqqqqqqq": 1}', '{"code": 2.5}', '{"code": "2"}', '{"code": true}',
	'{"code": 0}', '{"hidden": [8, 0]}', '{"hidden": [8, "8"]}', '{"hidden": 8}', '{"hidden": [[8]]}', '{"columns": ["a", 3]}', '{"columns": []}',
	'{"columns": "a"}', '{"epochs": 3, "updates": 3}', '{"optimizer": "lbfgs", "noise": 0.1}', '{"patience": 3, "validation": 0}',
	'{"loss": "bce", "scaling": "standard"}', '{"loss": "bce", "output_activation": "tanh"}', '{"loss": "bce", "scaling": "none"}',
	'{"momentum": 1}', '{"beta1": 1}', '{"validation": 1}', '{"warmup": 1}', '{"seed": 9223372036854775808}', '{"seed": 1.5}', '{"seed": -1}',
	'{"learning_rate": 0}', '{"learning_rate": 1e400}', '{"time_limit": -0.1}']) o;
SELECT refusal(jsonb_build_object('hidden', (SELECT jsonb_agg(1) FROM generate_series(1, 63))));
SELECT refusal(jsonb_build_object('hidden', (SELECT jsonb_agg(1) FROM generate_series(1, 40)), 'code', 1));
SELECT refusal(jsonb_build_object(repeat('ä', 100000), 1)) AS long_name, refusal(jsonb_build_object('loss', repeat('x', 100000))) AS long_value;
-- NULL is not given, as an argument and as a value
SELECT ae.options() AS none, ae.options(code => NULL, epochs => 3) AS given,
	outcome('{"updates": 5, "code": null, "seed": null}') = outcome('{"updates": 5}') AS same;

-- an option that the optimizer does not look at
SET client_min_messages = notice;
SELECT ae.train(t, '{"optimizer": "lbfgs", "updates": 2, "code": 2, "beta1": 0.5, "batch_size": 8}') IS NOT NULL AS model FROM data t;
SELECT ae.train(t, '{"optimizer": "adam", "updates": 2, "code": 2, "momentum": 0.5}') IS NOT NULL AS model FROM data t;
-- a code that can copy, unless something keeps it from that
SELECT ae.train(t, '{"updates": 2, "code": 5, "hidden": []}') IS NOT NULL AS model FROM data t;
SELECT ae.train(t, '{"updates": 2, "code": 5, "hidden": [], "noise": 0.1}') IS NOT NULL AS model FROM data t;
-- an output that cannot reach its target
SELECT ae.train(t, '{"updates": 2, "code": 2, "output_activation": "sigmoid"}') IS NOT NULL AS model FROM data t;
SET client_min_messages = warning;

-- a training that diverges: the last good weights with a warning, or an error; never weights that are no numbers
SELECT count(*) AS bad_scores FROM data d, (SELECT ae.train(t, ae.options(exclude => '{id,number,word,at,gap}', code => 2, optimizer => 'sgd', learning_rate => 30,
	schedule => 'constant', warmup => 0.9, updates => 2000)) AS model FROM data t) m
WHERE ae.reconstruction_error(m.model, d) IS NULL OR ae.reconstruction_error(m.model, d) = 'NaN';

DROP TABLE data, tried, losses;
DROP FUNCTION outcome, described, refusal;
