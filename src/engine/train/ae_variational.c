/*
 * ae_variational.c: the stochastic encoder of a variational autoencoder: a stage that draws the
 * code, and the term that keeps its distribution near the prior.
 *
 *     q(z | x) = Normal(mu, diag(exp(s)))   mu the code, s from the head of log variances (ae_net.h)
 *     z = mu + exp(s / 2) e                 e standard normal: what the decoder, and a target, see
 *     KL_j = (mu_j^2 + exp(s_j) - s_j - 1) / 2
 *     loss += beta / C sum over units of max(free_bits, mean over rows of KL_j)
 *
 * C being the number of columns, by which the likelihood is also divided (ae_decoder.c): with beta
 * = 1 and free_bits = 0 the objective is -1 / C times the evidence lower bound, with one draw a
 * row.  beta rises linearly from 0 over the first share `warmup` of the updates.  The mean of KL_j
 * is over the rows that are passed at once, as for the penalty kl (ae_penalty.h).
 *
 * With `samples` = K a row enters K times, and its draws are weighted by their importance
 * (ae_decoder.c): the objective is then -1 / C times the importance-weighted bound.
 *
 * e is a function of the visit, independent of other noise, so that gradients can be checked. Codes
 * of validation rows are drawn too, with the same e in every epoch.
 *
 * Source: Kingma, Welling, ICLR 2014, section 2.4 and appendix B; Goodfellow, Bengio, Courville,
 * Deep Learning, 2016, section 20.10.3; beta: Higgins et al., ICLR 2017; free bits: Kingma et al.,
 * NIPS 2016, eq. 15; warm-up: Bowman et al., CoNLL 2016, section 3.1.
 */
#include <math.h>
#include <string.h>

#include "ae_math.h"
#include "ae_part.h"

/*
 * Its noise has the visits with this bit; noise of the code has those with the bit above
 * (ae_code_noise.c).
 */
#define DRAW_VISITS ((uint64_t) 1 << 62)

typedef struct State
{
	double beta, free_bits;
	double warming;  /* updates of the warm-up */
	double *updates; /* done so far; lasts */
	AeVisit visit;
	AeReal *mean;     /* n_rows x n_code: mu of the rows last passed */
	AeReal *noise;    /* likewise: e */
	double *kl;       /* n_code: mean KL of each unit over these */
	uint32_t samples; /* draws of a row that are weighted, one after the other; 1: no weights */
	double share;     /* factor on gradients, of the term: beta / C and that of the slice */
} State;

static void
after(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	State *s = state;
	size_t n = pass->n_rows * pass->net->width[l + 1];
	AeReal *z = pass->h[l + 1];

	(void) params;
	if (l + 1 != pass->net->n_encoder)
		return;
	memcpy(s->mean, z, n * sizeof(AeReal));
	memset(s->noise, 0, n * sizeof(AeReal));
	pass->compute.kernels->add_noise(s->noise, s->noise, n, 1, s->visit.seed, s->visit.number);
	for (size_t i = 0; i < n; i++)
		z[i] = ae_fma(ae_exp((AeReal) 0.5 * pass->spread[i]), s->noise[i], z[i]);
}

/*
 * Turns d, the gradient of the decoder's loss with respect to draw i, into that with respect to its
 * mean; also that with respect to s.
 */
static void
weighed_back(const State *s, AeDescent *at, size_t i)
{
	const AePass *pass = at->pass;
	size_t n_code = pass->net->width[at->l + 1];
	AeReal factor = (AeReal) (s->share * pass->weight[i]);

	for (size_t k = i * n_code; k < (i + 1) * n_code; k++)
	{
		AeReal sd = ae_exp((AeReal) 0.5 * pass->spread[k]);

		at->d[k] += factor * pass->h[at->l + 1][k];
		pass->d_spread[k] = (AeReal) 0.5 * (at->d[k] * sd * s->noise[k] - factor);
	}
}

/*
 * dz/dmu = 1, dz/ds = exp(s / 2) e / 2; adds the term's own gradient for units that are not free.
 */
static void
after_back(void *state, AeDescent *at)
{
	const State *s = state;
	const AePass *pass = at->pass;
	size_t n_code = pass->net->width[at->l + 1];

	if (at->l + 1 != pass->net->n_encoder)
		return;
	for (size_t i = 0; s->samples > 1 && i < pass->n_rows; i++)
		weighed_back(s, at, i);
	for (size_t i = 0; s->samples <= 1 && i < pass->n_rows * n_code; i++)
	{
		AeReal sd = ae_exp((AeReal) 0.5 * pass->spread[i]);
		AeReal factor = s->kl[i % n_code] > s->free_bits ? (AeReal) s->share : 0;

		pass->d_spread[i] = (AeReal) 0.5 * (at->d[i] * sd * s->noise[i] + factor * (sd * sd - 1));
		at->d[i] += factor * s->mean[i];
	}
}

static const AeHooks hooks = {.slopes = true, .after = after, .after_back = after_back};

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) options;
	return net->spread;
}

