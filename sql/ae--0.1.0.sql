\echo Use "CREATE EXTENSION ae" to load this file. \quit

-- Everything stands in the schema ae, which the control file names. Object names are written
-- qualified, so that no search_path has a say.

-- A schema ae that is there already must be empty, and nobody else's.
CREATE FUNCTION ae.check_schema() RETURNS void
AS 'MODULE_PATHNAME', 'pg_ae_check_schema'
LANGUAGE C;
SELECT ae.check_schema();
DROP FUNCTION ae.check_schema();

-- named models: the tables, and the type that refers to a version of a model

CREATE TYPE ae.model;

CREATE FUNCTION ae.model_in(cstring) RETURNS ae.model
AS 'MODULE_PATHNAME', 'pg_ae_model_in'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_in(cstring) IS
'reads fraud@3#1a2b3c4d as it stands; looks up fraud@3, and fraud as its current version';

CREATE FUNCTION ae.model_out(ae.model) RETURNS cstring
AS 'MODULE_PATHNAME', 'pg_ae_model_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_out(ae.model) IS
'writes fraud@3#1a2b3c4d: name, version, and the first bytes of the digest of the model';

CREATE FUNCTION ae.model_recv(internal) RETURNS ae.model
AS 'MODULE_PATHNAME', 'pg_ae_model_recv'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_recv(internal) IS
'reads the text form from a binary message';

CREATE FUNCTION ae.model_send(ae.model) RETURNS bytea
AS 'MODULE_PATHNAME', 'pg_ae_model_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_send(ae.model) IS
'writes the text form into a binary message';

-- Preferred among user-defined types, where bytea is too: a literal in the place of a model is a
-- reference.
CREATE TYPE ae.model (
	INPUT = ae.model_in,
	OUTPUT = ae.model_out,
	RECEIVE = ae.model_recv,
	SEND = ae.model_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = plain,
	CATEGORY = 'U',
	PREFERRED = true);
COMMENT ON TYPE ae.model IS
'reference to one version of a named model: fraud@3#1a2b3c4d';

CREATE FUNCTION ae.model_eq(ae.model, ae.model) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_model_eq'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_eq(ae.model, ae.model) IS 'implementation of the operator =';

CREATE FUNCTION ae.model_ne(ae.model, ae.model) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_model_ne'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_ne(ae.model, ae.model) IS 'implementation of the operator <>';

CREATE FUNCTION ae.model_lt(ae.model, ae.model) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_model_lt'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_lt(ae.model, ae.model) IS 'implementation of the operator <';

CREATE FUNCTION ae.model_le(ae.model, ae.model) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_model_le'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_le(ae.model, ae.model) IS 'implementation of the operator <=';

CREATE FUNCTION ae.model_gt(ae.model, ae.model) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_model_gt'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_gt(ae.model, ae.model) IS 'implementation of the operator >';

CREATE FUNCTION ae.model_ge(ae.model, ae.model) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_model_ge'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_ge(ae.model, ae.model) IS 'implementation of the operator >=';

CREATE FUNCTION ae.model_cmp(ae.model, ae.model) RETURNS integer
AS 'MODULE_PATHNAME', 'pg_ae_model_cmp'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_cmp(ae.model, ae.model) IS 'order of references: by name, then by version, then by digest';

CREATE FUNCTION ae.model_hash(ae.model) RETURNS integer
AS 'MODULE_PATHNAME', 'pg_ae_model_hash'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_hash(ae.model) IS 'hash of a reference';

