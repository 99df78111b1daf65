# Proves: ae.detect takes tables, views and queries by any spelling, runs them as the caller and
# nothing else, whatever the caller's search_path, and gives the rows that its functions rank first.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;
my $quick = q('{"updates": 40}');

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
ALTER SYSTEM SET ae.progress = off;
SELECT pg_reload_conf();
CREATE SCHEMA "Odd ""Schema";
CREATE SCHEMA s;
CREATE TABLE t AS SELECT i AS id, sin(i) AS a, sin(i) + cos(i * 1.7) / 10 AS b, (ARRAY['red', 'green', 'it''s %s blue'])[1 + i % 3] AS c
  FROM generate_series(1, 200) i;
INSERT INTO t VALUES (1000, 0.5, -3, 'red'), (1001, NULL, NULL, NULL);
CREATE TABLE s.t AS SELECT * FROM t WHERE id < 100;
CREATE TABLE "Odd ""Schema"."Ta.ble; --" AS SELECT * FROM t;
CREATE TABLE "select" AS SELECT * FROM t;
CREATE TABLE with_items AS SELECT * FROM t;
CREATE TABLE select$1 AS SELECT * FROM t;
CREATE TABLE tableä AS SELECT * FROM t;
CREATE VIEW v AS SELECT * FROM t;
CREATE TABLE written (a float8, b float8);
CREATE ROLE nobody_special;
END

