# Proves: types and tables may change between and within statements.  A model goes on to give what it
# gave, or an error names the column; neighbouring large values stay apart.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE t (id int, m mood, c text, n int, w timestamptz);
INSERT INTO t SELECT i, (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood, (ARRAY['a', 'b', 'c'])[1 + i % 3], i % 3 * 10 + i % 2,
	'2026-01-01 00:00:00Z'::timestamptz + i % 3 * interval '1 day' FROM generate_series(1, 300) i;
CREATE TABLE models (name text, model bytea);
INSERT INTO models SELECT 't', ae.train(t, ae.options(exclude => '{id}', updates => 200, folds => 1)) FROM t;
CREATE FUNCTION score(t) RETURNS float8 LANGUAGE sql STABLE AS
	$$ SELECT ae.reconstruction_error(model, $1) FROM models WHERE name = 't' $$;
CREATE TABLE before AS SELECT id, score(t) AS s FROM t;
CREATE TABLE part AS TABLE t;
CREATE TABLE holder AS SELECT id, part AS held FROM part;
END

my $session = $node->session('postgres');
my $changed = 'SELECT count(*) FROM t JOIN before USING (id) WHERE score(t) IS DISTINCT FROM s;';

# Runs in one session, so that caches of types and plans have to notice what others do.
sub changed { return $session->query($changed) }

is(changed(), 0, 'scores are what they were');

# ---- enums --------------------------------------------------------------------------------------

$node->query('postgres', "ALTER TYPE mood ADD VALUE 'angry' BEFORE 'sad'");
is(changed(), 0, 'ADD VALUE: the same scores');
like($session->query("SELECT score(t) > 3 * max(s) FROM before, (SELECT 0, 'angry'::mood, c, n, w FROM t WHERE id = 3) x(id, m, c, n, w), LATERAL (SELECT ROW(x.*)::t AS t) y GROUP BY t;"),
	qr/^t$/, 'the new value is no error and scores as surprising');
$session->query("ALTER TYPE mood ADD VALUE 'dull'; ");
is($session->query("SELECT score(ROW(0, 'dull', c, n, w)::t) = score(ROW(0, 'angry', c, n, w)::t) FROM t WHERE id = 3;"),
	't', 'one new value is as surprising as another');
$node->query('postgres', "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'");
is(changed(), 100, 'RENAME VALUE: rows with the renamed value, and only they, score differently');
is($session->query("SELECT bool_and(score(t) > s) FROM t JOIN before USING (id) WHERE m = 'fine';"), 't',
	'the new name is a level that training has not seen');
like($session->query("SELECT expected FROM models, t, ae.explain(model, t) WHERE t.id = 1 AND feature = 'm';"),
	qr/^ok$/, 'explain says what training called it');
like($session->query("SELECT (ae.impute(model, ROW(0, NULL, c, n, w)::t)).m FROM models, t WHERE t.id = 2;"),
	qr/^happy$/, 'impute gives a value that the type has');
like($session->query("\\set VERBOSITY sqlstate\nSELECT (ae.impute(model, ROW(0, NULL, c, n, w)::t)).m FROM models, t WHERE t.id = 1;"),
	qr/^ERROR:  22P02$/, 'impute of a value that the type has no more is an error');
like($session->query("\\set VERBOSITY terse\nSELECT (ae.impute(model, ROW(0, NULL, c, n, w)::t)).m FROM models, t WHERE t.id = 1;"),
	qr/"m".*"ok"|"ok".*"m"/, 'which names the column and the value');
$node->query('postgres', "ALTER TYPE mood RENAME VALUE 'fine' TO 'ok'");
is(changed(), 0, 'renamed back: the same scores');

# A PL/pgSQL expression keeps what it knows of types for a transaction.
is($session->query(<<'END'), 't,t,t', 'within a transaction too');
DO $$
DECLARE md bytea := (SELECT model FROM models); s float8[]; r t; same text := '';
BEGIN
	SELECT * INTO r FROM t WHERE id = 1;
	FOR i IN 1..3 LOOP
		s[i] := ae.reconstruction_error(md, r);
		IF i = 1 THEN ALTER TYPE mood RENAME VALUE 'ok' TO 'middling';
		ELSIF i = 2 THEN ALTER TYPE mood RENAME VALUE 'middling' TO 'ok';
		END IF;
	END LOOP;
	PERFORM set_config('test.result', concat_ws(',', s[1] = (SELECT before.s FROM before WHERE id = 1), s[2] > s[1], s[3] = s[1]), false);
END $$;
SELECT replace(replace(current_setting('test.result'), 'true', 't'), 'false', 'f');
END

# ---- tables -------------------------------------------------------------------------------------

$node->query('postgres', 'ALTER TABLE t ADD extra json, ALTER n TYPE bigint');
is(changed(), 0, 'a column more, int to bigint: the same scores');
$node->query('postgres', 'ALTER TABLE t ALTER c TYPE varchar(30), ALTER n TYPE numeric(10, 2), ALTER w TYPE timestamptz(0)');
is(changed(), 0, 'text to varchar, bigint to numeric: the same scores');
$node->query('postgres', 'ALTER TABLE t DROP c; ALTER TABLE t ADD c text; UPDATE t SET c = (ARRAY[$$a$$, $$b$$, $$c$$])[1 + id % 3]');
is(changed(), 0, 'dropped and added again, now last: the same scores');
$node->query('postgres', 'ALTER TABLE part DROP c; ALTER TABLE part ADD c text');
is($session->query('SELECT count(*) FROM holder, models WHERE ae.reconstruction_error(model, held) IS DISTINCT FROM ae.reconstruction_error(model, ROW((held).m, NULL::text, (held).n, (held).w));'),
	0, 'rows stored before their type changed: what it gained is NULL in them');
$node->query('postgres', 'ALTER TABLE t RENAME n TO number');
like(changed(), qr/^ERROR:  row has no column "n"/, 'a renamed column: an error that names it');
$node->query('postgres', 'ALTER TABLE t RENAME number TO n');
$node->query('postgres', 'ALTER TABLE t ALTER n TYPE text');
like(changed(), qr/^ERROR:  column "n" is of type text, model expects/, 'a number that became text: an error that names it');
$node->query('postgres', 'ALTER TABLE t ALTER n TYPE int USING n::numeric::int, ALTER w TYPE date USING (w AT TIME ZONE $$UTC$$)::date');
is(changed(), 0, 'timestamptz to date, both times: the same scores');
$session->query("SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET lc_monetary = 'C'; SET extra_float_digits = -5; SET intervalstyle = 'iso_8601';");
is(changed(), 0, 'settings of the session have no say');
$node->query('postgres', 'ALTER TABLE t DROP w');
like(changed(), qr/^ERROR:  row has no column "w"/, 'a dropped column: an error that names it');
$session->close;

# ---- neighbouring values ------------------------------------------------------------------------

# Every kind of large value stands for i: its model must tell i from i + 1 as well as a model of i.
# With one linear unit and L-BFGS that is the principal component, whatever the order of rows.
my %large = (
	'bigint around 1e15' => '1000000000000000 + i',
	'epoch seconds' => '1767225600 + i::bigint',
	'epoch milliseconds' => '1767225600000 + i::bigint',
	'timestamp, milliseconds' => "timestamp '2026-01-01' + i * interval '1 ms'",
	'timestamptz, milliseconds' => "timestamptz '2026-01-01 UTC' + i * interval '1 ms'",
	'date' => "date '2026-01-01' + i",
	'money' => "(10000000000000 + i)::numeric::money / 100",
	'numeric' => '(1e15 + i)::numeric',
	'interval' => "interval '300 years' + i * interval '1 s'",
);

my $linear = q(ae.options(exclude => '{i}', code => 1, hidden => '{}', activation => 'identity', code_activation => 'identity',
	optimizer => 'lbfgs', updates => 200, validation => 0));

$node->query('postgres', <<"END");
CREATE TABLE small AS SELECT i, i::float8 AS x, i * 2 + sin(i) AS y FROM generate_series(0, 199) i;
INSERT INTO models SELECT 'small', ae.train(s, $linear) FROM small s;
CREATE TABLE small_error AS SELECT i, ae.reconstruction_error(model, s) AS e, ae.encode(model, s) AS h FROM small s, models WHERE name = 'small';
END
for my $kind (sort keys %large)
{
	my $answer = $node->query('postgres', <<"END");
CREATE TABLE large AS SELECT i, $large{$kind} AS x, i * 2 + sin(i) AS y FROM generate_series(0, 199) i;
CREATE TABLE large_error AS SELECT i, ae.reconstruction_error(model, l) AS e, ae.encode(model, l) AS h
  FROM large l, (SELECT ae.train(l, $linear) AS model FROM large l) m;
SELECT round(max(abs(l.e - s.e))::numeric, 6), round(max(s.e)::numeric, 6), count(DISTINCT l.h) FROM large_error l JOIN small_error s USING (i);
DROP TABLE large, large_error;
END
	my ($difference, $largest, $distinct) = split /\|/, $answer;

	is($distinct, 200, "$kind: neighbours have different codes");
	cmp_ok($difference, '<=', 0.01 * $largest + 1e-5, "$kind: errors as of small numbers");
}

done_testing();
