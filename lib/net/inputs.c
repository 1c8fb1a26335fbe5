/* SPDX-License-Identifier: Apache-2.0 */
/* From features to the inputs of a network: the transforms and the standardisation that it carries. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/network.h"

#define ROWS 256 /* stay in the second-level cache between the transforms and the standardisation */

int64_t sbi_network_features(const sbi_network *net)
{
    return net->transforms ? net->transforms->features : net->mlp.size[0];
}

static void standardise(const sbi_network *net, const double *y, int64_t rows, float *in)
{
    const int64_t inputs = net->mlp.size[0];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < inputs; j++) in[i * inputs + j] = (float)((y[i * inputs + j] - net->shift[j]) * net->scale[j]);
}

void sbi_network_inputs(const sbi_network *net, const double *x, int64_t rows, float *in, void *spare)
{
    const sbi_transforms *t = net->transforms;
    if (!t) {
        standardise(net, x, rows, in);
        return;
    }
    double *y = spare;
    for (int64_t first = 0; first < rows; first += ROWS) {
        const int64_t n = rows - first < ROWS ? rows - first : ROWS;
        sbi_transforms_apply(t, x + first * t->features, n, y);
        standardise(net, y, n, in + first * t->inputs);
    }
}

sbi_status sbi_network_check_rows(const sbi_network *net, const double *x, int64_t first, int64_t rows, const char *name)
{
    const sbi_transforms *t = net->transforms;
    if (!t) return SBI_OK;
    const int64_t bad = sbi_transforms_find_bad(t, x, rows);
    if (bad < 0) return SBI_OK;
    return sbi_transforms_refuse(t, name, first + bad / t->features, bad % t->features, x[bad]);
}

/* The names are then those of features, of which there may be fewer than inputs. */
sbi_status sbi_network_set_transforms(sbi_network *net, const sbi_transforms *transforms)
{
    sbi_context *ctx = net->ctx;
    if (!transforms || transforms->n_steps == 0) return SBI_OK;
    if (transforms->inputs != net->mlp.size[0])
        return sbi_fail(SBI_ERR_SHAPE, "transforms: they give %lld inputs, the network has %lld", (long long)transforms->inputs,
                        (long long)net->mlp.size[0]);
    SBI_TRY(sbi_transforms_copy(&net->transforms, ctx, transforms));
    for (int64_t j = transforms->features; j < net->mlp.size[0]; j++) {
        sbi_free(ctx, net->names[j]);
        net->names[j] = NULL;
    }
    return SBI_OK;
}

size_t sbi_network_transform_count(const sbi_network *net, size_t feature)
{
    if (!net || !net->transforms || (int64_t)feature >= net->transforms->features) return 0;
    return sbi_transforms_chain(net->transforms, (int64_t)feature, NULL);
}

sbi_status sbi_network_transform(const sbi_network *net, size_t feature, size_t step, int32_t *kind, sbi_array *values)
{
    SBI_REQUIRE(net, "sbi_network_transform: net is NULL");
    const size_t n = sbi_network_transform_count(net, feature);
    SBI_REQUIRE(step < n, "sbi_network_transform: step is %zu, feature %zu has %zu", step, feature, n);
    const sbi_transforms *t = net->transforms;
    const sbi_transform_step *s = &t->steps[t->first_step[feature] + (int64_t)step];
    if (kind) *kind = (int32_t)s->kind;
    if (values) *values = sbi_array_1d(t->values + s->first, SBI_F64, s->n);
    return SBI_OK;
}
