/*
 * pg_train.h: training one fold, a whole model, or a named model.
 */
#ifndef PG_TRAIN_H
#define PG_TRAIN_H

#include <math.h>

#include "ae_pca.h"
#include "pg_score.h"

/* ---- pg_position.c: where a training stands ---- */

typedef struct PgaePosition
{
	const instr_time *start; /* of this session's part */
	double seconds_before;   /* until it was interrupted */
	uint32 network;          /* being trained, from 1 on */
	uint32 n_networks;
	bool pretraining;
	const AeModel *model;       /* being trained; its options are resolved */
	AeTrainer *trainer;         /* NULL between two networks */
	const AeProgress *progress; /* of the trainer */
} PgaePosition;

/* Seconds since the training began, including those before it was interrupted. */
extern double pgae_position_seconds(const PgaePosition *at);
/* What a training counts: "epoch", "update", "iteration"; how many are done, and planned. */
extern const char *pgae_position_step(const PgaePosition *at, uint64 *done, uint64 *planned);

/* ---- from sorted rows to trained networks: what the phases share ---- */
typedef struct PgaeTrack PgaeTrack; /* pg_track.c */

/* Very frequent rows of a store, by their keys (ae_frequent.h). */
typedef struct PgaeFrequent
{
	uint32 n;
	uint64 keys[AE_MAX_FREQUENT];   /* ascending */
	uint64 copies[AE_MAX_FREQUENT]; /* among PGAE_MAX_UNSEEN_SCORES rows picked evenly */
	char *records[AE_MAX_FREQUENT]; /* one of each */
} PgaeFrequent;

typedef struct PgaeJob
{
	/* set by the caller */
	const PgaeOptions *options;
	PgaeCodec *codec;
	PgaeStore *store;                    /* rows to train on */
	PgaeStore *unseen;                   /* rows of the other fold, or NULL */
	PgaeStore *confirmed;                /* anomalies of all folds, or NULL */
	PgaeStore *dismissed;                /* rows of all folds, also among the above, or NULL */
	const AeModel *init[AE_MAX_MEMBERS]; /* models to start from, or NULL */
	const instr_time *start;
	PgaeVoice *voice;
	PgaeTrack *track; /* who is told of its progress, or NULL */
	PgaeReport *report;
	uint32 n_members;
	uint32 number; /* of the first member among all networks */
	uint32 n_networks;
	/* what comes out */
	size_t n_rows;
	size_t
		n_different; /* rows, equal ones counting once; n_rows where training continues a model */
	AeModel *models; /* n_members */
	PgaeFrequent frequent; /* of the rows trained on */
	double *scores;        /* raw scores of the rows that calibrate, the mean of the members' */
	size_t n_scores;
	bool scores_unseen;    /* of rows that training did not see */
	AeSketch *sketches;    /* of the columns; of the first job alone */
	double *column_errors; /* n_errors x n_columns, of rows that training did not see, or NULL */
	double *error_sums;    /* n_columns: of rows whose value is known, ... */
	double *error_counts;  /* ... and how many they are */
	size_t n_errors;
	/* where the job stands */
	uint32 member;
	uint32 pretraining; /* layer of the encoder that is pretrained, from 1 on; 0: none */
	AeModel *model;     /* of that member */
	AeRows rows;
	AeTrainer *trainer;
	void *trainer_block;
	const AeProgress *progress;
	AeProgress outcome;   /* progress when the trainer is gone; without its history */
	double last_report;   /* of this network: seconds since start, ... */
	uint64_t last_update; /* ... and updates by then */
} PgaeJob;

/* The most rows that calibrate a crossed network. */
#define PGAE_MAX_UNSEEN_SCORES ((size_t) 262144)

/* The most cells of all prototypes together. */
#define PGAE_PROTOTYPE_CELLS (1024 * 1024)

/* Rows of the other fold; 0 if there is none. */
static inline size_t
pgae_job_other_rows(const PgaeJob *job)
{
	return job->unseen ? pgae_store_count(job->unseen) : 0;
}

/* Rows of all folds. */
static inline size_t
pgae_job_all_rows(const PgaeJob *job)
{
	return job->n_rows + pgae_job_other_rows(job);
}

