# Proves: many columns and many levels: answers come, and what is too much is an error.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $MEMORY_MB = 8;
# few shared buffers, as those that a backend has touched count as its memory
my $node = AeCluster->new(conf => { maintenance_work_mem => "${MEMORY_MB}MB", work_mem => '1MB', shared_buffers => '2MB' });

$node->query('postgres', 'CREATE EXTENSION ae');

my $session = $node->session('postgres');
my $pid = $session->query("SET ae.progress = off; SET client_min_messages = warning; SELECT pg_backend_pid()");

# Largest resident memory since the last call of forget_peak, above what it was then.
my $start;

sub status_kb { my ($what) = @_; return AeCluster::slurp("/proc/$pid/status") =~ /^$what:\s+(\d+)/m ? $1 : 0 }
sub growth_kb { return status_kb('VmHWM') - $start }

sub forget_peak
{
	open(my $file, '>', "/proc/$pid/clear_refs") or return;
	print $file 5;
	close $file;
	$start = status_kb('VmRSS');
}

# ---- 1,600 columns ------------------------------------------------------------------------------

$session->query(<<'END');
SELECT format('CREATE TABLE wide AS SELECT i, %s FROM generate_series(1, 200) i', string_agg(CASE n % 4
	WHEN 0 THEN format('sin(i * %s)::real AS f%s', n, n) WHEN 1 THEN format('(i %% %s)::smallint AS f%s', 2 + n % 7, n)
	WHEN 2 THEN format('i %% %s = 0 AS f%s', 2 + n % 5, n) ELSE format('chr(97 + i %% %s)::"char" AS f%s', 2 + n % 5, n) END, ', '))
FROM generate_series(1, 1599) n \gexec
END
is($session->query("SELECT ae.describe(ae.train(w, ae.options(updates => 20)))->'network'->'inputs' IS NOT NULL FROM wide w;"), 't',
	'1,600 columns of four kinds');
is($session->query(<<'END'), '1600|t', '1,600 columns are explained');
CREATE TABLE wide_model AS SELECT ae.train(w, ae.options(updates => 20)) AS model FROM wide w;
SELECT count(*), abs(sum(share) - 1) < 1e-6 FROM wide w, wide_model, ae.explain(model, w) WHERE i = 7;
END

# ---- 100,000 levels -----------------------------------------------------------------------------

$session->query(<<'END');
CREATE TABLE names AS SELECT i, 'name ' || CASE WHEN i % 2 = 0 THEN i ELSE i % 20 END AS name, i % 20 AS x FROM generate_series(1, 200000) i;
END
like($session->query("\\set VERBOSITY verbose\nSELECT ae.train(n, ae.options(exclude => '{i}')) FROM names n;\n\\set VERBOSITY terse"),
	qr/^ERROR:  5\d{4}: column "name" has too many distinct values/, "with $MEMORY_MB MB they are too many: an error that names the column");
forget_peak();
$session->query("SET maintenance_work_mem = '64MB';");
is($session->query(<<'END'), 't|t', 'a text column of 100,000 distinct values');
CREATE TABLE names_model AS SELECT ae.train(n, ae.options(exclude => '{i}', updates => 100)) AS model FROM names n;
SELECT length(model) < 400000, (ae.describe(model)->'network'->>'inputs')::int BETWEEN 3 AND 103 FROM names_model;
END
print '# report: 100,000 levels: the backend grows by ', growth_kb(), " kB\n";
is($session->query("SELECT ae.reconstruction_error(model, ROW('nobody'::text, 3)) > 0 FROM names_model;"), 't', 'a name not seen has a score');
like($session->query("\\set VERBOSITY sqlstate\nSELECT ae.train(n, ae.options(exclude => '{i}', max_levels => 70000, min_frequency => 1, updates => 10)) IS NULL FROM names n;"),
	qr/^ERROR:  (?:54000|22023)$/, 'more inputs than a model may have: an error, not a crash');
$session->close;

done_testing();
