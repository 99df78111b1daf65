# The rules of the house that a program can check.  Prints file:line: what is wrong; exit status 1 if
# anything is.  Lines that begin with "long:" are advice.
#
#   - clang-format, by .clang-format
#   - layers: what may include what (below)
#   - the engine allocates nothing, prints nothing, ends nothing
#   - functions of at most 100 lines; advice above 60
#   - the version stands in ae.control; META.json, CHANGELOG.md and the DDL agree with it
#   - text: tabs, block comments, no blank at a line's end, no path of somebody's machine

use strict;
use warnings;
use FindBin;

chdir "$FindBin::Bin/.." or die "$!\n";

# The engine's rooms, which are its folders, from the bottom up, and in each room its modules: a file may
# include only what stands on its own line or above, and no header itself, however far around.
# kernel_impl is the body of the kernels, which each instruction set's file of the module kernel
# compiles for itself.
my @ENGINE_ORDER = (
	[ 'base', 'status' ],
	[ 'base', 'math rng activation blas crc32c topk' ],
	[ 'base', 'kernel kernel_impl' ],
	[ 'base', 'matrix' ],
	[ 'base', 'hash' ],
	[ 'loss', 'penalty' ],
	[ 'loss', 'loss prior' ],
	[ 'loss', 'likelihood pursuit' ],
	[ 'data', 'sketch bins' ],
	[ 'data', 'scaler corrupt' ],
	[ 'data', 'intake pairs' ],
	[ 'net', 'norm gate' ],
	[ 'net', 'net' ],
	[ 'train', 'options rows' ],
	[ 'train', 'part' ],
	[ 'train', 'pca entering code_noise variational psd normal reconstruction decoder sparse auxiliary target dropout gating neighbours recirculation' ],
	[ 'train', 'contract' ],
	[ 'train', 'train optim lbfgs pretrain' ],
	[ 'model', 'calibration' ],
	[ 'model', 'prototype extreme frequent filter verdict' ],
	[ 'model', 'model' ],
	[ 'model', 'io' ],
	[ 'model', 'io_model io_schema io_network io_detector' ],
	[ 'model', 'format' ],
	[ 'score', 'score' ],
	[ 'score', 'infer' ],
	[ 'score', 'impute generate bundle calibrate drift alarm recall density' ],
);

# The binding's rooms from the bottom up.  Each has one header, its door, pg_<room>.h.  Any other header
# of a room is for the files of that room alone.
my @BINDING_ORDER = qw(base options row model score plan train tool);

# What of the engine the binding may see: models and the phases that it drives step by step, so that
# it can be interrupted between two steps.  These are training, scoring and the comparison with PCA.
my %BINDING_MAY = map { $_ => 1 } qw(status net train options pretrain model format scaler score impute generate bundle calibrate density infer drift recall sketch alarm pairs pca hash target);

# Only the file that fills the tables of kernels and of BLAS functions needs to know them.
my %BINDING_EXCEPTION = ('src/pg/base/pg_module.c' => { map { $_ => 1 } qw(blas kernel) });

# What the engine may have of the system: C's own headers, and vector intrinsics in kernels.
my %C_HEADER = map { $_ => 1 }
  qw(assert.h float.h limits.h math.h stdbool.h stddef.h stdint.h string.h);

my $FORMAT_VERSION = 14;    # of clang-format: others lay out differently
my $MAX_LINES = 100;
my $LONG_LINES = 60;
my $bad = 0;
my (%rank, %room);
my %includes;    # module -> modules that its header includes
my (%defined, %calls);    # of the binding: function -> file; file -> functions

