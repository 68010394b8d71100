/* The LAN's side: which datagrams are requests and from whom, the replies, our epoch and its announcements
 * (RFC 6886 sections 3.2 to 3.7). What a request means for the mappings is not known here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "wire/natpmp.h"

/* Where a reply goes and from which of our addresses it leaves. */
struct reply_path {
    struct endpoint to;
    uint32_t from;
    uint32_t interface;
};

struct server {
    uint64_t epoch_origin_ms;
    bool stopped;          /* nothing is announced any more */
    bool reset_wanted;     /* the epoch restarts as soon as the last restart is old enough to be told apart */
    uint8_t announcements; /* sent of the series; ANNOUNCEMENTS_MAX: none is under way */
    uint64_t announce_next_ms;
    uint64_t dropped;
    uint64_t hidden_logged_ms; /* when the operator was last told of masqueraded requests */
    bool hidden_logged;
};

void server_init(struct server *s, uint64_t now_ms);
/* Seconds Since Start of Epoch at now_ms. */
uint32_t server_epoch_s(const struct server *s, uint64_t now_ms);

/* True if a datagram from this source to that address may be a request: from a private, link-local or
 * loopback address (sections 3.3 and 5: never from outside), to one address of ours. */
bool server_admits(const struct endpoint *from, uint32_t to);
/* Answers what needs no knowledge of mappings: unsupported versions and opcodes; drops what is never
 * answered. True if *ret_request is an address or map request for the caller. */
bool server_receive(struct server *s, struct span datagram, const struct reply_path *path, uint64_t now_ms,
                    struct natpmp_request *ret_request, struct actions *out);
/* Says, at most once an hour, that requests come with the router's own source address. */
void server_report_hidden(struct server *s, uint32_t source, uint64_t now_ms, struct actions *out);

void server_reply_address(const struct server *s, const struct reply_path *path, enum natpmp_result result,
                          uint32_t address, uint64_t now_ms, struct actions *out);
void server_reply_map(const struct server *s, const struct reply_path *path, enum natpmp_protocol protocol,
                      enum natpmp_result result, uint16_t internal_port, uint16_t external_port,
                      uint32_t lifetime_s, uint64_t now_ms, struct actions *out);

/* Begins the series of ten announcements anew (section 3.2.1), the first one at `when_ms`. */
void server_announce(struct server *s, uint64_t when_ms);
/* State was lost that clients rely on (section 3.7): the epoch restarts, then it is announced. */
void server_reset_epoch(struct server *s, uint64_t now_ms, struct actions *out);
/* The end: a running series ends as well, and no other one begins. */
void server_stop(struct server *s);
/* Sends what is due. The address is 0 while none is known: then the announcement carries result 3. */
void server_tick(struct server *s, uint32_t address, uint64_t now_ms, struct actions *out);
uint64_t server_deadline_ms(const struct server *s);
