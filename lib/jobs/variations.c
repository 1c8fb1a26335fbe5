/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of variations, and training them: two ensembles a process and nuisance parameter, all in one campaign. */
#include "jobs/variations.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"
#include "exec/local.h"
#include "jobs/collect.h"
#include "jobs/columns.h"
#include "net/network.h"
#include "net/train.h"

void sbi_variation_init(sbi_variation *variation)
{
    if (!variation) return;
    const sbi_variation defaults = SBI_VARIATION_INIT;
    *variation = defaults;
}

/* ---- sets ---- */

sbi_status sbi_variations_create(sbi_variations **out, sbi_context *ctx)
{
    SBI_REQUIRE(out, "sbi_variations_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_variations_create: ctx is NULL");
    *out = sbi_alloc_zero(ctx, 1, sizeof **out);
    if (!*out) return SBI_ERR_NO_MEMORY;
    (*out)->ctx = ctx;
    return SBI_OK;
}

static void free_pair(sbi_context *ctx, sbi_variation_pair *p)
{
    sbi_free(ctx, p->process);
    sbi_free(ctx, p->nuisance);
    for (int side = 0; side < 2; side++) {
        sbi_ensemble_destroy(p->ensembles[side]);
        sbi_free(ctx, p->theta[side]);
    }
}

void sbi_variations_destroy(sbi_variations *set)
{
    if (!set) return;
    for (size_t i = 0; i < set->n; i++) free_pair(set->ctx, &set->pairs[i]);
    sbi_free(set->ctx, set->pairs);
    sbi_free(set->ctx, set);
}

/* An ensemble of the same networks. */
static sbi_status share(sbi_ensemble **out, sbi_context *ctx, const sbi_ensemble *ens)
{
    SBI_TRY(sbi_ensemble_create(out, ctx, ens->networks, ens->n));
    return sbi_ensemble_set_combination(*out, ens->combination);
}

static sbi_status check_pair(const sbi_variations *set, const char *process, const char *nuisance, double hi, double lo)
{
    SBI_REQUIRE(process && *process && nuisance && *nuisance, "variations: a name is NULL or empty");
    SBI_REQUIRE(hi > 0 && isfinite(hi) && lo > 0 && isfinite(lo), "variations: %s, %s: factors of the yield are %g and %g, expected positive numbers",
                process, nuisance, hi, lo);
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->pairs[i].process, process) == 0 && strcmp(set->pairs[i].nuisance, nuisance) == 0)
            return sbi_fail(SBI_ERR_EXISTS, "variations: %s, %s: is there already", process, nuisance);
    }
    return SBI_OK;
}

/* Takes a pair over, also on failure. */
static sbi_status append_pair(sbi_variations *set, sbi_variation_pair *pair)
{
    sbi_variation_pair *more = sbi_realloc_array(set->ctx, set->pairs, set->n + 1, sizeof *more);
    if (!more) {
        free_pair(set->ctx, pair);
        return SBI_ERR_NO_MEMORY;
    }
    set->pairs = more;
    set->pairs[set->n++] = *pair;
    return SBI_OK;
}

/* alpha = (0, ..., value at k, ..., 0) as the last inputs; nothing for n = 0. */
static sbi_status fill_pair(sbi_variation_pair *pair, sbi_context *ctx, const char *process, const char *nuisance,
                            const sbi_ensemble *const ensembles[2], size_t n, size_t k)
{
    pair->process = sbi_strdup(ctx, process);
    pair->nuisance = sbi_strdup(ctx, nuisance);
    if (!pair->process || !pair->nuisance) return SBI_ERR_NO_MEMORY;
    pair->n_theta = n;
    for (int side = 0; side < 2; side++) {
        SBI_TRY(share(&pair->ensembles[side], ctx, ensembles[side]));
        if (!n) continue;
        pair->theta[side] = sbi_alloc_zero(ctx, n, sizeof(double));
        if (!pair->theta[side]) return SBI_ERR_NO_MEMORY;
        pair->theta[side][k] = side == SBI_VARIATION_HI ? 1 : -1;
    }
    return SBI_OK;
}

