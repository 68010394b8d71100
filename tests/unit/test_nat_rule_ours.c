/* Rules with the daemon's mark: whose they are, what they contain, and whether somebody changed them. */
#include <stdio.h>

#include "nat_rule_unit.h"

#define OURS                                                                                                 \
    "=.id=*1A =chain=dstnat =action=dst-nat =protocol=tcp =in-interface=wg1 =dst-port=6881 "                 \
    "=to-addresses=192.168.88.11 =to-ports=6882 =dst-address=10.2.0.2 =disabled=false =dynamic=false "
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
    assert_false(rule.partial || rule.only_ours);
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
        {"default", "double-natpmp/default", false, false},
        {"default", "double-natpmp/default_", false, false},
        {"default", "double-natpmp/default_hello", false, false},
        {"default", "double-natpmp/default_external_65536_lease_2_s", false, false},
        {"default", "double-natpmp/default_external_1_lease_2_s_more", false, false},
        {"default", "double-natpmp/default_external_1_lease_x_s", false, false},
        {"default", "double-natpmp/default_external_01_lease_2_s", false, false},
        {"default", "double-natpmp/default_external_1_lease_02_s", false, false},
        {"default", "double-natpmp/default_external_0_lease_2_s", false, false},
        {"default", "double-natpmp/default_external_1_lease_2_s_", false, false},
        {"default", "double-natpmp-tcp-06881-192.168.88.11", false, false},
        {"default", "double-natpmp-tcp-6881-192.168.88.11-", false, false},
        {"default", "double-natpmp/default2_external_1_lease_2_s", false, false},
        {"default", "double-natpmp/defaul_external_1_lease_2_s", false, false},
        {"default", "double-natpmp/default-b", false, false},
        {"default", "double-natpmp/", false, false},
        {"default", "double-natpmp", false, false},
        {"default", "Double-natpmp/default", false, false},
        {"default", "_double-natpmp/default", false, false},
        {"default", "double-natpmp-tcp-6881-192.168.88.11", true, false},
        {"default", "double-natpmp-udp-65535-10.0.0.1", true, false},
        {"default", "double-natpmp-", false, false},
        {"default", "double-natpmp-redirect", false, false},
        {"default", "double-natpmp-icmp-1-192.168.88.11", false, false},
        {"default", "double-natpmp-tcp-65536-192.168.88.11", false, false},
        {"default", "double-natpmp-tcp-6881-192.168.88", false, false},
        {"default", "double-natpmp-tcp-6881-192.168.88.11_mine", false, false},
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
        BARE "=protocol=tcp =dst-port=6881 =to-addresses=0.0.0.0",
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
        OURS "=disabled=no =src-address= =dst-address-type= " MARK,
        OURS "=dst-address=10.2.0.2/32 " MARK,
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
        "=disabled=true ",     "=disabled=yes ",           "=chain=srcnat ",
        "=action=redirect ",   "=in-interface=ether1 ",    "=in-interface=!wg1 ",
        "=in-interface= ",     "=in-interface-list=WAN ",  "=port=1 ",
        "=src-port=1 ",        "=src-address=1.2.3.4 ",    "=dst-address=10.2.0.3 ",
        "=dst-address= ",      "=dst-address-type=local ", "=src-address-list=a ",
        "=dst-address-list=a "};
    for (size_t i = 0; i < ARRAY_LEN(additions); i++) {
        char words[512];
        snprintf(words, sizeof(words), "%s%s%s", OURS, additions[i], MARK);
        struct nat_rule rule = parse(words);
        if (!rule.ours || !rule.sound || rule.as_wanted)
            print_error("%s\n", additions[i]);
        assert_true(rule.ours && rule.sound && !rule.as_wanted);
    }
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* Every argument of a NAT rule that any version has is a condition, which our rules do not have, or is known
 * here. */
