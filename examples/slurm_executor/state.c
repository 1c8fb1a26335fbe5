/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "slurm.h"

int32_t slurm_state(const char *word, const char *exit_code, int *code)
{
    static const struct {
        const char *word; /* as it begins: "CANCELLED by 1000" */
        int32_t state;
    } states[] = {{"PENDING", SBI_TASK_PENDING},     {"CONFIGURING", SBI_TASK_PENDING},   {"REQUEUED", SBI_TASK_PENDING},
                  {"RUNNING", SBI_TASK_RUNNING},     {"COMPLETING", SBI_TASK_RUNNING},    {"SUSPENDED", SBI_TASK_RUNNING},
                  {"OUT_OF_MEMORY", SBI_TASK_OUT_OF_MEMORY}, {"CANCELLED", SBI_TASK_CANCELLED}, {"PREEMPTED", SBI_TASK_PREEMPTED},
                  {"TIMEOUT", SBI_TASK_PREEMPTED}, /* it had its SIGTERM and has put its checkpoint into the store */
                  {"NODE_FAIL", SBI_TASK_LOST},      {"BOOT_FAIL", SBI_TASK_TRANSIENT},   {"DEADLINE", SBI_TASK_REJECTED}};
    int number = 0, signal_ = 0;
    *code = -1;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strncmp(word, states[i].word, strlen(states[i].word)) == 0) return states[i].state;
    if (!exit_code || sscanf(exit_code, "%d:%d", &number, &signal_) != 2) return SBI_TASK_LOST;
    *code = signal_ ? 128 + signal_ : number;
    return sbi_job_exit_state(*code, NULL);
}