static sbi_status add_pair(sbi_variations *set, const char *process, const char *nuisance, const sbi_ensemble *const ensembles[2], size_t n,
                           size_t k, double hi, double lo)
{
    SBI_TRY(check_pair(set, process, nuisance, hi, lo));
    sbi_variation_pair pair = {.factors = {hi, lo}};
    sbi_status status = fill_pair(&pair, set->ctx, process, nuisance, ensembles, n, k);
    if (status == SBI_OK) return append_pair(set, &pair);
    free_pair(set->ctx, &pair);
    return status;
}

sbi_status sbi_variations_add(sbi_variations *set, const char *process, const char *nuisance, const sbi_ensemble *up, const sbi_ensemble *down,
                              double hi, double lo)
{
    SBI_REQUIRE(set && up && down, "sbi_variations_add: set, up or down is NULL");
    const sbi_ensemble *const ensembles[2] = {up, down};
    return add_pair(set, process, nuisance, ensembles, 0, 0, hi, lo);
}

sbi_status sbi_variations_add_parameterised(sbi_variations *set, const char *process, const char *const *nuisances, size_t n,
                                            const sbi_ensemble *ensemble, const double *hi, const double *lo)
{
    SBI_REQUIRE(set && nuisances && n && ensemble && hi && lo, "sbi_variations_add_parameterised: an argument is NULL, or n is 0");
    if ((int64_t)n != ensemble->networks[0]->theta)
        return sbi_fail(SBI_ERR_SHAPE, "sbi_variations_add_parameterised: %zu parameters, but the networks have %d", n,
                        (int)ensemble->networks[0]->theta);
    const sbi_ensemble *const ensembles[2] = {ensemble, ensemble};
    const size_t before = set->n;
    for (size_t k = 0; k < n; k++) {
        sbi_status status = add_pair(set, process, nuisances[k], ensembles, n, k, hi[k], lo[k]);
        if (status == SBI_OK) continue;
        while (set->n > before) free_pair(set->ctx, &set->pairs[--set->n]);
        return status;
    }
    return SBI_OK;
}

size_t sbi_variations_count(const sbi_variations *set)
{
    return set ? set->n : 0;
}

sbi_status sbi_variations_get(const sbi_variations *set, size_t index, int32_t side, const sbi_ensemble **ensemble, const char **process,
                              const char **nuisance, double *factor)
{
    SBI_REQUIRE(set, "sbi_variations_get: set is NULL");
    SBI_REQUIRE(index < set->n, "sbi_variations_get: index is %zu of %zu", index, set->n);
    SBI_REQUIRE(side == SBI_VARIATION_HI || side == SBI_VARIATION_LO, "sbi_variations_get: side is %d", (int)side);
    const sbi_variation_pair *p = &set->pairs[index];
    if (ensemble) *ensemble = p->ensembles[side];
    if (process) *process = p->process;
    if (nuisance) *nuisance = p->nuisance;
    if (factor) *factor = p->factors[side];
    return SBI_OK;
}

/* ---- training ---- */

/* One ensemble of the campaign. */
typedef struct unit {
    sbi_dataset *data;
    json_t *described;
    char *folder; /* for checkpoints, or NULL */
    sbi_job_attachment attachment;
    char (*keys)[SBI_TASK_KEY_MAX + 1]; /* [members] */
} unit;

typedef struct training {
    sbi_context *ctx;
    const sbi_variation *given;
    sbi_variation *variations; /* [n], read */
    size_t n;
    sbi_train_options options;
    unit *units; /* [2 n] */
    sbi_campaign *campaign;
} training;

static double yield_factor(double given, const sbi_dataset *data)
{
    return given != 0 ? given : data->weight[SBI_NUMERATOR] / data->weight[SBI_DENOMINATOR];
}

