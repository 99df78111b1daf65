# Proves that sessions which save, drop, index and score the same models at random never get a wrong score, and
# that killed servers come back with whole versions only.  AE_SOAK=1: 10,000 statements and 200 kills.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my ($N_STATEMENTS, $N_KILLS) = $ENV{AE_SOAK} ? (2500, 200) : (150, 4);    # of each session
my $N_SESSIONS = 4;
my $node = AeCluster->new(name => 'stress', conf => { deadlock_timeout => '200ms' });

srand(20260101);
$node->query('postgres', <<'END');
CREATE EXTENSION ae;
SET ae.progress = off;
CREATE TABLE t AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b FROM generate_series(1, 100) i;
CREATE TABLE bytes AS SELECT n, ae.train(t, ae.options(exclude => '{i}', updates => 5, folds => 1, seed => n)) AS model
	FROM t, generate_series(1, 20) n GROUP BY n;
CREATE TABLE own_1 AS TABLE t;
CREATE TABLE own_2 AS TABLE t;
CREATE TABLE own_3 AS TABLE t;
CREATE TABLE own_4 AS TABLE t;
-- which model a version was saved as; outlives the version, not a rollback
CREATE TABLE saved (model ae.model, n int);
CREATE FUNCTION save(name text, number int) RETURNS void LANGUAGE sql AS
	'INSERT INTO saved SELECT ae.save_model(name, model), number FROM bytes WHERE n = number';
