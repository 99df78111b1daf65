# Proves that ae.train_model makes the model that ae.train makes, however its rows are kept; that it holds no
# snapshot while it trains, unless it must; and that whatever ends it leaves no file, no version and
# no other damage behind.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(name => 'train', conf => { autovacuum => 'off' });

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE t AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b, (ARRAY['x', 'y', 'z'])[1 + i % 3] AS c,
	ARRAY[cos(i), cos(2 * i)] AS v FROM generate_series(1, 30000) i;
CREATE TABLE churn AS SELECT generate_series(1, 1000) AS i;
END

my $options = q(ae.options(exclude => '{i}', updates => 60));
my $session = $node->session('postgres');

# Everything that a session says to SQL.
sub says { return $session->query("SET ae.progress = off; $_[0];") }

# Temporary files that lie about.
sub files { return $node->query('postgres', q(SELECT count(*) FROM pg_ls_tmpdir())) }

# ---- the same bytes -----------------------------------------------------------------------------------

$session->query("CREATE TABLE bytes AS SELECT ae.train(t, $options) AS model FROM t;");
my $same = 'SELECT (SELECT model FROM ae.models ORDER BY version DESC LIMIT 1) = model FROM bytes';

like(says("CALL ae.train_model('m', 't', $options)"), qr/^NOTICE:  saved model m\@1$/, 'on a table');
is(says($same), 't', 'the bytes of ae.train');
is(says('SELECT query FROM ae.models'), 'SELECT * FROM public.t', 'the query is kept');
says("CALL ae.train_model('m', query => 'SELECT * FROM t ORDER BY random();', options => $options)");
is(says($same), 't', 'on a query, in another order');
says("SET maintenance_work_mem = '1MB'; CALL ae.train_model('m', 't', $options); RESET maintenance_work_mem");
is(says($same), 't', 'with rows in temporary files, which outlive the commit');
is(files(), 0, 'and are gone then');
like(says("BEGIN; CALL ae.train_model('m', 't', $options); COMMIT"), qr/training inside a transaction block.*saved model m\@4/s, 'in a transaction block, which is said');
is(says($same), 't', 'the same bytes');
says("DO \$\$ BEGIN CALL ae.train_model('m', 't', $options); END \$\$");
is(says($same), 't', 'in a block that may commit');
like(says("DO \$\$ BEGIN CALL ae.train_model('m', 't', $options); EXCEPTION WHEN division_by_zero THEN NULL; END \$\$"), qr/inside a transaction block/, 'in one that may not');
is(says($same), 't', 'the same bytes');
says('CREATE TABLE init AS SELECT ae.train(t, ae.options(updates => 5), model) AS model FROM t, bytes');
says("CALL ae.train_model('m', 't', ae.options(updates => 5), init => 'm\@1')");
is(says('SELECT (SELECT model FROM ae.models ORDER BY version DESC LIMIT 1) = model FROM init'), 't', 'from another version');
is(says('SELECT count(*), max(version) FROM ae.models'), '7|7', 'each call made one version');
is(says('ROLLBACK; SELECT count(*) FROM ae.models'), "WARNING:  there is no transaction in progress\n7", 'nothing is left open');

# ---- what is refused ---------------------------------------------------------------------------------

my %refused = (
	'SELECT * FROM t WHERE false' => qr/NOTICE:  no rows to train on\nERROR:  there is no model to save as m/,
	'SELECT * FROM t WHERE i = 1' => qr/there is no model to save as m/,
	'SELECT NULL::int AS a FROM t' => qr/there is no model to save as m/,
	'SELECT 1 / (i - 20000) AS q, a FROM t' => qr/division by zero/,
	'WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d' => qr/changes data/,
	'WITH d AS (SELECT 1 AS i) DELETE FROM t USING d WHERE t.i = d.i RETURNING t.*' => qr/changes data/,
	'DELETE FROM t' => qr/neither a query nor the name of a table/,
	'nosuch' => qr/relation "nosuch" does not exist/,
	'SELECT a FROM t; SELECT b FROM t' => qr/must be a single query/,
	'SELECT a, a FROM t' => qr/more than one column "a"/,
	'SELECT a + 1, b + 1 FROM t' => qr/more than one column "\?column\?"/,
	'' => qr/neither a query/,
);

