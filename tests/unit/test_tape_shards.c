/* SPDX-License-Identifier: Apache-2.0 */
/* Shards: however events and rows are cut, whatever the order and grouping in which the parts are merged, with any number of threads,
 * instruction set and precision: the bits of one pass. And what is said to bytes that do not fit. */
#include <math.h>

#include "base/sha256.h"
#include "sbi/shard.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"

enum { MOST = 16, PARTS = 400 };

static sbi_context *ctx;
static sbi_tape *tape;
static sbi_tape_work *work;
static mixture mix;

static void make_context(int32_t threads)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
}

static void make_work(int32_t precision)
{
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    options.precision = precision;
    ck_assert_msg(sbi_tape_work_create_with(&work, tape, &options) == SBI_OK, "%s", sbi_last_error());
}

static void clean(void)
{
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    work = NULL;
    tape = NULL;
    ctx = NULL;
}

static void make_mixture(int64_t n, size_t nuisances, int normalise, int32_t threads, int32_t precision)
{
    mix = (mixture){.n = n, .nuisances = nuisances, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = normalise};
    mix_fill(&mix, 0.1);
    make_context(threads);
    ck_assert_msg(mix_record(&mix, tape) == SBI_OK, "%s", sbi_last_error());
    make_work(precision);
}

static void clean_mixture(void)
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

static void clear_list(list *l)
{
    for (size_t i = 0; i < l->n; i++)
        sbi_shard_free(ctx, l->bytes[i]);
    l->n = 0;
}

static void add_shard(list *l, const double *theta, const sbi_shard_request *r, const list *earlier)
{
    ck_assert_uint_lt(l->n, PARTS);
    const int any = earlier && earlier->n;
    OK(sbi_shard_compute(work, theta, r, any ? earlier->bytes[0] : NULL, any ? earlier->size[0] : 0, &l->bytes[l->n], &l->size[l->n]));
    l->n++;
}

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

static const int64_t event_counts[] = {0, 1, 2047, 2048, 2049, 100000};

