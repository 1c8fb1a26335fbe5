/* SPDX-License-Identifier: Apache-2.0 */
/* The tape as a graph in Graphviz's language.
 *
 * One frame for the scalars of each stage and one for what each pass does event by event; wide nodes say how many columns they have, and
 * where operands are many one note stands for their edges (and for parameters that nothing else uses).
 */
#include "base/text.h"
#include "tape/program.h"

#define MOST_EDGES 12 /* of a node with many operands, one for each */

/* Inside a quoted string: quotes and backslashes escaped, control characters blank. */
static void add_escaped(sbi_text *t, const char *name)
{
    for (const char *c = name; *c; c++) {
        if (*c == '"' || *c == '\\') sbi_text_add(t, "\\", 1);
        sbi_text_add(t, (unsigned char)*c < ' ' || *c == 0x7f ? " " : c, 1);
    }
}

static void add_morph_label(const sbi_morph *m, sbi_text *t)
{
    if (m->code == SBI_CODE_LINEAR)
        sbi_text_addf(t, "dot product\\n%zu scalars, %zu columns", m->n, m->n);
    else if (m->code == SBI_INTERP_CODE4P)
        sbi_text_addf(t, "morph, code 4p\\n%zu scalars, %zu columns (%s)", m->n, 2 * m->n,
                      m->storage == SBI_MORPH_LOG ? "logarithms" : "ratios");
    else
        sbi_text_addf(t, "morph, code %d\\n%zu scalars, %zu columns (%s)", m->code, m->n, 2 * m->n,
                      m->storage == SBI_MORPH_LOG ? "logarithms" : "ratios");
}

static const char *symbol(int32_t op)
{
    switch (op) {
    case SBI_NARROW_ADD: return "+";
    case SBI_NARROW_SUB: return "-";
    case SBI_NARROW_MUL: return "*";
    case SBI_NARROW_DIV: return "/";
    default: return sbi_node_name(op);
    }
}

static void add_label(const sbi_tape *tape, const sbi_node *node, sbi_text *t)
{
    switch (node->op) {
    case SBI_NODE_PARAM: add_escaped(t, tape->param_names[node->payload]); break;
    case SBI_NODE_CONSTANT: sbi_text_addf(t, "%.6g", node->value); break;
    case SBI_NODE_COLUMN:
        add_escaped(t, tape->columns[node->payload].name);
        if (tape->columns[node->payload].source >= 0) sbi_text_addf(t, "\\n(streamed)");
        break;
    case SBI_NODE_MORPH: add_morph_label(&tape->morphs[node->payload], t); break;
    case SBI_NODE_SUM: sbi_text_addf(t, node->b >= 0 ? "weighted sum" : "sum"); break;
    case SBI_NODE_INTERP: {
        const sbi_interpolation *i = &tape->interpolations[node->payload];
        sbi_text_addf(t, i->code == SBI_INTERP_CODE4P ? "interp, code 4p" : "interp, code %d", i->code);
        sbi_text_addf(t, "\\nup %.6g, down %.6g", i->up, i->down);
        break;
    }
    case SBI_NODE_APPLY:
        add_escaped(t, tape->applications[node->payload].function.name);
        sbi_text_addf(t, "\\nof %zu scalars", tape->applications[node->payload].n);
        break;
    case SBI_NARROW_MAP: add_escaped(t, tape->maps[node->payload].name); break;
    case SBI_NARROW_POWER: sbi_text_addf(t, "power %d", node->payload); break;
    default: sbi_text_addf(t, "%s", symbol(node->op)); break;
    }
}

static const char *look(const sbi_node *node)
{
    switch (node->op) {
    case SBI_NODE_PARAM: return "shape=ellipse style=filled fillcolor=lightyellow";
    case SBI_NODE_CONSTANT: return "shape=plaintext";
    case SBI_NODE_COLUMN: return "shape=cylinder";
    case SBI_NODE_MORPH: return "shape=box3d style=filled fillcolor=lightblue";
    case SBI_NODE_SUM: return "shape=invtrapezium style=filled fillcolor=lightgrey";
    case SBI_NODE_APPLY: return "shape=component";
    case SBI_NARROW_MAP: return "shape=component";
    default: return node->events >= 0 ? "shape=box" : "shape=ellipse";
    }
}

static void add_node(const sbi_tape *tape, size_t v, sbi_text *t)
{
    const sbi_node *node = &tape->nodes[v];
    sbi_text_addf(t, "    n%zu [%s label=\"", v, look(node));
    add_label(tape, node, t);
    sbi_text_addf(t, "\"%s];\n", tape->program && tape->program->output == (int32_t)v ? " peripheries=2" : "");
}

/* The operands of a node that may have many. */
static size_t operands(const sbi_tape *tape, const sbi_node *node, const int32_t **list)
{
    if (node->op == SBI_NODE_MORPH) {
        *list = tape->morphs[node->payload].alphas;
        return tape->morphs[node->payload].n;
    }
    *list = tape->applications[node->payload].inputs;
    return tape->applications[node->payload].n;
}