static void test_all_conditions(void **state)
{
    (void)state;
    static const char menu[] = "/ip/firewall/nat\tadd\t";
    static const char *const written[] = {
        "action",   "chain",    "comment",  "disabled",     "dst-address",  "dst-address-type",
        "dst-port", "protocol", "to-ports", "in-interface", "to-addresses", NULL};
    static const char *const no_condition[] = {
        "address-list",    "address-list-timeout", "copy-from",   "jump-target",   "log",
        "log-prefix",      "place-before",         "socks5-port", "socks5-server", "socksify-service",
        "randomise-ports", "same-not-by-dst",      NULL};
    FILE *file = fopen(SOURCE_DIR "/routeros-commands.tsv", "r");
    char line[2048];
    char words[512];
    unsigned found = 0;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *versions = line + sizeof(menu) - 1;
        if (strncmp(line, menu, sizeof(menu) - 1) != 0)
            continue;
        bool of_all = strncmp(versions, "7.9..7.24\t", 10) == 0;
        char *names = strchr(versions, '\t');
        assert_non_null(names);
        for (char *name = strtok(names, "\t \n"); name != NULL; name = strtok(NULL, "\t \n")) {
            if (is_one_of(name, written) || is_one_of(name, no_condition))
                continue;
            found++;
            snprintf(words, sizeof(words), "%s=%s=x %s", OURS, name, MARK);
            if (parse(words).as_wanted)
                fail_msg("%s is not seen", name);
            snprintf(words, sizeof(words), ",%s,", name);
            if ((strstr(nat_rule_proplist, words) != NULL) != of_all)
                fail_msg("%s is%s asked for", name, of_all ? " not" : "");
        }
    }
    (void)fclose(file);
    assert_in_range(found, 40, 60);
}

/* [P7] Rules for the tunnel's own address, as long as it is known. Otherwise they are for any address of the
 * router. */
static void test_the_address_of_the_tunnel(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        bool known;   /* as wanted while the address is known */
        bool unknown; /* and while it is not */
    } rows[] = {
        {OURS MARK, true, false},
        {OURS "=dst-address=10.2.0.9 " MARK, false, false},
        {OURS "=dst-address= " MARK, false, false}, /* as earlier versions wrote them */
        {OURS "=dst-address= =dst-address-type=local " MARK, false, true},
        {OURS "=dst-address-type=local " MARK, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start(NULL);
        struct nat_rule rule = parse(rows[i].words);
        assert_int_equal(rule.as_wanted, rows[i].known);
        assert_int_equal(rule.outdated, !rows[i].known);
        context.on_interface[1] = true; /* two addresses */
        assert_int_equal(parse(rows[i].words).as_wanted, rows[i].unknown);
        context.on_interface[0] = context.on_interface[1] = false;
        assert_int_equal(parse(rows[i].words).as_wanted, rows[i].unknown);
        start(NULL);
        context.addresses_incomplete = true;
        assert_int_equal(parse(rows[i].words).as_wanted, rows[i].unknown);
    }
    start(NULL);
    assert_false(parse(OURS "=dst-address= =disabled=true " MARK).outdated);
    assert_false(parse(OURS "=dst-address= =src-address=1.2.3.4 " MARK).outdated);
}

