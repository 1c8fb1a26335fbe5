/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format: what is written reads back, every prefix of it is refused or ends between fields, and lies are named. */
#include <string.h>

#include "io/protobuf.h"
#include "sbi/context.h"
#include "support/run_suite.h"

static sbi_context *ctx;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
}

static const int64_t integers[] = {0, 1, 127, 128, 300, INT64_MAX, INT64_MIN, -1};
enum { N = sizeof integers / sizeof integers[0] };

static void write_all(sbi_text *t)
{
    sbi_text_init(t, ctx);
    for (int i = 0; i < N; i++) sbi_pb_add_int(t, (uint32_t)i + 1, integers[i]);
    sbi_pb_add_float(t, 1000, -1.5f);
    sbi_pb_add_string(t, 536870911, "text"); /* the largest number of a field */
    ck_assert_int_eq(t->status, SBI_OK);
}

static sbi_pb_span span(const sbi_text *t, size_t size)
{
    return (sbi_pb_span){(const unsigned char *)t->data, size};
}

START_TEST(what_is_written_reads_back)
{
    sbi_text t;
    sbi_pb_field f;
    int more;
    write_all(&t);
    sbi_pb_reader r = sbi_pb_open(span(&t, t.size), "test");
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(sbi_pb_next(&r, &f, &more), SBI_OK);
        ck_assert(more && f.number == (uint32_t)i + 1 && f.type == SBI_PB_VARINT && (int64_t)f.value == integers[i]);
    }
    ck_assert_int_eq(sbi_pb_next(&r, &f, &more), SBI_OK);
    ck_assert(f.number == 1000 && f.type == SBI_PB_FIXED32 && f.value == 0xbfc00000u);
    ck_assert_int_eq(sbi_pb_expect(&f, SBI_PB_BYTES, "test"), SBI_ERR_FORMAT);
    ck_assert_int_eq(sbi_pb_next(&r, &f, &more), SBI_OK);
    ck_assert(f.number == 536870911 && f.bytes.size == 4 && memcmp(f.bytes.data, "text", 4) == 0);
    ck_assert_int_eq(sbi_pb_next(&r, &f, &more), SBI_OK);
    ck_assert_int_eq(more, 0);
    sbi_text_clear(&t);
}
END_TEST

START_TEST(every_prefix_ends)
{
    sbi_text t;
    sbi_pb_field f;
    write_all(&t);
    size_t whole = 0;
    for (size_t n = 0; n < t.size; n++) {
        sbi_pb_reader r = sbi_pb_open(span(&t, n), "test");
        int more = 1;
        sbi_status status = SBI_OK;
        while (more && status == SBI_OK) status = sbi_pb_next(&r, &f, &more);
        ck_assert(status == SBI_OK || (status == SBI_ERR_FORMAT && strncmp(sbi_last_error(), "test: ", 6) == 0));
        ck_assert(r.at <= r.end);
        whole += status == SBI_OK;
    }
    ck_assert_uint_eq(whole, N + 2); /* cut between two fields, or in front of the first */
    sbi_text_clear(&t);
}
END_TEST

static void refused(const char *bytes, size_t size, const char *text)
{
    sbi_pb_field f;
    int more;
    sbi_pb_reader r = sbi_pb_open((sbi_pb_span){(const unsigned char *)bytes, size}, "test");
    ck_assert_int_eq(sbi_pb_next(&r, &f, &more), SBI_ERR_FORMAT);
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

START_TEST(lies_are_named)
{
    refused("\x00\x01", 2, "field number 0");
    refused("\x0b", 1, "field 1 has wire type 3"); /* a group */
    refused("\x0f", 1, "field 1 has wire type 7");
    refused("\x0a\x05xxxx", 6, "field 1 claims 5 bytes, 4 are left");
    refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "claims 18446744073709551615 bytes");
    refused("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "more than 64 bits");
    refused("\xf8\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, "field number");
    refused("\x0d\x00\x00", 3, "cut off");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("io: protocol buffers");
    TCase *t = tcase_create("protobuf");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_is_written_reads_back);
    tcase_add_test(t, every_prefix_ends);
    tcase_add_test(t, lies_are_named);
    suite_add_tcase(s, t);
    return run_suite(s);
}
