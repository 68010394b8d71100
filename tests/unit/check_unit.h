/* A survey of a router and a gateway without problems, as rows. Tests change the rows that they are about. In
 * a row a blank separates two words, and '_' stands for a blank within one. */
#pragma once

#include <stdlib.h>

#include "check/judge.h"
#include "remedies_unit.h"
#include "ros_unit.h"

static struct check_config config;
static struct survey *survey;
static struct findings findings;
static struct judge_room room;

static inline void add_row(enum table_name name, const char *words)
{
    static uint8_t buffer[8192];
    static struct ros_reader reader;
    struct writer w = writer_of(buffer, sizeof(buffer));
    ros_write_word(&w, span_text("!re"));
    ros_write_word(&w, span_text(".tag=9"));
    write_sentence(&w, words);
    struct span input = writer_span(&w);
    ros_reader_init(&reader);
    assert_int_equal(ros_reader_next(&reader, &input), ROS_SENTENCE);
    survey_add_row(survey, name, &reader.sentence);
}

/* Replaces the table's rows; NULL after the last one. */
static inline void set_table(enum table_name name, const char *const *rows)
{
    survey_begin_table(survey, name);
    survey->table[name].state = TABLE_READ;
    for (; rows != NULL && *rows != NULL; rows++)
        add_row(name, *rows);
}

#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define REDIRECT                                                                                             \
    "=.id=*1 =chain=dstnat =action=dst-nat =in-interface-list=LAN =dst-address-type=local =protocol=udp "    \
    "=dst-port=5351 =to-addresses=172.17.0.2 =disabled=false =invalid=false"
#define DEFAULT_ROUTE "=dst-address=0.0.0.0/0 =immediate-gw=203.0.113.1%ether1 =routing-table=main"
#define TUNNEL_ROUTE "=dst-address=0.0.0.0/0 =immediate-gw=wg1 =routing-table=vpn-in"
/* What comes in through the tunnel is answered through the tunnel. */
#define MARK_IN                                                                                              \
    "=.id=*1 =chain=prerouting =action=mark-connection =in-interface=wg1 =connection-state=new "             \
    "=connection-mark=no-mark =new-connection-mark=vpn-in =passthrough=true"
#define MARK_OUT                                                                                             \
    "=.id=*2 =chain=prerouting =action=mark-routing =in-interface=!wg1 =connection-mark=vpn-in "             \
    "=new-routing-mark=vpn-in =passthrough=false"
#define MAPPED_WITH(id, protocol, port)                                                                      \
    "=.id=" id " =chain=dstnat =action=dst-nat =protocol=" protocol " =dst-port=" port " =in-interface=wg1 " \
    "=to-addresses=192.168.88.9 =to-ports=80 "                                                               \
    "=comment=double-natpmp/default_external_41000_lease_7200_s"
#define MAPPED MAPPED_WITH("*20", "tcp", "50001")
#define MASQUERADE "=.id=*2 =chain=srcnat =action=masquerade =out-interface-list=WAN =disabled=false"

