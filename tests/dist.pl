# make dist: the archive for PGXN, tmp_check/ae-VERSION.zip, of what git knows.  First META.json must be
# as https://pgxn.org/meta/spec.txt wants it, and agree with the rest of the tree.

use strict;
use warnings;
use FindBin;
use JSON::PP;

chdir "$FindBin::Bin/.." or die "$FindBin::Bin/..: $!\n";

my @faults;

sub slurp
{
	my ($file) = @_;

	open(my $in, '<', $file) or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

# Both in scalar context: a match that fails is no empty list.
sub need($$)
{
	my ($good, $fault) = @_;

	push @faults, $fault unless $good;
}

my $meta = eval { JSON::PP->new->utf8->decode(slurp('META.json')) } or die "META.json: $@";
my $semver = qr/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[a-zA-Z][-0-9A-Za-z]*)?$/;
my ($control) = slurp('ae.control') =~ /^default_version = '(.*)'/m;
my %known = map { $_ => 1 } qw(name version abstract description maintainer license provides prereqs tags
  resources release_status generated_by no_index meta-spec);
my %licenses = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3
  gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib);

need(defined $meta->{$_}, "no \"$_\"") for qw(name version abstract maintainer license provides meta-spec);
need($known{$_} || /^x_/i, "unknown key \"$_\"") for sort keys %$meta;
need($meta->{name} =~ m{^[^\s/\\:]{2,}$}, 'bad "name"');
need($meta->{version} =~ $semver, 'bad "version"');
need($meta->{version} eq $control, "version $meta->{version}, but ae.control says $control");
need($licenses{ $meta->{license} }, "unknown license $meta->{license}") unless ref $meta->{license};
need(($meta->{'meta-spec'}{version} // '') =~ /^1\.0\.\d+$/, 'bad "meta-spec"');
need(ref $meta->{tags} eq 'ARRAY' && !(grep { !length || length > 255 || m{[/\\[:cntrl:]]} } @{ $meta->{tags} }), 'bad "tags"')
  if exists $meta->{tags};
for my $name (sort keys %{ $meta->{provides} })
{
	my $part = $meta->{provides}{$name};

	need(($part->{version} // '') =~ $semver, "provides $name: bad version");
	need(($part->{version} // '') eq $control, "provides $name: version is not that of ae.control");
	need(defined $part->{$_} && -f $part->{$_}, "provides $name: no $_ " . ($part->{$_} // '')) for qw(file docfile);
}
while (my ($phase, $kinds) = each %{ $meta->{prereqs} || {} })
{
	need($phase =~ /^(?:configure|build|test|runtime|develop)$/, "prereqs: unknown phase $phase");
	need(!(grep { !/^(?:requires|recommends|suggests|conflicts)$/ } keys %$kinds), "prereqs: $phase");
}
die join("
", "META.json is not as it should be:", @faults) . "
" if @faults;

my $archive = "tmp_check/ae-$control.zip";

mkdir 'tmp_check';
unlink $archive;
system('git', 'archive', '--format=zip', "--prefix=ae-$control/", '-o', $archive, 'HEAD') == 0 or exit 1;
printf "%s, %.1f MB\n", $archive, (-s $archive) / 1e6;
