/* Commands that read the router's tables. */
#include "base/attributes.h"
#include "core/router.h"

struct writer router_begin_read(struct router *r, enum command_kind kind, const char *path,
                                const char *proplist, const struct step *step)
{
    struct writer w = session_begin(main_session(r), kind, 0, path, step);
    ros_write_pair_text(&w, "=.proplist=", proplist);
    r->reading++;
    return w;
}

void router_read(struct router *r, enum command_kind kind, const char *path, const char *proplist,
                 const struct step *step)
{
    struct writer w = router_begin_read(r, kind, path, proplist, step);
    session_end(main_session(r), &w, step->out);
}

void router_read_addresses(struct router *r, const struct step *step)
{
    router_read(r, COMMAND_ADDRESSES, "/ip/address/print", address_proplist, step);
}

static void read_type(struct router *r, const char *interface, const struct step *step)
{
    struct writer w = router_begin_read(r, COMMAND_INTERFACE, "/interface/print", "name,type", step);
    ros_write_pair_text(&w, "?name=", interface);
    session_end(main_session(r), &w, step->out);
}

/* Services move rarely, so this is read with the NAT table only. */
static void read_listeners(struct router *r, const struct step *step)
{
    static const char *const menus[] = {"/ip/service/print", "/interface/wireguard/print"};
    r->next_listens = 0;
    for (size_t i = 0; i < ARRAY_LEN(menus); i++)
        router_read(r, COMMAND_LISTENERS, menus[i], listener_proplist, step);
}

void router_read_context(struct router *r, const char *interface, const struct step *step)
{
    r->stage = STAGE_CONTEXT;
    r->next_facts = 0;
    r->next_context = (struct nat_context){.instance = r->context.instance};
    copy_interface(r->next_context.interface, span_text(interface));
    router_read_addresses(r, step);
    router_read(r, COMMAND_LISTS, "/interface/list/print", "name,include,exclude", step);
    router_read(r, COMMAND_MEMBERS, "/interface/list/member/print", "list,interface,disabled", step);
    if (r->type_matters)
        read_type(r, interface, step);
    if (r->snapshot_wanted)
        read_listeners(r, step);
    if (!r->listening) {
        /* Listen starts before the snapshot, so that no change between the two is missed. */
        struct writer w = session_begin(main_session(r), COMMAND_LISTEN, 0, "/ip/firewall/nat/listen", step);
        session_end(main_session(r), &w, step->out);
        r->listening = true;
    }
}
