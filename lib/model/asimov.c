/* SPDX-License-Identifier: Apache-2.0 */
/* Asimov data: the integration sample, weighted to what is expected at theta. */
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "io/column.h"
#include "model/model.h"
#include "tape/interpolation.h"

#define BLOCK_EVENTS 8192

typedef struct density_job {
    const model_sample *sample;
    const double *theta;
    double *density; /* [n] r_p prod_k g_k */
    int64_t n;
} density_job;

static double element(const sbi_array *a, int64_t i)
{
    return sbi_element_f64((const unsigned char *)a->data + i * a->strides[0], a->dtype);
}

static sbi_status fill_block(void *arg, size_t block)
{
    const density_job *job = arg;
    int64_t first = (int64_t)block * BLOCK_EVENTS, last = first + BLOCK_EVENTS;
    if (last > job->n) last = job->n;
    const model_sample *s = job->sample;
    sbi_column_read_f64(&s->integration_ratio, first, last - first, job->density + first);
    for (size_t k = 0; k < s->n_eventsys; k++) {
        const model_eventsys *e = &s->eventsys[k];
        for (int64_t i = first; i < last; i++) {
            double up = element(&e->integration_high, i), down = element(&e->integration_low, i), g[3];
            if (e->storage == SBI_MORPH_LOG) {
                up = exp(up);
                down = exp(down);
            }
            sbi_interpolate(SBI_INTERP_CODE4, up, down, job->theta[e->parameter], g);
            job->density[i] *= g[0];
        }
    }
    return SBI_OK;
}

/* Adds v_j nu_p s_pj of one process. */
static sbi_status add_process(const sbi_model *m, const model_channel *c, const model_sample *s, double yield,
                              const double *theta, double *density, double *weights)
{
    int64_t n = c->n_integration;
    density_job job = {s, theta, density, n};
    SBI_TRY(sbi_parallel_for(m->ctx, (size_t)((n + BLOCK_EVENTS - 1) / BLOCK_EVENTS), fill_block, &job));
    double integral = 0;
    for (int64_t i = 0; i < n; i++) integral += element(&c->integration_weights, i) * density[i];
    if (!(fabs(integral) > 0))
        return sbi_fail(SBI_ERR_DOMAIN, "channel %s, sample %s: its integral at this point is %g", c->name, s->name, integral);
    double scale = yield * s->integration_sum / integral;
    for (int64_t i = 0; i < n; i++) weights[i] += element(&c->integration_weights, i) * scale * density[i];
    return SBI_OK;
}

sbi_status sbi_model_asimov_weights(const sbi_model *m, size_t channel, const double *theta, double *weights)
{
    SBI_REQUIRE(m && theta && weights, "sbi_model_asimov_weights: an argument is NULL");
    SBI_REQUIRE(channel < m->n_channels, "sbi_model_asimov_weights: there is no channel %zu", channel);
    if (!m->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_asimov_weights: the model is not sealed");
    const model_channel *c = &m->channels[channel];
    if (c->n_integration < 0)
        return sbi_fail(SBI_ERR_STATE, "sbi_model_asimov_weights: channel %s has no integration sample", c->name);
    double *density = sbi_alloc_array(m->ctx, (size_t)c->n_integration, sizeof *density);
    double *yields = sbi_alloc_array(m->ctx, c->n_samples, sizeof *yields);
    sbi_status status = density && yields ? sbi_model_yields(m, channel, theta, yields) : SBI_ERR_NO_MEMORY;
    for (int64_t i = 0; i < c->n_integration; i++) weights[i] = 0;
    for (size_t p = 0; p < c->n_samples && status == SBI_OK; p++)
        status = add_process(m, c, &c->samples[p], yields[p], theta, density, weights);
    sbi_free(m->ctx, yields);
    sbi_free(m->ctx, density);
    return status;
}
