/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/worker/worker.h"

static struct {
    size_t limit; /* 0: none */
    atomic_size_t used;
} memory;

static void *allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    if (memory.limit && atomic_fetch_add(&memory.used, size) + size > memory.limit) {
        atomic_fetch_sub(&memory.used, size);
        return NULL;
    }
    void *block = NULL;
    if (posix_memalign(&block, alignment < sizeof(void *) ? sizeof(void *) : alignment, size ? size : 1)) {
        if (memory.limit) atomic_fetch_sub(&memory.used, size);
        return NULL;
    }
    return block;
}

static void release(void *user, void *block, size_t size)
{
    (void)user;
    if (memory.limit) atomic_fetch_sub(&memory.used, size);
    free(block);
}

void worker_limit_memory(sbi_context_options *options, size_t limit)
{
    memory.limit = limit;
    options->allocate = allocate;
    options->release = release;
}

/* A file of a cgroup with one number, the smaller one of it and *limit; "max" is no number. */
static void see(const char *path, unsigned long long *limit)
{
    unsigned long long bytes = 0;
    FILE *f = fopen(path, "re");
    if (!f) return;
    if (fscanf(f, "%llu", &bytes) == 1 && bytes > 0 && bytes < *limit) *limit = bytes;
    fclose(f);
}

size_t worker_cgroup_memory(void)
{
    unsigned long long limit = 1ull << 60; /* version 1 says "none" by a number beyond this */
    char line[1024], path[1100];
    see("/sys/fs/cgroup/memory.max", &limit);
    see("/sys/fs/cgroup/memory/memory.limit_in_bytes", &limit);
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "0::/", 4) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        for (char *own = line + 3; own[1]; *strrchr(own, '/') = '\0') {
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", own);
            see(path, &limit);
            if (strrchr(own, '/') == own) break;
        }
    }
    if (f) fclose(f);
    return limit < (1ull << 60) ? (size_t)(limit - limit / 10) : 0;
}
