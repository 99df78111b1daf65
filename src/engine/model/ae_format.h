/*
 * ae_format.h: the bytes of a model.
 *
 * Format 1.  Little-endian, fields follow each other without padding;
 * u8 .. u64 unsigned, i32 two's complement, f32 and f64 IEEE 754.  "0" as a value
 * means reserved: written as zero, refused otherwise.  A NaN, where one is allowed,
 * has the bits 7fc00000 or 7ff8000000000000; all other floats are finite unless
 * said otherwise.  Whatever the reader accepts, the writer writes back byte for byte.
 *
 * offset type  field            values
 * ---- header, 32 bytes
 *  0  u8 x 8   magic            89 41 45 4d 0d 0a 1a 0a
 *  8  u16      format           1; a newer one is refused as such before all else
 * 10  u16      arithmetic       1: which order of operations and polynomials scores follow
 * 12  u32      flags            bit 0: rows are arrays, columns have no names;
 *                               bit 1: names are raw bytes of an SQL_ASCII database;
 *                               bit 2: a bundle: after the header come models, see below;
 *                               bit 3: there are verdicts
 * 16  u64      length           of everything, exactly; <= 536870912 (512 MiB)
 * 24  u32      checksum         CRC-32C of bytes 0 .. 23 and 28 .. length - 1
 * 28  u32      0
 * ---- schema
 *  0  u8       purpose          0 detect, 1 compress, 2 search, 3 generate: the model draws rows
 *  1  u8       loss             of numbers: one of AeLoss (ae_loss.h)
 *  2  u8       category_loss    of categories: likewise
 *  3  u8       target           1: behind the values comes the column of a target, never where
 *                               rows are arrays, or the model draws rows; 0: none
 *  4  u32      n_columns        1 .. 65536 values of a row; at most 1664 have a name, and of a model
 *                               that draws rows there are no more
 *  8  u32      text_bytes       sum of the lengths of all names and levels
 * 12  f64      clip             >= 0; 0: scaled numbers have no bound
 * 20  u32      max_levels       for information: as the options had them
 * 24  u32      min_frequency
 * then for every value, in order:
 *  0  u8       kind             0 number, 1 boolean, 2 time, 3 category
 *  1  u8       scaling          0 standard, 1 minmax, 2 none, 3 robust, 4 log, 5 quantile;
 *                               6 bins, of all that is no category where the model draws rows
 *  2  u8       parts            of a time: bit 0 hour, 1 weekday, 2 month; else 0
 *  3  u8       flags            bit 0: it varied, and has cells; 1: indicator of NULL;
 *                               2: it was not always NULL; 3: a wide category; 4: a sketch
 *                               follows; 5: and one of errors, at the first value of a column;
 *                               6: a number of single precision
 *  4  u32      element          0: a column; 1, 2, ...: of an array column, all numbers
 *  8  u32      name_len         1 .. 1048576; 0 where rows are arrays, and for elements > 1
 * 12  u8 x n   name             UTF-8 unless flagged raw, no zero byte, no name twice
 *     f64      shift
 *     f64      scale            > 0
 *     f64      mean
 *     f64      sd               >= 0
 *     f64      min
 *     f64      max              >= min
 *     u64      n_missing        <= 2^53: NULLs in training
 *     f64      unseen           >= 0: what a value costs that training did not see
 *     f64 x 65 knots            of quantile scaling, where it varied: not descending, the
 *                               last minus the first finite
 *   of bins (ae_bins.h):
 *     u32      n_points         <= 65536
 *     u32      n_ranges         likewise
 *     f64      grain            >= 0
 *     u64 x n  count            <= 2^53: rows of each point, then of each range
 *     f64 x n  number           n_points, strictly ascending; then 5 for each range, not descending
 *   of a category only:
 *     u64      other            <= 2^53: rows of levels that are not listed
 *     u32      n_levels
 *   and for every level, by count, descending, then by bytes:
 *     u64      count            1 .. 2^53
 *     u32      length           0 .. 1048576, and all of a column together
 *     u8 x n   text             as names
 *   of a sketch (ae_sketch.h):
 *     u32      n_missing
 *     u32      n_cuts           <= 64; 0 of a category
 *     f64 x n  cut              strictly ascending
 *     u32 x n  count            n_cuts + 1; of a category n_levels, 1 if other > 0, and 1 more
 *   of errors:
 *     f64      mean_error       >= 0
 *              a sketch
 * and then, where there is one, the target, as a value: kind 0, 1 or 3; scaling 0; parts,
 * indicator, wide and element 0; it varied; of a category at least 2 levels, `other` counting rows whose
 * level is not listed and taken for no label.
 * Cells, inputs and outputs follow from these: see ae_schema_layout.
 * ---- net
 *  0  u32      n_layers         2 .. 64, encoder and decoder
 *  4  u32      n_encoder        1 .. n_layers - 1: layers up to the code
 *  8  u32      top_k            units of the code that are kept, at most its width; 0: all
 * 12  u32      flags            bit 0: thresholds follow the weights, without top_k; 1: a linear
 *                               path beside the layers, of which there are more than 2; 2: a head
 *                               that gives log variances of the code; 3 and 4: variances of
 *                               outputs, 0 fixed, 1 shared, 2 column
 * 16  u32      n_target         outputs of the head of the target: 1 of a number, 2 of a boolean,
 *                               the levels of a category; 0 without a target
 * 20  u32 x (n_layers + 1)      width: 1 .. 65536; the first and the last as the layout says
 *     u8 x n_layers             activation: a number of AeActivation (ae_activation.h)
 * ---- options, as resolved: those of the table in ae_options.c whose value is not its default
 *  0  u32      n_options
 * then for each, ascending:
 *  0  u8       number           its place in the table, from 0
 *  1  u64 or   value            f64 of a real; u64 of a count, a flag or a choice; in range, and
 *     f64                       other than the default
 * ---- outcome; counts are <= 2^53
 *  0  u8       state            0 running, 1 finished, 2 converged, 3 early, 4 stopped,
 *                               5 diverged
 *  1  u8       filling          0 once, 1 passes, 2 starts
 *  2  u8 x 2   0
 *  4  u64      n_rows
 * 12  u64      n_validation     <= n_rows
 * 20  u64      n_updates
 * 28  u64      n_epochs
 * 36  u64      best_epoch
 * 44  f64      train_loss       or NaN: no epoch was finished
 * 52  f64      validation_loss  or NaN: no validation rows
 * 60  f64      mean_loss
 * 68  f64      pca_loss         or NaN: not computed
 * 76  f64      seconds          >= 0
 * 84  f64      code_zeros       0 .. 1: share of the codes' numbers that are 0
 * 92  f64      code_mean        mean of the codes' numbers
 *100  u32      n_dead           <= width of the code
 *104  u32      server_version
 *108  f64      jacobian         >= 0: mean squared norm of the code's Jacobian; NaN: none
 *116  f64      recall           0 .. 1: of the nearest neighbours, by codes; NaN: not computed
 *124  f64      pca_recall       likewise, by as many principal components
 * and where there is a target:
 *132  f64      target_loss      >= 0, or NaN: no label among the rows
 *140  f64      target_accuracy  <= 1, or NaN likewise
 * and where a head gives log variances of the code:
 *     f64      divergence       >= 0: mean KL of a row's code from the prior
 *     u32      n_collapsed      <= width of the code: units that say nothing
 * and where outputs have a distribution:
 *     f64      log_likelihood   mean log p(x | h) of a row; NaN: not known
 * ---- weights
 *     f32 x n                   for each layer W (width[l] x width[l + 1], row-major), then b;
 *                               of the head W (code x n_target), then b; thresholds of the code; of the
 *                               head of log variances W (what the code's layer sees x code), then
 *                               b; log variances of outputs: one, or one for each dense cell
 * ---- calibration
 *  0  u64      n                <= 2^53; 0: none
 *  8  u32      n_points         <= 1024; 0 if and only if n is 0
 * 12  u8       unseen           0 or 1
 * 13  u8 x 3   0
 * then for every point:
 *  0  f64      score            >= 0, +Infinity allowed; strictly descending
 *  8  u64      n_above          strictly ascending from 1 or more; the last is n
 * ---- detector
 *  0  f64      error_norm       > 0: what errors are divided by in the raw score
 *  8  f64      distance_norm    > 0: what distances are divided by; 1 without prototypes
 * 16  u32      n_prototypes     0 .. 256
 *     f32 x (n_prototypes x n_cells), category cells being levels, tags 0
 *     f64      extreme_weight   0 .. 1; 0: the arrays that follow are not there
 *     f32 x n_dense             centres of cells without their farthest value, scaled units
 *     f32 x n_dense             spreads likewise, >= 0; 0: the cell is not judged
 *     u32      n_frequent       0 .. 20: rows that training had very often
 *     u64 x n                   their keys (ae_frequent.h), ascending
 *     u32      n_words          0 .. 8192: the filter of rows trained on (ae_filter.h)
 *     u32      n_probes         1 .. 7; 0 if and only if n_words is 0
 *     u64 x n_words
 * ---- pairs
 *  0  u32      n_slots          0, or a power of two up to 2^20 where there is a wide category
 *     u32 x n                   see ae_pairs.h
 * ---- verdicts, where flagged; see ae_verdict.h
 *  0  u32      n_confirmed
 *  4  u32      n_dismissed      both together 1 .. 10000
 *  8  f64      dismissed_reach  1e-12 .. 1e100
 * 16  f64 x n_confirmed         reach of each: likewise
 *     f32 x (n x n_cells)       rows, the confirmed ones first: cells, or NaN; category cells -1
 *                               or levels, or NaN; tags below 2^24, or NaN
 * ---- history
 *  0  u32      n_history        <= 1024
 * then for every epoch kept:
 *  0  u32      epoch            >= 1, strictly ascending
 *  4  f32      train_loss
 *  8  f32      validation_loss  or NaN
 * ---- the end: no byte follows
 *
 * A bundle: of networks that were crossed over two folds of the rows, or of several of them
 * that score together.  After its header:
 *  0  u32      n_folds          1 or 2
 *  4  u32      n_members        1 .. 4: networks of each fold
 * then for every fold, for every member of it:
 *  0  u64      length
 *  8  u8 x n   a model, with a header of its own, that is no bundle
 * A row of fold f (ae_hash.h) is scored by the networks that stand under f: they were trained
 * on the rows of the other fold.  All models of a bundle have the same columns, those of a fold
 * the same cells, levels and networks, but for the weights, too.  The other flags are those of its
 * models: 0 here.
 */
