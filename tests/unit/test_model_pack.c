/* SPDX-License-Identifier: Apache-2.0 */
/* Packed stores: what is written, what is refused, and what happens when the disk is full. */
#include <check.h>
#include <signal.h>
#include <sys/resource.h>

#include "column_workspace.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "message: %s", sbi_last_error())

static column_workspace w;
static sbi_context *ctx;

static void set_up(void)
{
    ctx = cw_context(2);
    w = (column_workspace){.folder = folder_make()};
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&w.folder);
}

static void make(int64_t events, int64_t integration, int32_t dtype, int32_t storage)
{
    folder_remove(&w.folder);
    w = cw_make(ctx, events, integration, dtype, storage, 0);
}

/* ---- from arrays ---------------------------------------------------------------------------------------------------- */

enum { SAMPLES = 3, PARAMETERS = 5, EVENTS = 2 * 2048 + 300 };

static double ratios[SAMPLES][PARAMETERS][2][EVENTS];

/* Sample 1 lacks parameter 3. */
static void lend(sbi_array *columns, int logs)
{
    for (int c = 0; c < SAMPLES * PARAMETERS * 2; c++) {
        double *x = &ratios[0][0][0][0] + (size_t)c * EVENTS;
        for (int64_t i = 0; i < EVENTS; i++) {
            x[i] = cw_value(c, i);
            if (i % 97 == 0) x[i] = 1.0 + 1e-7 * (double)i; /* small logarithms */
            if (logs) x[i] = log(x[i]);
        }
        columns[c] = sbi_array_1d(x, SBI_F64, EVENTS);
        if (c / 2 == 1 * PARAMETERS + 3) columns[c] = (sbi_array){0};
    }
}

START_TEST(round_trip)
{
    static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};
    const int32_t dtype = dtypes[_i % 3], from = _i / 3 % 2, to = _i / 6 - 1; /* -1: the default */
    static sbi_array columns[SAMPLES * PARAMETERS * 2];
    lend(columns, from == SBI_MORPH_LOG);
    const test_path p = folder_path(&w.folder, "p.npy");
    sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
    options.dtype = dtype;
    options.storage = to;
    ck_assert_msg(sbi_pack_columns(ctx, p.text, EVENTS, SAMPLES, PARAMETERS, columns, from, &options) == SBI_OK, "%s", sbi_last_error());
    const int32_t want = to >= 0 ? to : dtype == SBI_F16 ? SBI_MORPH_LOG : from;
    sbi_npy *npy;
    sbi_array a;
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, p.text), SBI_OK);
    sbi_npy_array(npy, &a);
    const int64_t shape[5] = {3, SAMPLES, PARAMETERS, 2, SBI_TAPE_BLOCK};
    ck_assert_int_eq(a.ndim, 5);
    ck_assert_int_eq(a.dtype, dtype);
    ck_assert_int_eq(memcmp(a.shape, shape, sizeof shape), 0);
    const size_t size = sbi_dtype_size(dtype);
    for (int64_t b = 0; b < 3; b++) {
        for (int c = 0; c < SAMPLES * PARAMETERS * 2; c++) {
            for (int64_t e = 0; e < SBI_TAPE_BLOCK; e++) {
                const int64_t i = b * SBI_TAPE_BLOCK + e;
                const char *at = (const char *)a.data + (size_t)((b * SAMPLES * PARAMETERS * 2 + c) * SBI_TAPE_BLOCK + e) * size;
                const double got = sbi_element_f64(at, dtype);
                if (i >= EVENTS || !columns[c].data) {
                    ck_assert_double_eq(got, want == SBI_MORPH_LOG ? 0.0 : 1.0);
                    continue;
                }
                const double x = (&ratios[0][0][0][0])[(size_t)c * EVENTS + (size_t)i];
                const double exact = from == want ? x : want == SBI_MORPH_LOG ? log(x) : exp(x);
                if (dtype == SBI_F64) {
                    ck_assert_double_eq(got, exact);
                } else if (dtype == SBI_F32) {
                    ck_assert_double_eq(got, (double)(float)exact);
                } else { /* 11 bits, or the spacing of subnormal numbers */
                    const double error = fabs(got - exact);
                    ck_assert_msg(error <= fabs(exact) * 0x1p-11 || error <= 0x1p-25, "%g became %g", exact, got);
                }
            }
        }
    }
    sbi_npy_unmap(npy);
}
END_TEST

