# Proves: a training says how far it is, to its caller as notices and to others in pg_stat_activity; both
# stop with it, ae.progress = off silences the notices, and rows beyond maintenance_work_mem go to a file.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(conf => { log_temp_files => '0' });

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE t AS SELECT i id, sin(i) a, cos(i) b, i % 10 c FROM generate_series(1, 200000) i;
END

# ---- notices ------------------------------------------------------------------------------------

my (undef, $notices) = $node->psql('postgres',
	q(SET statement_timeout = '6s'; SELECT length(ae.train(t, '{"updates": 1000000}')) FROM t));

like($notices, qr/NOTICE:  network 1 of 2, update \d+ of 1000000: training loss [\d.e-]+, .*rows\/s$/m, 'notices while it trains');
(undef, $notices) = $node->psql('postgres', 'SELECT length(ae.train(t)) FROM t');
like($notices, qr/NOTICE:  training of network 2 of 2 ended \(finished\) after [\d.]+ s: update 1500 of 1500: training loss [\d.e-]+$/m,
	'a notice when it ends');
(undef, $notices) = $node->psql('postgres', q(SELECT length(ae.train(t, '{"code": 1, "epochs": 2}')) FROM t));
like($notices, qr/: epoch 2 of 2, update (\d+) of \1: /, 'epochs where their number was given');
(undef, $notices) = $node->psql('postgres',
	q(SELECT length(ae.train(t, '{"code": 1, "hidden": [], "optimizer": "lbfgs", "updates": 3}')) FROM t));
like($notices, qr/: iteration 3 of 3: /, 'iterations of lbfgs');
(undef, $notices) = $node->psql('postgres',
	q(SELECT length(ae.train(t, '{"code": 1, "hidden": [3], "epochs": 1, "pretrain": "plain", "pretrain_updates": 2}')) FROM t));
like($notices, qr/NOTICE:  training ended .*: pretraining layer 1 of 2, update 2 of 2: .*pretraining layer 2 of 2, .*: epoch 1 of 1, update (\d+) of \1: /s,
	'layers that are pretrained');
(undef, $notices) = $node->psql('postgres', 'SET ae.progress = off; SELECT length(ae.train(t)) FROM t');
unlike($notices, qr/training|update|network/, 'none with ae.progress = off');

# what takes long has a notice before it ends: slow rows, and an epoch of a wide network
(undef, $notices) = $node->psql('postgres', q(SELECT length(ae.train(s)) FROM (SELECT a, b, pg_sleep(0.003) IS NULL AS c FROM t LIMIT 1000) s));
like($notices, qr/^(?:.*\n)?.*NOTICE:  reading: \d+ rows$/m, 'while rows come');
(undef, $notices) = $node->psql('postgres',
	q(SET statement_timeout = '10s'; SELECT length(ae.train(t, '{"hidden": [2000, 1000], "code": 100, "epochs": 3, "folds": 1}')) FROM t));
like($notices, qr/NOTICE:  epoch 1 of 3, update [1-9]\d* of \d+: training loss [\d.e-]+, /, 'while no epoch ends, with update and loss');
unlike($notices, qr/epoch 0 /, 'epochs count from 1');

# ---- pg_stat_activity ---------------------------------------------------------------------------

my $job = $node->start_psql('postgres', <<'END');
SET ae.progress = off;
SET application_name = 'trainer';
SELECT length(ae.train(t, '{"updates": 1000000}')) FROM t;
END

ok($node->poll('postgres',
		q(SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'trainer' AND query ~ '^ae.train: network 1 of 2, update \d+ of 1000000: training loss')),
	'others see it in pg_stat_activity');
$node->query('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'trainer'));
my (undef, $err, $rc) = $job->finish;
isnt($rc, 0, 'cancelled');
like($err, qr/canceling statement due to user request/, 'says so');

my $session = $node->session('postgres');
my $pid = $session->query('SELECT pg_backend_pid()');

# the session ends the last statement itself
$session->query(q(SET ae.progress = off; SELECT length(ae.train(t, '{"updates": 300}')) FROM t));
like($node->query('postgres', "SELECT query FROM pg_stat_activity WHERE pid = $pid"), qr/^SELECT length/,
	'and what stood there before returns');

SKIP:
{
	skip 'statements have numbers from PostgreSQL 14 on', 2 if $node->query('postgres', 'SHOW server_version_num') < 140000;
	my $id = "SELECT query_id IS NOT NULL FROM pg_stat_activity WHERE pid = $pid";

	$session->query(q(SET compute_query_id = on; SELECT length(ae.train(t, '{"updates": 300}')) FROM t));
	is($node->query('postgres', $id), 't', 'with the number of the statement');
	my $shown = $node->start_psql('postgres', q(SET application_name = 'numbered'; SET compute_query_id = on; SELECT length(ae.train(t, '{"updates": 1000000}')) FROM t));
	ok($node->poll('postgres', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'numbered' AND query ~ '^ae.train: .*update' AND query_id IS NOT NULL)),
		'which is there while it trains');
	$node->query('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'numbered'));
	$shown->finish;
}
$session->close;

# ---- temporary files ----------------------------------------------------------------------------

my $file_of_training = qr/temporary file: path .*, size \d{6,}\n.*STATEMENT: .*ae\.train/;

unlike($node->log_text, $file_of_training, 'no temporary file so far');
$node->query('postgres', q(SET ae.progress = off; SET maintenance_work_mem = '1MB'; SELECT length(ae.train(t, '{"updates": 20}')) FROM t));
like($node->log_text, $file_of_training, 'rows over maintenance_work_mem go to a temporary file');

done_testing();
