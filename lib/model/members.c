/* SPDX-License-Identifier: Apache-2.0 */
#include "model/members.h"

#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "io/column.h"

sbi_status sbi_members_check(const sbi_array *members, const char *name, int64_t n, size_t count)
{
    SBI_TRY(sbi_column_check_shape(members, 2, name));
    if (n >= 0 && members->shape[0] != n)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " rows, expected %" PRId64, name, members->shape[0], n);
    if (count ? members->shape[1] != (int64_t)count : members->shape[1] < 2)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " members, expected %s%zu", name, members->shape[1], count ? "" : "at least ",
                        count ? count : (size_t)2);
    return SBI_OK;
}

sbi_status sbi_members_read(const sbi_array *members, int32_t logarithms, int32_t log_wanted, const char *name, size_t m, int64_t first,
                            int64_t n, double *out)
{
    sbi_array column = *members;
    column.ndim = 1;
    column.data = (const char *)members->data + (int64_t)m * members->strides[1];
    sbi_column_read_f64(&column, first, n, out);
    for (int64_t i = 0; i < n; i++) {
        const double x = out[i];
        if (logarithms != log_wanted) out[i] = log_wanted ? log(x) : exp(x);
        if (!isfinite(out[i]))
            return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", member %zu: the %s is %g", name, first + i, m,
                            logarithms ? "logarithm" : "ratio", x);
    }
    return SBI_OK;
}
