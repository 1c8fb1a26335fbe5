/* SPDX-License-Identifier: Apache-2.0 */
/* How many processors, and how much memory, this process may use. */
#ifndef SBI_BASE_PROCESSORS_H
#define SBI_BASE_PROCESSORS_H

#include <stdint.h>

/* The size of the affinity mask, limited by the CPU quota of the cgroup and its parents; at least 1. */
int32_t sbi_processors(void);

/* The part that reads text, apart so that it can be tested. A version 2 line is "QUOTA PERIOD" or "max PERIOD".
 * Processors that it allows, rounded up; 0 if it sets no limit or does not parse. */
int32_t sbi_processors_of_quota(const char *line);

/* Bytes: the machine's memory, limited by the cgroup and its parents. */
uint64_t sbi_memory_allowed(void);
/* Bytes of it that the machine has free or could free at once; sbi_memory_allowed() where it does not say. */
uint64_t sbi_memory_available(void);
/* A line of a cgroup's limit: bytes, or 0 if it sets none ("max", and version 1's very large number) or does not parse. */
uint64_t sbi_memory_of_limit(const char *line);

#endif
