/* Remedies do no harm: a wrong setting of ours is corrected, and not the router that is right. */
#include <stdio.h>

#include "check/setup.h"
#include "check_unit.h"

/* What a remedy must not do: it could lock the owner out, or open the LAN. */
static void check_no_harm(void)
{
    static const char *const harms[] = {
        "/interface/list/member/remove", "name=admin",        "192.168.88.1/32",
        "out-interface=bridge",          "to-addresses=127.", "gateway=bridge"};
    judge(survey, &room, &findings);
    note_remedies(survey, &findings);
    for (unsigned i = 0; i < findings.count; i++)
        for (size_t k = 0; k < ARRAY_LEN(harms); k++)
            if (strstr(findings.at[i].cure, harms[k]) != NULL)
                fail_msg("%s: %s - %s", finding_name((enum finding_id)findings.at[i].id), findings.at[i].what,
                         findings.at[i].cure);
}

/* The gateway does not answer: the findings about its path are there as well. */
static void check_setting(enum finding_id id, const char *what, const char *setting)
{
    for (unsigned answers = 0; answers < 2; answers++) {
        survey->upstream.address_known = answers == 1;
        check_finding(id, FINDING_FAIL, what, setting);
        check_no_harm();
    }
}

static void test_the_gateway_is_the_router(void **state)
{
    (void)state;
    config.gateway = 0xc0a85801;
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=bridge"));
    check_setting(FINDING_INTERFACE, "192.168.88.1, is an address of this router", "correct VPN_GATEWAY");
    config.gateway = 0xc0a85803;
    check_setting(FINDING_INTERFACE, "192.168.88.3, is an address of the LAN", "correct VPN_GATEWAY");
    config.gateway = 0xcb007102; /* of the provider's network */
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=ether1"));
    check_setting(FINDING_INTERFACE, "203.0.113.2, is an address of this router", "correct VPN_GATEWAY");
    config.gateway = 0xac110002; /* this machine */
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=veth1"));
    check_setting(FINDING_INTERFACE, "172.17.0.2, is an address of this machine", "correct VPN_GATEWAY");
    /* It may be right: the LAN has the provider's network, and the route to the gateway is no route to hosts
     * of the LAN. */
    config.gateway = 0x0a020001;
    set_table(TABLE_ADDRESS,
              ROWS("=address=203.0.113.2/24 =interface=ether1", "=address=10.2.0.1/24 =interface=bridge",
                   "=address=172.17.0.1/30 =interface=veth1", "=address=10.2.0.2/32 =interface=wg1"));
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=wg1"));
    set_table(TABLE_ROUTE,
              ROWS(DEFAULT_ROUTE, "=dst-address=10.2.0.1/32 =immediate-gw=wg1 =routing-table=main"));
    check_setting(
        FINDING_INTERFACE, "10.2.0.1, is an address of this router",
        "or, if it is right (at ProtonVPN it is 10.2.0.1), give that network of the router other addresses");
    check_finding(FINDING_REQUEST, FINDING_PASS, "its answers reach the LAN", NULL);
}

static void test_the_interface_is_no_tunnel(void **state)
{
    (void)state;
    config.in_interface = "bridge";
    set_table(TABLE_ADDRESS,
              ROWS("=address=203.0.113.2/24 =interface=ether1", "=address=192.168.88.1/24 =interface=bridge",
                   "=address=172.17.0.1/30 =interface=veth1", "=address=10.2.0.2/32 =interface=wg1"));
    check_setting(FINDING_INTERFACE, "names bridge (bridge), which is an interface of the LAN",
                  "correct MIKROTIK_IN_INTERFACE, or leave it out");
    config.in_interface = "ether1";
    check_setting(FINDING_INTERFACE, "names ether1 (ether), which is no tunnel",
                  "correct MIKROTIK_IN_INTERFACE, or leave it out");
    config.in_interface = "veth1";
    check_setting(FINDING_INTERFACE, "names veth1 (veth), which is no tunnel",
                  "correct MIKROTIK_IN_INTERFACE, or leave it out");
    /* The gateway answers there. */
    config.in_interface = "ether1";
    set_table(TABLE_CONNECTION, ROWS("=src-address=172.17.0.2 =dst-port=5351 =seen-reply=true "
                                     "=timeout=2m59s =dst-address=10.2.0.1 =reply-dst-address=203.0.113.2"));
    check_finding(FINDING_INTERFACE, FINDING_PASS, "uses ether1", NULL);
}

