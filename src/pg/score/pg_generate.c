/*
 * pg_generate.c: draws rows from a model: the function ae.generate, and ae.impute with a seed.
 *
 * Rows are drawn in blocks and returned one by one, so that a million take no more memory than one.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "ae_generate.h"
#include "pg_score.h"

PG_FUNCTION_INFO_V1(pg_ae_generate);
PG_FUNCTION_INFO_V1(pg_ae_generate_arrays);
PG_FUNCTION_INFO_V1(pg_ae_impute_draw);

/* Rows of a block: enough for full speed (ae_kernel.h). */
#define BLOCK_ROWS 48

/* How often a row that must meet the constraints of its table is drawn. */
#define MAX_DRAWS 1000

/* Rows that are drawn again get numbers beyond those of all rows. */
#define DRAW_SHIFT 52

/* Where a call stands. */
typedef struct Call
{
	PgaeCached *cached;
	AeGenerator generator;
	AeScorer scorer;
	Datum row;                    /* what is given of every row */
	double *values;               /* n_columns: of it */
	bool *missing;                /* n_columns: which are to be drawn */
	double *drawn;                /* n_columns: of one row */
	bool *null;                   /* n_columns: likewise */
	int64 n;                      /* rows asked for */
	int64 next;                   /* row of the next call */
	PgaeConstraints *constraints; /* of the type of rows, when the first one is there */
	Oid row_type;                 /* InvalidOid: they are real[] */
	int64 block;                  /* the first row of the block */
	int64 block_end;              /* rows before it are drawn */
} Call;

/* Raises 42804 for a model of rows, which arrays cannot hold. */
static void
check_array(const PgaeCached *cached)
{
	if (!pgae_cached_fold(cached, 0)->schema.is_array)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("model was trained on rows with named columns, not on arrays"),
						errhint("Say of which type rows should be: ae.generate(model, "
								"NULL::name_of_table, n, seed).")));
}

/* Raises 55000 for a model that cannot draw. */
static void
check_draws(const PgaeCached *cached, bool whole_rows)
{
	const AeModel *model = pgae_cached_fold(cached, 0);

	if (!model->schema.draws && !(whole_rows && model->net.spread))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the model was trained to %s, and cannot draw rows",
						ae_purpose_name[model->purpose]),
				 whole_rows ? errhint("Train one with the option \"purpose\" = generate, or with "
									  "ae.variational().")
							: errhint("Train one with the option \"purpose\" = generate.")));
}

/* A value of the row that the codec has read, as its type prints it. */
static char *
text_of(PgaeCodec *codec, Datum row, const double *values, uint32 c)
{
	char *actual, *expected;

	pgae_codec_open(codec, row);
	pgae_codec_texts(codec, values, c, &actual, &expected);
	return actual ? actual : "NULL";
}

/*
 * The network must have an input for what is given of a row: raises 22023 for a level that training
 * did not see and for a number that is not finite. notices: raise one for numbers beyond those of
 * training.
 */
static void
check_given(PgaeCodec *codec, const AeSchema *schema, Datum row, const PgaeRow *read, bool notices)
{
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		double value = read->values[c];
		bool category = column->kind == AE_KIND_CATEGORY;

		if (read->missing[c] || column->cell < 0)
			continue;
		if (category ? value < 0 : !isfinite(value))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" is %s, a value that no row of training had",
							pgae_value_name(schema, c), text_of(codec, row, read->values, c)),
					 errhint("Set it to NULL to have it drawn as well.")));
		if (notices && !category && (value < column->min || value > column->max))
			ereport(NOTICE,
					(errmsg("column \"%s\" is %s, beyond all rows of training: the others "
							"are drawn as for the value nearest to it",
							pgae_value_name(schema, c), text_of(codec, row, read->values, c))));
	}
}

/* 0A000 if anything is given to a model that draws whole rows. */
static void
refuse_given(const AeSchema *schema, const PgaeRow *read)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		if (!read->missing[c])
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a variational model draws whole rows, but column \"%s\" is given",
							pgae_value_name(schema, c)),
					 errhint("Set it to NULL, or train a model with the option \"purpose\" = "
							 "generate, which draws some columns given the others.")));
	}
}