CREATE FUNCTION ae.model_hash_extended(ae.model, bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'pg_ae_model_hash_extended'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_hash_extended(ae.model, bigint) IS 'hash of a reference, with a seed';

CREATE OPERATOR ae.= (LEFTARG = ae.model, RIGHTARG = ae.model, FUNCTION = ae.model_eq,
	COMMUTATOR = OPERATOR(ae.=), NEGATOR = OPERATOR(ae.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR ae.<> (LEFTARG = ae.model, RIGHTARG = ae.model, FUNCTION = ae.model_ne,
	COMMUTATOR = OPERATOR(ae.<>), NEGATOR = OPERATOR(ae.=),
	RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR ae.< (LEFTARG = ae.model, RIGHTARG = ae.model, FUNCTION = ae.model_lt,
	COMMUTATOR = OPERATOR(ae.>), NEGATOR = OPERATOR(ae.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR ae.<= (LEFTARG = ae.model, RIGHTARG = ae.model, FUNCTION = ae.model_le,
	COMMUTATOR = OPERATOR(ae.>=), NEGATOR = OPERATOR(ae.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR ae.> (LEFTARG = ae.model, RIGHTARG = ae.model, FUNCTION = ae.model_gt,
	COMMUTATOR = OPERATOR(ae.<), NEGATOR = OPERATOR(ae.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR ae.>= (LEFTARG = ae.model, RIGHTARG = ae.model, FUNCTION = ae.model_ge,
	COMMUTATOR = OPERATOR(ae.<=), NEGATOR = OPERATOR(ae.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel);

CREATE OPERATOR CLASS ae.model_ops DEFAULT FOR TYPE ae.model USING btree AS
	OPERATOR 1 ae.<, OPERATOR 2 ae.<=, OPERATOR 3 ae.=, OPERATOR 4 ae.>=, OPERATOR 5 ae.>,
	FUNCTION 1 ae.model_cmp(ae.model, ae.model);
CREATE OPERATOR CLASS ae.model_ops DEFAULT FOR TYPE ae.model USING hash AS
	OPERATOR 1 ae.=,
	FUNCTION 1 ae.model_hash(ae.model),
	FUNCTION 2 ae.model_hash_extended(ae.model, bigint);

-- What may change of a name.  The row stays when all versions are dropped, so that no number comes
-- twice.
CREATE TABLE ae.model_names (
	name text COLLATE "C" PRIMARY KEY CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63),
	owner text NOT NULL,
	comment text,
	last_version integer NOT NULL CHECK (last_version OPERATOR(pg_catalog.>=) 0));
COMMENT ON TABLE ae.model_names IS 'named models: who owns them, and the last number given to a version';

-- The library knows columns by their place: new ones come behind.  No foreign key: a parallel
-- pg_restore heeds none of an extension's, and would load the larger table, this one, first.
CREATE TABLE ae.models (
	name text COLLATE "C" NOT NULL,
	version integer NOT NULL CHECK (version OPERATOR(pg_catalog.>) 0),
	created timestamptz NOT NULL,
	bytes integer GENERATED ALWAYS AS (pg_catalog.octet_length(model)) STORED,
	digest bytea GENERATED ALWAYS AS (pg_catalog.sha256(model)) STORED,
	options jsonb NOT NULL,
	query text,
	n_rows bigint NOT NULL,
	train_loss double precision,
	validation_loss double precision,
	model bytea NOT NULL,
	PRIMARY KEY (name, version));
COMMENT ON TABLE ae.models IS 'versions of named models: inserted and deleted, never changed';
-- weights do not compress
ALTER TABLE ae.models ALTER model SET STORAGE EXTERNAL;

SELECT pg_catalog.pg_extension_config_dump('ae.model_names', '');
SELECT pg_catalog.pg_extension_config_dump('ae.models', '');

CREATE FUNCTION ae.models_guard() RETURNS trigger
AS 'MODULE_PATHNAME', 'pg_ae_models_guard'
LANGUAGE C;
COMMENT ON FUNCTION ae.models_guard() IS
'prevents changes to versions of models, and their deletion while a stored expression uses them';
REVOKE EXECUTE ON FUNCTION ae.models_guard() FROM PUBLIC;
CREATE TRIGGER guard_rows BEFORE UPDATE OR DELETE ON ae.models
FOR EACH ROW EXECUTE FUNCTION ae.models_guard();
CREATE TRIGGER guard_table BEFORE TRUNCATE ON ae.models
FOR EACH STATEMENT EXECUTE FUNCTION ae.models_guard();
CREATE TRIGGER guard_rows BEFORE UPDATE OF name OR DELETE ON ae.model_names
FOR EACH ROW EXECUTE FUNCTION ae.models_guard();
CREATE TRIGGER guard_table BEFORE TRUNCATE ON ae.model_names
FOR EACH STATEMENT EXECUTE FUNCTION ae.models_guard();

-- Names and sizes are for everybody; what says something of the rows that were trained on is for
-- those who may see models.
CREATE VIEW ae.model_list AS
SELECT m.name, m.version,
	m.version OPERATOR(pg_catalog.=) pg_catalog.max(m.version) OVER (PARTITION BY m.name) AS current,
	m.created, m.bytes, n.owner,
	CASE WHEN r.readable THEN m.n_rows END AS n_rows,
	CASE WHEN r.readable THEN m.train_loss END AS train_loss,
	CASE WHEN r.readable THEN m.validation_loss END AS validation_loss,
	n.comment
FROM ae.models m
JOIN ae.model_names n ON n.name OPERATOR(pg_catalog.=) m.name
LEFT JOIN pg_catalog.pg_roles o ON o.rolname OPERATOR(pg_catalog.=) n.owner::pg_catalog.name
CROSS JOIN LATERAL (SELECT pg_catalog.has_table_privilege('ae.models', 'SELECT')
		AND NOT pg_catalog.row_security_active('ae.models')
	OR coalesce(pg_catalog.pg_has_role(o.oid, 'USAGE'), false) AS readable) r;
COMMENT ON VIEW ae.model_list IS
'named models; rows and losses are visible to their owners and to roles with SELECT on ae.models';
GRANT SELECT ON ae.model_list TO PUBLIC;

-- Trainings under a name: how far they are, rewritten about once a second.  Nothing of it is
-- worth a crash; a row whose session holds no lock on it any more says nothing.
CREATE UNLOGGED TABLE ae.trainings (
	name text COLLATE "C" PRIMARY KEY,
	trainer text NOT NULL,
	pid integer NOT NULL,
	lock oid NOT NULL,
	started timestamptz NOT NULL,
	updated timestamptz NOT NULL,
	phase text NOT NULL,
	n_rows bigint,
	network integer,
	n_networks integer,
	step text,
	done bigint,
	planned bigint,
	train_loss double precision,
	validation_loss double precision,
	rows_per_second double precision,
	estimated_end timestamptz)
WITH (fillfactor = 50);
COMMENT ON TABLE ae.trainings IS 'trainings under way outside of transaction blocks: see ae.training_progress';

-- What a training left behind, to go on with.  It is of one server and one build, and so is in no
-- dump.
CREATE TABLE ae.checkpoints (
	name text COLLATE "C" PRIMARY KEY CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63),
	trainer text NOT NULL,
	query text NOT NULL,
	options jsonb,
	init text,
	build text NOT NULL,
	n_rows bigint NOT NULL,
	digest bytea NOT NULL,
	started timestamptz NOT NULL,
	saved timestamptz NOT NULL,
	seconds double precision NOT NULL,
	network integer NOT NULL,
	n_networks integer NOT NULL,
	step text NOT NULL,
	done bigint NOT NULL,
	planned bigint NOT NULL,
	train_loss double precision,
	validation_loss double precision);
COMMENT ON TABLE ae.checkpoints IS 'interrupted trainings, and those under way, as they were last saved';

-- In parts of less than half a page, which have one to themselves: a new version goes beside the old
-- one, whose room serves the next.  No VACUUM would hear of what died before the CALL ends.
CREATE TABLE ae.checkpoint_states (
	name text COLLATE "C" NOT NULL,
	network integer NOT NULL,
	part integer NOT NULL,
	bytes bytea NOT NULL,
	PRIMARY KEY (name, network, part))
WITH (fillfactor = 50);
COMMENT ON TABLE ae.checkpoint_states IS 'weights and optimizer of each network that a checkpoint has';
ALTER TABLE ae.checkpoint_states ALTER bytes SET STORAGE PLAIN;

-- Phase and pace are for everybody; rows and losses as in ae.model_list.
CREATE VIEW ae.training_progress AS
SELECT p.name, p.trainer, p.phase, p.network, p.n_networks, p.step, p.done, p.planned,
	CASE WHEN r.readable THEN p.n_rows END AS n_rows,
	CASE WHEN r.readable THEN p.train_loss END AS train_loss,
	CASE WHEN r.readable THEN p.validation_loss END AS validation_loss,
	p.rows_per_second, p.started, p.updated, p.estimated_end, p.checkpoint, p.pid
FROM (SELECT coalesce(t.name, c.name) AS name, coalesce(t.trainer, c.trainer) AS trainer,
		coalesce(t.phase, 'interrupted') AS phase,
		CASE WHEN t.name IS NULL THEN c.network ELSE t.network END AS network,
		CASE WHEN t.name IS NULL THEN c.n_networks ELSE t.n_networks END AS n_networks,
		CASE WHEN t.name IS NULL THEN c.step ELSE t.step END AS step,
		CASE WHEN t.name IS NULL THEN c.done ELSE t.done END AS done,
		CASE WHEN t.name IS NULL THEN c.planned ELSE t.planned END AS planned,
		CASE WHEN t.name IS NULL THEN c.n_rows
			WHEN t.phase OPERATOR(pg_catalog.=) 'reading' THEN
				pg_catalog.substring(a.query, '^ae\.train_model .*: reading: ([0-9]{1,18}) rows$')::pg_catalog.int8
			ELSE t.n_rows END AS n_rows,
		CASE WHEN t.name IS NULL THEN c.train_loss ELSE t.train_loss END AS train_loss,
		CASE WHEN t.name IS NULL THEN c.validation_loss ELSE t.validation_loss END AS validation_loss,
		t.rows_per_second, coalesce(t.started, c.started) AS started,
		coalesce(t.updated, c.saved) AS updated, t.estimated_end, c.saved AS checkpoint, t.pid
	FROM (SELECT *
		FROM ae.trainings t
		WHERE EXISTS (SELECT FROM pg_catalog.pg_locks l
			WHERE l.locktype OPERATOR(pg_catalog.=) 'object'
			AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d
				WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
			AND l.classid OPERATOR(pg_catalog.=) 'ae.trainings'::pg_catalog.regclass
			AND l.objid OPERATOR(pg_catalog.=) t.lock
			AND l.pid OPERATOR(pg_catalog.=) t.pid AND l.granted)) t
	FULL JOIN ae.checkpoints c ON c.name OPERATOR(pg_catalog.=) t.name
	LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) t.pid) p
LEFT JOIN ae.model_names n ON n.name OPERATOR(pg_catalog.=) p.name
LEFT JOIN pg_catalog.pg_roles o
	ON o.rolname OPERATOR(pg_catalog.=) coalesce(n.owner, p.trainer)::pg_catalog.name
CROSS JOIN LATERAL (SELECT pg_catalog.has_table_privilege('ae.models', 'SELECT')
		AND NOT pg_catalog.row_security_active('ae.models')
	OR coalesce(pg_catalog.pg_has_role(o.oid, 'USAGE'), false) AS readable) r;
COMMENT ON VIEW ae.training_progress IS
'running and interrupted trainings of named models; rows and losses are visible to those who may see the model';
GRANT SELECT ON ae.training_progress TO PUBLIC;

CREATE FUNCTION ae.current(name text) RETURNS ae.model
AS 'MODULE_PATHNAME', 'pg_ae_current'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.current(text) IS
'newest version of a model, looked up each time a statement runs';

CREATE FUNCTION ae.model_bytes(model ae.model) RETURNS bytea
AS 'MODULE_PATHNAME', 'pg_ae_model_bytes'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.model_bytes(ae.model) IS
'bytes of a model, for its owner and roles with SELECT on ae.models';
CREATE CAST (ae.model AS bytea) WITH FUNCTION ae.model_bytes(ae.model);

CREATE FUNCTION ae.save_model(name text, model bytea) RETURNS ae.model
AS 'MODULE_PATHNAME', 'pg_ae_save_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION ae.save_model(text, bytea) IS
'save a model as the next version of a name; the current user owns a new name';

CREATE PROCEDURE ae.train_model(
	name text,
	query text,
	options jsonb DEFAULT NULL,
	init ae.model DEFAULT NULL)
AS 'MODULE_PATHNAME', 'pg_ae_train_model'
LANGUAGE C;
COMMENT ON PROCEDURE ae.train_model(text, text, jsonb, ae.model) IS
'train on the rows of a query or table and save the next version of a name; outside a transaction block no snapshot is held while it trains';

CREATE PROCEDURE ae.resume_training(name text)
AS 'MODULE_PATHNAME', 'pg_ae_resume_training'
LANGUAGE C;
COMMENT ON PROCEDURE ae.resume_training(text) IS
'resume an interrupted training from its last checkpoint, on the same rows; the result has the same bytes as without the interruption';

CREATE FUNCTION ae.drop_training(name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_drop_training'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION ae.drop_training(text) IS
'discard the checkpoint of an interrupted training; false if there is none';

CREATE FUNCTION ae.drop_model(model text) RETURNS integer
AS 'MODULE_PATHNAME', 'pg_ae_drop_model'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION ae.drop_model(text) IS
'drop fraud@3, or fraud with all its versions, unless a stored expression uses one; returns how many';

CREATE FUNCTION ae.comment_on_model(name text, comment text) RETURNS void
AS 'MODULE_PATHNAME', 'pg_ae_comment_on_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION ae.comment_on_model(text, text) IS
'set the comment on a named model; NULL removes it';

REVOKE EXECUTE ON FUNCTION ae.save_model(text, bytea), ae.drop_model(text),
	ae.comment_on_model(text, text), ae.drop_training(text) FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE ae.train_model(text, text, jsonb, ae.model), ae.resume_training(text)
	FROM PUBLIC;

-- using a model: one row in, one result out

CREATE FUNCTION ae.encode(model bytea, input anyelement) RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_encode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode(bytea, anyelement) IS
'code of a row, f(x); the row is a composite value, jsonb or an array of numbers';

CREATE FUNCTION ae.encode(model ae.model, input anyelement) RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_encode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode(ae.model, anyelement) IS
'code of a row, f(x); the row is a composite value, jsonb or an array of numbers';

CREATE FUNCTION ae.encode_bits(model bytea, input anyelement) RETURNS bit
AS 'MODULE_PATHNAME', 'pg_ae_encode_bits'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode_bits(bytea, anyelement) IS
'code of a row as bits: whether a sigmoid is above 1/2, and any other unit above 0';

CREATE FUNCTION ae.encode_bits(model ae.model, input anyelement) RETURNS bit
AS 'MODULE_PATHNAME', 'pg_ae_encode_bits'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode_bits(ae.model, anyelement) IS
'code of a row as bits: whether a sigmoid is above 1/2, and any other unit above 0';

CREATE FUNCTION ae.decode(model bytea, code real[]) RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_decode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.decode(bytea, real[]) IS
'reconstruction from a code, g(h): one value per column of the model, in its order, in the units of the data';

CREATE FUNCTION ae.decode(model ae.model, code real[]) RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_decode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.decode(ae.model, real[]) IS
'reconstruction from a code, g(h): one value per column of the model, in its order, in the units of the data';

CREATE FUNCTION ae.reconstruct(model bytea, input anyelement) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_reconstruct'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.reconstruct(bytea, anyelement) IS
'the row as the model expects it, g(f(x)), of the same type; columns that the model does not know stay as they are';

CREATE FUNCTION ae.reconstruct(model ae.model, input anyelement) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_reconstruct'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.reconstruct(ae.model, anyelement) IS
'the row as the model expects it, g(f(x)), of the same type; columns that the model does not know stay as they are';

CREATE FUNCTION ae.reconstruction_error(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_reconstruction_error'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.reconstruction_error(bytea, anyelement) IS
'training loss of a row, mean over its columns, in scaled units; Infinity where a value is not finite';

CREATE FUNCTION ae.reconstruction_error(model ae.model, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_reconstruction_error'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.reconstruction_error(ae.model, anyelement) IS
'training loss of a row, mean over its columns, in scaled units; Infinity where a value is not finite';

CREATE FUNCTION ae.raw_score(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_raw_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.raw_score(bytea, anyelement) IS
'score by which rows are ranked: the higher, the more anomalous';

CREATE FUNCTION ae.raw_score(model ae.model, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_raw_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.raw_score(ae.model, anyelement) IS
'score by which rows are ranked: the higher, the more anomalous';

CREATE FUNCTION ae.p_value(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_p_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.p_value(bytea, anyelement) IS
'share of normal rows that would score as high as this one, (1 + #{calibration scores >= s}) / (n + 1)';

CREATE FUNCTION ae.p_value(model ae.model, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_p_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.p_value(ae.model, anyelement) IS
'share of normal rows that would score as high as this one, (1 + #{calibration scores >= s}) / (n + 1)';

CREATE FUNCTION ae.anomaly_score(model bytea, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_anomaly_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.anomaly_score(bytea, anyelement) IS
'score in [0, 1): 1 - p-value; rows beyond all calibration scores keep their order';

CREATE FUNCTION ae.anomaly_score(model ae.model, input anyelement) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_anomaly_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.anomaly_score(ae.model, anyelement) IS
'score in [0, 1): 1 - p-value; rows beyond all calibration scores keep their order';

CREATE FUNCTION ae.is_anomaly(model bytea, input anyelement,
	contamination double precision DEFAULT 0.01) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_is_anomaly'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.is_anomaly(bytea, anyelement, double precision) IS
'true if the p-value is at most contamination, the accepted share of false alarms';

CREATE FUNCTION ae.is_anomaly(model ae.model, input anyelement,
	contamination double precision DEFAULT 0.01) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_is_anomaly'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.is_anomaly(ae.model, anyelement, double precision) IS
'true if the p-value is at most contamination, the accepted share of false alarms';

CREATE FUNCTION ae.threshold(model bytea, contamination double precision DEFAULT 0.01)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_threshold'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.threshold(bytea, double precision) IS
'raw_score beyond which is_anomaly is true; Infinity if no row can have so small a p-value';

CREATE FUNCTION ae.threshold(model ae.model, contamination double precision DEFAULT 0.01)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_threshold'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.threshold(ae.model, double precision) IS
'raw_score beyond which is_anomaly is true; Infinity if no row can have so small a p-value';

CREATE FUNCTION ae.log_likelihood(model bytea, input anyelement, own_units boolean DEFAULT false) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_log_likelihood'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.log_likelihood(bytea, anyelement, boolean) IS
'log p(x | h) of a row, h its code; in scaled units, or in those of the columns';

CREATE FUNCTION ae.log_likelihood(model ae.model, input anyelement, own_units boolean DEFAULT false) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_log_likelihood'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.log_likelihood(ae.model, anyelement, boolean) IS
'log p(x | h) of a row, h its code; in scaled units, or in those of the columns';

CREATE FUNCTION ae.log_joint(model bytea, input anyelement, own_units boolean DEFAULT false) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_log_joint'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.log_joint(bytea, anyelement, boolean) IS
'log p(h) + log p(x | h) of a row and its code h, whose prior is the penalty of a sparse model';

CREATE FUNCTION ae.log_joint(model ae.model, input anyelement, own_units boolean DEFAULT false) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_log_joint'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.log_joint(ae.model, anyelement, boolean) IS
'log p(h) + log p(x | h) of a row and its code h, whose prior is the penalty of a sparse model';

CREATE FUNCTION ae.log_likelihood(model bytea, input anyelement, samples integer, seed bigint, own_units boolean DEFAULT false)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_log_marginal'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ae.log_likelihood(bytea, anyelement, integer, bigint, boolean) IS
'log p(x) of a row by a variational model, estimated by importance sampling; rises to it on the average with the number of samples';

CREATE FUNCTION ae.log_likelihood(model ae.model, input anyelement, samples integer, seed bigint, own_units boolean DEFAULT false)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_log_marginal'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ae.log_likelihood(ae.model, anyelement, integer, bigint, boolean) IS
'log p(x) of a row by a variational model, estimated by importance sampling; rises to it on the average with the number of samples';

CREATE FUNCTION ae.elbo(model bytea, input anyelement, samples integer DEFAULT 16, seed bigint DEFAULT 0, own_units boolean DEFAULT false)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_elbo'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ae.elbo(bytea, anyelement, integer, bigint, boolean) IS
'evidence lower bound of log p(x) of a row by a variational model, estimated by draws of its code';

CREATE FUNCTION ae.elbo(model ae.model, input anyelement, samples integer DEFAULT 16, seed bigint DEFAULT 0, own_units boolean DEFAULT false)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_elbo'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ae.elbo(ae.model, anyelement, integer, bigint, boolean) IS
'evidence lower bound of log p(x) of a row by a variational model, estimated by draws of its code';

CREATE FUNCTION ae.encode_sample(model bytea, input anyelement, seed bigint)
RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_encode_sample'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode_sample(bytea, anyelement, bigint) IS
'a draw of the code of a row from q(z | x) of a variational model; the same for the same row and seed';

CREATE FUNCTION ae.encode_sample(model ae.model, input anyelement, seed bigint)
RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_encode_sample'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.encode_sample(ae.model, anyelement, bigint) IS
'a draw of the code of a row from q(z | x) of a variational model; the same for the same row and seed';

CREATE FUNCTION ae.infer(model bytea, input anyelement)
RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_infer'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION ae.infer(bytea, anyelement) IS
'the sparse code that reconstructs a row best, by optimisation, where ae.encode predicts it';

CREATE FUNCTION ae.infer(model ae.model, input anyelement)
RETURNS real[]
AS 'MODULE_PATHNAME', 'pg_ae_infer'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION ae.infer(ae.model, anyelement) IS
'the sparse code that reconstructs a row best, by optimisation, where ae.encode predicts it';

CREATE FUNCTION ae.impute(model bytea, input anyelement) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_impute'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ae.impute(bytea, anyelement) IS
'the row with its NULLs replaced by what the model expects of the rest of it; nothing else changes';

CREATE FUNCTION ae.impute(model ae.model, input anyelement) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_impute'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION ae.impute(ae.model, anyelement) IS
'the row with its NULLs replaced by what the model expects of the rest of it; nothing else changes';

CREATE FUNCTION ae.impute(model bytea, input anyelement, seed bigint) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_impute_draw'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION ae.impute(bytea, anyelement, bigint) IS
'the row with its NULLs replaced by draws from what the model expects of the rest of it';

CREATE FUNCTION ae.impute(model ae.model, input anyelement, seed bigint) RETURNS anyelement
AS 'MODULE_PATHNAME', 'pg_ae_impute_draw'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION ae.impute(ae.model, anyelement, bigint) IS
'the row with its NULLs replaced by draws from what the model expects of the rest of it';

CREATE FUNCTION ae.generate(model bytea, n bigint, seed bigint) RETURNS SETOF real[]
AS 'MODULE_PATHNAME', 'pg_ae_generate_arrays'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION ae.generate(bytea, bigint, bigint) IS
'n arrays drawn at random from a model of purpose generate';

CREATE FUNCTION ae.generate(model bytea, input anyelement, n bigint, seed bigint)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'pg_ae_generate'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION ae.generate(bytea, anyelement, bigint, bigint) IS
'n rows of the type of input drawn at random from a model of purpose generate, given what is not NULL in input';

CREATE FUNCTION ae.generate(model ae.model, n bigint, seed bigint) RETURNS SETOF real[]
AS 'MODULE_PATHNAME', 'pg_ae_generate_arrays'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION ae.generate(ae.model, bigint, bigint) IS
'n arrays drawn at random from a model of purpose generate';

CREATE FUNCTION ae.generate(model ae.model, input anyelement, n bigint, seed bigint)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'pg_ae_generate'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION ae.generate(ae.model, anyelement, bigint, bigint) IS
'n rows of the type of input drawn at random from a model of purpose generate, given what is not NULL in input';

CREATE FUNCTION ae.explain(
	model bytea,
	input anyelement,
	OUT feature text,
	OUT value text,
	OUT expected text,
	OUT error double precision,
	OUT share double precision,
	OUT probability double precision,
	OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_explain'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION ae.explain(bytea, anyelement) IS
'the columns of a row, those to blame first: value, what the model expected, error, share in the raw score; probability of the value of a category or boolean; the reason in words';

CREATE FUNCTION ae.explain(
	model ae.model,
	input anyelement,
	OUT feature text,
	OUT value text,
	OUT expected text,
	OUT error double precision,
	OUT share double precision,
	OUT probability double precision,
	OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_explain'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION ae.explain(ae.model, anyelement) IS
'the columns of a row, those to blame first: value, what the model expected, error, share in the raw score; probability of the value of a category or boolean; the reason in words';

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

CREATE FUNCTION ae.predict(model ae.model, input anyelement) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_predict'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.predict(ae.model, anyelement) IS
'the target of a row, predicted from its code: the most probable level, or the number, as text';

CREATE FUNCTION ae.predict_proba(
	model ae.model,
	input anyelement,
	OUT level text,
	OUT probability double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_predict_proba'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION ae.predict_proba(ae.model, anyelement) IS
'the levels of the target and their probabilities for a row, the most probable first';

CREATE FUNCTION ae.version() RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_version'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.version() IS 'version of the library that is loaded';

-- training, options, inspection

CREATE FUNCTION ae.options(
	columns text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	weight text DEFAULT NULL,
	kinds jsonb DEFAULT NULL,
	purpose text DEFAULT NULL,
	folds integer DEFAULT NULL,
	prototypes integer DEFAULT NULL,
	quality text DEFAULT NULL,
	code integer DEFAULT NULL,
	hidden integer[] DEFAULT NULL,
	decoder integer[] DEFAULT NULL,
	skip boolean DEFAULT NULL,
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
	algorithm text DEFAULT NULL,
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
		'weight', weight,
		'kinds', kinds,
		'purpose', purpose,
		'folds', folds,
		'prototypes', prototypes,
		'quality', quality,
		'code', code,
		'hidden', hidden,
		'decoder', decoder,
		'skip', skip,
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
		'algorithm', algorithm,
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

COMMENT ON FUNCTION ae.options IS
'options of ae.train as jsonb; omitted arguments get their defaults in training';

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
COMMENT ON FUNCTION ae.sparse IS
'options for sparse codes, to be joined to those of ae.options: a penalty on the outputs of units, or the number of units of the code to keep';

CREATE FUNCTION ae.denoise(
	kind text DEFAULT NULL,
	level double precision DEFAULT NULL,
	emphasis double precision DEFAULT NULL,
	walkback integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'denoise', kind,
		'denoise_level', level,
		'denoise_emphasis', emphasis,
		'denoise_walkback', walkback))
$$;
COMMENT ON FUNCTION ae.denoise IS
'options for denoising, to be joined to those of ae.options: how rows are corrupted before they enter the network';

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
COMMENT ON FUNCTION ae.contract IS
'options for contraction, to be joined to those of ae.options: a penalty on the derivatives of the code with respect to the inputs';

CREATE FUNCTION ae.decoder(
	distribution text DEFAULT 'mixed',
	variance text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'distribution', distribution,
		'variance', variance))
$$;
COMMENT ON FUNCTION ae.decoder IS
'options for a decoder that gives a distribution, to be joined to those of ae.options: training makes rows likely';

CREATE FUNCTION ae.variational(
	beta double precision DEFAULT 1,
	warmup double precision DEFAULT NULL,
	free_bits double precision DEFAULT NULL,
	samples integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'variational_beta', beta,
		'variational_warmup', warmup,
		'variational_free_bits', free_bits,
		'variational_samples', samples))
$$;
COMMENT ON FUNCTION ae.variational IS
'options for a variational encoder, to be joined to those of ae.options: codes are drawn, near a standard normal prior';

CREATE FUNCTION ae.psd(
	weight double precision DEFAULT 1)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'psd_weight', weight))
$$;
COMMENT ON FUNCTION ae.psd IS
'options for predictive sparse decomposition, to be joined to those of ae.options: the encoder predicts the sparse code that reconstructs best';

CREATE FUNCTION ae.neighbours(
	weight double precision DEFAULT 1,
	k integer DEFAULT NULL,
	metric text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET extra_float_digits = 1
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
		'neighbours_weight', weight,
		'neighbours_k', k,
		'neighbours_metric', metric))
$$;
COMMENT ON FUNCTION ae.neighbours IS
'options for codes to search by, to be joined to those of ae.options: rows that are near each other have codes that are';

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
COMMENT ON FUNCTION ae.target IS
'options for a supervised task, to be joined to those of ae.options: a column that is predicted from the code';

CREATE FUNCTION ae.feedback("column" text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('feedback', "column"))
$$;
COMMENT ON FUNCTION ae.feedback(text) IS
'option for verdicts on rows, to be joined to those of ae.options: a boolean column, true of a confirmed anomaly, false of a dismissed one';

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
COMMENT ON FUNCTION ae.pretrain IS
'options for pretraining, to be joined to those of ae.options: layers are trained one after the other before the whole network';

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
COMMENT ON FUNCTION ae.hash IS
'options for semantic hashing, to be joined to those of ae.options: a code of bits, which noise pushes towards 0 and 1';

CREATE FUNCTION ae.train_transfn(internal, anyelement) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_train_transfn'
LANGUAGE C PARALLEL RESTRICTED;

CREATE FUNCTION ae.train_transfn(internal, anyelement, jsonb) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_train_transfn'
LANGUAGE C PARALLEL RESTRICTED;

CREATE FUNCTION ae.train_transfn(internal, anyelement, jsonb, bytea) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_train_transfn'
LANGUAGE C PARALLEL RESTRICTED;

CREATE FUNCTION ae.train_transfn(internal, anyelement, jsonb, ae.model) RETURNS internal
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
COMMENT ON FUNCTION ae.train_transfn(internal, anyelement, jsonb, ae.model) IS
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

CREATE AGGREGATE ae.train(anyelement, jsonb, ae.model) (
	SFUNC = ae.train_transfn,
	STYPE = internal,
	SSPACE = 4194304,
	FINALFUNC = ae.train_finalfn,
	FINALFUNC_MODIFY = READ_WRITE,
	PARALLEL = RESTRICTED
);

COMMENT ON AGGREGATE ae.train(anyelement) IS
'train a model on rows or arrays, with default options';
COMMENT ON AGGREGATE ae.train(anyelement, jsonb) IS
'train a model on rows or arrays, with options such as ae.options returns';
COMMENT ON AGGREGATE ae.train(anyelement, jsonb, bytea) IS
'train a model on rows or arrays, starting from another model';
COMMENT ON AGGREGATE ae.train(anyelement, jsonb, ae.model) IS
'train a model on rows or arrays, starting from another model';

CREATE FUNCTION ae.summary(model bytea) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_summary'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.summary(bytea) IS
'readable summary of a model and of how good it is';

CREATE FUNCTION ae.summary(model ae.model) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_summary'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.summary(ae.model) IS
'readable summary of a model and of how good it is';

CREATE FUNCTION ae.describe(model bytea) RETURNS jsonb
AS 'MODULE_PATHNAME', 'pg_ae_describe'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.describe(bytea) IS
'options in effect, network, outcome of training and calibration of a model';

CREATE FUNCTION ae.describe(model ae.model) RETURNS jsonb
AS 'MODULE_PATHNAME', 'pg_ae_describe'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.describe(ae.model) IS
'options in effect, network, outcome of training and calibration of a model';

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
'losses of a model by epoch';

CREATE FUNCTION ae.history(
	model ae.model,
	OUT epoch integer,
	OUT train_loss double precision,
	OUT validation_loss double precision,
	OUT network integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_history'
LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION ae.history(ae.model) IS
'losses of a model by epoch';

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

CREATE FUNCTION ae.features(
	model ae.model,
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
LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION ae.features(ae.model) IS
'columns a model was trained on, with their statistics';

CREATE FUNCTION ae.row_expression(model bytea) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_row_expression'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.row_expression(bytea) IS
'row constructor with the columns of a model, for stored expressions: ROW(a, b, c)';

CREATE FUNCTION ae.row_expression(model ae.model) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_row_expression'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.row_expression(ae.model) IS
'row constructor with the columns of a model, for stored expressions: ROW(a, b, c)';

-- how a model does on rows

CREATE TYPE ae.evaluation AS (
	n_rows bigint,
	n_scored bigint,
	mean_error double precision,
	share_flagged double precision,
	column_errors jsonb);
COMMENT ON TYPE ae.evaluation IS
'result of ae.evaluate: rows, rows with a finite error, their mean error, share of rows that is_anomaly flags, mean error of each column';

CREATE FUNCTION ae.evaluate_transfn(internal, bytea, anyelement) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, bytea, anyelement) IS
'takes a row for ae.evaluate';

CREATE FUNCTION ae.evaluate_transfn(internal, ae.model, anyelement) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, ae.model, anyelement) IS
'takes a row for ae.evaluate';

CREATE FUNCTION ae.evaluate_transfn(internal, bytea, anyelement, double precision) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, bytea, anyelement, double precision) IS
'takes a row for ae.evaluate';

CREATE FUNCTION ae.evaluate_transfn(internal, ae.model, anyelement, double precision) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, ae.model, anyelement, double precision) IS
'takes a row for ae.evaluate';

CREATE FUNCTION ae.evaluate_transfn(internal, bytea, anyelement, double precision, double precision) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, bytea, anyelement, double precision, double precision) IS
'takes a row for ae.evaluate';

CREATE FUNCTION ae.evaluate_transfn(internal, ae.model, anyelement, double precision, double precision) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_evaluate_transfn'
LANGUAGE C PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION ae.evaluate_transfn(internal, ae.model, anyelement, double precision, double precision) IS
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
'evaluate a model on rows: mean error, share of rows flagged at a contamination of 0.01, mean error of each column';

CREATE AGGREGATE ae.evaluate(ae.model, anyelement) (
	SFUNC = ae.evaluate_transfn,
	STYPE = internal,
	FINALFUNC = ae.evaluate_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.evaluate(ae.model, anyelement) IS
'evaluate a model on rows: mean error, share of rows flagged at a contamination of 0.01, mean error of each column';

CREATE AGGREGATE ae.evaluate(bytea, anyelement, double precision) (
	SFUNC = ae.evaluate_transfn,
	STYPE = internal,
	FINALFUNC = ae.evaluate_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.evaluate(bytea, anyelement, double precision) IS
'evaluate a model on rows: mean error, share of rows flagged at that contamination, mean error of each column';

CREATE AGGREGATE ae.evaluate(ae.model, anyelement, double precision) (
	SFUNC = ae.evaluate_transfn,
	STYPE = internal,
	FINALFUNC = ae.evaluate_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.evaluate(ae.model, anyelement, double precision) IS
'evaluate a model on rows: mean error, share of rows flagged at that contamination, mean error of each column';

CREATE AGGREGATE ae.evaluate(bytea, anyelement, double precision, double precision) (
	SFUNC = ae.evaluate_transfn,
	STYPE = internal,
	FINALFUNC = ae.evaluate_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.evaluate(bytea, anyelement, double precision, double precision) IS
'evaluate a model on rows, each as many as its weight says: mean error, share of rows flagged at that contamination, mean error of each column';

CREATE AGGREGATE ae.evaluate(ae.model, anyelement, double precision, double precision) (
	SFUNC = ae.evaluate_transfn,
	STYPE = internal,
	FINALFUNC = ae.evaluate_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.evaluate(ae.model, anyelement, double precision, double precision) IS
'evaluate a model on rows, each as many as its weight says: mean error, share of rows flagged at that contamination, mean error of each column';

-- whether rows still are what they were in training

CREATE FUNCTION ae.drift_transfn(internal, bytea, anyelement) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_drift_transfn'
LANGUAGE C PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.drift_transfn(internal, bytea, anyelement) IS
'counts a row for ae.drift';

CREATE FUNCTION ae.drift_transfn(internal, ae.model, anyelement) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_drift_transfn'
LANGUAGE C PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ae.drift_transfn(internal, ae.model, anyelement) IS
'counts a row for ae.drift';

CREATE FUNCTION ae.drift_combinefn(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_drift_combinefn'
LANGUAGE C PARALLEL SAFE;
COMMENT ON FUNCTION ae.drift_combinefn(internal, internal) IS
'adds counts for ae.drift';

CREATE FUNCTION ae.drift_serialfn(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'pg_ae_drift_serialfn'
LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.drift_serialfn(internal) IS
'sends counts of ae.drift to another process';

CREATE FUNCTION ae.drift_deserialfn(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_drift_deserialfn'
LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.drift_deserialfn(bytea, internal) IS
'receives counts of ae.drift';

CREATE FUNCTION ae.drift_finalfn(internal) RETURNS jsonb
AS 'MODULE_PATHNAME', 'pg_ae_drift_finalfn'
LANGUAGE C PARALLEL SAFE;
COMMENT ON FUNCTION ae.drift_finalfn(internal) IS
'tests the counts of ae.drift';

CREATE AGGREGATE ae.drift(bytea, anyelement) (
	SFUNC = ae.drift_transfn,
	STYPE = internal,
	SSPACE = 32768,
	FINALFUNC = ae.drift_finalfn,
	COMBINEFUNC = ae.drift_combinefn,
	SERIALFUNC = ae.drift_serialfn,
	DESERIALFUNC = ae.drift_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ae.drift(bytea, anyelement) IS
'compare rows with those of training: for each column, and for the rows as a whole, how far they differ and whether that is more than chance';

CREATE AGGREGATE ae.drift(ae.model, anyelement) (
	SFUNC = ae.drift_transfn,
	STYPE = internal,
	SSPACE = 32768,
	FINALFUNC = ae.drift_finalfn,
	COMBINEFUNC = ae.drift_combinefn,
	SERIALFUNC = ae.drift_serialfn,
	DESERIALFUNC = ae.drift_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ae.drift(ae.model, anyelement) IS
'compare rows with those of training: for each column, and for the rows as a whole, how far they differ and whether that is more than chance';

CREATE FUNCTION ae.drift_report(
	model bytea,
	query text,
	OUT feature text,
	OUT drifted boolean,
	OUT reason text,
	OUT psi double precision,
	OUT distance double precision,
	OUT nulls_was double precision,
	OUT nulls_now double precision,
	OUT error_was double precision,
	OUT error_now double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_drift_report'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION ae.drift_report(bytea, text) IS
'compare the rows of a query or table with those of training: a row for each column and one, without feature, for the rows as a whole, the strongest drift first';

CREATE FUNCTION ae.drift_report(
	model ae.model,
	query text,
	OUT feature text,
	OUT drifted boolean,
	OUT reason text,
	OUT psi double precision,
	OUT distance double precision,
	OUT nulls_was double precision,
	OUT nulls_now double precision,
	OUT error_was double precision,
	OUT error_now double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_drift_report'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION ae.drift_report(ae.model, text) IS
'compare the rows of a query or table with those of training: a row for each column and one, without feature, for the rows as a whole, the strongest drift first';

-- alarms that last

CREATE FUNCTION ae.sprt_transfn(internal, double precision) RETURNS internal
AS 'MODULE_PATHNAME', 'pg_ae_sprt_transfn'
LANGUAGE C PARALLEL RESTRICTED;
COMMENT ON FUNCTION ae.sprt_transfn(internal, double precision) IS
'takes a p-value for ae.sprt';

CREATE FUNCTION ae.sprt_finalfn(internal) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_sprt_finalfn'
LANGUAGE C PARALLEL RESTRICTED;
COMMENT ON FUNCTION ae.sprt_finalfn(internal) IS
'evidence for ae.sprt';

-- No combine function: the order of rows counts.
CREATE AGGREGATE ae.sprt(p_value double precision) (
	SFUNC = ae.sprt_transfn,
	STYPE = internal,
	SSPACE = 64,
	FINALFUNC = ae.sprt_finalfn,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE ae.sprt(double precision) IS
'evidence, from p-values in the order of rows, that something has changed: by chance it comes to B no sooner than after B rows on the average';

CREATE FUNCTION ae.alarm_rate(contamination double precision, k integer, n integer) RETURNS double precision
AS 'MODULE_PATHNAME', 'pg_ae_alarm_rate'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.alarm_rate(double precision, integer, integer) IS
'share of rows that begin an alarm by chance, where k flagged rows among the last n are one';

-- pictures

CREATE FUNCTION ae.plot_loss(model bytea) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_plot_loss'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.plot_loss(bytea) IS
'the losses of training and validation by epoch, as SVG';

CREATE FUNCTION ae.plot_scores(model bytea, query text, contamination double precision DEFAULT 0.01) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_plot_scores'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION ae.plot_scores(bytea, text, double precision) IS
'a histogram of the raw scores of the rows of a query or table beside the threshold, as SVG';

CREATE FUNCTION ae.plot_loss(model ae.model) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_plot_loss'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ae.plot_loss(ae.model) IS
'the losses of training and validation by epoch, as SVG';

CREATE FUNCTION ae.plot_scores(model ae.model, query text, contamination double precision DEFAULT 0.01) RETURNS text
AS 'MODULE_PATHNAME', 'pg_ae_plot_scores'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION ae.plot_scores(ae.model, text, double precision) IS
'a histogram of the raw scores of the rows of a query or table beside the threshold, as SVG';

-- which rows to train on, and which to keep for a test
CREATE FUNCTION ae.split(input anyelement, share double precision, seed bigint DEFAULT 0) RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_ae_split'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION ae.split(anyelement, double precision, bigint) IS
'whether a row, or a key, is among this share of them, by a hash: the same in every query';

-- the way to a first answer

CREATE FUNCTION ae.detect(
	query text,
	options jsonb DEFAULT '{}',
	top integer DEFAULT 20,
	groups boolean DEFAULT false,
	key text[] DEFAULT NULL,
	OUT rank integer,
	OUT "key" jsonb,
	OUT score double precision,
	OUT p_value double precision,
	OUT reasons text[],
	OUT "row" json,
	OUT n_rows bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_ae_detect'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 20;
COMMENT ON FUNCTION ae.detect(text, jsonb, integer, boolean, text[]) IS
'train on the rows of a query or table, score them, and return the most anomalous ones, or groups of one reason, with reasons in words';

-- two models side by side

CREATE FUNCTION ae.compare_models(
	a ae.model,
	b ae.model,
	query text,
	OUT n_rows bigint,
	OUT mean_error_a double precision,
	OUT mean_error_b double precision,
	OUT median_error_a double precision,
	OUT median_error_b double precision,
	OUT share_flagged_a double precision,
	OUT share_flagged_b double precision,
	OUT agreement double precision,
	OUT rank_correlation double precision,
	OUT top_overlap double precision)
RETURNS record
AS 'MODULE_PATHNAME', 'pg_ae_compare_models'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION ae.compare_models(ae.model, ae.model, text) IS
'compare two models on the rows of a query or table: mean and median reconstruction error, share of rows that is_anomaly flags and on which both agree, correlation of their rankings, share of the top 1 % that they have in common';

CREATE FUNCTION ae.compare_models(
	a bytea,
	b bytea,
	query text,
	OUT n_rows bigint,
	OUT mean_error_a double precision,
	OUT mean_error_b double precision,
	OUT median_error_a double precision,
	OUT median_error_b double precision,
	OUT share_flagged_a double precision,
	OUT share_flagged_b double precision,
	OUT agreement double precision,
	OUT rank_correlation double precision,
	OUT top_overlap double precision)
RETURNS record
AS 'MODULE_PATHNAME', 'pg_ae_compare_models'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION ae.compare_models(bytea, bytea, text) IS
'compare two models on the rows of a query or table: mean and median reconstruction error, share of rows that is_anomaly flags and on which both agree, correlation of their rankings, share of the top 1 % that they have in common';
