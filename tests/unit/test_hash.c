/* build: float */
/* Proves: hashes and folds of rows are what they were when the models of format 1 were made. */
#include "unit_data.h"

#include "ae_hash.h"
#include "ae_rng.h"

/*
 * The values below were computed by a program of its own in another language from the
 * description in ae_hash.h.  They are part of the arithmetic version: were one to change, models
 * would score rows by networks that have learnt them.
 */

static void
test_steps(void **state)
{
	(void) state;
	assert_true(ae_hash_word(0, 0) == 0);
	assert_true(ae_hash_word(0, 1) == 0xd6e8febed11e0850u);
	assert_true(ae_hash_word(1, 0) == 0xd6e8febed11e0850u);
	assert_true(ae_hash_word(0x0123456789abcdefu, 0xfedcba9876543210u) == 0x29170146d11e0851u);
	assert_true(ae_hash_mix(0) == 0);
	assert_true(ae_hash_mix(1) == 0x5692161d100b05e5u);
	assert_true(ae_hash_mix(UINT64_MAX) == 0xb4d055fcf2cbbd7bu);
}

static void
test_texts(void **state)
{
	static uint8_t text[100001];

	(void) state;
	assert_true(ae_hash_bytes("", 0) == 0);
	assert_true(ae_hash_bytes(NULL, 0) == 0);
	assert_true(ae_hash_bytes("\0", 1) == 0x93a92d33bdcb12aeu);
	assert_true(ae_hash_bytes("a", 1) == 0x6789ae3b41253888u);
	assert_true(ae_hash_bytes("abcdefg", 7) == 0xcd7c21fa538f6d01u);
	assert_true(ae_hash_bytes("abcdefgh", 8) == 0xc1f01d84ece9c819u);
	assert_true(ae_hash_bytes("abcdefghi", 9) == 0x5cefa49f22d3e65eu);
	assert_true(ae_hash_bytes("\xc3\xa4\xf0\x9f\x90\x98", 6) == 0xdfdc4ab4ee178e0au);
	for (int shift = 0; shift < 2; shift++) /* wherever it lies */
	{
		for (uint32_t i = 0; i < 100000; i++)
			text[shift + i] = (uint8_t) (i * i * 37 + i / 3);
		assert_true(ae_hash_bytes(text + shift, 100000) == 0xf4f880a6b6f46748u);
		assert_true(ae_hash_bytes(text + shift, 99999) == 0x248eb982607214d8u);
	}
}

static void
test_numbers(void **state)
{
	const uint64_t odd_bits[] = {0x7ff8000000000000u, 0xfff8000000000000u, 0x7ff8000020000000u,
								 0x7ff0000000000001u, 0xffffffffffffffffu, 0x7ff8000030000000u};

	(void) state;
	assert_true(ae_hash_number(0.0) == 0);
	assert_true(ae_hash_number(-0.0) == 0);
	assert_true(ae_hash_number(-1e-60) == 0);
	assert_true(ae_hash_number(1.0) == 0x3f800000u);
	assert_true(ae_hash_number(0.1) == 0x3dcccccdu);
	assert_true(ae_hash_number((double) 0.1f) == 0x3dcccccdu); /* real or double precision */
	assert_true(ae_hash_number(16777217.0) == 0x4b800000u);
	assert_true(ae_hash_number(9007199254740993.0) == 0x5a000000u);
	assert_true(ae_hash_number(1e300) == 0x7f800000u);
	assert_true(ae_hash_number(INFINITY) == 0x7f800000u);
	assert_true(ae_hash_number(-1e300) == 0xff800000u);
	/* every NaN is one, and none is the marker of NULL */
	for (size_t i = 0; i < sizeof odd_bits / sizeof odd_bits[0]; i++)
	{
		double nan;

		memcpy(&nan, &odd_bits[i], sizeof nan);
		assert_true(ae_hash_number(nan) == 0x7fc00000u);
	}
	assert_true(AE_HASH_MISSING == 0x7fc00001u);
}

static void
test_rows(void **state)
{
	const uint32_t words[] = {1, 2, 3};
	const uint64_t blue = ae_hash_bytes("blue", 4), empty = ae_hash_bytes("", 0);
	/* 42, NULL, true, -0, 'blue', '', 2.5 */
	uint32_t row[] = {ae_hash_number(42),   AE_HASH_MISSING,          ae_hash_number(1),
					  ae_hash_number(-0.0), (uint32_t) blue,          (uint32_t) (blue >> 32),
					  (uint32_t) empty,     (uint32_t) (empty >> 32), ae_hash_number(2.5)};

	(void) state;
	assert_true(ae_hash_words(words, 0) == 0);
	assert_true(ae_hash_words(words, 1) == 0xafa568b850bf9c2fu);
	assert_true(ae_hash_words(words, 2) == 0x7733e8ee58e33fabu);
	assert_true(ae_hash_words(words, 3) == 0x7af0ea5c8d92f6f5u);
	assert_true(ae_hash_words(row, 9) == 0x1716ee5ec3b51a90u);
	row[0] = ae_hash_number(43);
	assert_true(ae_hash_words(row, 9) == 0xeb650a897ef1e34cu);
}

/* Rows of one number: 0, 1, 2, ... */
static void
test_folds(void **state)
{
	static const unsigned folds[] = {1, 1, 1, 1, 0, 0, 0, 0};

	(void) state;
	assert_int_equal(ae_hash_fold(0x1716ee5ec3b51a90u), 1);
	for (uint32_t i = 0; i < 8; i++)
	{
		uint32_t word = ae_hash_number(i);

		assert_int_equal(ae_hash_fold(ae_hash_words(&word, 1)), folds[i]);
	}
}

/* n rows of so many numbers, whole or not, or of one category: about half in each fold. */
static void
check_halves(uint32_t n, size_t width, int kind)
{
	uint32_t n_first = 0, n_alike = 0, last = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t words[8], counter[4] = {i, 0, 0, (uint32_t) width}, draw[4];
		unsigned fold;
		char text[16];

		ae_philox(draw, counter, 11);
		for (size_t j = 0; j < width; j++)
			words[j] = ae_hash_number(kind == 0   ? i + (double) j
									  : kind == 1 ? draw[j % 4] * 0x1p-32
												  : (i >> j) % 2);
		if (kind == 3)
		{
			uint64_t hash = ae_hash_bytes(text, (size_t) snprintf(text, sizeof text, "%u", i));

			words[0] = (uint32_t) hash;
			words[1] = (uint32_t) (hash >> 32);
		}
		fold = ae_hash_fold(ae_hash_words(words, width));
		n_first += fold == 0;
		n_alike += i > 0 && fold == last;
		last = fold;
	}
	/* four standard deviations of a fair coin, and neighbours know nothing of each other */
	assert_true(fabs(n_first - n / 2.0) <= 2 * sqrt(n));
	assert_true(fabs(n_alike - n / 2.0) <= 2 * sqrt(n));
}

static void
test_halves(void **state)
{
	(void) state;
	for (size_t width = 1; width <= 8; width++)
	{
		check_halves(100000, width, 0);
		check_halves(100000, width, 1);
	}
	check_halves(256, 8, 2);
	check_halves(100000, 2, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps), cmocka_unit_test(test_texts), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_rows),  cmocka_unit_test(test_folds), cmocka_unit_test(test_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
