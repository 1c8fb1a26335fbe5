/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation through the context: hooks, alignment, accounting, strings and growing text. */
#include <check.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

START_TEST(blocks_are_aligned_and_counted)
{
    failing_allocator f = {0};
    sbi_context *ctx = failing_context(&f, 1);
    size_t before = sbi_memory_now(ctx);
    ck_assert_uint_eq(before, 0);
    void *blocks[40];
    for (size_t i = 0; i < 40; i++) {
        blocks[i] = sbi_alloc(ctx, i * 13);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % SBI_ALIGNMENT, 0);
        memset(blocks[i], 0xff, i * 13);
    }
    size_t most = sbi_memory_now(ctx);
    ck_assert_uint_ge(most, 39 * 40 / 2 * 13);
    for (size_t i = 0; i < 40; i++) sbi_free(ctx, blocks[i]);
    sbi_free(ctx, NULL);
    ck_assert_uint_eq(sbi_memory_now(ctx), 0);
    ck_assert_uint_eq(sbi_memory_peak(ctx), most);
    sbi_context_destroy(ctx);
    ck_assert_int_eq(f.faults, 0);
    ck_assert_int_eq(f.live_blocks, 0);
}
END_TEST

START_TEST(the_default_allocator_works_too)
{
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    double *x = sbi_alloc_zero(ctx, 1000, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int i = 0; i < 1000; i++) ck_assert_double_eq(x[i], 0);
    x[999] = 7;
    x = sbi_realloc_array(ctx, x, 5000, sizeof *x);
    ck_assert_double_eq(x[999], 7);
    x = sbi_realloc_array(ctx, x, 1, sizeof *x);
    ck_assert_double_eq(x[0], 0);
    sbi_free(ctx, x);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    failing_allocator f = {0};
    sbi_context *ctx = failing_context(&f, 1);
    ck_assert_ptr_null(sbi_alloc(ctx, SIZE_MAX));
    ck_assert_ptr_null(sbi_alloc(ctx, SIZE_MAX - 100));
    ck_assert_ptr_null(sbi_alloc_array(ctx, SIZE_MAX / 8 + 2, 8));
    ck_assert_ptr_null(sbi_alloc_zero(ctx, SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "out of memory"));
    ck_assert_int_eq(f.requests, 1); /* the context's own; none of these reached the hook */
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(a_failed_realloc_keeps_the_old_block)
{
    failing_allocator f = {0};
    sbi_context *ctx = failing_context(&f, 1);
    char *text = sbi_strdup(ctx, "kept");
    f.fail_at = f.requests + 1;
    ck_assert_ptr_null(sbi_realloc_array(ctx, text, 1000, 1));
    ck_assert_str_eq(text, "kept");
    sbi_free(ctx, text);
    sbi_context_destroy(ctx);
    ck_assert_int_eq(f.live_blocks, 0);
}
END_TEST

/* Doubling: few requests, nothing lost, and the old block stays where one fails. Cut to nothing, it begins anew. */
START_TEST(arrays_grow_one_by_one)
{
    failing_allocator f = {0};
    sbi_context *ctx = failing_context(&f, 1);
    int *list = NULL;
    const int before = (int)f.requests;
    for (int n = 0; n < 1000; n++) {
        int *grown = sbi_alloc_next(ctx, list, (size_t)n, sizeof *list);
        ck_assert_ptr_nonnull(grown);
        list = grown;
        list[n] = n;
    }
    ck_assert_int_eq((int)f.requests - before, 11); /* 1, 2, 4, ... 1024 */
    for (int n = 0; n < 1000; n++) ck_assert_int_eq(list[n], n);
    f.fail_at = f.requests + 1;
    ck_assert_ptr_null(sbi_alloc_next(ctx, list, 1024, sizeof *list));
    ck_assert_int_eq(list[999], 999);
    f.fail_at = 0;
    list = sbi_alloc_next(ctx, list, 0, sizeof *list);
    ck_assert_ptr_nonnull(list);
    sbi_free(ctx, list);
    sbi_context_destroy(ctx);
    ck_assert_int_eq(f.live_blocks, 0);
}
END_TEST

/* An allocator that ignores the alignment it was asked for must not lead to a crash in a vector loop later. */
static void *misaligned(void *user, size_t size, size_t alignment)
{
    unsigned char *memory = failing_allocate(user, size + alignment, alignment);
    return alignment < SBI_ALIGNMENT ? memory : memory + 8;
}

static void release_misaligned(void *user, void *memory, size_t size)
{
    if ((uintptr_t)memory % _Alignof(max_align_t))
        failing_release(user, (unsigned char *)memory - 8, size + SBI_ALIGNMENT);
    else
        failing_release(user, memory, size + _Alignof(max_align_t));
}

START_TEST(a_misaligned_block_is_refused)
{
    failing_allocator f = {0};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.allocate = misaligned;
    options.release = release_misaligned;
    options.allocator_user = &f;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    ck_assert_ptr_null(sbi_alloc(ctx, 100));
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "align"));
    sbi_context_destroy(ctx);
    ck_assert_int_eq(f.faults, 0);
    ck_assert_int_eq(f.live_blocks, 0);
}
END_TEST

