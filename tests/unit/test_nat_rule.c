/* Which ports other rules claim: single rows, and whole tables. */
#include <stdio.h>

#include "nat_rule_unit.h"

#define DSTNAT "=.id=*1 =chain=dstnat =action=dst-nat "

static struct taken_set ports[2];

/* Which of three ports it takes, "80", "443" and "6881", for UDP and TCP. */
struct expected {
    const char *words;
    const char *udp;
    const char *tcp;
};

static void check_protocol(const char *words, enum natpmp_protocol protocol, const char *expected)
{
    static const uint16_t numbers[] = {80, 443, 6881};
    char found[32] = "";
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (portset_has(&ports[protocol].sure, numbers[i]))
            len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%u", len > 0 ? " " : "",
                                    (unsigned)numbers[i]);
    if (strcmp(found, expected) != 0)
        print_error("%s %s\n", protocol == NATPMP_UDP ? "udp" : "tcp", words);
    assert_string_equal(found, expected);
}

static void check_rows(const struct expected *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memset(ports, 0, sizeof(ports));
        bool any = take_ports(row(rows[i].words), ports);
        check_protocol(rows[i].words, NATPMP_UDP, rows[i].udp);
        check_protocol(rows[i].words, NATPMP_TCP, rows[i].tcp);
        assert_true(any || (rows[i].udp[0] == '\0' && rows[i].tcp[0] == '\0'));
    }
}

#define ALL "80 443 6881"

static void test_protocols(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {DSTNAT "=protocol=tcp =dst-port=80", "", "80"},
        {DSTNAT "=protocol=udp =dst-port=80", "80", ""},
        {DSTNAT "=protocol=6 =dst-port=80", "", "80"},
        {DSTNAT "=protocol=17 =dst-port=80", "80", ""},
        {DSTNAT "=dst-port=80", "80", "80"},
        {DSTNAT "=dst-port=80 =protocol=", "80", "80"},
        {DSTNAT "=dst-port=80 =protocol=!tcp", "80", ""},
        {DSTNAT "=dst-port=80 =protocol=!udp", "", "80"},
        {DSTNAT "=dst-port=80 =protocol=!6", "80", ""},
        {DSTNAT "=dst-port=80 =protocol=!icmp", "80", "80"},
        {DSTNAT "=dst-port=80 =protocol=sctp", "", ""},
        {DSTNAT "=dst-port=80 =protocol=132", "", ""},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_ports(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {DSTNAT "=protocol=tcp =dst-port=80,443", "", "80 443"},
        {DSTNAT "=protocol=tcp =dst-port=1-100", "", "80"},
        {DSTNAT "=protocol=tcp =dst-port=80-80", "", "80"},
        {DSTNAT "=protocol=tcp =dst-port=0-65535", "", ALL},
        {DSTNAT "=protocol=tcp =dst-port=22,400-7000", "", "443 6881"},
        {DSTNAT "=protocol=tcp =dst-port=81-442", "", ""},
        {DSTNAT "=protocol=tcp =dst-port=!80", "", "443 6881"},
        {DSTNAT "=protocol=tcp =dst-port=!80,443", "", "6881"},
        {DSTNAT "=protocol=tcp =dst-port=!1-1000", "", "6881"},
        {DSTNAT "=protocol=tcp =dst-port=!0-65535", "", ""},
        {DSTNAT "=protocol=tcp =port=443", "", "443"},
        {DSTNAT "=protocol=udp =port=!443", "80 6881", ""},
        {DSTNAT "=protocol=tcp =port=443 =dst-port=", "", "443"},
        {DSTNAT "=protocol=tcp =src-address=8.8.8.8 =dst-port=80", "", "80"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* The lowest and the highest ports. */
static void test_ports_at_the_ends(void **state)
{
    static const struct {
        const char *words;
        const char *taken; /* of 0, 1, 53, 63, 64, 65534 and 65535 */
    } rows[] = {
        {DSTNAT "=protocol=tcp =dst-port=53", "53"},
        {DSTNAT "=protocol=tcp =dst-port=!53", "0 1 63 64 65534 65535"},
        {DSTNAT "=protocol=tcp =dst-port=0-1,63", "0 1 63"},
        {DSTNAT "=protocol=tcp =dst-port=63-64", "63 64"},
        {DSTNAT "=protocol=tcp =dst-port=65535", "65535"},
        {DSTNAT "=protocol=tcp =dst-port=!65535", "0 1 53 63 64 65534"},
    };
    static const uint16_t numbers[] = {0, 1, 53, 63, 64, 65534, 65535};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char found[64] = "";
        size_t len = 0;
        memset(ports, 0, sizeof(ports));
        assert_true(take_ports(row(rows[i].words), ports));
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++)
            if (portset_has(&ports[NATPMP_TCP].sure, numbers[k]))
                len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%u", len > 0 ? " " : "",
                                        (unsigned)numbers[k]);
        assert_string_equal(found, rows[i].taken);
    }
}

