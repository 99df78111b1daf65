# Proves that named models live as long as a database does: dumps restore everything that uses them,
# with the same scores; a standby, a subscriber and parallel workers score the same; indexes keep their order when
# versions come; maintenance works whoever runs it; the extension goes as a whole or not at all.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(name => 'operations', conf => { wal_level => 'logical' });

$node->query('postgres', <<'END');
CREATE ROLE alice;
CREATE ROLE bob;
CREATE DATABASE a;
END
$node->query('a', <<'END');
CREATE EXTENSION ae;
SET ae.progress = off;
GRANT CREATE, USAGE ON SCHEMA public TO alice, bob;
GRANT USAGE ON SCHEMA ae TO alice, bob;
GRANT EXECUTE ON FUNCTION ae.save_model TO alice;
CREATE TABLE t (id int PRIMARY KEY, a real, b real, c text);
INSERT INTO t SELECT i, sin(i), 2 * sin(i) + cos(i), CASE i % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'y' ELSE 'z' END FROM generate_series(1, 500) i;
CREATE FUNCTION trained(number int) RETURNS bytea LANGUAGE sql AS
	$$ SELECT ae.train(t, ae.options(exclude => '{id}', updates => 30, seed => number, prototypes => 8)) FROM t $$;
SELECT ae.save_model('m', trained(1)), ae.save_model('"Weird @ ""name"""', trained(2));
SELECT ae.comment_on_model('m', 'it''s a model');

ALTER TABLE t OWNER TO alice;
CREATE INDEX t_score ON t (ae.raw_score('m', ROW(a, b, c)) DESC NULLS LAST);
CREATE INDEX t_weird ON t (id) WHERE ae.is_anomaly('"Weird @ ""name"""', ROW(a, b, c), 0.1);
CREATE VIEW v AS SELECT id, ae.anomaly_score('m', t) AS s FROM t;
CREATE VIEW v_current AS SELECT id, ae.anomaly_score(ae.current('m'), t) AS s FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT id, ae.raw_score('m', t) AS s FROM t;
CREATE TABLE g (LIKE t, s float8 GENERATED ALWAYS AS (ae.raw_score('m', ROW(a, b, c))) STORED,
	CONSTRAINT plausible CHECK (ae.raw_score('m', ROW(a, b, c)) < 1000), m ae.model DEFAULT 'm');
INSERT INTO g SELECT * FROM t;
CREATE TABLE p (LIKE t) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (250);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (250) TO (1000);
CREATE INDEX p_score ON p (ae.raw_score('m', ROW(a, b, c)));
INSERT INTO p SELECT * FROM t;
CREATE FUNCTION f(t) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN ae.raw_score('m', $1);
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''anomaly''; END';
CREATE TRIGGER alert BEFORE INSERT ON p1 FOR EACH ROW WHEN (ae.is_anomaly('m', ROW(NEW.a, NEW.b, NEW.c), 0.01)) EXECUTE FUNCTION tf();
CREATE STATISTICS st ON (ae.raw_score('m', ROW(a, b, c))), id FROM t;
CREATE POLICY only_normal ON g USING (NOT ae.is_anomaly('m', ROW(a, b, c)));
SET ROLE alice;
SELECT ae.save_model('alices', trained(3));
END

# Everything that models say, in one line.
my $scores = <<'END';
SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM (
	SELECT ('v', id, s::text) FROM v UNION ALL SELECT ('v_current', id, s::text) FROM v_current UNION ALL SELECT ('mv', id, s::text) FROM mv
	UNION ALL SELECT ('g', id, s::text) FROM g UNION ALL SELECT ('f', id, f(t)::text) FROM t
	UNION ALL SELECT ('p', id, ae.raw_score('m@1', ROW(a, b, c))::text) FROM p
	UNION ALL SELECT ('alices', id, ae.raw_score('alices', t)::text) FROM t
	UNION ALL SELECT ('weird', id, ae.raw_score('"Weird @ ""name"""', t)::text) FROM t) x (x);
