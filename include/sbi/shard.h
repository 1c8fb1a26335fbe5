/* SPDX-License-Identifier: Apache-2.0 */
/** @file shard.h
 * Partial results of a sealed tape over some of its events and some rows of its Hessian, as bytes that can be kept, sent and merged.
 *
 * An evaluation streams over event sets in *passes*, of stages 1, 2, ...; a pass of stage s needs the totals of those of stages below.
 * sbi_shard_compute() does one pass over a range of its events and leaves sums along one fixed binary tree over blocks of
 * SBI_TAPE_BLOCK events; sbi_shard_merge() brings any number of such results together; sbi_shard_finish() makes value, gradient and
 * Hessian rows of a complete set. Whatever the cuts, and in whatever order and grouping the parts are merged, merged bytes and results
 * have the same bits as from one pass, given the same instruction set, release and C library.
 *
 * The format, with a reader in Python: docs/sharding.md.
 */
#ifndef SBI_SHARD_H
#define SBI_SHARD_H

#include "tape.h"

SBI_BEGIN_DECLS

/** What a shard holds. */
#define SBI_SHARD_VALUE 0    /**< the value */
#define SBI_SHARD_GRADIENT 1 /**< value and gradient */
#define SBI_SHARD_HESSIAN 2  /**< value, gradient and a block of rows of the Hessian */

/** A pass over events. */
typedef struct sbi_tape_pass_info {
    uint32_t struct_size;
    int32_t stage;      /**< 1, 2, ...; passes come in order of stage */
    int64_t n_events;
    const char *events; /**< name of the event set; owned by the tape */
} sbi_tape_pass_info;

/** Number of passes of a sealed tape; 0 for NULL and before the seal. Since: 0.1 */
SBI_API size_t sbi_tape_n_passes(const sbi_tape *tape);
/** Fills in `info`, whose struct_size is set first. SBI_ERR_ARGUMENT out of range, SBI_ERR_STATE before the seal. Since: 0.1 */
SBI_API sbi_status sbi_tape_pass_get(const sbi_tape *tape, size_t pass, sbi_tape_pass_info *info);

/** Which part of an evaluation. */
typedef struct sbi_shard_request {
    uint32_t struct_size;
    int32_t want;        /**< SBI_SHARD_*; the same in all shards of an evaluation */
    int64_t pass_index;
    int64_t first_event; /**< the range owns the blocks of SBI_TAPE_BLOCK events whose first event lies in it, so */
    int64_t n_events;    /**< that ranges that share out the events share out the blocks; -1: all that follow */
    int64_t first_row;   /**< SBI_SHARD_HESSIAN: rows [first_row, first_row + n_rows) */
    int64_t n_rows;      /**< -1: all that follow */
} sbi_shard_request;

#define SBI_SHARD_REQUEST_INIT                                                                                         \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_shard_request), SBI_SHARD_GRADIENT, 0, 0, -1, 0, -1                                       \
    }

/** Fills in the defaults, value and gradient over all events of pass 0; the same as SBI_SHARD_REQUEST_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_shard_request_init(sbi_shard_request *request);

/** Computes one shard.
 *  @param theta [P].
 *  @param request NULL: the defaults.
 *  @param earlier, earlier_size merged bytes that hold all events of all passes of earlier stages, made with the same theta, `want` and
 *         rows; NULL and 0 where the pass is of stage 1. What else they hold is not looked at.
 *  @param[out] bytes, size freed with sbi_shard_free(). NULL and 0 after a failure. A range without a block gives bytes that hold none.
 *  Events outside the domain of a logarithm are counted in the shard, with status SBI_OK; sbi_tape_last_info() counts those of this one.
 *  Errors: SBI_ERR_DOMAIN as sbi_tape_eval(), and where an earlier stage is outside its domain already, so that this pass is not
 *  needed: sbi_shard_finish() gives +inf without it. SBI_ERR_NOT_FOUND: `earlier` lacks something, which is named. SBI_ERR_FORMAT,
 *  SBI_ERR_CHECKSUM: `earlier` is damaged; SBI_ERR_VERSION: it is of another format, tape, release, instruction set or precision;
 *  SBI_ERR_ARGUMENT: of another theta or `want`. Since: 0.1 */
SBI_API sbi_status sbi_shard_compute(sbi_tape_work *work, const double *theta, const sbi_shard_request *request,
                                     const void *earlier, size_t earlier_size, void **bytes, size_t *size);

/** Merges shards of one evaluation: of any passes, event ranges and blocks of rows, computed or merged before.
 *  @param ctx where the result is allocated.
 *  @param parts, sizes n >= 1 byte strings in any order.
 *  @param[out] bytes, size freed with sbi_shard_free(). The same set of leaves and rows gives the same bytes however it was merged.
 *  Errors, each naming the part: SBI_ERR_FORMAT and SBI_ERR_CHECKSUM for damaged bytes; SBI_ERR_VERSION for another format, tape,
 *  release, instruction set or precision than the first part's; SBI_ERR_ARGUMENT for another theta or `want`, events that
 *  another part has too, and blocks of rows that overlap without being the same. Threads: any. Since: 0.1 */
SBI_API sbi_status sbi_shard_merge(sbi_context *ctx, const void *const *parts, const size_t *sizes, size_t n, void **bytes,
                                   size_t *size);

/** Makes the results of a complete set of shards.
 *  @param theta [P], that of the shards.
 *  @param bytes, size from sbi_shard_merge() (or from sbi_shard_compute(), where one shard is all). Passes without events need no
 *         shard; NULL and 0 where none has any.
 *  @param[out] value scalar. @param[out] gradient [P] or NULL.
 *  @param[out] rows [n_rows, P], rows [first_row, first_row + n_rows) of the Hessian, or NULL; the range must be made of whole blocks
 *         of rows of the shards.
 *  The bits are those of sbi_tape_eval() with or without gradient, sbi_tape_hessian() and sbi_tape_hessian_rows(), by the `want` of
 *  the shards. Where events are outside the domain of a logarithm: +inf and NaN as there; sbi_tape_last_info() counts them, and
 *  passes of later stages are not needed.
 *  Errors: as sbi_shard_compute() for `earlier`. Since: 0.1 */
SBI_API sbi_status sbi_shard_finish(sbi_tape_work *work, const double *theta, const void *bytes, size_t size, double *value,
                                    double *gradient, size_t first_row, size_t n_rows, double *rows);

/** Frees bytes that the library returned; NULL is fine. `ctx` is that of the workspace's tape, or the one given to
 *  sbi_shard_merge(). Since: 0.1 */
SBI_API void sbi_shard_free(sbi_context *ctx, void *bytes);

SBI_END_DECLS
#endif
