/* SPDX-License-Identifier: Apache-2.0 */
/* Philox against published vectors, distributions against their moments, and SHA-256 against FIPS vectors. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/sha256.h"
#include "base/sha256_blocks.h"
#include "support/folder.h"
#include "support/run_suite.h"

/* Random123, tests/kat_vectors, philox4x32 10: counter, key, result. */
START_TEST(philox_known_answers)
{
    const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < 3; i++) {
        uint32_t out[4];
        sbi_philox(cases[i].counter, cases[i].key, out);
        ck_assert_mem_eq(out, cases[i].out, sizeof out);
    }
    /* How seed, stream and index make counter and key is part of "the same seed gives the same result". */
    ck_assert_uint_eq(sbi_random_u64(0, 0, 0), 0xe169c58d6627e8d5u);
    ck_assert_uint_eq(sbi_random_u64(0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3243f6a88u),
                      0x94fdccebd16cfe09u);
}
END_TEST

typedef struct moments {
    double mean, variance, skewness, kurtosis;
} moments;

static moments moments_of(const double *x, int n)
{
    double mean = 0, m2 = 0, m3 = 0, m4 = 0;
    for (int i = 0; i < n; i++) mean += x[i];
    mean /= n;
    for (int i = 0; i < n; i++) {
        double d = x[i] - mean;
        m2 += d * d;
        m3 += d * d * d;
        m4 += d * d * d * d;
    }
    m2 /= n, m3 /= n, m4 /= n;
    return (moments){mean, m2, m3 / pow(m2, 1.5), m4 / (m2 * m2)};
}

#define N 200000
static double sample[N];

/* All tolerances are 5 standard errors at N = 200000; the seed is fixed, so a passing test stays passing. */
START_TEST(uniform_numbers)
{
    for (int i = 0; i < N; i++) {
        sample[i] = sbi_random_uniform(12, 3, (uint64_t)i);
        ck_assert(sample[i] > 0 && sample[i] < 1);
    }
    moments m = moments_of(sample, N);
    ck_assert_double_eq_tol(m.mean, 0.5, 5 * sqrt(1 / 12.0 / N));
    ck_assert_double_eq_tol(m.variance, 1 / 12.0, 5 * sqrt((1 / 80.0 - 1 / 144.0) / N));
    double lag = 0, across = 0;
    for (int i = 0; i + 1 < N; i++) lag += (sample[i] - 0.5) * (sample[i + 1] - 0.5);
    for (int i = 0; i < N; i++) across += (sample[i] - 0.5) * (sbi_random_uniform(12, 4, (uint64_t)i) - 0.5);
    ck_assert_double_eq_tol(lag / N * 12, 0, 5 / sqrt(N));
    ck_assert_double_eq_tol(across / N * 12, 0, 5 / sqrt(N));
}
END_TEST

START_TEST(normal_numbers)
{
    int beyond_2 = 0;
    for (int i = 0; i < N; i++) {
        sample[i] = sbi_random_normal(5, 0, (uint64_t)i);
        beyond_2 += fabs(sample[i]) > 2;
    }
    moments m = moments_of(sample, N);
    ck_assert_double_eq_tol(m.mean, 0, 5 / sqrt(N));
    ck_assert_double_eq_tol(m.variance, 1, 5 * sqrt(2.0 / N));
    ck_assert_double_eq_tol(m.skewness, 0, 5 * sqrt(6.0 / N));
    ck_assert_double_eq_tol(m.kurtosis, 3, 5 * sqrt(24.0 / N));
    double p = erfc(sqrt(2.0));
    ck_assert_double_eq_tol((double)beyond_2 / N, p, 5 * sqrt(p * (1 - p) / N));
}
END_TEST

