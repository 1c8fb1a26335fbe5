/* SPDX-License-Identifier: Apache-2.0 */
/* Losses and norms of batches that were handed to the device: read some batches later where waiting for each would leave it idle. */
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "net/trainer.h"

sbi_status sbi_trainer_diverged(sbi_trainer *t, int64_t batch, const char *what, double value)
{
    t->diverged[t->attempt] = (sbi_divergence){t->state.epoch + 1, 0, batch};
    return sbi_fail(SBI_ERR_DIVERGED, "training member %d: epoch %d, batch %" PRId64 ": %s is %g", (int)t->member,
                    (int)t->state.epoch + 1, batch, what, value);
}

double sbi_trainer_sum_losses(const sbi_trainer *t, const double *losses, int64_t rows)
{
    double sum = 0;
    for (int64_t lane = 0; lane * t->lane_rows < rows; lane++) {
        const int64_t left = rows - lane * t->lane_rows, own = left < t->lane_rows ? left : t->lane_rows;
        for (int64_t chunk = 0; chunk * t->chunk_rows < own; chunk++) sum += losses[lane * t->n_chunks + chunk];
    }
    return sum;
}

/* `batch` counts from 1 in messages. */
static sbi_status add(sbi_trainer *t, const double *losses, int64_t rows, int64_t batch)
{
    const double loss = sbi_trainer_sum_losses(t, losses, rows), norm = sqrt(losses[t->n_losses - 1]);
    if (!isfinite(loss)) return sbi_trainer_diverged(t, batch, "the loss", loss);
    if (!isfinite(norm)) return sbi_trainer_diverged(t, batch, "the norm of the gradient", norm);
    t->state.loss_sum += loss;
    t->state.norm_max = fmax(t->state.norm_max, norm);
    return SBI_OK;
}

sbi_status sbi_trainer_settle(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    const int64_t n = t->pending;
    if (n == 0) return SBI_OK;
    t->pending = 0;
    if (!t->kept) return add(t, t->losses, t->pending_rows[0], t->state.batch + 1);
    SBI_TRY(dev->ops->download(dev->self, t->kept_host, t->kept, sizeof *t->kept * (size_t)(n * t->n_losses)));
    for (int64_t i = 0; i < n; i++)
        SBI_TRY(add(t, t->kept_host + i * t->n_losses, t->pending_rows[i], t->state.batch - n + i + 1));
    return SBI_OK;
}
