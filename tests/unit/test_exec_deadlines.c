/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of deadlines against a plain search, and without memory. */
#include <stdint.h>

#include "base/memory.h"
#include "base/random.h"
#include "exec/deadlines.h"
#include "support/run_suite.h"

#define THINGS 50

/* The earliest of `when`, the lowest number of equals; negative: none. SIZE_MAX: there is none. */
static size_t earliest(const double *when)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < THINGS; i++) {
        if (when[i] >= 0 && (best == SIZE_MAX || when[i] < when[best])) best = i;
    }
    return best;
}

START_TEST(as_a_search_finds)
{
    sbi_context *ctx;
    sbi_deadlines d;
    double when[THINGS];
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_deadlines_init(&d, ctx, THINGS), SBI_OK);
    for (size_t i = 0; i < THINGS; i++) when[i] = -1;
    for (uint64_t step = 0; step < 100000; step++) {
        const size_t i = (size_t)(THINGS * sbi_random_uniform(1, 1, step));
        const double what = sbi_random_uniform(1, 2, step), time = (double)(int)(20 * sbi_random_uniform(1, 3, step)); /* often the same */
        if (what < 0.5) {
            sbi_deadlines_set(&d, i, when[i] = time);
        } else if (what < 0.7) {
            sbi_deadlines_remove(&d, i);
            when[i] = -1;
        } else {
            const size_t first = earliest(when);
            const double wait = first == SIZE_MAX ? 7 : when[first] < time ? 0 : when[first] - time < 7 ? when[first] - time : 7;
            ck_assert_double_eq(sbi_deadlines_wait(&d, time, 7), wait);
            const size_t got = sbi_deadlines_take(&d, time);
            ck_assert_uint_eq(got, first != SIZE_MAX && when[first] <= time ? first : SIZE_MAX);
            if (got != SIZE_MAX) when[got] = -1;
        }
    }
    sbi_deadlines_free(&d);
    ck_assert_uint_eq(sbi_memory_now(ctx), 0);
    sbi_deadlines_free(&d); /* of nothing */
    sbi_deadlines_remove(&d, 3);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec: deadlines");
    TCase *tc = tcase_create("heap");
    tcase_add_test(tc, as_a_search_finds);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
