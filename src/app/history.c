#include "app/history.h"

#include <assert.h>
#include <stddef.h>

static void add(struct history *h, const struct notice *notice, uint16_t port, uint64_t at_ms)
{
    h->at[h->next++ % HISTORY_MAX] = (struct history_entry){.at_ms = at_ms,
                                                            .client = notice->client,
                                                            .internal_port = notice->internal_port,
                                                            .external_port = port,
                                                            .protocol = notice->protocol};
}

void history_add(struct history *h, const struct notice *notice, uint64_t at_ms)
{
    assert(notice->kind < NOTICES);
    switch ((enum notice_kind)notice->kind) {
    case NOTICE_CHANGED:
        h->changes++;
        h->change_ms = at_ms;
        add(h, notice, notice->external_port, at_ms);
        break;
    case NOTICE_MAPPED:
        add(h, notice, notice->external_port, at_ms);
        break;
    case NOTICE_ENDED:
        add(h, notice, 0, at_ms);
        break;
    case NOTICE_ADDRESS:
    case NOTICE_TROUBLE:
    case NOTICE_RECOVERED:
    case NOTICES:
        break;
    }
}

const struct history_entry *history_find(const struct history *h, uint64_t from, uint32_t client,
                                         uint8_t protocol, uint16_t internal_port, uint64_t *ret_next)
{
    uint64_t oldest = h->next > HISTORY_MAX ? h->next - HISTORY_MAX : 0;
    for (uint64_t i = from > oldest ? from : oldest; i < h->next; i++) {
        const struct history_entry *entry = &h->at[i % HISTORY_MAX];
        bool same =
            entry->client == client && entry->protocol == protocol && entry->internal_port == internal_port;
        if (same || entry->client == 0) {
            *ret_next = i + 1;
            return entry;
        }
    }
    return NULL;
}
