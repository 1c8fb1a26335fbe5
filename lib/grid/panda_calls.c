/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/panda_calls.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* What task/submit says of a name that is taken, and of its limits. */
enum { DUPLICATE = 1, DUPLICATE_ACTIVE = 2, INCREMENTAL = 3, TOO_MANY = 10 };

static sbi_status no_memory(const char *call)
{
    return sbi_fail(SBI_ERR_NO_MEMORY, "PanDA: %s: out of memory", call);
}

/* ---- finding and submitting ------------------------------------------------------------------------------------ */

static const json_t *either(const json_t *object, const char *a, const char *b)
{
    const json_t *value = json_object_get(object, a);
    return value ? value : json_object_get(object, b);
}

static sbi_status read_found(const json_t *list, const char *name, int64_t *task)
{
    const json_t *one;
    size_t i;
    if (list && !json_is_array(list)) return sbi_fail(SBI_ERR_FORMAT, "PanDA: task/get_tasks_detailed_info_since: the answer is no list");
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        const char *its = json_string_value(either(one, "taskName", "taskname"));
        int64_t id;
        if (its && strcmp(its, name) != 0) continue;
        /* The newest, where a name was used before it had to be unique. */
        if (panda_number(either(one, "jediTaskID", "jeditaskid"), &id) && id > *task) *task = id;
    }
    return SBI_OK;
}

sbi_status panda_find_task(panda_api *api, const char *name, int64_t *task)
{
    sbi_text filter, query;
    panda_answer answer = {.message = ""};
    json_t *json = json_pack("{s:s}", "taskName", name);
    *task = 0;
    sbi_text_init(&filter, api->ctx);
    sbi_text_init(&query, api->ctx);
    sbi_status status = json ? sbi_json_canonical(&filter, json) : no_memory("task/get_tasks_detailed_info_since");
    if (status == SBI_OK) {
        sbi_text_addf(&query, "?filters=");
        sbi_http_escape(&query, filter.data, 0);
        status = query.status;
    }
    if (status == SBI_OK) status = panda_api_expect(api, "GET", "task/get_tasks_detailed_info_since", query.data, NULL, &answer);
    if (status == SBI_OK) status = read_found(answer.data, name, task);
    if (status == SBI_ERR_NOT_FOUND) status = SBI_OK;
    panda_answer_clear(&answer);
    json_decref(json);
    sbi_text_clear(&filter);
    sbi_text_clear(&query);
    return status;
}

static sbi_status read_submitted(const panda_answer *a, int64_t *task)
{
    int64_t data = -1;
    const int has_data = panda_number(a->data, &data), named = panda_task_in_message(a->message, task);
    if (a->success && named) return SBI_OK; /* data may be INCREMENTAL then */
    if (a->success && has_data && data > TOO_MANY) {
        *task = data;
        return SBI_OK;
    }
    if (!a->success && named && (data == DUPLICATE || data == DUPLICATE_ACTIVE || data == INCREMENTAL)) return SBI_OK;
    if (!a->success && data == TOO_MANY) return sbi_fail(SBI_ERR_TRANSIENT, "PanDA: task/submit: %.300s", a->message);
    if (!a->success) return panda_answer_status(a, "PanDA: task/submit");
    return sbi_fail(SBI_ERR_FORMAT, "PanDA: task/submit: the answer names no task: %.200s", a->message);
}

sbi_status panda_submit_task(panda_api *api, const json_t *parameters, int64_t *task)
{
    panda_answer answer = {.message = ""};
    json_t *body = json_pack("{s:O, s:n}", "task_parameters", (json_t *)(uintptr_t)parameters, "parent_tid");
    *task = 0;
    sbi_status status = body ? panda_api_call(api, "POST", "task/submit", NULL, body, &answer) : no_memory("task/submit");
    if (status == SBI_OK) status = read_submitted(&answer, task);
    panda_answer_clear(&answer);
    json_decref(body);
    return status;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

sbi_status panda_task_details(panda_api *api, int64_t task, panda_answer *out)
{
    char query[64];
    snprintf(query, sizeof query, "?task_id=%lld&include_status=true", (long long)task);
    SBI_TRY(panda_api_expect(api, "GET", "task/get_details", query, NULL, out));
    if (!json_is_object(out->data)) return sbi_fail(SBI_ERR_FORMAT, "PanDA: task/get_details: task %lld: the answer is no object", (long long)task);
    return SBI_OK;
}

/* A text that may have marks of HTML in it: the server puts links to its logs there. */
static void copy_plain(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++) {
        if (*text == '<') {
            const size_t length = strcspn(text, ">");
            if (!text[length]) break;
            text += length;
        } else if ((unsigned char)*text >= ' ') {
            out[n++] = *text;
        }
    }
    out[n] = '\0';
}

sbi_status panda_task_dialog(panda_api *api, int64_t task, char *dialog, size_t size)
{
    char query[64];
    panda_answer answer = {.message = ""};
    dialog[0] = '\0';
    snprintf(query, sizeof query, "?task_id=%lld", (long long)task);
    sbi_status status = panda_api_expect(api, "GET", "task/get_detailed_info", query, NULL, &answer);
    const char *text = status == SBI_OK ? json_string_value(json_object_get(answer.data, "errorDialog")) : NULL;
    if (text) copy_plain(text, dialog, size);
    panda_answer_clear(&answer);
    return status;
}

