/* SPDX-License-Identifier: Apache-2.0 */
/* Malformed workspaces, columns and factor expressions: a status, one line with the place, and nothing left behind. */
#include <math.h>
#include <string.h>

#include "sbi/model.h"
#include "support/folder.h"
#include "support/run_suite.h"

#define DATA "tests/data/model/"

static sbi_context *ctx;

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

static void refuse(const char *text, const char *folder, sbi_status expected, const char *place)
{
    sbi_model *m = (sbi_model *)&ctx;
    sbi_status status = sbi_model_load_text(&m, ctx, text, strlen(text), folder);
    ck_assert_msg(status == expected, "%s\ngave %s: %s", text, sbi_status_name(status), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), place), "\"%s\" does not contain \"%s\"", sbi_last_error(), place);
    ck_assert_ptr_null(strchr(sbi_last_error(), '\n'));
    ck_assert_ptr_null(m);
}

/* One sample with ratio S.npy, a factor, and modifiers; mu is declared. */
static const char *one_sample(const char *factor, const char *modifiers)
{
    static char text[4096];
    snprintf(text, sizeof text,
             "{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 1, \"factor\": \"%s\","
             " \"ratio\": \"S.npy\", \"modifiers\": [%s]}]}], \"measurements\": [{\"config\": {\"poi\": \"mu\"}}]}",
             factor, modifiers);
    return text;
}

