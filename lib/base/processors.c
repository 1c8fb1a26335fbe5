/* SPDX-License-Identifier: Apache-2.0 */
#include "base/processors.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST 4096
#define CGROUPS "/sys/fs/cgroup"

/* The start of a small file as text; 0 if it cannot be read. */
static int read_text(const char *path, char *out, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, out, capacity - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Not strtoll and friends, which would also take signs and report through errno. */
static int parse_number(const char **p, int64_t *out)
{
    while (**p == ' ') ++*p;
    if (**p < '0' || **p > '9') return 0;
    for (*out = 0; **p >= '0' && **p <= '9'; ++*p) {
        if (*out > INT64_MAX / 16) return 0;
        *out = *out * 10 + (**p - '0');
    }
    return 1;
}

static int32_t ratio(int64_t quota, int64_t period)
{
    if (quota <= 0 || period <= 0) return 0;
    int64_t n = quota / period + (quota % period != 0);
    return n > MOST ? MOST : (int32_t)n;
}

int32_t sbi_processors_of_quota(const char *line)
{
    int64_t quota, period;
    return parse_number(&line, &quota) && parse_number(&line, &period) ? ratio(quota, period) : 0;
}

static int32_t smaller(int32_t limit, int32_t other)
{
    return other && (!limit || other < limit) ? other : limit;
}

/* Version 1: the root of what this container sees. */
static int32_t quota_version_1(void)
{
    char quota[64], period[64];
    if (!read_text(CGROUPS "/cpu/cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_text(CGROUPS "/cpu/cpu.cfs_period_us", period, sizeof period))
        return 0;
    int64_t q, p;
    const char *a = quota, *b = period;
    return parse_number(&a, &q) && parse_number(&b, &p) ? ratio(q, p) : 0;
}

/* Version 2: calls `see` with the line of a limit of this process's group and of each of its parents, which limit their children. */
static void each_group(const char *file, void (*see)(const char *line, void *arg), void *arg)
{
    char groups[1024], path[1024 + 64], line[64];
    snprintf(path, sizeof path, CGROUPS "/%s", file);
    if (read_text(path, line, sizeof line)) see(line, arg);
    if (!read_text("/proc/self/cgroup", groups, sizeof groups)) return;
    char *own = strncmp(groups, "0::/", 4) == 0 ? groups : strstr(groups, "\n0::/");
    if (!own) return;
    own = strchr(own, '/');
    own[strcspn(own, "\n")] = '\0';
    while (own[0] && own[1]) {
        snprintf(path, sizeof path, CGROUPS "%s/%s", own, file);
        if (read_text(path, line, sizeof line)) see(line, arg);
        *strrchr(own, '/') = '\0';
    }
}

static void see_quota(const char *line, void *arg)
{
    int32_t *limit = arg;
    *limit = smaller(*limit, sbi_processors_of_quota(line));
}

int32_t sbi_processors(void)
{
    /* A set on the stack for MOST processors: the plain cpu_set_t ends at 1024, and the kernel refuses smaller ones. */
    unsigned long set[MOST / (8 * sizeof(unsigned long))];
    memset(set, 0, sizeof set);
    int32_t n = 1;
    if (sched_getaffinity(0, sizeof set, (cpu_set_t *)set) == 0) n = (int32_t)CPU_COUNT_S(sizeof set, (cpu_set_t *)set);
    int32_t quota = 0;
    each_group("cpu.max", see_quota, &quota);
    quota = smaller(quota, quota_version_1());
    if (quota && quota < n) n = quota;
    return n < 1 ? 1 : n;
}

uint64_t sbi_memory_of_limit(const char *line)
{
    int64_t bytes;
    /* Version 1 says "no limit" by the largest multiple of a page. */
    return parse_number(&line, &bytes) && bytes < INT64_MAX / 16 ? (uint64_t)bytes : 0;
}

static void see_memory(const char *line, void *arg)
{
    uint64_t *limit = arg, bytes = sbi_memory_of_limit(line);
    if (bytes && bytes < *limit) *limit = bytes;
}

uint64_t sbi_memory_allowed(void)
{
    char line[64];
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t limit = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : (uint64_t)1 << 30;
    each_group("memory.max", see_memory, &limit);
    if (read_text(CGROUPS "/memory/memory.limit_in_bytes", line, sizeof line)) see_memory(line, &limit);
    return limit;
}

uint64_t sbi_memory_available(void)
{
    char text[512];
    int64_t kilobytes;
    const uint64_t allowed = sbi_memory_allowed();
    const char *line = read_text("/proc/meminfo", text, sizeof text) ? strstr(text, "MemAvailable:") : NULL;
    if (!line) return allowed;
    line += strlen("MemAvailable:");
    if (!parse_number(&line, &kilobytes) || (uint64_t)kilobytes > allowed / 1024) return allowed;
    return (uint64_t)kilobytes * 1024;
}
