/* The way to the gateway: the router's interface at which the gateway's packets arrive, for which all rules
 * are.
 *
 * The router's connection table knows it best: whatever routing rules, tables or marks led our packets, the
 * answers come to the address that replaced ours, and /ip/address says on which interface that is. If the
 * table does not show it, or shows a packet that nobody answers on an interface that is no tunnel, the routes
 * decide. A default route counts only if it leads into a tunnel, because everything unknown takes that way.
 * What is left would be a guess: nothing is mapped on it.
 *
 * A look finds or confirms the way: at each resync, each minute, and soon after a sign that it may have
 * moved. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"
#include "core/router_evidence.h"

struct router;
struct router_outcome;

enum way_news {
    WAY_NO_NEWS,
    WAY_FOUND, /* after it was unknown for a while */
    WAY_MOVED, /* to another interface */
};

struct router_way {
    const char *configured; /* MIKROTIK_IN_INTERFACE; empty: the router is asked */
    uint32_t gateway;
    uint32_t own_address; /* from which our packets go to the gateway; else that of the API connection; 0: not
                             known */

    /* the look that is running, or the last one */
    struct way_evidence evidence;
    char verdict[INTERFACE_NAME_MAX + 1];   /* its result; empty: it did not find the way */
    char interface[INTERFACE_NAME_MAX + 1]; /* the same, when what concerns it was read; empty: not known */
    uint32_t reply_to; /* the address to which the gateway's answers come there; 0: not known */

    /* when */
    uint64_t due_ms;     /* of the next look; UINT64_MAX: one is running, or there is no connection */
    uint64_t begun_ms;   /* of the last look */
    uint64_t wait_ms;    /* a look waits for a packet of ours to cross the router; 0: it does not */
    uint64_t sent_ms;    /* when the last packet went to the gateway */
    uint64_t sign_ms;    /* the last sign */
    uint64_t doubted_ms; /* the way may have moved then: what left before shows where it led */
    uint32_t pause_ms;   /* between looks while signs come */
    bool signs;          /* there was one since the last look began */
    bool by_sign;        /* the look follows one */
    bool looking;        /* a look is running, not only a resync */
    bool again;          /* since the last sign the table has shown two ways, so there is one look more */
    uint8_t asked;       /* packets that were requested for the look that waits */
    uint8_t failures;    /* looks in a row that did not find the way */
    uint8_t news;        /* enum way_news, for router_next */

    /* on the present connection */
    bool listening;
    bool tracked;   /* the connection table has shown our connection */
    bool flow_slow; /* the table was given up once: a large one on a slow board takes long */
    bool flow_hangs;
    bool check_hangs;

    /* what the log has said */
    bool check_hangs_logged;
    bool test_policy_logged;
    bool other_logged;       /* evidence against MIKROTIK_IN_INTERFACE */
    uint8_t untranslated;    /* looks in a row at which nothing translated our address */
    uint8_t gateway_trouble; /* enum gateway_trouble at the last step */
};

/* The interface of all rules is known. */
bool router_way_is_known(const struct router *r);

/* Something happened that may have moved the way: a look follows within a second, or later if that happens
 * again and again. */
void router_way_sign(struct router *r, uint64_t now_ms);
/* To be called in each step: the address from which packets go to the gateway (0: not known), when the last
 * one went, and the gateway's trouble. True: a packet should be sent now, because a look is due and the
 * connection table has only what was sent lately. */
bool router_way_note(struct router *r, uint32_t source, uint64_t sent_ms, enum gateway_trouble trouble,
                     uint64_t now_ms);

/* ---- for the other files of the router ---- */

void router_way_down(struct router *r, uint64_t now_ms); /* the main connection ended */
/* When router_way_take_due may become true; UINT64_MAX: never. */
uint64_t router_way_due_ms(const struct router *r);
/* If a look is due, waits until a packet of ours has crossed the router. True: the caller begins the look
 * now. A resync needs a look only if the way is not known, or the connection to the router is new. */
bool router_way_take_due(struct router *r, uint64_t now_ms);
void router_way_begin(struct router *r, const struct step *step);
void router_way_row(struct router *r, const struct command *c, uint64_t now_ms);
/* The end of a command of this module. True: it belongs to the stage. */
bool router_way_done(struct router *r, const struct command *c, const struct step *step);
/* The router does not answer it. */
void router_way_given_up(struct router *r, const struct command *c, struct actions *out);
/* All commands of a stage of the look have ended. */
void router_way_next(struct router *r, const struct step *step);
/* What concerns the way was read, so that rules can be added there. */
void router_way_publish(struct router *r, struct actions *out);
/* The resync is over, and with it the look, if it was one. */
void router_way_end(struct router *r, uint64_t now_ms);
