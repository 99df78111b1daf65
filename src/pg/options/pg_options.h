/*
 * pg_options.h: the options of ae.train, from jsonb to the engine's own.
 *
 * Four files share it, each above the one before.  pg_options.c parses: it knows which options
 * there are, with their types and ranges.  pg_rules.c refuses options that cannot be combined,
 * pg_start.c those that contradict the model that training starts from.  pg_defaults.c fills in what
 * was not given, once columns and rows are known.
 */
#ifndef PG_OPTIONS_H
#define PG_OPTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "pg_base.h"

/* What an option says about one column. */
typedef struct PgaeChoice
{
	char *column;
	int choice; /* AeKind or AeScaling */
} PgaeChoice;

/* Kinds of ae.denoise. */
typedef enum PgaeDenoise
{
	PGAE_DENOISE_GAUSSIAN,
	PGAE_DENOISE_MASKING,
	PGAE_DENOISE_SALT_PEPPER,
	PGAE_DENOISE_SWAP,
	PGAE_DENOISE_COUNT
} PgaeDenoise;

/*
 * The options as they were given. A field that was not given is 0, or the engine's default in
 * train; PGAE_GIVEN tells which ones were given.
 */
typedef struct PgaeOptions
{
	uint64 given[2]; /* a bit for each option */
	List *columns;   /* of char *, or NIL: all */
	List *exclude;   /* of char * */
	int purpose;     /* AePurpose */
	int code;
	int n_hidden;
	int hidden[AE_MAX_LAYERS];
	int n_decoder;
	int decoder[AE_MAX_LAYERS];
	bool skip;
	int activation; /* AeActivation, as the next two */
	int code_activation;
	int output_activation;
	int loss;          /* AeLoss */
	int category_loss; /* AeLoss */
	int scaling;       /* AeScaling, if given by one word for all columns */
	List *scalings;    /* of PgaeChoice: if given for single columns */
	List *kinds;       /* of PgaeChoice */
	int folds;
	int prototypes;
	int quality; /* 0 standard, 1 accurate */
	double clip;
	int max_levels;
	int min_frequency;
	bool null_indicators;
	int time_parts; /* bits of AE_PART_ALL */
	int top_k;
	int denoise; /* PgaeDenoise */
	double denoise_level;
	char *target;   /* column, or NULL */
	char *feedback; /* likewise */
	char *weight;   /* likewise */
	int hash_bits;
	AeTrainOptions train;
} PgaeOptions;

/* The neighbour whose distance is the scale of a row's neighbourhood, unless it was given. */
#define PGAE_DEFAULT_NEIGHBOURS 8
/* Rows of a minibatch when codes keep neighbours (chosen on Fashion-MNIST). */
#define PGAE_NEIGHBOURS_BATCH 512

/* Whether the option of that field was given. */
#define PGAE_GIVEN(options, field) pgae_option_given(options, offsetof(PgaeOptions, field))
extern bool pgae_option_given(const PgaeOptions *options, size_t offset);

/* ---- pg_options.c ---- */

/* What a value must be. */
typedef enum PgaeOptionType
{
	PGAE_OPTION_NAMES,   /* array of strings: List * */
	PGAE_OPTION_FLAG,    /* boolean: bool */
	PGAE_OPTION_WORD,    /* string, one of two: bool */
	PGAE_OPTION_SET,     /* array of strings, each one of choices: int of bits */
	PGAE_OPTION_MAP,     /* object of columns and choices: List * of PgaeChoice */
	PGAE_OPTION_EITHER,  /* string: int; or object as PGAE_OPTION_MAP: List * */
	PGAE_OPTION_CHOICE,  /* string, one of choices: int */
	PGAE_OPTION_INT,     /* integer: int */
	PGAE_OPTION_WIDTHS,  /* array of integers: int[AE_MAX_LAYERS]; its count stands before it */
	PGAE_OPTION_COUNT32, /* integer: uint32 */
	PGAE_OPTION_COUNT64, /* integer: uint64 */
	PGAE_OPTION_REAL,    /* number: double */
	PGAE_OPTION_NAME,    /* string: char * */
	PGAE_OPTION_TYPE_COUNT
} PgaeOptionType;