START_TEST(expressions)
{
    static const struct {
        const char *factor, *place;
    } cases[] = {{"mu - sqr(mu)", "column 6: unknown function \"sqr\""},
                 {"mu + kappa", "column 6: unknown parameter \"kappa\""},
                 {"", "column 1: the expression ends early"},
                 {"mu +", "column 5: the expression ends early"},
                 {"(mu", "column 4: \")\" was expected"},
                 {"mu mu", "column 4: unexpected \"m\""},
                 {"pow(mu)", "second argument"},
                 {"1e", "column 3: an exponent was expected"},
                 {"1e999", "too large"},
                 {"mu # 2", "column 4: unexpected \"#\""},
                 {".", "a number was expected"},
                 {"0x10", "column 2: unexpected \"x\""},
                 {"nan", "column 1: unknown parameter \"nan\""},
                 {"2(mu)", "column 2: unexpected \"(\""},
                 {"mu +\\n", "ends early"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse(one_sample(cases[i].factor, ""), DATA, SBI_ERR_FORMAT, cases[i].place);
    char deep[2000];
    memset(deep, '(', 1500);
    strcpy(deep + 1500, "mu");
    refuse(one_sample(deep, ""), DATA, SBI_ERR_FORMAT, "nested too deeply");
    memset(deep, '1', 300);
    deep[300] = '\0';
    refuse(one_sample(deep, ""), DATA, SBI_ERR_FORMAT, "the number is too long");
}
END_TEST

/* What the grammar means: precedence, signs, powers from the right. */
START_TEST(expression_values)
{
    static const struct {
        const char *factor;
        double value; /* at mu = 4 */
    } cases[] = {{"mu - sqrt(mu)", 2},  {"-mu^2 + 20", 4},          {"2*mu/8 + 1", 2},   {"2^3^0.5", 3.3219970854839125},
                 {"2 ** -1 * mu", 2},   {"pow(mu, 2) - 3*5", 1},    {"1.5e1 - 11", 4},   {"- -mu", 4},
                 {"exp(log(mu)) / 2", 2}, {"square(mu)/8 - tanh(0)", 2}, {"expm1(log1p(mu))", 4},
                 {"(mu - 7)^-2 * 9", 1}, {"(mu-6)^(4/2)", 4},     {"(mu - 4)^(1/2)", 0}, {"pow(mu - 4, 0.5)", 0},
                 {"1e-300 * 1e300", 1},  {"-2^2 + mu", 0},          {"2 - -mu", 6},        {"7/0.5/7", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sbi_model *m;
        const char *text = one_sample(cases[i].factor, "");
        ck_assert_msg(sbi_model_load_text(&m, ctx, text, strlen(text), DATA) == SBI_OK, "%s", sbi_last_error());
        double mu = 4, yield;
        ck_assert_int_eq(sbi_model_yields(m, 0, &mu, &yield), SBI_OK);
        ck_assert_double_eq_tol(yield, cases[i].value, 1e-12);
        sbi_model_destroy(m);
    }
}
END_TEST

/* Numbers are rounded correctly, to the bit, whatever the locale. */
START_TEST(numbers)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0.1", 0.1},       {"0.30000000000000004", 0.30000000000000004}, {"1e-310", 1e-310},
                 {"4.9e-324", 4.9e-324}, {"1.7976931348623157e308", 1.7976931348623157e308},
                 {"123456789012345678901234567890", 123456789012345678901234567890.0}, {"1e22", 1e22}, {"8.5e-23", 8.5e-23}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sbi_model *m;
        const char *text = one_sample(cases[i].text, "");
        ck_assert_msg(sbi_model_load_text(&m, ctx, text, strlen(text), DATA) == SBI_OK, "%s", sbi_last_error());
        double mu = 1, yield;
        ck_assert_int_eq(sbi_model_yields(m, 0, &mu, &yield), SBI_OK);
        ck_assert_msg(yield == cases[i].value, "%s gave %.17g", cases[i].text, yield);
        sbi_model_destroy(m);
    }
}
END_TEST

/* What stands in a workspace beside the channels. */
START_TEST(documents)
{
    const char *sample = "{\"name\": \"S\", \"yield\": 1, \"ratio\": \"S.npy\"}";
    static const struct {
        const char *rest;
        sbi_status status;
        const char *place;
    } cases[] = {
        {", \"measurement\": []", SBI_ERR_FORMAT, "unknown key \"measurement\""},
        {", \"version\": \"2.0.0\"", SBI_ERR_VERSION, "/version: version \"2.0.0\", this library reads \"1.0.0\""},
        {", \"observations\": [{\"name\": \"SR\", \"data\": [3]}]", SBI_ERR_FORMAT, "/observations/0: \"SR\" is not a binned"},
        {", \"measurements\": [{\"config\": {\"poi\": 3}}]", SBI_ERR_FORMAT, "/measurements/0/config/poi: expected a string"},
        {", \"measurements\": [{\"config\": {\"POI\": \"mu\"}}]", SBI_ERR_FORMAT, "/measurements/0/config: unknown key \"POI\""},
        {", \"measurements\": [{\"config\": {\"parameters\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}}]", SBI_ERR_EXISTS,
         "/measurements/0/config/parameters/1: parameter a is listed twice"},
        {", \"measurements\": [{\"config\": {\"parameters\": [{\"name\": \"a\", \"init\": [1]}]}}]", SBI_ERR_FORMAT,
         "/measurements/0/config/parameters/0: unknown key \"init\""},
        {", \"measurements\": [{\"config\": {\"parameters\": [{\"name\": \"a\", \"inits\": [1, 2]}]}}]", SBI_ERR_SHAPE,
         "/parameters/0/inits: 2 entries for 1 parameter"},
        {", \"measurements\": [{\"config\": {\"parameters\": [{\"name\": \"a\", \"bounds\": [[1, \"x\"]]}]}}]", SBI_ERR_FORMAT,
         "/parameters/0/bounds/0/1: "},
        {", \"measurements\": [{\"config\": {\"parameters\": [{\"name\": \"a\", \"bounds\": [[3, 2]]}]}}]", SBI_ERR_VALUE,
         "lower bound 3, upper bound 2"},
        {", \"measurements\": [{\"config\": {\"parameters\": [{\"name\": \"a\", \"auxdata\": [1]}]}}]", SBI_ERR_FORMAT,
         "/parameters/0: auxdata without sigmas"},
        {", \"measurements\": [{\"config\": {\"parameters\": [{\"name\": \"a\", \"auxdata\": [1], \"sigmas\": [0]}]}}]",
         SBI_ERR_VALUE, "sigma 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "{\"channels\": [{\"name\": \"SR\", \"samples\": [%s]}]%s}", sample, cases[i].rest);
        refuse(text, DATA, cases[i].status, cases[i].place);
    }
    refuse("{\"channels\": [3]}", DATA, SBI_ERR_FORMAT, "/channels/0: expected an object, found a number");
    refuse("{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"data\": [1], \"modifiers\": [{\"name\": \"h\","
           " \"type\": \"histosys\"}]}]}]}",
           DATA, SBI_ERR_FORMAT, "/channels/0: channel SR has no entry in \"observations\"");
}
END_TEST

START_TEST(modifiers)
{
#define NORMSYS "{\"name\": \"a\", \"type\": \"normsys\", \"data\": {\"hi\": 1.1, \"lo\": 0.9}}"
#define EVENTSYS "{\"name\": \"a\", \"type\": \"eventsys\", \"data\": {\"hi\": \"SBI.npy\", \"lo\": \"NI.npy\"}}"
#define NORMFACTOR "{\"name\": \"a\", \"type\": \"normfactor\", \"data\": null}"
    static const char *const good[] = {NORMSYS, EVENTSYS, NORMFACTOR};
    for (int i = 0; i < 3; i++) {
        char both[512];
        snprintf(both, sizeof both, "%s, %s", good[i], good[i]);
        refuse(one_sample("1", both), DATA, SBI_ERR_EXISTS, "a was added already");
    }
    static const struct {
        const char *modifier, *place;
        sbi_status status;
    } cases[] = {
        {"{\"name\": \"a\", \"type\": \"normsys\", \"data\": {\"hi\": 1.1, \"low\": 0.9}}",
         "/modifiers/0/data: unknown key \"low\"", SBI_ERR_FORMAT},
        {"{\"name\": \"a\", \"type\": \"normsys\", \"data\": {\"hi\": 1.1}}", "/modifiers/0/data", SBI_ERR_FORMAT},
        {"{\"name\": \"a\", \"type\": \"normsys\"}", "/modifiers/0", SBI_ERR_FORMAT},
        {"{\"name\": \"a\", \"type\": \"eventsys\", \"data\": {\"hi\": \"B.npy\", \"lo\": \"S.npy\"}}",
         "/modifiers/0/data/hi: B.npy: row 3: value is -0.01, must be positive", SBI_ERR_VALUE},
        {"{\"name\": \"a\", \"type\": \"eventsys\", \"data\": {\"hi\": \"S.npy\", \"lo\": \"S.npy\", \"storage\": \"sqrt\"}}",
         "storage \"sqrt\" is neither", SBI_ERR_FORMAT},
        {"{\"name\": \"a\", \"type\": \"eventsys\", \"data\": {\"hi\": \"S.npy\", \"lo\": \"S.npy\", \"hi_integration\": \"S.npy\"}}",
         "\"hi_integration\" is given, but the channel has no integration sample", SBI_ERR_FORMAT},
        {"{\"name\": \"a\", \"type\": \"normfactor\", \"data\": 3}", "/modifiers/0/data: expected", SBI_ERR_FORMAT},
        {"{\"name\": \"\", \"type\": \"normfactor\"}", "/modifiers/0", SBI_ERR_ARGUMENT},
        {"3", "/modifiers/0: expected an object, found a number", SBI_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse(one_sample("1", cases[i].modifier), DATA, cases[i].status, cases[i].place);
    /* logarithms may be negative */
    const char *text = one_sample("mu", "{\"name\": \"a\", \"type\": \"eventsys\", \"data\": {\"hi\": \"B.npy\", \"lo\": "
                                        "\"S.npy\", \"storage\": \"log\"}}");
    sbi_model *m;
    ck_assert_msg(sbi_model_load_text(&m, ctx, text, strlen(text), DATA) == SBI_OK, "%s", sbi_last_error());
    sbi_model_destroy(m);
}
END_TEST

START_TEST(workspaces)
{
    refuse("{", DATA, SBI_ERR_FORMAT, "line 1");
    refuse("[]", DATA, SBI_ERR_FORMAT, "expected an object, found an array");
    refuse("{\"channels\": []}", DATA, SBI_ERR_FORMAT, "/channels: there are no channels");
    refuse("{\"channels\": [{\"name\": 3, \"samples\": []}]}", DATA, SBI_ERR_FORMAT,
           "/channels/0/name: expected a string, found a number");
    refuse("{\"channels\": [{\"name\": \"SR\", \"samples\": []}]}", DATA, SBI_ERR_FORMAT, "no samples");
    refuse("{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": \"many\", \"ratio\": \"S.npy\"}]}]}",
           DATA, SBI_ERR_FORMAT, "/channels/0/samples/0/yield: expected a number, found a string");
    refuse("{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 1, \"ratio\": \"gone.npy\"}]}]}", DATA,
           SBI_ERR_NOT_FOUND, "gone.npy");
    refuse(one_sample("1", "{\"name\": \"x\", \"type\": \"shapesys\", \"data\": [1]}"), DATA, SBI_ERR_UNSUPPORTED,
           "\"shapesys\" needs a binned channel");
    refuse(one_sample("1", "{\"name\": \"x\", \"type\": \"magic\", \"data\": null}"), DATA, SBI_ERR_FORMAT,
           "/channels/0/samples/0/modifiers/0: unknown modifier type \"magic\"");
    refuse(one_sample("1", "{\"name\": \"x\", \"type\": \"normsys\", \"data\": {\"hi\": -1, \"lo\": 1}}"), DATA, SBI_ERR_VALUE,
           "must be positive");
    refuse(one_sample("1", "{\"name\": \"x\", \"type\": \"eventsys\", \"data\": {\"hi\": \"weights_integration.npy\", \"lo\": "
                           "\"S.npy\"}}"),
           DATA, SBI_ERR_SHAPE,
           "/channels/0/samples/0/modifiers/0/data/hi: weights_integration.npy: 80 rows, but S.npy has 60");
    refuse("{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 1, \"ratio\": \"S.npy\", \"modifiers\": "
           "[{\"name\": \"a\", \"type\": \"normsys\", \"data\": {\"hi\": 1.1, \"lo\": 0.9}}]}]}], \"measurements\": [{\"config\": "
           "{\"poi\": \"\", \"parameters\": [{\"name\": \"a\", \"inits\": [7]}]}}]}",
           DATA, SBI_ERR_VALUE, "start 7 is outside its bounds");
}
END_TEST

static void write_column(const test_folder *f, const char *name, double *values, int64_t n)
{
    test_path p = folder_path(f, name);
    sbi_array a = sbi_array_1d(values, SBI_F64, n);
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &a), SBI_OK);
}

START_TEST(columns)
{
    test_folder f = folder_make();
    double good[3] = {1, 1, 1}, nan_at_1[3] = {1, NAN, 1}, negative[3] = {1, 1, -0.5};
    write_column(&f, "S.npy", good, 3);
    write_column(&f, "nan.npy", nan_at_1, 3);
    write_column(&f, "negative.npy", negative, 3);
    const char *format = "{\"channels\": [{\"name\": \"SR\", \"events\": {\"weights\": \"%s\"%s}, \"samples\": [{\"name\": \"S\","
                         " \"yield\": 1, \"ratio\": \"S.npy\"}]}], \"measurements\": [{\"config\": {\"poi\": \"mu\"}}]}";
    char text[1024];
    snprintf(text, sizeof text, format, "nan.npy", "");
    refuse(text, f.path, SBI_ERR_VALUE, "/channels/0/events/weights: nan.npy: row 1: weight is NaN");
    snprintf(text, sizeof text, format, "negative.npy", "");
    refuse(text, f.path, SBI_ERR_VALUE, "negative.npy: row 2: weight is -0.5, and negative weights are not allowed");
    snprintf(text, sizeof text, format, "negative.npy", ", \"allow_negative_weights\": true");
    sbi_model *m;
    ck_assert_msg(sbi_model_load_text(&m, ctx, text, strlen(text), f.path) == SBI_OK, "%s", sbi_last_error());
    sbi_model_destroy(m);

    /* The integration sample has a permission of its own, and both samples' columns come together. */
    const char *integration = "{\"channels\": [{\"name\": \"SR\", \"events\": {%s}, \"integration\": {\"weights\": \"negative.npy\"%s},"
                              " \"samples\": [{\"name\": \"S\", \"yield\": 1, \"ratio\": \"S.npy\"%s}]}],"
                              " \"measurements\": [{\"config\": {\"poi\": \"mu\"}}]}";
    const char *over = ", \"ratio_integration\": \"S.npy\"", *allow = ", \"allow_negative_weights\": true";
    snprintf(text, sizeof text, integration, allow + 2, "", over);
    refuse(text, f.path, SBI_ERR_VALUE, "/channels/0/integration/weights: negative.npy: row 2: weight is -0.5");
    snprintf(text, sizeof text, integration, "", allow, "");
    refuse(text, f.path, SBI_ERR_FORMAT, "\"ratio_integration\" is missing, but the channel has an integration sample");
    snprintf(text, sizeof text, integration, "", allow, over);
    ck_assert_msg(sbi_model_load_text(&m, ctx, text, strlen(text), f.path) == SBI_OK, "%s", sbi_last_error());
    sbi_model_destroy(m);

    /* Files that are not columns. */
    sbi_array table = sbi_array_2d(good, SBI_F64, 1, 3);
    test_path p = folder_path(&f, "table.npy");
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &table), SBI_OK);
    snprintf(text, sizeof text, format, "table.npy", "");
    refuse(text, f.path, SBI_ERR_SHAPE, "/channels/0/events/weights: table.npy: ");
    p = folder_path(&f, "cut.npy");
    write_column(&f, "cut.npy", good, 3);
    ck_assert_int_eq(truncate(p.text, 140), 0);
    snprintf(text, sizeof text, format, "cut.npy", "");
    refuse(text, f.path, SBI_ERR_FORMAT, "cut.npy");
    folder_remove(&f);
}
END_TEST

