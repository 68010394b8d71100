/* Any environment, as NAME=value with a NUL after each. An error is one printable line that does not depend
 * on the password. An accepted configuration is the same after it was printed and parsed again. */

#include "fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"

enum { LINES_MAX = 64 };

static const char password_name[] = "MIKROTIK_API_PASSWORD=";

/* Points into `text`, which is changed: `separator` becomes the end of each line. */
static void split(char *text, size_t size, char separator, const char **ret_lines)
{
    unsigned count = 0;
    size_t begin = 0;
    for (size_t i = 0; i < size && count < LINES_MAX; i++) {
        if (text[i] == separator) {
            text[i] = '\0';
            ret_lines[count++] = text + begin;
            begin = i + 1;
        }
    }
    ret_lines[count] = NULL;
}

static void check_error(const struct config_error *error)
{
    size_t len = strnlen(error->text, sizeof(error->text));
    assert(len > 0 && len < sizeof(error->text));
    for (size_t i = 0; i < len; i++)
        assert(error->text[i] >= ' ' && error->text[i] <= '~');
}

/* The error must be the same if the password has other letters. */
static void check_secrecy(char *text, size_t size, const struct config_error *expected)
{
    const char *lines[LINES_MAX + 1];
    struct config config;
    struct config_error error;
    split(text, size, '\0', lines);
    for (const char **line = lines; *line != NULL; line++) {
        if (strncmp(*line, password_name, strlen(password_name)) == 0)
            for (char *c = text + (*line - text) + strlen(password_name); *c != '\0'; c++)
                *c = *c > ' ' && *c != 0x7F ? '#' : *c;
    }
    bool good = config_parse(&config, lines, &error);
    assert(!good && strcmp(error.text, expected->text) == 0);
}

static char *print(const struct config *config, size_t *ret_len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);
    assert(out != NULL);
    config_print(config, out);
    (void)fclose(out);
    return text;
}

static void check_again(const struct config *config)
{
    const char *lines[LINES_MAX + 1];
    char password[sizeof(password_name) + CREDENTIAL_MAX];
    struct config again;
    struct config_error error;
    size_t len;
    size_t len_again;
    char *text = print(config, &len);
    char *copy = print(config, &len);
    assert(config->password[0] == '\0' || strstr(text, "MIKROTIK_API_PASSWORD=(hidden)\n") != NULL);
    split(copy, len, '\n', lines);
    for (const char **line = lines; *line != NULL; line++) {
        if (strncmp(*line, password_name, strlen(password_name)) == 0) {
            (void)snprintf(password, sizeof(password), "%s%s", password_name, config->password);
            *line = password;
        }
    }
    bool good = config_parse(&again, lines, &error);
    assert(good);
    char *text_again = print(&again, &len_again);
    assert(len == len_again && memcmp(text, text_again, len) == 0);
    assert(strcmp(config->password, again.password) == 0);
    free(text);
    free(copy);
    free(text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *lines[LINES_MAX + 1];
    struct config config;
    struct config_error error;
    char *text = malloc(size + 1);
    assert(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    split(text, size + 1, '\0', lines);
    if (config_parse(&config, lines, &error)) {
        check_again(&config);
    } else {
        check_error(&error);
        check_secrecy(text, size + 1, &error);
    }
    free(text);
    return 0;
}
