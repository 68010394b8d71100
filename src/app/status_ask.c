#include "app/status_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/probe.h"

/* Adds the rows of the page to the report. False: there is no memory for them. */
static bool add_rows(struct status_report *report, const struct status_page *page)
{
    size_t count = report->rows + page->rows;
    struct mapping_status *row = realloc(report->row, (count + 1) * sizeof(*row));
    if (row == NULL)
        return false;
    memcpy(row + report->rows, page->row, page->rows * sizeof(*row));
    report->row = row;
    report->rows = (unsigned)count;
    return true;
}

const char *status_why_not(int error)
{
    switch (-error) {
    case ECONNREFUSED:
        return "no daemon runs here with this INSTANCE and LISTEN_ADDR";
    case EAGAIN:
        return "the daemon does not answer";
    case EPROTO:
        return "the daemon answers only its own user and root, and only a program of its own version";
    default:
        return strerror(-error);
    }
}

/* There may be fewer of them than when the first page was written. */
static int ask_findings(const char *name, struct status_report *report)
{
    union {
        uint8_t bytes[PROBE_REPLY_MAX];
        struct findings_page page;
    } reply;
    report->findings = 0;
    do {
        struct status_question question = findings_question((uint16_t)report->findings);
        int len = probe_ask(name, span_of(question.bytes, sizeof(question.bytes)), reply.bytes);
        if (len < 0)
            return len;
        if (!findings_page_is_valid(&reply.page, len) || report->findings + reply.page.rows > FINDINGS)
            return -EPROTO;
        report->check = reply.page.check;
        if (reply.page.rows > 0 && report->finding == NULL)
            report->finding = calloc(FINDINGS, sizeof(*report->finding));
        if (reply.page.rows > 0 && report->finding == NULL)
            return -ENOMEM;
        for (unsigned i = 0; i < reply.page.rows; i++)
            report->finding[report->findings++] = reply.page.row[i];
    } while (reply.page.rows > 0 && report->findings < reply.page.count);
    return 0;
}

int status_ask(const char *name, struct status_report *report)
{
    union {
        uint8_t bytes[PROBE_REPLY_MAX];
        struct status_page page;
    } reply;
    uint16_t from = 0;
    report->rows = 0;
    do {
        struct status_question question = status_question(from);
        int len = probe_ask(name, span_of(question.bytes, sizeof(question.bytes)), reply.bytes);
        if (len < 0)
            return len;
        /* Each page begins behind the last one, so that the pages come to an end whoever answers. */
        if (!status_page_is_valid(&reply.page, len) || (reply.page.next != 0 && reply.page.next <= from))
            return -EPROTO;
        if (from == 0)
            report->head = reply.page;
        if (!add_rows(report, &reply.page))
            return -ENOMEM;
        from = reply.page.next;
    } while (from != 0);
    return ask_findings(name, report);
}