START_TEST(strings)
{
    failing_allocator f = {0};
    sbi_context *ctx = failing_context(&f, 1);
    char *a = sbi_strdup(ctx, ""), *b = sbi_strndup(ctx, "abcdef", 3), *c = sbi_strf(ctx, "%d/%s", 42, "x");
    ck_assert_str_eq(a, "");
    ck_assert_str_eq(b, "abc");
    ck_assert_str_eq(c, "42/x");
    sbi_free(ctx, a);
    sbi_free(ctx, b);
    sbi_free(ctx, c);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(text_grows)
{
    failing_allocator f = {0};
    sbi_context *ctx = failing_context(&f, 1);
    sbi_text t;
    sbi_text_init(&t, ctx);
    for (int i = 0; i < 1000; i++) sbi_text_addf(&t, "%d,", i);
    sbi_text_add(&t, "\0end", 4);
    ck_assert_int_eq(t.status, SBI_OK);
    ck_assert_uint_eq(t.size, 10 * 2 + 90 * 3 + 900 * 4 + 4);
    ck_assert_int_eq(memcmp(t.data, "0,1,2,3,", 8), 0);
    ck_assert_str_eq(t.data + t.size - 3, "end");
    sbi_text_clear(&t);
    ck_assert_ptr_null(t.data);
    sbi_text_add(&t, "again", 5);
    ck_assert_str_eq(t.data, "again");
    sbi_text_clear(&t);
    sbi_context_destroy(ctx);
    ck_assert_int_eq(f.live_blocks, 0);
}
END_TEST

static sbi_status build_text(sbi_context *ctx, void *arg)
{
    (void)arg;
    sbi_text t;
    sbi_text_init(&t, ctx);
    for (int i = 0; i < 2000; i++) sbi_text_addf(&t, "line %d\n", i);
    sbi_status status = t.status;
    sbi_text_clear(&t);
    if (status != SBI_OK) return status;
    char *s = sbi_strf(ctx, "%s %d", "x", 1);
    if (!s) return SBI_ERR_NO_MEMORY;
    char *grown = sbi_realloc_array(ctx, s, 100, 1);
    sbi_free(ctx, grown ? grown : s);
    return grown ? SBI_OK : SBI_ERR_NO_MEMORY;
}

START_TEST(every_allocation_may_fail)
{
    for (int all_later = 0; all_later < 2; all_later++) {
        torture_report r = torture_allocations(build_text, NULL, 1, all_later);
        ck_assert_int_gt(r.requests, 5);
        ck_assert_int_eq(r.tolerated, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base: memory");
    TCase *tc = tcase_create("memory");
    tcase_add_test(tc, blocks_are_aligned_and_counted);
    tcase_add_test(tc, the_default_allocator_works_too);
    tcase_add_test(tc, impossible_sizes_are_refused);
    tcase_add_test(tc, a_failed_realloc_keeps_the_old_block);
    tcase_add_test(tc, arrays_grow_one_by_one);
    tcase_add_test(tc, a_misaligned_block_is_refused);
    tcase_add_test(tc, strings);
    tcase_add_test(tc, text_grows);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
