#include "core/server.h"

#include "base/address_use.h"

enum {
    /* RFC 6886 section 3.2.1: ten, the first interval 250 ms, each next one twice as long. */
    ANNOUNCEMENTS_MAX = 10,
    ANNOUNCE_INTERVAL_MS = 250,
    /* Clients tolerate two seconds (section 3.6). They would not notice a second restart that follows at
     * once, so it waits [E-06]. */
    RESETS_APART_MS = 10 * 1000,
    HIDDEN_INTERVAL_MS = 60 * 60 * 1000,
};

static const char component[] = "server";

/* A gateway that reports another address again and again begins no more series, so that there are no more
 * than MINUTE_ANNOUNCEMENTS. */
static const struct bucket_limit series_limit = {.burst = 3, .period_us = 10 * 1000 * 1000};

void server_init(struct server *s, uint64_t now_ms)
{
    *s = (struct server){.epoch_origin_ms = now_ms, .announcements = ANNOUNCEMENTS_MAX};
}

/* The seconds since the table of mappings was last empty or lost [G-11]. */
uint32_t server_epoch_s(const struct server *s, uint64_t now_ms)
{
    return (uint32_t)((now_ms - s->epoch_origin_ms) / 1000);
}

/* ---- requests ---- */

/* Section 3.3: no requests from the internet [M-15]. */
bool server_admits(const struct endpoint *from, uint32_t to)
{
    bool multicast_or_broadcast = to >> 28 == 14 || to == UINT32_MAX;
    bool local = address_is_of_lan(from->address) || address_is_loopback(from->address);
    return from->port != 0 && local && !multicast_or_broadcast;
}

static void push_reply(const struct reply_path *path, uint8_t *place, size_t len, struct actions *out)
{
    struct span bytes = actions_trim(out, place, len);
    actions_push(
        out, (struct action){.type = ACTION_LAN_SEND, .lan = {path->to, path->from, path->interface, bytes}});
}

bool server_receive(struct server *s, struct span datagram, const struct reply_path *path,
                    struct natpmp_request *ret_request, const struct step *step)
{
    struct natpmp_request request = natpmp_decode_request(datagram);
    uint32_t epoch_s = server_epoch_s(s, step->now_ms);
    uint8_t *place;
    switch (request.type) {
    case NATPMP_REQUEST_MALFORMED:
    case NATPMP_REQUEST_RESPONSE:
        s->dropped++;
        return false;
    case NATPMP_REQUEST_UNSUPPORTED_VERSION:
        place = actions_bytes(step->out, NATPMP_REPLY_MAX);
        push_reply(path, place, natpmp_encode_unsupported_version(place, epoch_s), step->out);
        return false;
    case NATPMP_REQUEST_UNSUPPORTED_OPCODE:
        place = actions_bytes(step->out, DATAGRAM_MAX);
        push_reply(path, place, natpmp_encode_unsupported_opcode(place, datagram, epoch_s), step->out);
        return false;
    case NATPMP_REQUEST_ADDRESS:
    case NATPMP_REQUEST_MAP:
        break;
    }
    *ret_request = request;
    return true;
}

void server_report_hidden(struct server *s, uint32_t source, const struct step *step)
{
    if (s->hidden_logged && step->now_ms < s->hidden_logged_ms + HIDDEN_INTERVAL_MS)
        return;
    s->hidden_logged = true;
    s->hidden_logged_ms = step->now_ms;
    actions_log(
        step->out, LOG_LEVEL_WARN, component,
        "requests come from the router's or the gateway's own address and are ignored: a masquerade rule "
        "hides the clients source=%s fix=\"exclude UDP port 5351 from that rule\"",
        address_text(source).text);
}

/* ---- replies ---- */

void server_reply_address(const struct server *s, const struct reply_path *path, enum natpmp_result result,
                          uint32_t address, const struct step *step)
{
    uint8_t *place = actions_bytes(step->out, NATPMP_REPLY_MAX);
    size_t len =
        natpmp_encode_address_reply(place, (uint16_t)result, server_epoch_s(s, step->now_ms), address);
    push_reply(path, place, len, step->out);
}

