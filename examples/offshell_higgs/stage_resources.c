/* SPDX-License-Identifier: Apache-2.0 */
/* What varies from run to run: seconds and memory of each stage, and when each task ran. */
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* Tasks of one campaign: name, begin and end in milliseconds since 1970. */
static void add_tasks(const job *j, const char *name, json_t *tasks)
{
    sbi_campaign *campaign;
    sbi_campaign_options options = SBI_CAMPAIGN_OPTIONS_INIT;
    options.read_only = 1;
    if (sbi_campaign_open(&campaign, j->ctx, job_file(j, "campaigns/%s", name).text, &options) != SBI_OK) return;
    for (size_t i = 0; i < sbi_campaign_count(campaign); i++) {
        sbi_campaign_report r = {.struct_size = sizeof r};
        if (sbi_campaign_report_get(campaign, i, &r) != SBI_OK || !r.ended) continue;
        json_array_append_new(tasks, json_pack("{s:s, s:I, s:I, s:f, s:I}", "campaign", name, "began", (json_int_t)r.began,
                                               "ended", (json_int_t)r.ended, "seconds", r.seconds, "attempts",
                                               (json_int_t)r.attempts));
    }
    sbi_campaign_close(campaign);
}

sbi_status stage_resources(job *j)
{
    json_t *stages = json_array(), *tasks = json_array();
    for (int i = 0; i < j->n_stages; i++)
        json_array_append_new(stages, json_pack("{s:s, s:f, s:I}", "name", j->stages[i].name, "seconds", j->stages[i].seconds,
                                                "peak_memory", (json_int_t)j->stages[i].peak_memory));
    struct dirent **names = NULL;
    int n = scandir(job_file(j, "campaigns").text, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') add_tasks(j, names[i]->d_name, tasks);
        free(names[i]);
    }
    free(names);
    json_t *all = json_pack("{s:o, s:o, s:i, s:s}", "stages", stages, "tasks", tasks, "threads", sbi_context_threads(j->ctx),
                            "build", sbi_build_info());
    char *text = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
    sbi_status status = text ? job_write_text(job_file(j, "resources.json").text, text, strlen(text)) : SBI_ERR_NO_MEMORY;
    free(text);
    json_decref(all);
    return status;
}
