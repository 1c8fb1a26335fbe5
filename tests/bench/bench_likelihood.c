/* SPDX-License-Identifier: Apache-2.0 */
/* libsbi's half of `make bench-likelihood`: evaluates the model of tests/bench/likelihood/jax_models.py on columns that the
 * driver (run.py) wrote, one command a line, one JSON object a reply, so that the driver can alternate it with another library in one run.
 *
 *     bench_likelihood FOLDER f64-ratio|f64-log|f32-log|f16-log [packed|columns]
 *
 * FOLDER holds morphs-STORAGE.npy [process, nuisance, 2, event] and ratios, weights, yields, points (all f64). In memory the morphs
 * lie as in a packed store, [block, process, nuisance, 2, event in block], or as in the file.
 * Commands:  QUANTITY THREADS PRECISION POINT [result]
 *     QUANTITY  value, gradient, row (row 31), rows (31 to 40), hessian, or sweep (reads the columns, nothing else)
 *     PRECISION double or mixed (where this libsbi has it)      POINT  row of points.npy
 */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "sbi/sbi.h"

enum { MOST_THREADS = 16, FIRST_ROW = 31, SOME_ROWS = 10, PRECISIONS = 2 };

typedef struct array {
    void *data;
    size_t bytes;
    size_t shape[4];
} array;

typedef struct storage {
    const char *name, *descr;
    int32_t dtype, kind;
} storage;

static const storage STORAGES[] = {
    {"f64-ratio", "<f8", SBI_F64, SBI_MORPH_RATIO},
    {"f64-log", "<f8", SBI_F64, SBI_MORPH_LOG},
    {"f32-log", "<f4", SBI_F32, SBI_MORPH_LOG},
    {"f16-log", "<f2", SBI_F16, SBI_MORPH_LOG},
};

typedef struct model {
    const storage *store;
    array morphs, ratios, weights, yields, points;
    size_t processes, nuisances, events, params;
    int packed;
} model;

/* One context, and so one number of threads, with its tape and a workspace a precision. */
typedef struct engine {
    sbi_context *ctx;
    sbi_tape *tape;
    sbi_tape_work *work[PRECISIONS];
} engine;

static const char *const PRECISION_NAMES[PRECISIONS] = {"double", "mixed"};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_likelihood: %s: %s\n", what, why);
    exit(1);
}

