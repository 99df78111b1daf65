/*
 * ae_scaler.h: the columns a model was trained on, and how their fields become
 * inputs of the network and back.
 *
 * A field is a double, as it came.  scaled = (field - shift) / scale, in double,
 * rounded once to AeReal, clamped to +-AE_SCALED_MAX.  A column that never varied
 * in training is no input (`input` = -1): it takes no part in error or code and
 * is reconstructed as its one value.
 */
#ifndef AE_SCALER_H
#define AE_SCALER_H

#include "ae_net.h"
#include "ae_status.h"

#define AE_SCALED_MAX 1e15

/* The numbers of these enums are part of the byte format. */
typedef enum AeKind
{
	AE_KIND_NUMBER = 0,
	AE_KIND_BOOLEAN = 1, /* 0 or 1, never rescaled, cross-entropy */
	AE_KIND_COUNT
} AeKind;

typedef enum AeScaling
{
	AE_SCALING_STANDARD = 0, /* shift = mean, scale = standard deviation (1/n) */
	AE_SCALING_MINMAX = 1,   /* shift = min, scale = max - min */
	AE_SCALING_NONE = 2,     /* shift = 0, scale = 1 */
	AE_SCALING_COUNT
} AeScaling;

extern const char *const ae_kind_name[AE_KIND_COUNT];
extern const char *const ae_scaling_name[AE_SCALING_COUNT];

typedef struct AeColumn
{
	const char *name; /* UTF-8, not terminated; NULL in a model of arrays */
	uint32_t name_len;
	AeKind kind;
	int32_t input; /* the column's input, or -1: constant */
	double shift;
	double scale;
	/* of the rows the scaler saw */
	double mean;
	double sd;
	double min;
	double max;
} AeColumn;

typedef struct AeSchema
{
	bool is_array;     /* rows are arrays: columns have no names */
	bool raw_names;    /* names are raw bytes of an SQL_ASCII database */
	AeScaling scaling; /* of number columns */
	uint32_t n_columns;
	uint32_t n_inputs;
	AeColumn *columns;
} AeSchema;

/* Running moments of one column (Welford 1962), in the order the rows are shown. */
typedef struct AeMoments
{
	double n;
	double mean;
	double m2;
	double min;
	double max;
} AeMoments;

void ae_moments_init(AeMoments *moments);
void ae_moments_add(AeMoments *moments, double field);

/*
 * Sets shift, scale and statistics of every column from its moments, and numbers
 * the inputs: number columns first, then booleans, each in column order.  A column
 * of one value, or whose deviation is too small to divide by, is constant: input
 * -1, shift its mean, scale 0.
 *
 * moments: one per column.  AE_ERR_RANGE with column, value (the one farthest from
 * 0), low, high where the variance overflows a double.
 */
AeStatus ae_scaler_fit(AeSchema *schema, const AeMoments *moments, AeError *error);

/*
 * The output blocks that belong to the schema: numbers under number_loss, then
 * booleans under cross-entropy.  blocks has room for 2; returns how many.
 */
uint32_t ae_scaler_blocks(AeBlock *blocks, const AeSchema *schema, AeLoss number_loss);

/* The same from the numbers of varying number and boolean columns. */
uint32_t ae_scaler_blocks_of(AeBlock *blocks, uint32_t n_numbers, uint32_t n_booleans,
							 AeLoss number_loss);

/*
 * Loss per row of always predicting the column means, the yardstick of a useful
 * model, in closed form from the statistics: the mean over inputs of (sd / scale)^2
 * under squared error and of the entropy -(m ln m + (1 - m) ln(1 - m)) of the scaled
 * mean m under cross-entropy.  0 without inputs.
 */
double ae_scaler_mean_loss(const AeSchema *schema, AeLoss number_loss);

/*
 * inputs[n_inputs] from fields[n_columns], one row.  Returns -1, or the index of the first
 * varying column whose field is NaN or infinite; such a field enters as the mean.
 */
int ae_scaler_apply(AeReal *inputs, const AeSchema *schema, const double *fields);

/*
 * fields[n_columns] = shift + scale * output, in double, from outputs[n_inputs] in
 * scaled units (probabilities for booleans and BCE numbers); constants give their mean.
 */
void ae_scaler_invert(double *fields, const AeSchema *schema, const AeReal *outputs);

#endif
