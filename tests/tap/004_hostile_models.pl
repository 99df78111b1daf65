# Proves: no bytes that a user can send as a model crash a backend; they give 22P03 or a result.
# Mutated models carry a correct checksum, so that they reach the reader behind it.  2,000 of them,
# or AE_MUTANTS of them (make soak: 100,000).

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $total = $ENV{AE_MUTANTS} || ($ENV{AE_SOAK} ? 100_000 : 2000);
my $node = AeCluster->new;

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
ALTER SYSTEM SET ae.progress = off;
ALTER SYSTEM SET client_min_messages = error;
SELECT pg_reload_conf();
CREATE TABLE t AS SELECT sin(i) a, cos(i) b, i % 2 = 0 c FROM generate_series(1, 50) i;
CREATE TABLE mutants (id int, bytes bytea);
CREATE FUNCTION try(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	calls text[] := ARRAY['SELECT ae.reconstruction_error($1, ROW(1.5::float8, -2::float8, true))',
		'SELECT ae.anomaly_score($1, t) FROM t LIMIT 1', 'SELECT ae.reconstruct($1, t) FROM t LIMIT 1',
		'SELECT ae.encode($1, t) FROM t LIMIT 1', 'SELECT ae.decode($1, ''{1}''::real[])',
		'SELECT ae.is_anomaly($1, ROW(''NaN''::float8, 1e300::float8, false))',
		'SELECT ae.describe($1)', 'SELECT ae.summary($1)', 'SELECT count(*) FROM ae.history($1)',
		'SELECT count(*) FROM ae.features($1)', 'SELECT ae.row_expression($1)',
		'SELECT sum(e.share) FROM t, ae.explain($1, t) e', 'SELECT ae.impute($1, ROW(NULL::float8, 1::float8, true))',
		'SELECT ae.threshold($1)', 'SELECT ae.evaluate($1, t) FROM t', 'SELECT ae.train(t, ''{"updates": 1}'', $1) FROM t',
		'SELECT ae.predict($1, t) FROM t LIMIT 1', 'SELECT count(*) FROM ae.predict_proba($1, ROW(1.5::float8, -2::float8, true))'];
	verdict text := '';
BEGIN
	FOR i IN 1 .. array_length(calls, 1) LOOP
		BEGIN
			EXECUTE calls[i] USING bytes;
			verdict := verdict || ' ok';
		EXCEPTION WHEN OTHERS THEN
			verdict := verdict || ' ' || SQLSTATE;
		END;
	END LOOP;
	RETURN verdict;
END $$;
END

my @models = map { pack('H*', substr($_, 2)) } split /\n/, $node->query('postgres', <<'END');
SET ae.progress = off; SET client_min_messages = warning;
SELECT ae.train(t, '{"code": 1, "hidden": [2], "epochs": 3, "validation": 0.2}') FROM t;
SELECT ae.train(ARRAY[a, b]::real[], '{"code": 2, "decoder": [], "hidden": [], "updates": 2}') FROM t;
SELECT ae.train(t, '{"hidden": [3], "epochs": 3, "kinds": {"c": "category"}, "quality": "accurate", "prototypes": 2}') FROM t;
SELECT ae.train(t, '{"code": 1, "hidden": [], "epochs": 3, "target": "d"}') FROM (SELECT *, 'level ' || (a > 0) AS d FROM t) t;
SELECT ae.train(t, '{"code": 1, "hidden": [], "epochs": 3, "target": "b"}') FROM t;
SELECT ae.train(t, '{"hidden": [3], "epochs": 3, "kinds": {"c": "category"}, "feedback": "v"}') FROM (SELECT *, CASE WHEN a > 0.9 THEN b > 0 END AS v FROM t) t;
END

# One to four changes: a flipped bit, a byte or a word of a telling value, a cut, a repetition.
sub mutate
{
	my ($bytes) = @_;
	my @words = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000, 0x7FC00000, 65536, 1665);

	for (1 .. 1 + int rand 4)
	{
		my $at = int rand length $bytes;
		my $kind = int rand 10;

		if ($kind < 4) { substr($bytes, $at, 1) ^= chr(1 << int rand 8) }
		elsif ($kind < 6) { substr($bytes, $at, 1) = chr(int rand 256) }
		elsif ($kind < 8 && $at + 4 <= length $bytes) { substr($bytes, $at, 4) = pack('V', $words[rand @words]) }
		elsif ($kind == 8) { $bytes = substr($bytes, 0, $at) }
		else { substr($bytes, $at, 0) = substr($bytes, int rand length $bytes, int rand 16) }
		return $bytes if length $bytes < 32;
	}
	return $bytes if rand() < 0.1;
	return sealed($bytes);
}

# With the length and the checksum that it should have, and the models of a bundle too.
sub sealed
{
	my ($bytes) = @_;

	return $bytes if length $bytes < 32;
	for (my $at = 40; ord(substr($bytes, 12, 1)) & 4 && $at + 8 < length $bytes; )
	{
		my $length = unpack('Q<', substr($bytes, $at, 8));

		$at += 8;
		last if $length > length($bytes) - $at;
		substr($bytes, $at, $length) = sealed(substr($bytes, $at, $length));
		$at += $length;
	}
	return AeCluster::sealed($bytes);
}

