/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a kubeconfig file, as what a credential program answers, and as a list of indexes: the first byte says which. */
#include <string.h>

#include "base/memory.h"
#include "grid/kube_job.h"
#include "grid/kubeconfig.h"
#include "grid/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *user, size_t index)
{
    size_t *least = user;
    if (index >= 1000) __builtin_trap();
    *least = index;
}

static void read_config(sbi_context *ctx, const char *text, size_t size)
{
    grid_kubeconfig c;
    if (grid_kubeconfig_parse(&c, ctx, text, size, NULL, "/folder", "fuzz") == SBI_OK) {
        if (!c.server || !c.namespace_) __builtin_trap();
        if (c.server[0] && c.server[strlen(c.server) - 1] == '/') __builtin_trap();
    }
    grid_kubeconfig_clear(&c);
}

static void read_answer(sbi_context *ctx, const char *text, size_t size)
{
    grid_kubeconfig c = {.ctx = ctx};
    int64_t expires;
    if (grid_kubeconfig_take_answer(&c, text, size, "fuzz", &expires) == SBI_OK && !c.token && !(c.cert && c.key)) __builtin_trap();
    grid_kubeconfig_clear(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sbi_context *ctx;
    char text[256];
    size_t last = 0;
    json_t *json;
    if (!size || (!ctx && sbi_context_create(&ctx, NULL) != SBI_OK)) return 0;
    const char *rest = (const char *)data + 1;
    size--;
    switch (data[0]) {
    case 'k': read_config(ctx, rest, size); break;
    case 'e': read_answer(ctx, rest, size); break;
    case 'y':
        if (grid_yaml_parse(&json, rest, size, "fuzz") == SBI_OK) json_decref(json);
        break;
    default:
        if (size >= sizeof text) return 0;
        memcpy(text, rest, size);
        text[size] = '\0';
        (void)kube_indexes_read(text, 1000, see, &last);
    }
    return 0;
}
