#include "check/setup.h"

#include <assert.h>
#include <string.h>

#include "check/script.h"
#include "check/setup_parts.h"
#include "wire/natpmp.h"

uint32_t setup_router(uint32_t container)
{
    return container - 1;
}

void setup_write_line(struct writer *w, const char *text)
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
    setup_write_line(
        w, ros_version_has_route_check(s->version)
               ? "# A user for the API. It needs the policy test for /ip/route/check, which names the "
                 "interface to the gateway."
               : "# A user for the API. After an upgrade to 7.18 or later it needs the policy test.");
    setup_write_line(w, "/user/group/add name=natpmp policy=read,write,test,api");
    write_text(w, "/user/add name=");
    write_text(w, user.text);
    write_text(w, " group=natpmp password=CHANGE-ME address=");
    write_address(w, s->container);
    if (s->make_certificate)
        write_text(w, "\n/certificate/add name=api common-name=api days-valid=3650\n/certificate/sign api\n"
                      "/ip/service/set api-ssl certificate=api");
    write_text(w, "\n# Without addresses the service answers whoever reaches the router. Add those of other "
                  "programs that "
                  "use it.\n/ip/service/set ");
    write_text(w, service);
    write_text(w, " disabled=no address=");
    write_address(w, s->container);
    write_text(w, "/32");
    if (!is_default_port(s)) {
        write_text(w, " port=");
        write_decimal(w, s->api_port);
    }
    write_text(w, "\n\n");
}

static void write_network(const struct setup *s, struct writer *w)
{
    setup_write_line(
        w, "# A separate network for the container: in the subnet of the LAN its replies would bypass "
           "the router's NAT.");
    write_text(w, "/interface/veth/add name=veth-natpmp address=");
    write_address(w, s->container);
    write_text(w, "/30 gateway=");
    write_address(w, setup_router(s->container));
    write_text(w, "\n/ip/address/add address=");
    write_address(w, setup_router(s->container));
    write_text(w, "/30 interface=veth-natpmp\n");
    setup_write_line(w, "");
}

/* The filter rules are accepted in front of all others. */
static void write_filter(const struct setup *s, struct writer *w)
{
    setup_write_line(
        w,
        "# The container reaches the API and the gateway, and requests from the LAN reach the container. The "
        "last command moves the rules to the front.");
    write_text(w, "/ip/firewall/filter/add chain=input in-interface=veth-natpmp protocol=tcp dst-port=");
    write_decimal(w, s->api_port);
    setup_write_line(w, " action=accept comment=\"double-natpmp: API\"");
    write_text(w, "/ip/firewall/filter/add chain=forward src-address=");
    write_address(w, s->container);
    write_text(w, " dst-address=");
    write_address(w, s->gateway);
    setup_write_line(w, " protocol=udp dst-port=5351 action=accept comment=\"double-natpmp: gateway\"");
    write_text(w, "/ip/firewall/filter/add chain=forward in-interface-list=LAN dst-address=");
    write_address(w, s->container);
    write_text(w, " protocol=udp dst-port=");
    write_decimal(w, s->listen_port);
    setup_write_line(w, " action=accept comment=\"double-natpmp: requests\"");
    write_text(w, "/ip/firewall/filter/add chain=forward in-interface=");
    write_quoted(w, span_text(s->tunnel));
    setup_write_line(w, " connection-nat-state=dstnat action=accept comment=\"double-natpmp: mapped ports\"");
    setup_write_line(w, "/ip/firewall/filter/move [find comment~\"^double-natpmp: \"] "
                        "destination=[:pick [/ip/firewall/filter/find dynamic=no] 0]");
    setup_write_line(w, "");
}