START_TEST(poisson_numbers)
{
    const double means[] = {0.01, 1, 7.5, 29.99, 30, 100, 12345.5};
    for (size_t k = 0; k < sizeof means / sizeof means[0]; k++) {
        double mean = means[k];
        for (int i = 0; i < N; i++) {
            int64_t n = sbi_random_poisson(99, k, (uint64_t)i, mean);
            ck_assert_int_ge(n, 0);
            sample[i] = (double)n;
        }
        moments m = moments_of(sample, N);
        ck_assert_double_eq_tol(m.mean, mean, 5 * sqrt(mean / N));
        ck_assert_double_eq_tol(m.variance, mean, 5 * sqrt((mean + 2 * mean * mean) / N));
        if (mean > 5) ck_assert_double_eq_tol(m.skewness, 1 / sqrt(mean), 10 * sqrt(6.0 / N));
    }
    /* The chance of each small count, on both sides of the change of algorithm. */
    for (int side = 0; side < 2; side++) {
        double mean = side ? 30.5 : 29.5, chi2 = 0;
        int count[100] = {0};
        for (int i = 0; i < N; i++) {
            int64_t n = sbi_random_poisson(7, 7, (uint64_t)i, mean);
            if (n < 100) count[n]++;
        }
        for (int n = 15; n < 50; n++) {
            double expected = N * exp(n * log(mean) - mean - lgamma(n + 1.0));
            chi2 += (count[n] - expected) * (count[n] - expected) / expected;
        }
        ck_assert_double_le(chi2, 35 + 5 * sqrt(70));
    }
    ck_assert_int_eq(sbi_random_poisson(1, 1, 1, 0), 0);
    ck_assert_int_eq(sbi_random_poisson(1, 1, 1, -1), -1);
    ck_assert_int_eq(sbi_random_poisson(1, 1, 1, NAN), -1);
    ck_assert_int_eq(sbi_random_poisson(1, 1, 1, INFINITY), -1);
    ck_assert_int_eq(sbi_random_poisson(1, 1, 1, 1e300), -1);
    double large = 0x1p50;
    ck_assert_double_eq_tol((double)sbi_random_poisson(1, 1, 1, large), large, 6 * sqrt(large));
}
END_TEST

START_TEST(permutations)
{
    uint32_t p[1000], q[1000];
    for (uint32_t n = 0; n <= 1000; n = n < 5 ? n + 1 : n * 2) {
        unsigned char seen[1000] = {0};
        sbi_random_permutation(3, n, p, n);
        for (uint32_t i = 0; i < n; i++) {
            ck_assert_uint_lt(p[i], n);
            ck_assert(!seen[p[i]]);
            seen[p[i]] = 1;
        }
        sbi_random_permutation(3, n, q, n);
        ck_assert_mem_eq(p, q, n * sizeof p[0]);
    }
    /* All 24 orders of four, equally often. */
    int count[256] = {0};
    for (uint64_t s = 0; s < 24000; s++) {
        sbi_random_permutation(s, 0, p, 4);
        count[p[0] << 6 | p[1] << 4 | p[2] << 2 | p[3]]++;
    }
    double chi2 = 0;
    int orders = 0;
    for (int i = 0; i < 256; i++) {
        if (!count[i]) continue;
        orders++;
        chi2 += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000.0;
    }
    ck_assert_int_eq(orders, 24);
    ck_assert_double_le(chi2, 23 + 5 * sqrt(46));
}
END_TEST

START_TEST(derived_seeds)
{
    uint64_t a = sbi_random_derive(1, "member", 0);
    ck_assert_uint_eq(a, sbi_random_derive(1, "member", 0));
    ck_assert_uint_ne(a, sbi_random_derive(1, "member", 1));
    ck_assert_uint_ne(a, sbi_random_derive(1, "bootstrap", 0));
    ck_assert_uint_ne(a, sbi_random_derive(2, "member", 0));
}
END_TEST

