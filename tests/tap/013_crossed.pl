# Proves: a crossed model scores every row by networks that did not train on it, whatever way the row
# is written and whatever is asked of it; its p-values are those of the row's fold; its bytes depend
# on nothing but rows and options; and what cannot be crossed is said and done otherwise.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;
my $quick = '"exclude": ["id"], "updates": 60';

$node->query('postgres', <<"END");
CREATE EXTENSION ae;
ALTER SYSTEM SET ae.progress = off;
SELECT pg_reload_conf();
CREATE TABLE t AS SELECT i AS id, sin(i)::float8 AS a, (sin(i) + cos(i * 1.7) / 10)::float8 AS b, i * 7 % 23 AS c,
	CASE WHEN i % 50 > 0 THEN (ARRAY['red', 'green', 'blue', 'rare' || i % 3])[1 + i % 4] END AS d, i % 4 = 0 AS e
  FROM generate_series(1, 800) i;
UPDATE t SET a = NULL WHERE id % 40 = 7;
CREATE TABLE models (name text, model bytea);
INSERT INTO models SELECT 'crossed', ae.train(t, '{$quick}') FROM t;
INSERT INTO models SELECT 'accurate', ae.train(t, '{$quick, "quality": "accurate"}') FROM t;
INSERT INTO models SELECT 'masked', ae.train(t, '{$quick, "masking": 0.1}') FROM t;
VACUUM ANALYZE;
END

# ---- bytes: a bundle taken apart and put together --------------------------------------------------

sub bundle
{
	my ($folds, $members, @models) = @_;

	return AeCluster::sealed("\x89AEM\r\n\x1a\n" . pack('vvVQ<VVVV', 1, 1, 4, 0, 0, 0, $folds, $members)
		  . join('', map { pack('Q<', length $_) . $_ } @models));
}

# Folds, members, and the models of a bundle.
sub take_apart
{
	my ($bytes) = @_;
	my ($folds, $members) = unpack('x32VV', $bytes);
	my @models;

	for (my $at = 40; $at < length $bytes; )
	{
		my $length = unpack('Q<', substr($bytes, $at, 8));

		push @models, substr($bytes, $at + 8, $length);
		$at += 8 + $length;
	}
	return ($folds, $members, @models);
}

sub model
{
	my ($query) = @_;
	return pack('H*', substr($node->query('postgres', $query), 2));
}

sub literal { return "'\\x" . unpack('H*', $_[0]) . "'::bytea" }

my ($folds, $members, @networks) = take_apart(model("SELECT model FROM models WHERE name = 'crossed'"));

is("$folds x $members, " . @networks, '2 x 1, 2', 'a crossed model is a bundle of two');
is(bundle(2, 1, @networks), model("SELECT model FROM models WHERE name = 'crossed'"), 'its bytes are what they are said to be');
my ($accurate_folds, $accurate_members, @accurate) = take_apart(model("SELECT model FROM models WHERE name = 'accurate'"));

is($accurate_folds, 2, 'the accurate one has two folds');
cmp_ok($accurate_members, '>', 1, "and several networks of each ($accurate_members)");

# Which fold a row is in: that of the network which alone gives its error.
$node->query('postgres', <<"END");
CREATE TABLE networks (fold int, model bytea);
INSERT INTO networks VALUES (0, @{[ literal($networks[0]) ]}), (1, @{[ literal($networks[1]) ]});
CREATE TABLE scored AS
  SELECT t.id, m.name, ae.raw_score(m.model, t) AS raw, ae.reconstruction_error(m.model, t) AS error,
	ae.p_value(m.model, t) AS p, ae.anomaly_score(m.model, t) AS score FROM t, models m;
CREATE TABLE folds AS SELECT t.id, n.fold, ae.raw_score(n.model, t) AS raw, ae.reconstruction_error(n.model, t) AS error,
	ae.p_value(n.model, t) AS p, ae.anomaly_score(n.model, t) AS score FROM t, networks n;
