/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: numbers of diagnostics against thresholds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/json.h"
#include "ratio/diagnostics.h"

#define CHECKS 11

struct sbi_verdict {
    sbi_context *ctx;
    sbi_verdict_check *checks; /* [n], CHECKS a subject */
    size_t n;
};

void sbi_verdict_options_init(sbi_verdict_options *options)
{
    if (!options) return;
    const sbi_verdict_options defaults = SBI_VERDICT_OPTIONS_INIT;
    *options = defaults;
}

static sbi_status read_options(sbi_verdict_options *o, const sbi_verdict_options *user)
{
    sbi_verdict_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, user, "sbi_verdict_options"));
    SBI_REQUIRE(o->reserved_ == 0, "sbi_verdict_options.reserved_ is %d, expected 0", (int)o->reserved_);
    return SBI_OK;
}

/* ---- checks ---- */

static const char *result_name(int32_t result)
{
    static const char *const names[] = {"unknown", "pass", "warn", "fail"};
    return names[result + 1];
}

/* One check before it is judged. */
typedef struct question {
    const char *name, *what; /* of the value */
    double value, warn, fail;
    int below; /* 1: small values are bad */
} question;

static int beyond(const question *q, double threshold)
{
    return q->below ? q->value < threshold : q->value > threshold; /* false with NaN */
}

static void judge(sbi_verdict_check *c, const question *q, int32_t subject)
{
    *c = (sbi_verdict_check){.struct_size = (uint32_t)sizeof *c, .subject = subject, .value = q->value, .warn = q->warn, .fail = q->fail};
    const int known = !isnan(q->value) && !(isnan(q->warn) && isnan(q->fail));
    c->result = !known ? SBI_VERDICT_UNKNOWN
                : beyond(q, q->fail) ? SBI_VERDICT_FAIL
                : beyond(q, q->warn) ? SBI_VERDICT_WARN
                                     : SBI_VERDICT_PASS;
    snprintf(c->name, sizeof c->name, "%s", q->name);
    if (isnan(q->value)) {
        snprintf(c->line, sizeof c->line, "%s: unknown: %s was not computed", q->name, q->what);
        return;
    }
    const char *relation = c->result == SBI_VERDICT_PASS ? (q->below ? "not below" : "not above") : q->below ? "below" : "above";
    if (!known) relation = "without a threshold beside";
    snprintf(c->line, sizeof c->line, "%s: %s: %s is %.4g, %s %.4g", q->name, result_name(c->result), q->what, q->value, relation,
             c->result == SBI_VERDICT_FAIL ? q->fail : q->warn);
}

/* |x - 1| in units of its error; an exact 1 without an error is none away. */
static double pull(double x, double error)
{
    return x == 1 ? 0 : fabs(x - 1) / error;
}

static void judge_all(sbi_verdict_check *c, const sbi_diagnostics *diag, const sbi_verdict_options *o, int32_t subject)
{
    const sbi_diagnostics_summary *m = &diag->summary;
    const char *closure = m->closure_feature < 0 ? "no feature" : diag->names[m->closure_feature];
    const char *distance = m->wasserstein_feature < 0 ? "no feature" : diag->names[m->wasserstein_feature];
    char closure_what[96], distance_what[96];
    snprintf(closure_what, sizeof closure_what, "the probability for %.60s", closure);
    snprintf(distance_what, sizeof distance_what, "the distance in %.60s", distance);
    const double none = NAN;
    const int members = diag->spread.rows > 0;
    const question questions[CHECKS] = {
        {"normalisation", "|E_denominator[r] - 1| in its errors", pull(m->normalisation, m->normalisation_error), o->normalisation_warn,
         o->normalisation_fail, 0},
        {"inverse", "|E_numerator[1/r] - 1| in its errors", pull(m->inverse, m->inverse_error), o->inverse_warn, o->inverse_fail, 0},
        {"calibration", "the probability of the curve", m->calibration_p, o->calibration_warn, o->calibration_fail, 1},
        {"closure", closure_what, m->closure_feature < 0 ? none : m->closure_p, o->closure_warn, o->closure_fail, 1},
        {"wasserstein", distance_what, m->wasserstein_feature < 0 ? none : m->wasserstein, o->wasserstein_warn, o->wasserstein_fail, 0},
        {"overtraining", "the probability that held-out and trained-on events are alike",
         isnan(m->ks_numerator_p) ? none : fmin(m->ks_numerator_p, m->ks_denominator_p), o->overtraining_warn, o->overtraining_fail, 1},
        {"ess", "the effective fraction of reweighted events", m->ess_fraction, o->ess_warn, o->ess_fail, 1},
        {"share", "the largest event's share of the weights", m->largest_share, o->share_warn, o->share_fail, 0},
        {"spread", "the mean spread of ln r over members", members ? m->spread_mean : none, o->spread_warn, o->spread_fail, 0},
        {"range", "the largest |ln r|", fmax(fabs(m->log_ratio_low), fabs(m->log_ratio_high)), o->range_warn, o->range_fail, 0},
        {"events", "the number of events of the smaller side",
         (double)(m->numerator_events < m->denominator_events ? m->numerator_events : m->denominator_events), o->events_warn,
         o->events_fail, 1},
    };
    for (int i = 0; i < CHECKS; i++) judge(&c[i], &questions[i], subject);
}