START_TEST(values_refused)
{
    static sbi_array columns[SAMPLES * PARAMETERS * 2];
    static const struct {
        double value;
        int32_t from, dtype, to;
        const char *text;
    } cases[] = {
        {(double)NAN, SBI_MORPH_LOG, SBI_F64, SBI_MORPH_LOG, "value is nan"},
        {(double)INFINITY, SBI_MORPH_RATIO, SBI_F64, SBI_MORPH_RATIO, "value is inf"},
        {0.0, SBI_MORPH_RATIO, SBI_F16, -1, "value is 0, must be positive"},
        {-2.0, SBI_MORPH_RATIO, SBI_F32, SBI_MORPH_LOG, "value is -2, must be positive"},
        {70000.0, SBI_MORPH_RATIO, SBI_F16, SBI_MORPH_RATIO, "value is 70000, out of the range of f16"},
        {65520.0, SBI_MORPH_LOG, SBI_F16, SBI_MORPH_LOG, "value is 65520, out of the range of f16"},
        {1e-9, SBI_MORPH_RATIO, SBI_F16, SBI_MORPH_RATIO, "which f16 rounds to zero"},
        {1e39, SBI_MORPH_LOG, SBI_F32, SBI_MORPH_LOG, "out of the range of f32"},
        {1e-60, SBI_MORPH_RATIO, SBI_F32, SBI_MORPH_RATIO, "which f32 rounds to zero"},
        {800.0, SBI_MORPH_LOG, SBI_F64, SBI_MORPH_RATIO, "value is 800, whose exponential is out of range"},
        {-800.0, SBI_MORPH_LOG, SBI_F64, SBI_MORPH_RATIO, "value is -800, whose exponential is out of range"},
    };
    lend(columns, cases[_i].from == SBI_MORPH_LOG);
    ratios[2][4][1][4200] = cases[_i].value;
    const test_path p = folder_path(&w.folder, "p.npy");
    sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
    options.dtype = cases[_i].dtype;
    options.storage = cases[_i].to;
    ck_assert_int_eq(sbi_pack_columns(ctx, p.text, EVENTS, SAMPLES, PARAMETERS, columns, cases[_i].from, &options), SBI_ERR_VALUE);
    SAYS("sample 2, parameter 4, lo: row 4200: ");
    SAYS(cases[_i].text);
    ck_assert_int_eq(folder_count(&w.folder), 0);
}
END_TEST

START_TEST(bad_arguments)
{
    static sbi_array columns[SAMPLES * PARAMETERS * 2];
    lend(columns, 0);
    const test_path p = folder_path(&w.folder, "p.npy");
    sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
    sbi_status want = SBI_ERR_ARGUMENT, status = SBI_OK;
    int64_t n = EVENTS;
    size_t samples = SAMPLES, parameters = PARAMETERS;
    switch (_i) {
    case 0: n = -1; break;
    case 1: samples = 0; break;
    case 2: parameters = SIZE_MAX / 2; break;
    case 3: options.dtype = SBI_I32; break;
    case 4: options.storage = 2; break;
    case 5: options.reserved_ = 1; break;
    case 6: columns[1].data = NULL; break;
    case 7:
        columns[3].shape[0]--;
        want = SBI_ERR_SHAPE;
        break;
    default:
        columns[4] = sbi_array_2d(ratios, SBI_F64, 2, EVENTS / 2);
        want = SBI_ERR_SHAPE;
        break;
    }
    status = sbi_pack_columns(ctx, p.text, n, samples, parameters, columns, SBI_MORPH_RATIO, &options);
    ck_assert_msg(status == want, "%s: %s", sbi_status_name(status), sbi_last_error());
    ck_assert_int_eq(folder_count(&w.folder), 0);
}
END_TEST

