# Proves: whatever options meet whatever columns, training, every use of the model and training on
# from it end in an answer or an honest error: no crash, no internal error, no score that is no
# number.  120 sets of options, or AE_SETS of them (make soak: 20,000, in a server under
# AddressSanitizer); AE_SEED draws others.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $total = $ENV{AE_SETS} || ($ENV{AE_SOAK} ? 20_000 : 120);
my $seed = $ENV{AE_SEED} // 1;
my $batch = 50;
my $node = AeCluster->new;

# Rows 1 to 200 are trained on; those above have what training never sees.
$node->query('postgres', <<'END');
CREATE EXTENSION ae;
ALTER SYSTEM SET ae.progress = off;
ALTER SYSTEM SET client_min_messages = error;
SELECT pg_reload_conf();
SELECT setseed(0.5);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS float8 CHECK (VALUE > -1000);
CREATE TABLE pool AS
SELECT i AS id, sin(i) + random() AS f8, (cos(i) * 100)::real AS f4, (i * 37 % 101)::int AS i4, (i % 5)::smallint AS i2,
	(i::bigint << 33) AS i8, (exp(sin(i) * 5))::numeric(12, 4) AS num, i % 3 = 0 AS flag,
	(ARRAY['x', 'y', 'z', 'rare' || i])[1 + i % 7 % 4] AS word, ('w' || i % 40)::varchar(8) AS words, ('c' || i % 3)::char(4) AS fixed,
	(ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood AS feeling, md5((i % 9)::text)::uuid AS uuid,
	timestamptz '2024-01-01' + i * interval '7 hours' AS at, date '2020-02-28' + i AS day, time '00:00' + i * interval '11 minutes' AS clock,
	i * interval '90 minutes' AS span, (i * 3.5)::numeric::money AS price, 7::int AS constant, NULL::float8 AS never,
	CASE WHEN i % 2 = 0 THEN exp(sin(i)) END AS gap, CASE WHEN i % 40 = 0 THEN 1.0 ELSE 0.0 END::float8 AS lonely,
	1e300 * sin(i) AS huge, 1e-300 * i AS tiny, ARRAY[sin(i), cos(i), random()]::real[] AS vec, CASE WHEN i % 4 > 0 THEN ARRAY[i, i * i] END AS pair,
	(sin(i) * 3)::positive AS bounded
FROM generate_series(1, 200) i;
INSERT INTO pool (id) SELECT 200 + i FROM generate_series(1, 3) i;
INSERT INTO pool SELECT 210, 'Infinity', '-Infinity', -2147483648, 32767, -9223372036854775808, 99999999, NULL, 'never seen', '', 'q', NULL,
	'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', '-infinity', '24:00', '-1000 years', '-92233720368547758.08', 8, 3, 'NaN', 5e-324, 1e308, 0,
	ARRAY['NaN', 0, 'Infinity']::real[], ARRAY[1, NULL], 3;
INSERT INTO pool SELECT 211, 1e308, 3e38, 0, -1, 0, 0, true, repeat('long', 100), 'w1', 'c1', 'ok', NULL, '0001-01-01', '5874897-12-31', '00:00',
	'178000000 years', 0, 7, 1, 1, 0, -1e308, 1, ARRAY[0, 0, 0]::real[], ARRAY[2147483647, 1], 1e300;

-- One call; what it says, or the code of its error.
CREATE FUNCTION called(call text, model bytea, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	good boolean;
BEGIN
	EXECUTE call INTO good USING model, options;
	RETURN CASE WHEN good IS FALSE THEN 'WRONG[' || call || ']' ELSE 'ok' END;
EXCEPTION WHEN OTHERS THEN
	RETURN CASE WHEN SQLSTATE LIKE 'XX%' OR SQLSTATE LIKE '22P%' OR SQLSTATE LIKE '58%' THEN 'WRONG[' || SQLERRM || ']' ELSE SQLSTATE END;
END $$;

-- every function of a model and rows; of the source s the expression row
CREATE FUNCTION used(model bytea, source text, row_ text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT called(format(call, row_, source), model, NULL), ' ')
	FROM unnest(ARRAY[
		'SELECT bool_and(ae.anomaly_score($1, %s) >= 0 AND ae.anomaly_score($1, %1$s) < 1) FROM %s',
		'SELECT bool_and(ae.p_value($1, %s) > 0 AND ae.p_value($1, %1$s) <= 1) FROM %s',
		'SELECT bool_and(ae.reconstruction_error($1, %s) >= 0 AND ae.reconstruction_error($1, %1$s) <> ''NaN'') FROM %s',
		'SELECT bool_and(ae.raw_score($1, %s) <> ''NaN'') FROM %s',
		'SELECT bool_and(ae.log_likelihood($1, %s) <> ''NaN'') FROM %s',
		'SELECT bool_and(ae.elbo($1, %s, 2) <> ''NaN'' AND ae.log_likelihood($1, %1$s, 3, 1) <> ''NaN'') FROM %s',
		'SELECT count(ae.encode_sample($1, %s, 5)) >= 0 FROM %s',
		'SELECT count(ae.infer($1, %s)) >= 0 FROM %s',
		'SELECT count(ae.is_anomaly($1, %s, 0.05)) >= 0 FROM %s',
		'SELECT count(ae.encode($1, %s)) >= 0 FROM %s',
		'SELECT count(ae.encode_bits($1, %s)) >= 0 FROM %s',
		'SELECT count(ae.decode($1, ae.encode($1, %s))) >= 0 FROM %s',
		'SELECT count(ae.reconstruct($1, %s)) >= 0 FROM %s',
		'SELECT count(ae.impute($1, %s)) >= 0 FROM %s',
		'SELECT count(ae.impute($1, %s, 7)) >= 0 FROM %s',
		'SELECT count(*) > 0 FROM (SELECT ae.generate($1, %s, 2, 1) FROM %s LIMIT 9) s',
		'SELECT bool_and(share BETWEEN 0 AND 1.001) FROM %2$s, ae.explain($1, %1$s)',
		'SELECT count(ae.predict($1, %s)) >= 0 FROM %s',
		'SELECT bool_and(probability BETWEEN 0 AND 1) FROM %2$s, ae.predict_proba($1, %1$s)',
		'SELECT (ae.evaluate($1, %s)).mean_error >= 0 FROM %s',
		'SELECT ae.threshold($1) <> ''NaN'' AND ae.summary($1) <> '''' AND ae.describe($1) <> ''{}'' AND ae.row_expression($1) <> ''''',
		'SELECT count(*) > 0 FROM ae.features($1)',
		'SELECT count(*) >= 0 FROM ae.history($1)']) call
$$;

CREATE FUNCTION try_set(trained_on text, used_on text, row_ text, options jsonb, more jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	model bytea;
	again bytea;
	verdict text;
BEGIN
	BEGIN
		EXECUTE format('SELECT ae.train(%s, $1) FROM %s', row_, trained_on) INTO model USING options;
	EXCEPTION WHEN OTHERS THEN
		RETURN 'train:' || CASE WHEN SQLSTATE LIKE 'XX%' THEN 'WRONG[' || SQLERRM || ']' ELSE SQLSTATE END;
	END;
	IF model IS NULL THEN
		RETURN 'train:none';
	END IF;
	verdict := 'train:ok ' || used(model, trained_on, row_) || ' ' || used(model, used_on, row_);
	BEGIN
		EXECUTE format('SELECT ae.train(%s, $1, $2) FROM %s', row_, trained_on) INTO again USING more, model;
	EXCEPTION WHEN OTHERS THEN
		RETURN verdict || ' on:' || CASE WHEN SQLSTATE LIKE 'XX%' OR SQLSTATE LIKE '22P%' THEN 'WRONG[' || SQLERRM || ']' ELSE SQLSTATE END;
	END;
	RETURN verdict || ' on:ok ' || coalesce(used(again, used_on, row_), '');
END $$;
END

# ---- drawing ----

sub any { return $_[int rand @_] }
sub whole { my ($low, $high) = @_; return $low + int rand($high - $low + 1) }
sub word { return '"' . any(@_) . '"' }
sub share { return any(0, 0.05, 0.1, 0.25, 0.5, 0.9, 0.99) }
sub size { return any(1, 1, 2, 2, 3, 4, 5, 8, 12, 17) }
sub layers { return '[' . join(',', map { size() } 1 .. whole(0, 3)) . ']' }

sub choices_of
{
	my ($option) = @_;
	my ($choices) = ($node->psql('postgres', qq(SELECT ae.train(p, '{"$option": "?"}') FROM pool p)))[1] =~ /Valid values are: (.*)\./;

	return split /, /, $choices;
}

my @activations = choices_of('activation');
my @losses = choices_of('loss');
my @columns = qw(id f8 f4 i4 i2 i8 num flag word words fixed feeling uuid at day clock span price constant never gap lonely huge
	tiny vec pair bounded);

# What an option may be; mostly valid.
my %draw = (
	purpose => sub { word(qw(detect compress search generate)) },
	folds => sub { whole(1, 2) },
	prototypes => sub { any(0, 1, 3, 64, 256) },
	quality => sub { word(qw(standard accurate)) },
	code => sub { size() },
	hidden => sub { layers() },
	decoder => sub { layers() },
	tied => sub { any(qw(true true false)) },
	batch_norm => sub { any(qw(true true false)) },
	activation => sub { word(@activations) },
	code_activation => sub { word(@activations) },
	output_activation => sub { word(@activations) },
	loss => sub { word(@losses) },
	category_loss => sub { word(qw(cross_entropy mse)) },
	scaling => sub { word(qw(standard minmax none robust log quantile)) },
	clip => sub { any(0.001, 0.5, 3, 1e15) },
	max_levels => sub { any(1, 2, 5, 65536) },
	min_frequency => sub { any(1, 2, 10, 1000) },
	null_indicators => sub { any(qw(true true false)) },
	time_parts => sub { any('["hour"]', '["hour","weekday","month"]', '[]') },
	masking => \&share,
	noise => sub { any(0, 0.1, 1, 100, 1e6) },
	dropout => \&share,
	optimizer => sub { word(qw(sgd adam adamw lbfgs pca)) },
	learning_rate => sub { any(1e-12, 1e-4, 0.003, 0.1, 10, 1e6) },
	schedule => sub { word(qw(constant cosine step)) },
	algorithm => sub { word(qw(backpropagation recirculation)) },
	final_rate => sub { any(0, 0.5, 1) },
	warmup => \&share,
	momentum => \&share,
	beta1 => \&share,
	beta2 => \&share,
	epsilon => sub { any(1e-30, 1e-8, 1) },
	weight_decay => sub { any(0, 0.01, 1, 1e6) },
	weight_prior => sub { word(qw(gaussian laplace)) },
	clip_norm => sub { any(0, 1e-3, 1, 1e12) },
	batch_size => sub { any(1, 2, 3, 16, 128, 5000) },
	validation => \&share,
	patience => sub { any(0, 1, 5) },
	time_limit => sub { any(0, 0.01, 10) },
	seed => sub { any(0, 1, '9223372036854775807') },
	sparse => sub { word(qw(l1 student_t log kl jumprelu)) },
	sparse_weight => sub { any(0, 0.01, 1, 1e6) },
	sparse_target => sub { any(1e-6, 0.05, 0.9) },
	sparse_layers => sub { word(qw(code hidden)) },
	top_k => sub { size() },
	batch_top_k => sub { size() },
	aux_weight => sub { any(0, 0.03, 1e6) },
	psd_weight => sub { any(0, 0.3, 1, 1e6) },
	denoise => sub { word(qw(gaussian masking salt_pepper swap)) },
	denoise_level => sub { any(0, 0.1, 0.5, 0.99) },
	denoise_emphasis => sub { any(0, 0.5, 1) },
	denoise_walkback => sub { any(0, 1, 5, 100) },
	contract_weight => sub { any(0, 0.03, 1, 1e6) },
	contract_exact => sub { any(qw(true false)) },
	neighbours_weight => sub { any(0, 0.5, 1) },
	neighbours_k => sub { any(1, 3, 8, 100) },
	neighbours_metric => sub { word(qw(euclidean cosine)) },
	distribution => sub { word(('mixed') x 6, qw(gaussian bernoulli categorical)) },
	variance => sub { word(qw(fixed shared column)) },
	variational_beta => sub { any(1e-6, 0.1, 1, 1, 1e6) },
	variational_warmup => sub { any(0, 0.5, 1) },
	variational_samples => sub { any(1, 2, 5, 64) },
	variational_free_bits => sub { any(0, 0.1, 1e6) },
	skip => sub { any(qw(true true false)) },
	target => sub { word(qw(flag word f8 i2 feeling gap)) },
	target_weight => sub { any(0, 0.1, 1, 1e6) },
	feedback => sub { word(qw(flag flag flag word)) },
	weight => sub { word(qw(i2 f8 word)) },
	pretrain => sub { word(qw(plain denoising)) },
	pretrain_updates => sub { any(1, 5, 20) },
	hash_bits => sub { size() },
	hash_noise => sub { any(0, 4, 1e6) },
);

# An option that does nothing without another one is refused: it comes with that one.
my %with = (
	sparse_weight => 'sparse', sparse_target => 'sparse', sparse_layers => 'sparse', aux_weight => 'top_k', psd_weight => 'sparse',
	denoise_level => 'denoise', denoise_emphasis => 'denoise', contract_exact => 'contract_weight', target_weight => 'target',
	pretrain_updates => 'pretrain', neighbours_k => 'neighbours_weight', neighbours_metric => 'neighbours_weight', variance => 'distribution', variational_warmup => 'variational_beta',
	variational_free_bits => 'variational_beta', variational_samples => 'variational_beta', hash_noise => 'hash_bits', weight_prior => 'weight_decay');

# Up to seven options, and a short training.
sub options
{
	my ($columns, $is_array) = @_;
	my @names = sort keys %draw;
	my %value = (any('epochs', 'updates', 'updates') => whole(1, 12));

	for (1 .. whole(0, 7))
	{
		my $name = any(@names);

		next if $is_array && $name =~ /^(target|feedback|time_parts|max_levels|min_frequency)/;
		next if $name =~ /^(distribution|variance|variational)/ && rand() < 0.6;    # they exclude many others
		$value{$name} = $name eq 'target' && rand() < 0.9 ? word(@$columns) : $draw{$name}->();
		$value{ $with{$name} } //= $draw{ $with{$name} }->() if $with{$name};
	}
	if (!$is_array)
	{
		$value{kinds} = '{"' . any(@$columns) . '":' . word(qw(number category boolean time)) . '}' if rand() < 0.08;
		$value{scaling} = '{"' . any(@$columns) . '":' . $draw{scaling}->() . '}' if rand() < 0.05;
		$value{exclude} = '["' . any(@$columns) . '"]' if rand() < 0.1;
	}
	return '{' . join(',', map { "\"$_\":$value{$_}" } sort keys %value) . '}';
}

# What a training that goes on may be told.
sub more
{
	my %value = (updates => whole(1, 5));

	for (1 .. whole(0, 3))
	{
		my $name = any(qw(learning_rate optimizer seed masking dropout noise batch_size validation weight_decay patience sparse
			contract_weight neighbours_weight skip denoise batch_norm tied hidden code folds quality));

		$value{$name} = $draw{$name}->();
	}
	return '{' . join(',', map { "\"$_\":$value{$_}" } sort keys %value) . '}';
}

# A statement that tries one set.
sub set
{
	my %taken = map { any(@columns) => 1 } 1 .. whole(1, any(2, 5, 12));
	my @taken = sort keys %taken;
	my $is_array = rand() < 0.1;
	my $rows = any(1, 2, 3, 5, 8, 20, 20, 60, 200);
	my $first = whole(1, 200 - ($rows < 200 ? $rows : 199));
	my $condition = "id BETWEEN $first AND @{[ $first + $rows - 1 ]}";
	my $list = $is_array ? 'ARRAY[' . join(',', map { "$_\::float8" } any([qw(f8 f4 i4)], [qw(i2 gap)], [qw(f8 f4 i2 i4 tiny lonely)])->@*) . '] AS a'
	  : join(',', @taken);
	my $row = $is_array ? 's.a' : 's';
	my @quoted = map { "\$q\$$_\$q\$" } "(SELECT $list FROM pool WHERE $condition) s",
	  "(SELECT $list FROM pool WHERE id > 200 OR id % 50 = 1) s", $row, options(\@taken, $is_array), more();

	return "try_set(" . join(', ', @quoted) . ')';
}

# ---- trying ----

# Whether the server answers, once it has recovered.
sub answers
{
	for (1 .. 100)
	{
		return 1 if ($node->psql('postgres', 'SELECT 1'))[2] == 0;
		select(undef, undef, undef, 0.3);
	}
	return 0;
}

my %verdicts;
my (@wrong, $done);

srand $seed;
for ($done = 0; $done < $total; $done += $batch)
{
	my @sets = map { set() } 1 .. ($total - $done < $batch ? $total - $done : $batch);
	my ($out, $err, $rc) = $node->psql('postgres', join '', map { "SELECT $_;\n" } @sets);
	my @answers = split /\n/, $out;

	for (0 .. $#answers)
	{
		push @wrong, "$answers[$_]\n    $sets[$_]" if $answers[$_] =~ /WRONG/;
		$verdicts{$_}++ for $answers[$_] =~ /(\S+:\S+|\b[0-9A-Z]{5}\b)/g;
	}
	if ($rc != 0)
	{
		fail("the backend survives");
		diag("$err\n$sets[@answers]");
		last unless answers();
	}
	diag("$done sets") if $ENV{AE_SOAK} && $done % 1000 == 0;
}
is_deeply(\@wrong, [], "$total sets of options give answers or honest errors");
diag(join ', ', map { "$_: $verdicts{$_}" } sort keys %verdicts);
cmp_ok($verdicts{'train:ok'} // 0, '>', $total / 3, 'many of them train');
cmp_ok($verdicts{'on:ok'} // 0, '>', $total / 6, 'and are trained on');
unlike($node->log_text, qr/terminated by signal|PANIC|\bXX\d\d\d\b|Sanitizer|runtime error:/, 'no crash, no internal error');

done_testing();
