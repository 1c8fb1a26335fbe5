/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of shards share: one context, tape and workspace at a time, and lists of byte strings. */
#ifndef SBI_TESTS_TAPE_SHARDS_H
#define SBI_TESTS_TAPE_SHARDS_H

#include <math.h>

#include "sbi/shard.h"
#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"

enum { MOST = 16, PARTS = 400 };

static sbi_context *ctx;
static sbi_tape *tape;
static sbi_tape_work *work;
static mixture mix;

static inline void make_context(int32_t threads)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
}

static inline void make_work(int32_t precision)
{
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    options.precision = precision;
    ck_assert_msg(sbi_tape_work_create_with(&work, tape, &options) == SBI_OK, "%s", sbi_last_error());
}

static inline void clean(void)
{
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    work = NULL;
    tape = NULL;
    ctx = NULL;
}

static inline void make_mixture(int64_t n, size_t nuisances, int normalise, int32_t threads, int32_t precision)
{
    mix = (mixture){.n = n, .nuisances = nuisances, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = normalise};
    mix_fill(&mix, 0.1);
    make_context(threads);
    ck_assert_msg(mix_record(&mix, tape) == SBI_OK, "%s", sbi_last_error());
    make_work(precision);
}

static inline void clean_mixture(void)
{
    clean();
    mix_free(&mix);
}

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())
#define SAYS(call, status, text)                                                                                       \
    do {                                                                                                               \
        ck_assert_int_eq(call, status);                                                                                \
        ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "the message is: %s", sbi_last_error());                 \
        ck_assert_msg(strchr(sbi_last_error(), '\n') == NULL, "more than one line: %s", sbi_last_error());             \
    } while (0)

/* ---- byte strings ------------------------------------------------------------------------------------------------ */

typedef struct list {
    void *bytes[PARTS];
    size_t size[PARTS];
    size_t n;
} list;

static inline void clear_list(list *l)
{
    for (size_t i = 0; i < l->n; i++)
        sbi_shard_free(ctx, l->bytes[i]);
    l->n = 0;
}

static inline void add_shard(list *l, const double *theta, const sbi_shard_request *r, const list *earlier)
{
    ck_assert_uint_lt(l->n, PARTS);
    const int any = earlier && earlier->n;
    OK(sbi_shard_compute(work, theta, r, any ? earlier->bytes[0] : NULL, any ? earlier->size[0] : 0, &l->bytes[l->n], &l->size[l->n]));
    l->n++;
}

#endif
