/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/sha256.h"
#include "jobs/search.h"
#include "net/network.h"
#include "net/train.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *part)
{
    ck_assert_msg(status == expected, "%s instead of %s: %s", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), part), "\"%s\" is not in: %s", part, sbi_last_error());
}

static sbi_context *context_of(int32_t threads)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = threads;
    sbi_context *ctx;
    ok(sbi_context_create(&ctx, &o));
    return ctx;
}

static sbi_train_options small(int32_t epochs)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 8;
    o.epochs = epochs;
    o.batch = 100;
    o.validation_fraction = 0.25;
    return o;
}

static sbi_search *parsed(sbi_context *ctx, const sbi_train_options *base, const char *text)
{
    sbi_search *s = NULL;
    ok(sbi_search_parse(&s, ctx, base, text, strlen(text)));
    return s;
}

static sbi_search_trial trial_of(const sbi_search *s, size_t index)
{
    sbi_search_trial t = {.struct_size = (uint32_t)sizeof t};
    ok(sbi_search_trial_get(s, index, &t));
    return t;
}

static sbi_train_options options_of(const sbi_search *s, size_t index)
{
    sbi_train_options o = {.struct_size = (uint32_t)sizeof o};
    ok(sbi_search_trial_options(s, index, &o));
    return o;
}

/* ---- planning ---- */

