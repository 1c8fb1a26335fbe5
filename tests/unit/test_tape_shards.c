/* SPDX-License-Identifier: Apache-2.0 */
/* Shards: however events and rows are cut, whatever the order and grouping in which the parts are merged, with any number of threads,
 * instruction set and precision: the bits of one pass. */
#include "tape_shards.h"

/* Merges what is in the list, in a random order and grouping, until one is left. */
static void merge_all(list *l, uint64_t *random)
{
    while (l->n > 1) {
        const void *parts[8];
        size_t sizes[8], taken = 1 + (size_t)(mix_random(random) % (l->n < 8 ? l->n : 8));
        if (taken == 1 && mix_random(random) % 2) taken = 2;
        for (size_t i = 0; i < taken; i++) {
            const size_t from = mix_random(random) % (l->n - i), last = l->n - 1 - i;
            void *bytes = l->bytes[from];
            const size_t size = l->size[from];
            l->bytes[from] = l->bytes[last];
            l->size[from] = l->size[last];
            parts[i] = l->bytes[last] = bytes;
            sizes[i] = l->size[last] = size;
        }
        void *merged;
        size_t size;
        OK(sbi_shard_merge(ctx, parts, sizes, taken, &merged, &size));
        for (size_t i = 0; i < taken; i++)
            sbi_shard_free(ctx, l->bytes[--l->n]);
        l->bytes[l->n] = merged;
        l->size[l->n++] = size;
    }
}

/* Cuts [0, n) in `parts`, at random places where `random` is not NULL, which may coincide. */
static size_t cut(int64_t n, size_t parts, uint64_t *random, int64_t *at)
{
    at[0] = 0;
    for (size_t i = 1; i < parts; i++) {
        at[i] = random ? (int64_t)(mix_random(random) % (uint64_t)(n + 1)) : n * (int64_t)i / (int64_t)parts;
        for (size_t k = i; k > 1 && at[k] < at[k - 1]; k--) {
            const int64_t t = at[k];
            at[k] = at[k - 1];
            at[k - 1] = t;
        }
    }
    at[parts] = n;
    return parts;
}

/* All passes, each cut in `parts` pieces and rows in blocks of `block` (0: all at once), as one merged byte string. */
static void evaluate_in_parts(list *out, const double *theta, int32_t want, size_t parts, int at_random, size_t block, uint64_t *random)
{
    const size_t n = sbi_tape_n_params(tape);
    int64_t at[PARTS];
    list done = {.n = 0};
    out->n = 0;
    if (want != SBI_SHARD_HESSIAN || block == 0) block = n;
    for (size_t pass = 0; pass < sbi_tape_n_passes(tape);) {
        sbi_tape_pass_info info = {.struct_size = sizeof info};
        OK(sbi_tape_pass_get(tape, pass, &info));
        const int32_t stage = info.stage;
        list pieces = {.n = 0};
        for (; pass < sbi_tape_n_passes(tape); pass++) {
            OK(sbi_tape_pass_get(tape, pass, &info));
            if (info.stage != stage) break;
            for (size_t row = 0; row < n; row += block) {
                cut(info.n_events, parts, at_random ? random : NULL, at);
                for (size_t i = 0; i < parts; i++) {
                    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
                    r.want = want;
                    r.pass_index = (int64_t)pass;
                    r.first_event = at[i];
                    r.n_events = at[i + 1] - at[i];
                    r.first_row = (int64_t)row;
                    r.n_rows = (int64_t)(block < n - row ? block : n - row);
                    add_shard(&pieces, theta, &r, &done);
                }
            }
        }
        if (done.n) {
            pieces.bytes[pieces.n] = done.bytes[0];
            pieces.size[pieces.n++] = done.size[0];
        }
        merge_all(&pieces, random);
        done = pieces;
    }
    *out = done;
}

static void same(const double *a, const double *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(memcmp(&a[i], &b[i], sizeof *a) == 0 || (isnan(a[i]) && isnan(b[i])), "%s: element %zu is %.17g, not %.17g", what,
                      i, a[i], b[i]);
}