/* A row of our own connection's reader, whose list of ports is longer than any other word. */
static const struct ros_sentence *row_with_ports(unsigned count)
{
    static uint8_t buffer[65536];
    static char list[32768];
    size_t len = 0;
    list[0] = '\0';
    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%u", i > 0 ? "," : "", 20000 + 2 * i);
    struct writer w = writer_of(buffer, sizeof(buffer));
    ros_write_word(&w, span_text("!re"));
    ros_write_word(&w, span_text("=chain=dstnat"));
    ros_write_word(&w, span_text("=action=dst-nat"));
    ros_write_word(&w, span_text("=protocol=tcp"));
    ros_write_pair_text(&w, "=dst-port=", list);
    ros_write_end(&w);
    struct span input = writer_span(&w);
    ros_reader_init(&reader);
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    return &reader.sentence;
}

/* [P4] */
static void test_a_long_list_of_ports(void **state)
{
    (void)state;
    static const unsigned counts[] = {170, 171, 400, 680};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        memset(ports, 0, sizeof(ports));
        assert_true(take_ports(row_with_ports(counts[i]), ports));
        for (unsigned port = 20000; port < 22000; port++)
            assert_int_equal(portset_has(&ports[NATPMP_TCP].sure, (uint16_t)port),
                             port % 2 == 0 && port < 20000 + 2 * counts[i]);
    }
}

/* A condition that cannot be parsed counts as matching. */
static void test_garbage_ports(void **state)
{
    (void)state;
    static const char *const garbage[] = {"http", "80,x", "65536", "90-80", "80-", "-80", "80,,443",
                                          ",80",  "0x50", "_80",   "!80,x", "!",   "!x"};
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        char words[128];
        start(NULL);
        snprintf(words, sizeof(words), "%s=protocol=tcp =dst-port=%s", DSTNAT, garbage[i]);
        check_rows(&(struct expected){words, "", ALL}, 1);
    }
}

#define PORT "=protocol=tcp =dst-port=80 "
#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* With each of these conditions it cannot be known whether the rule meets what arrives. */
static void check_doubts(const char *const *conditions)
{
    for (; *conditions != NULL; conditions++) {
        char words[256];
        (void)snprintf(words, sizeof(words), DSTNAT PORT "%s", *conditions);
        check_rows(&(struct expected){words, "", ""}, 1);
        if (!portset_has(&ports[NATPMP_TCP].doubted, 80) || portset_has(&ports[NATPMP_TCP].doubted, 81))
            fail_msg("%s", words);
    }
}

