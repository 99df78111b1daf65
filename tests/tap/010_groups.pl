# Proves: a thousand groups in one scan give the models that they give one by one, whatever the plan
# and the memory; memory stays near maintenance_work_mem, and temporary files go away with the
# statement, however it ends.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $GROUPS = 1000;
my $ROWS = 500;    # of a group
my $node = AeCluster->new(conf => { log_temp_files => '0', max_parallel_workers_per_gather => '0' });
my $options = q('{"updates": 20, "hidden": [4], "code": 2}');

$node->query('postgres', <<"END");
CREATE EXTENSION ae;
CREATE TABLE rows AS SELECT i % $GROUPS AS g, sin(i) AS a, cos(i) AS b, i % 7 AS c, (i % 11)::real AS d, i::bigint AS e
  FROM generate_series(1, $GROUPS * $ROWS) i;
CREATE INDEX ON rows (g);
CREATE TABLE few AS SELECT * FROM rows WHERE e <= 20 * $GROUPS;
VACUUM ANALYZE;
END

# A backend that has trained once, and what it takes then.
sub fresh_session
{
	my $session = $node->session('postgres');
	my $pid = $session->query('SELECT pg_backend_pid()');

	$session->query("SET ae.progress = off; SET client_min_messages = warning;
		SELECT length(ae.train(r, $options)) FROM (SELECT * FROM rows LIMIT 100) r");
	return ($session, $pid);
}

# Kilobytes of private memory: now, and at most so far (shared memory and files only ever grow).
sub private_memory
{
	my ($pid) = @_;
	my %kb = AeCluster::slurp("/proc/$pid/status") =~ /^(VmHWM|RssAnon|RssFile|RssShmem):\s+(\d+) kB/mg;

	return ($kb{RssAnon}, $kb{VmHWM} - $kb{RssFile} - $kb{RssShmem});
}

sub temporary_files
{
	return scalar(() = glob("$node->{data}/base/pgsql_tmp/*"));
}

# What a statement has written to temporary files: "2 files, 12.3 MB".
sub files_logged
{
	my ($from) = @_;
	my @sizes = substr($node->log_text, $from) =~ /temporary file: path .*, size (\d+)/g;
	my $sum = 0;

	$sum += $_ for @sizes;
	return sprintf '%d temporary files, %.1f MB', scalar @sizes, $sum / 1e6;
}

# ---- the same models in any plan and memory ------------------------------------------------------

my ($session) = fresh_session();
$session->query("CREATE TABLE models AS SELECT g, (SELECT ae.train(r, $options) FROM rows r WHERE r.g = s.g) AS model
	FROM generate_series(0, $GROUPS - 1) s(g)");
is($session->query('SELECT count(DISTINCT model) FROM models'), $GROUPS, 'models trained one by one');
$session->close;

my %plans = (
	sorted => 'SET enable_hashagg = off',
	'hashed, few at a time' => 'SET enable_sort = off; SET enable_indexscan = off',
	'hashed, all at once' => "SET enable_sort = off; SET enable_indexscan = off; SET work_mem = '4GB'",
);
my %peak;

for my $plan (sort keys %plans)
{
	for my $memory ('1MB', '4MB', '8MB', '256MB')
	{
		my ($session, $pid) = fresh_session();
		my ($before) = private_memory($pid);
		my $log = length $node->log_text;

		$session->query("$plans{$plan}; SET maintenance_work_mem = '$memory'");
		is($session->query("SELECT count(*) FILTER (WHERE n.model = m.model)
			FROM (SELECT g, ae.train(r, $options) AS model FROM rows r GROUP BY g) n JOIN models m USING (g)"),
			$GROUPS, "$plan, maintenance_work_mem = $memory: all models are the same");
		my (undef, $most) = private_memory($pid);
		$peak{$plan}{$memory} = ($most - $before) / 1024;
		diag(sprintf 'report: %d groups of %d rows, %s, maintenance_work_mem %s: %.1f MB of memory, %s', $GROUPS,
			$ROWS, $plan, $memory, $peak{$plan}{$memory}, files_logged($log));
		$session->close;
	}
}
is(temporary_files(), 0, 'no temporary file is left');

# Rows of all groups take some 45 MB; a group's state without its rows some 12 kB.
cmp_ok($peak{'hashed, all at once'}{'1MB'}, '<', 30, 'memory is that of the states, not of their rows');
cmp_ok($peak{'hashed, all at once'}{'1MB'}, '<', 0.7 * $peak{'hashed, all at once'}{'256MB'},
	'memory follows maintenance_work_mem');

{
	my ($session, $pid) = fresh_session();
	my ($before) = private_memory($pid);
	my $log = length $node->log_text;

	$session->query("$plans{'hashed, all at once'}");
	is($session->query("SELECT count(model) FROM (SELECT ae.train(r, $options) AS model FROM few r GROUP BY g) n"),
		$GROUPS, 'groups of 20 rows');
	my (undef, $most) = private_memory($pid);
	diag(sprintf 'report: %d groups of 20 rows, all at once: %.1f kB a group, %s', $GROUPS,
		($most - $before) / $GROUPS, files_logged($log));
	cmp_ok($most - $before, '<', 32 * $GROUPS, 'a small group costs little');
	$session->close;
}

# ---- runs that are merged in several passes ------------------------------------------------------

# 500,000 rows in runs of 384 kB, of which half a megabyte of buffers merges 128 at a time; grouping
# sets hold all rows several times over, in one file.
{
	my ($session) = fresh_session();
	my $query = "SELECT string_agg(md5(model), ' ' ORDER BY g, c) FROM (SELECT g % 3 AS g, c, ae.train(r, $options) AS model
		FROM rows r GROUP BY GROUPING SETS ((), (g % 3), (c), (g % 3, c))) m";
	my ($small, $large);

	$session->query("SET enable_sort = off; SET work_mem = '1GB'; SET maintenance_work_mem = '1MB'");
	my $log = length $node->log_text;
	$small = $session->query($query);
	diag('report: four grouping sets, maintenance_work_mem 1MB: ' . files_logged($log));
	like($small, qr/^\w{32}( \w{32}){31}$/, '32 models of grouping sets');
	$session->query("SET maintenance_work_mem = '1GB'");
	$large = $session->query($query);
	is($small, $large, 'the same in more memory');
	$session->close;
}

# ---- however a statement ends --------------------------------------------------------------------

{
	my ($session) = fresh_session();
	my $grouped = "SELECT g, ae.train(r, $options) AS model FROM rows r GROUP BY g";

	$session->query("SET maintenance_work_mem = '1MB'; SET enable_sort = off; SET enable_indexscan = off; SET work_mem = '4GB'");
	is($session->query("SELECT count(*) FROM ($grouped LIMIT 3) m"), 3, 'three groups of a thousand');
	is(temporary_files(), 0, 'LIMIT leaves no file');

	$session->query("BEGIN; DECLARE c CURSOR FOR $grouped");
	like($session->query('FETCH 1 FROM c'), qr/\|\\x/, 'one group by a cursor');
	cmp_ok(temporary_files(), '>', 0, 'its file is there');
	$session->query('CLOSE c');
	is(temporary_files(), 0, 'closing the cursor removes it');
	$session->query("DECLARE c CURSOR FOR $grouped; FETCH 1 FROM c; COMMIT");
	is(temporary_files(), 0, 'so does COMMIT');

	like($session->query("SELECT ae.train(ARRAY[a, 1 / (e - $GROUPS * $ROWS)], $options) FROM rows GROUP BY g"),
		qr/division by zero/, 'an error in the last row');
	is(temporary_files(), 0, 'an error leaves no file');
	$session->query("BEGIN; DECLARE c CURSOR FOR $grouped");
	$session->query("SAVEPOINT s; FETCH 1 FROM c; SELECT 1 / 0; ROLLBACK TO s");
	$session->query('ROLLBACK');
	is(temporary_files(), 0, 'nor does a subtransaction that fails');

	like($session->query("SET statement_timeout = '300ms'; SELECT count(model) FROM ($grouped) m; RESET statement_timeout"),
		qr/statement timeout/, 'a timeout');
	is(temporary_files(), 0, 'a timeout leaves no file');
	is($session->query("SELECT sum(n) FROM generate_series(1, 2) k,
		LATERAL (SELECT count(*) AS n FROM (SELECT g, ae.train(r, $options) FROM rows r WHERE c < k GROUP BY g LIMIT 5) m) l"),
		10, 'a subquery that runs twice');
	is(temporary_files(), 0, 'running again leaves no file');
	$session->close;
}
unlike($node->log_text, qr/temporary file leak|reference leak/, 'the server has seen no leak');

done_testing();
