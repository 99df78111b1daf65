# Throw-away clusters for tests and demo, with nothing but perl's own modules.
#
#     my $node = AeCluster->new(conf => { work_mem => '1MB' });   # initdb and start
#     my ($out, $err, $rc) = $node->psql('postgres', 'SELECT 1');
#     my $session = $node->session('postgres');                   # one backend, many statements
#     my $text = $session->query('SELECT pg_backend_pid()');
#     my $job = $node->start_psql('postgres', 'SELECT long()');   # in the background
#     my ($out, $err, $rc) = $job->finish;
#
# A cluster listens on a socket in its own directory only, and goes away with its object.  The
# server refuses root: then it runs as the user postgres, or nobody where there is none.
#
# The server's programs are those of AE_BINDIR, or of pg_config.  AE_SANITIZERS: libraries of
# sanitizers that a server loads first.

package AeCluster;

use strict;
use warnings;
use Cwd qw(abs_path getcwd);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);

our $PORT = 54330;    # names the socket; nothing listens on a port
our $ROOT = abs_path(dirname(__FILE__) . '/../..');

my $pg_config = $ENV{PG_CONFIG} || 'pg_config';

# One value of pg_config.
sub pg_config
{
	my ($what, $program) = @_;
	my $value = qx('@{[ $program || $pg_config ]}' --$what);

	die "pg_config --$what failed\n" if $?;
	chomp $value;
	return $value;
}

sub bindir
{
	return $ENV{AE_BINDIR} || pg_config('bindir');
}

# The unprivileged user that servers run as, or undef for oneself.
sub server_user
{
	return undef if $> != 0;
	return defined getpwnam('postgres') ? 'postgres' : 'nobody';
}

# Prefix of a command line that runs it as that user.
sub as_server
{
	my $user = server_user();
	return defined $user ? ('runuser', '-u', $user, '--') : ();
}

# What a server that is built with sanitizers needs in its environment.
sub sanitizers
{
	return () unless $ENV{AE_SANITIZERS};
	return (
		LD_PRELOAD => $ENV{AE_SANITIZERS},
		ASAN_OPTIONS => 'detect_leaks=0:abort_on_error=1:disable_coredump=0:use_sigaltstack=0',
		UBSAN_OPTIONS => 'print_stacktrace=1');
}

# Runs a command with its output in a file (appended); returns the exit status.
sub run_logged
{
	waitpid(start_logged(@_), 0);
	return exit_status($?);
}

# Starts a command with a log of its own; returns its process.
sub start_logged
{
	my ($log, @command) = @_;
	my $pid = fork() // die "fork: $!\n";

	return $pid if $pid;
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>>', $log) or die "$log: $!\n";
	open(STDERR, '>&', \*STDOUT);
	exec { $command[0] } @command or die "$command[0]: $!\n";
}

