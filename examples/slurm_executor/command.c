/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slurm.h"

extern char **environ;

void slurm_word(slurm_command *c, const char *format, ...)
{
    va_list args;
    char *word = NULL;
    va_start(args, format);
    if (vasprintf(&word, format, args) < 0) word = NULL;
    va_end(args);
    if (c->n < 511) c->words[c->n] = word;
    if (c->n >= 511 || !word) {
        free(word);
        c->n = 512; /* it does not fit */
        return;
    }
    c->words[++c->n] = NULL;
}

static void forget(slurm_command *c)
{
    for (int i = 0; i < 511 && c->words[i]; i++) free(c->words[i]);
    memset(c, 0, sizeof *c);
}

static char *read_all(int fd)
{
    size_t n = 0, capacity = 4096;
    char *text = malloc(capacity);
    for (ssize_t got; text;) {
        got = read(fd, text + n, capacity - n - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        n += (size_t)got;
        if (capacity - n > 1) continue;
        char *grown = realloc(text, capacity *= 2);
        if (!grown) free(text);
        text = grown;
    }
    if (text) text[n] = '\0';
    return text;
}

static sbi_status start(const slurm_command *c, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions)) return SBI_ERR_NO_MEMORY;
    int error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (!error) error = posix_spawnp(pid, c->words[0], &actions, NULL, c->words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error ? SBI_ERR_TRANSIENT : SBI_OK;
}

sbi_status slurm_run(slurm_command *c, char **output)
{
    int ends[2], how = 0;
    pid_t pid;
    *output = NULL;
    if (c->n < 1 || c->n > 511) {
        forget(c);
        return SBI_ERR_NO_MEMORY;
    }
    sbi_status status = pipe2(ends, O_CLOEXEC) ? SBI_ERR_TRANSIENT : SBI_OK;
    if (status == SBI_OK) {
        status = start(c, ends[1], &pid);
        close(ends[1]);
        if (status == SBI_OK) {
            *output = read_all(ends[0]);
            while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {}
            if (!*output) status = SBI_ERR_NO_MEMORY;
        }
        close(ends[0]);
    }
    forget(c);
    if (status == SBI_OK && (!WIFEXITED(how) || WEXITSTATUS(how) != 0)) status = SBI_ERR_TRANSIENT;
    if (status != SBI_OK) {
        free(*output);
        *output = NULL;
    }
    return status;
}
