/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/panda_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/memory.h"
#include "sbi/job.h"

/* ---- the envelope ---------------------------------------------------------------------------------------------- */

sbi_status panda_answer_read(panda_answer *out, const char *text, size_t size, const char *what)
{
    *out = (panda_answer){.message = ""};
    SBI_TRY(sbi_json_parse(&out->whole, text ? text : "", size, what));
    const json_t *success = json_object_get(out->whole, "success"), *message = json_object_get(out->whole, "message");
    if (!json_is_boolean(success)) return sbi_fail(SBI_ERR_FORMAT, "%s: the answer has no \"success\"", what);
    out->success = json_is_true(success);
    if (json_is_string(message)) out->message = json_string_value(message);
    out->data = json_object_get(out->whole, "data");
    if (json_is_null(out->data)) out->data = NULL;
    return SBI_OK;
}

void panda_answer_clear(panda_answer *answer)
{
    json_decref(answer->whole);
    *answer = (panda_answer){.message = ""};
}

static int has(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcasestr(text, *words)) return 1;
    }
    return 0;
}

sbi_status panda_answer_status(const panda_answer *answer, const char *what)
{
    static const char *const missing[] = {"not found", NULL};
    static const char *const login[] = {"permission", "login", "owner", "role", "authenti", "credential", "proxy", "secure connection", NULL};
    /* "failed to register task", "... command", "failed to retrieve ...": the database did not take or give it. */
    static const char *const passing[] = {"database", "timeout", "time out", "timed out", "lock", "busy", "too many", "failed to re", NULL};
    if (answer->success) return SBI_OK;
    const sbi_status status = has(answer->message, missing)   ? SBI_ERR_NOT_FOUND
                              : has(answer->message, login)   ? SBI_ERR_PERMISSION
                              : has(answer->message, passing) ? SBI_ERR_TRANSIENT
                                                              : SBI_ERR_ARGUMENT;
    return sbi_fail(status, "%s: %.300s", what, answer->message[0] ? answer->message : "refused without a reason");
}

/* ---- numbers in texts ------------------------------------------------------------------------------------------ */

static int read_digits(const char *text, int64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return 0;
    const unsigned long long n = strtoull(text, &end, 10);
    *out = n > INT64_MAX ? INT64_MAX : (int64_t)n;
    return 1;
}

int panda_number(const json_t *value, int64_t *out)
{
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return 1;
    }
    const char *text = json_string_value(value);
    return text && text[0] && strspn(text, "0123456789") == strlen(text) && read_digits(text, out);
}

int panda_task_in_message(const char *message, int64_t *task)
{
    const char *at = strstr(message, "jediTaskID=");
    return at && read_digits(at + strlen("jediTaskID="), task);
}

static int copy_name(const char *text, size_t n, char *out, size_t size)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (!n || n >= size || strspn(text, good) < n) return 0;
    memcpy(out, text, n);
    out[n] = '\0';
    return 1;
}

int panda_cache_place(const char *message, char *host, size_t host_size, char *name, size_t name_size)
{
    static const char found[] = "FOUND:";
    if (strncmp(message, found, sizeof found - 1) != 0) return 0;
    const char *at = message + sizeof found - 1;
    const size_t n = strcspn(at, ":");
    return at[n] == ':' && copy_name(at, n, host, host_size) && copy_name(at + n + 1, strcspn(at + n + 1, " \r\n"), name, name_size);
}

static const char *skip_space(const char *at)
{
    for (;;) {
        if (*at == ' ' || *at == '+') at++;
        else if (strncmp(at, "%20", 3) == 0) at += 3;
        else return at;
    }
}

int panda_sequence_number(const char *job_parameters, const char *name, int64_t *number)
{
    int64_t attempt;
    const char *at = strstr(job_parameters, name);
    if (!at) return 0;
    at = skip_space(at + strlen(name));
    if (!read_digits(at, &attempt)) return 0;
    at = skip_space(at + strspn(at, "0123456789"));
    return read_digits(at, number) && *number > 0;
}

/* ---- states ---------------------------------------------------------------------------------------------------- */

static int is_one(const char *text, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(text, *names) == 0) return 1;
    }
    return 0;
}

int panda_task_phase(const char *status)
{
    static const char *const ended[] = {"done", "finished", "failed", "exhausted", "passed", NULL};
    static const char *const aborted[] = {"aborted", "toabort", "aborting", NULL};
    static const char *const running[] = {"running", "scouting", "scouted", "prepared", "finishing", "tofinish", NULL};
    if (is_one(status, ended)) return PANDA_TASK_ENDED;
    if (is_one(status, aborted)) return PANDA_TASK_ABORTED;
    if (strcmp(status, "broken") == 0 || strcmp(status, "tobroken") == 0) return PANDA_TASK_BROKEN;
    return is_one(status, running) ? PANDA_TASK_RUNS : PANDA_TASK_WAITS;
}