START_TEST(any_cut)
{
    const int64_t n = event_counts[_i % 6];
    const int normalise = _i >= 6;
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

/* ---- what does not fit ------------------------------------------------------------------------------------------- */

static sbi_status merge_two(const list *l, size_t i, size_t j)
{
    const void *parts[2] = {l->bytes[i], l->bytes[j]};
    const size_t sizes[2] = {l->size[i], l->size[j]};
    void *bytes = &bytes;
    size_t size = 1;
    const sbi_status status = sbi_shard_merge(ctx, parts, sizes, 2, &bytes, &size);
    if (status != SBI_OK) ck_assert(bytes == NULL && size == 0);
    sbi_shard_free(ctx, bytes);
    return status;
}

START_TEST(parts_that_do_not_fit)
{
    make_mixture(9000, 2, 0, 1, SBI_PRECISION_DOUBLE);
    double theta[MOST], other[MOST];
    mix_point(&mix, 0, theta);
    memcpy(other, theta, sizeof other);
    other[1] = nextafter(theta[1], 9.0);
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    list l = {.n = 0};
    r.n_events = 5000; /* leaves 0, 1, 2 */
    add_shard(&l, theta, &r, NULL);
    r.first_event = 4096;
    r.n_events = -1;
    add_shard(&l, theta, &r, NULL);
    SAYS(merge_two(&l, 0, 0), SBI_ERR_ARGUMENT, "parts 0 and 1 both hold event 0 of pass 0");
    SAYS(merge_two(&l, 1, 0), SBI_ERR_ARGUMENT, "both hold event 4096 of pass 0");
    r.first_event = 6000; /* leaves 3, 4: leaf 2 belongs to the first, since it begins there */
    add_shard(&l, other, &r, NULL);
    SAYS(merge_two(&l, 0, 2), SBI_ERR_ARGUMENT, "for parameter 1, part 0 has");
    r.want = SBI_SHARD_VALUE;
    add_shard(&l, theta, &r, NULL);
    SAYS(merge_two(&l, 0, 3), SBI_ERR_ARGUMENT, "part 1 holds what is numbered 0");
    r.want = SBI_SHARD_GRADIENT;
    sbi_tape_work_set_kernels(work, sbi_tape_kernels_for(SBI_ISA_BASE));
    add_shard(&l, theta, &r, NULL);
    double value, gradient[MOST], rows[MOST * MOST];
    if (sbi_isa_best() != SBI_ISA_BASE) {
        SAYS(merge_two(&l, 0, 4), SBI_ERR_VERSION, "part 1 was computed with instruction set x86-64 base, part 0 with x86-64 avx");
        SAYS(sbi_shard_finish(work, theta, l.bytes[0], l.size[0], &value, NULL, 0, 0, NULL), SBI_ERR_VERSION, "this workspace uses x86-64 base");
    }
    sbi_tape_work_destroy(work);
    make_work(SBI_PRECISION_MIXED);
    add_shard(&l, theta, &r, NULL);
    SAYS(merge_two(&l, 0, 5), SBI_ERR_VERSION, "part 1 was computed in mixed precision, part 0 in double");
    SAYS(sbi_shard_finish(work, theta, l.bytes[0], l.size[0], &value, NULL, 0, 0, NULL), SBI_ERR_VERSION, "computed in double precision");
    sbi_tape_work_destroy(work);
    make_work(SBI_PRECISION_DOUBLE);
    SAYS(sbi_shard_finish(work, other, l.bytes[0], l.size[0], &value, gradient, 0, 0, NULL), SBI_ERR_ARGUMENT, "made at alpha_0 = ");
    SAYS(sbi_shard_finish(work, theta, l.bytes[0], l.size[0], &value, gradient, 0, 0, NULL), SBI_ERR_NOT_FOUND,
         "events [6144, 9000) of pass 0 (\"data\") are missing");
    SAYS(sbi_shard_finish(work, theta, l.bytes[1], l.size[1], &value, gradient, 0, 0, NULL), SBI_ERR_NOT_FOUND,
         "events [0, 4096) of pass 0 (\"data\") are missing");
    SAYS(sbi_shard_finish(work, theta, NULL, 0, &value, gradient, 0, 0, NULL), SBI_ERR_NOT_FOUND, "events [0, 9000) of pass 0");
    SAYS(sbi_shard_finish(work, theta, l.bytes[0], l.size[0], &value, gradient, 0, 1, rows), SBI_ERR_ARGUMENT, "holds no rows");
    SAYS(sbi_shard_finish(work, theta, l.bytes[3], l.size[3], &value, gradient, 0, 0, NULL), SBI_ERR_ARGUMENT, "holds no gradient");
    clear_list(&l);
    clean_mixture();
}
END_TEST

START_TEST(rows_that_do_not_fit)
{
    make_mixture(3000, 3, 0, 1, SBI_PRECISION_DOUBLE); /* 4 rows */
    double theta[MOST], value, rows[MOST * MOST];
    mix_point(&mix, 0, theta);
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    list l = {.n = 0};
    r.want = SBI_SHARD_HESSIAN;
    r.n_rows = 2;
    add_shard(&l, theta, &r, NULL);
    r.first_row = 1;
    add_shard(&l, theta, &r, NULL);
    SAYS(merge_two(&l, 0, 1), SBI_ERR_ARGUMENT, "rows [0, 2) of part 0 and [1, 3) of part 1 overlap");
    SAYS(sbi_shard_finish(work, theta, l.bytes[1], l.size[1], &value, NULL, 0, 2, rows), SBI_ERR_NOT_FOUND, "row 0 of the Hessian is missing");
    SAYS(sbi_shard_finish(work, theta, l.bytes[1], l.size[1], &value, NULL, 1, 1, rows), SBI_ERR_NOT_FOUND, "rows [1, 3) are one block");
    SAYS(sbi_shard_finish(work, theta, l.bytes[1], l.size[1], &value, NULL, 3, 2, rows), SBI_ERR_ARGUMENT, "rows [3, 3 + 2) of 4");
    OK(sbi_shard_finish(work, theta, l.bytes[1], l.size[1], &value, NULL, 1, 2, rows));
    clear_list(&l);
    clean_mixture();
}
END_TEST

START_TEST(requests_that_do_not_fit)
{
    make_mixture(3000, 1, 1, 1, SBI_PRECISION_DOUBLE);
    double theta[MOST];
    mix_point(&mix, 0, theta);
    void *bytes;
    size_t size;
    static const struct {
        sbi_shard_request r;
        const char *text;
    } bad[] = {
        {{sizeof(sbi_shard_request), 3, 0, 0, -1, 0, -1}, "want is 3"},
        {{sizeof(sbi_shard_request), 1, 2, 0, -1, 0, -1}, "pass 2 of 2"},
        {{sizeof(sbi_shard_request), 1, -1, 0, -1, 0, -1}, "pass -1 of 2"},
        {{sizeof(sbi_shard_request), 1, 0, 3001, -1, 0, -1}, "first_event is 3001"},
        {{sizeof(sbi_shard_request), 1, 0, 1, 3000, 0, -1}, "n_events is 3000, 2999 follow event 1"},
        {{sizeof(sbi_shard_request), 1, 0, 0, INT64_MIN, 0, -1}, "n_events is"},
        {{sizeof(sbi_shard_request), 2, 0, 0, -1, 2, -1}, "first_row is 2 of 2"},
        {{sizeof(sbi_shard_request), 2, 0, 0, -1, 1, 2}, "n_rows is 2, 1 follow row 1"},
        {{sizeof(sbi_shard_request), 2, 0, 0, -1, 0, 0}, "n_rows is 0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        SAYS(sbi_shard_compute(work, theta, &bad[i].r, NULL, 0, &bytes, &size), SBI_ERR_ARGUMENT, bad[i].text);
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    r.pass_index = 1;
    SAYS(sbi_shard_compute(work, theta, &r, NULL, 0, &bytes, &size), SBI_ERR_NOT_FOUND, "earlier: events [0, 3000) of pass 0");
    list l = {.n = 0};
    r.pass_index = 0;
    r.n_events = 2000;
    add_shard(&l, theta, &r, NULL);
    r.pass_index = 1;
    SAYS(sbi_shard_compute(work, theta, &r, l.bytes[0], l.size[0], &bytes, &size), SBI_ERR_NOT_FOUND, "earlier: events [2048, 3000) of pass 0");
    r.want = SBI_SHARD_VALUE;
    SAYS(sbi_shard_compute(work, theta, &r, l.bytes[0], l.size[0], &bytes, &size), SBI_ERR_ARGUMENT, "want is 0, that of earlier is 1");
    r.struct_size = 4;
    ck_assert_int_eq(sbi_shard_compute(work, theta, &r, NULL, 0, &bytes, &size), SBI_ERR_ABI);
    ck_assert_int_eq(sbi_shard_compute(work, theta, NULL, NULL, 0, NULL, &size), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_shard_compute(NULL, theta, NULL, NULL, 0, &bytes, &size), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_shard_merge(ctx, NULL, NULL, 0, &bytes, &size), SBI_ERR_ARGUMENT);
    sbi_tape_pass_info info = {0};
    ck_assert_int_eq(sbi_tape_pass_get(tape, 0, &info), SBI_ERR_ABI);
    info.struct_size = sizeof info;
    ck_assert_int_eq(sbi_tape_pass_get(tape, 2, &info), SBI_ERR_ARGUMENT);
    ck_assert_uint_eq(sbi_tape_n_passes(NULL), 0);
    sbi_tape *open;
    OK(sbi_tape_create(&open, ctx));
    ck_assert_uint_eq(sbi_tape_n_passes(open), 0);
    ck_assert_int_eq(sbi_tape_pass_get(open, 0, &info), SBI_ERR_STATE);
    sbi_tape_destroy(open);
    clear_list(&l);
    clean_mixture();
}
END_TEST

/* Another number of events, name or constant is another tape. */
START_TEST(other_tapes)
{
    static double x[3000];
    const double theta = 3000.5;
    list l = {.n = 0};
    sbi_context *contexts[4];
    for (int k = 0; k < 4; k++) {
        make_context(1);
        const int64_t n = k == 1 ? 2999 : 3000;
        const sbi_array view = sbi_array_1d(x, SBI_F64, n);
        sbi_var p = sbi_tape_param(tape, k == 2 ? "q" : "p");
        sbi_var c = sbi_tape_column(tape, sbi_tape_events(tape, "data", n), &view, "x");
        sbi_var s = sbi_tape_add(tape, sbi_tape_mul(tape, c, p), sbi_tape_constant(tape, k == 3 ? 2.0 : 3.0));
        OK(sbi_tape_seal(tape, sbi_tape_sum(tape, s)));
        make_work(SBI_PRECISION_DOUBLE);
        if (k) {
            double value;
            SAYS(sbi_shard_finish(work, &theta, l.bytes[0], l.size[0], &value, NULL, 0, 0, NULL), SBI_ERR_VERSION, "another tape");
        }
        add_shard(&l, &theta, NULL, NULL);
        if (k) SAYS(merge_two(&l, 0, (size_t)k), SBI_ERR_VERSION, "part 1 is of another tape or release");
        sbi_tape_work_destroy(work);
        sbi_tape_destroy(tape);
        contexts[k] = ctx;
    }
    for (int k = 0; k < 4; k++) {
        sbi_shard_free(contexts[k], l.bytes[k]);
        sbi_context_destroy(contexts[k]);
    }
    work = NULL;
    tape = NULL;
    ctx = NULL;
}
END_TEST

static void sign(unsigned char *bytes, size_t size)
{
    sbi_sha256 h;
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, bytes, size - 32);
    sbi_sha256_final(&h, bytes + size - 32);
}

START_TEST(damaged_bytes)
{
    make_mixture(9000, 2, 0, 1, SBI_PRECISION_DOUBLE);
    double theta[MOST], value;
    mix_point(&mix, 0, theta);
    list l = {.n = 0};
    add_shard(&l, theta, NULL, NULL);
    const size_t size = l.size[0];
    unsigned char *copy = malloc(size + 1);
    const void *part = copy;
    void *merged;
    size_t merged_size;
    for (size_t i = 0; i < size; i++) { /* one bit anywhere */
        memcpy(copy, l.bytes[0], size);
        copy[i] ^= (unsigned char)(1u << i % 8);
        const sbi_status status = sbi_shard_merge(ctx, &part, &size, 1, &merged, &merged_size);
        ck_assert_int_eq(status, i < 8 ? SBI_ERR_FORMAT : i < 12 ? SBI_ERR_VERSION : SBI_ERR_CHECKSUM);
        ck_assert_ptr_null(merged);
        ck_assert_int_eq(sbi_shard_finish(work, theta, copy, size, &value, NULL, 0, 0, NULL), status);
    }
    memcpy(copy, l.bytes[0], size);
    copy[size] = 0;
    for (size_t cut_size = 0; cut_size <= size + 1; cut_size++) { /* cut short, or longer, also with a right checksum */
        if (cut_size == size) continue;
        ck_assert_int_ne(sbi_shard_merge(ctx, &part, &cut_size, 1, &merged, &merged_size), SBI_OK);
        if (cut_size < 33) continue;
        memcpy(copy, l.bytes[0], size);
        sign(copy, cut_size);
        ck_assert_int_ne(sbi_shard_merge(ctx, &part, &cut_size, 1, &merged, &merged_size), SBI_OK);
        memcpy(copy, l.bytes[0], size);
    }
    /* Fields that lie, with a right checksum. Theta is at 88, three numbers; the section at 112, its first node at 168. */
    static const struct {
        size_t at;
        unsigned char byte;
        sbi_status status;
        const char *text;
    } lies[] = {
        {12, 7, SBI_ERR_FORMAT, "must be SBI_SHARD_VALUE"},
        {20, 1, SBI_ERR_VERSION, "another tape"},
        {48, 1, SBI_ERR_FORMAT, "instruction set is not text"},
        {63, 'x', SBI_ERR_FORMAT, "instruction set is not text"},
        {64, 2, SBI_ERR_FORMAT, "the precision is 2"},
        {68, 1, SBI_ERR_FORMAT, "reserved bytes"},
        {72, 255, SBI_ERR_FORMAT, "255 parameters do not fit"},
        {79, 255, SBI_ERR_FORMAT, "parameters do not fit"},
        {80, 2, SBI_ERR_FORMAT, "ends within a section"},
        {80, 0, SBI_ERR_FORMAT, "bytes too many"},
        {87, 1, SBI_ERR_FORMAT, "sections do not fit in"},
        {112, 1, SBI_ERR_NOT_FOUND, "of pass 0 (\"data\") are missing"},
        {120, 0, SBI_ERR_FORMAT, "pass 0 of stage 0"},
        {120, 2, SBI_ERR_FORMAT, "in stage 2, expected"},
        {128, 1, SBI_ERR_FORMAT, "for 8961 events"},
        {135, 255, SBI_ERR_FORMAT, "events"},
        {136, 1, SBI_ERR_FORMAT, "rows [1, 1 + 0) of 0"},
        {144, 1, SBI_ERR_FORMAT, "rows [0, 0 + 1) of 0"},
        {152, 255, SBI_ERR_FORMAT, "do not fit in"},
        {159, 255, SBI_ERR_FORMAT, "do not fit in"},
        {160, 3, SBI_ERR_FORMAT, "do not fit in"},
        {160, 0, SBI_ERR_FORMAT, "do not fit in"},
        {168, 63, SBI_ERR_FORMAT, "outside or out of order"},
        {168, 3, SBI_ERR_FORMAT, "outside or out of order"},
        {176, 9, SBI_ERR_FORMAT, "outside or out of order"},
        {184, 1, SBI_ERR_FORMAT, "1 bad events, the first -1"},
        {191, 128, SBI_ERR_FORMAT, "bad events"},
        {192, 5, SBI_ERR_FORMAT, "0 bad events"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        memcpy(copy, l.bytes[0], size);
        ck_assert_msg(copy[lies[i].at] != lies[i].byte, "lie %zu is true", i);
        copy[lies[i].at] = lies[i].byte;
        sign(copy, size);
        SAYS(sbi_shard_finish(work, theta, copy, size, &value, NULL, 0, 0, NULL), lies[i].status, lies[i].text);
    }
    free(copy);
    clear_list(&l);
    clean_mixture();
}
END_TEST

/* ---- memory and cancellation --------------------------------------------------------------------------------------- */

static sbi_status everything(sbi_context *c, void *arg)
{
    sbi_tape *t = NULL;
    sbi_tape_work *w = NULL;
    void *bytes[5] = {NULL, NULL, NULL, NULL, NULL};
    size_t size[5] = {0, 0, 0, 0, 0};
    double theta[MOST], value, gradient[MOST], H[MOST * MOST];
    const mixture *m = arg;
    mix_point(m, 0, theta);
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    r.want = SBI_SHARD_HESSIAN;
    r.n_rows = 2;
    sbi_status status = sbi_tape_create(&t, c);
    if (status == SBI_OK) status = mix_record(m, t);
    if (status == SBI_OK) status = sbi_tape_work_create(&w, t);
    for (int i = 0; i < 2 && status == SBI_OK; i++) {
        r.first_event = i ? 2048 : 0;
        r.n_events = i ? -1 : 2048;
        status = sbi_shard_compute(w, theta, &r, NULL, 0, &bytes[i], &size[i]);
    }
    if (status == SBI_OK) status = sbi_shard_merge(c, (const void *const *)bytes, size, 2, &bytes[2], &size[2]);
    r = (sbi_shard_request)SBI_SHARD_REQUEST_INIT;
    r.want = SBI_SHARD_HESSIAN;
    r.n_rows = 2;
    r.pass_index = 1;
    if (status == SBI_OK) status = sbi_shard_compute(w, theta, &r, bytes[2], size[2], &bytes[3], &size[3]);
    if (status == SBI_OK) status = sbi_shard_merge(c, (const void *const *)(bytes + 2), size + 2, 2, &bytes[4], &size[4]);
    if (status == SBI_OK) status = sbi_shard_finish(w, theta, bytes[4], size[4], &value, gradient, 0, 2, H);
    for (int i = 0; i < 5; i++)
        sbi_shard_free(c, bytes[i]);
    sbi_tape_work_destroy(w);
    sbi_tape_destroy(t);
    return status;
}

START_TEST(memory_runs_out)
{
    mixture m = {.n = 4200, .nuisances = 2, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = 1};
    mix_fill(&m, 0.1);
    torture_report report = torture_allocations(everything, &m, 1 + _i / 2, _i % 2);
    ck_assert_int_gt(report.requests, 100);
    mix_free(&m);
}
END_TEST

START_TEST(cancelled)
{
    make_mixture(9000, 2, 0, 2, SBI_PRECISION_DOUBLE);
    double theta[MOST];
    mix_point(&mix, 0, theta);
    void *bytes;
    size_t size;
    sbi_context_cancel(ctx, 1);
    ck_assert_int_eq(sbi_shard_compute(work, theta, NULL, NULL, 0, &bytes, &size), SBI_ERR_CANCELLED);
    ck_assert_ptr_null(bytes);
    sbi_context_cancel(ctx, 0);
    OK(sbi_shard_compute(work, theta, NULL, NULL, 0, &bytes, &size));
    sbi_shard_free(ctx, bytes);
    clean_mixture();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_shards");
    TCase *cases = tcase_create("shards");
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, any_cut, 0, 12);
    tcase_add_loop_test(cases, any_rows, 0, 8);
    tcase_add_loop_test(cases, any_threads, 0, 2);
    tcase_add_loop_test(cases, any_instruction_set, 0, 2 * SBI_ISA_COUNT);
    tcase_add_test(cases, several_event_sets);
    tcase_add_test(cases, no_events_at_all);
    tcase_add_test(cases, bad_events);
    tcase_add_test(cases, bad_events_of_an_earlier_stage);
    tcase_add_test(cases, outside_before_any_event);
    tcase_add_test(cases, parts_that_do_not_fit);
    tcase_add_test(cases, rows_that_do_not_fit);
    tcase_add_test(cases, requests_that_do_not_fit);
    tcase_add_test(cases, other_tapes);
    tcase_add_test(cases, damaged_bytes);
    tcase_add_loop_test(cases, memory_runs_out, 0, 4);
    tcase_add_test(cases, cancelled);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
