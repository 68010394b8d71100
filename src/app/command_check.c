/* double-natpmp check [--json | --report] */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/config_names.h"
#include "app/health.h"
#include "app/inquiry.h"
#include "app/report.h"
#include "app/secure.h"
#include "app/status_ask.h"
#include "check/judge.h"

void command_print_unknown(const char *const *environment)
{
    struct config_error warning;
    size_t next = 0;
    for (unsigned i = 0;
         i < CONFIG_UNKNOWN_MAX && (next = config_next_unknown(environment, next, &warning)) != 0; i++)
        (void)fprintf(stderr, "double-natpmp: %s\n", warning.text);
}

bool command_load(struct config *ret_config, const char *const *environment)
{
    struct config_error error;
    bool good = config_parse(ret_config, environment, &error) && config_read_password(ret_config, &error);
    config_wipe_environment(environ);
    if (good)
        return true;
    (void)fprintf(stderr, "double-natpmp: %s\n", error.text);
    command_print_unknown(environment);
    return false;
}

enum form {
    FORM_TEXT,
    FORM_JSON,
    FORM_REPORT,
};

/* The running daemon knows whether another one serves, with whatever user and address that one has. */
static void ask_daemon(const struct config *config, struct survey *survey)
{
    static struct status_report report;
    struct health_name name = health_name(config->instance, config->listen_address, config->listen_port);
    if (status_ask(name.text, &report) != 0)
        return; /* none runs here, or it does not trust this user */
    survey->standing_by = report.head.proxy.standing_by;
    survey->other_address = report.head.proxy.other_address;
    free(report.row);
    free(report.finding);
}

static int print(const struct survey *survey, enum form form)
{
    static struct findings findings;
    static struct judge_room room;
    judge(survey, &room, &findings);
    switch (form) {
    case FORM_TEXT:
        report_text(&findings, stdout);
        break;
    case FORM_JSON:
        report_json(&findings, stdout);
        break;
    case FORM_REPORT:
        report_for_developers(survey, &findings, stdout);
        break;
    }
    bool printed = fflush(stdout) == 0;
    return printed && report_count(&findings, FINDING_FAIL) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_FAILED;
}

int command_check(int count, char **arguments)
{
    static struct config config;
    bool json = count == 1 && strcmp(arguments[0], "--json") == 0;
    bool report = count == 1 && strcmp(arguments[0], "--report") == 0;
    if (count > 1 || (count == 1 && !json && !report)) {
        (void)fputs("usage: double-natpmp check [--json | --report]\n", stderr);
        return EXIT_STATUS_USAGE;
    }
    struct tls_context *tls;
    if (!command_load(&config, (const char *const *)environ) || !secure_open(&config, &tls))
        return EXIT_STATUS_USAGE;
    struct inquiry inquiry = inquiry_run(&config, tls, report ? INQUIRY_REPORT : INQUIRY_ALL);
    int status = EXIT_STATUS_FAILED;
    if (inquiry.error == 0)
        ask_daemon(&config, inquiry.survey);
    if (inquiry.error != 0)
        (void)fputs("double-natpmp: the check needs more memory or file descriptors (ulimit -a)\n", stderr);
    else if (inquiry.signal != 0)
        status = 128 + inquiry.signal;
    else
        status = print(inquiry.survey, json ? FORM_JSON : report ? FORM_REPORT : FORM_TEXT);
    explicit_bzero(config.password, sizeof(config.password));
    /* exit() would wait for libuv's thread, which waits for a name server. */
    if (inquiry.hanging)
        _exit(status);
    tls_context_free(tls);
    return status;
}
