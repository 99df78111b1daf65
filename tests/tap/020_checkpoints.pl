# Proves that a training which was interrupted, whatever by, goes on to the same bytes; that it goes on for nobody
# else, nor on other rows, nor from a checkpoint that is not whole; and that others see how far it is.  AE_SOAK=1: 200 kills.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(name => 'checkpoints', conf => { 'ae.checkpoint_interval' => '10ms' });

srand(20260202);
$node->query('postgres', <<'END');
CREATE EXTENSION ae;
CREATE TABLE t AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b, (ARRAY['x', 'y', 'z'])[1 + i % 3] AS c,
	CASE WHEN i % 7 > 0 THEN cos(3 * i) END AS d, ARRAY[cos(i), cos(2 * i)] AS v, i % 2 = 0 AS even FROM generate_series(1, 5000) i;
CREATE TABLE expected (name text, model bytea);
END

my $session = $node->session('postgres');

# Everything that a session says to SQL.
sub says { return $session->query("SET ae.progress = off; $_[0];") }

sub value { return $node->query('postgres', $_[0]) }

# ---- the same bytes, however often it is interrupted ------------------------------------------------------

my %options = (
	detect => q(ae.options(exclude => '{i,even}', updates => 800)),
	code => q(ae.options(exclude => '{i,even}', code => 2, epochs => 300, batch_size => 128)),
	lbfgs => q(ae.options(exclude => '{i,even}', code => 2, optimizer => 'lbfgs', updates => 400)),
	batch_norm => q(ae.options(exclude => '{i,even}', code => 2, hidden => '{16}', batch_norm => true, updates => 3000)),
	pretrain => q(ae.options(exclude => '{i,even}', hidden => '{8,4}', code => 2, updates => 3000) || ae.pretrain(updates => 150)),
	early => q(ae.options(exclude => '{i,even}', folds => 2, epochs => 400, validation => 0.2, patience => 4)),
	# whose states of 3 MB are not held beside each other
	large => q(ae.options(exclude => '{i,even}', hidden => '{360}', updates => 60)),
	target => q(ae.options(exclude => '{i}', code => 2, updates => 3000) || ae.target('even') || ae.sparse(top_k => 1)),
);
my ($n_interrupted, $n_resumed) = (0, 0);

$session->query("INSERT INTO expected SELECT '$_', ae.train(t, $options{$_}) FROM t;") for sort keys %options;

# Calls it again and again, each time for a short while, until it is done.
sub train_by_pieces
{
	my ($name, $options, $from, $to) = @_;

	for my $try (1 .. 200)
	{
		my $call = value("SELECT count(*) FROM ae.checkpoints WHERE name = '$name'")
		  ? "CALL ae.resume_training('$name')" : "CALL ae.train_model('$name', 't', $options)";
		# rows in memory now, in files then
		my $memory = rand > 0.5 ? '1MB' : '64MB';
		my $timeout = int($from + 5 * $try + rand($to - $from));
		my $answer = $session->query("SET maintenance_work_mem = '$memory'; SET statement_timeout = $timeout; $call; RESET statement_timeout; RESET maintenance_work_mem;");

		$session->query('RESET statement_timeout; RESET maintenance_work_mem;');
		$n_resumed++ if $call =~ /resume/;
		# it may still be interrupted after it has said so, before it commits
		return 1 if $answer =~ /saved model/ && $answer !~ /ERROR/;
		return diag($answer) if $answer !~ /statement timeout/;
		$n_interrupted++;
	}
	return 0;
}

$session->query('SET ae.progress = off;');
for my $name (sort keys %options)
{
	ok(train_by_pieces($name, $options{$name}, 50, 150), "$name: trained by pieces");
	is(value("SELECT m.model = e.model FROM ae.models m JOIN expected e USING (name) WHERE name = '$name'"), 't', "$name: the bytes of a training that nobody interrupted");
}
cmp_ok($n_resumed, '>=', 7, 'trainings were resumed');
note("$n_interrupted interruptions, $n_resumed resumed");
is(value('SELECT count(*) FROM ae.checkpoints'), 0, 'nothing is left of them');
is(value('SELECT count(*) FROM ae.checkpoint_states'), 0, 'nor states');
is(value('SELECT count(*) FROM ae.trainings'), 0, 'nor progress');

