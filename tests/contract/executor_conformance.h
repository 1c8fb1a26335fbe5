/* SPDX-License-Identifier: Apache-2.0 */
/* What every executor must do, whatever it is made of. An implementation's test gives a factory and runs the suite. */
#ifndef SBI_TESTS_EXECUTOR_CONFORMANCE_H
#define SBI_TESTS_EXECUTOR_CONFORMANCE_H

#include <check.h>

#include "sbi/executor.h"

/* Opens an executor whose tasks run conformance_run(). One that lives elsewhere may understand other specs: then `spec`
 * translates a kind and its payload (see conformance_run()) into one. */
typedef struct executor_factory {
    const char *name;
    sbi_status (*open)(void *user, sbi_context *ctx, sbi_executor **out);
    void *user;
    void (*spec)(void *user, const char *kind, const char *payload, char *spec, size_t size); /* NULL: "kind payload" */
    int patience; /* seconds that a handful of tasks may take; 0: 20 */
} executor_factory;

/* Understands the specs
 *     "echo TEXT"       the result is TEXT
 *     "big N"           N bytes, the i-th being i % 251
 *     "fail TEXT"       fails for good, with TEXT as its message
 *     "sleep MS"        sleeps so long, looks for cancellation, result "slept"
 *     "attachment X"    the attached text, or X where none came
 * and counts how often each (key, attempt) was run. */
sbi_status conformance_run(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink);

/* How often conformance_run() was called for a key since the last reset, and the most for one attempt of any key. */
int conformance_runs(const char *key);
int conformance_most_runs_of_an_attempt(void);
void conformance_reset(void);

Suite *executor_conformance_suite(const executor_factory *factory);

#endif
