# What it costs to score by the name of a model: beside a constant of its bytes, row by row; the first
# call of a session; inserts into an indexed table.
#
#     tests/bench/run.sh named
#
# Best of several runs, in turns.  Writes results/named.md.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../tap";
use AeCluster;

my $REPEATS = 9;
my $INSERTS = 3000;
my %shape = (
	'30-16-8' => { options => "ae.options(code => 8, hidden => '{16}', updates => 50)", rows => 100000 },
	'30-1000-100' => { options => "ae.options(code => 100, hidden => '{1000}', updates => 2)", rows => 2000 },
);
my $node = AeCluster->new(name => 'bench', conf => { jit => 'off', max_parallel_workers_per_gather => 0 });

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE t AS SELECT i, ARRAY(SELECT sin(i * j)::real FROM generate_series(1, 30) j) AS v FROM generate_series(1, 100000) i;
CREATE TABLE models (name text, model bytea);
CREATE TABLE plain (v real[]);
CREATE INDEX ON plain ((v[1]));
END

# The smallest of some figures, which a function gives.
sub best
{
	my ($figure, $times) = @_;
	my @sorted = sort { $a <=> $b } map { $figure->() } 1 .. $times;

	return $sorted[0];
}

# Milliseconds that planning and execution of a statement took.
sub milliseconds
{
	my ($session, $sql) = @_;
	my $answer = $session->query("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY ON) $sql;");
	my ($planning, $execution) = map { $answer =~ /$_ Time: ([\d.]+)/ } 'Planning', 'Execution';

	die "no time in:\n$answer\n" unless defined $execution;
	return $planning + $execution;
}

# Milliseconds of a statement in a new session that has the library already.
sub first_call
{
	my ($sql) = @_;
	my $session = $node->session('postgres');

	$session->query('SELECT ae.version(); SELECT count(*) FROM models, ae.models;');
	return milliseconds($session, $sql);
}

# Milliseconds of an INSERT of one row.
sub insert
{
	my ($table) = @_;
	my $file = "$node->{dir}/insert.sql";

	open(my $out, '>', $file) or die "$file: $!\n";
	print $out "INSERT INTO $table VALUES ('{" . join(',', 1 .. 30) . "}');\n";
	close $out;
	my $answer = qx(PGHOST=$node->{dir} PGPORT=$AeCluster::PORT $node->{bindir}/pgbench -n -U postgres -M prepared -f $file -t $INSERTS postgres 2>&1);

	return $answer =~ /latency average = ([\d.]+)/ ? $1 : die "pgbench: $answer\n";
}

my @lines;

for my $name (sort { $shape{$a}{rows} <=> $shape{$b}{rows} } keys %shape)
{
	my $rows = $shape{$name}{rows};
	my $session = $node->session('postgres');

	$node->query('postgres', <<"END");
SET ae.progress = off;
INSERT INTO models SELECT '$name', ae.train(v, $shape{$name}{options}) FROM t WHERE i <= 2000;
SELECT ae.save_model('"$name"', model) FROM models WHERE name = '$name';
CREATE TABLE "rows $name" AS SELECT * FROM t WHERE i <= $rows;
CREATE TABLE "indexed $name" (v real[]);
CREATE INDEX ON "indexed $name" (ae.raw_score('"$name"', v));
VACUUM ANALYZE;
END
	my $hex = $node->query('postgres', "SELECT model FROM models WHERE name = '$name'");
	my $bytes = (length($hex) - 2) / 2;
	my %model = (
		constant => "'$hex'::bytea",
		named => qq('"$name"'),
		current => qq(ae.current('"$name"')),
	);
	my %cost;

	for (1 .. $REPEATS)
	{
		for my $way ('nothing', sort keys %model)
		{
			my $what = $way eq 'nothing' ? 'count(*)' : "sum(ae.raw_score($model{$way}, v))";
			my $nanoseconds = 1e6 / $rows * milliseconds($session, qq(SELECT $what FROM "rows $name"));

			$cost{$way} = $nanoseconds if !defined $cost{$way} || $nanoseconds < $cost{$way};
		}
	}
	my $table = "(SELECT model FROM models WHERE name = '$name')";

	push @lines, sprintf('| %s | %d kB | %.0f | %.0f | %.0f | %.2f | %.1f ms | %.1f ms | %.0f µs | %.0f µs |',
		$name, $bytes / 1000, (map { $cost{$_} - $cost{nothing} } qw(constant named current)),
		($cost{named} - $cost{nothing}) / ($cost{constant} - $cost{nothing}),
		best(sub { first_call("SELECT ae.threshold($table)") }, $REPEATS),
		best(sub { first_call(qq(SELECT ae.threshold('"$name"'))) }, $REPEATS),
		1000 * best(sub { insert('plain') }, 3), 1000 * best(sub { insert(qq("indexed $name")) }, 3));
}

my $file = "$FindBin::Bin/results/named.md";

open(my $out, '>', $file) or die "$file: $!\n";
print $out <<'END', map { "$_\n" } @lines;
# Scoring by name

`tests/bench/run.sh named`: ns a row above `count(*)` of `ae.raw_score` with the model as a constant of its bytes, by name, and as
`ae.current(name)`; the first call in a new session (`ae.threshold`, planning included) of a model in a table and by name; an
`INSERT` of one row into a table with an index on an element and into one with an index on the score by name. Best of several.

| network | bytes | constant | named | current | named / constant | first call, table | first call, named | INSERT | INSERT, scored |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
END
close $out;
print AeCluster::slurp($file);
