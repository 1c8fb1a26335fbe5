/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a network file: a network, which is saved and loaded again to the same bits, or a refusal with a message. Bytes that begin
 * with '{' are the meta.json of a file whose arrays are right: a checksum over members would keep most changes from being looked at. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/npz.h"
#include "net/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void temporary(char path[4096], const char *name)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, 4096, "%s/sbi-fuzz-%s-%ld.npz", folder && *folder ? folder : P_tmpdir, name, (long)getpid());
}

static void save_and_load(sbi_context *ctx, const sbi_network *net)
{
    char path[4096];
    sbi_network *again;
    temporary(path, "network");
    if (sbi_network_save(net, path) != SBI_OK || sbi_network_load(&again, ctx, path) != SBI_OK) abort();
    unlink(path);
    if (memcmp(&again->mlp, &net->mlp, sizeof net->mlp) || memcmp(again->params, net->params, sizeof(float) * (size_t)net->mlp.n)) abort();
    sbi_network_destroy(again);
}

/* Layers of 2, 3, 3 and 1, all hidden ones normalised. */
static void add_arrays(sbi_npz_writer *w)
{
    static const float zeros[16];
    static const double shift[2], scale[2] = {1, 1};
    const int64_t size[4] = {2, 3, 3, 1};
    char name[24];
    sbi_status status = SBI_OK;
    for (int l = 0; l < 3 && status == SBI_OK; l++) {
        const sbi_array weight = sbi_array_2d(zeros, SBI_F32, size[l + 1], size[l]), vector = sbi_array_1d(zeros, SBI_F32, size[l + 1]);
        static const char *const vectors[] = {"b", "gain", "offset"};
        snprintf(name, sizeof name, "W%d", l);
        status = sbi_npz_writer_add(w, name, &weight);
        for (int k = 0; k < 3 && status == SBI_OK; k++) {
            snprintf(name, sizeof name, "%s%d", vectors[k], l);
            status = sbi_npz_writer_add(w, name, &vector);
        }
    }
    const sbi_array a = sbi_array_1d(shift, SBI_F64, 2), b = sbi_array_1d(scale, SBI_F64, 2), none = sbi_array_2d(shift, SBI_F64, 0, 5);
    if (status != SBI_OK || sbi_npz_writer_add(w, "shift", &a) || sbi_npz_writer_add(w, "scale", &b) ||
        sbi_npz_writer_add(w, "history", &none))
        abort();
}

static sbi_status load_meta(sbi_network **net, sbi_context *ctx, const uint8_t *data, size_t size)
{
    char path[4096];
    sbi_npz_writer *w;
    temporary(path, "meta");
    if (sbi_npz_writer_open(&w, ctx, path, 0) != SBI_OK) abort();
    add_arrays(w);
    if (sbi_npz_writer_add_bytes(w, "meta.json", data, size) != SBI_OK || sbi_npz_writer_commit(w) != SBI_OK) abort();
    const sbi_status status = sbi_network_load(net, ctx, path);
    unlink(path);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbi_context *ctx;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    if (sbi_context_create(&ctx, &o) != SBI_OK) abort();
    sbi_network *net = NULL;
    const int meta = size > 0 && data[0] == '{';
    const sbi_status status = meta ? load_meta(&net, ctx, data, size) : sbi_network_load_memory(&net, ctx, data, size, "fuzz.npz");
    if (status == SBI_OK) save_and_load(ctx, net);
    if (status != SBI_OK && (net || !strstr(sbi_last_error(), ".npz"))) abort();
    sbi_network_destroy(net);
    if (sbi_memory_now(ctx) != 0) abort();
    /* Parameters by what deflate can do, and a name for each feature. */
    if (sbi_memory_peak(ctx) > 40000 * (size + 1) + (8u << 20)) abort();
    sbi_context_destroy(ctx);
    return 0;
}
