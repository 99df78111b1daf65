# Proves that an error leaves nothing behind, neither in the session nor on disk: a full disk, and an error that
# the caller catches; then the n-th allocation and the n-th access to a temporary file, whatever n, of
# training, saving, resuming and scoring.
#
# AE_FAULT='ae.train_model' injects faults into one kind of statement only.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(name => 'faults', conf => { autovacuum => 'off' });
my $files = 'SELECT count(*) FROM pg_ls_tmpdir()';

# ---- errors that a user can make ------------------------------------------------------------------------

$node->query('postgres', <<'END2');
CREATE EXTENSION ae;
CREATE TABLE large AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b FROM generate_series(1, 60000) i;
CREATE TABLE few AS SELECT * FROM large LIMIT 2000;
-- bytes of memory of this session, and its temporary files
CREATE FUNCTION held() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN format('%s files, %s MB', (SELECT count(*) FROM pg_ls_tmpdir()),
		(SELECT sum(total_bytes) / 1048576 FROM pg_backend_memory_contexts)::integer);
END $$;
-- how often a statement failed, of so many times within one statement of the caller
CREATE FUNCTION fail(statement text, n integer, OUT failed text, OUT before text, OUT after text) LANGUAGE plpgsql AS $$
DECLARE
	k integer := 0;
BEGIN
	before := held();
	FOR i IN 1 .. n LOOP
		BEGIN
			EXECUTE statement;
		EXCEPTION WHEN OTHERS THEN
			k := k + 1;
			failed := format('%s times %s', k, SQLSTATE);
		END;
	END LOOP;
	after := held();
END $$;
END2

my $session = $node->session('postgres');
my $call = q(CALL ae.train_model('m', 'large'));

$session->query("SET ae.progress = off; SET client_min_messages = error; SET maintenance_work_mem = '1MB'; SET temp_file_limit = '1MB';");
like($session->query("$call;"), qr/temporary file size exceeds temp_file_limit/, 'rows that the disk has no room for') for 1 .. 3;
is($session->query("$files;"), 0, 'no file is left, while the session goes on');

