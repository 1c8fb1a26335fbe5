/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum flag_kind { INTEGER32, INTEGER64, UNSIGNED64, REAL, TEXT, SWITCH };

typedef struct flag {
    const char *name;
    enum flag_kind kind;
    unsigned long offset;
    double low, high;
    const char *help;
} flag;

#define AT(member) __builtin_offsetof(job_options, member)
static const flag flags[] = {
    {"events", INTEGER64, AT(events), 1000, 1e9, "training events of each process, and of the Asimov data"},
    {"integration", INTEGER64, AT(integration), 1000, 1e9, "events of the sample that normalises variations"},
    {"members", INTEGER32, AT(members), 1, 10000, "networks in the ensemble of each process"},
    {"variation-members", INTEGER32, AT(variation_members), 1, 10000, "networks for each systematic variation"},
    {"depth", INTEGER32, AT(depth), 1, 20, "hidden layers"},
    {"width", INTEGER32, AT(width), 1, 8192, "units in a hidden layer (variations: half of it)"},
    {"epochs", INTEGER32, AT(epochs), 1, 100000, "passes over the training events (variations: half of it)"},
    {"batch", INTEGER32, AT(batch), 16, 1e6, "events in a batch"},
    {"initial-gain", REAL, AT(initial_gain), 1e-6, 100, "variance of the first weights times inputs: larger ones learn faster, smaller ones better"},
    {"nuisances", INTEGER32, AT(nuisances), 0, 200, "nuisance parameters"},
    {"scan", INTEGER32, AT(scan_points), 5, 10001, "points of the scan of t_mu"},
    {"mu", REAL, AT(mu), 0.001, 8, "true signal strength of the data"},
    {"luminosity", REAL, AT(luminosity), 1e-3, 1e6, "multiplies the expected yields"},
    {"seed", UNSIGNED64, AT(seed), 0, 0, "seed of everything"},
    {"threads", INTEGER32, AT(threads), 0, 4096, "threads; 0: all processors"},
    {"executor", TEXT, AT(executor), 0, 0, "where tasks run: local, processes, or another that libsbi has"},
    {"executor-config", TEXT, AT(executor_config), 0, 0, "its configuration, a JSON object"},
    {"output", TEXT, AT(output), 0, 0, "folder of everything that is made; the same folder again continues"},
    {"truth-ratios", SWITCH, AT(truth_ratios), 0, 0, "exact ratios instead of networks (for runs at scale)"},
    {"bootstrap", SWITCH, AT(bootstrap), 0, 0, "members differ by resampled events too, so that their spread has all of the error"},
    {"poisson", SWITCH, AT(poisson), 0, 0, "a Poisson sample as data instead of the weighted expectation (Asimov)"},
    {"force", SWITCH, AT(force), 0, 0, "overwrite a folder that holds a run with other flags"},
};
enum { FLAGS = sizeof flags / sizeof flags[0] };

static const job_options defaults = {.events = 400000,
                                     .integration = 50000,
                                     .members = 5,
                                     .variation_members = 2,
                                     .depth = 3,
                                     .width = 64,
                                     .epochs = 6,
                                     .batch = 512,
                                     .initial_gain = 2, /* six epochs are few */
                                     .nuisances = 4,
                                     .scan_points = 61,
                                     .seed = 20260101,
                                     .mu = 1,
                                     .luminosity = 1,
                                     .executor = "local",
                                     .output = "offshell_higgs_output"};

static void print_value(const flag *f, const job_options *o, char *text, size_t size)
{
    const char *at = (const char *)o + f->offset;
    switch (f->kind) {
    case INTEGER32: snprintf(text, size, "%d", *(const int32_t *)(const void *)at); break;
    case INTEGER64: snprintf(text, size, "%lld", (long long)*(const int64_t *)(const void *)at); break;
    case UNSIGNED64: snprintf(text, size, "%llu", (unsigned long long)*(const uint64_t *)(const void *)at); break;
    case REAL: snprintf(text, size, "%.17g", *(const double *)(const void *)at); break;
    case TEXT: {
        const char *value = *(const char *const *)(const void *)at;
        snprintf(text, size, "%s", value ? value : "");
        break;
    }
    case SWITCH: snprintf(text, size, "%s", *(const int32_t *)(const void *)at ? "yes" : "no"); break;
    }
}

