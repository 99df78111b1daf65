/*
 * pg_position.c: describes the position of a training while it runs.
 */
#include "pg_train.h"

double
pgae_position_seconds(const PgaePosition *at)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, *at->start);
	return INSTR_TIME_GET_DOUBLE(now) + at->seconds_before;
}

const char *
pgae_position_step(const PgaePosition *at, uint64 *done, uint64 *planned)
{
	const AeTrainOptions *options = &at->model->options;

	if (options->epochs > 0 && !at->pretraining)
	{
		*done = at->progress->epoch;
		*planned = options->epochs;
		return "epoch";
	}
	*done = at->progress->update;
	*planned = at->progress->total_updates;
	return options->optimizer == AE_OPTIMIZER_LBFGS ? "iteration" : "update";
}
