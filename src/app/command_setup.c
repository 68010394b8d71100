/* double-natpmp setup [--routeros VERSION] [--image NAME] [--via main|rule|mangle] [--remove] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/inquiry.h"
#include "app/secure.h"
#include "check/judge.h"
#include "check/setup.h"

#define PLACEHOLDER "CHANGE-ME"
#define DEFAULT_TUNNEL "wg1"
#define DEFAULT_ROUTER "MIKROTIK_API_ADDRESS=172.30.254.1"
#define DEFAULT_PASSWORD "MIKROTIK_API_PASSWORD=" PLACEHOLDER

/* ---- the configuration ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

/* Only the gateway must be configured to write the commands: the other required settings have a known value
 * in the container. */
static const char **complete_environment(bool *ret_can_ask)
{
    size_t count = 0;
    bool router = is_set("MIKROTIK_API_ADDRESS");
    bool password = is_set("MIKROTIK_API_PASSWORD") || is_set("MIKROTIK_API_PASSWORD_FILE");
    while (environ[count] != NULL)
        count++;
    const char **list = calloc(count + 3, sizeof(*list));
    if (list == NULL)
        return NULL;
    /* config_parse() takes the first entry of a name. */
    memcpy(list, environ, count * sizeof(*list));
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], "MIKROTIK_API_ADDRESS=") == 0 || strcmp(list[i], "MIKROTIK_API_PASSWORD=") == 0)
            list[i] = "";
    if (!router)
        list[count++] = DEFAULT_ROUTER;
    if (!password)
        list[count++] = DEFAULT_PASSWORD;
    *ret_can_ask = router && password;
    return list;
}

