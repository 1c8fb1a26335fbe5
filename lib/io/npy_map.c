/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/npy.h"

struct sbi_npy {
    sbi_context *ctx;
    sbi_mapping mapping;
    sbi_array view;
};

sbi_status sbi_npy_map(sbi_npy **out, sbi_context *ctx, const char *path)
{
    SBI_REQUIRE(out, "sbi_npy_map: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_npy_map: ctx or path is NULL");
    sbi_npy *npy = sbi_alloc_zero(ctx, 1, sizeof *npy);
    if (!npy) return SBI_ERR_NO_MEMORY;
    npy->ctx = ctx;
    sbi_npy_header h;
    sbi_status status;
    SBI_GOTO(sbi_file_map(&npy->mapping, path), fail);
    SBI_GOTO(sbi_npy_header_parse(&h, npy->mapping.data, npy->mapping.size, path), fail);
    if (npy->mapping.size - h.data_offset < h.data_size) {
        status = sbi_fail(SBI_ERR_FORMAT, "%s: %zu bytes of data expected, %zu found", path, h.data_size,
                          npy->mapping.size - h.data_offset);
        goto fail;
    }
    if (h.data_offset % sbi_dtype_size(h.dtype) != 0) {
        status =
            sbi_fail(SBI_ERR_UNSUPPORTED, "%s: the data starts at byte %zu, which is not aligned", path, h.data_offset);
        goto fail;
    }
    npy->view = sbi_npy_header_view(&h, npy->mapping.data + h.data_offset);
    *out = npy;
    return SBI_OK;
fail:
    sbi_npy_unmap(npy);
    return status;
}

void sbi_npy_unmap(sbi_npy *npy)
{
    if (!npy) return;
    sbi_file_unmap(&npy->mapping);
    sbi_free(npy->ctx, npy);
}

sbi_status sbi_npy_array(const sbi_npy *npy, sbi_array *out)
{
    SBI_REQUIRE(npy && out, "sbi_npy_array: npy or out is NULL");
    *out = npy->view;
    return SBI_OK;
}
