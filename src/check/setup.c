#include "check/setup.h"

#include "check/script.h"
#include "wire/natpmp.h"

uint32_t setup_router(uint32_t container)
{
    return container - 1;
}

static void write_line(struct writer *w, const char *text)
{
    write_text(w, text);
    write_text(w, "\n");
}

static bool is_default_port(const struct setup *s)
{
    return s->api_port == (s->tls ? 8729 : 8728);
}

static void write_user(const struct setup *s, struct writer *w)
{
    const char *service = s->tls ? "api-ssl" : "api";
    struct ros_quoted user = ros_quote(span_text(s->user));
    write_line(w, ros_version_has_route_check(s->version)
                      ? "# A user for the API. It needs the policy test for /ip/route/check, which names the "
                        "interface to the gateway."
                      : "# A user for the API. After an upgrade to 7.18 or later it needs the policy test.");
    write_line(w, "/user/group/add name=natpmp policy=read,write,test,api");
    write_text(w, "/user/add name=");
    write_text(w, user.text);
    write_text(w, " group=natpmp password=CHANGE-ME address=");
    write_address(w, s->container);
    if (s->make_certificate)
        write_text(w, "\n/certificate/add name=api common-name=api days-valid=3650\n/certificate/sign api\n"
                      "/ip/service/set api-ssl certificate=api");
    write_text(w, is_default_port(s) ? "\n/ip/service/enable " : "\n/ip/service/set ");
    write_text(w, service);
    if (!is_default_port(s)) {
        write_text(w, " disabled=no port=");
        write_decimal(w, s->api_port);
    }
    write_text(w, "\n\n");
}

static void write_network(const struct setup *s, struct writer *w)
{
    write_line(w, "# A separate network for the container: in the subnet of the LAN its replies would bypass "
                  "the router's NAT.");
    write_text(w, "/interface/veth/add name=veth-natpmp address=");
    write_address(w, s->container);
    write_text(w, "/30 gateway=");
    write_address(w, setup_router(s->container));
    write_text(w, "\n/ip/address/add address=");
    write_address(w, setup_router(s->container));
    write_text(w, "/30 interface=veth-natpmp\n");
    write_text(w, "/ip/firewall/filter/add chain=input in-interface=veth-natpmp protocol=tcp dst-port=");
    write_decimal(w, s->api_port);
    write_text(w, " action=accept comment=\"double-natpmp: API\" "
                  "place-before=[:pick [/ip/firewall/filter/find dynamic=no] 0]\n\n");
}

static void write_redirect(const struct setup *s, struct writer *w)
{
    write_line(w, "# NAT-PMP requests from the LAN go to the container. The rule comes first, so that no "
                  "other rule takes them.");
    write_text(w, "/ip/firewall/nat/add chain=dstnat in-interface-list=LAN dst-address-type=local "
                  "protocol=udp dst-port=5351 action=dst-nat to-addresses=");
    write_address(w, s->container);
    if (s->listen_port != NATPMP_PORT) {
        write_text(w, " to-ports=");
        write_decimal(w, s->listen_port);
    }
    write_line(w, " comment=\"NAT-PMP to double-natpmp\"");
    write_line(w, "/ip/firewall/nat/move [find comment=\"NAT-PMP to double-natpmp\"] "
                  "destination=[:pick [/ip/firewall/nat/find chain=dstnat dynamic=no] 0]");
    if (ros_version_is(s->version, 7, 13))
        write_line(w, "/ip/nat-pmp/set enabled=no");
    write_line(w, "");
}

/* ---- the container ---- */

static void write_env(enum container_dialect dialect, struct span name, struct writer *w)
{
    write_text(w, dialect == CONTAINER_7_19 ? "/container/envs/add name=natpmp key="
                                            : "/container/envs/add list=natpmp key=");
    write_bytes(w, name);
    write_text(w, " value=");
}

