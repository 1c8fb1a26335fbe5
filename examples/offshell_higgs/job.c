/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

job_path job_file(const job *j, const char *format, ...)
{
    job_path p;
    int used = snprintf(p.text, sizeof p.text, "%s/", j->options.output);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && used < JOB_PATH_SIZE)
        vsnprintf(p.text + used, sizeof p.text - (size_t)used, format, arguments);
    va_end(arguments);
    return p;
}

sbi_status job_say(sbi_status status, const char *what)
{
    if (status != SBI_OK) fprintf(stderr, "offshell_higgs: %s: %s (%s)\n", what, sbi_last_error(), sbi_status_name(status));
    return status;
}

static sbi_status say_errno(const char *path)
{
    int number = errno;
    fprintf(stderr, "offshell_higgs: %s: %s\n", path, strerror(number));
    return number == ENOSPC ? SBI_ERR_NO_SPACE : number == EACCES || number == EROFS ? SBI_ERR_PERMISSION : SBI_ERR_IO;
}

int job_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static sbi_status make_folder(const char *path)
{
    return mkdir(path, 0777) && errno != EEXIST ? say_errno(path) : SBI_OK;
}

sbi_status job_folder_make(const job *j, const char *name)
{
    return make_folder(job_file(j, "%s", name).text);
}

sbi_status job_write_text(const char *path, const char *text, size_t size)
{
    char temporary[JOB_PATH_SIZE + 8];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return say_errno(path);
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, text + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    int failed = done < size || fsync(fd);
    if (close(fd)) failed = 1;
    if (failed || rename(temporary, path)) {
        sbi_status status = say_errno(path);
        unlink(temporary);
        return status;
    }
    return SBI_OK;
}

/* The first line in which two descriptions differ. */
static void say_difference(const char *folder, const char *before, const char *now)
{
    while (*before && *before == *now) {
        before++;
        now++;
    }
    /* Back to the start of the line. */
    const char *b = before, *n = now;
    while (b[-1] != '\n' && b[-1] != '\0') {
        b--;
        n--;
    }
    fprintf(stderr, "offshell_higgs: %s holds a run with --%.*s, not --%.*s: choose another --output, or --force\n", folder,
            (int)strcspn(b, "\n"), b, (int)strcspn(n, "\n"), n);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *walk)
{
    (void)s;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* What a run with other flags may have left in a part of the folder. */
static sbi_status remove_tree(const char *path)
{
    return job_exists(path) && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) ? say_errno(path) : SBI_OK;
}

sbi_status job_folder_open(job *j)
{
    char now[2048], before[2048] = "";
    job_options_describe(&j->options, now + 1, sizeof now - 1);
    now[0] = '\0'; /* so that a walk back to the start of the first line stops */
    JOB_TRY(make_folder(j->options.output));
    job_path path = job_file(j, "flags.txt");
    FILE *f = fopen(path.text, "re");
    if (f) {
        size_t n = fread(before + 1, 1, sizeof before - 2, f);
        before[n + 1] = '\0';
        fclose(f);
        if (strcmp(before + 1, now + 1) == 0) return SBI_OK;
        if (!j->options.force) {
            say_difference(j->options.output, before + 1, now + 1);
            return SBI_ERR_EXISTS;
        }
        /* Markers first: killed in the middle, what is left must not look finished. */
        static const char *const parts[] = {"stages", "results.json", "resources.json", "results", "plots", "diagnostics",
                                            "data", "truth", "columns", "networks", "campaigns"};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) JOB_TRY(remove_tree(job_file(j, "%s", parts[i]).text));
    }
    return job_write_text(path.text, now + 1, strlen(now + 1));
}

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The largest resident size since the last reset, in bytes; mapped columns count while they are resident. */
static long long peak_memory(void)
{
    long long kilobytes = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f)) sscanf(line, "VmHWM: %lld", &kilobytes);
    if (f) fclose(f);
    return kilobytes * 1024;
}

static void reset_peak_memory(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

sbi_status job_stage_run(job *j, const char *name, sbi_status (*run)(job *j))
{
    job_stage *stage = &j->stages[j->n_stages++];
    stage->name = name;
    JOB_TRY(job_folder_make(j, "stages"));
    job_path marker = job_file(j, "stages/%s", name);
    FILE *f = fopen(marker.text, "re");
    if (f) {
        int n = fscanf(f, "%lf %lld", &stage->seconds, &stage->peak_memory);
        fclose(f);
        if (n == 2) {
            printf("%-10s done before\n", name);
            return SBI_OK;
        }
    }
    reset_peak_memory();
    double start = now_seconds();
    JOB_TRY(run(j));
    stage->seconds = now_seconds() - start;
    stage->peak_memory = peak_memory();
    char text[64];
    int n = snprintf(text, sizeof text, "%.3f %lld\n", stage->seconds, stage->peak_memory);
    JOB_TRY(job_write_text(marker.text, text, (size_t)n));
    printf("%-10s %7.1f s  %6lld MB\n", name, stage->seconds, stage->peak_memory / 1000000);
    return SBI_OK;
}

double *job_doubles(size_t n)
{
    double *memory = malloc((n ? n : 1) * sizeof *memory);
    if (!memory) fprintf(stderr, "offshell_higgs: out of memory: %zu doubles\n", n);
    return memory;
}

sbi_status job_write_column(const job *j, const char *path, const double *values, size_t n, int32_t dtype)
{
    if (dtype == SBI_F64) {
        sbi_array a = sbi_array_1d(values, SBI_F64, (int64_t)n);
        return job_say(sbi_npy_write(j->ctx, path, &a), "writing a column");
    }
    float *narrow = malloc((n ? n : 1) * sizeof *narrow);
    if (!narrow) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) narrow[i] = (float)values[i];
    sbi_array a = sbi_array_1d(narrow, SBI_F32, (int64_t)n);
    sbi_status status = job_say(sbi_npy_write(j->ctx, path, &a), "writing a column");
    free(narrow);
    return status;
}

sbi_status job_read_doubles(const job *j, const char *path, double **values, size_t *n)
{
    sbi_npy *npy;
    sbi_array view;
    *values = NULL;
    JOB_TRY(job_say(sbi_npy_map(&npy, j->ctx, path), "reading"));
    sbi_status status = sbi_npy_array(npy, &view);
    if (status == SBI_OK && view.dtype != SBI_F64) status = SBI_ERR_SHAPE;
    *n = 1;
    for (int i = 0; i < view.ndim && status == SBI_OK; i++) *n *= (size_t)view.shape[i];
    if (status == SBI_OK && (*values = job_doubles(*n))) memcpy(*values, view.data, *n * sizeof(double));
    sbi_npy_unmap(npy);
    return status == SBI_OK && !*values ? SBI_ERR_NO_MEMORY : status;
}
