# Proves: a reference to a named model that meets other bytes than it was made for, on another server
# or in another database, is an error and no other score; one that meets the same bytes works there,
# whichever way they and it have come.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(conf => { wal_level => 'logical' });
my $setup = <<'END';
CREATE EXTENSION ae;
SET ae.progress = off;
SET client_min_messages = warning;
CREATE TABLE t AS SELECT i AS id, sin(i) AS a, sin(i) * 2 + cos(i) AS b FROM generate_series(1, 200) i;
CREATE FUNCTION trained(number int) RETURNS bytea LANGUAGE sql AS
	$$ SELECT ae.train(t, ae.options(exclude => '{id}', updates => 20, seed => number)) FROM t $$;
END
my $score = q(SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM v);

$node->query('postgres', "CREATE DATABASE $_") for qw(one two three);
$node->query($_, $setup) for qw(one two);
$node->query('one', "SELECT ae.save_model('m', trained(1))");
$node->query('two', "SELECT ae.save_model('m', trained(2)); SELECT ae.save_model('other', trained(1))");

my $reference = $node->query('one', "SELECT 'm\@1'::ae.model");
my $there = $node->query('two', "SELECT 'm\@1'::ae.model");

# What psql says in a database.
sub says
{
	my ($database, $sql) = @_;
	my ($out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n$sql", errors => 1);

	return "$out$err";
}

# ---- two servers, the same name and version, different bytes ----------------------------------------

like($reference, qr/^m\@1#[0-9a-f]{8}$/, 'a reference has digits of the digest');
isnt($reference, $there, 'which differ where bytes differ');
isnt($node->query('one', 'SELECT sum(ae.raw_score(\'m@1\', t)) FROM t'), $node->query('two', 'SELECT sum(ae.raw_score(\'m@1\', t)) FROM t'), 'as scores do');
for my $use ("ae.raw_score('$reference', t)", "ae.is_anomaly('$reference', t)", "ae.raw_score('$reference'::text::ae.model, t)",
	"ae.summary('$reference')", "ae.threshold('$reference')", "'$reference'::ae.model::bytea", "ae.describe('$reference')")
{
	like(says('two', "SELECT $use FROM t LIMIT 1;"), qr/ERROR:  55000: model m\@1 differs from the one that \Q$reference\E refers to.*On this server it is \Q$there\E/s, "an error: $use");
	unlike(says('one', "SELECT $use FROM t LIMIT 1;"), qr/ERROR/, 'and none where it was made');
}
like(says('two', "CALL ae.train_model('m', 't', ae.options(exclude => '{id}', updates => 5), '$reference');"), qr/ERROR:  55000/, 'nor is it trained from');
like(says('two', "CREATE INDEX ON t (ae.raw_score('$reference', ROW(a, b)));"), qr/ERROR:  55000/, 'or indexed');
like(says('two', "SELECT ae.drop_model('$reference');"), qr/ERROR:  55000/, 'or dropped');
like(says('two', "SELECT ae.raw_score('m\@9', t) FROM t;"), qr/ERROR:  42704: model m has no version 9/, 'a version that is not there is an error at once');
is($node->query('two', "SELECT '$reference'::ae.model OPERATOR(ae.=) 'm\@1', '$there'::ae.model OPERATOR(ae.=) 'm\@1', '$there'::ae.model OPERATOR(ae.<>) '$reference'"), 'f|t|t', 'two references, not one');

# the same bytes under the same name, whichever way
is($node->query('two', "SELECT split_part(ae.save_model('n', trained(1))::text, '#', 2)"), (split /#/, $reference)[1], 'the same bytes have the same digits');

# ---- stored expressions --------------------------------------------------------------------------------

$node->query('one', "CREATE VIEW v AS SELECT id, ae.raw_score('m', t) AS s FROM t; CREATE INDEX score ON t (ae.raw_score('m\@1', ROW(a, b)));");
my $before = $node->query('one', $score);
my $log = "$node->{dir}/programs.log";
my $schema = "$node->{dir}/schema.sql";

like($node->query('one', "SET enable_seqscan = off; EXPLAIN SELECT id FROM t ORDER BY ae.raw_score('$_', ROW(a, b)) LIMIT 3"), qr/Index Scan using score/, "the index is met by $_")
  for 'm', 'm@1', $reference;

# the definitions alone: to a database that has other models, which answer with errors
is($node->run_program($log, 'pg_dump', '-s', '-f', $schema, 'one'), 0, 'pg_dump -s');
is($node->run_program($log, 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $schema, 'three'), 0, 'restores where there are no models');
$node->query('three', q(INSERT INTO ae.model_names VALUES ('m', 'postgres', NULL, 1)));
my $wrong = $node->query('two', "SELECT model FROM ae.models WHERE name = 'm'");
my $right = $node->query('one', "SELECT model FROM ae.models WHERE name = 'm'");
my $insert = sub { return "INSERT INTO ae.models (name, version, created, options, n_rows, model) VALUES ('m', 1, now(), '{}', 1, '$_[0]')" };

$node->query('three', $insert->($wrong));
like(says('three', 'INSERT INTO t VALUES (1, 1, 1);'), qr/ERROR:  55000: model m\@1 differs from/, 'other bytes: no row enters an index of other scores');
like(says('three', 'SELECT ae.drop_model(\'m@1\');'), qr/^1$/m, 'they may be dropped: nothing could use them');
$node->query('three', $insert->($right));
is($node->query('three', 'INSERT INTO t SELECT i, sin(i), sin(i) * 2 + cos(i) FROM generate_series(1, 200) i; ' . $score), $before, 'with the right bytes all is well');
like(says('three', 'SELECT ae.drop_model(\'m@1\');'), qr/ERROR:  2BP01.*view v uses m\@1/s, 'and they are in use');

# ---- a subscriber that has a model of its own ---------------------------------------------------------

my $subscriber = AeCluster->new(name => 'subscriber');
my $source = sprintf "host=%s port=%d user=%s dbname=one", $node->host, $node->port, $node->user;

$subscriber->query('postgres', "$setup SELECT ae.save_model('own', trained(3)); CREATE VIEW v AS SELECT id, ae.raw_score('$reference', t) AS s FROM t");
like(($subscriber->psql('postgres', $score))[1], qr/model m does not exist/, 'before the models come, a view says so');
$node->query('one', 'CREATE PUBLICATION models FOR TABLE ae.model_names, ae.models');
$subscriber->query('postgres', "CREATE SUBSCRIPTION models CONNECTION '$source' PUBLICATION models");
ok($subscriber->poll('postgres', "SELECT count(*) = 1 FROM ae.models WHERE name = 'm'"), 'a publication brings them');
is($subscriber->query('postgres', $score), $before, 'and the view gives the scores of the publisher');
$subscriber->query('postgres', 'DROP SUBSCRIPTION models');

unlike($_->log_text, qr/terminated by signal|PANIC|XX000/, 'no crash, no internal error') for $node, $subscriber;

done_testing();