/* Finishes merged bytes and compares with one pass. */
static void compare(const list *l, const double *theta, int32_t want, size_t block)
{
    const size_t n = sbi_tape_n_params(tape);
    const void *bytes = l->n ? l->bytes[0] : NULL;
    const size_t size = l->n ? l->size[0] : 0;
    double value, gradient[MOST], H[MOST * MOST], v, g[MOST], rows[MOST * MOST];
    sbi_tape_info info = {.struct_size = sizeof info}, other = info;
    ck_assert_uint_le(n, MOST);
    if (want == SBI_SHARD_HESSIAN)
        OK(sbi_tape_hessian(work, theta, &value, gradient, H));
    else
        OK(sbi_tape_eval(work, theta, &value, want ? gradient : NULL));
    OK(sbi_tape_last_info(work, &info));
    OK(sbi_shard_finish(work, theta, bytes, size, &v, want ? g : NULL, 0, n, want == SBI_SHARD_HESSIAN ? rows : NULL));
    OK(sbi_tape_last_info(work, &other));
    same(&v, &value, 1, "value");
    if (want) same(g, gradient, n, "gradient");
    if (want == SBI_SHARD_HESSIAN) same(rows, H, n * n, "Hessian");
    ck_assert_int_eq(info.bad_events, other.bad_events);
    ck_assert_int_eq(info.first_bad_event, other.first_bad_event);
    if (want != SBI_SHARD_HESSIAN) return;
    if (block == 0) block = n;
    for (size_t row = 0; row < n; row += block) {
        const size_t count = block < n - row ? block : n - row;
        OK(sbi_shard_finish(work, theta, bytes, size, &v, NULL, row, count, rows));
        same(rows, H + row * n, count * n, "rows");
        same(&v, &value, 1, "value");
        OK(sbi_tape_hessian_rows(work, theta, row, count, rows));
        same(rows, H + row * n, count * n, "rows of one pass");
    }
    OK(sbi_shard_finish(work, theta, bytes, size, &v, NULL, 0, 0, NULL));
    same(&v, &value, 1, "value alone");
}

/* Cuts at 1, 2, 3, 7 and random places; the bytes have to be the same whatever the cuts. */
static void all_cuts(const double *theta, int32_t want, size_t block)
{
    uint64_t random = 17;
    list whole = {.n = 0};
    evaluate_in_parts(&whole, theta, want, 1, 0, block, &random);
    compare(&whole, theta, want, block);
    static const size_t parts[] = {2, 3, 7, 5, 11};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        list l;
        evaluate_in_parts(&l, theta, want, parts[i], i > 2, block, &random);
        ck_assert_uint_eq(l.n, whole.n);
        if (l.n) {
            ck_assert_uint_eq(l.size[0], whole.size[0]);
            ck_assert_mem_eq(l.bytes[0], whole.bytes[0], whole.size[0]);
        }
        compare(&l, theta, want, block);
        clear_list(&l);
    }
    clear_list(&whole);
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

static const int64_t event_counts[] = {0, 1, 511, 513, 1024, 1537, 2047, 2048, 2049, 4609, 100000};
enum { EVENT_COUNTS = sizeof event_counts / sizeof *event_counts };

START_TEST(any_cut)
{
    const int64_t n = event_counts[_i % EVENT_COUNTS];
    const int normalise = _i >= EVENT_COUNTS;
    if (normalise && n == 0) return; /* 0 / 0 */
    make_mixture(n, 3, normalise, 2, SBI_PRECISION_DOUBLE);
    ck_assert_uint_eq(sbi_tape_n_passes(tape), normalise ? 2 : 1);
    double theta[MOST];
    mix_point(&mix, 1, theta);
    for (int32_t want = SBI_SHARD_VALUE; want <= SBI_SHARD_HESSIAN; want++)
        all_cuts(theta, want, 0);
    clean_mixture();
}
END_TEST

START_TEST(any_rows)
{
    static const size_t blocks[] = {1, 2, 3, 0};
    make_mixture(5 * 2048 + 17, 4, 1, 2, _i % 2);
    double theta[MOST];
    mix_point(&mix, 0, theta);
    all_cuts(theta, SBI_SHARD_HESSIAN, blocks[_i / 2]);
    clean_mixture();
}
END_TEST