static void check(sbi_status status)
{
    if (status != SBI_OK) die(sbi_status_name(status), sbi_last_error());
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Memory as numpy allocates large arrays for the other library: anonymous, huge pages where the system gives them. */
static void *allocate(size_t bytes)
{
    const size_t huge = (size_t)1 << 21, rounded = (bytes + huge - 1) / huge * huge;
    void *p = aligned_alloc(huge, rounded ? rounded : huge);
    if (!p) die("memory", "not enough");
    madvise(p, rounded, MADV_HUGEPAGE);
    return p;
}

/* Reads columns of n elements into blocks of SBI_TAPE_BLOCK: block b of column c is row b * columns + c. */
static void read_packed(FILE *f, const char *path, char *data, size_t columns, size_t n, size_t size)
{
    const size_t row = SBI_TAPE_BLOCK * size;
    for (size_t c = 0; c < columns; c++) {
        for (size_t b = 0; b * SBI_TAPE_BLOCK < n; b++) {
            const size_t left = n - b * SBI_TAPE_BLOCK, count = left < SBI_TAPE_BLOCK ? left : SBI_TAPE_BLOCK;
            if (fread(data + (b * columns + c) * row, size, count, f) != count) die(path, "short");
        }
    }
}

/* The array of one file of the driver: version 1 header, C order, little-endian, `descr` and number of axes as given. */
static array load(const char *folder, const char *name, const char *descr, int axes, int packed)
{
    char path[4096], header[4096], wanted[32];
    unsigned char start[10];
    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    FILE *f = fopen(path, "rbe");
    if (!f || fread(start, 1, sizeof start, f) != sizeof start || memcmp(start, "\x93NUMPY\x01", 7) != 0) die(path, "not a .npy file");
    const size_t length = start[8] | (size_t)start[9] << 8;
    if (length >= sizeof header || fread(header, 1, length, f) != length) die(path, "header");
    header[length] = '\0';
    snprintf(wanted, sizeof wanted, "'descr': '%s'", descr);
    const char *shape = strstr(header, "'shape': (");
    if (!shape || !strstr(header, wanted) || !strstr(header, "'fortran_order': False")) die(path, "another dtype or order");
    const size_t size = (size_t)(descr[2] - '0');
    array a = {.bytes = size};
    shape += strlen("'shape': (");
    for (int d = 0; d < axes; d++) {
        char *end;
        a.shape[d] = strtoull(shape, &end, 10);
        if (end == shape) die(path, "fewer axes than expected");
        a.bytes *= a.shape[d];
        shape = end + strspn(end, ", ");
    }
    if (*shape != ')') die(path, "more axes than expected");
    if (packed) {
        const size_t n = a.shape[axes - 1], columns = n ? a.bytes / size / n : 0;
        a.bytes = (n + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK * columns * SBI_TAPE_BLOCK * size;
        a.data = allocate(a.bytes);
        read_packed(f, path, a.data, columns, n, size);
    } else {
        a.data = allocate(a.bytes);
        if (fread(a.data, 1, a.bytes, f) != a.bytes) die(path, "short");
    }
    fclose(f);
    return a;
}

static void load_model(model *m, const char *folder)
{
    char name[64];
    snprintf(name, sizeof name, "morphs-%s", m->store->name);
    m->morphs = load(folder, name, m->store->descr, 4, m->packed);
    m->ratios = load(folder, "ratios", "<f8", 2, 0);
    m->weights = load(folder, "weights", "<f8", 1, 0);
    m->yields = load(folder, "yields", "<f8", 3, 0); /* [process, nuisance + 1, 2]: the yield first, then hi and lo of each */
    m->points = load(folder, "points", "<f8", 2, 0);
    m->processes = m->morphs.shape[0];
    m->nuisances = m->morphs.shape[1];
    m->events = m->morphs.shape[3];
    m->params = m->nuisances + 1;
    if (m->morphs.shape[2] != 2 || m->processes != m->ratios.shape[0] || m->events != m->ratios.shape[1] ||
        m->events != m->weights.shape[0] || m->yields.shape[0] != m->processes || m->yields.shape[1] != m->params ||
        m->points.shape[1] != m->params || m->processes < 2 || m->nuisances < FIRST_ROW + SOME_ROWS)
        die(folder, "shapes do not agree");
}

/* Column `index` of [process, nuisance, 2]. */
static sbi_array morph_column(const model *m, size_t index)
{
    const size_t size = sbi_dtype_size(m->store->dtype), columns = m->processes * m->nuisances * 2, row = SBI_TAPE_BLOCK * size;
    const char *data = m->morphs.data;
    if (!m->packed) return sbi_array_1d(data + index * m->events * size, m->store->dtype, (int64_t)m->events);
    const int64_t blocks = (int64_t)((m->events + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK);
    sbi_array a = sbi_array_2d(data + index * row, m->store->dtype, blocks, SBI_TAPE_BLOCK);
    a.strides[0] = (int64_t)(columns * row);
    return a;
}

/* sum_p nu_p - sum_i w_i ln sum_p nu_p r_pi prod_k g_pk,i + sum_k alpha_k^2 / 2, with f = mu, sqrt(mu), 1, 1, ... */
static sbi_var record(sbi_tape *t, const model *m)
{
    const size_t K = m->nuisances;
    const int64_t n = (int64_t)m->events;
    const sbi_events events = sbi_tape_events(t, "events", n);
    const sbi_var mu = sbi_tape_param(t, "mu");
    sbi_var *alpha = calloc(K, sizeof *alpha), lambda = SBI_VAR_INVALID, total = SBI_VAR_INVALID, constraint = SBI_VAR_INVALID;
    sbi_array *up = calloc(K, sizeof *up), *down = calloc(K, sizeof *down);
    if (!alpha || !up || !down) die("memory", "not enough");
    for (size_t k = 0; k < K; k++) {
        char name[32];
        snprintf(name, sizeof name, "alpha_%zu", k);
        alpha[k] = sbi_tape_param(t, name);
        const sbi_var pull = sbi_tape_square(t, alpha[k]);
        constraint = k ? sbi_tape_add(t, constraint, pull) : pull;
    }
    sbi_array view = sbi_array_1d(m->weights.data, SBI_F64, n);
    const sbi_var weights = sbi_tape_column(t, events, &view, "weights");
    for (size_t p = 0; p < m->processes; p++) {
        const double *yields = (const double *)m->yields.data + p * (K + 1) * 2;
        sbi_var nu = sbi_tape_constant(t, yields[0]);
        if (p == 0) nu = sbi_tape_mul(t, nu, mu);
        if (p == 1) nu = sbi_tape_mul(t, nu, sbi_tape_sqrt(t, mu));
        for (size_t k = 0; k < K; k++) {
            up[k] = morph_column(m, (p * K + k) * 2);
            down[k] = morph_column(m, (p * K + k) * 2 + 1);
            nu = sbi_tape_mul(t, nu, sbi_tape_interp(t, alpha[k], yields[2 * k + 2], yields[2 * k + 3], SBI_INTERP_CODE4));
        }
        view = sbi_array_1d((const double *)m->ratios.data + p * m->events, SBI_F64, n);
        const sbi_var ratio = sbi_tape_column(t, events, &view, "ratio");
        const sbi_var g = sbi_tape_morph(t, events, alpha, K, up, down, SBI_INTERP_CODE4, m->store->kind);
        const sbi_var term = sbi_tape_mul(t, nu, sbi_tape_mul(t, ratio, g));
        lambda = p ? sbi_tape_add(t, lambda, term) : term;
        total = p ? sbi_tape_add(t, total, nu) : nu;
    }
    free(alpha);
    free(up);
    free(down);
    const sbi_var nll = sbi_tape_sub(t, total, sbi_tape_weighted_sum(t, weights, sbi_tape_log(t, lambda)));
    return sbi_tape_add(t, nll, sbi_tape_mul(t, sbi_tape_constant(t, 0.5), constraint));
}

/* True where this libsbi has the precision. */
static int create_work(sbi_tape_work **out, const sbi_tape *tape, int precision)
{
    if (precision == 0) {
        check(sbi_tape_work_create(out, tape));
        return 1;
    }
#ifdef SBI_PRECISION_MIXED
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    options.precision = SBI_PRECISION_MIXED;
    check(sbi_tape_work_create_with(out, tape, &options));
    return 1;
#else
    return 0;
#endif
}

static engine *engine_of(engine engines[], const model *m, int threads)
{
    engine *e = &engines[threads - 1];
    if (e->ctx) return e;
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    check(sbi_context_create(&e->ctx, &options));
    check(sbi_tape_create(&e->tape, e->ctx));
    check(sbi_tape_seal(e->tape, record(e->tape, m)));
    return e;
}

/* ---- what memory alone takes ------------------------------------------------------------------------------------ */

typedef struct share {
    const uint64_t *data;
    size_t words;
    uint64_t sum;
} share;

/* Several streams of whole registers; the compiler makes AVX-512 loads of them where `make bench-likelihood` lets it. */
static void *read_share(void *arg)
{
    enum { LANES = 64 };
    share *s = arg;
    uint64_t sum[LANES] = {0};
    for (size_t i = 0; i + LANES <= s->words; i += LANES) {
        __builtin_prefetch(s->data + i + 1024);
        for (int l = 0; l < LANES; l++)
            sum[l] |= s->data[i + (size_t)l];
    }
    for (int l = 0; l < LANES; l++)
        s->sum |= sum[l];
    return NULL;
}

static double sweep(const array *a, int threads)
{
    pthread_t id[MOST_THREADS];
    share shares[MOST_THREADS];
    const size_t words = a->bytes / 8 / (size_t)threads;
    const double start = now();
    for (int t = 0; t < threads; t++) {
        shares[t] = (share){(const uint64_t *)a->data + (size_t)t * words, words, 0};
        if (pthread_create(&id[t], NULL, read_share, &shares[t])) die("sweep", "no thread");
    }
    uint64_t sum = 0;
    for (int t = 0; t < threads; t++) {
        pthread_join(id[t], NULL);
        sum |= shares[t].sum;
    }
    const double seconds = now() - start;
    volatile uint64_t sink = sum;
    (void)sink;
    return seconds;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static int evaluate(const model *m, sbi_tape_work *work, const char *quantity, const double *theta, double *out, size_t *count,
                    double *seconds)
{
    const size_t P = m->params;
    double value;
    const double start = now();
    if (!strcmp(quantity, "value")) {
        check(sbi_tape_eval(work, theta, out, NULL));
        *count = 1;
    } else if (!strcmp(quantity, "gradient")) {
        check(sbi_tape_eval(work, theta, &value, out + 1));
        out[0] = value;
        *count = P + 1;
    } else if (!strcmp(quantity, "row")) {
        check(sbi_tape_hessian_rows(work, theta, FIRST_ROW, 1, out));
        *count = P;
    } else if (!strcmp(quantity, "rows")) {
        check(sbi_tape_hessian_rows(work, theta, FIRST_ROW, SOME_ROWS, out));
        *count = SOME_ROWS * P;
    } else if (!strcmp(quantity, "hessian")) {
        check(sbi_tape_hessian(work, theta, NULL, NULL, out));
        *count = P * P;
    } else {
        return 0;
    }
    *seconds = now() - start;
    return 1;
}

static void answer(const model *m, engine engines[], const char *line, double *out)
{
    char quantity[32], precision[32], result[32] = "";
    int threads, point;
    const int read = sscanf(line, "%31s %d %31s %d %31s", quantity, &threads, precision, &point, result);
    if (read < 4 || threads < 1 || threads > MOST_THREADS || point < 0 || (size_t)point >= m->points.shape[0]) {
        printf("{\"error\": \"bad command\"}\n");
        return;
    }
    if (!strcmp(quantity, "sweep")) {
        printf("{\"seconds\": %.9g, \"bytes\": %zu}\n", sweep(&m->morphs, threads), m->morphs.bytes);
        return;
    }
    int which = 0;
    while (which < PRECISIONS && strcmp(precision, PRECISION_NAMES[which]) != 0)
        which++;
    engine *e = engine_of(engines, m, threads);
    if (which == PRECISIONS || (!e->work[which] && !create_work(&e->work[which], e->tape, which))) {
        printf("{\"error\": \"not there\"}\n");
        return;
    }
    const double *theta = (const double *)m->points.data + (size_t)point * m->params;
    double seconds = 0;
    size_t count = 0;
    if (!evaluate(m, e->work[which], quantity, theta, out, &count, &seconds)) {
        printf("{\"error\": \"unknown quantity\"}\n");
        return;
    }
    printf("{\"seconds\": %.9g", seconds);
    if (!strcmp(result, "result")) {
        printf(", \"result\": [");
        for (size_t i = 0; i < count; i++)
            printf(isfinite(out[i]) ? "%s%.17g" : "%snull", i ? ", " : "", out[i]);
        printf("]");
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    model m = {0};
    m.packed = argc < 4 || !strcmp(argv[3], "packed");
    const int layout = m.packed || !strcmp(argv[3], "columns");
    for (size_t s = 0; argc > 2 && argc < 5 && layout && s < sizeof STORAGES / sizeof STORAGES[0]; s++) {
        if (!strcmp(argv[2], STORAGES[s].name)) m.store = &STORAGES[s];
    }
    if (!m.store) {
        fprintf(stderr, "usage: bench_likelihood FOLDER f64-ratio|f64-log|f32-log|f16-log [packed|columns]\n");
        return 2;
    }
    load_model(&m, argv[1]);
    engine engines[MOST_THREADS] = {{0}};
    double *out = calloc(m.params * m.params + 1, sizeof *out);
    if (!out) die("memory", "not enough");
#ifdef SBI_PRECISION_MIXED
    const int mixed = 1;
#else
    const int mixed = 0;
#endif
    printf("{\"ready\": true, \"version\": \"%s\", \"mixed\": %s, \"events\": %zu, \"bytes\": %zu}\n", sbi_version_string(),
           mixed ? "true" : "false", m.events, m.morphs.bytes);
    fflush(stdout);
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        answer(&m, engines, line, out);
        fflush(stdout);
    }
    for (int t = 0; t < MOST_THREADS; t++) {
        for (int p = 0; p < PRECISIONS; p++)
            sbi_tape_work_destroy(engines[t].work[p]);
        sbi_tape_destroy(engines[t].tape);
        sbi_context_destroy(engines[t].ctx);
    }
    free(out);
    free(m.morphs.data);
    free(m.ratios.data);
    free(m.weights.data);
    free(m.yields.data);
    free(m.points.data);
    return 0;
}
