# Proves: types of extensions that are texts, or print as immutably as one, can be categories.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AeCluster;
use Test::More;

my $node = AeCluster->new;

$node->query('postgres', 'CREATE EXTENSION ae');

# ---- types of contrib modules -------------------------------------------------------------------

SKIP:
{
	skip 'citext and ltree are not installed', 4
		if $node->query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name IN ('citext', 'ltree')") < 2;
	$node->query('postgres', <<'END');
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
SET ae.progress = off;
CREATE TABLE places AS SELECT sin(i) AS a, ('C' || i % 5)::citext AS city, ('top.b' || i % 5)::ltree AS path FROM generate_series(1, 300) i;
CREATE TABLE model AS SELECT ae.train(t, '{"kinds": {"path": "category"}}') AS m FROM places t;
END
	is($node->query('postgres', 'SELECT string_agg(concat_ws($$ $$, feature, kind, levels), $$, $$) FROM model, ae.features(m)'),
		'a number, city category 5, path category 5', 'citext is a category, ltree when asked for');
	is($node->query('postgres', q(SELECT ae.impute(m, ROW(sin(1), NULL, 'top.b1')::places) = ROW(sin(1), 'C1', 'top.b1')::places FROM model)),
		't', 'and what is missing comes back as such a type');
	is($node->query('postgres', q(SELECT ae.raw_score(m, ROW(sin(1), 'C1'::text, 'top.b1'::text)) = ae.raw_score(m, t) FROM model, places t WHERE a = sin(1))),
		't', 'a text with the same characters is the same level');
	my (undef, $err) = $node->psql('postgres', 'SELECT ae.train(t) FROM places t');
	like($err, qr/column "path" is of type ltree, which a model does not use unless asked to/, 'else ltree is refused');
}

done_testing();