#ifndef AE_FORMAT_H
#define AE_FORMAT_H

#include "ae_model.h"

/* All of these take a while for a large model: they call check on the way, unless it is NULL. */

/*
 * Bytes that ae_model_write needs; checks all that the reader checks.
 * AE_ERR_LIMIT over a cap; AE_ERR_CORRUPT with `what` and the offset at which the
 * reader would refuse the bytes; whatever ae_net_check or ae_train_options_check says.
 */
AeStatus ae_model_written_size(size_t *bytes, const AeModel *model, AeError *error, AeCheck check);

/*
 * Writes exactly that many bytes, always the same for the same model. Writes zeroes for a model or
 * size that ae_model_written_size did not approve.
 */
void ae_model_write(void *out, size_t bytes, const AeModel *model, AeCheck check);

/*
 * Validates length bytes completely and says how large a block ae_model_read needs. Returns AE_OK,
 * AE_ERR_CORRUPT (what, offset), or AE_ERR_VERSION (what, value, high) for any bytes. Time depends
 * on length alone; block_bytes stays below 8 x length plus a quarter of a megabyte.
 */
AeStatus ae_model_check(size_t *block_bytes, const void *bytes, size_t length, AeError *error,
						AeCheck check);

/*
 * Fills *model; every pointer in it points into block or *model (block must be aligned as malloc
 * does; params are aligned to AE_ALIGN), none into bytes. Statuses of ae_model_check; AE_ERR_SHAPE
 * if block_bytes is less than that.
 */
AeStatus ae_model_read(AeModel *model, void *block, size_t block_bytes, const void *bytes,
					   size_t length, AeError *error, AeCheck check);

/* ---- bundles ---- */

/* The models in a bundle, or a single model. */
typedef struct AeBundleBytes
{
	uint32_t n_folds;
	uint32_t n_members;
	const void *bytes[AE_MAX_MODELS]; /* fold * n_members + member */
	size_t length[AE_MAX_MODELS];
} AeBundleBytes;

/*
 * Opens bytes: checks header, checksum and lengths of a bundle, but not the models in it; bytes
 * that are not a bundle are taken for a model. Statuses of ae_model_check.
 */
AeStatus ae_bundle_open(AeBundleBytes *bundle, const void *bytes, size_t length, AeError *error,
						AeCheck check);

/* Bytes that ae_bundle_write needs. AE_ERR_LIMIT if larger than a model may be. */
AeStatus ae_bundle_written_size(size_t *bytes, const AeBundleBytes *bundle, AeError *error);
void ae_bundle_write(void *out, size_t bytes, const AeBundleBytes *bundle, AeCheck check);

#endif
