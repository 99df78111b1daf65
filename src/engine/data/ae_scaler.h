/*
 * ae_scaler.h: the columns a model was trained on, and how their values become cells
 * (ae_loss.h) and back.
 *
 * A *value* is a double, unscaled: a number; a boolean, 0 or 1; a time in seconds; for a category
 * the index of its level, and for a wide one AE_TAG_STRIDE times its tag in addition.  An AeColumn
 * describes one value of a row: a column, or one element of an array column.  Everything runs in
 * double and is rounded once: epoch seconds or account numbers in float would lose the differences
 * that matter.
 *
 * A column that never varied in training has no cell (-1): no input, and no output, and it is
 * reconstructed as its only value.
 *
 * In a model that generates rows (AeSchema.draws) every column is a category to the network:
 * numbers, times and booleans are put into bins (ae_bins.h), and NULL is the last level if training
 * had it.
 *
 * If all values of a column are known (it never varied, or it is a category without rare levels), a
 * value that training did not see is *unseen*.  It has not occurred in n rows, so its probability
 * is below 1 / (n + 1). It costs as much as the value 1 of a standardised number that is 0 or 1,
 * and is 1 that often: (1 - p)^2 / (p (1 - p)) = n for p = 1 / (n + 1).
 */
#ifndef AE_SCALER_H
#define AE_SCALER_H

#include "ae_bins.h"
#include "ae_loss.h"
#include "ae_sketch.h"
#include "ae_status.h"

#define AE_SCALED_MAX 1e15

#define AE_TAG_STRIDE 0x1p20

/* The numbers of these enums are part of the byte format. */
typedef enum AeKind
{
	AE_KIND_NUMBER = 0,
	AE_KIND_BOOLEAN = 1,  /* 0 or 1: standard or no scaling, depending on ae_boolean_loss */
	AE_KIND_TIME = 2,     /* seconds since 2000-01-01 00:00 UTC, or since midnight */
	AE_KIND_CATEGORY = 3, /* one of the levels seen in training */
	AE_KIND_COUNT
} AeKind;

typedef enum AeScaling
{
	AE_SCALING_STANDARD = 0, /* (v - mean) / standard deviation (1/n) */
	AE_SCALING_MINMAX = 1,   /* (v - min) / (max - min) */
	AE_SCALING_NONE = 2,     /* v */
	AE_SCALING_ROBUST = 3,   /* (v - median) / (interquartile range / 1.349) */
	AE_SCALING_LOG = 4,      /* standard, of sign(v) ln(1 + |v|) */
	AE_SCALING_QUANTILE = 5, /* the normal deviate of the value's rank */
	AE_SCALING_BINS = 6,     /* not a number: the index of the value's bin */
	AE_SCALING_COUNT
} AeScaling;

/* Parts of a time that have a sine and a cosine of their own, as bits. */
#define AE_PART_HOUR 1u    /* of the day, with its fraction */
#define AE_PART_WEEKDAY 2u /* the day of the week */
#define AE_PART_MONTH 4u   /* of the year, with its fraction */
#define AE_PART_ALL 7u

/* Quantile scaling: values at the normal deviates -3.2, -3.1, ..., 3.2. */
#define AE_KNOTS 65
#define AE_KNOT_FIRST (-3.2)
#define AE_KNOT_STEP 0.1

extern const char *const ae_kind_name[AE_KIND_COUNT];

/* Whether columns of this kind have a mean, a deviation and a scaling: numbers and times. */
bool ae_kind_is_scaled(AeKind kind);
extern const char *const ae_scaling_name[AE_SCALING_COUNT];

typedef struct AeLevel
{
	const char *text; /* UTF-8, or raw (AeSchema.raw_names); not terminated */
	uint32_t len;
	uint64_t count; /* rows it was seen in */
} AeLevel;

typedef struct AeColumn
{
	const char *name; /* UTF-8, not terminated; NULL in a model of arrays, and for elements > 1 */
	uint32_t name_len;
	uint32_t element; /* 0: a column of one value; 1, 2, ...: an element of an array column */
	AeKind kind;
	AeScaling scaling;
	uint32_t parts; /* of a time */
	bool observed;  /* training saw a value that is not NULL */
	bool varies;
	bool indicator; /* an input says whether the value is missing */
	bool single;    /* a number of type real; texts of such values are read as floats */
	int32_t cell;   /* the first one, or -1 */
	/* of a category: a level of enough rows has no input, or `other` is the most frequent one */
	bool wide;
	uint32_t tag; /* the cell of its tag */
	double shift;
	double scale;
	/* of the values that the scaler saw */
	double mean;
	double sd;
	double min;
	double max;
	uint64_t n_missing;
	double *knots; /* AE_KNOTS values, not descending; NULL unless quantile */
	/* of a category: its levels, the most frequent first, then in the order of bytes */
	uint32_t n_levels;
	AeLevel *levels;
	uint64_t other; /* rows of levels too rare to have an input of their own; > 0: they share one */
	double unseen;  /* what an unseen value costs; at the first value of a source column */
	bool null_level; /* in a model that draws rows: NULL is the last of its levels */
	AeBins bins;     /* of scaling by bins */
	/*
	 * Sketch of its values in training: in the first model of a bundle, over the rows of all folds;
	 * NULL elsewhere. errors and their mean: of the source column that starts here, over rows that
	 * their network did not see; NULL if there are no such rows.
	 */
	AeSketch *sketch;
	AeSketch *errors;
	double mean_error;
} AeColumn;