static sbi_status read_variations(training *t, sbi_variations *names)
{
    const char *struct_name = "sbi_variation";
    for (size_t i = 0; i < t->n; i++) {
        sbi_variation *v = &t->variations[i];
        uint32_t size = t->given->struct_size; /* that of all of them */
        sbi_variation_init(v);
        SBI_TRY(sbi_options_read(v, sizeof *v, sizeof *v, (const char *)t->given + i * size, struct_name));
        SBI_REQUIRE(v->reserved_ == 0, "sbi_variation.reserved_ is %d, expected 0", (int)v->reserved_);
        SBI_REQUIRE(v->up && v->down, "sbi_variations_train: variation %zu: up or down is NULL", i);
        SBI_TRY(sbi_dataset_check_sides(v->up));
        SBI_TRY(sbi_dataset_check_sides(v->down));
        v->hi = yield_factor(v->hi, v->up);
        v->lo = yield_factor(v->lo, v->down);
        SBI_TRY(check_pair(names, v->process, v->nuisance, v->hi, v->lo));
        for (size_t k = 0; k < i; k++) {
            if (strcmp(t->variations[k].process, v->process) == 0 && strcmp(t->variations[k].nuisance, v->nuisance) == 0)
                return sbi_fail(SBI_ERR_EXISTS, "variations: %s, %s: is there twice", v->process, v->nuisance);
        }
    }
    return SBI_OK;
}

static sbi_status add_unit(training *t, size_t index, int in_process, const char *executor)
{
    unit *u = &t->units[index];
    char sha256[65];
    u->data = index % 2 ? t->variations[index / 2].down : t->variations[index / 2].up;
    SBI_TRY(sbi_dataset_checksum(u->data, sha256));
    u->described = sbi_jobs_describe_data(u->data, sha256);
    u->keys = sbi_alloc_zero(t->ctx, (size_t)t->options.members, sizeof *u->keys);
    if (!u->described) return sbi_fail(SBI_ERR_NO_MEMORY, "variations: out of memory");
    if (!u->keys) return SBI_ERR_NO_MEMORY;
    if (!in_process && !json_object_get(u->described, "parts"))
        return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_variations_train: the executor \"%s\" needs datasets in files, that of %s, %s is in memory",
                        executor, t->variations[index / 2].process, t->variations[index / 2].nuisance);
    u->attachment.data = u->data;
    if (t->options.campaign) { /* checkpoints are called by member, so each ensemble has its own folder */
        u->folder = sbi_strf(t->ctx, "%s/variation-%04zu-%s", t->options.campaign, index / 2, index % 2 ? "lo" : "hi");
        if (!u->folder) return SBI_ERR_NO_MEMORY;
        SBI_TRY(sbi_path_make_folder(t->ctx, u->folder));
        u->attachment.folder = u->folder;
    }
    for (int32_t m = 0; m < t->options.members; m++)
        SBI_TRY(sbi_jobs_add_member(t->campaign, t->ctx, &t->options, u->described, m, &u->attachment, u->keys[m]));
    return SBI_OK;
}

static sbi_status load_ensemble(sbi_ensemble **out, const training *t, const unit *u)
{
    const size_t members = (size_t)t->options.members;
    sbi_network **networks = sbi_alloc_zero(t->ctx, members, sizeof *networks);
    if (!networks) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t m = 0; m < members && status == SBI_OK; m++)
        status = sbi_jobs_load_member(&networks[m], t->campaign, t->ctx, u->keys[m]);
    if (status == SBI_OK) status = sbi_ensemble_create(out, t->ctx, networks, members);
    for (size_t m = 0; m < members; m++) sbi_network_destroy(networks[m]);
    sbi_free(t->ctx, networks);
    return status;
}

