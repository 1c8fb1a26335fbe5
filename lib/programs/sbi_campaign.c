/* SPDX-License-Identifier: Apache-2.0 */
/* sbi-campaign: looks at a campaign while it runs, or afterwards; runs what is left of it. The commands: lib/programs/campaign. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "programs/campaign/campaign.h"

static sbi_context *context; /* for the signal handler, which only sets its cancel flag */

static void stop(int number)
{
    (void)number;
    campaign_stopped = 1;
    sbi_context_cancel(context, 1);
}

static void help(FILE *to)
{
    fputs("usage: sbi-campaign COMMAND FOLDER [OPTIONS]\n"
          "\n"
          "  status              how far it is, stage by stage; refreshes on a terminal   [--once] [--interval S] [--json]\n"
          "  tasks               the same task by task                                    [--json]\n"
          "  events              everything that happened, in order                       [--follow] [--interval S] [--json]\n"
          "  timeline            cores and GPUs in use over time                          [--json] [--png FILE] [--width N]\n"
          "  cost                what was used, and what it costs                         [--json] [PRICES]\n"
          "  logs FOLDER TASK    what the last attempt of a task printed                  [EXECUTOR]\n"
          "  resume              runs what is not done                                    [EXECUTOR] [RUN]\n"
          "  retry FOLDER [TASK...]  tries tasks that were given up, or those named, afresh   [EXECUTOR] [RUN]\n"
          "  cancel              stops the client at work, or what an earlier one left    [EXECUTOR]\n"
          "\n"
          "  EXECUTOR  --executor NAME   instead of that of the last run (local, if it had no name)\n"
          "            --config JSON     its configuration, or the name of a file with it\n"
          "            --threads N       of this process\n"
          "  RUN       --events FILE     appends every event as a line of JSON\n"
          "            --max-failures N  tasks given up before nothing new is begun (0)\n"
          "            --deadline S      seconds after which the run ends;  --task-deadline S  the same of an attempt\n"
          "            PRICES            kept for later looks\n"
          "  PRICES    --core-hour X --gpu-hour X --gib-hour X --currency TEXT\n"
          "\n"
          "A TASK is a key or the beginning of one. The first six only look, take no lock, and may be used while another client works.\n"
          "Exit codes: 0 success; 1 failure; 2 usage; 3 tasks were given up.\n",
          to);
}

typedef struct action {
    const char *name;
    int (*run)(const campaign_command *command);
    int least_keys, most_keys;
    const char *options; /* letters of those that it takes */
} action;

static const action actions[] = {
    {"status", campaign_status, 0, 0, "joi"},       {"tasks", campaign_tasks, 0, 0, "j"},
    {"events", campaign_events, 0, 0, "jfi"},       {"timeline", campaign_timeline, 0, 0, "jpw"},
    {"cost", campaign_cost, 0, 0, "j$"},            {"logs", campaign_logs, 1, 1, "xct"},
    {"resume", campaign_resume, 0, 0, "xct$eFdD"},  {"retry", campaign_retry, 0, 1000000, "xct$eFdD"},
    {"cancel", campaign_cancel, 0, 0, "xct"},
};

/* ---- options --------------------------------------------------------------------------------------------------- */

static int number(const char *text, double least, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && *out >= least && *out <= 1e9;
}

static int whole(const char *text, int least, int32_t *out)
{
    double value;
    if (!number(text, least, &value) || value != (double)(int32_t)value) return 0;
    *out = (int32_t)value;
    return 1;
}

/* Takes one option; how many arguments it was, 0: it is none, or not of this command, or malformed. */
static int take_option(const action *a, campaign_command *c, sbi_context_options *o, char **argv, int left)
{
    static const struct {
        const char *name;
        char letter;
    } flags[] = {{"--json", 'j'}, {"--once", 'o'}, {"--follow", 'f'}};
    const char *text = left > 1 ? argv[1] : NULL;
    sbi_campaign_options *run = &c->options;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(argv[0], flags[i].name) != 0) continue;
        if (!strchr(a->options, flags[i].letter)) return 0;
        *(flags[i].letter == 'j' ? &c->json : flags[i].letter == 'o' ? &c->once : &c->follow) = 1;
        return 1;
    }
