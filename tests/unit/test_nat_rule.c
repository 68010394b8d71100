/* Rows of the NAT table as the router prints them: which ports they take from us, and which are ours. */
#include <stdio.h>

#include "unit.h"

#include "core/nat_rule.h"

static struct ros_reader reader;
static struct nat_context context;
static struct portset taken[2];

/* Interface wg1 with 10.2.0.2, and 192.168.88.1 on another one. */
static int start(void **state)
{
    (void)state;
    context = (struct nat_context){
        .instance = "default",
        .interface = "wg1",
        .address = {0x0a020002, 0xc0a85801},
        .on_interface = {true, false},
        .addresses = 2,
        .list = {{.name = "WAN", .member = true}, {.name = "MIX", .composed = true}, {.name = "LAN"}},
        .lists = 3,
    };
    portset_clear(&taken[NATPMP_UDP]);
    portset_clear(&taken[NATPMP_TCP]);
    return 0;
}

/* A row of words, separated by blanks, through the real writer and reader; '_' stands for a blank in a word.
 */
static const struct ros_sentence *row(const char *words)
{
    static uint8_t buffer[4096];
    struct writer w = writer_of(buffer, sizeof(buffer));
    ros_write_word(&w, span_text("!re"));
    ros_write_word(&w, span_text(".tag=7"));
    while (*words != '\0') {
        char word[512];
        size_t len = 0;
        for (; *words != '\0' && *words != ' '; words++)
            word[len++] = *words == '_' ? ' ' : *words;
        ros_write_word(&w, span_of(word, len));
        words += *words == ' ';
    }
    ros_write_end(&w);
    struct span input = writer_span(&w);
    ros_reader_init(&reader);
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    return &reader.sentence;
}

/* ---- the ports that foreign rules take ---- */

#define DSTNAT "=.id=*1 =chain=dstnat =action=dst-nat "

/* What is taken of three ports: "80", "443" and "6881", for udp and tcp. */
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
        bool any = nat_rule_take_ports(row(rows[i].words), &context, taken);
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

