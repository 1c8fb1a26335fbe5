/* SPDX-License-Identifier: Apache-2.0 */
/* The tape as text. */
#include "base/text.h"
#include "tape/record.h"

/* A name without what would break a line. */
static void add_name(sbi_text *text, const char *name)
{
    for (const char *c = name; *c; c++)
        sbi_text_add(text, (unsigned char)*c < ' ' || *c == 0x7f ? " " : c, 1);
}

/* "4p" for SBI_INTERP_CODE4P. */
static void add_code(sbi_text *text, int32_t code)
{
    if (code == SBI_INTERP_CODE4P)
        sbi_text_addf(text, "code 4p");
    else
        sbi_text_addf(text, "code %d", code);
}

static void print_node(const sbi_tape *tape, size_t v, sbi_text *text)
{
    const sbi_node *node = &tape->nodes[v];
    sbi_text_addf(text, "%%%zu = ", v);
    switch (node->op) {
    case SBI_NODE_PARAM:
        sbi_text_addf(text, "param ");
        add_name(text, tape->param_names[node->payload]);
        break;
    case SBI_NODE_CONSTANT: sbi_text_addf(text, "constant %.17g", node->value); break;
    case SBI_NODE_COLUMN:
        sbi_text_addf(text, "column ");
        add_name(text, tape->columns[node->payload].name);
        break;
    case SBI_NODE_MORPH: {
        const sbi_morph *m = &tape->morphs[node->payload];
        if (m->code == SBI_CODE_LINEAR) {
            sbi_text_addf(text, "dot");
            for (size_t k = 0; k < m->n; k++) {
                sbi_text_addf(text, "%s %%%d * ", k ? " +" : "", m->alphas[k]);
                add_name(text, tape->columns[m->columns[k]].name);
            }
            break;
        }
        sbi_text_addf(text, "morph ");
        add_code(text, m->code);
        sbi_text_addf(text, " %s (", m->storage == SBI_MORPH_LOG ? "log" : "ratio");
        for (size_t k = 0; k < m->n; k++)
            sbi_text_addf(text, "%s%%%d", k ? " " : "", m->alphas[k]);
        sbi_text_addf(text, ")");
        break;
    }
    case SBI_NODE_SUM:
        sbi_text_addf(text, "sum %%%d", node->a);
        if (node->b >= 0) sbi_text_addf(text, " weighted by %%%d", node->b);
        break;
    case SBI_NODE_INTERP: {
        const sbi_interpolation *i = &tape->interpolations[node->payload];
        sbi_text_addf(text, "interp ");
        add_code(text, i->code);
        sbi_text_addf(text, " up %.17g down %.17g %%%d", i->up, i->down, node->a);
        break;
    }
    case SBI_NODE_APPLY: {
        const sbi_application *f = &tape->applications[node->payload];
        sbi_text_addf(text, "apply ");
        add_name(text, f->function.name);
        sbi_text_addf(text, " (");
        for (size_t k = 0; k < f->n; k++)
            sbi_text_addf(text, "%s%%%d", k ? " " : "", f->inputs[k]);
        sbi_text_addf(text, ")");
        break;
    }
    case SBI_NARROW_MAP:
        sbi_text_addf(text, "map ");
        add_name(text, tape->maps[node->payload].name);
        sbi_text_addf(text, " %%%d", node->a);
        break;
    default:
        sbi_text_addf(text, "%s %%%d", sbi_node_name(node->op), node->a);
        if (node->b >= 0) sbi_text_addf(text, " %%%d", node->b);
        if (node->op == SBI_NARROW_POWER) sbi_text_addf(text, " exponent %d", node->payload);
        break;
    }
    if (node->events >= 0) {
        sbi_text_addf(text, "  [");
        add_name(text, tape->event_sets[node->events].name);
        sbi_text_addf(text, "]");
    }
    sbi_text_addf(text, "\n");
}

sbi_status sbi_tape_print(const sbi_tape *tape, char **text)
{
    SBI_REQUIRE(text, "sbi_tape_print: text is NULL");
    *text = NULL;
    SBI_REQUIRE(tape, "sbi_tape_print: tape is NULL");
    sbi_text t;
    sbi_text_init(&t, tape->ctx);
    for (size_t i = 0; i < tape->n_event_sets; i++) {
        sbi_text_addf(&t, "events ");
        add_name(&t, tape->event_sets[i].name);
        sbi_text_addf(&t, ": %lld\n", (long long)tape->event_sets[i].n);
    }
    for (size_t v = 0; v < tape->n_nodes; v++)
        print_node(tape, v, &t);
    sbi_text_addf(&t, "%zu nodes, %zu parameters\n", tape->n_nodes, tape->n_params);
    if (t.status != SBI_OK) {
        sbi_status status = t.status;
        sbi_text_clear(&t);
        return status;
    }
    *text = t.data;
    return SBI_OK;
}

void sbi_tape_print_free(const sbi_tape *tape, char *text)
{
    if (tape) sbi_free(tape->ctx, text);
}