#define TAKES(option, letter) (strcmp(argv[0], option) == 0 && text && strchr(a->options, letter))
    int good = 0;
    if (TAKES("--interval", 'i')) good = number(text, 0.05, &c->interval);
    if (TAKES("--width", 'w')) good = whole(text, 20, &c->width);
    if (TAKES("--png", 'p')) c->png = text, good = 1;
    if (TAKES("--executor", 'x')) c->executor = text, good = *text != 0;
    if (TAKES("--config", 'c')) c->config = text, good = 1;
    if (TAKES("--threads", 't')) good = whole(text, 1, &o->threads);
    if (TAKES("--events", 'e')) run->event_file = text, good = *text != 0;
    if (TAKES("--max-failures", 'F')) good = whole(text, 0, &run->max_failures);
    if (TAKES("--deadline", 'd')) good = number(text, 0, &run->deadline_seconds);
    if (TAKES("--task-deadline", 'D')) good = number(text, 0, &run->task_seconds);
    if (TAKES("--core-hour", '$')) good = number(text, 0, &run->core_hour);
    if (TAKES("--gpu-hour", '$')) good = number(text, 0, &run->gpu_hour);
    if (TAKES("--gib-hour", '$')) good = number(text, 0, &run->gib_hour);
    if (TAKES("--currency", '$')) run->currency = text, good = 1;
#undef TAKES
    return good ? 2 : 0;
}

/* 1 if the arguments make sense. */
static int read_arguments(const action **out, campaign_command *c, sbi_context_options *o, int argc, char **argv)
{
    const action *a = NULL;
    for (size_t i = 0; argc >= 3 && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, argv[1]) == 0) a = &actions[i];
    }
    if (!a || argv[2][0] == '-') return 0;
    c->folder = argv[2];
    c->keys = argv + 3; /* moved together as they come */
    for (int i = 3; i < argc;) {
        if (argv[i][0] == '-') {
            const int taken = take_option(a, c, o, argv + i, argc - i);
            if (!taken) return 0;
            i += taken;
        } else {
            c->keys[c->n_keys++] = argv[i++];
        }
    }
    *out = a;
    return c->n_keys >= a->least_keys && c->n_keys <= a->most_keys;
}

/* A configuration that is not JSON itself is the name of a file. NULL if that cannot be read. */
static char *read_config(const char *config)
{
    char *text = NULL;
    size_t size = 0;
    if (config[strspn(config, " \t\r\n")] == '{') return strdup(config);
    FILE *file = fopen(config, "rb");
    if (!file) return NULL;
    for (int c; (c = fgetc(file)) != EOF;) {
        char *grown = size % 4096 ? text : realloc(text, size + 4097);
        if (!grown) break;
        text = grown;
        text[size++] = (char)c;
    }
    const int bad = ferror(file) || !feof(file) || !text;
    fclose(file);
    if (bad) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static void find_terminal(campaign_command *c)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    c->terminal = isatty(STDOUT_FILENO);
    c->width = columns && atoi(columns) >= 20 ? atoi(columns) : 80;
    if (c->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) c->width = size.ws_col;
}

static void print_progress(void *user, const char *stage, double done, double total, const char *detail)
{
    (void)user;
    fprintf(stderr, "%s: %.1f of %.0f: %s\n", stage, done, total, detail);
}

static int run(const action *a, campaign_command *c, const sbi_context_options *o)
{
    char *config = c->config ? read_config(c->config) : NULL;
    if (c->config && !config) {
        fprintf(stderr, "sbi-campaign: %s: the configuration cannot be read\n", c->config);
        return CAMPAIGN_FAILURE;
    }
    c->config = config;
    sbi_status status = sbi_context_create(&context, o);
    if (status != SBI_OK) {
        free(config);
        return campaign_fail(status);
    }
    struct sigaction stopping;
    memset(&stopping, 0, sizeof stopping);
    stopping.sa_handler = stop;
    sigaction(SIGTERM, &stopping, NULL);
    sigaction(SIGINT, &stopping, NULL);
    c->ctx = context;
    const int code = a->run(c);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sbi_context_destroy(context);
    free(config);
    return code;
}

int main(int argc, char **argv)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    campaign_command command;
    const action *a = NULL;
    memset(&command, 0, sizeof command);
    command.interval = 2;
    sbi_campaign_options_init(&command.options);
    find_terminal(&command);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        help(stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("sbi-campaign %s\n%s\n", sbi_version_string(), sbi_build_info());
        return EXIT_SUCCESS;
    }
    if (!read_arguments(&a, &command, &options, argc, argv)) {
        help(stderr);
        return CAMPAIGN_USAGE;
    }
    if (strchr(a->options, 'F')) options.progress = print_progress;
    return run(a, &command, &options);
}