sbi_status panda_task_status(panda_api *api, int64_t task, char *status, size_t size)
{
    char query[64];
    panda_answer answer = {.message = ""};
    snprintf(query, sizeof query, "?task_id=%lld", (long long)task);
    sbi_status result = panda_api_expect(api, "GET", "task/get_status", query, NULL, &answer);
    const char *text = json_string_value(answer.data);
    if (result == SBI_OK && !text) result = sbi_fail(SBI_ERR_FORMAT, "PanDA: task/get_status: the answer is no text");
    if (result == SBI_OK) snprintf(status, size, "%s", text);
    panda_answer_clear(&answer);
    return result;
}

sbi_status panda_task_jobs(panda_api *api, int64_t task, panda_answer *out)
{
    char query[64];
    snprintf(query, sizeof query, "?task_id=%lld", (long long)task);
    SBI_TRY(panda_api_expect(api, "GET", "task/get_job_ids", query, NULL, out));
    if (out->data && !json_is_array(out->data)) return sbi_fail(SBI_ERR_FORMAT, "PanDA: task/get_job_ids: the answer is no list");
    return SBI_OK;
}

static sbi_status call_for_jobs(panda_api *api, const char *call, const int64_t *jobs, size_t n, panda_answer *out)
{
    json_t *list = json_array(), *body = json_pack("{s:O?}", "job_ids", list);
    int whole = list && body;
    for (size_t i = 0; i < n && whole; i++) whole = json_array_append_new(list, json_integer(jobs[i])) == 0;
    sbi_status status = whole ? panda_api_expect(api, "POST", call, NULL, body, out) : no_memory(call);
    json_decref(list);
    json_decref(body);
    return status;
}

sbi_status panda_describe_jobs(panda_api *api, const int64_t *jobs, size_t n, panda_answer *out)
{
    SBI_TRY(call_for_jobs(api, "job/get_description", jobs, n, out));
    if (!json_is_array(out->data)) return sbi_fail(SBI_ERR_FORMAT, "PanDA: job/get_description: the answer is no list");
    return SBI_OK;
}

/* ---- acting ---------------------------------------------------------------------------------------------------- */

static sbi_status ask_to_act(panda_api *api, const char *call, const json_t *body, panda_answer *out)
{
    panda_answer_clear(out);
    return panda_api_expect(api, "POST", call, NULL, body, out);
}

/* Until a task is refined it has no owner, and the server says that it is somebody else's: its status tells. If it is refined by now it is asked again. */
static sbi_status act(panda_api *api, const char *call, int64_t task, int soft, panda_answer *out)
{
    char state[32];
    json_t *body = soft ? json_pack("{s:I, s:b}", "task_id", (json_int_t)task, "soft", 1) : json_pack("{s:I}", "task_id", (json_int_t)task);
    if (!body) return no_memory(call);
    sbi_status status = ask_to_act(api, call, body, out);
    if (status == SBI_ERR_PERMISSION) {
        const sbi_status known = panda_task_status(api, task, state, sizeof state);
        if (known == SBI_ERR_NOT_FOUND || (known == SBI_OK && strcmp(state, "registered") == 0))
            status = sbi_fail(SBI_ERR_NOT_FOUND, "PanDA: %s: task %lld is not refined", call, (long long)task);
        else status = known == SBI_OK ? ask_to_act(api, call, body, out) : known;
    }
    json_decref(body);
    return status;
}

sbi_status panda_kill_task(panda_api *api, int64_t task)
{
    panda_answer answer = {.message = ""};
    sbi_status status = act(api, "task/kill", task, 0, &answer);
    if (status == SBI_ERR_ARGUMENT) status = SBI_OK; /* it has ended, or was killed before */
    panda_answer_clear(&answer);
    return status;
}

sbi_status panda_kill_jobs(panda_api *api, const int64_t *jobs, size_t n)
{
    panda_answer answer = {.message = ""};
    sbi_status status = call_for_jobs(api, "job/kill", jobs, n, &answer);
    panda_answer_clear(&answer);
    return status;
}

sbi_status panda_finish_task(panda_api *api, int64_t task)
{
    panda_answer answer = {.message = ""};
    sbi_status status = act(api, "task/finish", task, 1, &answer);
    panda_answer_clear(&answer);
    return status;
}

sbi_status panda_retry_task(panda_api *api, int64_t task)
{
    panda_answer answer = {.message = ""};
    int64_t code = 0;
    sbi_status status = act(api, "task/retry", task, 0, &answer);
    /* Success is always true; data tells, as a number or as its first element. */
    const json_t *data = json_is_array(answer.data) ? json_array_get(answer.data, 0) : answer.data;
    if (status == SBI_OK && panda_number(data, &code) && code != 0)
        status = sbi_fail(SBI_ERR_EXISTS, "PanDA: task/retry: task %lld: code %lld: %.200s", (long long)task, (long long)code, answer.message);
    panda_answer_clear(&answer);
    return status;
}
