/* SPDX-License-Identifier: Apache-2.0 */
/* Training options: defaults, ranges, JSON. One table says all that there is to say of a field. */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "net/json_values.h"
#include "net/train.h"

void sbi_train_options_init(sbi_train_options *options)
{
    if (!options) return;
    const sbi_train_options defaults = SBI_TRAIN_OPTIONS_INIT;
    *options = defaults;
}

typedef enum kind { KIND_I32, KIND_I64, KIND_U64, KIND_DOUBLE } kind;

typedef struct field {
    const char *name;
    size_t offset;
    kind kind;
    int32_t in_json;
    double low, high; /* allowed, both included */
} field;

#define FIELD(name, kind, in_json, low, high) {#name, offsetof(sbi_train_options, name), kind, in_json, low, high}

static const field fields[] = {
    FIELD(depth, KIND_I32, 1, 0, SBI_MLP_MAX_LAYERS - 1),
    FIELD(width, KIND_I32, 1, 1, 1 << 20),
    FIELD(activation, KIND_I32, 1, SBI_ACTIVATION_SILU, SBI_ACTIVATION_SOFTPLUS),
    FIELD(epochs, KIND_I32, 1, 1, 1000000),
    FIELD(members, KIND_I32, 0, 1, 1000000),
    FIELD(optimiser, KIND_I32, 1, SBI_OPTIMISER_NADAM, SBI_OPTIMISER_SGD),
    FIELD(schedule, KIND_I32, 1, SBI_SCHEDULE_CONSTANT, SBI_SCHEDULE_EXPONENTIAL),
    FIELD(schedule_epochs, KIND_I32, 1, 1, 1000000),
    FIELD(patience, KIND_I32, 1, 0, 1000000),
    FIELD(standardise, KIND_I32, 1, SBI_STANDARDISE_NONE, SBI_STANDARDISE_YEO_JOHNSON),
    FIELD(bootstrap, KIND_I32, 1, 0, 1),
    FIELD(batch, KIND_I64, 1, 1, 1 << 24),
    FIELD(seed, KIND_U64, 1, 0, DBL_MAX),
    FIELD(learning_rate, KIND_DOUBLE, 1, DBL_MIN, 1e6),
    FIELD(warmup_epochs, KIND_DOUBLE, 1, 0, 1e6),
    FIELD(schedule_factor, KIND_DOUBLE, 1, DBL_MIN, 1),
    FIELD(final_rate, KIND_DOUBLE, 1, 0, 1),
    FIELD(beta1, KIND_DOUBLE, 1, 0, 0.9999999),
    FIELD(beta2, KIND_DOUBLE, 1, 0, 0.9999999),
    FIELD(epsilon, KIND_DOUBLE, 1, 1e-30, 1),
    FIELD(weight_decay, KIND_DOUBLE, 1, 0, 1e6),
    FIELD(clip_norm, KIND_DOUBLE, 1, 0, DBL_MAX),
    FIELD(validation_fraction, KIND_DOUBLE, 1, 0, 0.99),
    FIELD(min_improvement, KIND_DOUBLE, 1, 0, DBL_MAX),
    FIELD(residual, KIND_I32, 1, 0, SBI_MLP_MAX_LAYERS - 2),
    FIELD(layer_norm, KIND_I32, 1, 0, 1),
    FIELD(loss, KIND_I32, 1, SBI_LOSS_BCE, SBI_LOSS_CASCAL),
    FIELD(class_balance, KIND_I32, 1, 0, 1),
    FIELD(averaging, KIND_I32, 1, SBI_AVERAGING_NONE, SBI_AVERAGING_SWA),
    FIELD(precision, KIND_I32, 1, SBI_PRECISION_F32, SBI_PRECISION_BF16),
    FIELD(retries, KIND_I32, 1, 0, 100),
    FIELD(folds, KIND_I32, 1, 0, 1000),
    FIELD(dropout, KIND_DOUBLE, 1, 0, 0.99),
    FIELD(leaky_slope, KIND_DOUBLE, 1, 1e-6, 1),
    FIELD(label_smoothing, KIND_DOUBLE, 1, 0, 0.999999),
    FIELD(score_weight, KIND_DOUBLE, 1, 0, 1e30),
    FIELD(averaging_decay, KIND_DOUBLE, 1, 0, 0.9999999),
    FIELD(averaging_start, KIND_DOUBLE, 1, 0, 1e6),
    FIELD(retry_factor, KIND_DOUBLE, 1, DBL_MIN, 1),
    FIELD(initial_gain, KIND_DOUBLE, 1, 1e-9, 1e3),
    FIELD(checkpoint_seconds, KIND_DOUBLE, 0, 0, DBL_MAX),
    FIELD(memory, KIND_U64, 0, 0, DBL_MAX),
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static double field_value(const sbi_train_options *o, const field *f)
{
    const char *p = (const char *)o + f->offset;
    int32_t i32;
    int64_t i64;
    uint64_t u64;
    double number;
    switch (f->kind) {
    case KIND_I32: memcpy(&i32, p, sizeof i32); return i32;
    case KIND_I64: memcpy(&i64, p, sizeof i64); return (double)i64;
    case KIND_U64: memcpy(&u64, p, sizeof u64); return (double)u64;
    default: memcpy(&number, p, sizeof number); return number;
    }
}

static sbi_status check(const sbi_train_options *o)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        const double value = field_value(o, &fields[i]);
        SBI_REQUIRE(value >= fields[i].low && value <= fields[i].high,
                    "sbi_train_options.%s is %g, expected %g to %g", fields[i].name, value, fields[i].low, fields[i].high);
    }
    SBI_REQUIRE(o->patience == 0 || o->validation_fraction > 0,
                "sbi_train_options.patience is %d, but validation_fraction is 0", (int)o->patience);
    SBI_REQUIRE(o->residual == 0 || (o->depth > 1 && (o->depth - 1) % o->residual == 0),
                "sbi_train_options.residual is %d, but depth is %d, expected 1 + a positive multiple of residual", (int)o->residual,
                (int)o->depth);
    SBI_REQUIRE(o->schedule != SBI_SCHEDULE_GEOMETRIC || o->final_rate > 0,
                "sbi_train_options.final_rate is 0, but the schedule is geometric");
    SBI_REQUIRE(o->averaging == SBI_AVERAGING_NONE || o->averaging_start < o->epochs,
                "sbi_train_options.averaging_start is %g, but epochs is %d: there would be no average", o->averaging_start, (int)o->epochs);
    SBI_REQUIRE(o->folds != 1, "sbi_train_options.folds is 1, expected 0 (none) or 2 and more");
    return SBI_OK;
}