static void test_lists_keep_their_members(void **state)
{
    (void)state;
#define BY(condition)                                                                                        \
    "=.id=*1 =chain=dstnat =action=dst-nat =dst-address-type=local =protocol=udp =dst-port=5351 "            \
    "=to-addresses=172.17.0.2 " condition
    set_table(TABLE_NAT, ROWS(BY("=in-interface-list=WAN"), MASQUERADE));
    check_finding(FINDING_REDIRECT_LAN, FINDING_FAIL, "also takes requests from wg1",
                  "/ip/firewall/nat/set *1 !in-interface in-interface-list=LAN");
    check_no_harm();
    set_table(TABLE_MEMBER,
              ROWS("=list=WAN =interface=ether1", "=list=LAN =interface=wg1", "=list=LAN =interface=bridge"));
    set_table(TABLE_NAT, ROWS(BY("=in-interface-list=LAN"), MASQUERADE));
    check_finding(FINDING_REDIRECT_LAN, FINDING_FAIL, "also takes requests from wg1",
                  "/ip/firewall/nat/set *1 !in-interface-list in-interface=bridge");
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_WARN, "a member of the list LAN",
                  "take wg1 out of the list, unless you administer the router through it");
    check_no_harm();
    /* Obeying the remedy of the redirect does not take the tunnel out of the list. */
    set_table(TABLE_NAT, ROWS(BY("=in-interface=bridge"), MASQUERADE));
    check_finding(FINDING_REDIRECT_LAN, FINDING_PASS, "limited to the LAN", NULL);
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_WARN, "a member of the list LAN",
                  "take wg1 out of the list");
    set_table(TABLE_NAT, ROWS(BY("=in-interface-list=LAN"), MASQUERADE));
    set_table(TABLE_MEMBER, ROWS("=list=WAN =interface=ether1", "=list=LAN =interface=wg1"));
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_FAIL, "wg1, is on the LAN",
                  "the interface of your clients");
    check_no_harm();
}

static void test_an_address_that_nobody_reaches(void **state)
{
    (void)state;
    config.listen_address = 0x7f000001;
    check_setting(FINDING_REDIRECT, "127.0.0.1, which is for this machine alone", "correct LISTEN_ADDR");
    config.listen_address = 0xc0a85801;
    check_setting(FINDING_REDIRECT, "192.168.88.1, which is the router's", "correct LISTEN_ADDR");
    set_table(TABLE_NAT, NULL);
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "no rule sends", "to-addresses=172.17.0.2 ");
}

static void test_the_password_of_another_user(void **state)
{
    (void)state;
    config.user = "admin";
    survey->logged_in = false;
    survey->trial = TRIAL_NONE;
    survey->failure = FAILURE_LOGIN;
    check_setting(FINDING_LOGIN, "or no policy api (user admin)", "set MIKROTIK_API_USER");
}

static const char *cure_of(enum finding_id id)
{
    const struct finding *f = find(id);
    return f != NULL ? f->cure : "";
}

