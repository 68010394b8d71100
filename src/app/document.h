/* One document for one reader of the status page: written piece by piece while the reader takes it, so that
 * neither memory nor the time of one step grows with the number of mappings. */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "app/changes.h"
#include "app/history.h"
#include "app/portforward.h"
#include "app/status_report.h"

enum {
    /* The head or the tail of a section; the longest is the style of the page. */
    DOCUMENT_PIECE_MAX = 8192,
    DOCUMENT_ROW_MAX = 2048,
};

struct document;

/* A part of a document that goes through all mappings, or, without `row`, through none; or through what
 * `item` writes. */
struct section {
    void (*head)(struct document *d, FILE *out);                                /* may be NULL */
    void (*row)(struct document *d, const struct mapping_status *m, FILE *out); /* the same */
    void (*tail)(struct document *d, FILE *out);                                /* the same */
    bool (*item)(struct document *d, unsigned number, FILE *out); /* false: there is no such one */
    unsigned rows_max;                                            /* 0: as many as there are */
};

/* What documents are about. */
struct document_source {
    const struct proxy *proxy;
    const struct config *config;
    const struct changes *changes;
    const struct history *history;
    const struct self_findings *findings;
};

struct document {
    struct document_source of;
    const struct section *section; /* this one and those behind it; the last one is empty */
    unsigned rows;                 /* or items of this section, written or without anything to write */
    bool begun;                    /* the head of this section has been written */
    bool ending;                   /* its last row has been written */
    unsigned next;                 /* row in the page */
    struct status_page page;
    struct status_report report; /* as it was at the beginning, without rows */
    uint64_t now_ms;             /* the beginning, on the clock of `at_ms` */
    struct port_filter filter;   /* of /v1/portforward */
    char bytes[DOCUMENT_PIECE_MAX];
    size_t written;
    size_t taken;
};

/* Returns NULL if there is no memory. The sections, and what the source points to, must outlive it. */
struct document *document_begin(const struct section *sections, const struct document_source *source);
/* The two functions of a http_reply: the state is the document. */
ssize_t document_read(void *document, char *ret_bytes, size_t capacity);
void document_end(void *document);
