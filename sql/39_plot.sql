-- Proves: pictures are well-formed, say in words what they show, and show what ae.history and ae.raw_score say.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
SET ae.progress = off;

CREATE TABLE plot_rows AS SELECT sin(i) AS a, cos(i) AS b, CASE WHEN i % 400 = 0 THEN 9 ELSE sin(2 * i) END AS c FROM generate_series(1, 2000) i;
CREATE TABLE plot_models AS SELECT kind, ae.train(t, o::jsonb) AS m FROM plot_rows t,
	(VALUES ('one', '{"code": 2, "updates": 100}'), ('crossed', '{"updates": 100}'), ('none', '{"code": 2, "updates": 100, "validation": 0}')) o(kind, o) GROUP BY kind;

-- what is open is closed, so that nothing is left of the tags
CREATE FUNCTION pg_temp.left_open(svg text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(svg, '<[^<>]*/>', '', 'g'), '<(\w+)[^<>]*>', '<\1>', 'g'), '>[^<>]+<', '><', 'g'),
		'(<(title|desc|style|text)></\2>)+', '', 'g') $$;
-- with a title and a description for those who cannot see it, for light and dark, without anything active
SELECT kind, trim(E'\n' FROM pg_temp.left_open(svg)) AS left_open, svg ~ 'role="img"' AS role, substring(svg FROM '<title>(.*?)</title>') AS title,
	   regexp_replace(substring(svg FROM '<desc>(.*?)</desc>'), '[0-9.]+ to [0-9.]+ in', 'x to y in') AS description,
	   (SELECT count(*) FROM regexp_matches(svg, '<path', 'g')) AS lines, svg ~ 'prefers-color-scheme' AS dark, svg ~* '<script|onload|href' AS active
FROM plot_models, ae.plot_loss(m) svg ORDER BY kind;
-- a point for each epoch
SELECT count(*) AS epochs, (SELECT count(*) FROM regexp_matches(substring(ae.plot_loss(m) FROM ' d="([^"]*)"'), '[ML]', 'g')) AS points
FROM plot_models, ae.history(m) WHERE kind = 'none' GROUP BY m;

-- scores: rows, flagged ones and the threshold in words and in colours
SELECT trim(E'\n' FROM pg_temp.left_open(svg)) AS left_open, svg ~ format('raw score of 2000 rows, %s flagged', flagged) AS flagged,
	   abs(substring(svg FROM '>threshold ([0-9.e-]+)<')::float8 / threshold - 1) < 1e-3 AS threshold,
	   svg ~ 'rect class="two"' AS beyond, svg ~ 'rect class="one"' AS below
FROM (SELECT ae.plot_scores(m, 'plot_rows', 0.02) AS svg, ae.threshold(m, 0.02) AS threshold, (SELECT count(*) FILTER (WHERE ae.is_anomaly(m, t, 0.02)) FROM plot_rows t) AS flagged
	  FROM plot_models WHERE kind = 'crossed') q;
SELECT regexp_matches(ae.plot_scores(m, 'SELECT * FROM plot_rows LIMIT 1'), 'Histogram of 1 score |raw score of 1 row,', 'g') AS one_row FROM plot_models WHERE kind = 'one';
SELECT ae.plot_scores(m, 'SELECT * FROM plot_rows LIMIT 0') ~ 'no row has a finite score<' AS no_rows,
	   ae.plot_scores(m, $$SELECT 'NaN'::float8 AS a, 1 AS b, 1 AS c$$) ~ 'no row has a finite score; 1 of infinite score, not drawn' AS nan,
	   ae.plot_scores(m, $$SELECT * FROM plot_rows UNION ALL SELECT 'NaN', 1, 1$$) ~ '2001 rows, .* 1 of infinite score, not drawn' AS some_nan,
	   ae.plot_scores(m, $$SELECT a, b, c FROM plot_rows WHERE c = 9$$, 0.1) ~ '5 flagged \(100 %\)' AS all_flagged
FROM plot_models WHERE kind = 'one';
-- an axis of 33 powers of ten has as few marks as others
SELECT marks[1:4] AS first, cardinality(marks) FROM (SELECT ARRAY(SELECT r[1] FROM regexp_matches(
	ae.plot_scores(m, 'SELECT a * f AS a, b, c FROM plot_rows, unnest(ARRAY[1, 1e60, 1e120]) f'), 'text-anchor="middle">([^ <]+)<', 'g') r) AS marks
	FROM plot_models WHERE kind = 'one') s;
SELECT ae.plot_scores(m, 'plot_rows', 2) FROM plot_models;
\echo :LAST_ERROR_SQLSTATE
SELECT ae.plot_scores(m, 'DELETE FROM plot_rows') FROM plot_models;
SELECT ae.plot_loss('\x00'::bytea);
\echo :LAST_ERROR_SQLSTATE
DROP TABLE plot_rows, plot_models;