/* An option, whether of the binding's or of the engine's. */
typedef struct PgaeOptionInfo
{
	const char *name;
	PgaeOptionType type;
	size_t offset; /* in PgaeOptions */
	double low, high;
	bool open;                         /* high itself is outside the range */
	const char *(*choice)(int number); /* NULL past the last; or */
	const char *const *names;          /* of the values low .. high */
	const char *needs;                 /* the option that it requires, or NULL */
	unsigned optimizers;               /* AE_FOR_... */
} PgaeOptionInfo;

/* Option number i, from 0 on; false past the last. */
extern bool pgae_option_info(PgaeOptionInfo *info, int number);
/* The option of that name, which must exist. */
extern void pgae_option_named(PgaeOptionInfo *info, const char *name);
/* The word for a value of a CHOICE, EITHER or WORD. */
extern const char *pgae_option_word(const PgaeOptionInfo *info, int value);

/* Parses options and checks each; options may be NULL: {}. */
extern PgaeOptions *pgae_options_parse(Jsonb *options);

/* What the option of that list says about a column, or -1. */
extern int pgae_options_choice(const List *choices, const char *column);
/* Whether a list of char * contains that one. */
extern bool pgae_options_list(const List *names, const char *column);
/* Text that a user wrote, shortened to fit into a message. */
extern const char *pgae_shown(const char *text);

/* What follows from the options alone. */
/* Units of the code, 0: not given. */
extern int pgae_options_code(const PgaeOptions *options);
extern AePurpose pgae_options_purpose(const PgaeOptions *options);
/* The folds to cross over, the networks of each, and the prototypes that the options ask for. */
extern uint32 pgae_options_folds(const PgaeOptions *options);
extern uint32 pgae_options_members(const PgaeOptions *options);
extern uint32 pgae_options_prototypes(const PgaeOptions *options, uint32 n_folds);
/* The losses and the scaling of numbers that follow from the options. */
extern AeLoss pgae_options_loss(const PgaeOptions *options);
extern AeLoss pgae_options_category_loss(const PgaeOptions *options);
extern AeScaling pgae_options_scaling(const PgaeOptions *options, bool one_array);
/* Whether the code keeps neighbours, and whether a linear path lies beside the layers. */
extern bool pgae_options_neighbours(const PgaeOptions *options);
extern bool pgae_options_skip(const PgaeOptions *options);
extern bool pgae_options_contractive(const PgaeOptions *options);
/* The distribution of the outputs; a variational code needs one. */
extern AeDistribution pgae_options_distribution(const PgaeOptions *options);
/* to = from backwards. */
extern void pgae_mirror(int *to, const int *from, int n);

/* ---- pg_rules.c ---- */

/*
 * Raises 22023 for options that cannot be combined, as far as can be told without rows. With
 * notices, a NOTICE names those without effect.
 */
extern void pgae_options_check(const PgaeOptions *options, bool notices);
/* Refuses to keep more units than a code of that width has. */
extern void pgae_options_check_top_k(const PgaeOptions *options, int code);
/* Raises 22023: two options cannot be combined; `a` and `b` say what each holds. */
extern void pgae_refuse_pair(const char *a, const char *b, const char *hint);
/* Raises 22023 if the slope of an activation jumps; of: the end of what messages call it. */
extern void pgae_refuse_kink(const char *option, int activation, const char *of);

/* ---- pg_start.c ---- */

/* Refuses options that contradict the model that training starts from. */
extern void pgae_options_check_init(const PgaeOptions *options, const PgaeModels *init);

/* ---- pg_defaults.c ---- */

/*
 * Fills in defaults once columns and rows are known: purpose, widths, activations, losses, lengths;
 * writes model->purpose, loss, category_loss, net (without its layout) and options. The schema must
 * be laid out. init: the model that training starts from, or NULL. n_rows: rows to train on;
 * n_unseen: rows of the other fold, 0 if there is none; n_different: different ones among n_rows.
 */
extern void pgae_options_resolve(AeModel *model, const PgaeOptions *options, const AeModel *init,
								 size_t n_rows, size_t n_unseen, size_t n_different);

/* NOTICEs about resolved options that have no effect or are not enough; once per training. */
extern void pgae_options_notice(const AeModel *model, const PgaeOptions *options,
								const AeModel *init);

/*
 * Whether a layer narrower than the input, or anything else except a gate, keeps a code from
 * copying its input.
 */
extern bool pgae_options_keep_from_copying(const AeNet *net, const AeTrainOptions *train);

#endif
