/*
 * ae_alarm.c: the probability of alarms by chance, and evidence from rows in sequence.
 *
 * Sources: Wald, Ann. Math. Stat. 16, 1945; Page, Biometrika 41, 1954; Pollak, Ann. Stat. 13, 1985.
 */
#include "ae_alarm.h"

#include <math.h>

/* The alternatives' densities of p, from rare and extreme to frequent and slight anomalies. */
static const double exponents[AE_SEQUENTIAL_TESTS] = {0.2, 0.35, 0.5, 0.65, 0.8};

double
ae_sequential_add(double w[AE_SEQUENTIAL_TESTS], double p)
{
	double sum = 0;

	for (int i = 0; i < AE_SEQUENTIAL_TESTS; i++)
	{
		double a = exponents[i];

		w[i] = fmin(fmax(w[i], 1) * a * pow(p, a - 1), AE_MAX_EVIDENCE);
		sum += w[i];
	}
	return sum / AE_SEQUENTIAL_TESTS;
}

double
ae_alarm_rate(double p, double k, double n)
{
	if (!(p > 0) || !(p < 1))
		return 0;
	return exp(lgamma(n) - lgamma(k) - lgamma(n - k + 1) + k * log(p) + (n - k + 1) * log1p(-p));
}
