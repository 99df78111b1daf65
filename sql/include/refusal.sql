-- Included by the tests of a family of options that have a table `data` with ids from 1 on: what ae.train
-- raises before it reads a second row.
CREATE FUNCTION refusal(options jsonb, init bytea DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text;
BEGIN
	PERFORM ae.train(t, options, init) FROM (SELECT *, 1 / (2 - id) AS fails_from_the_second_row_on FROM data OFFSET 0) t;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || message || CASE WHEN hint <> '' THEN E'\n       ' || hint ELSE '' END;
END $$;
