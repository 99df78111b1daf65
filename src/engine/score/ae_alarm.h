/*
 * ae_alarm.h: alarms from many rows in sequence: how often a rule of k flags in n rows fires by
 * chance, and a sequential test of p-values.
 *
 * The test is Wald's (1945) sequential probability ratio test, restarted whenever it favours chance
 * (Page 1954).  By chance p is uniform on (0, 1); the alternatives are densities a p^(a - 1), a <
 * 1, under which small p are more frequent than by chance: a few very small ones, or many that are
 * a little too small.  For each a
 *
 *     W_a = max(1, W_a) * a * p^(a - 1)
 *
 * and the evidence is the mean of all W_a.  As W_a never exceeds the statistic of Shiryaev and
 * Roberts, R = (1 + R) a p^(a - 1), whose expectation after t rows of chance is t, evidence reaches
 * a bound B by chance only after at least B rows on average (Pollak 1985).
 */
#ifndef AE_ALARM_H
#define AE_ALARM_H

#include "ae_status.h"

#define AE_SEQUENTIAL_TESTS 5

/* Evidence is limited to this, so that it fades once its cause is gone. */
#define AE_MAX_EVIDENCE 1e6

/*
 * The evidence after a row with p, 0 < p <= 1, given that of the rows before it; w: all 1 at first.
 */
double ae_sequential_add(double w[AE_SEQUENTIAL_TESTS], double p);

/*
 * The probability that a row begins an alarm, if an alarm is at least k flags in the last n rows (1
 * <= k <= n) and each row is flagged independently with probability p: C(n - 1, k - 1) p^k (1 -
 * p)^(n - k + 1). 0 if p is 0 or 1, as no alarm ever begins then.
 */
double ae_alarm_rate(double p, double k, double n);

#endif
