\echo Use "CREATE EXTENSION ae" to load this file. \quit

-- Everything stands in the schema ae, which the control file names. Object names are written
-- qualified, so that no search_path has a say.

-- using a model: one row in, one result out

CREATE FUNCTION ae.encode(model bytea, input anyelement) RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_encode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode(bytea, anyelement) IS
'code of a row, f(x); the row is a composite value or an array of numbers';

CREATE FUNCTION ae.encode_bits(model bytea, input anyelement) RETURNS bit
AS 'MODULE_PATHNAME', 'pg_ae_encode_bits'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode_bits(bytea, anyelement) IS
'code of a row as bits: whether a sigmoid is above 1/2, and any other unit above 0';

CREATE FUNCTION ae.decode(model bytea, code real[]) RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_decode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.decode(bytea, real[]) IS
'reconstruction from a code, g(h): one value per column of the model, in its order, in the units of the data';

CREATE FUNCTION ae.reconstruct(model bytea, input anyelement) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_reconstruct'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.reconstruct(bytea, anyelement) IS
'the row as the model expects it, g(f(x)), of the same type; columns that the model does not know stay as they are';

CREATE FUNCTION ae.reconstruction_error(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_reconstruction_error'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.reconstruction_error(bytea, anyelement) IS
'training loss of a row, mean over its columns, in scaled units; Infinity where a value is not finite';

CREATE FUNCTION ae.raw_score(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_raw_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.raw_score(bytea, anyelement) IS
'what rows are ranked by: the higher, the more anomalous';

CREATE FUNCTION ae.p_value(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_p_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.p_value(bytea, anyelement) IS
'share of normal rows that would score as high as this one, (1 + #{calibration scores >= s}) / (n + 1)';

CREATE FUNCTION ae.anomaly_score(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_anomaly_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.anomaly_score(bytea, anyelement) IS
'score in [0, 1): 1 - p-value; rows beyond all calibration scores keep their order';

CREATE FUNCTION ae.is_anomaly(model bytea, input anyelement,
	contamination double precision DEFAULT 0.01) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_is_anomaly'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.is_anomaly(bytea, anyelement, double precision) IS
'true if the p-value is at most contamination, the share of false alarms one accepts';

CREATE FUNCTION ae.threshold(model bytea, contamination double precision DEFAULT 0.01)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_threshold'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.threshold(bytea, double precision) IS
'raw_score beyond which is_anomaly is true; Infinity if no row can have so small a p-value';

CREATE FUNCTION ae.impute(model bytea, input anyelement) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_impute'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ae.impute(bytea, anyelement) IS
'the row with its NULLs replaced by what the model expects of the rest of it; nothing else changes';

CREATE FUNCTION ae.explain(
	model bytea,
	input anyelement,
	OUT feature text,
	OUT value text,
	OUT expected text,
	OUT error double precision,
	OUT share double precision,
	OUT probability double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_explain'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION ae.explain(bytea, anyelement) IS
'the columns of a row by their share in its error: value, what the model expected, error, share; probability of the value of a category or boolean';

CREATE FUNCTION ae.predict(model bytea, input anyelement) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_predict'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.predict(bytea, anyelement) IS
'the target of a row, predicted from its code: the most probable level, or the number, as text';

CREATE FUNCTION ae.predict_proba(
	model bytea,
	input anyelement,
	OUT level text,
	OUT probability double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_predict_proba'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION ae.predict_proba(bytea, anyelement) IS
'the levels of the target and their probabilities for a row, the most probable first';

CREATE FUNCTION ae.version() RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_version'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.version() IS 'version of the library that is loaded';

-- training, options, inspection

CREATE FUNCTION ae.options(
	columns text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	kinds jsonb DEFAULT NULL,
	purpose text DEFAULT NULL,
	folds integer DEFAULT NULL,
	prototypes integer DEFAULT NULL,
	quality text DEFAULT NULL,
	code integer DEFAULT NULL,
	hidden integer[] DEFAULT NULL,
	decoder integer[] DEFAULT NULL,
	tied boolean DEFAULT NULL,
	batch_norm boolean DEFAULT NULL,
	activation text DEFAULT NULL,
	code_activation text DEFAULT NULL,
	output_activation text DEFAULT NULL,
	loss text DEFAULT NULL,
	category_loss text DEFAULT NULL,
	scaling text DEFAULT NULL,
	clip double precision DEFAULT NULL,
	max_levels integer DEFAULT NULL,
	min_frequency integer DEFAULT NULL,
	null_indicators boolean DEFAULT NULL,
	time_parts text[] DEFAULT NULL,
	masking double precision DEFAULT NULL,
	noise double precision DEFAULT NULL,
	dropout double precision DEFAULT NULL,
	optimizer text DEFAULT NULL,
	learning_rate double precision DEFAULT NULL,
	schedule text DEFAULT NULL,
	final_rate double precision DEFAULT NULL,
	warmup double precision DEFAULT NULL,
	momentum double precision DEFAULT NULL,
	beta1 double precision DEFAULT NULL,
	beta2 double precision DEFAULT NULL,
	epsilon double precision DEFAULT NULL,
	weight_decay double precision DEFAULT NULL,
	weight_prior text DEFAULT NULL,
	clip_norm double precision DEFAULT NULL,
	epochs bigint DEFAULT NULL,
	updates bigint DEFAULT NULL,
	batch_size integer DEFAULT NULL,
	validation double precision DEFAULT NULL,
	patience integer DEFAULT NULL,
	time_limit double precision DEFAULT NULL,
	seed bigint DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- on which it would depend
SET extra_float_digits = 1 SET standard_conforming_strings = on
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'columns', columns,
		'exclude', exclude,
		'kinds', kinds,
		'purpose', purpose,
		'folds', folds,
		'prototypes', prototypes,
		'quality', quality,
		'code', code,
		'hidden', hidden,
		'decoder', decoder,
		'tied', tied,
		'batch_norm', batch_norm,
		'activation', activation,
		'code_activation', code_activation,
		'output_activation', output_activation,
		'loss', loss,
		'category_loss', category_loss,
		-- one word for all columns, or a JSON object of columns and words
		'scaling', CASE WHEN scaling OPERATOR(pg_catalog.~) '^\s*\{' THEN scaling::pg_catalog.jsonb
						ELSE pg_catalog.to_jsonb(scaling) END,
		'clip', clip,
		'max_levels', max_levels,
		'min_frequency', min_frequency,
		'null_indicators', null_indicators,
		'time_parts', time_parts,
		'masking', masking,
		'noise', noise,
		'dropout', dropout,
		'optimizer', optimizer,
		'learning_rate', learning_rate,
		'schedule', schedule,
		'final_rate', final_rate,
		'warmup', warmup,
		'momentum', momentum,
		'beta1', beta1,
		'beta2', beta2,
		'epsilon', epsilon,
		'weight_decay', weight_decay,
		'weight_prior', weight_prior,
		'clip_norm', clip_norm,
		'epochs', epochs,
		'updates', updates,
		'batch_size', batch_size,
		'validation', validation,
		'patience', patience,
		'time_limit', time_limit,
		'seed', seed))
$$;

COMMENT ON FUNCTION ae.options(text[], text[], jsonb, text, integer, integer, text, integer, integer[], integer[], boolean,
	boolean, text, text, text, text, text, text, double precision, integer, integer, boolean, text[],
	double precision, double precision, double precision, text, double precision, text, double precision,
	double precision, double precision, double precision, double precision, double precision,
	double precision, text, double precision, bigint, bigint, integer, double precision, integer,
	double precision, bigint) IS
'options of ae.train as jsonb; arguments left out get the defaults of the engine';

CREATE FUNCTION ae.sparse(
	kind text DEFAULT NULL,
	weight double precision DEFAULT NULL,
	target double precision DEFAULT NULL,
	layers text DEFAULT NULL,
	top_k integer DEFAULT NULL,
	batch_top_k integer DEFAULT NULL,
	aux_weight double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'sparse', kind,
		'sparse_weight', weight,
		'sparse_target', target,
		'sparse_layers', layers,
		'top_k', top_k,
		'batch_top_k', batch_top_k,
		'aux_weight', aux_weight))
$$;
COMMENT ON FUNCTION ae.sparse(text, double precision, double precision, text, integer, integer,
	double precision) IS
'options of sparse codes, to be joined to those of ae.options: a penalty of the outputs of units, or how many units of the code are kept';

CREATE FUNCTION ae.denoise(
	kind text DEFAULT NULL,
	level double precision DEFAULT NULL,
	emphasis double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'denoise', kind,
		'denoise_level', level,
		'denoise_emphasis', emphasis))
$$;
COMMENT ON FUNCTION ae.denoise(text, double precision, double precision) IS
'options of denoising, to be joined to those of ae.options: how rows are corrupted before they enter, while the loss is taken of the clean ones';

CREATE FUNCTION ae.contract(
	weight double precision DEFAULT 0.03,
	exact boolean DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'contract_weight', weight,
		'contract_exact', exact))
$$;
COMMENT ON FUNCTION ae.contract(double precision, boolean) IS
'options of contraction, to be joined to those of ae.options: a penalty of the derivatives of the code by the inputs';

CREATE FUNCTION ae.target(
	"column" text DEFAULT NULL,
	weight double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'target', "column",
		'target_weight', weight))
$$;
COMMENT ON FUNCTION ae.target(text, double precision) IS
'options of a supervised task, to be joined to those of ae.options: a column that is predicted from the code, where it is not NULL';

CREATE FUNCTION ae.pretrain(
	kind text DEFAULT 'plain',
	updates bigint DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'pretrain', kind,
		'pretrain_updates', updates))
