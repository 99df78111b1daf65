# Proves: a statement that trains many models tells its progress once a second, naming the model, and
# each other notice once; a single model says what it always did; a cancelled statement sums up nothing.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;
use Time::HiRes qw(time);

my $node = AeCluster->new;

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE sales AS SELECT g AS customer, sin(g * i) AS amount, cos(i) AS qty, i % 7 AS hour,
  CASE WHEN g % 2 = 0 THEN i ELSE 1 END AS flag
  FROM generate_series(1, 24) g, generate_series(1, 50) i;
ANALYZE sales;
END

sub notices_of
{
	my ($setting, $updates) = @_;
	my $began = time;
	my (undef, $notices) = $node->psql('postgres', "$setting; SELECT count(m) FROM (
		SELECT ae.train(s, '{\"exclude\":[\"customer\"],\"updates\":$updates}') AS m FROM sales s GROUP BY customer) q");

	return ($notices, time - $began);
}

# A sorted plan ends its first model before it knows of another one: that one says all it has to say.
for my $plan (['SET enable_sort = off', 0], ['SET enable_hashagg = off', 4])
{
	my ($setting, $of_first) = @$plan;
	my ($notices, $seconds) = notices_of($setting, 6000);
	my @progress = grep { /(update \d+ of 6000|training .*ended)/ } split /\n/, $notices;

	cmp_ok(scalar @progress, '<=', $of_first + $seconds, "$setting: progress once a second");
	like($notices, qr/NOTICE:  model \d+: (training of network|network) \d of 2/, 'which names the model');
	is(scalar(() = $notices =~ /one value in all rows: flag/g), 1, 'a column of one value is named once');
	is(scalar(() = $notices =~ /no p-value is below/g), 1, 'so is what p-values cannot be');
	like($notices, qr/NOTICE:  notices that were raised once apply to more of the 24 models: few rows to compare with \(24\), columns of one value \(12\)$/m,
		'and how many they hold for at the end');
}

my (undef, $notices) = $node->psql('postgres', q(SELECT length(ae.train(s)) FROM sales s WHERE customer = 1));

like($notices, qr/^NOTICE:  training of network 2 of 2 ended \(finished\).*: update 300 of 300/m, 'a single model has no number');
unlike($notices, qr/model|hold for more/, 'and nothing to sum up');

(undef, $notices) = $node->psql('postgres', q(SET statement_timeout = '1s';
	SELECT count(m) FROM (SELECT ae.train(s, '{"exclude":["customer"],"updates":20000}') AS m FROM sales s GROUP BY customer) q));
like($notices, qr/canceling statement due to statement timeout/, 'cancelled');
unlike($notices, qr/hold for more/, 'without a summary');

done_testing;