/* Whether the verdicts are those of the model to start from. */
static inline bool
pgae_job_keeps_verdicts(const PgaeJob *job)
{
	return job->init[0] && job->options->feedback == NULL;
}

/* How many verdicts the model will have. */
static inline size_t
pgae_job_n_verdicts(const PgaeJob *job)
{
	if (pgae_job_keeps_verdicts(job))
		return ae_verdicts_count(&job->init[0]->verdicts);
	return (job->confirmed ? pgae_store_count(job->confirmed) : 0) +
		   (job->dismissed ? pgae_store_count(job->dismissed) : 0);
}

/* A number as the model keeps it: NaN stands for one that could not be computed. */
static inline double
pgae_finite_or_nan(double value)
{
	return isfinite(value) ? value : NAN;
}

/* ---- pg_standing.c: where a job stands, and what is said of that ---- */

/* Sets which of several networks the next reports are about. */
extern void pgae_job_set_where(PgaeJob *job);
extern PgaePosition pgae_job_position(const PgaeJob *job);
extern double pgae_job_seconds(const PgaeJob *job);
extern void pgae_job_tell_phase(const PgaeJob *job, const char *phase);
/* Reports the progress of training and its speed since the last report; ... */
extern void pgae_job_report(PgaeJob *job, double now);
/* ... its end. */
extern void pgae_job_report_end(const PgaeJob *job);

/* ---- pg_memory.c: memory, before it is taken ---- */

/* Raises 53200 if so many more bytes exceed the limit. */
extern void pgae_job_check_memory(const PgaeJob *job, size_t bytes);
/*
 * The memory that scaled rows may take: what the rest leaves of maintenance_work_mem, but at least
 * a quarter and at most half of it; raises 53200 if the rest does not fit.
 */
extern size_t pgae_job_room_for_rows(const PgaeJob *job);

/* ---- pg_measure.c: columns and options ---- */

/* Sorts numbers, none of them NaN, in ascending order; checks for interrupts. */
extern void pgae_sort_numbers(double *numbers, size_t n);
/* Fits the columns as the models will know them; false if none of them varies. */
extern bool pgae_job_fit_columns(PgaeJob *job);

/* ---- pg_scale.c: rows of cells ---- */

/* Scales the rows, and computes the loss of predicting their mean. */
extern void pgae_job_scale(PgaeJob *job);

/* ---- pg_run.c: training ---- */

/* Trains the network of job->member. */
extern void pgae_job_train(PgaeJob *job);

/* ---- pg_sample.c: rows for what comes after training ---- */

/* The rows that calibrate: of the other fold, or held out for validation, or seen in training. */
typedef struct PgaeSample
{
	size_t n;
	size_t of; /* rows that these are picked evenly from */
	bool unseen;
	PgaeStore *store; /* of the other fold, or NULL */
} PgaeSample;

extern PgaeSample pgae_sample_begin(const PgaeJob *job);
/* The same, but at most n of them. */
extern PgaeSample pgae_sample_spread(const PgaeJob *job, size_t n);
/*
 * Puts the next count rows of the sample, of which the first is number first, into the scorer, and
 * their labels into labels unless it is NULL.
 */
extern void pgae_sample_next(const PgaeJob *job, const PgaeSample *sample, AeScorer *scorer,
							 AeReal *labels, size_t first, size_t count);
/* The cells of rows first .. first + count - 1 of n training rows picked evenly. */
extern void pgae_job_read_training(const PgaeJob *job, AeReal *out, size_t first, size_t count,
								   size_t n);

/* ---- pg_pca.c: principal components, of a training and as a yardstick ---- */

/* The bytes that it takes to begin training with them; 0 if it does not. */
extern bool pgae_pca_starts(const PgaeJob *job);
extern size_t pgae_pca_memory(const PgaeJob *job);
/*
 * The parameters to start from, palloc'd; raises a NOTICE if the code has more units than the rows
 * have components.
 */
extern AeReal *pgae_pca_start(PgaeJob *job);
/*
 * As many components as the code has units, to compare the model with; returns the block that holds
 * them, palloc'd. NULL if there is nothing to compare, or if it would take too much time or memory,
 * whatever the settings.
 */
