# Proves that an error leaves nothing behind, neither in the session nor on disk: a full disk, and an error that
# the caller catches.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(name => 'faults', conf => { autovacuum => 'off' });
my $files = 'SELECT count(*) FROM pg_ls_tmpdir()';

# ---- errors that a user can make ------------------------------------------------------------------------

$node->query('postgres', <<'END2');
CREATE EXTENSION ae;
CREATE TABLE large AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b FROM generate_series(1, 100000) i;
-- bytes of memory of this session, and its temporary files
CREATE FUNCTION held() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN format('%s files, %s MB', (SELECT count(*) FROM pg_ls_tmpdir()),
		(SELECT sum(total_bytes) / 1048576 FROM pg_backend_memory_contexts)::integer);
END $$;
-- how often a statement failed, of so many times within one statement of the caller
CREATE FUNCTION fail(statement text, n integer, OUT failed text, OUT before text, OUT after text) LANGUAGE plpgsql AS $$
DECLARE
	k integer := 0;
BEGIN
	before := held();
	FOR i IN 1 .. n LOOP
		BEGIN
			EXECUTE statement;
		EXCEPTION WHEN OTHERS THEN
			k := k + 1;
			failed := format('%s times %s', k, SQLSTATE);
		END;
	END LOOP;
	after := held();
END $$;
END2

my $session = $node->session('postgres');
my $call = q(CALL ae.train_model('m', 'large'));

$session->query("SET ae.progress = off; SET client_min_messages = error; SET maintenance_work_mem = '1MB'; SET temp_file_limit = '1MB';");
like($session->query("$call;"), qr/temporary file size exceeds temp_file_limit/, 'rows that the disk has no room for') for 1 .. 3;
is($session->query("$files;"), 0, 'no file is left, while the session goes on');

# A statement that fails again and again, caught by its caller: nothing of it is left before the caller ends.
sub leaves_nothing
{
	my ($statement, $sqlstate, $name) = @_;
	my ($failed, $before, $after) = split /\|/, $session->query("SELECT * FROM fail(\$s\$$statement\$s\$, 6);");

	is($failed, "6 times $sqlstate", $name);
	like($before, qr/^0 files/, "$name: no file before");
	# the first call loads what the session keeps
	my ($megabytes) = $after =~ /^0 files, (\d+) MB/;
	my ($had) = $before =~ /(\d+) MB/;
	cmp_ok($megabytes // 1000, '<=', $had + 1, "$name: no file and no memory after it");
}

leaves_nothing($call, '53400', 'a full disk in the procedure');
leaves_nothing('SELECT ae.train(large) FROM large', '53400', 'a full disk in the aggregate');
$session->query('RESET temp_file_limit; RESET maintenance_work_mem;');
my $diverging = q(ae.options(optimizer => 'sgd', learning_rate => 1, hidden => '{256}', activation => 'relu') || '{"clip_norm": 0}');
leaves_nothing("CALL ae.train_model('m', 'large', $diverging)", '22003', 'a training that diverges, in the procedure');
leaves_nothing("SELECT ae.train(large, $diverging) FROM large", '22003', 'the same in the aggregate');

is($node->query('postgres', $files), 0, 'nothing is left on disk');

done_testing();
