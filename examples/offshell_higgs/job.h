/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages share: options, libsbi's handles, the output folder, and a clock for each stage. */
#ifndef OFFSHELL_JOB_H
#define OFFSHELL_JOB_H

#include <stddef.h>

#include "options.h"
#include "sbi/sbi.h"
#include "simulate.h"

enum { JOB_STAGES_MAX = 8, JOB_PATH_SIZE = 1024 };

typedef struct job_stage {
    const char *name;
    double seconds;
    long long peak_memory; /* bytes resident */
} job_stage;

typedef struct job {
    job_options options;
    sbi_context *ctx;
    sbi_executor *exec;
    offshell_simulator *simulator;
    offshell_point *point; /* the truth: mu and alpha = 0 */
    job_stage stages[JOB_STAGES_MAX];
    int n_stages;
} job;

/* A path in the output folder, printf-like; a failure shows as an over-long path that cannot be opened. */
typedef struct job_path {
    char text[JOB_PATH_SIZE];
} job_path;
job_path job_file(const job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "offshell_higgs: what: message" for a status that is not SBI_OK, and returns it. */
sbi_status job_say(sbi_status status, const char *what);
#define JOB_TRY(expression)                                                                                            \
    do {                                                                                                               \
        sbi_status job_try_status_ = (expression);                                                                     \
        if (job_try_status_ != SBI_OK) return job_try_status_;                                                         \
    } while (0)

/* Opens or continues the output folder; refuses one with other flags, naming the first that differs. */
sbi_status job_folder_open(job *j);
/* mkdir of one level in the output folder. */
sbi_status job_folder_make(const job *j, const char *name);
/* Whole or not at all. */
sbi_status job_write_text(const char *path, const char *text, size_t size);
int job_exists(const char *path);

/* Runs a stage unless its marker says that it is done; the marker keeps seconds and peak memory. */
sbi_status job_stage_run(job *j, const char *name, sbi_status (*run)(job *j));

/* The stages, in order. */
sbi_status stage_simulate(job *j);
sbi_status stage_train(job *j);
sbi_status stage_diagnose(job *j);
sbi_status stage_columns(job *j);
sbi_status stage_fit(job *j);
sbi_status stage_resources(job *j);

/* The samples, by file stem under data/. number 0 trains, 1 normalises, 2 tests. */
enum { NUMBER_TRAIN = 0, NUMBER_INTEGRATION = 1, NUMBER_TEST = 2 };

/* A column of doubles, as f64 or f32 on disk. */
sbi_status job_write_column(const job *j, const char *path, const double *values, size_t n, int32_t dtype);
/* malloc of n doubles with a message. */
double *job_doubles(size_t n);
/* Reads a one- or two-dimensional file of doubles; *n is its number of elements. The caller frees. */
sbi_status job_read_doubles(const job *j, const char *path, double **values, size_t *n);

#endif
