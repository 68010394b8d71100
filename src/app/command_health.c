/* double-natpmp health */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/config.h"
#include "app/health.h"

/* Any process may have taken the name and send anything: the terminal gets printable ASCII only. */
static void take_line(const uint8_t *reply, int len, char ret_line[HEALTH_LINE_MAX + 1])
{
    int count = len < HEALTH_LINE_MAX ? len : HEALTH_LINE_MAX;
    for (int i = 0; i < count; i++)
        ret_line[i] = reply[i] >= ' ' && reply[i] <= '~' ? (char)reply[i] : '?';
    ret_line[count] = '\0';
}

/* The exit status is only 0 or 1, because Docker reserves 2. */
int command_health(int count, char **arguments)
{
    static struct config config;
    struct config_error error;
    (void)arguments;
    if (count > 0) {
        (void)fputs("usage: double-natpmp health\n", stderr);
        return EXIT_STATUS_FAILED;
    }
    bool good = config_parse_identity(&config, (const char *const *)environ, &error);
    config_wipe_environment(environ);
    if (!good) {
        (void)fprintf(stderr, "double-natpmp: %s\n", error.text);
        return EXIT_STATUS_FAILED;
    }
    struct health_name name = health_name(config.instance, config.listen_address, config.listen_port);
    uint8_t reply[PROBE_REPLY_MAX];
    char line[HEALTH_LINE_MAX + 1] = "";
    int result = probe_ask(name.text, span_text(HEALTH_QUESTION), reply);
    if (result == -ECONNREFUSED)
        (void)printf("unhealthy: no daemon runs here with INSTANCE=%s and LISTEN_ADDR=%s:%u\n",
                     config.instance, address_text(config.listen_address).text, (unsigned)config.listen_port);
    else if (result == -EAGAIN)
        (void)printf("unhealthy: the daemon does not answer\n");
    else if (result < 0)
        (void)printf("unhealthy: cannot ask the daemon: %s\n", strerror(-result));
    if (result >= 0) {
        take_line(reply, result, line);
        (void)puts(line);
    }
    return result >= 0 && health_is_good(line) ? EXIT_STATUS_DONE : EXIT_STATUS_FAILED;
}
