/* SPDX-License-Identifier: Apache-2.0 */
/* Shards: what is said to requests, parts and bytes that do not fit, when memory runs out and when it is cancelled. */
#include "base/sha256.h"
#include "support/failing_allocator.h"
#include "tape_shards.h"

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
        SAYS(sbi_shard_finish(work, theta, l.bytes[0], l.size[0], &value, NULL, 0, 0, NULL), SBI_ERR_VERSION,
             "this workspace uses x86-64 base");
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
    SAYS(sbi_shard_finish(work, theta, l.bytes[1], l.size[1], &value, NULL, 0, 2, rows), SBI_ERR_NOT_FOUND,
         "row 0 of the Hessian is missing");
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
    SAYS(sbi_shard_compute(work, theta, &r, l.bytes[0], l.size[0], &bytes, &size), SBI_ERR_NOT_FOUND,
         "earlier: events [2048, 3000) of pass 0");
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
    Suite *suite = suite_create("tape_shards_input");
    TCase *cases = tcase_create("input");
    tcase_set_timeout(cases, 300);
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
