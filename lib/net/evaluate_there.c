/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating networks on a device that is not the host: parameters go there once, rows chunk by chunk. */
#include "base/error.h"
#include "base/memory.h"
#include "net/network.h"

sbi_status sbi_network_send(const sbi_network *net, const sbi_device *device, float **params)
{
    void *memory = NULL;
    *params = NULL;
    SBI_TRY(device->ops->allocate(device->self, &memory, sizeof(float) * (size_t)net->mlp.n));
    *params = memory;
    return device->ops->upload(device->self, memory, net->params, sizeof(float) * (size_t)net->mlp.n);
}

sbi_status sbi_network_logits_there(const sbi_network *net, const sbi_device *device, const float *params, float *room, const double *x,
                                    int64_t rows, float *scratch, float *logit)
{
    const sbi_mlp *mlp = &net->mlp;
    const int64_t d = mlp->size[0], half = mlp->widest * SBI_EVALUATE_ROWS;
    float *in = room, *out = room + half, *last_out = room + 2 * half;
    sbi_network_inputs(net, x, rows, scratch, scratch + half);
    SBI_TRY(device->ops->upload(device->self, in, scratch, sizeof *scratch * (size_t)(rows * d)));
    SBI_TRY(sbi_mlp_logits(mlp, device, params, rows, in, out, last_out));
    return device->ops->download(device->self, logit, last_out, sizeof *logit * (size_t)rows);
}
