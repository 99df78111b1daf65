-- Proves: named models. References are read and printed by one rule, find what they mean and nothing
-- else; versions are saved, never changed, and dropped only where no stored expression uses them.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE pump AS
SELECT i AS id, (sin(i) + 1)::real AS load, (20 + 50 * (sin(i) + 1) + cos(3 * i))::real AS temperature,
       (1 + 4 * (sin(i) + 1) + cos(5 * i) / 10)::real AS pressure
FROM generate_series(1, 400) i;
CREATE TABLE bytes AS
SELECT n, ae.train(p, ae.options(exclude => '{id}', folds => 1, updates => 50, seed => n)) AS model
FROM pump p, generate_series(1, 3) n GROUP BY n ORDER BY n;

-- digests differ from one CPU to the next, as weights do
CREATE FUNCTION short(model ae.model) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(model::text, '#[0-9a-f]{8}$', '') $$;
-- save, and read back
SELECT short(ae.save_model('fraud', model)) FROM bytes WHERE n = 1;
SELECT short(ae.save_model('fraud', model)) FROM bytes WHERE n = 2;
SELECT name, version, current, bytes = octet_length(model) AS size_right, owner = current_user AS mine, n_rows, train_loss > 0 AS has_loss,
       validation_loss, comment FROM ae.model_list JOIN bytes ON n = version ORDER BY version;
SELECT m.version, m.model = b.model AS same, m.digest = sha256(b.model) AS digest, m.options = ae.describe(b.model) -> 'options' AS options,
       m.query, m.created <= clock_timestamp() AS created
FROM ae.models m JOIN bytes b ON n = version ORDER BY version;

-- the reference
SELECT short('fraud') AS bare, short('fraud@1') AS explicit, short('FRAUD@1') AS folded, 'nosuch@7#0123abcd'::ae.model AS unchecked;
-- with the first digits of the digest, which are filled in where they are left out
SELECT m.name || '@' || m.version || '#' || left(encode(digest, 'hex'), 8) = (m.name || '@' || m.version)::ae.model::text AS digest FROM ae.models m ORDER BY version;
SELECT short(ae.current('fraud')) AS current, pg_typeof(ae.current('fraud')), 'fraud@1'::ae.model::text ~ '^fraud@1#[0-9a-f]{8}$' AS text, short(('fraud@2'::text)::ae.model) AS from_text;
SELECT 'fraud@1'::ae.model::bytea = model AS bytes FROM bytes WHERE n = 1;
SELECT ae.model_send('"a@b"@12#0123abcd');
-- its operators are found where ae is in the search_path; sorting and grouping need no path
SELECT m FROM unnest('{b@1#00000000,a@10#00000000,a@9#00000000,"\"B\"@1#00000000",a@9#00000000}'::ae.model[]) m ORDER BY m;
SELECT 'a@1#00000000'::ae.model = 'a@1#00000000'::ae.model;
SELECT 'a@1#00000000'::ae.model OPERATOR(ae.=) 'a@1#00000000'::ae.model AS eq;
SET search_path = public, ae;
SELECT a, b, a = b AS eq, a <> b AS ne, a < b AS lt, a <= b AS le, a > b AS gt, a >= b AS ge, a IS NOT DISTINCT FROM b AS same
FROM (VALUES ('a@1#00000000'::ae.model, 'a@1#00000000'::ae.model), ('a@2#00000000', 'a@10#00000000'), ('b@1#00000000', 'a@2#00000000'), ('ab@1#00000000', 'a@1#00000000'), ('a@1#7fffffff', 'a@1#80000000')) v (a, b);
CREATE TABLE refs (m ae.model PRIMARY KEY, h int);
INSERT INTO refs SELECT format('m%s@%s#00000000', i % 10, 1 + i)::ae.model, i FROM generate_series(0, 999) i;
CREATE INDEX ON refs USING hash (m);
SELECT count(*), count(DISTINCT m), min(h) FILTER (WHERE m = 'm3@4#00000000') FROM refs;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT h FROM refs WHERE m = 'm7@108#00000000';
SELECT count(*) FROM refs WHERE m >= 'm9@1#00000000';
RESET enable_seqscan;
RESET enable_bitmapscan;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM refs a JOIN refs b USING (m);
RESET enable_mergejoin;
RESET enable_nestloop;
INSERT INTO refs VALUES ('m7@108#00000000', 1);
COPY refs TO PROGRAM 'cat >/dev/null' WITH (FORMAT binary);
RESET search_path;