typedef struct AeSchema
{
	bool is_array;          /* rows are arrays: columns have no names */
	bool raw_names;         /* names and levels are raw bytes of an SQL_ASCII database */
	bool draws;             /* for drawing rows: every column is a category to the network */
	double clip;            /* largest scaled number that enters, or 0: no bound */
	uint32_t max_levels;    /* as the options have it: levels of a category with an input */
	uint32_t min_frequency; /* likewise: rows in which such a level was seen */
	uint32_t n_columns;
	AeColumn *columns;
	bool has_target; /* there is a column that is predicted (ae_target.h) and is not an input: */
	AeColumn target; /* a number, boolean or category of one value; it has no cell here */
	/* set by ae_schema_count and ae_schema_layout */
	uint32_t n_varying;
	uint32_t n_scalars;  /* numbers and times of one cell */
	uint32_t n_booleans; /* that vary */
	uint32_t n_dense;
	uint32_t n_indicators;
	uint32_t n_categories;
	uint32_t n_wide;   /* of them */
	uint32_t n_levels; /* of all categories, `other` included */
	uint32_t n_blocks;
	uint32_t n_sources; /* source columns that vary */
} AeSchema;

/* Whether a column is a category to the network. */
static inline bool
ae_column_is_levels(const AeColumn *column)
{
	return column->kind == AE_KIND_CATEGORY || column->scaling == AE_SCALING_BINS;
}

/* Levels of such a column that stand for values: those of a category and `other`, or bins. */
static inline uint32_t
ae_column_levels(const AeColumn *column)
{
	return column->kind == AE_KIND_CATEGORY ? column->n_levels + (column->other > 0)
											: ae_bins_n(&column->bins);
}

/* Outputs of such a column. */
static inline uint32_t
ae_column_outputs(const AeColumn *column)
{
	return ae_column_levels(column) + column->null_level;
}

/* The tag of a level, which one other level in 2^24 shares; hash: that of its bytes. */
static inline uint32_t
ae_level_tag(uint64_t hash)
{
	return (uint32_t) (hash >> 40);
}

/* The tag in the value of a wide category. */
static inline uint32_t
ae_value_tag(double value)
{
	return (uint32_t) (value / AE_TAG_STRIDE);
}

/* The index in the value of any category. */
static inline double
ae_value_level(double value)
{
	return value < AE_TAG_STRIDE ? value : value - AE_TAG_STRIDE * ae_value_tag(value);
}

/* Cells of a column that varies, without its tag. */
static inline uint32_t
ae_column_cells(const AeColumn *column)
{
	uint32_t parts = column->parts;

	if (column->kind != AE_KIND_TIME)
		return 1;
	return 1 + 2 * ((parts & 1) + (parts >> 1 & 1) + (parts >> 2 & 1));
}

/* One past the last AeColumn of the source column that starts at `first`. */
uint32_t ae_schema_source_end(const AeSchema *schema, uint32_t first);

/* Whether all values are elements of one array: the row itself, or its only column. */
static inline bool
ae_schema_is_one_array(const AeSchema *schema)
{
	return schema->is_array ||
		   (schema->columns[0].element > 0 && ae_schema_source_end(schema, 0) == schema->n_columns);
}

/* Whether any value of the source column that starts at `first` varies. */
bool ae_schema_source_varies(const AeSchema *schema, uint32_t first);

/*
 * Adds a column to the counts above; call it for the columns in order. *open, kept by the caller
 * and false at first, says whether the current source column has been counted.
 */
void ae_schema_count(AeSchema *schema, const AeColumn *column, bool *open);

/*
 * Sets the counts and numbers the cells of varying columns: first numbers and times of one cell,
 * then array columns and times with parts, booleans, categories, tags of wide ones, each in column
 * order.
 */
void ae_schema_layout(AeSchema *schema);

