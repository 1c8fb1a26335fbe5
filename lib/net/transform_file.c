/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms in network files: the arrays "transforms" and "transform_values". */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/transform_file.h"

sbi_status sbi_transforms_write(const sbi_transforms *t, sbi_npz_writer *w)
{
    if (!t) return SBI_OK;
    const sbi_array steps = sbi_array_2d(t->steps, SBI_I64, (int64_t)t->n_steps, 4);
    const sbi_array values = sbi_array_1d(t->values, SBI_F64, (int64_t)t->n_values);
    SBI_TRY(sbi_npz_writer_add(w, "transforms", &steps));
    return sbi_npz_writer_add(w, "transform_values", &values);
}

void sbi_transforms_digest(const sbi_transforms *t, sbi_sha256 *h)
{
    if (!t) return;
    sbi_sha256_update(h, t->steps, t->n_steps * sizeof *t->steps);
    sbi_sha256_update(h, t->values, t->n_values * sizeof *t->values);
}

static int has_member(const sbi_npz *npz, const char *name)
{
    for (size_t i = 0; i < sbi_npz_count(npz); i++)
        if (strcmp(sbi_npz_name(npz, i), name) == 0) return 1;
    return 0;
}

static sbi_status read_arrays(const sbi_npz *npz, sbi_array *steps, void **step_memory, sbi_array *values, void **value_memory)
{
    SBI_TRY(sbi_npz_read(npz, "transforms", steps, step_memory));
    SBI_TRY(sbi_npz_read(npz, "transform_values", values, value_memory));
    if (steps->dtype != SBI_I64 || steps->ndim != 2 || steps->shape[1] != 4 || steps->shape[0] < 1 || steps->strides[1] != 8 ||
        steps->strides[0] != 32)
        return sbi_fail(SBI_ERR_SHAPE, "transforms: expected i64 [steps, 4]");
    if (values->dtype != SBI_F64 || values->ndim != 1) return sbi_fail(SBI_ERR_SHAPE, "transform_values: expected f64 [values]");
    return SBI_OK;
}

sbi_status sbi_network_read_transforms(sbi_network *net, const sbi_npz *npz, int64_t features)
{
    if (!has_member(npz, "transforms.npy")) return SBI_OK;
    sbi_array steps, values;
    void *step_memory = NULL, *value_memory = NULL;
    sbi_transforms *t = NULL;
    sbi_status status = read_arrays(npz, &steps, &step_memory, &values, &value_memory);
    if (status == SBI_OK && (features < 1 || features > net->mlp.size[0]))
        status = sbi_fail(SBI_ERR_FORMAT, "transforms: %" PRId64 " features for %" PRId64 " inputs", features, net->mlp.size[0]);
    if (status == SBI_OK)
        status = sbi_transforms_from_arrays(&t, net->ctx, features, steps.data, (size_t)steps.shape[0], values.data, (size_t)values.shape[0]);
    if (status == SBI_OK && (int64_t)t->n_steps != steps.shape[0])
        status = sbi_fail(SBI_ERR_FORMAT, "transforms: a step does nothing");
    if (status == SBI_OK) status = sbi_network_set_transforms(net, t);
    sbi_transforms_free(t);
    sbi_free(net->ctx, step_memory);
    sbi_free(net->ctx, value_memory);
    return status;
}
