/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a store or executor: a JSON object, and what all kinds understand of it. docs/stores.md has the keys. */
#ifndef SBI_GRID_CONFIG_H
#define SBI_GRID_CONFIG_H

#include "grid/http.h"
#include "io/json.h"

typedef struct grid_config {
    json_t *json;
    sbi_json_place at;
} grid_config;

/* `text` NULL or empty: {}. `own` are the keys of this kind besides the common ones, NULL-terminated. */
sbi_status grid_config_read(grid_config *out, const char *text, const char *name, const char *const *own);
/* The common keys: ca_file, ca_folder, cert_file, key_file, token_file, timeout_ms, connect_ms, slow_bytes, slow_s, retries, backoff_ms,
 * allow_plain_credentials. Pointers are borrowed from the configuration. */
sbi_status grid_config_http(const grid_config *config, sbi_http_options *out);
void grid_config_clear(grid_config *config);

/* An integer in [least, most]; `other` where the key is missing. */
sbi_status grid_config_integer(const grid_config *config, const char *key, int64_t other, int64_t least, int64_t most, int64_t *out);
/* A variable of the environment; NULL if it is not set or empty. */
const char *grid_environment(const char *name);

#endif
