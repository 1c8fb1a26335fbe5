/* SPDX-License-Identifier: Apache-2.0 */
/* The tape's side of the accelerator contract, with accelerators that have no device: what leaves contain, refused leaves, hand-ins. */
#include <check.h>
#include <string.h>

#include "sbi/shard.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "tape/work.h"
#include "unit/tape_mixture.h"

/* An accelerator that checks each leaf that it reads against the mixture and refuses it: the processor's work, its bits. */
typedef struct refuser {
    const mixture *m;
    int prepared, released, opened, unsupported, runs;
    sbi_status fails;
} refuser;

static refuser r;
static const sbi_accelerator_layout *layout_of_pass;

static sbi_status open_one(void **out, int32_t index, const sbi_accelerator_host *host)
{
    if (index == 7) {
        host->message("there is no eighth");
        return SBI_ERR_NOT_FOUND;
    }
    r.opened++;
    *out = &r;
    return SBI_OK;
}

static sbi_status prepare_one(void *self, void **out, const sbi_accelerator_layout *layout, const sbi_accelerator_host *host)
{
    (void)self;
    if (r.unsupported) {
        host->message("not this pass");
        return SBI_ERR_UNSUPPORTED;
    }
    r.prepared++;
    layout_of_pass = layout;
    *out = &layout_of_pass;
    return SBI_OK;
}

static double element(const char *leaf, const sbi_accelerator_column *column, size_t e)
{
    const char *p = leaf + column->offset;
    float f;
    uint16_t h;
    double d;
    if (column->dtype == SBI_F16) return memcpy(&h, p + 2 * e, 2), mix_from_half(h);
    if (column->dtype == SBI_F32) return memcpy(&f, p + 4 * e, 4), (double)f;
    return memcpy(&d, p + 8 * e, 8), d;
}

static sbi_status run_one(void *prepared, const sbi_pass_task *task, size_t first, size_t count, const sbi_accelerator_host *host)
{
    (void)prepared;
    r.runs++;
    if (r.fails) {
        host->message("it broke");
        return r.fails;
    }
    const sbi_accelerator_layout *layout = layout_of_pass;
    const sbi_pass *pass = task->pass;
    char *leaves = malloc(count * layout->leaf_bytes);
    sbi_status status = host->read(host->self, first, count, leaves);
    for (size_t i = 0; i < count && status == SBI_OK; i++) {
        const char *leaf = leaves + i * layout->leaf_bytes;
        for (size_t p = 0; p < pass->n_morphs; p++)
            for (size_t e = 0; e < SBI_TAPE_LEAF; e++) {
                const int64_t event = (int64_t)((first + i) * SBI_TAPE_LEAF + e);
                const double up = element(leaf, &layout->up[pass->first_factor[p]], e);
                if (event < r.m->n)
                    ck_assert(up == r.m->up[p * r.m->nuisances * (size_t)r.m->n + (size_t)event]);
                else
                    ck_assert(up == (r.m->storage == SBI_MORPH_LOG ? 0.0 : 1.0));
            }
        status = host->refuse(host->self, first + i);
    }
    free(leaves);
    return status;
}

static void release_one(void *prepared) { r.released += prepared == &layout_of_pass; }
static void close_one(void *self) { r.opened -= self == &r; }

static const sbi_accelerator_ops refusing = {sizeof refusing, SBI_ACCELERATOR_ABI, "refuser", open_one, prepare_one,
                                             run_one, release_one, close_one};

typedef struct fixture {
    mixture m;
    sbi_context *ctx;
    sbi_tape *tape;
    double theta[8];
} fixture;

static void make(fixture *f, int32_t dtype, int32_t storage, int64_t n)
{
    memset(f, 0, sizeof *f);
    memset(&r, 0, sizeof r);
    f->m = (mixture){.n = n, .nuisances = 3, .dtype = dtype, .storage = storage, .zero_weights = 9};
    mix_fill(&f->m, 0.1);
    mix_point(&f->m, 1, f->theta);
    ck_assert_int_eq(sbi_context_create(&f->ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&f->tape, f->ctx), SBI_OK);
    ck_assert_int_eq(mix_record(&f->m, f->tape), SBI_OK);
    r.m = &f->m;
}

static void unmake(fixture *f)
{
    sbi_tape_destroy(f->tape);
    sbi_context_destroy(f->ctx);
    mix_free(&f->m);
}

static void hessian_of(sbi_tape_work *work, const double *theta, double out[16 + 5])
{
    ck_assert_int_eq(sbi_tape_hessian(work, theta, out, out + 1, out + 5), SBI_OK);
}

