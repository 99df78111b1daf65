# Proves that named models are the same for all sessions at once: concurrent savers get consecutive
# versions, what is dropped or rolled back is never used again, whatever a session has kept; and
# that what it keeps is bounded by ae.cache_size.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(name => 'named');

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
SET ae.progress = off;
CREATE TABLE t AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b, cos(3 * i)::real AS c FROM generate_series(1, 300) i;
CREATE TABLE bytes AS SELECT n, ae.train(t, ae.options(exclude => '{i}', updates => 20, folds => 1, seed => n)) AS model
	FROM t, generate_series(1, 12) n GROUP BY n;
CREATE FUNCTION save(name text, number int) RETURNS ae.model LANGUAGE sql AS 'SELECT ae.save_model(name, model) FROM bytes WHERE n = number';
CREATE TABLE scores AS SELECT n, sum(ae.raw_score(model, t)) AS s FROM bytes, t GROUP BY n;
END

my ($one, $two) = map { $node->session('postgres') } 1, 2;

# References without the digits of digests, which differ from one CPU to the next.
sub short { return $_[0] =~ s/#[0-9a-f]{8}\b//gr }

# Which model has given these scores?
sub model_of
{
	my ($session, $reference) = @_;
	return $session->query("SELECT n FROM scores WHERE s = (SELECT sum(ae.raw_score($reference, t)) FROM t);");
}

# ---- two sessions that save -----------------------------------------------------------------------

is(short($one->query("SELECT save('m', 1);")), 'm@1', 'the first version');
$one->query('BEGIN;');
is(short($one->query("SELECT save('m', 2);")), 'm@2', 'one session saves');
is(short($one->query("SELECT 'm'::ae.model, ae.current('m');")), 'm@2|m@2', 'and sees it');
is(short($two->query("SELECT 'm'::ae.model, ae.current('m');")), 'm@1|m@1', 'another one does not, before it commits');
my $job = $node->start_psql('postgres', "SELECT save('m', 3)");
ok($node->poll('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
	'another one that saves waits');
$one->query('COMMIT;');
is(short(($job->finish)[0]), "m\@3\n", 'and gets the next version');
$one->query('BEGIN;');
$one->query("SELECT save('m', 4);");
$job = $node->start_psql('postgres', "SELECT save('m', 5)");
ok($node->poll('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), 'it waits again');
$one->query('ROLLBACK;');
is(short(($job->finish)[0]), "m\@4\n", 'a number that was rolled back is free');
is(model_of($two, "'m\@4'"), 5, 'and is the model that was saved');
$one->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;');
$two->query("SELECT save('m', 6);");
like($one->query("SELECT save('m', 7);"), qr/could not serialize access/, 'repeatable read: a serialization failure');
$one->query('ROLLBACK;');
$job = $node->start_psql('postgres', "SELECT save('new', 1)");
$two->query("SELECT save('new', 2);");
like(short(($job->finish)[0]), qr/^new\@[12]$/, 'two sessions make the same name');
is($two->query("SELECT string_agg(version::text, ',' ORDER BY version) FROM ae.models WHERE name = 'new';"), '1,2', 'both versions are there');

# ---- what a session has kept is not what another one means --------------------------------------

$one->query("BEGIN; SELECT save('x', 1);");
is(model_of($one, "'x\@1'"), 1, 'a version of an open transaction');
$one->query('ROLLBACK;');
like(model_of($one, "'x\@1'"), qr/model x does not exist/, 'is gone with it');
$two->query("SELECT save('x', 2);");
is(model_of($one, "'x\@1'"), 2, 'and may come back as another model');
$one->query("PREPARE s AS SELECT n FROM scores WHERE s = (SELECT sum(ae.raw_score('x', t)) FROM t);");
is($one->query('EXECUTE s;'), 2, 'a prepared statement');
$two->query("SELECT save('x', 3);");
is($one->query('EXECUTE s;'), 2, 'keeps the version that was current when it was parsed');
is(model_of($one, "ae.current('x')"), 3, 'ae.current follows');
is($one->query(<<'END'), 't', 'within a transaction too, statement by statement');
CREATE TABLE seen (n bool);
DO $$
DECLARE r t; a ae.model; b ae.model; s float8[];
BEGIN
	SELECT * INTO r FROM t WHERE i = 7;
	FOR j IN 1..2 LOOP
		s[j] := ae.raw_score(ae.current('x'), r);
		IF j = 1 THEN PERFORM save('x', 4); END IF;
	END LOOP;
	INSERT INTO seen VALUES (s[1] <> s[2]);
END $$;
SELECT n FROM seen;
END
$two->query("SELECT ae.drop_model('x\@1');");
like($one->query('EXECUTE s;'), qr/model x has no version 1/, 'dropped by another session: an error');
$one->query("BEGIN; SELECT sum(ae.raw_score('x\@2', t)) FROM t; DECLARE c CURSOR FOR SELECT ae.raw_score('x\@2', t) FROM t; FETCH 1 FROM c;");
$two->query("SELECT ae.drop_model('x\@2');");
like($one->query("FETCH 1 FROM c;"), qr/^[\d.]+$/, 'an open cursor goes on with the model that it has');
$one->query('COMMIT;');

# A plan holds what was computed when it was made, and must not outlive a version that was not.
$one->query(<<'END');
CREATE FUNCTION planned() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RETURN ae.threshold('y', 0.3); END $$;
CREATE FUNCTION limit_of(number int) RETURNS float8 LANGUAGE sql AS 'SELECT ae.threshold(model, 0.3) FROM bytes WHERE n = number';
END
isnt($one->query('SELECT limit_of(1);'), $one->query('SELECT limit_of(2);'), 'two models have two thresholds');
for my $way (
	['a transaction', 'BEGIN;', 'ROLLBACK;', ''],
	['a subtransaction', 'BEGIN; SAVEPOINT s;', 'ROLLBACK TO s;', 'COMMIT;'],
	['a subtransaction of a subtransaction', 'BEGIN; SAVEPOINT s; SAVEPOINT r;', 'RELEASE r; ROLLBACK TO s;', 'COMMIT;'])
{
	my ($what, $begin, $rollback, $end) = @$way;

	$one->query("DISCARD PLANS; SELECT ae.drop_model('y');");
	my ($before) = $one->query("$begin SELECT save('y', 1);") =~ /(y\@\d+)/;
	is($one->query("PREPARE planned AS SELECT ae.threshold('y', 0.3); EXECUTE planned; EXECUTE planned;"), join("\n", ($one->query('SELECT limit_of(1);')) x 2), "$what: a plan");
	is($one->query('SELECT planned() = limit_of(1);'), 't', 'and one of a function');
	$one->query($rollback);
	is(short($one->query("SELECT save('y', 2);")), $before, 'rolled back, the number comes again');
	is($one->query('EXECUTE planned;'), $one->query('SELECT limit_of(2);'), 'the plan is made anew');
	is($one->query('SELECT planned() = limit_of(2);'), 't', 'and that of the function');
	$one->query("$end DEALLOCATE planned;");
}
$one->query("SELECT ae.drop_model('y'); DROP FUNCTION planned, limit_of;");

# ---- the binary form ---------------------------------------------------------------------------------

$node->query('postgres', <<'END');
CREATE TABLE refs (m ae.model);
INSERT INTO refs VALUES ('m@1'), ('"Ä ""@"" 1"@2147483647#0000000f'), (NULL);
COPY refs TO PROGRAM 'cat >refs.bin' (FORMAT binary);
COPY refs FROM PROGRAM 'cat refs.bin' (FORMAT binary);
END
is(short($node->query('postgres', 'SELECT string_agg(m::text || \' \' || n, \' \' ORDER BY m) FROM (SELECT m, count(*) AS n FROM refs GROUP BY m) x')),
	'm@1 2 "Ä ""@"" 1"@2147483647 2', 'there and back');
for my $text ("m", "m\@", "m\@0", "\\x00", "", "x" x 64)
{
	my ($out, $err) = $node->psql('postgres', "COPY (SELECT '$text'::text) TO PROGRAM 'cat >text.bin' (FORMAT binary); COPY refs FROM PROGRAM 'cat text.bin' (FORMAT binary)");

	$text eq 'm' ? is($err, '', 'a bare name is looked up') : like($err, qr/ERROR:  (?:invalid reference to a model|the name of a model is longer)/, "'$text' is refused");
}

# ---- an index that somebody makes while a version is dropped --------------------------------------

$two->query("BEGIN; SELECT ae.drop_model('x\@3');");
is($one->query("CREATE INDEX late ON t (ae.raw_score('x\@3', ROW(a, b, c)));"), '', 'an index on a version that is being dropped');
$two->query('COMMIT;');
$one->query('SET enable_seqscan = off;');
like($one->query("INSERT INTO t VALUES (0, 1, 1, 1);"), qr/model x does not exist/, 'then says that the version is missing');
$one->query('DROP INDEX late;');

# ---- what uses a model comes and goes while it is dropped -------------------------------------------

$two->query("SELECT save('busy', 1); CREATE TABLE stays (x float8 DEFAULT ae.threshold('busy'));");
my $made = $node->start_psql('postgres', join '', map { <<"END" } 1 .. 500);
CREATE VIEW v_$_ AS SELECT ae.threshold('busy'); DROP VIEW v_$_;
CREATE TABLE c_$_ (a real, b real, c real, CHECK (ae.raw_score('busy', ROW(a, b, c)) > 0)); DROP TABLE c_$_;
CREATE TABLE d_$_ (x float8 DEFAULT ae.threshold('busy')); DROP TABLE d_$_;
CREATE FUNCTION f_$_(m ae.model DEFAULT 'busy') RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION f_$_;
END
my @droppers = map { $node->start_psql('postgres', "SELECT ae.drop_model('busy');\n" x 1000, errors => 1) } 1, 2;
is(($made->finish)[1], '', 'views, tables and functions come and go');
for my $dropper (@droppers)
{
	my %errors;

	$errors{$_}++ for ($dropper->finish)[1] =~ /ERROR:  (.*)/g;
	is_deeply(\%errors, { 'cannot drop model busy because other objects use it' => 1000 }, 'dropping is refused, and nothing else is wrong');
}
$two->query("DROP TABLE stays; SELECT ae.drop_model('busy');");

# ---- the cache ------------------------------------------------------------------------------------

my $kept = q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'ae named model';);

$node->query('postgres', "SELECT save('k' || g, g) FROM generate_series(1, 12) g");
my $all = join ' + ', map { "ae.threshold(ae.current('k$_'))" } 1 .. 12;
$one->close;
$one = $node->session('postgres');
$one->query("SELECT ae.version();");
is($one->query($kept), 0, 'a new session keeps nothing');
$one->query("SELECT $all;");
is($one->query($kept), 12, 'it keeps what it has used');
my ($small) = $one->query("SELECT max(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'ae named model';");
$one->query("SET ae.cache_size = '" . int($small * 3.5 / 1024) . "kB'; SELECT ae.threshold('k1');");
is($one->query($kept), 3, 'ae.cache_size bounds it');
is($one->query("SELECT $all IS NOT NULL;"), 't', 'more models than that in one statement');
is($one->query($kept), 3, 'and fewer again after it');
$one->query("SET ae.cache_size = 0; SELECT ae.threshold('k1');");
is($one->query($kept), 0, 'ae.cache_size = 0 keeps nothing');
is(model_of($one, "'k5'"), 5, 'and scores all the same');
$one->query("SET ae.cache_size = '64MB'; SELECT ae.threshold('k2');");
is($one->query($kept), 1, 'set back, it keeps again');
$one->query("SELECT ae.raw_score('k2', r) FROM (VALUES (1)) r;") for 1 .. 3;
$one->query("SELECT 1 / (ae.threshold('k3') * 0)::int;");
$one->query("SET ae.cache_size = 0; SELECT ae.threshold('k1');");
is($one->query($kept), 0, 'errors leave nothing pinned');
$one->query("RESET ae.cache_size; SET ae.kernels = 'generic'; SELECT ae.threshold('k2'); SET ae.kernels = 'auto'; SELECT ae.threshold('k2');");
is($one->query($kept), 2, 'another instruction set is another entry');
is(short($one->query("SELECT save('copy', 2);")), 'copy@1', 'the same bytes under another name');
$one->query("SELECT ae.threshold('copy');");
is($one->query($kept), 2, 'are kept once');

# ---- parallel workers ---------------------------------------------------------------------------

$node->query('postgres', 'CREATE TABLE big AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b, cos(3 * i)::real AS c FROM generate_series(1, 100000) i; ANALYZE big');
my $serial = $two->query("SET max_parallel_workers_per_gather = 0; SELECT sum(ae.raw_score('m\@3', big)::numeric) FROM big;");
my $force = 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
for my $reference ("'m\@3'", "ae.current('par')", "(SELECT ae.current('par'))")
{
	$two->query("SELECT ae.drop_model('par'); BEGIN; SELECT save('par', 3);");
	my $plan = $two->query("$force EXPLAIN (ANALYZE, COSTS OFF) SELECT sum(ae.raw_score($reference, big)::numeric) FROM big;");

	like($plan, qr/Workers Launched: [12]/, "$reference in parallel workers");
	is($two->query("SELECT sum(ae.raw_score($reference, big)::numeric) FROM big;"), $serial, 'the same scores, of a version not yet committed too');
	$two->query('COMMIT;');
}

# ---- bytes that are not what was saved ----------------------------------------------------------

$node->query('postgres', <<'END');
ALTER TABLE ae.models DISABLE TRIGGER ALL, ALTER digest DROP EXPRESSION;
UPDATE ae.models SET digest = sha256('x') WHERE name = 'k4';
UPDATE ae.models SET digest = 'x' WHERE name = 'k5';
UPDATE ae.models SET model = substr(model, 1, length(model) - 1) WHERE name = 'k6';
UPDATE ae.models SET model = set_byte(model, 300, 255 - get_byte(model, 300)), digest = sha256(set_byte(model, 300, 255 - get_byte(model, 300))) WHERE name = 'k7';
END
for my $name ('k4', 'k5', 'k6', 'k7')
{
	my $fresh = $node->session('postgres');

	like($fresh->query("\\set VERBOSITY verbose\nSELECT ae.threshold('$name');"), qr/22P03.*corrupt/, "$name is corrupt: 22P03");
	is($fresh->query("SELECT ae.threshold('k8') IS NOT NULL;"), 't', 'others are not');
	like($fresh->query("SELECT ae.threshold('$name');"), qr/corrupt/, 'and it stays so');
}
is($two->query("SELECT ae.drop_model('k4');"), 1, 'a corrupt version can be dropped');

# ---- tables that a superuser has altered ----------------------------------------------------------

for my $change ('ALTER TABLE ae.models ALTER digest TYPE int USING 1', 'ALTER TABLE ae.models DROP digest', 'ALTER TABLE ae.models ALTER model TYPE int USING 1',
	'ALTER TABLE ae.models ALTER name TYPE numeric USING 1, DROP CONSTRAINT models_pkey; ALTER TABLE ae.models ADD PRIMARY KEY (name, version, created)',
	'ALTER TABLE ae.models DROP CONSTRAINT models_version_check, ALTER version TYPE text',
	'ALTER EXTENSION ae DROP TABLE ae.models; DROP TABLE ae.models; CREATE VIEW ae.models AS SELECT 1 AS name')
{
	for my $use ("SELECT ae.threshold('k8\@1')", "SELECT ae.current('k8')", "SELECT ae.summary('k8\@1')", "SELECT ae.drop_model('k8\@1')", "SELECT save('k8', 1)", 'DELETE FROM ae.models')
	{
		my ($out, $err) = $node->psql('postgres', "SET client_min_messages = warning; BEGIN; ALTER TABLE ae.models ENABLE TRIGGER ALL, ALTER digest DROP EXPRESSION IF EXISTS, ALTER bytes DROP EXPRESSION; ALTER EXTENSION ae DROP VIEW ae.model_list; DROP VIEW ae.model_list; $change; $use");

		like($err, qr/ERROR:  (?:table ae\.models does not have the definition that the extension gave it|cannot delete from view)/, "$change; $use");
	}
}
like(($node->psql('postgres', "BEGIN; CREATE VIEW v AS SELECT ae.threshold('k8'); ALTER TYPE ae.model SET SCHEMA public; SELECT ae.drop_model('k8')"))[1],
	qr/there is no type ae\.model/, 'the type elsewhere: nothing is dropped, as no use could be found');
is($node->query('postgres', "SELECT ae.threshold('k8') IS NOT NULL"), 't', 'rolled back, all is well');

unlike($node->log_text, qr/PANIC|terminated by signal|XX000/, 'no crash, no internal error');
$_->close for $one, $two;
done_testing();
