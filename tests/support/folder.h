/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary folder for tests, and what is in it. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <check.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct test_folder {
    char path[256];
} test_folder;

typedef struct test_path {
    char text[512];
} test_path;

static inline test_folder folder_make(void)
{
    test_folder f;
    const char *base = getenv("TMPDIR");
    snprintf(f.path, sizeof f.path, "%s/sbi-test-XXXXXX", base && base[0] ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(f.path));
    return f;
}

static inline test_path folder_path(const test_folder *f, const char *name)
{
    test_path p;
    snprintf(p.text, sizeof p.text, "%s/%s", f->path, name);
    return p;
}

/* Entries other than . and .. */
static inline int folder_count(const test_folder *f)
{
    DIR *d = opendir(f->path);
    ck_assert_ptr_nonnull(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static inline int folder_remove_one(const char *path, const struct stat *s, int kind, struct FTW *w)
{
    (void)s;
    (void)kind;
    (void)w;
    return remove(path);
}

static inline void folder_remove(const test_folder *f)
{
    nftw(f->path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
