/* An independent book: what clients, gateway and daemon may know and must do, from nothing but the datagrams
 * that they sent and received, and the rules that the router has. It contains no code of the daemon and never
 * looks into the daemon, the gateway or the router. It decodes NAT-PMP by itself. The run fails as soon as
 * the daemon does what the book does not allow.
 *
 * The gateway (book_leases.c; what it answers: book_gateway.c; what it is asked: book_questions.c)
 *  - For each (protocol, router port): the port that the gateway granted last, and until when, counted from
 *    the first datagram of the request. A deletion that was sent ends that, and a request for a shorter
 *    lifetime shortens it.
 *  - Datagrams carry no number, only an epoch of whole seconds. An answer whose epoch fits certainly counts.
 *    An answer that may be late may count or not: then both grants are possible. What the old clock and the
 *    new one disagree about is settled when the new clock has gone on for CLOCK_SETTLED_MS; if it is behind,
 *    all grants from before are void (section 3.6).
 *  - A success that grants nothing (lifetime 0, external port 0, another internal port or protocol) is no
 *    answer. After three of them the request may be refused with result 4. Lifetime 0 says that the lease is
 *    gone.
 *  - A gateway may contradict its grants by answers to nothing. What it contradicts at once, a client is told
 *    a few times in a row at most. An answer whose epoch shows that it is older contradicts nothing.
 *  - A suggestion is the lease's present port (section 3.3), or what the client was told or requested, or the
 *    companion's port; never a port that another client believes in.
 *
 * The clients (book.c)
 *  - A success needs an enabled rule on the router now, names the port that the gateway granted last for that
 *    rule's port, and lasts no longer than requested, than the grant and than the rule's comment says.
 *  - A new request waits for the gateway's grant, at least for MEMORY_MS. A retransmission gets the same end.
 *    A gateway that contradicted its grants three times within an hour need not be asked, and what it
 *    contradicts is refused.
 *  - No external port is told to two clients, nor its companion, nor within QUARANTINE_MS after the first
 *    client stopped believing in it.
 *  - Result 2 and 4 come from the gateway or from a limit, and never while the lease is certainly valid.
 *    Result 3 comes after 12 s, and every request is answered by then; in calm weather at once.
 *  - An address request gets the address that the gateway reported last, or result 3 if there is none or if
 *    the gateway is silent, and not before the same client's requests for mappings.
 *
 * Time (book_time.c)
 *  - The epoch counts seconds. It restarts only after the gateway gave a reason: another port for a mapping
 *    that a client was told, an error for it, or a clock that does not go on. It does restart if a client
 *    believes in a port that the gateway has given up, and was not told otherwise.
 *  - Announcements come in series of ten with doubled gaps, each for a reason of its own.
 *  - While a client believes in a mapping, its rule and its lease exist; and no rule outlives its mapping.
 *
 * Two processes with the same INSTANCE (book_time.c)
 *  - One that stands by sends nothing; TWINS_MS after the last trouble, at most one of them serves. While
 * both do, it is not known who is responsible for a mapping. A process that serves again knows what its rules
 *    say, as after a start.
 *
 * Calm weather: the router's connections and commands work, nobody changes rules by hand, and the gateway
 * answers the first copy of each request with success. The demands that need it say for how long. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

enum book_keeps {
    BOOK_KEEPS_LATE, /* mappings of clients that renewed late */
    BOOK_KEEPS_NONE,
    BOOK_KEEPS_ALL,
};

struct book_rule;

