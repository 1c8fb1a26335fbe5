/* SPDX-License-Identifier: Apache-2.0 */
#include "device/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "device/plugin.h"

int sbi_device_is_list(const char *name)
{
    return name && strcspn(name, "*,") < strcspn(name, "?");
}

static sbi_status count_all(sbi_device_list *out, sbi_context *ctx, const char *name)
{
    const sbi_device_plugin *plugin;
    int32_t n = 0;
    SBI_TRY(sbi_device_plugin_load(&plugin, ctx, name));
    const sbi_device_counter *counter = plugin->find ? plugin->find(SBI_DEVICE_COUNTER_CONTRACT) : NULL;
    if (!counter || counter->abi != SBI_DEVICE_COUNTER_ABI || counter->struct_size < sizeof *counter || !counter->count)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "device %s: its library does not count its devices", out->name);
    SBI_TRY(counter->count(sbi_device_plugin_host(), &n));
    out->n = n < SBI_DEVICE_LIST_MAX ? n : SBI_DEVICE_LIST_MAX;
    for (int32_t k = 0; k < out->n; k++) out->numbers[k] = k;
    return SBI_OK;
}

static int has(const sbi_device_list *list, long number)
{
    for (int32_t k = 0; k < list->n; k++)
        if (list->numbers[k] == number) return 1;
    return 0;
}

/* "0,2", up to the options. */
static sbi_status read_numbers(sbi_device_list *out, const char *name, const char *at)
{
    for (;; at++) {
        char *end;
        const long number = strtol(at, &end, 10);
        if (*at < '0' || *at > '9' || number > 1023 || (*end && *end != ',' && *end != '?') || has(out, number) ||
            out->n == SBI_DEVICE_LIST_MAX)
            return sbi_fail(SBI_ERR_ARGUMENT, "device \"%.60s\": expected up to %d different numbers, as in \"cuda:0,2\", or \"cuda:*\"", name,
                            SBI_DEVICE_LIST_MAX);
        out->numbers[out->n++] = (int32_t)number;
        at = end;
        if (*at != ',') return SBI_OK;
    }
}

sbi_status sbi_device_list_read(sbi_device_list *out, sbi_context *ctx, const char *name)
{
    memset(out, 0, sizeof *out);
    if (!name) name = "cpu";
    const size_t length = strlen(name), place = strcspn(name, "?"), kind = strcspn(name, ":?");
    SBI_REQUIRE(length < SBI_DEVICE_NAME_SIZE, "device: its name has %zu characters, at most %d are allowed", length,
                SBI_DEVICE_NAME_SIZE - 1);
    if (!sbi_device_is_list(name)) {
        memcpy(out->name, name, length);
        out->numbers[0] = -1;
        out->n = 1;
        return SBI_OK;
    }
    memcpy(out->name, name, kind);
    memcpy(out->options, name + place, length - place);
    if (place == kind + 2 && memcmp(name + kind, ":*", 2) == 0) return count_all(out, ctx, name);
    return read_numbers(out, name, name[kind] == ':' ? name + kind + 1 : name + place);
}

void sbi_device_list_name(const sbi_device_list *list, int32_t k, char out[2 * SBI_DEVICE_NAME_SIZE])
{
    const int32_t number = list->numbers[k];
    if (number < 0) snprintf(out, 2 * SBI_DEVICE_NAME_SIZE, "%s", list->name);
    else snprintf(out, 2 * SBI_DEVICE_NAME_SIZE, "%.200s:%d%s", list->name, (int)number, list->options);
}
