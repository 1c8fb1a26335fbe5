/* SPDX-License-Identifier: Apache-2.0 */
/* A driver for the fuzzers where libFuzzer is missing: replay FILE-OR-FOLDER...
 * Each file goes in whole, then cut at 64 places, then 400 times with up to four of its bytes changed. The same bytes
 * in every run, so that a failure comes again. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

/* A copy of the exact size, so that AddressSanitizer sees a read behind the end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) abort();
    if (size) memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static uint32_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void damage(uint8_t *data, size_t size)
{
    feed(data, size);
    if (size == 0) return;
    for (size_t k = 0; k < 64; k++) feed(data, size * k / 64);
    uint64_t state = size;
    for (int k = 0; k < 400; k++) {
        size_t place[4];
        uint8_t before[4];
        const int n = 1 + (int)(next(&state) % 4);
        for (int j = 0; j < n; j++) {
            /* Headers are short: half of the changes go there. */
            const size_t range = next(&state) % 2 && size > 128 ? 128 : size;
            place[j] = next(&state) % range;
            before[j] = data[place[j]];
            data[place[j]] = (uint8_t)next(&state);
        }
        feed(data, size);
        for (int j = n; j-- > 0;) data[place[j]] = before[j];
    }
}

static int replay(const char *path)
{
    struct stat status;
    if (stat(path, &status)) return perror(path), 1;
    if (S_ISDIR(status.st_mode)) {
        struct dirent **names;
        const int n = scandir(path, &names, NULL, alphasort);
        int bad = n < 0;
        for (int k = 0; k < n; k++) {
            char below[4096];
            if (names[k]->d_name[0] != '.') {
                snprintf(below, sizeof below, "%s/%s", path, names[k]->d_name);
                bad |= replay(below);
            }
            free(names[k]);
        }
        if (n >= 0) free(names);
        return bad;
    }
    FILE *f = fopen(path, "rb");
    if (!f) return perror(path), 1;
    const size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size ? size : 1);
    const int bad = !data || fread(data, 1, size, f) != size;
    fclose(f);
    if (bad)
        perror(path);
    else
        damage(data, size);
    free(data);
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int k = 1; k < argc; k++) bad |= replay(argv[k]);
    if (!bad && inputs < 2) {
        fprintf(stderr, "%s: the corpus is empty\n", argv[0]);
        bad = 1;
    }
    printf("%s  %s: %zu inputs\n", bad ? "FAILED" : "ok    ", argv[0], inputs);
    return bad;
}
