/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a model, and its evaluation through the tape. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/binned.h"

struct sbi_model_work {
    sbi_context *ctx;
    sbi_tape_work *tape;
};

size_t sbi_model_n_parameters(const sbi_model *m)
{
    return m ? m->n_parameters : 0;
}

const char *sbi_model_parameter_name(const sbi_model *m, size_t index)
{
    return m && index < m->n_parameters ? m->parameters[index].name : NULL;
}

sbi_status sbi_model_parameter_index(const sbi_model *m, const char *name, size_t *index)
{
    SBI_REQUIRE(m && name && index, "sbi_model_parameter_index: an argument is NULL");
    int64_t found = sbi_model_find_parameter((sbi_model *)(uintptr_t)m, name, strlen(name));
    if (found < 0) return sbi_fail(SBI_ERR_NOT_FOUND, "there is no parameter \"%s\"", name);
    *index = (size_t)found;
    return SBI_OK;
}

sbi_status sbi_model_parameter(const sbi_model *m, size_t index, sbi_parameter *parameter)
{
    SBI_REQUIRE(m && parameter, "sbi_model_parameter: model or parameter is NULL");
    SBI_REQUIRE(index < m->n_parameters, "sbi_model_parameter: there is no parameter %zu", index);
    uint32_t size = parameter->struct_size;
    if (size < sizeof(uint32_t) || size > sizeof *parameter)
        return sbi_fail(SBI_ERR_ABI, "sbi_parameter: struct_size is %u, at most %zu is known", (unsigned)size,
                        sizeof *parameter);
    memcpy(parameter, &m->parameters[index].spec, size);
    parameter->struct_size = size;
    return SBI_OK;
}

const char *sbi_model_poi(const sbi_model *m)
{
    return m && m->poi != SIZE_MAX ? m->parameters[m->poi].name : NULL;
}

size_t sbi_model_n_channels(const sbi_model *m)
{
    return m ? m->n_channels : 0;
}

sbi_status sbi_model_start(const sbi_model *m, double *theta)
{
    SBI_REQUIRE(m && theta, "sbi_model_start: model or theta is NULL");
    for (size_t i = 0; i < m->n_parameters; i++) theta[i] = m->parameters[i].spec.start;
    return SBI_OK;
}

const char *sbi_model_channel_name(const sbi_model *m, size_t channel)
{
    return m && channel < m->n_channels ? m->channels[channel].name : NULL;
}

int64_t sbi_model_n_events(const sbi_model *m, size_t channel)
{
    return m && channel < m->n_channels ? m->channels[channel].n_events : 0;
}

size_t sbi_model_n_samples(const sbi_model *m, size_t channel)
{
    return m && channel < m->n_channels ? m->channels[channel].n_samples : 0;
}

const char *sbi_model_sample_name(const sbi_model *m, size_t channel, size_t sample)
{
    return sample < sbi_model_n_samples(m, channel) ? m->channels[channel].samples[sample].name : NULL;
}

sbi_context *sbi_model_context(const sbi_model *m)
{
    return m ? m->ctx : NULL;
}

const sbi_tape *sbi_model_tape(const sbi_model *m)
{
    return m ? m->tape : NULL;
}

sbi_status sbi_model_work_create(sbi_model_work **out, const sbi_model *model)
{
    return sbi_model_work_create_with(out, model, NULL);
}

