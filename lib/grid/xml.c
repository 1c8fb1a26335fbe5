/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/xml.h"

#include <expat.h>
#include <string.h>

#include "base/error.h"

#define PATH_SIZE 512

typedef struct reader {
    XML_Parser parser;
    const char *name;
    sbi_status (*each)(void *user, const char *path, const char *text);
    void *user;
    sbi_status status;
    int depth;
    size_t length[GRID_XML_DEPTH + 1]; /* of the path at each level */
    char path[PATH_SIZE];
    sbi_text text[GRID_XML_DEPTH + 1];
} reader;

static void stop(reader *r, sbi_status status)
{
    if (r->status == SBI_OK) r->status = status;
    XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL on_start(void *user, const XML_Char *full, const XML_Char **attributes)
{
    reader *r = user;
    (void)attributes;
    if (r->status != SBI_OK) return;
    const char *colon = strrchr(full, '\n'), *local = colon ? colon + 1 : full;
    const size_t used = r->length[r->depth], n = strlen(local);
    if (r->depth == GRID_XML_DEPTH || used + n + 2 > PATH_SIZE) {
        stop(r, sbi_fail(SBI_ERR_FORMAT, "%s: the XML is nested too deeply", r->name));
        return;
    }
    if (used) r->path[used] = '/';
    memcpy(r->path + used + (used > 0), local, n + 1);
    r->depth++;
    r->length[r->depth] = used + (used > 0) + n;
    r->text[r->depth].size = 0;
}

static void XMLCALL on_text(void *user, const XML_Char *text, int size)
{
    reader *r = user;
    sbi_text *t = &r->text[r->depth];
    if (r->status != SBI_OK) return;
    if (t->size + (size_t)size > GRID_XML_TEXT) {
        stop(r, sbi_fail(SBI_ERR_FORMAT, "%s: an XML element has over %zu bytes of text", r->name, GRID_XML_TEXT));
        return;
    }
    sbi_text_add(t, text, (size_t)size);
    if (t->status != SBI_OK) stop(r, t->status);
}

static void XMLCALL on_end(void *user, const XML_Char *full)
{
    reader *r = user;
    (void)full;
    if (r->status != SBI_OK) return;
    sbi_text *t = &r->text[r->depth];
    const sbi_status status = r->each(r->user, r->path, t->size ? t->data : "");
    r->depth--;
    r->path[r->length[r->depth]] = '\0';
    if (status != SBI_OK) stop(r, status);
}

/* Entities of one's own are how small documents become large ones. */
static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
    reader *r = user;
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    stop(r, sbi_fail(SBI_ERR_FORMAT, "%s: the XML has a document type", r->name));
}

sbi_status grid_xml_read(sbi_context *ctx, const char *data, size_t size, const char *name,
                         sbi_status (*each)(void *user, const char *path, const char *text), void *user)
{
    if (size > INT32_MAX) return sbi_fail(SBI_ERR_FORMAT, "%s: the XML has %zu bytes", name, size);
    reader r = {.name = name, .each = each, .user = user};
    for (int i = 0; i <= GRID_XML_DEPTH; i++) sbi_text_init(&r.text[i], ctx);
    r.parser = XML_ParserCreateNS(NULL, '\n');
    if (!r.parser) return sbi_fail(SBI_ERR_NO_MEMORY, "expat: out of memory");
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    if (XML_Parse(r.parser, data ? data : "", (int)size, 1) != XML_STATUS_OK && r.status == SBI_OK)
        r.status = sbi_fail(XML_GetErrorCode(r.parser) == XML_ERROR_NO_MEMORY ? SBI_ERR_NO_MEMORY : SBI_ERR_FORMAT, "%s: line %lu of the XML: %s", name,
                            (unsigned long)XML_GetCurrentLineNumber(r.parser), XML_ErrorString(XML_GetErrorCode(r.parser)));
    XML_ParserFree(r.parser);
    for (int i = 0; i <= GRID_XML_DEPTH; i++) sbi_text_clear(&r.text[i]);
    return r.status;
}
