-- Proves that a column can be predicted from the code: of every kind, where it is NULL from the other rows' labels, and
-- that what a row is labelled with has no part in how it is scored; what cannot be a target is refused.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TYPE mood AS ENUM ('lo', 'mid', 'hi');
CREATE TABLE data AS
SELECT i AS id, sin(i) AS a, 2 * sin(i) + 0.3 * cos(1.7 * i) AS b, cos(i) * sin(3 * i) AS c, CASE WHEN cos(i) > 0 THEN 'x' ELSE 'y' END AS word,
	CASE WHEN sin(i) > 0.4 THEN 'hi' WHEN sin(i) < -0.4 THEN 'lo' ELSE 'mid' END::mood AS mood, sin(i) > 0 AS positive, (10 + 3 * sin(i))::numeric AS number,
	CASE WHEN sin(i) > 0.4 THEN 7 WHEN sin(i) < -0.4 THEN -7 ELSE 0 END AS digit
FROM generate_series(1, 600) i;
CREATE VIEW inputs AS SELECT a, b, c, word FROM data;
-- odd rows are trained on, even ones judge
CREATE FUNCTION model(options jsonb DEFAULT '{}', every int DEFAULT 1) RETURNS bytea LANGUAGE sql AS $$
	SELECT ae.train(r, ae.options(code => 3, epochs => 200) || ae.target('label') || options)
	FROM (SELECT a, b, c, word, CASE WHEN id % every = 0 THEN mood::text END AS label FROM data WHERE id % 2 = 1) r
$$;

-- every kind, by default, under both purposes, and with other regularisers
SELECT o.name, avg((ae.predict(m.model, d)::mood = d.mood)::int) > 0.7 AS mood
FROM (VALUES ('plain', ae.options()), ('lbfgs', ae.options(optimizer => 'lbfgs', updates => 200)), ('adamw', ae.options(optimizer => 'adamw')),
	('sgd', ae.options(optimizer => 'sgd', learning_rate => 0.03)), ('noise', ae.options(noise => 0.2, masking => 0.1)), ('tied', ae.options(tied => true)),
	('dropout', ae.options(dropout => 0.1)), ('sparse', ae.sparse(kind => 'l1', weight => 0.01)), ('k-sparse', ae.options(code => 8) || ae.sparse(top_k => 3)),
	('decay', ae.options(weight_decay => 0.001)), ('step', ae.options(schedule => 'step', clip_norm => 1))) o(name, options),
	LATERAL (SELECT ae.train(t, ae.options(code => 3, epochs => CASE WHEN o.name <> 'lbfgs' THEN 200 END, columns => '{a,b,c,word}') || ae.target('mood') || o.options) AS model
		FROM data t WHERE id % 2 = 1) m, data d
WHERE d.id % 2 = 0 GROUP BY 1 ORDER BY 1;
SELECT avg((ae.predict(m.model, d)::boolean = d.positive)::int) > 0.9 AS boolean
FROM (SELECT ae.train(t, ae.options(columns => '{a,b,c,word}', updates => 300) || ae.target('positive')) AS model FROM data t WHERE id % 2 = 1) m, data d WHERE id % 2 = 0;
SELECT 1 - sum((ae.predict(m.model, d)::numeric - number) ^ 2) / sum((number - 10) ^ 2) > 0.9 AS r_squared
FROM (SELECT ae.train(t, ae.options(columns => '{a,b,c,word}', code => 3, epochs => 200) || ae.target('number')) AS model FROM data t WHERE id % 2 = 1) m, data d WHERE id % 2 = 0;
-- an integer is a number unless told to be a category
SELECT avg((ae.predict(m.model, d)::int = d.digit)::int) > 0.85 AS digit, min(ae.describe(m.model) -> 'target' ->> 'levels') AS levels
FROM (SELECT ae.train(t, ae.options(columns => '{a,b,c,word}', code => 3, epochs => 200, kinds => '{"digit": "category"}') || ae.target('digit')) AS model FROM data t WHERE id % 2 = 1) m, data d WHERE id % 2 = 0;

