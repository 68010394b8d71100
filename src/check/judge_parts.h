/* What the files of the judgement share. */
#pragma once

#include "check/finding.h"
#include "check/firewall.h"
#include "check/ros_version.h"
#include "check/survey.h"
#include "core/nat_rule.h"

/* The rule that leads NAT-PMP requests to us, or comes nearest to it. */
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

/* The places between which packets go, as far as the tables tell. */
struct scene {
    const struct survey *s;
    struct findings *out;
    bool version_known;
    struct ros_version version;

    struct nat_context vpn; /* interface empty: not known; as all three */
    struct nat_context lan;
    struct nat_context ours; /* the interface towards this machine */
    bool attached;           /* this machine has an address in a subnet of the router's */
    uint32_t us;             /* where NAT-PMP requests should go; 0: not known */
    struct redirect redirect;
    uint32_t first_dstnat; /* the first rule of chain dstnat that a rule may be placed before; 0: none */
};

/* ---- scene.c ---- */

void scene_make(struct scene *scene, const struct survey *s, struct findings *out);
/* The type of an interface ("wg", "ether", ...); empty: not known. */
struct log_safe scene_type(const struct survey *s, const char *interface);
/* The address and prefix of the router on that interface; false if it has none. */
bool scene_prefix(const struct survey *s, const char *interface, struct prefix *ret_prefix);
/* The router's interface in whose subnet the address is. */
bool scene_interface_of(const struct survey *s, uint32_t address, char ret_interface[INTERFACE_NAME_MAX + 1]);
/* Is it a member of a list, as far as its members are named one by one? */
bool scene_is_member(const struct survey *s, const char *list, const char *interface);
/* An address that a redirect to this machine may name. */
bool scene_is_own(const struct scene *scene, uint32_t address);
bool scene_list_exists(const struct survey *s, const char *list);

/* ---- judge.c ---- */

/* The router's service that the configuration asks for. */
const char *judge_service_name(const struct survey *s);
/* The finding of a row of base/failure.h; `where` is the address that did not answer as it should. */
void judge_failure(const struct survey *s, struct findings *out, enum finding_id id,
                   const struct failure_text *t, const char *where);

/* ---- judge_api.c ---- */

/* False: the router said nothing that could be judged. */
bool judge_api(struct scene *scene);
void judge_trial(struct scene *scene);
void judge_version(struct scene *scene);
void judge_service(struct scene *scene);

/* ---- judge_interface.c ---- */

void judge_interface(struct scene *scene);

/* ---- judge_redirect.c ---- */

void judge_redirect(struct scene *scene);

/* ---- judge_rules.c ---- */

void judge_rules(struct scene *scene);

/* ---- judge_gateway.c ---- */

void judge_gateway(const struct survey *s, struct findings *out);
