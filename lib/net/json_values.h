/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in JSON that JSON has no form for: unsigned 64-bit integers (decimal strings), NaN and infinity (strings). */
#ifndef SBI_NET_JSON_VALUES_H
#define SBI_NET_JSON_VALUES_H

#include "io/json.h"

json_t *sbi_json_from_u64(uint64_t value);
json_t *sbi_json_from_double(double value);
sbi_status sbi_json_get_u64(const json_t *object, const sbi_json_place *at, const char *key, uint64_t *out);
sbi_status sbi_json_get_double(const json_t *object, const sbi_json_place *at, const char *key, double *out);

#endif
