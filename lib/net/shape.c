/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of networks. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "net/network.h"

static const char *const activation_names[] = {NULL, "silu", "relu", "leaky_relu", "tanh", "gelu", "softplus"};
#define N_ACTIVATIONS ((int32_t)(sizeof activation_names / sizeof activation_names[0]))

const char *sbi_activation_name(int32_t activation)
{
    return activation > 0 && activation < N_ACTIVATIONS ? activation_names[activation] : NULL;
}

int32_t sbi_activation_find(const char *name)
{
    for (int32_t a = 1; a < N_ACTIVATIONS; a++)
        if (strcmp(name, activation_names[a]) == 0) return a;
    return 0;
}

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

/* Residual blocks: one after another, each with as many outputs as inputs. */
static sbi_status check_blocks(const sbi_mlp *mlp)
{
    int32_t free_from = 0;
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int32_t length = mlp->residual[l], first = l + 1 - length;
        if (length == 0) continue;
        SBI_REQUIRE(length > 0 && first >= free_from && l < mlp->layers - 1,
                    "network: layer %d ends a residual block of %d layers, which overlaps another or leaves the hidden layers", (int)l,
                    (int)length);
        if (mlp->size[first] != mlp->size[l + 1])
            return sbi_fail(SBI_ERR_SHAPE, "network: a residual block goes from %" PRId64 " to %" PRId64 " in layer %d", mlp->size[first],
                            mlp->size[l + 1], (int)l);
        free_from = l + 1;
    }
    return SBI_OK;
}

static sbi_status check_kind(const sbi_mlp *mlp)
{
    const int32_t last = mlp->layers - 1;
    SBI_REQUIRE(sbi_activation_name(mlp->activation), "network: activation is %d, expected one of SBI_ACTIVATION_...",
                (int)mlp->activation);
    SBI_REQUIRE(mlp->slope > 0 && mlp->slope <= 1, "network: the slope of LeakyReLU is %g, expected more than 0, at most 1",
                (double)mlp->slope);
    SBI_REQUIRE(mlp->epsilon > 0 && mlp->epsilon <= 1, "network: epsilon of the normalisation is %g, expected more than 0, at most 1",
                (double)mlp->epsilon);
    SBI_REQUIRE(!mlp->norm[last], "network: the last layer is normalised");
    return check_blocks(mlp);
}

sbi_status sbi_mlp_finish(sbi_mlp *mlp)
{
    SBI_REQUIRE(mlp->layers >= 1 && mlp->layers <= SBI_MLP_MAX_LAYERS, "network: %d layers, expected 1 to %d",
                (int)mlp->layers, SBI_MLP_MAX_LAYERS);
    if (mlp->slope == 0) mlp->slope = 0.01f;
    if (mlp->epsilon == 0) mlp->epsilon = 1e-5f;
    SBI_TRY(check_kind(mlp));
    mlp->n_weights = mlp->parameters = mlp->widest = 0;
    mlp->norms = mlp->blocks = 0;
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int64_t in = mlp->size[l], out = mlp->size[l + 1];
        SBI_REQUIRE(in >= 1 && in <= 1 << 20 && out >= 1 && out <= 1 << 20,
                    "network: layer %d is %" PRId64 " x %" PRId64 ", expected 1 to %d", (int)l, out, in, 1 << 20);
        mlp->w[l] = mlp->n_weights;
        mlp->n_weights += padded(in * out);
        mlp->parameters += in * out + out + (mlp->norm[l] ? 2 * out : 0);
        mlp->norms += mlp->norm[l] != 0;
        mlp->blocks += mlp->residual[l] != 0;
        if (in > mlp->widest) mlp->widest = in;
    }
    mlp->n = mlp->n_weights;
    for (int32_t l = 0; l < mlp->layers; l++) {
        mlp->b[l] = mlp->n;
        mlp->n += padded(mlp->size[l + 1]);
    }
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int64_t length = mlp->norm[l] ? padded(mlp->size[l + 1]) : 0;
        mlp->gain[l] = mlp->n;
        mlp->offset[l] = mlp->n + length;
        mlp->n += 2 * length;
    }
    return SBI_OK;
}

int32_t sbi_mlp_activation(const sbi_mlp *mlp, int32_t l)
{
    return l == mlp->layers - 1 || mlp->linear[l] ? SBI_DEVICE_IDENTITY : mlp->activation;
}

int sbi_mlp_block_begins(const sbi_mlp *mlp, int32_t l)
{
    for (int32_t end = l; end < mlp->layers; end++)
        if (mlp->residual[end]) return end + 1 - mlp->residual[end] == l;
    return 0;
}

int64_t sbi_mlp_outputs(const sbi_mlp *mlp)
{
    return mlp->size[mlp->layers];
}

void sbi_mlp_forward(const sbi_mlp *mlp, int32_t l, const float *params, sbi_device_forward *op)
{
    memset(op, 0, sizeof *op);
    op->in = mlp->size[l];
    op->out = mlp->size[l + 1];
    op->w = params + mlp->w[l];
    op->b = params + mlp->b[l];
    op->activation = sbi_mlp_activation(mlp, l);
    op->slope = mlp->slope;
    op->epsilon = mlp->epsilon;
    if (!mlp->norm[l]) return;
    op->gain = params + mlp->gain[l];
    op->offset = params + mlp->offset[l];
}
