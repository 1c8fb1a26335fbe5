/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/worker/worker.h"

static sbi_context *context; /* for the signal handler, which only sets its cancel flag */

static void stop(int number)
{
    (void)number;
    sbi_context_cancel(context, 1);
}

static void print_log(void *user, int32_t level, const char *message)
{
    static const char *const names[] = {"", "error", "warning", "info", "debug"};
    (void)user;
    fprintf(stderr, "sbi-worker: %s: %s\n", names[level >= 1 && level <= 4 ? level : 3], message);
}

static void help(FILE *to)
{
    fprintf(to,
            "usage: sbi-worker [options] JOBFOLDER\n"
            "       sbi-worker [options] --store URL KEY\n"
            "       sbi-worker [options] --store URL --array NAME [--index N]\n"
            "Runs one job: of a folder STORE/jobs/KEY, or of a store. Reads its spec, verifies the inputs, resumes from the newest whole\n"
            "checkpoint if there is one, puts the result into the store and commits it as jobs/KEY/result.json.\n"
            "\n"
            "  --store URL     where spec, inputs and result are: a folder, s3://..., https://..., davs://..., rucio://...\n"
            "  --store-config J  its configuration, a JSON object (docs/stores.md)\n"
            "  --array NAME    the key is a line of arrays/NAME in the store\n"
            "  --index N       which line, from 0; default: JOB_COMPLETION_INDEX, then SLURM_ARRAY_TASK_ID\n"
            "  --threads N     threads; default: what affinity and the cgroup's CPU quota allow\n"
            "  --memory BYTES  most memory; default: nine tenths of the cgroup's limit; 0: no limit\n"
            "  --scratch DIR   folder for inputs and checkpoints; default: TMPDIR\n"
            "  --disk BYTES    most that inputs and result may take there; default: seven eighths of what is free. Columns and features beyond it\n"
            "                  are read from the store when they are needed; what else does not fit ends the job\n"
            "  --stream-memory BYTES  for parts of these; default: an eighth of the memory, at most a quarter of what is free\n"
            "  --column-memory BYTES  for columns that are held whole; default: a quarter of the memory, at most half of what is free\n"
            "  --heartbeat S   seconds between heartbeats and checkpoints (30)\n"
            "  --outage S      seconds for which a store that is out of reach is tried (600)\n"
            "  --attempt N     what heartbeats call this attempt\n"
            "  --supervise F   run in the background; the file F tells how it ended\n"
            "  --help          this text\n"
            "  --version       release and build\n"
            "\n"
            "SIGTERM and SIGINT: the work stops within a second or two, a checkpoint is put into the store, exit code 75.\n"
            "Exit codes: 0 done; 64 bad job; 65 bad input; 69 storage unavailable; 70 internal; 75 preempted, resume;\n"
            "78 configuration, retry nothing; 137 out of memory.\n"
            "Credentials are never arguments: docs/stores.md tells where each kind of store finds them.\n");
}

typedef struct arguments {
    const char *store, *store_config, *array, *job, *supervise;
    unsigned long long index, memory;
    int has_index;
    int32_t threads;
    sbi_worker_options worker;
} arguments;

static int number(const char *text, unsigned long long most, unsigned long long *value)
{
    char *end;
    if (!*text || strspn(text, "0123456789") != strlen(text)) return 0;
    *value = strtoull(text, &end, 10);
    return !*end && *value <= most;
}

static int take_option(arguments *a, int option, const char *text)
{
    unsigned long long n = 0;
    switch (option) {
    case 's': a->store = text; return 1;
    case 'f': a->store_config = text; return 1;
    case 'a': a->array = text; return 1;
    case 'i': a->has_index = 1; return number(text, UINT64_MAX, &a->index);
    case 'm': return number(text, SIZE_MAX, &a->memory);
    case 'c': a->worker.scratch = text; return 1;
    case 'd': a->worker.disk = number(text, UINT64_MAX, &n) ? n : 0; return a->worker.disk >= 1;
    case 'k': a->worker.column_memory = number(text, UINT64_MAX - 1, &n) ? n : 0; return a->worker.column_memory >= 1;
    case 'r': a->worker.stream_memory = number(text, SIZE_MAX, &n) ? n : 0; return a->worker.stream_memory >= 1;
    case 'u': a->supervise = text; return 1;
    case 't': a->threads = number(text, 4096, &n) ? (int32_t)n : -1; return a->threads >= 0;
    case 'n': a->worker.attempt = number(text, INT32_MAX, &n) ? (int32_t)n : -1; return a->worker.attempt >= 0;
    case 'b': a->worker.heartbeat_seconds = number(text, 3600, &n) ? (double)n : 0; return n >= 1;
    case 'o': a->worker.outage_seconds = number(text, 1000000000, &n) ? (double)n : -1; return a->worker.outage_seconds >= 0;
    default: return 0;
    }
}