-- probabilities: of all levels, in order, their sum 1, the first that of ae.predict
CREATE TABLE models AS SELECT 'mood' AS target, model() AS model
UNION ALL SELECT t, ae.train(d, ae.options(columns => '{a,b,c,word}', code => 3, epochs => 200) || ae.target(t)) FROM data d, unnest('{positive,number}'::text[]) t GROUP BY t;
SELECT count(*) AS n, bool_and(abs(sum - 1) < 1e-6) AS one, bool_and(levels = 3) AS levels, bool_and(sorted) AS sorted, bool_and(first = ae.predict(model, d)) AS first
FROM data d, models, LATERAL (SELECT sum(probability), count(*) AS levels, array_agg(probability) = array_agg(probability ORDER BY probability DESC) AS sorted,
	(array_agg(level))[1] AS first FROM ae.predict_proba(model, d)) p WHERE target = 'mood';
-- as text throughout, a boolean in words too
SELECT string_agg(DISTINCT level, ',' ORDER BY level) AS levels FROM data d, models, ae.predict_proba(model, d) WHERE target = 'positive';
-- by hand: the softmax of codes times weights, which least squares find from log ratios of probabilities: what is left is rounding
WITH p AS (SELECT ae.encode(model, d) AS h, (SELECT ln(max(probability) FILTER (WHERE level = 'hi') / max(probability) FILTER (WHERE level = 'lo')) FROM ae.predict_proba(model, d)) AS z
	FROM data d, models WHERE target = 'mood'),
flat AS (SELECT h[1] - avg(h[1]) OVER () AS x, h[2] - avg(h[2]) OVER () AS y, h[3] - avg(h[3]) OVER () AS w, z - avg(z) OVER () AS z FROM p),
s AS (SELECT sum(x*x) xx, sum(x*y) xy, sum(x*w) xw, sum(y*y) yy, sum(y*w) yw, sum(w*w) ww, sum(x*z) xz, sum(y*z) yz, sum(w*z) wz FROM flat),
d AS (SELECT *, xx*(yy*ww - yw*yw) - xy*(xy*ww - yw*xw) + xw*(xy*yw - yy*xw) AS det FROM s),
k AS (SELECT (xz*(yy*ww - yw*yw) - xy*(yz*ww - yw*wz) + xw*(yz*yw - yy*wz)) / det AS kx, (xx*(yz*ww - yw*wz) - xz*(xy*ww - yw*xw) + xw*(xy*wz - yz*xw)) / det AS ky,
	(xx*(yy*wz - yz*yw) - xy*(xy*wz - yz*xw) + xz*(xy*yw - yy*xw)) / det AS kw FROM d)
SELECT max(abs(z - kx*x - ky*y - kw*w)) < 1e-3 AS linear, max(abs(z)) > 1 AS spread FROM flat, k;

-- what a row is labelled with changes nothing about it; nor does it need the column
CREATE VIEW labelled AS SELECT a, b, c, word, mood::text AS label FROM data;
CREATE FUNCTION scores(m bytea, OUT whole text, OUT other text, OUT without text) LANGUAGE sql AS $$
	SELECT md5(string_agg(concat(ae.anomaly_score(m, d), ae.reconstruction_error(m, d), ae.raw_score(m, d), ae.predict(m, d), (SELECT array_agg(p) FROM ae.predict_proba(m, d) p), (SELECT array_agg(e) FROM ae.explain(m, d) e)), ',')),
		md5(string_agg(concat(ae.anomaly_score(m, o), ae.reconstruction_error(m, o), ae.raw_score(m, o), ae.predict(m, o), (SELECT array_agg(p) FROM ae.predict_proba(m, o) p), (SELECT array_agg(e) FROM ae.explain(m, o) e)), ',')),
		md5(string_agg(concat(ae.anomaly_score(m, i), ae.reconstruction_error(m, i), ae.raw_score(m, i), ae.predict(m, i), (SELECT array_agg(p) FROM ae.predict_proba(m, i) p), (SELECT array_agg(e) FROM ae.explain(m, i) e)), ','))
	FROM (SELECT l AS d, (l.a, l.b, l.c, l.word, 'wrong')::labelled AS o, (SELECT x FROM (SELECT l.a, l.b, l.c, l.word) x) AS i FROM labelled l LIMIT 100) s
