# Proves: rows of foreign tables give the models of the same rows in a table of one's own, grouped or
# not, and calls that postgres_fdw sends to the other server do too.  Skips what contrib is not there
# for.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;
my $options = q('{"updates": 20, "hidden": [4], "code": 2}');

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE rows AS SELECT i % 5 AS g, 0.1 * sin(i) AS a, cos(i)::real AS b, i % 7 AS c FROM generate_series(1, 1000) i;
ANALYZE rows;
END

sub available
{
	my ($name) = @_;
	return $node->query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = '$name'");
}

sub check
{
	my ($table) = @_;

	is($node->query('postgres', "SET ae.progress = off; SELECT (SELECT ae.train(f, $options) FROM $table f)
		= (SELECT ae.train(r, $options) FROM rows r)"), 't', "$table: all rows");
	is($node->query('postgres', "SET ae.progress = off; SELECT count(*) FILTER (WHERE f.model = r.model)
		FROM (SELECT g, ae.train(f, $options) AS model FROM $table f GROUP BY g) f
		JOIN (SELECT g, ae.train(r, $options) AS model FROM rows r GROUP BY g) r USING (g)"), 5, "$table: grouped");
	is($node->query('postgres', "SET ae.progress = off; SELECT count(*) FILTER (WHERE f.model = r.model)
		FROM (SELECT g, ae.train(ARRAY[a, c], $options) AS model FROM $table WHERE b > 0 GROUP BY g) f
		JOIN (SELECT g, ae.train(ARRAY[a, c], $options) AS model FROM rows WHERE b > 0 GROUP BY g) r USING (g)"), 5,
		"$table: arrays");
}

SKIP:
{
	skip 'no file_fdw', 3 unless available('file_fdw');

	$node->query('postgres', <<"END");
COPY rows TO '$node->{dir}/rows.csv' (FORMAT csv);
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE in_file (g int, a float8, b real, c int) SERVER files
  OPTIONS (filename '$node->{dir}/rows.csv', format 'csv');
END
	check('in_file');
}

SKIP:
{
	skip 'no postgres_fdw', 8 unless available('postgres_fdw');

	my ($host, $port, $user) = ($node->host, $node->port, $node->user);

	$node->query('postgres', <<"END");
CREATE EXTENSION postgres_fdw;
CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (user '$user');
CREATE FOREIGN TABLE elsewhere (g int, a float8, b real, c int) SERVER other OPTIONS (table_name 'rows');
END
	check('elsewhere');

	# With this the wrapper may send calls of ae to the other server, whole aggregates included.
	$node->query('postgres', "ALTER SERVER other OPTIONS (ADD extensions 'ae')");
	check('elsewhere');
	like($node->query('postgres', "EXPLAIN (VERBOSE) SELECT g, ae.train(ARRAY[a, c], $options) FROM elsewhere GROUP BY g"),
		qr/Remote SQL: SELECT g, ae\.train\(/, 'an aggregate of arrays is sent to the other server');
	unlike($node->query('postgres', "EXPLAIN (VERBOSE) SELECT g, ae.train(e, $options) FROM elsewhere e GROUP BY g"),
		qr/Remote SQL: .*ae\.train/, 'one of whole rows, whose names would be lost, is not');
}

done_testing();
