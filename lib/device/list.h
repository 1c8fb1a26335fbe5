/* SPDX-License-Identifier: Apache-2.0 */
/* Names of several devices, over which members of an ensemble are spread: "cuda:*" all there are, "cuda:0,2" two of them, each name with
 * the options that follow a '?'. */
#ifndef SBI_DEVICE_LIST_H
#define SBI_DEVICE_LIST_H

#include "device/device.h"

#define SBI_DEVICE_LIST_MAX 64
#define SBI_DEVICE_NAME_SIZE 256

typedef struct sbi_device_list {
    int32_t n;
    int32_t numbers[SBI_DEVICE_LIST_MAX]; /* -1: `name` as it stands is the one device */
    char name[SBI_DEVICE_NAME_SIZE];      /* "cuda" */
    char options[SBI_DEVICE_NAME_SIZE];   /* "?precision=bf16", or empty */
} sbi_device_list;

/* 1 if a name stands for several devices; NULL is the cpu. */
int sbi_device_is_list(const char *name);
/* Of any name; one that is no list gives a list of one. SBI_ERR_ARGUMENT: not a list of different numbers; for "*" also what loading the
 * plugin and asking it for its devices fails with. */
sbi_status sbi_device_list_read(sbi_device_list *out, sbi_context *ctx, const char *name);
/* The k-th, as sbi_device_open() takes it. */
void sbi_device_list_name(const sbi_device_list *list, int32_t k, char out[2 * SBI_DEVICE_NAME_SIZE]);

#endif
