#include "io/feed.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/abstract.h"
#include "io/probe.h"

/* ---- one reader ---- */

static void on_closed(uv_handle_t *handle)
{
    struct feed_reader *reader = handle->data;
    reader->closing = false;
}

static void on_connect(uv_poll_t *poll, int status, int events);

/* There may be a descriptor again. */
static void resume_accepting(struct feed_server *s)
{
    if (s->paused)
        s->paused = uv_poll_start(&s->poll, UV_READABLE, on_connect) != 0;
}

static void drop(struct feed_reader *reader)
{
    if (reader->fd < 0)
        return;
    uv_close((uv_handle_t *)&reader->poll, on_closed);
    (void)close(reader->fd);
    reader->fd = -1;
    reader->closing = true;
    resume_accepting(reader->server);
}

static bool send_one(int fd, struct span message)
{
    return send(fd, message.data, message.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)message.len;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct feed_reader *reader)
{
    int events = UV_READABLE | UV_DISCONNECT | (reader->blocked ? UV_WRITABLE : 0);
    if (uv_poll_start(&reader->poll, events, on_ready) != 0)
        drop(reader);
}

/* Sends all that the reader has not got, until its socket is full. */
static void pump(struct feed_reader *reader)
{
    struct feed_server *s = reader->server;
    bool blocked = reader->blocked;
    reader->blocked = false;
    for (;;) {
        uint64_t position = reader->position;
        struct span message = s->handlers->next(s->context, &position);
        if (message.len == 0)
            break;
        if (!send_one(reader->fd, message)) {
            if (errno != EAGAIN) {
                drop(reader);
                return;
            }
            reader->blocked = true;
            break;
        }
        reader->position = position;
    }
    if (reader->blocked != blocked)
        watch(reader);
}

/* A reader has nothing to say: what can be read is its end. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct feed_reader *reader = poll->data;
    if (status != 0 || (events & (UV_READABLE | UV_DISCONNECT)) != 0)
        drop(reader);
    else
        pump(reader);
}

/* ---- those who connect ---- */

static bool is_trusted(const struct feed_server *s, int fd)
{
    struct ucred from;
    socklen_t len = sizeof(from);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &from, &len) == 0 && len == sizeof(from) &&
           (from.uid == 0 || from.uid == s->user);
}

static struct feed_reader *free_reader(struct feed_server *s)
{
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        if (s->reader[i].fd < 0 && !s->reader[i].closing)
            return &s->reader[i];
    return NULL;
}

static void greet(struct feed_server *s, int fd)
{
    struct feed_reader *reader = free_reader(s);
    enum feed_verdict verdict = reader == NULL ? FEED_FULL : FEED_WELCOME;
    uint64_t position = 0;
    if (!is_trusted(s, fd))
        verdict = FEED_UNTRUSTED;
    bool sent = send_one(fd, s->handlers->greet(s->context, verdict, &position));
    if (verdict != FEED_WELCOME || !sent || uv_poll_init(s->poll.loop, &reader->poll, fd) != 0) {
        (void)close(fd);
        return;
    }
    reader->poll.data = reader;
    reader->server = s;
    reader->fd = fd;
    reader->blocked = false;
    reader->position = position;
    watch(reader);
}

/* Without descriptors or memory the connection stays in the queue, and would wake the loop again and again.
 */
static void pause_accepting(struct feed_server *s)
{
    (void)uv_poll_stop(&s->poll);
    s->paused = true;
}

static void on_connect(uv_poll_t *poll, int status, int events)
{
    struct feed_server *s = poll->data;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < FEED_READERS_MAX; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            greet(s, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            pause_accepting(s);
            return;
        }
    }
}

void feed_wake(struct feed_server *s)
{
    if (s->fd < 0)
        return;
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        if (s->reader[i].fd >= 0 && !s->reader[i].blocked)
            pump(&s->reader[i]);
    resume_accepting(s);
}

/* ---- life ---- */

static int listening_socket(const char *name)
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, FEED_READERS_MAX) != 0) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    return fd;
}

int feed_open(struct feed_server *s, uv_loop_t *loop, const char *name, const struct feed_handlers *handlers,
              void *context)
{
    s->handlers = handlers;
    s->context = context;
    s->poll.data = s;
    s->paused = false;
    s->user = geteuid();
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        s->reader[i].fd = -1;
    s->fd = listening_socket(name);
    int result = s->fd < 0 ? s->fd : uv_poll_init(loop, &s->poll, s->fd);
    if (result == 0)
        return uv_poll_start(&s->poll, UV_READABLE, on_connect);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    return result;
}

void feed_close(struct feed_server *s)
{
    if (s->fd < 0)
        return;
    s->paused = false;
    for (unsigned i = 0; i < FEED_READERS_MAX; i++)
        drop(&s->reader[i]);
    uv_close((uv_handle_t *)&s->poll, NULL);
    (void)close(s->fd);
    s->fd = -1;
}

/* ---- reading ---- */

int feed_connect(const char *name)
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* The queue of a daemon that hangs may be full. */
    const struct timeval wait = {.tv_sec = PROBE_WAIT_MS / 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
        connect(fd, (const struct sockaddr *)&address, len) == 0)
        return fd;
    int error = -errno;
    (void)close(fd);
    return error;
}
