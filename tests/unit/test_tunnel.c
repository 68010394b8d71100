/* What the settings of the tunnel and of the router's IP let through, before any rule. */
#include "check_unit.h"

#define PEER(id, allowed) "=.id=" id " =interface=wg1 =allowed-address=" allowed " =disabled=false"

static void test_the_peers_of_wireguard(void **state)
{
    (void)state;
    set_table(TABLE_PEER, NULL);
    judge(survey, &room, &findings);
    assert_null(find(FINDING_PEERS)); /* it is no WireGuard, or it may not be read */
    set_table(TABLE_PEER, ROWS(PEER("*2", "0.0.0.0/0,::/0")));
    check_finding(FINDING_PEERS, FINDING_PASS, "wg1", NULL);
    set_table(TABLE_PEER, ROWS(PEER("*2", "10.2.0.0/24")));
    check_finding(FINDING_PEERS, FINDING_FAIL, "only packets from 10.2.0.0/24 through wg1",
                  "/interface/wireguard/peers/set *2 allowed-address=0.0.0.0/0");
    set_table(TABLE_PEER, ROWS(PEER("*2", "0.0.0.0/1,128.0.0.0/1")));
    check_finding(FINDING_PEERS, FINDING_PASS, "", NULL);
    set_table(TABLE_PEER, ROWS(PEER("*2", "0.0.0.0/1"), PEER("*3", "128.0.0.0/1")));
    check_finding(FINDING_PEERS, FINDING_PASS, "", NULL);
    set_table(TABLE_PEER, ROWS(PEER("*2", "0.0.0.0/1")));
    check_finding(FINDING_PEERS, FINDING_WARN, "0.0.0.0/1", "set *2 allowed-address=0.0.0.0/0");
    /* All but the private addresses, as programs for WireGuard list them. */
    set_table(TABLE_PEER,
              ROWS(PEER("*2", "0.0.0.0/5,8.0.0.0/7,11.0.0.0/8,12.0.0.0/6,16.0.0.0/4,32.0.0.0/3,64.0.0.0/2,"
                              "128.0.0.0/3,160.0.0.0/5,168.0.0.0/6,172.0.0.0/12,173.0.0.0/8,174.0.0.0/7,"
                              "176.0.0.0/4,192.0.0.0/9,193.0.0.0/8,194.0.0.0/7,196.0.0.0/6,200.0.0.0/5,"
                              "208.0.0.0/4")));
    check_finding(FINDING_PEERS, FINDING_PASS, "", NULL);
}

static void test_which_peer_counts(void **state)
{
    (void)state;
    set_table(TABLE_PEER, ROWS("=.id=*1 =interface=wg9 =allowed-address=0.0.0.0/0",
                               "=.id=*2 =interface=wg1 =allowed-address=0.0.0.0/0 =disabled=true",
                               PEER("*3", "10.2.0.7/32"), PEER("*4", "10.2.0.1/32")));
    check_finding(FINDING_PEERS, FINDING_FAIL, "from 10.2.0.1/32", "set *4 ");
    set_table(TABLE_PEER, ROWS("=.id=*1 =interface=wg9 =allowed-address=10.9.0.0/24"));
    judge(survey, &room, &findings);
    assert_null(find(FINDING_PEERS));
}

#define SETTINGS(words) set_table(TABLE_SETTINGS, ROWS(words))

static void test_the_settings_of_ip(void **state)
{
    (void)state;
    check_finding(FINDING_SETTINGS, FINDING_PASS, "", NULL);
    SETTINGS("=ip-forward=false =rp-filter=no");
    check_finding(FINDING_SETTINGS, FINDING_FAIL, "forwards nothing", "/ip/settings/set ip-forward=yes");
    SETTINGS("=ip-forward=true =rp-filter=loose");
    check_finding(FINDING_SETTINGS, FINDING_PASS, "", NULL);
    SETTINGS("=ip-forward=true =rp-filter=strict");
    check_finding(FINDING_SETTINGS, FINDING_FAIL, "the route back is not through wg1",
                  "/ip/settings/set rp-filter=loose");
    set_table(TABLE_SETTINGS, NULL);
    judge(survey, &room, &findings);
    assert_null(find(FINDING_SETTINGS));
}

/* The filter looks the way back up without marks. */
static void test_a_strict_filter(void **state)
{
    (void)state;
    SETTINGS("=ip-forward=true =rp-filter=strict");
    set_table(TABLE_ROUTE, ROWS("=dst-address=0.0.0.0/0 =immediate-gw=wg1 =routing-table=main"));
    check_finding(FINDING_SETTINGS, FINDING_PASS, "", NULL);
    set_table(TABLE_ROUTE,
              ROWS(DEFAULT_ROUTE, "=dst-address=0.0.0.0/1 =immediate-gw=wg1 =routing-table=main"));
    check_finding(FINDING_SETTINGS, FINDING_FAIL, "", "rp-filter=loose");
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE, TUNNEL_ROUTE));
    set_table(TABLE_RULE, ROWS("=.id=*1 =src-address=192.168.88.0/24 =action=lookup =table=vpn-in"));
    check_finding(FINDING_SETTINGS, FINDING_PASS, "", NULL);
    set_table(TABLE_RULE, ROWS("=.id=*1 =src-address=192.168.88.7/32 =action=lookup =table=vpn-in"));
    check_finding(FINDING_SETTINGS, FINDING_WARN, "", "rp-filter=loose");
    set_table(TABLE_RULE, ROWS("=.id=*1 =interface=bridge =action=lookup =table=vpn-in"));
    check_finding(FINDING_SETTINGS, FINDING_FAIL, "", "rp-filter=loose");
}

static void test_a_tunnel_in_a_vrf(void **state)
{
    (void)state;
    survey->upstream.address_known = false;
    set_table(TABLE_VRF, ROWS("=name=main =interfaces=all", "=name=vpn =interfaces=wg1"));
    check_finding(FINDING_RETURN, FINDING_WARN, "wg1 is in the VRF vpn, and bridge is not", NULL);
    assert_null(find(FINDING_GATEWAY_PATH));
    set_table(TABLE_VRF, ROWS("=name=vpn =interfaces=wg9,wg1 =disabled=true"));
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
    set_table(TABLE_VRF, ROWS("=name=vpn =interfaces=wg1,bridge"));
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
    set_table(TABLE_VRF, ROWS("=name=vpn =interfaces=wg10"));
    check_finding(FINDING_RETURN, FINDING_PASS, "", NULL);
    assert_non_null(find(FINDING_GATEWAY_PATH));
}

UNIT(tunnel)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_peers_of_wireguard), TEST(test_which_peer_counts), TEST(test_the_settings_of_ip),
        TEST(test_a_strict_filter),        TEST(test_a_tunnel_in_a_vrf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
