/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers, learning rates, averages of weights. */
#include <math.h>

#include "base/error.h"
#include "net/trainer.h"

/* Dozat 2016, with the momentum schedule that PyTorch uses. */
#define NADAM_DECAY 0.004

static double nadam_momentum(double beta1, double step)
{
    return beta1 * (1 - 0.5 * pow(0.96, step * NADAM_DECAY));
}

/* How much of the parameters after this step goes into the average; 0: nothing. Of EMA it is (1 - decay) / (1 - decay^k) for the k-th,
 * which is the sum decay^i (1 - decay) over what was averaged, divided by the sum of its weights: the start needs no other care. */
static double part_of_average(const sbi_trainer *t)
{
    const sbi_train_options *o = t->options;
    const sbi_train_state *s = &t->state;
    if (o->averaging == SBI_AVERAGING_NONE || !((double)s->step / (double)t->n_batches > o->averaging_start)) return 0;
    if (o->averaging == SBI_AVERAGING_SWA) return s->batch + 1 == t->n_batches ? 1 / (double)(s->averaged + 1) : 0;
    if (s->averaged == 0) return 1;
    return (1 - o->averaging_decay) / (1 - pow(o->averaging_decay, (double)(s->averaged + 1)));
}

float *sbi_trainer_judged(const sbi_trainer *t)
{
    return t->average ? t->average : t->params;
}

/* Validation is to read the same memory in every epoch, since a device may have recorded it. */
sbi_status sbi_trainer_prepare_average(sbi_trainer *t)
{
    if (!t->average || t->state.averaged) return SBI_OK;
    return t->device.ops->copy(t->device.self, t->average, t->params, sizeof(float) * (size_t)t->mlp.n);
}

sbi_status sbi_trainer_update(sbi_trainer *t, double rate)
{
    const sbi_train_options *o = t->options;
    const sbi_device *dev = &t->device;
    sbi_train_state *s = &t->state;
    const double step = (double)++s->step;
    sbi_device_update op = {.beta1 = (float)o->beta1, .beta2 = (float)o->beta2, .epsilon = (float)o->epsilon, .grad_scale = 1};
    op.squares = t->losses + t->n_losses - 1;
    op.clip = o->clip_norm;
    op.v_scale = (float)(1 / (1 - pow(o->beta2, step)));
    if (o->optimiser == SBI_OPTIMISER_NADAM) {
        const double mu = nadam_momentum(o->beta1, step), next = nadam_momentum(o->beta1, step + 1);
        s->mu_product *= mu;
        op.step_g = (float)(rate * (1 - mu) / (1 - s->mu_product));
        op.step_m = (float)(rate * next / (1 - s->mu_product * next));
    } else if (o->optimiser == SBI_OPTIMISER_SGD) {
        op.step_g = (float)rate;
    } else {
        op.step_m = (float)(rate / (1 - pow(o->beta1, step)));
    }
    const double part = part_of_average(t);
    op.part = (float)part;
    s->averaged += part > 0;
    const float decay = (float)o->weight_decay, shrink = (float)(rate * o->weight_decay);
    const int sgd = o->optimiser == SBI_OPTIMISER_SGD, decoupled = o->optimiser == SBI_OPTIMISER_ADAMW;
    for (int biases = 0; biases < 2; biases++) {
        const int64_t first = biases ? t->mlp.n_weights : 0;
        /* One pass where weights and biases are treated alike. */
        op.n = o->weight_decay == 0 ? t->mlp.n : biases ? t->mlp.n - t->mlp.n_weights : t->mlp.n_weights;
        op.p = t->params + first;
        op.g = t->grads + first;
        op.m = t->m + first;
        op.v = sgd ? NULL : t->v + first;
        op.average = part > 0 ? t->average + first : NULL;
        op.decay = biases || decoupled ? 0 : decay;
        op.shrink = biases || !decoupled ? 0 : shrink;
        SBI_TRY(dev->ops->update(dev->self, &op));
        if (o->weight_decay == 0) break;
    }
    return SBI_OK;
}

double sbi_schedule_rate(const sbi_train_options *o, const sbi_train_state *s, int64_t n_batches)
{
    const double e = s->epoch + (double)s->batch / (double)n_batches, part = e / o->epochs;
    double rate = o->learning_rate;
    switch (o->schedule) {
    case SBI_SCHEDULE_STEP: rate *= pow(o->schedule_factor, floor(e / o->schedule_epochs)); break;
    case SBI_SCHEDULE_COSINE: rate *= o->final_rate + (1 - o->final_rate) * 0.5 * (1 + cos(3.14159265358979323846 * part)); break;
    case SBI_SCHEDULE_GEOMETRIC: rate *= pow(o->final_rate, part); break;
    case SBI_SCHEDULE_PLATEAU: rate *= s->plateau_factor; break;
    case SBI_SCHEDULE_EXPONENTIAL: rate *= pow(o->schedule_factor, e); break;
    default: break;
    }
    if (o->warmup_epochs > 0) {
        const double warm = (double)(s->step + 1) / (o->warmup_epochs * (double)n_batches);
        if (warm < 1) rate *= warm;
    }
    return rate;
}
