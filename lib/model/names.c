/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters by name: a binned model has thousands of uses of hundreds of names. */
#include <string.h>

#include "base/memory.h"
#include "model/model.h"

/* FNV-1a. */
static size_t hash_name(const char *name, size_t length)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
    return (size_t)(h ^ (h >> 32));
}

static void enter(uint32_t *names, size_t n_names, const char *name, size_t index)
{
    size_t at = hash_name(name, strlen(name)) & (n_names - 1);
    while (names[at]) at = (at + 1) & (n_names - 1);
    names[at] = (uint32_t)index + 1;
}

sbi_status sbi_model_reserve_name(sbi_model *m)
{
    if (2 * (m->n_parameters + 1) <= m->n_names) return SBI_OK;
    const size_t n_names = m->n_names ? 2 * m->n_names : 16;
    uint32_t *names = sbi_alloc_zero(m->ctx, n_names, sizeof *names);
    if (!names) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < m->n_parameters; i++) enter(names, n_names, m->parameters[i].name, i);
    sbi_free(m->ctx, m->names);
    m->names = names;
    m->n_names = n_names;
    return SBI_OK;
}

void sbi_model_enter_name(sbi_model *m)
{
    enter(m->names, m->n_names, m->parameters[m->n_parameters - 1].name, m->n_parameters - 1);
}

int64_t sbi_model_find_parameter(void *model, const char *name, size_t length)
{
    const sbi_model *m = model;
    if (!m->n_names) return -1;
    for (size_t at = hash_name(name, length) & (m->n_names - 1); m->names[at]; at = (at + 1) & (m->n_names - 1)) {
        const size_t i = m->names[at] - 1;
        if (strncmp(m->parameters[i].name, name, length) == 0 && m->parameters[i].name[length] == '\0') return (int64_t)i;
    }
    return -1;
}
