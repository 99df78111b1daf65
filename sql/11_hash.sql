-- Proves that ae.encode_bits is the code cut in two at the middle of its units, whichever they are; that the noise of
-- ae.hash is what makes a code of bits, for training alone; that rows are found by equal bits and by few different ones.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

-- rows around eight centres
CREATE TABLE data AS
SELECT i AS id, i % 8 AS kind, cos(k * 0.8) * 3 + 0.2 * sin(i) AS a, sin(k * 2.9) * 3 + 0.2 * cos(1.7 * i) AS b,
	cos(k * 1.9) * 3 + 0.2 * sin(2.3 * i) AS c, sin(k * 0.7) * 3 + 0.2 * cos(0.9 * i) AS d
FROM generate_series(1, 800) i, LATERAL (SELECT i % 8 AS k) s;
CREATE FUNCTION base(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ae.options(columns => '{a,b,c,d}', hidden => '{16}', updates => 800, validation => 0) || more
$$;

-- bits are what units say, from the first on, for every activation and any number of them
SELECT act, n, min(pg_typeof(ae.encode_bits(m.model, t))::text) AS type, min(length(ae.encode_bits(m.model, t))) AS bits,
	bool_and(ae.encode_bits(m.model, t)::text = (SELECT string_agg((u > CASE act WHEN 'sigmoid' THEN 0.5 ELSE 0 END)::int::text, '' ORDER BY i) FROM unnest(ae.encode(m.model, t)) WITH ORDINALITY e(u, i))) AS agree,
	count(DISTINCT ae.encode_bits(m.model, t)) > 1 AS differ
FROM data t, unnest('{sigmoid,tanh,identity,relu}'::text[]) act, unnest('{1,8,13}'::int[]) n,
	LATERAL (SELECT ae.train(t, base(ae.options(code => n, code_activation => act, updates => 100))) AS model FROM data t) m
GROUP BY act, n ORDER BY act, n;

-- ae.hash is a code of sigmoids that noise drives to 0 and 1
CREATE TABLE models AS
SELECT noise, ae.train(t, base(ae.hash(bits => 6, noise => noise))) AS model FROM data t, unnest(ARRAY[0, 0.3, 4]) noise GROUP BY noise;
CREATE FUNCTION saturated(model bytea) RETURNS float8 LANGUAGE sql AS $$
	SELECT avg((h < 0.1 OR h > 0.9)::int) FROM data t, unnest(ae.encode(model, t)) h
$$;
SELECT noise, saturated(model) > lag(saturated(model)) OVER (ORDER BY noise) AS more, saturated(model) > 0.8 AS bits,
	d #> '{options,code}' AS code, d #> '{options,code_activation}' AS act, d #> '{options,purpose}' AS purpose, d #> '{options,hash_bits}' AS hash_bits, d #> '{options,hash_noise}' AS hash_noise,
	ae.summary(model) ~ 'bits         6, trained with noise of (0.3|4) before the sigmoid' AS summary
FROM models, ae.describe(model) d ORDER BY noise;
SELECT ae.describe(ae.train(t, base(ae.hash(16)))) #> '{options,hash_noise}' AS by_default, ae.describe(ae.train(t, base(ae.hash(16) || ae.options(optimizer => 'lbfgs', updates => 3)))) #> '{options,hash_noise}' AS with_lbfgs FROM data t;

-- noise is for training alone; other noise makes another model; options as resolved make the same one
SELECT bool_and(ae.encode(m.model, t) = ae.encode(m.model, u)) AS same_again FROM models m, data t JOIN data u USING (id) WHERE id < 20 AND noise = 4;
SELECT count(DISTINCT h) AS codes FROM (SELECT (SELECT string_agg(ae.encode(m.model, t)::text, ' ' ORDER BY id) FROM data t) AS h
	FROM (SELECT ae.train(t, o) AS model FROM data t, unnest(ARRAY[base(ae.hash(6, 1)), base(ae.hash(6, 2)), base(ae.hash(6, 2) || ae.options(seed => 1))]) o GROUP BY o) m) s;
SELECT ae.train(t, ae.describe(m.model) -> 'options') = m.model AS same FROM data t, models m WHERE noise = 4 GROUP BY m.model;

-- rows of a kind have equal bits, or nearly; those of others do not
CREATE TABLE bits AS SELECT t.id, t.kind, ae.encode_bits(m.model, t) AS b FROM data t, models m WHERE noise = 4;
SELECT avg((x.kind = y.kind)::int) > 0.9 AS equal_bits FROM bits x JOIN bits y ON x.b = y.b AND x.id <> y.id;
SELECT avg(length(replace((x.b # y.b)::text, '0', ''))) FILTER (WHERE x.kind = y.kind) < 0.5 AS near, avg(length(replace((x.b # y.b)::text, '0', ''))) FILTER (WHERE x.kind <> y.kind) > 1 AS far
FROM bits x, bits y WHERE x.id < 80 AND y.id < 80;

-- an index on the bits, through an IMMUTABLE function that holds the model; the same rows without it
SELECT format('CREATE FUNCTION row_bits(a float8, b float8, c float8, d float8) RETURNS bit LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $f$ SELECT ae.encode_bits(%L::bytea, ROW(a, b, c, d)) $f$', model) AS ddl FROM models WHERE noise = 4 \gset
:ddl;
CREATE INDEX data_bits ON data (row_bits(a, b, c, d));
ANALYZE data;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SET enable_seqscan = off;
SELECT count(*) > 0 AS index_used FROM plan((SELECT format('SELECT id FROM data WHERE row_bits(a, b, c, d) = %L', b) FROM bits WHERE id = 9)) p WHERE p ~ 'data_bits';
SELECT (SELECT array_agg(id ORDER BY id) FROM data WHERE row_bits(a, b, c, d) = (SELECT b FROM bits WHERE id = 9)) = array_agg(id ORDER BY id) AS same_rows
FROM bits WHERE b = (SELECT b FROM bits WHERE id = 9);
RESET enable_seqscan;

-- NULL row, missing and infinite cells; several networks have no code
SELECT ae.encode_bits(m.model, NULL::data) IS NULL AS null_row, length(ae.encode_bits(m.model, ROW(1.0, NULL::float8, 'Infinity'::float8, 2.0))) AS odd_row FROM models m WHERE noise = 4;
SELECT ae.encode_bits(m.model, t) FROM data t, (SELECT ae.train(t, ae.options(columns => '{a,b,c,d}', updates => 2)) AS model FROM data t) m WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE

-- what cannot be, said before a row is read
\i sql/include/refusal.sql
SELECT refusal(o) FROM unnest(ARRAY[ae.hash(8) || ae.options(code => 9), ae.hash(8) || ae.options(code_activation => 'relu'), ae.hash(8) || ae.options(purpose => 'detect'),
	ae.hash(8) || ae.options(folds => 2), ae.hash(8) || ae.options(quality => 'accurate'), ae.hash(8, 1) || ae.options(optimizer => 'lbfgs'),
	ae.hash(noise => 2), ae.hash(0), ae.hash(8, -1), ae.hash(8) || ae.sparse(top_k => 9)]) o;
SELECT ae.train(t, ae.hash(7), m.model) FROM data t, models m WHERE noise = 4;
\echo :LAST_ERROR_SQLSTATE

DROP TABLE data, models, bits CASCADE;
DROP FUNCTION base, saturated, refusal, plan, row_bits;
