/*
 * fault.c: makes the n-th allocation fail, or the n-th access to a temporary file, in one backend.
 *
 * The library is preloaded (LD_PRELOAD), so that its malloc and pwrite stand before those of the C
 * library, and is a module of PostgreSQL as well, so that SQL arms it: fault_arm(kind, n).  It counts
 * what the extension asks for, and the server on its behalf: calls from their code, with the
 * extension on the stack.  What other libraries ask for is left alone (BLAS ends the process when it
 * gets no memory), and what the server does by itself (it ends the session when it gets none to
 * restore a setting).  Of calls that came the same way, through the extension and in the end, the
 * first, second, fourth, eighth ... count: a row is like the row before it.  Only the n-th fails; the
 * count goes on.
 *
 * For glibc, whose malloc has a second name to be called by.
 */
#define _GNU_SOURCE
#include "postgres.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fmgr.h"
#include "nodes/memnodes.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fault_arm);
PG_FUNCTION_INFO_V1(fault_stop);

enum
{
	OFF,
	MALLOC,
	FILES,
	PALLOC
};

#define MAX_RANGES 16
#define MAX_FRAMES 200
#define LAST_FRAMES 8
#define N_WAYS 65536

static int armed = OFF;
static int64 count = 0; /* since it was armed */
static int64 fails = 0; /* which one */

/* Code of the server, or of the extension. */
typedef struct Range
{
	uintptr_t begin, end;
	bool ours;
} Range;

static Range ranges[MAX_RANGES];
static int n_ranges = 0;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int
add_ranges(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *slash = strrchr(info->dlpi_name, '/');
	bool ours = strcmp(slash ? slash + 1 : info->dlpi_name, "ae.so") == 0;

	if (info->dlpi_name[0] != '\0' && !ours)
		return 0;
	for (int i = 0; i < info->dlpi_phnum && n_ranges < MAX_RANGES; i++)
	{
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0)
			ranges[n_ranges++] = (Range){begin, begin + segment->p_memsz, ours};
	}
	return 0;
}

static const Range *
range_of(const void *address)
{
	for (int i = 0; i < n_ranges; i++)
	{
		if ((uintptr_t) address >= ranges[i].begin && (uintptr_t) address < ranges[i].end)
			return &ranges[i];
	}
	return NULL;
}

/* How often each way has been gone, by its hash; 0: a free place. */
static struct
{
	uint64 hash;
	uint64 times;
} ways[N_WAYS];

static bool
is_power_of_two_time(uint64 hash)
{
	size_t at = hash % N_WAYS;

	for (int i = 0; i < N_WAYS && ways[at].times > 0 && ways[at].hash != hash; i++)
		at = (at + 1) % N_WAYS;
	if (ways[at].hash != hash)
		ways[at].times = 0;
	ways[at].hash = hash;
	ways[at].times++;
	return (ways[at].times & (ways[at].times - 1)) == 0;
}

/* Whether a call is for the extension, and not too much like those before it. */
static bool
counts(const void *caller)
{
	void *frames[MAX_FRAMES];
	uint64 hash = UINT64CONST(0xcbf29ce484222325);
	bool ours = false;
	int n;

	if (range_of(caller) == NULL)
		return false;
	n = backtrace(frames, MAX_FRAMES);
	for (int i = 0; i < n; i++)
	{
		const Range *range = range_of(frames[i]);

		bool here = range != NULL && range->ours;

		ours = ours || here;
		/* the last frames, below those of this file, and all of ours */
		if (here || i < LAST_FRAMES)
			hash = (hash ^ (uintptr_t) frames[i]) * UINT64CONST(0x100000001b3);
	}
	return ours && is_power_of_two_time(hash);
}

/* Counts a request of this kind; whether it is the one to fail. */
static bool
must_fail(int kind, const void *caller)
{
	bool hit;

	if (armed != kind)
		return false;
	armed = OFF; /* nothing that this asks for counts */
	hit = counts(caller) && ++count == fails;
	armed = kind;
	return hit;
}

/* Whether a descriptor is of a temporary file. */
static bool
is_temporary(int fd)
{
	char link[64], path[1024];
	int saved = errno;
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	errno = saved;
	path[Max(n, 0)] = '\0';
	return strstr(path, "/pgsql_tmp") != NULL;
}

#define CALLER __builtin_return_address(0)

/* Returns failure from the calling function with this errno if that is due. */
#define FAIL(kind, condition, number, failure)                                                     \
	do                                                                                             \
	{                                                                                              \
		if (armed == (kind) && (condition) && must_fail(kind, CALLER))                             \
		{                                                                                          \
			errno = (number);                                                                      \
			return failure;                                                                        \
		}                                                                                          \
	} while (0)

void *
malloc(size_t size)
{
	FAIL(MALLOC, true, ENOMEM, NULL);
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	FAIL(MALLOC, true, ENOMEM, NULL);
	return __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	FAIL(MALLOC, true, ENOMEM, NULL);
	return __libc_realloc(old, size);
}

