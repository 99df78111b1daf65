/*
 * ae_topk.c: the k largest numbers of a row or batch, by counting the bytes of their bits.
 *
 * The order of numbers is that of unsigned integers once all bits of negative ones are inverted and
 * the sign bit of the others is set.  The k-th largest is found a byte at a time, from the highest
 * on: numbers that share the bytes found so far are counted by their next one.  Up to FEW numbers
 * are simply compared with each other.
 */
#include "ae_topk.h"

#include <string.h>

#ifdef AE_DOUBLE
typedef uint64_t Key;
#else
typedef uint32_t Key;
#endif

#define KEY_BITS (8 * (int) sizeof(Key))
#define FEW 64
#define SIGN ((Key) 1 << (KEY_BITS - 1))

static inline Key
key_of(AeReal x)
{
	AeReal sum = x + 0; /* -0 becomes 0: they are equal */
	Key bits;

	memcpy(&bits, &sum, sizeof(bits));
	if (x != x)
		return ~(Key) 0;
	return bits & SIGN ? ~bits : bits | SIGN;
}

/* The key of the k-th largest; *n_equal of those that have it are among the k. */
static Key
kth_key(size_t *n_equal, const AeReal *h, size_t n, size_t k)
{
	Key found = 0, known = 0; /* bits found, and which ones they are */

	for (int shift = KEY_BITS - 8; shift >= 0; shift -= 8)
	{
		size_t counts[256] = {0};
		int byte = 255;

		for (size_t i = 0; i < n; i++)
		{
			Key key = key_of(h[i]);

			counts[key >> shift & 255] += (key & known) == found;
		}
		for (; counts[byte] < k; byte--)
			k -= counts[byte];
		found |= (Key) byte << shift;
		known |= (Key) 255 << shift;
	}
	*n_equal = k;
	return found;
}

/*
 * The same by counting, for each number, how many are larger, which is less work for few numbers.
 */
static Key
kth_key_of_few(size_t *n_equal, const AeReal *h, size_t n, size_t k)
{
	Key keys[FEW];

	for (size_t i = 0; i < n; i++)
		keys[i] = key_of(h[i]);
	for (size_t i = 0; i < n; i++)
	{
		Key larger = 0, equal = 0;

		for (size_t j = 0; j < n; j++)
		{
			larger += keys[j] > keys[i];
			equal += keys[j] == keys[i];
		}
		if (larger < k && k <= larger + equal)
		{
			*n_equal = k - larger;
			return keys[i];
		}
	}
	*n_equal = 0; /* cannot be: one of them is the k-th */
	return 0;
}

void
ae_topk(AeReal *h, AeReal *mask, size_t n, size_t k)
{
	size_t n_equal;
	Key least = n <= FEW ? kth_key_of_few(&n_equal, h, n, k) : kth_key(&n_equal, h, n, k);

	for (size_t i = 0; i < n; i++)
	{
		Key key = key_of(h[i]);
		bool keeps = key > least || (key == least && n_equal > 0);

		n_equal -= keeps && key == least;
		if (!keeps)
			h[i] = 0;
		if (mask)
			mask[i] = keeps ? 1 : 0;
	}
}

size_t
ae_topk_batch(AeReal *least, AeReal *h, AeReal *mask, size_t n, size_t k)
{
	size_t n_equal, n_kept = 0;
	Key kth = kth_key(&n_equal, h, n, k), smallest = 0;

	for (size_t i = 0; i < n; i++)
	{
		Key key = key_of(h[i]);
		bool keeps = key > SIGN && (key > kth || (key == kth && n_equal > 0));

		n_equal -= keeps && key == kth;
		if (!keeps)
			h[i] = 0;
		else if (n_kept++ == 0 || key < smallest)
		{
			smallest = key;
			*least = h[i];
		}
		mask[i] = keeps ? 1 : 0;
	}
	return n_kept;
}