struct book_config {
    bool symmetric; /* the gateway forwards port n to port n only, and chooses n */
    enum book_keeps keeps;
    unsigned mappings_max;
    unsigned client_mappings_max;
    unsigned changes_per_s; /* on the router, of all clients; 0: no limit */
    uint32_t late_ms;       /* the operating system wakes the daemon so much later */
    uint32_t router_ms;     /* a command to the router and its answer take so long */
    void *context;
    void (*fail)(void *context, const char *text);
    /* Somebody took or changed the rule of that mapping, and the daemon need not know it yet. */
    bool (*excused)(void *context, uint32_t address, bool tcp, uint16_t port);
    /* No mapping may lead there: the daemon's own address, or loopback. */
    bool (*forbidden)(void *context, uint32_t address);
    /* The gateway's packets do not meet that rule any more, because they arrive elsewhere: it must be
     * replaced. */
    bool (*elsewhere)(void *context, uint32_t rule);
    /* True while no rule of the daemon's can be the first for a port of that protocol. */
    bool (*barred)(void *context, bool tcp);
    /* What arrives for that rule goes somewhere else now. */
    bool (*hidden)(void *context, const struct book_rule *rule);
};

/* A rule on the router with the daemon's mark. */
struct book_rule {
    uint64_t place; /* a hash of its interface and of the router's address */
    uint32_t id;
    unsigned foreign_before; /* so many foreign rules stand before it */
    bool tcp;
    bool enabled; /* and valid */
    bool sane;    /* every property exists and can be parsed */
    bool by_hand; /* somebody changed it, so it does not show whose the port is */

    uint16_t router_port;
    uint32_t address;
    uint16_t port;
    uint32_t lease_s; /* in the comment; 0: it contains none */
    uint64_t comment_hash;
};

/* What a client requested and was told: one for each (address, protocol, internal port). */
struct book_mapping {
    bool used;
    bool tcp;
    uint32_t address;
    uint16_t port;
    uint64_t asked_ms;
    uint32_t asked_s; /* the last requested lifetime */
    uint16_t suggested;
    bool is_static;            /* the daemon keeps it for ever, whatever its client does */
    bool adopted;              /* it had a rule when the process started ... */
    uint64_t adopted_until_ms; /* ... whose lease may live so long */
    uint64_t work_ms;          /* first datagram of the requests in work; 0: none */
    unsigned work_by;          /* the process that received it */
    uint32_t longest_s;        /* requested by them */
    unsigned waiting;          /* sources that wait for the answer */
    bool repeats;              /* they may be retransmissions of a request that was answered ... */
    bool must_repeat;          /* ... and its answer certainly still holds */
    uint64_t deleted_ms;
    uint16_t external_port; /* as told last; 0: never */
    uint64_t told_ms;
    uint64_t first_told_ms; /* of the answers that may be one answer and its repetitions, the first one ... */
    uint64_t last_told_ms;  /* ... and the last one ... */
    uint64_t last_until_ms; /* ... and its end */
    unsigned told_by;       /* the process */
    uint64_t done_ms;       /* the last answer of any kind */
    uint32_t told_asked_s;
    uint64_t until_ms; /* the client believes in it until then; 0: no more */
    uint64_t kept_ms;  /* the daemon may keep it alive until then */
    uint64_t freed_ms; /* when the client gave up freed_port, by a deletion */
    uint16_t freed_port;
    uint64_t broken_ms; /* the client must learn that its port is gone; 0: it is not, or the client knows */
    bool may_be_gone;   /* the epoch restarted, and the gateway may have granted the port no more */
    bool doubtful;      /* a renewal was refused or a deletion not confirmed: the rule may exist or not */
    uint64_t rule_ms;   /* when the present rule appeared */
    unsigned rule_generation;
};

/* An unanswered request: one for each (process, source, kind, internal port). */
struct book_request {
    bool used;
    unsigned kind;
    unsigned process; /* that received it */
    uint32_t address;
    uint16_t source_port;
    uint16_t internal_port;
    uint64_t first_ms; /* 0: it was answered */
    uint32_t lifetime_s;
    bool overtaken; /* by a deletion, or for a deletion by a later request: no answer is required */
    unsigned more;  /* requests that came after the overtaken one: each may get an answer of its own */
    uint64_t bytes_hash;
    size_t len;
};

enum {
    BOOK_GRANTS = 6,
    BOOK_RESULTS = 6, /* of NAT-PMP */
};

