#include "lan_model.h"

#include <assert.h>

#include "bytes.h"

enum {
    FIRST_PAUSE_MS = 250,
    SOURCE_PORT_FIRST = 40000,
    LAST_PAUSE_FACTOR = 8, /* the pause after the ninth datagram, 64 s (section 3.1) */
};

void lan_init(struct lan_model *lan, uint32_t server, const struct lan_callbacks *callbacks, uint64_t seed)
{
    memset(lan, 0, sizeof(*lan));
    lan->callbacks = *callbacks;
    lan->prng = prng_seeded(seed);
    lan->server = server;
    lan->retry_refused_ms = 30000;
    lan->late_renewal_ms = UINT64_C(20) * 60 * 1000;
}

struct lan_client *lan_add(struct lan_model *lan, uint32_t address, enum lan_behaviour behaviour)
{
    struct lan_client *client = &lan->clients[lan->count++];

    assert(lan->count <= LAN_CLIENTS_MAX);
    *client = (struct lan_client){.address = address, .behaviour = behaviour, .address_next_ms = UINT64_MAX};
    client->address_port = SOURCE_PORT_FIRST - 1;
    return client;
}

/* ---- sending ---- */

void lan_send_raw(struct lan_model *lan, uint32_t address, uint16_t source_port, struct span datagram)
{
    lan->callbacks.send(lan->callbacks.context, (struct lan_endpoint){address, source_port}, datagram);
}

void lan_send_map(struct lan_model *lan, uint32_t address, uint16_t source_port, bool tcp,
                  uint16_t internal_port, uint16_t suggested, uint32_t lifetime_s)
{
    uint8_t request[12] = {0, tcp ? 2 : 1};

    put16(request + 4, internal_port);
    put16(request + 6, suggested);
    put32(request + 8, lifetime_s);
    lan_send_raw(lan, address, source_port, span_of(request, sizeof(request)));
}

/* 250 ms, 500 ms and so on, and 64 s after the ninth datagram. */
static uint64_t pause_ms(unsigned attempts)
{
    return (uint64_t)FIRST_PAUSE_MS << (attempts < 9 ? attempts - 1 : LAST_PAUSE_FACTOR);
}

static void send_copy(struct lan_model *lan, uint64_t now_ms, struct lan_client *client,
                      struct lan_mapping *mapping)
{
    bool delete = mapping->state == LAN_DELETING;

    mapping->attempts++;
    mapping->next_ms = now_ms + pause_ms(mapping->attempts);
    lan_send_map(lan, client->address, mapping->source_port, mapping->tcp, mapping->internal_port,
                 delete ? 0 : mapping->suggested, delete ? 0 : mapping->lifetime_s);
}

static void begin(struct lan_model *lan, uint64_t now_ms, struct lan_client *client,
                  struct lan_mapping *mapping, enum lan_state state)
{
    mapping->state = state;
    mapping->attempts = 0;
    send_copy(lan, now_ms, client, mapping);
}

struct lan_mapping *lan_find(struct lan_client *client, bool tcp, uint16_t internal_port)
{
    for (unsigned i = 0; i < LAN_MAPPINGS_MAX; i++) {
        struct lan_mapping *mapping = &client->mappings[i];

        if (mapping->state != LAN_UNUSED && mapping->tcp == tcp && mapping->internal_port == internal_port)
            return mapping;
    }
    return NULL;
}

static struct lan_mapping *unused(struct lan_client *client)
{
    for (unsigned i = 0; i < LAN_MAPPINGS_MAX; i++) {
        if (client->mappings[i].state == LAN_UNUSED) {
            client->mappings[i] = (struct lan_mapping){.source_port = (uint16_t)(SOURCE_PORT_FIRST + i)};
            client->used = i < client->used ? client->used : i + 1;
            return &client->mappings[i];
        }
    }
    return NULL;
}

struct lan_mapping *lan_map(struct lan_model *lan, uint64_t now_ms, struct lan_client *client, bool tcp,
                            uint16_t internal_port, uint16_t suggested, uint32_t lifetime_s)
{
    struct lan_mapping *mapping = lan_find(client, tcp, internal_port);

    if (!mapping) {
        mapping = unused(client);
        if (!mapping)
            return NULL;
        mapping->tcp = tcp;
        mapping->internal_port = internal_port;
        mapping->suggested = suggested;
    }
    mapping->lifetime_before_s = mapping->lifetime_s;
    mapping->lifetime_s = lifetime_s;
    begin(lan, now_ms, client, mapping, LAN_ASKING);
    return mapping;
}