/* The container's packets to the gateway leave through the tunnel, with the tunnel's address. */
static void write_gateway(const struct setup *s, struct writer *w)
{
    setup_write_line(w, "# The way to the gateway: through the tunnel, with the tunnel's address as source.");
    write_text(w, "/ip/route/add dst-address=");
    write_address(w, s->gateway);
    write_text(w, "/32 gateway=");
    write_quoted(w, span_text(s->tunnel));
    write_text(w, " comment=\"double-natpmp: gateway\"\n/ip/firewall/nat/add chain=srcnat src-address=");
    write_address(w, s->container & ~UINT32_C(3));
    write_text(w, "/30 out-interface=");
    write_quoted(w, span_text(s->tunnel));
    setup_write_line(w, " action=masquerade comment=\"double-natpmp: gateway\"");
    setup_write_line(w, "");
}

static void write_list(const struct setup *s, struct writer *w)
{
    if (s->lan == NULL)
        return;
    write_text(w,
               "# The router has no interface list LAN, which the rules use. Repeat the second command for "
               "each interface of your clients.\n/interface/list/add name=LAN\n"
               "/interface/list/member/add list=LAN interface=");
    write_quoted(w, span_text(s->lan));
    write_text(w, "\n\n");
}

static void write_redirect(const struct setup *s, struct writer *w)
{
    setup_write_line(w,
                     "# NAT-PMP requests from the LAN go to the container. The rule comes first, so that no "
                     "other rule takes them.");
    write_text(w, "/ip/firewall/nat/add chain=dstnat in-interface-list=LAN dst-address-type=local "
                  "protocol=udp dst-port=5351 action=dst-nat to-addresses=");
    write_address(w, s->container);
    if (s->listen_port != NATPMP_PORT) {
        write_text(w, " to-ports=");
        write_decimal(w, s->listen_port);
    }
    setup_write_line(w, " comment=\"NAT-PMP to double-natpmp\"");
    setup_write_line(w, "/ip/firewall/nat/move [find comment=\"NAT-PMP to double-natpmp\"] "
                        "destination=[:pick [/ip/firewall/nat/find chain=dstnat dynamic=no] 0]");
    if (ros_version_is(s->version, 7, 13))
        setup_write_line(w, "/ip/nat-pmp/set enabled=no");
    setup_write_line(w, "");
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
        setup_write_line(w, "");
    }
    if (s->make_certificate) {
        write_env(dialect, span_text("MIKROTIK_API_TLS_FINGERPRINT"), w);
        setup_write_line(w, "[/certificate/get api fingerprint]");
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
        setup_write_line(w, "");
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

/* The registry of an image. As in Docker, the first part of a name is a registry only if it looks like the
 * name of a host. */
static struct span registry_of(struct span image)
{
    const uint8_t *slash = image.len > 0 ? memchr(image.data, '/', image.len) : NULL;
    struct span first = span_of(image.data, slash != NULL ? (size_t)(slash - image.data) : 0);
    bool host = first.len > 0 && (memchr(first.data, '.', first.len) != NULL ||
                                  memchr(first.data, ':', first.len) != NULL || span_is(first, "localhost"));
    return host ? first : span_of(NULL, 0);
}

/* The first so many of these letters. */
enum { DIGITS = 10, HEX_DIGITS = 16, SMALL_LETTERS = 36, LETTERS = 62, WORDS = 63, TAGS = 65 };

static bool is_of(uint8_t byte, size_t kind)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-";
    return memchr(letters, byte, kind) != NULL;
}

static bool all_of(struct span text, size_t kind)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_of(text.data[i], kind))
            return false;
    return text.len > 0;
}

/* Between letters is one of the marks; "_" may stand twice, and "-" any number of times. */
static bool is_path(struct span text, size_t kind, const char *marks)
{
    bool letter = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        bool mark = letter && byte != '\0' && strchr(marks, byte) != NULL;
        bool again =
            i > 1 && text.data[i - 1] == byte && (byte == '-' || (byte == '_' && text.data[i - 2] != byte));
        letter = is_of(byte, kind);
        if (!letter && !mark && !again)
            return false;
    }
    return letter;
}

/* Cuts off what stands behind the mark. False: it is not there. */
static bool cut(struct span *inout_text, uint8_t mark, struct span *ret_rest)
{
    for (size_t i = 0; i < inout_text->len; i++) {
        if (inout_text->data[i] != mark)
            continue;
        *ret_rest = span_skip(*inout_text, i + 1);
        inout_text->len = i;
        return true;
    }
    return false;
}