/* What the gateway said about (protocol, router port). */
struct book_lease {
    bool used;
    bool tcp;
    uint16_t router_port;
    struct {
        uint16_t port;
        uint64_t since_ms; /* the first answer with that port */
        uint64_t got_ms;
        uint64_t ends_ms;   /* counted from the first datagram of the request ... */
        uint64_t latest_ms; /* ... and from the last one that may be the first of another request ... */
        uint64_t gone_ms;   /* ... and from the last one: the lease may live so long */
        uint32_t epoch_s;   /* of the gateway's answer */
    } grant[BOOK_GRANTS];   /* the newest last; several: any of them may count */
    unsigned grants;
    bool open;            /* a request is unanswered ... */
    bool maybe_open;      /* ... or was refused by a packet that may be late */
    bool may_be_given_up; /* by a client without a rule: its next datagram may be the first of another one */
    bool deletes;
    uint64_t asked_ms;       /* its first datagram */
    uint64_t mapped_ms;      /* the last datagram that was no deletion */
    uint64_t restarted_ms;   /* the last one that may be the first of another request */
    uint64_t sent_ms;        /* its last one */
    uint64_t sent_before_ms; /* the one before it */
    uint64_t deleted_ms;
    uint64_t lingers_ms; /* a deletion was sent; until it is confirmed, the lease may live so long */
    uint64_t quiet_ms;   /* until then a copy of the deletion may arrive at the gateway */
    unsigned sends;
    unsigned unanswered; /* of all datagrams: so many answers may still come */
    bool is_first;       /* none was when the request began, so that no answer to it can be an old one */
    uint32_t asked_s;
    uint16_t suggested;
    uint32_t suggested_of;             /* the client that believed in that port; 0: none */
    uint64_t refused_ms[BOOK_RESULTS]; /* by result: the errors that may be its last one */
    uint64_t particular_ms;  /* the gateway may be particular about the suggestion: see check_suggestion */
    uint64_t doubted_ms;     /* the last packet that contradicts, or that may be late */
    unsigned contradictions; /* answers to nothing with another port */
    unsigned wrong;          /* answers that may be for its request, say success and grant nothing of it */
    uint64_t contradicted_ms;
    uint64_t answered_ms; /* the last answer to a request, its port and its epoch */
    uint16_t answered_port;
    uint32_t answered_epoch_s;
    unsigned told_wrong; /* contradictions in a row of what its client had been told a moment before */
    uint64_t told_wrong_ms;
    uint64_t clash_ms; /* it granted a port of another client */
    uint64_t left_ms;  /* symmetric: last deletion of a port that is another one by now */
    uint16_t left_port;
    uint32_t owner; /* the mapping whose rule has the port, or had it last */
    uint16_t owner_port;
};

struct book_clock {
    bool known;
    uint32_t epoch_s;
    uint64_t at_ms;
    uint64_t first_ms; /* the clock was set for the first time since the one before counted */
    uint64_t since_ms; /* first packet of this clock ... */
    uint64_t heard_ms; /* ... and the last one */
    unsigned prompt;   /* answers that cannot have been late */
    uint64_t again_ms; /* first packet of this clock after the last one of another */
    bool restarted;    /* by the clock before it, the gateway lost its state */
};

enum { BOOK_ADDRESSES = 4 };

/* Changes that are allowed. */
struct book_bucket {
    uint64_t empty_us; /* all of them are allowed again from then on */
    uint64_t spent_ms; /* none was allowed, last at this time */
};

enum { BOOK_CLIENTS = 16384 };

struct book_client {
    uint32_t address; /* 0: a free entry */
    struct book_bucket changes;
    struct book_bucket all; /* see check_client */
};

/* What one process of the daemon knows. */
struct book_process {
    bool serves; /* it runs and does not stand by */
    uint64_t started_ms;
    uint64_t adopted_ms;
    uint64_t stalled_ms; /* it is stopped until then */
    bool stopping;

    struct book_lease *leases; /* by protocol and router port */
    uint32_t *lease_of;        /* the used ones */
    unsigned lease_count;
    uint64_t lingers_ms; /* the latest of theirs */