/* Values of tests/reference/make_random.py. They may never change: results of fixed seeds depend on them. */
START_TEST(the_sequences_are_fixed)
{
    ck_assert_uint_eq(sbi_random_u64(42, 7, 0), 0xe55410cc67ee6f2cu);
    ck_assert_uint_eq(sbi_random_u64(42, 7, 1), 0x600f6196e5dde940u);
    ck_assert_uint_eq(sbi_random_u64(42, 7, (uint64_t)1 << 40), 0x9090ddd0a9c8e66fu);
    ck_assert_uint_eq(sbi_random_derive(42, "member", 3), 0x17bc2674634894ffu);
    const double normal[4] = {-0.23572248211643435, 0.6430517087700217, 0.16157004282462753, 1.1854034925272376};
    for (uint64_t i = 0; i < 4; i++) ck_assert_double_eq_tol(sbi_random_normal(42, 7, i), normal[i], 1e-15);
    const uint32_t order[12] = {6, 10, 1, 11, 4, 7, 3, 2, 0, 5, 9, 8};
    uint32_t p[12];
    sbi_random_permutation(42, 7, p, 12);
    ck_assert_mem_eq(p, order, sizeof p);
    const double means[4] = {0.5, 29.5, 30.5, 1e4};
    const int64_t counts[4][8] = {{0, 1, 0, 1, 0, 1, 2, 1},
                                  {25, 34, 28, 35, 28, 31, 42, 33},
                                  {25, 36, 28, 37, 28, 44, 37, 35},
                                  {9900, 10102, 9962, 10110, 9966, 10037, 10123, 10074}};
    for (int k = 0; k < 4; k++) {
        for (uint64_t i = 0; i < 8; i++) ck_assert_int_eq(sbi_random_poisson(42, 7, i, means[k]), counts[k][i]);
    }
}
END_TEST

/* The processor's instructions, where it has them, against the portable code. */
START_TEST(sha256_blocks_agree)
{
    const sbi_sha256_blocks_fn fast = sbi_sha256_blocks_x86();
    unsigned char data[5 * 64 + 1];
    if (!fast) {
        printf("SKIP: sha256_blocks_agree: the processor has no instructions for SHA-256\n");
        return;
    }
    for (uint64_t round = 0; round < 200; round++) {
        uint32_t one[8], other[8];
        for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)sbi_random_u64(3, round, i);
        for (size_t i = 0; i < 8; i++) one[i] = other[i] = (uint32_t)sbi_random_u64(4, round, i);
        const size_t n = round % 6;
        sbi_sha256_blocks_portable(one, data + round % 2, n);
        fast(other, data + round % 2, n);
        ck_assert_mem_eq(one, other, sizeof one);
    }
}
END_TEST

/* FIPS 180-4 example computations, and the NIST vector of a million letters a. */
START_TEST(sha256_known_answers)
{
    const char *cases[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnop"
         "qrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char hex[SBI_SHA256_HEX_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sbi_sha256_text(cases[i][0], strlen(cases[i][0]), hex);
        ck_assert_str_eq(hex, cases[i][1]);
    }
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    const char *expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    sbi_sha256_text(million, 1000000, hex);
    ck_assert_str_eq(hex, expected);
    /* In pieces of every kind of size. */
    sbi_sha256 h;
    sbi_sha256_init(&h);
    for (size_t at = 0, piece = 0; at < 1000000; piece = (piece + 37) % 333) {
        size_t n = piece < 1000000 - at ? piece : 1000000 - at;
        sbi_sha256_update(&h, million + at, n);
        at += n;
    }
    unsigned char digest[32];
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
    ck_assert_str_eq(hex, expected);

    test_folder folder = folder_make();
    test_path p = folder_path(&folder, "million");
    FILE *f = fopen(p.text, "wb");
    ck_assert_uint_eq(fwrite(million, 1, 1000000, f), 1000000);
    fclose(f);
    ck_assert_int_eq(sbi_sha256_file(p.text, hex), SBI_OK);
    ck_assert_str_eq(hex, expected);
    ck_assert_int_eq(sbi_sha256_file(folder.path, hex), SBI_ERR_IO);
    ck_assert_str_eq(hex, ""); /* not the hash of what was read so far */
    p = folder_path(&folder, "missing");
    ck_assert_int_eq(sbi_sha256_file(p.text, hex), SBI_ERR_NOT_FOUND);
    folder_remove(&folder);
    free(million);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base: random");
    TCase *tc = tcase_create("random");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, philox_known_answers);
    tcase_add_test(tc, uniform_numbers);
    tcase_add_test(tc, normal_numbers);
    tcase_add_test(tc, poisson_numbers);
    tcase_add_test(tc, permutations);
    tcase_add_test(tc, derived_seeds);
    tcase_add_test(tc, the_sequences_are_fixed);
    tcase_add_test(tc, sha256_known_answers);
    tcase_add_test(tc, sha256_blocks_agree);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
