# Proves: scores are the same bits on every instruction set, in parallel workers and in what is
# stored; training gives the same bytes for the same rows in any order, from any kind of scan and
# with any amount of memory.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

# A table of more than a quarter of shared_buffers is read by synchronised scans.
my $node = AeCluster->new(conf => { shared_buffers => '1MB' });

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE t (id int, a float8, b float8, c int, d boolean, x real[]);
INSERT INTO t SELECT i, sin(i), cos(i) * i, i % 17, i % 3 = 0, ARRAY[sin(i * 0.7), cos(i), i % 5]::real[]
  FROM generate_series(1, 20000) i;
ALTER TABLE t SET (parallel_workers = 2);
VACUUM ANALYZE t;
CREATE TABLE models (name text, model bytea);
SET ae.progress = off;
INSERT INTO models SELECT 'rows', ae.train(t, '{"exclude": ["id", "x"], "updates": 150}') FROM t;
INSERT INTO models SELECT 'one', ae.train(t, '{"exclude": ["id", "x"], "updates": 50, "folds": 1}') FROM t;
INSERT INTO models SELECT 'arrays', ae.train(x, '{"code": 2, "epochs": 2, "loss": "bce"}') FROM t;
END

# ---- scores -------------------------------------------------------------------------------------

my $digest = <<'END';
SELECT md5(string_agg(float8send(e) || float8send(p) || f4, ''::bytea ORDER BY id))
FROM (SELECT id, ae.reconstruction_error(m.model, t) e, ae.anomaly_score(m.model, t) p,
	convert_to(ae.encode(one.model, t)::text, 'UTF8') f4
	FROM t, models m, models one WHERE m.name = 'rows' AND one.name = 'one' OFFSET 0) s;
END
my $arrays = <<'END';
SELECT md5(string_agg(float8send(e), ''::bytea ORDER BY id))
FROM (SELECT id, ae.reconstruction_error(m.model, x) e FROM t, models m WHERE m.name = 'arrays' OFFSET 0) s;
END
my $wanted = $node->query('postgres', $digest);
my $wanted_arrays = $node->query('postgres', $arrays);

like($wanted, qr/^[0-9a-f]{32}$/, 'scores have a digest');
for my $kernels (qw(generic avx2 avx512))
{
	my ($out, $err, $rc) = $node->psql('postgres', "SET ae.kernels = '$kernels'; $digest $arrays");

  SKIP:
	{
		skip("this processor has no $kernels", 1) if $rc != 0 && $err =~ /kernels/;
		is($out, "$wanted\n$wanted_arrays\n", "$kernels gives the same bits");
	}
}
my $forced = $node->query('postgres', 'SHOW server_version_num') >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';

is($node->query('postgres', "SET $forced = regress; $digest"), $wanted,
	'a parallel worker gives the same bits');
is($node->query('postgres', <<"END"), $wanted_arrays, 'a parallel scan gives the same bits');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET ae.kernels = generic; $arrays
END

my $model = $node->query('postgres', "SELECT model FROM models WHERE name = 'rows'");

$node->query('postgres', <<"END");
CREATE FUNCTION score(float8, float8, int, boolean) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN ae.reconstruction_error('$model'::bytea, ROW(\$1, \$2, \$3, \$4));
CREATE INDEX t_score ON t (score(a, b, c, d) DESC NULLS LAST);
ALTER TABLE t ADD stored float8 GENERATED ALWAYS AS (ae.reconstruction_error('$model'::bytea, ROW(a, b, c, d))) STORED;
ANALYZE t;
END
is($node->query('postgres', <<'END'), 0, 'stored scores are what any instruction set computes');
SET ae.kernels = generic;
SELECT count(*) FROM t, models m WHERE m.name = 'rows'
	AND float8send(stored) <> float8send(ae.reconstruction_error(m.model, ROW(a, b, c, d)));
END
my $top = 'SELECT string_agg(id::text, $$ $$) FROM (SELECT id FROM t ORDER BY score(a, b, c, d) DESC NULLS LAST, id LIMIT 20) s';

like($node->query('postgres', "SET enable_incremental_sort = off; EXPLAIN SELECT id FROM t ORDER BY score(a, b, c, d) DESC NULLS LAST LIMIT 20"),
	qr/Index Scan using t_score/, 'the index serves the order');
is($node->query('postgres', $top), $node->query('postgres', "SET enable_indexscan = off; $top"),
	'the index gives the rows that a sort gives');

# ---- training -----------------------------------------------------------------------------------

my $options = q('{"columns": ["a", "b", "c", "d"], "updates": 60}');
my $train = "SELECT md5(ae.train(t, $options)) FROM t";
my $bytes = $node->query('postgres', "SET ae.progress = off; SET max_parallel_workers_per_gather = 0; $train");

is($node->query('postgres', "SET ae.progress = off; $train"), $bytes, 'the same bytes twice');
is($node->query('postgres', "SET ae.progress = off; SELECT md5(ae.train(t, $options ORDER BY random())) FROM t"),
	$bytes, 'the same bytes for shuffled rows');
is($node->query('postgres', "SET ae.progress = off; SET maintenance_work_mem = '1MB'; $train"),
	$bytes, 'the same bytes from temporary files');
is($node->query('postgres', "SET ae.progress = off; SELECT md5(ae.train(t, '{\"columns\": [\"a\", \"b\", \"c\", \"d\"], \"updates\": 60, \"seed\": 1}')) FROM t") eq $bytes,
	'', 'other bytes for another seed');

my $parallel = "SET ae.progress = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;";

like($node->query('postgres', "$parallel EXPLAIN SELECT ae.train(s, $options) FROM (SELECT * FROM t WHERE a < 2) s"),
	qr/Parallel Seq Scan/, 'the scan below training may be parallel');
is($node->query('postgres', "$parallel $train"), $bytes, 'the same bytes from a parallel scan');

# Another session stands in the middle of the table: a scan that starts now joins it there.
my $session = $node->session('postgres');

$session->query('BEGIN; DECLARE cur CURSOR FOR SELECT id FROM t;');
$session->query('MOVE 9000 FROM cur;');
my $first = $node->query('postgres', 'SET max_parallel_workers_per_gather = 0; SELECT id FROM t LIMIT 1');

cmp_ok($first, '>', 1, "a synchronised scan starts in the middle (row $first)");
$session->query('MOVE 1000 FROM cur;');
is($node->query('postgres', "SET ae.progress = off; SET max_parallel_workers_per_gather = 0; $train"),
	$bytes, 'the same bytes from a synchronised scan');
$session->query('ROLLBACK;');
$session->close;

done_testing();