sub detect
{
	my ($arguments, $before) = @_;
	return $node->psql('postgres', "\\set VERBOSITY verbose\n" . ($before // '') . "SELECT rank, \"row\" ->> 'id' AS id FROM ae.detect($arguments);", errors => 1);
}

sub error_of { return (detect(@_))[1] }

# ---- what it gives ------------------------------------------------------------------------------

is($node->query('postgres', "SELECT count(*), bool_and(rank = n) FROM (SELECT rank, row_number() OVER () n FROM ae.detect('t', $quick)) s"), '20|t',
	'twenty rows unless told otherwise, in order');
is($node->query('postgres', <<"END"), '202|202|t|t|t|t|t|t', 'all that have a score, scored as by hand');
CREATE TEMP TABLE model AS SELECT ae.train(t, $quick) AS m FROM t;
SELECT count(*), count(DISTINCT rank), bool_and(abs(d.score - ae.anomaly_score(m, t)) <= 5.1e-7), bool_and(abs(d.p_value / ae.p_value(m, t) - 1) <= 5.1e-4),
	bool_and(d.row::text = row_to_json(t)::text), bool_and(rank = n), bool_and(cardinality(reasons) = (SELECT greatest(1, least(3, count(*))) FROM ae.explain(m, t) WHERE share >= 0.05 AND reason IS NOT NULL)),
	bool_or(cardinality(reasons) < 3)
FROM ae.detect('t', $quick, 1000000) d JOIN (SELECT t.*, row_number() OVER (ORDER BY ae.raw_score(m, t) DESC) n FROM t, model) r
	ON r.id = (d.row ->> 'id')::int JOIN t USING (id), model;
END
is($node->query('postgres', "SELECT rank, row ->> 'id', reasons[1] ~ '^(a|b) is -?[0-9.]+, expected -?[0-9.e-]+( with [abc] .*)? \\([0-9]+ %\\)\$' FROM ae.detect('t', '{\"exclude\": [\"id\"]}', 1)"),
	'1|1000|t', 'top = 1 is the planted row, and the reason is a column that is odd');
is($node->query('postgres', "SELECT bool_or(r LIKE 'c is it''s \\%s blue: %') FROM ae.detect(\$\$SELECT a, b, CASE WHEN id < 4 THEN c ELSE 'red' END AS c FROM t\$\$, $quick, 1000) d, unnest(reasons) r"), 't',
	'texts come through');
like((detect("'t', '{\"updates\": 40, \"exclude\": [\"id\"]}', 1"))[1], qr/NOTICE:  00000: the model is not kept.*HINT:  To keep it: CREATE TABLE models AS SELECT ae\.train\(t, '.*exclude.*'\) AS model FROM \(SELECT \* FROM public\.t\) t;/s,
	'a notice says how to keep the model');
$node->query('postgres', q(CREATE TABLE quoted AS SELECT id AS "it's", a, b FROM t));
my ($hint) = (detect(q('quoted', '{"updates": 40, "exclude": ["it''s"]}', 1)))[1] =~ /HINT:  To keep it: (CREATE .*?;)/s;

is($node->query('postgres', "$hint SELECT count(model) FROM models; DROP TABLE models"), 1, 'and what it says can be run');

# ---- the key ------------------------------------------------------------------------------------

$node->query('postgres', <<'END');
CREATE TABLE keyed AS SELECT * FROM t WHERE id <= 200;
ALTER TABLE keyed ADD PRIMARY KEY (id);
CREATE TABLE timed AS SELECT timestamp '2026-01-01' + id * interval '1 h' AS at, a, b FROM t WHERE id <= 200;
ALTER TABLE timed ADD PRIMARY KEY (at);
CREATE TABLE twofold AS SELECT id / 10 AS site, id % 10 AS place, a, b FROM t WHERE id <= 200;
ALTER TABLE twofold ADD PRIMARY KEY (site, place);
END
# which key, and what the model would be trained with
sub key_of
{
	my ($arguments) = @_;
	my ($out, $notices) = $node->psql('postgres', "SELECT d.key FROM ae.detect($arguments) d", errors => 1);
	my ($options) = ($notices // '') =~ /ae\.train\(t, '(.*?)'\) AS model/;
	my ($left_out) = ($notices // '') =~ /column "(\w+)" is the primary key: it is not trained on/;

	chomp($out);
	return join ' | ', map { $_ // '' } $out, $options, $left_out;
}
my $fast = '"updates": 20';

like(key_of(qq('keyed', '{$fast}', 1)), qr/^\{"id": \d+\} \| \{"exclude": \["id"\], $fast\} \| id$/, 'a primary key is the key, and not trained on');
like(key_of(qq('keyed', '{$fast, "exclude": ["c"]}', 1)), qr/^\{"id": \d+\} \| \{"exclude": \["c", "id"\], $fast\} \| id$/, 'beside what is excluded');
like(key_of(qq('keyed', '{$fast, "exclude": ["id"]}', 1)), qr/^\{"id": \d+\} \| \{"exclude": \["id"\], $fast\} \| $/, 'or as excluded already');
like(key_of(qq('keyed', '{$fast, "columns": ["a", "id"]}', 1)), qr/^\{"id": \d+\} \| \{"columns": \["a", "id"\], $fast\} \| $/, 'but columns that are listed are trained on');
is(key_of(qq('keyed', '{$fast}', 1, key => '{}')), " | {$fast} | ", 'no key where none is wanted');
is(key_of(qq('SELECT * FROM keyed', '{$fast}', 1)), " | {$fast} | ", 'nor of a query');
is(key_of(qq('timed', '{$fast}', 1)), " | {$fast} | ", 'a time may say something');
is(key_of(qq('twofold', '{$fast}', 1)), " | {$fast} | ", 'so may one of two columns');
like(key_of(qq('twofold', '{$fast}', 1, key => '{site, place}')), qr/^\{"site": \d+, "place": \d\} \| \{"exclude": \["site", "place"\], $fast\} \| $/, 'a key that is named');
is($node->query('postgres', qq(SELECT bool_and(k.id = (d.row ->> 'id')::int) FROM ae.detect('keyed', '{$fast}', 50) d JOIN keyed k ON k.id = (d.key ->> 'id')::int)), 't', 'it leads back to the row');
like(error_of(qq('keyed', '{$fast}', 1, key => '{idd}')), qr/ERROR:  42703: option "exclude" names column "idd".*Perhaps you meant the column "id"/s, 'a key that is not there');
like(error_of(qq('keyed', '{$fast}', 1, key => '{id, NULL}')), qr/ERROR:  22004: argument "key" of ae.detect contains NULL/, 'a key of NULL');

# ---- spellings --------------------------------------------------------------------------------------

for my $name ('t', ' public.t ; ', 'T', '"t"', 'postgres.public.t', 'v', '"Odd ""Schema"."Ta.ble; --"', '"select"', 'public."select"', 'with_items', 'select$1', 'tableä',
	'select * from t', ' ( SELECT * FROM t ) ', 'SELECT * FROM t;', "select\n*\tfrom t ; \n ;", 'TABLE t', 'WITH x AS (SELECT * FROM t) SELECT * FROM x',
	'SELECT * FROM t -- all of it', '/* all; (of */ SELECT * FROM t /* it */', "-- all\n-- of\n(SELECT * FROM t)", q(SELECT * FROM t WHERE 'a;b %s %n %' <> c),
	"/* a comment /* in a */ comment */SELECT * FROM t", "-- all of it\rSELECT * FROM t", "/***/TABLE t",
	'(SELECT * FROM t LIMIT 100) UNION ALL (SELECT * FROM t OFFSET 100)')
{
	my ($out, $err) = detect(q($x$) . $name . qq(\$x\$, '{"updates": 40, "exclude": ["id"]}', 1));

	is($out, "1|1000\n", $name =~ s/\s+/ /gr) or diag($err);
}
is((detect("'values (1, 2.5), (2, 3.5), (3, 5)', $quick, 2"))[0], "1|\n2|\n", 'VALUES is a query');
is((detect("'t', $quick, 1", 'SET search_path = s; '))[0] =~ /^1\|\d+$/, 1, 'a name is looked up in the search_path');
is($node->query('postgres', "SET search_path = s; SELECT count(*) FROM ae.detect('t', $quick, 1000)"), 99, 'where the first one counts');
is($node->query('postgres', "CREATE TEMP TABLE tt AS SELECT * FROM t; SELECT count(*) FROM ae.detect('tt', '{\"updates\": 40, \"exclude\": [\"id\"]}', 1000)"), 201, 'temporary tables too, without the row of NULLs alone');

# ---- mistakes -------------------------------------------------------------------------------------------

my @mistakes = (
	[ "'nowhere', $quick", qr/ERROR:  42P01: relation "nowhere" does not exist/ ],
	[ "'nowhere.t', $quick", qr/ERROR:  3F000: schema "nowhere" does not exist/ ],
	[ "'other.public.t', $quick", qr/ERROR:  0A000: cross-database references are not implemented/ ],
	[ "'', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table/ ],
	[ "'a b', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table/ ],
	[ "'delete from t', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table/ ],
	[ "'-- nothing', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table/ ],
	[ "'/* nothing /* at */ all', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table/ ],
	[ "'/* nothing', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table/ ],
	[ "'DELETE FROM t', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table: "DELETE FROM t"/ ],
	[ "';', $quick", qr/ERROR:  22023: argument "query" of ae.detect is neither a query nor the name of a table: ""/ ],
	[ "'SELECT * FROM t WHERE \$1 IS NOT NULL', $quick", qr/ERROR:  42P02: there is no parameter \$1/ ],
	[ "'t', $quick, 0", qr/ERROR:  22023: argument "top" of ae.detect is 0, must be at least 1/ ],
	[ "'t', $quick, -5", qr/ERROR:  22023: argument "top" of ae.detect is -5/ ],
	[ q('t', '{"foldz": 1}'), qr/ERROR:  22023: .*foldz/ ],
	[ q('t', '[]'), qr/ERROR:  22023/ ],
	[ "'SELECT 1 / (id - 50) AS a, b FROM t', $quick", qr/ERROR:  22012: division by zero/ ],
	[ "'SELECT nothing FROM t', $quick", qr/ERROR:  42703: column "nothing" does not exist/ ],
	[ "'SELECT * FROM t WHERE', $quick", qr/ERROR:  42601: syntax error/ ],
	[ "'SELECT 1 AS a; DROP TABLE written', $quick", qr/ERROR:  22023: argument "query" of ae.detect must be a single query/ ],
	[ "'SELECT 1 AS a) AS \"ae.rows\"; DROP TABLE written; --', $quick", qr/ERROR:  42601: syntax error/ ],
	[ "'WITH w AS (INSERT INTO written VALUES (1, 2) RETURNING *) SELECT * FROM w', $quick", qr/ERROR:  22023: argument "query" of ae.detect changes data/ ],
	[ "'WITH w AS (SELECT 1 AS a, 2 AS b) INSERT INTO written SELECT * FROM w RETURNING *', $quick", qr/ERROR:  22023: argument "query" of ae.detect changes data/ ],
	[ "'SELECT a INTO written2 FROM t', $quick", qr/ERROR:  22023: argument "query" of ae.detect must be a single query/ ],
	[ "'SELECT a, a FROM t', $quick", qr/ERROR:  42701: row has more than one column "a"/ ]);

for (@mistakes)
{
	my ($arguments, $expected) = @$_;
	like(error_of($arguments), $expected, $arguments);
}
is($node->query('postgres', 'SELECT count(*) FROM written'), 0, 'nothing was written');
is((detect("'SELECT * FROM t WHERE false', $quick"))[0], '', 'no rows give none');
like(error_of("'SELECT * FROM t WHERE false', $quick"), qr/^NOTICE:  00000: no row has a score$/m, 'and say so');
is((detect("'SELECT * FROM t LIMIT 1', $quick"))[0], '', 'one row gives none');
is((detect("NULL, $quick"))[0], '', 'neither does NULL');
like(error_of("'t', $quick", 'SET ROLE nobody_special; '), qr/ERROR:  42501: permission denied/, 'it runs with the rights of the caller');
like(error_of("'SELECT * FROM s.t', $quick", 'SET ROLE nobody_special; '), qr/ERROR:  42501: permission denied/, 'a query too');
is($node->query('postgres', <<"END"), '50|50', 'a query whose functions write does so once a row, as it would by itself');
CREATE FUNCTION note(x float8) RETURNS float8 LANGUAGE sql VOLATILE AS 'INSERT INTO written VALUES (x, x) RETURNING a';
CREATE TEMP TABLE top AS SELECT * FROM ae.detect('SELECT note(a) AS a, b FROM t WHERE id <= 50', $quick, 50);
SELECT (SELECT count(*) FROM written), count(*) FROM top;
END
like((detect("'SELECT note(a) AS a, b FROM t', $quick", 'BEGIN READ ONLY; '))[1], qr/ERROR:  25006: cannot execute INSERT in a read-only transaction/, 'and not where writing is refused');

# ---- a search_path set against it --------------------------------------------------------------------------

# Every operator, function, cast target and aggregate that the statement around the query might pick up.
$node->query('postgres', <<'END');
CREATE SCHEMA hostile;
CREATE TABLE hostile.called (what text);
CREATE FUNCTION hostile.trap(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO hostile.called VALUES (what); RAISE EXCEPTION 'trapped by %', what; END $$;
CREATE FUNCTION hostile.mul(float8, int) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('*'); RETURN 0; END $$;
CREATE OPERATOR hostile.* (LEFTARG = float8, RIGHTARG = int, FUNCTION = hostile.mul);
CREATE FUNCTION hostile.mul(float8, float8) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('*'); RETURN 0; END $$;
CREATE OPERATOR hostile.* (LEFTARG = float8, RIGHTARG = float8, FUNCTION = hostile.mul);
CREATE FUNCTION hostile.less(float8, float8) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('<'); RETURN true; END $$;
CREATE OPERATOR hostile.< (LEFTARG = float8, RIGHTARG = float8, FUNCTION = hostile.less);
CREATE OPERATOR hostile.> (LEFTARG = float8, RIGHTARG = float8, FUNCTION = hostile.less);
CREATE OPERATOR hostile.= (LEFTARG = float8, RIGHTARG = float8, FUNCTION = hostile.less);
CREATE FUNCTION hostile.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('format'); RETURN ''; END $$;
CREATE FUNCTION hostile.format(text, text, text, text, text, numeric) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('format'); RETURN ''; END $$;
CREATE FUNCTION hostile.left(text, int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('left'); RETURN ''; END $$;
CREATE FUNCTION hostile.round(numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('round'); RETURN 0; END $$;
CREATE FUNCTION hostile.round(numeric, int) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('round'); RETURN 0; END $$;
CREATE FUNCTION hostile.to_jsonb(record) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('to_jsonb'); RETURN '{}'; END $$;
CREATE FUNCTION hostile.row_number() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('row_number'); RETURN 0; END $$;
CREATE FUNCTION hostile.train(record, jsonb) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('train'); RETURN ''; END $$;
CREATE FUNCTION hostile.raw_score(bytea, record) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('raw_score'); RETURN 0; END $$;
CREATE FUNCTION hostile.jsonb_strip_nulls(jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM hostile.trap('strip'); RETURN '{}'; END $$;
CREATE DOMAIN hostile.float8 AS text CHECK (false);
CREATE DOMAIN hostile.int4 AS text CHECK (false);
CREATE DOMAIN hostile.numeric AS text CHECK (false);
CREATE TABLE hostile.ae_input AS SELECT 1 AS r;
CREATE TABLE hostile.ae_model AS SELECT 'x'::bytea AS m;
CREATE TABLE hostile.ae_scored AS SELECT 1 AS r, 1 AS s;
CREATE TABLE hostile.ae_top AS SELECT 1 AS r, 1 AS s;
CREATE TABLE hostile.ae_query AS SELECT 1 AS r;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
END
my $call = "SELECT md5(string_agg(d::text, '|' ORDER BY rank)) FROM ae.detect('SELECT * FROM public.t', $quick, 50) d";
my $honest = $node->query('postgres', $call);

is($node->query('postgres', "SET search_path = hostile, pg_catalog, public; $call"), $honest, 'a hostile search_path changes nothing');
is($node->query('postgres', "SET search_path = hostile, pg_catalog; SELECT count(*) FROM ae.detect('SELECT * FROM public.t', ae.options(updates => 40), 5)"), 5,
	'nor of ae.options');
is($node->query('postgres', 'SELECT count(*) FROM hostile.called'), 0, 'nothing of it was called');
like(($node->psql('postgres', 'SET search_path = hostile, pg_catalog; SELECT 2.0::pg_catalog.float8 * 3;', errors => 1))[1], qr/trapped by \*/, 'though its traps do work');
like(($node->psql('postgres', q(SET search_path = hostile, pg_catalog; SELECT "left"('a'::pg_catalog.text, 1);), errors => 1))[1], qr/trapped by left/, 'all kinds of them');
is($node->query('postgres', "SELECT count(*) FROM ae.detect('SELECT * FROM hostile.ae_model, t', '{\"updates\": 40, \"exclude\": [\"m\"]}', 7)"), 7, 'tables of those names may be read');

# ---- interrupts ------------------------------------------------------------------------------------------------

like((detect(q('t', '{"updates": 100000000}'), "SET statement_timeout = '500ms'; "))[1], qr/ERROR:  57014/, 'it can be cancelled');
is($node->query('postgres', "SELECT count(*) FROM ae.detect('t', $quick), generate_series(1, 2)"), 40, 'it may be joined');
unlike($node->log_text, qr/terminated by signal|PANIC|XX000/, 'no crash, no internal error');

done_testing();
