/* SPDX-License-Identifier: Apache-2.0 */
/** @file status.h
 * What every call returns, and how to learn why it failed.
 *
 * Zero is success; errors are negative. The numbers are part of the ABI: they are never reused or renumbered.
 * "Did not converge" is a result, found in the result object, and not an error.
 */
#ifndef SBI_STATUS_H
#define SBI_STATUS_H

#include "version.h"

SBI_BEGIN_DECLS

typedef int32_t sbi_status;

/** X(name, number, one-line meaning): the one list from which the constants and sbi_status_name() are made. */
#define SBI_STATUS_LIST(X)                                                                                             \
    X(SBI_OK, 0, "success")                                                                                            \
    X(SBI_ERR_ARGUMENT, -1, "an argument is missing, NULL or out of range")                                            \
    X(SBI_ERR_NO_MEMORY, -2, "out of memory")                                                                          \
    X(SBI_ERR_IO, -3, "reading or writing failed")                                                                     \
    X(SBI_ERR_NOT_FOUND, -4, "no such file, name or entry")                                                            \
    X(SBI_ERR_FORMAT, -5, "malformed file or text")                                                                    \
    X(SBI_ERR_SHAPE, -6, "shapes or types do not fit together")                                                        \
    X(SBI_ERR_VALUE, -7, "a value in the data is not allowed (NaN, infinity, negative weight)")                        \
    X(SBI_ERR_DOMAIN, -8, "a function or derivative does not exist at this point")                                     \
    X(SBI_ERR_VERSION, -9, "made by another version or for another configuration")                                     \
    X(SBI_ERR_STATE, -10, "call not allowed in this state of the object")                                              \
    X(SBI_ERR_CANCELLED, -11, "cancelled by the caller")                                                               \
    X(SBI_ERR_UNSUPPORTED, -12, "valid, but not supported here")                                                       \
    X(SBI_ERR_CHECKSUM, -13, "the checksum does not match the content")                                                \
    X(SBI_ERR_EXISTS, -14, "exists already, with other content")                                                       \
    X(SBI_ERR_NO_SPACE, -15, "no space left on the device, or quota exceeded")                                         \
    X(SBI_ERR_PERMISSION, -16, "not permitted, or read-only")                                                          \
    X(SBI_ERR_SINGULAR, -17, "a matrix is singular or not positive definite")                                          \
    X(SBI_ERR_DIVERGED, -18, "training or a fit produced NaN or infinity")                                             \
    X(SBI_ERR_TASK_FAILED, -19, "a task ran and failed; running it again would fail again")                            \
    X(SBI_ERR_TASK_LOST, -20, "a task vanished: its result will never come")                                           \
    X(SBI_ERR_TRANSIENT, -21, "a passing failure: the same call may succeed later")                                    \
    X(SBI_ERR_PREEMPTED, -22, "stopped by its host; it resumes from its checkpoint")                                   \
    X(SBI_ERR_CALLBACK, -23, "a callback of the host reported a failure")                                              \
    X(SBI_ERR_ABI, -24, "struct_size, ABI version or unknown option bytes do not fit this library")                    \
    X(SBI_ERR_INTERNAL, -25, "a bug in libsbi; please report it")

#define SBI_STATUS_ENUMERATOR(name, number, text) name = number,
enum { SBI_STATUS_LIST(SBI_STATUS_ENUMERATOR) SBI_STATUS_LAST_ = -25 };
#undef SBI_STATUS_ENUMERATOR

/** The constant's name, for instance "SBI_ERR_IO"; "SBI_ERR_UNKNOWN" for a number not in the list. Static storage.
 *  Since: 0.1 */
SBI_API const char *sbi_status_name(sbi_status status);

/** The constant's meaning in a line. Static storage. Since: 0.1 */
SBI_API const char *sbi_status_text(sbi_status status);

/** The message of the last call that failed in this thread: one line that names what was wrong, where, and the value,
 *  for instance "weights.npy: row 17: weight is NaN". Empty if none failed. Owned by the library, valid until the
 *  next failing call of the same thread. A successful call does not clear it. Never NULL. Since: 0.1 */
SBI_API const char *sbi_last_error(void);

/** Sets this thread's message (a copy of one line is kept) and returns `status`: for executors, stores and callbacks of one's own, which then write
 *  `return sbi_error_set(SBI_ERR_IO, "...")`. Since: 0.1 */
SBI_API sbi_status sbi_error_set(sbi_status status, const char *message);

SBI_END_DECLS
#endif