/* Room to draw so many rows at a time, in the current context. */
static void
begin_generator(AeGenerator *generator, AeScorer *scorer, uint32 n_columns, int64 seed)
{
	const AeNet *net = &scorer->model->net;

	generator->scorer = scorer;
	generator->seed = (uint64) seed;
	generator->order =
		MemoryContextAllocHuge(CurrentMemoryContext, scorer->batch * n_columns * sizeof(uint32));
	generator->n_left = palloc(scorer->batch * sizeof(uint32));
	generator->number = palloc(scorer->batch * sizeof(uint64));
	if (scorer->model->schema.draws)
		return;
	generator->codes = MemoryContextAllocHuge(
		CurrentMemoryContext, scorer->batch * net->width[net->n_encoder] * sizeof(AeReal));
	generator->noise = palloc(net->layout.n_dense * sizeof(AeReal) + 1);
}

/* Row i is to be drawn; numbers of rows are below 2^62. */
static void
take(Call *call, size_t i, uint64 number)
{
	if (call->generator.codes)
		call->generator.number[i] = number;
	else
		ae_generator_take(&call->generator, i, call->values, call->missing, call->missing, number);
}

static void
draw(AeGenerator *generator, size_t n_rows)
{
	CHECK_FOR_INTERRUPTS();
	if (generator->codes)
		ae_generator_decode(generator, n_rows);
	while (generator->codes == NULL && ae_generator_step(generator, n_rows))
		CHECK_FOR_INTERRUPTS();
}

/* ---- generate ---- */

/* Raises 22023 for a negative number. */
static int64
check_n(int64 n)
{
	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of rows to generate is " INT64_FORMAT ", must be 0 or more", n)));
	return n;
}

/* What a row violates; NULL: nothing. */
static char *
violation_of(Call *call, FuncCallContext *context, Datum row)
{
	MemoryContext old;

	if (!OidIsValid(call->row_type))
		return NULL;
	if (call->constraints == NULL || !pgae_constraints_fit(call->constraints))
	{
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		call->constraints =
			pgae_constraints_of(call->row_type, pgae_codec_known(call->cached->codec, call->row));
		MemoryContextSwitchTo(old);
	}
	return pgae_violation(call->constraints, row);
}

/* Begins a call that returns rows of that type, or arrays; allocated in the current context. */
static Call *
begin_call(FunctionCallInfo fcinfo, Oid row_type, const Datum *row, int64 n, int64 seed)
{
	Call *call = palloc0(sizeof(Call));
	const AePacked *network;
	const AeSchema *schema;
	const PgaeRow *read;
	size_t bytes;
	AeError error;

	call->n = check_n(n);
	call->cached = pgae_model_alone(fcinfo, 0, CurrentMemoryContext);
	check_draws(call->cached, true);
	pgae_refuse_code(call->cached);
	network = call->cached->parsed.bundle.networks;
	schema = &network->model->schema;
	if (!OidIsValid(row_type))
		check_array(call->cached);
	call->cached->codec =
		pgae_make_codec(call->cached, OidIsValid(row_type) ? row_type : FLOAT4ARRAYOID);
	pgae_codec_check_form(call->cached->codec);
	call->row = row ? datumCopy(*row, false, -1) : pgae_codec_empty_row(call->cached->codec);
	read = pgae_codec_read(call->cached->codec, call->row);
	if (schema->draws)
		check_given(call->cached->codec, schema, call->row, read, true);
	else
		refuse_given(schema, read);
	call->row_type = row_type;
	pgae_codec_leave_domains(call->cached->codec);
	call->values = memcpy(palloc(schema->n_columns * sizeof(double)), read->values,
						  schema->n_columns * sizeof(double));
	call->missing = memcpy(palloc(schema->n_columns), read->missing, schema->n_columns);
	call->drawn = palloc(schema->n_columns * sizeof(double));
	call->null = palloc(schema->n_columns);
	pgae_raise_unless_ok(ae_scorer_size(&bytes, network, 1, BLOCK_ROWS, &error), &error, NULL);
	ae_scorer_init(&call->scorer, MemoryContextAllocHuge(CurrentMemoryContext, bytes), network, 1,
				   BLOCK_ROWS);
	begin_generator(&call->generator, &call->scorer, schema->n_columns, seed);
	call->generator.nulls = true;
	return call;
}

static void
draw_block(Call *call)
{
	size_t n = (size_t) Min(BLOCK_ROWS, call->n - call->next);

	for (size_t i = 0; i < n; i++)
		take(call, i, (uint64) call->next + i);
	draw(&call->generator, n);
	call->block = call->next;
	call->block_end = call->block + (int64) n;
}