-- names: as identifiers, quoted where they are no plain words
SELECT short(ae.save_model(name, model)) AS saved FROM bytes, (VALUES ('"a.b"'), ('"with ""quotes"""'), ('"at@sign"'), ('größe'), ('"UPPER"'), ('Folded'), ('"2024"'), ('x$1_'), ('"select"'), ('" "'),
                    ('"' || repeat('é', 31) || '"'), (repeat('n', 63))) v (name) WHERE n = 1;
SELECT count(*), bool_and(format('%s@%s', CASE WHEN name ~ '^[a-zöß_][a-zöß0-9_$]*$' THEN name ELSE '"' || replace(name, '"', '""') || '"' END, version)::ae.model::bytea = model) AS found
FROM ae.models;
SELECT short(ae.current('größe')), short(ae.current('"a.b"')), short(ae.current('"with ""quotes"""')), short(ae.current('"UPPER"')), short(ae.current('FOLDED'));
SELECT short(ae.save_model('fresh', model)), short(ae.current('fresh')) FROM bytes WHERE n = 1;
SELECT ae.drop_model('"' || replace(name, '"', '""') || '"') AS dropped, name FROM (SELECT DISTINCT name FROM ae.models WHERE name <> 'fraud' ORDER BY name) m;

\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT ''::ae.model;
\echo :LAST_ERROR_SQLSTATE
SELECT '""@1'::ae.model;
SELECT 'fraud '::ae.model;
SELECT 'public.fraud'::ae.model;
SELECT '"fraud'::ae.model;
SELECT 'fraud@'::ae.model;
SELECT 'fraud@0'::ae.model;
SELECT 'fraud@-1'::ae.model;
SELECT 'fraud@01'::ae.model;
SELECT 'fraud@2147483648'::ae.model;
SELECT 'fraud@99999999999999999999999'::ae.model;
SELECT 'fraud@2147483647#ffffffff'::ae.model;
SELECT 'fraud@1#'::ae.model;
SELECT 'fraud@1#1234567'::ae.model;
SELECT 'fraud@1#123456789'::ae.model;
SELECT 'fraud@1#1234567G'::ae.model;
SELECT 'fraud@1#1234567A'::ae.model;
SELECT 'fraud#12345678'::ae.model;
SELECT '@1'::ae.model;
SELECT '7up'::ae.model;
SELECT repeat('n', 64)::ae.model;
\echo :LAST_ERROR_SQLSTATE
SELECT ('"' || repeat('é', 32) || '"@1')::ae.model;
SELECT repeat('ä-', 500)::ae.model;
SELECT '\x89414541'::ae.model;
SELECT ae.threshold('\x89414541');
SELECT ae.save_model('fraud@3', '');
SELECT ae.current('fraud@1');

-- what is not there
SELECT 'frau'::ae.model;
\echo :LAST_ERROR_SQLSTATE
SELECT 'completely different'::ae.model;
SELECT 'completely_different'::ae.model;
SELECT ae.threshold('frad');
SELECT ae.threshold('"Fraud"');
SELECT ae.threshold('frad@1');
SELECT ae.threshold('fraud@7');
\echo :LAST_ERROR_SQLSTATE
SELECT ae.current('folded');
SELECT ae.drop_model('nosuch');
SELECT ae.drop_model('fraud@7');
SELECT ae.comment_on_model('nosuch', 'x');