/* [HOST[:PORT]/]PATH[:TAG][@DIGEST] */
bool setup_is_image(struct span name)
{
    static const char digest[] = "sha256:";
    enum { DIGEST = sizeof(digest) - 1, DIGEST_DIGITS = 64, TAG_MAX = 128 };
    struct span host = registry_of(name);
    struct span path = host.len > 0 ? span_skip(name, host.len + 1) : name;
    struct span part;
    bool named = host.len > 0;
    if (cut(&path, '@', &part) && (!span_starts(part, digest) || part.len != DIGEST + DIGEST_DIGITS ||
                                   !all_of(span_skip(part, DIGEST), HEX_DIGITS)))
        return false;
    if (cut(&path, ':', &part) && (part.len > TAG_MAX || !all_of(part, TAGS) || !is_of(part.data[0], WORDS)))
        return false;
    if (cut(&host, ':', &part) && !all_of(part, DIGITS))
        return false;
    return name.len <= SETUP_IMAGE_MAX && is_path(path, SMALL_LETTERS, "/._-") &&
           (!named || is_path(host, LETTERS, ".-"));
}

static void write_pull(struct span image, struct writer *w)
{
    struct span registry = registry_of(image);
    setup_write_line(
        w,
        "# The container, from a registry. The first command is a setting for all containers of the router. "
        "The router must have a DNS server (/ip/dns/print).");
    write_text(w, "/container/config/set registry-url=https://");
    if (registry.len > 0 && !span_is(registry, "docker.io") && !span_is(registry, "index.docker.io"))
        write_bytes(w, registry);
    else
        write_text(w, "registry-1.docker.io");
    setup_write_line(w, " tmpdir=double-natpmp-pull");
}

static void write_source(struct span image, struct writer *w)
{
    if (image.len == 0) {
        write_text(w, "/container/add file=double-natpmp.tar");
        return;
    }
    struct span registry = registry_of(image);
    write_text(w, "/container/add remote-image=");
    write_bytes(w, registry.len > 0 ? span_skip(image, registry.len + 1) : image);
}

static void write_container(const struct setup *s, struct writer *w)
{
    enum container_dialect dialect = ros_version_dialect(s->version);
    struct span folders[SETUP_ENVS_MAX];
    unsigned count = list_folders(s, folders);
    if (s->image.len > 0)
        write_pull(s->image, w);
    else
        setup_write_line(
            w, "# The container, from the uploaded file double-natpmp.tar. The router must have a DNS "
               "server (/ip/dns/print).");
    write_envs(s, dialect, w);
    write_mounts(folders, count, dialect, w);
    write_source(s->image, w);
    write_text(w, " interface=veth-natpmp ");
    write_text(w, dialect == CONTAINER_7_19 ? "envlist=natpmp" : "envlists=natpmp");
    write_mount_names(count, dialect, w);
    write_text(w, " entrypoint=/double-natpmp logging=yes start-on-boot=yes");
    setup_write_line(w, ros_version_is(s->version, 7, 23)   ? " restart-policy=always restart-interval=30s"
                        : ros_version_is(s->version, 7, 20) ? " auto-restart-interval=30s"
                                                            : "");
    setup_write_line(w, "# Start it when /container/print shows that it is extracted (stopped):");
    setup_write_line(w, "/container/start [find interface=veth-natpmp]");
}

static void write_wrong(const struct finding *wrong, struct writer *w)
{
    if (wrong == NULL || wrong->what[0] == '\0')
        return;
    write_text(w, "# Do not paste these commands yet: ");
    write_text(w, wrong->what);
    write_text(w, ". To mend it, ");
    write_text(w, wrong->cure);
    setup_write_line(w, ". Then run setup again.");
}

