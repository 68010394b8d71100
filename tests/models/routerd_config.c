/* The command line, or the same lines in a file. */
#include "routerd.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 1024 };

static const char help[] =
    "routerd: a model of a MikroTik router's API (tests only)\n"
    "\n"
    "  --listen ADDRESS:PORT     default 127.0.0.1:8728; port 0: a free one. \"listening on ADDRESS:PORT\" "
    "is printed\n"
    "  --version VERSION         of RouterOS: 6.42 6.49.10 7.12 7.16 7.18 7.24 ... (default 7.18)\n"
    "  --user NAME               default admin\n"
    "  --password TEXT           default empty\n"
    "  --password-file FILE      its first line\n"
    "  --policies LIST           of read,write,test,api (default: all)\n"
    "  --extra-user NAME:PASSWORD:POLICIES\n"
    "  --max-sessions N          0: no limit (default: as the version has it)\n"
    "  --api-from LIST           the addresses for which the service api is (default: any)\n"
    "  --latency MIN[-MAX]       ms from a command to its answer\n"
    "  --seed N\n"
    "  --nft-chain \"FAMILY TABLE CHAIN\"   apply the rules of chain dstnat there, for instance \"ip nat "
    "maps\"; the chain\n"
    "                            must exist\n"
    "  --state FILE              the NAT table as JSON, written at every change\n"
    "  --control SOCKET          Unix socket for commands, see below\n"
    "  --interface NAME[=ADDRESS/LENGTH[,...]]\n"
    "  --type NAME=TYPE          ether, bridge, wg, vlan ... (default: from the name), behind its "
    "--interface\n"
    "  --device NAME=DEVICE      the interface's name in the kernel, where it differs\n"
    "  --route DESTINATION=GATEWAY[,table=NAME][,distance=N]   a gateway is an address or an interface\n"
    "  --list NAME=INTERFACE[,...]\n"
    "  --rule 'ATTRIBUTES'       a NAT rule that exists from the start\n"
    "  --filter 'ATTRIBUTES'     a filter rule, for print only; likewise --mangle, --raw, --routing-rule,\n"
    "                            --address-list; --script for a script that does nothing,\n"
    "                            --peer, --settings, --vrf\n"
    "  --case FILE               a configuration of tests/cases\n"
    "  --nat-pmp yes|no          the router's own NAT-PMP server (default no)\n"
    "  --file FILE               lines of the options above without the dashes: \"interface "
    "wg0=10.2.0.2/24\"\n"
    "  --ask SOCKET COMMAND...   send a command to a routerd; exit status 0 if the answer was ok\n"
    "\n"
    "Commands on the control socket, one a line; the answer ends with \"ok\" or \"error TEXT\":\n"
    "  list                      the NAT table as JSON\n"
    "  add ATTRIBUTES            name=value ..., values with blanks in double quotes; answers with the id\n"
    "  add-dynamic ATTRIBUTES    as UPnP would\n"
    "  set ID ATTRIBUTES  unset ID NAME  enable ID  disable ID  remove ID  move ID [BEFORE-ID]\n"
    "  interface NAME add|remove|up|down     member LIST INTERFACE add|remove\n"
    "  mute MS [executes]        do not answer for so long\n"
    "  drop [reset]              end all sessions\n"
    "  drop-at before|after|amid|done PATH [silent|reset]    end the session that sends this command\n"
    "  fail PATH TEXT            the next such command is answered with a trap\n"
    "  reboot MS [reset]         all sessions gone; connections refused for so long\n"
    "  access open|refused|silent|close\n"
    "  dribble on|off            output one byte at a time\n"
    "  latency MIN [MAX]\n"
    "  policies USER LIST        password USER TEXT\n"
    "  counters                  JSON\n"
    "  reset-counters            of the rules\n"
    "  script                    the nft script for the present rules\n";

/* The options that describe the router, in the order of the command line. */
static struct {
    char option[32];
    char value[512];
} lines[LINES_MAX];
static unsigned line_count;