DELETE FROM folds f USING scored s WHERE s.id = f.id AND s.name = 'crossed' AND float8send(s.error) <> float8send(f.error);
END
is($node->query('postgres', 'SELECT count(*), count(DISTINCT id) FROM folds'), '800|800', 'each row is scored by one of the two');
is($node->query('postgres', <<'END'), 0, 'with the same bits of the raw score');
SELECT count(*) FROM folds f JOIN scored s USING (id) WHERE name = 'crossed' AND float8send(s.raw) <> float8send(f.raw);
END
my $first_fold = $node->query('postgres', 'SELECT count(*) FROM folds WHERE fold = 0');

cmp_ok(abs($first_fold - 400), '<', 60, "folds are about halves ($first_fold of 800)");

# ---- scored by what has not seen it ------------------------------------------------------------------

# Leaving a row out of the training changes nothing in the networks that score it, to the last bit; but
# those of the other fold, which did not see it either then, have a say in its error.
is($node->query('postgres', <<"END"), '12|12|0|0', 'what is made of a row does not depend on whether it was there');
SELECT count(*), sum((ae.reconstruct(without.model, t) IS NOT DISTINCT FROM ae.reconstruct(m.model, t))::int),
	sum((float8send(ae.reconstruction_error(without.model, t)) = float8send(s.error))::int),
	sum((float8send(ae.reconstruction_error(without.model, o)) = float8send(so.error))::int)
FROM (SELECT * FROM t WHERE id % 67 = 5) t
JOIN scored s ON s.id = t.id AND s.name = 'crossed'
JOIN models m ON m.name = s.name
JOIN folds f ON f.id = t.id,
LATERAL (SELECT ae.train(r, '{$quick}') AS model FROM t r WHERE r.id <> t.id) without,
LATERAL (SELECT id FROM folds WHERE fold <> f.fold ORDER BY id LIMIT 1) other
JOIN t o ON o.id = other.id
JOIN scored so ON so.id = o.id AND so.name = 'crossed';
END

# One outlier forty times over: a single network learns it by heart.
$node->query('postgres', <<'END');
CREATE TABLE planted AS SELECT a, b, c, e FROM t WHERE a IS NOT NULL
  UNION ALL SELECT 0.9, -0.9, 11, true FROM generate_series(1, 40);
CREATE VIEW single AS SELECT ae.train(p, '{"folds": 1}') AS model FROM planted p;
CREATE VIEW two AS SELECT ae.train(p) AS model FROM planted p;
END
my $rank = <<'END';
SELECT max(r) FROM (SELECT a, b, percent_rank() OVER (ORDER BY ae.raw_score(m.model, p)) r FROM planted p, %s m) s WHERE a = 0.9 AND b = -0.9
END
my ($single, $crossed) = map { $node->query('postgres', sprintf $rank, $_) } qw(single two);

cmp_ok($single, '<', 0.5, "one network takes the planted outlier for normal (rank $single)");
cmp_ok($crossed, '>', 0.94, "crossed it stays on top (rank $crossed)");

# ---- the row, however it is written -------------------------------------------------------------------