START_TEST(no_events)
{
    static sbi_array columns[2];
    columns[0] = columns[1] = sbi_array_1d(ratios, SBI_F64, 0);
    const test_path p = folder_path(&w.folder, "p.npy");
    ck_assert_int_eq(sbi_pack_columns(ctx, p.text, 0, 1, 1, columns, SBI_MORPH_RATIO, NULL), SBI_OK);
    sbi_npy *npy;
    sbi_array a;
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, p.text), SBI_OK);
    sbi_npy_array(npy, &a);
    ck_assert_int_eq(a.shape[0], 0);
    sbi_npy_unmap(npy);
}
END_TEST

/* ---- workspaces ------------------------------------------------------------------------------------------------------- */

static void ask(const char *path, uint64_t memory, cw_answers *a)
{
    sbi_model *m;
    ck_assert_msg(cw_load(&m, ctx, path, memory) == SBI_OK, "%s", sbi_last_error());
    ck_assert_msg(cw_ask(m, a) == SBI_OK, "%s", sbi_last_error());
    sbi_model_destroy(m);
}

/* The defaults, f16 logarithms of f64 ratios: close, and two files more. */
START_TEST(defaults)
{
    make(5000, 3000, SBI_F64, SBI_MORPH_RATIO);
    const int files = folder_count(&w.folder);
    const test_path packed = folder_path(&w.folder, "packed.json");
    cw_answers exact, close;
    ck_assert_int_eq(sbi_workspace_pack(ctx, w.path.text, packed.text, NULL), SBI_OK);
    ck_assert_int_eq(folder_count(&w.folder), files + 3);
    ask(w.path.text, SBI_COLUMN_MEMORY_DEFAULT, &exact);
    ask(packed.text, 0, &close);
    ck_assert_double_ne(exact.value, close.value);
    ck_assert_double_eq_tol(exact.value, close.value, 0.05);
    for (int i = 0; i < CW_PARAMETERS; i++)
        ck_assert_double_eq_tol(exact.gradient[i], close.gradient[i], 1e-3 * fabs(exact.gradient[i]) + 0.05);
}
END_TEST

/* The packed workspace may be elsewhere; and can itself be packed again, which leaves it as it is. */
START_TEST(other_folder)
{
    make(3000, _i ? 2000 : 0, SBI_F32, SBI_MORPH_LOG);
    const test_path folder = folder_path(&w.folder, "elsewhere"), packed = folder_path(&w.folder, "elsewhere/p.json");
    const test_path again = folder_path(&w.folder, "again.json");
    ck_assert_int_eq(mkdir(folder.text, 0700), 0);
    sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
    options.dtype = SBI_F32;
    options.storage = SBI_MORPH_LOG;
    ck_assert_msg(sbi_workspace_pack(ctx, w.path.text, packed.text, &options) == SBI_OK, "%s", sbi_last_error());
    ck_assert_msg(sbi_workspace_pack(ctx, packed.text, again.text, &options) == SBI_OK, "%s", sbi_last_error());
    cw_answers want, got;
    ask(w.path.text, 0, &want);
    ask(packed.text, 0, &got);
    ck_assert_int_eq(memcmp(&want, &got, sizeof got), 0);
    ask(again.text, 0, &got);
    ck_assert_int_eq(memcmp(&want, &got, sizeof got), 0);
}
END_TEST

START_TEST(nothing_is_replaced)
{
    make(3000, 2000, SBI_F32, SBI_MORPH_LOG);
    const test_path packed = folder_path(&w.folder, "p.json"), store = folder_path(&w.folder, "p.channel0_integration.npy");
    cw_text(_i ? &packed : &store, "mine");
    const int files = folder_count(&w.folder);
    ck_assert_int_eq(sbi_workspace_pack(ctx, w.path.text, packed.text, NULL), SBI_ERR_EXISTS);
    SAYS(_i ? "p.json: exists already" : "p.channel0_integration.npy: exists already");
    ck_assert_int_eq(folder_count(&w.folder), files);
    char text[8] = "";
    FILE *f = fopen((_i ? packed : store).text, "r");
    ck_assert_ptr_nonnull(fgets(text, sizeof text, f));
    fclose(f);
    ck_assert_str_eq(text, "mine");
}
END_TEST