$$;
SELECT target, whole = other AS other, whole = without AS without FROM models, scores(model) WHERE target = 'mood'
UNION ALL SELECT 'crossed', whole = other, whole = without
FROM (SELECT ae.train(l, ae.options(updates => 100, quality => 'accurate') || ae.target('label')) AS model FROM labelled l) m, scores(model);
-- nor to which fold it belongs: rows that differ in their labels alone cannot be crossed
SELECT ae.describe(ae.train(r, ae.options(updates => 1) || ae.target('label'))) -> 'training' -> 'networks' AS networks FROM (SELECT i % 2 AS a, i / 2 AS label FROM generate_series(1, 200) i) r
UNION ALL SELECT ae.describe(ae.train(r, ae.options(updates => 1))) -> 'training' -> 'networks' FROM (SELECT i % 2 AS a, i / 2 AS label FROM generate_series(1, 200) i) r;
-- nor is it a reason to be anomalous
SELECT count(*) AS n, bool_or(reasons::text ~ 'label') AS reason FROM ae.detect('labelled', ae.options(updates => 50) || ae.target('label'), 5);
-- it stays as it is where rows are given back, NULL too
SELECT ae.impute(model, (NULL, 0.5, NULL, 'x', NULL)::labelled)::text ~ ',x,\)$' AS null_stays, (ae.reconstruct(model, (1, 2, 0, 'x', 'own')::labelled)).label AS own
FROM models WHERE target = 'mood';

-- NULL is no label: half of the labels make another model, which predicts still; all the same in any order of rows
SELECT a.model <> b.model AS differs, (SELECT avg((ae.predict(b.model, d)::mood = mood)::int) > 0.8 FROM data d WHERE id % 2 = 0) AS predicts,
	ae.describe(b.model) -> 'target' ->> 'labelled_rows' AS labelled
FROM (SELECT model FROM models WHERE target = 'mood') a, (SELECT model('{}', 5) AS model) b;
SELECT a.model = b.model AS same
FROM (SELECT ae.train(t, ae.options(columns => '{word,c}', code => 2, epochs => 3) || ae.target('mood') ORDER BY id) AS model FROM data t) a,
	(SELECT ae.train(t, ae.options(columns => '{word,c}', code => 2, epochs => 3) || ae.target('mood') ORDER BY a) AS model FROM data t) b;
-- the same where equal rows have other labels, and where rows go to disk
CREATE TABLE doubles AS SELECT i % 3 AS a, i % 2 AS b, CASE i % 5 WHEN 0 THEN NULL ELSE chr(97 + i % 5) END AS label, i FROM generate_series(1, 40000) i;
SELECT count(DISTINCT model) AS models FROM (SELECT ae.train(d, ae.options(exclude => '{i}', code => 1, epochs => 1) || ae.target('label') ORDER BY i) AS model FROM doubles d
	UNION ALL SELECT ae.train(d, ae.options(exclude => '{i}', code => 1, epochs => 1) || ae.target('label') ORDER BY i % 77, i DESC) FROM doubles d) m;
CREATE TABLE in_memory AS SELECT ae.train(d, ae.options(exclude => '{i}', code => 1, epochs => 1) || ae.target('label')) AS model FROM doubles d;
SET maintenance_work_mem = '1MB';
SELECT ae.train(d, ae.options(exclude => '{i}', code => 1, epochs => 1) || ae.target('label')) = model AS same FROM doubles d, in_memory GROUP BY model;
RESET maintenance_work_mem;

-- weight: 0 learns nothing of the target, more of it costs reconstruction
SELECT w, round((d -> 'target' ->> 'loss')::numeric, 1) > 0.8 AS bad, (d -> 'options' ->> 'target_weight')::float8 AS weight
FROM unnest('{0,0.1,10}'::float8[]) w, ae.describe(model(ae.target(weight => w))) d;

-- what describes it
SELECT d -> 'options' ->> 'target' AS target, d -> 'options' ->> 'target_weight' AS weight, (d -> 'target') - 'loss' - 'accuracy' - 'mean' - 'sd' AS described,
	(d -> 'target' ->> 'accuracy')::float8 BETWEEN 0.8 AND 1 AS accuracy, (d -> 'target' ->> 'loss')::float8 BETWEEN 0 AND 0.5 AS loss
