/*
 * ae_io_model.h: the parts of a model's bytes in their order, each written and read by one function
 * (ae_io.h). The reader places what it makes in arena, which only counts if its base is NULL.
 */
#ifndef AE_IO_MODEL_H
#define AE_IO_MODEL_H

#include "ae_io.h"
#include "ae_model.h"

/* What later parts need to know about the columns. */
typedef struct AeIoColumns
{
	uint32_t n_categories;              /* that vary */
	uint32_t n_outputs[AE_MAX_COLUMNS]; /* of each of them */
} AeIoColumns;

/* ---- ae_io_schema.c ---- */
void ae_io_schema(AeIo *io, AeIoColumns *columns, AeModel *model, AeArena *arena);

/* ---- ae_io_network.c ---- */
void ae_io_net(AeIo *io, AeModel *model, AeArena *arena);
void ae_io_options(AeIo *io, AeTrainOptions *options);
void ae_io_outcome(AeIo *io, AeModel *model);
void ae_io_weights(AeIo *io, AeModel *model, AeArena *arena);

/* ---- ae_io_detector.c ---- */
void ae_io_calibration(AeIo *io, AeCalibration *calibration, AeArena *arena);
void ae_io_detector(AeIo *io, const AeIoColumns *columns, AeModel *model, AeArena *arena);
void ae_io_extremes(AeIo *io, AeModel *model, AeArena *arena);
void ae_io_frequent(AeIo *io, AeModel *model, AeArena *arena);
void ae_io_filter(AeIo *io, AeModel *model, AeArena *arena);
void ae_io_pairs(AeIo *io, AeModel *model, AeArena *arena);
void ae_io_verdicts(AeIo *io, const AeIoColumns *columns, AeModel *model, AeArena *arena);
void ae_io_history(AeIo *io, AeModel *model, AeArena *arena);

#endif