/* A disk that is full after so many bytes of one file: the first store, the second, the document. */
START_TEST(a_full_disk)
{
    make(3 * 2048, 5 * 2048, SBI_F64, SBI_MORPH_RATIO);
    const test_path packed = folder_path(&w.folder, "p.json");
    const int files = folder_count(&w.folder);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGXFSZ, &ignore, &old);
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    static const rlim_t sizes[] = {100000, 600000, 700};
    small.rlim_cur = sizes[_i];
    sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
    options.dtype = SBI_F64;
    if (_i == 2) { /* nothing to pack, so that the document is the first to be written */
        w.path = folder_path(&w.folder, "plain.json");
        char text[2048];
        snprintf(text, sizeof text, "{\"channels\": [], \"version\": \"%0900d\"}", 0);
        cw_text(&w.path, text);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    const sbi_status status = sbi_workspace_pack(ctx, w.path.text, packed.text, &options);
    setrlimit(RLIMIT_FSIZE, &limit);
    sigaction(SIGXFSZ, &old, NULL);
    ck_assert_msg(status == SBI_ERR_NO_SPACE, "%s: %s", sbi_status_name(status), sbi_last_error());
    ck_assert_int_eq(folder_count(&w.folder), files + (_i == 2));
}
END_TEST

/* ---- malformed stores ---------------------------------------------------------------------------------------------------- */

/* A workspace with a store whose parts are given. */
static void write_packed(const char *member, const char *data)
{
    char text[2048];
    snprintf(text, sizeof text,
             "{\"channels\": [{\"name\": \"SR\", %s%s\"samples\": [{\"name\": \"S\", \"yield\": 5, \"ratio\": \"r.npy\","
             " \"modifiers\": [{\"name\": \"JES\", \"type\": \"eventsys\"%s}]}]}], \"version\": \"1.0.0\"}",
             member, *member ? ", " : "", data);
    w.path = folder_path(&w.folder, "m.json");
    cw_text(&w.path, text);
}

static void write_store(const char *name, int32_t dtype, int32_t ndim, const int64_t *shape)
{
    static double zeros[2 * 2 * 2 * 2 * SBI_TAPE_BLOCK];
    sbi_array a = {.data = zeros, .dtype = dtype, .ndim = ndim};
    int64_t stride = (int64_t)sbi_dtype_size(dtype);
    for (int i = ndim - 1; i >= 0; i--) {
        a.shape[i] = shape[i];
        a.strides[i] = stride;
        stride *= shape[i];
    }
    const test_path p = folder_path(&w.folder, name);
    ck_assert_msg(sbi_npy_write(ctx, p.text, &a) == SBI_OK, "%s", sbi_last_error());
}

#define STORE(file, events, samples, parameters, storage)                                                                          \
    "\"eventsys\": {\"file\": \"" file "\", \"events\": " events ", \"samples\": " samples ", \"parameters\": " parameters              \
    ", \"storage\": \"" storage "\"}"
#define GOOD STORE("p.npy", "3000", "[\"S\"]", "[\"JES\"]", "log")

