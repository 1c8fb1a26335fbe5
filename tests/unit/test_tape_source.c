/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that are read block by block: the bits of columns in memory, and what happens when a source fails. */
#include <check.h>
#include <stdatomic.h>
#include <string.h>

#include "sbi/tape.h"

/* Where the mixture's columns are when it is recorded. */
enum { BORROWED, BLOCKS, STREAMED, PLACES };
static int place;
static sbi_var record_column(sbi_tape *t, sbi_events events, const sbi_array *column, const char *name);
static sbi_var record_morph(sbi_tape *t, sbi_events events, const sbi_var *alphas, size_t n, const sbi_array *up,
                            const sbi_array *down, int32_t code, int32_t storage);
#define sbi_tape_column record_column
#define sbi_tape_morph record_morph
#include "tape_mixture.h"
#undef sbi_tape_column
#undef sbi_tape_morph

#include "base/memory.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "message: %s", sbi_last_error())

/* ---- a source of arrays in memory -------------------------------------------------------------------------------- */

#define MOST_COLUMNS 64

typedef struct memory_source {
    sbi_array columns[MOST_COLUMNS];
    int64_t n_columns, events;
} memory_source;

static atomic_int made, destroyed, reads, hints, out_of_range;
static atomic_int fail_at; /* this read fails; 0: none */
static atomic_int fail_with;

static sbi_status memory_read(void *self, int64_t first, int64_t count, void *out)
{
    const memory_source *s = self;
    const int read = atomic_fetch_add(&reads, 1) + 1;
    if (first % SBI_TAPE_BLOCK || count < 1 || count > SBI_TAPE_BLOCK || first + count > s->events) atomic_store(&out_of_range, 1);
    if (read == atomic_load(&fail_at)) return atomic_load(&fail_with);
    char *to = out;
    for (int64_t k = 0; k < s->n_columns; k++) {
        const size_t size = sbi_dtype_size(s->columns[k].dtype);
        memcpy(to, (const char *)s->columns[k].data + (size_t)first * size, (size_t)count * size);
        to += (size_t)count * size;
    }
    return SBI_OK;
}

static void memory_will_need(void *self, int64_t first, int64_t count)
{
    const memory_source *s = self;
    atomic_fetch_add(&hints, 1);
    if (first % SBI_TAPE_BLOCK || count < 1 || count > SBI_TAPE_BLOCK || first + count > s->events) atomic_store(&out_of_range, 1);
}

static void memory_name(void *self, int64_t column, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "file %lld", (long long)column);
}

static void memory_destroy(void *self)
{
    atomic_fetch_add(&destroyed, 1);
    free(self);
}

static sbi_column_source memory_make(int64_t events, int32_t dtype)
{
    memory_source *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->events = events;
    sbi_column_source source;
    sbi_column_source_init(&source);
    source.dtype = dtype;
    source.self = s;
    source.read = memory_read;
    source.will_need = memory_will_need;
    source.destroy = memory_destroy;
    atomic_fetch_add(&made, 1);
    return source;
}

static void memory_add(sbi_column_source *source, const sbi_array *column)
{
    memory_source *s = source->self;
    ck_assert_int_lt(s->n_columns, MOST_COLUMNS);
    s->columns[s->n_columns++] = *column;
    source->n_columns = s->n_columns;
}

/* Copies of columns with the blocks of each side by side, as a packed store has them; freed after the test. */
static void *copies[256];
static size_t n_copies;

static sbi_array in_blocks(const sbi_array *column)
{
    const size_t size = sbi_dtype_size(column->dtype), gap = 3 * size * SBI_TAPE_BLOCK;
    const int64_t blocks = (column->shape[0] + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK;
    char *to = malloc((size_t)blocks * gap + 1);
    ck_assert_ptr_nonnull(to);
    memset(to, 0xff, (size_t)blocks * gap); /* NaN, where nobody may look */
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t first = b * SBI_TAPE_BLOCK, left = column->shape[0] - first;
        memcpy(to + (size_t)b * gap, (const char *)column->data + (size_t)first * size,
               (size_t)(left < SBI_TAPE_BLOCK ? left : SBI_TAPE_BLOCK) * size);
    }
    ck_assert_uint_lt(n_copies, sizeof copies / sizeof copies[0]);
    copies[n_copies++] = to;
    sbi_array a = sbi_array_2d(to, column->dtype, blocks, SBI_TAPE_BLOCK);
    a.strides[0] = (int64_t)gap;
    return a;
}

