/*
 * pg_alarm.c: alarms over several rows: ae.sprt, evidence from the p-values of rows in sequence,
 * and ae.alarm_rate, how often k of n rows are flagged by chance.
 */
#include "pg_tool.h"

#include <math.h>

#include "ae_alarm.h"
#include "catalog/pg_type.h"
#include "utils/float.h"

PG_FUNCTION_INFO_V1(pg_ae_sprt_transfn);
PG_FUNCTION_INFO_V1(pg_ae_sprt_finalfn);
PG_FUNCTION_INFO_V1(pg_ae_alarm_rate);

typedef struct Sequence
{
	double w[AE_SEQUENTIAL_TESTS];
	double evidence;
} Sequence;

static MemoryContext
check_aggregate(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("functions of the aggregate ae.sprt cannot be called directly")));
	return context;
}

/* A row without a p-value says nothing. */
Datum
pg_ae_sprt_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = check_aggregate(fcinfo);
	Sequence *sequence = PG_ARGISNULL(0) ? NULL : (Sequence *) PG_GETARG_POINTER(0);
	double p;

	if (PG_ARGISNULL(1))
	{
		if (sequence == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(sequence);
	}
	p = PG_GETARG_FLOAT8(1);
	if (!(p > 0 && p <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"p_value\" of ae.sprt is %s, must be above 0 and at most 1",
						float8out_internal(p)),
				 errhint("Pass the result of ae.p_value.")));
	if (sequence == NULL)
	{
		sequence = MemoryContextAlloc(context, sizeof(Sequence));
		for (int i = 0; i < AE_SEQUENTIAL_TESTS; i++)
			sequence->w[i] = 1;
	}
	sequence->evidence = ae_sequential_add(sequence->w, p);
	PG_RETURN_POINTER(sequence);
}

Datum
pg_ae_sprt_finalfn(PG_FUNCTION_ARGS)
{
	check_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(((Sequence *) PG_GETARG_POINTER(0))->evidence);
}

/* alarm_rate(contamination, k, n): the share of rows that begin an alarm by chance. */
Datum
pg_ae_alarm_rate(PG_FUNCTION_ARGS)
{
	double contamination = PG_GETARG_FLOAT8(0);
	int32 k = PG_GETARG_INT32(1), n = PG_GETARG_INT32(2);

	if (!(contamination >= 0 && contamination <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("contamination is %s, must be between 0 and 1",
							   float8out_internal(contamination))));
	if (k < 1 || k > n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("k is %d, must be between 1 and n, which is %d", k, n),
						errhint("An alarm is at least k flagged rows among the last n.")));
	if (k <= contamination * n)
		ereport(NOTICE,
				(errmsg("an alarm of %d flags in %d rows is on most of the time", k, n),
				 errdetail("At a contamination of %.2g, %.3g flags are expected by chance.  An "
						   "alarm that is already on cannot begin.",
						   contamination, contamination * n),
				 errhint("Choose a larger k or a smaller contamination.")));
	PG_RETURN_FLOAT8(ae_alarm_rate(contamination, k, n));
}
