/* SPDX-License-Identifier: Apache-2.0 */
/* How the members of an ensemble came about, as JSON. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "io/json.h"
#include "net/folds.h"

const char *sbi_network_training(const sbi_network *net)
{
    return net ? net->training : NULL;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* What the text of the training adds: divergences and the loss on the fold. */
static sbi_status add_training(json_t *row, const sbi_network *net)
{
    json_t *training = NULL;
    sbi_network_fold fold = {0, 0, 0};
    SBI_TRY(sbi_network_folds(net, &fold));
    if (net->training) SBI_TRY(sbi_json_parse(&training, net->training, strlen(net->training), "network: training"));
    json_t *diverged = json_object_get(training, "diverged"), *held_out = json_object_get(training, "held_out_loss");
    int failed = json_object_set_new(row, "attempts", json_integer(net->epochs ? (json_int_t)json_array_size(diverged) + 1 : 0));
    if (diverged) failed |= json_object_set(row, "diverged", diverged);
    if (fold.folds) failed |= json_object_set_new(row, "fold", json_integer(fold.fold));
    if (held_out) failed |= json_object_set(row, "held_out_loss", held_out);
    json_decref(training);
    return failed ? sbi_fail(SBI_ERR_NO_MEMORY, "report: out of memory") : SBI_OK;
}

static sbi_status add_member(json_t *rows, const sbi_network *net)
{
    json_t *row = json_pack("{s:i, s:i, s:i, s:I, s:o, s:o, s:o}", "member", (int)net->member, "epochs", (int)net->epochs, "best_epoch",
                            (int)net->best_epoch, "parameters", (json_int_t)net->mlp.parameters, "loss", number(net->loss), "validation_loss",
                            number(net->validation_loss), "seconds", number(net->seconds));
    if (!row || json_array_append_new(rows, row)) return sbi_fail(SBI_ERR_NO_MEMORY, "report: out of memory");
    return add_training(row, net);
}

sbi_status sbi_ensemble_write_report(const sbi_ensemble *ens, const char *path)
{
    SBI_REQUIRE(ens && path, "sbi_ensemble_write_report: ens or path is NULL");
    json_t *rows = json_array(), *json = json_pack("{s:s, s:i, s:o}", "format", "sbi ensemble report", "version", 1, "members", rows);
    if (!json) return sbi_fail(SBI_ERR_NO_MEMORY, "report: out of memory");
    sbi_text text;
    sbi_text_init(&text, ens->ctx);
    sbi_status status = SBI_OK;
    for (size_t m = 0; m < ens->n && status == SBI_OK; m++) status = add_member(rows, ens->networks[m]);
    if (status == SBI_OK) status = sbi_json_pretty(&text, json);
    json_decref(json);
    if (status == SBI_OK) status = sbi_file_write(ens->ctx, path, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}
