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

size_t sbi_network_scratch_size(const sbi_mlp *mlp)
{
    return (size_t)(2 * mlp->widest * SBI_EVALUATE_ROWS);
}

sbi_status sbi_mlp_logits(const sbi_mlp *mlp, const sbi_device *device, const float *params, int64_t rows, float *in, float *out,
                          float *logit)
{
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int last = l == mlp->layers - 1;
        const sbi_device_forward op = {
            .rows = rows,
            .in = mlp->size[l],
            .out = mlp->size[l + 1],
            .x = in,
            .w = params + mlp->w[l],
            .b = params + mlp->b[l],
            .y = last ? logit : out,
            .activation = last ? SBI_DEVICE_IDENTITY : mlp->activation,
        };
        SBI_TRY(device->ops->forward(device->self, &op));
        float *other = in;
        in = out;
        out = other;
    }
    return SBI_OK;
}

sbi_status sbi_network_logits(const sbi_network *net, const sbi_device *device, const double *x, int64_t rows,
                              float *scratch, float *logit)
{
    const sbi_mlp *mlp = &net->mlp;
    float *in = scratch, *out = scratch + mlp->widest * SBI_EVALUATE_ROWS;
    sbi_network_inputs(net, x, rows, in, out);
    return sbi_mlp_logits(mlp, device, net->params, rows, in, out, logit);
}

typedef struct evaluation {
    const sbi_network *net;
    const sbi_array *features;
    const sbi_device *device;
    double *logit;
    int64_t n;
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
        SBI_TRY(sbi_network_check_rows(e->net, x, first, rows, "features"));
        SBI_TRY(sbi_network_logits(e->net, e->device, x, rows, scratch, logit));
        for (int64_t i = 0; i < rows; i++) e->logit[first + i] = (double)logit[i];
    }
}

static sbi_status evaluate_worker(void *arg, size_t i)
{
    (void)i;
    evaluation *e = arg;
    sbi_context *ctx = e->net->ctx;
    const size_t n_x = (size_t)(sbi_network_features(e->net) * SBI_EVALUATE_ROWS);
    double *x = sbi_alloc_array(ctx, n_x, sizeof *x);
    float *scratch = sbi_alloc_array(ctx, sbi_network_scratch_size(&e->net->mlp) + SBI_EVALUATE_ROWS, sizeof *scratch);
    sbi_status status = x && scratch ? evaluate_chunks(e, x, scratch, scratch + SBI_EVALUATE_ROWS) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, scratch);
    sbi_free(ctx, x);
    return status;
}

sbi_status sbi_network_evaluate(const sbi_network *net, const sbi_array *features, double *logit)
{
    SBI_REQUIRE(net && features && logit, "sbi_network_evaluate: net, features or logit is NULL");
    sbi_array view;
    SBI_TRY(sbi_features_view(features, &view, "features"));
    if (view.shape[1] != sbi_network_features(net))
        return sbi_fail(SBI_ERR_SHAPE, "features: %lld columns, but the network has %lld features", (long long)view.shape[1],
                        (long long)sbi_network_features(net));
    sbi_device device;
    SBI_TRY(sbi_device_open(&device, net->ctx, "cpu"));
    evaluation e = {.net = net, .features = &view, .device = &device, .logit = logit, .n = view.shape[0]};
    const size_t chunks = (size_t)((e.n + SBI_EVALUATE_ROWS - 1) / SBI_EVALUATE_ROWS);
    size_t workers = sbi_parallel_workers(net->ctx);
    if (workers > chunks) workers = chunks;
    sbi_status status = sbi_parallel_for(net->ctx, workers, evaluate_worker, &e);
    sbi_device_close(&device);
    return status;
}
