/*
 * pg_module.c: the library as a whole: settings, the choice of kernels, and OpenBLAS, which is
 * loaded when the first training asks for it.
 *
 * Loading this library starts no thread and changes neither the signal mask nor the environment nor
 * the floating-point mode. OpenBLAS would start threads when it is loaded, one per core, each with
 * a copy of the signal mask: PostgreSQL's signal handlers could then run on a thread that knows
 * nothing of PostgreSQL. So it is opened with one thread and with all signals blocked.
 *
 * This is the only file of the binding that touches BLAS; scoring never does.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "fmgr.h"
#include "utils/guc.h"

#include "ae_blas.h"
#include "pg_base.h"

#ifndef AE_OPENBLAS_SONAME
#define AE_OPENBLAS_SONAME "libopenblas.so.0"
#endif

#define THREADS_VARIABLE "OPENBLAS_NUM_THREADS"

PG_MODULE_MAGIC_EXT(.name = "ae", .version = AE_VERSION);

static char *kernels_setting = NULL; /* auto, generic, avx2, avx512 */
bool pgae_progress = true;
bool pgae_nameless_rows = true;
int pgae_cache_size = 65536;
double pgae_checkpoint_interval = 60;
int pgae_batch_rows = 24;
bool pgae_batch_always = false;

static void *blas_handle = NULL;
static AeBlas blas;
static void (*blas_set_threads)(int n_threads) = NULL;
static int (*blas_get_threads)(void) = NULL;
static char *(*blas_get_corename)(void) = NULL;
static int blas_saved_threads = 0; /* 0: not between enter and leave */

/* A variant that this CPU lacks would end in an illegal instruction: refuse it here. */
static bool
check_kernels(char **newval, void **extra, GucSource source)
{
	if (strcmp(*newval, "auto") == 0 || ae_kernels_find(*newval) != NULL)
		return true;
	if (strcmp(*newval, "avx2") == 0 || strcmp(*newval, "avx512") == 0)
		GUC_check_errdetail("This CPU cannot run the kernels \"%s\".", *newval);
	else
		GUC_check_errdetail("Kernels are \"auto\", \"generic\", \"avx2\" or \"avx512\".");
	return false;
}

void
pgae_define_settings(void)
{
	DefineCustomStringVariable("ae.kernels", "Instruction set of the kernels, for tests.",
							   "Scores are the same bits with every one of them.", &kernels_setting,
							   "auto", PGC_USERSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							   check_kernels, NULL, NULL);
	DefineCustomBoolVariable("ae.progress", "Report the progress of a training as notices.", NULL,
							 &pgae_progress, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("ae.nameless_rows",
							 "Take rows whose columns have no names, as those of ROW(...).",
							 "They are matched to a model by position: off where another server "
							 "sends rows, whose order it may have changed.",
							 &pgae_nameless_rows, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"ae.cache_size",
		"Memory for parsed models, of a session and of each function call in a query.",
		"Named models are kept from one statement to the next. A call with more "
		"models than fit parses some of them again.",
		&pgae_cache_size, 65536, 0, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomRealVariable("ae.checkpoint_interval",
							 "Time between checkpoints of ae.train_model.", "0: none are made.",
							 &pgae_checkpoint_interval, 60, 0, 86400, PGC_USERSET, GUC_UNIT_S, NULL,
							 NULL, NULL);
	DefineCustomIntVariable("ae.batch_rows",
							"Rows that a query reads ahead to score them together.",
							"0: each row is scored alone.", &pgae_batch_rows, 24, 0, 1000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("ae.batch_always", "Read ahead in every plan, for tests.", NULL,
							 &pgae_batch_always, false, PGC_SUSET,
							 GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	MarkGUCPrefixReserved("ae");
}

/* The kernels that ae.kernels asks for. */
const AeKernels *
pgae_kernels(void)
{
	const AeKernels *kernels = NULL;

	if (kernels_setting != NULL && strcmp(kernels_setting, "auto") != 0)
		kernels = ae_kernels_find(kernels_setting);
	return kernels ? kernels : ae_kernels_best();
}

/*
 * dlopen without a thread pool: the environment asks for one thread while the library initialises,
 * and every signal is blocked, because a thread that it starts nevertheless inherits the mask.
 * Nothing here may raise an error: the mask and the environment must be restored.
 */
static void *
open_quietly(const char *soname)
{
	const char *now = getenv(THREADS_VARIABLE);
	char *before = now ? pstrdup(now) : NULL; /* setenv may move what getenv returned */
	void *handle = NULL;
	sigset_t all, mask;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	if (setenv(THREADS_VARIABLE, "1", 1) == 0)
	{
		handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
		if (before)
			setenv(THREADS_VARIABLE, before, 1);
		else
			unsetenv(THREADS_VARIABLE);
	}
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (before)
		pfree(before);
	return handle;
}

static void
raise_blas_missing(const char *reason)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FILE),
					errmsg("could not load the OpenBLAS library \"%s\"", AE_OPENBLAS_SONAME),
					reason ? errdetail_internal("%s", reason) : 0,
					errhint("Training needs it: install OpenBLAS on the database server, on "
							"Debian the package libopenblas0.")));
}

/* Looks a symbol up; raises if it is missing. */
static void *
find_symbol(void *handle, const char *name)
{
	void *symbol = dlsym(handle, name);

	if (symbol == NULL)
	{
		char *reason = psprintf("It has no function \"%s\".", name);

		dlclose(handle);
		raise_blas_missing(reason);
	}
	return symbol;
}

/*
 * The BLAS of the engine, loaded at the first call and kept.  58P01 if the library
 * is not installed or lacks a function.
 */
const AeBlas *
pgae_blas(void)
{
	void *handle;

	if (blas_handle != NULL)
		return &blas;
	handle = open_quietly(AE_OPENBLAS_SONAME);
	if (handle == NULL)
		raise_blas_missing(dlerror());
	blas.gemm = find_symbol(handle, "cblas_sgemm");
	blas.dgemm = find_symbol(handle, "cblas_dgemm");
	blas.dsyrk = find_symbol(handle, "cblas_dsyrk");
	blas_set_threads = find_symbol(handle, "openblas_set_num_threads");
	blas_get_threads = find_symbol(handle, "openblas_get_num_threads");
	blas_get_corename = find_symbol(handle, "openblas_get_corename");
	/* some builds have no LAPACK: only principal components need it */
	blas.dsyevr = dlsym(handle, "dsyevr_");
	blas_handle = handle;
	return &blas;
}

void
pgae_check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

AeCompute
pgae_compute(void)
{
	return (AeCompute){pgae_kernels(), pgae_blas(), pgae_check_interrupts};
}

static void
set_blas_threads(int n_threads)
{
	sigset_t all, mask;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	blas_set_threads(n_threads);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

/*
 * The library may be shared with another extension that has set its own number of threads. Entering
 * twice keeps the first number, so that the next training makes up for an error between enter and
 * leave, which skips leave.
 */
void
pgae_blas_enter(void)
{
	pgae_blas();
	if (blas_saved_threads == 0)
		blas_saved_threads = blas_get_threads();
	if (blas_get_threads() != 1)
		set_blas_threads(1);
}

void
pgae_blas_leave(void)
{
	if (blas_saved_threads > 1)
		set_blas_threads(blas_saved_threads);
	blas_saved_threads = 0;
}

/* The kernel that OpenBLAS chose for this CPU; loads the library if necessary. */
const char *
pgae_blas_corename(void)
{
	pgae_blas();
	return blas_get_corename();
}
