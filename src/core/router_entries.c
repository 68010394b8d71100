/* Entries of the router's connection table that are older than a rule of ours. The router decides with the
 * first packet of a connection where all its packets go. So a peer that keeps sending to a port since before
 * the rule was there would never reach the client, and one that still sends to the client which had the port
 * before would go on to reach that one. The entries for the port that lead elsewhere are removed, and the
 * peer's next packet meets the rule. Only connections to an address of the tunnel are concerned: while none
 * is known, nothing is asked for.
 *
 * One print asks for the entries of several ports. What it shows is removed one by one, because an entry may
 * be gone by then. */
#include "core/router.h"

#include <assert.h>

#include "core/router_rows.h"

static const char component[] = "router";
static const char proplist[] = ".id,protocol,dst-address,dst-port,reply-src-address,reply-src-port";

/* ---- asking ---- */

/* The addresses to which packets for our rules come. */
static unsigned own_addresses(const struct router *r, uint32_t own[ENTRY_QUERIES_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->context.addresses && count < ENTRY_QUERIES_MAX; i++)
        if (r->context.on_interface[i])
            own[count++] = r->context.address[i];
    return count;
}

static bool is_own(const struct router *r, uint32_t address)
{
    uint32_t own[ENTRY_QUERIES_MAX];
    unsigned count = own_addresses(r, own);
    for (unsigned i = 0; i < count; i++)
        if (own[i] == address)
            return true;
    return false;
}

unsigned router_entries_room(const struct router *r)
{
    uint32_t own[ENTRY_QUERIES_MAX];
    unsigned addresses = own_addresses(r, own);
    bool may = r->ready && r->entries.targets == 0 && !r->entries.refused && session_free(&r->session[0]);
    return may && addresses > 0 ? ENTRY_QUERIES_MAX / addresses : 0;
}

/* Of so many results of the query, one is enough; with `also`, what was there before must be true as well. */
static void write_any_of(struct writer *w, unsigned results, bool also)
{
    char text[2 + ENTRY_QUERIES_MAX + 1] = "?#";
    size_t len = 2;
    while (--results > 0)
        text[len++] = '|';
    if (also)
        text[len++] = '&';
    if (len > 2)
        ros_write_word(w, span_of(text, len));
}

/* An entry is for one of the ports at one of the addresses. Older versions print both in one word. */
static void write_query(const struct router *r, struct writer *w)
{
    const struct old_entries *e = &r->entries;
    uint32_t own[ENTRY_QUERIES_MAX];
    unsigned addresses = own_addresses(r, own);
    for (unsigned i = 0; i < e->targets; i++)
        ros_write_pair_decimal(w, "?dst-port=", e->target[i].router_port);
    write_any_of(w, e->targets, false);
    for (unsigned i = 0; i < addresses; i++)
        flow_end_write(w, "?dst-address=", own[i], 0);
    write_any_of(w, addresses, true);
    for (unsigned i = 0; i < addresses; i++)
        for (unsigned k = 0; k < e->targets; k++)
            flow_end_write(w, "?dst-address=", own[i], e->target[k].router_port);
    write_any_of(w, addresses * e->targets + 1, false);
}

static void print(struct router *r, const struct step *step)
{
    struct writer w =
        session_begin(main_session(r), COMMAND_ENTRIES, 0, "/ip/firewall/connection/print", step);
    ros_write_pair_text(&w, "=.proplist=", proplist);
    write_query(r, &w);
    session_end(main_session(r), &w, step->out);
    r->entries.printing = true;
    r->entries.more_port = 0;
}

void router_entries_read(struct router *r, const struct entry_target *targets, unsigned count,
                         const struct step *step)
{
    struct old_entries *e = &r->entries;
    assert(count > 0 && count <= router_entries_room(r));
    memcpy(e->target, targets, count * sizeof *targets);
    e->targets = count;
    e->rounds = 1;
    print(r, step);
}

/* ---- answers ---- */

static const struct entry_target *find_target(const struct old_entries *e, enum natpmp_protocol protocol,
                                              uint64_t port)
{
    for (unsigned i = 0; i < e->targets; i++)
        if (e->target[i].protocol == (unsigned)protocol && e->target[i].router_port == port)
            return &e->target[i];
    return NULL;
}