/* One pass in one shard is that of any number of threads; and so is what is finished. */
START_TEST(any_threads)
{
    void *first = NULL;
    size_t first_size = 0;
    for (int32_t threads = 1; threads <= 8; threads++) {
        make_mixture(13 * 2048 + 5, 3, 1, threads, _i);
        double theta[MOST];
        mix_point(&mix, 1, theta);
        uint64_t random = (uint64_t)threads;
        list l;
        evaluate_in_parts(&l, theta, SBI_SHARD_HESSIAN, (size_t)threads, 1, 2, &random);
        compare(&l, theta, SBI_SHARD_HESSIAN, 2);
        if (!first) {
            first_size = l.size[0];
            first = malloc(first_size);
            memcpy(first, l.bytes[0], first_size);
        }
        ck_assert_uint_eq(l.size[0], first_size);
        ck_assert_mem_eq(l.bytes[0], first, first_size);
        clear_list(&l);
        clean_mixture();
    }
    free(first);
}
END_TEST

START_TEST(any_instruction_set)
{
    make_mixture(9000, 3, 1, 2, _i / SBI_ISA_COUNT);
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i % SBI_ISA_COUNT));
    if (kernels) {
        sbi_tape_work_set_kernels(work, kernels);
        double theta[MOST];
        mix_point(&mix, 1, theta);
        all_cuts(theta, SBI_SHARD_HESSIAN, 2);
        all_cuts(theta, SBI_SHARD_GRADIENT, 0);
    }
    clean_mixture();
}
END_TEST

/* Two event sets of other lengths and one without events, in one stage, and a third pass over the first set that needs them. */
static void record_sets(int64_t n, int64_t m, double *x, double *y)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 1.0 + (double)(i % 101) / 50.0;
    for (int64_t i = 0; i < m; i++)
        y[i] = 0.5 + (double)(i % 37) / 90.0;
    sbi_events a = sbi_tape_events(tape, "first", n), b = sbi_tape_events(tape, "second", m), none = sbi_tape_events(tape, "none", 0);
    const sbi_array xs = sbi_array_1d(x, SBI_F64, n), ys = sbi_array_1d(y, SBI_F64, m), empty = sbi_array_1d(x, SBI_F64, 0);
    sbi_var mu = sbi_tape_param(tape, "mu"), tau = sbi_tape_param(tape, "tau");
    sbi_var cx = sbi_tape_column(tape, a, &xs, "x"), cy = sbi_tape_column(tape, b, &ys, "y"), cn = sbi_tape_column(tape, none, &empty, "n");
    sbi_var first = sbi_tape_sum(tape, sbi_tape_log(tape, sbi_tape_add(tape, sbi_tape_mul(tape, mu, cx), tau)));
    sbi_var second = sbi_tape_sum(tape, sbi_tape_exp(tape, sbi_tape_mul(tape, tau, cy)));
    sbi_var nothing = sbi_tape_sum(tape, sbi_tape_mul(tape, mu, cn));
    sbi_var scale = sbi_tape_div(tape, sbi_tape_add(tape, first, second), sbi_tape_constant(tape, 1e4));
    sbi_var third = sbi_tape_weighted_sum(tape, cx, sbi_tape_square(tape, sbi_tape_sub(tape, sbi_tape_mul(tape, scale, cx), mu)));
    OK(sbi_tape_seal(tape, sbi_tape_add(tape, sbi_tape_sub(tape, third, first), nothing)));
}

START_TEST(several_event_sets)
{
    static double x[20000], y[2049];
    make_context(3);
    record_sets(20000, 2049, x, y);
    make_work(SBI_PRECISION_DOUBLE);
    ck_assert_uint_eq(sbi_tape_n_passes(tape), 4);
    sbi_tape_pass_info info = {.struct_size = sizeof info};
    OK(sbi_tape_pass_get(tape, 3, &info));
    ck_assert_str_eq(info.events, "first");
    ck_assert_int_eq(info.stage, 2);
    ck_assert_int_eq(info.n_events, 20000);
    const double theta[2] = {0.7, 1.3};
    for (int32_t want = SBI_SHARD_VALUE; want <= SBI_SHARD_HESSIAN; want++)
        all_cuts(theta, want, want == SBI_SHARD_HESSIAN);
    clean();
}
END_TEST