$$;
COMMENT ON FUNCTION ae.pretrain(text, bigint) IS
'options of pretraining, to be joined to those of ae.options: layers are trained one after the other before all of them are together';

CREATE FUNCTION ae.hash(
	bits integer DEFAULT NULL,
	noise double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'hash_bits', bits,
		'hash_noise', noise))
$$;
COMMENT ON FUNCTION ae.hash(integer, double precision) IS
'options of semantic hashing, to be joined to those of ae.options: a code of bits, which noise keeps near 0 and 1';

CREATE FUNCTION ae.train_transfn(internal, anyelement) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_train_transfn'
LANGUAGE C PARALLEL RESTRICTED;

CREATE FUNCTION ae.train_transfn(internal, anyelement, jsonb) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_train_transfn'
LANGUAGE C PARALLEL RESTRICTED;

CREATE FUNCTION ae.train_transfn(internal, anyelement, jsonb, bytea) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_train_transfn'
LANGUAGE C PARALLEL RESTRICTED;

CREATE FUNCTION ae.train_finalfn(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'pg_ae_train_finalfn'
LANGUAGE C PARALLEL RESTRICTED;

COMMENT ON FUNCTION ae.train_transfn(internal, anyelement) IS
'collects rows for ae.train';
COMMENT ON FUNCTION ae.train_transfn(internal, anyelement, jsonb) IS
'collects rows for ae.train';
COMMENT ON FUNCTION ae.train_transfn(internal, anyelement, jsonb, bytea) IS
'collects rows for ae.train';
COMMENT ON FUNCTION ae.train_finalfn(internal) IS
'trains a model on the rows collected';

-- No combine function: partial states would have to travel as whole tables, and cost more than
-- they save.  A scan below may be parallel.  SSPACE makes the planner sort where there are many
-- groups, so that one after the other is collected and trained; a hash aggregate is as right, and
-- all its groups share half of maintenance_work_mem for their rows, and half for levels.
CREATE AGGREGATE ae.train(anyelement) (
	SFUNC = ae.train_transfn,
	STYPE = internal,
	SSPACE = 4194304,
	FINALFUNC = ae.train_finalfn,
	FINALFUNC_MODIFY = READ_WRITE,
	PARALLEL = RESTRICTED
);

CREATE AGGREGATE ae.train(anyelement, jsonb) (
	SFUNC = ae.train_transfn,
	STYPE = internal,
	SSPACE = 4194304,
	FINALFUNC = ae.train_finalfn,
	FINALFUNC_MODIFY = READ_WRITE,
	PARALLEL = RESTRICTED
);

CREATE AGGREGATE ae.train(anyelement, jsonb, bytea) (
	SFUNC = ae.train_transfn,
	STYPE = internal,
	SSPACE = 4194304,
	FINALFUNC = ae.train_finalfn,
	FINALFUNC_MODIFY = READ_WRITE,
	PARALLEL = RESTRICTED
);

COMMENT ON AGGREGATE ae.train(anyelement) IS
'a model of the rows or arrays, with default options';
COMMENT ON AGGREGATE ae.train(anyelement, jsonb) IS
'a model of the rows or arrays, with options as from ae.options';
COMMENT ON AGGREGATE ae.train(anyelement, jsonb, bytea) IS
'a model of the rows or arrays, training started from another model';

CREATE FUNCTION ae.summary(model bytea) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_summary'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.summary(bytea) IS
'what a model is and whether it is any good, to be read';

CREATE FUNCTION ae.describe(model bytea) RETURNS jsonb
AS 'MODULE_PATHNAME', 'pg_ae_describe'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.describe(bytea) IS
'options as they were resolved, network, outcome of training and calibration of a model';

CREATE FUNCTION ae.history(
	model bytea,
	OUT epoch integer,
	OUT train_loss double precision,
	OUT validation_loss double precision,
	OUT network integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_history'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION ae.history(bytea) IS
'losses of a model epoch by epoch';

CREATE FUNCTION ae.features(
	model bytea,
	OUT feature text,
	OUT kind text,
	OUT scaling text,
	OUT mean double precision,
	OUT sd double precision,
	OUT min double precision,
	OUT max double precision,
	OUT nulls bigint,
	OUT levels integer,
	OUT constant boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_features'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION ae.features(bytea) IS
'columns a model was trained on, with their statistics';

CREATE FUNCTION ae.row_expression(model bytea) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_row_expression'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.row_expression(bytea) IS
'the row of a model spelled out, for expressions that are stored: ROW(a, b, c)';

-- how a model does on rows

CREATE TYPE ae.evaluation AS (
	n_rows bigint,
	n_scored bigint,
	mean_error double precision,
	share_flagged double precision,
	column_errors jsonb);
COMMENT ON TYPE ae.evaluation IS
'what ae.evaluate gives: rows, rows with a finite error, their mean error, share of rows that is_anomaly flags, mean error of each column';

CREATE FUNCTION ae.evaluate_transfn(internal, bytea, anyelement) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, bytea, anyelement) IS
'takes a row for ae.evaluate';

CREATE FUNCTION ae.evaluate_transfn(internal, bytea, anyelement, double precision) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, bytea, anyelement, double precision) IS
'takes a row for ae.evaluate';

CREATE FUNCTION ae.evaluate_finalfn(internal) RETURNS ae.evaluation
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_finalfn'
LANGUAGE C PARALLEL RESTRICTED;
COMMENT ON FUNCTION ae.evaluate_finalfn(internal) IS
'sums up for ae.evaluate';

CREATE AGGREGATE ae.evaluate(bytea, anyelement) (
	SFUNC = ae.evaluate_transfn,
	STYPE = internal,
	FINALFUNC = ae.evaluate_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.evaluate(bytea, anyelement) IS
'how a model does on rows: mean error, share of rows flagged at a contamination of 0.01, mean error of each column';

CREATE AGGREGATE ae.evaluate(bytea, anyelement, double precision) (
	SFUNC = ae.evaluate_transfn,
	STYPE = internal,
	FINALFUNC = ae.evaluate_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.evaluate(bytea, anyelement, double precision) IS
'how a model does on rows: mean error, share of rows flagged at that contamination, mean error of each column';

-- the way to a first answer

CREATE FUNCTION ae.detect(
	query text,
	options jsonb DEFAULT '{}',
	top integer DEFAULT 20,
	OUT rank integer,
	OUT score double precision,
	OUT p_value double precision,
	OUT reasons text[],
	OUT "row" jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_detect'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION ae.detect(text, jsonb, integer) IS
'trains on the rows of a query or table, scores them, and gives the most anomalous ones with reasons in words';