/* Refuses what cannot be combined with draws. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (net->spread != (o->variational_beta > 0))
		return ae_fail(error, AE_ERR_ARGUMENT, "log variances of the code", net->spread,
					   o->variational_beta > 0, o->variational_beta > 0);
	if (!used(net, o))
		return AE_OK;
	if (o->variational_samples > 1 && o->variational_free_bits > 0)
		return ae_fail(error, AE_ERR_ARGUMENT, "free bits of weighed draws",
					   o->variational_free_bits, 0, 0);
	if (o->distribution == AE_DISTRIBUTION_NONE)
		return ae_fail(error, AE_ERR_ARGUMENT, "variational without distribution", 0, 1,
					   AE_DISTRIBUTION_COUNT - 1);
	if (net->activation[net->n_encoder - 1] != AE_IDENTITY || net->top_k > 0 || net->gated)
		return ae_fail(error, AE_ERR_ARGUMENT, "code of a variational encoder",
					   net->activation[net->n_encoder - 1], AE_IDENTITY, AE_IDENTITY);
	if (o->tied || o->sparse_weight > 0 || o->contract_weight > 0 || o->neighbours_weight > 0 ||
		o->optimizer == AE_OPTIMIZER_LBFGS)
		return ae_fail(error, AE_ERR_ARGUMENT, "what stands beside variational_beta",
					   o->variational_beta, 0, 0);
	return AE_OK;
}

static size_t
lasting(const AeNet *net)
{
	(void) net;
	return sizeof(double);
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasts, size_t own)
{
	const AeTrainOptions *o = setup->options;
	size_t n_code = setup->net->width[setup->net->n_encoder];
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {.beta = o->variational_beta,
				  .free_bits = o->variational_free_bits,
				  .samples = o->variational_samples,
				  .warming = o->variational_warmup * (double) setup->n_updates,
				  .updates = lasts};

	(void) own;
	here.mean = ae_arena_place_rows(arena, setup->slice_rows, n_code, sizeof(AeReal));
	here.noise = ae_arena_place_rows(arena, setup->slice_rows, n_code, sizeof(AeReal));
	here.kl = ae_arena_place(arena, n_code, sizeof(double));
	if (here.samples > 1)
	{
		pass->log_ratio = ae_arena_place(arena, setup->slice_rows, sizeof(double));
		pass->weight = ae_arena_place(arena, setup->slice_rows, sizeof(double));
	}
	if (home)
		*home = here;
	ae_net_hook(pass, &hooks, home);
	return home;
}

static void
begin(void *state, AeReal *params, const AeNet *net, const AeTrainOptions *options, AeStart start)
{
	(void) params;
	(void) net;
	(void) options;
	(void) start;
	*((State *) state)->updates = 0;
}

static void
enter(void *state, AePass *pass, AeEntering *entering)
{
	(void) pass;
	((State *) state)->visit =
		(AeVisit){entering->visit.seed, DRAW_VISITS | entering->visit.number};
}

static void
updated(void *state, AeReal *params, const AeNet *net)
{
	(void) params;
	(void) net;
	*((State *) state)->updates += 1;
}

/* The term of the rows just passed, without beta. */
static double
divergence(State *s, const AePass *pass)
{
	size_t n_code = pass->net->width[pass->net->n_encoder];
	double sum = 0;

	memset(s->kl, 0, n_code * sizeof(double));
	for (size_t i = 0; i < pass->n_rows * n_code; i++)
	{
		double mean = (double) s->mean[i], v = (double) pass->spread[i];

		s->kl[i % n_code] +=
			0.5 * (mean * mean + (double) ae_exp(pass->spread[i]) - v - 1) / (double) pass->n_rows;
	}
	for (size_t j = 0; j < n_code; j++)
		sum += s->kl[j] > s->free_bits ? s->kl[j] : s->free_bits;
	return sum * (double) pass->n_rows / pass->net->layout.n_columns;
}

/* pass->log_ratio of the rows just passed, times beta. */
static void
find_ratios(const State *s, AePass *pass, double beta)
{
	size_t n_code = pass->net->width[pass->net->n_encoder];
	const AeReal *z = pass->h[pass->net->n_encoder];

	for (size_t i = 0; i < pass->n_rows; i++)
	{
		double sum = 0;

		for (size_t k = i * n_code; k < (i + 1) * n_code; k++)
			sum += (double) s->noise[k] * (double) s->noise[k] + (double) pass->spread[k] -
				   (double) z[k] * (double) z[k];
		pass->log_ratio[i] = 0.5 * beta * sum;
	}
}

/* If draws are weighted, the decoder's term has the value. */
static double
loss(void *state, AeSlice *slice)
{
	State *s = state;
	double beta = s->beta;

	if (*s->updates < s->warming)
		beta *= *s->updates / s->warming;
	s->share = beta * slice->share / slice->pass->net->layout.n_columns;
	if (s->samples <= 1)
		return beta * divergence(s, slice->pass);
	find_ratios(s, slice->pass, beta);
	return 0;
}

static double
validate(void *state, const AeSlice *slice)
{
	State *s = state;

	return s->beta * divergence(s, slice->pass);
}

const AePart ae_variational_part = {
	.name = "variational",
	.used = used,
	.check = check,
	.lasting = lasting,
	.place = place,
	.begin = begin,
	.enter = enter,
	.updated = updated,
	.loss = loss,
	.validate = validate,
	.slopes = true,
};
