/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/rucio_names.h"

#include <string.h>

#include "base/error.h"

#define ESCAPE "-_"
#define AT_FIRST "0-_0"

static int is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

typedef struct place {
    char *at;
    size_t left; /* without the NUL */
    int full;
} place;

static void add(place *p, const char *text, size_t size)
{
    if (size > p->left) {
        p->full = 1;
        return;
    }
    memcpy(p->at, text, size);
    p->at += size;
    p->left -= size;
    *p->at = '\0';
}

sbi_status grid_rucio_name(char out[GRID_RUCIO_NAME_MAX], const char *before, const char *object)
{
    place p = {out, GRID_RUCIO_NAME_MAX - 1, 0};
    add(&p, before, strlen(before));
    if (!is_plain(object[0]) || !object[1]) add(&p, AT_FIRST, strlen(AT_FIRST));
    for (const char *at = object; *at && !p.full; at++) {
        const int escape = strncmp(at, ESCAPE, 2) == 0;
        if (escape)
            add(&p, ESCAPE "-", 3);
        else if (*at == '/')
            add(&p, ESCAPE ".", 3);
        else
            add(&p, at, 1);
        at += escape;
    }
    return p.full ? sbi_fail(SBI_ERR_ARGUMENT, "%.80s...: is longer than %d characters as a name of Rucio", object, GRID_RUCIO_NAME_MAX - 1) : SBI_OK;
}

int grid_rucio_object(char out[SBI_STORE_NAME_MAX], const char *before, const char *name)
{
    place p = {out, SBI_STORE_NAME_MAX - 1, 0};
    char again[GRID_RUCIO_NAME_MAX];
    const size_t n = strlen(before);
    if (strncmp(name, before, n) != 0) return 0;
    const char *at = name + n;
    if (strncmp(at, AT_FIRST, strlen(AT_FIRST)) == 0) at += strlen(AT_FIRST);
    for (; *at && !p.full; at++) {
        if (strncmp(at, ESCAPE, 2) != 0) {
            add(&p, at, 1);
            continue;
        }
        if (at[2] == '.')
            add(&p, "/", 1);
        else if (at[2] == '-')
            add(&p, ESCAPE, 2);
        else
            return 0;
        at += 2;
    }
    /* One name only for each object: what would be written otherwise is none. */
    return !p.full && p.at != out && grid_name_valid(out) && grid_rucio_name(again, before, out) == SBI_OK && strcmp(again, name) == 0;
}