/* An end of a connection, whose port may be in a word of its own; port 0: it is unknown. */
static bool read_end(const struct ros_sentence *row, const char *address_name, const char *port_name,
                     uint32_t *ret_address, uint64_t *ret_port)
{
    struct span text;
    if (!ros_attribute(row, address_name, &text) || !flow_end_parse(text, ret_address, ret_port))
        return false;
    if (*ret_port == 0 && (!ros_attribute(row, port_name, &text) || !parse_decimal(text, 65535, ret_port)))
        *ret_port = 0;
    return true;
}

void router_entries_row(struct router *r, const struct ros_sentence *row)
{
    struct old_entries *e = &r->entries;
    struct span text;
    uint32_t address;
    uint64_t port;
    uint32_t id;
    if (!ros_attribute(row, ".id", &text) || !ros_parse_id(text, &id) ||
        !ros_attribute(row, "protocol", &text) ||
        !read_end(row, "dst-address", "dst-port", &address, &port) || !is_own(r, address))
        return;
    bool tcp = span_is(text, "tcp") || span_is(text, "6");
    if (!tcp && !span_is(text, "udp") && !span_is(text, "17"))
        return;
    const struct entry_target *target = find_target(e, tcp ? NATPMP_TCP : NATPMP_UDP, port);
    if (target == NULL || !read_end(row, "reply-src-address", "reply-src-port", &address, &port) ||
        (address == target->client && (port == target->internal_port || port == 0)))
        return;
    if (e->ids < ENTRY_REMOVALS_MAX)
        e->id[e->ids++] = id;
    else
        e->more_port = target->router_port;
}

/* The targets go back to their owner, who asks again on the next connection. */
static void refuse(struct router *r, const struct command *c, struct actions *out)
{
    struct old_entries *e = &r->entries;
    if (!e->refused)
        actions_log(out, LOG_LEVEL_WARN, component,
                    "the router does not let double-natpmp %s old connections; their peers may not reach the "
                    "client through a new rule message=\"%s\"%s",
                    c->kind == COMMAND_ENTRIES ? "see" : "remove", c->message.text,
                    c->error == ROS_ERROR_PERMISSION ? " fix=\"" FAILURE_SET_POLICIES "\"" : "");
    e->refused = true;
    e->ids = 0;
    e->left = true;
}

void router_entries_done(struct router *r, const struct command *c, const struct step *step)
{
    struct old_entries *e = &r->entries;
    if (c->kind == COMMAND_ENTRIES)
        e->printing = false;
    else if (e->removing > 0)
        e->removing--;
    if (c->failed && (c->kind == COMMAND_ENTRIES || c->error != ROS_ERROR_NO_SUCH_ITEM))
        refuse(r, c, step->out);
}

void router_entries_down(struct router *r)
{
    struct old_entries *e = &r->entries;
    e->left = e->targets > 0;
    e->refused = false;
    e->printing = false;
    e->removing = 0;
    e->ids = 0;
}

unsigned router_entries_left(struct router *r, struct entry_target targets[ENTRY_QUERIES_MAX])
{
    struct old_entries *e = &r->entries;
    if (!e->left)
        return 0;
    unsigned count = e->targets;
    memcpy(targets, e->target, count * sizeof *targets);
    e->left = false;
    e->targets = 0;
    return count;
}

/* ---- removing ---- */

bool router_entries_wait(const struct router *r)
{
    const struct old_entries *e = &r->entries;
    bool over = e->targets > 0 && !e->printing && e->removing == 0 && !e->left;
    return (e->ids > 0 || over) && session_free(&r->session[0]);
}

void router_entries_tick(struct router *r, const struct step *step)
{
    struct old_entries *e = &r->entries;
    while (e->ids > 0 && router_entries_wait(r) && actions_room(step->out)) {
        struct writer w =
            session_begin(main_session(r), COMMAND_FORGET, 0, "/ip/firewall/connection/remove", step);
        ros_write_pair_id(&w, "=.id=", e->id[--e->ids]);
        session_end(main_session(r), &w, step->out);
        e->removing++;
    }
    if (e->ids > 0 || !router_entries_wait(r))
        return;
    if (!actions_room(step->out))
        return;
    if (e->more_port != 0 && e->rounds < ENTRY_ROUNDS_MAX) {
        e->rounds++;
        print(r, step);
        return;
    }
    if (e->more_port != 0)
        actions_log(
            step->out, LOG_LEVEL_WARN, component,
            "too many connections are older than a new rule; their peers do not reach the client until the "
            "router forgets them router=%u removed=%u",
            (unsigned)e->more_port, (unsigned)ENTRY_ROUNDS_MAX * (unsigned)ENTRY_REMOVALS_MAX);
    e->targets = 0;
}
