/* SPDX-License-Identifier: Apache-2.0 */
/* Off-shell Higgs production with interference, from simulation to the measured signal strength. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "job.h"

/* ---- progress: a bar on a terminal, a line every two seconds elsewhere ---- */

typedef struct progress {
    char stage[32];
    double begun, shown;
} progress;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void show_progress(void *user, const char *stage, double done, double total, const char *detail)
{
    progress *p = user;
    double now = seconds();
    if (strcmp(p->stage, stage) != 0) {
        snprintf(p->stage, sizeof p->stage, "%s", stage);
        p->begun = p->shown = now;
    }
    int terminal = isatty(STDERR_FILENO);
    if (now - p->shown < (terminal ? 0.1 : 2.0)) return;
    p->shown = now;
    double share = total > 0 ? done / total : 0, elapsed = now - p->begun;
    double left = share > 0 ? elapsed * (1 - share) / share : 0;
    if (!terminal) {
        fprintf(stderr, "  %s %3.0f %%, %.0f s left  %s\n", stage, 100 * share, left, detail);
        return;
    }
    int filled = (int)(share * 30);
    fprintf(stderr, "\r\033[K  %-10s [%.*s%*s] %3.0f %%  %.3g/s  %.0f s left  %.60s", stage, filled,
            "##############################", 30 - filled, "", 100 * share, elapsed > 0 ? done / elapsed : 0, left, detail);
    if (done >= total) fputs("\r\033[K", stderr);
}

static void show_log(void *user, int32_t level, const char *message)
{
    (void)user;
    if (level <= SBI_LOG_WARNING) fprintf(stderr, "libsbi: %s\n", message);
}

/* ---- the end: plots and a table ---- */

/* The one that OFFSHELL_PLOTS names, or the one of the source tree, where `make demo` runs. */
static const char *plot_script(void)
{
    const char *named = getenv("OFFSHELL_PLOTS");
    return named ? named : "examples/offshell_higgs/plots.py";
}

/* Plots are a convenience: without Python or matplotlib a line says so, and the results stand. */
static void make_plots(const job *j)
{
    const char *python = getenv("SBI_PYTHON");
    if (!python) python = "python3";
    if (access(plot_script(), R_OK) != 0) {
        printf("no plots: %s is not here (set OFFSHELL_PLOTS)\n", plot_script());
        return;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execlp(python, python, plot_script(), j->options.output, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (child > 0) waitpid(child, &status, 0);
    if (status != 0) printf("no plots: %s %s failed\n", python, plot_script());
}

static double at(const json_t *object, const char *outer, const char *inner)
{
    const json_t *value = json_object_get(json_object_get(object, outer), inner);
    return json_is_number(value) ? json_number_value(value) : 0.0 / 0.0;
}

static sbi_status print_summary(const job *j)
{
    json_t *r = json_load_file(job_file(j, "results.json").text, 0, NULL);
    if (!r) return SBI_ERR_FORMAT;
    static const char *const rows[2][3] = {{"fit", "minos", "learnt ratios"},
                                           {"fit_true_ratios", "minos_true_ratios", "exact ratios"}};
    printf("\n%-14s %9s %9s %9s %9s   minima (mu, t)\n", "", "mu-hat", "error", "MINOS -", "MINOS +");
    for (int i = 0; i < 2; i++) {
        const json_t *minos = json_object_get(r, rows[i][1]);
        printf("%-14s %9.4f %9.4f %9.4f %9.4f  ", rows[i + (i == 0 && j->options.truth_ratios)][2],
               at(r, rows[i][0], "mu"), at(r, rows[i][0], "error"), json_number_value(json_array_get(minos, 0)),
               json_number_value(json_array_get(minos, 1)));
        const json_t *minima = json_object_get(json_object_get(r, rows[i][0]), "minima");
        for (size_t k = 0; k < json_array_size(minima); k++)
            printf(" (%.4f, %.3f)", json_number_value(json_object_get(json_array_get(minima, k), "mu")),
                   json_number_value(json_object_get(json_array_get(minima, k), "t")));
        putchar('\n');
    }
    printf("true mu %g; Hessian rows from the executor equal the local ones bit for bit\n", j->options.mu);
    printf("%s: results.json, resources.json, results/*.npy, plots/*.png\n", j->options.output);
    json_decref(r);
    return SBI_OK;
}

/* ---- the whole ---- */

static sbi_status open_job(job *j, progress *p)
{
    sbi_context_options c = SBI_CONTEXT_OPTIONS_INIT;
    c.threads = j->options.threads;
    c.log = show_log;
    c.progress = show_progress;
    c.progress_user = p;
    JOB_TRY(job_say(sbi_context_create(&j->ctx, &c), "context"));
    JOB_TRY(job_say(sbi_executor_open(&j->exec, j->ctx, j->options.executor, j->options.executor_config), "executor"));
    offshell_options o = OFFSHELL_OPTIONS_INIT;
    o.seed = j->options.seed;
    o.nuisances = j->options.nuisances;
    o.luminosity = j->options.luminosity;
    JOB_TRY(offshell_create(&j->simulator, &o));
    JOB_TRY(offshell_point_create(&j->point, j->simulator, j->options.mu, NULL));
    return job_folder_open(j);
}

static sbi_status run(job *j)
{
    JOB_TRY(job_stage_run(j, "simulate", stage_simulate));
    JOB_TRY(job_stage_run(j, "train", stage_train));
    JOB_TRY(job_stage_run(j, "diagnose", stage_diagnose));
    JOB_TRY(job_stage_run(j, "columns", stage_columns));
    JOB_TRY(job_stage_run(j, "fit", stage_fit));
    JOB_TRY(stage_resources(j));
    make_plots(j);
    return print_summary(j);
}

int main(int argc, char **argv)
{
    job j;
    progress p = {"", 0, 0};
    memset(&j, 0, sizeof j);
    int parsed = job_options_parse(&j.options, argc, argv);
    if (parsed) return parsed == 1 ? EXIT_SUCCESS : 2;
    sbi_status status = open_job(&j, &p);
    if (status == SBI_OK) status = run(&j);
    sbi_executor_close(j.exec);
    offshell_point_destroy(j.point);
    offshell_destroy(j.simulator);
    sbi_context_destroy(j.ctx);
    return status == SBI_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
