/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials from a program, as clouds and identity providers give them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "grid/kubeconfig.h"
#include "grid/listing.h"
#include "grid/secret.h"

#define ANSWER_LARGEST ((size_t)1 << 20)
#define LONGEST_MS 60000

extern char **environ;

/* ---- arguments and environment --------------------------------------------------------------------------------- */

static void free_list(sbi_context *ctx, char **list)
{
    for (size_t i = 0; list && list[i]; i++) sbi_secret_free(ctx, list[i]);
    sbi_free(ctx, list);
}

static sbi_status make_arguments(const grid_kubeconfig *c, char ***out)
{
    const json_t *args = json_object_get(c->exec, "args");
    const char *command = json_string_value(json_object_get(c->exec, "command"));
    char **argv = sbi_alloc_zero(c->ctx, json_array_size(args) + 2, sizeof *argv);
    *out = argv;
    if (!argv) return SBI_ERR_NO_MEMORY;
    /* A path with a slash is relative to the file; a bare name is looked for in PATH. */
    argv[0] = strchr(command, '/') ? sbi_path_join(c->ctx, c->folder, command) : sbi_strdup(c->ctx, command);
    if (!argv[0]) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(args); i++) {
        const char *text = json_string_value(json_array_get(args, i));
        if (!text) return sbi_fail(SBI_ERR_FORMAT, "kubeconfig: exec: args: %zu is no text", i);
        if (!(argv[i + 1] = sbi_strdup(c->ctx, text))) return SBI_ERR_NO_MEMORY;
    }
    return SBI_OK;
}

/* The file's value is the one that counts. */
static int is_replaced(const char *variable, const json_t *more)
{
    for (size_t i = 0; i < json_array_size(more); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(more, i), "name"));
        const size_t length = name ? strlen(name) : 0;
        if (length && strncmp(variable, name, length) == 0 && variable[length] == '=') return 1;
    }
    return 0;
}

static sbi_status make_environment(const grid_kubeconfig *c, char ***out)
{
    const json_t *more = json_object_get(c->exec, "env");
    const char *version = json_string_value(json_object_get(c->exec, "apiVersion"));
    size_t n = 0, used = 0;
    if (!version) version = "client.authentication.k8s.io/v1";
    if (strcmp(version, "client.authentication.k8s.io/v1") != 0 && strcmp(version, "client.authentication.k8s.io/v1beta1") != 0)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "kubeconfig: exec: apiVersion \"%.60s\": v1 and v1beta1 of client.authentication.k8s.io are known", version);
    while (environ && environ[n]) n++;
    char **env = sbi_alloc_zero(c->ctx, n + json_array_size(more) + 2, sizeof *env);
    *out = env;
    if (!env) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(environ[i], "KUBERNETES_EXEC_INFO=", 21) == 0 || is_replaced(environ[i], more)) continue;
        if (!(env[used++] = sbi_strdup(c->ctx, environ[i]))) return SBI_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < json_array_size(more); i++) {
        const json_t *entry = json_array_get(more, i);
        const char *name = json_string_value(json_object_get(entry, "name")), *value = json_string_value(json_object_get(entry, "value"));
        if (!name || !value) return sbi_fail(SBI_ERR_FORMAT, "kubeconfig: exec: env: %zu has no name or value", i);
        if (!(env[used++] = sbi_strf(c->ctx, "%s=%s", name, value))) return SBI_ERR_NO_MEMORY;
    }
    env[used] = sbi_strf(c->ctx, "KUBERNETES_EXEC_INFO={\"apiVersion\":\"%s\",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false}}",
                         version);
    return env[used] ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

