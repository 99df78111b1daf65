# Proves that loading the library, scoring and training change nothing else in a backend: no thread,
# no signal mask or handler, no floating-point mode, no environment, no memory to speak of.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

plan skip_all => 'needs /proc' unless -d '/proc/self/task';

# Without jit: a query compiled just in time loads LLVM, 50 MB of it, whatever the query calls.
my $node = AeCluster->new(name => 'load', conf => { jit => 'off' });
my ($session, $pid, $memory, $resident);

# Lines of /proc/<backend>/status as a hash.
sub status
{
	my ($pid) = @_;
	my $text = $session->query("SELECT pg_read_file('/proc/$pid/status', 0, 100000)");
	my %status = $text =~ /^(\w+):\s*(.*?)\s*$/mg;

	return \%status;
}

# What must stay as it was, as text.
sub state_of
{
	my ($pid) = @_;
	my $status = status($pid);

	return join "\n", map { "$_: $status->{$_}" } qw(Threads SigBlk SigIgn SigCgt ShdPnd);
}

# Private memory.  The whole resident set is only reported: dlopen looks symbols up in every library
# that the server is linked with, which counts pages of theirs, 3 MB here, that are shared anyway.
sub memory_kb
{
	my ($pid) = @_;
	my ($private) = status($pid)->{RssAnon} =~ /(\d+)/;
	return $private;
}

sub resident_kb
{
	my ($pid) = @_;
	my ($resident) = status($pid)->{VmRSS} =~ /(\d+)/;
	return $resident;
}

sub environment
{
	my ($pid) = @_;
	return $session->query("SELECT encode(pg_read_binary_file('/proc/$pid/environ', 0, 100000), 'hex')");
}

sub report
{
	my ($what) = @_;

	printf "# report: %s: %d kB private, %d kB with shared pages\n", $what, memory_kb($pid) - $memory,
	  resident_kb($pid) - $resident;
}

# A denormal must survive: a library linked with -ffast-math sets flush-to-zero for the whole backend.
sub denormal
{
	return $session->query("SELECT 1e-110::float8 * 1e-200");
}

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE t AS
	SELECT i, ARRAY[sin(i), cos(i), sin(2 * i), sin(i) * cos(i)]::real[] AS x FROM generate_series(1, 500) AS i;
END
$node->query('postgres', <<'END');
CREATE TABLE models AS
	SELECT ae.train(x, ae.options(code => 2, epochs => 3)) AS model FROM t;
END

$session = $node->session('postgres');
$pid = $session->query('SELECT pg_backend_pid()');

# Warm up whatever the measurements themselves load.
$session->query('SELECT sum(length(x::text)) FROM t');
$_->($pid) for \&state_of, \&environment;
denormal();

my $before = state_of($pid);
my $environment = environment($pid);
$memory = memory_kb($pid);
$resident = resident_kb($pid);
like($before, qr/^Threads: 1$/m, 'a backend has one thread');
is(denormal(), '1e-310', 'denormals exist before');

is($session->query("LOAD 'ae'"), '', "LOAD 'ae' works");
is(state_of($pid), $before, 'LOAD changes no thread and no signal mask');
is(denormal(), '1e-310', 'LOAD does not flush denormals to zero');
my $growth = memory_kb($pid) - $memory;
cmp_ok($growth, '<', 256, 'LOAD takes less than 256 kB');
report('LOAD');

like($session->query('SELECT count(*), sum(ae.reconstruction_error(model, x)) > 0 FROM models, t'),
	qr/^500\|t$/, 'scoring works');
is(state_of($pid), $before, 'scoring changes no thread and no signal mask');
is(denormal(), '1e-310', 'scoring does not flush denormals to zero');
$growth = memory_kb($pid) - $memory;
cmp_ok($growth, '<', 1024, 'scoring takes less than 1 MB');
report('LOAD and scoring');

# Within one statement: what a call leaves in a context of the query adds up.
$session->query('CREATE FUNCTION private_kb() RETURNS int VOLATILE LANGUAGE sql AS '
	  . q{$$ SELECT substring(pg_read_file('/proc/self/status', 0, 100000) FROM 'RssAnon:\s*(\d+)')::int $$});
$growth = $session->query(q{SELECT max(kb) - min(kb) FROM (
	SELECT CASE WHEN i % 3000 = 0 AND i > 0 THEN private_kb() END AS kb FROM models, generate_series(1, 30000) i,
		LATERAL (SELECT x FROM t WHERE i > 0 LIMIT 1) t, LATERAL ae.explain(model, x) e WHERE feature = '[1]') q});
like($growth, qr/^\d+$/, 'explaining works');
cmp_ok($growth, '<', 1024, '30,000 explanations in a statement take less than 1 MB');
unlike($session->query("SELECT pg_read_file('/proc/$pid/maps', 0, 4000000)"), qr/blas/i,
	'no BLAS library is loaded for scoring');

like($session->query("SELECT octet_length(ae.train(x, ae.options(code => 2, epochs => 3))) > 100 FROM t"),
	qr/^t$/m, 'training works');
is(state_of($pid), $before, 'training leaves no thread and no changed signal mask');
is(denormal(), '1e-310', 'training does not flush denormals to zero');

like($session->query("SELECT octet_length(ae.train(x, ae.options(code => 2, optimizer => 'lbfgs', updates => 3))) > 100 FROM t"),
	qr/^t$/m, 'training with lbfgs works');
is(state_of($pid), $before, 'lbfgs leaves no thread and no changed signal mask');
is(environment($pid), $environment, 'the environment is as it was');
report('LOAD, scoring and training');

# /proc shows the environment a process began with; a child shows what it would hand on.
is($session->query("CREATE TEMP TABLE e(line text); COPY e FROM PROGRAM 'env'; SELECT count(*) FROM e WHERE line ~ 'OPENBLAS|OMP_'"),
	0, 'no variable of BLAS is left in the environment')
  unless grep { /^(?:OPENBLAS|OMP)_/ } keys %ENV;

done_testing();
