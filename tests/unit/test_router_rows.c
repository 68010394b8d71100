/* Rows of addresses and interface lists. A list that does not fit into the table may still have the
 * interface, so a rule that names it may match. */
#include <stdio.h>

#include "core/router_rows.h"
#include "nat_rule_unit.h"

static struct taken_set ports[2];

static bool takes(const char *matcher)
{
    char words[256];
    snprintf(words, sizeof(words), "=.id=*1 =chain=dstnat =action=dst-nat =protocol=tcp =dst-port=80 %s",
             matcher);
    memset(ports, 0, sizeof(ports));
    return take_ports(row(words), ports);
}

static int empty(void **state)
{
    (void)state;
    context = (struct nat_context){.instance = "default", .interface = "wg1"};
    return 0;
}

static void add_member(const char *list, const char *interface)
{
    char words[256];
    snprintf(words, sizeof(words), "=list=%s =interface=%s", list, interface);
    nat_context_add_member(&context, row(words));
}

/* ---- interface lists ---- */

static void test_lists(void **state)
{
    (void)state;
    nat_context_add_list(&context, row("=name=PLAIN =include= =exclude="));
    nat_context_add_list(&context, row("=name=MORE =include=PLAIN =exclude="));
    nat_context_add_list(&context, row("=name=LESS =include= =exclude=PLAIN"));
    nat_context_add_list(&context, row("=include=PLAIN"));
    add_member("WAN", "wg1");
    add_member("LAN", "bridge");
    nat_context_add_member(&context, row("=list=OLD =interface=wg1 =disabled=true"));
    nat_context_add_member(&context, row("=list=WAN"));
    nat_context_add_member(&context, row("=interface=wg1"));
    assert_false(context.lists_incomplete);
    assert_true(takes("=in-interface-list=WAN"));
    assert_false(takes("=in-interface-list=!WAN"));
    assert_false(takes("=in-interface-list=LAN"));
    assert_false(takes("=in-interface-list=OLD"));
    assert_false(takes("=in-interface-list=PLAIN"));
    assert_false(takes("=in-interface-list=MORE"));
    assert_false(takes("=in-interface-list=LESS"));
}

/* Included lists, less excluded ones, and then its own members. Lists in lists of lists are not followed. */
static void test_lists_of_lists(void **state)
{
    static const struct {
        const char *name;
        bool takes;
        bool takes_others;
    } lists[] = {{"MORE", true, false}, {"LESS", false, true}, {"OWN", true, false}, {"ALL", true, false},
                 {"REST", false, true}, {"DYN", true, true},   {"DEEP", true, true}, {"SELF", true, true}};
    (void)state;
    nat_context_add_list(&context, row("=name=MORE =include=LAN,WAN"));
    nat_context_add_list(&context, row("=name=LESS =include=WAN =exclude=LAN,WAN"));
    nat_context_add_list(&context, row("=name=OWN =include=LAN =exclude=WAN"));
    nat_context_add_list(&context, row("=name=ALL =include=all =exclude=none"));
    nat_context_add_list(&context, row("=name=REST =include=all =exclude=WAN"));
    nat_context_add_list(&context, row("=name=DYN =include=dynamic"));
    nat_context_add_list(&context, row("=name=DEEP =include=LESS"));
    nat_context_add_list(&context, row("=name=SELF =include=SELF"));
    add_member("WAN", "wg1");
    add_member("OWN", "wg1");
    add_member("LAN", "bridge");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "=in-interface-list=%s", lists[i].name);
        assert_int_equal(takes(words), lists[i].takes);
        (void)snprintf(words, sizeof words, "=in-interface-list=!%s", lists[i].name);
        assert_int_equal(takes(words), lists[i].takes_others);
    }
}

static void test_more_lists_than_fit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUTER_LISTS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "L%u", i);
        add_member(name, "wg1");
    }
    assert_false(context.lists_incomplete);
    assert_false(takes("=in-interface-list=NEXT"));
    add_member("L0", "wg1"); /* a known list needs no further room */
    assert_false(context.lists_incomplete);
    add_member("NEXT", "wg1");
    assert_true(context.lists_incomplete);
    assert_true(takes("=in-interface-list=NEXT"));
    assert_true(takes("=in-interface-list=!NEXT"));
    assert_false(takes("=in-interface-list=!L31"));
}

