/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating ensembles. */
#include "ratio/ratio.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/pool.h"
#include "io/column.h"
#include "net/dataset.h"

void sbi_ratio_options_init(sbi_ratio_options *options)
{
    if (!options) return;
    const sbi_ratio_options defaults = SBI_RATIO_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_ratio_options_read(sbi_ratio_options *known, const sbi_ratio_options *user)
{
    sbi_ratio_options_init(known);
    SBI_TRY(sbi_options_read(known, sizeof *known, sizeof *known, user, "sbi_ratio_options"));
    SBI_REQUIRE(known->output == SBI_RATIO_VALUE || known->output == SBI_RATIO_LOG,
                "sbi_ratio_options.output is %d, expected SBI_RATIO_VALUE or SBI_RATIO_LOG", (int)known->output);
    SBI_REQUIRE(known->dtype == SBI_F64 || known->dtype == SBI_F32 || (known->dtype == SBI_F16 && known->output == SBI_RATIO_LOG),
                "sbi_ratio_options.dtype is %d, expected SBI_F64, SBI_F32, or SBI_F16 for logarithms", (int)known->dtype);
    SBI_REQUIRE(!known->theta == !known->n_theta, "sbi_ratio_options: theta is %s, but n_theta is %llu", known->theta ? "there" : "NULL",
                (unsigned long long)known->n_theta);
    SBI_REQUIRE(known->reserved_ == 0, "sbi_ratio_options.reserved_ is %d, expected 0", (int)known->reserved_);
    SBI_REQUIRE(known->correction > 0 && isfinite(known->correction),
                "sbi_ratio_options.correction is %g, expected a positive number", known->correction);
    SBI_REQUIRE(!known->calibration || known->correction == 1, "sbi_ratio_options: calibration and correction %g exclude each other",
                known->correction);
    return SBI_OK;
}

/* ---- combining ---- */

static void sort_few(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const double v = x[i];
        size_t j = i;
        for (; j > 0 && x[j - 1] > v; j--) x[j] = x[j - 1];
        x[j] = v;
    }
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

static double deviation_of(const double *x, size_t n, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

void sbi_ratio_combine(double *l, size_t members, int32_t combination, int32_t log_output, double *value, double *spread)
{
    double log_ratio = 0, ratio = 0;
    const double mean_log = mean_of(l, members);
    if (log_output && spread) *spread = deviation_of(l, members, mean_log);
    if (combination == SBI_COMBINE_MEDIAN) {
        sort_few(l, members);
        log_ratio = 0.5 * (l[(members - 1) / 2] + l[members / 2]);
    } else if (combination == SBI_COMBINE_MEAN_LOG) {
        log_ratio = mean_log;
    }
    if (combination == SBI_COMBINE_MEAN_RATIO || (!log_output && spread)) {
        /* Relative to the largest, so that the mean of large ratios does not overflow before its logarithm is taken. */
        double top = l[0];
        for (size_t m = 1; m < members; m++) top = l[m] > top ? l[m] : top;
        for (size_t m = 0; m < members; m++) l[m] = exp(l[m] - top);
        const double mean = mean_of(l, members);
        if (!log_output && spread) *spread = exp(top) * deviation_of(l, members, mean);
        if (combination == SBI_COMBINE_MEAN_RATIO) {
            log_ratio = top + log(mean);
            ratio = exp(top) * mean;
        }
    }
    if (combination != SBI_COMBINE_MEAN_RATIO) ratio = exp(log_ratio);
    *value = log_output ? log_ratio : ratio;
}

/* ---- storing ---- */

/* Stores out[index] = value; false if it does not fit. */
static int store(void *out, int32_t dtype, int64_t index, double value)
{
    if (dtype == SBI_F64) {
        ((double *)out)[index] = value;
        return isfinite(value);
    }
    if (dtype == SBI_F32) {
        const float f = (float)value;
        ((float *)out)[index] = f;
        return isfinite(f);
    }
    const uint16_t h = sbi_half_from_double(value);
    ((uint16_t *)out)[index] = h;
    return (h & 0x7c00) != 0x7c00;
}

/* ---- the loop over chunks ---- */

typedef struct run {
    const sbi_ratio_job *job;
    sbi_device device;
    double log_correction;
    int64_t n, outputs;
    atomic_llong next, done;
    /* On a device that is not the host: parameters of every member, and room for a chunk. */
    float **params, *room;
} run;

typedef struct scratch {
    double *x;      /* [chunk, d] */
    char *raw;      /* the same as a file has them; NULL: there is no file */
    double *member; /* [members] */
    float *logit;   /* [members, chunk, outputs] */
    float *network;
} scratch;

static double member_value(const sbi_ratio_job *j, double log_ratio)
{
    const double l = j->calibration ? sbi_calibrate(j->calibration, log_ratio) : log_ratio;
    return j->log ? l : exp(l);
}

/* ln r, and where it is wanted the spread of ln r or r, of calibrated members. */
static void combine_calibrated(const sbi_ratio_job *j, double *l, double *value, double *spread)
{
    const size_t n = j->ens->n;
    double mean = 0, square = 0;
    for (size_t m = 0; spread && m < n; m++) mean += member_value(j, l[m]) / (double)n;
    for (size_t m = 0; spread && m < n; m++) square += pow(member_value(j, l[m]) - mean, 2);
    if (spread) *spread = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
    sbi_ratio_combine(l, n, j->ens->combination, 1, value, NULL);
    *value = sbi_calibrate(j->calibration, *value);
    if (!j->log) *value = exp(*value);
}

/* Where a row stands in `ratio`. */
static int64_t place(const sbi_ratio_job *j, int64_t row)
{
    return j->block_stride ? row / SBI_RATIO_BLOCK * j->block_stride + row % SBI_RATIO_BLOCK : row;
}

/* ln p_class / p_reference of a row, or what differs from it by a number that all classes share. */
static double class_logit(const sbi_network *net, const float *logit, int64_t row, int32_t index)
{
    const int32_t output = sbi_network_class_output(net, index);
    return output < 0 ? 0 : (double)logit[row * sbi_mlp_outputs(&net->mlp) + output];
}

static sbi_status store_row(const run *r, const scratch *s, int64_t row, int64_t i)
{
    const sbi_ratio_job *j = r->job;
    const size_t members = j->ens->n;
    int fits = 1;
    for (size_t m = 0; m < members; m++) {
        const float *logit = s->logit + m * SBI_EVALUATE_ROWS * (size_t)r->outputs;
        const sbi_network *net = j->ens->networks[m];
        s->member[m] = class_logit(net, logit, i, j->numerator) - class_logit(net, logit, i, j->denominator) - r->log_correction;
        if (j->members)
            fits &= store(j->members, j->dtype, row * (int64_t)members + (int64_t)m, member_value(j, s->member[m]));
    }
    double value, spread = 0;
    if (j->calibration) combine_calibrated(j, s->member, &value, j->spread ? &spread : NULL);
    else sbi_ratio_combine(s->member, members, j->ens->combination, j->log, &value, j->spread ? &spread : NULL);
    if (j->ratio) fits &= store(j->ratio, j->dtype, place(j, row), value);
    if (j->spread) fits &= store(j->spread, j->dtype, row, spread);
    if (!fits)
        return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ": the %s is %g with spread %g, too large for the output", j->name, row,
                        j->log ? "log ratio" : "ratio", value, spread);
    return SBI_OK;
}

/* Rows of the file: one piece of it, or one for each column where these follow each other. */
static sbi_status read_file_rows(const sbi_ratio_job *j, int64_t first, int64_t rows, char *raw, double *x)
{
    const sbi_array *a = &j->features;
    const int64_t d = a->shape[1], size = (int64_t)sbi_dtype_size(a->dtype), begin = first * a->strides[0];
    const int by_columns = d > 1 && a->strides[1] != size;
    const size_t piece = (size_t)(by_columns ? rows * size : rows * d * size);
    sbi_array view = sbi_array_2d(raw, a->dtype, rows, d);
    for (int64_t c = 0; c < (by_columns ? d : 1); c++)
        SBI_TRY(sbi_column_file_read(j->file, j->file_offset + (uint64_t)(begin + c * a->strides[1]), piece, raw + (size_t)c * piece));
    if (by_columns) {
        view.strides[0] = size;
        view.strides[1] = rows * size;
    }
    sbi_rows_read_f64(&view, 0, rows, x, d);
    return sbi_rows_check(x, first, rows, d, j->name);
}

static sbi_status read_rows(const sbi_ratio_job *j, int64_t first, int64_t rows, const scratch *s)
{
    if (j->file) return read_file_rows(j, first, rows, s->raw, s->x);
    return sbi_rows_read_checked(&j->features, first, rows, s->x, j->name);
}

static sbi_status run_chunks(run *r, const scratch *s)
{
    const sbi_ratio_job *j = r->job;
    for (;;) {
        const int64_t first = (int64_t)atomic_fetch_add(&r->next, SBI_EVALUATE_ROWS);
        if (first >= r->n) return SBI_OK;
        const int64_t rows = r->n - first < SBI_EVALUATE_ROWS ? r->n - first : SBI_EVALUATE_ROWS;
        SBI_TRY(read_rows(j, first, rows, s));
        if (j->theta) sbi_rows_append_theta(s->x, rows, sbi_network_features(j->ens->networks[0]), j->theta, (int64_t)j->n_theta);
        for (size_t m = 0; m < j->ens->n; m++) {
            SBI_TRY(sbi_check_cancel(j->ens->ctx, "evaluating ratios"));
            const sbi_network *net = j->ens->networks[m];
            float *logit = s->logit + m * SBI_EVALUATE_ROWS * (size_t)r->outputs;
            SBI_TRY(sbi_network_check_rows(net, s->x, first, rows, j->name));
            if (r->params) {
                SBI_TRY(sbi_network_logits_there(net, &r->device, r->params[m], r->room, s->x, rows, s->network, logit));
            } else {
                SBI_TRY(sbi_network_logits(net, &r->device, s->x, rows, s->network, logit));
            }
        }
        for (int64_t i = 0; i < rows; i++) SBI_TRY(store_row(r, s, first + i, i));
        if (j->report) {
            const long long done = atomic_fetch_add(&r->done, rows) + rows;
            sbi_progress(j->ens->ctx, "ratio", (double)done, (double)r->n, "%zu members", j->ens->n);
        }
    }
}

static size_t largest_scratch(const sbi_ensemble *ens)
{
    size_t most = 0;
    for (size_t m = 0; m < ens->n; m++) {
        const size_t size = sbi_network_scratch_size(&ens->networks[m]->mlp);
        most = size > most ? size : most;
    }
    return most;
}

static sbi_status run_worker(void *arg, size_t index)
{
    (void)index;
    run *r = arg;
    const sbi_ensemble *ens = r->job->ens;
    const size_t most = largest_scratch(ens);
    scratch s;
    s.x = sbi_alloc_array(ens->ctx, (size_t)(sbi_network_features(ens->networks[0]) * SBI_EVALUATE_ROWS), sizeof *s.x);
    s.member = sbi_alloc_array(ens->ctx, ens->n, sizeof *s.member);
    s.logit = sbi_alloc_array(ens->ctx, ens->n * (size_t)r->outputs, SBI_EVALUATE_ROWS * sizeof *s.logit);
    s.network = sbi_alloc_array(ens->ctx, most, sizeof *s.network);
    const size_t row = (size_t)r->job->features.shape[1] * sbi_dtype_size(r->job->features.dtype);
    s.raw = r->job->file ? sbi_alloc_array(ens->ctx, row, SBI_EVALUATE_ROWS) : NULL;
    const int whole = s.x && s.member && s.logit && s.network && (s.raw || !r->job->file);
    sbi_status status = whole ? run_chunks(r, &s) : SBI_ERR_NO_MEMORY;
    sbi_free(ens->ctx, s.raw);
    sbi_free(ens->ctx, s.x);
    sbi_free(ens->ctx, s.member);
    sbi_free(ens->ctx, s.logit);
    sbi_free(ens->ctx, s.network);
    return status;
}

static sbi_status send_members(run *r)
{
    const sbi_ensemble *ens = r->job->ens;
    void *memory = NULL;
    r->params = sbi_alloc_zero(ens->ctx, ens->n, sizeof *r->params);
    if (!r->params) return SBI_ERR_NO_MEMORY;
    for (size_t m = 0; m < ens->n; m++) SBI_TRY(sbi_network_send(ens->networks[m], &r->device, &r->params[m]));
    SBI_TRY(r->device.ops->allocate(r->device.self, &memory, sizeof(float) * (largest_scratch(ens) + SBI_EVALUATE_ROWS * (size_t)r->outputs)));
    r->room = memory;
    return SBI_OK;
}

static void close_run(run *r)
{
    for (size_t m = 0; r->params && m < r->job->ens->n; m++) r->device.ops->release(r->device.self, r->params[m]);
    r->device.ops->release(r->device.self, r->room);
    sbi_free(r->job->ens->ctx, r->params);
    sbi_device_close(&r->device);
}

static sbi_status check_classes(const sbi_ratio_job *job)
{
    const sbi_network *net = job->ens->networks[0];
    if (net->classes == 0)
        return sbi_fail(SBI_ERR_ARGUMENT, "%s: the networks are those of a regression, which has no ratio", job->name);
    SBI_REQUIRE(job->numerator >= 0 && job->numerator < net->classes,
                "sbi_ratio_options.numerator is %d, the networks have the classes 0 to %d", (int)job->numerator, (int)net->classes - 1);
    SBI_REQUIRE(job->denominator >= 0 && job->denominator < net->classes && job->denominator != job->numerator,
                "sbi_ratio_options.denominator is %d, the networks have the classes 0 to %d, and the numerator is %d", (int)job->denominator,
                (int)net->classes - 1, (int)job->numerator);
    return SBI_OK;
}

sbi_status sbi_ratio_run(const sbi_ratio_job *job)
{
    const sbi_ensemble *ens = job->ens;
    const int64_t d = sbi_network_features(ens->networks[0]) - (int64_t)job->n_theta;
    if (job->theta) SBI_TRY(sbi_network_check_theta(ens->networks[0], job->theta, job->n_theta, "sbi_ratio_options"));
    if (job->features.shape[1] != d)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " columns, but the networks have %" PRId64 " features", job->name,
                        job->features.shape[1], d);
    SBI_TRY(check_classes(job));
    run r = {.job = job, .log_correction = log(job->correction), .n = job->features.shape[0], .outputs = sbi_mlp_outputs(&ens->networks[0]->mlp)};
    SBI_TRY(sbi_device_open(&r.device, ens->ctx, job->device));
    const size_t chunks = (size_t)((r.n + SBI_EVALUATE_ROWS - 1) / SBI_EVALUATE_ROWS);
    size_t workers = sbi_parallel_workers(ens->ctx);
    if (workers > chunks) workers = chunks;
    sbi_status status = SBI_OK;
    if (!(r.device.ops->flags & SBI_DEVICE_HOST)) {
        status = send_members(&r);
        workers = 1; /* a device takes one call after the other */
    }
    if (status == SBI_OK) status = sbi_parallel_for(ens->ctx, workers, run_worker, &r);
    close_run(&r);
    return status;
}