static void test_interfaces(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {DSTNAT PORT "=in-interface=wg1", "", "80"},
        {DSTNAT PORT "=in-interface=wg10", "", ""},
        {DSTNAT PORT "=in-interface=wg", "", ""},
        {DSTNAT PORT "=in-interface=ether1", "", ""},
        {DSTNAT PORT "=in-interface=", "", "80"},
        {DSTNAT PORT "=in-interface=!wg1", "", ""},
        {DSTNAT PORT "=in-interface=!ether1", "", "80"},
        {DSTNAT PORT "=in-interface-list=WAN", "", "80"},
        {DSTNAT PORT "=in-interface-list=!WAN", "", ""},
        {DSTNAT PORT "=in-interface-list=LAN", "", ""},
        {DSTNAT PORT "=in-interface-list=!LAN", "", "80"},
        {DSTNAT PORT "=in-interface-list=OTHER", "", ""},
        {DSTNAT PORT "=in-interface-list=!OTHER", "", "80"},
        {DSTNAT PORT "=in-interface-list=all", "", "80"},
        {DSTNAT PORT "=in-interface-list=!all", "", ""},
        {DSTNAT PORT "=in-interface-list=none", "", ""},
        {DSTNAT PORT "=in-interface-list=!none", "", "80"},
        {DSTNAT PORT "=in-interface-list=WAN =in-interface=ether1", "", ""},
        {DSTNAT PORT "=in-interface-list=LAN =in-interface=wg1", "", ""},
    };
    check_rows(rows, ARRAY_LEN(rows));
    check_doubts(ROWS("=in-interface-list=MIX", "=in-interface-list=!MIX", "=in-interface-list=dynamic",
                      "=in-interface-list=!static"));
    context.lists_incomplete = true;
    check_doubts(ROWS("=in-interface-list=OTHER", "=in-interface-list=!OTHER"));
    static const struct expected unknown_lists[] = {
        {DSTNAT PORT "=in-interface-list=LAN", "", ""},
        {DSTNAT PORT "=in-interface-list=!WAN", "", ""},
    };
    check_rows(unknown_lists, ARRAY_LEN(unknown_lists));
}

/* [P13] What kind of interface ours is decides, as far as it is known. */
static void test_kinds_of_interfaces(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *kind; /* the only one that it is */
    } types[] = {
        {"wg", ""},
        {"l2tp-out", "all-ppp"},
        {"pppoe-out", "all-ppp"},
        {"sstp-in", "all-ppp"},
        {"ovpn-out", "all-ppp"},
        {"ppp-out", "all-ppp"},
        {"pptp-out", "all-ppp"},
        {"ether", "all-ethernet"},
        {"vlan", "all-vlan"},
        {"wlan", "all-wireless"},
        {"wifi", "all-wireless"},
        {"bridge", ""},
    };
    static const char *const kinds[] = {"all-ethernet", "all-ppp", "all-vlan", "all-wireless"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            bool same = strcmp(types[i].kind, kinds[k]) == 0;
            char words[128];
            (void)snprintf(context.type, sizeof(context.type), "%s", types[i].type);
            (void)snprintf(words, sizeof(words), DSTNAT PORT "=in-interface=%s", kinds[k]);
            check_rows(&(struct expected){words, "", same ? "80" : ""}, 1);
            (void)snprintf(words, sizeof(words), DSTNAT PORT "=in-interface=!%s", kinds[k]);
            check_rows(&(struct expected){words, "", same ? "" : "80"}, 1);
        }
    }
    check_doubts(ROWS("=in-interface=all-of-tomorrow"));
    context.type[0] = '\0';
    check_doubts(ROWS("=in-interface=all-ethernet", "=in-interface=!all-ppp"));
}

