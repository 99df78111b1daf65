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

my ($session, $pid);

sub connect_anew
{
	$session->close if $session;
	$session = $node->session('postgres');
	$pid = $session->query("SET ae.progress = off; SET client_min_messages = warning; SELECT pg_backend_pid()");
}
connect_anew();

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
# so wide a network takes 70 MB
$session->query(q(SET maintenance_work_mem = '24MB'));
is($session->query("SELECT ae.describe(ae.train(w, ae.options(updates => 20)))->'network'->'inputs' IS NOT NULL FROM wide w;"), 't',
	'1,600 columns of four kinds');
is($session->query(<<'END'), '1600|t', '1,600 columns are explained');
CREATE TABLE wide_model AS SELECT ae.train(w, ae.options(updates => 20)) AS model FROM wide w;
SELECT count(*), abs(sum(share) - 1) < 1e-6 FROM wide w, wide_model, ae.explain(model, w) WHERE i = 7;
END

$session->query('RESET maintenance_work_mem');

# ---- more rows than calibrate --------------------------------------------------------------------

# Of each fold 262,144 rows are picked evenly: in any order of the rows the same ones, and they stand for all.
sub many_rows
{
	my ($first, $last, $step) = @_;
	return "(SELECT sin(i) + (i * 7919::bigint % 1000003) / 1e6::float8 AS a, cos(i) AS b FROM generate_series($first, $last, $step) i) r";
}
my $train_many = q(ae.train(r, '{"hidden": [], "code": 1, "purpose": "detect", "updates": 5, "prototypes": 4}'));

$session->query("SELECT $train_many AS model INTO many FROM " . many_rows(1, 560000, 1) . ';');
is($session->query("SELECT $train_many = (SELECT model FROM many), (SELECT ae.describe(model) #>> '{calibration,rows}' FROM many) FROM " . many_rows(560000, 1, -1) . ';'),
	't|524288', '524,288 of 560,000 rows calibrate, the same ones in any order');
my ($hundredth, $tenth) = split /\|/, $session->query('SELECT avg(ae.is_anomaly(model, r, 0.01)::int), avg(ae.is_anomaly(model, r, 0.1)::int) FROM many, ' . many_rows(700001, 760000, 1) . ';');
cmp_ok(abs($hundredth / 0.01 - 1), '<', 0.15, "other rows are flagged as often as promised, at 0.01: $hundredth");
cmp_ok(abs($tenth / 0.1 - 1), '<', 0.05, "and at 0.1: $tenth");

# ---- 100,000 levels -----------------------------------------------------------------------------

$session->query(<<'END');
CREATE TABLE names AS SELECT i, 'name ' || CASE WHEN i % 2 = 0 THEN i ELSE i % 20 END AS name, i % 20 AS x FROM generate_series(1, 200000) i;
END
like($session->query("\\set VERBOSITY verbose\nSELECT ae.train(n, ae.options(exclude => '{i}')) FROM names n;\n\\set VERBOSITY terse"),
	qr/^ERROR:  5\d{4}: column "name" has too many distinct values/, "with $MEMORY_MB MB they are too many: an error that names the column");
forget_peak();
$session->query("SET maintenance_work_mem = '64MB';");
# counts of pairs of values take up to 4 MB a network
is($session->query(<<'END'), 't|t', 'a text column of 100,000 distinct values');
CREATE TABLE names_model AS SELECT ae.train(n, ae.options(exclude => '{i}', updates => 100)) AS model FROM names n;
SELECT length(model) < 9000000, (ae.describe(model)->'network'->>'inputs')::int BETWEEN 3 AND 103 FROM names_model;
END
print '# report: 100,000 levels: the backend grows by ', growth_kb(), " kB\n";
is($session->query("SELECT ae.reconstruction_error(model, ROW('nobody'::text, 3)) > 0 FROM names_model;"), 't', 'a name not seen has a score');
like($session->query("\\set VERBOSITY sqlstate\nSELECT ae.train(n, ae.options(exclude => '{i}', max_levels => 70000, min_frequency => 1, updates => 10)) IS NULL FROM names n;"),
	qr/^ERROR:  (?:54000|22023)$/, 'more inputs than a model may have: an error, not a crash');