static sbi_var record_column(sbi_tape *t, sbi_events events, const sbi_array *column, const char *name)
{
    if (place == BORROWED) return sbi_tape_column(t, events, column, name);
    if (place == BLOCKS) {
        const sbi_array a = in_blocks(column);
        return sbi_tape_column(t, events, &a, name);
    }
    sbi_column_source source = memory_make(column->shape[0], column->dtype);
    memory_add(&source, column);
    return sbi_tape_column_source(t, events, &source, name);
}

static sbi_var record_morph(sbi_tape *t, sbi_events events, const sbi_var *alphas, size_t n, const sbi_array *up,
                            const sbi_array *down, int32_t code, int32_t storage)
{
    if (place == BORROWED) return sbi_tape_morph(t, events, alphas, n, up, down, code, storage);
    if (place == BLOCKS) {
        sbi_array sides[2][MOST_COLUMNS / 2];
        for (size_t k = 0; k < n; k++) {
            sides[0][k] = in_blocks(&up[k]);
            sides[1][k] = in_blocks(&down[k]);
        }
        return sbi_tape_morph(t, events, alphas, n, sides[0], sides[1], code, storage);
    }
    sbi_column_source source = memory_make(up[0].shape[0], up[0].dtype);
    for (size_t k = 0; k < n; k++) {
        memory_add(&source, &up[k]);
        memory_add(&source, &down[k]);
    }
    return sbi_tape_morph_source(t, events, alphas, n, &source, code, storage, "variations");
}

static void reset(void)
{
    atomic_store(&made, 0);
    atomic_store(&destroyed, 0);
    atomic_store(&reads, 0);
    atomic_store(&hints, 0);
    atomic_store(&out_of_range, 0);
    atomic_store(&fail_at, 0);
    atomic_store(&fail_with, SBI_ERR_IO);
    place = BORROWED;
}

static void clear(void)
{
    while (n_copies) free(copies[--n_copies]);
}

static sbi_context *context_of(int32_t threads)
{
    sbi_context *ctx;
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    return ctx;
}

/* ---- the same bits ------------------------------------------------------------------------------------------------ */

typedef struct results {
    double value, gradient[16], H[256], HV[32], rows[64];
    double mixed_value, mixed_H[256];
} results;

static void evaluate(sbi_context *ctx, const mixture *m, const double *theta, results *out)
{
    sbi_tape *tape;
    sbi_tape_work *work;
    double V[32];
    for (size_t i = 0; i < 2 * m->params; i++) V[i] = 0.3 * (double)i - 1.0;
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_msg(mix_record(m, tape) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    memset(out, 0, sizeof *out);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &out->value, out->gradient, out->H), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, out->HV), SBI_OK);
    ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, 1, 2, out->rows), SBI_OK);
    double value, gradient[16];
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, gradient), SBI_OK);
    ck_assert_double_eq(value, out->value);
    sbi_tape_work_destroy(work);
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    options.precision = SBI_PRECISION_MIXED;
    ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &options), SBI_OK);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &out->mixed_value, gradient, out->mixed_H), SBI_OK);
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    clear();
}

START_TEST(the_same_bits_everywhere)
{
    static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};
    static const int64_t events[] = {1, 15, 512, 1025, 2048, 2049, 5 * 2048 + 777};
    for (int storage = 0; storage < 2; storage++) {
        mixture m = {.n = events[_i / 3], .nuisances = 6, .dtype = dtypes[_i % 3], .storage = storage, .sparse = storage,
                     .normalise = 1, .zero_weights = 7};
        mix_fill(&m, _i % 2 ? 0.1 : 0.5);
        double theta[16];
        mix_point(&m, 1, theta);
        theta[2] = 1.7; /* beyond the polynomial */
        theta[3] = -1.4;
        results in_memory, other;
        sbi_context *one = context_of(1);
        evaluate(one, &m, theta, &in_memory);
        sbi_context_destroy(one);
        for (int32_t threads = 1; threads <= 3; threads++) {
            sbi_context *ctx = context_of(threads);
            for (place = BLOCKS; place < PLACES; place++) {
                evaluate(ctx, &m, theta, &other);
                ck_assert_msg(memcmp(&in_memory, &other, sizeof other) == 0, "place %d, %d threads: value %.17g, %.17g", place,
                              threads, in_memory.value, other.value);
            }
            place = BORROWED;
            sbi_context_destroy(ctx);
        }
        ck_assert_int_eq(atomic_load(&out_of_range), 0);
        ck_assert_int_gt(atomic_load(&made), 0);
        ck_assert_int_eq(atomic_load(&made), atomic_load(&destroyed));
        if (m.n > 2 * SBI_TAPE_BLOCK) ck_assert_int_gt(atomic_load(&hints), 0);
        mix_free(&m);
    }
}
END_TEST

