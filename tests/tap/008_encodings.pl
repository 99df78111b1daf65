# Proves: a model is the same model in a database of any encoding and under any collation: umlauts in
# levels and in column names included, it gives the same bits; what an encoding lacks is no error
# unless it is needed.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;
my @databases = qw(latin1 latin9 utf8 sql_ascii);

# The same rows in every database.  The client speaks UTF-8; SQL_ASCII keeps its bytes as they are.
my $setup = <<'END';
SET client_encoding = 'UTF8';
CREATE EXTENSION ae;
CREATE TYPE "Größe" AS ENUM ('groß', 'größer', 'am größten');
CREATE TABLE t (id int, "Straße" text, "größe" "Größe", "ñ" varchar(10), "Gewicht" float8, "überfällig" boolean);
INSERT INTO t SELECT i, (ARRAY['Köln', 'Koln', 'Zürich', 'Århus', 'köln'])[1 + i % 5],
  (ARRAY['groß', 'größer', 'am größten'])[1 + i * 7 % 5 % 3]::"Größe",
  CASE WHEN i % 11 > 0 THEN (ARRAY['é', 'e', 'è'])[1 + i % 5 % 3] END, i % 5 + sin(i), i % 2 = 0
  FROM generate_series(1, 400) i;
INSERT INTO t VALUES (401, 'Þórshöfn', 'groß', 'ø', 1, true), (402, '', 'groß', 'e', 1, true);
CREATE TABLE models (name text, model bytea);
END
my $train = q(SELECT ae.train(t, ae.options(exclude => '{id}', updates => 150)) FROM t WHERE id <= 400);

