# Runs the server's own regression and isolation suites twice, on the server as it is and with a node that
# reads ahead put wherever one may be (ae.batch_always), and compares what they print: nobody may be able to
# tell.
#
#     perl tests/server.pl DIRECTORY         the sources of PostgreSQL, of the server's major version
#     perl tests/server.pl DIRECTORY one two only those tests, after test_setup
#
# Without a directory: AE_SERVER_SOURCE, or else what `apt-get source` brings, or it is skipped.  Statements
# that begin with EXPLAIN are planned as ever, so that plans are no differences.  Results stay in
# tmp_check/server.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/tap";
use AeCluster;
use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);

chdir $AeCluster::ROOT or die "$AeCluster::ROOT: $!\n";

my ($source, @tests) = @ARGV;
$source //= $ENV{AE_SERVER_SOURCE} // download();
if (!defined $source)
{
	print "skip   server: no sources of PostgreSQL (AE_SERVER_SOURCE)\n";
	exit 0;
}
die "$source/src/test/regress: no such directory\n" unless -d "$source/src/test/regress";

my $dir = tempdir('ae-server-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $output = 'tmp_check/server';
my $log = "$output/setup.log";
my $programs = AeCluster::pg_config('pgxs') =~ s,/makefiles/pgxs\.mk$,/test,r;
my %results;

chmod 0755, $dir;
remove_tree($output);
make_path($output);
$ENV{AE_BINDIR} = AeCluster::install_private("$dir/root", $AeCluster::ROOT, $log);
build_library();
for my $how (qw(plain ahead))
{
	my $conf = $how eq 'plain' ? {} : { session_preload_libraries => 'ae', 'ae.batch_always' => 'on' };
	my $node = AeCluster->new(name => $how,
		conf => { %$conf, max_prepared_transactions => 10, timezone => 'PST8PDT', wal_level => 'logical' });

	run_suite($how, $node, 'regress', 'pg_regress');
	run_suite($how, $node, 'isolation', 'pg_isolation_regress') unless @tests;
	print map { "# $how: $_\n" } grep { /PANIC|was terminated by signal/ } split /\n/, $node->log_text;
}
exit compare();

# The newest sources of this major version that the package manager knows.
sub download
{
	my ($major) = AeCluster::pg_config('version') =~ /(\d+)/;
	my $to = "tmp_check/source-$major";
	my ($found) = glob("$to/postgresql-*/");

	return $found if defined $found;
	make_path($to);
	system("cd '$to' && apt-get source -qq postgresql-$major >/dev/null 2>&1");
	($found) = glob("$to/postgresql-*/");
	return $found;
}

# The functions in C that the suite calls.
sub build_library
{
	my %files = (regress => 'src/test/regress', refint => 'contrib/spi', autoinc => 'contrib/spi');

	make_path("$dir/lib");
	open(my $out, '>', "$dir/lib/Makefile") or die "Makefile: $!\n";
	print $out "MODULES = @{[sort keys %files]}\noverride with_llvm := no\nPGXS := ", AeCluster::pg_config("pgxs"), "\ninclude \$(PGXS)\n";
	close $out;
	for my $name (keys %files)
	{
		AeCluster::run_logged($log, 'cp', "$source/$files{$name}/$name.c", "$dir/lib/") == 0 or die "see $log\n";
	}
	AeCluster::run_logged($log, $ENV{MAKE} || 'make', '-C', "$dir/lib") == 0 or die "no library, see $log\n";
}

sub run_suite
{
	my ($how, $node, $suite, $program) = @_;
	my $input = "$dir/$suite";
	my @which = @tests ? ('test_setup', @tests) : ("--schedule=$input/" . schedule($suite));

	if (!-d $input)
	{
		AeCluster::run_logged($log, 'cp', '-r', "$source/src/test/$suite", $input);
		AeCluster::run_logged($log, 'chmod', '-R', 'a+rwX', $input);
	}
	# the server writes there, too
	make_path("$output/$how/$suite/results");
	chmod 0777, "$output/$how/$suite", "$output/$how/$suite/results";
	local %ENV = (%ENV, PG_COLOR => 'never', PATH => "$programs/isolation:$ENV{PATH}");
	AeCluster::run_logged("$output/$how-$suite.log", "$programs/$suite/$program", "--bindir=$node->{bindir}",
		"--inputdir=$input", "--outputdir=" . abs_path("$output/$how/$suite"), "--dlpath=$dir/lib",
		'--host=' . $node->host, '--port=' . $node->port, '--user=' . $node->user, '--max-connections=4',
		@which);
}

sub schedule
{
	my ($suite) = @_;
	return $suite eq 'regress' ? 'parallel_schedule' : 'isolation_schedule';
}

# What the two ways printed; the exit status.
sub compare
{
	my @files = map { s,.*/plain/,,r } glob("$output/plain/*/results/*.out");
	my $bad = 0;

	for my $file (@files)
	{
		my $same = -e "$output/ahead/$file" && system("cmp -s '$output/plain/$file' '$output/ahead/$file'") == 0;

		next if $same;
		$bad++;
		print "not ok server/$file: diff $output/{plain,ahead}/$file\n";
	}
	print scalar(@files), " results, $bad differ\n";
	return $bad || !@files ? 1 : 0;
}
