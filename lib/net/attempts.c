/* SPDX-License-Identifier: Apache-2.0 */
/* Divergence: what is known of it, and how a training that begins anew goes slower. */
#include <inttypes.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/trainer.h"

sbi_status sbi_attempts_make(sbi_trainer *t)
{
    t->diverged = sbi_alloc_zero(t->ctx, (size_t)t->options->retries + 1, sizeof *t->diverged);
    return t->diverged ? SBI_OK : SBI_ERR_NO_MEMORY;
}

double sbi_trainer_rate(const sbi_trainer *t, const sbi_train_state *at)
{
    double rate = sbi_schedule_rate(t->options, at, t->n_batches);
    for (int32_t i = 0; i < t->attempt; i++) rate *= t->options->retry_factor;
    return rate;
}

sbi_status sbi_attempts_to_json(const sbi_trainer *t, json_t *json)
{
    if (!t->attempt) return SBI_OK;
    json_t *list = json_array();
    int failed = !list;
    for (int32_t i = 0; i < t->attempt && !failed; i++)
        failed = json_array_append_new(list, json_pack("{s:i, s:I}", "epoch", (int)t->diverged[i].epoch, "batch",
                                                       (json_int_t)t->diverged[i].batch));
    if (failed) json_decref(list);
    if (failed || json_object_set_new(json, "diverged", list))
        return sbi_fail(SBI_ERR_NO_MEMORY, "training: out of memory");
    return SBI_OK;
}

sbi_status sbi_attempts_from_json(sbi_trainer *t, const json_t *json, const sbi_json_place *at)
{
    json_t *list;
    t->attempt = 0;
    if (!json_object_get(json, "diverged")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(json, at, "diverged", &list));
    const sbi_json_place in = sbi_json_member(at, "diverged");
    const size_t n = json_array_size(list);
    if (n > (size_t)t->options->retries)
        return sbi_json_fail(SBI_ERR_FORMAT, &in, "%zu attempts diverged, more than the %d retries", n, (int)t->options->retries);
    for (size_t i = 0; i < n; i++) {
        const sbi_json_place item = sbi_json_item(&in, i);
        const json_t *one = json_array_get(list, i);
        int64_t epoch, batch;
        SBI_TRY(sbi_json_expect(one, &item, JSON_OBJECT));
        SBI_TRY(sbi_json_get_integer(one, &item, "epoch", &epoch));
        SBI_TRY(sbi_json_get_integer(one, &item, "batch", &batch));
        if (epoch < 1 || epoch > t->options->epochs || batch < 1)
            return sbi_json_fail(SBI_ERR_FORMAT, &item, "epoch %" PRId64 " or batch %" PRId64 " is out of range", epoch, batch);
        t->diverged[i] = (sbi_divergence){(int32_t)epoch, 0, batch};
    }
    t->attempt = (int32_t)n;
    return SBI_OK;
}
