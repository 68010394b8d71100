/* Bytes choose events for the core: raw datagrams from the LAN and the gateway, raw bytes of the router, and
 * time. Answers that fit the core's commands are among them, so that the fuzzer gets further than the login.
 * No step takes more than its bound, the deadline is never in the past, the core writes only to open
 * connections, and the tables stay consistent. */

#include "fuzz.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "core/proxy.h"
#include "proxy_check.h"

enum {
    TAGS_MAX = 64,
    TAG_LENGTH_MAX = 16,
    DEADLINES_AT_ONCE_MAX = 1000,
    EVENTS_MAX = 4000,
};

enum connection_state {
    CLOSED,
    OPENING,
    OPEN,
};

struct connection {
    enum connection_state state;
    char tag[TAGS_MAX][TAG_LENGTH_MAX]; /* of commands without an answer, the oldest first */
    unsigned tags;
};

struct run {
    struct proxy *proxy;
    struct actions *out;
    struct span input;
    uint64_t now_ms;
    uint64_t fired_ms;
    unsigned fired;
    bool exited;
    uint64_t notices;
    struct connection connection[ROUTER_SESSIONS_MAX];
    uint8_t asked[12]; /* the last request to the gateway */
    size_t asked_len;
};

/* ---- input ---- */

static struct span take_bytes(struct run *run)
{
    size_t len = fuzz_take(&run->input);
    struct span bytes;

    if (len > run->input.len)
        len = run->input.len;
    bytes = span_of(run->input.data, len);
    run->input = span_skip(run->input, len);
    return bytes;
}

/* ---- actions ---- */

/* Finds the tags in the core's commands, whose words are always shorter than 16 KiB. */
static void note_tags(struct connection *connection, struct span bytes)
{
    static const char name[] = ".tag=";

    for (size_t i = 0; i + sizeof(name) < bytes.len; i++) {
        size_t len = i > 0 ? bytes.data[i - 1] : 0;

        if (memcmp(bytes.data + i, name, sizeof(name) - 1) != 0 || len <= sizeof(name) - 1 ||
            i + len > bytes.len || len >= TAG_LENGTH_MAX || connection->tags == TAGS_MAX)
            continue;
        memcpy(connection->tag[connection->tags], bytes.data + i, len);
        connection->tag[connection->tags++][len] = '\0';
    }
}

static void carry_out(struct run *run, const struct action *action)
{
    struct connection *connection;

    assert(!run->exited);
    if (action->type == ACTION_EXIT) {
        run->exited = true;
    } else if (action->type == ACTION_GATEWAY_SEND) {
        assert(action->gateway.len == 2 || action->gateway.len == 12);
        run->asked_len = action->gateway.len;
        memcpy(run->asked, action->gateway.data, run->asked_len);
    } else if (action->type == ACTION_LAN_SEND) {
        assert(action->lan.bytes.len >= 4 && action->lan.bytes.data[1] >= 128);
    } else if (action->type == ACTION_LOG) {
        for (size_t i = 0; i < action->log.text.len; i++)
            assert(action->log.text.data[i] >= ' ' && action->log.text.data[i] <= '~');
    } else if (action->type == ACTION_NOTICE) {
        assert(action->notice.number == run->notices++ && action->notice.kind < NOTICES);
    } else if (action->type != ACTION_ANNOUNCE) {
        assert(action->router.session < ROUTER_SESSIONS_MAX);
        connection = &run->connection[action->router.session];
        if (action->type == ACTION_ROUTER_OPEN) {
            assert(connection->state == CLOSED);
            *connection = (struct connection){.state = OPENING};
        } else if (action->type == ACTION_ROUTER_CLOSE) {
            assert(connection->state != CLOSED);
            connection->state = CLOSED;
        } else {
            assert(connection->state == OPEN);
            note_tags(connection, action->router.bytes);
        }
    }
}

static void give(struct run *run, struct event event)
{
    if (run->exited)
        return;
    event.now_ms = run->now_ms;
    proxy_step(run->proxy, &event, run->out);
    assert(run->out->count <= ACTIONS_MAX && run->out->used <= ACTION_BYTES_MAX);
    for (unsigned i = 0; i < run->out->count; i++)
        carry_out(run, &run->out->at[i]);
    assert(run->exited || proxy_deadline_ms(run->proxy) >= run->now_ms);
    proxy_check(run->proxy);
}

/* ---- events ---- */

static void fire(struct run *run)
{
    uint64_t deadline_ms = proxy_deadline_ms(run->proxy);

    if (deadline_ms == UINT64_MAX || run->exited)
        return;
    if (deadline_ms > run->now_ms)
        run->now_ms = deadline_ms;
    run->fired = run->fired_ms == run->now_ms ? run->fired + 1 : 0;
    run->fired_ms = run->now_ms;
    assert(run->fired < DEADLINES_AT_ONCE_MAX);
    give(run, (struct event){.type = EVENT_DEADLINE});
}