sbi_status sbi_model_work_create_with(sbi_model_work **out, const sbi_model *model, const sbi_tape_work_options *options)
{
    SBI_REQUIRE(out, "sbi_model_work_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(model, "sbi_model_work_create: model is NULL");
    if (!model->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_work_create: the model is not sealed");
    sbi_model_work *w = sbi_alloc_zero(model->ctx, 1, sizeof *w);
    if (!w) return SBI_ERR_NO_MEMORY;
    w->ctx = model->ctx;
    sbi_status status = sbi_tape_work_create_with(&w->tape, model->tape, options);
    if (status != SBI_OK) {
        sbi_free(w->ctx, w);
        return status;
    }
    *out = w;
    return SBI_OK;
}

void sbi_model_work_destroy(sbi_model_work *work)
{
    if (!work) return;
    sbi_tape_work_destroy(work->tape);
    sbi_free(work->ctx, work);
}

sbi_status sbi_model_nll(sbi_model_work *work, const double *theta, double *value, double *gradient)
{
    SBI_REQUIRE(work, "sbi_model_nll: work is NULL");
    return sbi_tape_eval(work->tape, theta, value, gradient);
}

sbi_status sbi_model_hvp(sbi_model_work *work, const double *theta, const double *V, size_t m, double *HV)
{
    SBI_REQUIRE(work, "sbi_model_hvp: work is NULL");
    return sbi_tape_hvp(work->tape, theta, V, m, HV);
}

sbi_status sbi_model_hessian(sbi_model_work *work, const double *theta, double *value, double *gradient,
                             double *hessian)
{
    SBI_REQUIRE(work, "sbi_model_hessian: work is NULL");
    return sbi_tape_hessian(work->tape, theta, value, gradient, hessian);
}

sbi_status sbi_model_hessian_rows(sbi_model_work *work, const double *theta, size_t first, size_t count, double *rows)
{
    SBI_REQUIRE(work, "sbi_model_hessian_rows: work is NULL");
    return sbi_tape_hessian_rows(work->tape, theta, first, count, rows);
}

sbi_status sbi_model_last_info(const sbi_model_work *work, sbi_tape_info *info)
{
    SBI_REQUIRE(work, "sbi_model_last_info: work is NULL");
    return sbi_tape_last_info(work->tape, info);
}

/* One scalar tape a sample: yields are asked for rarely, so nothing is kept. */
static sbi_status evaluate_yield(const sbi_model *m, const model_sample *s, const double *theta, double *value)
{
    sbi_tape *tape;
    SBI_TRY(sbi_tape_create(&tape, m->ctx));
    sbi_tape_work *work = NULL;
    sbi_status status = SBI_ERR_NO_MEMORY;
    sbi_var *params = sbi_model_record_parameters(m, tape);
    if (!params) goto done;
    SBI_GOTO(sbi_tape_seal(tape, sbi_model_record_yield(s, tape, params)), done);
    SBI_GOTO(sbi_tape_work_create(&work, tape), done);
    status = sbi_tape_eval(work, theta, value, NULL);
done:
    sbi_free(m->ctx, params);
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    return status;
}

/* Sums over the bins. */
static sbi_status binned_yields(const sbi_model *m, size_t channel, const double *theta, double *yields)
{
    const model_channel *c = &m->channels[channel];
    if (!m->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_yields: the model is not sealed");
    double *cells = sbi_alloc_array(m->ctx, c->n_samples * c->n_bins, sizeof *cells);
    sbi_status status = cells ? sbi_binned_expected(m->binned, channel, theta, NULL, cells) : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < c->n_samples && status == SBI_OK; i++) {
        yields[i] = 0;
        for (size_t j = 0; j < c->n_bins; j++) yields[i] += cells[i * c->n_bins + j];
    }
    sbi_free(m->ctx, cells);
    return status;
}

sbi_status sbi_model_yields(const sbi_model *m, size_t channel, const double *theta, double *yields)
{
    SBI_REQUIRE(m && theta && yields, "sbi_model_yields: an argument is NULL");
    SBI_REQUIRE(channel < m->n_channels, "sbi_model_yields: there is no channel %zu", channel);
    const model_channel *c = &m->channels[channel];
    if (c->n_bins) return binned_yields(m, channel, theta, yields);
    for (size_t i = 0; i < c->n_samples; i++) SBI_TRY(evaluate_yield(m, &c->samples[i], theta, &yields[i]));
    return SBI_OK;
}
