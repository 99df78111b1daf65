/*
 * ae_pretrain.h: trains a deep autoencoder one layer after the other, before all are trained
 * together.
 *
 * With h_0 the row and h_l the output of the already pretrained layers 0 .. l-1, layer l of the
 * encoder is first the encoder of a shallow autoencoder [width[l], width[l+1], width[l]] of h_l,
 * whose two layers then become layer l of the whole net and its mirror image. The first shallow net
 * has the inputs, outputs and losses of the rows; above it, the loss is the squared error.
 * Activations are those of the whole net; a gate of the code is left out.
 *
 * Source: Bengio, Lamblin, Popovici, Larochelle 2007, "Greedy layer-wise training of deep
 * networks"; Goodfellow, Bengio, Courville, Deep Learning, 2016, section 15.1.  Denoising: Vincent
 * et al. 2010, section 3.3: corrupted is what enters the layer at hand alone, h_l being that of
 * clean rows.
 *
 *     for every layer of the encoder
 *         ae_pretrainer_size, ae_pretrainer_init     net, options and rows of the shallow net
 *         a trainer of those, to its end             ae_train.h
 *         ae_pretrainer_install                      into the parameters of the whole
 */
#ifndef AE_PRETRAIN_H
#define AE_PRETRAIN_H

#include "ae_train.h"

/* The shallow net of a layer, ready to be trained.  Lives in the caller's block. */
typedef struct AePretrainer
{
	AeNet net;
	AeTrainOptions options;
	AeRows rows;
	/* its own */
	AeBlock block; /* of net.layout above the first layer */
	const AeNet *whole;
	const AeReal *params;
	const AeRows *source;
	uint32_t layer;
	size_t n_rows; /* of one pass through the layers below */
	AePass pass;   /* through those */
	AeReal *cells; /* n_rows x source->width */
} AePretrainer;

/* Bytes for ae_pretrainer_init. AE_ERR_SHAPE if net does not fit, AE_ERR_LIMIT. */
AeStatus ae_pretrainer_size(size_t *bytes, const AeNet *net, const AeRows *rows, uint32_t layer,
							AeError *error);

/*
 * The shallow net of a layer of the encoder of the task's net, from block (bytes of
 * ae_pretrainer_size).  It keeps the task's options of steps, weight decay and the penalty on the
 * layer. Denoising keeps their corruption, or adds Gaussian noise of 0.2 if they have none;
 * salt_pepper, which needs bounds, is used only in the first layer.
 *
 * params: ae_net_n_params of net, with the layers below `layer` pretrained. params, net, rows and
 * the tables of compute must outlive the pretrainer.
 */
AePretrainer *ae_pretrainer_init(void *block, const AeTask *task, const AeReal *params,
								 uint32_t layer, const AeCompute *compute);

/* Puts both layers of the shallow net into params; trained: its own, ae_net_n_params. */
void ae_pretrainer_install(AeReal *params, const AePretrainer *pretrainer, const AeReal *trained);

#endif
