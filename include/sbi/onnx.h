/* SPDX-License-Identifier: Apache-2.0 */
/** @file onnx.h
 * Networks as ONNX files: written for other runtimes, and read from other trainers.
 *
 * A file written here has opset 17 and one input [batch, d] of features as they are in the dataset (the standardisation is inside),
 * and one output [batch, 1]. Its arithmetic is that of sbi_network_evaluate() and sbi_ratio_evaluate(): standardisation in f64, layers in
 * f32, combination of members in f64. docs/onnx.md says which graphs are read.
 * Source: onnx.ai, operator specification and onnx.proto, IR version 8.
 */
#ifndef SBI_ONNX_H
#define SBI_ONNX_H

#include "network.h"

SBI_BEGIN_DECLS

/** What the output of the graph is. */
#define SBI_ONNX_LOG_RATIO 0 /**< ln r, the logit (default) */
#define SBI_ONNX_RATIO 1     /**< r */

typedef struct sbi_onnx_options {
    uint32_t struct_size; /**< sizeof(sbi_onnx_options) */
    int32_t output;       /**< SBI_ONNX_LOG_RATIO (default) or SBI_ONNX_RATIO */
    int32_t dtype;        /**< of input and output: SBI_F32 (default) or SBI_F64. f32 rounds features before they are standardised */
    int32_t reserved_;
    double correction;       /**< the ratio is divided by this; default 1; as in sbi_ratio_options */
    const char *input_name;  /**< printable ASCII; NULL: "features" */
    const char *output_name; /**< the same; NULL: "log_ratio" or "ratio" */
} sbi_onnx_options;

#define SBI_ONNX_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_onnx_options), SBI_ONNX_LOG_RATIO, SBI_F32, 0, 1.0, NULL, NULL                            \
    }

/** Fills in the defaults; the same values as SBI_ONNX_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_onnx_options_init(sbi_onnx_options *options);

/** Writes a network, atomically. The bytes depend on network and options alone.
 *  @param options NULL for defaults.
 *  Errors: SBI_ERR_UNSUPPORTED for a file of 2 GiB or more, which ONNX has no form for; SBI_ERR_ARGUMENT. Since: 0.1 */
SBI_API sbi_status sbi_network_write_onnx(const sbi_network *net, const char *path, const sbi_onnx_options *options);
/** Writes an ensemble as one graph with the combination inside: mean ratio (relative to the largest member, so that nothing overflows),
 *  mean of logarithms or median, as sbi_ensemble_combination() says. Otherwise like sbi_network_write_onnx(). Since: 0.1 */
SBI_API sbi_status sbi_ensemble_write_onnx(const sbi_ensemble *ens, const char *path, const sbi_onnx_options *options);

/** Reads a multilayer perceptron that PyTorch, Keras or this library exported.
 *  The output of a network here is ln r: a Sigmoid at the end of the graph (a classifier's score) or an Exp is left out, and the context's
 *  log says so. Weights are kept as f32; f64 is rounded. Subtraction, division and the like of the input by constants become its
 *  standardisation. The file need not stay.
 *  Errors, each naming file, node and operator: SBI_ERR_UNSUPPORTED for what a network here cannot hold, and for weights in other files;
 *  SBI_ERR_FORMAT for malformed files; SBI_ERR_SHAPE; SBI_ERR_VALUE for NaN and infinity. Since: 0.1 */
SBI_API sbi_status sbi_network_read_onnx(sbi_network **out, sbi_context *ctx, const char *path);

SBI_END_DECLS
#endif
