/* SPDX-License-Identifier: Apache-2.0 */
/* What may be written down of an executor's configuration. In doubt a member is left out: a campaign's folder is for sharing. */
#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "exec/executor.h"
#include "io/json.h"

/* Parts of names of members that hold secrets; what names a file that does is fine. */
static int name_is_suspect(const char *name)
{
    static const char *const parts[] = {"secret", "password", "passphrase", "token", "credential", "access_key", "private", "environment", "bearer", "auth"};
    char lower[128];
    const size_t n = strlen(name);
    if (n >= sizeof lower) return 1;
    for (size_t i = 0; i <= n; i++) lower[i] = (char)tolower((unsigned char)name[i]);
    if (n > 5 && strcmp(lower + n - 5, "_file") == 0) return 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(lower, parts[i])) return 1;
    }
    return 0;
}

/* Addresses with a password before the host, or signed ones; and keys as they stand in files. */
static int text_is_suspect(const char *text)
{
    if (strstr(text, "-----BEGIN")) return 1;
    const char *address = strstr(text, "://");
    if (!address) return 0;
    address += 3;
    const size_t host = strcspn(address, "/?#");
    return memchr(address, '@', host) != NULL || strchr(address, '?') != NULL;
}

static int redact(json_t *value, int *complete);

static void redact_members(json_t *object, int *complete)
{
    const char *name;
    json_t *member;
    void *next;
    json_object_foreach_safe (object, next, name, member) {
        if (!name_is_suspect(name) && redact(member, complete)) continue;
        (void)json_object_del(object, name);
        *complete = 0;
    }
}

static void redact_items(json_t *array, int *complete)
{
    for (size_t i = json_array_size(array); i-- > 0;) {
        if (redact(json_array_get(array, i), complete)) continue;
        (void)json_array_remove(array, i);
        *complete = 0;
    }
}

/* Whether the value may stay; what is in it that may not is removed. */
static int redact(json_t *value, int *complete)
{
    if (json_is_string(value)) return !text_is_suspect(json_string_value(value));
    if (json_is_object(value)) redact_members(value, complete);
    if (json_is_array(value)) redact_items(value, complete);
    return 1;
}

sbi_status sbi_executor_redact(sbi_text *out, const char *config, int *complete)
{
    json_t *json;
    *complete = 1;
    /* An executor of somebody's own may have another language: nothing of it is kept. */
    if (sbi_json_parse(&json, config, strlen(config), "configuration") != SBI_OK) {
        *complete = 0;
        sbi_text_addf(out, "{}");
        return out->status;
    }
    (void)redact(json, complete);
    sbi_status status = sbi_json_canonical(out, json);
    json_decref(json);
    return status;
}