printf_(1, 2) static _Noreturn void stop(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("routerd: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    exit(2);
}

static const struct option options_known[] = {
    {"listen", required_argument, NULL, 'l'},
    {"version", required_argument, NULL, 'v'},
    {"user", required_argument, NULL, 'u'},
    {"password", required_argument, NULL, 'p'},
    {"password-file", required_argument, NULL, 'P'},
    {"policies", required_argument, NULL, 'o'},
    {"extra-user", required_argument, NULL, 'e'},
    {"max-sessions", required_argument, NULL, 'm'},
    {"api-from", required_argument, NULL, 'F'},
    {"latency", required_argument, NULL, 'L'},
    {"seed", required_argument, NULL, 's'},
    {"nft-chain", required_argument, NULL, 'n'},
    {"state", required_argument, NULL, 'S'},
    {"control", required_argument, NULL, 'c'},
    {"interface", required_argument, NULL, 'x'},
    {"type", required_argument, NULL, 'x'},
    {"device", required_argument, NULL, 'd'},
    {"route", required_argument, NULL, 'x'},
    {"list", required_argument, NULL, 'x'},
    {"rule", required_argument, NULL, 'x'},
    {"filter", required_argument, NULL, 'x'},
    {"mangle", required_argument, NULL, 'x'},
    {"raw", required_argument, NULL, 'x'},
    {"routing-rule", required_argument, NULL, 'x'},
    {"address-list", required_argument, NULL, 'x'},
    {"script", required_argument, NULL, 'x'},
    {"peer", required_argument, NULL, 'x'},
    {"settings", required_argument, NULL, 'x'},
    {"vrf", required_argument, NULL, 'x'},
    {"case", required_argument, NULL, 'x'},
    {"nat-pmp", required_argument, NULL, 'x'},
    {"file", required_argument, NULL, 'f'},
    {"ask", required_argument, NULL, 'a'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void copy(char *to, size_t size, const char *from, const char *what)
{
    if (strlen(from) >= size)
        stop("%s: too long: %s", what, from);
    memcpy(to, from, strlen(from) + 1);
}

/* "name=rest": the name is cut off. */
static const char *cut(char *text, char at)
{
    char *found = strchr(text, at);
    if (!found)
        return "";
    *found = 0;
    return found + 1;
}

static unsigned long number(const char *text, const char *what)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (!*text || *end)
        stop("%s: not a number: %s", what, text);
    return value;
}

bool routerd_parse_policies(const char *text, unsigned *ret_policies)
{
    static const char *const names[] = {"read", "write", "test", "api"};
    unsigned policies = 0;
    while (*text) {
        size_t length = strcspn(text, ",");
        unsigned i = 0;
        while (i < ARRAY_LEN(names) && (strlen(names[i]) != length || strncmp(names[i], text, length) != 0))
            i++;
        if (i == ARRAY_LEN(names))
            return false;
        policies |= 1U << i;
        text += length + (text[length] == ',');
    }
    *ret_policies = policies;
    return true;
}

static unsigned policies_of(const char *text)
{
    unsigned policies;
    if (!routerd_parse_policies(text, &policies))
        stop("policies: of read,write,test,api: %s", text);
    return policies;
}

static void read_password(const char *path, struct router_model_user *user)
{
    char line[256] = "";
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof(line), file))
        stop("password-file: cannot read %s", path);
    (void)fclose(file);
    line[strcspn(line, "\r\n")] = 0;
    copy(user->password, sizeof(user->password), line, "password-file");
}

static void add_user(struct router_model_options *options, const char *value)
{
    char text[256];
    copy(text, sizeof(text), value, "extra-user");
    unsigned i = 1;
    while (i < ROUTER_MODEL_USERS_MAX && options->users[i].name[0])
        i++;
    if (i == ROUTER_MODEL_USERS_MAX)
        stop("extra-user: too many");
    char *password = text + strcspn(text, ":");
    cut(text, ':');
    password += password < text + strlen(value);
    const char *policies = cut(password, ':');
    copy(options->users[i].name, ROUTER_MODEL_TEXT_MAX, text, "extra-user");
    copy(options->users[i].password, ROUTER_MODEL_TEXT_MAX, password, "extra-user");
    options->users[i].policies = *policies ? policies_of(policies) : ROUTER_MODEL_ALL;
}

static void read_listen(const char *value, struct sockaddr_in *ret_address)
{
    char text[64];
    copy(text, sizeof(text), value, "listen");
    const char *port = cut(text, ':');
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET};
    unsigned long p = number(*port ? port : "8728", "listen");
    if (p > 65535 || inet_pton(AF_INET, text, &ret_address->sin_addr) != 1)
        stop("listen: ADDRESS:PORT: %s", value);
    ret_address->sin_port = htons((uint16_t)p);
}

