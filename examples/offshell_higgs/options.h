/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of the program. */
#ifndef OFFSHELL_OPTIONS_H
#define OFFSHELL_OPTIONS_H

#include <stdint.h>

typedef struct job_options {
    int64_t events;      /* training events of each process and of the reference; also of the data, unless poisson */
    int64_t integration; /* events of the sample that normalises */
    int32_t members, variation_members;
    int32_t depth, width, epochs, batch;
    int32_t nuisances;
    int32_t scan_points;
    int32_t threads;
    int32_t truth_ratios; /* exact ratios instead of networks */
    int32_t bootstrap;    /* members with Poisson(1) event weights of their own */
    int32_t poisson;      /* a Poisson sample as data instead of the weighted expectation */
    int32_t force;        /* start anew in a folder that holds another job */
    uint64_t seed;
    double mu;         /* true value */
    double luminosity; /* multiplies the yields */
    double initial_gain; /* of the networks */
    const char *executor, *executor_config;
    const char *output;
} job_options;

/* 0: run; 1: done (help was printed); 2: usage error, which was printed. */
int job_options_parse(job_options *o, int argc, char **argv);

/* Everything that the results depend on, a "name value" line each, into text. */
void job_options_describe(const job_options *o, char *text, unsigned long size);

#endif
