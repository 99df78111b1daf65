/*
 * ae_drift.c: tests of counts in bins.
 *
 * Sources: Fisher, The Design of Experiments, 1935 (exact test); Stephens, JRSS B 32, 1970 (the
 * effective sample size of Kolmogorov's distribution); Mann, Whitney, Ann. Math. Stat. 18, 1947;
 * Holm, Scand. J. Stat. 6, 1979; Lentz's continued fraction for the incomplete gamma function.
 */
#include "ae_drift.h"

#include <float.h>
#include <math.h>

/*
 * With this many expected rows in a bin, on either side, chi-squared is accurate enough in its
 * tail.
 */
#define MIN_EXPECTED 10

/* The smallest share of `then` in a bin of the stability index. */
#define ORDERED_SHARE 0.1
#define LEVEL_SHARE 0.01

static double
smaller(double a, double b)
{
	return a < b ? a : b;
}

static double
sum_of(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return sum;
}

/* ---- k of n against l of m ---- */

static double
log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/* P(K >= k), K being how many of n are among t drawn from n + m. */
static double
upper_tail(double k, double n, double m, double t)
{
	double high = smaller(n, t);
	double term = exp(log_choose(n, k) + log_choose(m, t - k) - log_choose(n + m, t));
	double sum = 0;

	for (; k <= high && term > sum * DBL_EPSILON; k++)
	{
		sum += term;
		term *= (n - k) * (t - k) / ((k + 1) * (m - t + k + 1));
	}
	return smaller(sum, 1);
}

double
ae_drift_exact(double k, double n, double l, double m)
{
	double t = k + l;

	if (!(n > 0) || !(m > 0))
		return 1;
	if (k * m >= l * n)
		return smaller(1, 2 * upper_tail(k, n, m, t));
	return smaller(1, 2 * upper_tail(l, m, n, t));
}

/* ---- bins in an order ---- */

/* Kolmogorov's distribution beyond lambda, 2 sum (-1)^(j - 1) exp(-2 j^2 lambda^2). */
static double
kolmogorov_tail(double lambda)
{
	double sum = 0;

	if (lambda < 0.3)
		return 1;
	for (int j = 1; j <= 20; j++)
		sum += (j % 2 ? 2 : -2) * exp(-2 * j * j * lambda * lambda);
	return sum < 0 ? 0 : smaller(sum, 1);
}

double
ae_drift_ordered(double *ks, const double *now, const double *then, size_t n_bins)
{
	double n = sum_of(now, n_bins), m = sum_of(then, n_bins);
	double k = 0, l = 0, best = 1, root;

	*ks = 0;
	if (n == 0 || m == 0 || n_bins < 2)
		return 1;
	for (size_t i = 0; i + 1 < n_bins; i++)
	{
		k += now[i];
		l += then[i];
		*ks = fmax(*ks, fabs(k / n - l / m));
		best = fmin(best, ae_drift_exact(k, n, l, m));
	}
	root = sqrt(n * m / (n + m));
	best = fmin(best * (double) (n_bins - 1), kolmogorov_tail((root + 0.12 + 0.11 / root) * *ks));
	return smaller(1, 2 * best);
}

/*
 * If most rows are tied, the few others decide, and few are not normally distributed: the p-value
 * of the rows below and above the largest bin. 0 if there are enough for the approximation.
 */
static double
rank_bound(const double *now, const double *then, size_t n_bins)
{
	double n = sum_of(now, n_bins), m = sum_of(then, n_bins);
	double k = 0, l = 0, tied, p;
	size_t largest = 0;

	for (size_t i = 1; i < n_bins; i++)
	{
		if (now[i] + then[i] > now[largest] + then[largest])
			largest = i;
	}
	tied = now[largest] + then[largest];
	if (2 * tied < n + m || (n + m - tied) * smaller(n, m) / (n + m) >= MIN_EXPECTED)
		return 0;
	for (size_t i = 0; i < largest; i++)
	{
		k += now[i];
		l += then[i];
	}
	p = ae_drift_exact(k, n, l, m);
	k = n - k - now[largest];
	l = m - l - then[largest];
	return smaller(1, 2 * smaller(p, ae_drift_exact(k, n, l, m)));
}

double
ae_drift_rank(double *above, const double *now, const double *then, size_t n_bins)
{
	double n = sum_of(now, n_bins), m = sum_of(then, n_bins), total = n + m;
	double below = 0, wins = 0, ties = 0, variance;

	*above = 0.5;
	if (n == 0 || m == 0)
		return 1;
	for (size_t i = 0; i < n_bins; i++)
	{
		double both = now[i] + then[i];

		wins += now[i] * (below + then[i] / 2);
		below += then[i];
		ties += both * (both * both - 1);
	}
	*above = wins / (n * m);
	variance = total < 2 ? 0 : n * m / 12 * (total + 1 - ties / (total * (total - 1)));
	if (!(variance > 0))
		return 1;
	return fmax(erfc(fabs(wins - n * m / 2) / sqrt(2 * variance)), rank_bound(now, then, n_bins));
}

/* ---- bins without order ---- */