/* drawn[v]: leaves (parameters, constants, columns) only where an edge begins at them. */
static void choose_nodes(const sbi_tape *tape, uint8_t *drawn)
{
    for (size_t v = tape->n_nodes; v-- > 0;) {
        const sbi_node *node = &tape->nodes[v];
        if (node->op != SBI_NODE_PARAM && node->op != SBI_NODE_CONSTANT && node->op != SBI_NODE_COLUMN) drawn[v] = 1;
        if (node->a >= 0) drawn[node->a] = 1;
        if (node->b >= 0) drawn[node->b] = 1;
        if (node->op != SBI_NODE_MORPH && node->op != SBI_NODE_APPLY) continue;
        const int32_t *list;
        const size_t n = operands(tape, node, &list);
        for (size_t k = 0; n <= MOST_EDGES && k < n; k++)
            drawn[list[k]] = 1;
        if (node->op != SBI_NODE_MORPH || tape->morphs[node->payload].code != SBI_CODE_LINEAR || n > MOST_EDGES) continue;
        for (size_t w = 0; w < v; w++)
            for (size_t k = 0; tape->nodes[w].op == SBI_NODE_COLUMN && k < n; k++)
                if (tape->nodes[w].payload == tape->morphs[node->payload].columns[k]) drawn[w] = 1;
    }
}

static void add_edges(const sbi_tape *tape, size_t v, sbi_text *t)
{
    const sbi_node *node = &tape->nodes[v];
    if (node->op != SBI_NODE_MORPH && node->op != SBI_NODE_APPLY) {
        if (node->a >= 0) sbi_text_addf(t, "  n%d -> n%zu;\n", node->a, v);
        if (node->b >= 0) sbi_text_addf(t, "  n%d -> n%zu%s;\n", node->b, v, node->op == SBI_NODE_SUM ? " [style=dashed label=weight]" : "");
        return;
    }
    const int32_t *list;
    const size_t n = operands(tape, node, &list);
    if (n <= MOST_EDGES) {
        for (size_t k = 0; k < n; k++)
            sbi_text_addf(t, "  n%d -> n%zu;\n", list[k], v);
    } else {
        sbi_text_addf(t, "  m%zu [shape=note label=\"", v);
        for (size_t k = 0; k < MOST_EDGES; k++) {
            char params[120];
            sbi_node_params(tape, list[k], params, sizeof params);
            add_escaped(t, params);
            sbi_text_addf(t, "\\l");
        }
        sbi_text_addf(t, "and %zu more\\l\"];\n  m%zu -> n%zu [penwidth=3];\n", n - MOST_EDGES, v, v);
    }
    if (node->op != SBI_NODE_MORPH || tape->morphs[node->payload].code != SBI_CODE_LINEAR || n > MOST_EDGES) return;
    for (size_t w = 0; w < v; w++) /* the columns of a dot product, where they are few */
        for (size_t k = 0; tape->nodes[w].op == SBI_NODE_COLUMN && k < n; k++)
            if (tape->nodes[w].payload == tape->morphs[node->payload].columns[k]) sbi_text_addf(t, "  n%zu -> n%zu;\n", w, v);
}

/* A frame with the nodes of one stage and event set (-1: scalars). */
static void add_frame(const sbi_tape *tape, const uint8_t *drawn, int32_t stage, int32_t events, sbi_text *t)
{
    int any = 0;
    for (size_t v = 0; v < tape->n_nodes; v++) {
        if (!drawn[v] || tape->nodes[v].stage != stage || tape->nodes[v].events != events) continue;
        if (!any) {
            sbi_text_addf(t, "  subgraph cluster_%d_%d {\n    label=\"", stage, events + 1);
            if (events < 0) {
                sbi_text_addf(t, "stage %d", stage);
            } else {
                sbi_text_addf(t, "pass to stage %d: ", stage + 1);
                add_escaped(t, tape->event_sets[events].name);
                sbi_text_addf(t, ", %lld events", (long long)tape->event_sets[events].n);
            }
            sbi_text_addf(t, "\";\n    style=%s;\n", events < 0 ? "dotted" : "rounded");
        }
        any = 1;
        add_node(tape, v, t);
    }
    if (any) sbi_text_addf(t, "  }\n");
}

sbi_status sbi_tape_print_graph(const sbi_tape *tape, char **text)
{
    SBI_REQUIRE(text, "sbi_tape_print_graph: text is NULL");
    *text = NULL;
    SBI_REQUIRE(tape, "sbi_tape_print_graph: tape is NULL");
    uint8_t *drawn = sbi_alloc_zero(tape->ctx, tape->n_nodes, 1);
    if (!drawn) return SBI_ERR_NO_MEMORY;
    choose_nodes(tape, drawn);
    sbi_text t;
    sbi_text_init(&t, tape->ctx);
    int32_t stages = 0;
    for (size_t v = 0; v < tape->n_nodes; v++)
        if (tape->nodes[v].stage > stages) stages = tape->nodes[v].stage;
    sbi_text_addf(&t, "digraph tape {\n  rankdir=TB;\n  node [fontname=\"Helvetica\"];\n  fontname=\"Helvetica\";\n");
    for (int32_t stage = 0; stage <= stages; stage++)
        for (int32_t events = -1; events < (int32_t)tape->n_event_sets; events++)
            add_frame(tape, drawn, stage, events, &t);
    for (size_t v = 0; v < tape->n_nodes; v++)
        add_edges(tape, v, &t);
    sbi_text_addf(&t, "}\n");
    sbi_free(tape->ctx, drawn);
    if (t.status != SBI_OK) {
        const sbi_status status = t.status;
        sbi_text_clear(&t);
        return status;
    }
    *text = t.data;
    return SBI_OK;
}
