/* SPDX-License-Identifier: Apache-2.0 */
/* A job, decoded; and what runs it. */
#ifndef SBI_JOBS_JOB_H
#define SBI_JOBS_JOB_H

#include "io/column_file.h"
#include "io/json.h"
#include "jobs/stream.h"
#include "net/member_devices.h"
#include "sbi/job.h"
#include "sbi/model.h"
#include "sbi/ratio.h"
#include "sbi/toy.h"
#include "sbi/train.h"

#define SBI_JOB_VERSION 1
#define SBI_JOB_SPEC_LARGEST ((size_t)64 << 20)

enum { SBI_JOB_TRAIN_MEMBER = 1, SBI_JOB_EVALUATE_COLUMNS, SBI_JOB_HESSIAN_ROWS, SBI_JOB_SCAN_POINT, SBI_JOB_HESSIAN_SHARD, SBI_JOB_TOYS, SBI_JOB_TRAIN_TRIAL };

typedef struct sbi_job_file {
    const char *path;
    const char *sha256; /* 64 hex digits */
} sbi_job_file;

typedef struct sbi_job_part {
    int32_t side;
    const char *features;
    const char *weights; /* NULL: ones */
    const char *theta, *joint_ratio, *score, *target; /* NULL: none */
} sbi_job_part;

typedef struct sbi_job_names {
    const char **list;
    size_t n; /* 0: the default ones */
} sbi_job_names;

/* Strings belong to `json`. */
typedef struct sbi_job {
    sbi_context *ctx;
    json_t *json;
    int32_t kind;

    /* train_member */
    sbi_train_options options;
    int32_t member;
    int32_t until;        /* train_trial: epochs after which this rung ends */
    sbi_job_file from;    /* train_trial: the result of the rung before; path NULL: there is none */
    int32_t weight_policy;
    const char *data_sha256; /* content checksum of the dataset */
    sbi_job_part *parts;     /* none: the dataset comes as an attachment */
    size_t n_parts;
    sbi_job_names names, parameters, classes;
    const json_t *transforms; /* of features; NULL: none */

    /* evaluate_columns */
    sbi_job_file *members;
    size_t n_members;
    sbi_job_file features;
    int32_t combination, output, dtype;
    int32_t numerator, denominator; /* classes; theta is below */
    double correction;
    int64_t first_row, rows;     /* rows of the features; rows 0: all */
    int32_t spread;              /* 1: the result is [2, rows], ratio and spread */
    int32_t reserved_;
    sbi_job_file calibration;    /* path NULL: none */
    const char *device; /* of this and of train_member (in its options); NULL: the cpu */

    /* hessian_rows, hessian_shard, scan_point, toys */
    sbi_job_file workspace;     /* path NULL: the model comes as an attachment */
    const char *columns_sha256; /* of all mapped columns, in the order of the workspace */
    double *theta;
    size_t n_theta;
    size_t first, count;
    int64_t pass, first_event, events; /* hessian_shard */
    void *earlier;                     /* its bytes, or NULL */
    size_t earlier_size;
    const char *parameter; /* scan_point: held at */
    double value;
    sbi_toys_options toys; /* its arrays are these: */
    double *tested, *starts;
    const char **fixed_names;
} sbi_job;

/* Decodes and checks; unknown members are refused. */
sbi_status sbi_job_parse(sbi_job **out, sbi_context *ctx, const void *spec, size_t size);
void sbi_job_free(sbi_job *job);

/* What this library's own submitters put into sbi_task.attachment. */
typedef struct sbi_job_attachment {
    sbi_dataset *data;
    const sbi_model *model;
    const char *folder; /* for checkpoints, or NULL */
    const char *epoch_log; /* folder for epoch logs; NULL: that of the checkpoints */
    const sbi_ensemble *ensemble; /* evaluate_columns: with its features and calibration */
    const sbi_calibration *calibration;
    const sbi_array *features;
    sbi_member_devices *devices; /* train_member, train_trial: devices that members share; NULL: each finds its own */
} sbi_job_attachment;

