#include "app/config_names.h"

#include <stdio.h>
#include <string.h>

#include "base/span.h"

enum {
    NAME_MAX_LEN = 64, /* of ours; a longer name is not compared */
    /* So many letters may be wrong, missing or too many. */
    NEAR = 2,
};

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* The letters to be inserted, removed or replaced to make one of the other. */
static unsigned distance(struct span a, const char *b)
{
    unsigned row[NAME_MAX_LEN + 1];
    size_t width = strlen(b);
    for (size_t i = 0; i <= width; i++)
        row[i] = (unsigned)i;
    for (size_t k = 0; k < a.len; k++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)k + 1;
        for (size_t i = 1; i <= width; i++) {
            unsigned above = row[i];
            row[i] = least(above + 1, row[i - 1] + 1, diagonal + (a.data[k] != (uint8_t)b[i - 1]));
            diagonal = above;
        }
    }
    return row[width];
}

/* Docker's links and Kubernetes name their variables so, after a service that may be called "gateway". */
static bool is_of_a_link(struct span name)
{
    static const char *const parts[] = {"_PORT", "_SERVICE", "_ENV_", "_NAME"};
    char text[NAME_MAX_LEN + 1];
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strstr(text, parts[i]) != NULL)
            return true;
    return false;
}

/* Other programs use words such as LOG_ and LISTEN_, too. There only a name that is nearly one of ours
 * counts.
 */
static bool is_misspelt(struct span name, const char **ret_nearest)
{
    unsigned nearest = NAME_MAX_LEN;
    bool prefixed = false;
    const char *known;
    for (size_t i = 0; (known = config_name(i)) != NULL; i++) {
        size_t prefix = strcspn(known, "_") + 1;
        unsigned off = distance(name, known);
        if (off == 0)
            return false;
        prefixed = prefixed || (name.len > prefix && memcmp(name.data, known, prefix) == 0);
        if (off >= nearest)
            continue;
        nearest = off;
        *ret_nearest = known;
    }
    bool ours = span_starts(name, "MIKROTIK_") || span_starts(name, "GATEWAY_");
    bool near = nearest <= NEAR;
    if (nearest > name.len / 3)
        *ret_nearest = NULL;
    return prefixed && (near || (ours && !is_of_a_link(name)));
}

size_t config_next_unknown(const char *const *environment, size_t from, struct config_error *ret_warning)
{
    for (size_t i = from; environment[i] != NULL; i++) {
        const char *nearest = NULL;
        size_t len = strcspn(environment[i], "=");
        struct span name = span_of(environment[i], len);
        if (len == 0 || len > NAME_MAX_LEN || environment[i][len] != '=' || !is_misspelt(name, &nearest))
            continue;
        (void)snprintf(
            ret_warning->text, sizeof(ret_warning->text),
            "the environment sets %s, which is no setting of double-natpmp and has no effect; %s%s",
            log_safe(name).text, nearest != NULL ? "the nearest one is " : "--help names all",
            nearest != NULL ? nearest : "");
        return i + 1;
    }
    return 0;
}