static void test_destination_addresses(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {DSTNAT PORT "=dst-address=10.2.0.2", "", "80"},
        {DSTNAT PORT "=dst-address=10.2.0.2/32", "", "80"},
        {DSTNAT PORT "=dst-address=10.2.0.0/24", "", "80"},
        {DSTNAT PORT "=dst-address=0.0.0.0/0", "", "80"},
        {DSTNAT PORT "=dst-address=10.2.0.3", "", ""},
        {DSTNAT PORT "=dst-address=192.168.88.1", "", ""},
        {DSTNAT PORT "=dst-address=10.2.0.1-10.2.0.9", "", "80"},
        {DSTNAT PORT "=dst-address=10.2.0.2-10.2.0.2", "", "80"},
        {DSTNAT PORT "=dst-address=10.2.0.3-10.2.0.9", "", ""},
        {DSTNAT PORT "=dst-address=!10.2.0.2", "", ""},
        {DSTNAT PORT "=dst-address=!10.2.0.3", "", "80"},
        {DSTNAT PORT "=dst-address=!10.2.0.0/16", "", ""},
        {DSTNAT PORT "=dst-address=!10.2.0.1-10.2.0.9", "", ""},
        {DSTNAT PORT "=dst-address-type=local", "", "80"},
    };
    check_rows(rows, ARRAY_LEN(rows));
    check_doubts(ROWS("=dst-address=example.com", "=dst-address=!example.com", "=dst-address=10.2.0.3/33",
                      "=dst-address=10.2.0.3-x"));
}

static void test_several_addresses_on_the_interface(void **state)
{
    (void)state;
    context.on_interface[1] = true;
    static const struct expected rows[] = {
        {DSTNAT PORT "=dst-address=0.0.0.0/0", "", "80"},
        {DSTNAT PORT "=dst-address=!0.0.0.0/0", "", ""},
        {DSTNAT PORT "=dst-address=1.2.3.4", "", ""},
        {DSTNAT PORT "=dst-address=!1.2.3.4", "", "80"},
    };
    check_rows(rows, ARRAY_LEN(rows));
    check_doubts(ROWS("=dst-address=10.2.0.2", "=dst-address=!10.2.0.2", "=dst-address=192.168.88.1"));
}

static void test_unknown_addresses_may_match(void **state)
{
    (void)state;
    context.addresses_incomplete = true;
    check_doubts(ROWS("=dst-address=1.2.3.4", "=dst-address=!10.2.0.2"));
    start(NULL);
    context.on_interface[0] = false; /* the interface has no address yet */
    check_doubts(ROWS("=dst-address=1.2.3.4", "=dst-address=!10.2.0.2"));
}