/* ---- failures ------------------------------------------------------------------------------------------------------ */

/* Every read in turn fails: while recording, and in each evaluation. The next evaluation is as if nothing had happened. */
START_TEST(each_read_fails)
{
    const int threads = 1 + _i;
    mixture m = {.n = 3 * 2048 + 5, .nuisances = 3, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = 1};
    mix_fill(&m, 0.1);
    double theta[16], value, gradient[16], again[16], first_value = 0;
    mix_point(&m, 1, theta);
    sbi_context *ctx = context_of(threads);
    place = STREAMED;
    int recorded = 0;
    for (int k = 1; !recorded; k++) {
        sbi_tape *tape;
        ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
        atomic_store(&reads, 0);
        atomic_store(&fail_at, k);
        recorded = mix_record(&m, tape) == SBI_OK;
        if (!recorded) {
            ck_assert_int_eq(sbi_tape_status(tape), SBI_ERR_IO);
            SAYS("reading events ");
            SAYS("reading or writing failed");
        }
        ck_assert_int_eq(recorded, atomic_load(&reads) < k);
        sbi_tape_destroy(tape);
        ck_assert_int_eq(atomic_load(&made), atomic_load(&destroyed));
    }
    atomic_store(&fail_at, 0);
    sbi_tape *tape;
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(work, theta, &first_value, gradient), SBI_OK);
    int done = 0;
    for (int k = 1; !done; k++) {
        atomic_store(&reads, 0);
        atomic_store(&fail_at, k);
        atomic_store(&fail_with, k % 2 ? SBI_ERR_IO : SBI_ERR_TRANSIENT);
        const sbi_status status = sbi_tape_eval(work, theta, &value, gradient);
        done = atomic_load(&reads) < k;
        ck_assert_int_eq(status, done ? SBI_OK : k % 2 ? SBI_ERR_IO : SBI_ERR_TRANSIENT);
        atomic_store(&fail_at, 0);
        ck_assert_int_eq(sbi_tape_eval(work, theta, &value, again), SBI_OK);
        ck_assert_double_eq(value, first_value);
    }
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    mix_free(&m);
}
END_TEST

static sbi_tape *tape;
static sbi_context *context;

static void set_up(void)
{
    reset();
    context = context_of(2);
    ck_assert_int_eq(sbi_tape_create(&tape, context), SBI_OK);
}

static void tear_down(void)
{
    sbi_tape_destroy(tape);
    sbi_context_destroy(context);
    ck_assert_int_eq(atomic_load(&made), atomic_load(&destroyed));
    clear();
}