START_TEST(malformed)
{
    static const struct {
        const char *member, *data, *text;
        sbi_status status;
    } cases[] = {
        {GOOD, ", \"data\": null", "", SBI_OK},
        {GOOD, "", "", SBI_OK},
        {GOOD, ", \"data\": 3", "/channels/0/samples/0/modifiers/0/data", SBI_ERR_FORMAT},
        {"", ", \"data\": null", "the channel has no packed store", SBI_ERR_FORMAT},
        {"\"eventsys\": []", ", \"data\": null", "/channels/0/eventsys", SBI_ERR_FORMAT},
        {STORE("p.npy", "2999", "[\"S\"]", "[\"JES\"]", "log"), "", "/channels/0/eventsys/events: 2999, but the channel has 3000",
         SBI_ERR_SHAPE},
        {STORE("p.npy", "3000", "[\"B\"]", "[\"JES\"]", "log"), "", "has no sample \"S\"", SBI_ERR_NOT_FOUND},
        {STORE("p.npy", "3000", "[\"S\"]", "[\"JER\"]", "log"), "", "has no parameter \"JES\"", SBI_ERR_NOT_FOUND},
        {STORE("p.npy", "3000", "[\"S\", \"S\"]", "[\"JES\"]", "log"), "", "/samples/1: \"S\" is named twice", SBI_ERR_FORMAT},
        {STORE("p.npy", "3000", "[\"S\"]", "[7]", "log"), "", "/parameters/0", SBI_ERR_FORMAT},
        {STORE("p.npy", "3000", "[\"S\"]", "[\"JES\"]", "sqrt"), "", "storage \"sqrt\"", SBI_ERR_FORMAT},
        {STORE("p.npy", "3000", "[\"S\"]", "[\"JES\", \"JER\"]", "log"), "", "p.npy: 2 parameters expected, 1 found", SBI_ERR_SHAPE},
        {STORE("p.npy", "3000", "[\"S\", \"B\"]", "[\"JES\"]", "log"), "", "p.npy: 2 samples expected, 1 found", SBI_ERR_SHAPE},
        {STORE("four.npy", "3000", "[\"S\"]", "[\"JES\"]", "log"), "", "four.npy: 5 dimensions expected, 4 found", SBI_ERR_SHAPE},
        {STORE("int.npy", "3000", "[\"S\"]", "[\"JES\"]", "log"), "", "int.npy: a packed store is f16", SBI_ERR_UNSUPPORTED},
        {STORE("short.npy", "3000", "[\"S\"]", "[\"JES\"]", "log"), "", "short.npy: 2 blocks expected, 1 found", SBI_ERR_SHAPE},
        {STORE("one.npy", "3000", "[\"S\"]", "[\"JES\"]", "log"), "", "one.npy: 2 sides expected, 1 found", SBI_ERR_SHAPE},
        {STORE("block.npy", "3000", "[\"S\"]", "[\"JES\"]", "log"), "", "block.npy: 2048 events in a block expected, 1024 found",
         SBI_ERR_SHAPE},
        {STORE("nobody.npy", "3000", "[\"S\"]", "[\"JES\"]", "log"), "", "/channels/0/eventsys/file: ", SBI_ERR_NOT_FOUND},
        {STORE("cut.npy", "3000", "[\"S\"]", "[\"JES\"]", "log"), "", "cut.npy", SBI_ERR_FORMAT},
        {STORE("p.npy", "3000", "[\"S\"]", "[\"JES\"]", "ratio"), "", "row 0: value is 0, must be positive", SBI_ERR_VALUE},
        {"\"eventsys\": {\"file\": \"p.npy\", \"file_integration\": \"p.npy\", \"events\": 3000, \"samples\": [\"S\"], \"parameters\": "
         "[\"JES\"], \"storage\": \"log\"}",
         "", "\"file_integration\" is given, but the channel has no integration sample", SBI_ERR_FORMAT},
        {"\"eventsys\": {\"file\": \"p.npy\", \"surprise\": 1}", "", "surprise", SBI_ERR_FORMAT},
    };
    static const int64_t good[5] = {2, 1, 1, 2, SBI_TAPE_BLOCK}, few[5] = {1, 1, 1, 2, SBI_TAPE_BLOCK};
    static const int64_t one[5] = {2, 1, 1, 1, SBI_TAPE_BLOCK}, block[5] = {2, 1, 1, 2, SBI_TAPE_BLOCK / 2};
    ck_assert_int_lt(_i, (int)(sizeof cases / sizeof cases[0]));
    cw_write(&w, ctx, "r.npy", 3, 3000, SBI_F64, SBI_MORPH_RATIO);
    write_store("p.npy", SBI_F32, 5, good);
    write_store("four.npy", SBI_F32, 4, good + 1);
    write_store("int.npy", SBI_I32, 5, good);
    write_store("short.npy", SBI_F32, 5, few);
    write_store("one.npy", SBI_F32, 5, one);
    write_store("block.npy", SBI_F32, 5, block);
    write_store("cut.npy", SBI_F32, 5, good);
    const test_path cut = folder_path(&w.folder, "cut.npy");
    ck_assert_int_eq(truncate(cut.text, 192 + 5000), 0);
    write_packed(cases[_i].member, cases[_i].data);
    for (int held = 0; held < 2; held++) {
        sbi_model *m;
        const sbi_status status = cw_load(&m, ctx, w.path.text, held ? SBI_COLUMN_MEMORY_DEFAULT : 0);
        ck_assert_msg(status == cases[_i].status, "case %d: %s: %s", _i, sbi_status_name(status), sbi_last_error());
        if (status != SBI_OK) SAYS(cases[_i].text);
        sbi_model_destroy(m);
    }
}
END_TEST