static void test_chains_and_actions(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {"=chain=dstnat =action=redirect " PORT, "", "80"},
        {"=chain=dstnat =action=netmap " PORT, "", "80"},
        {"=chain=dstnat =action=same " PORT, "", "80"},
        {"=chain=dstnat =action=endpoint-independent-nat " PORT, "", "80"},
        {"=chain=dstnat =action=accept " PORT, "", "80"}, /* [P1] */
        {"=chain=dstnat =action=return " PORT, "", "80"}, /* [P1] */
        {"=chain=dstnat =action=jump =jump-target=a " PORT, "", "80"},
        {"=chain=dstnat " PORT, "", "80"},                 /* accept is the default */
        {"=chain=from-vpn =action=dst-nat " PORT, "", ""}, /* [P3] nothing jumps there */
        {"=chain=dstnat =action=log " PORT, "", ""},
        {"=chain=dstnat =action=passthrough " PORT, "", ""},
        {"=chain=dstnat =action=add-src-to-address-list " PORT, "", ""},
        {"=chain=srcnat =action=netmap " PORT, "", ""},
        {"=chain=srcnat =action=dst-nat " PORT, "", ""},
        {"=chain=input =action=dst-nat " PORT, "", ""},
        {"=chain=output =action=dst-nat " PORT, "", ""},
        {DSTNAT PORT "=disabled=true", "", ""},
        {DSTNAT PORT "=disabled=yes", "", ""},
        {DSTNAT PORT "=disabled=false", "", "80"},
        {DSTNAT PORT "=dynamic=true", "", "80"},
        {DSTNAT PORT "=comment=double-natpmp/other_external_1_lease_2_s", "", "80"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* [P11] [P3], the latter as far as one row tells. What comes from the tunnel comes from the internet, is
 * for the router's own address, and has no mark that we know of. */
static void test_conditions(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {DSTNAT PORT "=src-address=192.168.88.0/24", "", ""},
        {DSTNAT PORT "=src-address=192.168.88.10", "", ""},
        {DSTNAT PORT "=src-address=10.0.0.5-10.0.0.9", "", ""},
        {DSTNAT PORT "=src-address=10.0.0.5-11.0.0.9", "", "80"},
        {DSTNAT PORT "=src-address=!192.168.88.0/24", "", "80"},
        {DSTNAT PORT "=src-address=0.0.0.0/0", "", "80"},
        {DSTNAT PORT "=src-address=8.0.0.0/7", "", "80"},
        {DSTNAT PORT "=dst-address-type=local", "", "80"},
        {DSTNAT PORT "=dst-address-type=!local", "", ""},
        {DSTNAT PORT "=src-address-type=local", "", ""},
        {DSTNAT PORT "=hotspot=from-client", "", ""},
        {DSTNAT PORT "=hotspot=!auth", "", "80"},
        {DSTNAT PORT "=connection-mark=", "", "80"},
    };
    check_rows(rows, ARRAY_LEN(rows));
    check_doubts(ROWS("=src-address-list=a", "=dst-address-list=!a", "=connection-mark=a", "=packet-mark=a",
                      "=routing-mark=a", "=connection-mark=no-mark", "=connection-mark=!no-mark",
                      "=layer7-protocol=a", "=content=a", "=time=8h-17h,mon", "=limit=1,5:packet",
                      "=src-mac-address=0:0:0:0:0:0", "=src-port=80", "=invented-tomorrow=x"));
}

/* [P4] Of a list that is too long even so it is not known which ports it names. */
static void test_a_list_that_is_too_long(void **state)
{
    (void)state;
    memset(ports, 0, sizeof(ports));
    assert_true(take_ports(row_with_ports(3000), ports));
    assert_false(portset_has(&ports[NATPMP_TCP].sure, 20000));
    assert_true(portset_has(&ports[NATPMP_TCP].doubted, 20000));
}

/* ---- whole tables ---- */

static void check_table(const char *const *rows, const char *sure, bool doubted)
{
    static struct taken_ports taken_ports;
    memset(ports, 0, sizeof(ports));
    taken_ports_begin(&taken_ports, &context, NATPMP_TCP);
    for (size_t i = 0; rows[i] != NULL; i++)
        taken_ports_add(&taken_ports, row(rows[i]));
    (void)taken_ports_end(&taken_ports, &ports[NATPMP_TCP]);
    check_protocol(rows[0], NATPMP_TCP, sure);
    assert_int_equal(portset_has(&ports[NATPMP_TCP].doubted, 443), doubted);
}

#define JUMP(from, to) "=chain=" from " =action=jump =jump-target=" to
#define TAKES(from, port) "=chain=" from " =action=dst-nat =protocol=tcp =dst-port=" port

/* [P3] The chains count that what arrives comes to, in whatever order the table shows them. */
static void test_chains(void **state)
{
    (void)state;
    check_table(ROWS(TAKES("a", "80"), JUMP("dstnat", "a")), "80", false);
    check_table(ROWS(JUMP("dstnat", "a"), TAKES("a", "80")), "80", false);
    check_table(ROWS(TAKES("b", "80"), JUMP("a", "b"), JUMP("dstnat", "a")), "80", false);
    check_table(ROWS(TAKES("a", "80"), JUMP("dstnat", "a") " =in-interface=ether1"), "", false);
    check_table(ROWS(TAKES("a", "80"), JUMP("dstnat", "a") " =disabled=true"), "", false);
    check_table(ROWS(TAKES("a", "80"), JUMP("dstnat", "a") " =protocol=udp"), "", false);
    check_table(ROWS(TAKES("a", "80"), JUMP("srcnat", "a")), "", false);
    check_table(ROWS(TAKES("b", "80"), JUMP("a", "b")), "", false);
    check_table(ROWS(TAKES("a", "80"), JUMP("a", "a")), "", false);
    /* A jump that cannot be judged makes a doubt of what is behind it. */
    check_table(ROWS(TAKES("a", "443"), JUMP("dstnat", "a") " =connection-mark=x"), "", true);
    /* Returns, and rules for all ports, end a chain. */
    check_table(ROWS("=chain=a =action=return =in-interface=wg1", TAKES("a", "80"), JUMP("dstnat", "a")), "",
                false);
    check_table(ROWS("=chain=a =action=return =in-interface=ether1", TAKES("a", "80"), JUMP("dstnat", "a")),
                "80", false);
    check_table(
        ROWS("=chain=a =action=return =protocol=tcp =dst-port=443", TAKES("a", "80"), JUMP("dstnat", "a")),
        "80 443", false);
    check_table(ROWS("=chain=dstnat =action=accept =in-interface=wg1", TAKES("dstnat", "80")), "", false);
    check_table(ROWS("=chain=dstnat =action=accept =connection-mark=x", TAKES("dstnat", "80")), "80", false);
    /* A jump for some ports takes these, and leads to the others that its chain names. */
    check_table(ROWS(JUMP("dstnat", "a") " =protocol=tcp =dst-port=443", TAKES("a", "80")), "80 443", false);
}

/* More chains than are kept: their ports are in doubt, whether something reaches them or not. */
static void test_more_chains_than_are_kept(void **state)
{
    (void)state;
    static const unsigned chains[] = {TAKEN_CHAINS_MAX, TAKEN_CHAINS_MAX + 1, WALK_CHAINS_MAX + 8};
    static struct taken_ports taken_ports;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        memset(ports, 0, sizeof(ports));
        taken_ports_begin(&taken_ports, &context, NATPMP_TCP);
        for (unsigned k = 1; k <= chains[i]; k++) {
            char words[128];
            (void)snprintf(words, sizeof(words),
                           "=chain=c%u =action=dst-nat =protocol=tcp =dst-port=%u =to-addresses=10.0.0.1", k,
                           k);
            taken_ports_add(&taken_ports, row(words));
        }
        (void)taken_ports_end(&taken_ports, &ports[NATPMP_TCP]);
        assert_false(portset_has(&ports[NATPMP_TCP].sure, 1));
        assert_int_equal(portset_has(&ports[NATPMP_TCP].doubted, (uint16_t)chains[i]), i > 0);
        assert_int_equal(portset_has(&ports[NATPMP_TCP].doubted, 1),
                         i == 2); /* an unseen jump may lead there */
    }
}

/* A port that was taken before stays taken. */
static void test_ports_add_up(void **state)
{
    (void)state;
    memset(ports, 0, sizeof(ports));
    take_ports(row(DSTNAT "=protocol=tcp =dst-port=80"), ports);
    take_ports(row(DSTNAT "=protocol=tcp =dst-port=!0-1000"), ports);
    check_protocol("both", NATPMP_TCP, "80 6881");
    check_protocol("both", NATPMP_UDP, "");
}

#define TEST(name) cmocka_unit_test_setup(name, start)

UNIT(nat_rule)
{
    const struct CMUnitTest tests[] = {
        TEST(test_protocols),
        TEST(test_ports),
        TEST(test_ports_at_the_ends),
        TEST(test_a_long_list_of_ports),
        TEST(test_garbage_ports),
        TEST(test_interfaces),
        TEST(test_kinds_of_interfaces),
        TEST(test_destination_addresses),
        TEST(test_several_addresses_on_the_interface),
        TEST(test_unknown_addresses_may_match),
        TEST(test_chains_and_actions),
        TEST(test_conditions),
        TEST(test_a_list_that_is_too_long),
        TEST(test_chains),
        TEST(test_more_chains_than_are_kept),
        TEST(test_ports_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
