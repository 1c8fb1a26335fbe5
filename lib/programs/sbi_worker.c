/* SPDX-License-Identifier: Apache-2.0 */
/* sbi-worker: runs the job of a folder. */
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sbi/sbi.h"

static sbi_context *context; /* for the signal handler, which only sets its cancel flag */

static void stop(int number)
{
    (void)number;
    sbi_context_cancel(context, 1);
}

/* Refuses memory beyond the limit of the cgroup, so that the job ends with a message instead of being killed. */
typedef struct memory {
    size_t limit; /* 0: none */
    atomic_size_t used;
} memory;

static void *allocate(void *user, size_t size, size_t alignment)
{
    memory *m = user;
    if (m->limit && atomic_fetch_add(&m->used, size) + size > m->limit) {
        atomic_fetch_sub(&m->used, size);
        return NULL;
    }
    void *block = NULL;
    if (posix_memalign(&block, alignment < sizeof(void *) ? sizeof(void *) : alignment, size ? size : 1)) {
        if (m->limit) atomic_fetch_sub(&m->used, size);
        return NULL;
    }
    return block;
}

static void release(void *user, void *block, size_t size)
{
    memory *m = user;
    if (m->limit) atomic_fetch_sub(&m->used, size);
    free(block);
}

/* What a cgroup (version 2, then 1) allows, less a tenth for what is not the library's; 0: no limit. */
static size_t cgroup_memory(void)
{
    static const char *const files[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *f = fopen(files[i], "r");
        unsigned long long bytes = 0;
        if (!f) continue;
        int got = fscanf(f, "%llu", &bytes); /* "max" is no number */
        fclose(f);
        return got == 1 && bytes > 0 && bytes < (1ull << 60) ? (size_t)(bytes - bytes / 10) : 0;
    }
    return 0;
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
            "usage: sbi-worker [--threads N] [--memory BYTES] JOBFOLDER\n"
            "Runs the job of a folder STORE/jobs/KEY: reads spec.json, verifies the inputs, resumes from a checkpoint\n"
            "if there is one, puts the result into STORE/cas and commits it as result.json.\n"
            "\n"
            "  --threads N     threads; default: what affinity and cgroup allow\n"
            "  --memory BYTES  most memory; default: nine tenths of the cgroup's limit; 0: no limit\n"
            "  --help          this text\n"
            "  --version       release and build\n"
            "\n"
            "SIGTERM and SIGINT: a checkpoint is written, exit code 75.\n"
            "Exit codes: 0 done; 64 bad job; 65 bad input; 69 storage unavailable; 70 internal; 75 preempted, resume;\n"
            "78 configuration, retry nothing; 137 out of memory.\n");
}

static int number(const char *text, unsigned long long most, unsigned long long *value)
{
    char *end;
    if (!*text || strspn(text, "0123456789") != strlen(text)) return 0;
    *value = strtoull(text, &end, 10);
    return !*end && *value <= most;
}

static int run(const sbi_context_options *options, const char *folder)
{
    int32_t code = SBI_EXIT_CONFIGURATION;
    sbi_status status = sbi_context_create(&context, options);
    if (status == SBI_OK) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = stop;
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        status = sbi_job_run_folder(context, folder, &code);
    }
    if (status != SBI_OK) fprintf(stderr, "sbi-worker: %s: %s\n", sbi_status_name(status), sbi_last_error());
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sbi_context_destroy(context);
    return code;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"threads", required_argument, NULL, 't'}, {"memory", required_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'h'},          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    memory limit = {cgroup_memory(), 0};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    unsigned long long value;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'h') {
            help(stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'v') {
            printf("sbi-worker %s\n%s\n", sbi_version_string(), sbi_build_info());
            return EXIT_SUCCESS;
        }
        if ((option != 't' && option != 'm') || !number(optarg, option == 't' ? 4096 : SIZE_MAX, &value)) {
            help(stderr);
            return SBI_EXIT_CONFIGURATION;
        }
        if (option == 't') options.threads = (int32_t)value;
        if (option == 'm') limit.limit = (size_t)value;
    }
    if (optind + 1 != argc) {
        help(stderr);
        return SBI_EXIT_CONFIGURATION;
    }
    options.log = print_log;
    options.allocate = allocate;
    options.release = release;
    options.allocator_user = &limit;
    return run(&options, argv[optind]);
}
