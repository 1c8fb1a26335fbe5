/* SPDX-License-Identifier: Apache-2.0 */
#include "net/json_values.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

json_t *sbi_json_from_u64(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

json_t *sbi_json_from_double(double value)
{
    if (isfinite(value)) return json_real(value);
    return json_string(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

sbi_status sbi_json_get_u64(const json_t *object, const sbi_json_place *at, const char *key, uint64_t *out)
{
    const char *text;
    SBI_TRY(sbi_json_get_string(object, at, key, &text));
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is \"%s\", expected an unsigned integer", key, text);
    *out = value;
    return SBI_OK;
}

sbi_status sbi_json_get_double(const json_t *object, const sbi_json_place *at, const char *key, double *out)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (!text) return sbi_json_get_number(object, at, key, out);
    if (strcmp(text, "nan") == 0) {
        *out = NAN;
    } else if (strcmp(text, "inf") == 0) {
        *out = INFINITY;
    } else if (strcmp(text, "-inf") == 0) {
        *out = -INFINITY;
    } else {
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is \"%s\", expected a number", key, text);
    }
    return SBI_OK;
}