/* The command takes away what it does not name. */
static void test_the_policies_that_are_there(void **state)
{
    (void)state;
    survey->trial = TRIAL_REFUSED;
    survey->trial_error = ROS_ERROR_PERMISSION;
    set_table(TABLE_USER, ROWS("=name=admin =group=full", "=name=natpmp =group=my_group"));
    set_table(TABLE_GROUP,
              ROWS("=name=full =policy=local,ssh", "=name=my_group =policy=read,!write,ssh,winbox,!ftp"));
    check_finding(FINDING_POLICY_WRITE, FINDING_FAIL, "lacks the policy write",
                  "/user/group/set [find name=\"my group\"] policy=read,write,test,api,ssh,winbox");
    assert_null(strstr(cure_of(FINDING_POLICY_WRITE), "ftp"));
    set_table(TABLE_GROUP, NULL);
    check_finding(FINDING_POLICY_WRITE, FINDING_FAIL, "lacks the policy write", "leave it the others");
    assert_null(strstr(cure_of(FINDING_POLICY_WRITE), "/user/group/set"));
    set_table(TABLE_USER, NULL);
    check_finding(FINDING_POLICY_WRITE, FINDING_FAIL, "lacks the policy write", "leave it the others");
}

/* Another service answers there, or none. */
static void test_a_port_of_another_service(void **state)
{
    static const enum failure failures[] = {FAILURE_REFUSED, FAILURE_TIMEOUT, FAILURE_SILENT_LOGIN,
                                            FAILURE_PROTOCOL};
    (void)state;
    survey->logged_in = false;
    survey->trial = TRIAL_NONE;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        survey->failure = (uint8_t)failures[i];
        config.tls = false;
        config.router_port = 80;
        check_finding(FINDING_API, FINDING_FAIL, "port 80",
                      "correct the port in MIKROTIK_API_ADDRESS: the service api has 8728");
        config.router_port = 8729;
        check_finding(FINDING_API, FINDING_FAIL, "port 8729", "the service api has 8728");
        config.tls = true;
        config.router_port = 8728;
        check_finding(FINDING_API, FINDING_FAIL, "port 8728", "the service api-ssl has 8729");
    }
    survey->failure = FAILURE_REFUSED;
    config.router_port = 8729;
    check_finding(FINDING_API, FINDING_FAIL, "port 8729", "/ip/service/set api-ssl disabled=no port=8729");
}

static void test_a_gateway_without_an_address(void **state)
{
    (void)state;
    survey->upstream.address_known = false;
    survey->upstream.trouble = GATEWAY_REFUSES;
    survey->upstream.result = NATPMP_NOT_AUTHORIZED;
    check_finding(FINDING_GATEWAY, FINDING_FAIL, "result 2, not authorized; it grants mappings all the same",
                  "");
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_PASS, "granted a test mapping", NULL);
    assert_null(find(FINDING_EXTERNAL_ADDRESS));
    survey->upstream.trial = GATEWAY_TRIAL_NONE;
    check_finding(FINDING_GATEWAY, FINDING_FAIL, "result 2, not authorized", "");
    const struct finding *f = find(FINDING_GATEWAY);
    assert_true(f != NULL && strstr(f->what, "map") == NULL);
    assert_null(find(FINDING_GATEWAY_MAPPING));
}

static void test_the_ports_are_in_use_here(void **state)
{
#define MAPPING(id, name)                                                                                    \
    "=.id=*" id " =chain=dstnat =action=dst-nat =protocol=tcp =dst-port=4" id " =to-addresses=192.168.88.7 " \
    "=in-interface=wg1 =comment=double-natpmp/" name "_external_45001_lease_60_s"
    (void)state;
    survey->upstream.trial = GATEWAY_TRIAL_FAILED;
    survey->upstream.trial_result = NATPMP_OUT_OF_RESOURCES;
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_FAIL, "result 4", "delete a mapping");
    set_table(TABLE_NAT, ROWS(REDIRECT, MAPPING("11", "default"), MAPPING("12", "home"), MASQUERADE));
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_PASS,
                  "no port left for a test: this router has 2 mappings", NULL);
    survey->upstream.trial_result = NATPMP_NOT_AUTHORIZED;
    check_finding(FINDING_GATEWAY_MAPPING, FINDING_FAIL, "result 2", "ProtonVPN");
}

/* ---- which tunnel ---- */

