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
    const int64_t d = mlp->size[0];
    float *last = room + sbi_network_scratch_size(mlp);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < d; j++) scratch[i * d + j] = (float)((x[i * d + j] - net->shift[j]) * net->scale[j]);
    SBI_TRY(device->ops->upload(device->self, room, scratch, sizeof *scratch * (size_t)(rows * d)));
    SBI_TRY(sbi_mlp_logits(mlp, device, params, rows, room, last));
    return device->ops->download(device->self, logit, last, sizeof *logit * (size_t)(rows * sbi_mlp_outputs(mlp)));
}