/* Read leaf by leaf, columns give the bytes that they give in memory: one worker may stream what another holds. */
static double streamed[30000];

static sbi_status read_column(void *self, int64_t first, int64_t count, void *out)
{
    memcpy(out, (const double *)self + first, (size_t)count * sizeof(double));
    return SBI_OK;
}

START_TEST(streamed_columns)
{
    list l[2];
    sbi_context *contexts[2];
    uint64_t random = 5;
    const double theta[1] = {0.6};
    for (int64_t i = 0; i < 30000; i++)
        streamed[i] = 1.0 + (double)(i % 101) / 50.0;
    for (int k = 0; k < 2; k++) {
        make_context(2 + k);
        sbi_column_source source = SBI_COLUMN_SOURCE_INIT;
        source.dtype = SBI_F64;
        source.n_columns = 1;
        source.self = streamed;
        source.read = read_column;
        const sbi_array view = sbi_array_1d(streamed, SBI_F64, 30000);
        sbi_var p = sbi_tape_param(tape, "p");
        sbi_events events = sbi_tape_events(tape, "data", 30000);
        sbi_var c = k ? sbi_tape_column_source(tape, events, &source, "x") : sbi_tape_column(tape, events, &view, "x");
        OK(sbi_tape_seal(tape, sbi_tape_sum(tape, sbi_tape_log(tape, sbi_tape_add(tape, p, c)))));
        make_work(SBI_PRECISION_DOUBLE);
        evaluate_in_parts(&l[k], theta, SBI_SHARD_HESSIAN, k ? 5 : 1, k, 0, &random);
        if (k) {
            ck_assert_uint_eq(l[0].size[0], l[1].size[0]);
            ck_assert_mem_eq(l[0].bytes[0], l[1].bytes[0], l[0].size[0]);
            compare(&l[0], theta, SBI_SHARD_HESSIAN, 0);
        }
        sbi_tape_work_destroy(work);
        sbi_tape_destroy(tape);
        contexts[k] = ctx;
    }
    for (int k = 0; k < 2; k++) {
        ctx = contexts[k];
        clear_list(&l[k]);
        sbi_context_destroy(ctx);
    }
    work = NULL;
    tape = NULL;
    ctx = NULL;
}
END_TEST

START_TEST(no_events_at_all)
{
    make_context(1);
    sbi_var p = sbi_tape_param(tape, "p");
    OK(sbi_tape_seal(tape, sbi_tape_exp(tape, sbi_tape_square(tape, p))));
    make_work(SBI_PRECISION_DOUBLE);
    ck_assert_uint_eq(sbi_tape_n_passes(tape), 0);
    const double theta = 0.4;
    const list nothing = {.n = 0};
    for (int32_t want = SBI_SHARD_VALUE; want <= SBI_SHARD_HESSIAN; want++)
        compare(&nothing, &theta, want, 0);
    clean();
}
END_TEST

/* ---- events outside the domain ----------------------------------------------------------------------------------- */

/* -sum_i log(p - x_i) where x_i = i, then the same of its value: stage 2. */
static void record_logs(double *x, int stages)
{
    for (int i = 0; i < 9000; i++)
        x[i] = i;
    sbi_events events = sbi_tape_events(tape, "data", 9000);
    const sbi_array view = sbi_array_1d(x, SBI_F64, 9000);
    sbi_var p = sbi_tape_param(tape, "p"), c = sbi_tape_column(tape, events, &view, "x");
    sbi_var sum = sbi_tape_neg(tape, sbi_tape_sum(tape, sbi_tape_log(tape, sbi_tape_sub(tape, p, c))));
    if (stages > 1) sum = sbi_tape_sum(tape, sbi_tape_mul(tape, sum, c));
    OK(sbi_tape_seal(tape, sum));
}

