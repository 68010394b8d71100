#include "io/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_library.h"

struct http_connection {
    struct MHD_Connection *connection; /* NULL: none */
    uint64_t end_ms;                   /* of the loop's clock */
};

struct http_server {
    const struct http_library *library;
    struct MHD_Daemon *daemon;
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;
    unsigned handles; /* that are not closed yet */
    http_handler *asked;
    void *context;
    struct http_connection connection[HTTP_CONNECTIONS_MAX];
    bool ended; /* a connection has, in this run */
};

/* ---- requests ---- */

static uint32_t peer_of(const struct http_server *s, struct MHD_Connection *connection)
{
    struct sockaddr_in peer;
    const union MHD_ConnectionInfo *info =
        s->library->MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL || info->client_addr->sa_family != AF_INET)
        return 0;
    memcpy(&peer, info->client_addr, sizeof(peer));
    return ntohl(peer.sin_addr.s_addr);
}

static const char *field(const struct http_server *s, struct MHD_Connection *connection, const char *name)
{
    return s->library->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool is_long(const struct http_server *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        s->library->MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info == NULL || info->header_size > HTTP_REQUEST_MAX;
}

static struct http_reply refusal(unsigned status, const char *text, const struct http_header *headers)
{
    return (struct http_reply){.status = status, .type = "text/plain", .text = text, .headers = headers};
}

static bool has_content(const struct http_server *s, struct MHD_Connection *connection)
{
    return field(s, connection, "Content-Length") != NULL ||
           field(s, connection, "Transfer-Encoding") != NULL;
}

/* RFC 9112 section 3.2.2: a server accepts the absolute form, `GET http://host/path`, and its host counts
 * instead of the header field. Returns the path in it, and that host in `host`. */
static const char *path_of(const char *target, char *host, size_t capacity)
{
    static const char scheme[] = "http://";
    if (strncasecmp(target, scheme, sizeof(scheme) - 1) != 0)
        return target;
    const char *authority = target + sizeof(scheme) - 1;
    size_t len = strcspn(authority, "/");
    (void)snprintf(host, capacity, "%.*s", (int)len, authority);
    return authority[len] == '\0' ? "/" : authority + len;
}

static struct http_reply answer(struct http_server *s, struct MHD_Connection *connection, const char *target,
                                const char *method)
{
    static const struct http_header allowed[] = {{"Allow", "GET, HEAD"}, {NULL, NULL}};
    if (is_long(s, connection))
        return refusal(MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too long\n", NULL);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refusal(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n", allowed);
    if (has_content(s, connection))
        return refusal(MHD_HTTP_CONTENT_TOO_LARGE, "a request has no content here\n", NULL);
    char host[HTTP_REQUEST_MAX] = "";
    const char *path = path_of(target, host, sizeof(host));
    const struct http_request request = {.peer = peer_of(s, connection),
                                         .path = path,
                                         .host = path == target ? field(s, connection, "Host") : host,
                                         .accept = field(s, connection, "Accept"),
                                         .connection = connection};
    return s->asked(s->context, &request);
}

/* ---- replies ---- */

/* What the library asks for the content, and when it needs no more of it. */
struct content {
    struct http_reply reply;
};

static ssize_t on_read(void *cls, uint64_t position, char *ret_bytes, size_t capacity)
{
    const struct content *content = cls;
    (void)position; /* the pieces are read in order */
    ssize_t got = content->reply.read(content->reply.state, ret_bytes, capacity);
    if (got < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return got == 0 ? MHD_CONTENT_READER_END_OF_STREAM : got;
}

static void on_done(void *cls)
{
    struct content *content = cls;
    content->reply.done(content->reply.state);
    free(content);
}

static struct MHD_Response *make_response(const struct http_server *s, const struct http_reply *reply)
{
    /* The library only reads these bytes. */
    const union {
        const char *text;
        void *bytes;
    } constant = {.text = reply->text};
    if (reply->read == NULL)
        return s->library->MHD_create_response_from_buffer(strlen(reply->text), constant.bytes,
                                                           MHD_RESPMEM_PERSISTENT);
    struct content *content = malloc(sizeof(*content));
    struct MHD_Response *response = NULL;
    if (content != NULL) {
        content->reply = *reply;
        response = s->library->MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_REQUEST_MAX, on_read,
                                                                 content, on_done);
    }
    if (response == NULL) {
        free(content);
        reply->done(reply->state);
    }
    return response;
}

static enum MHD_Result send_reply(const struct http_server *s, struct MHD_Connection *connection,
                                  const char *method, const struct http_reply *reply)
{
    struct MHD_Response *response = make_response(s, reply);
    if (response == NULL)
        return MHD_NO;
    /* Otherwise the library ends the chunks that it does not send. */
    if (strcmp(method, "HEAD") == 0)
        (void)s->library->MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    (void)s->library->MHD_add_response_header(response, "Content-Type", reply->type);
    /* A connection that stays open would keep its place from others. */
    (void)s->library->MHD_add_response_header(response, "Connection", "close");
    for (const struct http_header *h = reply->headers; h != NULL && h->name != NULL; h++)
        (void)s->library->MHD_add_response_header(response, h->name, h->value);
    enum MHD_Result result = s->library->MHD_queue_response(connection, reply->status, response);
    s->library->MHD_destroy_response(response);
    return result;
}

/* The first call comes after the header. A request with content is answered then, so that the content is
 * not read; any other one when it is complete. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *http_version, const char *content,
                                  size_t *size, void **mark)
{
    struct http_server *s = cls;
    (void)http_version;
    (void)content;
    bool first = *mark == NULL;
    *mark = s;
    *size = 0;
    if (first && !has_content(s, connection))
        return MHD_YES;
    struct http_reply reply = answer(s, connection, path, method);
    return send_reply(s, connection, method, &reply);
}

const char *http_argument(const struct http_request *request, const struct http_server *s, const char *name)
{
    return s->library->MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- the loop ---- */

static void on_connection(void *cls, struct MHD_Connection *connection, void **mark,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    (void)mark;
    s->ended = s->ended || code == MHD_CONNECTION_NOTIFY_CLOSED;
    const struct MHD_Connection *wanted = code == MHD_CONNECTION_NOTIFY_STARTED ? NULL : connection;
    for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        if (s->connection[i].connection != wanted)
            continue;
        s->connection[i] = (struct http_connection){0};
        if (wanted == NULL)
            s->connection[i] =
                (struct http_connection){.connection = connection, .end_ms = uv_now(s->loop) + HTTP_LIFE_MS};
        return;
    }
}