for my $form (
	[ 'bigint', 'SELECT id, a, b, c::bigint, d, e FROM t' ],
	[ 'numeric and varchar', 'SELECT id, a, b, c::numeric, d::varchar, e FROM t' ],
	[ 'smallint and char', 'SELECT id, a, b, c::smallint, d::char(10), e FROM t' ],
	[ 'another order of columns', 'SELECT e, d, c, b, a, id FROM t' ],
	[ 'more columns', 'SELECT now() AS x, t.*, id * 2.5 AS y, NULL::json AS z FROM t' ])
{
	my ($name, $query) = @$form;

	is($node->query('postgres', <<"END"), 0, "$name: the same scores");
SELECT count(*) FROM ($query) r JOIN scored s ON s.id = r.id JOIN models m ON m.name = s.name
WHERE float8send(ae.raw_score(m.model, r)) <> float8send(s.raw) OR float8send(ae.p_value(m.model, r)) <> float8send(s.p);
END
}
is($node->query('postgres', <<'END'), 0, 'ROW by position: the same scores');
SELECT count(*) FROM t JOIN scored s USING (id) JOIN models m ON m.name = s.name
WHERE float8send(ae.raw_score(m.model, ROW(a, b, c, d, e))) <> float8send(s.raw);
END
is($node->query('postgres', <<'END'), 't', 'minus zero is zero, and every NaN one');
SELECT bool_and(ae.reconstruct(model, ROW('-0'::float8, 0.5::float8, c, 'red'::text, true)) = ae.reconstruct(model, ROW(0::float8, 0.5::float8, c, 'red'::text, true))
  AND ae.p_value(model, ROW('NaN'::float8, 0.5::float8, c, 'red'::text, true)) = ae.p_value(model, ROW(-'NaN'::float8, 0.5::float8, c, 'red'::text, true)))
FROM models, generate_series(1, 50) c;
END
is($node->query('postgres', <<'END'), '1|t', 'both folds judge unknown levels, whichever they fall into');
SELECT count(DISTINCT e), bool_and(p > 0) FROM (SELECT ae.reconstruction_error(model, ROW(0::float8, 0::float8, 5, 'new ' || i, true)) e,
	ae.p_value(model, ROW(0::float8, 0::float8, 5, 'new ' || i, true)) p FROM models, generate_series(1, 30) i WHERE name = 'crossed') s;
END

# ---- what is asked of the model -------------------------------------------------------------------------

is($node->query('postgres', <<'END'), '2400|0|0|0', 'explain: shares sum to one, its errors have the mean that the row has');
SELECT count(*), sum((abs(shares - 1) > 1e-9)::int), sum((least < 0)::int), sum((abs(mean - s.error) > 1e-9 * (1 + s.error))::int)
FROM (SELECT t.id, m.name, sum(e.share) shares, min(e.share) least, avg(e.error) mean
	FROM t, models m, ae.explain(m.model, t) e GROUP BY t.id, m.name) x JOIN scored s USING (id, name);
END
# of a value beyond those that the fold was trained on, explain expects what the other columns say
is($node->query('postgres', <<'END'), '800|t|t', 'explain expects what the fold of the row reconstructs');
SELECT count(*), bool_and(abs(e.expected::float8 - (ae.reconstruct(n.model, t)).b) <= 1e-5 OR t.b NOT BETWEEN l.low AND l.high),
	count(*) FILTER (WHERE t.b NOT BETWEEN l.low AND l.high) < 8
FROM t JOIN folds f USING (id) JOIN networks n USING (fold), models m, ae.explain(m.model, t) e,
	LATERAL (SELECT min(b) AS low, max(b) AS high FROM t o JOIN folds g USING (id) WHERE g.fold <> f.fold) l WHERE m.name = 'crossed' AND e.feature = 'b';
END
is($node->query('postgres', <<'END'), 't|t', 'explain takes the distance into account, and what is infinite takes all');
SELECT max(abs(e.share - e.error / s.sum)) > 0.001,
	(SELECT bool_and(x.share = CASE x.feature WHEN 'a' THEN 1 ELSE 0 END)
	FROM models m, ae.explain(m.model, ROW('Infinity'::float8, 0::float8, 5, 'red'::text, true)) x)
