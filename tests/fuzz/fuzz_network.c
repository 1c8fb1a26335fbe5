/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a network file: a network or a refusal with a message; what was read evaluates, and is saved and read again to the same bits. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void save_and_load(sbi_context *ctx, const sbi_network *net)
{
    char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/sbi-fuzz-network-%ld.npz", folder && *folder ? folder : P_tmpdir, (long)getpid());
    sbi_network *again;
    if (sbi_network_save(net, path) != SBI_OK || sbi_network_load(&again, ctx, path) != SBI_OK) abort();
    unlink(path);
    if (again->mlp.n != net->mlp.n || memcmp(again->params, net->params, sizeof(float) * (size_t)net->mlp.n)) abort();
    if (!sbi_transforms_same(again->transforms, net->transforms)) abort();
    sbi_network_destroy(again);
}

static void evaluate(const sbi_network *net)
{
    static double x[2 * 64], z[2 * 64];
    const int64_t d = sbi_network_features(net);
    if (d > 64 || sbi_mlp_outputs(&net->mlp) > 64) return;
    const sbi_array view = sbi_array_2d(x, SBI_F64, 2, d);
    if (sbi_network_evaluate_all(net, &view, z) != SBI_OK && !sbi_last_error()[0]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbi_context *ctx;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    if (sbi_context_create(&ctx, &o) != SBI_OK) abort();
    sbi_network *net;
    const sbi_status status = sbi_network_load_memory(&net, ctx, data, size, "fuzz.npz");
    if ((status == SBI_OK) != (net != NULL)) abort();
    if (status != SBI_OK && !strstr(sbi_last_error(), "fuzz.npz")) abort();
    if (net) {
        evaluate(net);
        save_and_load(ctx, net);
    }
    sbi_network_destroy(net);
    if (sbi_memory_now(ctx) != 0) abort();
    sbi_context_destroy(ctx);
    return 0;
}
