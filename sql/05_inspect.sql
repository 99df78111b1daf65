-- Proves what the functions say that look into a model: its columns, its network, how training went,
-- and the warnings that a reader should not have to find out alone.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, i % 7 AS "Weird, name", i % 2 = 0 AS flag, 3 + sin(i) AS "select", 5 * sin(i) + cos(i) AS b, 42 AS same,
	'x'::text AS note
FROM generate_series(1, 1000) i;
CREATE TABLE models (name text, model bytea);
INSERT INTO models SELECT 'rows', ae.train(d, ae.options(exclude => '{id,note}', code => 3, hidden => '{6}', epochs => 20, seed => 1)) FROM data d;
INSERT INTO models SELECT 'arrays', ae.train(ARRAY["Weird, name", "select", b], ae.options(code => 2, epochs => 30, validation => 0)) FROM data;
INSERT INTO models SELECT 'lbfgs', ae.train(ARRAY["Weird, name", "select", b], ae.options(code => 2, hidden => '{}', activation => 'identity',
	optimizer => 'lbfgs', updates => 50)) FROM data;

-- without what may differ from machine to machine
CREATE FUNCTION masked(summary text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(regexp_replace(regexp_replace(summary, '\d+\.\d+(e-?\d+)?\M', 'N', 'g'), '(weights of epoch|lbfgs,) \d+', '\1 M', 'g'),
	'[^ -~\n]+', 'BARS') $$;
\pset format unaligned
\pset tuples_only on
SELECT masked(ae.summary(model)) FROM models WHERE name = 'rows';
SELECT masked(ae.summary(model)) FROM models WHERE name = 'arrays';
SELECT masked(ae.summary(model)) FROM models WHERE name = 'lbfgs';
-- a bar for each epoch, the first the highest: where the client can be sent such characters
SELECT length(curve) AS bars, left(curve, 1) = chr(9608) AS highest, position(chr(9601) IN curve) > 1 AS lowest
FROM (SELECT substring(ae.summary(model) FROM '([^ -~\n]+) loss') AS curve FROM models WHERE name = 'arrays') q;
SET client_encoding = 'LATIN1';
SELECT ae.summary(model) ~ 'loss in training by epoch' AS curve FROM models WHERE name = 'arrays';
RESET client_encoding;
\pset tuples_only off
\pset format aligned

-- ae.describe: what there is, of which type
SELECT key, jsonb_typeof(value) AS type FROM models, jsonb_each(ae.describe(model)) WHERE name = 'rows' ORDER BY key;
SELECT ae.describe(model) -> 'network' AS network FROM models ORDER BY name;
SELECT name, d ->> 'row_type' AS row_type, (d ->> 'bytes')::int = octet_length(model) AS bytes, d ->> 'columns' AS columns,
	d -> 'training' ->> 'rows' AS rows, d -> 'training' ->> 'validation_rows' AS validation_rows, (d -> 'training' ->> 'epochs')::int BETWEEN 20 AND 100 AS epochs,
	d -> 'calibration' ->> 'rows' AS calibration_rows, d -> 'calibration' ->> 'unseen' AS unseen, round((d -> 'training' ->> 'mean_loss')::numeric, 4) AS mean_loss
FROM models, ae.describe(model) d ORDER BY name;
SELECT name, (c ->> 'median')::float8 <= (c ->> 'p95')::float8 AND (c ->> 'p95')::float8 <= (c ->> 'p99')::float8
	AND (c ->> 'p99')::float8 <= (c ->> 'max')::float8 AS ordered
FROM models, LATERAL (SELECT ae.describe(model) -> 'calibration' AS c) s ORDER BY name;
-- its options, given again, train the same model
SELECT ae.train(d, (SELECT ae.describe(model) -> 'options' FROM models WHERE name = 'rows')) = (SELECT model FROM models WHERE name = 'rows') AS same
FROM data d;
SELECT ae.train(ARRAY["Weird, name", "select", b], (SELECT ae.describe(model) -> 'options' FROM models WHERE name = 'lbfgs'))
	= (SELECT model FROM models WHERE name = 'lbfgs') AS same
FROM data;

-- ae.history: an epoch a row, the loss falls
SELECT name, min(epoch) AS first, max(epoch) = count(*) AS all_kept, count(validation_loss) = count(*) AS with_validation,
	(array_agg(train_loss ORDER BY epoch DESC))[1] < (array_agg(train_loss ORDER BY epoch))[1] AS falls
FROM models, ae.history(model) WHERE name <> 'lbfgs' GROUP BY name ORDER BY name;
-- a long one is thinned to at most 1,024, the last epoch among them or within the stride
SELECT count(*) <= 1024 AS thinned, count(*) > 500 AS enough, max(epoch) >= 2950 AS to_the_end, count(DISTINCT epoch) = count(*) AS each_once
FROM ae.history((SELECT ae.train(ARRAY["select", b], ae.options(code => 1, hidden => '{}', epochs => 3000, batch_size => 1000, patience => 0)) FROM data));

-- ae.features
SELECT feature, kind, scaling, round(mean::numeric, 3) AS mean, round(sd::numeric, 3) AS sd, round(min::numeric, 3) AS min,
	round(max::numeric, 3) AS max, constant
FROM models, ae.features(model) WHERE name = 'rows';
SELECT feature, kind, round(mean::numeric, 3) AS mean FROM models, ae.features(model) WHERE name = 'arrays';
SELECT bool_and(abs(f.mean - s.mean) < 1e-9 AND abs(f.sd - s.sd) < 1e-9 AND f.min = s.min AND f.max = s.max) AS right_statistics
FROM models, ae.features(model) f, (SELECT avg(b) AS mean, stddev_pop(b) AS sd, min(b), max(b) FROM data) s WHERE name = 'rows' AND feature = 'b';

-- ae.row_expression: names quoted where they must be, and it works as it stands
SELECT ae.row_expression(model) FROM models WHERE name = 'rows';
SELECT ae.row_expression(model) AS expression FROM models WHERE name = 'rows' \gset
SELECT bool_and(ae.raw_score(model, :expression) = ae.raw_score(model, d)) AS same FROM models, data d WHERE name = 'rows';
SELECT ae.row_expression(model) FROM models WHERE name = 'arrays';
\echo :LAST_ERROR_SQLSTATE

-- warnings of ae.summary
CREATE FUNCTION warns(model bytea) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT (regexp_matches(ae.summary(model), '^warning +([^:;]*)', 'ng'))[1] $$;
SELECT 'no better than the mean' AS case, warns(ae.train(ARRAY[i, i * 7919 % 1009, i * 104729 % 1013], ae.options(code => 1, hidden => '{}', epochs => 1, learning_rate => 1e-9)))
FROM generate_series(1, 1000) i;
SELECT 'worse than principal components' AS case, warns(ae.train(ARRAY["Weird, name", "select", b], ae.options(code => 2, hidden => '{}', updates => 25, learning_rate => 0.003))) FROM data;
SELECT 'can copy' AS case, warns(ae.train(ARRAY["Weird, name", "select", b], ae.options(code => 3, hidden => '{}', epochs => 60))) FROM data;
SELECT 'learns by heart' AS case, warns(ae.train(ARRAY[i, i * 7919 % 1009, i * 104729 % 1013, i * 7907 % 997, i * 7901 % 991]::real[],
	ae.options(code => 4, hidden => '{256}', epochs => 3000, patience => 0, validation => 0.3))) FROM generate_series(1, 100) i;
SELECT 'dead code units' AS case, warns(ae.train(ARRAY["select", b], ae.options(code => 16, hidden => '{}', code_activation => 'relu', noise => 0.1,
	learning_rate => 0.3, warmup => 0, updates => 300))) FROM data;
SELECT 'calibrated on training rows' AS case, warns(ae.train(ARRAY["select", b], ae.options(code => 1, epochs => 60, validation => 0))) FROM data;
SELECT 'diverged' AS case, warns(ae.train(d, ae.options(exclude => '{id,note,same}', code => 2, optimizer => 'sgd', learning_rate => 30,
	schedule => 'constant', warmup => 0.9, updates => 2000))) FROM data d;
SELECT 'nothing to complain of' AS case, count(*) FROM models, warns(model) WHERE name = 'lbfgs';

DROP TABLE data, models;
DROP FUNCTION masked, warns;