/* Row i of the block as a datum, in the current context. */
static Datum
form(Call *call, size_t i)
{
	uint32 n_columns = call->scorer.model->schema.n_columns;

	ae_generator_values(call->drawn, call->null, &call->generator, i);
	for (uint32 c = 0; c < n_columns; c++)
		call->null[c] = call->missing[c] && !call->null[c];
	return pgae_codec_form(call->cached->codec, call->row, call->drawn, call->null);
}

/*
 * Draws the current row again and again until it meets the constraints of its table; raises 23514
 * if it never does. Place 0 of the block is free: its row is this one, or has been returned.
 */
static Datum
draw_again(Call *call, FuncCallContext *context, char *violation)
{
	Datum row = (Datum) 0;

	for (uint64 i = 1; violation != NULL; i++)
	{
		if (i == MAX_DRAWS)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("none of %d rows that were drawn meets the constraints of the table",
							MAX_DRAWS),
					 errdetail("The last one violates %s.", violation),
					 errhint("Draw rows of a type without constraints, or give some of the "
							 "columns.")));
		take(call, 0, (uint64) call->next ^ i << DRAW_SHIFT);
		draw(&call->generator, 1);
		row = form(call, 0);
		violation = violation_of(call, context, row);
	}
	return row;
}

/* The next row, in the current context. */
static Datum
next_row(Call *call, FuncCallContext *context)
{
	char *violation;
	Datum row;

	if (call->next == call->block_end)
		draw_block(call);
	row = form(call, (size_t) (call->next - call->block));
	violation = violation_of(call, context, row);
	if (violation)
		row = draw_again(call, context, violation);
	call->next++;
	return row;
}

/*
 * generate(model, row, n, seed): n rows of the row's type, with its values that are not NULL;
 * arrays if row_type is InvalidOid.
 */
static Datum
generate(FunctionCallInfo fcinfo, Oid row_type, const Datum *row, int n_argument)
{
	FuncCallContext *context;
	Call *call;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		context->user_fctx = begin_call(fcinfo, row_type, row, PG_GETARG_INT64(n_argument),
										PG_GETARG_INT64(n_argument + 1));
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	call = context->user_fctx;
	if (call->next == call->n)
		SRF_RETURN_DONE(context);
	SRF_RETURN_NEXT(context, next_row(call, context));
}

/* Returns no rows for a NULL argument. */
static Datum
no_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	result->isDone = ExprEndResult;
	PG_RETURN_NULL();
}

Datum
pg_ae_generate(PG_FUNCTION_ARGS)
{
	Datum row = PG_GETARG_DATUM(1);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return no_rows(fcinfo);
	return generate(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, 1), PG_ARGISNULL(1) ? NULL : &row,
					2);
}

/* generate(model, n, seed): n arrays. */
Datum
pg_ae_generate_arrays(PG_FUNCTION_ARGS)
{
	return generate(fcinfo, InvalidOid, NULL, 1);
}

/* ---- impute ---- */

/*
 * impute(model, row, seed): replaces NULLs by draws from what the model expects given the rest of
 * the row. Draws depend on the known values, so different rows get different draws.
 */
Datum
pg_ae_impute_draw(PG_FUNCTION_ARGS)
{
	AeBundleRow row;
	PgaeCached *cached = pgae_see_any_row(fcinfo, 0, &row);
	AeScorer *scorer = &cached->scorer.fold[0];
	const AeSchema *schema = &scorer->model->schema;
	Datum datum = PG_GETARG_DATUM(1);
	AeGenerator generator = {0};
	double *values;
	bool *missing, *null;

	check_draws(cached, false);
	pgae_codec_check_form(cached->codec);
	if (memchr(row.missing, true, schema->n_columns) == NULL)
		PG_RETURN_DATUM(datum);
	check_given(cached->codec, schema, datum,
				&(PgaeRow){.values = unconstify(double *, row.values),
						   .missing = unconstify(bool *, row.missing)},
				false);
	missing = memcpy(palloc(schema->n_columns), row.missing, schema->n_columns);
	null = palloc(schema->n_columns);
	values = palloc(schema->n_columns * sizeof(double));
	begin_generator(&generator, scorer, schema->n_columns, PG_GETARG_INT64(2));
	ae_generator_take(&generator, 0, row.values, missing, missing, 0);
	ae_generator_take(&generator, 0, row.values, missing, missing, ae_generator_number(&generator));
	draw(&generator, 1);
	ae_generator_values(values, null, &generator, 0);
	for (uint32 c = 0; c < schema->n_columns; c++)
		null[c] = missing[c] && !null[c];
	PG_RETURN_DATUM(pgae_codec_form(cached->codec, datum, values, null));
}
