/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong before a device runs: each gives a status and one line. */
#include <string.h>

#include "cuda/standin_device.h"
#include "device/plugin.h"
#include "sbi/sbi.h"
#include "support/folder.h"
#include "support/run_suite.h"

static sbi_context *ctx;

static void set_up(void)
{
    cuda_standin_reset(STANDIN_MEMORY, 2);
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    standin_use_plugin();
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    standin_check_clean();
}

static void refused(const char *device, sbi_status expected, const char *text)
{
    sbi_device out;
    const sbi_status status = sbi_device_open(&out, ctx, device);
    ck_assert_msg(status == expected, "%s: %s, expected %s: %s", device, sbi_status_name(status), sbi_status_name(expected),
                  sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), text) && !strchr(sbi_last_error(), '\n'), "message is \"%s\", expected \"%s\" in it",
                  sbi_last_error(), text);
    ck_assert_ptr_null(out.ops);
}

START_TEST(no_library)
{
    test_folder folder = folder_make();
    setenv("SBI_PLUGIN_PATH", folder.path, 1);
    refused("cuda", SBI_ERR_NOT_FOUND, "libsbi-cuda.so.0 is neither in");
    unsetenv("SBI_PLUGIN_PATH"); /* neither beside the program nor anywhere else */
    refused("vulkan", SBI_ERR_NOT_FOUND, "nor where the loader looks");
    /* A file that is no library says what the loader says of it. */
    test_path broken = folder_path(&folder, "libsbi-cuda.so.0");
    FILE *f = fopen(broken.text, "w");
    fputs("not a library", f);
    fclose(f);
    setenv("SBI_PLUGIN_PATH", folder.path, 1);
    refused("cuda", SBI_ERR_NOT_FOUND, "libsbi-cuda.so.0: ");
    folder_remove(&folder);
}
END_TEST

START_TEST(names)
{
    refused("", SBI_ERR_ARGUMENT, "expected \"cpu\"");
    refused("../cuda", SBI_ERR_ARGUMENT, "../cuda");
    refused("CUDA", SBI_ERR_ARGUMENT, "CUDA");
    refused("cuda:", SBI_ERR_ARGUMENT, "number after the colon");
    refused("cuda:x", SBI_ERR_ARGUMENT, "number after the colon");
    refused("cuda:1x", SBI_ERR_ARGUMENT, "number after the colon");
    refused("cuda?precision=f64", SBI_ERR_ARGUMENT, "precision is \"f64\"");
    refused("cuda?precision", SBI_ERR_ARGUMENT, "has no value");
    refused("cuda?speed=9", SBI_ERR_ARGUMENT, "option \"speed\" is unknown");
    refused("cuda?graph=2", SBI_ERR_ARGUMENT, "graph is \"2\"");
}
END_TEST

START_TEST(another_release)
{
    static const char *const kinds[] = {"contract", "device", "version", "name", "size"};
    static const char *const texts[] = {"has contract 2.3", "has contract 1.4", "is of release 0.0.9", "is for \"opencl\"", "bytes"};
    for (int k = 0; k < 5; k++) {
        const char *build = getenv("SBI_BUILD");
        char folder[512];
        snprintf(folder, sizeof folder, "%s/standin/wrong-%s", build ? build : "build", kinds[k]);
        setenv("SBI_PLUGIN_PATH", folder, 1);
        refused("cuda", SBI_ERR_ABI, texts[k]);
    }
}
END_TEST

START_TEST(no_driver_no_device)
{
    cuda_standin_set_driver(-1);
    refused("cuda", SBI_ERR_NOT_FOUND, "there is no NVIDIA driver");
    cuda_standin_reset(STANDIN_MEMORY, 0);
    refused("cuda", SBI_ERR_NOT_FOUND, "has no device");
    cuda_standin_reset(STANDIN_MEMORY, 2);
    refused("cuda:2", SBI_ERR_NOT_FOUND, "there are 2, counted from 0");
}
END_TEST

START_TEST(too_little_memory)
{
    cuda_standin_reset(1 << 20, 1);
    refused("cuda", SBI_ERR_NO_MEMORY, "out of memory: 33554432 bytes wanted, 1048576 of 1048576 are free");
    cuda_standin_reset(STANDIN_MEMORY, 1);
    sbi_device device;
    ck_assert_int_eq(sbi_device_open(&device, ctx, "cuda"), SBI_OK);
    void *memory;
    ck_assert_int_eq(device.ops->allocate(device.self, &memory, STANDIN_MEMORY), SBI_ERR_NO_MEMORY);
    ck_assert_ptr_null(memory);
    sbi_device_close(&device);
}
END_TEST

/* sbi_network_train() and friends say it too. */
START_TEST(training_says_it)
{
    cuda_standin_reset(STANDIN_MEMORY, 0);
    const double x[2] = {0, 1};
    const sbi_array view = sbi_array_2d(x, SBI_F64, 2, 1);
    sbi_dataset *data;
    ck_assert_int_eq(sbi_dataset_create(&data, ctx), SBI_OK);
    for (int32_t side = 0; side < 2; side++) ck_assert_int_eq(sbi_dataset_add_array(data, side, &view, NULL), SBI_OK);
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.device = "cuda";
    o.validation_fraction = 0;
    sbi_network *net;
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_NOT_FOUND);
    ck_assert_str_eq(sbi_last_error(), "device cuda: the NVIDIA driver has no device");
    sbi_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuda: what can be missing");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, no_library);
    tcase_add_test(c, names);
    tcase_add_test(c, another_release);
    tcase_add_test(c, no_driver_no_device);
    tcase_add_test(c, too_little_memory);
    tcase_add_test(c, training_says_it);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
