/*
 * ae_normal.h: batch normalisation (ae_norm.h) of all layers but the code's and the last.
 *
 * Their gammas follow the parameters of the net, in the order of the layers.
 */
#ifndef AE_NORMAL_H
#define AE_NORMAL_H

#include "ae_net.h"

size_t ae_normal_n_gammas(const AeNet *net);

/*
 * Folds the normalisation by running means into weights and biases of params (ae_net_n_params);
 * gamma, mean, variance: ae_normal_n_gammas.
 */
void ae_normal_fold(AeReal *params, const AeNet *net, const AeReal *gamma, const double *mean,
					const double *variance);

#endif
