/* SPDX-License-Identifier: Apache-2.0 */
/* k-fold cross-validation: which event is in which fold, which network left which out, and the loss on that. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "io/json.h"
#include "net/folds.h"
#include "net/json_values.h"
#include "net/trainer.h"

int32_t sbi_dataset_fold_of(int32_t side, int64_t index, uint64_t seed, int32_t folds)
{
    const uint64_t own = sbi_random_derive(seed, "folds", (uint64_t)side);
    const int32_t fold = (int32_t)(sbi_random_uniform(own, 0, (uint64_t)index) * folds);
    return fold < folds ? fold : folds - 1;
}

sbi_status sbi_dataset_fold(const sbi_dataset *data, int32_t side, uint64_t seed, int32_t folds, int32_t *fold)
{
    SBI_REQUIRE(data && fold, "sbi_dataset_fold: data or fold is NULL");
    SBI_REQUIRE(side == SBI_NUMERATOR || side == SBI_DENOMINATOR,
                "sbi_dataset_fold: side is %d, expected SBI_NUMERATOR or SBI_DENOMINATOR", (int)side);
    SBI_REQUIRE(folds >= 2 && folds <= 1000, "sbi_dataset_fold: folds is %d, expected 2 to 1000", (int)folds);
    for (int64_t i = 0; i < data->events[side]; i++) fold[i] = sbi_dataset_fold_of(side, i, seed, folds);
    return SBI_OK;
}

sbi_status sbi_network_folds(const sbi_network *net, sbi_network_fold *out)
{
    *out = (sbi_network_fold){0, 0, net->seed};
    if (!net->training) return SBI_OK;
    json_t *training;
    const sbi_json_place at = sbi_json_root("network: training");
    int64_t folds = 0;
    SBI_TRY(sbi_json_parse(&training, net->training, strlen(net->training), at.document));
    sbi_status status = sbi_json_get_integer_or(training, &at, "folds", 0, &folds);
    json_decref(training);
    SBI_TRY(status);
    if (folds < 0 || folds == 1 || folds > 1000)
        return sbi_json_fail(SBI_ERR_FORMAT, &at, "folds is %lld, expected 0 or 2 to 1000", (long long)folds);
    out->folds = (int32_t)folds;
    out->fold = folds ? net->member % (int32_t)folds : 0;
    return SBI_OK;
}

sbi_status sbi_trainer_fold_loss(sbi_trainer *t, double *loss)
{
    *loss = NAN;
    if (t->n_fold == 0) return SBI_OK;
    const sbi_device *dev = &t->device;
    const int64_t most = t->n_lanes * t->lane_rows;
    double sum = 0;
    SBI_TRY(dev->ops->copy(dev->self, t->params, t->best, sizeof(float) * (size_t)t->mlp.n));
    for (int64_t first = 0; first < t->n_fold; first += most) {
        const int64_t rows = t->n_fold - first < most ? t->n_fold - first : most;
        double part;
        SBI_TRY(sbi_trainer_loss(t, t->n_valid + first, rows, &part));
        sum += part;
    }
    *loss = sum / (double)t->n_fold;
    return SBI_OK;
}