extern void *pgae_pca_find_compared(PgaeJob *job, AePca *pca);

/* ---- pg_yardstick.c: what a model is measured by ---- */

/*
 * Sets the loss of principal components in job->model and, unless the model is to detect, the
 * recall of its codes (ae_recall.h) and of the components. NaN if there are none, or too few rows.
 */
extern void pgae_job_compare(PgaeJob *job);

/* ---- pg_frequent.c: rows that a model knows again ---- */

/*
 * Finds the very frequent rows among those that a crossed job is trained on, and makes a filter of
 * all of them. Rows with a target have neither, and a continued training has no filter, as its
 * first part had other rows.
 */
extern void pgae_job_know_rows(PgaeJob *job);
/*
 * job->scores of a crossed job has the scores of n unseen rows, followed by one for each of its
 * frequent rows. Turns them into those that calibrate: removes unseen rows that the other job
 * scores, and repeats frequent ones as often as they occur. Returns their number.
 */
extern size_t pgae_job_weigh_frequent(PgaeJob *job, size_t n);

/* ---- pg_extras.c: what a model has beside its networks ---- */

/* Counts how often values occur together, if there are wide categories: see ae_pairs.h. */
extern void pgae_job_make_pairs(PgaeJob *job);
extern void pgae_job_make_prototypes(PgaeJob *job);

/* ---- pg_verdict.c: rows that were judged ---- */

/* Sets the verdicts of the model and their reach; see ae_verdict.h. */
extern void pgae_job_weigh_verdicts(PgaeJob *job);

/* ---- pg_calibrate.c: scores of rows ---- */

/* Calibration: rows of a batch. */
#define PGAE_SCORE_BATCH 64

/* Members of a job made ready to score. */
typedef struct PgaePanel
{
	AePacked members[AE_MAX_MEMBERS];
	AeScorer scorer;
	void *blocks[AE_MAX_MEMBERS + 1];
} PgaePanel;

/* palloc'd; everything in the current context */
extern PgaePanel *pgae_panel_make(const AeModel *models, uint32 n_members, size_t batch);
extern void pgae_panel_free(PgaePanel *panel);

/*
 * Sets the norms of each member and computes the mean of their raw scores for the rows that
 * calibrate. A single network without prototypes ranks rows by its plain error.
 */
extern void pgae_job_score_rows(PgaeJob *job);
/* Chooses the way that fills hidden cells of the calibration rows best. */
extern void pgae_job_choose_filling(PgaeJob *job);
/* Calibrates the jobs of all folds together; the first model of the first job gets the result. */
extern void pgae_jobs_calibrate(PgaeJob **jobs, uint32 n_jobs);

/* ---- pg_sketch.c: what columns and their errors looked like ---- */

/* Sketches the rows of a job whose networks are trained. */
extern void pgae_job_sketch(PgaeJob *job);
/*
 * Sketches all jobs together, after calibration; the first model of the first job gets the result.
 */
extern void pgae_jobs_sketch(PgaeJob **jobs, uint32 n_jobs);

/* ---- pg_job.c: all of it ---- */

/* Trains all members; false if no column varies. Everything is in the current context. */
extern bool pgae_job_run(PgaeJob *job);

/* ---- pg_look.c: notices about columns ---- */

/* NOTICEs about columns that no network can use, with the reason; in a training from scratch. */
extern void pgae_notice_columns(const PgaeCodec *codec, const AeSchema *schema,
								const PgaeOptions *options, size_t n_rows, PgaeVoice *voice);
/* NOTICEs about other columns that these networks cannot use, once their columns are measured. */
extern void pgae_notice_network(const PgaeJob *job);
/* NOTICEs about categories whose texts look like something else, likewise. */
extern void pgae_notice_texts(const PgaeJob *job);
/* A NOTICE that names columns of whole numbers that only number the rows. */
extern void pgae_notice_keys(const PgaeJob *job);

/* ---- pg_train.c: one training ---- */
typedef struct PgaeTraining PgaeTraining;

/*
 * A training in a context of its own below parent; files are open until pgae_training_end or
 * pgae_training_close, or until the context of the budget is deleted.
 */
