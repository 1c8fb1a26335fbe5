/* SPDX-License-Identifier: Apache-2.0 */
/* The accelerator contract: what evaluates the events of a pass in the processor's stead, for instance on a GPU.
 *
 * An accelerator gets the columns of a pass leaf by leaf, in a layout that the tape chooses, and keeps them or asks for them again each
 * time. It hands in partial sums as event_pass.h lays them out: of single leaves, or of complete subtrees that it has added up in the order
 * of partial.h. All else stays in the tape: scalars, stages, merging, what is reported. A leaf that it cannot do, for instance since
 * an event has no derivative, it refuses; the processor then does that leaf, and says what is wrong with it.
 *
 * Functions return a status and give their message to host->message. Sums are made in an order that depends on the tape alone. */
#ifndef SBI_TAPE_ACCELERATOR_H
#define SBI_TAPE_ACCELERATOR_H

#include "tape/event_pass.h"

#define SBI_ACCELERATOR_ABI 1

/* Where the SBI_TAPE_LEAF elements of a column lie in a leaf; what follows the last event is padding that does no harm. */
typedef struct sbi_accelerator_column {
    size_t offset;
    int32_t dtype; /* SBI_F16, SBI_F32 or SBI_F64; 0: not used by the pass */
    int32_t reserved_;
} sbi_accelerator_column;

/* What does not change from one evaluation to the next; lives as long as what is prepared from it. */
typedef struct sbi_accelerator_layout {
    const sbi_tape *tape;
    const sbi_pass *pass;
    size_t leaf_bytes;                       /* a multiple of SBI_ALIGNMENT */
    size_t ranges;                           /* offset of a byte for each up and down, SBI_RANGE_*: up_0, down_0, up_1 ... */
    const sbi_accelerator_column *up, *down; /* [factors of the pass]; of dot products `up` alone */
    const sbi_accelerator_column *columns;   /* [columns of the tape] */
    int64_t memory;                          /* bytes that columns may take on the device; 0: what is free; 1: none stay there */
} sbi_accelerator_layout;

/* What the tape does for an accelerator while it runs. `self` comes first everywhere. */
typedef struct sbi_accelerator_host {
    void *self;
    /* Fills out [count][leaf_bytes]; uses the context's threads. */
    sbi_status (*read)(void *self, size_t first, size_t count, void *out);
    /* The sums [task->partial] of the subtree (level, index), see partial.h; copied. */
    sbi_status (*take)(void *self, size_t index, int32_t level, int64_t bad_events, int64_t first_bad, const double *data);
    sbi_status (*refuse)(void *self, size_t leaf);
    sbi_status (*cancelled)(void *self);
    void (*message)(const char *text);
} sbi_accelerator_host;

typedef struct sbi_accelerator_ops {
    uint32_t struct_size, abi;
    const char *name;
    /* The index-th device. */
    sbi_status (*open)(void **out, int32_t index, const sbi_accelerator_host *host);
    /* Makes a pass ready. SBI_ERR_UNSUPPORTED: it has operations that only the processor can do, which then does all of it. */
    sbi_status (*prepare)(void *self, void **out, const sbi_accelerator_layout *layout, const sbi_accelerator_host *host);
    /* Evaluates leaves [first, first + count). SBI_ERR_UNSUPPORTED before anything is handed in: not this task. */
    sbi_status (*run)(void *prepared, const sbi_pass_task *task, size_t first, size_t count, const sbi_accelerator_host *host);
    void (*release)(void *prepared);
    void (*close)(void *self);
} sbi_accelerator_ops;

/* What a device plugin calls this contract (device/plugin.h): its find() returns a const sbi_accelerator_ops. */
#define SBI_ACCELERATOR_CONTRACT "accelerator"

/* The host's side, in accelerator.c: an opened device and what is prepared for the passes of one workspace. */
typedef struct sbi_accelerator sbi_accelerator;
struct sbi_tape_work;
sbi_status sbi_accelerator_check(const sbi_accelerator_ops *ops);
sbi_status sbi_accelerator_create(sbi_accelerator **out, const sbi_tape *tape, const sbi_accelerator_ops *ops, int32_t index,
                                  int64_t memory);
/* The device that a user names: "cuda:1" is the second of the plugin "cuda". *out is NULL for NULL and "cpu". */
sbi_status sbi_accelerator_open(sbi_accelerator **out, const sbi_tape *tape, const char *device, int64_t memory);
void sbi_accelerator_destroy(sbi_accelerator *accelerator);
const char *sbi_accelerator_name(const sbi_accelerator *accelerator);
/* Pass `index` of the program. *done is 0 where the processor is to do all of it. */
sbi_status sbi_accelerator_run(sbi_accelerator *accelerator, struct sbi_tape_work *work, size_t index, const sbi_pass_task *task,
                               size_t first, size_t count, sbi_partials *partials, int *done);

#endif
