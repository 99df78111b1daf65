-- Loads one of the tables here into the database, by name.  Columns have the types that they would
-- have in somebody's database; label (integer: 1 = anomaly, or a class) comes last.
--
--     psql -v table=shuttle -f tests/data/load.sql
--     \set table adult_train
--     \i tests/data/load.sql
--
-- To be run from the top directory.  Rows come in the order of the file, numbered from 1 in "id".

\set file `ls tests/data/*_:table.csv.gz`
\set columns `gunzip -c tests/data/*_:table.csv.gz | head -n 1`

-- Where order means something, an enum says so.
SELECT format('CREATE TYPE %I AS ENUM (%s)', name, (SELECT string_agg(quote_literal(level), ', ' ORDER BY place)
	FROM unnest(string_to_array(levels, ' ')) WITH ORDINALITY AS l(level, place)))
FROM (VALUES
	('ai4i2020', 'machine_grade', 'L M H'),
	('bank_marketing', 'month_name', 'jan feb mar apr may jun jul aug sep oct nov dec'),
	('bank_marketing', 'weekday_name', 'mon tue wed thu fri sat sun'),
	('horse_colic', 'severity', 'none slight moderate severe')) AS e(of, name, levels)
WHERE of = :'table' AND to_regtype(name) IS NULL
\gexec

-- Tables without a line here are double precision throughout; the last line of a table that has some
-- names the type of its other columns.
WITH types (of, type, columns) AS (VALUES
	('adult_train', 'integer', 'age fnlwgt education_num capital_gain capital_loss hours_per_week'),
	('adult_train', 'text', '*'),
	('ai4i2020', 'machine_grade', 'type'),
	('ai4i2020', 'integer', 'rotational_speed_rpm tool_wear_min'),
	('ai4i2020', 'numeric(5,1)', '*'),
	('bank_marketing', 'smallint', 'age campaign pdays previous'),
	('bank_marketing', 'integer', 'duration'),
	('bank_marketing', 'boolean', 'default housing loan'),
	('bank_marketing', 'month_name', 'month'),
	('bank_marketing', 'weekday_name', 'day_of_week'),
	('bank_marketing', 'numeric', 'emp_var_rate cons_price_idx cons_conf_idx euribor3m nr_employed'),
	('bank_marketing', 'text', '*'),
	('credit_approval', 'numeric', 'a2 a3 a8'),
	('credit_approval', 'boolean', 'a9 a10 a12'),
	('credit_approval', 'integer', 'a11 a14 a15'),
	('credit_approval', 'varchar(2)', '*'),
	('german_credit', 'smallint', 'duration installment_commitment residence_since age existing_credits num_dependents'),
	('german_credit', 'integer', 'credit_amount'),
	('german_credit', 'boolean', 'foreign_worker'),
	('german_credit', 'text', '*'),
	('horse_colic', 'boolean', 'surgery'),
	('horse_colic', 'real', 'rectal_temperature nasogastric_reflux_ph packed_cell_volume total_protein '
		'abdomcentesis_total_protein'),
	('horse_colic', 'smallint', 'pulse respiratory_rate'),
	('horse_colic', 'severity', 'abdominal_distension'),
	('horse_colic', 'text', '*'),
	('mushroom', 'boolean', 'bruises'),
	('mushroom', 'character(1)', '*'),
	('nyc_taxi', 'timestamp', 'ts'),
	('nyc_taxi', 'integer', 'value'),
	('ambient_temperature_system_failure', 'timestamp', 'ts'),
	('machine_temperature_system_failure', 'timestamp', 'ts'))
SELECT format('CREATE TABLE %I (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, %s)', :'table',
	string_agg(format('%I %s', name, CASE name WHEN 'label' THEN 'integer'
		ELSE coalesce(own.type, other.type, 'double precision') END), ', ' ORDER BY place))
FROM unnest(string_to_array(:'columns', ',')) WITH ORDINALITY AS c(name, place)
	LEFT JOIN types AS own ON own.of = :'table' AND name = ANY (string_to_array(own.columns, ' '))
	LEFT JOIN types AS other ON other.of = :'table' AND other.columns = '*'
\gexec

-- A column may be called as a key word is.
SELECT string_agg(quote_ident(name), ',') AS columns FROM unnest(string_to_array(:'columns', ',')) AS c(name) \gset
\set copy_command '\\copy ' :table '(' :columns ') FROM PROGRAM ''gunzip -c ' :file ''' CSV HEADER'
:copy_command
SELECT format('ANALYZE %I', :'table') \gexec
