-- Loads one of the tables here into the database, by name: f1, f2, ... double precision, label integer.
--
--     psql -v table=shuttle -f tests/data/load.sql
--     \set table wbc
--     \i tests/data/load.sql
--
-- To be run from the top directory.  Rows come in the order of the file, numbered from 1 in "id".

\set file `ls tests/data/*_:table.csv.gz`
\set columns `gunzip -c tests/data/*_:table.csv.gz | head -n 1`

SELECT format('CREATE TABLE %I (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, %s)', :'table',
	string_agg(format('%I %s', name, CASE name WHEN 'label' THEN 'integer' ELSE 'double precision' END), ', '
		ORDER BY place))
FROM unnest(string_to_array(:'columns', ',')) WITH ORDINALITY AS c(name, place)
\gexec
\set copy_command '\\copy ' :table '(' :columns ') FROM PROGRAM ''gunzip -c ' :file ''' CSV HEADER'
:copy_command
SELECT format('ANALYZE %I', :'table') \gexec
