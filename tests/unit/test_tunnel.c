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

UNIT(tunnel)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_peers_of_wireguard),
        TEST(test_which_peer_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