static void read_latency(const char *value, struct router_model_options *options)
{
    char text[64];
    copy(text, sizeof(text), value, "latency");
    const char *max = cut(text, '-');
    options->latency_min_ms = (uint32_t)number(text, "latency");
    options->latency_max_ms = *max ? (uint32_t)number(max, "latency") : options->latency_min_ms;
}

static void read_chain(const char *value, struct routerd_config *config)
{
    static char text[128];
    copy(text, sizeof(text), value, "nft-chain");
    config->nft_family = strtok(text, " ");
    config->nft_table = strtok(NULL, " ");
    config->nft_chain = strtok(NULL, " ");
    if (!config->nft_chain || strtok(NULL, " "))
        stop("nft-chain: \"FAMILY TABLE CHAIN\": %s", value);
}

static void keep(const char *option, const char *value)
{
    if (line_count == LINES_MAX)
        stop("too many lines");
    copy(lines[line_count].option, sizeof(lines[0].option), option, "option");
    copy(lines[line_count].value, sizeof(lines[0].value), value, option);
    line_count++;
}

/* The strings of a file's lines do not live long, so a function that keeps one copies it. */
static void read_option(const struct option *option, const char *value, struct router_model_options *options,
                        struct routerd_config *config)
{
    struct router_model_user *user = &options->users[0];
    switch (option->val) {
    case 'l':
        read_listen(value, &config->listen);
        break;
    case 'u':
        copy(user->name, sizeof(user->name), value, "user");
        break;
    case 'p':
        copy(user->password, sizeof(user->password), value, "password");
        break;
    case 'P':
        read_password(value, user);
        break;
    case 'o':
        user->policies = policies_of(value);
        break;
    case 'e':
        add_user(options, value);
        break;
    case 'F':
        snprintf(options->api_from, sizeof(options->api_from), "%s", value);
        break;
    case 'm':
        options->max_sessions = (unsigned)number(value, "max-sessions");
        break;
    case 'L':
        read_latency(value, options);
        break;
    case 's':
        config->seed = number(value, "seed");
        break;
    case 'n':
        read_chain(value, config);
        break;
    case 'S':
        config->state = strdup(value);
        break;
    case 'c':
        config->control = strdup(value);
        break;
    case 'd': {
        char text[256];
        copy(text, sizeof(text), value, "device");
        const char *device = cut(text, '=');
        if (config->devices == ROUTERD_DEVICES_MAX)
            stop("device: too many");
        copy(config->device[config->devices].name, ROUTER_MODEL_TEXT_MAX, text, "device");
        copy(config->device[config->devices].device, ROUTER_MODEL_TEXT_MAX, device, "device");
        config->devices++;
        break;
    }
    case 'x':
        keep(option->name, value);
        break;
    default:
        break;
    }
}

static void read_lines(const char *path, struct router_model_options *options, struct routerd_config *config)
{
    char line[600];
    FILE *file = fopen(path, "r");
    if (!file)
        stop("file: cannot read %s", path);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\r\n")] = 0;
        if (!line[0] || line[0] == '#')
            continue;
        const char *value = cut(line, ' ');
        const struct option *option = options_known;
        while (option->name && strcmp(option->name, line) != 0)
            option++;
        if (!option->name || option->has_arg == no_argument || option->val == 'f')
            stop("%s: unknown: %s", path, line);
        read_option(option, value, options, config);
    }
    (void)fclose(file);
}

static _Noreturn void ask(int argc, char **argv, const char *path)
{
    char line[CONTROL_LINE_MAX] = "";
    for (int i = optind; i < argc; i++) {
        if (strlen(line) + strlen(argv[i]) + 2 >= sizeof(line))
            stop("ask: too long");
        size_t used = strlen(line);
        snprintf(line + used, sizeof(line) - used, "%s%s", used ? " " : "", argv[i]);
    }
    exit(control_ask(path, line));
}

void routerd_arguments(int argc, char **argv, struct router_model_options *options,
                       struct routerd_config *config)
{
    const char *version = "";
    *config = (struct routerd_config){.seed = 1};
    read_listen("127.0.0.1:8728", &config->listen);
    int index = 0;
    /* The version is set first, because it sets the defaults of many other options. */
    for (int c; (c = getopt_long(argc, argv, "+", options_known, &index)) != -1;) {
        if (c == '?')
            exit(2);
        if (c == 'h') {
            fputs(help, stdout);
            exit(0);
        }
        if (c == 'a')
            ask(argc, argv, optarg);
        if (c == 'v')
            version = optarg;
    }
    if (optind < argc)
        stop("what is %s?", argv[optind]);
    *options = router_model_defaults(version);
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "+", options_known, &index)) != -1;) {
        if (c == 'f')
            read_lines(optarg, options, config);
        else
            read_option(&options_known[index], optarg, options, config);
    }
}

