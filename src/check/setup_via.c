/* The ways in which packets of the LAN's hosts get into the tunnel. */
#include "base/attributes.h"
#include "check/script.h"
#include "check/setup_parts.h"

#define MARK "\"double-natpmp: return path\""

bool setup_parse_via(struct span text, enum setup_via *ret_via)
{
    static const char *const names[] = {
        [SETUP_VIA_MAIN] = "main", [SETUP_VIA_RULE] = "rule", [SETUP_VIA_MANGLE] = "mangle"};
    for (size_t i = SETUP_VIA_MAIN; i < ARRAY_LEN(names); i++) {
        if (!span_is(text, names[i]))
            continue;
        *ret_via = (enum setup_via)i;
        return true;
    }
    return false;
}

static void write_tunnel(const struct setup *s, struct writer *w)
{
    write_quoted(w, span_text(s->tunnel));
}

/* Two routes that are more specific than the default route, which the DHCP client or the PPPoE client adds
 * and which the tunnel's own packets need. */
static void write_main(const struct setup *s, struct writer *w)
{
    setup_write_line(
        w, "# Everything leaves through the tunnel, except the tunnel's own packets: replace SERVER with the "
           "address of the VPN server, and ISP with the gateway of your provider.");
    setup_write_line(w, "/ip/route/add dst-address=SERVER/32 gateway=ISP comment=\"double-natpmp: tunnel\"");
    static const char *const halves[] = {"0.0.0.0/1", "128.0.0.0/1"};
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        write_text(w, "/ip/route/add dst-address=");
        write_text(w, halves[i]);
        write_text(w, " gateway=");
        write_tunnel(s, w);
        setup_write_line(w, " comment=\"double-natpmp: tunnel\"");
    }
}

static void write_table(const struct setup *s, struct writer *w)
{
    write_text(w, "/routing/table/add name=vpn-in fib comment=" MARK "\n"
                  "/ip/route/add dst-address=0.0.0.0/0 gateway=");
    write_tunnel(s, w);
    setup_write_line(w, " routing-table=vpn-in comment=" MARK);
}

static void write_rule(const struct setup *s, struct writer *w)
{
    setup_write_line(
        w, "# The hosts that use the tunnel: replace 192.168.88.10/32 and 192.168.88.0/24 with yours, and "
           "repeat the last command for each host.");
    write_table(s, w);
    write_text(w, "/routing/rule/add dst-address=");
    write_address(w, s->container & ~UINT32_C(3));
    setup_write_line(w, "/30 action=lookup table=main comment=\"double-natpmp: container\"");
    setup_write_line(w, "/routing/rule/add dst-address=192.168.88.0/24 action=lookup table=main "
                        "comment=\"double-natpmp: LAN\"");
    setup_write_line(
        w, "/routing/rule/add src-address=192.168.88.10/32 action=lookup-only-in-table table=vpn-in "
           "comment=\"double-natpmp: host\"");
}

/* The first rule marks what comes in through the tunnel, and the last one sends the answers back. Fasttracked
 * packets would skip both. */
static void write_marks(const struct setup *s, struct writer *w)
{
    if (s->via == SETUP_VIA_MANGLE)
        setup_write_line(
            w,
            "# The hosts that use the tunnel: replace 192.168.88.10 with yours, and repeat the next command "
            "for each host.\n/ip/firewall/address-list/add list=vpn-hosts address=192.168.88.10 "
            "comment=\"double-natpmp: host\"");
    setup_write_line(w, "# Connections that came in through the tunnel are answered through the tunnel.");
    write_table(s, w);
    write_text(w, "/ip/firewall/mangle/add chain=prerouting in-interface=");
    write_tunnel(s, w);
    setup_write_line(
        w, " connection-state=new connection-mark=no-mark action=mark-connection new-connection-mark=vpn-in "
           "passthrough=yes comment=" MARK);
    if (s->via == SETUP_VIA_MANGLE)
        setup_write_line(
            w, "/ip/firewall/mangle/add chain=prerouting in-interface-list=LAN src-address-list=vpn-hosts "
               "dst-address-type=!local connection-state=new connection-mark=no-mark action=mark-connection "
               "new-connection-mark=vpn-in passthrough=yes comment=\"double-natpmp: hosts\"");
    write_text(w, "/ip/firewall/mangle/add chain=prerouting in-interface=!");
    write_tunnel(s, w);
    setup_write_line(
        w,
        " connection-mark=vpn-in action=mark-routing new-routing-mark=vpn-in passthrough=no comment=" MARK);
    setup_write_line(w, "/ip/firewall/mangle/move [find comment~\"^double-natpmp: \"] "
                        "destination=[:pick [/ip/firewall/mangle/find dynamic=no] 0]");
    setup_write_line(w, "/ip/firewall/filter/set [find action=fasttrack-connection] connection-mark=no-mark");
}

/* A provider gives the tunnel one address. */
static void write_source(const struct setup *s, struct writer *w)
{
    if (s->via == SETUP_VIA_ANSWERS)
        return;
    write_text(w, "/ip/firewall/nat/add chain=srcnat out-interface=");
    write_tunnel(s, w);
    setup_write_line(w, " action=masquerade comment=\"double-natpmp: tunnel\"");
}

void setup_write_via(const struct setup *s, struct writer *w)
{
    switch (s->via) {
    case SETUP_VIA_MAIN:
        write_main(s, w);
        break;
    case SETUP_VIA_RULE:
        write_rule(s, w);
        break;
    case SETUP_VIA_ANSWERS:
    case SETUP_VIA_MANGLE:
        if (s->answered && s->via == SETUP_VIA_ANSWERS)
            setup_write_line(w, "# The answers of the LAN's hosts already leave through the tunnel.");
        else
            write_marks(s, w);
        break;
    }
    write_source(s, w);
    setup_write_line(w, "");
}
