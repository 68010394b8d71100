/* The LAN's side: decides which datagrams are requests and which hosts may send them, sends the replies, and
 * keeps our epoch and its announcements (RFC 6886 sections 3.2 to 3.7). This module does not know about
 * mappings. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"
#include "core/step.h"
#include "wire/natpmp.h"

/* The destination of a reply, and its source address. */
struct reply_path {
    struct endpoint to;
    uint32_t from;
    uint32_t interface;
};

struct server {
    uint64_t epoch_origin_ms;
    bool stopped;      /* no more announcements */
    bool reset_wanted; /* the epoch restarts as soon as clients can notice it, RESETS_APART_MS after the last
                          time */
    uint8_t announcements; /* how many of the series were sent; ANNOUNCEMENTS_MAX: no series is running */
    uint64_t announce_next_ms;
    struct bucket series; /* for another address */
    bool series_wanted;   /* one more begins when the bucket allows it */
    uint64_t dropped;
    uint64_t hidden_logged_ms; /* when the last warning about masqueraded requests was logged */
    bool hidden_logged;
};

/* The first announcement after a start waits this long, so that the external address can be in it. */
enum { SERVER_FIRST_ANNOUNCEMENT_MS = 2000 };

void server_init(struct server *s, uint64_t now_ms);
/* Seconds Since Start of Epoch at now_ms. */
uint32_t server_epoch_s(const struct server *s, uint64_t now_ms);

/* True if a datagram from this source to that destination may be a request: the source is a private,
 * link-local or loopback address (sections 3.3 and 5 forbid others), and the destination is unicast. */
bool server_admits(const struct endpoint *from, uint32_t to);
/* Answers unsupported versions and opcodes, and drops malformed datagrams and responses. True: *ret_request
 * is an address or map request for the caller. */
bool server_receive(struct server *s, struct span datagram, const struct reply_path *path,
                    struct natpmp_request *ret_request, const struct step *step);
/* Warns, at most once an hour, that requests arrive with the router's own source address. */
void server_report_hidden(struct server *s, uint32_t source, const struct step *step);

void server_reply_address(const struct server *s, const struct reply_path *path, enum natpmp_result result,
                          uint32_t address, const struct step *step);
void server_reply_map(const struct server *s, const struct reply_path *path, enum natpmp_protocol protocol,
                      enum natpmp_result result, uint16_t internal_port, uint16_t external_port,
                      uint32_t lifetime_s, const struct step *step);

/* Restarts the series of ten announcements (section 3.2.1), with the first one at `when_ms`. */
void server_announce(struct server *s, uint64_t when_ms);
/* Mappings that clients use were lost (section 3.7): restarts the epoch and announces it. */
void server_reset_epoch(struct server *s, const struct step *step);
/* Ends the running series of announcements and prevents others. */
void server_stop(struct server *s);
/* Sends the announcement that is due. `address` is the external one; 0: unknown, announced as result 3. */
void server_tick(struct server *s, uint32_t address, const struct step *step);
uint64_t server_deadline_ms(const struct server *s);
