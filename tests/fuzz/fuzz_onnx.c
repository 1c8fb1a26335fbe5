/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an ONNX file: a network or a refusal with a message, no memory beyond what the bytes justify, and what was read is written
 * and read again to the same bits. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/network.h"
#include "net/onnx.h"
#include "sbi/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(sbi_context *ctx, const sbi_network *net)
{
    char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/sbi-fuzz-onnx-%ld.onnx", folder && *folder ? folder : P_tmpdir, (long)getpid());
    sbi_network *again;
    if (sbi_network_write_onnx(net, path, NULL) != SBI_OK) abort();
    if (sbi_network_read_onnx(&again, ctx, path) != SBI_OK) abort();
    unlink(path);
    const size_t d = (size_t)net->mlp.size[0];
    if (again->mlp.n != net->mlp.n || memcmp(again->params, net->params, sizeof(float) * (size_t)net->mlp.n)) abort();
    if (memcmp(again->shift, net->shift, sizeof(double) * d) || memcmp(again->scale, net->scale, sizeof(double) * d)) abort();
    sbi_network_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbi_context *ctx;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    if (sbi_context_create(&ctx, &o) != SBI_OK) abort();
    sbi_network *net;
    const sbi_status status = sbi_network_read_onnx_memory(&net, ctx, data, size, "fuzz.onnx");
    if (status == SBI_OK && size < 4096) write_and_read(ctx, net);
    if (status != SBI_OK && (net || strncmp(sbi_last_error(), "fuzz.onnx: ", 11) != 0)) abort();
    sbi_network_destroy(net);
    if (sbi_memory_now(ctx) != 0) abort();
    /* A network of 64 layers may use one matrix in all of them; and the number of features is a bare claim, up to a million. */
    if (sbi_memory_peak(ctx) > 600 * size + (160u << 20)) abort();
    sbi_context_destroy(ctx);
    return 0;
}