/* Deadlines on the way fire in time, as the driver does it. */
static void pass_time(struct run *run)
{
    uint64_t until_ms = run->now_ms + ((uint64_t)fuzz_take(&run->input) << (fuzz_take(&run->input) % 16));

    for (unsigned i = 0; i < EVENTS_MAX && !run->exited && proxy_deadline_ms(run->proxy) <= until_ms; i++)
        fire(run);
    if (run->now_ms < until_ms && (run->exited || proxy_deadline_ms(run->proxy) > until_ms))
        run->now_ms = until_ms;
}

static void lan_datagram(struct run *run)
{
    static const uint32_t sources[] = {0xc0a8580a, 0xc0a8580b, 0xc0a8580c, 0x0a020001, 0x08080808, 0};
    struct endpoint from = {sources[fuzz_take(&run->input) % ARRAY_LEN(sources)],
                            (uint16_t)(40000 + fuzz_take(&run->input) % 4)};

    give(run,
         (struct event){.type = EVENT_LAN,
                        .lan = {.from = from, .to = 0xc0a85801, .interface = 2, .bytes = take_bytes(run)}});
}

/* A map request with few different ports, so that requests collide. */
static void lan_map(struct run *run)
{
    uint8_t who = fuzz_take(&run->input);
    uint8_t what = fuzz_take(&run->input);
    uint8_t request[12] = {
        0, (uint8_t)(1 + (what & 1)), 0, 0, 0x17, what >> 1 & 3, 0x17, what >> 3 & 3, 0, 0, 0, 0};

    request[11] = what >> 5 & 1 ? 0 : 60;
    request[4] = what >> 6 == 3 ? 0 : 0x17;
    give(run, (struct event){.type = EVENT_LAN,
                             .lan = {.from = {0xc0a8580a + (who & 3), (uint16_t)(40000 + (who >> 2 & 3))},
                                     .to = 0xc0a85801,
                                     .interface = 2,
                                     .bytes = span_of(request, sizeof(request))}});
}

/* An answer to the last request, valid or not. */
static void gateway_answer(struct run *run)
{
    static const uint8_t address[4] = {185, 1, 2, 3};
    uint8_t kind = fuzz_take(&run->input);
    uint8_t reply[16] = {0, (uint8_t)(128 + run->asked[1])};
    size_t len = run->asked_len == 2 ? 12 : 16;

    reply[3] = kind & 8 ? kind & 7 : 0;
    reply[6] = fuzz_take(&run->input);
    if (len == 12) {
        memcpy(reply + 8, address, sizeof(address));
    } else {
        memcpy(reply + 8, run->asked + 4, 2);
        reply[10] = 0x90;
        reply[11] = kind >> 4 & 3;
        reply[15] = kind & 64 ? 60 : run->asked[11];
    }
    give(run, (struct event){.type = EVENT_GATEWAY, .gateway = span_of(reply, kind & 128 ? 8 : len)});
}

static void router_data(struct run *run, unsigned session, struct span bytes)
{
    if (run->connection[session].state == OPEN)
        give(run, (struct event){.type = EVENT_ROUTER_DATA, .router = {.session = session, .bytes = bytes}});
}

static size_t put_word(uint8_t *at, const char *word)
{
    struct span text = span_text(word);

    assert(text.len < 128);
    at[0] = (uint8_t)text.len;
    memcpy(at + 1, text.data, text.len);
    return text.len + 1;
}