/* Which job of the array: what schedulers say in the environment. */
static int find_index(arguments *a)
{
    static const char *const names[] = {"JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"};
    for (size_t i = 0; i < 2 && !a->has_index; i++) {
        const char *text = getenv(names[i]);
        if (!text) continue;
        a->has_index = number(text, UINT64_MAX, &a->index);
        if (!a->has_index) fprintf(stderr, "sbi-worker: %s is \"%s\"\n", names[i], text);
    }
    return a->has_index;
}

/* EXIT_SUCCESS and an end if *end is set. */
static int read_arguments(arguments *a, int argc, char **argv, int *end)
{
    static const struct option known[] = {{"store", required_argument, NULL, 's'},     {"array", required_argument, NULL, 'a'},
                                          {"index", required_argument, NULL, 'i'},     {"threads", required_argument, NULL, 't'},
                                          {"memory", required_argument, NULL, 'm'},    {"scratch", required_argument, NULL, 'c'},
                                          {"heartbeat", required_argument, NULL, 'b'}, {"outage", required_argument, NULL, 'o'},
                                          {"attempt", required_argument, NULL, 'n'},   {"supervise", required_argument, NULL, 'u'},
                                          {"store-config", required_argument, NULL, 'f'}, {"disk", required_argument, NULL, 'd'},
                                          {"stream-memory", required_argument, NULL, 'r'}, {"column-memory", required_argument, NULL, 'k'},
                                          {"help", no_argument, NULL, 'h'},            {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    *end = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'h') {
            help(stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'v') {
            printf("sbi-worker %s\n%s\n", sbi_version_string(), sbi_build_info());
            return EXIT_SUCCESS;
        }
        if (!take_option(a, option, optarg)) {
            help(stderr);
            return SBI_EXIT_CONFIGURATION;
        }
    }
    const int wants_job = !a->array;
    if (optind + wants_job != argc || (a->array && (!a->store || !find_index(a)))) {
        help(stderr);
        return SBI_EXIT_CONFIGURATION;
    }
    a->job = wants_job ? argv[optind] : NULL;
    *end = 0;
    return EXIT_SUCCESS;
}

/* Before a job is known. What is not in passing is wrong for all tasks that begin so. */
static int32_t code_of_store(sbi_status status)
{
    switch (status) {
    case SBI_ERR_CANCELLED: return SBI_EXIT_PREEMPTED;
    case SBI_ERR_NO_MEMORY: return SBI_EXIT_OUT_OF_MEMORY;
    case SBI_ERR_TRANSIENT:
    case SBI_ERR_NO_SPACE:
    case SBI_ERR_CHECKSUM: return SBI_EXIT_STORAGE;
    default: return SBI_EXIT_CONFIGURATION;
    }
}

static sbi_status run_in_store(const arguments *a, worker_run run, int32_t *code)
{
    char key[SBI_TASK_KEY_MAX + 1];
    sbi_store *store;
    sbi_status status = sbi_store_open(&store, context, a->store, a->store_config);
    if (status != SBI_OK) {
        *code = code_of_store(status);
        return status;
    }
    if (a->array) {
        status = sbi_job_array_key(context, store, a->array, a->index, key);
        if (status != SBI_OK) *code = code_of_store(status);
    }
    if (status == SBI_OK) status = run(context, store, a->array ? key : a->job, &a->worker, code);
    sbi_store_close(store);
    return status;
}

static int run_job(const arguments *a, const sbi_context_options *options, worker_run run)
{
    int32_t code = SBI_EXIT_CONFIGURATION;
    sbi_status status = sbi_context_create(&context, options);
    if (status == SBI_OK) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = stop;
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        status = a->store ? run_in_store(a, run, &code) : sbi_job_run_folder(context, a->job, &code);
    }
    if (status != SBI_OK) fprintf(stderr, "sbi-worker: %s: %s\n", sbi_status_name(status), sbi_last_error());
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sbi_context_destroy(context);
    return code;
}

int worker_main(int argc, char **argv, worker_run run)
{
    arguments a = {.memory = worker_cgroup_memory(), .worker = SBI_WORKER_OPTIONS_INIT};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    int end;
    int code = read_arguments(&a, argc, argv, &end);
    if (end) return code;
    if (a.supervise) {
        code = worker_supervise(a.supervise, a.worker.attempt);
        if (code >= 0) return code;
    }
    options.threads = a.threads;
    options.log = print_log;
    worker_limit_memory(&options, (size_t)a.memory);
    if (!a.worker.stream_memory) a.worker.stream_memory = a.memory / 8;
    if (!a.worker.column_memory) a.worker.column_memory = a.memory / 4;
    return run_job(&a, &options, run);
}
