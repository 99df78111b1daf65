# Proves: the demo's tour runs without a complaint, and shows what it promises: a model that ranks
# anomalies better than the distance to the mean, and an index that serves the order.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use File::Path qw(make_path);
use Test::More;

my $node = AeCluster->new(name => 'demo');
my $log = 'tmp_check/log/demo-tour.log';

chdir $AeCluster::ROOT or die "$!\n";
make_path('tmp_check/log');    # `make installcheck` comes without the runner, which makes it
unlink $log;
is(AeCluster::run_logged($log, $node->psql_command('postgres', '-q', '-v', 'ON_ERROR_STOP=1', '-f', 'tests/demo/demo.sql')),
	0, 'the tour ends well');

my $text = AeCluster::slurp($log);
my @complaints = grep { /error:|ERROR|WARNING/ } split /\n/, $text;
my ($ours) = $text =~ /ae\.anomaly_score\s+\|\s+([\d.]+)/;
my ($theirs) = $text =~ /distance to the mean\s+\|\s+([\d.]+)/;

is_deeply(\@complaints, [], 'without a complaint of psql or the server');
cmp_ok($ours // 0, '>', $theirs // 1, 'AUROC of the model above that of the distance to the mean');
cmp_ok($ours // 0, '>', 0.995, "AUROC $ours");
like($text, qr/Index Scan using shuttle_by_score/, 'the index serves the order');
like($text, qr/NOTICE:  (?:training of network 1 of 2 ended .*: |network 1 of 2, )update \d+ of/, 'progress shows');

done_testing();