/*
 * The loss of booleans, which are categories of two levels: cross-entropy on 0 and 1 if categories
 * or numbers have it, else the squared error of the standardised value, which equals the weighted
 * squared error of a category of two levels.
 */
AeLoss ae_boolean_loss(AeLoss number_loss, AeLoss category_loss);

/*
 * The layout that belongs to the schema.  blocks: room for schema->n_blocks; indicators:
 * room for schema->n_indicators; layout points at both.
 */
void ae_schema_blocks(AeLayout *layout, AeBlock *blocks, uint32_t *indicators,
					  const AeSchema *schema, AeLoss number_loss, AeLoss category_loss);

/* Running moments of numbers (Welford 1962), in the order in which they are added. */
typedef struct AeMoments
{
	double n;
	double mean;
	double m2;
	double min;
	double max;
	double distance; /* sum of a loss of value - mean, from a second pass over the numbers */
} AeMoments;

void ae_moments_init(AeMoments *moments);
void ae_moments_add(AeMoments *moments, double value);

/* Adds the loss of a number to the moments that include it; for losses with ae_loss_info.at. */
void ae_moments_add_distance(AeMoments *moments, double value, AeLoss loss);

/* The most ranges that a column of such a schema may have: fewer if there are many columns. */
uint32_t ae_schema_ranges(const AeSchema *schema);

/* What the scaler needs to know about a column's observed values. */
typedef struct AeStatistics
{
	AeMoments value;
	AeMoments log;  /* of sign(v) ln(1 + |v|); for log scaling only */
	double *sample; /* values in ascending order; for robust and quantile scaling, and bins */
	size_t n_sample;
} AeStatistics;

/* sign(v) ln(1 + |v|) */
double ae_scaler_log(double value);

/*
 * Sets shift, scale, knots, bins (if the caller made room) and statistics of every column, and lays
 * the cells out.  Columns come with kind, scaling, parts, levels, n_missing.  A column of one
 * value, or whose deviation is too small to divide by, does not vary.
 *
 * statistics: one per column.  AE_ERR_RANGE with column, value (the one farthest from 0), low, high
 * if the variance overflows a double.
 */
AeStatus ae_scaler_fit(AeSchema *schema, const AeStatistics *statistics, AeError *error);

/*
 * Loss per row of always predicting the mean, or a category's frequencies: the yardstick
 * of a useful model.  cells: moments of every dense cell, for mae and huber with distances.
 */
double ae_scaler_mean_loss(const AeSchema *schema, const AeLayout *layout, const AeMoments *cells);

/* Whether a column can have unseen values: all those of its training are known. */
bool ae_column_is_known(const AeColumn *column);

/*
 * Whether a value is one of those of a known column; differences by rounding to float do not count.
 */
bool ae_column_knows(const AeColumn *column, double value);

/*
 * The cost of the unseen values of a row: the sum over source columns that have one.
 * parts[n_columns], or NULL: the cost of each, at its first value; NaN if the column is NULL.
 */
double ae_scaler_unseen(double *parts, const AeSchema *schema, const double *values,
						const bool *missing);

/* The same for the source column that starts at first. */
double ae_scaler_source_unseen(const AeSchema *schema, const double *values, const bool *missing,
							   uint32_t first);

/* The largest scaled number of a column; clip: the schema's. */
double ae_scaler_limit(const AeColumn *column, double clip);

/*
 * cells from values[n_columns] and missing[n_columns] of one row; if NULL is a level, a missing
 * value has that level. Returns the index of the first column, among those observed in training,
 * whose value is NaN or infinite, or -1; such a value enters as the mean.
 */
int ae_scaler_apply(AeReal *cells, const AeSchema *schema, const double *values,
					const bool *missing);
/* The same for columns first .. end - 1 only. */
int ae_scaler_apply_some(AeReal *cells, const AeSchema *schema, const double *values,
						 const bool *missing, uint32_t first, uint32_t end);

/*
 * values[n_columns] from outputs in scaled units (probabilities for booleans, BCE numbers and
 * categories): in the user's units, within min and max of the column; for bins the mean; for a
 * category the index of its most probable level, or if that is `other`, -1 minus the most probable
 * one that has a name. Constants have their value.
 */
void ae_scaler_invert(double *values, const AeSchema *schema, const AeLayout *layout,
					  const AeReal *outputs);

/* ae_bins_value, limited to min and max of the column. */
double ae_column_bin_value(const AeColumn *column, uint32_t bin, double at);

/* The cell for an output of a number, time or boolean that varies, limited likewise. */
AeReal ae_scaler_bound(const AeSchema *schema, uint32_t column, AeReal output);

/* The first output of a varying category. */
uint32_t ae_schema_category_output(const AeSchema *schema, const AeLayout *layout, uint32_t column);

#endif