void lan_unmap(struct lan_model *lan, uint64_t now_ms, struct lan_client *client, struct lan_mapping *mapping)
{
    begin(lan, now_ms, client, mapping, LAN_DELETING);
}

void lan_unmap_all(struct lan_model *lan, struct lan_client *client, bool tcp)
{
    for (unsigned i = 0; i < LAN_MAPPINGS_MAX; i++) {
        if (client->mappings[i].tcp == tcp)
            client->mappings[i].state = LAN_UNUSED;
    }
    lan_send_map(lan, client->address, SOURCE_PORT_FIRST - 2, tcp, 0, 0, 0);
}

static void send_address_copy(struct lan_model *lan, uint64_t now_ms, struct lan_client *client)
{
    client->address_attempts++;
    client->address_next_ms = now_ms + pause_ms(client->address_attempts);
    lan_send_raw(lan, client->address, client->address_port, span_of("\0\0", 2));
}

void lan_ask_address(struct lan_model *lan, uint64_t now_ms, struct lan_client *client)
{
    client->asked_address = true;
    client->address_attempts = 0;
    send_address_copy(lan, now_ms, client);
}

void lan_vanish(struct lan_client *client)
{
    client->gone = true;
}

/* ---- clients that break the rules ---- */

void lan_send_garbage(struct lan_model *lan, struct lan_client *client)
{
    static const uint32_t lifetimes[] = {0, 0, 1, 2, 60, 3600, 3600000, UINT32_MAX};
    struct prng *prng = &lan->prng;
    uint8_t bytes[1500] = {0};
    size_t len = 12;
    struct lan_client *other = &lan->clients[prng_below(prng, lan->count)];
    struct lan_mapping *victim = &other->mappings[prng_below(prng, LAN_MAPPINGS_MAX)];

    bytes[1] = (uint8_t)(1 + prng_below(prng, 2));
    put16(bytes + 4, prng_below(prng, 65536));
    put16(bytes + 6, prng_below(prng, 65536));
    put32(bytes + 8, lifetimes[prng_below(prng, 8)]);
    switch (prng_below(prng, 9)) {
    case 0: /* a mapping of another client */
        put16(bytes + 4, victim->internal_port);
        put32(bytes + 8, 0);
        break;
    case 1: /* too short, or longer than needed */
        len = prng_below(prng, 2) ? prng_below(prng, 12) : 13 + prng_below(prng, 1480);
        break;
    case 2: /* PCP and versions that do not exist */
        bytes[0] = (uint8_t)(prng_below(prng, 2) ? 2 : 1 + prng_below(prng, 255));
        len = prng_below(prng, 2) ? 24 : 60;
        break;
    case 3: /* a response */
        bytes[1] = (uint8_t)(128 + prng_below(prng, 128));
        bytes[0] = (uint8_t)prng_below(prng, 3);
        break;
    case 4: /* an opcode that does not exist */
        bytes[1] = (uint8_t)(3 + prng_below(prng, 125));
        len = 2 + prng_below(prng, 30);
        break;
    case 5: /* port 0 with a lifetime */
        put16(bytes + 4, 0);
        put32(bytes + 8, 60);
        break;
    case 6: /* reserved bytes set, and another client's port suggested */
        put16(bytes + 2, prng_below(prng, 65536));
        put16(bytes + 6, victim->external_port);
        break;
    case 7: /* an address request with trailing bytes, or a delete-all of its own with a suggestion */
        bytes[1] = (uint8_t)prng_below(prng, 3);
        put16(bytes + 4, 0);
        put32(bytes + 8, 0);
        break;
    default:
        len = prng_below(prng, 40);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)prng_below(prng, 256);
        break;
    }
    lan_send_raw(lan, client->address, (uint16_t)(50000 + prng_below(prng, 8)), span_of(bytes, len));
}

/* ---- receiving ---- */

static void fail(struct lan_model *lan, const struct lan_client *client, const char *what,
                 struct span datagram)
{
    lan->callbacks.fail(lan->callbacks.context, what, client->address, datagram);
}