sbi_status sbi_train_options_read(sbi_train_options *known, const sbi_train_options *user)
{
    sbi_train_options_init(known);
    SBI_TRY(sbi_options_read(known, sizeof *known, sizeof *known, user, "sbi_train_options"));
    return check(known);
}

/* ---- single fields ---- */

static const field *find_field(const char *name)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0) return &fields[i];
    return NULL;
}

sbi_status sbi_train_options_range(const char *name, sbi_option_range *range)
{
    const field *f = find_field(name);
    if (!f || !f->in_json) return sbi_fail(SBI_ERR_NOT_FOUND, "sbi_train_options has no \"%.60s\" that changes a network", name);
    *range = (sbi_option_range){f->low, f->high, f->kind != KIND_DOUBLE, 0};
    if (f->kind == KIND_U64) range->high = 9007199254740992.0; /* what a double holds exactly */
    return SBI_OK;
}

double sbi_train_options_value(const sbi_train_options *options, const char *name)
{
    const field *f = find_field(name);
    return f ? field_value(options, f) : NAN;
}

sbi_status sbi_train_options_set(sbi_train_options *options, const char *name, double value)
{
    sbi_option_range range = {0, 0, 0, 0};
    SBI_TRY(sbi_train_options_range(name, &range));
    const field *f = find_field(name);
    if (!(value >= range.low && value <= range.high) || (range.integer && value != floor(value)))
        return sbi_fail(SBI_ERR_ARGUMENT, "sbi_train_options.%s is %.17g, expected %s%g to %g", name, value,
                        range.integer ? "an integer from " : "", range.low, range.high);
    char *p = (char *)options + f->offset;
    switch (f->kind) {
    case KIND_I32: memcpy(p, &(int32_t){(int32_t)value}, sizeof(int32_t)); break;
    case KIND_I64: memcpy(p, &(int64_t){(int64_t)value}, sizeof(int64_t)); break;
    case KIND_U64: memcpy(p, &(uint64_t){(uint64_t)value}, sizeof(uint64_t)); break;
    default: memcpy(p, &value, sizeof value); break;
    }
    return SBI_OK;
}

sbi_status sbi_train_options_check(const sbi_train_options *options)
{
    return check(options);
}

json_t *sbi_train_options_to_json(const sbi_train_options *o)
{
    json_t *json = json_object();
    for (size_t i = 0; i < N_FIELDS && json; i++) {
        const field *f = &fields[i];
        if (!f->in_json) continue;
        json_t *value;
        if (f->kind == KIND_U64) {
            value = sbi_json_from_u64(o->seed);
        } else if (f->kind == KIND_DOUBLE) {
            value = sbi_json_from_double(field_value(o, f));
        } else {
            value = json_integer((json_int_t)field_value(o, f));
        }
        if (json_object_set_new(json, f->name, value)) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

sbi_status sbi_train_options_from_json(sbi_train_options *o, const json_t *json, const sbi_json_place *at)
{
    sbi_train_options_init(o);
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    const char *known[N_FIELDS + 1];
    size_t n_known = 0;
    for (size_t i = 0; i < N_FIELDS; i++) {
        const field *f = &fields[i];
        if (!f->in_json) continue;
        known[n_known++] = f->name;
        char *p = (char *)o + f->offset;
        int64_t i64;
        uint64_t u64;
        double number;
        if (f->kind == KIND_U64) {
            SBI_TRY(sbi_json_get_u64(json, at, f->name, &u64));
            memcpy(p, &u64, sizeof u64);
        } else if (f->kind == KIND_DOUBLE) {
            SBI_TRY(sbi_json_get_double(json, at, f->name, &number));
            memcpy(p, &number, sizeof number);
        } else {
            SBI_TRY(sbi_json_get_integer(json, at, f->name, &i64));
            if ((double)i64 < f->low || (double)i64 > f->high)
                return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is %lld, expected %g to %g", f->name, (long long)i64, f->low,
                                     f->high);
            const int32_t i32 = (int32_t)i64;
            memcpy(p, f->kind == KIND_I32 ? (const void *)&i32 : (const void *)&i64, f->kind == KIND_I32 ? 4 : 8);
        }
    }
    known[n_known] = NULL;
    SBI_TRY(sbi_json_only_keys(json, at, known));
    sbi_status status = check(o);
    return status == SBI_OK ? SBI_OK : sbi_fail_within(SBI_ERR_FORMAT, "%s", at->document);
}