void setup_write(const struct setup *s, struct writer *w)
{
    write_wrong(s->wrong, w);
    if (s->tunnels != NULL) {
        write_text(w,
                   "# This router has several tunnels, and nothing shows which one leads to the gateway: ");
        write_names(w, s->tunnels);
        setup_write_line(w, ". Replace " YOUR_TUNNEL " with the right one, or set MIKROTIK_IN_INTERFACE.");
    }
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
    write_gateway(s, w);
    write_list(s, w);
    setup_write_via(s, w);
    write_redirect(s, w);
    write_filter(s, w);
    write_container(s, w);
}

/* ---- the removal ---- */

/* The rules of the daemon's mappings, of its INSTANCE alone. Of its characters only the dot has a meaning in
 * a regular expression. */
static void write_removed_mappings(const struct setup *s, struct writer *w)
{
    write_text(w, "/ip/firewall/nat/remove [find comment~\"^double-natpmp/");
    for (const char *c = s->instance; *c != '\0'; c++)
        if (*c == '.')
            write_text(w, "[.]");
        else
            write_bytes(w, span_of((const uint8_t *)c, 1));
    setup_write_line(w, " \" dynamic=no]");
}

void setup_write_removal(const struct setup *s, struct writer *w)
{
    write_text(w, "# Removes double-natpmp from a router with RouterOS ");
    write_decimal(w, s->version.major);
    write_text(w, ".");
    write_decimal(w, s->version.minor);
    setup_write_line(w, ". None of these commands has been executed.\n"
                        "# Clients keep their mappings on the gateway until these expire.");
    if (strcmp(s->instance, "default") != 0) {
        setup_write_line(w, "# Stop this daemon first. What setup has made stays, because a second daemon "
                            "may use it: without INSTANCE, setup --remove prints the commands for that.");
        write_removed_mappings(s, w);
        return;
    }
    setup_write_line(w, "/container/stop [find interface=veth-natpmp]\n"
                        "# Go on when /container/print shows that it is stopped:\n"
                        "/container/remove [find interface=veth-natpmp]");
    bool named = ros_version_dialect(s->version) == CONTAINER_7_19;
    setup_write_line(w, named ? "/container/envs/remove [find name=natpmp]"
                              : "/container/envs/remove [find list=natpmp]");
    setup_write_line(w, ros_version_dialect(s->version) == CONTAINER_7_21
                            ? "/container/mounts/remove [find list=natpmp]"
                            : "/container/mounts/remove [find name~\"^natpmp[0-9]+\\$\"]");
    write_removed_mappings(s, w);
    setup_write_line(w,
                     "/ip/firewall/nat/remove [find comment~\"^double-natpmp(: |-(tcp|udp)-)\" dynamic=no]\n"
                     "/ip/firewall/nat/remove [find comment=\"NAT-PMP to double-natpmp\"]\n"
                     "/ip/firewall/filter/remove [find comment~\"^double-natpmp: \"]\n"
                     "/ip/firewall/mangle/remove [find comment~\"^double-natpmp: \"]\n"
                     "/ip/firewall/raw/remove [find comment~\"^double-natpmp: \"]\n"
                     "/ip/firewall/address-list/remove [find comment~\"^double-natpmp: \"]\n"
                     "/routing/rule/remove [find comment~\"^double-natpmp: \"]\n"
                     "/ip/route/remove [find comment~\"^double-natpmp: \"]\n"
                     "/routing/table/remove [find comment~\"^double-natpmp: \"]\n"
                     "/ip/address/remove [find interface=veth-natpmp]\n"
                     "/interface/veth/remove [find name=veth-natpmp]\n"
                     "# If no other mangle rules mark connections:\n"
                     "/ip/firewall/filter/set [find action=fasttrack-connection connection-mark=no-mark] "
                     "!connection-mark\n"
                     "# If no second daemon uses them:");
    write_text(w, "/user/remove [find name=");
    write_quoted(w, span_text(s->user));
    setup_write_line(w, " group=natpmp]\n/user/group/remove [find name=natpmp]\n"
                        "# If no other program uses the API:");
    write_text(w, "/ip/service/set ");
    write_text(w, s->tls ? "api-ssl" : "api");
    setup_write_line(w, " disabled=yes address=\"\"");
}