for my $database (@databases)
{
	$node->query('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING '$database'");
	$node->query($database, "$setup INSERT INTO models SELECT '$database', ($train);");
}

# Digest of all scores by the model of that name; explanations and fillings as text.
sub scores
{
	my ($database, $name, $table) = @_;
	$table //= 't';

	return $node->query($database, <<"END");
SELECT count(*), md5(string_agg(float8send(ae.reconstruction_error(model, t)) || float8send(ae.anomaly_score(model, t)), ''::bytea ORDER BY id))
FROM $table t, models WHERE name = '$name';
END
}

sub texts
{
	my ($database, $name) = @_;

	return $node->query($database, <<"END");
SET client_encoding = 'UTF8';
SELECT e.feature, e.value, e.expected, round(e.error::numeric, 4) FROM t, models, ae.explain(model, t) e
  WHERE name = '$name' AND id IN (1, 2, 401) ORDER BY id, e.error DESC, feature;
SELECT r.* FROM models, LATERAL ae.impute(model, ROW(NULL, 'Zürich', NULL, NULL, 2.0, NULL)::t) r WHERE name = '$name';
SELECT feature, kind FROM models, ae.features(model) WHERE name = '$name';
SELECT ae.row_expression(model) FROM models WHERE name = '$name';
END
}

# Hands a model over as bytes, as COPY or a dump does.
sub carry
{
	my ($from, $to, $name, $new_name) = @_;
	my $hex = $node->query($from, "SELECT model FROM models WHERE name = '$name'");

	$node->query($to, "INSERT INTO models VALUES ('$new_name', '$hex')");
}

my $scores = scores('latin1', 'latin1');
my $texts = texts('latin1', 'latin1');

like($scores, qr/^402\|[0-9a-f]{32}$/, 'every row of LATIN1 has scores');
like($texts, qr/^Straße\|Þórshöfn\|/m, 'umlauts come out as they went in');
like($texts, qr/^ROW\("Straße", "größe", "ñ", "Gewicht", "überfällig"\)$/m, 'row_expression quotes them');
for my $database (qw(latin9 utf8 sql_ascii))
{
	carry('latin1', $database, 'latin1', 'from_latin1');
	is(scores($database, 'from_latin1'), $scores, "LATIN1 to $database: the same bits");
	is(texts($database, 'from_latin1'), $texts, "LATIN1 to $database: the same texts");
	carry($database, 'latin1', 'from_latin1', "back_from_$database");
	is(scores('latin1', "back_from_$database"), $scores, "$database and back: the same bits");
}
carry('utf8', 'latin1', 'utf8', 'from_utf8');
is(scores('latin1', 'from_utf8'), scores('utf8', 'utf8'), 'UTF8 to LATIN1: the same bits');
is(texts('latin1', 'from_utf8'), texts('utf8', 'utf8'), 'UTF8 to LATIN1: the same texts');
carry('sql_ascii', 'utf8', 'sql_ascii', 'from_sql_ascii');
is(scores('utf8', 'from_sql_ascii'), scores('sql_ascii', 'sql_ascii'), 'SQL_ASCII (UTF-8 bytes) to UTF8: the same bits');

# ---- what an encoding lacks ---------------------------------------------------------------------

$node->query('utf8', <<'END');
SET client_encoding = 'UTF8';
CREATE TABLE polish AS SELECT i AS id, (ARRAY['Łódź', 'Köln', 'Århus'])[1 + i % 3] AS city, i % 3 + sin(i) AS x FROM generate_series(1, 300) i;
INSERT INTO models SELECT 'polish', ae.train(p, ae.options(exclude => '{id}', updates => 100)) FROM polish p;
CREATE TABLE named AS SELECT sin(i) AS "ł", cos(i) AS b FROM generate_series(1, 50) i;
INSERT INTO models SELECT 'named', ae.train(n, ae.options(updates => 10)) FROM named n;
END
carry('utf8', 'latin1', $_, $_) for qw(polish named);
$node->query('latin1', <<'END');
SET client_encoding = 'UTF8';
CREATE TABLE polish AS SELECT i AS id, (ARRAY[NULL, 'Köln', 'Århus'])[1 + i % 3] AS city, i % 3 + sin(i) AS x FROM generate_series(1, 300) i;
DELETE FROM polish WHERE city IS NULL;
END
$node->query('utf8', "CREATE VIEW representable AS SELECT * FROM polish WHERE id % 3 <> 0");
is(scores('latin1', 'polish', 'polish'), scores('utf8', 'polish', 'representable'),
	'a level that LATIN1 lacks does not disturb the others');
my ($out, $err, $rc) = $node->psql('latin1', <<'END', args => [ '-v', 'VERBOSITY=verbose' ]);
SELECT count(*) FROM polish p, models, ae.explain(model, p) e WHERE name = 'polish';
END
ok($rc == 0 || $err =~ /ERROR:  22P05/, 'explaining with it works, or says that the encoding lacks a character');
($out, $err, $rc) = $node->psql('latin1', q(SELECT ae.raw_score(model, ROW(1.0, 2.0)) FROM models WHERE name = 'named'),
	args => [ '-v', 'VERBOSITY=verbose' ]);
ok($rc == 0 || $err =~ /ERROR:  22P05/, 'a column name that LATIN1 lacks too') or diag($err);

# Rows that are taken along raise nothing: the call of the first row that needs it does.
$node->query('utf8', "INSERT INTO models SELECT 'polish_target', ae.train(p, ae.options(exclude => '{id}', updates => 300) || ae.target('city')) FROM polish p");
carry('utf8', 'latin1', 'polish_target', 'polish_target');
$node->query('latin1', 'CREATE TABLE places AS SELECT id, CASE WHEN id < 30 THEN 1.9 ELSE -1.0 END::float8 AS x FROM generate_series(1, 60) id; ANALYZE places');
my $load = 'DO $$ BEGIN PERFORM ae.version(); END $$';
my $cities = "SELECT ae.predict((SELECT model FROM models WHERE name = 'polish_target'), p) FROM places p";
like($node->query('latin1', "$load; EXPLAIN (COSTS OFF) $cities"), qr/AeBatch/, 'predictions are made for many rows at a time');
is($node->query('latin1', "$load; SELECT count(p) FROM ($cities LIMIT 29) s (p)"), 29, 'those of rows before the first that LATIN1 has no text for');
($out, $err, $rc) = $node->psql('latin1', "$load; $cities", args => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/22P05/, 'which says so');

# ---- bytes that are no text of the encoding -----------------------------------------------------

$node->query('sql_ascii', <<'END');
CREATE TABLE raw AS SELECT i AS id, (ARRAY[convert_from('\x4bf66c6e', 'SQL_ASCII'), 'Ulm'])[1 + i % 2] AS city, i % 2 + sin(i) AS x FROM generate_series(1, 300) i;
INSERT INTO models SELECT 'raw', ae.train(r, ae.options(exclude => '{id}', updates => 50)) FROM raw r;
END
carry('sql_ascii', $_, 'raw', 'raw') for qw(utf8 latin1);
$node->query('latin1', "SET client_encoding = 'UTF8'; CREATE TABLE raw AS SELECT i AS id, (ARRAY['Köln', 'Ulm'])[1 + i % 2] AS city, i % 2 + sin(i) AS x FROM generate_series(1, 300) i");
is(scores('latin1', 'raw', 'raw'), scores('sql_ascii', 'raw', 'raw'), 'raw bytes mean in LATIN1 what LATIN1 means by them');
($out, $err, $rc) = $node->psql('utf8', q(SELECT ae.raw_score(model, ROW('Ulm'::text, 1.0)) > 0 FROM models WHERE name = 'raw'),
	args => [ '-v', 'VERBOSITY=verbose' ]);
ok($rc == 0 ? $out eq "t\n" : $err =~ /ERROR:  22021/, 'bytes that are no UTF-8 give a score or 22021') or diag("$out$err");

# Nothing that prints a text of a model lets such bytes into the database, where no dump could be restored.
$node->query('sql_ascii', "INSERT INTO models SELECT 'raw_target', ae.train(r, ae.options(exclude => '{id}', updates => 50) || ae.target('city')) FROM raw r");
carry('sql_ascii', 'utf8', 'raw_target', 'raw_target');
$node->query('utf8', "CREATE TABLE raw (city text, x float8); INSERT INTO raw VALUES ('Ulm', 1), (NULL, 0), ('Köln', 0.1), (NULL, NULL)");
for my $expression (
	'SELECT (ae.reconstruct(model, r)).city',
	'SELECT (ae.impute(model, r)).city',
	'SELECT e.expected',
	'SELECT ae.predict(model, r)',
	'SELECT p.level',
	'SELECT ae.describe(model)::text',
	'SELECT ae.summary(model)',
	'SELECT f.feature',
	'SELECT ae.row_expression(model)',
	'SELECT ae.evaluate(model, r)::text')
{
	my $from = $expression =~ /\be\./ ? 'CROSS JOIN LATERAL ae.explain(model, r) e'
	  : $expression =~ /\bp\./ ? 'CROSS JOIN LATERAL ae.predict_proba(model, r) p'
	  : $expression =~ /\bf\./ ? 'CROSS JOIN LATERAL ae.features(model) f' : '';
	my $name = $expression =~ /predict|p\.level/ ? 'raw_target' : 'raw';
	# a conversion reads every byte; bars of a summary are drawn for clients of UTF8 alone
	my ($o, $e, $r) = $node->psql('utf8', "CREATE TEMP TABLE printed AS $expression AS text FROM raw r CROSS JOIN models $from WHERE name = '$name'; SELECT count(convert_to(regexp_replace(text, E'[\\u2581-\\u2588]', '', 'g'), 'LATIN1')) FROM printed",
		args => [ '-v', 'VERBOSITY=verbose' ]);
	ok($r == 0 || $e =~ /ERROR:  22021: a text in the model is not valid in encoding "UTF8"/, "no raw bytes come out of: $expression") or diag("$o$e");
}

# ---- names of models ----------------------------------------------------------------------------

my ($sixty, $fits) = ('ü' x 60, 'ü' x 31);
my ($long_out, $long_err) = $node->psql('latin1', "SET client_encoding = 'UTF8'; SELECT ae.save_model('$sixty', model) FROM models WHERE name = 'latin1'", args => [ '-v', 'VERBOSITY=verbose' ]);
like($long_err, qr/42622: the name of a model is longer than 63 bytes.*in UTF-8/s, 'a name that UTF-8 has no room for');
$node->query('latin1', "SET client_encoding = 'UTF8'; SELECT ae.save_model('$fits', model) FROM models WHERE name = 'latin1'; CREATE VIEW threshold AS SELECT ae.threshold('$fits')");
$node->query('postgres', "CREATE DATABASE restored_names TEMPLATE template0 ENCODING 'UTF8'");
my $dump = $node->host . '/latin1.sql';
is($node->run_program($dump, 'pg_dump', '-T', 'raw', 'latin1'), 0, 'a dump from LATIN1');
is(($node->psql('restored_names', AeCluster::slurp($dump)))[1], '', 'is restored into UTF8');
is($node->query('restored_names', 'SELECT name || version FROM ae.model_list; SELECT threshold > 0 FROM threshold'), "${fits}1\nt", 'with the name');

# ---- collations ---------------------------------------------------------------------------------

$node->query('utf8', <<'END');
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE TABLE german (id int, "Straße" text COLLATE "de-x-icu", "größe" "Größe", "ñ" varchar(10) COLLATE "sv-x-icu", "Gewicht" float8, "überfällig" boolean);
CREATE TABLE blind (id int, "Straße" text COLLATE blind, "größe" "Größe", "ñ" varchar(10) COLLATE blind, "Gewicht" float8, "überfällig" boolean);
INSERT INTO german TABLE t;
INSERT INTO blind TABLE t;
END
for my $table (qw(german blind))
{
	is(scores('utf8', 'utf8', $table), scores('utf8', 'utf8'), "collations of $table: the same scores");
	is($node->query('utf8', 'SELECT md5((' . $train =~ s/FROM t /FROM $table t /r . '))'),
		$node->query('utf8', "SELECT md5(model) FROM models WHERE name = 'utf8'"),
		"collations of $table: the same model");
}

SKIP:
{
	($out, $err, $rc) = $node->psql('postgres',
		"CREATE DATABASE swedish TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'sv'");
	skip("no database with ICU as its provider: $err", 2) if $rc != 0;
	$node->query('swedish', "$setup INSERT INTO models SELECT 'swedish', ($train);");
	carry('latin1', 'swedish', 'latin1', 'from_latin1');
	is(scores('swedish', 'from_latin1'), $scores, 'a database with another collation: the same bits');
	is($node->query('swedish', "SELECT md5(model) FROM models WHERE name = 'swedish'"),
		$node->query('utf8', "SELECT md5(model) FROM models WHERE name = 'utf8'"), 'and the same model');
}

# ---- through a dump -----------------------------------------------------------------------------

my $dump = "$node->{dir}/latin1.sql";

is(system("$node->{bindir}/pg_dump -h $node->{dir} -p " . $node->port . " -U postgres -f $dump latin1"), 0, 'pg_dump');
$node->query('postgres', "CREATE DATABASE restored TEMPLATE template0 ENCODING 'UTF8'");
is(system($node->psql_command('restored', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump)), 0, 'restored into UTF8');
is(scores('restored', 'latin1'), $scores, 'a dump of LATIN1 restored into UTF8: the same bits');

done_testing();