/* ---- the router's own configuration ---- */

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {"wg", "wg"},     {"wireguard", "wg"}, {"bridge", "bridge"}, {"br", "bridge"},   {"veth", "veth"},
        {"vlan", "vlan"}, {"ppp", "ppp-out"},  {"wlan", "wlan"},     {"lo", "loopback"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(types); i++)
        if (strncmp(name, types[i][0], strlen(types[i][0])) == 0)
            return types[i][1];
    return "ether";
}

static bool add_interface(struct router_model *m, char *name)
{
    const char *addresses = cut(name, '=');
    const char *type = type_of(name);
    for (unsigned i = 0; i < line_count; i++)
        if (strcmp(lines[i].option, "type") == 0 && strncmp(lines[i].value, name, strlen(name)) == 0 &&
            lines[i].value[strlen(name)] == '=')
            type = lines[i].value + strlen(name) + 1;
    if (!router_model_interface_add(m, name, type))
        return false;
    while (*addresses) {
        char address[64];
        size_t length = strcspn(addresses, ",");
        snprintf(address, sizeof(address), "%.*s", (int)length, addresses);
        if (!router_model_address_add(m, address, name))
            return false;
        addresses += length + (addresses[length] == ',');
    }
    return true;
}

static bool add_route(struct router_model *m, char *text)
{
    struct router_model_route route = {.distance = 1};
    char *gateway = text + strlen(text);
    if (strchr(text, '='))
        gateway = strchr(text, '=') + 1;
    cut(text, '=');
    copy(route.destination, sizeof(route.destination), text, "route");
    char *saved;
    const char *part = strtok_r(gateway, ",", &saved);
    copy(route.gateway, sizeof(route.gateway), part ? part : "", "route");
    while ((part = strtok_r(NULL, ",", &saved)) != NULL) {
        if (strncmp(part, "table=", 6) == 0)
            copy(route.routing_table, sizeof(route.routing_table), part + 6, "route");
        else if (strncmp(part, "distance=", 9) == 0)
            route.distance = (unsigned)number(part + 9, "route");
        else
            stop("route: table= or distance=: %s", part);
    }
    return router_model_route_add(m, &route);
}

static bool add_list(struct router_model *m, char *text)
{
    char *members = text + strlen(text);
    if (strchr(text, '='))
        members = strchr(text, '=') + 1;
    cut(text, '=');
    if (!router_model_list_add(m, text, "", ""))
        return false;
    char *saved;
    for (const char *name = strtok_r(members, ",", &saved); name; name = strtok_r(NULL, ",", &saved))
        if (!router_model_member_add(m, text, name))
            return false;
    return true;
}

static bool configure_line(struct router_model *m, const char *option, char *text)
{
    if (strcmp(option, "interface") == 0)
        return add_interface(m, text);
    if (strcmp(option, "route") == 0)
        return add_route(m, text);
    if (strcmp(option, "list") == 0)
        return add_list(m, text);
    if (strcmp(option, "rule") == 0)
        return router_model_rule_add(m, text, false) != 0;
    if (strcmp(option, "case") == 0)
        return router_model_case_load(m, text);
    if (strcmp(option, "nat-pmp") != 0)
        return router_model_row_add(m, option, text);
    router_model_set_nat_pmp(m, strcmp(text, "yes") == 0);
    return true;
}

void routerd_configure(struct router_model *m)
{
    static const char *const order[] = {"case",    "interface", "route", "list",         "rule",
                                        "filter",  "mangle",    "raw",   "routing-rule", "address-list",
                                        "nat-pmp", "script",    "peer",  "settings",     "vrf"};
    for (unsigned k = 0; k < ARRAY_LEN(order); k++) {
        for (unsigned i = 0; i < line_count; i++) {
            if (strcmp(lines[i].option, order[k]) != 0)
                continue;
            char text[sizeof(lines[0].value)];
            memcpy(text, lines[i].value, sizeof(text));
            if (!configure_line(m, order[k], text))
                stop("%s %s: %s", order[k], lines[i].value, router_model_error(m));
        }
    }
}