/* What a callback returns that is no status; and a message of the thread outlives reads that succeed. */
START_TEST(statuses)
{
    static double x[3000];
    const sbi_array view = sbi_array_1d(x, SBI_F64, 3000);
    sbi_events events = sbi_tape_events(tape, "data", 3000);
    sbi_column_source source = memory_make(3000, SBI_F64);
    memory_add(&source, &view);
    sbi_var v = sbi_tape_column_source(tape, events, &source, "x");
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_sum(tape, sbi_tape_mul(tape, v, sbi_tape_param(tape, "a")))), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    const double theta = 1.0;
    double value;
    size_t index;
    ck_assert_int_eq(sbi_tape_param_index(tape, "nobody", &index), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_OK);
    SAYS("nobody");
    static const int wrong[] = {1, 77, -1000, SBI_ERR_CALLBACK};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        atomic_store(&fail_at, atomic_load(&reads) + 1);
        atomic_store(&fail_with, wrong[i]);
        ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_ERR_CALLBACK);
        SAYS("x: reading events ");
    }
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(bad_values)
{
    static float x[5000];
    for (int i = 0; i < 5000; i++) x[i] = 1.0f;
    const sbi_array view = sbi_array_1d(x, SBI_F32, 5000);
    sbi_events events = sbi_tape_events(tape, "data", 5000);
    sbi_var alpha = sbi_tape_param(tape, "JES");
    sbi_column_source source = memory_make(5000, SBI_F32);
    memory_add(&source, &view);
    switch (_i) {
    case 0: /* its own names */
        source.name = memory_name;
        x[4097] = (float)NAN;
        ck_assert_int_eq(sbi_tape_column_source(tape, events, &source, "x"), SBI_VAR_INVALID);
        SAYS("file 0: row 4097: value is nan");
        break;
    case 1: /* the tape's */
        x[3] = -1.0f;
        memory_add(&source, &view);
        ck_assert_int_eq(sbi_tape_morph_source(tape, events, &alpha, 1, &source, SBI_INTERP_CODE4, SBI_MORPH_RATIO, "S"),
                         SBI_VAR_INVALID);
        SAYS("S: up[0] (JES): row 3: value is -1, must be positive");
        break;
    default: /* the other side */
        memory_add(&source, &view);
        static float y[5000];
        y[2048] = (float)INFINITY;
        ((memory_source *)source.self)->columns[1].data = y;
        ck_assert_int_eq(sbi_tape_morph_source(tape, events, &alpha, 1, &source, SBI_INTERP_CODE4, SBI_MORPH_LOG, "S"),
                         SBI_VAR_INVALID);
        SAYS("S: down[0] (JES): row 2048: value is inf");
        break;
    }
    ck_assert_int_eq(sbi_tape_status(tape), SBI_ERR_VALUE);
}
END_TEST

/* Every failing call destroys what it was given. */
START_TEST(bad_sources)
{
    static double x[10];
    const sbi_array view = sbi_array_1d(x, SBI_F64, 10);
    sbi_events events = sbi_tape_events(tape, "data", 10);
    sbi_var alphas[2] = {sbi_tape_param(tape, "a"), sbi_tape_param(tape, "a")};
    sbi_column_source source = memory_make(10, SBI_F64);
    memory_add(&source, &view);
    sbi_status want = SBI_ERR_ARGUMENT;
    sbi_var v = 0;
    switch (_i) {
    case 0: v = sbi_tape_column_source(tape, 3, &source, "x"); break;
    case 1: v = sbi_tape_column_source(tape, events, &source, NULL); break;
    case 2:
        source.read = NULL;
        v = sbi_tape_column_source(tape, events, &source, "x");
        break;
    case 3:
        source.dtype = 99;
        v = sbi_tape_column_source(tape, events, &source, "x");
        want = SBI_ERR_SHAPE;
        break;
    case 4:
        memory_add(&source, &view);
        v = sbi_tape_column_source(tape, events, &source, "x");
        want = SBI_ERR_SHAPE;
        break;
    case 5:
        v = sbi_tape_morph_source(tape, events, alphas, 1, &source, SBI_INTERP_CODE4, SBI_MORPH_LOG, "x");
        want = SBI_ERR_SHAPE;
        break;
    case 6: v = sbi_tape_morph_source(tape, events, alphas, 2, &source, SBI_INTERP_CODE4, SBI_MORPH_LOG, "x"); break;
    case 7:
        v = sbi_tape_morph_source(tape, events, alphas, 1, &source, 3, SBI_MORPH_LOG, "x");
        want = SBI_ERR_UNSUPPORTED;
        break;
    case 8: v = sbi_tape_morph_source(tape, events, alphas, 1, &source, SBI_INTERP_CODE4, 5, "x"); break;
    case 9: v = sbi_tape_morph_source(tape, events, alphas, SIZE_MAX, &source, SBI_INTERP_CODE4, SBI_MORPH_LOG, "x"); break;
    case 10: v = sbi_tape_morph_source(tape, events, NULL, 1, &source, SBI_INTERP_CODE4, SBI_MORPH_LOG, "x"); break;
    case 11: /* after a failure */
        ck_assert_int_eq(sbi_tape_constant(tape, (double)NAN), SBI_VAR_INVALID);
        want = SBI_ERR_VALUE;
        v = sbi_tape_column_source(tape, events, &source, "x");
        break;
    case 12:
        v = sbi_tape_column_source(NULL, events, &source, "x");
        ck_assert_int_eq(atomic_load(&destroyed), 1);
        ck_assert_int_eq(v, SBI_VAR_INVALID);
        return;
    default: /* an older or broken struct is not understood, so nothing in it is called */
        memory_destroy(source.self);
        source.struct_size = 8;
        v = sbi_tape_column_source(tape, events, &source, "x");
        want = SBI_ERR_ABI;
        break;
    }
    ck_assert_int_eq(v, SBI_VAR_INVALID);
    ck_assert_int_eq(sbi_tape_status(tape), want);
    ck_assert_int_eq(atomic_load(&destroyed), 1);
}
END_TEST

