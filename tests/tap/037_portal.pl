# Proves: a driver that fetches some rows of a portal at a time (Execute with a number of rows) gets no error of a
# row that it has not asked for, although the query reads rows ahead; and one that asks for all of them does.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use IO::Socket::UNIX;
use Test::More;

my $node = AeCluster->new;

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
SET ae.progress = off;
CREATE TABLE seen AS SELECT id, ARRAY[sin(id), cos(id), id % 3]::real[] AS x FROM generate_series(1, 300) id;
ANALYZE seen;
DO $$ BEGIN PERFORM ae.save_model('ahead', ae.train(x, '{"updates": 20}')) FROM seen; END $$;
END

my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "socket: $!\n";

# A message of the protocol, version 3: its type, its length with itself, its contents.
sub message
{
	my ($type, $body) = @_;

	print $socket $type, pack('N', 4 + length $body), $body or die "send: $!\n";
}

sub take
{
	my ($n) = @_;
	my $bytes = '';

	while (length $bytes < $n)
	{
		read($socket, $bytes, $n - length $bytes, length $bytes) or die "the server has gone\n";
	}
	return $bytes;
}

# The messages up to one of these types: the number of rows, the last type, the last contents.
sub answer
{
	my ($until) = @_;
	my $rows = 0;

	$socket->flush;
	while (1)
	{
		my $type = take(1);
		my $body = take(unpack('N', take(4)) - 4);

		$rows++ if $type eq 'D';
		return ($rows, $type, $body) if $type =~ /[$until]/;
	}
}

# Runs a query through a portal, so many rows at a time (0: all): the rows of the first Execute, how it ended.
sub portal
{
	my ($query, $max_rows) = @_;

	message('P', "\0$query\0" . pack('n', 0));
	message('B', "\0\0" . pack('nnn', 0, 0, 0));
	message('E', "\0" . pack('N', $max_rows));
	message('H', '');
	my ($rows, $type, $body) = answer('sCE');
	message('S', '');
	answer('Z');
	return "$rows rows, " . ($type eq 's' ? 'more to come' : $type eq 'C' ? 'all' : $body =~ /\0M([^\0]*)/ ? $1 : '?');
}

message('', pack('N', 196608) . join("\0", 'user', $node->user, 'database', 'postgres', '', ''));
is((answer('ZE'))[1], 'Z', 'a session');
is(portal('SELECT ae.version()', 0), '1 rows, all', 'the library is loaded');

my $query = "SELECT id, ae.raw_score('ahead', x) FROM seen WHERE 100 / (20 - id) <> 1000";

like($node->query('postgres', "DO 'BEGIN PERFORM ae.version(); END'; EXPLAIN $query"), qr/AeBatch/, 'the query reads rows ahead');
is(portal($query, 10), '10 rows, more to come', 'the tenth row comes before the error of the twentieth');
like(portal($query, 30), qr/^19 rows, division by zero$/, 'which comes in its turn');
like(portal($query, 0), qr/^\d+ rows, division by zero$/, 'and where all rows are asked for');
is(portal("SELECT id, ae.raw_score('ahead', x) FROM seen", 7), '7 rows, more to come', 'what cannot raise is read ahead all the same');

close $socket;
done_testing();