#define TUNNELS(near_office, near_proton)                                                                    \
    set_table(TABLE_ADDRESS,                                                                                 \
              ROWS("=address=203.0.113.2/24 =interface=ether1",                                              \
                   "=address=192.168.88.1/24 =interface=bridge", "=address=172.17.0.1/30 =interface=veth1",  \
                   "=address=" near_office " =interface=office", "=address=" near_proton " =interface=wg1"))

static const char *tunnel_of_setup(struct setup_router *router)
{
    setup_find(survey, router);
    return router->tunnel;
}

/* The tunnel is the one with an address near the gateway's, or it is for the owner to say which one it is. */
static void test_one_of_two_tunnels(void **state)
{
    static struct setup_router router;
    (void)state;
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=ether1"));
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE));
    set_table(TABLE_INTERFACE, ROWS("=name=ether1 =type=ether", "=name=bridge =type=bridge",
                                    "=name=veth1 =type=veth", "=name=office =type=wg", "=name=wg1 =type=wg"));
    TUNNELS("192.168.216.1/24", "10.2.0.2/32");
    check_finding(FINDING_INTERFACE, FINDING_FAIL, "uses ether1 (ether) instead of the tunnel",
                  "/ip/route/add dst-address=10.2.0.1/32 gateway=wg1");
    assert_string_equal(tunnel_of_setup(&router), "wg1");
    assert_int_equal(router.choice.count, 0);
    /* Neither is near, or both are. */
    for (unsigned both = 0; both < 2; both++) {
        if (both)
            TUNNELS("10.2.0.3/32", "10.2.0.2/32");
        else
            TUNNELS("192.168.216.1/24", "10.9.0.2/32");
        check_finding(FINDING_INTERFACE, FINDING_FAIL, "uses ether1 (ether) instead of the tunnel",
                      "set MIKROTIK_IN_INTERFACE to the tunnel that leads to the gateway: office, wg1");
        assert_string_equal(tunnel_of_setup(&router), "YOUR-TUNNEL");
        assert_int_equal(router.choice.count, 2);
    }
    config.in_interface = "wg1";
    survey->upstream.address_known = false;
    check_finding(FINDING_GATEWAY_PATH, FINDING_FAIL, "to ether1 instead of wg1",
                  "/ip/route/add dst-address=10.2.0.1/32 gateway=wg1");
    assert_string_equal(tunnel_of_setup(&router), "wg1");
    assert_int_equal(router.choice.count, 0);
}

/* Commands for a wrong setting would lead to a router that maps nothing: setup says so before them. */
static void test_setup_names_a_wrong_setting(void **state)
{
    static struct setup_router router;
    (void)state;
    setup_find(survey, &router);
    assert_string_equal(router.wrong.what, "");
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=bridge"));
    config.in_interface = "wg9";
    setup_find(survey, &router);
    assert_non_null(strstr(router.wrong.what, "the router has no interface wg9"));
    config.in_interface = "";
    config.gateway = 0xc0a85803;
    setup_find(survey, &router);
    assert_non_null(strstr(router.wrong.what, "is an address of the LAN"));
    assert_non_null(strstr(router.wrong.cure, "correct VPN_GATEWAY"));
    config.gateway = 0xc0a85801;
    setup_find(survey, &router);
    assert_non_null(strstr(router.wrong.what, "is an address of this router"));
}

/* The link to the internet is no tunnel, although it is not Ethernet. */
static void test_the_link_to_the_internet(void **state)
{
    static struct setup_router router;
    (void)state;
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=pppoe-out1"));
    set_table(TABLE_ROUTE, ROWS("=dst-address=0.0.0.0/0 =immediate-gw=pppoe-out1 =routing-table=main"));
    set_table(TABLE_INTERFACE,
              ROWS("=name=pppoe-out1 =type=pppoe-out", "=name=bridge =type=bridge", "=name=wg1 =type=wg"));
    set_table(TABLE_ADDRESS, ROWS("=address=203.0.113.2/32 =interface=pppoe-out1"));
    assert_string_equal(tunnel_of_setup(&router), "wg1");
    set_table(TABLE_INTERFACE, ROWS("=name=pppoe-out1 =type=pppoe-out", "=name=bridge =type=bridge"));
    assert_string_equal(tunnel_of_setup(&router), "");
}

