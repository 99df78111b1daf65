-- ae.neighbours: codes that keep neighbours; what it does to them, and what it is not for.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;
-- a roll of two dimensions in six, and a third column of noise that carries most of the variance
CREATE TEMP TABLE roll AS
SELECT i AS id, ARRAY[t * cos(t), t * sin(t), h, 0.3 * sin(t * h), cos(h), sin(h + t)]::real[] AS v
FROM (SELECT i, 3 + 9 * (hashint4(i)::bigint + 2147483648) / 4294967296.0 AS t, 8 * (hashint4(-i)::bigint + 2147483648) / 4294967296.0 AS h
      FROM generate_series(1, 800) i) q;
CREATE FUNCTION recall(m bytea, o text) RETURNS numeric LANGUAGE sql AS $$
	WITH c AS (SELECT id, v, ae.encode(m, v) AS c FROM roll),
	q AS (SELECT * FROM c WHERE id % 20 = 7)
	SELECT avg((SELECT count(*) FROM (SELECT id FROM c x WHERE x.id <> q.id ORDER BY (SELECT sum((a - b) ^ 2) FROM unnest(x.v, q.v) u(a, b)) LIMIT 10) t
		JOIN (SELECT id FROM c x WHERE x.id <> q.id ORDER BY (SELECT sum((a - b) ^ 2) FROM unnest(x.c, q.c) u(a, b)) LIMIT 10) s USING (id))) / 10
	FROM q
$$;
CREATE TEMP TABLE m AS SELECT o, ae.train(v, ae.options(code => 2, scaling => 'none', updates => 600, validation => 0) || CASE o WHEN 'neighbours' THEN ae.neighbours(1)
	WHEN 'half' THEN ae.neighbours(0.5, 5) WHEN 'cosine' THEN ae.neighbours(1, metric => 'cosine') ELSE '{}' END) AS m
FROM roll, unnest('{plain,neighbours,half,cosine}'::text[]) o GROUP BY o;
SELECT recall(a.m, '') > recall(b.m, '') + 0.1 AS better FROM m a, m b WHERE a.o = 'neighbours' AND b.o = 'plain';
-- the model tells what its codes are worth, beside principal components
SELECT o, abs((d->>'recall')::numeric - recall(m, '')) < 0.1 AS as_told, (d->>'recall')::numeric > (d->>'pca_recall')::numeric AS better_than_pca, s ~ ('codes find '
	|| round(100 * (d->>'recall')::numeric) || ' % of a row''s 10 nearest, 2 principal components ' || round(100 * (d->>'pca_recall')::numeric) || ' %, among rows that training saw') AS summary
FROM (SELECT *, ae.describe(m)->'training' AS d, ae.summary(m) AS s FROM m) q WHERE o IN ('plain', 'neighbours') ORDER BY o;
SELECT d->'recall' AS detect, d->'pca_recall' AS pca FROM (SELECT ae.describe(ae.train(v, ae.options(purpose => 'detect', updates => 5)))->'training' AS d FROM roll) q;
SELECT d->>'recall' IS NOT NULL AS recall, d->'pca_recall' AS pca FROM (SELECT ae.describe(ae.train(v, ae.options(code => 2, optimizer => 'pca')))->'training' AS d FROM roll) q;
SELECT d->'recall' AS few FROM (SELECT ae.describe(ae.train(v, ae.options(code => 2, updates => 5)))->'training' AS d FROM (SELECT v FROM roll LIMIT 49) r) q;
-- the decoder learns to read that code; half of the weight for either is better at that, and still keeps neighbours
SELECT l.o, round((d->>'train_loss')::numeric / (d->>'mean_loss')::numeric, 1) < 0.6 AS decoded, recall(l.m, '') > recall(b.m, '') AS better
FROM (SELECT *, ae.describe(m)->'training' AS d FROM m) l, m b WHERE b.o = 'plain' AND l.o IN ('neighbours', 'half') ORDER BY l.o;
SELECT ae.describe(m)->'options'->'purpose' AS purpose, ae.describe(m)->'options'->'neighbours_k' AS k, ae.describe(m)->'options'->'neighbours_metric' AS metric,
       ae.describe(m)->'options'->'neighbours_weight' AS weight FROM m WHERE o IN ('half', 'cosine') ORDER BY o;
