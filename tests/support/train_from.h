/* SPDX-License-Identifier: Apache-2.0 */
/* Trainings that start from given parameters, by way of a checkpoint: one is made by cancelling before the first batch, and written again
 * with other parameters. One step of gradient descent with rate 1 then shows the gradient. */
#ifndef TESTS_SUPPORT_TRAIN_FROM_H
#define TESTS_SUPPORT_TRAIN_FROM_H

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/npz.h"
#include "net/train.h"
#include "support/folder.h"

static inline void train_ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

/* Copies a checkpoint with other parameters. */
static inline void train_replace_params(sbi_context *ctx, const char *from, const char *to, const float *params, int64_t n)
{
    sbi_npz *npz;
    sbi_npz_writer *w;
    train_ok(sbi_npz_open(&npz, ctx, from));
    train_ok(sbi_npz_writer_open(&w, ctx, to, 0));
    for (size_t i = 0; i < sbi_npz_count(npz); i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", sbi_npz_name(npz, i));
        char *dot = strstr(name, ".npy");
        void *memory;
        sbi_array view;
        size_t size;
        if (!dot) {
            train_ok(sbi_npz_read_bytes(npz, name, &memory, &size));
            train_ok(sbi_npz_writer_add_bytes(w, name, memory, size));
        } else {
            *dot = 0;
            train_ok(sbi_npz_read(npz, name, &view, &memory));
            const sbi_array other = sbi_array_1d(params, SBI_F32, n);
            train_ok(sbi_npz_writer_add(w, name, strcmp(name, "params") == 0 ? &other : &view));
        }
        sbi_free(ctx, memory);
    }
    train_ok(sbi_npz_writer_commit(w));
    sbi_npz_close(npz);
}

/* A checkpoint before the first batch: the context is cancelled from the start, once the dataset was read. */
static inline void train_checkpoint_at_start(sbi_context *ctx, sbi_dataset *data, const sbi_train_options *o, const char *path)
{
    const sbi_dataset_pack *pack;
    char hex[65];
    train_ok(sbi_dataset_pack_get(data, o->standardise, &pack));
    train_ok(sbi_dataset_checksum(data, hex));
    sbi_context_cancel(ctx, 1);
    sbi_network *net;
    ck_assert_int_eq(sbi_member_train(&net, ctx, data, o, 0, path, NULL), SBI_ERR_CANCELLED);
    sbi_context_cancel(ctx, 0);
}

/* @param params [n], as the library's flat array has them. */
static inline sbi_network *train_from(sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options, const test_folder *folder,
                                             const float *params, int64_t n)
{
    sbi_train_options o;
    train_ok(sbi_train_options_read(&o, options));
    const test_path a = folder_path(folder, "start.npz"), b = folder_path(folder, "first.npz");
    train_checkpoint_at_start(ctx, data, &o, a.text);
    train_replace_params(ctx, a.text, b.text, params, n);
    ck_assert_int_eq(unlink(a.text), 0);
    sbi_network *net;
    train_ok(sbi_member_train(&net, ctx, data, &o, 0, b.text, NULL));
    return net;
}

#endif