/* ---- which LAN ---- */

/* [S11] Neither a list nor a bridge: the LAN has the private address that leads neither into a tunnel, nor to
 * the internet, nor to this machine. If there is not just one, it is for the owner to say. */
static void test_a_lan_without_a_list(void **state)
{
    static struct setup_router router;
    (void)state;
    set_table(TABLE_LIST, NULL);
    set_table(TABLE_MEMBER, NULL);
    set_table(TABLE_NAT, NULL);
    set_table(TABLE_INTERFACE,
              ROWS("=name=ether1 =type=ether", "=name=ether2 =type=ether", "=name=ether3 =type=ether",
                   "=name=veth1 =type=veth", "=name=veth2 =type=veth", "=name=wg1 =type=wg"));
#define UPLINK "=address=192.168.1.5/24 =interface=ether1", "=address=172.17.0.1/30 =interface=veth1"
#define TUNNEL "=address=10.2.0.2/32 =interface=wg1", "=address=172.18.0.1/30 =interface=veth2"
    set_table(TABLE_ADDRESS, ROWS(UPLINK, TUNNEL, "=address=192.168.88.1/24 =interface=ether2",
                                  "=address=192.168.89.1/24 =interface=ether2"));
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_PASS, "is not the LAN's interface (ether2)", NULL);
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "no rule sends",
                  "add chain=dstnat in-interface=ether2 dst-address-type=local");
    assert_non_null(find(FINDING_REQUEST));
    assert_non_null(find(FINDING_FORWARD));
    assert_non_null(find(FINDING_RETURN));
    setup_find(survey, &router);
    assert_string_equal(router.lan, "ether2");
    set_table(TABLE_ADDRESS, ROWS(UPLINK, TUNNEL, "=address=192.168.88.1/24 =interface=ether2",
                                  "=address=192.168.90.1/24 =interface=ether3"));
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_WARN, "no interface is known to be the LAN's",
                  "put the interface of your clients into an interface list LAN");
    check_finding(FINDING_REDIRECT, FINDING_FAIL, "no rule sends",
                  "put the interface of your clients into an interface list LAN");
    setup_find(survey, &router);
    assert_string_equal(router.lan, "YOUR-LAN");
    /* A bridge of containers is not the LAN, if there is something better. */
    set_table(TABLE_INTERFACE, ROWS("=name=ether1 =type=ether", "=name=ether2 =type=ether",
                                    "=name=veth1 =type=bridge", "=name=wg1 =type=wg"));
    set_table(TABLE_ADDRESS, ROWS(UPLINK, TUNNEL, "=address=192.168.88.1/24 =interface=ether2"));
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_PASS, "is not the LAN's interface (ether2)", NULL);
    /* This machine is in the LAN. */
    set_table(TABLE_INTERFACE,
              ROWS("=name=ether1 =type=ether", "=name=veth1 =type=ether", "=name=wg1 =type=wg"));
    set_table(TABLE_ADDRESS, ROWS(UPLINK, TUNNEL));
    check_finding(FINDING_INTERFACE_NOT_LAN, FINDING_PASS, "is not the LAN's interface (veth1)", NULL);
}

UNIT(judge_remedies)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_gateway_is_the_router),
        TEST(test_setup_names_a_wrong_setting),
        TEST(test_the_interface_is_no_tunnel),
        TEST(test_lists_keep_their_members),
        TEST(test_an_address_that_nobody_reaches),
        TEST(test_the_password_of_another_user),
        TEST(test_the_policies_that_are_there),
        TEST(test_a_port_of_another_service),
        TEST(test_a_gateway_without_an_address),
        TEST(test_the_ports_are_in_use_here),
        TEST(test_one_of_two_tunnels),
        TEST(test_the_link_to_the_internet),
        TEST(test_a_lan_without_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
