/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "programs/worker/worker.h"

#define TRIES 100 /* those who look whether the lock is held hold it themselves for a moment */

static int take_lock(const char *record)
{
    int fd = open(record, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        fprintf(stderr, "sbi-worker: %s: %s\n", record, strerror(errno));
        return -1;
    }
    for (int i = 0; i < TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    close(fd);
    return -2;
}

/* How often the kernel has killed somebody for want of memory. */
static unsigned long long oom_kills(void)
{
    char name[64];
    unsigned long long value, kills = 0;
    FILE *f = fopen("/proc/vmstat", "re");
    while (f && fscanf(f, "%63s %llu", name, &value) == 2)
        if (strcmp(name, "oom_kill") == 0) kills = value;
    if (f) fclose(f);
    return kills;
}

/* In place: the lock is this file's. A record that is cut off (full disk) reads as none. */
static void write_record(int fd, const char *text)
{
    const size_t n = strlen(text);
    if (pwrite(fd, text, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)n) || fsync(fd)) (void)ftruncate(fd, 0);
}

static void supervise(int fd, int attempt, pid_t worker)
{
    char text[256];
    const unsigned long long before = oom_kills();
    int how = 0;
    snprintf(text, sizeof text, "{\"attempt\":%d,\"pid\":%d}\n", attempt, (int)getpid());
    write_record(fd, text);
    while (waitpid(worker, &how, 0) < 0 && errno == EINTR) {}
    const int number = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    const int code = number ? 128 + number : WEXITSTATUS(how);
    snprintf(text, sizeof text, "{\"attempt\":%d,\"pid\":%d,\"exit_code\":%d,\"signal\":%d,\"oom\":%d}\n", attempt, (int)getpid(), code,
             number, number == SIGKILL && oom_kills() > before);
    write_record(fd, text);
}

int worker_supervise(const char *record, int attempt)
{
    sigset_t stopping, before;
    const int fd = take_lock(record);
    if (fd == -2) return WORKER_BUSY;
    if (fd < 0) return SBI_EXIT_STORAGE;
    (void)ftruncate(fd, 0); /* what it says of an earlier attempt */
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTERM);
    sigaddset(&stopping, SIGINT);
    sigaddset(&stopping, SIGHUP);
    sigprocmask(SIG_BLOCK, &stopping, &before);
    pid_t pid = fork();
    if (pid) return pid < 0 ? SBI_EXIT_STORAGE : SBI_EXIT_DONE; /* the lock lives on in the child */
    setsid();
    pid = fork();
    if (pid == 0) { /* the worker: signals that came meanwhile reach it now */
        sigprocmask(SIG_SETMASK, &before, NULL);
        return -1;
    }
    /* The signals stay blocked here: the group is stopped by them, and this process is to see the end. */
    if (pid > 0) supervise(fd, attempt, pid);
    return SBI_EXIT_DONE;
}
