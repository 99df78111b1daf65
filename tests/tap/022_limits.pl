# Proves: a query parses each of many models once, within ae.cache_size; networks that do not belong together
# are refused as a bundle, whoever reads it; a training takes the memory that maintenance_work_mem allows, or is
# an error that says how much it would take.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
ALTER SYSTEM SET ae.progress = off;
ALTER SYSTEM SET client_min_messages = error;
SELECT pg_reload_conf();
CREATE TABLE t AS SELECT i, sin(i) a, cos(i) b, sin(2 * i) c, i % 3 = 0 d FROM generate_series(1, 200) i;
END

# many models in one call: what is kept is not parsed again
$node->query('postgres', <<'END');
CREATE TABLE m AS SELECT g, ae.train(t, '{"exclude": ["i"], "updates": 3}') AS model
FROM t, generate_series(1, 9) g WHERE i % 9 <> g - 1 GROUP BY g;
SELECT ae.save_model('m' || g, model) FROM m ORDER BY g;
END

sub kept
{
	my ($model, $size) = @_;

	return $node->query('postgres', <<"END");
SET ae.cache_size = '$size'; SET enable_sort = off;
SELECT count(ae.raw_score($model, x)), (SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'ae model')
FROM (SELECT t.*, g, model FROM t, m) s, LATERAL (SELECT s.i, s.a, s.b, s.c, s.d) x;
END
}

SKIP:
{
	skip 'contexts cannot be counted before PostgreSQL 14', 4 if $node->query('postgres', 'SHOW server_version_num') < 140000;
	is(kept('model', '64MB'), '1800|9', 'nine models by value are parsed once each');
	is(kept("('m' || g || '\@1')::ae.model", '64MB'), '1800|9', 'nine models by name too');
	is(kept('model', '0'), '1800|4', 'four are kept whatever they take');
	is(kept("('m' || g || '\@1')::ae.model", '0'), '1800|4', 'by name too');
}

# bundles of networks that differ in more than their weights
sub bytes_of
{
	my ($options) = @_;

	return pack('H*', substr($node->query('postgres', "SELECT ae.train(t, ae.options(exclude => '{i}', folds => 1, prototypes => 0, code => 3, updates => 3) || '$options') FROM t"), 2));
}

sub bundle
{
	my ($n_folds, @models) = @_;
	my $bytes = substr($models[0], 0, 32);

	substr($bytes, 12, 4) = pack('V', 4);
	$bytes .= pack('VV', $n_folds, @models / $n_folds);
	$bytes .= pack('Q<', length $_) . $_ for @models;
	return '\x' . unpack('H*', AeCluster::sealed($bytes));
}

my %single = (
	plain => bytes_of('{}'),
	other => bytes_of('{"learning_rate": 0.01}'),
	gated => bytes_of('{"sparse": "jumprelu", "sparse_weight": 0.01, "code_activation": "relu"}'),
	top_k => bytes_of('{"top_k": 2}'),
	linear => bytes_of('{"activation": "identity"}'),
	target => bytes_of('{"target": "d"}'),
);