# A statement that fails again and again, caught by its caller: nothing of it is left before the caller ends.
sub leaves_nothing
{
	my ($statement, $sqlstate, $name) = @_;
	my ($failed, $before, $after) = split /\|/, $session->query("SELECT * FROM fail(\$s\$$statement\$s\$, 6);");

	is($failed, "6 times $sqlstate", $name);
	like($before, qr/^0 files/, "$name: no file before");
	# the first call loads what the session keeps
	my ($megabytes) = $after =~ /^0 files, (\d+) MB/;
	my ($had) = $before =~ /(\d+) MB/;
	cmp_ok($megabytes // 1000, '<=', $had + 1, "$name: no file and no memory after it");
}

leaves_nothing($call, '53400', 'a full disk in the procedure');
leaves_nothing('SELECT ae.train(large) FROM large', '53400', 'a full disk in the aggregate');
$session->query('RESET temp_file_limit; RESET maintenance_work_mem;');
my $diverging = q(ae.options(optimizer => 'sgd', learning_rate => 1, hidden => '{256}', activation => 'relu') || '{"clip_norm": 0}');
leaves_nothing("CALL ae.train_model('m', 'few', $diverging)", '22003', 'a training that diverges, in the procedure');
leaves_nothing("SELECT ae.train(few, $diverging) FROM few", '22003', 'the same in the aggregate');

is($node->query('postgres', $files), 0, 'nothing is left on disk');

# ---- errors that nobody can make -------------------------------------------------------------------------

# What fails is chosen by tap/fault.c: every n in the long form, else a sample.
my $SOAK = $ENV{AE_SOAK};
my $SAMPLE = 10;
my $module = build_module();

if (!defined $module)
{
	note('no compiler, or not glibc: no faults are injected');
	done_testing();
	exit;
}
$node->{env}{LD_PRELOAD} = $module;
$node->restart;
$node->query('postgres', <<"END2");
CREATE FUNCTION fault_arm(kind integer, n bigint) RETURNS void LANGUAGE c STRICT AS '$module', 'fault_arm';
CREATE FUNCTION fault_stop() RETURNS bigint LANGUAGE c STRICT AS '$module', 'fault_stop';
CREATE TABLE small AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b, (ARRAY['x', 'y', 'z'])[1 + i % 3] AS c,
	ARRAY[cos(i), cos(2 * i)]::real[] AS v, i % 4 AS g FROM generate_series(1, 120) i;
CREATE TABLE middle AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b, i % 7 = 0 AS c FROM generate_series(1, 12000) i;
CREATE TABLE bytes AS SELECT ae.train(small, ae.options(exclude => '{i,g}', updates => 20)) AS model FROM small;
SELECT ae.save_model('used', model) FROM bytes;
END2

# The module beside the cluster's data, where its user can read it; undef where it cannot be built.
sub build_module
{
	my $module = $node->host . '/fault.so';
	my $cc = $ENV{CC} || 'cc';
	my $include = AeCluster::pg_config('includedir-server');
	my $rc = AeCluster::run_logged($node->host . '/fault.log', $cc, '-O2', '-fPIC', '-shared', "-I$include", '-o', $module,
		"$AeCluster::ROOT/tests/tap/fault.c", '-ldl');

	chmod 0755, $module;
	return $rc == 0 ? $module : undef;
}

my $short = q(ae.options(exclude => '{i,g}', updates => 8, hidden => '{8}'));
my $spill = q(ae.options(exclude => '{i}', epochs => 1, hidden => '{4}', batch_size => 1024, prototypes => 0));
my @operations = (
	# name, settings, what is done
	['ae.train', '', "SELECT length(ae.train(small, $short)) FROM small"],
	['ae.train by groups', "SET maintenance_work_mem = '1MB'", "SELECT sum(length(m)) FROM (SELECT ae.train(middle, $spill) AS m FROM middle GROUP BY c) s"],
	['ae.train with a target', '', "SELECT length(ae.train(small, $short || ae.target('c') || ae.denoise('swap'))) FROM small"],
	['ae.train from a model', '', q(SELECT length(ae.train(small, '{"updates": 3}', model)) FROM small, bytes)],
	['ae.train_model', '', "CALL ae.train_model('m', 'small', $short)"],
	['ae.train_model on disk', "SET maintenance_work_mem = '1MB'; SET ae.checkpoint_interval = 0.001", "CALL ae.train_model('m', 'middle', $spill)"],
	['ae.train_model in a transaction', "SET maintenance_work_mem = '1MB'", "DO \$\$ BEGIN CALL ae.train_model('m', 'middle', $spill); EXCEPTION WHEN division_by_zero THEN NULL; END \$\$"],
	['ae.resume_training', "SET maintenance_work_mem = '1MB'; SET ae.checkpoint_interval = 0.001", q(CALL ae.resume_training('interrupted'))],
	['ae.save_model', '', q(SELECT ae.save_model('m', model) FROM bytes)],
	['scores by value', '', q(SELECT sum(ae.raw_score(model, s)), count(ae.impute(model, s)), count(e) FROM bytes, small s, ae.explain(model, s) e)],
	['scores by name', '', q(SELECT sum(ae.raw_score('used', s)), count(ae.reconstruct('used', s)), ae.summary('used') FROM small s)],
	['ae.detect', '', "SELECT count(*) FROM ae.detect('SELECT a, b, c, v FROM small', '{\"updates\": 8}')"],
);
my $contexts = $node->query('postgres', 'SHOW server_version_num') >= 140000;

# What the session holds beside what it keeps on purpose: files, locks, contexts of ours.
my $held = 'SELECT (SELECT count(*) FROM pg_ls_tmpdir()) AS files, '
  . q{(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid' AND relation IS DISTINCT FROM 'pg_locks'::regclass) AS locks, }
  . ($contexts ? q{(SELECT count(*) FROM pg_backend_memory_contexts WHERE name ~ '^ae[ .]' AND name !~ '^ae named model')} : '0') . ' AS contexts';
# The server loses the beginning of an entry of its caches that it could not complete.
my $bytes = $contexts ? q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name NOT IN ('CacheMemoryContext', 'index info')} : 'SELECT 0';

# A session that is ready to fail.
sub open_session
{
	my ($before) = @_;
	my $session = $node->session('postgres');

	$session->query("\\set VERBOSITY verbose\nSET ae.progress = off; SET client_min_messages = error; $before;");
	return $session;
}

# Does it with the n-th one failing; how many there were, and the errors.
sub do_it
{
	my ($session, $sql, $kind, $n) = @_;
	my $answer = $session->query("SELECT fault_arm($kind, $n);\n$sql;\nROLLBACK;\nSELECT fault_stop();");

	return (($answer =~ /(\d+)\z/)[0], [ $answer =~ /((?:ERROR|FATAL|PANIC):  .*)/g ]);
}

# What a training leaves that fails at its end, to be resumed again and again.
sub interrupt
{
	$node->query('postgres', <<'END2');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END';
CREATE TRIGGER refuse BEFORE INSERT ON ae.models FOR EACH ROW EXECUTE FUNCTION refuse();
END2
	my (undef, $error) = $node->psql('postgres', "SET maintenance_work_mem = '1MB'; SET ae.checkpoint_interval = 0.001; "
		. "CALL ae.train_model('interrupted', 'middle', $spill || '{\"epochs\": 60}')");

	like($error, qr/ERROR:  refused/, 'a training ends before it is saved');
	$node->query('postgres', 'DROP TRIGGER refuse ON ae.models; CREATE TABLE heads AS SELECT * FROM ae.checkpoints; CREATE TABLE states AS SELECT * FROM ae.checkpoint_states');
	cmp_ok($node->query('postgres', 'SELECT count(*) FROM heads, states'), '>', 0, 'and can be taken up again');
}

# So that there is something to resume.
sub put_back
{
	my ($session) = @_;

	$session->query("DO \$\$ BEGIN IF NOT EXISTS (SELECT FROM ae.checkpoints) THEN INSERT INTO ae.checkpoints SELECT * FROM heads; INSERT INTO ae.checkpoint_states SELECT * FROM states; END IF; END \$\$;");
}

my @kinds = (undef, 'malloc', 'access to a temporary file', 'palloc');

# The numbers of those that fail: all, or some, the first and the last among them.
sub numbers
{
	my ($total) = @_;
	my %chosen = map { $_ => 1 } 1, 2, $total - 1, $total;

	return 1 .. $total + 4 if $SOAK || $total <= $SAMPLE;
	$chosen{ 1 + int(rand($total)) } = 1 while keys %chosen < $SAMPLE;
	return sort { $a <=> $b } grep { $_ > 0 } keys %chosen;
}

sub sweep
{
	my ($kind, $name, $before, $sql) = @_;
	my $session = open_session($before);
	my ($total, $n_failed, @strange, @left) = (0, 0);

	# the first fills caches, which changes what the next ones ask for
	for (1 .. 2)
	{
		put_back($session) if $sql =~ /resume/;
		my ($n, $errors) = do_it($session, $sql, $kind, 1e9);

		is("@$errors", '', "$name works") if $_ == 1;
		$total = $n;
	}
	my $clean = $session->query("$held;");
	my $before_bytes = $session->query("$bytes;");

	for my $n (numbers($total))
	{
		put_back($session) if $sql =~ /resume/;
		my (undef, $errors) = do_it($session, $sql, $kind, $n);

		$n_failed += @$errors > 0;
		push @strange, map { "$n: $_" } grep { !/ERROR:  (?:53200|53100|58030)/ } @$errors;
		my $now = $session->query("$held;");
		push @left, "$n: $now after @$errors" if $now ne $clean;
	}
	my $grown = $session->query("$bytes;") - $before_bytes;

	note("$name, $kinds[$kind]: $total, $n_failed errors");
	# rows of those that are given little memory must come to lie on disk
	cmp_ok($total, '>', 0, "$name: there are temporary files") if $kind == 2 && $before =~ /maintenance_work_mem/;
	return if $total == 0;
	cmp_ok($n_failed, '>', 0, "$name: the n-th $kinds[$kind] fails, of $total: $n_failed errors");
	is(join("\n", @strange[0 .. ($#strange < 9 ? $#strange : 9)]), '', "$name: each says what it is");
	is(join("\n", @left[0 .. ($#left < 9 ? $#left : 9)]), '', "$name: none leaves a file, a lock or memory of a training");
	cmp_ok($grown, '<', 1048576, "$name: the session has not grown");
}

interrupt();
srand(12);
for my $operation (@operations)
{
	next if $ENV{AE_FAULT} && $operation->[0] ne $ENV{AE_FAULT};
	# those on disk do the same to memory, and take long
	sweep($_, @$operation) for grep { $SOAK || $_ == 2 || $operation->[1] !~ /maintenance_work_mem/ || $operation->[0] =~ /resume|groups/ } 1 .. 3;
}

is(join("\n", grep { /PANIC|was terminated by signal|\bXX\d\d\d (?:ERROR|FATAL)/ } split /\n/, $node->log_text), '', 'no crash, no internal error');

done_testing();