/* Documents that cannot be packed. */
START_TEST(unpackable)
{
    static const struct {
        const char *from, *to, *text;
        sbi_status status;
    } cases[] = {
        {"\"name\": \"JER\", \"type\": \"eventsys\"", "\"name\": \"JES\", \"type\": \"eventsys\"", "the modifier stands in this sample already",
         SBI_ERR_EXISTS},
        {"\"S_JES_hi.npy\"", "\"S.npx\"", "/channels/0/samples/0/modifiers/0/data/hi: ", SBI_ERR_NOT_FOUND},
        {"\"S_JES_hi.npy\"", "\"other.npy\"", "other.npy: 7 rows, but other columns have 3000", SBI_ERR_SHAPE},
        {"\"S_JES_hi.npy\"", "3", "/channels/0/samples/0/modifiers/0/data/hi", SBI_ERR_FORMAT},
        {"\"channels\": [{", "\"channels\": [3, {", "/channels/0", SBI_ERR_FORMAT},
    };
    make(3000, 0, SBI_F32, SBI_MORPH_LOG);
    cw_write(&w, ctx, "other.npy", 3, 7, SBI_F32, SBI_MORPH_RATIO);
    static char text[16384], changed[16384];
    FILE *f = fopen(w.path.text, "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    char *at = strstr(text, cases[_i].from);
    ck_assert_ptr_nonnull(at);
    if (_i == 2) { /* not the first column, which sets the number */
        at = strstr(text, "\"S_JES_lo.npy\"");
        ck_assert_ptr_nonnull(at);
    }
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, cases[_i].to, at + strlen(cases[_i].from));
    cw_text(&w.path, changed);
    const int files = folder_count(&w.folder);
    const test_path packed = folder_path(&w.folder, "p.json");
    const sbi_status status = sbi_workspace_pack(ctx, w.path.text, packed.text, NULL);
    ck_assert_msg(status == cases[_i].status, "%s: %s", sbi_status_name(status), sbi_last_error());
    SAYS(cases[_i].text);
    ck_assert_int_eq(folder_count(&w.folder), files);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

static sbi_status torture_pack(sbi_context *c, void *arg)
{
    (void)arg;
    const test_path packed = folder_path(&w.folder, "p.json"), store = folder_path(&w.folder, "p.channel0.npy");
    const test_path integration = folder_path(&w.folder, "p.channel0_integration.npy");
    const sbi_status status = sbi_workspace_pack(c, w.path.text, packed.text, NULL);
    const int there = (access(packed.text, F_OK) == 0) + (access(store.text, F_OK) == 0) + (access(integration.text, F_OK) == 0);
    ck_assert_int_eq(there, status == SBI_OK ? 3 : 0);
    unlink(packed.text);
    unlink(store.text);
    unlink(integration.text);
    return status;
}

START_TEST(memory_runs_out)
{
    make(100, 90, SBI_F32, SBI_MORPH_RATIO);
    ck_assert_int_gt(torture_allocations(torture_pack, NULL, 1 + _i, _i).requests, 50);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: packed stores");
    TCase *t = tcase_create("pack");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, round_trip, 0, 18);
    tcase_add_loop_test(t, values_refused, 0, 11);
    tcase_add_loop_test(t, bad_arguments, 0, 9);
    tcase_add_test(t, no_events);
    tcase_add_test(t, defaults);
    tcase_add_loop_test(t, other_folder, 0, 2);
    tcase_add_loop_test(t, nothing_is_replaced, 0, 2);
    tcase_add_loop_test(t, a_full_disk, 0, 3);
    tcase_add_loop_test(t, malformed, 0, 23);
    tcase_add_loop_test(t, unpackable, 0, 5);
    tcase_add_loop_test(t, memory_runs_out, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