FROM models, ae.describe(model) d ORDER BY models.target;
SELECT substring(ae.summary(model) FROM 'target +(.*weight 0.1): ') AS summary, ae.summary(model) ~ 'on rows that training (did not see|saw)' AS judged FROM models ORDER BY target;
SELECT d ? 'target' AS target, d -> 'options' ? 'target' AS option FROM (SELECT ae.train(i, ae.options(code => 2, epochs => 1)) AS model FROM inputs i) m, ae.describe(model) d;
SELECT string_agg(feature, ',') AS features, ae.row_expression(model) AS expression FROM models, ae.features(model) WHERE target = 'mood' GROUP BY model;
SELECT ae.train(t, d.options) = m.model AS same
FROM data t, (SELECT ae.train(t, ae.options(columns => '{a,b,word}', code => 2, epochs => 5) || ae.target('mood', 0.5)) AS model FROM data t) m,
	LATERAL (SELECT ae.describe(m.model) -> 'options' AS options) d GROUP BY m.model;
-- so do they where the kind of the target was asked for
SELECT ae.train(t, d.options) = m.model AS same, d.options -> 'kinds' ->> 'digit' AS kind
FROM data t, (SELECT ae.train(t, ae.options(columns => '{a,b,word}', code => 2, epochs => 2, kinds => '{"digit": "category"}') || ae.target('digit')) AS model FROM data t) m,
	LATERAL (SELECT ae.describe(m.model) -> 'options' AS options) d GROUP BY m.model, d.options;

-- max_levels: what is beyond is no label, and said to be none
SET client_min_messages = notice;
SELECT d -> 'target' -> 'levels' AS levels, d -> 'target' ->> 'labelled_rows' AS labelled
FROM (SELECT ae.train(t, ae.options(columns => '{a,b}', code => 1, epochs => 1, max_levels => 2) || ae.target('mood')) AS model FROM data t) m, ae.describe(model) d;
\set VERBOSITY default
-- or because labels are long, which is another thing
SELECT ae.train(t, ae.options(code => 1, epochs => 1) || ae.target('label')) IS NOT NULL AS trained
FROM (SELECT a, b, repeat('x', 400000) || id % 3 AS label FROM data) t;
\set VERBOSITY terse
SET client_min_messages = warning;
-- a label of one row is a label
SELECT d -> 'target' -> 'levels' AS levels FROM (SELECT ae.train(t, ae.options(code => 1, epochs => 1, min_frequency => 5) || ae.target('label')) AS model
	FROM (SELECT a, b, CASE id WHEN 1 THEN 'once' ELSE 'often' END AS label FROM data) t) m, ae.describe(model) d;

-- training goes on, with the target of the model; labels that it does not know are none
SELECT avg((ae.predict(n.model, d)::mood = mood)::int) > 0.85 AS predicts, n.model <> m.model AS differs
FROM (SELECT model FROM models WHERE target = 'mood') m,
	LATERAL (SELECT ae.train(r, ae.options(epochs => 5), m.model) AS model FROM (SELECT a, b, c, word, CASE WHEN id % 7 = 0 THEN 'new' ELSE mood::text END AS label FROM data) r) n, data d
GROUP BY n.model, m.model;
-- how many there are is said of the rows of that training, in both directions, and rows are held out by it
SELECT first, second, d -> 'target' ->> 'labelled_rows' AS labelled, (d -> 'training' ->> 'validation_rows')::int > 0 AS validated
FROM (VALUES (1, 3), (3, 1)) f(first, second), LATERAL (SELECT ae.train(r, ae.options(code => 2, epochs => 1) || ae.target('label')) AS model
		FROM (SELECT a, b, CASE WHEN id % first = 0 THEN mood::text END AS label FROM data) r) m,
	LATERAL (SELECT ae.describe(ae.train(r, ae.options(epochs => 1), m.model)) AS d
		FROM (SELECT a, b, CASE WHEN id % second = 0 THEN mood::text WHEN id % 3 = 1 THEN 'new' END AS label FROM data) r) n ORDER BY first;