START_TEST(shapes_in_blocks)
{
    static double x[3][SBI_TAPE_BLOCK];
    sbi_events events = sbi_tape_events(tape, "data", 2 * SBI_TAPE_BLOCK);
    sbi_array a = sbi_array_2d(x, SBI_F64, _i ? 2 : 3, _i ? SBI_TAPE_BLOCK / 2 : SBI_TAPE_BLOCK);
    ck_assert_int_eq(sbi_tape_column(tape, events, &a, "x"), SBI_VAR_INVALID);
    ck_assert_int_eq(sbi_tape_status(tape), SBI_ERR_SHAPE);
    SAYS("2 blocks of 2048 events");
}
END_TEST

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static sbi_status everything(sbi_context *c, void *arg)
{
    const mixture *m = arg;
    sbi_tape *t = NULL;
    sbi_tape_work *w = NULL;
    double theta[16], value, gradient[16], H[256];
    mix_point(m, 1, theta);
    sbi_status status = sbi_tape_create(&t, c);
    if (status == SBI_OK) status = mix_record(m, t);
    if (status == SBI_OK) status = sbi_tape_work_create(&w, t);
    if (status == SBI_OK) status = sbi_tape_eval(w, theta, &value, gradient);
    if (status == SBI_OK) status = sbi_tape_hessian(w, theta, &value, gradient, H);
    sbi_tape_work_destroy(w);
    sbi_tape_destroy(t);
    ck_assert_int_eq(atomic_load(&made), atomic_load(&destroyed));
    return status;
}

START_TEST(memory_runs_out)
{
    mixture m = {.n = 2300, .nuisances = 3, .dtype = SBI_F16, .storage = SBI_MORPH_LOG, .normalise = 1};
    mix_fill(&m, 0.1);
    place = STREAMED;
    torture_report report = torture_allocations(everything, &m, 1 + _i / 2, _i % 2);
    ck_assert_int_gt(report.requests, 100);
    mix_free(&m);
}
END_TEST

/* A block of every column for each thread, however many events there are. */
START_TEST(memory_does_not_grow_with_events)
{
    size_t used[2];
    place = STREAMED;
    for (int big = 0; big < 2; big++) {
        mixture m = {.n = big ? 200000 : 20000, .nuisances = 3, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = 1};
        mix_fill(&m, 0.1);
        sbi_context *c = context_of(2);
        ck_assert_int_eq(everything(c, &m), SBI_OK);
        used[big] = sbi_memory_peak(c);
        sbi_context_destroy(c);
        mix_free(&m);
    }
    ck_assert_msg(used[1] <= used[0] + used[0] / 20 + 16384, "peak %zu at 20k events, %zu at 200k", used[0], used[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tape: columns that are read block by block");
    TCase *t = tcase_create("source");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, the_same_bits_everywhere, 0, 21);
    tcase_add_loop_test(t, each_read_fails, 0, 3);
    tcase_add_test(t, statuses);
    tcase_add_loop_test(t, bad_values, 0, 3);
    tcase_add_loop_test(t, bad_sources, 0, 14);
    tcase_add_loop_test(t, shapes_in_blocks, 0, 2);
    tcase_add_loop_test(t, memory_runs_out, 0, 4);
    tcase_add_test(t, memory_does_not_grow_with_events);
    suite_add_tcase(s, t);
    return run_suite(s);
}
