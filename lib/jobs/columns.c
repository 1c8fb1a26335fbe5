/* SPDX-License-Identifier: Apache-2.0 */
/* Columns over many events: one task a column and range of events, put together in mapped files. */
#include "jobs/columns.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/sha256.h"
#include "io/npy.h"
#include "jobs/collect.h"
#include "jobs/job.h"
#include "net/dataset.h"
#include "ratio/ratio.h"

void sbi_column_init(sbi_column *column)
{
    if (!column) return;
    const sbi_column defaults = SBI_COLUMN_INIT;
    *column = defaults;
}

void sbi_columns_options_init(sbi_columns_options *options)
{
    if (!options) return;
    const sbi_columns_options defaults = SBI_COLUMNS_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_columns_options_read(sbi_columns_options *o, const sbi_columns_options *user)
{
    sbi_columns_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, user, "sbi_columns_options"));
    SBI_REQUIRE(o->output == SBI_RATIO_VALUE || o->output == SBI_RATIO_LOG,
                "sbi_columns_options.output is %d, expected SBI_RATIO_VALUE or SBI_RATIO_LOG", (int)o->output);
    SBI_REQUIRE(o->dtype == SBI_F64 || o->dtype == SBI_F32 || o->dtype == SBI_F16,
                "sbi_columns_options.dtype is %d, expected SBI_F64, SBI_F32 or SBI_F16", (int)o->dtype);
    SBI_REQUIRE(o->reserved_ == 0, "sbi_columns_options.reserved_ is %d, expected 0", (int)o->reserved_);
    SBI_REQUIRE(o->events_a_task >= 1 && o->events_a_task <= INT64_MAX / 2, "sbi_columns_options.events_a_task is %lld, expected 1 or more",
                (long long)o->events_a_task);
    o->events_a_task = (o->events_a_task + SBI_RATIO_BLOCK - 1) / SBI_RATIO_BLOCK * SBI_RATIO_BLOCK;
    return SBI_OK;
}

/* A column and where it goes. */
typedef struct target {
    sbi_column column;
    char *ratio, *spread; /* in mapped files */
    json_t *members;      /* of its spec: a task elsewhere reads these files */
    json_t *calibration;
    sbi_job_attachment attachment;
    char (*keys)[SBI_TASK_KEY_MAX + 1]; /* a range each */
} target;

typedef struct evaluation {
    sbi_context *ctx;
    const char *path; /* of the features */
    sbi_npy *npy;
    sbi_array features;
    sbi_columns_options options;
    target *targets;
    size_t n;
    int64_t block_stride; /* of a packed store; 0 */
    size_t ranges;
    sbi_campaign *campaign;
    json_t *described; /* the features */
} evaluation;

/* ---- opening ---- */

/* Element i of a caller's array, whose structs may be shorter or longer than ours. */
static const sbi_column *column_at(const sbi_column *columns, size_t i)
{
    return (const sbi_column *)(const void *)((const char *)columns + i * columns->struct_size);
}

static sbi_status take_column(evaluation *e, const sbi_column *column)
{
    target *t = &e->targets[e->n];
    sbi_column_init(&t->column);
    SBI_TRY(sbi_options_read(&t->column, sizeof t->column, sizeof t->column, column, "sbi_column"));
    const sbi_column *c = &t->column;
    SBI_REQUIRE(c->reserved_ == 0, "sbi_column.reserved_ is %d, expected 0", (int)c->reserved_);
    if (!c->ensemble) return SBI_OK;
    SBI_REQUIRE(c->correction > 0, "sbi_column.correction is %g, expected a positive number", c->correction);
    SBI_REQUIRE(!c->calibration || c->correction == 1, "sbi_column: calibration and correction %g exclude each other", c->correction);
    SBI_REQUIRE(!c->theta == !c->n_theta, "sbi_column: theta is %s, but n_theta is %llu", c->theta ? "there" : "NULL",
                (unsigned long long)c->n_theta);
    if (c->calibration) SBI_TRY(sbi_calibration_check(c->calibration, c->ensemble));
    t->attachment.ensemble = c->ensemble;
    t->attachment.calibration = c->calibration;
    t->attachment.features = &e->features;
    return SBI_OK;
}

