-- Proves: what is said of columns, rows and errors is true and names what it is about.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;
CREATE TABLE waves AS SELECT sin(i) AS a, cos(i) AS b FROM generate_series(1, 300) i;

-- ---- statistics ----

-- far from 0 the deviation of two folds together is that of all rows
SELECT f.feature, folds, f.sd::numeric(8, 4) AS sd, f.mean::numeric(20, 4) AS mean
FROM (SELECT folds, ae.train(t, ae.options(columns => '{a, e9, e12, ts_s, ts_ms}', folds => folds)) AS m
	  FROM (SELECT folds, i::float8 AS a, 1e9 + i AS e9, 1e12 + i AS e12,
				   timestamptz '2026-03-01 12:00+00' + i * interval '1 s' AS ts_s,
				   timestamptz '2026-03-01 12:00+00' + i * interval '1 ms' AS ts_ms
			FROM generate_series(1, 200) i, unnest(ARRAY[1, 2]) folds) t GROUP BY folds) q, ae.features(m) f
ORDER BY f.feature, folds;

-- ---- ae.detect ----

-- NULL options are none, as for ae.train, and NULL rows to show are the default
SELECT count(*) FROM ae.detect('waves', NULL);
SELECT count(*) FROM ae.detect('waves', '{}', NULL);
SELECT count(*) FROM ae.detect('waves', '{"code": 1}', 3);
SELECT count(*) FROM ae.detect(NULL);
\echo :LAST_ERROR_SQLSTATE

-- errors speak of the caller's query, not of the statement around it
SELECT * FROM ae.detect('SELECT a, ''10.0.0.1''::inet AS ip, ''{}''::jsonb AS j, gen_random_uuid() AS u FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT a, 1 / 0 AS b FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT nix FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT a FROM waves) x, (SELECT b FROM waves');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM ae.detect('SELECT a FROM waves; SELECT b FROM waves');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION fails(float8) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'value %', 1; END $$;
-- contexts of others stay, inside and outside
DO $$ BEGIN PERFORM ae.detect('SELECT fails(a) FROM waves'); END $$;
SELECT ae.compare_models(m, m, 'SELECT fails(a) AS a, b FROM waves') FROM (SELECT ae.train(t) AS m FROM waves t) q;
CALL ae.train_model('messages', 'SELECT nix FROM waves');
\echo :LAST_ERROR_SQLSTATE
