/* An environment with one line more than the required ones. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config.h"
#include "unit.h"

#define GATEWAY "VPN_GATEWAY=10.2.0.1"
#define ROUTER "MIKROTIK_API_ADDRESS=192.168.88.1"
#define SECRET "s3cr3t"
#define PASSWORD "MIKROTIK_API_PASSWORD=s3cr3t"

static struct config config;
static struct config_error error;

/* Parses the required lines and one line more, which comes first and therefore wins. */
static inline bool parse_with(const char *line)
{
    const char *environment[] = {line, GATEWAY, ROUTER, PASSWORD, NULL};
    memset(&error, 0, sizeof(error));
    return config_parse(&config, environment, &error);
}

static inline void check_good(const char *line)
{
    if (!parse_with(line))
        fail_msg("%s: %s", line, error.text);
}

/* The error names the variable and shows the value, in one line. */
static inline void check_bad(const char *line)
{
    char expected[CONFIG_ERROR_MAX];
    const char *value = strchr(line, '=');
    assert_non_null(value);
    (void)snprintf(expected, sizeof(expected), "%.*s=\"%s\" is not valid; set it to ", (int)(value - line),
                   line, value + 1);
    if (parse_with(line))
        fail_msg("taken: %s", line);
    if (strncmp(error.text, expected, strlen(expected)) != 0 || strlen(error.text) <= strlen(expected))
        fail_msg("%s: %s", line, error.text);
    assert_null(strpbrk(error.text, "\n\r"));
}

static inline void check_error(const char *const *environment, const char *expected)
{
    assert_false(config_parse(&config, environment, &error));
    assert_string_equal(error.text, expected);
}
