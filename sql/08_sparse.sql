-- Proves that the sparse family does what it says: zeros rise with the weight of L1 on relu codes, kl
-- reaches its rate, top_k keeps exactly so many units, whichever way a row is scored; a penalty of
-- weight 0 changes nothing.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE data AS
SELECT i AS id, sin(i) + 2 AS a, 2 * sin(i) + 0.3 * cos(1.7 * i) + 5 AS b, cos(i) * sin(3 * i) AS c, cos(0.1 * i) AS d,
	sin(2 * i) * cos(0.1 * i) AS e, cos(1.3 * i) + sin(i) AS f
FROM generate_series(1, 600) i;

CREATE FUNCTION base(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ae.options(exclude => '{id}', purpose => 'compress', code => 12, hidden => '{}', updates => 400, validation => 0) || more
$$;
CREATE FUNCTION zeros(model bytea) RETURNS float8 LANGUAGE sql AS $$
	SELECT avg((h = 0)::int) FROM data t, unnest(ae.encode(model, t)) h
$$;

-- the heavier L1 on a relu code, the more zeros; ae.describe agrees with the codes
CREATE TABLE models AS
SELECT w, ae.train(t, base(ae.options(code_activation => 'relu') || ae.sparse(kind => 'l1', weight => w))) AS model
FROM data t, unnest(ARRAY[0, 0.01, 0.1, 1]) w GROUP BY w;
SELECT bool_and(more) AS zeros_rise, bool_and(same) AS described FROM (
	SELECT zeros(model) > lag(zeros(model)) OVER (ORDER BY w) AS more,
		abs(zeros(model) - (ae.describe(model) -> 'training' ->> 'code_zeros')::float8) < 1e-9 AS same
	FROM models) s;
SELECT w, ae.summary(model) ~ 'sparse       l1 on the code, weight' AS penalty, ae.summary(model) ~ 'of the codes'' numbers are 0' AS zeros
FROM models ORDER BY w;

-- every kind pulls the code to zero, on one layer or on all
CREATE FUNCTION size(options jsonb) RETURNS float8 LANGUAGE sql AS $$
	SELECT avg(abs(h)) FROM data t, (SELECT ae.train(t, options) AS model FROM data t) m, unnest(ae.encode(m.model, t)) h
$$;
SELECT k AS kind, l AS layers,
	size(base(ae.options(hidden => '{8}') || ae.sparse(kind => k, weight => 0.05, layers => l))) < 0.7 * size(base(ae.options(hidden => '{8}'))) AS smaller
FROM unnest('{l1,student_t,log}'::text[]) k, unnest('{code,hidden}'::text[]) l;

-- kl: units are on at the target rate, within a tenth of it, without being asked to be sigmoids
SELECT r AS target, abs((d -> 'training' ->> 'code_mean')::float8 / r - 1) < 0.1 AS reached, d -> 'options' -> 'code_activation' AS code_activation
FROM unnest(ARRAY[0.05, 0.1, 0.3]) r,
	LATERAL (SELECT ae.describe(ae.train(t, base(ae.options(updates => 4000) || ae.sparse(kind => 'kl', target => r)))) AS d FROM data t) m;
SELECT ae.summary(ae.train(t, base(ae.sparse(kind => 'kl')))) ~ 'sparse       kl on the code, weight 1; units of the code are on at a rate of [\d.]+, the target is 0.05' AS summary
FROM data t;

-- top_k: exactly k, of whichever activation that is not 0 itself; the same codes from a batch as from a row
SELECT k, count(*) FILTER (WHERE n <> k) AS rows_with_others, count(DISTINCT kept) > 1 AS not_always_the_same
FROM unnest(ARRAY[1, 3, 11, 12]) k,
	LATERAL (SELECT ae.train(t, base(ae.sparse(top_k => k))) AS model FROM data t) m,
	LATERAL (SELECT (SELECT count(*) FROM unnest(h) u WHERE u <> 0) AS n, (SELECT string_agg((u <> 0)::int::text, '') FROM unnest(h) u) AS kept
		FROM data t, LATERAL (SELECT ae.encode(m.model, t) AS h OFFSET 0) e) c
GROUP BY k ORDER BY k;
CREATE TABLE kept AS
SELECT ae.train(t, base(ae.options(updates => 2000) || ae.sparse(top_k => 3))) AS model FROM data t;
SELECT abs((ae.evaluate(k.model, t)).mean_error / avg(ae.reconstruction_error(k.model, t)) - 1) < 1e-12 AS same_from_batches,
	avg(ae.reconstruction_error(k.model, t)) < 0.2 AS learned
FROM kept k, data t;
SELECT ae.summary(model) ~ 'code units   12, \d+ of them dead; the 3 largest of each row are kept; 75.0 % of the codes'' numbers are 0' AS summary,
	ae.describe(model) -> 'options' -> 'top_k' AS top_k FROM kept;
-- training goes on from such a model, and keeps as many
SELECT count(*) FILTER (WHERE (SELECT count(*) FROM unnest(ae.encode(m.model, t)) u WHERE u <> 0) <> 3) AS rows_with_others
FROM data t, (SELECT ae.train(t, ae.options(updates => 5), k.model) AS model FROM data t, kept k) m;

-- batch_top_k: as many on the average, more of some rows than of others; a row's code is the same alone and in any
-- batch and order; one threshold, above which every number of every code is
CREATE TABLE gated AS SELECT 'batch_top_k' AS name, ae.train(t, base(ae.options(updates => 1500) || ae.sparse(batch_top_k => 3))) AS model FROM data t;
INSERT INTO gated SELECT 'jumprelu', ae.train(t, base(ae.options(updates => 1500) || ae.sparse(kind => 'jumprelu', weight => 0.01))) FROM data t;
CREATE TABLE codes AS
SELECT name, id, t.a, ae.encode(model, t) AS h, (SELECT count(*) FROM unnest(ae.encode(model, t)) u WHERE u <> 0) AS n FROM gated, data t;
SELECT name, name = 'jumprelu' OR abs(avg(n) - 3) < 0.3 AS as_many, count(DISTINCT n) > 2 AS not_always_the_same, (SELECT min(u) > 0 FROM codes c, unnest(h) u WHERE c.name = codes.name AND u <> 0) AS positive
FROM codes GROUP BY name ORDER BY name;
SELECT g.name, bool_and(ae.encode(g.model, t) = c.h) AS same_alone FROM gated g, data t, codes c WHERE c.name = g.name AND c.id = t.id AND t.id % 50 = 7 GROUP BY g.name ORDER BY g.name;
SELECT g.name, abs((ae.evaluate(g.model, t ORDER BY t.a)).mean_error / (SELECT avg(ae.reconstruction_error(g.model, u)) FROM data u) - 1) < 1e-12 AS same_from_batches
FROM gated g, data t GROUP BY g.name, g.model ORDER BY g.name;
SELECT ae.summary(model) ~ 'code units   12, \d+ of them dead; those above [\d.]+ are kept, 3 of a row on the average of training' AS summary,
	ae.describe(model) -> 'options' -> 'batch_top_k' AS batch_top_k FROM gated WHERE name = 'batch_top_k';

-- jumprelu: the heavier its count, the fewer units are on; a rectifier unless said otherwise
SELECT bool_and(fewer) AS fall FROM (
	SELECT (1 - zeros(m.model)) < lag(1 - zeros(m.model)) OVER (ORDER BY w) AS fewer
	FROM (SELECT w, ae.train(t, base(ae.options(updates => 1500) || ae.sparse(kind => 'jumprelu', weight => w))) AS model
		FROM data t, unnest(ARRAY[0, 0.01, 0.03, 0.1]) w GROUP BY w) m) s;
SELECT ae.describe(model) -> 'options' ->> 'code_activation' AS code_activation, ae.describe(model) -> 'options' -> 'sparse_weight' AS weight,
	ae.summary(model) ~ 'sparse       jumprelu on the code, weight 0.01; [\d.]+ units of the code are on in a row, on the average' AS summary
FROM (SELECT ae.train(t, base(ae.sparse(kind => 'jumprelu'))) AS model FROM data t) m;

-- training goes on from such models with the gate that they have, and with no other
SELECT name, d -> 'options' -> 'batch_top_k' AS batch_top_k, d -> 'options' -> 'sparse' AS sparse, d -> 'options' -> 'sparse_weight' AS weight
FROM (SELECT g.name, ae.describe(ae.train(t, '{"updates": 5}', g.model)) AS d FROM data t, gated g GROUP BY g.name, g.model) s ORDER BY name;

-- the auxiliary loss brings units back that are never on, of every gate
CREATE TABLE wide AS SELECT (SELECT array_agg(sin(j * (1 + i % 47) * 0.7) + 0.7 * cos(j * (1 + i % 31) * 1.3) ORDER BY j) FROM generate_series(1, 16) j) AS x FROM generate_series(1, 1000) i;
CREATE FUNCTION dead(options jsonb) RETURNS int LANGUAGE sql AS $$
	SELECT (ae.describe(ae.train(x, ae.options(code => 128, hidden => '{}', updates => 1000, validation => 0) || options)) #>> '{training,dead_code_units}')::int FROM wide
$$;
SELECT o.name, dead(options) > 50 AS many_are_dead, dead(options || ae.sparse(aux_weight => 1)) < 0.85 * dead(options) AS fewer_then
FROM (VALUES ('top_k', ae.sparse(top_k => 2)), ('batch_top_k', ae.sparse(batch_top_k => 2))) o(name, options) ORDER BY 1;
SELECT ae.describe(ae.train(x, ae.options(code => 20, decoder => '{}', hidden => '{9}', updates => 3) || o)) #> '{options,aux_weight}' AS aux_weight
FROM wide, unnest(ARRAY[ae.sparse(top_k => 2, aux_weight => 0.5), ae.sparse(batch_top_k => 2)]) o GROUP BY o ORDER BY 1;

-- a penalty of weight 0, and all units kept, change nothing but the record of the options
SELECT o.name, string_agg(ae.raw_score(m.model, t)::text, ' ' ORDER BY id) = string_agg(ae.raw_score(p.model, t)::text, ' ' ORDER BY id) AS same
FROM data t, (VALUES ('l1', ae.sparse(kind => 'l1', weight => 0)), ('log', ae.sparse(kind => 'log', weight => 0, layers => 'hidden')),
		('top_k', ae.sparse(top_k => 12))) o(name, options),
	LATERAL (SELECT ae.train(t, base(options)) AS model FROM data t) m,
	LATERAL (SELECT ae.train(t, base('{}')) AS model FROM data t) p
GROUP BY o.name ORDER BY o.name;

-- options as ae.describe resolved them train the same model again
SELECT o.name, ae.train(t, d.options) = m.model AS same
FROM data t, (VALUES ('kl', ae.sparse(kind => 'kl', weight => 0.1)), ('log', ae.sparse(kind => 'log', layers => 'hidden')),
		('top_k', ae.sparse(kind => 'l1', top_k => 4, aux_weight => 0.5)), ('batch_top_k', ae.sparse(kind => 'l1', batch_top_k => 4)),
		('jumprelu', ae.sparse(kind => 'jumprelu', aux_weight => 0.1))) o(name, options),
	LATERAL (SELECT ae.train(t, base(options)) AS model FROM data t) m,
	LATERAL (SELECT ae.describe(m.model) -> 'options' AS options) d
GROUP BY o.name, m.model ORDER BY o.name;

-- what a sparse code cannot be, said before a row is read
\i sql/include/refusal.sql
SELECT refusal(o) FROM unnest(ARRAY[
	ae.sparse(weight => 0.1), ae.sparse(target => 0.1), ae.sparse(layers => 'code'), ae.sparse(kind => 'l1', target => 0.1),
	ae.sparse(kind => 'kl') || ae.options(code_activation => 'relu'),
	ae.sparse(kind => 'kl', layers => 'hidden') || ae.options(activation => 'tanh'),
	ae.sparse(kind => 'kl', top_k => 2), ae.sparse(top_k => 9) || ae.options(code => 8), ae.sparse(top_k => 9) || ae.options(hidden => '{20,8}'),
	ae.sparse(batch_top_k => 9) || ae.options(code => 8), ae.sparse(batch_top_k => 9) || ae.options(hidden => '{20,8}'),
	ae.sparse(top_k => 2, batch_top_k => 2), ae.sparse(kind => 'kl', batch_top_k => 2), ae.sparse(batch_top_k => 2) || ae.options(optimizer => 'lbfgs'),
	ae.sparse(kind => 'jumprelu', top_k => 2), ae.sparse(kind => 'jumprelu', batch_top_k => 2), ae.sparse(kind => 'jumprelu', layers => 'hidden'),
	ae.sparse(kind => 'jumprelu', target => 0.1), ae.sparse(kind => 'jumprelu') || ae.options(optimizer => 'lbfgs'),
	ae.sparse(aux_weight => 1), ae.sparse(aux_weight => 1, kind => 'l1'), ae.sparse(aux_weight => 1, top_k => 2) || ae.options(code => 8),
	ae.sparse(aux_weight => 1, top_k => 2) || ae.options(code => 8, decoder => '{9}'), ae.sparse(aux_weight => 1, top_k => 2) || ae.options(hidden => '{9,8}'),
	ae.sparse(aux_weight => 1, top_k => 2) || ae.options(decoder => '{}', output_activation => 'tanh'),
	ae.sparse(aux_weight => 1, top_k => 2) || ae.options(decoder => '{}', optimizer => 'lbfgs'),
	ae.sparse(batch_top_k => 0), ae.sparse(aux_weight => -1)]) o;
-- how wide a code is by default shows when the columns are known
SELECT ae.train(t, ae.sparse(top_k => 1000)) FROM data t;
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION refusal_from(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM ae.train(t, options, k.model) FROM data t, kept k;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT refusal_from(ae.sparse(top_k => 4)) AS top_k, refusal_from(ae.sparse(kind => 'kl')) AS kl, refusal_from(ae.sparse(kind => 'l1', top_k => 3) || '{"updates": 1}') AS fits;
SELECT refusal_from(ae.sparse(batch_top_k => 3)) AS batch_top_k, refusal_from(ae.sparse(kind => 'jumprelu')) AS jumprelu;
CREATE FUNCTION refusal_from_gated(gate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM ae.train(t, options, g.model) FROM data t, gated g WHERE g.name = gate;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT g AS gate, o AS options, refusal_from_gated(g, o || '{"updates": 1}') AS refusal
FROM unnest('{batch_top_k,jumprelu}'::text[]) g, unnest(ARRAY[ae.sparse(batch_top_k => 3), ae.sparse(batch_top_k => 4), ae.sparse(top_k => 3), ae.sparse(kind => 'jumprelu'), ae.sparse(kind => 'l1'),
	ae.options(optimizer => 'lbfgs')]) o ORDER BY g, o;

DROP TABLE data, models, kept, gated, codes, wide;
DROP FUNCTION base, dead, zeros, size, refusal, refusal_from, refusal_from_gated;

-- the same under any settings
SET extra_float_digits = -12;
SELECT ae.sparse('l1', weight => 0.00123456789012345);
RESET extra_float_digits;
