# Runs the tests: all kinds, or those named, or single ones.
#
#     perl tests/run.pl                         everything but `sanitize`
#     perl tests/run.pl unit regress            two kinds
#     perl tests/run.pl regress=03_train        one test of a kind (a part of its name will do)
#
# Prints a line for each test file: "ok", "not ok" with what is known about it, or "skip" with why;
# goes on after failures; the last line is "N passed, N failed, N skipped", and the exit status says
# whether any failed.
# Logs stay in tmp_check/.  Installs nothing: see setup.sh.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/tap";
use AeCluster;
use File::Basename qw(basename);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Time::HiRes qw(time);

$| = 1;
chdir $AeCluster::ROOT or die "$AeCluster::ROOT: $!\n";

my @KINDS = qw(style build libm unit fuzz regress readme tap);
my %run = (
	style => \&run_style,
	build => \&run_build,
	libm => \&run_libm,
	unit => \&run_unit,
	fuzz => \&run_fuzz,
	regress => \&run_regress,
	readme => \&run_readme,
	tap => \&run_tap,
	sanitize => \&run_sanitize,
);
my $LOGS = 'tmp_check/log';
my $MAKE = $ENV{MAKE} || 'make';
my $PROCESSORS = (qx(nproc 2>/dev/null) || 2) =~ s/\s//gr;
my $JOBS = "-j$PROCESSORS";
my $SECONDS_UNIT = 600;    # that one test program may take
my ($passed, $failed, $skipped) = (0, 0, 0);
my ($only, $private_dir, $cluster);

my @wanted = @ARGV ? @ARGV : @KINDS;

for (@wanted)
{
	my ($kind) = split /=/;
	die "unknown kind of test '$kind'; there are: @KINDS sanitize\n" unless $run{$kind};
}
make_path($LOGS);
for (@wanted)
{
	my $kind;
	my $start = time;

	($kind, $only) = split /=/;
	eval { $run{$kind}->(); 1 } or report(0, "$kind did not run", $@);
	printf "# %s: %.0f s\n", $kind, time - $start;
}
undef $cluster;
remove_tree($private_dir) if defined $private_dir;
print "$passed passed, $failed failed, $skipped skipped\n";
exit($failed ? 1 : 0);

# ---- reporting ----------------------------------------------------------------------------------

# One test: passed or not, its name, and what to show when it failed.
sub report
{
	my ($ok, $name, $details) = @_;

	$ok ? $passed++ : $failed++;
	print $ok ? "ok     $name\n" : "not ok $name\n";
	if (!$ok && defined $details && $details ne '')
	{
		$details =~ s/\n*\z/\n/;
		print map { "    $_" } $details =~ /.*\n/g;
	}
	return $ok;
}

sub skip
{
	my ($name, $why) = @_;

	$skipped++;
	print "skip   $name: $why\n";
}

sub tail
{
	my ($text, $lines) = @_;
	my @lines = split /\n/, $text;

	splice(@lines, 0, @lines - $lines, '...') if @lines > $lines;
	return join "\n", @lines;
}

# Is this test asked for?
sub chosen
{
	my ($name) = @_;
	return !defined $only || index($name, $only) >= 0;
}

# Runs a command with a log of its own; returns exit status and the log's text.
sub logged
{
	my ($name, @command) = @_;
	my $log = "$LOGS/$name.log";

	unlink $log;
	my $rc = AeCluster::run_logged($log, @command);
	return ($rc, AeCluster::slurp($log));
}

# ---- the extension, installed beside the system, and one cluster for what can share it ----------

sub private_bindir
{
	if (!defined $private_dir)
	{
		$private_dir = tempdir('ae-install-XXXXXX', TMPDIR => 1);
		chmod 0755, $private_dir;
		unlink "$LOGS/install.log";
		$ENV{AE_BINDIR} = AeCluster::install_private("$private_dir/root", $AeCluster::ROOT,
			"$LOGS/install.log");
	}
	return $ENV{AE_BINDIR};
}

sub shared_cluster
{
	private_bindir();
	$cluster //= AeCluster->new(name => 'tests');
	return $cluster;
}

# What a server's log must not hold after any test: a crash, or an internal error.
sub report_server_log
{
	my ($name, $text) = @_;
	my @bad = grep { /PANIC|was terminated by signal|\bXX\d\d\d (?:ERROR|FATAL)|Sanitizer|runtime error:/ }
	  split /\n/, $text;

	report(!@bad, "$name: no crash and no internal error in the server's log",
		tail(join("\n", @bad), 20));
}

