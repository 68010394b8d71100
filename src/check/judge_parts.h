/* Shared by the files of the judgement. */
#pragma once

#include "check/address_lists.h"
#include "check/finding.h"
#include "check/firewall.h"
#include "check/judge.h"
#include "check/place.h"
#include "check/ros_version.h"
#include "check/survey.h"
#include "check/trip.h"
#include "core/nat_rule.h"
#include "core/router_evidence.h"

/* The rule that sends NAT-PMP requests to this machine, or the one most like it. */
struct redirect {
    bool found;
    uint32_t id;
    bool disabled;
    bool invalid;
    bool to_router;  /* action=redirect */
    uint32_t target; /* 0: none, or a range */
    uint16_t port;
    bool by_list;
    char
        interface[INTERFACE_NAME_MAX + 1]; /* in-interface, or in-interface-list if by_list; empty: neither */
};

/* A setting of ours that cannot be right. Nothing on the router is to be changed for it. */
enum mistake {
    MISTAKE_NONE,
    MISTAKE_GATEWAY_IS_US,
    MISTAKE_GATEWAY_IS_ROUTER,
    MISTAKE_GATEWAY_IN_LAN,
    MISTAKE_INTERFACE_IS_LAN,
    MISTAKE_INTERFACE_NO_TUNNEL,
};

/* The interfaces and addresses between which packets go, as far as the tables say. */
struct scene {
    const struct survey *s;
    struct findings *out;
    bool version_known;
    struct ros_version version;

    struct address_lists lists;
    struct nat_context vpn; /* an empty interface means unknown, also below */
    struct nat_context lan;
    struct nat_context ours; /* the interface towards this machine */
    bool attached;           /* this machine has an address in a subnet of the router */
    uint32_t us;             /* the address to which NAT-PMP requests should go; 0: unknown */
    struct redirect redirect;
    struct way_evidence way; /* what the tables say of the way to the gateway */
    bool guessed;            /* the daemon would not take that interface, and map nothing */
    bool by_policy;          /* the same, but routing rules or marks lead there */
    bool lost;               /* the way to the gateway is not the tunnel */
    uint8_t mistake;         /* enum mistake; the tunnel is then unknown */
    uint32_t listen;         /* the address of LISTEN_ADDR; 0: every address, or one that cannot be right */
    uint32_t first_dstnat;   /* the first rule of chain dstnat before which a rule can be placed; 0: none */
};

/* ---- scene.c ---- */

void scene_make(struct scene *scene, const struct survey *s, struct findings *out);
/* The type of an interface ("wg", "ether", ...); empty: unknown. */
struct log_safe scene_type(const struct survey *s, const char *interface);
/* The address and prefix of the router on that interface; false if it has none. */
bool scene_prefix(const struct survey *s, const char *interface, struct prefix *ret_prefix);
/* Finds the router's interface in whose subnet the address is. */
bool scene_interface_of(const struct survey *s, uint32_t address, char ret_interface[INTERFACE_NAME_MAX + 1]);
/* The interface with its lists, and nothing else. */
struct nat_context scene_lists_of(const struct survey *s, const char *interface);
bool scene_is_member(const struct survey *s, const char *list, const char *interface);
/* True if a redirect to this machine may use the address. */
bool scene_is_own(const struct scene *scene, uint32_t address);
bool scene_list_exists(const struct survey *s, const char *list);
bool scene_is_router(const struct survey *s, uint32_t address);
/* The interface of the default route of the main table. */
bool scene_default_route(const struct survey *s, char ret_interface[INTERFACE_NAME_MAX + 1]);
/* Links of these types lead to the internet or to the LAN, not through a tunnel. */
bool scene_is_plain_link(const struct survey *s, const char *interface);
/* True if the gateway has a private address that is not in the subnet of the interface, which is no tunnel,
 * and no connection shows that it answers there. */
bool scene_is_lost(const struct scene *scene, const char *interface);

/* The remedy if the LAN's interface is unknown. */
#define CURE_LAN "put the interface of your clients into an interface list LAN"

/* ---- judge_failure.c ---- */