/* What cannot be read counts as matching. */
static void test_garbage_ports(void **state)
{
    (void)state;
    static const char *const garbage[] = {"http", "80,x",    "65536", "90-80", "80-",
                                          "-80",  "80,,443", ",80",   "0x50",  "_80"};
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
        {DSTNAT PORT "=dst-address-list=mine", "", "80"},
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
        {DSTNAT PORT "=dst-address=!10.2.0.2", "", "80"}, /* the other one passes */
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
    context.on_interface[0] = false; /* none stands on it: an address may come */
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

/* What was taken before stays taken. */
static void test_ports_add_up(void **state)
{
    (void)state;
    nat_rule_take_ports(row(DSTNAT "=protocol=tcp =dst-port=80"), &context, taken);
    nat_rule_take_ports(row(DSTNAT "=protocol=tcp =dst-port=!0-1000"), &context, taken);
    check_protocol("both", NATPMP_TCP, "80 6881");
    check_protocol("both", NATPMP_UDP, "");
}

/* ---- rules of ours ---- */

#define OURS                                                                                                 \
    "=.id=*1A =chain=dstnat =action=dst-nat =protocol=tcp =in-interface=wg1 =dst-port=6881 "                 \
    "=to-addresses=192.168.88.11 =to-ports=6882 =disabled=false =dynamic=false "
#define MARK "=comment=double-natpmp/default_external_41000_lease_7200_s"

static struct nat_rule parse(const char *words)
{
    return nat_rule_parse(row(words), &context);
}

static void test_our_rule(void **state)
{
    (void)state;
    struct nat_rule rule = parse(OURS MARK);
    assert_int_equal(rule.id, 0x1A);
    assert_true(rule.ours && rule.sound && rule.as_wanted && rule.comment_current);
    assert_false(rule.partial || rule.only_counts);
    assert_int_equal(rule.protocol, NATPMP_TCP);
    assert_int_equal(rule.router_port, 6881);
    assert_int_equal(rule.client, 0xc0a8580b);
    assert_int_equal(rule.internal_port, 6882);
    assert_int_equal(rule.external_port, 41000);
    assert_int_equal(rule.lease_s, 7200);
}

static void test_marks(void **state)
{
    (void)state;
    static const struct {
        const char *instance;
        const char *comment;
        bool ours;
        bool current;
    } marks[] = {
        {"default", "double-natpmp/default_external_1_lease_2_s", true, true},
        {"default", "double-natpmp/default_external_pending_lease_2_s", true, true},
        {"default", "double-natpmp/default", true, false},
        {"default", "double-natpmp/default_", true, false},
        {"default", "double-natpmp/default_hello", true, false},
        {"default", "double-natpmp/default_external_65536_lease_2_s", true, false},
        {"default", "double-natpmp/default_external_1_lease_2_s_more", true, false},
        {"default", "double-natpmp/default_external_1_lease_x_s", true, false},
        {"default", "double-natpmp/default2_external_1_lease_2_s", false, false},
        {"default", "double-natpmp/defaul_external_1_lease_2_s", false, false},
        {"default", "double-natpmp/default-b", false, false},
        {"default", "double-natpmp/", false, false},
        {"default", "double-natpmp", false, false},
        {"default", "Double-natpmp/default", false, false},
        {"default", "_double-natpmp/default", false, false},
        {"default", "double-natpmp-tcp-6881-192.168.88.11", true, false},
        {"vpn2", "double-natpmp-tcp-6881-192.168.88.11", false, false},
        {"vpn2", "double-natpmp/vpn2_external_1_lease_2_s", true, true},
        {"vpn2", "double-natpmp/vpn_external_1_lease_2_s", false, false},
        {"vpn2", "double-natpmp/default_external_1_lease_2_s", false, false},
        {"vpn", "double-natpmp/vpn2_external_1_lease_2_s", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        char words[512];
        context.instance = marks[i].instance;
        snprintf(words, sizeof(words), "%s=comment=%s", OURS, marks[i].comment);
        struct nat_rule rule = parse(words);
        if (rule.ours != marks[i].ours || rule.comment_current != marks[i].current)
            print_error("%s for %s\n", marks[i].comment, marks[i].instance);
        assert_int_equal(rule.ours, marks[i].ours);
        assert_int_equal(rule.comment_current, marks[i].current);
    }
    assert_false(parse(OURS).ours);
    assert_false(parse(OURS "=dynamic=true " MARK).ours);
}

static void test_unsound_rules_are_ours_still(void **state)
{
    (void)state;
#define BARE "=.id=*1A =chain=dstnat =action=dst-nat =in-interface=wg1 " MARK " "
#define TARGET "=to-addresses=192.168.88.11 =to-ports=6882 "
    static const char *const rows[] = {
        BARE,
        BARE "=dst-port=6881 " TARGET,
        BARE "=protocol=gre =dst-port=6881 " TARGET,
        BARE "=protocol=!tcp =dst-port=6881 " TARGET,
        BARE "=protocol=tcp " TARGET,
        BARE "=protocol=tcp =dst-port=6881-6882 " TARGET,
        BARE "=protocol=tcp =dst-port=6881,6882 " TARGET,
        BARE "=protocol=tcp =dst-port=!6881 " TARGET,
        BARE "=protocol=tcp =dst-port=0 " TARGET,
        BARE "=protocol=tcp =dst-port=6881 =to-ports=6882",
        BARE "=protocol=tcp =dst-port=6881 =to-addresses=192.168.88.11-192.168.88.12",
        BARE "=protocol=tcp =dst-port=6881 =to-addresses=192.168.88.0/24",
        BARE "=protocol=tcp =dst-port=6881 =to-addresses=x",
        BARE "=protocol=tcp =dst-port=6881 =to-addresses=192.168.88.11 =to-ports=1-2",
        BARE "=protocol=tcp =dst-port=6881 =to-addresses=192.168.88.11 =to-ports=0",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nat_rule rule = parse(rows[i]);
        if (!rule.ours || rule.sound || rule.as_wanted)
            print_error("%s\n", rows[i]);
        assert_true(rule.ours && !rule.sound && !rule.as_wanted);
    }
}

static void test_other_spellings_are_the_same_rule(void **state)
{
    (void)state;
    static const char *const rows[] = {
        OURS "=to-addresses=192.168.88.11/32 " MARK,
        OURS "=to-addresses=192.168.88.11-192.168.88.11 " MARK,
        OURS "=protocol=6 " MARK,
        OURS "=dst-port=6881-6881 " MARK,
        OURS "=to-ports=6882-6882 " MARK,
        OURS "=disabled=no =src-address= =dst-address= " MARK,
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nat_rule rule = parse(rows[i]);
        if (!rule.as_wanted || rule.internal_port != 6882)
            print_error("%s\n", rows[i]);
        assert_true(rule.as_wanted);
        assert_int_equal(rule.internal_port, 6882);
    }
    assert_int_equal(parse(OURS "=to-ports= " MARK).internal_port, 6881);
}

static void test_what_a_hand_changed(void **state)
{
    (void)state;
    static const char *const additions[] = {
        "=disabled=true ",      "=disabled=yes ",          "=chain=srcnat ",
        "=action=redirect ",    "=in-interface=ether1 ",   "=in-interface=!wg1 ",
        "=in-interface= ",      "=in-interface-list=WAN ", "=port=1 ",
        "=src-port=1 ",         "=src-address=1.2.3.4 ",   "=dst-address=10.2.0.2 ",
        "=src-address-list=a ", "=dst-address-list=a "};
    for (size_t i = 0; i < ARRAY_LEN(additions); i++) {
        char words[512];
        snprintf(words, sizeof(words), "%s%s%s", OURS, additions[i], MARK);
        struct nat_rule rule = parse(words);
        if (!rule.ours || !rule.sound || rule.as_wanted)
            print_error("%s\n", additions[i]);
        assert_true(rule.ours && rule.sound && !rule.as_wanted);
    }
}

static void test_partial_rows(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        bool partial;
        bool only_counts;
    } rows[] = {
        {"=.id=*1 =bytes=12 =packets=3", true, true},
        {"=.id=*1 =bytes=12", true, true},
        {"=.id=*1", true, true},
        {"=.id=*1 =disabled=true", true, false},
        {"=.id=*1 =bytes=12 =disabled=true", true, false},
        {"=.id=*1 =chain=dstnat =comment=double-natpmp/default", true, false},
        {"=.id=*1 =action=dst-nat =comment=double-natpmp/default", true, false},
        {OURS MARK, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nat_rule rule = parse(rows[i].words);
        assert_int_equal(rule.partial, rows[i].partial);
        assert_int_equal(rule.only_counts, rows[i].only_counts);
        assert_int_equal(rule.ours, !rows[i].partial);
    }
    assert_int_equal(parse("=chain=dstnat =action=dst-nat").id, 0);
    assert_int_equal(parse("=.id=1A =chain=dstnat =action=dst-nat").id, 0);
}

static void test_comment_round_trip(void **state)
{
    (void)state;
    static const struct {
        uint16_t external_port;
        uint32_t lease_s;
        const char *text;
    } comments[] = {
        {41000, 7200, "double-natpmp/default external 41000 lease 7200 s"},
        {65535, UINT32_MAX, "double-natpmp/default external 65535 lease 4294967295 s"},
        {0, 60, "double-natpmp/default external pending lease 60 s"},
        {1, 0, "double-natpmp/default external 1 lease 0 s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(comments); i++) {
        char text[128];
        char words[512];
        struct writer w = writer_of(text, sizeof(text));
        nat_rule_write_comment(&w, "default", comments[i].external_port, comments[i].lease_s);
        assert_span_text(writer_span(&w), comments[i].text);
        size_t len = (size_t)snprintf(words, sizeof(words), "%s=comment=%.*s", OURS, (int)w.len, text);
        for (size_t c = len - w.len; c < len; c++)
            words[c] = words[c] == ' ' ? '_' : words[c];
        struct nat_rule rule = parse(words);
        assert_true(rule.ours && rule.comment_current);
        assert_int_equal(rule.external_port, comments[i].external_port);
        assert_int_equal(rule.lease_s, comments[i].lease_s);
    }
}

static void test_prefixes(void **state)
{
    (void)state;
    struct prefix prefix;
    assert_true(parse_prefix(span_text("10.2.0.0/24"), &prefix) && prefix_has(&prefix, 0x0a0200ff) &&
                !prefix_has(&prefix, 0x0a020100));
    assert_true(parse_prefix(span_text("0.0.0.0/0"), &prefix) && prefix_has(&prefix, UINT32_MAX));
    assert_true(parse_prefix(span_text("1.2.3.4"), &prefix) && !prefix_has(&prefix, 0x01020305));
    static const char *const bad[] = {"", "10.2.0.0/", "10.2.0.0/33", "10.2.0.0/-1", "10.2.0/24"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(parse_prefix(span_text(bad[i]), &prefix));
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_protocols),
        TEST(test_ports),
        TEST(test_garbage_ports),
        TEST(test_interfaces),
        TEST(test_destination_addresses),
        TEST(test_several_addresses_on_the_interface),
        TEST(test_unknown_addresses_may_match),
        TEST(test_chains_and_actions),
        TEST(test_ports_add_up),
        TEST(test_our_rule),
        TEST(test_marks),
        TEST(test_unsound_rules_are_ours_still),
        TEST(test_other_spellings_are_the_same_rule),
        TEST(test_what_a_hand_changed),
        TEST(test_partial_rows),
        TEST(test_comment_round_trip),
        TEST(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