# ---- the kinds ----------------------------------------------------------------------------------

sub run_style
{
	my ($rc, $text) = logged('style', $^X, 'tests/check_style.pl');

	print map { "# $_\n" } grep { /^(?:note|long):/ } split /\n/, $text;
	report($rc == 0, 'style tests/check_style.pl', $text);
}

sub run_build
{
	my ($rc, $text) = logged('build', $MAKE, '--no-print-directory', $JOBS, 'all', 'bench-programs');

	report($rc == 0, 'build', tail($text, 60));
	if ($rc == 0)
	{
		my @warnings = grep { /warning:/ } split /\n/, $text;
		print map { "# $_\n" } @warnings;
	}
}

# Scores must not depend on a system's libm: of it, objects on their way may use only what IEEE 754
# defines to the last bit.
sub run_libm
{
	my %allowed = map { $_ => 1, $_ . 'f' => 1 } qw(sqrt fma floor rint);
	my @objects = grep { -e } glob('src/engine/*/ae_kernel*.o'),
	  map { glob("src/engine/*/ae_$_.o") } qw(score bundle impute loss scaler intake pairs calibration prototype extreme verdict topk gate);
	my $libm = qx(\${CC:-cc} -print-file-name=libm.so.6);
	my %libm;

	chomp $libm;
	for (qx(nm -D --defined-only '$libm'))
	{
		$libm{$1} = 1 if /\s[TWVi]\s+(\w+)/;
	}
	return report(0, 'libm: its symbols', "nm -D $libm found none") unless $libm{exp};
	return report(0, 'libm: objects of scoring', 'not built') unless @objects;
	for my $object (grep { chosen($_) } @objects)
	{
		my @used = map { /\bU\s+(\w+)/ ? $1 : () } qx(nm -u '$object');
		my @bad = grep { $libm{$_} && !$allowed{$_} } @used;

		report(!@bad, "libm $object", "uses @bad");
	}
}

sub run_unit
{
	my @binaries = split /\s+/, qx($MAKE -s --no-print-directory unit-list);

	return skip('unit', 'no tests/unit/test_*.c') unless @binaries;
	@binaries = grep { chosen($_) } @binaries;
	my (undef, $text) = logged('unit-build', $MAKE, '--no-print-directory', '-k', $JOBS, @binaries);

	# A file left by an earlier build is not this build's.
	my %stale = map { $_ => 1 } built(@binaries) ? () : grep { !built($_) } @binaries;
	for my $binary (sort keys %stale)
	{
		report(0, unit_name($binary), "does not build, see $LOGS/unit-build.log:\n"
			  . tail(join("\n", grep { /\berror:|undefined reference|\*\*\*/ } split /\n/, $text), 15));
	}
	run_unit_programs(grep { !$stale{$_} } @binaries);
}

sub built
{
	return system("$MAKE -q @_ >/dev/null 2>&1") == 0;
}

sub unit_name
{
	return $_[0] =~ s,^tmp_check/,,r;
}

sub unit_log
{
	return "$LOGS/" . unit_name($_[0]) =~ s,/,-,gr . '.log';
}

# Runs unit tests, as many at once as there are processors, and reports each when it ends.
sub run_unit_programs
{
	my %running;

	for my $binary (@_, (undef) x $PROCESSORS)
	{
		report_unit(\%running)
		  if keys %running && (!defined $binary || keys %running >= $PROCESSORS);
		next unless defined $binary;
		unlink unit_log($binary);
		$running{ AeCluster::start_logged(unit_log($binary), 'timeout', $SECONDS_UNIT, $binary) } =
		  $binary;
	}
}

# Waits for one of the programs that are running.
sub report_unit
{
	my ($running) = @_;
	my $binary = delete $running->{ wait() };
	my $status = AeCluster::exit_status($?);

	report($status == 0, unit_name($binary), "exit status $status\n"
		  . tail(join("\n", grep { !/^\[ (?:RUN     |      OK) \]/ } split /\n/, AeCluster::slurp(unit_log($binary))), 40));
}