void server_reply_map(const struct server *s, const struct reply_path *path, enum natpmp_protocol protocol,
                      enum natpmp_result result, uint16_t internal_port, uint16_t external_port,
                      uint32_t lifetime_s, const struct step *step)
{
    uint8_t *place = actions_bytes(step->out, NATPMP_REPLY_MAX);
    size_t len = natpmp_encode_map_reply(place, protocol, (uint16_t)result, server_epoch_s(s, step->now_ms),
                                         internal_port, external_port, lifetime_s);
    push_reply(path, place, len, step->out);
}

/* ---- announcements ---- */

static void begin_series(struct server *s, uint64_t when_ms)
{
    s->announcements = 0;
    s->announce_next_ms = when_ms;
    s->series_wanted = false;
}

/* The present series announces the new address, too. */
void server_announce(struct server *s, uint64_t when_ms)
{
    if (s->stopped)
        return;
    if (bucket_due_ms(&s->series, series_limit, 1) > when_ms) {
        s->series_wanted = true;
        return;
    }
    bucket_take(&s->series, series_limit, when_ms);
    begin_series(s, when_ms);
}

/* The epoch restarts before it is announced [A-07] [E-02]. */
static void restart_epoch(struct server *s, const struct step *step)
{
    s->reset_wanted = false;
    s->epoch_origin_ms = step->now_ms;
    actions_log(step->out, LOG_LEVEL_WARN, component,
                "mappings that clients use were lost; the epoch restarts and is announced");
    begin_series(s, step->now_ms);
}

void server_reset_epoch(struct server *s, const struct step *step)
{
    if (s->stopped)
        return;
    if (step->now_ms < s->epoch_origin_ms + RESETS_APART_MS)
        s->reset_wanted = true;
    else
        restart_epoch(s, step);
}

/* Section 3.8: a gateway that stops its service sends no announcements. */
void server_stop(struct server *s)
{
    s->stopped = true;
    s->reset_wanted = false;
    s->series_wanted = false;
    s->announcements = ANNOUNCEMENTS_MAX;
}

void server_tick(struct server *s, uint32_t address, const struct step *step)
{
    if (s->reset_wanted && step->now_ms >= s->epoch_origin_ms + RESETS_APART_MS)
        restart_epoch(s, step);
    if (s->series_wanted && step->now_ms >= bucket_due_ms(&s->series, series_limit, 1))
        server_announce(s, step->now_ms);
    if (s->announcements >= ANNOUNCEMENTS_MAX || step->now_ms < s->announce_next_ms ||
        !actions_room(step->out))
        return;
    /* The present epoch and address; without an address the result is 3. */
    uint8_t *place = actions_bytes(step->out, NATPMP_REPLY_MAX);
    uint16_t result = address != 0 ? NATPMP_SUCCESS : NATPMP_NETWORK_FAILURE;
    size_t len = natpmp_encode_address_reply(place, result, server_epoch_s(s, step->now_ms), address);
    actions_push(step->out,
                 (struct action){.type = ACTION_ANNOUNCE, .announce = actions_trim(step->out, place, len)});
    s->announce_next_ms = step->now_ms + ((uint64_t)ANNOUNCE_INTERVAL_MS << s->announcements);
    s->announcements++;
}

uint64_t server_deadline_ms(const struct server *s)
{
    uint64_t deadline_ms = s->announcements < ANNOUNCEMENTS_MAX ? s->announce_next_ms : UINT64_MAX;
    uint64_t reset_ms = s->reset_wanted ? s->epoch_origin_ms + RESETS_APART_MS : UINT64_MAX;
    uint64_t series_ms = s->series_wanted ? bucket_due_ms(&s->series, series_limit, 1) : UINT64_MAX;
    return earlier_ms(deadline_ms, earlier_ms(reset_ms, series_ms));
}
