/* The connection table of the kernel as that of the router: in the lab the packets cross this machine. */
#include "routerd.h"

#include "base/cursor.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The n-th value of that name in the line: the kernel writes both directions one after the other. */
static const char *value_of(const char *line, const char *name, unsigned n)
{
    for (const char *at = strstr(line, name); at; at = strstr(at + 1, name))
        if (n-- == 0)
            return at + strlen(name);
    return "";
}

static uint32_t address_of(const char *line, const char *name, unsigned n)
{
    const char *text = value_of(line, name, n);
    uint32_t address = 0;
    return parse_address(span_of(text, strcspn(text, " ")), &address) ? address : 0;
}

static uint16_t port_of(const char *line, const char *name, unsigned n)
{
    return (uint16_t)strtoul(value_of(line, name, n), NULL, 10);
}

static void read_line(const struct routerd *d, const char *line)
{
    const struct router_model_flow flow = {.source = address_of(line, "src=", 0),
                                           .destination = address_of(line, "dst=", 0),
                                           .source_port = port_of(line, "sport=", 0),
                                           .destination_port = port_of(line, "dport=", 0),
                                           .tcp = strstr(line, " tcp ") != NULL};
    const struct router_model_end answers = {address_of(line, "src=", 1), port_of(line, "sport=", 1)};
    /* "udp", the number of the protocol, and the seconds that are left. */
    const char *protocol = value_of(line, flow.tcp ? " tcp " : " udp ", 0);
    char *left;
    (void)strtoul(protocol, &left, 10);
    if (protocol[0])
        router_model_connection_add(d->model, routerd_now_ms(d), &flow, answers, address_of(line, "dst=", 1),
                                    !strstr(line, "[UNREPLIED]"), (uint32_t)strtoul(left, NULL, 10));
}

void routerd_read_flows(const struct routerd *d)
{
    char line[512];
    FILE *table = d->config.nft_family ? fopen("/proc/net/nf_conntrack", "r") : NULL;
    if (!table)
        return;
    router_model_connections_begin(d->model);
    while (fgets(line, sizeof(line), table))
        read_line(d, line);
    router_model_connections_end(d->model);
    (void)fclose(table);
}

/* ---- removing ---- */

/* Attributes of netlink, aligned to four bytes. */
struct message {
    struct nlmsghdr header;
    struct nfgenmsg family;
    uint8_t bytes[128];
    size_t len;
};

static size_t begin(struct message *m, unsigned type)
{
    struct nlattr head = {.nla_type = (uint16_t)type};
    size_t at = m->len;
    memcpy(m->bytes + at, &head, sizeof(head));
    m->len += sizeof(head);
    return at;
}

static void end(struct message *m, size_t at)
{
    uint16_t len = (uint16_t)(m->len - at);
    memcpy(m->bytes + at, &len, sizeof(len));
    m->len = (m->len + 3) & ~(size_t)3;
}

static void put(struct message *m, unsigned type, const void *value, size_t len)
{
    size_t at = begin(m, type);
    memcpy(m->bytes + m->len, value, len);
    m->len += len;
    end(m, at);
}

void routerd_forget_flow(void *ctx, const struct router_model_flow *flow)
{
    const struct routerd *d = ctx;
    struct message m = {.header = {.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
                        .family = {.nfgen_family = AF_INET, .version = NFNETLINK_V0}};
    uint32_t source = htonl(flow->source);
    uint32_t destination = htonl(flow->destination);
    uint16_t source_port = htons(flow->source_port);
    uint16_t destination_port = htons(flow->destination_port);
    uint8_t protocol = flow->tcp ? IPPROTO_TCP : IPPROTO_UDP;
    size_t tuple = begin(&m, NLA_F_NESTED | CTA_TUPLE_ORIG);
    size_t addresses = begin(&m, NLA_F_NESTED | CTA_TUPLE_IP);
    put(&m, CTA_IP_V4_SRC, &source, sizeof(source));
    put(&m, CTA_IP_V4_DST, &destination, sizeof(destination));
    end(&m, addresses);
    size_t ports = begin(&m, NLA_F_NESTED | CTA_TUPLE_PROTO);
    put(&m, CTA_PROTO_NUM, &protocol, sizeof(protocol));
    put(&m, CTA_PROTO_SRC_PORT, &source_port, sizeof(source_port));
    put(&m, CTA_PROTO_DST_PORT, &destination_port, sizeof(destination_port));
    end(&m, ports);
    end(&m, tuple);
    m.header.nlmsg_len = (uint32_t)(offsetof(struct message, bytes) + m.len);
    int fd = d->config.nft_family ? socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) : -1;
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[512];
    } answer = {0};
    if (fd < 0)
        return;
    if (send(fd, &m, m.header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0 ||
        answer.error.error != 0)
        fprintf(stderr, "routerd: the kernel does not remove a connection: %s\n",
                strerror(-answer.error.error));
    close(fd);
}