is(AeCluster::crc32c('123456789'), 0xE3069283, 'the checksum is CRC-32C');
is($node->query('postgres', "SELECT try('\\x" . unpack('H*', $models[0]) . "')"), ' ok' x 16 . ' 55000' x 2, 'the model itself is fine');
is($node->query('postgres', "SELECT try('\\x" . unpack('H*', $models[2]) . "')"), ' ok' x 3 . ' 55000' x 2 . ' ok' x 11 . ' 55000' x 2, 'so is the crossed one');
# training goes on with the target's column alone
is($node->query('postgres', "SELECT try('\\x" . unpack('H*', $models[3]) . "')"), ' ok' x 15 . ' 42703' . ' ok' x 2, 'and the one with a target');
is($node->query('postgres', "SELECT try('\\x" . unpack('H*', $models[5]) . "')"), ' ok' x 3 . ' 55000' x 2 . ' ok' x 11 . ' 55000' x 2, 'and the one with verdicts');
srand 1;

my %verdicts;
my $batch = 5000;

for (my $done = 0; $done < $total; $done += $batch)
{
	my $n = $total - $done < $batch ? $total - $done : $batch;
	my $sql = "TRUNCATE mutants;\nCOPY mutants FROM stdin;\n";

	$sql .= $_ . "\t\\\\x" . unpack('H*', mutate($models[$_ % @models])) . "\n" for 1 .. $n;
	$sql .= "\\.\nSELECT code || ' ' || count(*) FROM mutants, regexp_split_to_table(ltrim(try(bytes)), ' ') code GROUP BY code;\n";
	my ($out, $err, $rc) = $node->psql('postgres', $sql);

	is($rc, 0, "mutants from $done on: the backend survives") or diag($err);
	$verdicts{ (split)[0] } += (split)[1] for split /\n/, $out;
}
diag(join ', ', map { "$_: $verdicts{$_}" } sort keys %verdicts);

# ok; corrupt; what a valid model of another shape says of these rows and codes, or a level that a
# column's type does not have; and training that
# starts from wild weights may diverge
my %allowed = map { $_ => 1 } qw(ok 22P03 22P02 42703 42804 2202E 22023 54000 42809 55000 22003);

is_deeply([ grep { !$allowed{$_} } keys %verdicts ], [], 'nothing but results and honest errors');
cmp_ok($verdicts{'22P03'} // 0, '>', $total, 'most mutants are refused as corrupt');
cmp_ok($verdicts{ok} // 0, '>', 0, 'some mutants are models');
# ---- another model of the same checksum ----

# The model with four bytes that mean nothing, its server's version, set so that its checksum is that
# one: a CRC is linear, so the bits that are to flip solve 32 equations.
sub forged
{
	my ($bytes, $crc, $version) = @_;
	my $at = index($bytes, pack('V', $version));
	my $checksum = sub {
		my $copy = $bytes;

		substr($copy, $at, 4) = pack('V', $_[0]);
		return unpack('V', substr(AeCluster::sealed($copy), 24, 4));
	};
	my $zero = $checksum->(0);
	my ($rest, $bits, @rows) = ($crc ^ $zero, 0);

	for my $bit (map { 1 << $_ } 0 .. 31)
	{
		my @row = ($checksum->($bit) ^ $zero, $bit);

		for (@rows) { @row = ($row[0] ^ $_->[0], $row[1] ^ $_->[1]) if ($row[0] ^ $_->[0]) < $row[0]; }
		push @rows, \@row;
	}
	for (@rows) { ($rest, $bits) = ($rest ^ $_->[0], $bits ^ $_->[1]) if ($rest ^ $_->[0]) < $rest; }
	substr($bytes, $at, 4) = pack('V', $bits);
	return AeCluster::sealed($bytes);
}

my ($version, @pair) = split /\n/, $node->query('postgres', <<'END');
SET ae.progress = off; SET client_min_messages = warning;
SHOW server_version_num;
SELECT ae.train(s, '{"code": 1, "hidden": [], "updates": 2, "folds": 1}') FROM (SELECT 1 - i % 2 AS a, i % 2 AS b, c FROM t, generate_series(1, 2) i) s;
SELECT ae.train(t, '{"code": 1, "hidden": [], "updates": 2, "folds": 1}') FROM t;
END
my ($small, $large) = map { pack('H*', substr($_, 2)) } @pair;
my $forged = forged($large, unpack('V', substr($small, 24, 4)), $version);

is(substr($forged, 24, 4), substr($small, 24, 4), 'two models have one checksum');
$node->query('postgres', sprintf 'CREATE TABLE pair AS SELECT i, CASE i WHEN 1 THEN %s ELSE %s END AS model FROM generate_series(1, 2) i',
	map { "'\\x" . unpack('H*', $_) . "'::bytea" } $small, $forged);
is($node->query('postgres', 'SELECT count(ae.summary(model)) FROM pair'), 2, 'both are models');
for my $order ('ASC', 'DESC')
{
	my ($out, $err) = $node->psql('postgres', "SELECT ae.drift(model, t ORDER BY i $order) FROM pair, t");

	like($err, qr/argument "model" of ae\.drift differs between rows/, "ae.drift tells them apart, $order");
	(undef, $err) = $node->psql('postgres', "SELECT ae.evaluate(model, t ORDER BY i $order) FROM pair, (SELECT *, 1 AS d FROM t) t");
	like($err, qr/argument "model" of ae\.evaluate differs between rows/, "so does ae.evaluate, $order");
}
unlike($node->log_text, qr/terminated by signal|PANIC|XX000/, 'no crash, no internal error');

done_testing();
