/*
 * ae_pairs.c: counts pairs of values, and computes the loss of a row from the counts.
 *
 * An item is a cell that takes part: a category, or a number or boolean of one cell; it is named
 * by its cell.  Items of several cells (arrays, times with parts) do not.  Keys of the table are
 * hashes of what is counted, items included.
 */
#include "ae_pairs.h"

#include <math.h>
#include <string.h>

#include "ae_hash.h"
#include "ae_math.h"

/* Numbers count in steps of 1 / STEPS deviations, up to so many deviations. */
#define STEPS 2
#define LAST_STEP 8

/* The most items that wide categories are paired with. */
#define MAX_ITEMS 64

/* The most slots that a lookup visits. */
#define MAX_PROBES 256

/* A growing table uses at most 3 of 4 slots. */
#define FULL(n_slots) ((n_slots) / 4 * 3)

/* What is counted of a pair of items. */
typedef enum What
{
	ROWS = 1, /* of both */
	VALUE,    /* rows of both with that value of the first */
	KINDS,    /* different values of the second that came with it */
	BOTH      /* rows with both values */
} What;

/* ---- items ---- */

static uint32_t
first_category(const AeLayout *layout)
{
	return layout->n_blocks - layout->n_categories;
}

/* The value of an item in a row; false where it is missing. */
static bool
value_of(uint32_t *value, const AeLayout *layout, const AeReal *cells, uint32_t item)
{
	AeReal cell = cells[item];
	double step;

	if (cell != cell)
		return false;
	if (item >= layout->n_dense)
	{
		const AeBlock *block = &layout->blocks[first_category(layout) + item - layout->n_dense];

		/* a level that was filled in has no tag */
		cell = block->tag > 0 ? cells[block->tag] : cell;
		if (cell != cell)
			return false;
		*value = (uint32_t) (int32_t) cell;
		return true;
	}
	step = floor((double) cell * STEPS + 0.5);
	step = step < -LAST_STEP ? -LAST_STEP : step > LAST_STEP ? LAST_STEP : step;
	*value = (uint32_t) (int32_t) step;
	return true;
}

static bool
is_wide(const AeLayout *layout, uint32_t item)
{
	return item >= layout->n_dense &&
		   layout->blocks[first_category(layout) + item - layout->n_dense].tag > 0;
}

/* The items that wide categories are paired with; returns how many. */
static uint32_t
list_items(uint32_t items[MAX_ITEMS], const AeLayout *layout)
{
	uint32_t n = 0, end = layout->n_dense + layout->n_categories;

	for (int wide = 1; wide >= 0; wide--)
		for (uint32_t item = layout->n_dense; item < end && n < MAX_ITEMS; item++)
			if (is_wide(layout, item) == (wide == 1))
				items[n++] = item;
	for (uint32_t b = 0; b < first_category(layout); b++)
		for (uint32_t j = 0; j < layout->blocks[b].count && n < MAX_ITEMS; j++)
			if (!layout->blocks[b].grouped)
				items[n++] = layout->blocks[b].first + j;
	return n;
}

static bool
has_item(const uint32_t *items, uint32_t n, uint32_t item)
{
	for (uint32_t i = 0; i < n; i++)
		if (items[i] == item)
			return true;
	return false;
}

static uint64_t
key_of(What what, uint32_t a, uint32_t b, uint32_t value_a, uint32_t value_b)
{
	uint64_t h = ae_hash_word(ae_hash_word(0, (uint64_t) what), (uint64_t) a << 32 | b);

	return ae_hash_mix(ae_hash_word(h, (uint64_t) value_a << 32 | value_b));
}

/* ---- counting ---- */

/* Slots for n_rows rows: enough for all keys, if that is not too many. */
static uint32_t
slots_for(const AeLayout *layout, size_t n_rows)
{
	uint32_t items[MAX_ITEMS], n_slots = 64;
	/* four keys of an ordered pair of a wide item and another, twice that many slots */
	double wanted = 8.0 * (double) n_rows * layout->n_wide * list_items(items, layout);

	while (n_slots < AE_MAX_PAIR_SLOTS && n_slots < wanted)
		n_slots *= 2;
	return n_slots;
}

static void
place_counts(AePairCounts *counts, AeArena *arena)
{
	counts->hash = ae_arena_place(arena, counts->n_slots, sizeof(uint64_t));
	counts->count = ae_arena_place(arena, counts->n_slots, sizeof(uint32_t));
}

AeStatus
ae_pair_counts_size(size_t *bytes, const AeLayout *layout, size_t n_rows, AeError *error)
{
	AePairCounts counts = {.n_slots = slots_for(layout, n_rows)};
	AeArena arena = {NULL, AE_ALIGN, false};

	place_counts(&counts, &arena);
	if (arena.overflow)
		return ae_fail(error, AE_ERR_LIMIT, "slots of pairs", counts.n_slots, 0, AE_MAX_PAIR_SLOTS);
	*bytes = arena.used;
	return AE_OK;
}