static void test_a_list_name_that_is_too_long(void **state)
{
    (void)state;
    char name[INTERFACE_NAME_MAX + 2];
    memset(name, 'x', sizeof(name));
    name[INTERFACE_NAME_MAX] = '\0';
    add_member(name, "wg1");
    assert_false(context.lists_incomplete);
    assert_string_equal(context.list[0].name, name);
    name[INTERFACE_NAME_MAX] = 'x';
    name[INTERFACE_NAME_MAX + 1] = '\0';
    add_member(name, "wg1");
    assert_true(context.lists_incomplete);
    assert_true(takes("=in-interface-list=OTHER"));
    assert_int_equal(context.lists, 1);
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
    (void)state;
    nat_context_add_address(&context, row("=address=10.2.0.2/32 =interface=wg1"));
    nat_context_add_address(&context, row("=address=10.3.0.1/24 =interface=ether1 =actual-interface=wg1"));
    nat_context_add_address(&context, row("=address=10.4.0.1/24 =interface=wg1 =actual-interface=bridge"));
    nat_context_add_address(&context, row("=address=10.5.0.1/24 =interface=wg1 =disabled=true"));
    nat_context_add_address(&context, row("=address=10.6.0.1/24 =interface=wg1 =actual-interface="));
    nat_context_add_address(&context, row("=address=x =interface=wg1"));
    nat_context_add_address(&context, row("=address=10.7.0.1/24"));
    assert_int_equal(context.addresses, 4);
    assert_int_equal(context.address[0], 0x0a020002);
    assert_true(context.on_interface[0]);
    assert_true(context.on_interface[1]);
    assert_false(context.on_interface[2]);
    assert_int_equal(context.address[3], 0x0a060001);
    assert_true(context.on_interface[3]);
}

static void test_more_addresses_than_fit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUTER_ADDRESSES_MAX; i++) {
        char words[64];
        snprintf(words, sizeof(words), "=address=10.2.0.%u/32 =interface=wg1", i);
        nat_context_add_address(&context, row(words));
    }
    assert_false(context.addresses_incomplete);
    assert_false(takes("=dst-address=10.9.9.9"));
    nat_context_add_address(&context, row("=address=10.9.9.9/32 =interface=wg1"));
    assert_true(context.addresses_incomplete);
    assert_int_equal(context.addresses, ROUTER_ADDRESSES_MAX);
    assert_true(takes("=dst-address=10.9.9.9"));
}

/* ---- where the router listens ---- */

/* [P8] Rows of /ip/service and /interface/wireguard. */
static void test_ports_of_the_router(void **state)
{
    static const struct {
        const char *words;
        uint16_t port;
    } rows[] = {
        {"=name=ssh =port=22022 =disabled=false", 22022},
        {"=name=ssh =port=22022 =disabled=true", 0},
        {"=name=api =port=8728 =remote=10.0.0.9:4711 =connection=true", 0},
        {"=name=api =port=40000 =dynamic=true", 0},
        {"=name=api =port=40000 =remote=10.0.0.9:4711", 0},
        {"=name=wg1 =listen-port=51820 =disabled=no", 51820},
        {"=name=wg1 =listen-port=51820 =disabled=yes", 0},
        {"=name=wg1 =listen-port=auto", 0},
        {"=name=www =port=70000", 0},
        {"=name=www", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(listener_port(row(rows[i].words)), rows[i].port);
}

#define TEST(name) cmocka_unit_test_setup(name, empty)

UNIT(router_rows)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lists),
        TEST(test_lists_of_lists),
        TEST(test_more_lists_than_fit),
        TEST(test_a_list_name_that_is_too_long),
        TEST(test_addresses),
        TEST(test_more_addresses_than_fit),
        TEST(test_ports_of_the_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