SELECT (ae.describe(ae.train(l, ae.options(updates => 5), m.model)) -> 'target' ->> 'column') AS crossed
FROM labelled l, (SELECT ae.train(l, ae.options(updates => 20) || ae.target('label')) AS model FROM labelled l) m GROUP BY m.model;
SELECT ae.train(i, ae.options(epochs => 1), model) FROM inputs i, models WHERE target = 'mood' GROUP BY model;
SELECT ae.train(l, ae.options(epochs => 1) || ae.target('word'), model) FROM labelled l, models WHERE target = 'mood' GROUP BY model;
SELECT ae.train(l, ae.options(epochs => 1, exclude => '{label}'), model) FROM labelled l, models WHERE target = 'mood' GROUP BY model;
SELECT ae.train(l, ae.options(epochs => 1) || ae.target('label'), model) FROM labelled l, (SELECT ae.train(i, ae.options(code => 2, epochs => 1)) AS model FROM inputs i) m GROUP BY model;
SELECT ae.train(l, ae.options(epochs => 1), model) FROM (SELECT a, b, c, word, 'new' AS label FROM data) l, models WHERE target = 'mood' GROUP BY model;

-- NULL, nothing known, and NaN
SELECT ae.predict(model, NULL::labelled) IS NULL AS null_row, ae.predict(model, (NULL, NULL, NULL, NULL, 'hi')::labelled) IS NULL AS unknown,
	(SELECT count(*) FROM ae.predict_proba(model, (NULL, NULL, NULL, NULL, 'hi')::labelled)) AS levels, ae.predict(model, ('NaN', 2, 0, 'x', NULL)::labelled) IS NOT NULL AS nan
FROM models WHERE target = 'mood';
SELECT DISTINCT proname, provolatile, proisstrict, proparallel FROM pg_proc WHERE pronamespace = 'ae'::regnamespace AND proname = 'predict';

-- what cannot be is refused at the first row
CREATE FUNCTION refusal(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text;
BEGIN
	PERFORM ae.train(t, ae.options(code => 1) || options) FROM (SELECT *, now() AS at, '{}'::jsonb AS json, ARRAY[a] AS list, 1 / (2 - id) AS fails_from_the_second_row_on FROM data OFFSET 0) t;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || message || CASE WHEN hint <> '' THEN E'\n       ' || hint ELSE '' END;
END $$;
SELECT refusal(o) FROM unnest(ARRAY[ae.target('moot'), ae.options(exclude => '{id,mood}') || ae.target('mood'), ae.options(columns => '{a,mood}') || ae.target('mood'),
	ae.options(scaling => '{"number": "minmax"}') || ae.target('number'), ae.target(weight => 2), ae.target('mood', -1), '{"target": 3}',
	ae.options(exclude => '{json}') || ae.target('at'), ae.target('json'), ae.options(exclude => '{json}') || ae.target('list'),
	ae.options(exclude => '{json}', kinds => '{"a": "boolean"}') || ae.target('a')]) o;
SELECT ae.train(ARRAY[a, b], ae.target('b')) FROM data;
SELECT ae.train(t, ae.target('a')) FROM (SELECT a FROM data) t;

-- labels that tell nothing, in all rows or in a fold of them
CREATE FUNCTION refusal_of(labels text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text;
BEGIN
	EXECUTE format('SELECT ae.train(t, $1 || ae.target(''l'')) FROM (SELECT a, b, c, %s AS l FROM data) t', labels) USING options;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || message || CASE WHEN hint <> '' THEN E'\n       ' || hint ELSE '' END;
END $$;
SELECT labels, refusal_of(labels, ae.options(code => 1, epochs => 1)) FROM unnest('{NULL::text,NULL::int,''one''::text,1.5,true,
	"CASE id WHEN 5 THEN ''NaN'' ELSE a END","CASE WHEN id % 2 = 0 THEN 1e308 ELSE -1e308 END"}'::text[]) labels;
SELECT refusal_of('CASE WHEN id IN (1, 2) THEN id::text END', '{"updates": 1}') AS fold;
SELECT refusal_of('CASE WHEN id IN (1, 2) THEN id END', ae.options(code => 1, validation => 0.99)) AS held_out;

-- predictions of a model that has none to give
SELECT ae.predict(model, i) FROM inputs i, (SELECT ae.train(i, ae.options(code => 2, epochs => 1)) AS model FROM inputs i) m LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.predict_proba(model, (1, 2, 0, 'x', NULL)::labelled) FROM models WHERE target = 'number';
\echo :LAST_ERROR_SQLSTATE

DROP TABLE data, models, doubles, in_memory CASCADE;
DROP FUNCTION model, refusal, refusal_of;
DROP TYPE mood;