# ---- kills ------------------------------------------------------------------------------------------------

my $N_KILLS = $ENV{AE_SOAK} ? 200 : 8;
my $long = q(ae.options(exclude => '{i,even}', updates => 1500));
my ($backends, $servers, $resumed, $completed, $wrong, $orphans) = (0) x 6;
my $same = "SELECT m.model = e.model AND m.digest = sha256(e.model) FROM ae.models m JOIN expected e USING (name) WHERE name = 'k'";

says("INSERT INTO expected SELECT 'k', ae.train(t, $long) FROM t");
$session->close;

# What is to be called next.
sub next_call
{
	return value("SELECT count(*) FROM ae.checkpoints WHERE name = 'k'") ? "CALL ae.resume_training('k')" : "CALL ae.train_model('k', 't', $long)";
}

sub kill_backend
{
	my ($job) = @_;
	my $pid = value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1");

	$backends += kill 'KILL', $pid if $pid =~ /^\d+$/;
	$job->finish;
	select(undef, undef, undef, 0.1) until ($node->psql('postgres', 'SELECT 1'))[2] == 0;
}

# All at once, as when the machine goes: a server does not start beside backends of the one before.
sub kill_server
{
	my ($job) = @_;
	my ($pid) = AeCluster::slurp("$node->{data}/postmaster.pid") =~ /^(\d+)/;
	my @children = split /\n/, value('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');

	$servers += 1 == kill 'KILL', $pid;
	kill 'KILL', @children;
	$job->finish;
	$node->{running} = 0;
	unlink "$node->{data}/postmaster.pid", glob("$node->{dir}/.s.PGSQL.*");
	$node->start;
}

for my $round (1 .. 4 * $N_KILLS)
{
	last if $backends + $servers == $N_KILLS;
	my $call = next_call();
	my $job = $node->start_psql('postgres', "SET ae.progress = off; $call");

	$resumed++ if $call =~ /resume/;
	select(undef, undef, undef, 0.05 + rand 0.4);
	$round % 4 ? kill_backend($job) : kill_server($job);
	$orphans++ if value("SELECT count(*) FROM ae.checkpoint_states s FULL JOIN ae.checkpoints c USING (name) WHERE s.name IS NULL OR c.name IS NULL") > 0;
	next unless value("SELECT count(*) FROM ae.models WHERE name = 'k'");
	$completed++;
	$wrong++ if value($same) ne 't';
	$orphans += value("SELECT count(*) FROM ae.checkpoints WHERE name = 'k'");
	value("SELECT ae.drop_model('k')");
}
note("$backends backends and $servers servers killed, $resumed trainings resumed, $completed complete meanwhile");
cmp_ok($resumed, '>', $N_KILLS / 8, 'after kills trainings are resumed');
is($wrong, 0, 'those that ended have the same bytes');
is($orphans, 0, 'at no time a state without its checkpoint, or a checkpoint beside its model');
like(($node->psql('postgres', next_call()))[1], qr/network \d of \d.*saved model k\@\d/s, 'what is left goes on to its end');
is(value($same), 't', 'to the same bytes');

# ---- what others see ------------------------------------------------------------------------------------

my $endless = q(ae.options(exclude => '{i,even}', epochs => 100000000, time_limit => 60, folds => 1));
my $of = "FROM ae.training_progress WHERE name = 'm'";

# Starts a training in the background and waits for its first checkpoint.
sub start
{
	my ($before, $sql) = @_;
	my $job = $node->start_psql('postgres', "SET ae.progress = off; $before $sql");

	$node->poll('postgres', "SELECT count(*) = 1 $of AND phase = 'training' AND done > 0 AND checkpoint > updated - interval '1 minute'");
	return $job;
}

sub stop
{
	my ($job) = @_;

	value("SELECT pg_cancel_backend(pid) $of");
	return ($job->finish)[1];
}

$node->query('postgres', <<'END');
CREATE ROLE alice;
CREATE ROLE bob;
GRANT USAGE ON SCHEMA ae TO alice, bob;
GRANT EXECUTE ON PROCEDURE ae.train_model, ae.resume_training TO alice, bob;
GRANT EXECUTE ON FUNCTION ae.drop_training TO alice, bob;
GRANT SELECT ON t TO alice, bob;
END

