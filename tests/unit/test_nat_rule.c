/* Which ports a foreign rule could take. */
#include <stdio.h>

#include "nat_rule_unit.h"

#define DSTNAT "=.id=*1 =chain=dstnat =action=dst-nat "

static struct portset taken[2];
static struct portset doubted[2];

/* Which of three ports it takes, "80", "443" and "6881", for UDP and TCP. */
struct expected {
    const char *words;
    const char *udp;
    const char *tcp;
};

static void check_protocol(const char *words, enum natpmp_protocol protocol, const char *expected)
{
    static const uint16_t ports[] = {80, 443, 6881};
    char found[32] = "";
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (portset_has(&taken[protocol], ports[i]))
            len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%u", len > 0 ? " " : "",
                                    (unsigned)ports[i]);
    if (strcmp(found, expected) != 0)
        print_error("%s %s\n", protocol == NATPMP_UDP ? "udp" : "tcp", words);
    assert_string_equal(found, expected);
}

static void check_rows(const struct expected *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        portset_clear(&taken[NATPMP_UDP]);
        portset_clear(&taken[NATPMP_TCP]);
        bool any = nat_rule_take_ports(row(rows[i].words), &context, taken, doubted);
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
        {DSTNAT, ALL, ALL},
        {DSTNAT "=protocol=", ALL, ALL},
        {DSTNAT "=protocol=tcp", "", ALL},
        {DSTNAT "=protocol=!tcp", ALL, ""},
        {DSTNAT "=protocol=!udp", "", ALL},
        {DSTNAT "=protocol=!6", ALL, ""},
        {DSTNAT "=protocol=!icmp", ALL, ALL},
        {DSTNAT "=protocol=icmp", "", ""},
        {DSTNAT "=protocol=gre", "", ""},
        {DSTNAT "=protocol=47", "", ""},
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
        {DSTNAT "=protocol=tcp =dst-port=", "", ALL},
        {DSTNAT "=protocol=tcp =port=443", "", "443"},
        {DSTNAT "=protocol=udp =port=!443", "80 6881", ""},
        {DSTNAT "=protocol=tcp =src-port=80", "", ALL},
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
        {DSTNAT "=protocol=tcp", "0 1 53 63 64 65534 65535"},
    };
    static const uint16_t ports[] = {0, 1, 53, 63, 64, 65534, 65535};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char found[64] = "";
        size_t len = 0;
        portset_clear(&taken[NATPMP_TCP]);
        assert_true(nat_rule_take_ports(row(rows[i].words), &context, taken, doubted));
        for (size_t k = 0; k < ARRAY_LEN(ports); k++)
            if (portset_has(&taken[NATPMP_TCP], ports[k]))
                len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%u", len > 0 ? " " : "",
                                        (unsigned)ports[k]);
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
        portset_clear(&taken[NATPMP_TCP]);
        assert_true(nat_rule_take_ports(row_with_ports(counts[i]), &context, taken, doubted));
        for (unsigned port = 20000; port < 22000; port++)
            assert_int_equal(portset_has(&taken[NATPMP_TCP], (uint16_t)port),
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
        {DSTNAT PORT "=in-interface=all-ethernet", "", "80"},
        {DSTNAT PORT "=in-interface=all-ppp", "", "80"},
        {DSTNAT PORT "=in-interface=all-vlan", "", "80"},
        {DSTNAT PORT "=in-interface=all-wireless", "", "80"},
        {DSTNAT PORT "=in-interface=!all-ethernet", "", "80"},
        {DSTNAT PORT "=in-interface-list=WAN", "", "80"},
        {DSTNAT PORT "=in-interface-list=!WAN", "", ""},
        {DSTNAT PORT "=in-interface-list=LAN", "", ""},
        {DSTNAT PORT "=in-interface-list=!LAN", "", "80"},
        {DSTNAT PORT "=in-interface-list=MIX", "", "80"},
        {DSTNAT PORT "=in-interface-list=!MIX", "", "80"},
        {DSTNAT PORT "=in-interface-list=OTHER", "", ""},
        {DSTNAT PORT "=in-interface-list=!OTHER", "", "80"},
        {DSTNAT PORT "=in-interface-list=all", "", "80"},
        {DSTNAT PORT "=in-interface-list=!all", "", ""},
        {DSTNAT PORT "=in-interface-list=none", "", ""},
        {DSTNAT PORT "=in-interface-list=!none", "", "80"},
        {DSTNAT PORT "=in-interface-list=dynamic", "", "80"},
        {DSTNAT PORT "=in-interface-list=!static", "", "80"},
        {DSTNAT PORT "=in-interface-list=WAN =in-interface=ether1", "", ""},
        {DSTNAT PORT "=in-interface-list=LAN =in-interface=wg1", "", ""},
    };
    check_rows(rows, ARRAY_LEN(rows));
    context.lists_incomplete = true;
    static const struct expected unknown_lists[] = {
        {DSTNAT PORT "=in-interface-list=OTHER", "", "80"},
        {DSTNAT PORT "=in-interface-list=!OTHER", "", "80"},
        {DSTNAT PORT "=in-interface-list=LAN", "", ""},
        {DSTNAT PORT "=in-interface-list=!WAN", "", ""},
    };
    check_rows(unknown_lists, ARRAY_LEN(unknown_lists));
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
        {DSTNAT PORT "=dst-address=example.com", "", "80"},
        {DSTNAT PORT "=dst-address=!example.com", "", "80"},
        {DSTNAT PORT "=dst-address=10.2.0.3/33", "", "80"},
        {DSTNAT PORT "=dst-address=10.2.0.3-x", "", "80"},
        {DSTNAT PORT "=dst-address-type=local", "", "80"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_several_addresses_on_the_interface(void **state)
{
    (void)state;
    context.on_interface[1] = true;
    static const struct expected rows[] = {
        {DSTNAT PORT "=dst-address=10.2.0.2", "", "80"},
        {DSTNAT PORT "=dst-address=!10.2.0.2", "", "80"}, /* it excludes the other one */
        {DSTNAT PORT "=dst-address=192.168.88.1", "", "80"},
        {DSTNAT PORT "=dst-address=0.0.0.0/0", "", "80"},
        {DSTNAT PORT "=dst-address=!0.0.0.0/0", "", ""},
        {DSTNAT PORT "=dst-address=1.2.3.4", "", ""},
        {DSTNAT PORT "=dst-address=!1.2.3.4", "", "80"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_unknown_addresses_may_match(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {DSTNAT PORT "=dst-address=1.2.3.4", "", "80"},
        {DSTNAT PORT "=dst-address=!10.2.0.2", "", "80"},
    };
    context.addresses_incomplete = true;
    check_rows(rows, ARRAY_LEN(rows));
    start(NULL);
    context.on_interface[0] = false; /* the interface has no address yet */
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_chains_and_actions(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {"=chain=dstnat =action=redirect " PORT, "", "80"},
        {"=chain=dstnat =action=netmap " PORT, "", "80"},
        {"=chain=from-vpn =action=dst-nat " PORT, "", "80"}, /* a jump may lead there */
        {"=chain=dstnat =action=accept " PORT, "", ""},
        {"=chain=dstnat =action=masquerade " PORT, "", ""},
        {"=chain=dstnat =action=src-nat " PORT, "", ""},
        {"=chain=dstnat =action=jump " PORT, "", ""},
        {"=chain=dstnat =action=log " PORT, "", ""},
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
        {DSTNAT PORT "=connection-mark=no-mark", "", "80"},
        {DSTNAT PORT "=packet-mark=!vpn", "", "80"},
        {DSTNAT PORT "=connection-mark=", "", "80"},
    };
    static const char *const doubts[] = {
        "=src-address-list=a",
        "=dst-address-list=!a",
        "=connection-mark=a",
        "=packet-mark=a",
        "=routing-mark=a",
        "=connection-mark=!no-mark",
        "=hotspot=auth",
        "=layer7-protocol=a",
        "=content=a",
        "=time=8h-17h,mon",
        "=src-mac-address=0:0:0:0:0:0",
        "=limit=1,5:packet",
    };
    check_rows(rows, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(doubts); i++) {
        char words[256];
        snprintf(words, sizeof(words), DSTNAT "%s", doubts[i]);
        start(NULL);
        portset_clear(&doubted[NATPMP_TCP]);
        check_rows(&(struct expected){words, "", ""}, 1);
        assert_true(portset_has(&doubted[NATPMP_TCP], 6881));
        assert_false(nat_rule_take_ports(row(words), &context, taken, NULL));
    }
}

/* [P4] Of a list that is too long even so it is not known which ports it names. */
static void test_a_list_that_is_too_long(void **state)
{
    (void)state;
    portset_clear(&taken[NATPMP_TCP]);
    portset_clear(&doubted[NATPMP_TCP]);
    assert_true(nat_rule_take_ports(row_with_ports(3000), &context, taken, doubted));
    assert_false(portset_has(&taken[NATPMP_TCP], 20000));
    assert_true(portset_has(&doubted[NATPMP_TCP], 20000));
}

/* A port that was taken before stays taken. */
static void test_ports_add_up(void **state)
{
    (void)state;
    portset_clear(&taken[NATPMP_UDP]);
    portset_clear(&taken[NATPMP_TCP]);
    nat_rule_take_ports(row(DSTNAT "=protocol=tcp =dst-port=80"), &context, taken, doubted);
    nat_rule_take_ports(row(DSTNAT "=protocol=tcp =dst-port=!0-1000"), &context, taken, doubted);
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
        TEST(test_destination_addresses),
        TEST(test_several_addresses_on_the_interface),
        TEST(test_unknown_addresses_may_match),
        TEST(test_chains_and_actions),
        TEST(test_conditions),
        TEST(test_a_list_that_is_too_long),
        TEST(test_ports_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