void
ae_pair_counts_init(AePairCounts *counts, void *block, const AeLayout *layout, size_t n_rows)
{
	AeArena arena = {ae_arena_align(block), 0, false};

	counts->layout = layout;
	counts->n_slots = slots_for(layout, n_rows);
	counts->n_used = 0;
	place_counts(counts, &arena);
	memset(counts->count, 0, counts->n_slots * sizeof(uint32_t));
}

/* Counts a key; true if it is new, or there is no room for it. */
static bool
count_key(AePairCounts *counts, uint64_t hash)
{
	uint32_t mask = counts->n_slots - 1, at = (uint32_t) hash & mask;

	while (counts->count[at] > 0 && counts->hash[at] != hash)
		at = (at + 1) & mask;
	if (counts->count[at] > 0)
	{
		counts->count[at] += counts->count[at] < UINT32_MAX;
		return false;
	}
	if (counts->n_used >= FULL(counts->n_slots))
		return true;
	counts->hash[at] = hash;
	counts->count[at] = 1;
	counts->n_used++;
	return true;
}

/* Counts a row with value_a of item a and value_b of item b. */
static void
count_pair(AePairCounts *counts, uint32_t a, uint32_t b, uint32_t value_a, uint32_t value_b)
{
	count_key(counts, key_of(ROWS, a, b, 0, 0));
	count_key(counts, key_of(VALUE, a, b, value_a, 0));
	count_key(counts, key_of(VALUE, b, a, value_b, 0));
	if (!count_key(counts, key_of(BOTH, a, b, value_a, value_b)))
		return;
	count_key(counts, key_of(KINDS, a, b, value_a, 0));
	count_key(counts, key_of(KINDS, b, a, value_b, 0));
}

void
ae_pair_counts_add(AePairCounts *counts, const AeReal *cells)
{
	const AeLayout *layout = counts->layout;
	uint32_t items[MAX_ITEMS], n = list_items(items, layout);
	uint32_t end = layout->n_dense + layout->n_categories;

	for (uint32_t a = layout->n_dense; a < end; a++)
	{
		uint32_t value_a, value_b;

		if (!is_wide(layout, a) || !value_of(&value_a, layout, cells, a))
			continue;
		/* a level alone counts as a pair with itself */
		count_key(counts, key_of(ROWS, a, a, 0, 0));
		if (count_key(counts, key_of(VALUE, a, a, value_a, 0)))
			count_key(counts, key_of(KINDS, a, a, 0, 0));
		for (uint32_t i = 0; i < n; i++)
		{
			uint32_t b = items[i];

			if (b == a || !value_of(&value_b, layout, cells, b))
				continue;
			if (!is_wide(layout, b) || a < b)
				count_pair(counts, a, b, value_a, value_b);
			else if (!has_item(items, n, a)) /* a pair of two wide ones counts once */
				count_pair(counts, b, a, value_b, value_a);
		}
	}
}

/* ---- the table that is kept ---- */

/* A count rounded down to 12 bits and their exponent: at most 1 / 4096 less, up to 2^27. */
static uint32_t
count_code(uint32_t count)
{
	uint32_t exponent = 0;

	while (count >= 8192 && exponent < 14)
	{
		count /= 2;
		exponent++;
	}
	if (count < 4096)
		return count;
	count = count < 8191 ? count : 8191;
	return (exponent + 1) << 12 | (count - 4096);
}

static double
count_of_code(uint32_t code)
{
	uint32_t exponent = code >> 12;

	return exponent == 0 ? code : (double) ((uint64_t) (4096 + (code & 4095)) << (exponent - 1));
}

uint32_t
ae_pair_counts_slots(const AePairCounts *counts)
{
	uint32_t n_slots = 64;

	while (FULL(n_slots) < counts->n_used)
		n_slots *= 2;
	return n_slots;
}

void
ae_pairs_pack(AePairs *pairs, uint32_t *slots, const AePairCounts *counts)
{
	uint32_t n_slots = ae_pair_counts_slots(counts), mask = n_slots - 1;

	memset(slots, 0, n_slots * sizeof(uint32_t));
	for (uint32_t i = 0; i < counts->n_slots; i++)
	{
		uint32_t at = (uint32_t) counts->hash[i] & mask;

		if (counts->count[i] == 0)
			continue;
		while (slots[at] != 0)
			at = (at + 1) & mask;
		slots[at] = (uint32_t) (counts->hash[i] >> 48) << 16 | count_code(counts->count[i]);
	}
	*pairs = (AePairs){.n_slots = n_slots, .slots = slots};
}

