-- Principal components in closed form: optimizer => 'pca'; what does not fit beside it; ae.summary's comparison.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;
CREATE TEMP TABLE p AS
SELECT i AS id, 3 * sin(i) + 1 AS a, 2 * sin(i) + cos(i * 1.7) AS b, cos(i * 1.7) - sin(i * 0.3) AS c, i % 5 AS d,
       CASE WHEN sin(i) > 0.3 THEN 'high' ELSE 'low' END AS e, sin(i) > 0 AS f
FROM generate_series(1, 300) i;
CREATE TEMP TABLE n AS SELECT a, b, c, d FROM p;

-- the code of all components gives rows back; a smaller one costs what the left-out eigenvalues say, as L-BFGS finds it
SELECT round(max(ae.reconstruction_error(m, n))::numeric, 6) AS full_code
FROM n, (SELECT ae.train(n, ae.options(code => 4, optimizer => 'pca')) AS m FROM n) q;
CREATE TEMP TABLE m AS
SELECT k, ae.train(n, ae.options(code => k, optimizer => 'pca', validation => 0)) AS pca,
       ae.train(n, ae.options(code => k, hidden => '{}', optimizer => 'lbfgs', updates => 2000, validation => 0)) AS lbfgs
FROM n, generate_series(1, 3) k GROUP BY k;
SELECT k, round(((ae.describe(lbfgs)->'training'->>'train_loss')::float8 / (ae.describe(pca)->'training'->>'train_loss')::float8)::numeric, 3) AS ratio,
       round(((ae.describe(lbfgs)->'training'->>'pca_loss')::float8 / (ae.describe(pca)->'training'->>'train_loss')::float8)::numeric, 4) AS yardstick
FROM m ORDER BY k;
-- codes are not correlated, the first has the most variance, and their signs are settled
SELECT round(corr(h[1], h[2])::numeric, 4) AS corr, var_pop(h[1]) > var_pop(h[2]) AND var_pop(h[2]) > var_pop(h[3]) AS ordered
FROM (SELECT ae.encode(pca, n) AS h FROM m, n WHERE k = 3) q;
-- one network, whatever the order of rows
SELECT count(DISTINCT b) AS networks FROM (
  SELECT ae.encode(ae.train(n, ae.options(code => 2, optimizer => 'pca', validation => 0) ORDER BY a), (SELECT n FROM n LIMIT 1)) AS b FROM n
  UNION ALL SELECT ae.encode(ae.train(n, ae.options(code => 2, optimizer => 'pca', validation => 0) ORDER BY c DESC), (SELECT n FROM n LIMIT 1)) FROM n) q;
-- rows of all kinds: better than a network of the same shape that begins at random can be
SELECT ae.describe(m)->'options'->'hidden' AS hidden,
       (ae.describe(m)->'training'->>'train_loss')::float8 <= (ae.describe(l)->'training'->>'train_loss')::float8 * 1.0001 AS least
FROM (SELECT ae.train(p, o || ae.options(optimizer => 'pca')) AS m, ae.train(p, o || ae.options(optimizer => 'lbfgs', hidden => '{}', updates => 500)) AS l
      FROM p, (SELECT ae.options(code => 2, exclude => '{id}', validation => 0) AS o) q) r;
-- rows with gaps: NULL enters as the mean
SELECT bool_and(ae.encode(m, g) IS NOT NULL) AS encoded, round(max(ae.reconstruction_error(m, g))::numeric, 1) < 10 AS small
FROM (SELECT nullif(d, 2) AS d, a, b FROM n) g, (SELECT ae.train(h, ae.options(code => 2, optimizer => 'pca')) AS m FROM (SELECT nullif(d, 2) AS d, a, b FROM n) h) q;
-- as a detector: the rows off the plane
SELECT count(*) FILTER (WHERE odd AND s > 0.99) AS found, count(*) FILTER (WHERE NOT odd AND s > 0.99) < 6 AS few
FROM (SELECT odd, ae.anomaly_score(m, v) AS s
      FROM (SELECT a AS x, 2 * a AS y, a - 1 AS z, false AS odd FROM n UNION ALL VALUES (1, 9, 0, true)) v,
           (SELECT ae.train(w, ae.options(optimizer => 'pca', code => 1, purpose => 'detect')) AS m FROM (SELECT a AS x, 2 * a AS y, a - 1 AS z FROM n) w) q) r;
