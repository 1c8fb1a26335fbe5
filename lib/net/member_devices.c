/* SPDX-License-Identifier: Apache-2.0 */
#include "net/member_devices.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/list.h"
#include "net/loss.h"

struct sbi_member_devices {
    sbi_context *ctx;
    sbi_device_list list;
    int32_t each;
    pthread_mutex_t lock;
    pthread_cond_t change;
    int32_t busy[SBI_DEVICE_LIST_MAX], lost[SBI_DEVICE_LIST_MAX];
};

int sbi_member_devices_are_several(const char *device)
{
    return sbi_device_is_list(device);
}

sbi_status sbi_member_devices_open(sbi_member_devices **out, sbi_context *ctx, const char *device, int32_t each)
{
    *out = NULL;
    sbi_member_devices *s = sbi_alloc_zero(ctx, 1, sizeof *s);
    if (!s) return SBI_ERR_NO_MEMORY;
    s->ctx = ctx;
    s->each = each;
    sbi_status status = sbi_device_list_read(&s->list, ctx, device);
    if (status == SBI_OK && pthread_mutex_init(&s->lock, NULL)) status = sbi_fail(SBI_ERR_NO_MEMORY, "training: out of memory for a lock");
    if (status != SBI_OK) {
        sbi_free(ctx, s);
        return status;
    }
    if (pthread_cond_init(&s->change, NULL)) {
        pthread_mutex_destroy(&s->lock);
        sbi_free(ctx, s);
        return sbi_fail(SBI_ERR_NO_MEMORY, "training: out of memory for a lock");
    }
    *out = s;
    return SBI_OK;
}

void sbi_member_devices_close(sbi_member_devices *s)
{
    if (!s) return;
    pthread_cond_destroy(&s->change);
    pthread_mutex_destroy(&s->lock);
    sbi_free(s->ctx, s);
}

int32_t sbi_member_devices_count(const sbi_member_devices *s)
{
    return s->list.n;
}

void sbi_member_devices_limit(sbi_member_devices *s, int32_t each)
{
    s->each = each;
}

/* ---- how many side by side ---- */

/* More than a member takes: cuBLAS's workspace with what contexts and streams need, its events, its parameters, a batch; docs/capacity.md has
 * the parts. Half precision may double parameters and batch. */
static double bytes_of_member(const sbi_train_options *o, const sbi_dataset *data, const sbi_network_size *size)
{
    const double events = (double)sbi_dataset_all_events(data), batch = (double)o->batch < events ? (double)o->batch : events;
    const double row = (double)size->inputs + (double)size->outputs + 4 + (o->layer_norm ? 3.0 : 2.0) * (double)size->hidden + 4.0 * o->width;
    return 64e6 + 4 * events * ((double)size->inputs + (double)size->outputs + 4) + 2 * (28 * (double)size->parameters + 4 * batch * row);
}

static sbi_status free_memory(sbi_context *ctx, const char *name, double *bytes)
{
    sbi_device device;
    size_t available = 0;
    SBI_TRY(sbi_device_open(&device, ctx, name));
    sbi_status status = device.ops->available(device.self, &available);
    sbi_device_close(&device);
    *bytes = (double)available;
    return status;
}

sbi_status sbi_member_devices_together(int32_t *each, const sbi_member_devices *s, const sbi_train_options *options, sbi_dataset *data)
{
    sbi_network_size size;
    char name[2 * SBI_DEVICE_NAME_SIZE];
    *each = 1;
    SBI_TRY(sbi_member_size(&size, options, data));
    const double wanted = bytes_of_member(options, data, &size);
    int32_t least = size.parameters <= SBI_SMALL_PARAMETERS ? SBI_MEMBERS_A_DEVICE : 1;
    for (int32_t k = 0; k < s->list.n; k++) {
        double bytes;
        sbi_device_list_name(&s->list, k, name);
        SBI_TRY(free_memory(s->ctx, name, &bytes));
        while (least > 1 && least * wanted > bytes / 2) least--;
    }
    *each = least;
    return SBI_OK;
}

/* ---- places ---- */

/* The device with the fewest members, from that of the member's number on; -1: none has a place. `left`: devices that are not lost. */
static int32_t find_place(const sbi_member_devices *s, int32_t member, int32_t *left)
{
    int32_t best = -1;
    *left = 0;
    for (int32_t i = 0; i < s->list.n; i++) {
        const int32_t k = (int32_t)(((int64_t)member + i) % s->list.n);
        if (s->lost[k]) continue;
        ++*left;
        if (s->busy[k] < s->each && (best < 0 || s->busy[k] < s->busy[best])) best = k;
    }
    return best;
}

/* *place -1: all devices are lost. */
static sbi_status acquire(sbi_member_devices *s, sbi_context *ctx, int32_t member, int32_t *place)
{
    sbi_status status = SBI_OK;
    int32_t left;
    pthread_mutex_lock(&s->lock);
    while ((*place = find_place(s, member, &left)) < 0 && left) {
        struct timespec until; /* cancellation is polled, and woken by nobody */
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&s->change, &s->lock, &until);
        pthread_mutex_unlock(&s->lock);
        status = sbi_check_cancel(ctx, "training");
        pthread_mutex_lock(&s->lock);
        if (status != SBI_OK) break;
    }
    if (status == SBI_OK && *place >= 0) s->busy[*place]++;
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* How many devices are left. */
static int32_t give_back(sbi_member_devices *s, int32_t place, int lost)
{
    int32_t left = 0;
    pthread_mutex_lock(&s->lock);
    s->busy[place]--;
    if (lost) s->lost[place] = 1;
    for (int32_t k = 0; k < s->list.n; k++) left += !s->lost[k];
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
    return left;
}

static sbi_status train(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options, int32_t member,
                        const sbi_member_run *run, sbi_member_devices *s)
{
    sbi_train_options there = *options;
    char name[2 * SBI_DEVICE_NAME_SIZE];
    there.device = name;
    for (;;) {
        int32_t place, left;
        SBI_TRY(acquire(s, ctx, member, &place));
        if (place < 0)
            return sbi_fail(SBI_ERR_TRANSIENT, "training member %d: every device of \"%s\" was lost", (int)member,
                            options->device ? options->device : "cpu");
        sbi_device_list_name(&s->list, place, name);
        sbi_status status = sbi_member_train_run(out, ctx, data, &there, member, run);
        left = give_back(s, place, status == SBI_ERR_TRANSIENT && s->list.n > 1);
        if (status != SBI_ERR_TRANSIENT || s->list.n == 1 || !left) return status;
        sbi_log(ctx, SBI_LOG_WARNING, "training member %d goes on on another device: %s", (int)member, sbi_last_error());
    }
}

sbi_status sbi_member_train_on(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options, int32_t member,
                               const sbi_member_run *run, sbi_member_devices *devices)
{
    *out = NULL;
    if (!devices && !sbi_device_is_list(options->device)) return sbi_member_train_run(out, ctx, data, options, member, run);
    if (devices) return train(out, ctx, data, options, member, run, devices);
    SBI_TRY(sbi_member_devices_open(&devices, ctx, options->device, INT32_MAX));
    sbi_status status = train(out, ctx, data, options, member, run, devices);
    sbi_member_devices_close(devices);
    return status;
}