# ---- many columns of many levels ----------------------------------------------------------------

# Every column alone would be within its bounds.
for my $n (4, 12, 40)
{
	my $columns = join ', ', map { "md5((i * 100 + $_)::text) || repeat('x', 30) AS c$_" } 1 .. $n;

	# what has been freed is not there to be used again
	connect_anew();
	$session->query("SELECT length(ae.train(ARRAY[i % 7, i % 11], ae.options(updates => 5))) FROM generate_series(1, 1000) i;");
	forget_peak();
	like($session->query("\\set VERBOSITY verbose\nSELECT ae.train(s, ae.options(updates => 5)) FROM
		(SELECT $columns, i % 7 AS x FROM generate_series(1, 20000) i) s;\n\\set VERBOSITY terse"),
		qr/^ERROR:  54000: column "c\d+" has too many distinct values: \d+ take \d+ kB\n.*exclude/s,
		"$n columns of 20,000 texts: an error that names one");
	my $growth = growth_kb();
	print "# report: $n columns of 20,000 texts: the backend grows by $growth kB\n";
	cmp_ok($growth, '<', 1024 * $MEMORY_MB, 'memory stays below maintenance_work_mem');
}

# ---- many groups of few levels ------------------------------------------------------------------

$session->query(<<'END');
SET enable_sort = off; SET work_mem = '4GB'; SET maintenance_work_mem = '1MB';
CREATE TABLE grouped AS SELECT i % 1000 AS g, i % 11 AS x, 'first ' || i / 1000 % 3 AS a, 'second ' || i / 1000 % 7 AS b,
	'third ' || i / 1000 % 20 AS c, NULLIF(ARRAY[i % 13]::real[], ARRAY[(i - i / 1000) % 13]::real[]) AS d FROM generate_series(0, 39999) i;
VACUUM ANALYZE grouped;
END
is($session->query("SELECT count(train) FROM (SELECT ae.train(r, ae.options(updates => 5, hidden => '{4}', code => 2)) FROM grouped r GROUP BY g) m;"),
	1000, '1,000 groups of few levels at once, in 1 MB');
my $distinct = "SELECT count(train) FROM (SELECT ae.train(r, ae.options(exclude => '{g}', updates => 5, hidden => '{4}', code => 2)) FROM
	(SELECT i % 20 AS g, i % 11 AS x, md5(i::text) AS name FROM generate_series(1, 20000) i) r GROUP BY g) m;";
like($session->query("\\set VERBOSITY verbose\n$distinct\n\\set VERBOSITY terse"),
	qr/^ERROR:  54000: column "name" has too many distinct values.*enable_hashagg/s, 'groups of many levels are too many at once: an error');
is($session->query("RESET enable_sort; SET enable_hashagg = off; $distinct"), 20, 'one after the other they fit');
# so many levels fit once, but not twice
is($session->query("SELECT count(length) FROM generate_series(1, 4) k, LATERAL (SELECT length(ae.train(r, ae.options(updates => 5)))
	FROM (SELECT i % 11 AS x, md5((i * k)::text) AS name FROM generate_series(1, 2500) i) r) m;"), 4, 'a subquery that runs again begins anew');
is($session->query("SET enable_hashagg = on; SET enable_sort = off; BEGIN; DECLARE c CURSOR FOR SELECT g, ae.train(r, ae.options(updates => 5)) IS NOT NULL
	FROM (SELECT i % 5 AS g, i % 11 AS x, md5(i::text) AS name FROM generate_series(1, 2500) i) r GROUP BY g;
	SAVEPOINT s; MOVE 2 FROM c; ROLLBACK TO s; ROLLBACK; SELECT 1;"), 1, 'a cursor that ends in the middle');
$session->close;

done_testing();
