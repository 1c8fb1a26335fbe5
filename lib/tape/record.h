/* SPDX-License-Identifier: Apache-2.0 */
/* What a tape records. Nodes lie in one array in the order of recording, so operands always come before their users. */
#ifndef SBI_TAPE_RECORD_H
#define SBI_TAPE_RECORD_H

#include "base/error.h"
#include "base/memory.h"
#include "sbi/tape.h"
#include "tape/kernels/kernels.h"

/* Node kinds; numbers below 100 are the SBI_NARROW_* operations, event-wise or scalar. */
enum {
    SBI_NODE_PARAM = 100, /* payload: parameter */
    SBI_NODE_CONSTANT,    /* value */
    SBI_NODE_COLUMN,      /* payload: column */
    SBI_NODE_MORPH,       /* payload: morph */
    SBI_NODE_SUM,         /* a: event-wise; b: weights or -1 */
    SBI_NODE_INTERP,      /* a: alpha; payload: interpolation */
    SBI_NODE_APPLY        /* payload: application */
};

typedef struct sbi_node {
    int32_t op;
    int32_t a, b;    /* operands or -1 */
    int32_t events;  /* event set, or -1 for a scalar */
    int32_t stage;   /* how many reductions lie one below the other under this node */
    int32_t active;  /* depends on a parameter */
    int32_t payload; /* index by kind; exponent of SBI_NARROW_POWER; map of SBI_NARROW_MAP */
    int32_t reserved_;
    double value;
} sbi_node;

typedef struct sbi_event_set {
    char *name;
    int64_t n;
} sbi_event_set;

typedef struct sbi_column {
    sbi_tape_column_data data; /* of a streamed column the form alone */
    char *name;
    int32_t source; /* -1: borrowed */
    int32_t reserved_;
} sbi_column;

/* What is read leaf by leaf: one column, or those of a morph. Owned. */
typedef struct sbi_source {
    sbi_column_source ops;
    char *name;
    size_t leaf_bytes;
    int32_t events;
    int32_t column, morph; /* the one that it is; the other is -1 */
    int32_t reserved_;
} sbi_source;

/* The code of a wide operation that is linear: a dot product of scalars with columns. */
#define SBI_CODE_LINEAR (-1)

/* A wide operation: the product of many variations, or a dot product (`columns` instead of `up` and `down`). */
typedef struct sbi_morph {
    size_t n;
    int32_t code, storage;
    int32_t *alphas;                  /* [n] scalar nodes */
    int32_t *columns;                 /* SBI_CODE_LINEAR: [n] columns */
    sbi_tape_column_data *up, *down;  /* [n] */
    uint8_t *ranges;                  /* what the columns' `range` point into */
    int32_t source;                   /* -1: borrowed */
    int32_t reserved_;
} sbi_morph;

typedef struct sbi_interpolation {
    double up, down;
    int32_t code;
    int32_t reserved_;
} sbi_interpolation;

/* A registered function of several scalars, and what it is applied to. */
typedef struct sbi_application {
    sbi_tape_function function; /* `name` and `user` are owned */
    size_t n;
    int32_t *inputs; /* [n] scalar nodes */
} sbi_application;

struct sbi_program;

struct sbi_tape {
    sbi_context *ctx;
    sbi_node *nodes;
    char **param_names;
    int32_t *param_nodes;
    int32_t *param_hash; /* open addressing: parameter + 1, 0 for empty */
    sbi_event_set *event_sets;
    sbi_column *columns;
    sbi_morph *morphs;
    sbi_interpolation *interpolations;
    sbi_source *sources;
    size_t n_sources, cap_sources;
    size_t n_nodes, n_params, n_event_sets, n_columns, n_morphs, n_interpolations;
    size_t cap_nodes, cap_params, cap_event_sets, cap_columns, cap_morphs, cap_interpolations, cap_hash;
    sbi_application *applications;
    sbi_tape_map_function *maps; /* `name` and `user` are owned */
    size_t n_applications, cap_applications, n_maps, cap_maps;
    sbi_status status; /* first recording failure, with its message */
    char message[SBI_ERROR_MESSAGE_SIZE];
    struct sbi_program *program; /* once sealed */
};

/* Grows *items (of `size` bytes each) to hold one more than n; the tape's first failure is kept. */
sbi_status sbi_tape_reserve(sbi_tape *tape, void **items, size_t *capacity, size_t n, size_t size);

/* Makes a failure sticky; returns SBI_VAR_INVALID. */
sbi_var sbi_tape_failed(sbi_tape *tape, sbi_status status);
/* False, with the failure noted, if the tape cannot record or a node is not one of its. */
int sbi_tape_recording(sbi_tape *tape, const char *function);
int sbi_tape_operand(sbi_tape *tape, sbi_var v, const char *function);
/* Appends a node. */
sbi_var sbi_tape_append(sbi_tape *tape, const sbi_node *node);

/* Records an SBI_NARROW_* operation; b is -1 for unary ones. */
sbi_var sbi_tape_elementary(sbi_tape *tape, int32_t op, sbi_var a, sbi_var b, int32_t payload);

/* SBI_OK if `column` fits event set `events`; fills in the borrowed form. */
sbi_status sbi_column_bind(sbi_tape *tape, sbi_events events, const sbi_array *column, const char *name,
                           sbi_tape_column_data *out);
/* Every entry finite; positive too where `positive`. `range`, if not NULL, receives the ranges of the leaves. Runs on the
 * context's threads and names the first bad row. */
sbi_status sbi_column_validate(sbi_tape *tape, int64_t n, const sbi_tape_column_data *column, int positive,
                               uint8_t *range, const char *name);

/* The same for the events [first, last) of one leaf of a column; messages begin with the row. */
sbi_status sbi_column_validate_leaf(const sbi_tape_column_data *column, int positive, uint8_t *range, int64_t first,
                                    int64_t last);
/* All `name` nodes scalar, and no two the same. */
sbi_status sbi_alphas_check(sbi_tape *tape, const char *function, const char *name, const sbi_var *alphas, size_t n);
/* Whether a morph may be recorded with these alphas; and its node, once its columns are there. */
sbi_status sbi_morph_check(sbi_tape *tape, const char *function, const sbi_var *alphas, size_t n_alpha, int32_t code,
                           int32_t storage);
sbi_var sbi_morph_append(sbi_tape *tape, sbi_events events, const sbi_morph *m);

/* The name of an operation, "mul"; and the parameters below a node for messages: "mu, JES". */
const char *sbi_node_name(int32_t op);
void sbi_node_params(const sbi_tape *tape, int32_t node, char *text, size_t size);
/* A node for messages: "node 7 (sqrt of mu, JES)", with the name of a registered function. */
void sbi_node_describe(const sbi_tape *tape, int32_t node, char *text, size_t size);

/* Release the registered functions of a tape. */
void sbi_tape_applications_clear(sbi_tape *tape);
void sbi_tape_maps_clear(sbi_tape *tape);

#endif
