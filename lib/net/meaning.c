/* SPDX-License-Identifier: Apache-2.0 */
/* What the inputs and outputs of a network stand for: features and theta, classes. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/dataset.h"
#include "net/network.h"

void sbi_network_free_classes(sbi_network *net)
{
    for (int32_t c = 0; net->class_names && c < net->classes; c++) sbi_free(net->ctx, net->class_names[c]);
    sbi_free(net->ctx, net->class_names);
    net->class_names = NULL;
}

sbi_status sbi_network_set_meaning(sbi_network *net, int32_t theta, int32_t classes, const char *const *names)
{
    const int64_t outputs = sbi_mlp_outputs(&net->mlp);
    if (theta < 0 || theta >= net->mlp.size[0])
        return sbi_fail(SBI_ERR_SHAPE, "network: %d of %" PRId64 " inputs are theta", (int)theta, net->mlp.size[0]);
    if (classes == -1) classes = outputs == 1 ? 2 : outputs < SBI_CLASSES_MAX ? (int32_t)outputs : 0;
    if (classes && (classes < 2 || classes > SBI_CLASSES_MAX || (classes != outputs && classes != outputs + 1)))
        return sbi_fail(SBI_ERR_SHAPE, "network: %d classes for %" PRId64 " outputs", (int)classes, outputs);
    char **copy = sbi_alloc_zero(net->ctx, (size_t)classes + 1, sizeof *copy);
    int complete = copy != NULL;
    for (int32_t c = 0; c < classes && complete; c++)
        complete = (copy[c] = sbi_strdup(net->ctx, names ? names[c] : sbi_class_name(c))) != NULL;
    sbi_network_free_classes(net);
    net->theta = theta;
    net->classes = copy ? classes : 0;
    net->class_names = copy;
    return complete ? SBI_OK : SBI_ERR_NO_MEMORY;
}

int sbi_network_is_ratio(const sbi_network *net)
{
    return sbi_mlp_outputs(&net->mlp) == 1 && net->theta == 0 && net->classes == 2 && strcmp(net->class_names[0], sbi_class_name(0)) == 0 &&
           strcmp(net->class_names[1], sbi_class_name(1)) == 0;
}

int32_t sbi_network_class_output(const sbi_network *net, int32_t index)
{
    return net->classes == sbi_mlp_outputs(&net->mlp) ? index : index - 1;
}

const char *sbi_network_class_name(const sbi_network *net, size_t index)
{
    return net && (int64_t)index < net->classes ? net->class_names[index] : NULL;
}

int sbi_network_meaning_to_json(const sbi_network *net, json_t *meta)
{
    json_t *names = json_array();
    for (int32_t c = 0; c < net->classes; c++) json_array_append_new(names, json_string(net->class_names[c]));
    return json_object_set_new(meta, "theta", json_integer(net->theta)) || json_object_set_new(meta, "classes", names);
}

sbi_status sbi_network_meaning_from_json(sbi_network *net, const json_t *meta, const sbi_json_place *at)
{
    int64_t theta = 0;
    json_t *list;
    const char *names[SBI_CLASSES_MAX];
    if (json_object_get(meta, "theta")) SBI_TRY(sbi_json_get_integer(meta, at, "theta", &theta));
    if (theta < 0 || theta >= net->mlp.size[0])
        return sbi_json_fail(SBI_ERR_FORMAT, at, "theta is %" PRId64 ", of %" PRId64 " inputs", theta, net->mlp.size[0]);
    if (!json_object_get(meta, "classes")) return sbi_network_set_meaning(net, (int32_t)theta, -1, NULL);
    SBI_TRY(sbi_json_get_array(meta, at, "classes", &list));
    const size_t n = json_array_size(list);
    if (n > SBI_CLASSES_MAX) return sbi_json_fail(SBI_ERR_FORMAT, at, "classes has %zu entries, at most %d are allowed", n, SBI_CLASSES_MAX);
    for (size_t c = 0; c < n; c++)
        if (!(names[c] = json_string_value(json_array_get(list, c))))
            return sbi_json_fail(SBI_ERR_FORMAT, at, "classes[%zu] is not a string", c);
    return sbi_network_set_meaning(net, (int32_t)theta, (int32_t)n, names);
}

sbi_status sbi_network_check_theta(const sbi_network *net, const double *theta, size_t n, const char *name)
{
    if ((int64_t)n != net->theta) return sbi_fail(SBI_ERR_SHAPE, "%s: theta has %zu values, the network has %d", name, n, (int)net->theta);
    for (size_t j = 0; j < n; j++)
        if (!isfinite(theta[j])) return sbi_fail(SBI_ERR_VALUE, "%s: theta[%zu] is %g", name, j, theta[j]);
    return SBI_OK;
}

void sbi_rows_append_theta(double *x, int64_t rows, int64_t d, const double *theta, int64_t q)
{
    for (int64_t i = rows - 1; i >= 0; i--) { /* from the end: rows move up */
        memmove(x + i * d, x + i * (d - q), (size_t)(d - q) * sizeof *x);
        memcpy(x + i * d + (d - q), theta, (size_t)q * sizeof *x);
    }
}