START_TEST(refused_leaves_have_the_bits_of_the_processor)
{
    static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};
    fixture f;
    double expected[21], got[21];
    sbi_tape_work *work, *other;
    make(&f, dtypes[_i % 3], _i / 3 ? SBI_MORPH_RATIO : SBI_MORPH_LOG, 3 * 2048 + 100);
    ck_assert_int_eq(sbi_tape_work_create(&work, f.tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&other, f.tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_set_accelerator(other, &refusing, 0, 0), SBI_OK);
    hessian_of(work, f.theta, expected);
    hessian_of(other, f.theta, got);
    hessian_of(other, f.theta, got);
    ck_assert_mem_eq(got, expected, sizeof got);
    ck_assert_int_eq(r.runs, 2);
    ck_assert_int_eq(r.prepared, 1);
    sbi_tape_work_destroy(work);
    sbi_tape_work_destroy(other);
    ck_assert_int_eq(r.released, 1);
    ck_assert_int_eq(r.opened, 0);
    unmake(&f);
}
END_TEST

START_TEST(unsupported_passes_are_the_processors)
{
    fixture f;
    double expected[21], got[21];
    sbi_tape_work *work, *other;
    make(&f, SBI_F32, SBI_MORPH_LOG, 500);
    ck_assert_int_eq(sbi_tape_work_create(&work, f.tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&other, f.tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_set_accelerator(other, &refusing, 0, 0), SBI_OK);
    hessian_of(work, f.theta, expected);
    r.unsupported = _i == 0;
    r.fails = _i == 1 ? SBI_ERR_UNSUPPORTED : SBI_OK; /* this evaluation, not the pass */
    hessian_of(other, f.theta, got);
    ck_assert_mem_eq(got, expected, sizeof got);
    ck_assert_int_eq(r.runs, _i);
    sbi_tape_work_destroy(work);
    sbi_tape_work_destroy(other);
    unmake(&f);
}
END_TEST

START_TEST(failures_come_through)
{
    fixture f;
    double value;
    sbi_tape_work *work;
    make(&f, SBI_F32, SBI_MORPH_LOG, 500);
    ck_assert_int_eq(sbi_tape_work_create(&work, f.tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_set_accelerator(work, &refusing, 7, 0), SBI_ERR_NOT_FOUND);
    ck_assert_str_eq(sbi_last_error(), "there is no eighth");
    ck_assert_int_eq(sbi_tape_work_set_accelerator(work, &refusing, 0, 0), SBI_OK);
    r.fails = SBI_ERR_IO;
    ck_assert_int_eq(sbi_tape_eval(work, f.theta, &value, NULL), SBI_ERR_IO);
    ck_assert_str_eq(sbi_last_error(), "it broke");
    sbi_context_cancel(f.ctx, 1);
    ck_assert_int_eq(sbi_tape_eval(work, f.theta, &value, NULL), SBI_ERR_CANCELLED);
    sbi_tape_work_destroy(work);
    unmake(&f);
}
END_TEST

START_TEST(wrong_tables_and_names)
{
    fixture f;
    sbi_tape_work *work;
    make(&f, SBI_F32, SBI_MORPH_LOG, 10);
    ck_assert_int_eq(sbi_tape_work_create(&work, f.tape), SBI_OK);
    sbi_accelerator_ops wrong = refusing;
    wrong.abi++;
    ck_assert_int_eq(sbi_tape_work_set_accelerator(work, &wrong, 0, 0), SBI_ERR_ABI);
    wrong = refusing;
    wrong.struct_size -= 8;
    ck_assert_int_eq(sbi_tape_work_set_accelerator(work, &wrong, 0, 0), SBI_ERR_ABI);
    wrong = refusing;
    wrong.run = NULL;
    ck_assert_int_eq(sbi_tape_work_set_accelerator(work, &wrong, 0, 0), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_work_set_accelerator(work, NULL, 0, 0), SBI_ERR_ARGUMENT);
    sbi_tape_work_destroy(work);
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    options.device = "cpu";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, f.tape, &options), SBI_OK);
    sbi_tape_work_destroy(work);
    options.device = "abacus";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, f.tape, &options), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_null(work);
    options.device = "../abacus";
    ck_assert_int_eq(sbi_tape_work_create_with(&work, f.tape, &options), SBI_ERR_ARGUMENT);
    options.device = NULL;
    options.device_memory = -1;
    ck_assert_int_eq(sbi_tape_work_create_with(&work, f.tape, &options), SBI_ERR_ARGUMENT);
    unmake(&f);
}
END_TEST