/* The router's service that the configuration asks for. */
const char *judge_service_name(const struct survey *s);
/* The finding of a row of base/failure.h; `where` is the address that did not answer as it should. */
struct finding *judge_failure(const struct survey *s, struct findings *out, enum finding_id id,
                              const struct failure_text *t, const char *where);

/* ---- judge_api.c ---- */

/* False if nothing could be read from the router. */
bool judge_api(struct scene *scene);
/* True if the word is in the list of words that commas separate. */
bool judge_has_word(struct span list, struct span word);
/* The policies of the user's group, which is the row of *groups then. False: they are not known. */
bool judge_find_policies(const struct survey *s, struct table_rows *groups, struct span *ret_policies);
void judge_version(struct scene *scene);
void judge_service(struct scene *scene);
void judge_service_address(struct scene *scene);

/* ---- judge_twin.c ---- */

void judge_twin(struct scene *scene);

/* ---- judge_script.c ---- */

void judge_script(struct scene *scene);

/* ---- judge_interface.c ---- */

/* False: a setting names what it should not, and the last finding says so. */
bool settings_are_right(struct scene *scene);
void judge_interface(struct scene *scene);

/* ---- judge_tunnel.c ---- */

void judge_tunnel(struct scene *scene);
/* True if the packets' way through the tunnel cannot be judged; the finding says why. */
bool judge_vrf(struct scene *scene);

/* ---- judge_redirect.c ---- */

void judge_redirect(struct scene *scene);
/* Adds the command that moves a rule of dstnat before the one that takes its packets. False: no other rule
 * can be moved. */
bool judge_move(const struct scene *scene, struct finding *f, uint32_t rule, uint32_t taker,
                const struct packet *packet);

/* ---- judge_rules.c ---- */

void judge_rules(struct scene *scene, struct judge_room *room);

/* ---- trips.c ---- */

/* NULL if the interface is unknown. */
const struct nat_context *scene_known(const struct nat_context *context);
/* A request from the LAN to this machine; false: what it needs to be known is not. */
bool scene_request(const struct scene *scene, struct trip *ret_trip);
/* A request to the gateway, and its answer. */
bool scene_gateway_request(const struct scene *scene, struct trip *ret_trip);
struct trip scene_gateway_answer(const struct scene *scene, const struct trip *request);
/* A connection from the internet to a mapped port. */
bool scene_arrival(const struct scene *scene, enum natpmp_protocol protocol, struct trip *ret_trip);
/* The answer to the packets of a trip. */
struct trip scene_answer(const struct trip *trip);
/* The address to which the router sends requests; 0: unknown. */
uint32_t scene_machine(const struct scene *scene);

/* ---- losses.c ---- */

/* What lets the packets of a trip pass: conditions of a rule. */
struct conditions {
    char text[sizeof(struct ros_quoted) + 96];
};

/* How packets are lost, and what helps. */
struct remedy {
    const char *what;         /* "NAT-PMP requests from the LAN" */
    struct conditions before; /* in prerouting */
    struct conditions after;  /* in forward */
    struct prefix network;    /* of their destination */
};

/* A failure, or a warning if the loss is not sure. */
void judge_loss(struct scene *scene, enum finding_id id, const struct loss *loss, const struct trip *trip,
                const struct remedy *remedy);
/* The walk through that table is incomplete, so it is not known whether ... */
struct finding *judge_unread(struct scene *scene, enum finding_id id, enum table_name table,
                             const char *question);
struct finding *judge_loss_finding(struct scene *scene, enum finding_id id, const struct loss *loss,
                                   const struct trip *trip, const char *what);
/* The remedy if nothing can be put before a dynamic rule of that menu. */
void judge_maker(struct finding *f, const char *menu, uint32_t id);
/* The subnet of the address on that interface. */
struct prefix scene_network(const struct scene *scene, const char *interface, uint32_t address);

/* ---- judge_return.c ---- */

void judge_return(struct scene *scene);

/* ---- judge_flows.c ---- */

void judge_flows(struct scene *scene);

/* ---- judge_gateway.c ---- */

void judge_gateway(const struct survey *s, struct findings *out);