my $job = start('SET ROLE alice;', "CALL ae.train_model('m', 't', $endless)");

is(value("SELECT trainer, network, n_networks, step, planned, n_rows, done > 0, train_loss > 0, rows_per_second > 0, estimated_end > updated $of"),
	'alice|1|1|epoch|100000000|5000|t|t|t|t', 'progress of a training under way');
my $before = value("SELECT done $of");
ok($node->poll('postgres', "SELECT done > $before $of", 5), 'it moves');
is(value("SET ROLE bob; SELECT phase, step, done > 0, rows_per_second > 0, n_rows IS NULL AND train_loss IS NULL AND validation_loss IS NULL $of"),
	'training|epoch|t|t|t', 'without losses for who may not see the model');
is(value('SET ROLE alice; SELECT train_loss > 0 ' . $of), 't', 'with them for whose it is');
like(($node->psql('postgres', 'SET ROLE bob; SELECT * FROM ae.checkpoint_states'))[1], qr/permission denied/, 'weights are for nobody');
like(($node->psql('postgres', "SET ROLE alice; SET ae.progress = off; CALL ae.resume_training('m')"))[1], qr/another session is training model m/, 'a second session cannot go on with it');
like(($node->psql('postgres', "SELECT ae.drop_training('m')"))[1], qr/another session is training model m/, 'nor forget it');
like(($node->psql('postgres', "CALL ae.train_model('m', 't', ae.options(exclude => '{i,even}', updates => 5))"))[1],
	qr/another session is training model m: this training has no checkpoints.*saved model m\@1/s, 'it can train the same name beside');
my $size = "SELECT pg_total_relation_size('ae.checkpoint_states') + pg_total_relation_size('ae.checkpoints') + pg_total_relation_size('ae.trainings')";
my ($small, $since) = (value($size), value("SELECT checkpoint $of"));
ok($node->poll('postgres', "SELECT checkpoint > '$since'::timestamptz + interval '2 s' $of", 20), 'checkpoints come');
cmp_ok(value($size), '<', 2 * $small, 'and take the room of those before, with no VACUUM');
like(stop($job), qr/canceling statement/, 'cancelled');
is(value("SELECT phase, pid IS NULL, done > 0, checkpoint = updated $of"), 'interrupted|t|t|t', 'interrupted, it can still be seen');

# ---- who may go on ----------------------------------------------------------------------------------------

