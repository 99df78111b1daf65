-- skip: a linear path beside the layers, which begins as the principal components.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;
CREATE TEMP TABLE s AS
SELECT sin(i) AS a, cos(i * 1.3) AS b, sin(i) * cos(i * 1.3) AS c, i % 7 AS d, (i * i) % 11 AS e, sin(i * 0.7) AS f, chr(97 + i % 3) AS g, i % 2 = 0 AS h
FROM generate_series(1, 600) i;
-- of rows of all kinds, codes of every width: never worse than principal components on the rows of training
CREATE TEMP TABLE m AS
SELECT k, ae.train(s, ae.options(code => k, skip => true, hidden => '{16}', updates => 500, validation => 0, batch_size => 600)) AS m,
       ae.train(s, ae.options(code => k, optimizer => 'pca', validation => 0)) AS pca
FROM s, generate_series(1, 6, 1) k GROUP BY k;
SELECT k, (ae.describe(m)->'training'->>'train_loss')::float8 < (ae.describe(pca)->'training'->>'train_loss')::float8 AS better FROM m ORDER BY k;
-- it begins as they are
SELECT round((a / b)::numeric, 4) AS ratio
FROM (SELECT (ae.describe(ae.train(s, ae.options(code => 3, skip => true, hidden => '{16,8}', decoder => '{}', updates => 1, validation => 0, batch_size => 600)))->'training'->>'train_loss')::float8 AS a FROM s) x,
     (SELECT (ae.describe(pca)->'training'->>'train_loss')::float8 AS b FROM m WHERE k = 3) y;
SELECT regexp_replace(line, ' +', ' ') AS line FROM m, regexp_split_to_table(ae.summary(m), E'\n') line WHERE k = 2 AND line ~ 'network';
SELECT ae.describe(m)->'options'->'skip' AS skip FROM m WHERE k = 2;
-- the same score alone and among others, and by whatever kernels
SELECT count(DISTINCT e) AS scores FROM (SELECT ae.reconstruction_error(m, r) AS e FROM m, (SELECT * FROM s LIMIT 1) r WHERE k = 2
	UNION ALL SELECT (SELECT max(ae.reconstruction_error(m, r)) FROM m WHERE k = 2) FROM (SELECT * FROM s LIMIT 1) r) q;
CREATE TEMP TABLE scores AS SELECT ae.encode(m, s) AS c, ae.reconstruct(m, s) AS r, ae.reconstruction_error(m, s) AS e FROM m, s WHERE k = 3;
SET ae.kernels = 'generic';
SELECT count(*) FROM (SELECT ae.encode(m, s), ae.reconstruct(m, s)::text, ae.reconstruction_error(m, s) FROM m, s WHERE k = 3 EXCEPT SELECT c, r::text, e FROM scores) q;
RESET ae.kernels;
-- decode(encode) is what reconstruct says
SELECT max(abs((ae.reconstruct(m, s)).a - (ae.decode(m, ae.encode(m, s)))[1])) < 1e-5 AS same FROM m, s WHERE k = 3;
-- a training goes on with its path
SELECT ae.describe(t)->'options'->'skip' AS skip
FROM (SELECT m, ae.train(s, ae.options(updates => 500, validation => 0, batch_size => 600), m) AS t FROM s, m WHERE k = 2 GROUP BY m) q;
SELECT ae.train(s, ae.options(skip => false), m) FROM s, m WHERE k = 2 GROUP BY m;
-- beside other families
SELECT ae.train(s, ae.options(code => 4, skip => true, updates => 20) || ae.target('g')) IS NOT NULL AS target FROM s;
SELECT ae.train(s, ae.options(code => 8, skip => true, updates => 20, batch_norm => true, dropout => 0.1, noise => 0.1, null_indicators => true) || ae.sparse(top_k => 3)) IS NOT NULL AS others FROM s;
SELECT count(ae.anomaly_score(m, s)) FROM s, (SELECT ae.train(s, ae.options(purpose => 'detect', code => 4, skip => true, updates => 50)) AS m FROM s) q;
SELECT length(ae.encode_bits(m, s)) AS bits FROM (SELECT * FROM s LIMIT 1) s, (SELECT ae.train(s, ae.options(skip => true, updates => 50) || ae.hash(5)) AS m FROM s) q;
-- what it is not for
SELECT ae.train(s, ae.options(code => 2, skip => true, hidden => '{}', updates => 5)) IS NOT NULL AS flat FROM s;
SELECT ae.train(s, ae.options(code => 2, skip => true, tied => true)) FROM s;
SELECT ae.train(s, ae.options(code => 2, skip => true) || ae.contract()) FROM s;
SELECT ae.train(s, ae.options(code => 2, skip => true) || ae.pretrain('plain')) FROM s;
SELECT ae.train(s, ae.options(code => 2, skip => true, optimizer => 'pca')) FROM s;
SELECT ae.train(s, ae.options(updates => 5) || ae.contract(), m) FROM s, m WHERE k = 2 GROUP BY m;
\echo :LAST_ERROR_SQLSTATE