static inline int start(void **state)
{
    (void)state;
    config = (struct check_config){
        .gateway = 0x0a020001,
        .listen_port = 5351,
        .router_host = "172.17.0.1",
        .router_port = 8728,
        .user = "natpmp",
        .password = "secret",
        .instance = "default",
        .in_interface = "",
        .change_script = "changed",
    };
    survey = calloc(1, sizeof(*survey));
    assert_non_null(survey);
    survey->config = &config;
    survey->own[0] = 0xac110002;
    survey->owns = 1;
    survey->local = 0xac110002;
    survey->logged_in = true;
    survey->trial = TRIAL_UNDONE;
    set_table(TABLE_RESOURCE, ROWS("=version=7.18.2_(stable)"));
    set_table(TABLE_SERVICE,
              ROWS("=name=www =port=80 =disabled=true",
                   "=name=api =port=8728 =address=172.17.0.2/32 =max-sessions=20 =disabled=false"));
    set_table(TABLE_INTERFACE, ROWS("=name=ether1 =type=ether =running=true =disabled=false",
                                    "=name=bridge =type=bridge =running=true =disabled=false",
                                    "=name=veth1 =type=veth =running=true =disabled=false",
                                    "=name=wg1 =type=wg =running=true =disabled=false"));
    set_table(TABLE_ADDRESS,
              ROWS("=address=203.0.113.2/24 =interface=ether1", "=address=192.168.88.1/24 =interface=bridge",
                   "=address=172.17.0.1/30 =interface=veth1", "=address=10.2.0.2/24 =interface=wg1"));
    set_table(TABLE_LIST, ROWS("=name=WAN", "=name=LAN"));
    set_table(TABLE_MEMBER,
              ROWS("=list=WAN =interface=ether1", "=list=WAN =interface=wg1", "=list=LAN =interface=bridge"));
    set_table(TABLE_ROUTE_CHECK, ROWS("=status=ok =interface=wg1"));
    set_table(TABLE_ROUTE, ROWS(DEFAULT_ROUTE, TUNNEL_ROUTE));
    set_table(TABLE_NAT, ROWS(REDIRECT, MASQUERADE));
    set_table(TABLE_FILTER, NULL);
    set_table(TABLE_MANGLE, ROWS(MARK_IN, MARK_OUT));
    set_table(TABLE_RAW, NULL);
    set_table(TABLE_RULE, NULL);
    set_table(TABLE_ADDRESS_LIST, NULL);
    set_table(TABLE_NAT_PMP, ROWS("=enabled=false"));
    set_table(TABLE_ACTIVE, ROWS("=name=admin =address=192.168.88.9 =via=winbox",
                                 "=name=natpmp =address=172.17.0.2 =via=api"));
    set_table(TABLE_TRACKING, ROWS("=enabled=auto"));
    set_table(TABLE_SETTINGS, ROWS("=ip-forward=true =rp-filter=no"));
    set_table(TABLE_VRF, ROWS("=name=main =interfaces=all"));
    set_table(TABLE_CONNECTION, NULL);
    set_table(TABLE_SCRIPT, ROWS("=name=changed =policy=read,write,test"));
    set_table(TABLE_USER, ROWS("=name=natpmp =group=natpmp"));
    set_table(TABLE_GROUP, ROWS("=name=natpmp =policy=!local,!ftp,read,write,test,api"));
    set_table(TABLE_PEER, ROWS("=.id=*1 =interface=wg1 =allowed-address=0.0.0.0/0"));
    survey->upstream.trouble = GATEWAY_FINE;
    survey->upstream.address_known = true;
    survey->upstream.address = 0x0b16212c;
    survey->upstream.trial = GATEWAY_TRIAL_GRANTED;
    survey->upstream.lifetime_s = 60;
    survey->upstream.deleted = true;
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    free(survey);
    return 0;
}

static inline const struct finding *find(enum finding_id id)
{
    judge(survey, &room, &findings);
    note_remedies(survey, &findings);
    for (unsigned i = 0; i < findings.count; i++)
        if (findings.at[i].id == (uint8_t)id)
            return &findings.at[i];
    return NULL;
}

/* NULL for `cure`: the finding has none. */
static inline void check_finding(enum finding_id id, enum finding_status status, const char *what,
                                 const char *cure)
{
    const struct finding *f = find(id);
    if (f == NULL) {
        fail_msg("no finding about %s", finding_name(id));
        return;
    }
    if (f->status != (uint8_t)status || strstr(f->what, what) == NULL ||
        (cure == NULL ? f->cure[0] != '\0' : strstr(f->cure, cure) == NULL))
        fail_msg("%s: %s %s - %s", finding_name(id), finding_status_name((enum finding_status)f->status),
                 f->what, f->cure);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