/* Shards from a device are merged with their own kind. */
START_TEST(shards_of_a_device)
{
    fixture f;
    sbi_tape_work *work, *other;
    void *bytes;
    size_t size;
    double value, expected, gradient[4];
    make(&f, SBI_F32, SBI_MORPH_LOG, 3000);
    ck_assert_int_eq(sbi_tape_work_create(&work, f.tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&other, f.tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_set_accelerator(other, &refusing, 0, 0), SBI_OK);
    sbi_shard_request request = SBI_SHARD_REQUEST_INIT;
    request.want = SBI_SHARD_GRADIENT;
    request.n_events = f.m.n;
    ck_assert_msg(sbi_shard_compute(other, f.theta, &request, NULL, 0, &bytes, &size) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(r.runs, 1);
    ck_assert_int_eq(sbi_shard_finish(work, f.theta, bytes, size, &value, NULL, 0, 0, NULL), SBI_ERR_VERSION);
    ck_assert_int_eq(sbi_shard_finish(other, f.theta, bytes, size, &value, gradient, 0, 0, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(work, f.theta, &expected, NULL), SBI_OK);
    ck_assert_mem_eq(&value, &expected, sizeof value);
    sbi_shard_free(f.ctx, bytes);
    sbi_tape_work_destroy(work);
    sbi_tape_work_destroy(other);
    unmake(&f);
}
END_TEST

/* A source, so that reading leaves asks for memory too. */
static sbi_status read_ones(void *self, int64_t first, int64_t count, void *out)
{
    (void)self, (void)first;
    for (int64_t i = 0; i < count; i++)
        ((double *)out)[i] = 1.0;
    return SBI_OK;
}

static sbi_status evaluate_all(sbi_context *ctx, void *arg)
{
    const mixture *m = arg;
    sbi_tape *tape = NULL;
    sbi_tape_work *work = NULL;
    double value, gradient[2], hessian[4];
    const double theta[2] = {1.0, 0.4};
    sbi_status status = sbi_tape_create(&tape, ctx);
    if (status == SBI_OK) {
        const sbi_events events = sbi_tape_events(tape, "data", m->n);
        const sbi_var x[2] = {sbi_tape_param(tape, "a"), sbi_tape_param(tape, "b")};
        const sbi_array up = sbi_array_1d(m->up, SBI_F64, m->n), down = sbi_array_1d(m->down, SBI_F64, m->n);
        sbi_column_source source = SBI_COLUMN_SOURCE_INIT;
        source.dtype = SBI_F64;
        source.n_columns = 1;
        source.read = read_ones;
        const sbi_var g = sbi_tape_morph(tape, events, x, 1, &up, &down, SBI_INTERP_CODE4, SBI_MORPH_LOG);
        const sbi_var c = sbi_tape_column_source(tape, events, &source, "ones");
        status = sbi_tape_seal(tape, sbi_tape_sum(tape, sbi_tape_log(tape, sbi_tape_add(tape, sbi_tape_mul(tape, c, g), x[1]))));
    }
    if (status == SBI_OK) status = sbi_tape_work_create(&work, tape);
    if (status == SBI_OK) status = sbi_tape_work_set_accelerator(work, &refusing, 0, 0);
    if (status == SBI_OK) status = sbi_tape_hessian(work, theta, &value, gradient, hessian);
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    ck_assert_int_eq(r.opened, 0);
    return status;
}

START_TEST(memory_runs_out)
{
    memset(&r, 0, sizeof r);
    mixture m = {.n = 2100, .nuisances = 1, .dtype = SBI_F64, .storage = SBI_MORPH_LOG};
    mix_fill(&m, 0.1);
    r.m = &m;
    const torture_report report = torture_allocations(evaluate_all, &m, 2, _i);
    ck_assert_int_gt(report.requests, 20);
    mix_free(&m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("tape_accelerator");
    TCase *c = tcase_create("contract");
    tcase_add_loop_test(c, refused_leaves_have_the_bits_of_the_processor, 0, 6);
    tcase_add_loop_test(c, unsupported_passes_are_the_processors, 0, 2);
    tcase_add_test(c, failures_come_through);
    tcase_add_test(c, wrong_tables_and_names);
    tcase_add_test(c, shards_of_a_device);
    tcase_add_loop_test(c, memory_runs_out, 0, 2);
    suite_add_tcase(s, c);
    return s;
}

int main(void) { return run_suite(suite()); }