/* Everything that the program prints, until it closes its end. */
static sbi_status read_answer(int fd, const char *name, int64_t longest, char *data, size_t *size)
{
    const int64_t end = sbi_now_ms() + longest;
    *size = 0;
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        const int64_t left = end - sbi_now_ms();
        if (left <= 0) return sbi_fail(SBI_ERR_TRANSIENT, "%s: no answer in %.3g s", name, 0.001 * (double)longest);
        const int ready = poll(&p, 1, (int)left);
        if (ready < 0 && errno != EINTR) return sbi_fail_errno(errno, "%s: poll", name);
        if (ready <= 0) continue;
        const ssize_t got = read(fd, data + *size, ANSWER_LARGEST - *size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return sbi_fail_errno(errno, "%s: its answer", name);
        if (got == 0) return SBI_OK;
        *size += (size_t)got;
        if (*size == ANSWER_LARGEST) return sbi_fail(SBI_ERR_FORMAT, "%s: an answer of more than %zu bytes", name, ANSWER_LARGEST);
    }
}

static sbi_status run(char **argv, char **env, int64_t longest, char *data, size_t *size)
{
    int pipe_[2], how = 0;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (pipe2(pipe_, O_CLOEXEC)) return sbi_fail_errno(errno, "%s: pipe", argv[0]);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe_[1], 1);
    const int failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_[1]);
    if (failed) {
        close(pipe_[0]);
        return sbi_fail_errno(failed, "%s", argv[0]);
    }
    sbi_status status = read_answer(pipe_[0], argv[0], longest, data, size);
    close(pipe_[0]);
    if (status != SBI_OK) (void)kill(pid, SIGKILL);
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {}
    SBI_TRY(status);
    if (!WIFEXITED(how) || WEXITSTATUS(how))
        return sbi_fail(SBI_ERR_PERMISSION, "%s: gave no credentials: it ended with %d", argv[0], WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how));
    return SBI_OK;
}

/* ---- its answer ------------------------------------------------------------------------------------------------ */

static sbi_status take(grid_kubeconfig *c, const json_t *status, const char *key, char **place, size_t *size)
{
    const char *text = json_string_value(json_object_get(status, key));
    sbi_secret_free(c->ctx, *place);
    *place = NULL;
    if (!text) return SBI_OK;
    if (size) *size = strlen(text);
    return sbi_secret_copy(place, c->ctx, text);
}

sbi_status grid_kubeconfig_take_answer(grid_kubeconfig *c, const char *text, size_t size, const char *name, int64_t *expires)
{
    json_t *json;
    *expires = 0;
    /* A parser's message would show a piece of the text, which may be of the token. */
    sbi_status parsed = sbi_json_parse(&json, text, size, name);
    if (parsed == SBI_ERR_FORMAT) return sbi_fail(SBI_ERR_FORMAT, "%s: its answer is not JSON", name);
    SBI_TRY(parsed);
    const json_t *answer = json_object_get(json, "status");
    const char *until = json_string_value(json_object_get(answer, "expirationTimestamp"));
    sbi_status status = take(c, answer, "token", &c->token, NULL);
    if (status == SBI_OK) status = take(c, answer, "clientCertificateData", &c->cert, &c->cert_size);
    if (status == SBI_OK) status = take(c, answer, "clientKeyData", &c->key, &c->key_size);
    if (status == SBI_OK && !c->token && !(c->cert && c->key))
        status = sbi_fail(SBI_ERR_FORMAT, "%s: an answer with neither a token nor a certificate and its key", name);
    if (until) *expires = grid_date_ms(until);
    json_decref(json);
    return status;
}

sbi_status grid_kubeconfig_credentials(grid_kubeconfig *c, int64_t *expires)
{
    char **argv = NULL, **env = NULL;
    size_t size = 0;
    *expires = 0;
    if (!c->exec) return SBI_OK;
    char *data = sbi_alloc(c->ctx, ANSWER_LARGEST);
    sbi_status status = data ? make_arguments(c, &argv) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = make_environment(c, &env);
    if (status == SBI_OK) status = run(argv, env, c->exec_ms ? c->exec_ms : LONGEST_MS, data, &size);
    if (status == SBI_OK) status = grid_kubeconfig_take_answer(c, data, size, argv[0], expires);
    if (data) explicit_bzero(data, ANSWER_LARGEST);
    sbi_free(c->ctx, data);
    free_list(c->ctx, argv);
    free_list(c->ctx, env);
    return status;
}