/* The library closes a connection when it notices that it has ended. */
static void end_connection(const struct http_server *s, struct http_connection *c)
{
    const union MHD_ConnectionInfo *info =
        s->library->MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL)
        (void)shutdown(info->connect_fd, SHUT_RDWR);
    c->end_ms = UINT64_MAX;
}

static void on_timer(uv_timer_t *timer);

static void run(struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    s->ended = false;
    (void)s->library->MHD_run(s->daemon);
    uint64_t now_ms = uv_now(s->loop);
    /* When all connections are taken, the library does not look at its socket. It looks again at the
     * beginning of a run, but ends connections at its end, and nothing else may happen after that. */
    uint64_t next_ms = s->ended ? now_ms : UINT64_MAX;
    for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
        if (s->connection[i].connection != NULL && s->connection[i].end_ms < next_ms)
            next_ms = s->connection[i].end_ms;
    if (s->library->MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES && now_ms + wait_ms < next_ms)
        next_ms = now_ms + wait_ms;
    /* A timer of 0 ms that is started by its own callback runs again before anything else does. */
    if (next_ms == UINT64_MAX)
        (void)uv_timer_stop(&s->timer);
    else
        (void)uv_timer_start(&s->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct http_server *s = timer->data;
    for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
        if (s->connection[i].connection != NULL && s->connection[i].end_ms <= uv_now(s->loop))
            end_connection(s, &s->connection[i]);
    run(s);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

/* ---- life ---- */

static int listening_socket(uint32_t address, uint16_t port)
{
    const struct sockaddr_in local = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&local, sizeof(local)) != 0 ||
        listen(fd, HTTP_CONNECTIONS_MAX) != 0) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    return fd;
}

static void on_closed(uv_handle_t *handle)
{
    struct http_server *s = handle->data;
    if (--s->handles == 0)
        free(s);
}

/* Starts the library on the socket. It ends the socket when it stops. */
static int start(struct http_server *s)
{
    const struct http_library *library = s->library;
    s->daemon = library->MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, s->fd,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTIONS_PER_HOST_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (s->daemon == NULL)
        return -ENOMEM;
    const union MHD_DaemonInfo *info = library->MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int result = info == NULL ? -ENOTSUP : uv_poll_init(s->loop, &s->poll, info->epoll_fd);
    if (result == 0) {
        s->handles++;
        (void)uv_timer_init(s->loop, &s->timer);
        s->handles++;
        result = uv_poll_start(&s->poll, UV_READABLE, on_ready);
    }
    return result;
}

struct http_server *http_open(uv_loop_t *loop, uint32_t address, uint16_t port, http_handler *asked,
                              void *context, int *ret_error)
{
    const struct http_library *library = http_library();
    struct http_server *s = calloc(1, sizeof(*s));
    *ret_error = library == NULL ? -ELIBACC : -ENOMEM;
    if (library == NULL || s == NULL) {
        free(s);
        return NULL;
    }
    s->library = library;
    s->loop = loop;
    s->asked = asked;
    s->context = context;
    s->poll.data = s;
    s->timer.data = s;
    s->fd = listening_socket(address, port);
    *ret_error = s->fd < 0 ? s->fd : start(s);
    if (*ret_error == 0)
        return s;
    if (s->fd >= 0 && s->daemon == NULL)
        (void)close(s->fd);
    http_close(s);
    return NULL;
}

void http_close(struct http_server *s)
{
    if (s == NULL)
        return;
    if (s->handles > 0) {
        (void)uv_timer_stop(&s->timer);
        uv_close((uv_handle_t *)&s->poll, on_closed);
        uv_close((uv_handle_t *)&s->timer, on_closed);
    }
    if (s->daemon != NULL)
        s->library->MHD_stop_daemon(s->daemon);
    if (s->handles == 0)
        free(s);
}

uint16_t http_port(const struct http_server *s)
{
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    if (getsockname(s->fd, (struct sockaddr *)&local, &len) != 0)
        return 0;
    return ntohs(local.sin_port);
}
