#include "app/document.h"

#include <stdlib.h>

#include "io/clock.h"

static void begin_section(struct document *d)
{
    d->begun = false;
    d->ending = false;
    d->rows = 0;
    d->next = 0;
}

struct document *document_begin(const struct section *sections, const struct document_source *source)
{
    struct document *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    d->of = *source;
    d->section = sections;
    d->now_ms = clock_now_ms();
    d->page = status_page(source->proxy, source->config, 0, d->now_ms);
    d->report = (struct status_report){.head = d->page, .check = status_check(source->findings, d->now_ms)};
    return d;
}

/* Writes the rows for which there is room. */
static void write_rows(struct document *d, FILE *out)
{
    unsigned rows_max = d->section->rows_max;
    while (ftell(out) <= DOCUMENT_PIECE_MAX - DOCUMENT_ROW_MAX) {
        if (d->next == d->page.rows && d->page.next != 0) {
            d->page = status_page(d->of.proxy, d->of.config, d->page.next, clock_now_ms());
            d->next = 0;
        }
        if (d->next == d->page.rows || (rows_max != 0 && d->rows == rows_max)) {
            d->ending = true;
            return;
        }
        d->section->row(d, &d->page.row[d->next++], out);
        d->rows++;
        /* The rest of an empty page is read in the next step. */
        if (d->next == d->page.rows && d->page.next != 0)
            return;
    }
}

static void write_some(struct document *d, FILE *out)
{
    const struct section *section = d->section;
    if (!d->begun) {
        d->begun = true;
        if (section->head != NULL)
            section->head(d, out);
        if (section->row != NULL)
            d->page = status_page(d->of.proxy, d->of.config, 0, clock_now_ms());
        d->ending = section->row == NULL && section->item == NULL;
    } else if (!d->ending && section->item != NULL) {
        d->ending = !section->item(d, d->rows++, out);
    } else if (!d->ending) {
        write_rows(d, out);
    } else {
        if (section->tail != NULL)
            section->tail(d, out);
        d->section++;
        begin_section(d);
    }
}

static bool is_at_end(const struct document *d)
{
    return d->section->head == NULL && d->section->row == NULL && d->section->tail == NULL &&
           d->section->item == NULL;
}

/* False: there is no memory, or the piece has no room. */
static bool write_piece(struct document *d)
{
    FILE *out = fmemopen(d->bytes, sizeof(d->bytes), "w");
    if (out == NULL)
        return false;
    write_some(d, out);
    bool good = fflush(out) == 0 && ferror(out) == 0;
    long len = ftell(out);
    (void)fclose(out);
    d->taken = 0;
    d->written = len < 0 ? 0 : (size_t)len;
    return good && len >= 0 && len < (long)sizeof(d->bytes);
}

ssize_t document_read(void *document, char *ret_bytes, size_t capacity)
{
    struct document *d = document;
    while (d->taken == d->written) {
        if (is_at_end(d))
            return 0;
        if (!write_piece(d))
            return -1;
    }
    size_t count = d->written - d->taken;
    count = count < capacity ? count : capacity;
    memcpy(ret_bytes, d->bytes + d->taken, count);
    d->taken += count;
    return (ssize_t)count;
}

void document_end(void *document)
{
    free(document);
}