static double
count_of(const AePairs *pairs, uint64_t hash)
{
	uint32_t mask = pairs->n_slots - 1, at = (uint32_t) hash & mask;

	for (int i = 0; i < MAX_PROBES && pairs->slots[at] != 0; i++)
	{
		if (pairs->slots[at] >> 16 == (uint32_t) (hash >> 48))
			return count_of_code(pairs->slots[at] & 0xffff);
		at = (at + 1) & mask;
	}
	return 0.0;
}

/* ---- what it says of a row ---- */

/*
 * The odds that a value of share m belongs to another row, if n of n_a rows, with T different
 * values, have it.
 */
static double
odds(double m, double n_a, double kinds, double n)
{
	return m * (n_a + kinds + 1.0) / (n + (kinds + 1.0) * m);
}

static double
at_least(double count, double least)
{
	return count < least ? least : count;
}

/* The loss of a pair of values; a is the one of the lower cell if both are wide. */
static double
pair_loss(const AePairs *pairs, uint32_t a, uint32_t b, uint32_t value_a, uint32_t value_b)
{
	double n = count_of(pairs, key_of(ROWS, a, b, 0, 0));
	double n_a = count_of(pairs, key_of(VALUE, a, b, value_a, 0));
	double n_b = count_of(pairs, key_of(VALUE, b, a, value_b, 0));
	double both = count_of(pairs, key_of(BOTH, a, b, value_a, value_b));
	double kinds_a = count_of(pairs, key_of(KINDS, a, b, value_a, 0));
	double kinds_b = count_of(pairs, key_of(KINDS, b, a, value_b, 0));
	double self = both > 0.0 ? 1.0 : 0.0, only = both == 1.0 ? 1.0 : 0.0;
	double b_given_a, a_given_b;

	/* counts may disagree if a pair was found by chance or the table was full */
	n = at_least(n, both);
	n_a = at_least(n_a, both);
	n_b = at_least(n_b, both);
	kinds_a = at_least(kinds_a, self);
	kinds_b = at_least(kinds_b, self);
	n -= self;
	n_a -= self;
	n_b -= self;
	b_given_a = odds((n_b + 1.0) / (n + 1.0), n_a, kinds_a - only, both - self);
	a_given_b = odds((n_a + 1.0) / (n + 1.0), n_b, kinds_b - only, both - self);
	return 2.0 * ae_ln(1.0 + (b_given_a < a_given_b ? b_given_a : a_given_b));
}

/* The cost of a level that no other row has; 0 for any other level. */
static double
unseen_loss(const AePairs *pairs, uint32_t a, uint32_t value)
{
	double n = count_of(pairs, key_of(ROWS, a, a, 0, 0));
	double kinds = count_of(pairs, key_of(KINDS, a, a, 0, 0));

	if (count_of(pairs, key_of(VALUE, a, a, value, 0)) > 1.0)
		return 0.0;
	return 2.0 * ae_ln((n + kinds + 1.0) / (kinds + 1.0));
}

double
ae_pairs_block(const AePairs *pairs, const AeLayout *layout, const AeReal *cells, uint32_t block)
{
	uint32_t a = layout->n_dense + block - first_category(layout);
	uint32_t items[MAX_ITEMS], n = list_items(items, layout), value_a, value_b;
	double sum = 0.0, weight = 0.0, sum_other = 0.0, n_other = 0.0, unseen;

	if (!value_of(&value_a, layout, cells, a))
		return NAN;
	if (pairs->n_slots == 0)
		return 0.0;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t b = items[i];

		if (b == a || !value_of(&value_b, layout, cells, b))
			continue;
		if (!is_wide(layout, b))
		{
			sum_other += pair_loss(pairs, a, b, value_a, value_b);
			n_other += 1.0;
			continue;
		}
		sum += a < b ? pair_loss(pairs, a, b, value_a, value_b)
					 : pair_loss(pairs, b, a, value_b, value_a);
		weight += 1.0;
	}
	if (n_other > 0.0)
	{
		sum += 0.5 * sum_other / n_other;
		weight += 0.5;
	}
	sum = weight > 0.0 ? sum / weight : 0.0;
	unseen = unseen_loss(pairs, a, value_a);
	return sum > unseen ? sum : unseen;
}

double
ae_pairs_row(const AePairs *pairs, const AeLayout *layout, const AeReal *cells)
{
	double sum = 0.0;

	if (layout->n_wide == 0)
		return 0.0;
	for (uint32_t b = first_category(layout); b < layout->n_blocks; b++)
	{
		double loss = layout->blocks[b].tag > 0 ? ae_pairs_block(pairs, layout, cells, b) : NAN;

		if (loss == loss)
			sum += loss;
	}
	return sum;
}
