/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating a network on rows: fixed chunks, each in one thread. */
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "net/dataset.h"
#include "net/network.h"

/* Inputs and outputs of a layer, and the input of a residual block. */
#define BUFFERS 3

size_t sbi_network_scratch_size(const sbi_mlp *mlp)
{
    return (size_t)((mlp->blocks ? BUFFERS : 2) * mlp->widest * SBI_EVALUATE_ROWS);
}

sbi_status sbi_mlp_logits(const sbi_mlp *mlp, const sbi_device *device, const float *params, int64_t rows, float *scratch, float *logit)
{
    const int64_t size = mlp->widest * SBI_EVALUATE_ROWS;
    int in = 0, kept = -1;
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int last = l == mlp->layers - 1;
        if (sbi_mlp_block_begins(mlp, l)) kept = in;
        int out = 0;
        while (out == in || out == kept) out++;
        sbi_device_forward op;
        sbi_mlp_forward(mlp, l, params, &op);
        op.rows = rows;
        op.x = scratch + in * size;
        op.y = last ? logit : scratch + out * size;
        if (mlp->residual[l]) {
            op.add = scratch + kept * size;
            kept = -1;
        }
        SBI_TRY(device->ops->forward(device->self, &op));
        in = out;
    }
    return SBI_OK;
}

sbi_status sbi_network_logits(const sbi_network *net, const sbi_device *device, const double *x, int64_t rows,
                              float *scratch, float *logit)
{
    const int64_t d = net->mlp.size[0];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < d; j++) scratch[i * d + j] = (float)((x[i * d + j] - net->shift[j]) * net->scale[j]);
    return sbi_mlp_logits(&net->mlp, device, net->params, rows, scratch, logit);
}

typedef struct evaluation {
    const sbi_network *net;
    const sbi_array *features;
    const sbi_device *device;
    const double *theta; /* [q] for all rows, or NULL */
    double *logit;
    int64_t n, outputs;
    atomic_llong next;
} evaluation;

static sbi_status evaluate_chunks(evaluation *e, double *x, float *logit, float *scratch)
{
    for (;;) {
        const int64_t first = (int64_t)atomic_fetch_add(&e->next, SBI_EVALUATE_ROWS);
        if (first >= e->n) return SBI_OK;
        const int64_t rows = e->n - first < SBI_EVALUATE_ROWS ? e->n - first : SBI_EVALUATE_ROWS;
        SBI_TRY(sbi_check_cancel(e->net->ctx, "evaluating a network"));
        SBI_TRY(sbi_rows_read_checked(e->features, first, rows, x, "features"));
        if (e->theta) sbi_rows_append_theta(x, rows, e->net->mlp.size[0], e->theta, e->net->theta);
        SBI_TRY(sbi_network_logits(e->net, e->device, x, rows, scratch, logit));
        for (int64_t i = 0; i < rows * e->outputs; i++) e->logit[first * e->outputs + i] = (double)logit[i];
    }
}

static sbi_status evaluate_worker(void *arg, size_t i)
{
    (void)i;
    evaluation *e = arg;
    sbi_context *ctx = e->net->ctx;
    const size_t n_x = (size_t)(e->net->mlp.size[0] * SBI_EVALUATE_ROWS);
    double *x = sbi_alloc_array(ctx, n_x, sizeof *x);
    const size_t n_logit = (size_t)(e->outputs * SBI_EVALUATE_ROWS);
    float *scratch = sbi_alloc_array(ctx, sbi_network_scratch_size(&e->net->mlp) + n_logit, sizeof *scratch);
    sbi_status status = x && scratch ? evaluate_chunks(e, x, scratch, scratch + n_logit) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, scratch);
    sbi_free(ctx, x);
    return status;
}

static sbi_status evaluate(const sbi_network *net, const sbi_array *features, const double *theta, double *logit)
{
    sbi_array view;
    SBI_TRY(sbi_features_view(features, &view, "features"));
    const int64_t columns = net->mlp.size[0] - (theta ? net->theta : 0);
    if (view.shape[1] != columns)
        return sbi_fail(SBI_ERR_SHAPE, "features: %lld columns, but the network has %lld inputs%s", (long long)view.shape[1],
                        (long long)columns, theta ? " beside theta" : "");
    sbi_device device;
    SBI_TRY(sbi_device_open(&device, net->ctx, "cpu"));
    evaluation e = {.net = net, .features = &view, .device = &device, .theta = theta, .logit = logit, .n = view.shape[0]};
    e.outputs = sbi_mlp_outputs(&net->mlp);
    const size_t chunks = (size_t)((e.n + SBI_EVALUATE_ROWS - 1) / SBI_EVALUATE_ROWS);
    size_t workers = sbi_parallel_workers(net->ctx);
    if (workers > chunks) workers = chunks;
    sbi_status status = sbi_parallel_for(net->ctx, workers, evaluate_worker, &e);
    sbi_device_close(&device);
    return status;
}

sbi_status sbi_network_evaluate(const sbi_network *net, const sbi_array *features, double *logit)
{
    SBI_REQUIRE(net && features && logit, "sbi_network_evaluate: net, features or logit is NULL");
    if (sbi_mlp_outputs(&net->mlp) != 1)
        return sbi_fail(SBI_ERR_SHAPE, "sbi_network_evaluate: the network has %lld outputs, see sbi_network_evaluate_all()",
                        (long long)sbi_mlp_outputs(&net->mlp));
    return evaluate(net, features, NULL, logit);
}

sbi_status sbi_network_evaluate_all(const sbi_network *net, const sbi_array *features, double *outputs)
{
    SBI_REQUIRE(net && features && outputs, "sbi_network_evaluate_all: net, features or outputs is NULL");
    return evaluate(net, features, NULL, outputs);
}

sbi_status sbi_network_evaluate_at(const sbi_network *net, const sbi_array *features, const double *theta, size_t n_theta, double *outputs)
{
    SBI_REQUIRE(net && features && theta && outputs, "sbi_network_evaluate_at: net, features, theta or outputs is NULL");
    SBI_TRY(sbi_network_check_theta(net, theta, n_theta, "sbi_network_evaluate_at"));
    return evaluate(net, features, theta, outputs);
}
