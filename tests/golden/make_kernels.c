/*
 * make_kernels.c: prints tests/golden/kernels.h, what the generic kernels give on a fixed layer.
 *
 * Built against the engine's objects, in float:
 *
 *     make tmp_check/tests/golden/make_kernels
 *     tmp_check/tests/golden/make_kernels >tests/golden/kernels.h
 *
 * These are the bits of arithmetic version 1: once released the file is never made anew.
 * tests/unit/test_kernel.c demands them of every table, and checks them against libm in double.
 */
#include <stdio.h>
#include <string.h>

#include "golden_inputs.h"

static void
print_numbers(const float *values, size_t n, const char *indent)
{
	for (size_t i = 0; i < n; i++)
		printf("%s%af,%s", i % 4 ? " " : indent, values[i], i % 4 == 3 || i + 1 == n ? "\n" : "");
}

int
main(void)
{
	const AeKernels *kernels = ae_kernels_find("generic");
	GoldenInputs in;
	float y[GOLDEN_OUT], h[GOLDEN_OUT];

	golden_inputs(&in);
	kernels->dense(y, GOLDEN_OUT, in.x, GOLDEN_IN, in.panels, in.bias, 1, GOLDEN_IN, GOLDEN_OUT);
	puts("/* Made by make_kernels.c: generic kernels, arithmetic version 1. Do not edit. */");
	printf("static const float golden_activation[][%d] = {\n", GOLDEN_OUT);
	for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
	{
		memcpy(h, y, sizeof(h));
		kernels->activate((AeActivation) act, h, GOLDEN_OUT);
		printf("\t{ /* %s */\n", ae_activation_name[act]);
		print_numbers(h, GOLDEN_OUT, "\t\t");
		puts("\t},");
	}
	puts("};");
	printf("static const double golden_square_error = %a;\n",
		   kernels->square_error(y, in.target, GOLDEN_OUT));
	printf("static const double golden_absolute_error = %a;\n",
		   kernels->absolute_error(y, in.target, GOLDEN_OUT));
	printf("static const double golden_huber_error = %a;\n",
		   kernels->huber_error(y, in.target, GOLDEN_OUT));
	printf("static const double golden_cross_entropy = %a;\n",
		   kernels->cross_entropy(y, in.target, GOLDEN_OUT));
	printf("static const double golden_log_sum_exp = %a;\n", kernels->softmax(h, y, GOLDEN_OUT));
	printf("static const float golden_softmax[%d] = {\n", GOLDEN_OUT);
	print_numbers(h, GOLDEN_OUT, "\t");
	puts("};");
	memcpy(h, y, sizeof(h));
	kernels->axpy(h, 0.3f, in.target, GOLDEN_OUT);
	printf("static const float golden_axpy[%d] = {\n", GOLDEN_OUT);
	print_numbers(h, GOLDEN_OUT, "\t");
	puts("};");
	memset(h, 0, sizeof(h));
	kernels->add_noise(h, h, GOLDEN_OUT, 1, 42, 7);
	printf("static const float golden_noise[%d] = {\n", GOLDEN_OUT);
	print_numbers(h, GOLDEN_OUT, "\t");
	puts("};");
	return 0;
}