/* Errors of the pilot that tell more than the exit code of what it ran: the names are the pilot's (errorcodes.py of pilot 3.11.5). It reports 1305 for
 * every exit code but 0, and 1378, 1368, 1315 for 2, 3, 251: these tell nothing. */
static int32_t pilot_state(int64_t code)
{
    switch (code) {
    case 1212: /* PAYLOADOUTOFMEMORY */
    case 1223: /* BADALLOC */
    case 1235: /* PAYLOADEXCEEDMAXMEM */ return SBI_TASK_OUT_OF_MEMORY;
    case 1098: /* NOLOCALSPACE */
    case 1099: /* STAGEINFAILED */
    case 1104: /* USERDIRTOOLARGE */
    case 1137: /* STAGEOUTFAILED */
    case 1141: /* PUTMD5MISMATCH */
    case 1149: /* TRFDOWNLOADFAILURE */
    case 1151: /* STAGEINTIMEOUT */
    case 1152: /* STAGEOUTTIMEOUT */
    case 1163: /* NOPROXY */
    case 1172: /* PUTADMISMATCH */
    case 1177: /* NOVOMSPROXY */
    case 1181: /* PUTGLOBUSSYSERR */
    case 1246: /* NOUSERTARBALL */
    case 1307: /* SINGULARITYNOLOOPDEVICES */
    case 1309: /* SINGULARITYIMAGEMOUNTFAILURE */
    case 1316: /* RUCIOSERVICEUNAVAILABLE */
    case 1318: /* COMMUNICATIONFAILURE */
    case 1324: /* SERVICENOTAVAILABLE */
    case 1327: /* UNREACHABLENETWORK */
    case 1332: /* BLACKHOLE */
    case 1333: /* NOREMOTESPACE */
    case 1335: /* MISSINGUSERCODE: the next attempt uploads it again */
    case 1344: /* RESOURCEUNAVAILABLE */
    case 1348: /* SINGULARITYRESOURCEUNAVAILABLE */
    case 1373: /* CERTIFICATEHASEXPIRED */
    case 1376: /* LOGCREATIONTIMEOUT */
    case 1377: /* CVMFSISNOTALIVE */
    case 1383: /* STAGEOUTAUTHENTICATIONFAILURE */ return SBI_TASK_TRANSIENT;
    case 1200: /* KILLSIGNAL */
    case 1201: /* SIGTERM; also of a payload that a signal ended before its shell could say so */
    case 1202: /* SIGQUIT */
    case 1204: /* SIGXCPU */
    case 1207: /* SIGUSR1 */
    case 1208: /* SIGINT */
    case 1213: /* REACHEDMAXTIME */
    case 1375: /* LEASETIME */
    case 1379: /* PREEMPTION: a SIGTERM on Kubernetes */ return SBI_TASK_PREEMPTED;
    case 1144: /* PANDAKILL */
    case 1205: /* USERKILL */ return SBI_TASK_CANCELLED;
    default: return SBI_TASK_LOST;
    }
}

/* Errors of runGen, the transformation, which reports 5300 + its own exit code. */
enum { TRF_FIRST = 5301, TRF_NO_SANDBOX = 5303, TRF_BAD_SANDBOX = 5309, TRF_LAST = 5399 };

/* What the worker exited with, 0 if that is not known. runGen exits with its own code, 18, and tells the payload's in words; in a container, and with older
 * transformations, the pilot sees the payload's code itself, modulo 255. */
static int64_t payload_exit(const json_t *job, int64_t transformation)
{
    static const char *const texts[] = {"exeErrorDiag", "pilotErrorDiag"}, words[] = "payload execution failed with ";
    int64_t code = 0;
    for (size_t i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(job, texts[i])), *at = text ? strstr(text, words) : NULL;
        if (at && read_digits(at + sizeof words - 1, &code)) return code;
    }
    if (transformation < TRF_FIRST || transformation > TRF_LAST) panda_number(json_object_get(job, "transExitCode"), &code);
    return code;
}

static sbi_status why(int32_t state)
{
    switch (state) {
    case SBI_TASK_OUT_OF_MEMORY: return SBI_ERR_NO_MEMORY;
    case SBI_TASK_TRANSIENT: return SBI_ERR_TRANSIENT;
    case SBI_TASK_PREEMPTED: return SBI_ERR_PREEMPTED;
    case SBI_TASK_CANCELLED: return SBI_ERR_CANCELLED;
    default: return SBI_ERR_TASK_LOST;
    }
}

