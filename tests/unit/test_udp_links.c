/* The links by which announcements and answers leave. */

#include "udp_unit.h"

/* ---- links ---- */

static bool have_network;

static void need_network(void)
{
    if (!have_network) {
        print_message("no network namespace of its own is allowed here\n");
        skip();
    }
}

static int capture_on(const char *name)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_IP));
    struct sockaddr_ll link = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(name)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&link, sizeof(link)), 0);
    return fd;
}

static void check_announcement(int capture, const struct world *w, uint32_t source)
{
    uint8_t packet[256];
    assert_int_equal(recv(capture, packet, sizeof(packet), 0), 20 + 8 + 12);
    assert_int_equal(packet[8], 1); /* time to live */
    struct in_addr address;
    memcpy(&address, packet + 12, sizeof(address));
    assert_int_equal(ntohl(address.s_addr), source);
    memcpy(&address, packet + 16, sizeof(address));
    assert_int_equal(ntohl(address.s_addr), 0xE0000001);
    assert_int_equal(packet[20] << 8 | packet[21], w->port);
    assert_int_equal(packet[22] << 8 | packet[23], 5350);
    assert_memory_equal(packet + 28, "announcement", 12);
    assert_int_equal(recv(capture, packet, sizeof(packet), 0), -1);
}

static void check_silence(int capture)
{
    uint8_t packet[256];
    assert_int_equal(recv(capture, packet, sizeof(packet), 0), -1);
}

static unsigned announce(struct world *w, uint32_t listen, uint32_t uplink)
{
    struct udp_datagram datagram = {.address = 0xE0000001, .port = 5350, .bytes = BYTES("announcement")};
    unsigned links = udp_server_announce(&w->server, datagram, listen, uplink);
    udp_server_flush(&w->server);
    return links;
}

static void test_announcements(void **state)
{
    struct world *w = *state;
    need_network();
    int lan = capture_on("lan1");
    int vpn = capture_on("vpn1");
    int listener = client_from(0);
    assert_int_equal(announce(w, 0, 0x0A020002), 1);
    check_announcement(lan, w, 0x0A4D0001);
    check_silence(vpn);
    assert_int_equal(announce(w, 0, 0), 2);
    check_announcement(lan, w, 0x0A4D0001);
    check_announcement(vpn, w, 0x0A020002);
    assert_int_equal(announce(w, 0x0A020002, 0x0A020002), 1);
    check_silence(lan);
    check_announcement(vpn, w, 0x0A020002);
    assert_int_equal(announce(w, 0x0A4D0063, 0), 0);
    assert_int_equal(w->server.dropped, 0);
    (void)close(lan);
    (void)close(vpn);
    (void)close(listener);
}

static void test_announcement_is_not_received_here(void **state)
{
    struct world *w = *state;
    need_network();
    int here = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in group = at(0xE0000001, 5350);
    assert_int_equal(bind(here, (const struct sockaddr *)&group, sizeof(group)), 0);
    assert_int_equal(announce(w, 0, 0), 2);
    check_silence(here);
    (void)close(here);
}

static void test_broadcast_is_not_answered(void **state)
{
    struct world *w = *state;
    need_network();
    int client = client_from(0x0A4D0001);
    ask(w, client, 0x0A4D00FF, "broadcast", 9);
    ask(w, client, 0xFFFFFFFF, "broadcast", 9);
    ask(w, client, 0x0A4D0001, "to one", 6);
    loop_until(&w->loop, w->received > 0);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->length[0], 6);
    (void)close(client);
}

static void test_unreachable_client_delays_nobody(void **state)
{
    struct world *w = *state;
    need_network();
    int client = client_from(loopback);
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    assert_int_equal(getsockname(client, (struct sockaddr *)&local, &len), 0);
    struct udp_datagram nowhere = {.address = 0x08080808, .port = 9, .bytes = BYTES("x")};
    struct udp_datagram here = {.address = loopback, .port = ntohs(local.sin_port), .bytes = BYTES("y")};
    udp_server_queue(&w->server, &nowhere);
    udp_server_queue(&w->server, &here);
    udp_server_flush(&w->server);
    char byte;
    assert_int_equal(recv(client, &byte, 1, 0), 1);
    assert_int_equal(w->server.dropped, 1);
    (void)close(client);
}

static void test_leaves_by_the_named_link(void **state)
{
    struct world *w = *state;
    uint8_t packet[64];
    need_network();
    int vpn = capture_on("vpn1");
    /* The route to it is by lan0. */
    struct udp_datagram datagram = {
        .address = 0x0A4D0032, .port = 9, .interface = if_nametoindex("vpn0"), .bytes = BYTES("x")};
    udp_server_queue(&w->server, &datagram);
    udp_server_flush(&w->server);
    assert_int_equal(recv(vpn, packet, sizeof(packet), 0), 20 + 8 + 1);
    (void)close(vpn);
}

static void make_links(void)
{
    have_network = network_enter();
    if (have_network) {
        shell("ip link add lan0 type veth peer name lan1 && ip address add 10.77.0.1/24 broadcast + dev lan0 "
              "&& "
              "ip link set lan0 up && ip link set lan1 up && "
              "ip link add vpn0 type veth peer name vpn1 && ip address add 10.2.0.2/30 dev vpn0 && "
              "ip link set vpn0 up && ip link set vpn1 up && "
              "ip neigh add 10.77.0.50 lladdr 02:00:00:00:00:32 nud permanent dev vpn0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_announcements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_announcement_is_not_received_here, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broadcast_is_not_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaves_by_the_named_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unreachable_client_delays_nobody, setup, teardown),
    };
    make_links();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
