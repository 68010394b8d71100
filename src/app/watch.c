#include "app/watch.h"

#include <assert.h>
#include <stdio.h>

#include "app/version.h"
#include "wire/natpmp.h"

/* No byte of the stack leaves this process, not even as padding. */
_Static_assert(sizeof(struct change) == 40, "a change has no padding");

struct health_name watch_name(const struct health_name *daemon)
{
    struct health_name name;
    int len = snprintf(name.text, sizeof(name.text), "%s/watch", daemon->text);
    assert(len > 0 && (size_t)len < sizeof(name.text));
    return name;
}

/* ---- in the daemon ---- */

static struct span greet(void *context, enum feed_verdict verdict, uint64_t *ret_position)
{
    static struct watch_greeting greeting;
    const struct changes *changes = context;
    (void)snprintf(greeting.version, sizeof(greeting.version), "%s", version);
    greeting.verdict = verdict;
    *ret_position = changes->next;
    return span_of(&greeting, sizeof(greeting));
}

static struct span next(void *context, uint64_t *position)
{
    const struct change *change = changes_from(context, *position);
    if (change == NULL)
        return span_of(NULL, 0);
    *position = change->notice.number + 1;
    return span_of(change, sizeof(*change));
}

const struct feed_handlers watch_handlers = {.greet = greet, .next = next};

/* ---- in the reader ---- */

bool watch_greeting_is_valid(const struct watch_greeting *greeting, size_t size)
{
    return size == sizeof(*greeting) && memchr(greeting->version, '\0', sizeof(greeting->version)) != NULL &&
           strcmp(greeting->version, version) == 0 && greeting->verdict < FEED_VERDICTS;
}

bool watch_change_is_valid(const struct change *change, size_t size)
{
    if (size != sizeof(*change))
        return false;
    const struct notice *notice = &change->notice;
    uint32_t troubles = notice->part == NOTICE_ROUTER ? (uint32_t)FAILURES_END : (uint32_t)GATEWAY_TROUBLES;
    return notice->kind < NOTICES && notice->protocol <= NATPMP_TCP && notice->part < NOTICE_PARTS &&
           notice->trouble < troubles;
}
