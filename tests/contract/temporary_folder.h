/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that tests of executors, campaigns and jobs share. */
#ifndef SBI_TESTS_TEMPORARY_FOLDER_H
#define SBI_TESTS_TEMPORARY_FOLDER_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fresh folder, its name in `path` (of 64 bytes or more). */
static inline void make_temporary_folder(char *path, size_t size)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, size, "%s/sbi-test-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static inline void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        char child[4096];
        struct stat s;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (snprintf(child, sizeof child, "%s/%s", path, e->d_name) >= (int)sizeof child) continue;
        if (lstat(child, &s) == 0 && S_ISDIR(s.st_mode))
            remove_tree(child);
        else
            unlink(child);
    }
    if (folder) closedir(folder);
    rmdir(path);
}

/* The whole file, NUL-terminated, to be freed. */
static inline char *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be opened", path);
    size_t n = 0, capacity = 4096;
    char *data = malloc(capacity);
    for (size_t got; (got = fread(data + n, 1, capacity - n - 1, f)) > 0;) {
        n += got;
        if (capacity - n < 2) data = realloc(data, capacity *= 2);
    }
    fclose(f);
    data[n] = '\0';
    if (size) *size = n;
    return data;
}

static inline void write_whole(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s cannot be written", path);
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

#endif