-- the short way
SELECT d->'neighbours_weight' AS weight, d->'neighbours_k' AS k, d->'batch_size' AS batch, d->'skip' AS skip, d->'scaling' AS scaling
FROM (SELECT ae.describe(ae.train(v, ae.options(code => 2, purpose => 'search', updates => 5)))->'options' AS d FROM roll) q;
SELECT d->'neighbours_weight' AS weight, d->'batch_size' AS batch, d->'skip' AS skip, d->'scaling' AS scaling
FROM (SELECT ae.describe(ae.train(r, ae.options(purpose => 'search', updates => 5, skip => false, batch_size => 64) || ae.neighbours(0.25)))->'options' AS d FROM (SELECT v[1] AS a, v[2] AS b FROM roll) r) q;
SELECT d->'purpose' AS purpose, d->'neighbours_weight' AS weight, d->'scaling' AS scaling
FROM (SELECT ae.describe(ae.train(v, ae.options(code => 2, purpose => 'search', optimizer => 'pca')))->'options' AS d FROM roll) q;
SELECT ae.train(v, ae.options(code => 4, purpose => 'search', optimizer => 'lbfgs')) FROM roll;
SELECT ae.train(v, ae.options(code => 4, purpose => 'search') || ae.sparse(top_k => 2)) FROM roll;
SELECT ae.train(v, ae.options(code => 4, purpose => 'search', folds => 2)) FROM roll;
-- the same bytes from any order of rows
SELECT count(DISTINCT m) AS models FROM (
  SELECT ae.train(v, o ORDER BY id) AS m FROM roll, (SELECT ae.options(code => 2, updates => 20) || ae.neighbours() AS o) q
  UNION ALL SELECT ae.train(v, o ORDER BY v DESC) FROM roll, (SELECT ae.options(code => 2, updates => 20) || ae.neighbours() AS o) q) r;
-- rows of all kinds, with gaps; fewer rows than neighbours; equal rows but one
SELECT cardinality(ae.encode(ae.train(r, ae.options(code => 2, updates => 50) || ae.neighbours()), (1, 'a'::text, true, NULL::float8, timestamptz '2024-01-03'))) AS units
FROM (SELECT i AS n, chr(97 + i % 3) AS c, i % 2 = 0 AS b, CASE WHEN i % 4 > 0 THEN sin(i) END AS g, timestamptz '2024-01-01' + i * interval '1 hour' AS t
      FROM generate_series(1, 200) i) r;
SELECT ae.train(r, ae.options(code => 1, updates => 5) || ae.neighbours(1, 20)) IS NOT NULL AS few FROM (SELECT i AS a, i % 3 AS b FROM generate_series(1, 6) i) r;
SELECT ae.train(r, ae.options(code => 1, updates => 5) || ae.neighbours(1, 5)) IS NOT NULL AS equal FROM (SELECT i / 300 AS a, i % 1 + 2 AS b FROM generate_series(1, 300) i) r;
-- the only column of a row is an array: it is not scaled, and it is taken as it is, in a crossed model too
CREATE TEMP TABLE vectors AS SELECT v FROM roll;
CREATE TEMP TABLE one AS SELECT o, ae.train(r, o) AS m
FROM vectors r, unnest(ARRAY[ae.options(code => 2, purpose => 'search', updates => 5), ae.options(updates => 5, folds => 2)]) o GROUP BY o;
SELECT o->'purpose' AS purpose, ae.describe(m)->'options'->'scaling' AS scaling, bool_and(CASE WHEN o->'folds' IS NULL THEN ae.encode(m, v) = ae.encode(m, r) END) AS codes,
	bool_and(ae.raw_score(m, v) = ae.raw_score(m, r)) AS scores, bool_and(ae.reconstruct(m, v) = (ae.reconstruct(m, r)).v) AS reconstructed, pg_typeof(ae.reconstruct(m, min(v))) AS type
FROM one, vectors r GROUP BY o, m ORDER BY o;
SELECT count(*) AS reasons FROM one, ae.explain(m, (SELECT min(v) FROM roll)) WHERE o->'folds' IS NOT NULL;
SELECT ae.encode(m, ARRAY[1, 2]) FROM one WHERE o->'folds' IS NULL;
SELECT ae.encode(ae.train(r, ae.options(code => 2, purpose => 'search', updates => 5)), min(v)) FROM (SELECT id, v FROM roll) r;
-- refused
SELECT ae.train(v, ae.options(code => 2) || ae.neighbours(1.5)) FROM roll;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.train(v, ae.options(code => 2) || ae.neighbours(1, 0)) FROM roll;
SELECT ae.train(v, ae.options(code => 2) || ae.neighbours(1, 512)) FROM roll;
SELECT ae.train(v, ae.options(code => 2, batch_size => 8) || ae.neighbours()) FROM roll;
SELECT ae.train(v, ae.options(code => 2) || ae.neighbours(1, metric => 'manhattan')) FROM roll;
SELECT ae.train(v, ae.options(code => 2) || ae.neighbours(NULL, 5)) FROM roll;
SELECT ae.train(v, ae.options(purpose => 'detect') || ae.neighbours()) FROM roll;
SELECT ae.train(v, ae.options(code => 4) || ae.sparse(top_k => 2) || ae.neighbours()) FROM roll;
SELECT ae.train(v, ae.options(code => 4) || ae.sparse('jumprelu') || ae.neighbours()) FROM roll;
SELECT ae.train(v, ae.options(code => 4, optimizer => 'lbfgs') || ae.neighbours()) FROM roll;
SELECT ae.train(v, ae.options(code => 4, optimizer => 'pca') || ae.neighbours()) FROM roll;
DROP FUNCTION recall;