/* The settings as lines of NAME=value. The caller frees them. */
static char *print_config(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    config_print(config, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool has_line(const char *text, const char *line, size_t len)
{
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n')
        if (strcspn(text, "\n") == len && memcmp(text, line, len) == 0)
            return true;
    return false;
}

/* The environment of the container: all settings that are not the default, with a placeholder for the
 * password. */
static void add_envs(struct setup *setup, const char *text, const char *defaults)
{
    for (const char *line = text; *line != '\0' && setup->envs < SETUP_ENVS_MAX;) {
        size_t len = strcspn(line, "\n");
        const char *equals = memchr(line, '=', len);
        if (equals != NULL && !has_line(defaults, line, len)) {
            size_t name = (size_t)(equals - line);
            struct span value = span_of(equals + 1, len - name - 1);
            if (span_is(value, "(hidden)"))
                value = span_text(PLACEHOLDER);
            setup->env[setup->envs++] = (struct setup_env){.name = span_of(line, name), .value = value};
        }
        line += len + (line[len] == '\n');
    }
}

/* Adapts the configuration to the container: to its addresses, and to a RouterOS user that is not the
 * owner's. */
static void fit_container(struct config *config, uint32_t container)
{
    struct address_text router = address_text(setup_router(container));
    memcpy(config->router_host, router.text, sizeof(router.text));
    config->listen_address = 0;
    if (strcmp(config->user, "admin") == 0)
        memcpy(config->user, "natpmp", sizeof("natpmp"));
}

/* What the command line asks for, and what the router says. */
struct wanted {
    const char *version; /* NULL: ask the router */
    struct span image;   /* empty: none is named */
    enum setup_via via;
    bool remove;
};

static struct setup describe(const struct config *config, struct ros_version version,
                             const struct wanted *wanted, const struct setup_router *router)
{
    uint32_t listen = config->listen_address;
    return (struct setup){
        .version = version,
        .container = (listen & 3) == 2 ? listen : (uint32_t)SETUP_CONTAINER,
        .listen_port = config->listen_port,
        .tls = config->tls,
        .make_certificate = config->tls && !config->tls_insecure && !config->tls_pinned &&
                            config->tls_ca_file[0] == '\0' && config->tls_name[0] == '\0',
        .api_port = config->router_port,
        .user = config->user,
        .instance = config->instance,
        .gateway = config->gateway,
        .tunnel = router->tunnel[0] != '\0'         ? router->tunnel
                  : config->in_interface[0] != '\0' ? config->in_interface
                                                    : DEFAULT_TUNNEL,
        .tunnels = router->choice.count > 0 ? &router->choice : NULL,
        .lan = router->lan[0] != '\0' ? router->lan : NULL,
        .image = wanted->image,
        .via = wanted->via,
        .answered = router->answered,
        .wrong = &router->wrong,
    };
}

static bool print_setup(struct config *config, struct ros_version version, const struct wanted *wanted,
                        const struct setup_router *router)
{
    static uint8_t bytes[SETUP_BYTES_MAX];
    static struct config defaults;
    static const char *const nothing[] = {"VPN_GATEWAY=192.0.2.1", "MIKROTIK_API_ADDRESS=192.0.2.1",
                                          "MIKROTIK_API_PASSWORD_FILE=/", NULL};
    struct config_error error;
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct setup setup = describe(config, version, wanted, router);
    fit_container(config, setup.container);
    bool parsed = config_parse(&defaults, nothing, &error);
    char *text = parsed ? print_config(config) : NULL;
    char *default_text = parsed ? print_config(&defaults) : NULL;
    if (text != NULL && default_text != NULL) {
        add_envs(&setup, text, default_text);
        if (wanted->remove)
            setup_write_removal(&setup, &w);
        else
            setup_write(&setup, &w);
    }
    bool written = !w.failed && w.len > 0 && fwrite(w.data, 1, w.len, stdout) == w.len && fflush(stdout) == 0;
    free(text);
    free(default_text);
    return written;
}

/* ---- the router ---- */

/* False if the version is unknown; then stderr says why. */
static bool ask_router(struct config *config, struct ros_version *ret_version,
                       struct setup_router *ret_router, bool *ret_hanging)
{
    static struct findings findings;
    static struct judge_room room;
    struct tls_context *tls;
    if (!secure_open(config, &tls))
        return false;
    struct inquiry inquiry = inquiry_run(config, tls, INQUIRY_TABLES);
    bool known = survey_version(inquiry.survey, ret_version);
    if (known)
        setup_find(inquiry.survey, ret_router);
    if (!known && inquiry.signal == 0) {
        judge(inquiry.survey, &room, &findings);
        for (unsigned i = 0; i < findings.count; i++)
            if (findings.at[i].status == FINDING_FAIL && findings.at[i].id <= FINDING_POLICY_READ)
                (void)fprintf(stderr, "double-natpmp: %s\n", findings.at[i].what);
        (void)fputs("double-natpmp: cannot read the RouterOS version from the router; run setup --routeros "
                    "VERSION, such as 7.20\n",
                    stderr);
    }
    *ret_hanging = inquiry.hanging;
    if (!inquiry.hanging)
        tls_context_free(tls);
    return known;
}

static int set_up(struct config *config, const struct wanted *wanted, bool can_ask, bool *ret_hanging)
{
    static struct setup_router router;
    const char *given = wanted->version;
    struct ros_version version;
    struct config_error error;
    if (given != NULL && !ros_version_parse(span_text(given), &version)) {
        (void)fprintf(stderr,
                      "double-natpmp: --routeros \"%s\" is not a RouterOS version; use one such as 7.20\n",
                      log_safe(span_text(given)).text);
        return EXIT_STATUS_USAGE;
    }
    if (given == NULL && !can_ask) {
        (void)fputs("double-natpmp: the RouterOS version is unknown; run setup --routeros VERSION, such as "
                    "7.20, or set "
                    "MIKROTIK_API_ADDRESS and a password so that setup can ask the router\n",
                    stderr);
        return EXIT_STATUS_USAGE;
    }
    if (given == NULL && !config_read_password(config, &error)) {
        (void)fprintf(stderr, "double-natpmp: %s\n", error.text);
        return EXIT_STATUS_USAGE;
    }
    if (given == NULL && !ask_router(config, &version, &router, ret_hanging))
        return EXIT_STATUS_FAILED;
    if (ros_version_dialect(version) == CONTAINER_NONE) {
        (void)fprintf(stderr,
                      "double-natpmp: RouterOS %u.%u has no containers; upgrade it to 7.4 or later, or run "
                      "double-natpmp on another machine\n",
                      version.major, version.minor);
        return EXIT_STATUS_FAILED;
    }
    return print_setup(config, version, wanted, &router) ? EXIT_STATUS_DONE : EXIT_STATUS_FAILED;
}

/* False: the arguments are wrong. */
static bool parse_arguments(int count, char **arguments, struct wanted *ret_wanted)
{
    *ret_wanted = (struct wanted){.via = SETUP_VIA_ANSWERS};
    for (int i = 0; i < count; i++) {
        bool more = i + 1 < count;
        if (strcmp(arguments[i], "--remove") == 0)
            ret_wanted->remove = true;
        else if (strcmp(arguments[i], "--routeros") == 0 && more && ret_wanted->version == NULL)
            ret_wanted->version = arguments[++i];
        else if (strcmp(arguments[i], "--image") == 0 && more && setup_is_image(span_text(arguments[i + 1])))
            ret_wanted->image = span_text(arguments[++i]);
        else if (strcmp(arguments[i], "--via") != 0 || !more ||
                 !setup_parse_via(span_text(arguments[++i]), &ret_wanted->via))
            return false;
    }
    return true;
}

int command_setup(int count, char **arguments)
{
    static struct config config;
    struct config_error error = {"no memory"};
    struct wanted wanted;
    bool can_ask = false;
    bool hanging = false;
    if (!parse_arguments(count, arguments, &wanted)) {
        (void)fputs("usage: double-natpmp setup [--routeros VERSION] [--image NAME] [--via main|rule|mangle] "
                    "[--remove]; NAME is such as ghcr.io/owner/double-natpmp:0.1.0\n",
                    stderr);
        return EXIT_STATUS_USAGE;
    }
    const char **environment = complete_environment(&can_ask);
    bool parsed = environment != NULL && config_parse(&config, environment, &error);
    free(environment);
    config_wipe_environment(environ);
    if (!parsed) {
        (void)fprintf(stderr, "double-natpmp: %s\n", error.text);
        return EXIT_STATUS_USAGE;
    }
    int status = set_up(&config, &wanted, can_ask, &hanging);
    explicit_bzero(config.password, sizeof(config.password));
    if (hanging)
        _exit(status);
    return status;
}
