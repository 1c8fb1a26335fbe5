/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "kubernetes": what its files share. */
#ifndef SBI_GRID_KUBERNETES_H
#define SBI_GRID_KUBERNETES_H

#include "base/table.h"
#include "grid/kube_api.h"
#include "grid/kube_job.h"
#include "grid/kube_watch.h"
#include "sbi/job.h"

#define KUBE_NONE SIZE_MAX

enum { KUBE_KNOWN, KUBE_WAITING, KUBE_LIVE, KUBE_ENDED }; /* WAITING: to be put into a Job by this submit */

typedef struct kube_task {
    char key[SBI_TASK_KEY_MAX + 1];
    int32_t phase;
    int32_t changed, cancelled, released;
    size_t job, index; /* of the newest attempt */
    int64_t cpus_milli;
    uint64_t memory;
    int64_t looked; /* when its heartbeat was, ms */
    sbi_task_report report;
} kube_task;

typedef struct kube_batch_job {
    char name[KUBE_NAME_SIZE];
    char uid[64];
    int32_t attempt;
    int32_t finished, gone, deleted;
    int32_t listing;   /* the last in which it was */
    int32_t suspended; /* by its queue, from the beginning or again */
    size_t number;     /* its own */
    size_t n;          /* 0: its list of keys is not in the store, and it is left alone */
    size_t *tasks;     /* of each index */
    size_t superseded; /* tasks that have another attempt elsewhere */
    size_t released;
    size_t active;     /* pods, as the server says */
} kube_batch_job;

typedef struct kubernetes {
    sbi_context *ctx;
    grid_config config;
    kube_options o;
    char *namespace_; /* of the kubeconfig, where the options name none */
    kube_api api;
    kube_watch *watch;
    sbi_store *store;
    sbi_table table;     /* keys of tasks */
    sbi_table job_names; /* of Jobs */
    kube_task **tasks;
    size_t n_tasks;
    kube_batch_job **jobs;
    size_t n_jobs;
    int listed;      /* the Jobs of earlier clients are known, and no news was lost */
    int32_t listing; /* how often they were listed */
    int32_t reserved;
    int64_t running_next, waiting_next; /* when to ask for pods again, ms */
    int64_t looked;                     /* when a heartbeat was looked at, ms */
    size_t next_look;
} kubernetes;

/* kube_state.c: tasks and Jobs of the table. */
sbi_status kube_find_task(kubernetes *k, const char *key, kube_task **out);
kube_task *kube_lookup(const kubernetes *k, const char *key);
/* A Job for these keys; tasks of the keys then belong to it if it is their newest attempt. */
sbi_status kube_add_job(kubernetes *k, const char *name, int32_t attempt, const char *const *keys, size_t n, kube_batch_job **out);
kube_batch_job *kube_find_job(const kubernetes *k, const char *name);
/* Its tasks that have no attempt as new as this Job's are now in it. */
void kube_attach(kubernetes *k, kube_batch_job *job);
/* The task is to have another attempt, in another Job. */
void kube_leave_job(kubernetes *k, kube_task *t);
/* The task of an index if this Job is its newest attempt and it has not ended; else NULL. */
kube_task *kube_live(const kubernetes *k, const kube_batch_job *job, size_t index);
void kube_end(kube_task *t, int32_t state, sbi_status status, const char *message);
void kube_free_state(kubernetes *k);

/* kube_news.c: what the server tells, applied. */
sbi_status kube_apply(kubernetes *k, const kube_news *news);
/* Lists the Jobs of this store, so that the tasks of earlier clients are adopted. */
sbi_status kube_adopt(kubernetes *k);

/* kube_pods.c */
/* Ends the tasks of failed indexes by what became of their pods. `failed`: one byte an index, 1 where it is to be ended. */
sbi_status kube_end_failed(kubernetes *k, kube_batch_job *job, const unsigned char *failed);
/* At most every few seconds: which tasks run, and why others do not start. */
sbi_status kube_look_at_pods(kubernetes *k);
/* The log of the newest pod of a task. */
sbi_status kube_pod_log(kubernetes *k, const kube_task *t, sbi_sink *sink);

/* kube_submit.c */
sbi_status kube_submit(kubernetes *k, const sbi_task *tasks, size_t n);
sbi_status kube_cancel(kubernetes *k, const char *const *keys, size_t n);
sbi_status kube_delete_job(kubernetes *k, kube_batch_job *job);

#endif