/* lambda <= 0: the value is +inf, and the events are counted. */
START_TEST(negative_density)
{
    double ratio[4] = {1, 2, -1, 0.5}, weights[4] = {1, 1, 1, 1};
    sbi_array r = sbi_array_1d(ratio, SBI_F64, 4), w = sbi_array_1d(weights, SBI_F64, 4);
    sbi_model *m;
    size_t channel, sample;
    ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
    sbi_parameter mu;
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    ck_assert_int_eq(sbi_model_add_parameter(m, "mu", &mu), SBI_OK);
    ck_assert_int_eq(sbi_model_add_channel(m, "SR", 4, &w, NULL, 0, &channel), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "S", 3, "mu", &r, NULL, &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_seal(m), SBI_OK);
    sbi_model_work *work;
    ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
    double theta = 1, value;
    ck_assert_int_eq(sbi_model_nll(work, &theta, &value, NULL), SBI_OK);
    ck_assert(isinf(value) && value > 0);
    sbi_tape_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sbi_model_last_info(work, &info), SBI_OK);
    ck_assert_int_eq(info.bad_events, 1);
    ck_assert_int_eq(info.first_bad_event, 2);
    sbi_model_work_destroy(work);
    sbi_model_destroy(m);
}
END_TEST

START_TEST(null_arguments)
{
    sbi_model *m;
    ck_assert_int_eq(sbi_model_load(NULL, ctx, "x"), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_load(&m, NULL, "x"), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_seal(NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_nll(NULL, NULL, NULL, NULL), SBI_ERR_ARGUMENT);
    sbi_model_destroy(NULL);
    sbi_model_work_destroy(NULL);
    ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
    sbi_parameter p;
    sbi_parameter_init(&p);
    p.struct_size = 4;
    ck_assert_int_eq(sbi_model_add_parameter(m, "a", &p), SBI_ERR_ABI);
    sbi_parameter_init(&p);
    p.reserved_ = 1;
    ck_assert_int_eq(sbi_model_add_parameter(m, "a", &p), SBI_ERR_ARGUMENT);
    sbi_parameter_init(&p);
    p.lower = 2;
    p.upper = 1;
    ck_assert_int_eq(sbi_model_add_parameter(m, "a", &p), SBI_ERR_VALUE);
    ck_assert_int_eq(sbi_model_seal(m), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_start(NULL, NULL), SBI_ERR_ARGUMENT);
    sbi_model_destroy(m);
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    options.struct_size = 4;
    const char *text = one_sample("1", "");
    ck_assert_int_eq(sbi_model_load_text_with(&m, ctx, text, strlen(text), DATA, &options), SBI_ERR_ABI);
    sbi_workspace_options_init(&options);
    options.reserved_ = 1;
    ck_assert_int_eq(sbi_model_load_text_with(&m, ctx, text, strlen(text), DATA, &options), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: bad input");
    TCase *t = tcase_create("bad input");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, expressions);
    tcase_add_test(t, expression_values);
    tcase_add_test(t, numbers);
    tcase_add_test(t, documents);
    tcase_add_test(t, modifiers);
    tcase_add_test(t, workspaces);
    tcase_add_test(t, columns);
    tcase_add_test(t, negative_density);
    tcase_add_test(t, null_arguments);
    suite_add_tcase(s, t);
    return run_suite(s);
}
