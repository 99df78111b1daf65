# Proves: the documents' tables of options say what the code does: every argument of ae.options has its
# line, in order; the ranges are those that errors name; the defaults are those that ae.describe shows.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE small AS SELECT sin(i) a, cos(i) b, i % 7 c FROM generate_series(1, 90) i;
CREATE TABLE large AS SELECT sin(i) a, cos(i) b, i % 7 c FROM generate_series(1, 1000) i;
END

# ---- the table: option => [type, default, range] --------------------------------------------------

my (%row, @order);

for (map { split /\n/, AeCluster::slurp("$AeCluster::ROOT/docs/$_.md") } qw(options families))
{
	my ($option, $type, $default, $range) = /^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$/;

	next if !defined $type || $type !~ /^(?:text|name|integer|number|boolean|object|list of \w+)$/;
	push @order, $option;
	$row{$option} = { type => $type, default => $default, range => $range };
}
# The functions joined to ae.options, in the order of their tables, each called with all arguments.
my @joined = (
	[ q(ae.feedback('a')), 'feedback' ],
	[ q(ae.sparse('l1', 1, 0.1, 'code', 1, 1, 1)), qw(sparse sparse_weight sparse_target sparse_layers top_k batch_top_k aux_weight) ],
	[ q(ae.psd(1)), 'psd_weight' ],
	[ q(ae.denoise('swap', 0.1, 0.1, 1)), qw(denoise denoise_level denoise_emphasis denoise_walkback) ],
	[ q(ae.contract(1, true)), qw(contract_weight contract_exact) ],
	[ q(ae.neighbours(1, 1, 'cosine')), qw(neighbours_weight neighbours_k neighbours_metric) ],
	[ q(ae.decoder('mixed', 'fixed')), qw(distribution variance) ],
	[ q(ae.variational(1, 1, 1, 1)), qw(variational_beta variational_warmup variational_free_bits variational_samples) ],
	[ q(ae.target('a', 1)), qw(target target_weight) ],
	[ q(ae.pretrain('plain', 1)), qw(pretrain pretrain_updates) ],
	[ q(ae.hash(1, 1)), qw(hash_bits hash_noise) ]);

