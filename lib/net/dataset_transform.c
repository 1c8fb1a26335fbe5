/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms that are asked for. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/error.h"
#include "net/dataset.h"

const char *sbi_dataset_part_name(const sbi_dataset *data, const sbi_dataset_part *part, char own[SBI_PART_NAME])
{
    if (part->feature_path) return part->feature_path;
    snprintf(own, SBI_PART_NAME, "%.100s features", sbi_dataset_class_name(data, part->side));
    return own;
}

sbi_status sbi_dataset_add_transform(sbi_dataset *data, size_t feature, int32_t kind, const double *values, size_t n)
{
    SBI_REQUIRE(data, "sbi_dataset_add_transform: data is NULL");
    if (atomic_load(&data->in_use))
        return sbi_fail(SBI_ERR_STATE, "sbi_dataset_add_transform: the dataset is in use and cannot change");
    SBI_REQUIRE((int64_t)feature < data->d, "sbi_dataset_add_transform: feature is %zu, the dataset has %" PRId64, feature, data->d);
    if (!data->transforms) SBI_TRY(sbi_transforms_new(&data->transforms, data->ctx, data->d));
    sbi_status status = sbi_transforms_add(data->transforms, (int64_t)feature, kind, values, n);
    if (data->transforms->n_steps == 0) {
        sbi_transforms_free(data->transforms);
        data->transforms = NULL;
    }
    return status == SBI_OK ? SBI_OK : sbi_fail_within(status, "sbi_dataset_add_transform");
}
