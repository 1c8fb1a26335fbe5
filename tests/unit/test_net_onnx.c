/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX: files of other exporters against onnxruntime's values, files of ours byte for byte, and what is refused by name.
 * tests/reference/onnx_files.py made the files and values, and lets onnxruntime run those that we write. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "net/network.h"
#include "net/onnx.h"
#include "reference/onnx_values.h"
#include "sbi/onnx.h"
#include "sbi/ratio.h"
#include "support/data.h"
#include "support/run_suite.h"

#define N_CASES (sizeof onnx_cases / sizeof onnx_cases[0])

static sbi_context *ctx;
static test_folder folder;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s: %s", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

static sbi_network *read_case(const char *format, const char *name)
{
    char path[96];
    snprintf(path, sizeof path, format, name);
    sbi_network *net;
    ok(sbi_network_read_onnx(&net, ctx, data_path(path).text));
    return net;
}

static void same_bytes(const char *a, const char *b)
{
    void *x, *y;
    size_t n, m;
    ok(sbi_file_read(ctx, a, 0, &x, &n));
    ok(sbi_file_read(ctx, b, 0, &y, &m));
    ck_assert_msg(n == m && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
    sbi_free(ctx, x);
    sbi_free(ctx, y);
}

static void same_network(const sbi_network *a, const sbi_network *b)
{
    ck_assert_int_eq(a->mlp.layers, b->mlp.layers);
    ck_assert_int_eq(a->mlp.activation, b->mlp.activation);
    ck_assert_mem_eq(a->mlp.size, b->mlp.size, sizeof(int64_t) * (size_t)(a->mlp.layers + 1));
    ck_assert_mem_eq(a->mlp.norm, b->mlp.norm, sizeof a->mlp.norm);
    ck_assert_mem_eq(a->mlp.residual, b->mlp.residual, sizeof a->mlp.residual);
    ck_assert_mem_eq(a->mlp.linear, b->mlp.linear, sizeof a->mlp.linear);
    ck_assert_float_eq(a->mlp.slope, b->mlp.slope);
    ck_assert_float_eq(a->mlp.epsilon, b->mlp.epsilon);
    ck_assert_mem_eq(a->params, b->params, sizeof(float) * (size_t)a->mlp.n);
    ck_assert_mem_eq(a->shift, b->shift, sizeof(double) * (size_t)a->mlp.size[0]);
    ck_assert_mem_eq(a->scale, b->scale, sizeof(double) * (size_t)a->mlp.size[0]);
    for (int64_t j = 0; j < a->mlp.size[0]; j++) ck_assert_str_eq(a->names[j], b->names[j]);
}

/* ---- files of others ---- */

START_TEST(files_of_others_give_what_onnxruntime_says)
{
    const onnx_case *c = &onnx_cases[_i];
    sbi_network *net = read_case("onnx/%s.onnx", c->name);
    const sbi_array x = sbi_array_2d(onnx_x, SBI_F64, ONNX_EVENTS, ONNX_FEATURES);
    double z[ONNX_HEADS * ONNX_EVENTS];
    ck_assert_int_eq(sbi_mlp_outputs(&net->mlp), c->outputs);
    ok(sbi_network_evaluate_all(net, &x, z));
    for (int i = 0; i < ONNX_EVENTS * c->outputs; i++) {
        const double value = c->end == ONNX_SIGMOID ? 1 / (1 + exp(-z[i])) : c->end == ONNX_EXP ? exp(z[i]) : z[i];
        ck_assert_msg(fabs(value - c->value[i]) < 3e-6 * (1 + fabs(c->value[i])), "%s: event %d: %.9g, onnxruntime has %.9g", c->name, i,
                      value, c->value[i]);
    }
    /* What we write of it is stored, so that onnxruntime could run it; and it reads back with every bit. */
    char name[96];
    snprintf(name, sizeof name, "onnx/written/%s.onnx", c->name);
    const test_path path = folder_path(&folder, "again.onnx");
    ok(sbi_network_write_onnx(net, path.text, NULL));
    same_bytes(path.text, data_path(name).text);
    sbi_network *again;
    ok(sbi_network_read_onnx(&again, ctx, path.text));
    same_network(net, again);
    sbi_network_destroy(again);
    sbi_network_destroy(net);
}
END_TEST

static char said[512];

static void listen(void *user, int32_t level, const char *message)
{
    (void)user;
    ck_assert_int_eq(level, SBI_LOG_INFO);
    snprintf(said, sizeof said, "%s", message);
}

START_TEST(a_final_sigmoid_is_left_out_and_the_log_says_so)
{
    sbi_context *own;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.log = listen;
    o.log_level = SBI_LOG_INFO;
    ok(sbi_context_create(&own, &o));
    sbi_network *net;
    ok(sbi_network_read_onnx(&net, own, data_path("onnx/keras_relu.onnx").text));
    ck_assert_msg(strstr(said, "keras_relu.onnx: output \"output\": the final Sigmoid is left out"), "the log says \"%s\"", said);
    /* Its Normalization layer is the standardisation. */
    ck_assert_double_ne(net->shift[0], 0);
    ck_assert_double_ne(net->scale[0], 1);
    ck_assert_int_eq(net->mlp.activation, SBI_ACTIVATION_RELU);
    sbi_network_destroy(net);
    sbi_context_destroy(own);
}
END_TEST

typedef struct refusal {
    const char *name;
    sbi_status status;
    const char *text;
} refusal;

static const refusal refusals[] = {
    {"softmax", SBI_ERR_UNSUPPORTED, "node 2 \"Softmax_2\" (Softmax): this operator is not supported"},
    {"sigmoid", SBI_ERR_UNSUPPORTED, "node 3 \"MatMul_3\" (MatMul): its input is neither"},
    {"alpha", SBI_ERR_UNSUPPORTED, "node 2 \"LeakyRelu_2\" (LeakyRelu): alpha is 1.5"},
    {"tanh_gelu", SBI_ERR_UNSUPPORTED, "approximate is \"tanh\""},
    {"axis", SBI_ERR_UNSUPPORTED, "(LayerNormalization): axis is 0"},
    {"mean", SBI_ERR_UNSUPPORTED, "(MatMul): its input is neither"},
    {"twice", SBI_ERR_UNSUPPORTED, "(Add): of two computed tensors, only of a layer's result"},
    {"epsilon", SBI_ERR_UNSUPPORTED, "node 4: its output is normalised with epsilon 0.001, but layers before with 1e-05"},
    {"overlap", SBI_ERR_ARGUMENT, "overlaps another"},
    {"domain", SBI_ERR_UNSUPPORTED, "(FastGelu): operators of domain \"com.microsoft\""},
    {"scaled", SBI_ERR_UNSUPPORTED, "output \"output\" is a layer's output that was scaled"},
    {"opset", SBI_ERR_UNSUPPORTED, "opset 6, expected 7 or later"},
    {"training", SBI_ERR_UNSUPPORTED, "(Dropout): it is in training mode"},
    {"half", SBI_ERR_UNSUPPORTED, "(Cast): to data type 10"},
    {"residual", SBI_ERR_UNSUPPORTED, "(Relu): its input has to be the output of a layer"},
    {"mixed", SBI_ERR_UNSUPPORTED, "node 6: its input is tanh of a layer, but layers before have relu"},
    {"shape", SBI_ERR_SHAPE, "node 0 \"MatMul_0\" (MatMul): its weights take 5 columns, its input has 4"},
    {"nan", SBI_ERR_VALUE, "node 0: weight 2 is"},
    {"f16", SBI_ERR_UNSUPPORTED, "tensor \"c0\": data type 10"},
    {"inputs", SBI_ERR_UNSUPPORTED, "2 inputs and 1 outputs"},
    {"symbolic", SBI_ERR_UNSUPPORTED, "input \"input\": the number of features is not fixed"},
    {"external", SBI_ERR_UNSUPPORTED, "tensor \"c0\": its data are in another file"},
    {"dims", SBI_ERR_FORMAT, "tensor \"c0\": its shape has"},
    {"name", SBI_ERR_FORMAT, "(MatMul): input \"nothing\" comes from nowhere"},
};

START_TEST(what_is_not_supported_is_named)
{
    const refusal *c = &refusals[_i];
    char name[96];
    snprintf(name, sizeof name, "onnx/bad_%s.onnx", c->name);
    const test_path path = data_path(name);
    sbi_network *net = (sbi_network *)folder.path;
    fails(sbi_network_read_onnx(&net, ctx, path.text), c->status, c->text);
    ck_assert_ptr_null(net);
    ck_assert_msg(strncmp(sbi_last_error(), path.text, strlen(path.text)) == 0, "the message does not begin with the file: %s",
                  sbi_last_error());
}
END_TEST

START_TEST(files_that_are_no_onnx)
{
    sbi_network *net;
    fails(sbi_network_read_onnx(&net, ctx, folder_path(&folder, "none.onnx").text), SBI_ERR_NOT_FOUND, "none.onnx");
    fails(sbi_network_read_onnx_memory(&net, ctx, "", 0, "empty"), SBI_ERR_FORMAT, "empty: there is no graph");
    fails(sbi_network_read_onnx_memory(&net, ctx, "\x93NUMPY\x01\x00", 8, "npy"), SBI_ERR_FORMAT, "npy: model: field");
    fails(sbi_network_read_onnx_memory(&net, ctx, "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, "long"), SBI_ERR_FORMAT,
          "bytes, 0 are left");
    fails(sbi_network_read_onnx_memory(&net, ctx, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "wide"), SBI_ERR_FORMAT,
          "more than 64 bits");
    fails(sbi_network_read_onnx(NULL, ctx, "x"), SBI_ERR_ARGUMENT, "out is NULL");
    fails(sbi_network_read_onnx(&net, NULL, "x"), SBI_ERR_ARGUMENT, "ctx or path is NULL");
}
END_TEST

/* ---- files of ours ---- */

/* A network d -> 6 -> 5 -> 1 with fixed random numbers, standardised if asked. */
static sbi_network *make(int32_t activation, int32_t layers, uint64_t seed, int standardised)
{
    enum { D = ONNX_FEATURES };
    sbi_mlp mlp = {.layers = layers, .activation = activation};
    const int64_t size[4] = {D, 6, 5, 1};
    memcpy(mlp.size, size, sizeof size);
    mlp.size[layers] = 1;
    ok(sbi_mlp_finish(&mlp));
    sbi_network *net;
    ok(sbi_network_new(&net, ctx, &mlp));
    for (int32_t l = 0; l < layers; l++) {
        for (int64_t k = 0; k < mlp.size[l] * mlp.size[l + 1]; k++)
            net->params[mlp.w[l] + k] = (float)(0.6 * sbi_random_normal(seed, 1, (uint64_t)(mlp.w[l] + k)));
        for (int64_t k = 0; k < mlp.size[l + 1]; k++)
            net->params[mlp.b[l] + k] = (float)(0.6 * sbi_random_normal(seed, 2, (uint64_t)(mlp.b[l] + k)));
    }
    for (int j = 0; standardised && j < D; j++) {
        net->shift[j] = sbi_random_normal(seed, 3, (uint64_t)j);
        net->scale[j] = 1 / (1.1 + j);
    }
    ok(sbi_network_set_name(net, 1, "m_\xc3\xa9\"jj"));
    return net;
}

START_TEST(round_trips_keep_every_bit)
{
    const int32_t activation = 1 + _i % 6;
    const int standardised = (_i + _i / 6) % 2, layers = 1 + _i / 6;
    sbi_network *net = make(activation, layers, (uint64_t)_i, standardised), *again;
    if (layers == 1) net->mlp.activation = SBI_ACTIVATION_SILU; /* there is none: any one will do */
    const test_path path = folder_path(&folder, "net.onnx"), second = folder_path(&folder, "second.onnx");
    for (int32_t dtype = SBI_F32; dtype <= SBI_F64; dtype++) {
        for (int32_t output = SBI_ONNX_LOG_RATIO; output <= SBI_ONNX_RATIO; output++) {
            sbi_onnx_options o = SBI_ONNX_OPTIONS_INIT;
            o.dtype = dtype;
            o.output = output;
            o.input_name = "x";
            ok(sbi_network_write_onnx(net, path.text, &o));
            ok(sbi_network_read_onnx(&again, ctx, path.text));
            same_network(net, again);
            ok(sbi_network_write_onnx(again, second.text, &o));
            same_bytes(path.text, second.text);
            sbi_network_destroy(again);
        }
    }
    sbi_network_destroy(net);
}
END_TEST

START_TEST(a_correction_is_inside)
{
    sbi_network *net = make(SBI_ACTIVATION_GELU, 3, 5, 1), *again;
    const test_path path = folder_path(&folder, "net.onnx");
    const sbi_array x = sbi_array_2d(onnx_x, SBI_F64, ONNX_EVENTS, ONNX_FEATURES);
    double z[ONNX_EVENTS], corrected[ONNX_EVENTS];
    sbi_onnx_options o = SBI_ONNX_OPTIONS_INIT;
    o.correction = 1.5;
    ok(sbi_network_write_onnx(net, path.text, &o));
    ok(sbi_network_read_onnx(&again, ctx, path.text));
    ok(sbi_network_evaluate(net, &x, z));
    ok(sbi_network_evaluate(again, &x, corrected));
    for (int i = 0; i < ONNX_EVENTS; i++) ck_assert_double_eq_tol(z[i] - log(1.5), corrected[i], 1e-6);
    sbi_network_destroy(again);
    sbi_network_destroy(net);
}
END_TEST

START_TEST(ensembles_are_what_onnxruntime_ran)
{
    static const struct {
        const char *name;
        size_t n;
        int32_t combination, output, dtype;
        double correction;
    } cases[] = {
        {"mean_ratio", 4, SBI_COMBINE_MEAN_RATIO, SBI_ONNX_LOG_RATIO, SBI_F32, 1},
        {"mean_log", 3, SBI_COMBINE_MEAN_LOG, SBI_ONNX_LOG_RATIO, SBI_F64, 1},
        {"median_3", 3, SBI_COMBINE_MEDIAN, SBI_ONNX_LOG_RATIO, SBI_F32, 1},
        {"median_4", 4, SBI_COMBINE_MEDIAN, SBI_ONNX_RATIO, SBI_F64, 1.25},
    };
    static const char *const members[] = {ONNX_MEMBERS};
    sbi_network *networks[4], *none;
    sbi_ensemble *ens;
    for (size_t m = 0; m < cases[_i].n; m++) networks[m] = read_case("onnx/%s.onnx", members[m]);
    ok(sbi_ensemble_create(&ens, ctx, networks, cases[_i].n));
    ok(sbi_ensemble_set_combination(ens, cases[_i].combination));
    sbi_onnx_options o = SBI_ONNX_OPTIONS_INIT;
    o.output = cases[_i].output;
    o.dtype = cases[_i].dtype;
    o.correction = cases[_i].correction;
    char stored[96];
    snprintf(stored, sizeof stored, "onnx/written/%s.onnx", cases[_i].name);
    const test_path path = folder_path(&folder, "ensemble.onnx");
    ok(sbi_ensemble_write_onnx(ens, path.text, &o));
    same_bytes(path.text, data_path(stored).text);
    /* onnxruntime's values of that very file. */
    const onnx_case *wanted = NULL;
    for (size_t k = 0; k < sizeof onnx_ensembles / sizeof onnx_ensembles[0]; k++)
        if (strcmp(onnx_ensembles[k].name, cases[_i].name) == 0) wanted = &onnx_ensembles[k];
    ck_assert_ptr_nonnull(wanted);
    const sbi_array x = sbi_array_2d(onnx_x, SBI_F64, ONNX_EVENTS, ONNX_FEATURES);
    double value[ONNX_EVENTS];
    sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
    r.output = o.output == SBI_ONNX_RATIO ? SBI_RATIO_VALUE : SBI_RATIO_LOG;
    r.correction = o.correction;
    ok(sbi_ratio_evaluate(ens, &x, value, NULL, &r));
    for (int i = 0; i < ONNX_EVENTS; i++) ck_assert_double_eq_tol(value[i], wanted->value[i], 1e-5 * (1 + fabs(value[i])));
    /* One network is not all of them. */
    fails(sbi_network_read_onnx(&none, ctx, path.text), SBI_ERR_UNSUPPORTED, "(Gemm): its input is used both with and without");
    sbi_ensemble_destroy(ens);
    for (size_t m = 0; m < cases[_i].n; m++) sbi_network_destroy(networks[m]);
}
END_TEST

START_TEST(options_out_of_range)
{
    sbi_network *net = make(SBI_ACTIVATION_RELU, 2, 1, 0);
    const test_path path = folder_path(&folder, "net.onnx");
    sbi_onnx_options o;
    sbi_onnx_options_init(&o);
    o.output = 2;
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ARGUMENT, "output is 2");
    sbi_onnx_options_init(&o);
    o.dtype = SBI_F16;
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ARGUMENT, "dtype is 1");
    sbi_onnx_options_init(&o);
    o.correction = -1;
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ARGUMENT, "correction is -1");
    sbi_onnx_options_init(&o);
    o.input_name = "a b";
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ARGUMENT, "input_name: character 1");
    o.input_name = "";
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ARGUMENT, "input_name is empty");
    o.input_name = "sbi/x";
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ARGUMENT, "graph's own");
    o.input_name = o.output_name = "x";
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ARGUMENT, "both named \"x\"");
    sbi_onnx_options_init(&o);
    o.struct_size = 3;
    fails(sbi_network_write_onnx(net, path.text, &o), SBI_ERR_ABI, "sbi_onnx_options");
    fails(sbi_network_write_onnx(net, folder_path(&folder, "none/net.onnx").text, NULL), SBI_ERR_NOT_FOUND, "none/net.onnx");
    fails(sbi_ensemble_write_onnx(NULL, path.text, NULL), SBI_ERR_ARGUMENT, "ens or path is NULL");
    ck_assert_int_eq(sbi_path_exists(path.text), 0);
    sbi_network_destroy(net);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net: ONNX");
    TCase *t = tcase_create("onnx");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, files_of_others_give_what_onnxruntime_says, 0, (int)N_CASES);
    tcase_add_test(t, a_final_sigmoid_is_left_out_and_the_log_says_so);
    tcase_add_loop_test(t, what_is_not_supported_is_named, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(t, files_that_are_no_onnx);
    tcase_add_loop_test(t, round_trips_keep_every_bit, 0, 18);
    tcase_add_test(t, a_correction_is_inside);
    tcase_add_loop_test(t, ensembles_are_what_onnxruntime_ran, 0, 4);
    tcase_add_test(t, options_out_of_range);
    suite_add_tcase(s, t);
    return run_suite(s);
}