    /* the gateway */
    uint64_t gateway_ms; /* calm weather since then */
    struct book_clock clock;
    struct book_clock other_clock; /* the one of packets that do not fit */
    unsigned clocks;               /* how often the clock was set, each time soon after the last one */
    uint64_t clocks_ms;
    uint64_t clock_void_until_ms; /* the daemon may ignore a clock that is set again and again */
    bool address_open;
    bool address_maybe; /* an answer came that may have counted */
    uint64_t address_asked_ms;
    uint64_t address_sent_ms;
    unsigned address_questions;       /* that may still be answered */
    bool address_is_first;            /* none was when this one was asked */
    uint32_t address[BOOK_ADDRESSES]; /* as reported last; several: any of them; 0: none */
    unsigned addresses;
    unsigned unheard;           /* datagrams since the last answer */
    unsigned unheard_addresses; /* of these, requests for the address */
    uint64_t unheard_ms;
    unsigned unsure_unheard; /* datagrams since the last answer that certainly counts */
    uint64_t unsure_unheard_ms;
    bool silent;        /* the daemon must know that the gateway does not answer ... */
    bool maybe_silent;  /* ... or may know it */
    uint64_t unsure_ms; /* the last packet of which it is not certain that it counts */
    bool refuses;       /* it may have said that it does not speak NAT-PMP */
    uint64_t error_ms;  /* the last error that it answered to any request, or the last port granted twice */

    /* the epoch and the announcements */
    bool has_epoch;
    int64_t origin_ms; /* the earliest origin that the datagrams since the last reset give ... */
    int64_t latest_ms; /* ... and the latest: seconds are rounded down, so they differ, but by no more */
    uint64_t cause_ms; /* the gateway gave a reason to restart the epoch */
    uint64_t short_ms; /* the gateway refused a mapping for want of a port */
    unsigned series;   /* announcements of the present series */
    uint64_t series_ms;
    uint64_t series_began_ms;
    unsigned series_often;    /* series that followed the one before soon */
    uint64_t series_cause_ms; /* a reason for a new series that none has followed yet; 0: none */
    bool series_due;          /* ... which must follow at once */
    bool series_sure;         /* the present series had a certain reason */

    uint64_t scan_ms;
    uint64_t slow_scan_ms;
};

struct book {
    struct book_config config;
    struct book_mapping *mappings; /* a hash table, a power of two */
    size_t mappings_room;
    size_t mappings_count;
    unsigned statics;
    struct book_request *requests;
    size_t requests_room;
    size_t requests_count;
    size_t requests_live;

    const struct book_rule *rules;
    unsigned rule_count;
    unsigned rule_generation;
    uint64_t router_ms;       /* calm weather since then */
    struct book_rule *before; /* the rules before the last change of them */
    unsigned before_count;
    unsigned before_room;
    struct book_client *clients; /* a hash table */
    struct book_bucket changes;  /* of all clients */

    /* Two processes may run. What happens concerns the present one; see book_turn. */
    unsigned process;
    struct book_process own;
    struct book_process other;
    bool strangers;    /* they have different INSTANCEs, so both of them serve */
    bool hidden;       /* the router shows each only itself: they may meet at the next new rule only */
    bool twins;        /* both of them serve, or did a moment ago: one may undo what the other one does */
    uint64_t alone_ms; /* when at most one of them served last */
    uint64_t twins_ms; /* when both of them served last */
    uint64_t reset_ms; /* when the first datagram after the last reset of an epoch was sent */

    uint32_t address_to; /* this client's address request was answered because its time was over, ... */
    uint64_t address_overdue_ms; /* ... last at this time */

    uint64_t successes;
    uint64_t errors;
    uint64_t deletions;
    uint64_t announcements;
};

void book_init(struct book *b, const struct book_config *config);
void book_free(struct book *b);

