/* SPDX-License-Identifier: Apache-2.0 */
/* How each kind of store and executor of this library is opened. */
#ifndef SBI_GRID_GRID_H
#define SBI_GRID_GRID_H

#include "sbi/store.h"

sbi_status grid_s3_open(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops, void **self);
sbi_status grid_webdav_open(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops, void **self);
sbi_status grid_rucio_open(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops, void **self);

sbi_status grid_kubernetes_open(void *user, sbi_context *ctx, const char *config, const sbi_executor_ops **ops, void **self);
sbi_status grid_panda_open(void *user, sbi_context *ctx, const char *config, const sbi_executor_ops **ops, void **self);

#endif