static sbi_status load_pair(const training *t, size_t i, sbi_variations *set)
{
    const sbi_variation *v = &t->variations[i];
    sbi_ensemble *up = NULL, *down = NULL;
    sbi_status status = load_ensemble(&up, t, &t->units[2 * i]);
    if (status == SBI_OK) status = load_ensemble(&down, t, &t->units[2 * i + 1]);
    if (status == SBI_OK) status = sbi_variations_add(set, v->process, v->nuisance, up, down, v->hi, v->lo);
    sbi_ensemble_destroy(up);
    sbi_ensemble_destroy(down);
    return status;
}

/* As sbi_ensemble_train() chooses: small networks side by side. */
static sbi_status open_executor(const training *t, sbi_executor **used, sbi_executor **owned, sbi_executor *given)
{
    const int64_t tasks = 2 * (int64_t)t->n * t->options.members;
    int small = tasks >= sbi_context_threads(t->ctx) && !t->ctx->options.parallel_for;
    for (size_t i = 0; i < t->n; i++)
        small = small && sbi_members_are_small(&t->options, t->variations[i].up) && sbi_members_are_small(&t->options, t->variations[i].down);
    if (given || !small) return sbi_jobs_executor(used, owned, t->ctx, given);
    SBI_TRY(sbi_local_open(owned, t->ctx, 0, sbi_job_run_local, NULL));
    *used = *owned;
    return SBI_OK;
}

static sbi_status run_campaign(training *t, sbi_executor *exec)
{
    sbi_executor_caps caps = {.struct_size = (uint32_t)sizeof caps};
    SBI_TRY(sbi_executor_capabilities(exec, &caps));
    for (size_t i = 0; i < 2 * t->n; i++) SBI_TRY(add_unit(t, i, caps.in_process, caps.name));
    return sbi_jobs_run(t->campaign, exec);
}

static sbi_status train(training *t, sbi_variations *set, const sbi_train_options *options, sbi_executor *given)
{
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_executor *exec, *owned = NULL;
    SBI_TRY(sbi_train_options_read(&t->options, options));
    t->variations = sbi_alloc_zero(t->ctx, t->n, sizeof *t->variations);
    t->units = sbi_alloc_zero(t->ctx, 2 * t->n, sizeof *t->units);
    if (!t->variations || !t->units) return SBI_ERR_NO_MEMORY;
    SBI_TRY(read_variations(t, set));
    if (!given) o.max_attempts = 1;
    const int64_t tasks = 2 * (int64_t)t->n * t->options.members;
    if (t->options.campaign) o.max_failures = tasks < INT32_MAX ? (int32_t)tasks : INT32_MAX;
    SBI_TRY(sbi_campaign_open(&t->campaign, t->ctx, t->options.campaign, &o));
    SBI_TRY(open_executor(t, &exec, &owned, given));
    sbi_status status = run_campaign(t, exec);
    sbi_executor_close(owned);
    for (size_t i = 0; i < t->n && status == SBI_OK; i++) status = load_pair(t, i, set);
    return status;
}

sbi_status sbi_variations_train(sbi_variations **out, sbi_context *ctx, const sbi_variation *variations, size_t n,
                                const sbi_train_options *options, sbi_executor *exec)
{
    SBI_REQUIRE(out, "sbi_variations_train: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && variations && n, "sbi_variations_train: ctx or variations is NULL, or there are none");
    SBI_REQUIRE(n <= INT32_MAX, "sbi_variations_train: %zu variations", n);
    training t = {.ctx = ctx, .given = variations, .n = n};
    sbi_variations *set;
    SBI_TRY(sbi_variations_create(&set, ctx));
    sbi_status status = train(&t, set, options, exec);
    sbi_campaign_close(t.campaign);
    for (size_t i = 0; t.units && i < 2 * n; i++) {
        json_decref(t.units[i].described);
        sbi_free(ctx, t.units[i].folder);
        sbi_free(ctx, t.units[i].keys);
    }
    sbi_free(ctx, t.units);
    sbi_free(ctx, t.variations);
    if (status != SBI_OK) {
        sbi_variations_destroy(set);
        return status;
    }
    *out = set;
    return SBI_OK;
}
