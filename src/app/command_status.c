/* double-natpmp status [--json] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/command.h"
#include "app/config.h"
#include "app/health.h"
#include "app/status_report.h"

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

static const char *why_not(int error)
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

/* Reads all pages. Returns 0 or a negative errno: -EPROTO if what answers is not this version of the
 * program, or does not trust this user. */
static int read_status(const char *name, struct status_report *ret_report)
{
    union {
        uint8_t bytes[PROBE_REPLY_MAX];
        struct status_page page;
    } reply;
    uint16_t from = 0;
    do {
        struct status_question question = status_question(from);
        int len = probe_ask(name, span_of(question.bytes, sizeof(question.bytes)), reply.bytes);
        if (len < 0)
            return len;
        /* Each page begins behind the last one, so that the pages come to an end whoever answers. */
        if (!status_page_is_valid(&reply.page, len) || (reply.page.next != 0 && reply.page.next <= from))
            return -EPROTO;
        if (from == 0)
            ret_report->head = reply.page;
        if (!add_rows(ret_report, &reply.page))
            return -ENOMEM;
        from = reply.page.next;
    } while (from != 0);
    return 0;
}

static unsigned terminal_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col == 0 || size.ws_col >= STATUS_WIDTH_MIN ? size.ws_col : STATUS_WIDTH_MIN;
}

/* https://no-color.org: any value but the empty one. */
static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) == 1 && (no_color == NULL || no_color[0] == '\0');
}

int command_status(int count, char **arguments)
{
    static struct config config;
    static struct status_report report;
    struct config_error error;
    bool json = count == 1 && strcmp(arguments[0], "--json") == 0;
    if (count > 1 || (count == 1 && !json)) {
        (void)fputs("usage: double-natpmp status [--json]\n", stderr);
        return EXIT_STATUS_USAGE;
    }
    bool good = config_parse_identity(&config, (const char *const *)environ, &error);
    bool colour = wants_colour();
    config_wipe_environment(environ);
    if (!good) {
        (void)fprintf(stderr, "double-natpmp: %s\n", error.text);
        return EXIT_STATUS_USAGE;
    }
    struct health_name name = health_name(config.instance, config.listen_address, config.listen_port);
    int result = read_status(name.text, &report);
    if (result != 0) {
        (void)fprintf(stderr, "double-natpmp: cannot read the status: %s\n", why_not(result));
    } else {
        report.now = time(NULL);
        if (json)
            status_report_json(&report, stdout);
        else
            status_report_text(&report, terminal_width(), colour, stdout);
    }
    free(report.row);
    return result == 0 && fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_FAILED;
}