/* Section 3.6: the epoch of a server that kept its state is at most 12.5 % and 2 s behind the client's
 * clock. */
static void check_epoch(struct lan_model *lan, uint64_t now_ms, struct lan_client *client,
                        struct span datagram)
{
    uint32_t epoch_s = get32(datagram.data + 4);
    uint64_t elapsed_s = (now_ms - client->epoch_ms) / 1000;
    bool reset = client->has_epoch && (uint64_t)epoch_s + 2 < client->epoch_s + elapsed_s * 7 / 8;
    bool ahead = client->has_epoch && epoch_s > client->epoch_s + elapsed_s + elapsed_s / 16 + 2;

    if (ahead && !lan->callbacks.reset_is_due(lan->callbacks.context, client->epoch_ms))
        fail(lan, client, "the epoch is ahead of the time", datagram);
    if (reset && !lan->callbacks.reset_is_due(lan->callbacks.context, client->epoch_ms))
        fail(lan, client, "the epoch went back and nothing was lost", datagram);
    client->has_epoch = true;
    client->epoch_s = epoch_s;
    client->epoch_ms = now_ms;
    if (!reset || client->behaviour != LAN_GOOD)
        return;
    for (unsigned i = 0; i < LAN_MAPPINGS_MAX; i++) {
        struct lan_mapping *mapping = &client->mappings[i];

        /* Section 3.7: after a random delay of up to 5 s. */
        if (mapping->state == LAN_HELD)
            mapping->next_ms = now_ms + prng_below(&lan->prng, 5000);
    }
}

static void take_error(struct lan_model *lan, uint64_t now_ms, struct lan_client *client,
                       struct lan_mapping *mapping, struct span datagram)
{
    if (get16(datagram.data + 10) != 0 || get32(datagram.data + 12) != 0)
        fail(lan, client, "an error with a port or a lifetime", datagram);
    /* The client may have sent another request meanwhile, so only the answer to the present one counts. */
    if (mapping->state != LAN_ASKING && mapping->state != LAN_DELETING)
        return;
    mapping->state = mapping->state == LAN_DELETING ? LAN_UNUSED : LAN_REFUSED;
    mapping->next_ms = now_ms + lan->retry_refused_ms;
}

static void take_success(struct lan_model *lan, uint64_t now_ms, struct lan_client *client,
                         struct lan_mapping *mapping, struct span datagram)
{
    uint32_t granted_s = get32(datagram.data + 12);
    uint64_t renewal_ms = (uint64_t)granted_s * 500;

    if (granted_s == 0) {
        if (get16(datagram.data + 10) != 0)
            fail(lan, client, "a deletion with a port", datagram);
        if (mapping->state == LAN_DELETING)
            mapping->state = LAN_UNUSED;
        return;
    }
    if (get16(datagram.data + 10) == 0)
        fail(lan, client, "a mapping without a port", datagram);
    if (granted_s > mapping->lifetime_s && granted_s > mapping->lifetime_before_s)
        fail(lan, client, "a longer lifetime than requested", datagram);
    if (mapping->state == LAN_DELETING)
        return;
    mapping->external_port = get16(datagram.data + 10);
    mapping->suggested = mapping->external_port;
    mapping->granted_s = granted_s;
    mapping->granted_ms = now_ms;
    mapping->state = LAN_HELD;
    if (client->behaviour == LAN_LATE)
        renewal_ms = lan->late_renewal_ms;
    mapping->next_ms = now_ms + (renewal_ms < 500 ? 500 : renewal_ms);
}

static void take_map(struct lan_model *lan, uint64_t now_ms, struct lan_client *client, uint16_t port,
                     struct span datagram)
{
    struct lan_mapping *mapping = lan_find(client, datagram.data[1] == 130, get16(datagram.data + 8));

    if (datagram.len != 16) {
        fail(lan, client, "a map response has 16 bytes", datagram);
        return;
    }
    /* The answer to a request that timed out, or to a delete-all. */
    if (!mapping || mapping->source_port != port)
        return;
    mapping->answers++;
    mapping->result = get16(datagram.data + 2);
    if (mapping->result != 0)
        take_error(lan, now_ms, client, mapping, datagram);
    else
        take_success(lan, now_ms, client, mapping, datagram);
}