static void test_partial_rows(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        bool partial;
        bool only_ours;
    } rows[] = {
        {"=.id=*1 =bytes=12 =packets=3", true, true},
        {"=.id=*1 =bytes=12", true, true},
        {"=.id=*1", true, true},
        {"=.id=*1 =comment=double-natpmp/default_external_41000_lease_60_s", true, true},
        {"=.id=*1 =comment=double-natpmp/default", true, true},
        {"=.id=*1 =comment=double-natpmp/defaults", true, false},
        {"=.id=*1 =comment=double-natpmp/defaul", true, false},
        {"=.id=*1 =disabled=true", true, false},
        {"=.id=*1 =bytes=12 =disabled=true", true, false},
        {"=.id=*1 =chain=dstnat =comment=double-natpmp/default", true, false},
        {"=.id=*1 =action=dst-nat =comment=double-natpmp/default", true, false},
        {OURS MARK, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nat_rule rule = parse(rows[i].words);
        assert_int_equal(rule.partial, rows[i].partial);
        assert_int_equal(rule.only_ours, rows[i].only_ours);
        assert_int_equal(rule.ours, !rows[i].partial);
    }
    /* Some routers put the tag last. Then the first word counts like the others. */
    assert_true(nat_rule_parse(sentence("!re =bytes=12 =.id=*1 .tag=7"), &context).only_ours);
    assert_false(nat_rule_parse(sentence("!re =disabled=true =.id=*1 .tag=7"), &context).only_ours);
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

/* A rule that `check` leaves behind when it is killed. The next check recognizes it, and the daemon never
 * takes it for its own. */
static void test_trial_rules(void **state)
{
    (void)state;
    char text[128];
    uint8_t buffer[96];
    struct writer w = writer_of(buffer, sizeof(buffer));
    nat_rule_write_trial_comment(&w, "default");
    assert_span_text(writer_span(&w), "double-natpmp/default check, may be removed");
    static const struct {
        const char *words;
        const char *instance;
        bool trial;
    } rows[] = {
        {"=disabled=true =comment=double-natpmp/default_check,_may_be_removed", "default", true},
        {"=disabled=false =comment=double-natpmp/default_check,_may_be_removed", "default", false},
        {"=disabled=true =dynamic=true =comment=double-natpmp/default_check,_may_be_removed", "default",
         false},
        {"=disabled=true =comment=double-natpmp/default_check,_may_be_removed", "defaul", false},
        {"=disabled=true =comment=double-natpmp/two_check,_may_be_removed", "default", false},
        {"=disabled=true =comment=double-natpmp/default_check", "default", false},
        {"=disabled=true =comment=double-natpmp/default_external_1_lease_2_s", "default", false},
        {"=disabled=true", "default", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(text, sizeof(text), "=.id=*1 =chain=dstnat =action=passthrough %s", rows[i].words);
        assert_int_equal(nat_rule_is_trial(row(text), rows[i].instance), rows[i].trial);
        assert_int_equal(parse(text).ours, strstr(text, "external") != NULL);
    }
}

static void test_counters(void **state)
{
    static const struct {
        const char *words;
        bool known;
        uint32_t packets;
        uint64_t bytes;
    } rows[] = {
        {"=bytes=0 =packets=0", true, 0, 0},
        {"=bytes=60 =packets=4294967294", true, UINT32_MAX - 1, 60},
        {"=bytes=60 =packets=4294967295", false, 0, 0},
        {"=bytes=60 =packets=4294967296", false, 0, 0},
        {"=bytes=18446744073709551615 =packets=1", false, 0, 0},
        {"=bytes=60", false, 0, 0},
        {"=packets=1", false, 0, 0},
        {"=bytes= =packets=", false, 0, 0},
        {"=bytes=60 =packets=-1", false, 0, 0},
        {"=bytes=60 =packets=18446744073709551616", false, 0, 0},
        {"", false, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct nat_counters counters = nat_counters_parse(row(rows[i].words));
        assert_int_equal(counters.known, rows[i].known);
        if (rows[i].known)
            assert_int_equal(counters.packets, rows[i].packets);
        if (rows[i].known)
            assert_true(counters.bytes == rows[i].bytes);
    }
}

UNIT(nat_rule_ours)
{
    const struct CMUnitTest tests[] = {
        TEST(test_our_rule),
        TEST(test_trial_rules),
        TEST(test_marks),
        TEST(test_unsound_rules_are_ours_still),
        TEST(test_other_spellings_are_the_same_rule),
        TEST(test_what_a_hand_changed),
        TEST(test_all_conditions),
        TEST(test_the_address_of_the_tunnel),
        TEST(test_partial_rows),
        TEST(test_comment_round_trip),
        TEST(test_counters),
        TEST(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