sub fails
{
	my ($sql, $expected, $what) = @_;
	my ($out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET ae.progress = off; $sql");

	like($err, $expected, $what);
}

value('SELECT ae.drop_model(\'m\')');
value("UPDATE ae.model_names SET owner = 'alice' WHERE name = 'm'");
fails("SET ROLE bob; CALL ae.resume_training('m')", qr/ERROR:  42501: must be owner of model m/, 'nobody else');
fails("CALL ae.resume_training('m')", qr/ERROR:  42501: the training of model m was started by alice.*SET ROLE alice/s, 'not even who may do everything: the query is not theirs');
fails("SET ROLE bob; SELECT ae.drop_training('m')", qr/ERROR:  42501: must be owner of model m/, 'nor forget it');
fails("CALL ae.resume_training('nosuch')", qr/ERROR:  42704: there is no interrupted training of model nosuch/, 'one that there is not');
fails('CALL ae.resume_training(NULL)', qr/ERROR:  22004: argument "name" of ae.resume_training must not be NULL/, 'no name');
is(value("SELECT ae.drop_training('nosuch')"), 'f', 'nothing to forget');

# ---- what it does not go on from ----------------------------------------------------------------------------

my $resume = "SET ROLE alice; CALL ae.resume_training('m')";

value('CREATE TABLE kept AS SELECT * FROM ae.checkpoint_states');
value('INSERT INTO t SELECT * FROM t WHERE i = 1');
fails($resume, qr/ERROR:  55000: the training rows of model m have changed.*There were 5000, now there are 5001.*ae.train_model/s, 'more rows');
value('DELETE FROM t WHERE ctid IN (SELECT max(ctid) FROM t)');
value('UPDATE t SET a = a + 1 WHERE i = 77');
fails($resume, qr/ERROR:  55000: the training rows .*There are 5000, but not the same ones/s, 'another value');
value('UPDATE t SET a = sin(i) WHERE i = 77');
value('ALTER TABLE t RENAME a TO z');
fails($resume, qr/ERROR:  55000: the training rows .* have changed/, 'another name of a column');
value('ALTER TABLE t RENAME z TO a');
fails("SET ae.kernels = generic; $resume", qr/ERROR:  55000: the checkpoint of model m was written by another build.*this is ae .*kernels generic.*ae.train_model/s, 'other kernels');
for my $damage ('UPDATE S SET bytes = set_byte(bytes, 9, 255 - get_byte(bytes, 9)) WHERE part = 1', 'UPDATE S SET bytes = set_byte(bytes, 4, 2) WHERE part = 0',
	q(UPDATE S SET bytes = '\x00'), q(UPDATE S SET bytes = '' WHERE part = (SELECT max(part) FROM S)), 'DELETE FROM S WHERE part = 2', 'UPDATE S SET part = 0 WHERE part = 3')
{
	value('DELETE FROM ae.checkpoint_states WHERE part = 0') if $damage =~ /part = 3/;
	value($damage =~ s/\bS\b/ae.checkpoint_states/gr);
	fails($resume, qr/ERROR:  22P03: the checkpoint of model m is corrupt.*ae.train_model/s, "a state that is not whole: $damage");
	value('DELETE FROM ae.checkpoint_states; INSERT INTO ae.checkpoint_states SELECT * FROM kept');
}
value(q(CREATE TABLE digest AS SELECT digest FROM ae.checkpoints; UPDATE ae.checkpoints SET digest = '\x00'));
fails($resume, qr/ERROR:  22P03/, 'a digest that is none');
value('UPDATE ae.checkpoints c SET digest = d.digest FROM digest d');
is(value('SELECT count(*) FROM ae.checkpoints'), 1, 'the checkpoint is there through all of that');

# ---- anew instead -------------------------------------------------------------------------------------------

my $quick = q(ae.options(exclude => '{i,even}', updates => 5));

fails("SET ROLE alice; SET ae.checkpoint_interval = 0; CALL ae.train_model('m', 'SELECT 1 / (i - 4999) AS q FROM t')",
	qr/the interrupted training of model m, saved at .*, will be replaced.*CALL ae.resume_training\('m'\).*division by zero/s, 'a training that begins anew says so');
is(value("SELECT phase, done > 0 $of"), 'interrupted|t', 'and replaces nothing before it has a checkpoint');
value("SELECT ae.drop_training('m')");
is(value('SELECT (SELECT count(*) FROM ae.checkpoints) + (SELECT count(*) FROM ae.checkpoint_states)'), 0, 'forgotten');

$job = start('SET ROLE alice;', "CALL ae.train_model('m', 't', $endless)");
stop($job);
fails("SET ROLE alice; CALL ae.train_model('m', 't', $quick)", qr/will be replaced.*saved model m\@/s, 'one that ends');
is(value('SELECT (SELECT count(*) FROM ae.checkpoints) + (SELECT count(*) FROM ae.checkpoint_states)'), 0, 'leaves nothing of the other');

value("INSERT INTO ae.checkpoints SELECT 'fresh', 'alice', 't', NULL, NULL, 'x', 1, '', now(), now(), 1, 1, 1, 'epoch', 1, 1");
fails("SET ROLE bob; CALL ae.train_model('fresh', 't', $quick)", qr/ERROR:  42501: an interrupted training of model fresh belongs to alice/, 'a name that another one is about to make');
value("SELECT ae.drop_training('fresh')");

# ---- in a transaction block ------------------------------------------------------------------------------------

my $once = q(ae.options(exclude => '{i,even}', updates => 1500, folds => 2));

value("INSERT INTO expected SELECT 'b', ae.train(t, $once) FROM t");
$job = $node->start_psql('postgres', "SET ae.progress = off; CALL ae.train_model('b', 't', $once)");
$node->poll('postgres', "SELECT count(*) = 1 FROM ae.checkpoints WHERE name = 'b'");
value("SELECT pg_cancel_backend(pid) FROM ae.training_progress WHERE name = 'b'");
$job->finish;
fails("BEGIN; CALL ae.resume_training('b'); ROLLBACK", qr/training inside a transaction block.*no checkpoints.*saved model b\@1/s, 'resumed within a transaction, which is said');
is(value("SELECT phase FROM ae.training_progress WHERE name = 'b'"), 'interrupted', 'rolled back, it is where it was');
value("BEGIN; CALL ae.resume_training('b'); COMMIT");
is(value("SELECT m.model = e.model FROM ae.models m JOIN expected e USING (name) WHERE name = 'b'"), 't', 'committed, it has the same bytes');
is(value('SELECT count(*) FROM ae.training_progress'), 0, 'and nothing is left');

# ---- the setting ----------------------------------------------------------------------------------------------

for my $setting ('0', '1h')
{
	$job = $node->start_psql('postgres', "SET ae.progress = off; SET ae.checkpoint_interval = '$setting'; CALL ae.train_model('none', 't', $endless)");
	$node->poll('postgres', "SELECT count(*) = 1 FROM ae.training_progress WHERE name = 'none' AND done > 0");
	is(value('SELECT count(*) FROM ae.checkpoints'), 0, "no checkpoint at ae.checkpoint_interval = $setting");
	value("SELECT pg_cancel_backend(pid) FROM ae.training_progress WHERE name = 'none'");
	$job->finish;
	is(value("SELECT count(*) FROM ae.training_progress WHERE name = 'none'"), 0, 'nor anything else when it is cancelled');
}
fails("SELECT ae.version(); SET ae.checkpoint_interval = -1", qr/ERROR:  22023: -1 s is outside the valid range .*"ae.checkpoint_interval"/, 'less than nothing');
fails("SELECT ae.version(); SET ae.checkpoint_interval = 'soon'", qr/ERROR:  22023: invalid value for parameter "ae.checkpoint_interval"/, 'no time');

# a shortage, as of disk, costs a checkpoint and not the training; another error is one
value(<<'END');
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = TG_ARGV[0]; END $$;
CREATE TRIGGER no_space BEFORE INSERT ON ae.checkpoint_states FOR EACH ROW EXECUTE FUNCTION full_disk('53100');
END
fails("CALL ae.train_model('full', 't', ae.options(exclude => '{i,even}', updates => 400))", qr/WARNING:  53100: could not write a checkpoint: no space left.*saved model full\@1/s, 'a full disk');
is(value('SELECT count(*) FROM ae.checkpoints'), 0, 'leaves nothing half done');
value("DROP TRIGGER no_space ON ae.checkpoint_states; CREATE TRIGGER no_space BEFORE INSERT ON ae.checkpoint_states FOR EACH ROW EXECUTE FUNCTION full_disk('22012')");
fails("CALL ae.train_model('full', 't', ae.options(exclude => '{i,even}', updates => 400))", qr/ERROR:  22012: no space left/, 'an error of another kind');
value('DROP TRIGGER no_space ON ae.checkpoint_states');

# reading is a phase of its own, with rows for who may see the activity of the session
$job = $node->start_psql('postgres', "SET ae.progress = off; CALL ae.train_model('slow', 'SELECT t.* FROM t, pg_sleep(CASE WHEN i % 1000 = 0 THEN 1 ELSE 0 END) s', $quick)");
ok($node->poll('postgres', "SELECT count(*) = 1 FROM ae.training_progress WHERE name = 'slow' AND phase = 'reading' AND n_rows >= 1000", 10), 'rows read so far');
$job->finish;

# ---- what others must not feel -----------------------------------------------------------------------------------

my $dump = "$node->{dir}/dump.sql";

$job = start('', "CALL ae.train_model('m', 't', $endless)") if value("UPDATE ae.model_names SET owner = 'postgres' WHERE name = 'm' RETURNING true") eq 't';
stop($job);
is($node->run_program($dump, 'pg_dump', 'postgres'), 0, 'a dump');
unlike(AeCluster::slurp($dump), qr/COPY ae\.(checkpoint|training)/, 'has no checkpoint');

unlike($node->log_text, qr/PANIC|signal 11|signal 6|XX000|leak/, 'no crash but those of kill, no internal error, no leak');
done_testing();
