# Prints the ```sql blocks of a Markdown file, in order, as one psql script that says where it is.
# Blocks with another word after the fence (```text, ```sh) are for the eye only.
#
#     perl tests/readme_sql.pl README.md | psql -v ON_ERROR_STOP=1 fresh_database

use strict;
use warnings;

my $inside = 0;

while (<>)
{
	if (!$inside && /^```sql\s*$/)
	{
		$inside = 1;
		print "\\echo '-- $ARGV line ${\($. + 1)}'\n";
	}
	elsif ($inside && /^```\s*$/)
	{
		$inside = 0;
		print "\n";
	}
	elsif ($inside)
	{
		print;
	}
}
die "$ARGV: a block is not closed\n" if $inside;