sub run_fuzz
{
	my $seconds = $ENV{FUZZ_SECONDS} || 30;
	my @binaries = split /\s+/, qx($MAKE -s --no-print-directory fuzz-list);
	my ($rc, $text);

	return skip('fuzz', 'no tests/fuzz/fuzz_*.c') unless @binaries;
	return skip('fuzz', 'no clang with libFuzzer') unless have_libfuzzer();
	for my $binary (grep { chosen($_) } @binaries)
	{
		my $name = basename($binary);

		($rc, $text) = logged("$name-build", $MAKE, '--no-print-directory', $JOBS, $binary);
		if ($rc != 0)
		{
			report(0, "fuzz/$name", "does not build\n" . tail($text, 20));
			next;
		}
		make_path("tmp_check/fuzz/corpus/$name");
		($rc, $text) = logged($name, $binary, "-max_total_time=$seconds", '-timeout=20', '-rss_limit_mb=4096',
			"-artifact_prefix=tmp_check/fuzz/$name-", '-print_final_stats=1',
			"tmp_check/fuzz/corpus/$name", grep { -d } "tests/fuzz/corpus/$name", 'tests/fuzz/corpus');
		my ($runs) = $text =~ /stat::number_of_executed_units:\s*(\d+)/;
		report($rc == 0, "fuzz/$name (${seconds} s" . (defined $runs ? ", $runs runs)" : ')'),
			tail($text, 40));
	}
}

sub have_libfuzzer
{
	my $dir = tempdir(CLEANUP => 1);
	my $clang = $ENV{FUZZ_CC} || 'clang';

	open(my $out, '>', "$dir/t.c") or return 0;
	print $out "int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }\n";
	close $out;
	return system("$clang -fsanitize=fuzzer,address -o $dir/t $dir/t.c >/dev/null 2>&1") == 0;
}

# Runs pg_regress against a cluster and reports each test.
sub pg_regress
{
	my ($name, $node, @tests) = @_;
	my $source = AeCluster::pg_config('pgxs') =~ s,/makefiles/pgxs\.mk$,/test,r;
	my $output = "tmp_check/$name";
	my ($rc, $text);
	my $seen = 0;

	remove_tree($output);
	make_path($output);
	local %ENV = (%ENV, PG_COLOR => 'never');
	($rc, $text) = logged($name, "$source/regress/pg_regress", "--bindir=$node->{bindir}",
		"--inputdir=.", "--outputdir=$output", "--host=" . $node->host, "--port=" . $node->port,
		"--user=" . $node->user, "--dbname=${name}_ae", @tests);
	for (split /\n/, $text)
	{
		# "test x ... ok 12 ms" up to PostgreSQL 15, "ok 1 - x 12 ms" since
		if (/^(?:test|     )\s*(\S+)\s+\.\.\. (ok|FAILED)/) { $seen++; report($2 eq 'ok', "$name/$1") }
		elsif (/^(ok|not ok)\s+\d+\s+[-+]\s+(\S+)/) { $seen++; report($1 eq 'ok', "$name/$2") }
	}
	report(0, "$name: pg_regress", tail($text, 40)) if $seen != @tests;
	if (-s "$output/regression.diffs")
	{
		print "# $output/regression.diffs:\n", AeCluster::slurp("$output/regression.diffs");
	}
	report_server_log($name, $node->log_text);
}

sub regress_tests
{
	my @tests = map { basename($_, '.sql') } grep { !m,/ae--, } sort glob('sql/*.sql');
	return grep { chosen($_) } @tests;
}

sub run_regress
{
	my @tests = regress_tests();

	return skip('regress', 'no sql/*.sql') unless @tests;
	pg_regress('regress', shared_cluster(), @tests);
}

# The SQL of every document, in order, each in a database of its own.  All but the README begin with
# the README's first block, which makes the table that their examples use.
sub run_readme
{
	my ($first) = sql_of('README.md') =~ /\A(\\echo.*?)(?=^\\echo)/ms;

	for my $document (sort(glob('*.md docs/*.md')))
	{
		next if !chosen($document);
		my $text = sql_of($document);

		if ($text !~ /\S/)
		{
			report(0, "readme $document", 'it holds no ```sql block') if $document eq 'README.md';
			next;
		}
		my $lacks = lacking($document);

		if (defined $lacks)
		{
			skip("readme $document", "no extension \"$lacks\"");
			next;
		}
		run_document($document, $document eq 'README.md' ? $text : $first . $text);
	}
	report_server_log('readme', shared_cluster()->log_text);
}

