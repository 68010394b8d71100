/* Any bytes from a reader of the status page, in pieces of any size, through the real HTTP library. Each
 * reply is one of HTTP, and nothing of the request comes back as HTML. */

#include "fuzz.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/web.h"

enum {
    /* A request that is not complete has no answer before its time is over. */
    TURNS_MAX = 20,
    TURN_WAIT_MS = 1,
    REPLY_MAX = 1 << 16,
};

struct run {
    uv_loop_t loop;
    struct web web;
    struct changes changes;
    struct self_findings findings;
    struct config config;
    uint8_t reply[REPLY_MAX];
    size_t len;
};

static void give_history(struct run *run)
{
    for (unsigned kind = 0; kind < NOTICES; kind++) {
        struct notice notice = {.number = kind,
                                .kind = (uint8_t)kind,
                                .client = INADDR_LOOPBACK,
                                .internal_port = 6881,
                                .external_port = (uint16_t)(41000 + kind)};
        changes_add(&run->changes, &notice, 1);
        web_notice(&run->web, &notice, 1);
    }
}

static void give_findings(struct run *run)
{
    static const struct finding finding = {
        .id = FINDING_GATEWAY, .status = FINDING_FAIL, .what = "<b>", .cure = "a \"b\" & c"};
    for (unsigned i = 0; i < 3; i++)
        run->findings.at[run->findings.count++].finding = finding;
    run->findings.checked = true;
}

static struct run *start(void)
{
    static struct run run;
    static const struct proxy_config about = {.gateway = 0x0A020001,
                                              .mappings_max = 16,
                                              .client_mappings_max = 16,
                                              .instance = "default",
                                              .user = "u"};
    void *proxy =
        mmap(NULL, proxy_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(proxy != MAP_FAILED);
    proxy_init(proxy, &about, 1);
    run.config.status_address = INADDR_LOOPBACK;
    /* Any free port: several fuzzers may run. */
    int result = uv_loop_init(&run.loop);
    assert(result == 0);
    result = web_open(&run.web, &run.loop, proxy, &run.config, &run.changes, &run.findings);
    assert(result == 0);
    give_history(&run);
    give_findings(&run);
    return &run;
}

static int connected(const struct run *run)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(http_port(run->web.server)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger none = {.l_onoff = 1}; /* leaves no connection that waits */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0);
    int result = connect(fd, (const struct sockaddr *)&to, sizeof(to));
    assert(result == 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    return fd;
}

/* True at the end of the connection. */
static bool read_reply(struct run *run, int fd)
{
    ssize_t got = recv(fd, run->reply + run->len, REPLY_MAX - run->len, MSG_DONTWAIT);
    if (got > 0)
        run->len += (size_t)got;
    assert(run->len < REPLY_MAX);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

static void turn(struct run *run)
{
    struct pollfd backend = {.fd = uv_backend_fd(&run->loop), .events = POLLIN};
    (void)poll(&backend, 1, TURN_WAIT_MS);
    (void)uv_run(&run->loop, UV_RUN_NOWAIT);
}

static void converse(struct run *run, const uint8_t *data, size_t size, size_t piece)
{
    int fd = connected(run);
    bool ended = false;
    while (size > 0 && !ended) {
        size_t count = piece < size ? piece : size;
        ended = send(fd, data, count, MSG_NOSIGNAL) != (ssize_t)count;
        data += count;
        size -= count;
        turn(run);
        ended = ended || read_reply(run, fd);
    }
    (void)shutdown(fd, SHUT_WR);
    for (unsigned turns = 0; !ended && turns < TURNS_MAX; turns++) {
        turn(run);
        ended = read_reply(run, fd);
    }
    (void)close(fd);
    turn(run);
}

static bool has(const uint8_t *data, size_t size, const char *text)
{
    return memmem(data, size, text, strlen(text)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run *run;
    if (run == NULL)
        run = start();
    if (size == 0)
        return 0;
    run->len = 0;
    converse(run, data + 1, size - 1, (size_t)data[0] + 1);
    if (run->len == 0)
        return 0;
    assert(run->len > 12 && memcmp(run->reply, "HTTP/1.", 7) == 0);
    assert(!has(run->reply, run->len, "<script"));
    return 0;
}