# Of what waitpid left in $?: as a shell has it.
sub exit_status
{
	my ($status) = @_;

	return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

sub slurp
{
	my ($file) = @_;

	open(my $in, '<', $file) or return '';
	local $/;
	return scalar(<$in>) // '';
}

my @table;

for my $byte (0 .. 255)
{
	my $c = $byte;

	$c = $c & 1 ? ($c >> 1) ^ 0x82F63B78 : $c >> 1 for 1 .. 8;
	push @table, $c;
}

sub crc32c
{
	my $c = 0xFFFFFFFF;

	$c = $table[($c ^ $_) & 255] ^ ($c >> 8) for unpack('C*', $_[0]);
	return $c ^ 0xFFFFFFFF;
}

# A model's bytes with the length and the checksum that belong to them.
sub sealed
{
	my ($bytes) = @_;

	substr($bytes, 16, 8) = pack('Q<', length $bytes);
	substr($bytes, 24, 4) = pack('V', crc32c(substr($bytes, 0, 24) . substr($bytes, 28)));
	return $bytes;
}

# Builds a copy of the server's installation under $prefix and installs the extension there, so that
# no directory of the system is touched: the programs are copied, all else is linked, and a server
# finds its libraries relative to itself.  $source: tree to install from.  Returns its bindir.
sub install_private
{
	my ($prefix, $source, $log, @make_args) = @_;
	my %dir = map { $_ => pg_config($_) } qw(bindir pkglibdir sharedir);
	my $bindir = "$prefix$dir{bindir}";

	umask 022;
	for my $what (qw(pkglibdir sharedir))
	{
		make_path("$prefix$dir{$what}");
		run_logged($log, 'cp', '-rs', "$dir{$what}/.", "$prefix$dir{$what}/") == 0
		  or die "copying $dir{$what} failed, see $log\n";
	}
	make_path($bindir);
	run_logged($log, 'cp', '-L', glob("$dir{bindir}/*"), "$bindir/") == 0
	  or die "copying $dir{bindir} failed, see $log\n";
	# a distribution's pg_config may be patched to say where its package is: then initdb, which finds
	# the server's files as the server does, knows
	pg_config('pkglibdir', "$bindir/pg_config") eq "$prefix$dir{pkglibdir}"
	  or share_path($bindir) eq "$prefix$dir{sharedir}"
	  or die "this server cannot be relocated: $dir{bindir}\n";

	# Links to an extension installed in the system must give way, not be written through.
	unlink glob("$prefix$dir{pkglibdir}/ae.so"), glob("$prefix$dir{sharedir}/extension/ae--*.sql"),
	  "$prefix$dir{sharedir}/extension/ae.control";
	my @make = ($ENV{MAKE} || 'make', '--no-print-directory', '-C', $source);
	run_logged($log, @make, 'install', "DESTDIR=$prefix", @make_args) == 0
	  or die "make install failed, see $log\n";
	return $bindir;
}

# Where the programs of a directory look for what is shared, by initdb --show, which refuses root.
sub share_path
{
	my ($bindir) = @_;
	my $dir = tempdir('ae-show-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my $log = "$dir/show";

	chmod 0755, $dir;
	run_logged($log, as_server(), "$bindir/initdb", '--show', '-D', "$dir/data");
	return slurp($log) =~ /^share_path=(.*)$/m ? $1 : '';
}

# Options: name, dir (kept if given), conf => {setting => value}, env => {variable => value},
# user (superuser, default postgres), initdb => [arguments], standby_of => cluster (a hot standby that
# streams from it).
sub new
{
	my ($class, %option) = @_;
	my $name = $option{name} || 'test';
	my $self = bless {
		bindir => bindir(),
		user => $option{user} || 'postgres',
		env => { sanitizers(), %{ $option{env} || {} } },
		conf => $option{conf} || {},
		keep => defined $option{dir},
		owner => $$,
	}, $class;
	my $user = server_user();

	$self->{dir} = $option{dir} || tempdir("ae-$name-XXXXXX", TMPDIR => 1);
	$self->{data} = "$self->{dir}/data";
	$self->{log} = "$self->{dir}/server.log";
	chown((getpwnam($user))[2, 3], $self->{dir}) if defined $user;
	chmod 0700, $self->{dir};
	$option{standby_of} ? $self->follow($option{standby_of}) : $self->init(@{ $option{initdb} || [] });
	$self->start;
	return $self;
}

sub init
{
	my ($self, @arguments) = @_;
	my $log = "$self->{dir}/setup.log";

	local $ENV{LC_ALL} = 'C';
	$self->as_server_run($log, "$self->{bindir}/initdb", '-D', $self->{data}, '-U', $self->{user},
		'-A', 'trust', '-E', 'UTF8', '--no-locale', '-N', @arguments) == 0
	  or die "initdb failed:\n" . slurp($log);
	open(my $conf, '>>', "$self->{data}/postgresql.conf") or die "postgresql.conf: $!\n";
	print $conf <<"END";
listen_addresses = ''
unix_socket_directories = '$self->{dir}'
port = $PORT
fsync = off
max_connections = 30
shared_buffers = 64MB
max_wal_size = 512MB
log_line_prefix = '%m [%p] %q%d %e '
log_timezone = 'UTC'
timezone = 'UTC'
END
	print $conf "$_ = '$self->{conf}{$_}'\n" for sort keys %{ $self->{conf} };
	close $conf;
}

# A copy of a running cluster that goes on to receive what is written there.
sub follow
{
	my ($self, $primary) = @_;
	my $log = "$self->{dir}/setup.log";

	$self->as_server_run($log, "$self->{bindir}/pg_basebackup", '-D', $self->{data}, '-h', $primary->host,
		'-p', $PORT, '-U', $primary->user, '-R', '-c', 'fast', '-X', 'stream') == 0
	  or die "pg_basebackup failed:\n" . slurp($log);
	open(my $conf, '>>', "$self->{data}/postgresql.conf") or die "postgresql.conf: $!\n";
	print $conf "unix_socket_directories = '$self->{dir}'\n";
	close $conf;
}

# Waits until a standby has replayed what is written here now.
sub wait_for
{
	my ($self, $standby) = @_;
	my $lsn = $self->query('postgres', 'SELECT pg_current_wal_insert_lsn()');

	return $standby->poll('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'");
}

# Runs one of the server's programs against this cluster, its output in $log; returns the exit status.
sub run_program
{
	my ($self, $log, $program, @arguments) = @_;

	return run_logged($log, "$self->{bindir}/$program", '-h', $self->{dir}, '-p', $PORT, '-U', $self->{user},
		@arguments);
}

# Runs a command as the server's user, from a directory that it may enter.
sub as_server_run
{
	my ($self, $log, @command) = @_;
	my $here = getcwd();
	my $rc;

	chdir $self->{dir} or die "$self->{dir}: $!\n";
	$rc = run_logged($log, as_server(), @command);
	chdir $here;
	return $rc;
}

sub start
{
	my ($self) = @_;
	my $log = "$self->{dir}/setup.log";

	local %ENV = (%ENV, %{ $self->{env} });
	delete @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGDATA PGSERVICE)};
	$self->as_server_run($log, "$self->{bindir}/pg_ctl", '-s', '-w', '-t', 120, '-D', $self->{data},
		'-l', $self->{log}, 'start') == 0
	  or die "server did not start:\n" . slurp($log) . slurp($self->{log});
	$self->{running} = 1;
}

sub stop
{
	my ($self, $mode) = @_;

	return unless $self->{running};
	$self->as_server_run("$self->{dir}/setup.log", "$self->{bindir}/pg_ctl", '-s', '-w', '-D',
		$self->{data}, '-m', $mode || 'fast', 'stop');
	$self->{running} = 0;
}

sub restart
{
	my ($self) = @_;

	$self->stop;
	$self->start;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@);
	return if $self->{owner} != $$ || $self->{keep};
	$self->stop('immediate');
	remove_tree($self->{dir});
}

