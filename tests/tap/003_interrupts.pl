# Proves: cancelling works in every phase of a training, and leaves nothing behind: no memory, no
# temporary file, no thread.  AE_SOAK=1 cancels 200 trainings instead of 24.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;
use Time::HiRes qw(time sleep);

# rows are spilled at 8 MB; the networks of most phases take more than that allows
my $node = AeCluster->new(conf => { maintenance_work_mem => '8MB', log_temp_files => '0' });
my $roomy = q(SET maintenance_work_mem = '160MB';);

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE wide AS SELECT i id, (SELECT array_agg(sin(i * j)::real) FROM generate_series(1, 784) j) x
  FROM generate_series(1, 3000) i;
CREATE TABLE narrow AS SELECT i id, sin(i) a, cos(i) b, i % 10 c FROM generate_series(1, 300000) i;
VACUUM ANALYZE;
END

my $session = $node->session('postgres');
my $pid = $session->query('SET ae.progress = off; SELECT pg_backend_pid()');
my @late;

# Starts a statement in the session, cancels it after $after seconds; returns its message.
sub cancel
{
	my ($name, $sql, $after) = @_;
	my $killer = fork() // die "fork: $!\n";
	my ($answer, $start, $sent);

	if ($killer == 0)
	{
		sleep $after;
		exec $node->psql_command('postgres', '-Atqc', "SELECT pg_cancel_backend($pid)");
	}
	$start = time;
	$answer = $session->query($sql);
	my $late = time - $start - $after;

	push @late, sprintf '%s: %.0f ms', $name, 1000 * $late;
	waitpid $killer, 0;
	return wantarray ? ($answer, $late) : $answer;
}

my $deep = '{"hidden": [1000, 500, 250], "code": 30, "epochs": 1000, "batch_size": 256, %s}';
my @phases = (
	[ 'adam', sprintf($deep, '"seed": 1'), 4 ],
	[ 'lbfgs', sprintf($deep, '"optimizer": "lbfgs"') =~ s/"epochs": 1000/"updates": 1000/r =~ s/"batch_size": 256, //r, 4 ],
	[ 'validation', sprintf($deep, '"validation": 0.9'), 4 ],
	[ 'pretraining', sprintf($deep, '"pretrain": "plain", "pretrain_updates": 1000000'), 4 ],
	# one step is a gradient of 2,000 probes, 20 seconds
	[ 'contraction', '{"hidden": [2000, 2000], "code": 2000, "tied": true, "contract_weight": 0.1, "contract_exact": true}', 4 ]);
my $cancelled = qr/canceling statement due to user request/;

$session->query($roomy);
for (@phases)
{
	my ($name, $options, $after) = @$_;

	my ($answer, $late) = cancel($name, "SELECT length(ae.train(x, '$options')) FROM wide;", $after);

	like($answer, $cancelled, "cancelled in $name");
	cmp_ok($late, '<', 5, "$name: within seconds");
}

# Phases that end by themselves: cancelled at moments spread over a whole statement, which is cancelled
# or gives its model.
sub cancel_everywhere
{
	my ($name, $sql) = @_;
	my $start = time;
	my ($hits, @odd) = (0);

	$session->query($sql);
	my $whole = time - $start;

	for my $i (1 .. 10)
	{
		my $answer = cancel($name, $sql, $whole * $i / 11);

		if ($answer =~ $cancelled) { $hits++ }
		elsif ($answer !~ /^(?:NOTICE:  column "id" has a different whole number.*\nHINT:  .*\n)?\d+$/) { push @odd, $answer }
	}
	cmp_ok($hits, '>', 2, "$name: cancelled at $hits of 10 moments");
	is_deeply(\@odd, [], "$name: or not at all");
}

cancel_everywhere('one update, validation, calibration',
	"SELECT length(ae.train(x, '" . sprintf($deep, '"validation": 0.9, "time_limit": 0.01') . "')) FROM wide;");
$session->query('RESET maintenance_work_mem;');
cancel_everywhere('reading, sorting, spilling', q(SELECT length(ae.train(narrow, '{"updates": 20}')) FROM narrow;));
like($session->query("$roomy SET statement_timeout = '2s'; SELECT length(ae.train(x, '" . sprintf($deep, '"seed": 1') . "')) FROM wide; RESET statement_timeout; RESET maintenance_work_mem;"),
	qr/canceling statement due to statement timeout/, 'statement_timeout ends a training');
diag("milliseconds from the moment of cancelling to the answer (a psql start included): @late");

# ---- nothing leaks ------------------------------------------------------------------------------

sub backend_state
{
	my $contexts = $session->query('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
	my ($rss) = AeCluster::slurp("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/;
	my @threads = glob("/proc/$pid/task/*");
	my @files = glob("$node->{data}/base/pgsql_tmp/*");

	return ($contexts, $rss, scalar @threads, scalar @files);
}

my $n = $ENV{AE_SOAK} ? 200 : 24;
my @kinds = ('SELECT ae.train(narrow) FROM narrow', "$roomy SELECT ae.train(x) FROM wide",
	$roomy . q(SELECT ae.train(x, '{"optimizer": "lbfgs"}') FROM wide));
my ($contexts, $rss, $threads, $files);

for my $i (1 .. $n)
{
	my $timeout = 20 + $i * 37 % 700;
	my $answer = $session->query("SET statement_timeout = $timeout; $kinds[$i % 3]; RESET statement_timeout; RESET maintenance_work_mem;");

	$answer =~ /statement timeout/ || $answer =~ /^\\x/ or die "unexpected answer: $answer";
	($contexts, $rss, $threads, $files) = backend_state() if $i == 12;
}
my ($contexts2, $rss2, $threads2, $files2) = backend_state();

diag("after 12 and after $n cancelled trainings: contexts $contexts, $contexts2 bytes; RSS $rss, $rss2 kB");
cmp_ok($contexts2, '<', $contexts + 200_000, 'memory contexts do not grow');
cmp_ok($rss2, '<', $rss + 20_000, 'resident memory does not grow');
is($threads2, 1, 'the backend has one thread');
is($files2, 0, 'no temporary file is left');
like($session->query("SELECT ae.train(narrow, '{\"updates\": 10}') IS NOT NULL FROM narrow;"), qr/^t$/m,
	'the session still trains');
$session->close;
unlike($node->log_text, qr/temporary file leak|reference leak/, 'the server has seen no leak');

done_testing();