is(join(' ', @order),
	join(' ', $node->query('postgres', q(SELECT array_to_string(proargnames, ' ') FROM pg_proc WHERE oid = 'ae.options'::regproc)),
		map { @$_[1 .. $#$_] } @joined),
	'the tables list the arguments of ae.options in their order, then the options of functions joined to it');
for (@joined)
{
	my ($call, @options) = @$_;

	is(join(' ', sort @options),
		$node->query('postgres', qq(SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys($call) k)),
		"$call gives the options of its table");
}

# ---- types and ranges -----------------------------------------------------------------------------

my %error_type = (
	object => 'an object of columns and strings',
	boolean => 'a boolean',
	'list of names' => 'an array of strings',
	'list of integers' => 'an array of integers',
	text => 'a string',
	name => 'a string',
	integer => 'an integer',
	number => 'a number');

sub refusal
{
	my ($option, $value) = @_;
	my (undef, $err) = $node->psql('postgres', qq(SELECT ae.train(t, '{"$option": $value}') FROM small t;));
	return $err;
}

for my $option (@order)
{
	my ($type, $range) = @{ $row{$option} }{qw(type range)};

	my $wrong = $type eq 'object' || $option eq 'scaling' ? 3 : '{}';

	like(refusal($option, $wrong), qr/"$option" must be \Q$error_type{$type}\E(?:, or an object of columns and strings)?, but is/,
		"$option: type");
	if ($type eq 'text')
	{
		my ($valid) = refusal($option, '"nonsense"') =~ /Valid values are: (.*)\./;
		my @valid = sort split /, /, $valid // 'no error';
		my $named = $range eq 'the same' ? $row{activation}{range} : $range;
		my @said = $named =~ /`(\w+)`/g;

		is_deeply([ grep { my $v = $_; !grep { $_ eq $v } @said } @valid ], [], "$option: all choices are named");
	}
	elsif ($type !~ /name|object|boolean/)
	{
		my ($low, $below, $high) = $range =~ /^([\d.e+-]+) to (below )?([\d.e+-]+)/;
		my $value = $type eq 'list of integers' ? '[-1]' : -1;
		my ($is_low, $is_high, $bracket) = refusal($option, $value) =~ /outside its range \[(.*), (.*)([\])])/;

		ok(defined $low && defined $is_low && $low == $is_low, "$option: low end") or diag("$range");
		ok(defined $high && defined $is_high && $high == $is_high && ($below ? ')' : ']') eq $bracket,
			"$option: high end") or diag("$range; $is_low, $is_high$bracket");
	}
}

# ---- defaults -------------------------------------------------------------------------------------

# The option as resolved for that purpose and other options, with three inputs.
sub resolved
{
	my ($option, $table, $options) = @_;
	return $node->query('postgres', <<"END");
SET client_min_messages = error;
SELECT ae.describe(ae.train(t, '$options')) -> 'options' ->> '$option' FROM $table t;
END
}

# "a; b": for detect and for compress; only the numbers that stand alone are checked here.
for my $option (grep { $row{$_}{type} eq 'number' } grep { !/validation|weight_decay|learning_rate|neighbours_weight|variational_beta/ } @order)
{
	my ($detect, $compress) = split /; /, $row{$option}{default};
	my %needed = (
		momentum => '"optimizer": "sgd", ',
		sparse_weight => '"sparse": "l1", ',
		contract_weight => '"contract_exact": true, ',
		sparse_target => '"sparse": "kl", ',
		denoise_level => '"denoise": "swap", ',
		denoise_emphasis => '"denoise": "swap", ',
		variational_warmup => '"variational_beta": 1, ',
		variational_free_bits => '"variational_beta": 1, ',
		aux_weight => '"top_k": 1, ',
		psd_weight => '"sparse": "l1", ',
		hash_noise => '"hash_bits": 2, ',
		target_weight => '"target": "c", ');
	my $base = $needed{$option} // '';

	$compress //= $detect;
	s/[:;].*// for $detect, $compress;
	cmp_ok(resolved($option, 'small', "{$base\"updates\": 2}"), '==', $detect, "$option: default to detect")
	  unless $option eq 'hash_noise';    # bits are a code
	cmp_ok(resolved($option, 'small', "{$base\"updates\": 2, \"purpose\": \"compress\"}"), '==', $compress,
		"$option: default to compress");
}

# The rest, as the table words it.
my @worded = (
	[ 'purpose', 'small', '{"updates": 2}', 'detect' ],
	[ 'purpose', 'small', '{"updates": 2, "code": 1}', 'compress' ],
	[ 'code', 'large', '{"updates": 2}', 128 ],
	[ 'code', 'small', '{"updates": 2}', 72 ],
	[ 'code', 'small', '{"updates": 2, "hidden": [9, 8]}', 8 ],
	[ 'code', 'small', '{"updates": 2, "purpose": "compress"}', 1 ],
	[ 'hidden', 'small', '{"updates": 2}', '[]' ],
	[ 'hidden', 'large', '{"updates": 2, "purpose": "detect", "code": 1}', '[128]' ],
	[ 'hidden', 'small', '{"updates": 2, "code": 1}', '[32]' ],
	[ 'decoder', 'large', '{"updates": 2}', '[128]' ],
	[ 'decoder', 'small', '{"updates": 2, "code": 1, "hidden": [9, 8]}', '[8, 9]' ],
	[ 'activation', 'small', '{"updates": 2, "code": 1}', 'gelu' ],
	[ 'code_activation', 'small', '{"updates": 2, "activation": "tanh"}', 'tanh' ],
	[ 'code_activation', 'small', '{"updates": 2, "code": 1}', 'identity' ],
	[ 'output_activation', 'small', '{"updates": 2}', 'identity' ],
	[ 'output_activation', 'small', '{"updates": 2, "loss": "bce"}', 'sigmoid' ],
	[ 'loss', 'small', '{"updates": 2}', 'mse' ],
	[ 'scaling', 'small', '{"updates": 2}', 'standard' ],
	[ 'scaling', 'small', '{"updates": 2, "loss": "bce"}', 'minmax' ],
	[ 'optimizer', 'small', '{"updates": 2}', 'adam' ],
	[ 'learning_rate', 'small', '{"updates": 2}', 0.003 ],
	[ 'learning_rate', 'small', '{"updates": 2, "optimizer": "sgd"}', 0.03 ],
	[ 'schedule', 'small', '{"updates": 2}', 'cosine' ],
	[ 'weight_decay', 'small', '{"updates": 2}', 0 ],
	[ 'weight_decay', 'small', '{"updates": 2, "optimizer": "adamw"}', 0.01 ],
	[ 'weight_prior', 'small', '{"updates": 2, "weight_decay": 0.1}', 'gaussian' ],
	[ 'contract_exact', 'small', '{"updates": 2, "contract_weight": 1}', 'true' ],
	[ 'contract_exact', 'small', '{"updates": 2, "code": 32, "contract_weight": 1}', 'true' ],
	[ 'contract_exact', 'small', '{"updates": 2, "code": 33, "contract_weight": 1}', 'false' ],
	[ 'neighbours_weight', 'small', '{"updates": 2, "neighbours_weight": 1}', 1 ],
	[ 'neighbours_k', 'small', '{"updates": 2, "neighbours_weight": 1}', 8 ],
	[ 'neighbours_metric', 'small', '{"updates": 2, "neighbours_weight": 1}', 'euclidean' ],
	[ 'purpose', 'small', '{"updates": 2, "variational_beta": 1}', 'compress' ],
	[ 'variational_samples', 'small', '{"updates": 2, "variational_beta": 1}', 1 ],
	[ 'distribution', 'small', '{"updates": 2, "variational_beta": 1}', 'mixed' ],
	[ 'distribution', 'small', '{"updates": 2, "variational_beta": 1, "loss": "bce"}', 'bernoulli' ],
	[ 'variance', 'small', '{"updates": 2, "distribution": "mixed"}', 'column' ],
	[ 'variance', 'small', '{"updates": 2, "distribution": "mixed", "optimizer": "lbfgs"}', 'fixed' ],
	[ 'updates', 'large', '{}', 1500 ],
	[ 'updates', 'small', '{}', 700 ],
	[ 'updates', 'small', '{"optimizer": "lbfgs", "hidden": [2]}', 500 ],
	[ 'epochs', 'small', '{"code": 1}', 1000 ],
	[ 'epochs', 'large', '{"code": 1}', 375 ],
	[ 'batch_size', 'small', '{"updates": 2}', 128 ],
	[ 'validation', 'small', '{"updates": 2, "code": 1}', 0 ],
	[ 'validation', 'large', '{"updates": 2}', 0 ],
	[ 'validation', 'large', '{"updates": 2, "folds": 1}', 0.1 ],
	[ 'folds', 'large', '{"updates": 2}', 2 ],
	[ 'folds', 'large', '{"updates": 2, "code": 1}', 1 ],
	[ 'prototypes', 'large', '{"updates": 2, "folds": 1}', 0 ],
	[ 'prototypes', 'large', '{"updates": 2, "code": 1}', 0 ],
	[ 'quality', 'small', '{"updates": 2}', 'standard' ],
	[ 'category_loss', 'small', '{"updates": 2}', 'mse' ],
	[ 'null_indicators', 'small', '{"updates": 2}', 'false' ],
	[ 'validation', 'large', '{"updates": 2, "code": 1}', 0.1 ],
	[ 'patience', 'large', '{"updates": 2}', 0 ],
	[ 'patience', 'large', '{"updates": 2, "validation": 0.2}', 20 ],
	[ 'patience', 'large', '{"updates": 2, "code": 1}', 20 ],
	[ 'sparse_weight', 'small', '{"updates": 2, "sparse": "kl"}', 1 ],
	[ 'noise', 'small', '{"updates": 2, "denoise": "gaussian"}', 0.2 ],
	[ 'masking', 'small', '{"updates": 2, "denoise": "masking"}', 0.25 ],
	[ 'denoise_level', 'small', '{"updates": 2, "denoise": "salt_pepper"}', 0.1 ],
	[ 'pretrain_updates', 'small', '{"updates": 2, "code": 1, "pretrain": "plain"}', 500 ],
	[ 'sparse_layers', 'small', '{"updates": 2, "sparse": "l1"}', 'code' ],
	[ 'code_activation', 'small', '{"updates": 2, "code": 1, "sparse": "kl"}', 'sigmoid' ],
	[ 'activation', 'small', '{"updates": 2, "code": 1, "sparse": "kl", "sparse_layers": "hidden"}', 'sigmoid' ],
	[ 'seed', 'small', '{"updates": 2}', 0 ]);

is(resolved($_->[0], $_->[1], $_->[2]), $_->[3], "$_->[0]: default with $_->[2], table $_->[1]") for @worded;

done_testing();