SELECT regexp_replace(line, ' +', ' ') AS line FROM m, regexp_split_to_table(ae.summary(pca), E'\n') line WHERE k = 1 AND line ~ 'pca|network|component';

-- fewer components than units
SELECT (ae.encode(ae.train(r, ae.options(code => 3, optimizer => 'pca', scaling => 'none')), ROW(1.0, 2.0, 5.0)))[2:3] AS code
FROM (VALUES (1.0, 2.0, 5.0), (2.0, 4.0, 4.0), (4.0, 8.0, 2.0), (4.0, 8.0, 2.0)) r(a, b, c);
SELECT ae.train(r, ae.options(code => 2, optimizer => 'pca')) IS NULL AS no_model FROM (VALUES (1, 2), (1, 2)) r(a, b);
SELECT cardinality(ae.encode(ae.train(r, ae.options(code => 2, optimizer => 'pca')), ROW(1, 2))) FROM (VALUES (1, 2)) r(a, b);

-- what has no closed form
SELECT ae.train(n, ae.options(optimizer => 'pca', hidden => '{8}')) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca', decoder => '{8}')) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca', loss => 'mae')) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca', category_loss => 'cross_entropy')) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca', code_activation => 'tanh')) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca', epochs => 3)) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca', noise => 0.1)) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca', quality => 'accurate')) FROM n;
SELECT ae.train(n, ae.options(optimizer => 'pca') || ae.sparse('l1')) FROM n;
SELECT ae.train(p, ae.options(optimizer => 'pca') || ae.target('a')) FROM p;
SELECT ae.train(n, ae.options(optimizer => 'pca'), (SELECT pca FROM m WHERE k = 1)) FROM n;
\echo :LAST_ERROR_SQLSTATE
-- and none is needed
SELECT ae.train(n, ae.options(code => 1, optimizer => 'pca', hidden => '{}', learning_rate => 0.1)) IS NOT NULL FROM n;
-- other trainings go on from them
SELECT (ae.describe(t)->'training'->>'train_loss')::float8 <= (ae.describe(pca)->'training'->>'train_loss')::float8 * 1.01 AS goes_on
FROM (SELECT pca, ae.train(n, ae.options(optimizer => 'lbfgs', updates => 20, validation => 0), pca) AS t FROM n, m WHERE k = 1 GROUP BY pca) q;

-- the yardstick has no bound of inputs: 600 of them
SELECT round(((ae.describe(m)->'training'->>'pca_loss')::float8 / (ae.describe(p)->'training'->>'train_loss')::float8)::numeric, 4) AS ratio
FROM (SELECT ae.train(v, ae.options(code => 2, hidden => '{}', updates => 2)) AS m, ae.train(v, ae.options(code => 2, optimizer => 'pca')) AS p
      FROM (SELECT array_agg(sin(i * 0.7) * (j % 7) + cos(i * 1.3) * (j % 5) + sin(i * j) ORDER BY j) AS v
            FROM generate_series(1, 40) i, generate_series(1, 600) j GROUP BY i) q) r;

-- LAPACK cannot be cancelled: of very many inputs there are not as many components
SELECT ae.train(v, ae.options(code => 2040, optimizer => 'pca'))
FROM (SELECT ARRAY(SELECT sin(i * j) FROM generate_series(1, 2100) j) AS v FROM generate_series(1, 5) i) s;
\echo :LAST_ERROR_SQLSTATE