sbi_ratio_job sbi_ratio_job_of(const sbi_ensemble *ens, const sbi_ratio_options *o)
{
    return (sbi_ratio_job){
        .ens = ens,
        .log = o->output == SBI_RATIO_LOG,
        .dtype = o->dtype,
        .correction = o->correction,
        .calibration = o->calibration,
        .device = o->device,
        .numerator = o->numerator,
        .denominator = o->denominator,
        .theta = o->theta,
        .n_theta = (size_t)o->n_theta,
    };
}

sbi_status sbi_ratio_evaluate(const sbi_ensemble *ens, const sbi_array *features, double *ratio, double *spread,
                              const sbi_ratio_options *options)
{
    SBI_REQUIRE(ens && features && ratio, "sbi_ratio_evaluate: ens, features or ratio is NULL");
    sbi_ratio_options known;
    SBI_TRY(sbi_ratio_options_read(&known, options));
    if (known.calibration) SBI_TRY(sbi_calibration_check(known.calibration, ens));
    sbi_ratio_job job = sbi_ratio_job_of(ens, &known);
    job.name = "features";
    job.dtype = SBI_F64;
    job.ratio = ratio;
    job.spread = spread;
    SBI_TRY(sbi_features_view(features, &job.features, "features"));
    return sbi_ratio_run(&job);
}
