# The demo: a throw-away server with the extension in it, and a tour in SQL on a real table.
#
#     perl tests/demo.pl          build, start, run tests/demo/demo.sql, leave the server running
#     perl tests/demo.pl clean    stop it and remove it
#
# Nothing is installed into the system: the extension goes into a private copy of the server's
# directories, and the server listens on a socket of its own only.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/tap";
use AeCluster;
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Time::HiRes qw(time);

my $STATE = '.demo';           # holds the directory of the demo that runs
my $LOG = 'tmp_check/log/demo-install.log';

$| = 1;
chdir $AeCluster::ROOT or die "$AeCluster::ROOT: $!\n";
clean();
exit 0 if @ARGV && $ARGV[0] eq 'clean';
demo();

# Stops the server of an earlier demo, if there is one, and removes all of it.
sub clean
{
	my $dir = AeCluster::slurp($STATE);

	chomp $dir;
	return if $dir eq '';
	if (-d "$dir/cluster/data")
	{
		local $ENV{PWD} = '/';
		my $bindir = (glob("$dir/bin"))[0];

		system('sh', '-c', 'cd / && exec "$@"', 'sh', AeCluster::as_server(), "$bindir/pg_ctl", '-s', '-w',
			'-m', 'fast', '-D', "$dir/cluster/data", 'stop')
		  if -e "$dir/cluster/data/postmaster.pid";
	}
	remove_tree($dir);
	unlink $STATE;
	print "The demo's server is stopped and removed.\n";
}

sub demo
{
	my $start = time;
	my $dir = tempdir('ae-demo-XXXXXX', TMPDIR => 1);
	my ($node, $rc);

	chmod 0755, $dir;
	open(my $state, '>', $STATE) or die "$STATE: $!\n";
	print $state "$dir\n";
	close $state;

	make_path('tmp_check/log');
	unlink $LOG;
	print "Building ae (log: $LOG) ...\n";
	my $bindir = eval { AeCluster::install_private("$dir/root", $AeCluster::ROOT, $LOG) }
	  or die AeCluster::slurp($LOG), $@;
	symlink($bindir, "$dir/bin") or die "$dir/bin: $!\n";

	print 'Starting a throw-away ', qx($bindir/postgres --version) =~ s/\n//r,
	  defined AeCluster::server_user() ? ' as user ' . AeCluster::server_user() : '', " in $dir ...\n";
	mkdir "$dir/cluster";
	$ENV{AE_BINDIR} = "$dir/bin";
	$node = AeCluster->new(name => 'demo', dir => "$dir/cluster");
	$node->query('postgres', 'CREATE DATABASE demo');
	printf "(%.0f s so far)\n\n", time - $start;

	$rc = system($node->psql_command('demo', '-q', '-v', 'ON_ERROR_STOP=1', '-f', 'tests/demo/demo.sql'));
	if ($rc != 0)
	{
		print "The demo failed.  Its server still runs; `make demo-clean` removes it.\n";
		exit 1;
	}
	printf <<'END', time - $start, join(' ', $node->psql_command('demo')), $dir;
Done in %.0f s.  The server keeps running; look around:

    %s

Your own servers are untouched: the extension is in %s only (`make install` puts it
into the server of pg_config).  Stop and remove all of it with:

    make demo-clean

END
}
