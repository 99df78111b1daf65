# Proves who may do what with named models: every function for every kind of role, as one table; that no
# search_path lends a function's rights to somebody else's code; that what runs as the owner of the tables
# ends as the caller, whatever happens.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new(name => 'privileges');

$node->query('postgres', <<'END');
CREATE EXTENSION ae;
SET ae.progress = off;
CREATE ROLE owner;      -- has made the model m
CREATE ROLE member IN ROLE owner;
CREATE ROLE writer;     -- may make models
CREATE ROLE reader;     -- may see what is in models
CREATE ROLE other;      -- may use them
CREATE ROLE stranger;   -- may not
GRANT USAGE ON SCHEMA ae TO owner, writer, reader, other;
GRANT EXECUTE ON FUNCTION ae.save_model, ae.drop_model, ae.comment_on_model, ae.drop_training TO owner, writer;
GRANT EXECUTE ON PROCEDURE ae.train_model, ae.resume_training TO owner, writer;
GRANT SELECT ON ae.models TO reader;
CREATE TABLE t AS SELECT i, sin(i)::real AS a, (2 * sin(i) + cos(i))::real AS b, i % 2 = 0 AS even FROM generate_series(1, 200) i;
CREATE TABLE bytes AS SELECT ae.train(t, ae.options(exclude => '{i}', updates => 20, code => 1) || ae.target('even') || ae.decoder() || ae.sparse('l1')) AS model FROM t;
GRANT SELECT ON t, bytes TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
SET ROLE owner;
SELECT ae.save_model('m', model) FROM bytes;
SELECT ae.save_model('g', model) FROM (SELECT ae.train(t, ae.options(exclude => '{i}', purpose => 'generate', updates => 2)) AS model FROM t) s;
SELECT ae.save_model('drawn', ae.train(t, ae.options(exclude => '{i}', updates => 20, code => 1) || ae.variational())) FROM t;
SELECT ae.save_model('best', ae.train(t, ae.options(exclude => '{i,even}', updates => 5, code => 1) || ae.sparse('l1') || ae.psd())) FROM t;
RESET ROLE;
-- m has an interrupted training: as much of it as is looked at before the rest
INSERT INTO ae.checkpoints VALUES ('m', 'owner', 't', NULL, NULL, 'x', 200, '', now(), now(), 1, 1, 1, 'epoch', 1, 2, 0.5);
END

# ---- the table --------------------------------------------------------------------------------------

my @roles = qw(postgres owner member writer reader other stranger);
my %may = (
	use => 'postgres owner member writer reader other',
	see => 'postgres owner member reader',
	write => 'postgres owner member',
	make => 'postgres owner member writer',
	select => 'postgres reader',
	change => 'postgres',
	resume => 'owner',
);

