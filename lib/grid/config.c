/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define KEYS_MAX 64

static const char *const common[] = {"ca_file", "ca_folder", "cert_file", "key_file", "token_file", "timeout_ms", "connect_ms", "slow_bytes",
                                     "slow_s", "retries", "backoff_ms", "allow_plain_credentials", NULL};

sbi_status grid_config_read(grid_config *out, const char *text, const char *name, const char *const *own)
{
    const char *known[KEYS_MAX] = {NULL};
    size_t n = 0;
    for (size_t i = 0; common[i]; i++) known[n++] = common[i];
    for (size_t i = 0; own && own[i] && n < KEYS_MAX - 1; i++) known[n++] = own[i];
    out->at = sbi_json_root(name);
    if (!text || !text[0]) text = "{}";
    SBI_TRY(sbi_json_parse(&out->json, text, strlen(text), name));
    sbi_status status = sbi_json_expect(out->json, &out->at, JSON_OBJECT);
    if (status == SBI_OK) status = sbi_json_only_keys(out->json, &out->at, known);
    if (status != SBI_OK) grid_config_clear(out);
    return status;
}

void grid_config_clear(grid_config *config)
{
    json_decref(config->json);
    config->json = NULL;
}

sbi_status grid_config_integer(const grid_config *config, const char *key, int64_t other, int64_t least, int64_t most, int64_t *out)
{
    SBI_TRY(sbi_json_get_integer_or(config->json, &config->at, key, other, out));
    if (*out < least || *out > most)
        return sbi_json_fail(SBI_ERR_ARGUMENT, &config->at, "%s is %lld, expected %lld to %lld", key, (long long)*out, (long long)least,
                             (long long)most);
    return SBI_OK;
}

sbi_status grid_config_http(const grid_config *config, sbi_http_options *out)
{
    const struct {
        const char *key;
        const char **value;
    } texts[] = {{"ca_file", &out->ca_file}, {"ca_folder", &out->ca_folder}, {"cert_file", &out->cert_file}, {"key_file", &out->key_file},
                 {"token_file", &out->token_file}};
    const struct {
        const char *key;
        int32_t *value;
        int64_t least, most;
    } numbers[] = {{"timeout_ms", &out->idle_ms, 1, 86400000}, {"connect_ms", &out->connect_ms, 1, 3600000},
                   {"slow_bytes", &out->slow_bytes, 1, 1 << 30}, {"slow_s", &out->slow_s, 1, 86400},
                   {"retries", &out->retries, 0, 100},           {"backoff_ms", &out->backoff_ms, 1, 3600000}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        SBI_TRY(sbi_json_get_string_or(config->json, &config->at, texts[i].key, *texts[i].value, texts[i].value));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t n;
        if (!json_object_get(config->json, numbers[i].key)) continue;
        SBI_TRY(grid_config_integer(config, numbers[i].key, 0, numbers[i].least, numbers[i].most, &n));
        *numbers[i].value = (int32_t)n;
    }
    if (json_object_get(config->json, "retries") && out->retries == 0) out->retries = -1;
    int plain = 0;
    SBI_TRY(sbi_json_get_bool_or(config->json, &config->at, "allow_plain_credentials", 0, &plain));
    out->plain_credentials = plain;
    return SBI_OK;
}

const char *grid_environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}