static sbi_status make(sbi_verdict **out, sbi_context *ctx, size_t subjects)
{
    sbi_verdict *v = sbi_alloc_zero(ctx, 1, sizeof *v);
    if (!v) return SBI_ERR_NO_MEMORY;
    v->ctx = ctx;
    v->n = subjects * CHECKS;
    v->checks = sbi_alloc_zero(ctx, v->n, sizeof *v->checks);
    if (!v->checks) {
        sbi_verdict_destroy(v);
        return SBI_ERR_NO_MEMORY;
    }
    *out = v;
    return SBI_OK;
}

sbi_status sbi_verdict_make(sbi_verdict **out, const sbi_diagnostics *diag, const sbi_verdict_options *options)
{
    SBI_REQUIRE(out, "sbi_verdict_make: out is NULL");
    *out = NULL;
    SBI_REQUIRE(diag, "sbi_verdict_make: diagnostics is NULL");
    sbi_verdict_options known;
    SBI_TRY(read_options(&known, options));
    SBI_TRY(make(out, diag->ctx, 1));
    judge_all((*out)->checks, diag, &known, -1);
    return SBI_OK;
}

sbi_status sbi_verdict_ensemble(sbi_verdict **out, const sbi_ensemble *ens, sbi_dataset *data, const sbi_diagnostics_options *diagnostics,
                                const sbi_verdict_options *options)
{
    SBI_REQUIRE(out, "sbi_verdict_ensemble: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ens && data, "sbi_verdict_ensemble: ens or data is NULL");
    sbi_verdict_options known;
    sbi_diagnostics_options o = SBI_DIAGNOSTICS_OPTIONS_INIT;
    SBI_TRY(read_options(&known, options));
    SBI_TRY(sbi_options_read(&o, sizeof o, sizeof o, diagnostics, "sbi_diagnostics_options"));
    sbi_verdict *v;
    SBI_TRY(make(&v, ens->ctx, ens->n + 1));
    sbi_status status = SBI_OK;
    for (o.member = -1; o.member < (int32_t)ens->n && status == SBI_OK; o.member++) {
        sbi_diagnostics *diag;
        status = sbi_diagnostics_run(&diag, ens, data, &o);
        if (status == SBI_OK) judge_all(v->checks + (o.member + 1) * CHECKS, diag, &known, o.member);
        sbi_diagnostics_destroy(diag);
    }
    if (status != SBI_OK) {
        sbi_verdict_destroy(v);
        return status;
    }
    *out = v;
    return SBI_OK;
}

void sbi_verdict_destroy(sbi_verdict *v)
{
    if (!v) return;
    sbi_free(v->ctx, v->checks);
    sbi_free(v->ctx, v);
}

int32_t sbi_verdict_result(const sbi_verdict *v, int32_t subject)
{
    int32_t worst = SBI_VERDICT_UNKNOWN;
    for (size_t i = 0; v && i < v->n; i++) {
        if (v->checks[i].subject == subject && v->checks[i].result > worst) worst = v->checks[i].result;
    }
    return worst;
}

size_t sbi_verdict_count(const sbi_verdict *v)
{
    return v ? v->n : 0;
}

sbi_status sbi_verdict_check_get(const sbi_verdict *v, size_t index, sbi_verdict_check *check)
{
    SBI_REQUIRE(v && check, "sbi_verdict_check_get: verdict or check is NULL");
    SBI_REQUIRE(index < v->n, "sbi_verdict_check_get: index is %zu of %zu", index, v->n);
    const uint32_t size = check->struct_size;
    if (size < sizeof(uint32_t) || size > 4096) return sbi_fail(SBI_ERR_ABI, "sbi_verdict_check_get: struct_size is %u", (unsigned)size);
    sbi_verdict_check full = v->checks[index];
    full.struct_size = size;
    if (size > sizeof full) memset((char *)check + sizeof full, 0, size - sizeof full);
    memcpy(check, &full, size < sizeof full ? size : sizeof full);
    return SBI_OK;
}

/* ---- JSON ---- */

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *subject_json(const sbi_verdict *v, size_t subject)
{
    const sbi_verdict_check *c = v->checks + subject * CHECKS;
    char name[32];
    if (c->subject < 0) snprintf(name, sizeof name, "ensemble");
    else snprintf(name, sizeof name, "member %d", (int)c->subject);
    json_t *checks = json_array();
    for (int i = 0; i < CHECKS; i++, c++) {
        json_array_append_new(checks, json_pack("{s:s, s:s, s:o, s:o, s:o, s:s}", "name", c->name, "result", result_name(c->result), "value",
                                                number(c->value), "warn", number(c->warn), "fail", number(c->fail), "line", c->line));
    }
    return json_pack("{s:s, s:s, s:o}", "subject", name, "result", result_name(sbi_verdict_result(v, c[-1].subject)), "checks", checks);
}

sbi_status sbi_verdict_write(const sbi_verdict *v, const char *path)
{
    SBI_REQUIRE(v && path, "sbi_verdict_write: verdict or path is NULL");
    int32_t worst = SBI_VERDICT_UNKNOWN;
    json_t *subjects = json_array();
    for (size_t i = 0; i < v->n / CHECKS; i++) json_array_append_new(subjects, subject_json(v, i));
    for (size_t i = 0; i < v->n; i++) worst = v->checks[i].result > worst ? v->checks[i].result : worst;
    json_t *all = json_pack("{s:s, s:o}", "result", result_name(worst), "subjects", subjects);
    if (!all) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", path);
    sbi_text text;
    sbi_text_init(&text, v->ctx);
    sbi_status status = sbi_json_pretty(&text, all);
    json_decref(all);
    if (status == SBI_OK) status = sbi_file_write(v->ctx, path, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}