for my $query (sort keys %refused)
{
	like(says("CALL ae.train_model('m', \$q\$$query\$q\$)"), $refused{$query}, "refused: $query");
}
like(says("CALL ae.train_model(NULL, 't')"), qr/argument "name" .* must not be NULL/, 'no name');
like(says("CALL ae.train_model('m', NULL)"), qr/argument "query" .* must not be NULL/, 'no query');
like(says("CALL ae.train_model('m\@3', 't')"), qr/without a version/, 'a version is not chosen');
like(says("CALL ae.train_model('m', 't', '{\"epoch\": 3}')"), qr/unknown option "epoch"/, 'options are checked');
like(says("CALL ae.train_model('m', 't', init => 'm\@99')"), qr/has no version 99/, 'a version to start from that is not there');
like(says("CALL ae.train_model('m', 'SELECT a FROM t', init => 'm\@1')"), qr/row has no column/, 'rows that do not fit the version to start from');
is(says('SELECT count(*), max(version) FROM ae.models'), '7|7', 'none of that made a version');
is(files(), 0, 'nor left a file');

# ---- no snapshot while it trains -----------------------------------------------------------------------

my $long = "ae.options(exclude => '{i}', epochs => 100000000, time_limit => 60)";
my $training = "FROM pg_stat_activity WHERE query LIKE 'ae.train_model m: %epoch%'";

# Starts a training in the background and waits for its first epochs.
sub start
{
	my ($before) = @_;
	my $job = $node->start_psql('postgres', "$before CALL ae.train_model('m', 't', $long)", errors => 1);

	ok($node->poll('postgres', "SELECT count(*) = 1 $training"), 'a long training is under way');
	return $job;
}

# Rows of a table that died while it was under way, and could not be removed.
sub held_back
{
	my ($out, $err) = $node->psql('postgres', 'DELETE FROM churn WHERE i % 2 = 0; INSERT INTO churn SELECT generate_series(1, 500) * 2; VACUUM (VERBOSE) churn');

	return $err =~ /(\d+) (?:are dead but not yet removable|dead row versions cannot be removed yet)/ ? $1 : "?\n$err";
}

my $job = start("SET maintenance_work_mem = '1MB';");
ok($node->poll('postgres', "SELECT backend_xmin IS NULL AND backend_xid IS NULL $training"), 'it holds neither snapshot nor transaction id');
cmp_ok((grep { $node->query('postgres', "SELECT count(backend_xmin) + count(backend_xid) $training") ne '0' } 1 .. 50), '<', 5, 'but for moments, once a second');
is(held_back(), 0, 'and keeps VACUUM from nothing');
cmp_ok(files(), '>', 0, 'its rows are in temporary files');
like($node->query('postgres', "SELECT query $training"), qr/^ae\.train_model m: network 1 of 2, epoch \d+ of 100000000, update \d+ of \d+: training loss/, 'its progress can be seen, with its name');
is($node->query('postgres', "SELECT pg_cancel_backend(pid) $training"), 't', 'cancelled');
my ($out, $err) = $job->finish;
like($err, qr/NOTICE: .*epoch.*ERROR:  canceling statement due to user request/s, 'it told of epochs, then ends');
is(files(), 0, 'and leaves no file');
is(says('SELECT max(version) FROM ae.models'), 7, 'nor a version');

$job = start("SET maintenance_work_mem = '1MB'; BEGIN;");
is($node->query('postgres', "SELECT backend_xmin IS NULL $training"), 'f', 'within a transaction block it holds a snapshot');
cmp_ok(held_back(), '>', 0, 'and VACUUM back');
$node->query('postgres', "SELECT pg_terminate_backend(pid) $training");
$job->finish;
ok($node->poll('postgres', q(SELECT count(*) = 0 FROM pg_ls_tmpdir())), 'terminated, it leaves no file');

# ---- again and again in one session ---------------------------------------------------------------------

my $files = q(SELECT count(*) FROM pg_ls_dir('/proc/' || pg_backend_pid() || '/fd'));
my $before = says($files);

for my $timeout (5, 40, 100, 200, 400, 800)
{
	like(says("SET maintenance_work_mem = '1MB'; SET statement_timeout = $timeout; CALL ae.train_model('m', 't', $long); RESET ALL"),
		qr/statement timeout/, "ended after $timeout ms");
	$session->query('RESET ALL;');
	is(files(), 0, 'no file is left');
}
is(says("DO \$\$ BEGIN FOR i IN 1..3 LOOP BEGIN CALL ae.train_model('m', 'SELECT 1 / (i - 20000) AS q, a, b FROM t'); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$\$; SELECT 1"), 1, 'errors that are caught');
is(files(), 0, 'no file is left');
is(says($files), $before, 'and no open one');
is(says("SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'ae.train%'"), 0, 'nor memory');