sub sql_of
{
	my ($document) = @_;

	return scalar qx($^X tests/readme_sql.pl $document);
}

# The extension that a document says it needs, where the server lacks it.
sub lacking
{
	my ($document) = @_;
	my ($needs) = AeCluster::slurp($document) =~ /^<!-- needs extension: (\w+) -->$/m;

	return unless defined $needs;
	my $found = shared_cluster()->query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = '$needs'");
	return $found > 0 ? undef : $needs;
}

sub run_document
{
	my ($document, $text) = @_;
	my $name = 'readme-' . basename($document, '.md');
	my $file = "tmp_check/$name.sql";
	my $node = shared_cluster();

	open(my $out, '>', $file) or die "$file: $!\n";
	print $out $text;
	close $out;
	$node->query('postgres', 'DROP DATABASE IF EXISTS readme');
	$node->query('postgres', 'CREATE DATABASE readme');
	my ($rc, $output) = logged($name, $node->psql_command('readme', '-v', 'ON_ERROR_STOP=1', '-f', $file));
	report($rc == 0, "readme $document", tail($output, 20));
}

sub run_tap
{
	my @tests = grep { chosen($_) } sort glob('tests/tap/*.pl');

	return skip('tap', 'no tests/tap/*.pl') unless @tests;
	private_bindir();
	run_tap_files('tap', @tests);
}

sub run_tap_files
{
	my ($kind, @tests) = @_;

	for my $test (@tests)
	{
		my $name = basename($test, '.pl');
		my ($rc, $text) = logged("$kind-$name", 'prove', '-v', '--nocolor', $test);
		my @bad = grep { /^not ok|^#|^Dubious|^  (?:Failed|Parse)/ } split /\n/, $text;
		my ($why) = $text =~ /^\Q$test\E \.* skipped: (.*)$/m;

		print map { "#   $_\n" } $text =~ /^# report: (.*)$/mg;
		if ($rc == 0 && defined $why)
		{
			skip("$kind/$name", $why);
			next;
		}
		report($rc == 0, "$kind/$name", tail(join("\n", @bad), 40) . "\n" . tail($text, 15));
	}
}

# The regression suite and the random options under AddressSanitizer and UndefinedBehaviorSanitizer:
# a build of its own, in servers of their own that load the sanitizers' library first.
sub run_sanitize
{
	my @tests = regress_tests();
	my $dir = tempdir('ae-sanitize-XXXXXX', TMPDIR => 1);
	my $libasan = qx(\${CC:-cc} -print-file-name=libasan.so);

	chomp $libasan;
	return skip('sanitize', 'no libasan') unless $libasan =~ m,/,;
	chmod 0755, $dir;
	mkdir "$dir/source";
	system('cp', '-r', 'Makefile', 'ae.control', 'sql', 'src', 'tests', "$dir/source") == 0 or die "cp: $?\n";
	system("find $dir/source/src -name '*.[od]' -delete");
	unlink "$dir/source/ae.so", "$LOGS/sanitize-install.log";

	local $ENV{AE_BINDIR} = AeCluster::install_private("$dir/root", "$dir/source",
		"$LOGS/sanitize-install.log", 'SANITIZE=1');
	local $ENV{AE_SANITIZERS} = "$libasan " . sanitizer_stub($dir);
	if (@tests)
	{
		my $node = AeCluster->new(name => 'sanitize');

		$node->query('postgres', "LOAD 'ae'");
		pg_regress('sanitize', $node, @tests);
	}
	run_tap_files('sanitize', grep { chosen($_) } glob('tests/tap/*_random_options.pl'));
	remove_tree($dir);
}

# The first malloc of a server may come from a constructor that holds glibc's lock of message catalogues
# (libgpg-error's bindtextdomain).  AddressSanitizer then starts, looks for swift_demangle, does not find
# it and asks for the translated error: the server waits for itself for ever.  So it shall find one.
sub sanitizer_stub
{
	my ($dir) = @_;

	open(my $out, '>', "$dir/stub.c") or die "$dir/stub.c: $!\n";
	print $out "char *swift_demangle(void);\nchar *swift_demangle(void) { return 0; }\n";
	close $out;
	system("\${CC:-cc} -shared -fPIC -o $dir/stub.so $dir/stub.c") == 0 or die "$dir/stub.c does not build\n";
	return "$dir/stub.so";
}
