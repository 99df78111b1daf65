-- Proves: whatever takes a model as bytea takes a reference to one as well, and the two declarations agree.
\set ECHO queries
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS ae;
RESET client_min_messages;
CREATE TEMP TABLE declared AS
SELECT p.oid, p.proname, p.oid::regprocedure AS signature, replace(pg_get_function_identity_arguments(p.oid), 'ae.model', 'bytea') AS arguments,
	p.proargtypes::oid[] @> ARRAY['ae.model'::regtype::oid] AS by_reference,
	provolatile,
	format('%s %s %s %s %s %s %s %s %s', prokind, proparallel, proisstrict, proleakproof, procost, prorows, prosrc,
		replace(pg_get_function_result(p.oid), 'ae.model', 'bytea'), replace(pg_get_function_arguments(p.oid), 'ae.model', 'bytea')) AS properties,
	obj_description(p.oid, 'pg_proc') AS description,
	(SELECT format('%s %s %s %s', aggtransfn, aggfinalfn, aggtranstype::regtype, agginitval) FROM pg_aggregate a WHERE a.aggfnoid = p.oid) AS aggregate
FROM pg_proc p WHERE p.pronamespace = 'ae'::regnamespace;
-- functions of a model as bytes that no reference can be given to: the one that makes a reference
SELECT b.signature FROM declared b
WHERE b.arguments ~ '\mmodel bytea' AND NOT b.by_reference
	AND NOT EXISTS (SELECT FROM declared r WHERE r.proname = b.proname AND r.by_reference AND r.arguments = b.arguments)
ORDER BY b.signature::text;
-- pairs that differ in more than that argument
SELECT b.signature, b.properties, r.properties AS by_reference FROM declared b JOIN declared r USING (proname, arguments)
WHERE NOT b.by_reference AND r.by_reference AND (b.properties, b.description, b.aggregate) IS DISTINCT FROM (r.properties, r.description, r.aggregate)
ORDER BY b.signature::text;
-- what shows the contents of a model looks at privileges, and so is STABLE by reference
SELECT b.signature, b.provolatile, r.provolatile AS by_reference FROM declared b JOIN declared r USING (proname, arguments)
WHERE NOT b.by_reference AND r.by_reference AND b.provolatile <> r.provolatile
ORDER BY b.signature::text;
-- everything that users call has a comment
SELECT signature FROM declared WHERE description IS NULL AND proname !~ '_(transfn|finalfn|in|out|recv|send|eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$' ORDER BY signature::text;
SELECT count(*) > 15 AS pairs FROM declared b JOIN declared r USING (proname, arguments) WHERE NOT b.by_reference AND r.by_reference;