static sbi_status open_evaluation(evaluation *e, const sbi_columns_options *options, size_t most)
{
    sbi_array view;
    SBI_TRY(sbi_columns_options_read(&e->options, options));
    SBI_TRY(sbi_npy_map(&e->npy, e->ctx, e->path));
    SBI_TRY(sbi_npy_array(e->npy, &view));
    SBI_TRY(sbi_features_view(&view, &e->features, e->path));
    e->ranges = (size_t)((e->features.shape[0] + e->options.events_a_task - 1) / e->options.events_a_task);
    e->targets = sbi_alloc_zero(e->ctx, most, sizeof *e->targets);
    return e->targets ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static void close_evaluation(evaluation *e, size_t most)
{
    for (size_t i = 0; e->targets && i < most; i++) {
        json_decref(e->targets[i].members);
        json_decref(e->targets[i].calibration);
        sbi_free(e->ctx, e->targets[i].keys);
    }
    sbi_free(e->ctx, e->targets);
    json_decref(e->described);
    sbi_campaign_close(e->campaign);
    sbi_npy_unmap(e->npy);
}

/* ---- all at once, here ---- */

static sbi_status run_here(const evaluation *e)
{
    for (size_t i = 0; i < e->n; i++) {
        const target *t = &e->targets[i];
        const sbi_ratio_job job = {
            .ens = t->column.ensemble,
            .features = e->features,
            .name = e->path,
            .log = e->options.output == SBI_RATIO_LOG,
            .dtype = e->options.dtype,
            .correction = t->column.correction,
            .calibration = t->column.calibration,
            .numerator = t->column.numerator,
            .denominator = t->column.denominator,
            .theta = t->column.theta,
            .n_theta = (size_t)t->column.n_theta,
            .block_stride = e->block_stride,
            .device = e->options.device,
            .ratio = t->ratio,
            .spread = t->spread,
            .report = 1,
        };
        SBI_TRY(sbi_ratio_run(&job));
    }
    return SBI_OK;
}

/* ---- as tasks ---- */

static json_t *describe_file(const char *path)
{
    char hex[SBI_SHA256_HEX_SIZE];
    if (sbi_sha256_file(path, hex) != SBI_OK) return NULL;
    return json_pack("{s:o, s:s}", "path", sbi_jobs_absolute(path), "sha256", hex);
}

/* Saves a member or a calibration into the campaign's folder, and describes the file; status as a message. */
static sbi_status save_member(const evaluation *e, size_t column, size_t member, const sbi_network *net, json_t *list)
{
    char *path = sbi_strf(e->ctx, "%s/networks/column-%04zu-member-%04zu.npz", e->options.campaign, column, member);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_network_save(net, path);
    json_t *file = status == SBI_OK ? describe_file(path) : NULL;
    if (status == SBI_OK && (!file || json_array_append_new(list, file))) status = sbi_fail(SBI_ERR_IO, "%s: cannot be read again", path);
    sbi_free(e->ctx, path);
    return status;
}

static sbi_status save_calibration(const evaluation *e, size_t column, target *t)
{
    if (!t->column.calibration) return SBI_OK;
    char *path = sbi_strf(e->ctx, "%s/networks/column-%04zu-calibration.npz", e->options.campaign, column);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_calibration_save(t->column.calibration, path);
    if (status == SBI_OK && !(t->calibration = describe_file(path))) status = sbi_fail(SBI_ERR_IO, "%s: cannot be read again", path);
    sbi_free(e->ctx, path);
    return status;
}

/* The files of a column's ensemble; columns of the same ensemble share them. */
static sbi_status save_networks(const evaluation *e, size_t i)
{
    target *t = &e->targets[i];
    SBI_TRY(save_calibration(e, i, t));
    for (size_t k = 0; k < i; k++) {
        if (e->targets[k].column.ensemble != t->column.ensemble) continue;
        t->members = json_incref(e->targets[k].members);
        return SBI_OK;
    }
    t->members = json_array();
    if (!t->members) return sbi_fail(SBI_ERR_NO_MEMORY, "columns: out of memory");
    for (size_t m = 0; m < t->column.ensemble->n; m++) SBI_TRY(save_member(e, i, m, t->column.ensemble->networks[m], t->members));
    return SBI_OK;
}

static json_t *task_json(const evaluation *e, const target *t, int64_t first, int64_t count)
{
    static const char *const combinations[] = {"mean_ratio", "mean_log", "median"}, *const outputs[] = {"ratio", "log_ratio"};
    static const char *const dtypes[] = {"f16", "f32", "f64"};
    json_t *json = json_pack("{s:s, s:i, s:s, s:f, s:s, s:s, s:O, s:O, s:I, s:I}", "job", "evaluate_columns", "version", SBI_JOB_VERSION,
                             "combination", combinations[t->column.ensemble->combination], "correction", t->column.correction, "dtype",
                             dtypes[e->options.dtype - SBI_F16], "output", outputs[e->options.output], "features", e->described, "members",
                             t->members, "first", (json_int_t)first, "count", (json_int_t)count);
    const char *device = e->options.device;
    int failed = !json;
    if (t->spread) failed |= json_object_set_new(json, "spread", json_true());
    if (t->calibration) failed |= json_object_set(json, "calibration", t->calibration);
    if (device && strcmp(device, "cpu") != 0) failed |= json_object_set_new(json, "device", json_string(device));
    if (t->column.numerator != SBI_NUMERATOR) failed |= json_object_set_new(json, "numerator", json_integer(t->column.numerator));
    if (t->column.denominator != SBI_DENOMINATOR) failed |= json_object_set_new(json, "denominator", json_integer(t->column.denominator));
    if (t->column.n_theta) {
        json_t *theta = json_array();
        for (size_t i = 0; i < t->column.n_theta; i++) failed |= json_array_append_new(theta, json_real(t->column.theta[i]));
        failed |= json_object_set_new(json, "theta", theta);
    }
    if (!failed) return json;
    json_decref(json);
    return NULL;
}

static int64_t range_first(const evaluation *e, size_t range)
{
    return (int64_t)range * e->options.events_a_task;
}

static int64_t range_count(const evaluation *e, size_t range)
{
    const int64_t left = e->features.shape[0] - range_first(e, range);
    return left < e->options.events_a_task ? left : e->options.events_a_task;
}

static sbi_status add_tasks(evaluation *e)
{
    char *folder = sbi_path_join(e->ctx, e->options.campaign, "networks");
    sbi_status status = folder ? sbi_path_make_folder(e->ctx, folder) : SBI_ERR_NO_MEMORY;
    sbi_free(e->ctx, folder);
    SBI_TRY(status);
    char hex[SBI_SHA256_HEX_SIZE];
    SBI_TRY(sbi_sha256_file(e->path, hex));
    e->described = json_pack("{s:o, s:s}", "path", sbi_jobs_absolute(e->path), "sha256", hex);
    if (!e->described) return sbi_fail(SBI_ERR_NO_MEMORY, "columns: out of memory");
    for (size_t i = 0; i < e->n; i++) {
        target *t = &e->targets[i];
        t->keys = sbi_alloc_zero(e->ctx, e->ranges, sizeof *t->keys);
        if (!t->keys) return SBI_ERR_NO_MEMORY;
        SBI_TRY(save_networks(e, i));
        for (size_t r = 0; r < e->ranges; r++)
            SBI_TRY(sbi_jobs_add(e->campaign, e->ctx, task_json(e, t, range_first(e, r), range_count(e, r)), &t->attachment, t->keys[r]));
    }
    return SBI_OK;
}

/* Another set of columns in the same folder would be run too, without what it needs. */
static sbi_status check_tasks(const evaluation *e)
{
    size_t done = 0, known = 0;
    for (size_t i = 0; i < sbi_campaign_count(e->campaign); i++) {
        sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
        SBI_TRY(sbi_campaign_report_get(e->campaign, i, &r));
        done += r.state == SBI_TASK_DONE;
    }
    for (size_t i = 0; i < e->n; i++) {
        for (size_t k = 0; k < e->ranges; k++) {
            size_t index;
            sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
            SBI_TRY(sbi_campaign_index(e->campaign, e->targets[i].keys[k], &index));
            SBI_TRY(sbi_campaign_report_get(e->campaign, index, &r));
            known += r.state != SBI_TASK_DONE;
        }
    }
    /* Equal columns are one task: fewer may be open than were asked for. */
    if (sbi_campaign_count(e->campaign) - done <= known) return SBI_OK;
    return sbi_fail(SBI_ERR_STATE, "%s: has unfinished tasks of other columns", e->options.campaign);
}

/* One result into its place. */
static sbi_status place_range(const evaluation *e, const target *t, size_t range, const sbi_text *bytes)
{
    sbi_npy_header h;
    const int64_t first = range_first(e, range), count = range_count(e, range);
    const size_t size = sbi_dtype_size(e->options.dtype);
    SBI_TRY(sbi_npy_header_parse(&h, bytes->data, bytes->size, t->keys[range]));
    const int64_t want = t->spread ? 2 * count : count;
    if (h.dtype != e->options.dtype || h.data_size != (size_t)want * size || h.data_offset + h.data_size > bytes->size)
        return sbi_fail(SBI_ERR_FORMAT, "%s: the result of a task has %zu bytes, expected %lld values", t->keys[range], h.data_size,
                        (long long)want);
    const char *data = bytes->data + h.data_offset;
    for (int64_t i = 0, n; i < count; i += n) {
        const int64_t row = first + i;
        n = count - i < SBI_RATIO_BLOCK ? count - i : SBI_RATIO_BLOCK;
        const int64_t at = e->block_stride ? row / SBI_RATIO_BLOCK * e->block_stride : row;
        memcpy(t->ratio + at * (int64_t)size, data + i * (int64_t)size, (size_t)n * size);
    }
    if (t->spread) memcpy(t->spread + first * (int64_t)size, data + count * (int64_t)size, (size_t)count * size);
    return SBI_OK;
}

static sbi_status collect(const evaluation *e)
{
    for (size_t i = 0; i < e->n; i++) {
        for (size_t r = 0; r < e->ranges; r++) {
            sbi_text bytes;
            sbi_text_init(&bytes, e->ctx);
            sbi_status status = sbi_jobs_result(e->campaign, e->targets[i].keys[r], &bytes);
            if (status == SBI_OK) status = place_range(e, &e->targets[i], r, &bytes);
            sbi_text_clear(&bytes);
            SBI_TRY(status);
        }
    }
    return SBI_OK;
}

static sbi_status run_tasks(evaluation *e, sbi_executor *given)
{
    sbi_executor *exec, *owned;
    SBI_TRY(sbi_campaign_open(&e->campaign, e->ctx, e->options.campaign, NULL));
    SBI_TRY(add_tasks(e));
    SBI_TRY(check_tasks(e));
    SBI_TRY(sbi_jobs_executor(&exec, &owned, e->ctx, given));
    sbi_status status = sbi_jobs_run(e->campaign, exec);
    sbi_executor_close(owned);
    return status == SBI_OK ? collect(e) : status;
}

static sbi_status run(evaluation *e, sbi_executor *exec)
{
    SBI_REQUIRE(!exec || e->options.campaign, "columns: with an executor, a campaign folder is needed");
    return e->options.campaign ? run_tasks(e, exec) : run_here(e);
}

/* ---- columns ---- */

typedef struct files {
    sbi_npy_output **ratio, **spread; /* [n] */
} files;

static sbi_status open_files(evaluation *e, const files *f)
{
    const int64_t shape[1] = {e->features.shape[0]};
    for (size_t i = 0; i < e->n; i++) {
        target *t = &e->targets[i];
        SBI_TRY(sbi_npy_output_open(&f->ratio[i], e->ctx, t->column.path, e->options.dtype, 1, shape));
        t->ratio = sbi_npy_output_data(f->ratio[i]);
        if (!t->column.spread) continue;
        SBI_TRY(sbi_npy_output_open(&f->spread[i], e->ctx, t->column.spread, e->options.dtype, 1, shape));
        t->spread = sbi_npy_output_data(f->spread[i]);
    }
    return SBI_OK;
}

static sbi_status commit(sbi_npy_output **out)
{
    sbi_npy_output *one = *out;
    *out = NULL;
    return one ? sbi_npy_output_commit(one) : SBI_OK;
}

static sbi_status evaluate_files(evaluation *e, const sbi_column *columns, size_t n, sbi_executor *exec)
{
    files f;
    f.ratio = sbi_alloc_zero(e->ctx, 2 * n, sizeof *f.ratio);
    if (!f.ratio) return SBI_ERR_NO_MEMORY;
    f.spread = f.ratio + n;
    sbi_status status = SBI_OK;
    for (; e->n < n && status == SBI_OK; e->n++) {
        status = take_column(e, column_at(columns, e->n));
        const sbi_column *c = &e->targets[e->n].column;
        if (status == SBI_OK && !(c->ensemble && c->path))
            status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_columns_evaluate: column %zu: ensemble or path is NULL", e->n);
    }
    if (status == SBI_OK) status = open_files(e, &f);
    if (status == SBI_OK) status = run(e, exec);
    /* Spreads first: who sees a ratio may rely on the others. */
    for (size_t i = 0; i < 2 * n && status == SBI_OK; i++) status = commit(i < n ? &f.spread[i] : &f.ratio[i - n]);
    for (size_t i = 0; i < 2 * n; i++) sbi_npy_output_abandon(f.ratio[i]);
    sbi_free(e->ctx, f.ratio);
    return status;
}

sbi_status sbi_columns_evaluate(sbi_context *ctx, const char *features, const sbi_column *columns, size_t n,
                                const sbi_columns_options *options, sbi_executor *exec)
{
    SBI_REQUIRE(ctx && features && columns && n, "sbi_columns_evaluate: ctx, features or columns is NULL, or there are none");
    evaluation e = {.ctx = ctx, .path = features};
    sbi_status status = open_evaluation(&e, options, n);
    if (status == SBI_OK && e.options.dtype == SBI_F16 && e.options.output != SBI_RATIO_LOG)
        status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_columns_options.dtype is SBI_F16, which is for logarithms");
    if (status == SBI_OK) status = evaluate_files(&e, columns, n, exec);
    close_evaluation(&e, n);
    return status;
}

/* ---- a packed store ---- */

static sbi_status pack(evaluation *e, const char *path, const int64_t shape[5], const sbi_column *columns, sbi_executor *exec)
{
    const size_t n = (size_t)(shape[1] * shape[2] * 2);
    const size_t size = sbi_dtype_size(e->options.dtype);
    sbi_npy_output *out;
    SBI_TRY(sbi_npy_output_open(&out, e->ctx, path, e->options.dtype, 5, shape));
    char *data = sbi_npy_output_data(out); /* zeros: no variation */
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        status = take_column(e, column_at(columns, i));
        if (status != SBI_OK || !e->targets[e->n].column.ensemble) continue;
        e->targets[e->n++].ratio = data + i * SBI_RATIO_BLOCK * size;
    }
    e->block_stride = (int64_t)n * SBI_RATIO_BLOCK;
    if (status == SBI_OK) status = run(e, exec);
    if (status == SBI_OK) return sbi_npy_output_commit(out);
    sbi_npy_output_abandon(out);
    return status;
}

sbi_status sbi_columns_pack(sbi_context *ctx, const char *features, const char *path, size_t n_samples, size_t n_parameters,
                            const sbi_column *columns, const sbi_columns_options *options, sbi_executor *exec)
{
    SBI_REQUIRE(ctx && features && path && columns, "sbi_columns_pack: ctx, features, path or columns is NULL");
    SBI_REQUIRE(n_samples >= 1 && n_samples <= 1000000 && n_parameters >= 1 && n_parameters <= 1000000,
                "sbi_columns_pack: %zu samples, %zu parameters", n_samples, n_parameters);
    evaluation e = {.ctx = ctx, .path = features};
    const size_t n = n_samples * n_parameters * 2;
    sbi_status status = open_evaluation(&e, options, n);
    if (status == SBI_OK) {
        const int64_t blocks = (e.features.shape[0] + SBI_RATIO_BLOCK - 1) / SBI_RATIO_BLOCK;
        const int64_t shape[5] = {blocks, (int64_t)n_samples, (int64_t)n_parameters, 2, SBI_RATIO_BLOCK};
        e.options.output = SBI_RATIO_LOG;
        status = pack(&e, path, shape, columns, exec);
    }
    close_evaluation(&e, n);
    return status;
}
