/* steps KIND COUNT: the core alone, with a fixed list of events, to count instructions. First come 1,000
 * mappings of 100 clients, then COUNT times KIND: renewal, creation, address or nothing (the deletion of a
 * mapping that does not exist). Two runs with different counts differ only by those. */
#include <assert.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "bytes.h"
#include "core/proxy.h"
#include "natpmp_answer.h"
#include "routeros_server.h"

enum {
    CLIENTS = 100,
    MAPPINGS = 10,
    BURST = 50,
    GATEWAY = 0x0A020001,
    LISTENS = 0xAC110002,
    ROUTER = 0xAC110001,
    FIRST_CLIENT = 0x0A400001,
    INPUT_MAX = 4096, /* the bytes of one read from a connection */
};

static struct proxy *proxy;
static struct actions actions;
static struct routeros_server router;
static uint64_t now_ms = 1000000;
static unsigned answers;

/* The request to the gateway. Its answer comes as an event of its own. */
static uint8_t to_gateway[ACTIONS_MAX][16];
static unsigned to_gateway_len[ACTIONS_MAX];
static unsigned asked;
static bool opening[ROUTER_SESSIONS_MAX];

static void perform(const struct action *action)
{
    switch (action->type) {
    case ACTION_LAN_SEND:
        assert(action->lan.bytes.len >= 12 && action->lan.bytes.data[3] == 0);
        answers++;
        break;
    case ACTION_GATEWAY_SEND:
        memcpy(to_gateway[asked], action->gateway.data, action->gateway.len);
        to_gateway_len[asked++] = (unsigned)action->gateway.len;
        break;
    case ACTION_ROUTER_OPEN:
        opening[action->router.session] = true;
        break;
    case ACTION_ROUTER_SEND:
        routeros_server_take(&router, action->router.session, action->router.bytes);
        break;
    case ACTION_ROUTER_CLOSE:
    case ACTION_EXIT:
        errx(1, "the proxy closes a connection or ends");
    case ACTION_ANNOUNCE:
    case ACTION_LOG:
    case ACTION_NOTICE:
        break;
    }
}

static void step(struct event event)
{
    event.now_ms = now_ms;
    proxy_step(proxy, &event, &actions);
    for (unsigned i = 0; i < actions.count; i++)
        perform(&actions.at[i]);
}

static bool gateway_answers(void)
{
    if (asked == 0)
        return false;
    asked--;
    unsigned len = natpmp_answer(to_gateway[asked], to_gateway_len[asked], (uint32_t)(now_ms / 1000));
    uint8_t reply[16];
    memcpy(reply, to_gateway[asked], len);
    step((struct event){.type = EVENT_GATEWAY, .gateway = span_of(reply, len)});
    return true;
}

static bool router_answers(unsigned session)
{
    static uint8_t bytes[INPUT_MAX];
    struct routeros_connection *c = &router.connection[session];
    if (opening[session]) {
        opening[session] = false;
        routeros_server_open(&router, session);
        step((struct event){.type = EVENT_ROUTER_OPEN, .router = {.session = session, .peer = ROUTER}});
        return true;
    }
    size_t len = c->out_len < INPUT_MAX ? c->out_len : INPUT_MAX;
    if (len == 0)
        return false;
    memcpy(bytes, c->out, len);
    c->out_len -= len;
    memmove(c->out, c->out + len, c->out_len);
    step((struct event){.type = EVENT_ROUTER_DATA,
                        .router = {.session = session, .bytes = span_of(bytes, len)}});
    return true;
}

/* Runs until no side has anything to send. */
static void settle(void)
{
    bool busy = true;
    while (busy) {
        busy = gateway_answers();
        for (unsigned i = 0; i < ROUTER_SESSIONS_MAX; i++)
            busy = router_answers(i) || busy;
        if (proxy_deadline_ms(proxy) <= now_ms) {
            step((struct event){.type = EVENT_DEADLINE});
            busy = true;
        }
    }
}

static void ask(unsigned client, uint8_t opcode, unsigned port, unsigned suggested, unsigned lifetime_s)
{
    uint8_t bytes[12] = {0, opcode};
    put16(bytes + 4, port);
    put16(bytes + 6, suggested);
    put32(bytes + 8, lifetime_s);
    step((struct event){
        .type = EVENT_LAN,
        .lan = {.from = {.address = FIRST_CLIENT + client, .port = 40000},
                .to = LISTENS,
                .interface = 2,
                .bytes = span_of(bytes, opcode == 0 ? 2 : sizeof(bytes))},
    });
}

static void map(unsigned n, unsigned lifetime_s)
{
    ask(n % CLIENTS, 1, 10000 + n / CLIENTS, 1024 + n, lifetime_s);
}

static void one(char kind, unsigned n)
{
    switch (kind) {
    case 'r':
        /* A request that is equal to the last one would be a retransmission, and would need no gateway. */
        map(n % (CLIENTS * MAPPINGS), 7200 - n / (CLIENTS * MAPPINGS) % 2);
        break;
    case 'c':
        map(n, 7200);
        break;
    case 'a':
        ask(n % CLIENTS, 0, 0, 0, 0);
        break;
    case 'n':
        ask(n % CLIENTS, 1, 9, 0, 0);
        break;
    default:
        errx(2, "renewal, creation, address or nothing");
    }
}

static void burst(char kind, unsigned number)
{
    unsigned before = answers;
    now_ms += 10;
    for (unsigned i = 0; i < BURST; i++)
        one(kind, number * BURST + i);
    settle();
    if (answers != before + BURST)
        errx(1, "%u answers to %u requests", answers - before, (unsigned)BURST);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        errx(2, "usage: steps KIND COUNT");
    struct proxy_config config = {.gateway = GATEWAY,
                                  .instance = "default",
                                  .user = "u",
                                  .password = "p",
                                  .log_level = LOG_LEVEL_WARN,
                                  .mappings_max = MAPPINGS_MAX,
                                  .client_mappings_max = CLIENT_MAPPINGS_MAX};
    proxy = calloc(1, proxy_size());
    if (proxy == NULL)
        err(1, "proxy");
    proxy_init(proxy, &config, 1);
    step((struct event){.type = EVENT_START});
    settle();
    for (unsigned i = 0; i < CLIENTS * MAPPINGS / BURST; i++)
        burst('r', i);
    unsigned count = (unsigned)argument_number(argv[2], UINT32_MAX);
    for (unsigned i = 0; i < count; i++)
        burst(argv[1][0], CLIENTS * MAPPINGS / BURST + i);
    return 0;
}
