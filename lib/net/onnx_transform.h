/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms of features as nodes: written, and recognised again by writing them anew and comparing. */
#ifndef SBI_NET_ONNX_TRANSFORM_H
#define SBI_NET_ONNX_TRANSFORM_H

#include "net/onnx_reader.h"
#include "net/onnx_write.h"
#include "net/transform.h"

/* From features named `x`, f64 [batch, features], to inputs, f64 [batch, inputs], whose name goes to `output`. Member m's names begin with
 * "sbi/m/t". What has no image becomes NaN, and a category that is not known zeros: a graph cannot refuse. */
sbi_status sbi_onnx_add_transforms(sbi_onnx_writer *w, const sbi_transforms *t, size_t m, const char *x, sbi_onnx_name output);

/* Reads the metadata, and finds the nodes that they describe: the reader then takes them as one. SBI_ERR_UNSUPPORTED if the nodes are others,
 * as when another program has rewritten the file. Nothing happens without such metadata. */
sbi_status sbi_onnx_find_transforms(sbi_onnx_reader *r);
/* At the first of these nodes: does them all, and moves to the last. */
sbi_status sbi_onnx_do_transforms(sbi_onnx_reader *r);

#endif