static void say_why(const json_t *job, int64_t exit_code, char *message, size_t size)
{
    static const char *const sources[] = {"pilotError", "exeError", "taskBufferError", "jobDispatcherError", "ddmError", "brokerageError", "supError"};
    char key[40];
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        int64_t code;
        snprintf(key, sizeof key, "%sCode", sources[i]);
        if (!panda_number(json_object_get(job, key), &code) || !code) continue;
        snprintf(key, sizeof key, "%sDiag", sources[i]);
        const char *text = json_string_value(json_object_get(job, key));
        snprintf(message, size, "%s %lld: %.160s%s%.0lld", sources[i], (long long)code, text ? text : "", exit_code > 0 ? "; exit code " : "",
                 (long long)(exit_code > 0 ? exit_code : 0));
        return;
    }
    if (exit_code > 0) snprintf(message, size, "exit code %lld", (long long)exit_code);
}

void panda_job_state(const json_t *job, sbi_task_report *report, int *closed)
{
    static const char *const running[] = {"running", "holding", "transferring", "merging", NULL};
    static const char *const ended[] = {"finished", "failed", "cancelled", "closed", NULL};
    const char *status = json_string_value(json_object_get(job, "jobStatus"));
    const char *host = json_string_value(json_object_get(job, "modificationHost")), *site = json_string_value(json_object_get(job, "computingSite"));
    int64_t exit_code, pilot = 0, transformation = 0;
    *closed = 0;
    if (!status) status = "";
    report->state = is_one(status, running) ? SBI_TASK_RUNNING : SBI_TASK_PENDING;
    report->status = SBI_OK;
    if (site || host) snprintf(report->host, sizeof report->host, "%.60s", site ? site : host);
    if (!is_one(status, ended)) {
        if (report->state == SBI_TASK_PENDING && status[0]) snprintf(report->message, sizeof report->message, "job %.40s", status);
        return;
    }
    panda_number(json_object_get(job, "pilotErrorCode"), &pilot);
    panda_number(json_object_get(job, "exeErrorCode"), &transformation);
    exit_code = payload_exit(job, transformation);
    say_why(job, exit_code, report->message, sizeof report->message);
    if (strcmp(status, "finished") == 0) {
        report->state = SBI_TASK_DONE;
        return;
    }
    *closed = strcmp(status, "closed") == 0;
    if (strcmp(status, "cancelled") == 0) {
        report->state = SBI_TASK_CANCELLED;
        report->status = SBI_ERR_CANCELLED;
        return;
    }
    report->state = pilot_state(pilot);
    if (report->state == SBI_TASK_LOST && (transformation == TRF_NO_SANDBOX || transformation == TRF_BAD_SANDBOX)) report->state = SBI_TASK_TRANSIENT;
    report->status = why(report->state);
    /* The worker's own word, unless the pilot killed it. */
    if (report->state == SBI_TASK_LOST && exit_code > 0 && exit_code < 256) {
        report->state = sbi_job_exit_state((int32_t)exit_code, &report->status);
    }
}

/* ---- tokens ---------------------------------------------------------------------------------------------------- */

sbi_status panda_token_expiry(sbi_context *ctx, const char *token, int64_t *expires)
{
    *expires = 0;
    const char *begin = strchr(token, '.'), *end = begin ? strchr(begin + 1, '.') : NULL;
    if (!end) return sbi_fail(SBI_ERR_FORMAT, "PanDA: the ID token is no JSON web token");
    const size_t n = (size_t)(end - begin - 1), padded = (n + 3) / 4 * 4;
    char *text = sbi_alloc(ctx, padded + 1);
    void *claims = NULL;
    size_t size = 0;
    json_t *json = NULL;
    if (!text) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < padded; i++) { /* base64url without padding into base64 */
        const char c = i < n ? begin[1 + i] : '=';
        text[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    text[padded] = '\0';
    sbi_status status = sbi_base64_decode(ctx, text, &claims, &size);
    if (status == SBI_OK) status = sbi_json_parse(&json, claims, size, "PanDA: claims of the ID token");
    if (status == SBI_ERR_FORMAT) status = sbi_fail(SBI_ERR_FORMAT, "PanDA: the ID token is no JSON web token"); /* nothing of it is shown */
    if (status == SBI_OK && json_is_real(json_object_get(json, "exp"))) {
        const double t = json_real_value(json_object_get(json, "exp"));
        if (t > 0 && t < 1e15) *expires = (int64_t)t;
    } else if (status == SBI_OK) {
        panda_number(json_object_get(json, "exp"), expires);
    }
    explicit_bzero(text, padded);
    if (claims) explicit_bzero(claims, size);
    json_decref(json);
    sbi_free(ctx, claims);
    sbi_free(ctx, text);
    return status;
}
