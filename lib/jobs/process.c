/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "io/json.h"
#include "jobs/processes.h"

#define RECORD_LARGEST 512

extern char **environ;

static int32_t member(const json_t *json, const char *key, int32_t other)
{
    const json_t *value = json_object_get(json, key);
    const json_int_t n = json_integer_value(value);
    return json_is_integer(value) && n >= 0 && n <= INT32_MAX ? (int32_t)n : other;
}

void sbi_process_parse(sbi_process_record *out, const char *text, size_t size)
{
    *out = (sbi_process_record){.exit_code = -1};
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json)) {
        out->attempt = member(json, "attempt", 0);
        out->pid = member(json, "pid", 0);
        out->exit_code = member(json, "exit_code", -1);
        out->oom = member(json, "oom", 0);
        out->signal_ = member(json, "signal", 0);
        if (out->pid < 2) out->pid = 0; /* a group of -1 or 0 would be everybody */
        if (out->exit_code > 255) out->exit_code = -1;
    }
    json_decref(json);
}

int sbi_process_look(const char *path, sbi_process_record *out)
{
    char text[RECORD_LARGEST];
    *out = (sbi_process_record){.exit_code = -1};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    /* Shared, so that those who look do not get in each other's way. */
    const int alive = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    const ssize_t n = pread(fd, text, sizeof text, 0);
    close(fd);
    if (n > 0) sbi_process_parse(out, text, (size_t)n);
    return alive;
}

sbi_status sbi_process_start(char *const *argv, const char *output, int32_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t started = 0;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions)) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", argv[0]);
    if (posix_spawnattr_init(&attributes)) {
        posix_spawn_file_actions_destroy(&actions);
        return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", argv[0]);
    }
    /* Nothing of what the host program did to its signals is handed on. */
    int error = posix_spawnattr_setsigmask(&attributes, &none);
    if (!error) error = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!error) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (!error) error = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!error) error = posix_spawn(&started, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error) return sbi_fail_errno(error, "%s: cannot be started", argv[0]);
    *pid = (int32_t)started;
    return SBI_OK;
}
