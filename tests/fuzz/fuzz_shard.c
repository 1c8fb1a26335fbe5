/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a shard: as they are, and with the checksum, tape and instruction set put right so that the rest is what is tested. What
 * merges must be in canonical form: merging it again gives the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "sbi/shard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS = 9000, HASH_AT = 16, HASH_END = 64, THETA_AT = 88, CHECKSUM = 32 };

static sbi_context *ctx;
static sbi_tape *tape;
static sbi_tape_work *work;
static double x[EVENTS];
static const double theta[2] = {0.75, 1.5};
static unsigned char *good; /* leaves 0 and 1 of pass 0 */
static size_t good_size;

static void clean_up(void)
{
    sbi_shard_free(ctx, good);
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}

static void start(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    if (sbi_context_create(&ctx, &o) != SBI_OK || sbi_tape_create(&tape, ctx) != SBI_OK) abort();
    for (int i = 0; i < EVENTS; i++)
        x[i] = 1.0 + i % 7;
    const sbi_array view = sbi_array_1d(x, SBI_F64, EVENTS);
    const sbi_var a = sbi_tape_param(tape, "a"), b = sbi_tape_param(tape, "b");
    const sbi_var c = sbi_tape_column(tape, sbi_tape_events(tape, "data", EVENTS), &view, "x");
    const sbi_var z = sbi_tape_sum(tape, sbi_tape_exp(tape, sbi_tape_mul(tape, sbi_tape_neg(tape, a), c)));
    const sbi_var f = sbi_tape_log(tape, sbi_tape_add(tape, sbi_tape_mul(tape, b, c), sbi_tape_div(tape, a, z)));
    if (sbi_tape_seal(tape, sbi_tape_sum(tape, f)) != SBI_OK || sbi_tape_work_create(&work, tape) != SBI_OK) abort();
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    r.n_events = 4096;
    void *bytes;
    if (sbi_shard_compute(work, theta, &r, NULL, 0, &bytes, &good_size) != SBI_OK) abort();
    good = bytes;
    if (atexit(clean_up)) abort();
}

static void try_bytes(const unsigned char *data, size_t size)
{
    const void *parts[2] = {data, good};
    const size_t sizes[2] = {size, good_size};
    void *merged, *again;
    size_t merged_size, again_size;
    for (size_t n = 1; n <= 2; n++) {
        if (sbi_shard_merge(ctx, parts, sizes, n, &merged, &merged_size) != SBI_OK) {
            if (merged || !sbi_last_error()[0]) abort();
            continue;
        }
        const void *const part = merged;
        if (sbi_shard_merge(ctx, &part, &merged_size, 1, &again, &again_size) != SBI_OK) abort();
        if (again_size != merged_size || memcmp(again, merged, merged_size) != 0) abort();
        sbi_shard_free(ctx, again);
        double value, gradient[2], rows[4];
        sbi_shard_finish(work, theta, merged, merged_size, &value, gradient, 0, 0, NULL);
        sbi_shard_finish(work, theta, merged, merged_size, &value, gradient, 0, 2, rows);
        sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
        r.pass_index = 1;
        for (r.want = SBI_SHARD_VALUE; r.want <= SBI_SHARD_HESSIAN; r.want++) {
            r.n_events = 2048;
            if (sbi_shard_compute(work, theta, &r, merged, merged_size, &again, &again_size) == SBI_OK) sbi_shard_free(ctx, again);
        }
        sbi_shard_free(ctx, merged);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!ctx) start();
    try_bytes(data, size);
    unsigned char *copy = malloc(size + CHECKSUM);
    if (!copy) abort();
    if (size) memcpy(copy, data, size);
    if (size >= HASH_END) memcpy(copy + HASH_AT, good + HASH_AT, HASH_END - HASH_AT);
    if (size >= THETA_AT + sizeof theta && data[size - 1] % 2) memcpy(copy + THETA_AT, good + THETA_AT, sizeof theta);
    for (int longer = 0; longer < 2; longer++) { /* the input with its last bytes replaced, and as the body of one */
        if (size < CHECKSUM && !longer) continue;
        const size_t body = longer ? size : size - CHECKSUM;
        sbi_sha256 h;
        sbi_sha256_init(&h);
        sbi_sha256_update(&h, copy, body);
        sbi_sha256_final(&h, copy + body);
        try_bytes(copy, body + CHECKSUM);
    }
    free(copy);
    return 0;
}