/* A whole sentence for the oldest command or another one, with words that the core reads. */
static void router_sentence(struct run *run, unsigned session)
{
    static const char *const replies[] = {"!re",    "!done", "!trap", "!empty",
                                          "!fatal", "!re",   "!done", "!done"};
    static const char *const words[] = {"=ret=*1",
                                        "=.id=*1",
                                        "=.id=*2",
                                        "=version=7.18.2 (stable)",
                                        "=status=ok",
                                        "=interface=wg0",
                                        "=chain=dstnat",
                                        "=action=dst-nat",
                                        "=protocol=udp",
                                        "=dst-port=5888",
                                        "=dst-port=5000-6000,7000",
                                        "=in-interface=wg0",
                                        "=to-addresses=192.168.88.10",
                                        "=to-ports=5888",
                                        "=comment=double-natpmp/default external 5888 lease 60 s",
                                        "=comment=double-natpmp/default external pending lease 60 s",
                                        "=disabled=false",
                                        "=disabled=true",
                                        "=dynamic=false",
                                        "=.dead=true",
                                        "=message=no such item (4)",
                                        "=message=no such command",
                                        "=message=not enough permissions (9)",
                                        "=message=invalid user name or password (6)",
                                        "=dst-address=10.2.0.0/24",
                                        "=gateway=wg0",
                                        "=active=true",
                                        "=list=LAN",
                                        "=name=LAN",
                                        "=include=all",
                                        "=address=10.2.0.2/24",
                                        "=ret=0123456789abcdef0123456789abcdef",
                                        "=packets=3",
                                        "=bytes=180"};
    struct connection *connection = &run->connection[session];
    uint8_t kind = fuzz_take(&run->input);
    uint8_t count = fuzz_take(&run->input) % 14;
    const char *reply = replies[kind % ARRAY_LEN(replies)];
    unsigned which = connection->tags > 0 ? (kind >> 3) % connection->tags : 0;
    uint8_t sentence[2048];
    size_t len = put_word(sentence, reply);

    if (connection->state != OPEN)
        return;
    if (connection->tags > 0)
        len += put_word(sentence + len, connection->tag[which]);
    while (count-- > 0)
        len += put_word(sentence + len, words[fuzz_take(&run->input) % ARRAY_LEN(words)]);
    sentence[len++] = 0;
    if (connection->tags > 0 && strcmp(reply, "!done") == 0) {
        connection->tags--;
        memmove(connection->tag[which], connection->tag[which + 1],
                (connection->tags - which) * sizeof(connection->tag[0]));
    }
    router_data(run, session, span_of(sentence, len));
}

static void router_state(struct run *run, unsigned session, bool close)
{
    struct connection *connection = &run->connection[session];
    uint8_t reason = fuzz_take(&run->input);

    if (close && connection->state != CLOSED) {
        connection->state = CLOSED;
        give(run, (struct event){.type = EVENT_ROUTER_CLOSED,
                                 .router = {.session = session,
                                            .failure = (enum failure)(1 + reason % CONNECTION_FAILURES)}});
    } else if (!close && connection->state == OPENING) {
        connection->state = OPEN;
        give(run,
             (struct event){.type = EVENT_ROUTER_OPEN, .router = {.session = session, .peer = 0xac110001}});
    }
}

static void next(struct run *run)
{
    uint8_t op = fuzz_take(&run->input);
    unsigned session = op >> 4 & (ROUTER_SESSIONS_MAX - 1);

    switch (op & 15) {
    case 0:
        pass_time(run);
        break;
    case 1:
        fire(run);
        break;
    case 2:
        lan_datagram(run);
        break;
    case 3:
    case 4:
        lan_map(run);
        break;
    case 5:
        give(run, (struct event){.type = EVENT_GATEWAY, .gateway = take_bytes(run)});
        break;
    case 6:
    case 7:
        gateway_answer(run);
        break;
    case 8:
        give(run, (struct event){.type = EVENT_GATEWAY_ERROR,
                                 .gateway_error = (enum gateway_trouble)(GATEWAY_PORT_UNREACHABLE +
                                                                         fuzz_take(&run->input) % 4)});
        break;
    case 9:
        router_data(run, session, take_bytes(run));
        break;
    case 10:
        router_state(run, session, true);
        break;
    case 11:
        router_state(run, session, false);
        break;
    case 12:
        give(run, (struct event){.type = fuzz_take(&run->input) == 0xff ? EVENT_STOP : EVENT_ASKED});
        break;
    default:
        router_sentence(run, session);
        break;
    }
}

/* Most of these megabytes of zeros are never used. Giving the pages back is far quicker than writing them. */
static void *fresh_memory(void)
{
    static void *memory;

    if (!memory)
        memory = mmap(NULL, proxy_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(memory != MAP_FAILED);
    assert(madvise(memory, proxy_size(), MADV_DONTNEED) == 0);
    return memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct proxy_config config = {.gateway = 0x0a020001,
                                               .instance = "default",
                                               .user = "natpmp",
                                               .password = "secret",
                                               .mappings_max = MAPPINGS_MAX,
                                               .client_mappings_max = CLIENT_MAPPINGS_DEFAULT,
                                               .log_level = LOG_LEVEL_DEBUG};
    static struct actions out;
    struct run run = {.proxy = fresh_memory(), .out = &out, .input = span_of(data, size), .now_ms = 1000};

    proxy_init(run.proxy, &config, fuzz_take(&run.input));
    give(&run, (struct event){.type = EVENT_START});
    for (unsigned i = 0; i < EVENTS_MAX && run.input.len > 0 && !run.exited; i++)
        next(&run);
    return 0;
}