/* Q(a, x), the upper incomplete gamma function divided by the whole one. */
static double
gamma_tail(double a, double x)
{
	double scale, term, sum, b, c, d, h;

	if (!(x > 0))
		return 1;
	scale = exp(a * log(x) - x - lgamma(a));
	if (x < a + 1)
	{
		sum = term = 1 / a;
		for (int i = 1; i < 10000 && term > sum * DBL_EPSILON; i++)
			sum += term *= x / (a + i);
		return fmax(0, 1 - sum * scale);
	}
	b = x + 1 - a;
	c = 1 / DBL_MIN;
	h = d = 1 / b;
	for (int i = 1; i < 10000; i++)
	{
		double an = i * (a - i);

		b += 2;
		d = 1 / fmax(an * d + b, DBL_MIN);
		c = fmax(b + an / c, DBL_MIN);
		h *= d * c;
		if (fabs(d * c - 1) < 4 * DBL_EPSILON)
			break;
	}
	return smaller(1, scale * h);
}

/* The contribution of a bin's two cells to Pearson's statistic. */
static double
pearson(double k, double n, double l, double m)
{
	double difference = k * m - l * n;

	return difference * difference / (n * m * (k + l));
}

double
ae_drift_unordered(double *distance, const double *now, const double *then, size_t n_bins)
{
	double n = sum_of(now, n_bins), m = sum_of(then, n_bins), least = smaller(n, m) / (n + m);
	double rest[2] = {0, 0}, best = 1, sum = 0, degrees = -1;

	*distance = 0;
	if (n == 0 || m == 0)
		return 1;
	for (size_t i = 0; i < n_bins; i++)
	{
		*distance += fabs(now[i] / n - then[i] / m) / 2;
		best = fmin(best, ae_drift_exact(now[i], n, then[i], m));
		if ((now[i] + then[i]) * least >= MIN_EXPECTED)
		{
			sum += pearson(now[i], n, then[i], m);
			degrees++;
			continue;
		}
		rest[0] += now[i];
		rest[1] += then[i];
	}
	best *= (double) n_bins;
	if ((rest[0] + rest[1]) * least >= MIN_EXPECTED)
	{
		sum += pearson(rest[0], n, rest[1], m);
		degrees++;
	}
	if (degrees > 0)
		best = fmin(best, gamma_tail(degrees / 2, sum / 2));
	return smaller(1, 2 * best);
}

/* ---- sizes ---- */

/* One bin's contribution; n_bins: bins of each side. */
static double
psi_part(double k, double n, double l, double m, double n_bins)
{
	double q = (k + 0.5) / (n + 0.5 * n_bins);
	double p = (l + 0.5) / (m + 0.5 * n_bins);

	return (q - p) * log(q / p);
}

/*
 * Walks over the joined bins. Returns their number; *sum, unless NULL, receives the sum of their
 * contributions given n_joined bins.
 */
static double
join_bins(double *sum, const double *now, const double *then, size_t n_bins, bool ordered,
		  const double *total, double n_joined)
{
	double share = (ordered ? ORDERED_SHARE : LEVEL_SHARE) * sum_of(then, n_bins);
	double open[2] = {0, 0}, n = 0;

	for (size_t i = 0; i < n_bins; i++)
	{
		bool apart = !ordered && then[i] >= share;
		double k = apart ? now[i] : (open[0] += now[i]);
		double l = apart ? then[i] : (open[1] += then[i]);

		/* a bin includes everything below it */
		if (!apart && (!ordered || l < share))
			continue;
		if (sum)
			*sum += psi_part(k, total[0], l, total[1], n_joined);
		n++;
		if (!apart)
			open[0] = open[1] = 0;
	}
	if (open[0] + open[1] > 0)
	{
		if (sum)
			*sum += psi_part(open[0], total[0], open[1], total[1], n_joined);
		n++;
	}
	return n;
}

double
ae_drift_psi(const double *now, const double *then, size_t n_bins, bool ordered,
			 const double missing[2])
{
	double total[2] = {sum_of(now, n_bins) + missing[0], sum_of(then, n_bins) + missing[1]};
	bool nulls = missing[0] + missing[1] > 0;
	double sum = 0, n;

	if (total[0] == 0 || total[1] == 0)
		return 0;
	n = join_bins(NULL, now, then, n_bins, ordered, total, 0) + nulls;
	join_bins(&sum, now, then, n_bins, ordered, total, n);
	if (nulls)
		sum += psi_part(missing[0], total[0], missing[1], total[1], n);
	return sum;
}

/* ---- several hypotheses ---- */

void
ae_drift_holm(bool *refused, const double *p, size_t n, double level)
{
	size_t left = 0;
	bool more = true;

	for (size_t i = 0; i < n; i++)
	{
		refused[i] = false;
		left += !isnan(p[i]);
	}
	/* the smallest is rejected at level / left, then the next among those left */
	for (; more && left > 0; left--)
	{
		size_t least = n;

		for (size_t i = 0; i < n; i++)
		{
			if (!isnan(p[i]) && !refused[i] && (least == n || p[i] < p[least]))
				least = i;
		}
		more = p[least] <= level / (double) left;
		refused[least] = more;
	}
}