-- what is no model
SELECT ae.save_model('fraud', '\x00');
\echo :LAST_ERROR_SQLSTATE
SELECT ae.save_model('fraud', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT ae.save_model(NULL, model) FROM bytes WHERE n = 1;
SELECT max(version) FROM ae.models;
\set VERBOSITY terse

-- every function takes a reference where it takes bytes, and says the same
SELECT bool_and(ae.reconstruction_error('fraud@1', p) = ae.reconstruction_error(model, p)) AS reconstruction_error,
       bool_and(ae.raw_score('fraud@1', p) = ae.raw_score(model, p)) AS raw_score,
       bool_and(ae.p_value('fraud@1', p) = ae.p_value(model, p)) AS p_value,
       bool_and(ae.anomaly_score('fraud@1', p) = ae.anomaly_score(model, p)) AS anomaly_score,
       bool_and(ae.is_anomaly('fraud@1', p, 0.1) = ae.is_anomaly(model, p, 0.1)) AS is_anomaly,
       bool_and(ae.is_anomaly('fraud@1', p) = ae.is_anomaly(model, p)) AS is_anomaly_default,
       bool_and(ae.threshold('fraud@1', 0.1) = ae.threshold(model, 0.1)) AS threshold,
       bool_and(ae.reconstruct('fraud@1', p) = ae.reconstruct(model, p)) AS reconstruct,
       bool_and(ae.impute('fraud@1', p) = ae.impute(model, p)) AS impute,
       bool_and(ae.encode('fraud@1', p) = ae.encode(model, p)) AS encode,
       bool_and(ae.decode('fraud@1', ae.encode('fraud@1', p)) = ae.decode(model, ae.encode(model, p))) AS decode,
       bool_and((SELECT array_agg(e) FROM ae.explain('fraud@1', p) e) = (SELECT array_agg(e) FROM ae.explain(model, p) e)) AS explain,
       bool_or(ae.raw_score('fraud@1', p) <> ae.raw_score('fraud@2', p)) AS versions_differ
FROM pump p, bytes WHERE n = 1;
SELECT ae.summary('fraud@1') = ae.summary(model) AS summary, ae.describe('fraud@1') = ae.describe(model) AS describe,
       ae.row_expression('fraud@1') AS row_expression,
       (SELECT array_agg(h) FROM ae.history('fraud@1') h) = (SELECT array_agg(h) FROM ae.history(model) h) AS history,
       (SELECT array_agg(f) FROM ae.features('fraud@1') f) = (SELECT array_agg(f) FROM ae.features(model) f) AS features
FROM bytes WHERE n = 1;
SELECT ae.evaluate('fraud@1', p) = ae.evaluate(model, p) AS evaluate, ae.evaluate('fraud@1', p, 0.1) = ae.evaluate(model, p, 0.1) AS evaluate_at
FROM pump p, bytes WHERE n = 1;
SELECT short(ae.save_model('guess', ae.train(p, ae.options(exclude => '{id}', code => 2, updates => 50) || ae.target('kind'))))
FROM (SELECT *, CASE WHEN load > 1 THEN 'high' ELSE 'low' END AS kind FROM pump) p;
SELECT bool_and(ae.predict('guess', p) = ae.predict('guess'::ae.model::bytea, p)) AS predict,
       bool_and((SELECT array_agg(e) FROM ae.predict_proba('guess', p) e) = (SELECT array_agg(e) FROM ae.predict_proba('guess'::ae.model::bytea, p) e)) AS predict_proba,
       bool_and(ae.encode_bits('guess', p) = ae.encode_bits('guess'::ae.model::bytea, p)) AS encode_bits FROM pump p;
SELECT ae.drop_model('guess');
SELECT ae.train(p, ae.options(updates => 10), 'fraud@1') = ae.train(p, ae.options(updates => 10), 'fraud@1'::ae.model::bytea) AS init FROM pump p;
-- as a parameter, a column, a subquery, a variable
PREPARE score AS SELECT round(sum(ae.raw_score($1, p))::numeric, 6) = (SELECT round(sum(ae.raw_score(model, p))::numeric, 6) FROM pump p, bytes WHERE n = 2) FROM pump p;
EXECUTE score('fraud');
SELECT bool_and(ae.raw_score(r, p) = ae.raw_score(model, p)) FROM pump p, (VALUES ('fraud@1'::ae.model, 1), ('fraud@2', 2)) v (r, n) JOIN bytes USING (n);
SELECT bool_and(ae.raw_score((SELECT ae.current('fraud')), p) = ae.raw_score('fraud@2', p)) FROM pump p;
SELECT ae.raw_score(NULL::ae.model, p) IS NULL AS strict FROM pump p LIMIT 1;

-- ae.current follows, a literal in a view does not
CREATE VIEW pinned AS SELECT id, ae.raw_score('fraud', p) AS s FROM pump p;
CREATE VIEW following AS SELECT id, ae.raw_score(ae.current('fraud'), p) AS s FROM pump p;
SELECT bool_and(a.s = b.s) AS same FROM pinned a JOIN following b USING (id);
SELECT short(ae.save_model('fraud', model)) FROM bytes WHERE n = 3;
SELECT bool_and(a.s = b.s) AS same FROM pinned a JOIN following b USING (id);
SELECT bool_and(s = ae.raw_score(model, p)) AS newest FROM following JOIN pump p USING (id), bytes WHERE n = 3;
-- what \d+ prints of it; servers differ in the rest
SELECT regexp_replace(substring(pg_get_viewdef('pinned') FROM 'ae.raw_score.*AS s'), '#[0-9a-f]{8}', '#...') AS printed;

-- within a transaction, and a subtransaction that is rolled back: the version comes back as another one
CREATE FUNCTION comes_and_goes() RETURNS text LANGUAGE plpgsql AS $$
DECLARE m bytea; s float8[]; r pump; v ae.model; seen text := '';
BEGIN
	SELECT * INTO r FROM pump WHERE id = 7;
	FOR i IN 1..2 LOOP
		SELECT model INTO m FROM bytes WHERE n = i;
		BEGIN
			v := ae.save_model('passing', m);
			seen := concat_ws(' ', seen, short(v), short(ae.current('passing')));
			FOR j IN 1..2 LOOP
				s[i] := ae.raw_score('passing@1'::ae.model, r);
			END LOOP;
			seen := seen || ' ' || (s[i] = ae.raw_score(m, r));
			RAISE EXCEPTION 'away';
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
	RETURN seen || ' ' || (s[1] <> s[2]);
END $$;
SELECT comes_and_goes();
SELECT ae.current('passing');

-- two models side by side
SELECT n_rows, mean_error_a = mean_error_b AS mean, median_error_a = median_error_b AS median, share_flagged_a = share_flagged_b AS flagged,
       agreement, rank_correlation, top_overlap FROM ae.compare_models('fraud@2', 'fraud@2', 'pump');
SELECT c.n_rows, abs(mean_error_a - avg(ae.reconstruction_error('fraud@1', p))) < 1e-12 AS mean_a, abs(mean_error_b - avg(ae.reconstruction_error('fraud@2', p))) < 1e-12 AS mean_b,
       median_error_a = percentile_disc(0.5) WITHIN GROUP (ORDER BY ae.reconstruction_error('fraud@1', p)) AS median_a,
       median_error_b = percentile_disc(0.5) WITHIN GROUP (ORDER BY ae.reconstruction_error('fraud@2', p)) AS median_b,
       abs(share_flagged_a - avg(ae.is_anomaly('fraud@1', p)::int)) < 1e-12 AS flagged_a, abs(share_flagged_b - avg(ae.is_anomaly('fraud@2', p)::int)) < 1e-12 AS flagged_b,
       abs(agreement - avg((ae.is_anomaly('fraud@1', p) = ae.is_anomaly('fraud@2', p))::int)) < 1e-12 AS agreement,
       rank_correlation BETWEEN 0.2 AND 0.9999 AS correlation, top_overlap BETWEEN 0 AND 0.9999 AS overlap
FROM ae.compare_models('fraud@1', 'fraud@2', 'SELECT * FROM pump WHERE id <= 300;') c, pump p WHERE id <= 300 GROUP BY c.*, c.n_rows, mean_error_a, mean_error_b, median_error_a, median_error_b, share_flagged_a, share_flagged_b, agreement, rank_correlation, top_overlap;
-- an infinite and a missing row; no row; other models
SELECT n_rows, mean_error_a < 100 AS finite, rank_correlation FROM ae.compare_models('fraud@1', 'fraud@1', 'SELECT * FROM pump UNION ALL VALUES (0, ''NaN''::real, 1, 1), (0, NULL, NULL, NULL)');
SELECT * FROM ae.compare_models('fraud@1', 'fraud@2', 'SELECT * FROM pump WHERE false');
SELECT c.n_rows, c.agreement FROM bytes, ae.compare_models(model, 'fraud@1'::ae.model::bytea, 'pump') c WHERE n = 1;
SELECT ae.compare_models('fraud@1', 'fraud@2', 'SELECT 1; SELECT 2');
SELECT ae.compare_models('fraud@1', 'fraud@2', 'DELETE FROM pump');
SELECT ae.compare_models('fraud@1', 'fraud@2', 'SELECT * FROM pump) x; DROP TABLE pump; --');
SELECT ae.compare_models('fraud@1', 'fraud@2', 'SELECT id FROM pump');
SELECT ae.compare_models('fraud@1', 'fraud@9', 'pump');
SELECT ae.compare_models('fraud@1', 'fraud@2', 'no table');
SELECT ae.compare_models(NULL, 'fraud@2', 'pump') IS NULL AS strict;

-- rows do not change, numbers do not come twice
UPDATE ae.models SET query = 'x' WHERE version = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE ae.models SET model = '' WHERE version = 1;
SELECT ae.drop_model('fraud@2');
DELETE FROM ae.models WHERE version = 2;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE ae.models;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE ae.model_names;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM ae.model_names WHERE name = 'fraud';
UPDATE ae.model_names SET name = 'other' WHERE name = 'fraud';
DROP VIEW pinned;
SELECT ae.drop_model('fraud@2'), ae.drop_model('fraud@3'), short(ae.current('fraud'));
SELECT short(ae.save_model('fraud', model)) FROM bytes WHERE n = 2;
SELECT ae.drop_model('fraud');
SELECT short(ae.current('fraud'));
SELECT count(*) FROM ae.model_list;
SELECT short(ae.save_model('fraud', model)) FROM bytes WHERE n = 1;
SELECT ae.comment_on_model('fraud', 'for tests');
SELECT name, version, comment FROM ae.model_list;
SELECT ae.comment_on_model('fraud', NULL);
SELECT name, version, comment FROM ae.model_list;
BEGIN;
SELECT ae.drop_model('fraud');
SAVEPOINT s;
SELECT ae.raw_score('fraud@5', p) FROM pump p LIMIT 1;
ROLLBACK;
SELECT ae.raw_score('fraud@5', p) IS NOT NULL AS there FROM pump p LIMIT 1;

-- everything that may store a reference
SELECT short(ae.save_model('used', model)) FROM bytes WHERE n = 1;
CREATE TABLE t (LIKE pump, e float8 GENERATED ALWAYS AS (ae.raw_score('used@1'::ae.model, ROW(load, temperature, pressure))) STORED);
CREATE INDEX t_index ON pump (ae.raw_score('used@1', ROW(load, temperature, pressure)));
CREATE INDEX t_partial ON pump (id) WHERE ae.is_anomaly('used@1', ROW(load, temperature, pressure));
CREATE VIEW t_view AS SELECT ae.raw_score('used@1', p) FROM pump p;
CREATE VIEW t_view_inside AS WITH w AS (SELECT * FROM pump p WHERE id IN (SELECT id FROM pump q WHERE ae.is_anomaly('used@1', q))) SELECT * FROM w;
CREATE MATERIALIZED VIEW t_matview AS SELECT ae.raw_score('used@1', p) FROM pump p;
ALTER TABLE t ADD CONSTRAINT t_check CHECK (ae.raw_score('used@1', ROW(load, temperature, pressure)) < 1000);
ALTER TABLE t ADD d float8 DEFAULT ae.threshold('used@1'), ADD m ae.model DEFAULT 'used@1';
CREATE POLICY t_policy ON t USING (NOT ae.is_anomaly('used@1', ROW(load, temperature, pressure)));
CREATE STATISTICS t_statistics ON (ae.raw_score('used@1', ROW(load, temperature, pressure))), id FROM pump;
CREATE RULE t_rule AS ON INSERT TO t_view_inside DO INSTEAD INSERT INTO t (id) SELECT 1 WHERE ae.threshold('used@1') > 0;
CREATE FUNCTION t_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t_trigger BEFORE INSERT ON t FOR EACH ROW WHEN (ae.is_anomaly('used@1', ROW(NEW.load, NEW.temperature, NEW.pressure))) EXECUTE FUNCTION t_trigger();
CREATE FUNCTION t_function(p pump, m ae.model DEFAULT 'used@1') RETURNS float8 LANGUAGE sql RETURN ae.raw_score('used@1', p);
CREATE DOMAIN t_domain AS real[] CHECK (ae.threshold('used@1') > 0);
CREATE TABLE t_list (m ae.model[] DEFAULT '{other@1#00000000,used@1}');
\set VERBOSITY default
SELECT ae.drop_model('used@1');
\echo :LAST_ERROR_SQLSTATE
SELECT ae.drop_model('used');
\set VERBOSITY terse
SELECT short(ae.save_model('used', model)) FROM bytes WHERE n = 1;
SELECT ae.drop_model('used@2');
DROP TABLE t, t_list CASCADE;
DROP FUNCTION t_function, t_trigger;
DROP STATISTICS t_statistics;
DROP DOMAIN t_domain;
DROP MATERIALIZED VIEW t_matview;
DROP VIEW t_view, t_view_inside;
DROP INDEX t_index;
\set VERBOSITY default
SELECT ae.drop_model('used');
\set VERBOSITY terse
DROP INDEX t_partial;
SELECT ae.drop_model('used');

-- an index keeps its version and its order
CREATE INDEX keeps ON pump (ae.raw_score('fraud', ROW(load, temperature, pressure)) DESC);
SELECT short(ae.save_model('fraud', model)) FROM bytes WHERE n = 2;
CREATE INDEX newer ON pump (ae.raw_score('fraud', ROW(load, temperature, pressure)) DESC);
SELECT indexname, regexp_replace(indexdef, '#[0-9a-f]{8}', '#...') AS indexdef FROM pg_indexes WHERE tablename = 'pump' ORDER BY 1;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM pump p, bytes WHERE n = 1 ORDER BY ae.raw_score(model, p) DESC LIMIT 20) x) AS old_order
FROM (SELECT id FROM pump ORDER BY ae.raw_score('fraud@5', ROW(load, temperature, pressure)) DESC LIMIT 20) x;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM pump p, bytes WHERE n = 2 ORDER BY ae.raw_score(model, p) DESC LIMIT 20) x) AS new_order
FROM (SELECT id FROM pump ORDER BY ae.raw_score('fraud', ROW(load, temperature, pressure)) DESC LIMIT 20) x;
EXPLAIN (COSTS OFF) SELECT id FROM pump ORDER BY ae.raw_score('fraud@5', ROW(load, temperature, pressure)) DESC LIMIT 20;
RESET enable_seqscan;
RESET enable_sort;