/* What happens in the world, in order. */
/* That process (0 or 1) is the present one: all that follows concerns it. */
void book_turn(struct book *b, unsigned process);
/* It has started, or serves again ... */
void book_started(struct book *b, uint64_t now_ms);
/* The process takes rules of an earlier one for its own, for the lease in their comments from now on. */
void book_adopted(struct book *b, uint64_t now_ms);
/* ... or it stands by: it must not send anything. */
void book_stands_by(struct book *b);
void book_stopping(struct book *b);
/* The process has ended by itself and removed what it could ... */
void book_exited(struct book *b);
/* ... or it has died. */
void book_dead(struct book *b);
void book_stalled(struct book *b, uint64_t until_ms);
void book_router_trouble(struct book *b, uint64_t until_ms);
/* The daemon's rules have changed. The array is the caller's and stays. */
void book_rules(struct book *b, uint64_t now_ms, const struct book_rule *rules, unsigned count);
/* From a source that the daemon must answer. */
void book_request(struct book *b, uint64_t now_ms, uint32_t from, uint16_t from_port, const uint8_t *bytes,
                  size_t len);
void book_reply(struct book *b, uint64_t now_ms, uint32_t to, uint16_t to_port, const uint8_t *bytes,
                size_t len);
/* The daemon says elsewhere that a mapping forwards. */
void book_noticed(struct book *b, uint32_t address, bool tcp, uint16_t port, uint16_t external_port);
void book_announce(struct book *b, uint64_t now_ms, const uint8_t *bytes, size_t len);
void book_to_gateway(struct book *b, uint64_t now_ms, const uint8_t *bytes, size_t len);
void book_from_gateway(struct book *b, uint64_t now_ms, const uint8_t *bytes, size_t len);
void book_gateway_error(struct book *b, uint64_t now_ms);
/* Time has passed. */
void book_time(struct book *b, uint64_t now_ms);

/* ---- reading ---- */
struct book_mapping *book_find(const struct book *b, uint32_t address, bool tcp, uint16_t port);
/* The mapping to which the rule belongs. NULL: there is none, or nothing goes through the rule. */
struct book_mapping *book_mapping_of_rule(const struct book *b, const struct book_rule *rule);

/* It was requested before the story began, so a rule may exist for it. */
void book_asked_before(struct book *b, uint32_t address, bool tcp, uint16_t port);
/* The daemon requests it by itself, for ever. */
void book_static(struct book *b, uint32_t address, bool tcp, uint16_t port);
/* The enabled rule of that mapping, else a disabled one. While a rule is replaced, there are two, and the
 * later one leads on. NULL: none. */
const struct book_rule *book_rule_of(const struct book *b, uint32_t address, bool tcp, uint16_t port);
const struct book_lease *book_lease_of(const struct book *b, bool tcp, uint16_t router_port);

/* ---- between the files of the book ---- */
enum {
    BOOK_QUARANTINE_MS = 120000,
    BOOK_ANSWER_MS = 12000,
    BOOK_ANSWER_SLACK_MS = 300,
    BOOK_CALM_MS = 5000,
    BOOK_CONTRADICTED_MS = 3600000, /* a gateway that contradicts itself may do so again */
    BOOK_ATTEMPTS_MAX = 9,
    BOOK_DELETE_ATTEMPTS_MAX = 3, /* section 3.4 allows fewer */
    BOOK_COPY_MS = 1200,          /* what was sent arrives within this time */
    /* A request that was refused is repeated after pauses that grow up to a minute, with the suggestion that
     * was not refused yet; until the gateway grants something. */
    BOOK_PARTICULAR_MS = 70000,
};

enum book_kind {
    BOOK_KIND_ADDRESS = 1,
    BOOK_KIND_VERSION,
    BOOK_KIND_OPCODE,
    BOOK_KIND_CREATE_UDP = 8,
    BOOK_KIND_CREATE_TCP,
    BOOK_KIND_DELETE_UDP,
    BOOK_KIND_DELETE_TCP,
};

/* Of a packet of the gateway. */
enum book_fit {
    BOOK_FIT_SURE,
    BOOK_FIT_MAYBE, /* it may be late */
    BOOK_FIT_NOT,
};

struct book_question {
    uint64_t asked_ms;
    bool is_first; /* no answer to an earlier one can still come */
};

/* Was it certainly sent after the question, and by the clock that is known? */
enum book_fit book_judge(struct book *b, uint64_t now_ms, uint32_t epoch_s,
                         const struct book_question *question);