-- scores by reference and by bytes: what they must be, or that the version is no more
CREATE FUNCTION check_version(version text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE wrong int; numbers int[];
BEGIN
	SELECT array_agg(n) INTO numbers FROM saved WHERE split_part(model::text, '#', 1) = split_part(version, '#', 1);
	IF numbers IS NULL THEN
		RETURN 'unknown';
	END IF;
	SELECT count(*) INTO wrong FROM t, bytes WHERE n = ANY (numbers) AND i <= 5 AND ae.raw_score(version::ae.model, t) <> ae.raw_score(model, t);
	RETURN CASE WHEN wrong > 0 THEN 'WRONG ' || version ELSE 'right' END;
EXCEPTION WHEN undefined_object THEN
	RETURN 'gone';
END $$;
SELECT save(name, n) FROM unnest('{m,n}'::text[]) name, generate_series(1, 3) n;
END

sub pick { return $_[ rand @_ ] }

# One random statement, or a transaction of some.
sub statement
{
	my ($session, $number, $nested) = @_;
	my $name = pick('m', 'n');
	my $version = "$name\@" . (1 + int rand(4 + $number / 2));
	my $what = int rand($nested ? 8 : 10);

	return "SELECT save('$name', " . (1 + int rand 20) . ')' if $what <= 1;
	return "SELECT ae.drop_model('$version') >= 0" if $what == 2;
	return "SELECT check_version('$version')" if $what <= 4;
	return "SELECT check_version(ae.current('$name')::text)" if $what == 5;
	return "DROP INDEX IF EXISTS own_index_$session" if $what == 6;
	return "CREATE INDEX IF NOT EXISTS own_index_$session ON own_$session (ae.raw_score('$version', ROW(a, b)))" if $what == 7;
	return "SET enable_seqscan = off; SELECT check_version('$version'), count(*) FROM own_$session WHERE ae.raw_score('$version', ROW(a, b)) > 0; RESET enable_seqscan"
	  if $what == 8;
	return join ";\n", 'BEGIN', (map { statement($session, $number, 1) } 1 .. 3), pick('COMMIT', 'ROLLBACK');
}

my @jobs;

for my $session (1 .. $N_SESSIONS)
{
	my $sql = join ";\n", "SET ae.cache_size = '" . pick('0', '200kB', '64MB') . "'", map { statement($session, $_, 0) } 1 .. $N_STATEMENTS;

	push @jobs, $node->start_psql('postgres', "\\set VERBOSITY sqlstate\n$sql;\n", errors => 1);
}

my ($right, %errors) = (0);

for my $job (@jobs)
{
	my ($out, $err) = $job->finish;

	unlike($out, qr/WRONG/, 'no wrong score') or diag($out =~ /(WRONG.*)/g);
	$right += () = $out =~ /right/g;
	$errors{$_}++ for $err =~ /ERROR:  (\w+)/g;
}
cmp_ok($right, '>', $N_SESSIONS * $N_STATEMENTS / 10, 'versions were there to be scored');
note("$right right scores; errors by SQLSTATE: @{[ map { qq($_ $errors{$_}) } sort keys %errors ]}");
# no such version, in use, transaction aborted, deadlock of two that lock both names
delete @errors{qw(42704 2BP01 25P02 40P01)};
is_deeply(\%errors, {}, 'no error but those that say what happened');
is($node->query('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted"), 0, 'nobody waits any more');

# Every version is whole, and what was saved as that; numbers never came twice.
my $whole = <<'END';
SELECT count(*) FILTER (WHERE m.digest <> sha256(m.model) OR m.digest <> sha256(b.model)), count(*) > 0
FROM ae.models m LEFT JOIN saved s ON split_part(s.model::text, '#', 1) = m.name || '@' || m.version LEFT JOIN bytes b USING (n)
END
is($node->query('postgres', $whole), '0|t', 'every version is whole');
is($node->query('postgres', q(SELECT count(*) - count(DISTINCT split_part(model::text, '#', 1)) FROM saved)), 0, 'no number came twice');
is($node->query('postgres', 'SELECT count(*) FROM ae.model_names n WHERE last_version < (SELECT max(version) FROM ae.models m WHERE m.name = n.name)'), 0, 'numbers are counted');

# ---- kills --------------------------------------------------------------------------------------------

$node->query('postgres', "SELECT save('k', 1)");
my ($backends, $servers, $complete, $counted) = (0, 0, 0, 0);

for my $round (1 .. $N_KILLS)
{
	my $training = $node->start_psql('postgres', "SET ae.progress = off; CALL ae.train_model('k', 't', ae.options(exclude => '{i}', updates => 3000, seed => $round))", errors => 1);
	my $saving = $node->start_psql('postgres', join(";\n", map { "SELECT save('s', " . (1 + $_ % 20) . ')' } 1 .. 200) . ";\n", errors => 1);

	select(undef, undef, undef, 0.05 + rand 0.3);
	if ($round % 2)
	{
		my $pid = $node->query('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1");

		if ($pid =~ /^\d+$/)
		{
			kill 'KILL', $pid;
			$backends++;
		}
		$_->finish for $training, $saving;
		select(undef, undef, undef, 0.1) until ($node->psql('postgres', 'SELECT 1'))[2] == 0;
	}
	else
	{
		my ($pid) = AeCluster::slurp("$node->{data}/postmaster.pid") =~ /^(\d+)/;
		my @children = split /\n/, $node->query('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');

		# all at once, as when the machine goes: a server does not start beside backends of the one before
		kill 'KILL', $pid, @children;
		$_->finish for $training, $saving;
		$node->{running} = 0;
		# a process that nobody has waited for yet would pass for a server
		unlink "$node->{data}/postmaster.pid", glob("$node->{dir}/.s.PGSQL.*");
		$node->start;
		$servers++;
	}
	my $broken = $node->query('postgres', "SELECT count(*) FROM ae.models WHERE digest <> sha256(model) OR ae.threshold((name || '\@' || version)::ae.model) IS NULL");

	$complete++ if $broken eq '0';
	$counted += $node->query('postgres', "SELECT count(*) FROM ae.model_names n WHERE last_version <> (SELECT max(version) FROM ae.models m WHERE m.name = n.name) AND name IN ('k', 's')") eq '0';
	$node->psql('postgres', "SELECT ae.drop_model('s')");
}
is($complete, $N_KILLS, "after killing $backends backends and $servers servers every version is whole and can be used");
is($counted, $N_KILLS, 'no number without a version');
like(($node->psql('postgres', "SET ae.progress = off; CALL ae.train_model('k', 't', ae.options(exclude => '{i}', updates => 10))"))[1], qr/saved model k\@\d+/, 'and training goes on');

unlike($node->log_text, qr/XX000|cache lookup failed|signal 11|signal 6/, 'no internal error');
done_testing();