extern PgaeTraining *pgae_training_open(PgaeBudget *budget, MemoryContext parent);
/* Options may be NULL; init: bytes of a model to start from, or NULL. */
extern void pgae_training_start(PgaeTraining *training, Jsonb *options, struct varlena *init,
								Oid row_type);
/* The context of everything in it; NULL once it has ended. */
extern MemoryContext pgae_training_context(const PgaeTraining *training);
/* Closes its files; may be called at any time, and twice. */
extern void pgae_training_close(PgaeTraining *training);
/* From now on, reports its progress to track. */
extern void pgae_training_follow(PgaeTraining *training, PgaeTrack *track);
/* Adds a row of that type, which must not be NULL. */
extern void pgae_training_add(PgaeTraining *training, Datum row);
/*
 * Ends the rows. This is the last step that runs users' code or reads what may be toasted, so the
 * last that needs a snapshot.
 */
extern void pgae_training_close_rows(PgaeTraining *training);
/*
 * Trains and returns the model's bytes in the current context; NULL, with a message, if there is
 * nothing to learn.
 */
extern bytea *pgae_training_end(PgaeTraining *training);

/* ---- pg_track.c: a training under a name: what others see of it, and its checkpoints ---- */

/* A training that others can follow; everything in it outlives transactions. */
struct PgaeTrack
{
	MemoryContext context; /* of what lasts */
	MemoryContext scratch; /* of one statement */
	PgaeReference reference;
	bool may_commit; /* else nothing is written before the end */
	bool locked;     /* no other session trains that name */
	uint32 lock;
	/* what a checkpoint says of the training */
	char *query;
	Jsonb *options; /* or NULL */
	char *init;     /* reference, or NULL */
	char *build;
	uint64 n_rows;
	uint8 digest[16]; /* of the rows and their columns */
	TimestampTz started;
	double seconds_before; /* until it was interrupted */
	/* one that goes on: which networks the checkpoint has */
	bool resumed;
	bool has_state[AE_MAX_MODELS];
	/* when each was last written, and how long a checkpoint took: seconds of the training */
	double progress_at;
	double checkpoint_at;
	double checkpoint_cost;
	bool owns_checkpoint; /* the row in ae.checkpoints is of this training */
	List *ended;          /* small states of networks that ended after the last checkpoint */
	/* where the network being trained began, for its rate */
	double network_seconds;
	uint64 network_update;
};

/*
 * Begins to follow the training of a name that the caller may save. query, options and init are
 * kept as given, for pgae_track_resume. Needs SPI to be connected. Allocated in the current
 * context.
 */
extern PgaeTrack *pgae_track_begin(const PgaeReference *reference, char *query, Jsonb *options,
								   char *init, bool may_commit);
/*
 * The same from the checkpoint of a name. Raises 42704 if there is none, 42501 unless the user
 * began it, 55006 while another session trains it, 55000 if it is from another build.
 */
extern PgaeTrack *pgae_track_resume(const PgaeReference *reference, bool may_commit);
/* The rows are known; raises 55000 if the checkpoint has others. */
extern void pgae_track_rows(PgaeTrack *track, uint64 n, const uint64 digest[2]);
/* Writes the phase at once for others to see; at is NULL before there is a network. */
extern void pgae_track_phase(PgaeTrack *track, const char *phase, const PgaePosition *at);
/* Whether there will be checkpoints, whose states are copied. */
extern bool pgae_track_keeps(const PgaeTrack *track);
/* Whether the checkpoint has a state of the network, and puts it into its trainer. */
extern bool pgae_track_has_state(const PgaeTrack *track, const PgaePosition *at);
extern void pgae_track_restore(PgaeTrack *track, const PgaePosition *at);
/* After each step of a trainer: writes what is due. */
extern void pgae_track_step(PgaeTrack *track, const PgaePosition *at);
/* The trainer has ended and will be freed. */
extern void pgae_track_ended(PgaeTrack *track, const PgaePosition *at);
/* Deletes its rows in this transaction, which saves the model. */
extern void pgae_track_finish(PgaeTrack *track);

#endif