/* What stands behind the function of that name. */
static void *
next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

#define TRANSFER(name, buffer)                                                                     \
	ssize_t name(int fd, buffer, size_t n, off_t offset)                                           \
	{                                                                                              \
		static ssize_t (*real)(int, buffer, size_t, off_t) = NULL;                                 \
                                                                                                   \
		FAIL(FILES, is_temporary(fd), name##_errno, -1);                                           \
		if (real == NULL)                                                                          \
			real = next(#name);                                                                    \
		return real(fd, data, n, offset);                                                          \
	}

#define VECTOR(name)                                                                               \
	ssize_t name(int fd, const struct iovec *data, int n, off_t offset)                            \
	{                                                                                              \
		static ssize_t (*real)(int, const struct iovec *, int, off_t) = NULL;                      \
                                                                                                   \
		FAIL(FILES, is_temporary(fd), name##_errno, -1);                                           \
		if (real == NULL)                                                                          \
			real = next(#name);                                                                    \
		return real(fd, data, n, offset);                                                          \
	}

#define OPEN(name)                                                                                 \
	int name(const char *path, int flags, ...)                                                     \
	{                                                                                              \
		static int (*real)(const char *, int, ...) = NULL;                                         \
		mode_t mode = 0;                                                                           \
                                                                                                   \
		if (flags & O_CREAT)                                                                       \
		{                                                                                          \
			va_list args;                                                                          \
                                                                                                   \
			va_start(args, flags);                                                                 \
			mode = va_arg(args, mode_t);                                                           \
			va_end(args);                                                                          \
		}                                                                                          \
		FAIL(FILES, strstr(path, "pgsql_tmp") != NULL, ENOSPC, -1);                                \
		if (real == NULL)                                                                          \
			real = next(#name);                                                                    \
		return real(path, flags, mode);                                                            \
	}

enum
{
	pread_errno = EIO,
	pread64_errno = EIO,
	pwrite_errno = ENOSPC,
	pwrite64_errno = ENOSPC,
	preadv_errno = EIO,
	preadv64_errno = EIO,
	pwritev_errno = ENOSPC,
	pwritev64_errno = ENOSPC
};

TRANSFER(pread, void *data)
TRANSFER(pread64, void *data)
TRANSFER(pwrite, const void *data)
TRANSFER(pwrite64, const void *data)
VECTOR(preadv)
VECTOR(preadv64)
VECTOR(pwritev)
VECTOR(pwritev64)
OPEN(open)
OPEN(open64)

/*
 * palloc asks malloc for many chunks at once.  Before PostgreSQL 16 the functions behind it stand in a
 * table that every memory context points at: there each chunk can fail.
 */
#if PG_VERSION_NUM < 160000

static MemoryContextMethods real_methods;

static void *
failing_alloc(MemoryContext context, Size size)
{
	if (must_fail(PALLOC, CALLER))
		return NULL;
	return real_methods.alloc(context, size);
}

static void *
failing_realloc(MemoryContext context, void *pointer, Size size)
{
	if (must_fail(PALLOC, CALLER))
		return NULL;
	return real_methods.realloc(context, pointer, size);
}

static void
watch_palloc(void)
{
	/* other programs that preload this have no such variable */
	MemoryContext *top = dlsym(RTLD_DEFAULT, "TopMemoryContext");
	MemoryContextMethods *methods = (MemoryContextMethods *) (*top)->methods;
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t) methods / page * page;

	if (methods->alloc == failing_alloc ||
		mprotect((void *) begin, (uintptr_t) (methods + 1) - begin, PROT_READ | PROT_WRITE) != 0)
		return;
	real_methods = *methods;
	methods->alloc = failing_alloc;
	methods->realloc = failing_realloc;
}

#else
#define watch_palloc() ((void) 0)
#endif

/*
 * fault_arm(kind, n): counts calls of malloc (1), accesses to temporary files (2) or calls of palloc (3),
 * and fails the n-th.
 */
Datum
fault_arm(PG_FUNCTION_ARGS)
{
	void *frame;
	void **hook = dlsym(RTLD_DEFAULT, "planner_hook");

	/* or all that the planner asks for would be asked below a function of ours */
	if (hook)
		*hook = NULL;
	n_ranges = 0;
	dl_iterate_phdr(add_ranges, NULL);
	backtrace(&frame, 1); /* loads what it needs */
	watch_palloc();
	count = 0;
	memset(ways, 0, sizeof ways);
	fails = PG_GETARG_INT64(1);
	armed = PG_GETARG_INT32(0);
	PG_RETURN_VOID();
}

/* fault_stop(): fails no more; how many there were. */
Datum
fault_stop(PG_FUNCTION_ARGS)
{
	armed = OFF;
	PG_RETURN_INT64(count);
}