FROM t, models m, ae.explain(m.model, t) e, LATERAL (SELECT sum(error) FROM ae.explain(m.model, t)) s WHERE m.name = 'crossed' AND t.id < 50;
END
is($node->query('postgres', <<'END'), '36|0|0', 'impute fills in what training saw, and changes nothing else');
SELECT count(*), sum((t.a IS NULL AND ((ae.impute(m.model, t)).a BETWEEN (SELECT min(a) FROM t) AND (SELECT max(a) FROM t)) IS NOT TRUE
  OR t.d IS NULL AND ((ae.impute(m.model, t)).d IN (SELECT d FROM t)) IS NOT TRUE)::int),
  sum(((ae.impute(m.model, t)).b <> t.b OR (ae.impute(m.model, t)).c <> t.c OR ae.impute(m.model, t) IS NULL)::int)
FROM t, models m WHERE m.name = 'masked' AND (t.a IS NULL OR t.d IS NULL);
END
for my $call ('ae.encode(model, t)', 'ae.decode(model, ARRAY[1, 2]::real[])')
{
	my (undef, $error) = $node->psql('postgres',
		"\\set VERBOSITY verbose\nSELECT $call FROM models, t WHERE name = 'crossed' LIMIT 1", errors => 1);

	like($error, qr/ERROR:  55000: the model has 2 networks/, "$call is refused");
	like($error, qr/HINT: .*"purpose" = compress/, 'and the hint says what to do');
}
is($node->query('postgres', "SELECT cardinality(ae.encode(ae.train(t, '{$quick, \"purpose\": \"compress\"}'), (SELECT t FROM t LIMIT 1))) > 0 FROM t"),
	't', 'which helps');

# p = (1 + rows with that score or more) / (rows + 1)
is($node->query('postgres', <<'END'), '800|0|0', 'p-values are those of both folds together');
SELECT count(*), sum((p <> (1.0 + above) / (n + 1.0))::int), sum((above = 0)::int)
FROM (SELECT p, count(*) OVER (ORDER BY raw DESC)::float8 above, count(*) OVER ()::float8 n FROM scored WHERE name = 'crossed') s;
END
is($node->query('postgres', <<'END'), '9|0', 'is_anomaly goes by p, and threshold says the same');
SELECT count(*), sum(wrong::int) FROM (
	SELECT k, bool_or(ae.is_anomaly(m.model, t, k) <> (s.p <= k)
	  OR (s.raw > ae.threshold(m.model, k)) <> ae.is_anomaly(m.model, t, k)) wrong
	FROM t JOIN scored s USING (id) JOIN models m USING (name), unnest(ARRAY[0.5, 0.05, 0.003]) k GROUP BY k, m.name) x;
END
is($node->query('postgres', <<'END'), 't|t|t', 'evaluate: its mean is that of the errors, column by column too');
SELECT bool_and(abs((e).mean_error - x.mean) < 1e-9), bool_and(abs((e).share_flagged - x.flagged) < 1e-9),
	bool_and(abs(((e).column_errors ->> 'b')::float8 - x.b) < 1e-9)
FROM (SELECT m.name, ae.evaluate(m.model, t, 0.05::float8) e FROM t, models m GROUP BY m.name) e
JOIN (SELECT name, avg(error) mean, avg((p <= 0.05)::int) flagged, (SELECT avg(w.error) FROM t, models m, ae.explain(m.model, t) w
	WHERE m.name = scored.name AND w.feature = 'b') b FROM scored GROUP BY name) x USING (name);
END

# ---- the same bits ------------------------------------------------------------------------------------------

my $digest = <<'END';
SELECT md5(string_agg(float8send(raw) || float8send(p), ''::bytea ORDER BY name, id))
FROM (SELECT m.name, t.id, ae.raw_score(m.model, t) raw, ae.p_value(m.model, t) p FROM t, models m OFFSET 0) s;
END
my $wanted = $node->query('postgres', $digest);
my $forced = $node->query('postgres', 'SHOW server_version_num') >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';

for my $kernels (qw(generic avx2 avx512))
{
	my ($out, $err, $rc) = $node->psql('postgres', "SET ae.kernels = '$kernels'; $digest");

  SKIP:
	{
		skip("this processor has no $kernels", 1) if $rc != 0 && $err =~ /kernels/;
		is($out, "$wanted\n", "$kernels gives the same scores");
	}
}
is($node->query('postgres', "SET $forced = regress; $digest"), $wanted, 'so does a parallel worker');