void book_gateway_trouble(struct book *b, uint64_t now_ms);
/* The mapping whose rule has the router port, or had it last. NULL: none, or it has another rule now. */
struct book_mapping *book_owner_of(const struct book *b, const struct book_lease *lease);
/* Of all but the first four bytes. */
uint64_t book_hash(const uint8_t *bytes, size_t len);

/* Entries move, so pointers into the tables become invalid in these two. */
struct book_mapping *book_take_mapping(struct book *b, uint32_t address, bool tcp, uint16_t port);
struct book_request *book_take_request(struct book *b, const struct book_request *wanted);
/* NULL: there is no such request without an answer. */
struct book_request *book_find_request(const struct book *b, uint32_t to, uint16_t to_port,
                                       uint16_t internal_port, unsigned kind);
/* The client was told that its request failed, or deletes the mapping: what the gateway answers to it now,
 * nobody asked for. */
void book_give_up(struct book *b, const struct book_mapping *m);
printf_(2, 3) void book_fail(const struct book *b, const char *format, ...);
const char *book_name(const struct book_mapping *m, char text[48]);
void book_check_epoch(struct book *b, uint64_t now_ms, uint32_t epoch_s);
void book_check_requests(struct book *b, uint64_t now_ms);
/* The daemon's answer to an address request, or its announcement, is right. */
void book_check_address(const struct book *b, const uint8_t *bytes, bool announced);
bool book_excused(const struct book *b, uint32_t address, bool tcp, uint16_t port);
/* The present process told the client, so it knows. */
bool book_told_by_us(const struct book *b, const struct book_mapping *m);
/* What the client was told last is what the gateway has certainly granted. */
bool book_still_holds(const struct book *b, const struct book_mapping *m, uint64_t now_ms);
/* The client still relies on it. */
bool book_believes(const struct book *b, const struct book_mapping *m, uint64_t now_ms);
/* Another client than that of `m`, or another mapping of it, has that port, or another client gave it up a
 * moment ago. `m` NULL: not known yet. NULL: none. */
const struct book_mapping *book_other_holder(const struct book *b, const struct book_mapping *m, bool tcp,
                                             uint16_t external_port, uint64_t now_ms);
/* Another mapping may have that port, or it may be in quarantine. */
/* The client's mappings in quarantine may end it early. */
bool book_rests_shortly(const struct book *b, uint32_t address, uint64_t now_ms);
bool book_may_rest(const struct book *b, const struct book_mapping *m, uint16_t external_port,
                   uint64_t now_ms);
/* Result 4 may come from a limit of the daemon. */
bool book_may_be_full(const struct book *b, const struct book_mapping *m, uint64_t now_ms);
/* The mapping was just granted. */
void book_check_limits(const struct book *b, uint64_t now_ms, const struct book_mapping *m);
void book_count_changes(struct book *b, uint64_t now_ms);
unsigned book_mappings_of(const struct book *b, uint32_t address);
/* The lease of that port, which may not be used yet; and the same, used from now on. */
struct book_lease *book_lease_at(const struct book *b, bool tcp, uint16_t router_port);
struct book_lease *book_take_lease(struct book *b, bool tcp, uint16_t router_port);
/* The latest end of what was granted; 0: nothing. */
uint64_t book_lease_ends_ms(const struct book_lease *lease);
uint64_t book_lease_gone_ms(const struct book_lease *lease);
/* Its deletion is not confirmed, and it may live so long. */
void book_lingers(struct book *b, struct book_lease *lease, uint64_t until_ms);
/* The one lease that certainly counts, and is not over before that time. */
bool book_lease_is_sure(const struct book *b, const struct book_lease *lease, uint64_t until_ms);
bool book_router_is_calm(const struct book *b, uint64_t now_ms, uint64_t for_ms);
/* The gateway contradicted its grants for one port three times within an hour. */
bool book_contradicts(const struct book *b, uint64_t now_ms);
bool book_gateway_is_calm(const struct book *b, uint64_t now_ms, uint64_t for_ms);