static void write_envs(const struct setup *s, enum container_dialect dialect, struct writer *w)
{
    for (unsigned i = 0; i < s->envs; i++) {
        write_env(dialect, s->env[i].name, w);
        write_quoted(w, s->env[i].value);
        write_line(w, "");
    }
    if (s->make_certificate) {
        write_env(dialect, span_text("MIKROTIK_API_TLS_FINGERPRINT"), w);
        write_line(w, "[/certificate/get api fingerprint]");
    }
}

/* The folder of an absolute path; empty if the value is not the path of a file in a folder. */
static struct span folder_of(struct span value)
{
    size_t len = value.len;
    if (!span_starts(value, "/"))
        return span_of(NULL, 0);
    while (len > 0 && value.data[len - 1] != '/')
        len--;
    return span_of(value.data, len > 1 ? len - 1 : 0);
}

/* Lists the folders of all files, each once. */
static unsigned list_folders(const struct setup *s, struct span ret_folders[SETUP_ENVS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->envs; i++) {
        struct span folder = folder_of(s->env[i].value);
        bool known = folder.len == 0;
        for (unsigned k = 0; k < count; k++)
            known = known || span_equal(ret_folders[k], folder);
        if (!known)
            ret_folders[count++] = folder;
    }
    return count;
}

static void write_mounts(const struct span *folders, unsigned count, enum container_dialect dialect,
                         struct writer *w)
{
    for (unsigned i = 0; i < count; i++) {
        write_text(w, "# Copy the files that the container needs in ");
        write_bytes(w, folders[i]);
        write_text(w, " into this folder of the router: double-natpmp");
        write_decimal(w, i + 1);
        write_text(w, "\n/container/mounts/add ");
        write_text(w, dialect == CONTAINER_7_21 ? "list=natpmp" : "name=natpmp");
        if (dialect != CONTAINER_7_21)
            write_decimal(w, i + 1);
        write_text(w, " src=/double-natpmp");
        write_decimal(w, i + 1);
        write_text(w, " dst=");
        write_quoted(w, folders[i]);
        write_line(w, "");
    }
}

static void write_mount_names(unsigned count, enum container_dialect dialect, struct writer *w)
{
    if (count > 0)
        write_text(w, dialect == CONTAINER_7_21 ? " mountlists=natpmp" : " mounts=");
    for (unsigned i = 0; i < count && dialect != CONTAINER_7_21; i++) {
        write_text(w, i > 0 ? ",natpmp" : "natpmp");
        write_decimal(w, i + 1);
    }
}

static void write_container(const struct setup *s, struct writer *w)
{
    enum container_dialect dialect = ros_version_dialect(s->version);
    struct span folders[SETUP_ENVS_MAX];
    unsigned count = list_folders(s, folders);
    write_line(w, "# The container, from the uploaded file double-natpmp.tar. The router must have a DNS "
                  "server (/ip/dns/print).");
    write_envs(s, dialect, w);
    write_mounts(folders, count, dialect, w);
    write_text(w, "/container/add file=double-natpmp.tar interface=veth-natpmp ");
    write_text(w, dialect == CONTAINER_7_19 ? "envlist=natpmp" : "envlists=natpmp");
    write_mount_names(count, dialect, w);
    write_line(w, " logging=yes start-on-boot=yes");
    write_line(w, "# Start it when /container/print shows that it is extracted (stopped):");
    write_line(w, "/container/start [find interface=veth-natpmp]");
}

void setup_write(const struct setup *s, struct writer *w)
{
    write_text(w, "# double-natpmp in a container on RouterOS ");
    write_decimal(w, s->version.major);
    write_text(w, ".");
    write_decimal(w, s->version.minor);
    write_text(w, ". None of these commands has been executed.\n"
                  "# Replace CHANGE-ME with the same password everywhere, and ");
    write_address(w, s->container & ~UINT32_C(3));
    write_text(w, "/30 with another network if the router uses it already.\n\n");
    write_user(s, w);
    write_network(s, w);
    write_redirect(s, w);
    write_container(s, w);
}
