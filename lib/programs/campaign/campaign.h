/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of sbi-campaign share. Each is a function of its options, over the public API alone. */
#ifndef SBI_PROGRAMS_CAMPAIGN_H
#define SBI_PROGRAMS_CAMPAIGN_H

#include <signal.h>
#include <stdio.h>

#include "sbi/sbi.h"

typedef struct campaign_command {
    sbi_context *ctx;
    const char *folder;
    char **keys; /* tasks that were named, whole or by their first characters */
    int n_keys;
    int json, once, follow;
    int terminal, width; /* of the output */
    double interval;     /* seconds between two looks */
    const char *executor, *config;
    const char *png;
    sbi_campaign_options options;
} campaign_command;

/* Exit codes */
#define CAMPAIGN_FAILURE 1
#define CAMPAIGN_USAGE 2
#define CAMPAIGN_GIVEN_UP 3

/* ---- commands ---- */
int campaign_status(const campaign_command *command);
int campaign_tasks(const campaign_command *command);
int campaign_cost(const campaign_command *command);
int campaign_events(const campaign_command *command);
int campaign_timeline(const campaign_command *command);
int campaign_resume(const campaign_command *command);
int campaign_retry(const campaign_command *command);
int campaign_cancel(const campaign_command *command);
int campaign_logs(const campaign_command *command);

/* ---- shared ---- */
/* Prints the last error, and gives the exit code. */
int campaign_fail(sbi_status status);
/* Opens to look only, without a lock. */
sbi_status campaign_look(const campaign_command *command, sbi_campaign **out);
sbi_campaign_report campaign_report(const sbi_campaign *c, size_t index);
sbi_campaign_event campaign_event(const sbi_campaign *c, size_t index);
sbi_campaign_usage campaign_usage(const sbi_campaign *c, size_t stage);
/* The task whose key is `text`, or the only one whose key begins so; otherwise a status with a message. */
sbi_status campaign_find(const sbi_campaign *c, const char *text, size_t *index);
/* Waits; 0 if the user wants to stop. */
int campaign_wait(double seconds);
extern volatile sig_atomic_t campaign_stopped; /* by a signal */

/* ---- output ---- */
/* A JSON string, quotes included; bytes that are no UTF-8 become '?'. */
void campaign_print_json(const char *text);
/* The same text without what would move the cursor of a terminal. */
void campaign_print_plain(const char *text);
/* "3.2 s", "4:05 min", "2:03 h", "3.4 d" */
const char *campaign_duration(double seconds, char *out, size_t size);
/* "12.3 MiB" */
const char *campaign_bytes(double bytes, char *out, size_t size);
/* 2026-01-31T12:00:00.000Z */
const char *campaign_time(int64_t ms, char *out, size_t size);

#endif
