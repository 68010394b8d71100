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
#include "app/status_ask.h"

enum {
    /* Each pause is twice as long as the one before: a second in all. */
    FIRST_PAUSE_MS = 8,
    LAST_PAUSE_MS = 512,
};

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

/* The question has made the daemon read what has arrived from the router, which takes a moment: a second at
 * most. Then what was known before is shown, with its age. */
static int ask(const char *name, struct status_report *report)
{
    int result = status_ask(name, report);
    for (long pause_ms = FIRST_PAUSE_MS;
         result == 0 && report->head.proxy.counters_reading && pause_ms <= LAST_PAUSE_MS; pause_ms *= 2) {
        const struct timespec pause = {.tv_nsec = pause_ms * 1000000};
        (void)nanosleep(&pause, NULL);
        result = status_ask(name, report);
    }
    return result;
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
    int result = ask(name.text, &report);
    if (result != 0) {
        (void)fprintf(stderr, "double-natpmp: cannot read the status: %s\n", status_why_not(result));
    } else {
        if (json)
            status_report_json(&report, stdout);
        else
            status_report_text(&report, terminal_width(), colour, stdout);
    }
    free(report.row);
    free(report.finding);
    return result == 0 && fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_FAILED;
}