my $train = "SELECT md5(ae.train(t, '{$quick, \"quality\": \"accurate\"}'%s)) FROM t";
my $bytes = $node->query('postgres', sprintf $train, '');

is($bytes, $node->query('postgres', "SELECT md5(model) FROM models WHERE name = 'accurate'"), 'training gives the same bytes twice');
is($node->query('postgres', sprintf $train, ' ORDER BY random()'), $bytes, 'and for shuffled rows') for 1 .. 2;
is($node->query('postgres', sprintf("SET maintenance_work_mem = '1MB'; $train", ' ORDER BY id DESC')), $bytes, 'and with little memory');
is($node->query('postgres', sprintf("SET ae.kernels = generic; $train", '')), $node->query('postgres', sprintf("SET ae.kernels = generic; $train", ' ORDER BY a')),
	'and on other kernels');

# ---- training on ------------------------------------------------------------------------------------------------

is($node->query('postgres', <<"END"), '800|t', 'a model that is trained on keeps its folds');
SELECT count(*), bool_and(float8send(ae.reconstruction_error(o.model, t)) = float8send(ae.reconstruction_error(w.model, t))) FILTER (WHERE f.fold = g.fold)
FROM t JOIN folds f USING (id), (SELECT fold FROM folds WHERE id = 5) g,
(SELECT ae.train(t, '{$quick}', m.model) AS model FROM t, models m WHERE name = 'crossed') o,
(SELECT ae.train(t, '{$quick}', m.model) AS model FROM t, models m WHERE name = 'crossed' AND t.id NOT IN (SELECT id FROM folds WHERE fold = (SELECT fold FROM folds WHERE id = 5) AND id % 3 = 2)) w;
END

# ---- bytes of somebody's own --------------------------------------------------------------------------------------