START_TEST(grids)
{
    sbi_context *ctx = context_of(1);
    sbi_train_options base = small(4);
    sbi_search *s = parsed(ctx, &base, "{\"space\": {\"width\": [4, 8], \"learning_rate\": {\"log\": [1e-4, 1e-2], \"points\": 3}}}");
    ck_assert_uint_eq(sbi_search_trials(s), 6);
    const double rates[3] = {1e-4, 1e-3, 1e-2};
    for (size_t i = 0; i < 6; i++) {
        const sbi_train_options o = options_of(s, i);
        ck_assert_int_eq(o.width, i < 3 ? 4 : 8);
        ck_assert_double_eq_tol(o.learning_rate, rates[i % 3], 1e-15);
        ck_assert_int_eq(o.depth, 1);
        ck_assert_int_eq(trial_of(s, i).state, SBI_TRIAL_PLANNED);
    }
    sbi_search_destroy(s);

    const double widths[2] = {4, 8};
    const sbi_search_range ranges[2] = {{"depth", SBI_RANGE_INTEGER, 0, 1, 3, NULL, 0}, {"width", SBI_RANGE_VALUES, 0, 0, 0, widths, 2}};
    sbi_search_options o = SBI_SEARCH_OPTIONS_INIT;
    o.ranges = ranges;
    o.n_ranges = 2;
    ok(sbi_search_create(&s, ctx, &base, &o));
    ck_assert_uint_eq(sbi_search_trials(s), 6);
    ck_assert_int_eq(options_of(s, 3).depth, 2);
    ck_assert_int_eq(options_of(s, 3).width, 8);
    sbi_search_destroy(s);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(random_draws)
{
    sbi_context *ctx = context_of(1);
    sbi_train_options base = small(4);
    const char *text = "{\"method\": \"random\", \"trials\": 400, \"seed\": 7, \"space\": {\"width\": {\"log_integer\": [4, 256]}, \"depth\": "
                       "{\"integer\": [1, 4]}, \"learning_rate\": {\"log\": [1e-4, 1e-2]}, \"beta1\": {\"linear\": [0.5, 0.9]}, \"batch\": [64, 128]}}";
    sbi_search *s = parsed(ctx, &base, text), *again = parsed(ctx, &base, text);
    /* One range less changes no draw of the others. */
    sbi_search *fewer = parsed(ctx, &base, "{\"method\": \"random\", \"trials\": 400, \"seed\": 7, \"space\": {\"learning_rate\": {\"log\": [1e-4, 1e-2]}}}");
    double log_rate = 0, beta = 0;
    int depths[5] = {0}, below = 0, batches = 0;
    for (size_t i = 0; i < 400; i++) {
        const sbi_train_options o = options_of(s, i), p = options_of(again, i), q = options_of(fewer, i);
        ck_assert(memcmp(&o, &p, sizeof o) == 0);
        ck_assert(o.learning_rate == q.learning_rate);
        ck_assert(o.width >= 4 && o.width <= 256 && o.depth >= 1 && o.depth <= 4 && o.beta1 >= 0.5 && o.beta1 <= 0.9);
        ck_assert(o.learning_rate >= 1e-4 && o.learning_rate <= 1e-2 && (o.batch == 64 || o.batch == 128));
        log_rate += log10(o.learning_rate) / 400;
        beta += o.beta1 / 400;
        depths[o.depth]++;
        below += o.width < 32; /* half of the logarithm */
        batches += o.batch == 64;
    }
    /* Five standard errors of 400 draws. */
    ck_assert_double_eq_tol(log_rate, -3, 5 * 2 / sqrt(12 * 400));
    ck_assert_double_eq_tol(beta, 0.7, 5 * 0.4 / sqrt(12 * 400));
    for (int d = 1; d <= 4; d++) ck_assert_double_eq_tol(depths[d], 100, 5 * sqrt(75));
    ck_assert_double_eq_tol(below, 200, 50);
    ck_assert_double_eq_tol(batches, 200, 50);
    sbi_search_destroy(s);
    sbi_search_destroy(again);
    sbi_search_destroy(fewer);
    sbi_context_destroy(ctx);
}
END_TEST

/* Successive halving and hyperband against table 1 of arXiv 1603.06560 (R = 81, eta = 3). */
START_TEST(rungs_of_the_paper)
{
    static const int n[5] = {81, 34, 15, 8, 5};
    static const int survivors[5][5] = {{81, 27, 9, 3, 1}, {34, 11, 3, 1, 0}, {15, 5, 1, 0, 0}, {8, 2, 0, 0, 0}, {5, 0, 0, 0, 0}};
    sbi_context *ctx = context_of(1);
    sbi_train_options base = small(81);
    sbi_search *s = parsed(ctx, &base, "{\"method\": \"random\", \"strategy\": \"hyperband\", \"space\": {\"learning_rate\": {\"log\": [1e-4, 1e-2]}}}");
    ck_assert_int_eq(s->n_rungs, 5);
    ck_assert_int_eq(s->n_brackets, 5);
    for (int b = 0, first = 0; b < 5; first += n[b++]) {
        ck_assert_int_eq(s->rungs[b], (int)pow(3, b));
        ck_assert_uint_eq(s->brackets[b].n, (size_t)n[b]);
        ck_assert_uint_eq(s->brackets[b].first, (size_t)first);
        for (int k = 0; b + k < 5; k++) ck_assert_uint_eq(sbi_search_quota(s, &s->brackets[b], k), (size_t)survivors[b][k]);
    }
    sbi_search_destroy(s);
    base.epochs = 100;
    s = parsed(ctx, &base, "{\"method\": \"random\", \"strategy\": \"halving\", \"trials\": 50, \"min_epochs\": 3, \"space\": {\"width\": [4]}}");
    static const int rungs[4] = {3, 11, 33, 100}, quota[4] = {50, 16, 5, 1};
    ck_assert_int_eq(s->n_rungs, 4);
    for (int k = 0; k < 4; k++) {
        ck_assert_int_eq(s->rungs[k], rungs[k]);
        ck_assert_uint_eq(sbi_search_quota(s, &s->brackets[0], k), (size_t)quota[k]);
    }
    sbi_search_destroy(s);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(wrong_searches)
{
    static const struct {
        const char *text;
        sbi_status status;
        const char *part;
    } wrong[] = {
        {"{\"space\": {\"learning_rat\": [1]}}", SBI_ERR_NOT_FOUND, "learning_rat"},
        {"{\"space\": {\"members\": [1, 2]}}", SBI_ERR_NOT_FOUND, "members"},
        {"{\"space\": {\"width\": [4.5]}}", SBI_ERR_ARGUMENT, "4.5"},
        {"{\"space\": {\"width\": [0]}}", SBI_ERR_ARGUMENT, "width: 0"},
        {"{\"space\": {\"width\": []}}", SBI_ERR_FORMAT, "/space/width"},
        {"{\"space\": {\"width\": [\"a\"]}}", SBI_ERR_FORMAT, "/space/width/0"},
        {"{\"space\": {\"width\": {\"linear\": [1, 2], \"points\": 2}}}", SBI_ERR_ARGUMENT, "whole numbers"},
        {"{\"space\": {\"learning_rate\": {\"integer\": [1, 2]}}}", SBI_ERR_ARGUMENT, "real numbers"},
        {"{\"space\": {\"learning_rate\": {\"log\": [0, 2], \"points\": 3}}}", SBI_ERR_ARGUMENT, "logarithmic"},
        {"{\"space\": {\"learning_rate\": {\"log\": [1e-3, 1e-2]}}}", SBI_ERR_ARGUMENT, "points"},
        {"{\"space\": {\"learning_rate\": {\"log\": [1e-3, 1e-2], \"linear\": [1, 2]}}}", SBI_ERR_FORMAT, "/space/learning_rate"},
        {"{\"space\": {\"learning_rate\": {\"log\": [1e-3]}}}", SBI_ERR_FORMAT, "[low, high]"},
        {"{\"space\": {\"learning_rate\": {\"log\": [1e-2, 1e-3], \"points\": 3}}}", SBI_ERR_ARGUMENT, "learning_rate"},
        {"{\"space\": {}}", SBI_ERR_FORMAT, "0 options"},
        {"{\"space\": {\"width\": [4]}, \"method\": \"guess\"}", SBI_ERR_FORMAT, "guess"},
        {"{\"space\": {\"width\": [4]}, \"metod\": \"grid\"}", SBI_ERR_FORMAT, "metod"},
        {"{\"space\": {\"width\": [4]}, \"trials\": 4}", SBI_ERR_ARGUMENT, "trials"},
        {"{\"space\": {\"width\": [4]}, \"method\": \"random\"}", SBI_ERR_ARGUMENT, "trials"},
        {"{\"space\": {\"width\": [4]}, \"strategy\": \"hyperband\"}", SBI_ERR_ARGUMENT, "random"},
        {"{\"space\": {\"epochs\": [4]}, \"strategy\": \"halving\"}", SBI_ERR_ARGUMENT, "epochs"},
        {"{\"space\": {\"width\": [4]}, \"min_epochs\": 100}", SBI_ERR_ARGUMENT, "min_epochs"},
        {"{\"space\": {\"width\": [4]}, \"reduction\": 1}", SBI_ERR_ARGUMENT, "reduction"},
        {"{\"space\": {\"width\": [4]}, \"sigmas\": -1}", SBI_ERR_ARGUMENT, "sigmas"},
        {"{\"space\": {\"width\": [4]}, \"seed\": -1}", SBI_ERR_FORMAT, "seed"},
        {"{\"space\": {\"width\": {\"integer\": [1, 5000]}, \"depth\": [1, 2], \"batch\": {\"integer\": [1, 200]}}}", SBI_ERR_ARGUMENT, "hundred thousand"},
        {"{\"space\": {\"validation_fraction\": [0]}}", SBI_ERR_ARGUMENT, "held out"},
        {"[]", SBI_ERR_FORMAT, "search"},
        {"{", SBI_ERR_FORMAT, "search"},
    };
    sbi_context *ctx = context_of(1);
    sbi_train_options base = small(4);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sbi_search *s = (sbi_search *)&base;
        fails(sbi_search_parse(&s, ctx, &base, wrong[i].text, strlen(wrong[i].text)), wrong[i].status, wrong[i].part);
        ck_assert_ptr_null(s);
    }
    const sbi_search_range twice[2] = {{"width", SBI_RANGE_INTEGER, 0, 1, 3, NULL, 0}, {"width", SBI_RANGE_INTEGER, 0, 1, 3, NULL, 0}};
    sbi_search_options o = SBI_SEARCH_OPTIONS_INIT;
    sbi_search *s;
    o.ranges = twice;
    o.n_ranges = 2;
    fails(sbi_search_create(&s, ctx, &base, &o), SBI_ERR_ARGUMENT, "two ranges");
    sbi_context_destroy(ctx);
}
END_TEST

/* One combination that does not fit together is in the leaderboard, and the others are trained. */
START_TEST(invalid_combinations)
{
    sbi_context *ctx = context_of(2);
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    sbi_train_options base = small(2);
    sbi_search *s = parsed(ctx, &base, "{\"space\": {\"schedule\": [3, 4], \"final_rate\": [0, 0.1]}}");
    ok(sbi_search_run(s, data, NULL));
    for (size_t i = 0; i < 4; i++) ck_assert_int_eq(trial_of(s, i).state, i == 2 ? SBI_TRIAL_INVALID : SBI_TRIAL_DONE);
    ck_assert_int_eq(trial_of(s, 2).rank, 3);
    ck_assert_ptr_nonnull(strstr(trial_of(s, 2).message, "final_rate"));
    sbi_search_destroy(s);
    sbi_dataset_destroy(data);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- running ---- */

static void same_network(const sbi_network *a, const sbi_network *b)
{
    ck_assert_int_eq(a->mlp.n, b->mlp.n);
    ck_assert(memcmp(a->params, b->params, sizeof *a->params * (size_t)a->mlp.n) == 0);
    ck_assert_int_eq(a->epochs, b->epochs);
    ck_assert(memcmp(a->history, b->history, sizeof *a->history * SBI_HISTORY_COLUMNS * (size_t)a->epochs) == 0);
    ck_assert_str_eq(a->training, b->training);
}

#define HALVING                                                                                                        \
    "{\"method\": \"random\", \"strategy\": \"halving\", \"trials\": 9, \"min_epochs\": 1, \"sigmas\": 1, "            \
    "\"space\": {\"learning_rate\": {\"log\": [1e-5, 3e-2]}, \"optimiser\": [1, 2, 4], \"schedule\": [2, 3, 5]}}"

static sbi_search *searched(sbi_context *ctx, sbi_dataset *data, const sbi_train_options *base, const char *text, const char *executor)
{
    sbi_executor *exec = NULL;
    sbi_search *s = parsed(ctx, base, text);
    if (executor) ok(sbi_executor_open(&exec, ctx, "local", executor));
    ok(sbi_search_run(s, data, exec));
    sbi_executor_close(exec);
    return s;
}

/* Promotion from a rung's state gives the bits of a training that never stopped, for schedules that depend on the last epoch too. */
START_TEST(halving_is_training_in_pieces)
{
    sbi_context *ctx = context_of(2);
    gaussians g = gaussians_make(400, 2, 1, 3);
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    sbi_train_options base = small(9);
    base.members = 2;
    sbi_search *s = searched(ctx, data, &base, HALVING, NULL);
    int count[4] = {0};
    for (size_t i = 0; i < sbi_search_trials(s); i++) {
        const sbi_search_trial t = trial_of(s, i);
        ck_assert_int_eq(t.state, t.rungs == 3 ? SBI_TRIAL_DONE : SBI_TRIAL_STOPPED);
        ck_assert_int_eq(t.epochs, t.rungs == 3 ? 9 : t.rungs == 2 ? 3 : 1);
        ck_assert(isfinite(t.loss) && t.spread >= 0 && t.parameters == 2 * 8 + 8 + 8 + 1);
        ck_assert(t.score == t.loss + t.spread);
        count[t.rungs]++;
    }
    ck_assert_int_eq(count[1], 6);
    ck_assert_int_eq(count[2], 2);
    ck_assert_int_eq(count[3], 1);
    /* Ranks: longer first, then the score. */
    for (size_t r = 1; r < 9; r++) {
        size_t a, b;
        ok(sbi_search_ranked(s, r - 1, &a));
        ok(sbi_search_ranked(s, r, &b));
        const sbi_search_trial x = trial_of(s, a), y = trial_of(s, b);
        ck_assert(x.epochs > y.epochs || (x.epochs == y.epochs && x.score <= y.score));
        ck_assert_int_eq(y.rank, (int)r);
    }
    size_t best;
    sbi_ensemble *pieces, *whole;
    sbi_train_options o = {.struct_size = (uint32_t)sizeof o};
    ok(sbi_search_ranked(s, 0, &best));
    ok(sbi_search_best_options(s, &o));
    ok(sbi_search_ensemble(&pieces, s, best));
    ok(sbi_ensemble_train(&whole, data, &o, NULL));
    ck_assert_uint_eq(pieces->n, 2);
    double mean = 0;
    for (size_t m = 0; m < 2; m++) {
        same_network(pieces->networks[m], whole->networks[m]);
        mean += whole->networks[m]->validation_loss / 2;
    }
    ck_assert_double_eq_tol(mean, trial_of(s, best).loss, 1e-15);
    /* Members of a trial that was stopped stand where a training of its rung stands: the loss is in the history of the whole one. */
    for (size_t i = 0; i < 9; i++) {
        const sbi_search_trial t = trial_of(s, i);
        if (t.state != SBI_TRIAL_STOPPED) continue;
        sbi_network *net;
        const sbi_train_options other = options_of(s, i);
        ok(sbi_network_train(&net, data, &other));
        double lowest = INFINITY;
        for (int e = 0; e < t.epochs; e++) lowest = fmin(lowest, net->history[e * SBI_HISTORY_COLUMNS + 2]);
        ck_assert(lowest == s->trials[i].members[0].validation_loss);
        sbi_network_destroy(net);
    }
    sbi_ensemble_destroy(whole);
    fails(sbi_search_ensemble(&whole, s, trial_of(s, 0).rank ? 0 : 1), SBI_ERR_STATE, "end");
    ck_assert_ptr_null(whole);
    sbi_ensemble_destroy(pieces);
    sbi_search_destroy(s);
    sbi_dataset_destroy(data);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

static void same_leaderboards(const sbi_search *a, const sbi_search *b)
{
    ck_assert_uint_eq(sbi_search_trials(a), sbi_search_trials(b));
    for (size_t i = 0; i < sbi_search_trials(a); i++) {
        sbi_search_trial x = trial_of(a, i), y = trial_of(b, i);
        x.seconds = y.seconds = 0;
        ck_assert_msg(memcmp(&x, &y, sizeof x) == 0, "trial %zu differs", i);
    }
}

START_TEST(any_executor_gives_the_same)
{
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_train_options base = small(9);
    base.folds = 2;
    base.members = 2;
    sbi_context *one = context_of(1), *three = context_of(3);
    sbi_dataset *data[2];
    ok(gaussians_dataset(&g, one, &data[0]));
    ok(gaussians_dataset(&g, three, &data[1]));
    const char *text = "{\"method\": \"random\", \"strategy\": \"hyperband\", \"space\": {\"learning_rate\": {\"log\": [1e-5, 3e-2]}}}";
    sbi_search *a = searched(one, data[0], &base, text, NULL);
    sbi_search *b = searched(three, data[1], &base, text, "{\"threads\": 3}");
    ck_assert_uint_eq(sbi_search_trials(a), 9 + 5 + 3);
    same_leaderboards(a, b);
    /* Judged on the fold that each member left out. */
    const sbi_search_one *first = &a->trials[0];
    ck_assert_double_eq_tol(first->loss, 0.5 * (first->members[0].held_out_loss + first->members[1].held_out_loss), 1e-15);
    sbi_search_destroy(a);
    sbi_search_destroy(b);
    sbi_dataset_destroy(data[0]);
    sbi_dataset_destroy(data[1]);
    sbi_context_destroy(one);
    sbi_context_destroy(three);
    gaussians_free(&g);
}
END_TEST

static sbi_status count_bytes(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return SBI_OK;
}

/* Each task alone, by what its spec says, as on another machine: the same bytes. A state that was changed is refused. */
START_TEST(tasks_need_nothing_but_their_spec)
{
    const test_folder folder = folder_make();
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_context *ctx = context_of(1);
    sbi_dataset *data;
    sbi_train_options base = small(4);
    ok(sbi_dataset_create(&data, ctx));
    for (int side = 0; side < 2; side++) {
        const sbi_array x = sbi_array_2d(g.x[side], SBI_F32, 300, 2);
        const test_path path = folder_path(&folder, side ? "n.npy" : "d.npy");
        ok(sbi_npy_write(ctx, path.text, &x));
        ok(sbi_dataset_add_npy(data, side, path.text, NULL));
    }
    const test_path campaign = folder_path(&folder, "campaign");
    base.campaign = campaign.text;
    sbi_search *s = searched(ctx, data, &base,
                             "{\"strategy\": \"halving\", \"reduction\": 2, \"min_epochs\": 2, \"space\": {\"learning_rate\": [1e-3, 1e-2]}}", NULL);
    ck_assert_uint_eq(sbi_campaign_count(s->campaign), 3);
    for (size_t i = 0; i < 3; i++) {
        sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
        sbi_task task = SBI_TASK_INIT;
        sbi_text bytes;
        char sha256[SBI_SHA256_HEX_SIZE];
        ok(sbi_campaign_report_get(s->campaign, i, &r));
        ok(sbi_campaign_spec(s->campaign, i, &task.spec, &task.spec_size));
        sbi_text_init(&bytes, ctx);
        sbi_sink sink = {(uint32_t)sizeof sink, 0, count_bytes, &bytes};
        ok(sbi_job_run(ctx, &task, NULL, NULL, &sink));
        sbi_sha256_text(bytes.data, bytes.size, sha256);
        ck_assert_str_eq(sha256, r.sha256);
        sbi_text_clear(&bytes);
        if (i < 2) continue;
        /* The state that it begins from, with a byte more. */
        const char *key = ((const sbi_search_one *)s->order[0])->members[0].key;
        json_t *spec = json_loadb(task.spec, task.spec_size, 0, NULL);
        ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(json_object_get(spec, "from"), "path")), "campaign/results/"));
        json_decref(spec);
        ck_assert_str_eq(key, r.key);
        sbi_campaign_report before = {.struct_size = (uint32_t)sizeof before};
        ok(sbi_campaign_report_get(s->campaign, (size_t)(s->order[0] - s->trials), &before));
        char name[128];
        snprintf(name, sizeof name, "campaign/results/%.64s", before.key);
        FILE *f = fopen(folder_path(&folder, name).text, "ab");
        ck_assert_ptr_nonnull(f);
        fputc('x', f);
        fclose(f);
        sbi_text_init(&bytes, ctx);
        fails(sbi_job_run(ctx, &task, NULL, NULL, &sink), SBI_ERR_CHECKSUM, before.key);
        ck_assert_uint_eq(bytes.size, 0);
        sbi_text_clear(&bytes);
    }
    sbi_search_destroy(s);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* ---- divergence ---- */

START_TEST(a_trial_that_diverges_is_a_result)
{
    sbi_context *ctx = context_of(2);
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    sbi_train_options base = small(3);
    base.optimiser = SBI_OPTIMISER_SGD;
    sbi_search *s = searched(ctx, data, &base, "{\"space\": {\"learning_rate\": [1e-3, 1e6, 1e-2]}}", NULL);
    const sbi_search_trial t = trial_of(s, 1);
    ck_assert_int_eq(t.state, SBI_TRIAL_DIVERGED);
    ck_assert_int_eq(t.rank, 2);
    ck_assert_int_eq(t.diverged_member, 0);
    ck_assert_int_ge(t.diverged_epoch, 1);
    ck_assert_int_ge((int)t.diverged_batch, 1);
    ck_assert_ptr_nonnull(strstr(t.message, "batch"));
    ck_assert_int_eq(trial_of(s, 0).state, SBI_TRIAL_DONE);
    ck_assert_int_eq(trial_of(s, 2).state, SBI_TRIAL_DONE);
    sbi_search_destroy(s);
    /* None left: said as such. */
    s = parsed(ctx, &base, "{\"space\": {\"learning_rate\": [1e6]}}");
    fails(sbi_search_run(s, data, NULL), SBI_ERR_DIVERGED, "no trial");
    sbi_train_options o = {.struct_size = (uint32_t)sizeof o};
    fails(sbi_search_best_options(s, &o), SBI_ERR_STATE, "end");
    sbi_search_destroy(s);
    sbi_dataset_destroy(data);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- resuming ---- */

static void run_and_die(const gaussians *g, const sbi_train_options *base, int after)
{
    /* The process ends itself in the middle of whatever it does, once a number of results is in. */
    sbi_context *ctx = context_of(2);
    sbi_dataset *data;
    sbi_search *s = NULL;
    if (gaussians_dataset(g, ctx, &data) != SBI_OK || sbi_search_parse(&s, ctx, base, HALVING, strlen(HALVING)) != SBI_OK) _exit(9);
    pid_t watcher = fork();
    if (watcher == 0) {
        const pid_t parent = getppid();
        char path[600];
        snprintf(path, sizeof path, "%s/results", base->campaign);
        for (;;) {
            test_folder results;
            snprintf(results.path, sizeof results.path, "%.250s", path);
            if (sbi_search_trials(s) && access(path, F_OK) == 0 && folder_count(&results) >= after) break;
            usleep(200);
        }
        kill(parent, SIGKILL);
        _exit(0);
    }
    sbi_search_run(s, data, NULL);
    _exit(0);
}

/* The tasks of a folder that are done. */
static size_t finished(const char *folder, sbi_context *ctx, sbi_campaign_report done[16])
{
    sbi_campaign *c;
    size_t n = 0;
    ok(sbi_campaign_open(&c, ctx, folder, NULL));
    for (size_t i = 0; i < sbi_campaign_count(c); i++) {
        sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
        ok(sbi_campaign_report_get(c, i, &r));
        if (r.state == SBI_TASK_DONE) done[n++] = r;
        ck_assert_uint_lt(n, 16);
    }
    sbi_campaign_close(c);
    return n;
}

START_TEST(a_killed_search_goes_on)
{
    const test_folder folder = folder_make();
    gaussians g = gaussians_make(400, 2, 1, 3);
    sbi_train_options base = small(9), plain = base;
    base.campaign = folder.path;
    sbi_context *ctx = context_of(2);
    size_t before = 0;
    sbi_campaign_report done_before[16];
    for (int after = 4; after <= 11; after += 7) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) run_and_die(&g, &base, after);
        int how;
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        const size_t done = finished(folder.path, ctx, done_before);
        ck_assert_uint_ge(done, (size_t)after - 1);
        ck_assert_uint_gt(done, before);
        before = done;
    }
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    sbi_search *s = searched(ctx, data, &base, HALVING, NULL), *other = searched(ctx, data, &plain, HALVING, NULL);
    same_leaderboards(s, other);
    /* Nothing that was finished was begun again. */
    ck_assert_uint_eq(sbi_campaign_count(s->campaign), 9 + 3 + 1);
    for (size_t i = 0; i < before; i++) {
        size_t index;
        sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
        ok(sbi_campaign_index(s->campaign, done_before[i].key, &index));
        ok(sbi_campaign_report_get(s->campaign, index, &r));
        ck_assert_int_eq(r.attempts, done_before[i].attempts);
        ck_assert(r.began == done_before[i].began && r.ended == done_before[i].ended);
    }
    sbi_search_destroy(s);
    sbi_search_destroy(other);

    /* A search that is complete is only read; the leaderboard and the logs of the epochs are in the folder. */
    s = searched(ctx, data, &base, HALVING, NULL);
    size_t best;
    ok(sbi_search_ranked(s, 0, &best));
    json_t *json;
    ok(sbi_json_load(&json, ctx, folder_path(&folder, "leaderboard.json").text));
    const json_t *first = json_array_get(json_object_get(json, "trials"), 0);
    ck_assert_uint_eq((size_t)json_integer_value(json_object_get(first, "trial")), best);
    ck_assert(json_real_value(json_object_get(first, "loss")) == trial_of(s, best).loss);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "trials")), 9);
    json_decref(json);
    char name[64];
    snprintf(name, sizeof name, "trials/%04zu/member-0000.jsonl", best);
    FILE *log = fopen(folder_path(&folder, name).text, "r");
    ck_assert_ptr_nonnull(log);
    char line[1024];
    int epoch = 0;
    while (fgets(line, sizeof line, log)) {
        json_t *entry = json_loads(line, 0, NULL);
        ck_assert_int_eq(json_integer_value(json_object_get(entry, "epoch")), ++epoch);
        json_decref(entry);
    }
    ck_assert_int_eq(epoch, 9);
    fclose(log);
    sbi_search_destroy(s);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jobs: search");
    TCase *t = tcase_create("search");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, grids);
    tcase_add_test(t, random_draws);
    tcase_add_test(t, rungs_of_the_paper);
    tcase_add_test(t, wrong_searches);
    tcase_add_test(t, invalid_combinations);
    tcase_add_test(t, halving_is_training_in_pieces);
    tcase_add_test(t, any_executor_gives_the_same);
    tcase_add_test(t, tasks_need_nothing_but_their_spec);
    tcase_add_test(t, a_trial_that_diverges_is_a_result);
    tcase_add_test(t, a_killed_search_goes_on);
    suite_add_tcase(s, t);
    return run_suite(s);
}