END
my $catalogue = <<'END';
SELECT string_agg(concat_ws(' ', m.name, version, created, bytes, digest, m.options, n_rows, train_loss, owner, comment, last_version, md5(model)), E'\n' ORDER BY m.name, version)
FROM ae.models m JOIN ae.model_names n USING (name);
END
my $indexed = 'SET enable_seqscan = off; SET enable_sort = off;';
my $top = 'SELECT string_agg(id::text, \',\') FROM (SELECT id FROM t ORDER BY ae.raw_score(\'m@1\', ROW(a, b, c)) DESC NULLS LAST LIMIT 30) x';
my $before = $node->query('a', $scores);
my $rows = $node->query('a', $catalogue);
my $order = $node->query('a', "$indexed $top");

like($node->query('a', "$indexed EXPLAIN $top"), qr/Index Scan using t_score/, 'the index is used');
is($order, $node->query('a', "SET enable_indexscan = off; $top"), 'and gives the order of the scores');
for my $relation (['t', 't_score'], ['t', 't_weird'], ['g', 'plausible'], ['p', 'p_score'], ['v', 'v'])
{
	my ($out) = $node->psql('a', "\\pset tuples_only off\n\\d+ $relation->[0]");
	like($out, qr/(?:m\@1|"Weird \@ ""name"""\@1)#[0-9a-f]{8}'::ae\.model/, "\\d $relation->[0] prints the version");
}

# ---- new versions -----------------------------------------------------------------------------------

$node->query('a', "CREATE INDEX t_old ON t (ae.raw_score('m', ROW(b, a, c))); SELECT ae.save_model('m', trained(4)); CREATE INDEX t_new ON t (ae.raw_score('m', ROW(a, b, c)))");
is($node->query('a', "$indexed $top"), $order, 'after a new version the old index keeps its order');
like($node->query('a', "$indexed EXPLAIN $top"), qr/Index Scan using t_score/, 'and is used for the old version');
like($node->query('a', "$indexed EXPLAIN SELECT id FROM t ORDER BY ae.raw_score('m', ROW(a, b, c)) LIMIT 3"), qr/Index Scan using t_new/, 'the new one for the new version');
isnt($node->query('a', $scores), $before, 'ae.current follows');
like(($node->psql('a', "SELECT ae.drop_model('m\@2')"))[1], qr/index t_new uses m\@2/, 'a version that an index uses stays');
$node->query('a', "DROP INDEX t_new, t_old; SELECT ae.drop_model('m\@2')");
is($node->query('a', $scores), $before, 'dropped, the version before is current');
$rows = $node->query('a', $catalogue);

# ---- maintenance, whoever runs it -----------------------------------------------------------------

$node->query('a', 'SET maintenance_work_mem = 65536; REINDEX TABLE t; REINDEX INDEX CONCURRENTLY t_score; CLUSTER t USING t_score; VACUUM FULL t; ANALYZE t, g, p; REFRESH MATERIALIZED VIEW mv');
is($node->query('a', "$indexed $top"), $order, 'REINDEX, CLUSTER, VACUUM FULL by a superuser on the table of another role');
is($node->query('a', "SELECT count(*) > 0 FROM pg_stats_ext_exprs WHERE statistics_name = 'st' AND n_distinct <> 0"), 't', 'ANALYZE has evaluated the statistics object');
$node->query('a', 'GRANT ALL ON t TO bob');
is($node->query('a', "SET ROLE bob; INSERT INTO t VALUES (1001, 0.5, 1.5, 'x'); SELECT count(*) FROM t WHERE id = 1001"), 1,
	'a role without any right on models inserts into an indexed table');
$node->query('a', 'DELETE FROM t WHERE id = 1001');
$node->query('a', 'ALTER TABLE ae.models ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; REVOKE ALL ON ae.models FROM PUBLIC');
is($node->query('a', "SET ROLE bob; SET search_path = pg_temp; INSERT INTO public.t VALUES (1002, 0.5, 1.5, 'x'); DELETE FROM public.t WHERE id = 1002; SELECT 1"), 1,
	'nor do row security and search_path stand between');
$node->query('a', 'ALTER TABLE ae.models DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY');
$node->query('a', 'SET max_parallel_maintenance_workers = 2; SET min_parallel_table_scan_size = 0; ALTER TABLE t SET (parallel_workers = 2); CREATE INDEX t_parallel ON t (ae.raw_score(\'m\', ROW(a, b, c)) DESC NULLS LAST); DROP INDEX t_score; ALTER INDEX t_parallel RENAME TO t_score; ANALYZE t');
is($node->query('a', "$indexed $top"), $order, 'built by parallel workers');
like(($node->psql('a', "INSERT INTO p1 VALUES (1, 1000, -1000, 'nosuch')"))[1], qr/anomaly/, 'a trigger refuses an anomaly');

# autovacuum analyzes as the owner of the table, with the rights of nobody else
$node->query('a', <<'END');
CREATE TABLE auto (LIKE t) WITH (autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0);
CREATE INDEX auto_score ON auto (ae.raw_score('m', ROW(a, b, c)));
ALTER TABLE auto OWNER TO bob;
INSERT INTO auto SELECT * FROM t;
ALTER SYSTEM SET autovacuum_naptime = 1;
SELECT pg_reload_conf();
END
ok($node->poll('a', "SELECT autoanalyze_count > 0 FROM pg_stat_user_tables WHERE relname = 'auto'"), 'autovacuum analyzes a table with an index on scores');
is($node->query('a', "SELECT abs(avg_width - 8) + abs(null_frac) FROM pg_stats WHERE tablename = 'auto_score'"), 0, 'it has evaluated the index expression');
$node->query('a', 'DROP TABLE auto; ALTER SYSTEM RESET autovacuum_naptime; SELECT pg_reload_conf()');

# ---- dump and restore -------------------------------------------------------------------------------

my $log = "$node->{dir}/programs.log";
my $dump = "$node->{dir}/dump.sql";

is($node->run_program($log, 'pg_dump', '-f', $dump, 'a'), 0, 'pg_dump') or diag(AeCluster::slurp($log));
$node->query('postgres', 'CREATE DATABASE b');
my ($out, $err, $rc) = $node->psql('b', '', args => ['-f', $dump]);
is($rc, 0, 'psql restores it without an error') or diag($err);
is($node->query('b', $catalogue), $rows, 'all versions are there, with owners and comments');
is($node->query('b', $scores), $before, 'every score is what it was');
is($node->query('b', "$indexed $top"), $order, 'the index has its order');
$node->query('b', 'ANALYZE');
like($node->query('b', "$indexed EXPLAIN $top"), qr/Index Scan using t_score/, 'and is used');
like(($node->psql('b', "SELECT ae.drop_model('m')"))[1], qr/uses m\@1/, 'what uses a version still keeps it');
is($node->query('b', "SET ae.progress = off; SELECT split_part(ae.save_model('m', trained(5))::text, '#', 1)"), 'm@3', 'numbers go on where they were');
like(($node->psql('b', "INSERT INTO g VALUES (0, 1e30, 1, 'x')"))[1], qr/violates check constraint "plausible"/, 'the check checks');
is($node->query('b', "SELECT has_function_privilege('alice', 'ae.save_model(text, bytea)', 'EXECUTE') AND NOT has_function_privilege('bob', 'ae.save_model(text, bytea)', 'EXECUTE')"),
	't', 'privileges on functions are restored');

is($node->run_program($log, 'pg_dump', '-s', '-f', $dump, 'a'), 0, 'pg_dump -s');
$node->query('postgres', 'CREATE DATABASE c');
($out, $err, $rc) = $node->psql('c', '', args => ['-f', $dump]);
is($rc, 0, 'the schema alone restores without an error') or diag($err);
like(($node->psql('c', 'SELECT count(*), sum(s) FROM v'))[0], qr/^0\|$/, 'a view of no rows needs no model');

is($node->run_program($log, 'pg_dump', '-Fc', '-f', $dump, 'a'), 0, 'pg_dump -Fc');
$node->query('postgres', 'CREATE DATABASE d');
is($node->run_program($log, 'pg_restore', '-d', 'd', $dump), 0, 'pg_restore') or diag(AeCluster::slurp($log));
is($node->query('d', $scores), $before, 'scores after pg_restore');

# Workers load the largest tables first, and build an index as soon as its table is there: so section by
# section, or an index may come before its model.
$node->query('a', 'CREATE DATABASE large TEMPLATE a');
$node->query('large', 'DROP TABLE g CASCADE');
my $dumped = $node->query('large', 'SELECT sum(s) FROM mv');
is($node->run_program($log, 'pg_dump', '-Fd', '-j', 2, '-f', "$dump.d", 'large'), 0, 'pg_dump -j 2') or diag(AeCluster::slurp($log));
for my $round (1 .. 2)
{
	$node->query('postgres', 'DROP DATABASE IF EXISTS parallel');
	$node->query('postgres', 'CREATE DATABASE parallel');
	for my $section ('pre-data', 'data', 'post-data')
	{
		is($node->run_program($log, 'pg_restore', '-e', '-j', 2, "--section=$section", '-d', 'parallel', "$dump.d"), 0, "pg_restore -j 2, $section")
		  or diag(AeCluster::slurp($log));
	}
	is($node->query('parallel', $catalogue), $rows, 'all versions are there');
	is($node->query('parallel', 'SELECT sum(s) FROM mv'), $dumped, 'and what uses them');
}
is($node->run_program($log, 'pg_restore', '-e', '-c', '-d', 'parallel', "$dump.d"), 0, 'pg_restore -c over what is there') or diag(AeCluster::slurp($log));
is($node->query('parallel', $catalogue), $rows, 'all versions are there again');

# What is known not to restore in one go: data that needs a model before models come, in the order of
# schemas.  The rest of the dump is there, and the data can be loaded after it.
$node->query('a', "CREATE SCHEMA aa; CREATE TABLE aa.checked (LIKE t, CHECK (ae.raw_score('m\@1', ROW(a, b, c)) < 1000)); INSERT INTO aa.checked SELECT * FROM t");
is($node->run_program($log, 'pg_dump', '-f', $dump, 'a'), 0, 'pg_dump with a check in a schema that sorts before ae');
$node->query('postgres', 'CREATE DATABASE e');
($out, $err, $rc) = $node->psql('e', '', args => ['-f', $dump], errors => 1);
like($err, qr/COPY checked, line 1/, 'the check fails for want of its model');
is(() = $err =~ /ERROR/g, 1, 'and nothing else does');
is($node->query('e', $scores), $before, 'all other scores');
is($node->run_program($log, 'pg_dump', '-a', '-t', 'aa.checked', '-f', $dump, 'a'), 0, 'its data alone');
$node->query('e', AeCluster::slurp($dump) . "; SELECT 1");
is($node->query('e', 'SELECT count(*) FROM aa.checked'), 500, 'load after the rest');
$node->query('a', 'DROP SCHEMA aa CASCADE');

# ---- a standby ----------------------------------------------------------------------------------------

my $standby = AeCluster->new(name => 'standby', standby_of => $node);

$node->query('a', "SET ae.progress = off; SELECT ae.save_model('s', trained(6))");
ok($node->wait_for($standby), 'a standby follows');
is($standby->query('postgres', 'SELECT pg_is_in_recovery()'), 't', 'it is one');
is($standby->query('a', $scores), $before, 'its scores are those of the primary');
is($standby->query('a', "$indexed $top"), $order, 'its index has the order');
my $there = $standby->session('a');
is($there->query("SELECT split_part(ae.current('s')::text, '#', 1), sum(ae.raw_score(ae.current('s'), t)) FROM t GROUP BY 1;"), $node->query('a', "SELECT 's\@1', sum(ae.raw_score('s', t)) FROM t"), 'a version saved since');
like($there->query("SELECT ae.save_model('s', ''), ae.drop_model('s');"), qr/corrupt|read-only/, 'nothing is saved there');
like($there->query("SELECT ae.drop_model('s');"), qr/cannot execute .* in a read-only transaction/, 'nor dropped');
$node->query('a', "SET ae.progress = off; SELECT ae.save_model('s', trained(7)), ae.drop_model('s\@1')");
ok($node->wait_for($standby), 'it goes on');
is($there->query("SELECT split_part(ae.current('s')::text, '#', 1);"), 's@2', 'a session there follows');
like($there->query("SELECT sum(ae.raw_score('s\@1', t)) FROM t;"), qr/model s has no version 1/, 'and knows what is dropped');
$there->close;

# 10^5 scores while it replays what is written meanwhile
$node->query('a', 'CREATE TABLE big AS SELECT i AS id, (sin(i) * (i % 17))::real AS a, cos(i)::real AS b, (ARRAY[\'x\', \'y\', \'z\', \'w\'])[1 + i % 4] AS c FROM generate_series(1, 100000) i');
ok($node->wait_for($standby), 'a large table is there');
my $writing = $node->start_psql('a', join ";\n", map { 'INSERT INTO t SELECT id + 10000, a, b, c FROM t WHERE id <= 500; DELETE FROM t WHERE id > 10000' } 1 .. 100);
my $all = 'SELECT count(ae.raw_score(\'m@1\', x)), md5(string_agg(ae.raw_score(\'m@1\', x)::text, \',\' ORDER BY id)) FROM big x';
my $first = $standby->query('postgres', 'SELECT pg_last_wal_replay_lsn()');
my @all = ($standby->query('a', $all), $node->query('a', $all));

is($standby->query('postgres', "SELECT pg_last_wal_replay_lsn() > '$first'"), 't', 'it replayed');
is($all[0], $all[1], 'and its scores were those of the primary');
like($all[0], qr/^100000\|/, 'all of them');
$writing->finish;
$node->query('a', 'DROP TABLE big');

# a training that the primary began, promoted
my $training = "CALL ae.train_model('r', 't', ae.options(exclude => '{id}', updates => 8000))";
my $begun = $node->start_psql('a', "SET ae.progress = off; SET ae.checkpoint_interval = '10ms'; $training");

# not by a timeout: a fast machine would be done before it
ok($node->poll('a', "SELECT count(*) > 0 FROM ae.checkpoints WHERE name = 'r'"), 'a training is begun');
$node->query('a', "SELECT pg_cancel_backend(pid) FROM ae.training_progress WHERE name = 'r'");
like(($begun->finish)[1], qr/canceling statement due to user request/, 'and interrupted');
ok($node->wait_for($standby), 'its checkpoint comes over');
like(($standby->psql('a', $training))[1], qr/cannot execute ae.train_model in a read-only transaction/, 'a standby trains nothing');
$standby->query('postgres', 'SELECT pg_promote()');
like(($standby->psql('a', "CALL ae.resume_training('r')"))[1], qr/saved model r\@1/, 'promoted, it goes on with it');
like(($node->psql('a', "SET ae.progress = off; CALL ae.resume_training('r')"))[1], qr/saved model r\@1/, 'and so does the primary');
is($standby->query('a', "SELECT md5(model) FROM ae.models WHERE name = 'r'"), $node->query('a', "SELECT md5(model) FROM ae.models WHERE name = 'r'"), 'to the same bytes');
$node->query('a', "SELECT ae.drop_model('r')");
undef $standby;

# ---- logical replication ------------------------------------------------------------------------------

my $subscriber = AeCluster->new(name => 'subscriber', conf => { wal_level => 'logical' });

$subscriber->query('postgres', 'CREATE EXTENSION ae');
$node->query('a', 'CREATE PUBLICATION models FOR TABLE ae.models, ae.model_names');
$subscriber->query('postgres', "CREATE SUBSCRIPTION models CONNECTION 'host=$node->{dir} port=$AeCluster::PORT user=postgres dbname=a' PUBLICATION models");
ok($subscriber->poll('postgres', "SELECT bool_and(srsubstate = 'r') AND count(*) = 2 FROM pg_subscription_rel"), 'a subscriber receives the tables');
is($subscriber->query('postgres', $catalogue), $node->query('a', $catalogue), 'every version, digests and sizes computed anew');
$node->query('a', "SET ae.progress = off; SELECT ae.save_model('s', trained(8)), ae.drop_model('s\@2')");
ok($subscriber->poll('postgres', "SELECT count(*) = 1 AND max(version) = 3 FROM ae.models WHERE name = 's'"), 'and what is saved and dropped later');
is($subscriber->query('postgres', "SELECT ae.raw_score('s', ROW(0.5::real, 1::real, 'x'::text))"), $node->query('a', "SELECT ae.raw_score('s', ROW(0.5::real, 1::real, 'x'::text))"), 'it scores the same');
$subscriber->query('postgres', 'DROP SUBSCRIPTION models');
undef $subscriber;

# ---- pg_upgrade -----------------------------------------------------------------------------------------

my $upgraded = AeCluster->new(name => 'upgraded');

$node->stop;
$upgraded->stop;
$rc = $upgraded->as_server_run("$upgraded->{dir}/upgrade.log", "$node->{bindir}/pg_upgrade", '-U', 'postgres', '-s', $upgraded->{dir},
	map { ($_->[0] => $_->[1]{bindir}, $_->[2] => $_->[1]{data}) } ['-b', $node, '-d'], ['-B', $upgraded, '-D']);
is($rc, 0, 'pg_upgrade') or diag(AeCluster::slurp("$upgraded->{dir}/upgrade.log"));
$upgraded->start;
is($upgraded->query('a', $scores), $before, 'scores in the upgraded cluster');
$upgraded->query('a', 'ANALYZE');
is($upgraded->query('a', "$indexed $top"), $order, 'its index has the order');
like($upgraded->query('a', "$indexed EXPLAIN $top"), qr/Index Scan using t_score/, 'and is used');
like(($upgraded->psql('a', "SELECT ae.drop_model('m\@1')"))[1], qr/index t_score uses m\@1/, 'what uses a version keeps it');
is($upgraded->query('a', "SET ae.progress = off; SELECT split_part(ae.save_model('m', trained(9))::text, '#', 1)"), 'm@3', 'numbers go on');
undef $upgraded;
$node->start;

# ---- the extension --------------------------------------------------------------------------------------

$node->query('a', 'ALTER EXTENSION ae UPDATE');
is($node->query('a', $scores), $before, 'ALTER EXTENSION UPDATE');
like(($node->psql('a', 'DROP TABLE ae.models'))[1], qr/because extension ae requires it/, 'the tables cannot be dropped alone');
like(($node->psql('a', 'DROP EXTENSION ae'))[1], qr/other objects depend on it/, 'DROP EXTENSION is refused while expressions use it');
is(($node->psql('a', 'DROP EXTENSION ae CASCADE'))[2], 0, 'CASCADE drops what uses it');
is($node->query('a', "SELECT count(*) FROM pg_class WHERE relname IN ('t_score', 'v', 'mv', 'p_score')"), 0, 'views and indexes go');
is($node->query('a', 'SELECT count(*) FROM t'), 500, 'tables stay');
is($node->query('a', "SET ae.progress = off; CREATE EXTENSION ae; SELECT split_part(ae.save_model('m', trained(9))::text, '#', 1)"), 'm@1', 'created again, it starts anew');

unlike($node->log_text, qr/PANIC|terminated by signal|XX000/, 'no crash, no internal error');
done_testing();
