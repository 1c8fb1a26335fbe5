/* SPDX-License-Identifier: Apache-2.0 */
/* Where the servers of a test are: tests/grid/run.sh starts them and sets the environment. A test without its server fails. */
#ifndef SBI_TESTS_GRID_SERVERS_H
#define SBI_TESTS_GRID_SERVERS_H

#include <stdio.h>
#include <stdlib.h>

static inline const char *server(const char *variable)
{
    const char *value = getenv(variable);
    if (value && value[0]) return value;
    fprintf(stderr, "%s is not set: run this by tests/grid/run.sh\n", variable);
    exit(EXIT_FAILURE);
}

#endif