# a transaction block that failed may stay open for hours
my $pid = $session->query("SELECT pg_backend_pid();");
like($session->query("SET ae.progress = off; BEGIN; CALL ae.train_model('m', 'SELECT a, b, pg_sleep(0.002) IS NULL AS p, 1 / (i - 1500) AS q FROM t')"), qr/division by zero/, 'an error in a transaction block, while rows are read');
like($node->query('postgres', "SELECT state || ': ' || query FROM pg_stat_activity WHERE pid = $pid"), qr/^idle in transaction \(aborted\): CALL ae/, 'before it ends others see the statement');
SKIP:
{
	skip 'contexts of others are shown from PostgreSQL 14 on', 1 if $node->query('postgres', 'SHOW server_version_num') < 140000;
	my $begin = length $node->log_text;

	$node->query('postgres', "SELECT pg_log_backend_memory_contexts($pid)");
	for (1 .. 100)
	{
		last if substr($node->log_text, $begin) =~ /Grand total/;
		select(undef, undef, undef, 0.1);
	}
	like(substr($node->log_text, $begin), qr/\A(?!.*ae\.train).*CacheMemoryContext.*Grand total/s, 'and it holds no memory');
}
is($session->query("ROLLBACK; SELECT 1;"), 1, 'it ends');
like(says("CALL ae.train_model('m', 't', $options)"), qr/saved model m\@8/, 'the session goes on');
is(says($same), 't', 'with the same bytes');

# ---- many in a loop, and by a procedure -------------------------------------------------------------------

like(says("DO \$\$ DECLARE r record; BEGIN FOR r IN SELECT DISTINCT c FROM t ORDER BY c LOOP CALL ae.train_model('loop_' || r.c, format('SELECT a, b FROM t WHERE c = %L', r.c), ae.options(updates => 20)); END LOOP; END \$\$"),
	qr/^NOTICE:  saved model loop_x\@1\nNOTICE:  saved model loop_y\@1\nNOTICE:  saved model loop_z\@1$/, 'in a loop over a query that is open meanwhile');
is(says("SELECT string_agg(n_rows::text, ',') FROM ae.models WHERE name LIKE 'loop%'"), '10000,10000,10000', 'each on its rows');
$node->query('postgres', "CREATE PROCEDURE nightly() LANGUAGE plpgsql AS \$\$ BEGIN CALL ae.train_model('p', 't', ae.options(updates => 5)); COMMIT; CALL ae.train_model('p', 't', ae.options(updates => 5)); ROLLBACK; END \$\$");
unlike(says('CALL nightly()'), qr/ERROR|inside a transaction block/, 'a procedure that commits and rolls back');
is(says("SELECT max(version) FROM ae.models WHERE name = 'p'"), 1, 'what it rolled back is not there');
$node->query('postgres', "CREATE FUNCTION by_function() RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN CALL ae.train_model('p', 't', ae.options(updates => 5)); END \$\$");
like(says('SELECT by_function()'), qr/inside a transaction block.*saved model p\@2/s, 'called by a function');

# ---- two at once -----------------------------------------------------------------------------------------

my @jobs = map { $node->start_psql('postgres', "SET ae.progress = off; CALL ae.train_model('m', 't', $options)") } 1, 2;
my @saved = sort map { (($_->finish)[1] =~ /saved model (m\@\d+)/)[0] // '?' } @jobs;

is("@saved", 'm@10 m@9', 'two trainings of one name: consecutive versions');

# ---- as the caller ---------------------------------------------------------------------------------------

$node->query('postgres', <<'END');
CREATE ROLE alice;
GRANT USAGE ON SCHEMA ae TO alice;
GRANT EXECUTE ON PROCEDURE ae.train_model TO alice;
CREATE TABLE open AS TABLE t;
GRANT SELECT ON open TO alice;
CREATE FUNCTION who() RETURNS real LANGUAGE plpgsql AS $$ BEGIN IF current_user <> 'alice' THEN RAISE EXCEPTION 'run as %', current_user; END IF; RETURN 1; END $$;
END
$session->query('SET ROLE alice;');
like(says("CALL ae.train_model('alices', 't')"), qr/permission denied for table t/, 'the query has the rights of the caller');
like(says("CALL ae.train_model('alices', 'SELECT a * who() AS a, b FROM open', ae.options(updates => 10))"), qr/saved model alices\@1/, 'and runs as the caller');
like(says("CALL ae.train_model('m', 'open')"), qr/must be owner of model m/, 'a name of somebody else');
is(says('SELECT current_user'), 'alice', 'who stays who it was');
$session->close;

unlike($node->log_text, qr/PANIC|terminated by signal|XX000|leak/, 'no crash, no internal error, no leak');
done_testing();