-- a row that is no model: an error where it is used, and nowhere else
INSERT INTO ae.model_names VALUES ('broken', current_user, NULL, 2);
INSERT INTO ae.models (name, version, created, options, n_rows, model) VALUES ('broken', 1, now(), '{}', 0, '\x00'),
  ('broken', 2, now(), '{}', 0, (SELECT set_byte(model, 200, 255 - get_byte(model, 200)) FROM bytes WHERE n = 1));
SELECT ae.threshold('broken@1');
\echo :LAST_ERROR_SQLSTATE
SELECT ae.threshold('broken');
\echo :LAST_ERROR_SQLSTATE
SELECT ae.summary('broken@1');
SELECT ae.threshold('fraud') IS NOT NULL AS fine;
SELECT ae.drop_model('broken');

-- functions that are not for calling, and settings
CREATE TABLE other (name text, version int);
CREATE TRIGGER g BEFORE DELETE ON other FOR EACH ROW EXECUTE FUNCTION ae.models_guard();
INSERT INTO other VALUES ('fraud', 5);
DELETE FROM other;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.models_guard();
SHOW ae.cache_size;
-- servers differ in how they write the range
\set VERBOSITY sqlstate
SET ae.cache_size = -1;
SET ae.cache_size = '2TB';
\set VERBOSITY terse
SET ae.cache_size = '1MB';
SHOW ae.cache_size;
RESET ae.cache_size;

DROP TABLE pump, bytes, refs, other CASCADE;
DROP FUNCTION comes_and_goes;
