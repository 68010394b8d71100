/* What must never be logged or sent. */
#include <string.h>

#include "world.h"

static bool holds(struct span bytes, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; len > 0 && i + len <= bytes.len; i++) {
        if (memcmp(bytes.data + i, text, len) == 0)
            return true;
    }
    return false;
}

void inv_check_secrets(struct world *w, const char *where, struct span bytes)
{
    if (holds(bytes, w->options.config.password))
        world_fail(w, "the password is in %s", where);
    /* The foreign rules of the models have this word in each comment. */
    if (holds(bytes, FOREIGN_COMMENT))
        world_fail(w, "a foreign comment is in %s", where);
}

void inv_log(struct world *w, struct span text)
{
    inv_check_secrets(w, "a log line", text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            world_fail(w, "byte %02x in a log line", text.data[i]);
    }
}

void inv_to_gateway(struct world *w, struct span datagram)
{
    inv_check_secrets(w, "a datagram to the gateway", datagram);
}