# What is done, and who may; each in a transaction that is rolled back.
my @actions = (
	[use => q(SELECT 'm'::ae.model)],
	[use => q(SELECT ae.current('m'))],
	[use => q(SELECT ae.encode('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.decode('m'::ae.model, '{0}'::real[]))],
	[use => q(SELECT ae.reconstruct('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.reconstruction_error('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.raw_score('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.p_value('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.anomaly_score('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.is_anomaly('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.threshold('m'::ae.model))],
	[use => q(SELECT ae.impute('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.log_likelihood('m'::ae.model, t), ae.log_joint('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.impute('g'::ae.model, t, 1), ae.generate('g'::ae.model, t, 1, 1) FROM t LIMIT 1)],
	[use => q(SELECT ae.elbo('drawn'::ae.model, t), ae.log_likelihood('drawn'::ae.model, t, 2, 1), ae.encode_sample('drawn'::ae.model, t, 1) FROM t LIMIT 1)],
	[use => q(SELECT ae.infer('best'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.explain('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.encode_bits('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.predict('m'::ae.model, t), ae.predict_proba('m'::ae.model, t) FROM t LIMIT 1)],
	[use => q(SELECT ae.row_expression('m'::ae.model))],
	[use => q(SELECT ae.evaluate('m'::ae.model, t) FROM t)],
	[use => q(SELECT ae.drift('m'::ae.model, t) FROM t)],
	[use => q(SELECT ae.drift_report('m'::ae.model, 't'))],
	[use => q(SELECT ae.sprt(0.5), ae.alarm_rate(0.01, 2, 3), ae.split(1, 0.5))],
	[use => q(SELECT ae.plot_scores('m'::ae.model, 't'))],
	[use => q(SELECT ae.compare_models('m'::ae.model, 'm'::ae.model, 't'))],
	[use => q(SELECT ae.train(t, ae.options(exclude => '{i}', updates => 2) || ae.sparse(top_k => 1)) FROM t)],
	[use => q(SELECT ae.contract(), ae.decoder(), ae.denoise('swap'), ae.feedback(), ae.hash(8), ae.neighbours(), ae.pretrain(), ae.psd(), ae.target('even'), ae.variational())],
	[use => q(SELECT ae.detect('SELECT a, b FROM t', '{"updates": 2}'))],
	[use => q(SELECT ae.version())],
	[use => q(SELECT * FROM ae.model_list)],
	[see => q(SELECT ae.summary('m'::ae.model))],
	[see => q(SELECT ae.plot_loss('m'::ae.model))],
	[see => q(SELECT ae.describe('m'::ae.model))],
	[see => q(SELECT ae.history('m'::ae.model))],
	[see => q(SELECT ae.features('m'::ae.model))],
	[see => q(SELECT ae.model_bytes('m'::ae.model))],
	[see => q(SELECT 'm'::ae.model::bytea)],
	[see => q(SELECT ae.train(t, ae.options(updates => 2), 'm'::ae.model) FROM t)],
	[see => q(SELECT 1 / (count(train_loss) = count(*))::int FROM ae.model_list)],
	[write => q(SELECT ae.save_model('m', model) FROM bytes)],
	[write => q(SELECT ae.drop_model('m@1'))],
	[write => q(SELECT ae.drop_model('m'))],
	[write => q(SELECT ae.comment_on_model('m', 'x'))],
	[write => q(CALL ae.train_model('m', 't', '{"updates": 2}'))],
	[write => q(CALL ae.train_model('new', 't', '{"updates": 2}', init => 'm'))],
	[make => q(CALL ae.train_model('new', 't', '{"updates": 2}'); CALL ae.train_model('new', 't', '{"updates": 2}'))],
	[make => q(SELECT ae.save_model('new', model), ae.save_model('new', model) FROM bytes; SELECT ae.comment_on_model('new', 'x'); SELECT ae.drop_model('new'))],
	[write => q(SELECT ae.drop_training('m'))],
	[make => q(SELECT ae.drop_training('new'))],
	[resume => q(CALL ae.resume_training('m'))],
	[use => q(SELECT * FROM ae.training_progress)],
	[see => q(SELECT 1 / (count(train_loss) = count(*))::int FROM ae.training_progress)],
	[select => q(SELECT * FROM ae.models)],
	[change => q(SELECT * FROM ae.checkpoints)],
	[change => q(SELECT * FROM ae.checkpoint_states)],
	[change => q(SELECT * FROM ae.trainings)],
	[change => q(DELETE FROM ae.checkpoints)],
	[change => q(SELECT * FROM ae.model_names)],
	[change => q(INSERT INTO ae.model_names VALUES ('x', 'other', NULL, 1))],
	[change => q(UPDATE ae.model_names SET owner = 'other')],
	[change => q(DELETE FROM ae.models)],
	[change => q(TRUNCATE ae.models)],
);

for my $role (@roles)
{
	my $session = $node->session('postgres');

	$session->query("\\set VERBOSITY verbose\nSET client_min_messages = warning; SET ae.progress = off; SET ROLE $role;");
	for my $action (@actions)
	{
		my ($right, $sql) = @$action;
		my $answer = $session->query("BEGIN; $sql; ROLLBACK;");
		my ($state) = $answer =~ /ERROR:  (\w+):/;
		# who may not see is not refused the list, but sees no losses there
		my $refusal = $sql =~ /1 \/ / && $role ne 'stranger' ? '22012' : '42501';

		$session->query('ROLLBACK;') if $answer =~ /ERROR/;
		# who may resume is told that the checkpoint is of another build
		is($state // 'done', $may{$right} =~ /\b$role\b/ ? $right eq 'resume' ? '55000' : 'done' : $refusal, "$role: $sql");
	}
	$session->close;
}

# Every function that a user can call by name stands in the table.
for my $function (split /\n/, $node->query('postgres', <<'END'))
SELECT DISTINCT proname FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE pronamespace = 'ae'::regnamespace AND proname !~ '_(transfn|finalfn|combinefn|serialfn|deserialfn)$|^model_(in|out|recv|send|eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$' AND proname <> 'models_guard' ORDER BY 1
END
{
	ok((grep { $_->[1] =~ /ae\.$function\(/ } @actions), "ae.$function is in the table");
}
is($node->query('postgres', 'SELECT has_function_privilege(\'other\', \'ae.models_guard()\', \'EXECUTE\')'), 'f', 'the trigger function is nobody\'s');

# ---- owners ---------------------------------------------------------------------------------------------

# Runs SQL as a role; what it prints, or the error.
sub as
{
	my ($role, $sql) = @_;
	my ($out, $err) = $node->psql('postgres', "SET ae.progress = off; SET ROLE $role; $sql");

	chomp $out;
	return $err =~ /ERROR:  (.*)/ ? $1 : $out;
}

is(as('writer', "SELECT split_part(ae.save_model('w', model)::text, '#', 1) FROM bytes"), 'w@1', 'who makes a name');
is(as('owner', "SELECT ae.save_model('w', model) FROM bytes"), 'must be owner of model w', 'owns it');
is(as('writer', "SELECT ae.drop_model('w')"), 1, 'drops it');
is(as('owner', "SELECT ae.save_model('w', model) FROM bytes"), 'must be owner of model w', 'and owns it still');
is(as('writer', "SELECT split_part(ae.save_model('w', model)::text, '#', 1) FROM bytes"), 'w@2', 'numbers go on');
is(as('member', "SELECT split_part(ae.save_model('by_member', model)::text, '#', 1) FROM bytes"), 'by_member@1', 'a member makes one');
is(as('owner', "SELECT ae.drop_model('by_member')"), 'must be owner of model by_member', 'that is not the group\'s');
$node->query('postgres', "CREATE ROLE cautious NOINHERIT IN ROLE owner; GRANT USAGE ON SCHEMA ae TO cautious; GRANT EXECUTE ON FUNCTION ae.drop_model TO cautious");
is(as('cautious', "SELECT ae.drop_model('m')"), 'must be owner of model m', 'a member that does not inherit');
is(as('owner', "CREATE FUNCTION for_all() RETURNS text LANGUAGE sql SECURITY DEFINER AS \$\$ SELECT ae.summary('m') \$\$"), '', 'a definer\'s function');
like(as('other', 'SELECT for_all()'), qr/^purpose/, 'lends what its owner may see');
is(as('other', "CREATE VIEW mine AS SELECT ae.summary('m'); SELECT * FROM mine"), 'permission denied to read the contents of model m', 'a view lends nothing');
$node->query('postgres', 'ALTER VIEW mine OWNER TO owner; GRANT SELECT ON mine TO other');
is(as('other', 'SELECT * FROM mine'), 'permission denied to read the contents of model m', 'whoever owns it');
is(as('other', "CREATE TABLE x (v int); CREATE INDEX ON x (ae.model_bytes('m\@1'))"), 'functions in index expression must be marked IMMUTABLE', 'no index holds what is in a model');
$node->query('postgres', 'ALTER TABLE ae.models ENABLE ROW LEVEL SECURITY');
is(as('reader', "SELECT ae.summary('m')"), 'permission denied to read the contents of model m', 'with row security SELECT on the table is not enough');
is(as('reader', "SELECT n_rows FROM ae.model_list WHERE name = 'm'"), '', 'nor for the list');
is(as('member', "SELECT n_rows FROM ae.model_list WHERE name = 'm'"), 200, 'which tells the owner');
is(as('reader', "SELECT n_rows, train_loss FROM ae.training_progress WHERE name = 'm'"), '|', 'nor for a training');
is(as('member', "SELECT n_rows, train_loss FROM ae.training_progress WHERE name = 'm'"), '200|0.5', 'which tells the owner as well');
$node->query('postgres', 'ALTER TABLE ae.models DISABLE ROW LEVEL SECURITY');
is(as('reader', "SELECT n_rows FROM ae.model_list WHERE name = 'm'"), 200, 'without it, SELECT is');
$node->query('postgres', 'CREATE TABLE secret AS TABLE t');
is(as('other', "SELECT ae.compare_models('m', 'm', 'secret')"), 'permission denied for table secret', 'ae.compare_models reads as its caller');

$node->query('postgres', 'REASSIGN OWNED BY writer TO postgres; DROP OWNED BY writer; DROP ROLE writer');
is(as('owner', "SELECT ae.drop_model('w')"), 'must be owner of model w', 'a model whose owner is gone is not anybody\'s');
is(as('postgres', "SELECT ae.drop_model('w')"), 1, 'but the owner\'s of the extension');

# What is missing is said with the statement that gives it.
my (undef, $hint) = $node->psql('postgres', "SET ROLE other; SELECT ae.summary('m')");
like($hint, qr/HINT: .*GRANT SELECT ON ae\.models TO other\./, 'a hint for who may not see');
$node->query('postgres', 'GRANT EXECUTE ON FUNCTION ae.save_model, ae.drop_training TO other');
(undef, $hint) = $node->psql('postgres', "SET ROLE other; SELECT ae.save_model('m', model) FROM bytes");
like($hint, qr/HINT:  The owner is owner: GRANT that role TO other/, 'a hint for who may not save');

# Whoever has no right to a training does not wait for it either: rights before locks.
my $busy = $node->session('postgres');
$busy->query("SET ROLE owner; BEGIN; SELECT ae.drop_training('m');");
is(as('owner', "SELECT ae.drop_training('m')"), 'another session is training model m', 'a lock keeps the owner out');
is(as('other', "SELECT ae.drop_training('m')"), 'must be owner of model m', 'who is not learns no more than that');
$busy->query('ROLLBACK;');
$node->query('postgres', 'DELETE FROM ae.checkpoints');
is(as('other', "SELECT ae.drop_training('m')"), 'must be owner of model m', 'nor is a lock to be had where nothing is interrupted');
$busy->close;
$node->query('postgres', 'REVOKE EXECUTE ON FUNCTION ae.save_model, ae.drop_training FROM other');

# ---- search_path ------------------------------------------------------------------------------------------

$node->query('postgres', <<'END');
CREATE SCHEMA evil;
CREATE TABLE evil.caught (what text);
CREATE FUNCTION evil.trap(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO evil.caught VALUES (what OPERATOR(pg_catalog.||) ' as ' OPERATOR(pg_catalog.||) current_user::text) $$;
DO $$
DECLARE f text;
BEGIN
	-- whatever our statements call, and more, in forms that fit better than the real ones
	FOREACH f IN ARRAY '{count,avg,rank,corr,max,round,left,format,clock_timestamp,octet_length,sha256,to_jsonb,has_table_privilege}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(VARIADIC anyarray) RETURNS text LANGUAGE sql AS $f$SELECT evil.trap(%L); SELECT NULL::text$f$', f, f);
		EXECUTE format('CREATE FUNCTION evil.%I() RETURNS timestamptz LANGUAGE sql AS $f$SELECT evil.trap(%L); SELECT NULL::timestamptz$f$', f, f);
	END LOOP;
	FOR f IN SELECT DISTINCT t || ',' || o FROM unnest('{text,integer,bigint,"double precision",bytea,ae.model}'::text[]) t, unnest('{=,<>,<,<=,>,>=,+,/,*,||}'::text[]) o LOOP
		EXECUTE format('CREATE OR REPLACE FUNCTION evil.op(%1$s, %1$s) RETURNS bool LANGUAGE sql AS $f$SELECT evil.trap(%2$L); SELECT false$f$', split_part(f, ',', 1), f);
		EXECUTE format('CREATE OPERATOR evil.%1$s (LEFTARG = %2$s, RIGHTARG = %2$s, FUNCTION = evil.op)', split_part(f, ',', 2), split_part(f, ',', 1));
	END LOOP;
	-- NULLIF, IN and CASE look for = by themselves
	CREATE FUNCTION evil.mixed(bigint, integer) RETURNS bool LANGUAGE sql AS 'SELECT evil.trap(''bigint = integer''); SELECT false';
	CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = evil.mixed);
	CREATE FUNCTION evil.arrow(jsonb, text) RETURNS jsonb LANGUAGE sql AS 'SELECT evil.trap(''->''); SELECT NULL::jsonb';
	CREATE OPERATOR evil.-> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = evil.arrow);
	CREATE TABLE evil.models (LIKE ae.models);
	CREATE TABLE evil.model_names (LIKE ae.model_names);
	CREATE DOMAIN evil.int4 AS text;
	CREATE DOMAIN evil.float8 AS text;
	CREATE DOMAIN evil.int8 AS text;
END $$;
GRANT ALL ON SCHEMA evil TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC;
END
my $hostile = 'SET search_path = evil, pg_catalog, public;';

for my $sql (
	"SELECT ae.save_model('m', model) FROM bytes",
	"SELECT ae.comment_on_model('m', 'x')",
	"SELECT ae.drop_training('m')",
	"CALL ae.train_model('m', 'public.t', '{\"updates\": 2}')",
	"SELECT phase FROM ae.training_progress",
	"SELECT ae.current('m')",
	"SELECT ae.compare_models('m', 'm', 'public.t') IS NOT NULL",
	"SELECT ae.summary('m') IS NOT NULL",
	"SELECT ae.raw_score('m', t) IS NOT NULL FROM public.t LIMIT 1",
	"SELECT name FROM ae.model_list WHERE name OPERATOR(pg_catalog.~) '^m\$' LIMIT 1",
	"SELECT ae.drop_model('m\@2')")
{
	unlike(as('owner', "$hostile $sql"), qr/relation|function|operator|error|type|limit/i, "under a hostile search_path: $sql");
}
is($node->query('postgres', 'SELECT string_agg(what, \', \') FROM evil.caught'), '', 'nothing of it ran');
is(as('owner', "$hostile SELECT 1 = 1"), 'f', 'though it would have');

# A superuser's trigger on the tables, as careless as a trigger may be on any other table.
$node->query('postgres', <<'END');
CREATE TABLE saves (name text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO saves VALUES (NEW.name); RETURN NEW; EXCEPTION WHEN undefined_table THEN RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT ON ae.models FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE evil.saves (name text);
CREATE FUNCTION evil.caught() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.caught VALUES ('trigger as ' || current_user); RETURN NEW; END $$;
CREATE TRIGGER caught BEFORE INSERT ON evil.saves FOR EACH ROW EXECUTE FUNCTION evil.caught();
END
is(as('owner', "SET search_path = evil, public; SELECT pg_catalog.split_part(ae.save_model('m', model)::pg_catalog.text, '#', 1) FROM bytes; SHOW search_path"), "m\@4\nevil, public", 'a version is saved under a hostile search_path, which stays');
is($node->query('postgres', 'SELECT string_agg(what, \', \') FROM evil.caught WHERE what ~ \'trigger\''), '', 'a trigger on the table does not run under it');
is(as('owner', 'SELECT ae.drop_model(\'m@4\')'), 1, 'dropped again');
$node->query('postgres', 'DROP TRIGGER note ON ae.models; ALTER FUNCTION note() SET search_path = public; CREATE TRIGGER note BEFORE INSERT ON ae.models FOR EACH ROW EXECUTE FUNCTION note()');
like(as('owner', "SELECT ae.save_model('m', model) FROM bytes"), qr/^m/, 'and one that sets its own');
is($node->query('postgres', 'SELECT name FROM saves'), 'm', 'runs under that');
$node->query('postgres', 'DROP TRIGGER note ON ae.models');

# ---- somebody else's schema ---------------------------------------------------------------------------------

$node->query('postgres', 'CREATE DATABASE taken; GRANT CREATE ON DATABASE taken TO other');
$node->query('taken', 'SET ROLE other; CREATE SCHEMA ae');

# What CREATE EXTENSION says in that database.
sub create
{
	my ($before) = @_;
	my ($out, $err) = $node->psql('taken', "BEGIN; $before; CREATE EXTENSION ae; ROLLBACK", args => ['-v', 'VERBOSITY=verbose']);

	return $err;
}

like(create('SELECT 1'), qr/42501: schema "ae" belongs to the role "other"/, 'the extension does not go into a schema of another role');
my $hijack = q(CREATE FUNCTION ae.check_schema(VARIADIC anyarray) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''code of other as %'', current_user; END');
for my $object (
	[ $hijack, 'function check_schema(anyarray)' ],
	[ q(CREATE FUNCTION ae.pg_extension_config_dump(regclass, text) RETURNS void LANGUAGE sql AS ''), 'function pg_extension_config_dump(regclass,text)' ],
	[ 'CREATE TABLE ae.x ()', 'table x' ],
	[ 'CREATE TYPE ae.x AS (a int)', 'type x' ],
	[ 'CREATE DOMAIN ae.x AS int', 'type x' ],
	[ 'CREATE OPERATOR ae.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_catalog.int4pl)', 'operator +(integer,integer)' ],
	[ 'CREATE COLLATION ae.x FROM "C"', 'collation x' ])
{
	my ($sql, $name) = @$object;

	like(create("SET ROLE other; $sql; RESET ROLE; ALTER SCHEMA ae OWNER TO postgres") =~ s/\bae\.//gr, qr/55000: schema "ae" is not empty\nDETAIL:  It holds .*\Q$name\E/,
		"nor into one that holds something: $name");
}
unlike(create("SET ROLE other; $hijack; RESET ROLE; ALTER SCHEMA ae OWNER TO postgres"), qr/code of other/, 'and runs nothing that it holds');
like(create('ALTER SCHEMA ae OWNER TO postgres; GRANT CREATE ON SCHEMA ae TO PUBLIC'), qr/42501: role PUBLIC may create objects in schema "ae".*REVOKE CREATE ON SCHEMA ae FROM PUBLIC/s,
	'nor into one where everybody may put something');
like(create('ALTER SCHEMA ae OWNER TO postgres; GRANT ALL ON SCHEMA ae TO stranger'), qr/42501: role stranger may create objects in schema "ae"/, 'or somebody else may');
is(create('ALTER SCHEMA ae OWNER TO postgres; GRANT USAGE ON SCHEMA ae TO PUBLIC; DROP EXTENSION plpgsql'), '', 'an empty one of a superuser will do, in a database without PL/pgSQL too');
is(create('DROP SCHEMA ae'), '', 'and one that it makes itself');
is($node->query('taken', "ALTER SCHEMA ae OWNER TO postgres; CREATE EXTENSION ae; SELECT count(*) FROM pg_proc WHERE proname = 'check_schema'"), 0, 'what checked it is gone');
$node->query('taken', 'CREATE TABLE m AS SELECT ae.train(ARRAY[sin(i), cos(i)]::real[], ae.options(updates => 2)) AS model FROM generate_series(1, 20) i');

# Given away all the same: its owner has put tables there whose trigger would run on as whoever saves.
$node->query('taken', 'ALTER SCHEMA ae OWNER TO other; GRANT CREATE ON SCHEMA public TO other');
$node->query('taken', <<'END');
SET ROLE other;
ALTER SCHEMA ae RENAME TO moved;
CREATE SCHEMA ae;
CREATE TABLE ae.model_names (name text COLLATE "C" PRIMARY KEY, owner text, comment text, last_version int);
CREATE TABLE ae.models (name text COLLATE "C", version int, created timestamptz, bytes int, digest bytea, options jsonb, query text,
	n_rows bigint, train_loss float8, validation_loss float8, model bytea, PRIMARY KEY (name, version));
CREATE TABLE later ();
CREATE FUNCTION escape() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''code of other as %'', current_user; END';
CREATE CONSTRAINT TRIGGER escape AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION escape();
CREATE FUNCTION bait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO later DEFAULT VALUES; RETURN NEW; END';
CREATE TRIGGER bait BEFORE INSERT ON ae.models FOR EACH ROW EXECUTE FUNCTION bait();
END
for my $sql ("SELECT moved.save_model('x', model) FROM m", "SELECT moved.drop_model('x')", "SELECT moved.comment_on_model('x', 'y')")
{
	like(($node->psql('taken', "$sql"))[1], qr/table ae\.models is not that of the extension ae/, "nothing is written to tables of somebody else: $sql");
}

# ---- the caller comes back ----------------------------------------------------------------------------------

$node->query('postgres', <<'END');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused as %', current_user; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON ae.models FOR EACH ROW EXECUTE FUNCTION refuse();
END
is(as('owner', <<'END'), 'refused as postgres, then owner', 'an error while the owner of the tables writes');
DO $$
DECLARE m text;
BEGIN
	BEGIN
		PERFORM ae.save_model('m', model) FROM bytes;
	EXCEPTION WHEN raise_exception THEN
		GET STACKED DIAGNOSTICS m = MESSAGE_TEXT;
	END;
	PERFORM set_config('test.result', m || ', then ' || current_user, false);
END $$;
SELECT current_setting('test.result');
END
is(as('owner', "DO \$\$ BEGIN PERFORM ae.save_model('m', model) FROM bytes; EXCEPTION WHEN raise_exception THEN NULL; END \$\$; DELETE FROM ae.models"),
	'permission denied for table models', 'leaves no right behind');

unlike($node->log_text, qr/PANIC|terminated by signal|XX000/, 'no crash, no internal error');
done_testing();
