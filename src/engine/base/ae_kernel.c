/*
 * ae_kernel.c: packs weights and chooses the table of kernels for this CPU.
 * Must not itself be compiled for more than the baseline: it runs before the
 * choice is made.  The choice is a comparison at run time, not an ifunc, which
 * some C libraries lack.
 */
#include "ae_kernel_impl.h"

#include <string.h>

/* The width of the next panel if `left` columns are left. */
static size_t
panel_width(size_t left)
{
	return left > 16 ? AE_PANEL : left > 8 ? 16 : 8;
}

size_t
ae_kernel_packed_count(size_t n_in, size_t n_out)
{
	size_t tail = n_out % AE_PANEL;

	return n_in * (n_out - tail + (tail ? panel_width(tail) : 0));
}

void
ae_kernel_pack(AeReal *panels, const AeReal *w, size_t n_in, size_t n_out, AeCheck check)
{
	for (size_t col = 0; col < n_out; col += AE_PANEL)
	{
		size_t width = panel_width(n_out - col);
		size_t n = n_out - col < width ? n_out - col : width;

		for (size_t k = 0; k < n_in; k++, panels += width)
		{
			if (k % (AE_CHECK_NUMBERS / AE_PANEL) == 0)
				ae_check(check);
			memcpy(panels, w + k * n_out + col, n * sizeof(AeReal));
			for (size_t j = n; j < width; j++)
				panels[j] = 0;
		}
	}
}

static bool
has_avx2(void)
{
#if defined(__x86_64__) && !defined(AE_DOUBLE)
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
	return false;
#endif
}

static bool
has_avx512(void)
{
#if defined(__x86_64__) && !defined(AE_DOUBLE)
	__builtin_cpu_init();
	return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
		   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
	return false;
#endif
}

const AeKernels *
ae_kernels_find(const char *name)
{
#if defined(__x86_64__) && !defined(AE_DOUBLE)
	if (strcmp(name, ae_kernels_avx512.name) == 0)
		return has_avx512() ? &ae_kernels_avx512 : NULL;
	if (strcmp(name, ae_kernels_avx2.name) == 0)
		return has_avx2() ? &ae_kernels_avx2 : NULL;
#endif
	return strcmp(name, ae_kernels_generic.name) == 0 ? &ae_kernels_generic : NULL;
}

const AeKernels *
ae_kernels_best(void)
{
	const AeKernels *best = NULL;

	if (has_avx512())
		best = ae_kernels_find("avx512");
	else if (has_avx2())
		best = ae_kernels_find("avx2");
	return best ? best : &ae_kernels_generic;
}
