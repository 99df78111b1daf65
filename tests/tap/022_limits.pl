# Proves: a query parses each of many models once, within ae.cache_size; networks that do not belong together
# are refused as a bundle, whoever reads it.

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
	other => bytes_of('{"seed": 7}'),
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
unlike($node->log_text, qr/terminated by signal|PANIC|XX000/, 'no crash, no internal error');

done_testing();