START_TEST(bad_events)
{
    static double x[9000];
    make_context(2);
    record_logs(x, 1);
    make_work(SBI_PRECISION_DOUBLE);
    static const double theta[] = {9000.5, 8999.0, 4100.5, 3.5};
    for (size_t i = 0; i < 4; i++) {
        for (int32_t want = SBI_SHARD_VALUE; want <= SBI_SHARD_HESSIAN; want++)
            all_cuts(&theta[i], want, 0);
    }
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    sbi_tape_info info = {.struct_size = sizeof info};
    list l = {.n = 0};
    r.first_event = 4096;
    add_shard(&l, &theta[2], &r, NULL);
    OK(sbi_tape_last_info(work, &info));
    ck_assert_int_eq(info.first_bad_event, 4101);
    ck_assert_int_eq(info.bad_events, 8999 - 4100);
    clear_list(&l);
    clean();
}
END_TEST

START_TEST(bad_events_of_an_earlier_stage)
{
    static double x[9000];
    make_context(2);
    record_logs(x, 2);
    make_work(SBI_PRECISION_DOUBLE);
    const double theta = 4100.5;
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    list l = {.n = 0};
    add_shard(&l, &theta, &r, NULL);
    void *bytes;
    size_t size;
    r.pass_index = 1;
    SAYS(sbi_shard_compute(work, &theta, &r, l.bytes[0], l.size[0], &bytes, &size), SBI_ERR_DOMAIN, "pass 1 is not needed");
    SAYS(sbi_shard_compute(work, &theta, &r, l.bytes[0], l.size[0], &bytes, &size), SBI_ERR_DOMAIN, "the first is 4101");
    ck_assert_ptr_null(bytes);
    compare(&l, &theta, SBI_SHARD_GRADIENT, 0);
    clear_list(&l);
    clean();
}
END_TEST

static sbi_status forbidden(const double *x, size_t n, double *value, double *gradient, double *hessian, void *user)
{
    (void)n;
    (void)user;
    *value = x[0] > 1.0 ? (double)INFINITY : x[0];
    if (gradient) gradient[0] = 1.0;
    if (hessian) hessian[0] = 0.0;
    return SBI_OK;
}

START_TEST(outside_before_any_event)
{
    static double x[9000];
    make_context(1);
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    f.name = "forbidden";
    f.evaluate = forbidden;
    sbi_var p = sbi_tape_param(tape, "p"), scalar = sbi_tape_apply(tape, &f, &p, 1);
    const sbi_array view = sbi_array_1d(x, SBI_F64, 9000);
    sbi_var c = sbi_tape_column(tape, sbi_tape_events(tape, "data", 9000), &view, "x");
    OK(sbi_tape_seal(tape, sbi_tape_sum(tape, sbi_tape_exp(tape, sbi_tape_mul(tape, c, scalar)))));
    make_work(SBI_PRECISION_DOUBLE);
    const double theta[2] = {1.5, 0.5};
    const list nothing = {.n = 0};
    void *bytes;
    size_t size;
    SAYS(sbi_shard_compute(work, theta, NULL, NULL, 0, &bytes, &size), SBI_ERR_DOMAIN, "a scalar is +inf");
    compare(&nothing, theta, SBI_SHARD_GRADIENT, 0);
    all_cuts(theta + 1, SBI_SHARD_HESSIAN, 0);
    clean();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_shards");
    TCase *cases = tcase_create("shards");
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, any_cut, 0, 2 * EVENT_COUNTS);
    tcase_add_loop_test(cases, any_rows, 0, 8);
    tcase_add_loop_test(cases, any_threads, 0, 2);
    tcase_add_loop_test(cases, any_instruction_set, 0, 2 * SBI_ISA_COUNT);
    tcase_add_test(cases, several_event_sets);
    tcase_add_test(cases, streamed_columns);
    tcase_add_test(cases, no_events_at_all);
    tcase_add_test(cases, bad_events);
    tcase_add_test(cases, bad_events_of_an_earlier_stage);
    tcase_add_test(cases, outside_before_any_event);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