my $levels = model("SELECT ae.train(s, '{$quick, \"folds\": 1, \"hidden\": [8]}') FROM (SELECT id, a, b, c, CASE WHEN d LIKE 'rare%' THEN 'red' ELSE d END AS d, e FROM t) s");
my $more_levels = model("SELECT ae.train(t, '{$quick, \"folds\": 1, \"hidden\": [8]}') FROM t");
my $wider = model("SELECT ae.train(t, '{$quick, \"folds\": 1, \"hidden\": [9]}') FROM t");
my $columns = model("SELECT ae.train(s, '{$quick, \"folds\": 1}') FROM (SELECT id, a, b, c, d, e AS f FROM t) s");
my $corrupt = sub {
	my ($bytes, $message, $name) = @_;
	my $sql = literal($bytes);

	for my $use ("SELECT ae.raw_score($sql, t) FROM t LIMIT 1", "SELECT ae.describe($sql)", "SELECT ae.train(t, '{}', $sql) FROM t")
	{
		my (undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$use", errors => 1);

		like($error, qr/ERROR:  22P03: .*$message/, "$name: " . substr($use, 0, 18));
	}
};

is($node->query('postgres', "SELECT count(ae.raw_score(@{[ literal(bundle(2, 1, $levels, $wider)) ]}, t)) FROM t"), 800, 'folds may differ in levels and widths');
is($node->query('postgres', "SELECT count(DISTINCT ae.raw_score(m, t) - ae.raw_score(@{[ literal($levels) ]}, t)) FROM t, (SELECT @{[ literal(bundle(1, 1, $levels)) ]} m) m"), 1,
	'a bundle of one model scores as that model');
$corrupt->(bundle(1, 2, $more_levels, $levels), 'do not fit together', 'members of other levels');
$corrupt->(bundle(1, 2, $more_levels, $wider), 'do not fit together', 'members of other widths');
$corrupt->(bundle(2, 1, $more_levels, $columns), 'different columns', 'folds of other columns');
$corrupt->(bundle(2, 1, $levels, bundle(1, 1, $levels)), 'a bundle where a single model should be', 'a bundle in a bundle');
$corrupt->(bundle(2, 2, $levels, $levels, $levels), 'ends early', 'a model too few');
$corrupt->(bundle(1, 1, $levels, $levels), 'bytes after the end', 'a model too many');
$corrupt->(bundle(1, 2, $levels, AeCluster::sealed(substr($levels, 0, 200))), 'ends early', 'half a model');
like(($node->psql('postgres', "SELECT ae.describe(" . literal(bundle(1, 1, substr($levels, 0, 40) . "\xff" . substr($levels, 41))) . ')', errors => 1))[1],
	qr/corrupt at byte 72: checksum does not match/, 'offsets count from the beginning of all');

# ---- what cannot be crossed -------------------------------------------------------------------------------------------

# Output and messages of a training on a query.
sub try_training
{
	my ($query, $options) = @_;
	my ($out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT length(m) > 0, (ae.describe(m) #>> '{options,folds}'), s.n, s.bad, s.least FROM "
		  . "(SELECT ae.train(q, '" . ($options // '{}') . "') m FROM ($query) q) m, LATERAL (SELECT count(ae.raw_score(m, q)) n, "
		  . "count(*) FILTER (WHERE NOT ae.raw_score(m, q) >= 0 OR NOT ae.anomaly_score(m, q) BETWEEN 0 AND 1 OR ae.raw_score(m, q) = 'NaN') bad, "
		  . "min(ae.p_value(m, q)) > 0 least FROM ($query) q) s", errors => 1);

	return $out . $err;
}

my $one_network = qr/NOTICE:  00000: one network is trained on all/;
my %outcome = (
	'2 rows' => [ 'SELECT i AS a FROM generate_series(1, 2) i', qr/^t\|1\|2\|0\|t\n.*$one_network 2 rows/s ],
	'19 rows' => [ 'SELECT i AS a, sin(i) AS b FROM generate_series(1, 19) i', qr/^t\|1\|19\|0\|t\n.*$one_network 19 rows/s ],
	'40 rows' => [ 'SELECT i AS a, sin(i) AS b FROM generate_series(1, 40) i', qr/^t\|2\|40\|0\|t\n(?!.*one network)/s ],
	'1 row' => [ 'SELECT 1 AS a, 2 AS b', qr/^\|\|0\|0\|\n.*WARNING:  01000: no model: there is only 1 row/s ],
	'no rows' => [ 'SELECT 1 AS a WHERE false', qr/^\|\|0\|0\|\n.*NOTICE:  00000: no rows to train on/s ],
	'equal rows' => [ 'SELECT 1 AS a, 2 AS b FROM generate_series(1, 100)', qr/^\|\|0\|0\|\n.*$one_network 100.*WARNING:  01000: no model: every column has one value/s ],
	'one fold of equal rows' => [ 'SELECT CASE WHEN i > 30 THEN 4.5 ELSE i END AS a FROM generate_series(1, 100) i', qr/^t\|2\|100\|0\|t\n/ ],
	'two rows, fifty times each' => [ 'SELECT i % 2 AS a FROM generate_series(1, 100) i', qr/^t\|1\|100\|0\|t\n.*$one_network 100 rows/s ],
	'a single column' => [ 'SELECT i * i AS a FROM generate_series(1, 200) i', qr/^t\|2\|200\|0\|t\n/ ],
	'more columns than rows' => [ 'SELECT ' . join(', ', map { "sin(i * $_) AS c$_" } 1 .. 60) . ' FROM generate_series(1, 30) i', qr/^t\|2\|30\|0\|t\n/ ],
	'categories alone' => [ q(SELECT 'l' || i % 5 AS a, 'm' || i % 7 AS b, i % 2 = 0 AS c FROM generate_series(1, 200) i), qr/^t\|2\|200\|0\|t\n/ ],
	'one category' => [ q(SELECT 'l' || i % 5 AS a FROM generate_series(1, 200) i), qr/^t\|[12]\|200\|0\|t\n/ ],
	'levels of one row each' => [ q(SELECT 'l' || i AS a, i AS b FROM generate_series(1, 200) i), qr/^t\|2\|200\|0\|t\n/ ],
	'rows of NULLs alone' => [ 'SELECT NULL::int AS a, NULL::text AS b FROM generate_series(1, 100)', qr/^\|\|0\|0\|\n.*NOTICE:  00000: no rows to train on: all of them are NULL/s ],
	'nine rows in ten NULL' => [ 'SELECT CASE WHEN i % 10 = 0 THEN i END AS a, CASE WHEN i % 10 = 0 THEN sin(i) END AS b FROM generate_series(1, 400) i', qr/^t\|2\|40\|0\|t\n/ ],
	'a column of NULLs' => [ 'SELECT i AS a, NULL::float8 AS b FROM generate_series(1, 100) i', qr/^t\|2\|100\|0\|t\n.*NULL in all rows and is left out: b/s ],
	'one column varies in one fold' => [ 'SELECT i AS a, CASE WHEN i = 50 THEN 1 ELSE 0 END AS b FROM generate_series(1, 100) i', qr/^t\|2\|100\|0\|t\n/ ],
	'far rows' => [ 'SELECT sin(i) AS a, CASE WHEN i = 7 THEN 1e300 ELSE cos(i) END AS b FROM generate_series(1, 100) i', qr/ERROR:  22023: column "b" is 1e\+300, must be between -1e\+150 and 1e\+150/ ],
	'a far row' => [ 'SELECT sin(i) AS a, CASE WHEN i = 7 THEN 1e100 ELSE cos(i) END AS b FROM generate_series(1, 100) i', qr/^t\|2\|100\|0\|t\n/ ],
);

for my $case (sort keys %outcome)
{
	my ($query, $expected) = @{ $outcome{$case} };

	like(try_training($query, '{"updates": 20}'), $expected, $case);
}
like(try_training('SELECT i AS a, sin(i) AS b FROM generate_series(1, 40) i', '{"updates": 20, "prototypes": 256}'), qr/^t\|2\|40\|0\|t\n/,
	'more prototypes than rows');
like(try_training('SELECT i AS a, sin(i) AS b FROM generate_series(1, 40) i', '{"updates": 20, "prototypes": 0}'), qr/^t\|2\|40\|0\|t\n/, 'no prototypes');
like(try_training('SELECT i AS a, sin(i) AS b FROM generate_series(1, 400) i', '{"updates": 20, "folds": 1, "prototypes": 30}'), qr/^t\|1\|400\|0\|t\n/,
	'prototypes of one fold');
is($node->query('postgres', <<'END'), 't|t|f|t', 'contamination 0 flags nothing, 1 everything that has a score');
SELECT NOT bool_or(ae.is_anomaly(model, t, 0)), bool_and(ae.is_anomaly(model, t, 1)), bool_or(ae.is_anomaly(model, t, 1e-9)),
	bool_and(ae.threshold(model, 0) = 'Infinity') FROM models, t WHERE name = 'crossed';
END
for my $contamination (q('NaN'), '-0.1', '1.1', q('Infinity'))
{
	for my $call ("ae.is_anomaly(model, t, $contamination)", "ae.threshold(model, $contamination)", "ae.evaluate(model, t, $contamination)")
	{
		my (undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call FROM models, t WHERE name = 'crossed'", errors => 1);

		like($error, qr/ERROR:  22023: contamination is/, "$call is refused");
	}
}
unlike($node->log_text, qr/terminated by signal|PANIC|XX000/, 'no crash, no internal error');

done_testing();
