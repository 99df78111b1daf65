-- Proves: what a session has computed by a version of a model ends with the version. Scores are immutable, so
-- plans, domains and whatever else keeps an expression keep its values; a version that was rolled back
-- may come again as another model.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
SET ae.progress = off;

CREATE TABLE pump AS
SELECT i AS id, (sin(i) + 1)::real AS load, (20 + 50 * (sin(i) + 1) + cos(3 * i))::real AS temperature
FROM generate_series(1, 400) i;
CREATE TABLE bytes AS
SELECT n, ae.train(p, ae.options(exclude => '{id}', folds => 1, updates => 20, seed => n)) AS model
FROM pump p, generate_series(1, 3) n GROUP BY n ORDER BY n;
CREATE TABLE thresholds AS SELECT n, ae.threshold(model, 0.5) AS threshold FROM bytes;
SELECT count(DISTINCT threshold) FROM thresholds;

-- all that may mention a version before it is there, by the full form of the first model
SELECT 'rolled@1#' || left(encode(sha256(model), 'hex'), 8) AS first FROM bytes WHERE n = 1 \gset
CREATE DOMAIN unlike AS float8 CONSTRAINT unlike CHECK (VALUE <> ae.threshold(:'first', 0.5));
CREATE DOMAIN wrapped AS unlike;
CREATE TYPE pair AS (a unlike, b int);
CREATE TABLE checked (value float8 CHECK (value <> ae.threshold(:'first', 0.5)));
CREATE TABLE defaulted (i int, value float8 DEFAULT ae.threshold(:'first', 0.5));
CREATE VIEW viewed AS SELECT ae.threshold(:'first', 0.5) AS value;
-- unseen, as digests differ from one CPU to the next
\set ECHO none
SELECT format('CREATE FUNCTION in_sql() RETURNS float8 LANGUAGE sql IMMUTABLE AS $f$ SELECT ae.threshold(%L, 0.5) $f$', :'first') \gexec
SELECT format('CREATE FUNCTION in_plpgsql() RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN RETURN ae.threshold(%L, 0.5); END $f$', :'first') \gexec
\set ECHO all
CREATE FUNCTION by_number() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RETURN ae.threshold('rolled@1', 0.5); END $$;
CREATE FUNCTION variable(value float8) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DECLARE v unlike; BEGIN v := value; RETURN 'taken'; END;
EXCEPTION WHEN check_violation THEN RETURN 'refused'; WHEN object_not_in_prerequisite_state THEN RETURN 'another';
END $$;
CREATE FUNCTION takes(value float8, OUT a text, OUT b text, OUT c text, OUT d text) LANGUAGE plpgsql AS $$
BEGIN
	BEGIN PERFORM value::unlike; a := 'taken'; EXCEPTION WHEN check_violation THEN a := 'refused'; WHEN object_not_in_prerequisite_state THEN a := 'another'; END;
	BEGIN PERFORM value::wrapped; b := 'taken'; EXCEPTION WHEN check_violation THEN b := 'refused'; WHEN object_not_in_prerequisite_state THEN b := 'another'; END;
	BEGIN PERFORM ROW(value, 1)::pair; c := 'taken'; EXCEPTION WHEN check_violation THEN c := 'refused'; WHEN object_not_in_prerequisite_state THEN c := 'another'; END;
	BEGIN INSERT INTO checked VALUES (value); d := 'taken'; EXCEPTION WHEN check_violation THEN d := 'refused'; WHEN object_not_in_prerequisite_state THEN d := 'another'; END;
END $$;
-- what this session takes the threshold to be, by each of them: the number of its model, or that there is another one
CREATE FUNCTION seen() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text := '';
	v float8;
BEGIN
	FOR i IN 1..5 LOOP
		BEGIN
			CASE i
				WHEN 1 THEN
					DELETE FROM defaulted;
					INSERT INTO defaulted VALUES (0) RETURNING value INTO v;
				WHEN 2 THEN SELECT value INTO v FROM viewed;
				WHEN 3 THEN v := in_sql();
				WHEN 4 THEN v := in_plpgsql();
				WHEN 5 THEN v := by_number();
			END CASE;
			answer := answer || format('%s %s, ', (ARRAY['default', 'view', 'sql', 'plpgsql', 'by number'])[i], (SELECT n FROM thresholds t WHERE t.threshold = v));
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			answer := answer || (ARRAY['default', 'view', 'sql', 'plpgsql', 'by number'])[i] || ' another, ';
		END;
	END LOOP;
	RETURN answer || (SELECT string_agg(format('%s: %s %s', t.n, takes(t.threshold), variable(t.threshold)), ', ' ORDER BY t.n) FROM thresholds t);
END $$;
PREPARE prepared AS SELECT n FROM thresholds WHERE threshold = ae.threshold(:'first', 0.5);

-- the first model, in a transaction that is rolled back
BEGIN;
SELECT ae.save_model('rolled', model) IS NOT NULL AS saved FROM bytes WHERE n = 1;
SELECT seen();
EXECUTE prepared;
ROLLBACK;
SELECT 1.5::unlike;
\echo :LAST_ERROR_SQLSTATE
-- the second one, in a subtransaction
BEGIN;
SAVEPOINT s;
SELECT ae.save_model('rolled', model) IS NOT NULL AS saved FROM bytes WHERE n = 2;
SELECT seen();
SAVEPOINT r;
\set VERBOSITY sqlstate
EXECUTE prepared;
\set VERBOSITY terse
ROLLBACK TO r;
ROLLBACK TO s;
SELECT ae.save_model('rolled', model) IS NOT NULL AS saved FROM bytes WHERE n = 1;
SELECT seen();
EXECUTE prepared;
ROLLBACK;
-- caught
DO $$
BEGIN
	PERFORM ae.save_model('rolled', model) FROM bytes WHERE n = 2;
	PERFORM seen();
	RAISE EXCEPTION 'enough';
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
-- and the third, for good
SELECT ae.save_model('rolled', model) IS NOT NULL AS saved FROM bytes WHERE n = 3;
SELECT seen();
\set VERBOSITY sqlstate
EXECUTE prepared;
\set VERBOSITY terse

DROP FUNCTION seen, takes, variable, by_number, in_plpgsql, in_sql;
DROP VIEW viewed;
DROP TABLE checked, defaulted;
DROP TYPE pair;
DROP DOMAIN wrapped, unlike;
SELECT ae.drop_model('rolled');
DROP TABLE thresholds, bytes, pump;
