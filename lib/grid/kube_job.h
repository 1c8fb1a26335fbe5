/* SPDX-License-Identifier: Apache-2.0 */
/* An Indexed Job: one object for up to some thousand tasks, index i being line i of the store's list arrays/NAME.
 *
 * Source: batch/v1 Job, Kubernetes 1.29 and later (backoffLimitPerIndex, podFailurePolicy, podReplacementPolicy). */
#ifndef SBI_GRID_KUBE_JOB_H
#define SBI_GRID_KUBE_JOB_H

#include "grid/config.h"
#include "sbi/executor.h"

#define KUBE_NAME_SIZE 64
#define KUBE_LABEL_STORE "libsbi.org/store"
#define KUBE_LABEL_ATTEMPT "libsbi.org/attempt"
#define KUBE_ANNOTATION_HASH "libsbi.org/spec-sha256"

/* What the configuration says; strings and JSON are borrowed from it. docs/kubernetes.md has the keys. */
typedef struct kube_options {
    const char *store, *pod_store, *image, *namespace_, *kubeconfig, *context, *queue, *secret, *pull_policy, *service_account;
    const json_t *store_config, *pod_store_config, *command, *environment, *pod_patch, *container_patch, *job_patch;
    int64_t cpus_milli, gpus, memory, scratch, parallelism, batch, grace_s, deadline_s, ttl_s, heartbeat_s;
    char store_label[17]; /* what all Jobs of this store are found by */
} kube_options;

sbi_status kube_options_read(kube_options *out, const grid_config *config);
extern const char *const kube_option_keys[];

/* What a Job is made of, besides. */
typedef struct kube_batch {
    const char *const *keys;
    size_t n;
    int32_t attempt;
    int64_t cpus_milli; /* of one task */
    uint64_t memory;    /* bytes, 0: no request */
} kube_batch;

/* "sbi-" and digits that follow from store, attempt, resources and keys: the same batch has the same name. */
void kube_job_name(const kube_options *o, const kube_batch *batch, char name[KUBE_NAME_SIZE]);
/* The object to be created. */
sbi_status kube_job_make(json_t **out, sbi_context *ctx, const kube_options *o, const kube_batch *batch, const char *name);

/* "0-4,7": calls each(user, index) for every index below `most`, ascending. SBI_ERR_FORMAT: no such list. */
sbi_status kube_indexes_read(const char *text, size_t most, void (*each)(void *user, size_t index), void *user);

#endif