for my $i (0 .. $#ENGINE_ORDER)
{
	my ($room, $modules) = @{ $ENGINE_ORDER[$i] };
	($rank{$_}, $room{$_}) = ($i, $room) for split ' ', $modules;
}

my @c_files = sort glob('src/*/*/*.[ch] tests/{unit,fuzz,bench}/*.[ch]');
my @text_files = grep { -f && !/\.gz$/ } split /\n/,
  (-e '.git' ? qx(git ls-files --cached --others --exclude-standard) : qx(find . -type f -not -path './.git/*'));

for my $file (@c_files)
{
	my @lines = read_lines($file);
	my @code = without_comments(@lines);

	check_text($file, \@lines, \@code);
	check_functions($file, \@lines);
	check_engine($file, \@code) if $file =~ m,^src/engine/,;
	check_binding($file, \@code) if $file =~ m,^src/pg/,;
}
check_cycles($_, $_) for sort keys %includes;
check_calls();
check_paths($_) for @text_files;
check_version();
check_format(@c_files);
exit($bad ? 1 : 0);

sub complain
{
	my ($file, $line, $what) = @_;

	print $line ? "$file:$line: $what\n" : "$file: $what\n";
	$bad++;
}

sub read_lines
{
	my ($file) = @_;

	open(my $in, '<', $file) or die "$file: $!\n";
	my @lines = <$in>;
	complain($file, scalar @lines, 'no newline at the end') if @lines && $lines[-1] !~ /\n\z/;
	chomp @lines;
	return @lines;
}

# The same lines with comments and the contents of strings blanked; #include lines keep theirs.
sub without_comments
{
	my $text = join "\n", @_;

	$text =~ s{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*")|('(?:\\.|[^'\\\n])*')}{
		defined $1 ? $1 =~ s/[^\n]//gr : defined $2 ? $2 : "' '"}gse;
	return map { /^\s*#\s*include/ ? $_ : s/"(?:\\.|[^"\\])*"/""/gr } split /\n/, $text, -1;
}

sub check_text
{
	my ($file, $lines, $code) = @_;

	complain($file, 1, 'does not begin with a comment that says what the file is for')
	  unless @$lines && $lines->[0] =~ m,^/\*,;
	for my $i (0 .. $#$lines)
	{
		complain($file, $i + 1, 'blank at the end of the line') if $lines->[$i] =~ /[ \t]$/;
		complain($file, $i + 1, 'indented with blanks') if $lines->[$i] =~ /^    /;
		complain($file, $i + 1, '// comment') if ($code->[$i] // '') =~ m,//,;
	}
}

# A function's body lies between a brace alone in the first column and the next closing one.
sub check_functions
{
	my ($file, $lines) = @_;
	my ($start, $name);

	for my $i (0 .. $#$lines)
	{
		if ($lines->[$i] eq '{' && $i > 0)
		{
			my $head = '';
			for (my $j = $i - 1; $j >= 0 && $lines->[$j] ne '' && $lines->[$j] !~ m,^[}#]|\*/$,; $j--)
			{
				$head = "$lines->[$j] $head";
			}
			undef $start;
			($start, $name) = ($i, $1) if $head !~ /=/ && $head =~ /(\w+)\s*\(/;
		}
		elsif ($lines->[$i] =~ /^}/ && defined $start)
		{
			my $length = $i - $start - 1;

			if ($length > $MAX_LINES)
			{
				complain($file, $start + 1, "$name has $length lines, at most $MAX_LINES are allowed");
			}
			elsif ($length > $LONG_LINES)
			{
				print "long: $file:${\($start + 1)}: $name has $length lines\n";
			}
			undef $start;
		}
	}
}

sub check_engine
{
	my ($file, $code) = @_;
	my ($module) = $file =~ m,/ae_(\w+)\.[ch]$,;

	if (!defined $module)
	{
		return complain($file, 0, 'engine files are called ae_<module>');
	}
	# ae_kernel_avx2.c and its like are parts of the module kernel
	$module =~ s/^(kernel)_\w+$/$1/ unless exists $rank{$module};
	return complain($file, 0, "module $module has no place in the order of tests/check_style.pl")
	  unless exists $rank{$module};
	complain($file, 0, "module $module belongs into src/engine/$room{$module}")
	  unless $file =~ m,^src/engine/$room{$module}/,;

	for my $i (0 .. $#$code)
	{
		my $line = $code->[$i];

		if ($line =~ /^\s*#\s*include\s+"(.*)"/)
		{
			my $included = $1;
			my ($other) = $included =~ /^ae_(\w+)\.(?:h|inc|c)$/;

			if (!defined $other || !exists $rank{$other})
			{
				complain($file, $i + 1, "\"$included\" is no header of the engine in the order known");
			}
			elsif ($rank{$other} > $rank{$module})
			{
				complain($file, $i + 1, "$module must not know $other");
			}
			elsif ($file =~ /\.h$/)
			{
				push @{ $includes{$module} }, $other;
			}
		}
		elsif ($line =~ /^\s*#\s*include\s+<(.*)>/)
		{
			my $included = $1;

			complain($file, $i + 1, "<$included> may be included by ae_blas.h only")
			  if $included =~ /cblas|lapack/ && $file ne 'src/engine/base/ae_blas.h';
			complain($file, $i + 1, "<$included> is not for the engine")
			  unless $C_HEADER{$included} || $included eq 'cblas.h'
			  || ($included =~ /^(?:immintrin|arm_neon|cpuid)\.h$/ && $file =~ m,/ae_kernel,);
		}
		complain($file, $i + 1, "the engine does not call $1")
		  if $line =~ /\b(malloc|calloc|realloc|free|aligned_alloc|alloca|abort|exit|assert|printf|fprintf|puts|setjmp|longjmp|rand|getenv)\s*\(/;
	}
}

# Does the header of $from reach itself?
sub check_cycles
{
	my ($from, $at, %seen) = @_;

	for my $next (@{ $includes{$at} || [] })
	{
		complain("src/engine/$room{$from}/ae_$from.h", 0, 'includes itself by way of ' . join ', ', sort keys %seen)
		  if $next eq $from;
		check_cycles($from, $next, %seen, $next => 1) unless $seen{$next} || $next eq $from;
	}
}

# Files of the binding that need each other, by the functions they call, however far around.
sub check_calls
{
	my %needs;

	for my $file (keys %calls)
	{
		for my $function (keys %{ $calls{$file} })
		{
			my $other = $defined{$function};
			$needs{$file}{$other} = 1 if defined $other && $other ne $file;
		}
	}
	my %bottom;    # files all of whose needs are in here
	my $more = 1;

	while ($more)
	{
		$more = 0;
		for my $file (grep { !$bottom{$_} } keys %calls)
		{
			next if grep { !$bottom{$_} } keys %{ $needs{$file} || {} };
			$bottom{$file} = $more = 1;
		}
	}
	my @circle = grep { !$bottom{$_} } sort keys %calls;
	complain($circle[0], 0, 'is in a circle, or stands on one, with ' . join ', ', @circle[1 .. $#circle])
	  if @circle;
}

sub check_binding
{
	my ($file, $code) = @_;
	my $exception = $BINDING_EXCEPTION{$file} || {};
	my %level = map { $BINDING_ORDER[$_] => $_ } 0 .. $#BINDING_ORDER;
	my ($own) = $file =~ m,^src/pg/(\w+)/,;
	my $is_c = $file =~ /\.c$/;

	return complain($file, 0, 'no room of the order of tests/check_style.pl')
	  unless defined $own && exists $level{$own};

	for my $i (0 .. $#$code)
	{
		my $line = $code->[$i];

		$defined{$1} = $file if $is_c && $line =~ /^(pg_?ae_\w+)\(/;
		$is_c and $calls{$file}{$1} = 1 while $line =~ /\b(pg_?ae_\w+)/g;
		complain($file, $i + 1, "room $own must not know room $1")
		  if $line =~ /^\s*#\s*include\s+"pg_(\w+)\.h"/ && exists $level{$1} && $level{$1} > $level{$own};
		complain($file, $i + 1, "pg_$1.h is not the door of its room")
		  if $line =~ /^\s*#\s*include\s+"pg_(\w+)\.h"/ && !exists $level{$1} && !-e "src/pg/$own/pg_$1.h";
		if ($line =~ /^\s*#\s*include\s+["<](?:.*\/)?ae_(\w+)\.h[">]/)
		{
			complain($file, $i + 1, "the binding must not know ae_$1.h")
			  unless $BINDING_MAY{$1} || $exception->{$1};
		}
		complain($file, $i + 1, 'the binding does not call BLAS')
		  if $line =~ /\bcblas_\w+\s*\(|include\s*<cblas/;
		complain($file, $i + 1, 'tests of PG_VERSION_NUM belong in pg_compat.h')
		  if $line =~ /^\s*#\s*(?:if|elif)\b.*PG_VERSION_NUM/ && $file ne 'src/pg/base/pg_compat.h';
		complain($file, $i + 1, 'settings are born in pg_module.c')
		  if $line =~ /\bDefineCustom\w+Variable\s*\(/ && $file ne 'src/pg/base/pg_module.c';
		complain($file, $i + 1, 'data does not raise an internal error')
		  if $line =~ /\berrcode\s*\(\s*ERRCODE_INTERNAL_ERROR\b/;
	}
}

# A path that exists on one machine only says where the file was written, and works nowhere else.
sub check_paths
{
	my ($file) = @_;
	my @lines = -T $file ? read_lines($file) : ();

	for my $i (0 .. $#lines)
	{
		complain($file, $i + 1, "path of somebody's machine: $1")
		  if $lines[$i] =~ m{(?<![\w.])(/(?:home|root|work|Users)/\w[\w./-]*)};
	}
}

# The build takes the version from ae.control; these have it once more.
sub check_version
{
	my ($version) = map { /^default_version = '(.*)'/ ? $1 : () } read_lines('ae.control');
	my @meta = map { /^\s*"version": "([\d.]+)"/ ? $1 : () } read_lines('META.json');
	my ($newest) = map { /^## (\d\S*)/ ? $1 : () } read_lines('CHANGELOG.md');

	pop @meta;    # of the META.json format itself
	complain('META.json', 0, "version $_ is not the $version of ae.control") for grep { $_ ne $version } @meta;
	complain('CHANGELOG.md', 0, "does not begin with $version, the version of ae.control") if $newest ne $version;
	complain("sql/ae--$version.sql", 0, 'is missing') unless -e "sql/ae--$version.sql";
}

sub check_format
{
	my ($program) = grep { defined && (qx($_ --version 2>/dev/null) =~ /version $FORMAT_VERSION\./) }
	  $ENV{CLANG_FORMAT}, "clang-format-$FORMAT_VERSION", 'clang-format';

	if (!defined $program)
	{
		print "note: no clang-format $FORMAT_VERSION here: layout not checked\n";
		return;
	}
	for my $file (@_)
	{
		my @wrong = qx($program --style=file --dry-run '$file' 2>&1) =~ /^\S+?:(\d+):\d+: warning/mg;

		complain($file, $wrong[0], 'clang-format would change ' . @wrong . ' places: make format') if @wrong;
	}
}