static void take_address(struct lan_model *lan, struct lan_client *client, struct span datagram)
{
    if (datagram.len != 12) {
        fail(lan, client, "an address response has 12 bytes", datagram);
        return;
    }
    client->address_result = get16(datagram.data + 2);
    client->external_address = get32(datagram.data + 8);
    if ((client->address_result == 0) != (client->external_address != 0))
        fail(lan, client, "an address goes with success, 0.0.0.0 with an error", datagram);
    client->address_answers++;
    client->address_next_ms = UINT64_MAX;
}

static struct lan_client *find_client(struct lan_model *lan, uint32_t address)
{
    for (unsigned i = 0; i < lan->count; i++) {
        if (lan->clients[i].address == address)
            return &lan->clients[i];
    }
    return NULL;
}

void lan_receive(struct lan_model *lan, uint64_t now_ms, struct lan_endpoint to, uint32_t from,
                 struct span datagram)
{
    struct lan_client *client = find_client(lan, to.address);

    if (!client || client->gone || client->behaviour == LAN_LIAR)
        return;
    if (from != lan->server)
        fail(lan, client, "a reply from another address than the request went to", datagram);
    if (datagram.len < 8 || datagram.data[0] != 0 || datagram.data[1] < 128) {
        fail(lan, client, "not a response", datagram);
        return;
    }
    check_epoch(lan, now_ms, client, datagram);
    if (datagram.data[1] == 128)
        take_address(lan, client, datagram);
    else if (datagram.data[1] <= 130)
        take_map(lan, now_ms, client, to.port, datagram);
    else
        fail(lan, client, "a response to an opcode that was never sent", datagram);
}

void lan_announced(struct lan_model *lan, uint64_t now_ms, struct span datagram)
{
    for (unsigned i = 0; i < lan->count; i++) {
        struct lan_client *client = &lan->clients[i];

        if (client->gone || client->behaviour != LAN_GOOD || lan->deaf)
            continue;
        if (datagram.len != 12 || datagram.data[0] != 0 || datagram.data[1] != 128) {
            fail(lan, client, "not an announcement", datagram);
            return;
        }
        client->announcements++;
        check_epoch(lan, now_ms, client, datagram);
    }
}

/* ---- time ---- */

static bool has_timer(const struct lan_client *client, const struct lan_mapping *mapping)
{
    return !client->gone && mapping->state != LAN_UNUSED;
}

uint64_t lan_next_ms(const struct lan_model *lan)
{
    uint64_t next_ms = UINT64_MAX;

    for (unsigned i = 0; i < lan->count; i++) {
        const struct lan_client *client = &lan->clients[i];

        if (client->gone)
            continue;
        if (client->address_next_ms < next_ms)
            next_ms = client->address_next_ms;
        for (unsigned k = 0; k < client->used; k++) {
            const struct lan_mapping *mapping = &client->mappings[k];

            if (has_timer(client, mapping) && mapping->next_ms < next_ms)
                next_ms = mapping->next_ms;
        }
    }
    return next_ms;
}

static void mapping_due(struct lan_model *lan, uint64_t now_ms, struct lan_client *client,
                        struct lan_mapping *mapping)
{
    bool waiting = mapping->state == LAN_ASKING || mapping->state == LAN_DELETING;

    if (waiting && mapping->attempts < LAN_ATTEMPTS_MAX) {
        send_copy(lan, now_ms, client, mapping);
    } else if (mapping->state == LAN_DELETING) {
        mapping->state = LAN_UNUSED;
    } else if (mapping->state == LAN_ASKING) {
        mapping->state = LAN_NO_REPLY;
        mapping->next_ms = now_ms + lan->retry_refused_ms;
    } else {
        begin(lan, now_ms, client, mapping, LAN_ASKING);
    }
}

void lan_run(struct lan_model *lan, uint64_t now_ms)
{
    for (unsigned i = 0; i < lan->count; i++) {
        struct lan_client *client = &lan->clients[i];

        if (!client->gone && client->address_next_ms <= now_ms) {
            if (client->address_attempts < LAN_ATTEMPTS_MAX)
                send_address_copy(lan, now_ms, client);
            else
                client->address_next_ms = UINT64_MAX;
        }
        for (unsigned k = 0; k < client->used; k++) {
            if (has_timer(client, &client->mappings[k]) && client->mappings[k].next_ms <= now_ms)
                mapping_due(lan, now_ms, client, &client->mappings[k]);
        }
    }
}