for my $name (sort keys %single)
{
	next if $name eq 'plain';
	for my $order ([ 'plain', $name ], [ $name, 'plain' ])
	{
		for my $n_folds (1, 2)
		{
			my $bytes = bundle($n_folds, map { $single{$_} } @$order);
			my $fits = $name eq 'other' || ($n_folds == 2 && $name ne 'target');
			my @calls = ("SELECT ae.train(t, '{\"updates\": 1}', '$bytes'::bytea) IS NOT NULL FROM t",
				"SELECT count(ae.raw_score('$bytes'::bytea, t)) > 0 FROM t");

			for my $call (@calls)
			{
				my ($out, $err, $rc) = $node->psql('postgres', $call);
				my $what = "@$order in $n_folds fold(s), " . substr($call, 7, 8);

				if ($fits) { is("$out$err", "t\n", "$what: is one") }
				else { like($err, qr/model is corrupt: (its networks have different columns|the networks of a fold do not fit together)/, "$what: is none") }
			}
		}
	}
}
# the largest batch, and rows of which few fit in memory: peak memory of a backend in MB, and what it gave
sub peak
{
	my ($memory, $sql) = @_;
	my $session = $node->session('postgres');
	my $pid = $session->query('SELECT pg_backend_pid()');
	my $result = $session->query("SET maintenance_work_mem = '$memory'; SELECT md5(($sql));");
	my ($kb) = AeCluster::slurp("/proc/$pid/status") =~ /VmHWM:\s+(\d+)/;

	diag("$memory: " . int(($kb // 0) / 1024) . " MB: $sql");
	return (($kb // 0) / 1024, $result);
}

my $large_batch = q({"batch_size": 16777216, "epochs": 1, "folds": 1});
my ($mb, $model) = peak('64MB', "SELECT ae.train(ARRAY[sin(i), cos(i), sin(3 * i)]::real[], '$large_batch') FROM generate_series(1, 300000) i");

like($model, qr/^[0-9a-f]{32}$/, 'a batch of all rows is trained');
cmp_ok($mb, '<', 64 + 48, 'within maintenance_work_mem, beside what a backend takes');

my $wide = q(SELECT ae.train(v, '{"updates": 3, "code": 1, "hidden": [], "folds": 1, "prototypes": 0}')
	FROM (SELECT array_fill(i::real, ARRAY[20000]) AS v FROM generate_series(1, 600) i) s);
my ($wide_mb, $wide_model) = peak('8MB', $wide);
my (undef, $roomy_model) = peak('1GB', $wide);

like($wide_model, qr/^[0-9a-f]{32}$/, 'wide rows of 48 MB are trained');
cmp_ok($wide_mb, '<', 32 + 48, 'within the least that any training may take');
is($wide_model, $roomy_model, 'and give the bytes that they give in memory');

my ($out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '8MB'; SELECT ae.train(v) FROM (SELECT array_fill(i::real, ARRAY[20000]) AS v FROM generate_series(1, 30) i) s",
	args => [ '-v', 'VERBOSITY=verbose' ]);

like($err, qr/53200: training takes (\d+) MB of memory, maintenance_work_mem allows 32 MB/, 'what does not fit is an error');
my ($needed) = $err =~ /SET maintenance_work_mem = '(\d+)MB'/;
my ($needed_mb, $default_model) = peak("${needed}MB", "SELECT ae.train(v, '{\"updates\": 2}') FROM (SELECT array_fill(i::real, ARRAY[20000]) AS v FROM generate_series(1, 30) i) s");
like($default_model, qr/^[0-9a-f]{32}$/, 'whose hint helps');

# what a procedure takes beside that is the copy that its checkpoints are written from
sub planned
{
	my (undef, $err) = $node->psql('postgres', "SET maintenance_work_mem = '8MB'; $_[0] CALL ae.train_model('wide', 'SELECT array_fill(i::real, ARRAY[20000]) AS v FROM generate_series(1, 30) i')");

	return ($err =~ /training takes (\d+) MB/)[0] // diag($err);
}
my ($plain) = $err =~ /training takes (\d+) MB/;
is(planned('SET ae.checkpoint_interval = 0;'), $plain, 'without checkpoints a procedure plans what the aggregate does');
is(planned('BEGIN;'), $plain, 'so it does in a transaction block');
my $weights = 2 * 256 * 20000 * 4 / 1048576;
cmp_ok(abs(planned('') - $plain - 5 * $weights), '<', $weights / 2, 'with checkpoints five times the weights more: themselves, gradients, the best ones and two moments');
cmp_ok($needed_mb, '<', 4 * $needed + 48, 'and is true');

# verdicts that the model has no room for: known before anything is trained
my $many = q(SELECT array_fill((i % 7)::real, ARRAY[7000]) AS v, i % 2 = 0 AS verdict FROM generate_series(1, 9900) i);
(undef, $err) = $node->psql('postgres', "SET statement_timeout = '60s'; SELECT ae.train(s, '{\"feedback\": \"verdict\"}') FROM ($many) s", args => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/54000: the model would have \d+ bytes of weights and verdicts, more than 536870912\nDETAIL:  9900 verdicts take 554400000 bytes\.\nHINT:  /,
	'verdicts beyond what a model may have');

unlike($node->log_text, qr/terminated by signal|PANIC|XX000/, 'no crash, no internal error');

done_testing();