/* Where a job runs. */
typedef struct sbi_job_place {
    const char *root;       /* relative paths start here; NULL: the working directory */
    const char *checkpoint; /* folder of this job's checkpoints, or NULL */
    const json_t *files;    /* where the files are that a workspace names, by these names; NULL: relative to the workspace */
    sbi_streams *streams;   /* inputs that are not under the root, but read from the store; NULL: none */
    uint64_t column_memory; /* most for columns that are held; 0: the default */
} sbi_job_place;

sbi_status sbi_job_run_decoded(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                               const sbi_job_place *place, sbi_sink *sink);
/* The runner of the executor "local". */
sbi_status sbi_job_run_local(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink);

sbi_status sbi_job_train_member(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                const sbi_job_place *place, sbi_sink *sink);
sbi_status sbi_job_train_trial(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                               const sbi_job_place *place, sbi_sink *sink);
sbi_status sbi_job_evaluate_columns(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                    const sbi_job_place *place, sbi_sink *sink);
sbi_status sbi_job_hessian_rows(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                const sbi_job_place *place, sbi_sink *sink);
sbi_status sbi_job_hessian_shard(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                 const sbi_job_place *place, sbi_sink *sink);
sbi_status sbi_job_scan_point(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                              const sbi_job_place *place, sbi_sink *sink);

sbi_status sbi_job_toys(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment, const sbi_job_place *place,
                        sbi_sink *sink);

/* ---- shared by the kinds ---- */

/* The dataset of a training, from memory or from its files, its checksum verified; *loaded is to be destroyed. */
sbi_status sbi_job_find_data(sbi_dataset **out, sbi_dataset **loaded, sbi_context *ctx, const sbi_job *job,
                             const sbi_job_attachment *attachment, const sbi_job_place *place);
/* Adds the files of a part; then what the spec says of all: transforms and names; then SBI_ERR_CHECKSUM unless it is what the spec means. */
sbi_status sbi_job_add_part(sbi_context *ctx, sbi_dataset *data, const sbi_job_part *part, const sbi_job_place *place);
sbi_status sbi_job_complete_data(sbi_dataset *data, const sbi_job *job);
sbi_status sbi_job_check_data(sbi_dataset *data, const sbi_job *job);
/* Where a member's checkpoint is; *out is NULL where there is no folder for it. Freed by sbi_free(). */
sbi_status sbi_job_checkpoint_path(char **out, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place);

/* The model of a job, from memory or from its files; *loaded is to be destroyed. */
sbi_status sbi_job_find_model(const sbi_model **out, sbi_model **loaded, sbi_context *ctx, const sbi_job *job,
                              const sbi_job_attachment *attachment, const sbi_job_place *place);

/* A path of a spec, absolute or under the root. Freed by sbi_free(). */
char *sbi_job_path(sbi_context *ctx, const sbi_job_place *place, const char *path);
/* Opens an input that may be one that is read from the store. */
sbi_status sbi_job_open_columns(sbi_column_file **out, sbi_context *ctx, const sbi_job_place *place, const char *path);
/* SBI_ERR_CHECKSUM unless the file has this SHA-256. */
sbi_status sbi_job_verify_file(const char *path, const char *sha256);
/* A file of our own that lives in a folder of its own under TMPDIR; remove deletes both. */
sbi_status sbi_job_scratch(sbi_context *ctx, char **folder, char **path, const char *name);
void sbi_job_scratch_remove(sbi_context *ctx, char *folder, char *path);
/* Sends a whole file into a sink. */
sbi_status sbi_job_send_file(const char *path, sbi_sink *sink);
/* SHA-256 of dtype, shape and content of every column that the loader of a model mapped. */
sbi_status sbi_job_columns_digest(const sbi_model *model, char hex[65]);
/* Loads the model that a job names, everything checked. */
sbi_status sbi_job_load_model(sbi_model **out, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place);

/* ---- making specs: canonical text and its key ---- */
typedef struct sbi_job_spec {
    sbi_text text;
    char key[SBI_TASK_KEY_MAX + 1];
} sbi_job_spec;
/* Takes `json`, also on failure; NULL is out of memory. */
sbi_status sbi_job_spec_make(sbi_job_spec *out, sbi_context *ctx, json_t *json);

#endif