sub host { return $_[0]{dir} }
sub port { return $PORT }
sub user { return $_[0]{user} }
sub log_text { return slurp($_[0]{log}) }

# Sets the environment of libpq to this server, for programs that the caller starts.
sub export
{
	my ($self) = @_;

	@ENV{qw(PGHOST PGPORT PGUSER)} = ($self->{dir}, $PORT, $self->{user});
}

sub psql_command
{
	my ($self, $database, @arguments) = @_;

	return ("$self->{bindir}/psql", '-X', '-h', $self->{dir}, '-p', $PORT, '-U', $self->{user},
		'-d', $database, @arguments);
}

# Runs SQL; returns standard output, standard error and exit status.  Unaligned, tuples only, stops
# at the first error.  Options: args => [further arguments], errors => 1 (go on after errors).
sub psql
{
	my ($self, $database, $sql, %option) = @_;
	return $self->start_psql($database, $sql, %option)->finish;
}

# The same in the background: an object whose finish returns what psql returns.
sub start_psql
{
	my ($self, $database, $sql, %option) = @_;
	my @stop = $option{errors} ? () : ('-v', 'ON_ERROR_STOP=1');

	return AeCluster::Job->new($sql,
		$self->psql_command($database, '-Atq', @stop, @{ $option{args} || [] }));
}

# Output of SQL that must succeed, without the last newline.
sub query
{
	my ($self, $database, $sql) = @_;
	my ($out, $err, $rc) = $self->psql($database, $sql);

	die "psql failed ($rc): $err\n$sql\n" if $rc != 0;
	chomp $out;
	return $out;
}

# Waits until SQL gives 't'; false after so many seconds.
sub poll
{
	my ($self, $database, $sql, $seconds) = @_;

	for (1 .. 10 * ($seconds || 60))
	{
		return 1 if $self->query($database, $sql) eq 't';
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

sub session
{
	my ($self, $database) = @_;
	return AeCluster::Session->new($self->psql_command($database, '-Atq'));
}

# ---- one psql in the background -----------------------------------------------------------------

package AeCluster::Job;

use File::Temp ();

sub new
{
	my ($class, $sql, @command) = @_;
	my $self = bless { map { $_ => File::Temp->new } qw(in out err) }, $class;

	print { $self->{in} } $sql;
	CORE::close($self->{in});
	$self->{pid} = fork() // die "fork: $!\n";
	if ($self->{pid} == 0)
	{
		open(STDIN, '<', $self->{in}->filename) or die "$!\n";
		open(STDOUT, '>', $self->{out}->filename) or die "$!\n";
		open(STDERR, '>', $self->{err}->filename) or die "$!\n";
		exec { $command[0] } @command or die "$command[0]: $!\n";
	}
	return $self;
}

sub finish
{
	my ($self) = @_;

	waitpid($self->{pid}, 0);
	return (
		AeCluster::slurp($self->{out}->filename),
		AeCluster::slurp($self->{err}->filename),
		$? & 127 ? 128 + ($? & 127) : $? >> 8);
}

# ---- one backend that answers statement after statement -----------------------------------------

package AeCluster::Session;

use IPC::Open3 qw(open3);

sub new
{
	my ($class, @command) = @_;
	my $self = bless {}, $class;

	# Without an error handle of its own standard error goes the way of standard output, in order.
	$self->{pid} = open3($self->{in}, $self->{out}, undef, @command);
	$self->{in}->autoflush(1);
	return $self;
}

# Everything psql prints for this SQL (errors included), without the last newline.
sub query
{
	my ($self, $sql) = @_;
	my $marker = 'end-of-answer-' . ++$self->{count};
	my $answer = '';

	print { $self->{in} } "$sql\n;\n\\warn $marker\n";
	while (1)
	{
		my $line = readline($self->{out}) // die "psql went away:\n$answer\n$sql\n";

		last if $line eq "$marker\n";
		$answer .= $line;
	}
	chomp $answer;
	return $answer;
}

sub close
{
	my ($self) = @_;

	return unless $self->{pid};
	CORE::close($self->{in});
	waitpid($self->{pid}, 0);
	$self->{pid} = 0;
}

sub DESTROY
{
	my ($self) = @_;

	local $?;
	$self->close;
}

1;
