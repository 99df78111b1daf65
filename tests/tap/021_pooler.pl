# Proves that named models work behind a pooler that gives each transaction whatever server session is free:
# PgBouncer in transaction mode, two server sessions for four clients. Skipped where it is not installed.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my ($pooler) = grep { -x } '/usr/sbin/pgbouncer', map { "$_/pgbouncer" } split /:/, $ENV{PATH};
plan skip_all => 'no pgbouncer' unless $pooler;

my $node = AeCluster->new(name => 'pooler');
my $dir = $node->{dir};
my $port = $node->port + 1;

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
SET ae.progress = off;
CREATE TABLE t AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b FROM generate_series(1, 1000) i;
SELECT ae.save_model('m', ae.train(t, ae.options(exclude => '{i}', updates => 50))) FROM t;
SELECT ae.save_model('m', ae.train(t, ae.options(exclude => '{i}', updates => 50, seed => 1))) FROM t;
END

open(my $ini, '>', "$dir/pooler.ini") or die "$!\n";
print $ini <<"END";
[databases]
postgres = host=$dir port=@{[$node->port]} user=@{[$node->user]}
[pgbouncer]
pool_mode = transaction
default_pool_size = 2
listen_port = $port
unix_socket_dir = $dir
auth_type = any
logfile = $dir/pooler.log
pidfile = $dir/pooler.pid
END
close($ini);
chmod 0644, "$dir/pooler.ini";
AeCluster::run_logged("$dir/start.log", AeCluster::as_server(), $pooler, '-d', "$dir/pooler.ini") == 0
  or BAIL_OUT(AeCluster::slurp("$dir/start.log"));

END
{
	system('kill', AeCluster::slurp("$dir/pooler.pid") =~ /(\d+)/) if defined $dir && -e "$dir/pooler.pid";
}

my @clients = map { AeCluster::Session->new("$node->{bindir}/psql", '-XAtq', '-h', $dir, '-p', $port, '-U', $node->user, 'postgres') } 1 .. 4;
my %sum = map { $_ => $node->query('postgres', "SELECT sum(ae.raw_score('m\@$_', t)) FROM t") } 1, 2;

isnt($sum{1}, $sum{2}, 'two versions');
for my $round (1 .. 5)
{
	for my $i (0 .. $#clients)
	{
		my $version = 1 + ($round + $i) % 2;

		is($clients[$i]->query("SELECT sum(ae.raw_score('m\@$version', t)) FROM t;"), $sum{$version}, "round $round, client $i");
	}
}
is($clients[0]->query('SELECT count(DISTINCT pid) <= 2 FROM pg_stat_activity WHERE backend_type = \'client backend\' AND pid <> pg_backend_pid();'),
	't', 'two sessions served them');

# A transaction keeps its session, others go on meanwhile.
is($clients[0]->query("BEGIN; SELECT ae.drop_model('m\@1'); SELECT count(*) FROM ae.models;"), "1\n1", 'dropped in a transaction');
is($clients[1]->query("SELECT sum(ae.raw_score('m\@1', t)) FROM t;"), $sum{1}, 'and there for others');
$clients[0]->query('ROLLBACK;');
is($clients[2]->query("SELECT sum(ae.raw_score('m\@1', t)) FROM t;"), $sum{1}, 'and for all when it is rolled back');

# The procedure commits as it goes; the pooler may hand the session on only when it has ended.
like($clients[3]->query("SET ae.progress = off; CALL ae.train_model('m', 't', ae.options(exclude => '{i}', updates => 50, seed => 2));"),
	qr/saved model m\@3/, 'ae.train_model through the pooler');
is($clients[$_]->query("SELECT split_part(ae.current('m')::text, '#', 1);"), 'm@3', "client $_ sees the new version") for 0 .. 3;
isnt($clients[1]->query("SELECT sum(ae.raw_score('m', t)) FROM t;"), $sum{2}, 'and scores with it');
$_->close for @clients;
unlike($node->log_text, qr/PANIC|terminated by signal|XX000/, 'no crash, no internal error');

done_testing();
