/*
 * pg_pca.c: principal components of the rows of a job, as initial weights and as a yardstick for
 * the result.
 *
 * Knows rows and phases; the mathematics are the engine's (ae_pca.h).
 */
#include "pg_train.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

/* The yardstick: the most rows, and the most multiply-adds (a few seconds). */
#define COMPARED_ROWS ((size_t) 16384)
#define COMPARED_MACS 1e11
/* The most bytes that it takes: settings must not decide whether there is one. */
#define COMPARED_BYTES ((size_t) 16 * 1024 * 1024)
/* The fewest rows for each component. */
#define ROWS_PER_COMPONENT 8

/* Components of a code: no more than there are inputs. */
static size_t
n_components(const AeNet *net)
{
	return Min(net->width[net->n_encoder], ae_layout_inputs(&net->layout));
}

static size_t
size_of(const AeNet *net)
{
	size_t bytes;
	AeError error;

	pgae_raise_unless_ok(ae_pca_size(&bytes, &net->layout, n_components(net), &error), &error,
						 NULL);
	return bytes;
}

/* The next of the training rows, or of a sample of n of them. */
static void
read_rows(const PgaeJob *job, AeReal *cells, size_t first, size_t count, size_t n)
{
	size_t held_out = ae_options_held_out(&job->model->options, job->rows.n_rows);

	if (n < job->rows.n_rows - held_out)
		pgae_job_read_training(job, cells, first, count, n);
	else
		pgae_store_read(&job->rows, cells, held_out + first, count);
}

/*
 * The components of n rows: all training rows, or so many spread over them. Returns the block that
 * holds them.
 */
static void *
find_components(PgaeJob *job, AePca *pca, size_t n, const char *phase)
{
	const AeNet *net = &job->model->net;
	AeCompute compute = pgae_compute();
	void *block = MemoryContextAllocHuge(CurrentMemoryContext, size_of(net));
	AeError error;
	bool again;

	ae_pca_init(pca, block, &net->layout, n_components(net));
	do
	{
		for (size_t first = 0, count; first < n; first += count)
		{
			count = Min(pca->n_block, n - first);
			pgae_report_step(job->report, phase, first, n);
			read_rows(job, pca->cells, first, count, n);
			ae_pca_add(pca, count, &compute);
		}
		CHECK_FOR_INTERRUPTS();
		pgae_raise_unless_ok(ae_pca_end_pass(&again, pca, &compute, &error), &error, NULL);
	} while (again);
	return block;
}

/* Raises 58P01 without LAPACK and 22023 for a code that is too large. */
static void
check_can_start(const AeNet *net)
{
	if (pgae_blas()->dsyevr == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FILE),
						errmsg("the OpenBLAS library \"%s\" has no LAPACK", AE_OPENBLAS_SONAME),
						errdetail("Principal components need its function \"dsyevr_\"."),
						errhint("Install an OpenBLAS with LAPACK, or train without optimizer "
								"\"pca\" and option \"skip\".")));
	if (n_components(net) > ae_pca_most(&net->layout))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a code of %zu units is too large for principal components of %u inputs",
						n_components(net), ae_layout_inputs(&net->layout)),
				 errhint("With more than %d inputs, set \"code\" to at most %zu.", AE_PCA_WHOLE,
						 ae_pca_most(&net->layout))));
}

bool
pgae_pca_starts(const PgaeJob *job)
{
	return job->init[job->member] == NULL &&
		   (job->model->options.optimizer == AE_OPTIMIZER_PCA || job->model->net.skip);
}

/*
 * Whether the network is of a kind to be compared with principal components: by its loss, or by
 * the neighbours that its codes find.
 */
static bool
is_comparable(const AeModel *model)
{
	const AeNet *net = &model->net;

	return model->options.optimizer != AE_OPTIMIZER_PCA && pgae_blas()->dsyevr != NULL &&
		   n_components(net) <= ae_pca_most(&net->layout) &&
		   net->width[net->n_encoder] < net->width[net->n_layers] &&
		   (ae_pca_fits(&net->layout) || model->purpose != AE_PURPOSE_DETECT) &&
		   size_of(net) <= COMPARED_BYTES;
}

size_t
pgae_pca_memory(const PgaeJob *job)
{
	const AeNet *net = &job->model->net;

	if (pgae_pca_starts(job))
		check_can_start(net);
	else if (!is_comparable(job->model))
		return 0;
	return size_of(net);
}

/* Raises a NOTICE about units of the code that have nothing to carry. */
static void
notice_rank(const PgaeJob *job, const AePca *pca)
{
	uint32 n_code = job->model->net.width[job->model->net.n_encoder];

	if (pca->rank == n_code || job->model->net.skip || job->number > 0 ||
		!pgae_voice_may(job->voice, PGAE_NOTICE_OPTIONS))
		return;
	ereport(NOTICE, (errmsg_plural("%sthe rows have %zu principal component, fewer than the %u "
								   "units of the code",
								   "%sthe rows have %zu principal components, fewer than the %u "
								   "units of the code",
								   pca->rank, pgae_voice_prefix(job->voice), pca->rank, n_code),
					 errdetail("The other units are 0 in every row."),
					 errhint("Set \"code\" to %zu.", Max(pca->rank, 1))));
}

AeReal *
pgae_pca_start(PgaeJob *job)
{
	const AeNet *net = &job->model->net;
	size_t held_out = ae_options_held_out(&job->model->options, job->rows.n_rows);
	AeReal *params =
		MemoryContextAllocHuge(CurrentMemoryContext, ae_net_n_params(net) * sizeof(AeReal));
	AePca pca;
	void *block;

	block = find_components(job, &pca, job->rows.n_rows - held_out, "finding principal components");
	notice_rank(job, &pca);
	ae_net_init(params, net, job->model->options.seed, pgae_compute().check);
	ae_pca_install(params, net, &pca);
	pfree(block);
	return params;
}

/* The number of rows for the yardstick, as many as there is time for; 0 if there are too few. */
static size_t
compared_rows(const PgaeJob *job, size_t n_found)
{
	size_t n = ae_layout_inputs(&job->model->net.layout);
	size_t n_rows = Min(job->progress->n_train, COMPARED_ROWS);
	double macs =
		n <= AE_PCA_WHOLE ? (double) n * n / 2 : 2.0 * AE_PCA_PASSES * n * (1.5 * n_found + 16);
	double most = COMPARED_MACS / macs;
	size_t wanted = Min(n_rows, ROWS_PER_COMPONENT * n_found);

	n_rows = most < n_rows ? (size_t) most : n_rows;
	return n_rows < wanted ? 0 : n_rows;
}

void *
pgae_pca_find_compared(PgaeJob *job, AePca *pca)
{
	size_t n;

	if (!is_comparable(job->model) || job->rows.nullable)
		return NULL;
	n = compared_rows(job, n_components(&job->model->net));
	return n > 0 ? find_components(job, pca, n, "comparing with principal components") : NULL;
}