static void help(void)
{
    puts("offshell_higgs: measures the off-shell Higgs signal strength by neural simulation-based inference.\n"
         "Simulates events, trains ensembles of networks, writes density ratios, fits, scans and plots.\n"
         "A run that was stopped continues when it is started again with the same flags and folder.\n");
    for (int i = 0; i < FLAGS; i++) {
        char value[64];
        print_value(&flags[i], &defaults, value, sizeof value);
        printf("  --%-18s %s", flags[i].name, flags[i].help);
        if (flags[i].kind != SWITCH && value[0]) printf(" [%s]", value);
        putchar('\n');
    }
    puts("  --help               this text\n\n"
         "At scale: offshell_higgs --truth-ratios --events 1000000 --nuisances 100 --output scale");
}

static int set_value(const flag *f, job_options *o, const char *text)
{
    char *at = (char *)o + f->offset, *end;
    if (f->kind == TEXT) {
        *(const char **)(void *)at = text;
        return text[0] != '\0';
    }
    errno = 0;
    if (f->kind == UNSIGNED64) {
        *(uint64_t *)(void *)at = strtoull(text, &end, 10);
        /* A JSON integer has a sign, and the seed goes into results.json. */
        return !errno && end != text && !*end && text[0] != '-' && *(uint64_t *)(void *)at <= INT64_MAX;
    }
    double value = strtod(text, &end);
    if (errno || end == text || *end || !(value >= f->low) || !(value <= f->high)) return 0;
    if (f->kind == REAL) {
        *(double *)(void *)at = value;
        return 1;
    }
    if (value != floor(value)) return 0;
    if (f->kind == INTEGER32)
        *(int32_t *)(void *)at = (int32_t)value;
    else
        *(int64_t *)(void *)at = (int64_t)value;
    return 1;
}

int job_options_parse(job_options *o, int argc, char **argv)
{
    struct option known[FLAGS + 2];
    memset(known, 0, sizeof known);
    for (int i = 0; i < FLAGS; i++)
        known[i] = (struct option){flags[i].name, flags[i].kind == SWITCH ? no_argument : required_argument, NULL, i + 1};
    known[FLAGS] = (struct option){"help", no_argument, NULL, 'h'};
    *o = defaults;
    int c;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (c == 'h') {
            help();
            return 1;
        }
        if (c < 1 || c > FLAGS) return 2; /* getopt has said why */
        const flag *f = &flags[c - 1];
        if (f->kind == SWITCH) {
            *(int32_t *)(void *)((char *)o + f->offset) = 1;
        } else if (!set_value(f, o, optarg)) {
            fprintf(stderr, "offshell_higgs: --%s %s: ", f->name, optarg);
            if (f->high > f->low)
                fprintf(stderr, "expected a number from %g to %g\n", f->low, f->high);
            else
                fprintf(stderr, "not a value for this flag\n");
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "offshell_higgs: unexpected argument %s; see --help\n", argv[optind]);
        return 2;
    }
    return 0;
}

void job_options_describe(const job_options *o, char *text, unsigned long size)
{
    /* What decides where and how fast, but not what comes out. */
    static const char *const irrelevant[] = {"threads", "executor", "executor-config", "output", "force"};
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < FLAGS; i++) {
        int skip = 0;
        for (size_t k = 0; k < sizeof irrelevant / sizeof irrelevant[0]; k++) skip |= !strcmp(flags[i].name, irrelevant[k]);
        if (skip || used >= size) continue;
        char value[64];
        print_value(&flags[i], o, value, sizeof value);
        used += (size_t)snprintf(text + used, size - used, "%s %s\n", flags[i].name, value);
    }
}
