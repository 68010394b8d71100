#include "app/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "app/config_statics.h"
#include "app/config_values.h"
#include "base/cursor.h"
#include "io/file.h"
#include "wire/natpmp.h"

enum {
    API_PORT = 8728,
    API_TLS_PORT = 8729,
};

#define STATICS "STATIC_MAPPINGS"
#define PASSWORD "MIKROTIK_API_PASSWORD"
#define PASSWORD_FILE "MIKROTIK_API_PASSWORD_FILE"
#define TLS "MIKROTIK_API_TLS"
#define TLS_CA "MIKROTIK_API_TLS_CA"
#define TLS_NAME "MIKROTIK_API_TLS_NAME"
#define TLS_FINGERPRINT "MIKROTIK_API_TLS_FINGERPRINT"
#define TLS_INSECURE "MIKROTIK_API_TLS_INSECURE"

/* ---- the table ---- */

static const char *const level_words[] = {
    [LOG_LEVEL_ERROR] = "ERROR",
    [LOG_LEVEL_WARN] = "WARN",
    [LOG_LEVEL_INFO] = "INFO",
    [LOG_LEVEL_DEBUG] = "DEBUG",
    NULL,
};

static const char *const hold_words[] = {
    [LEASE_HOLD_AUTO] = "auto",
    [LEASE_HOLD_ALWAYS] = "always",
    [LEASE_HOLD_OFF] = "off",
    NULL,
};

static const char *const mode_words[] = {
    [GATEWAY_MODE_AUTO] = "auto",
    [GATEWAY_MODE_SYMMETRIC] = "symmetric",
    NULL,
};

/* How a value is read into its field and printed from it. */
enum kind {
    KIND_TEXT,
    KIND_ADDRESS,
    KIND_BOOL,
    KIND_WORD,
    KIND_NUMBER,
    KIND_INSTANCE,
    KIND_INTERFACE,
    KIND_FINGERPRINT,
    KIND_ROUTER, /* router_host and router_port */
    KIND_LISTEN, /* listen_address and listen_port */
    KIND_STATUS, /* status_address and status_port */
    KIND_STATICS,
};

#define BOOLS "true, false, yes, no, on, off, 1 or 0"

struct variable {
    const char *name;
    const char *allowed;
    enum kind kind;
    size_t offset; /* of the field in struct config */
    size_t size;
    const char *const *words; /* of KIND_WORD, by number; NULL at the end */
    uint16_t min;             /* of KIND_NUMBER */
    uint16_t max;
    bool required;
    bool secret;
    bool optional; /* not printed while it is not set */
    bool identity; /* distinguishes the daemons on this machine */
};

#define FIELD(name) .offset = offsetof(struct config, name), .size = sizeof(((struct config *)0)->name)
#define WORDS(list, name) .kind = KIND_WORD, .words = (list), FIELD(name)
_Static_assert(sizeof(enum log_level) == sizeof(unsigned),
               "take() and print_value() read an enum as unsigned");

static const struct variable variables[] = {
    {.name = "VPN_GATEWAY",
     .kind = KIND_ADDRESS,
     FIELD(gateway),
     .allowed = "the IPv4 address of the VPN's NAT-PMP gateway, such as 10.2.0.1",
     .required = true},
    {.name = "GATEWAY_SOURCE",
     .kind = KIND_ADDRESS,
     FIELD(gateway_way.source),
     .allowed = "an IPv4 address of this machine, such as 10.2.0.2",
     .optional = true},
    {.name = "GATEWAY_DEVICE",
     FIELD(gateway_way.device),
     .allowed = "the name of an interface of this machine, at most 15 bytes, such as wg0",
     .optional = true},
    {.name = "MIKROTIK_API_ADDRESS",
     .kind = KIND_ROUTER,
     .allowed = "host[:port] of the RouterOS API, such as 192.168.88.1, router.lan:8728 or [fd00::1]:8728",
     .required = true},
    {.name = PASSWORD,
     FIELD(password),
     .allowed = "a password of at most 255 bytes without control characters",
     .secret = true},
    {.name = PASSWORD_FILE,
     FIELD(password_file),
     .allowed = "the path of a file that contains the password",
     .optional = true},
    {.name = "MIKROTIK_API_USER",
     FIELD(user),
     .allowed = "a RouterOS user name of at most 255 bytes without control characters"},
    {.name = "INSTANCE",
     .kind = KIND_INSTANCE,
     FIELD(instance),
     .allowed = "a name of 1 to 32 characters from A-Z a-z 0-9 _ . -",
     .identity = true},
    {.name = TLS, .kind = KIND_BOOL, FIELD(tls), .allowed = BOOLS},
    {.name = TLS_CA, FIELD(tls_ca_file), .allowed = "the path of a PEM file with CA certificates"},
    {.name = TLS_NAME,
     FIELD(tls_name),
     .allowed = "the name or the address in the router's certificate, at most 253 bytes without control "
                "characters"},
    {.name = TLS_FINGERPRINT,
     .kind = KIND_FINGERPRINT,
     FIELD(tls_fingerprint),
     .allowed = "64 hexadecimal digits, as :put [/certificate/get <name> fingerprint] shows them"},
    {.name = TLS_INSECURE, .kind = KIND_BOOL, FIELD(tls_insecure), .allowed = BOOLS},
    {.name = "MIKROTIK_IN_INTERFACE",
     .kind = KIND_INTERFACE,
     FIELD(in_interface),
     .allowed = "the name of one RouterOS interface, at most 63 bytes without control characters; not !name, "
                "all, none or a kind such as all-ethernet"},
    {.name = "LISTEN_ADDR",
     .kind = KIND_LISTEN,
     .allowed =
         "[address]:port with an IPv4 address of this machine or none, such as :5351 or 192.168.88.1:5351",
     .identity = true},
    {.name = "STATUS_LISTEN",
     .kind = KIND_STATUS,
     FIELD(status_port),
     .allowed =
         "[address]:port with an IPv4 address of this machine or none, such as :8080 or 172.17.0.2:8080",
     .optional = true},
    {.name = "MAX_MAPPINGS",
     .kind = KIND_NUMBER,
     FIELD(mappings_max),
     .min = 1,
     .max = MAPPINGS_MAX,
     .allowed = "a number from 1 to 65535"},
    {.name = "MAX_MAPPINGS_PER_CLIENT",
     .kind = KIND_NUMBER,
     FIELD(client_mappings_max),
     .min = 1,
     .max = CLIENT_MAPPINGS_MAX,
     .allowed = "a number from 1 to 1024"},
    {.name = "ROUTER_CHANGES_PER_SECOND",
     .kind = KIND_NUMBER,
     FIELD(router_changes_per_s),
     .max = ROUTER_CHANGES_MAX,
     .allowed = "a number from 1 to 1000, or 0 for no limit"},
    {.name = "ON_CHANGE_SCRIPT",
     FIELD(change_script),
     .allowed = "the name of a script in the router's /system/script, at most 63 bytes without control "
                "characters",
     .optional = true},
    {.name = "GATEWAY_MODE", WORDS(mode_words, gateway_mode), .allowed = "auto or symmetric"},
    {.name = STATICS,
     .kind = KIND_STATICS,
     FIELD(static_mappings),
     .allowed = CONFIG_STATICS_ALLOWED,
     .optional = true},
    {.name = "LEASE_HOLD", WORDS(hold_words, lease_hold), .allowed = "auto, always or off"},
    {.name = "LOG_LEVEL", WORDS(level_words, log_level), .allowed = "DEBUG, INFO, WARN or ERROR"},
};

static bool take(struct config *c, const struct variable *variable, struct span text)
{
    void *field = (uint8_t *)c + variable->offset;
    switch (variable->kind) {
    case KIND_TEXT:
        return config_parse_text(text, field, variable->size);
    case KIND_ADDRESS:
        return config_parse_unicast(text, field);
    case KIND_BOOL:
        return config_parse_bool(text, field);
    case KIND_WORD:
        return config_parse_word(text, variable->words, field);
    case KIND_NUMBER:
        return config_parse_number(text, variable->min, variable->max, field);
    case KIND_INSTANCE:
        return config_parse_instance(text, field);
    case KIND_INTERFACE:
        return config_parse_interface(text, field, variable->size);
    case KIND_FINGERPRINT:
        c->tls_pinned = true;
        return config_parse_fingerprint(text, field);
    case KIND_ROUTER:
        return config_parse_endpoint(text, c->router_host, &c->router_port);
    case KIND_LISTEN:
        return config_parse_listen(text, &c->listen_address, &c->listen_port);
    case KIND_STATUS:
        return config_parse_listen(text, &c->status_address, &c->status_port);
    case KIND_STATICS: /* they depend on other variables */
        return true;
    }
    return false;
}

/* ---- errors ---- */

static printf_(2, 3) bool fail(struct config_error *ret_error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
    va_end(arguments);
    return false;
}

static bool fail_value(struct config_error *ret_error, const struct variable *variable, struct span value)
{
    if (variable->secret)
        return fail(ret_error, "%s=(hidden) is not valid; set it to %s", variable->name, variable->allowed);
    return fail(ret_error, "%s=\"%s\" is not valid; set it to %s", variable->name, log_safe(value).text,
                variable->allowed);
}

/* ---- parsing ---- */

static const char *look_up(const char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=') {
            const char *value = *environment + len + 1;
            return *value == '\0' ? NULL : value;
        }
    }
    return NULL;
}

/* Each of these settings contradicts another one. */
static bool check_tls(const struct config *c, struct config_error *ret_error)
{
    const char *check = NULL;
    if (c->tls_ca_file[0] != '\0')
        check = TLS_CA;
    else if (c->tls_pinned)
        check = TLS_FINGERPRINT;
    else if (c->tls_name[0] != '\0')
        check = TLS_NAME;
    if (!c->tls && (check != NULL || c->tls_insecure))
        return fail(ret_error,
                    "%s is not allowed while " TLS
                    " is not true: the password would be sent in clear text; set " TLS "=true",
                    check != NULL ? check : TLS_INSECURE);
    if (c->tls_insecure && check != NULL)
        return fail(ret_error,
                    TLS_INSECURE
                    "=\"true\" is not allowed while %s is set: nothing would be checked; unset one "
                    "of the two",
                    check);
    if (c->tls_pinned && (c->tls_ca_file[0] != '\0' || c->tls_name[0] != '\0'))
        return fail(ret_error,
                    "%s is not allowed while " TLS_FINGERPRINT
                    " is set: only the fingerprint is checked; unset one of the two",
                    c->tls_ca_file[0] != '\0' ? TLS_CA : TLS_NAME);
    return true;
}

static bool parse_statics(struct config *c, const char *const *environment, struct config_error *ret_error)
{
    const char *value = look_up(environment, STATICS);
    struct span entry;
    const char *why = value == NULL ? NULL : config_parse_statics(c, span_text(value), &entry);
    return why == NULL || fail(ret_error, STATICS ": the entry \"%s\" %s; set it to " CONFIG_STATICS_ALLOWED,
                               log_safe(entry).text, why);
}

/* Checks what depends on several variables. */
static bool check_together(const struct config *c, struct config_error *ret_error)
{
    if (c->password[0] != '\0' && c->password_file[0] != '\0') {
        return fail(ret_error,
                    PASSWORD_FILE "=\"%s\" is not allowed while " PASSWORD " is set; set one of the two",
                    log_safe(span_text(c->password_file)).text);
    }
    if (c->password[0] == '\0' && c->password_file[0] == '\0') {
        return fail(ret_error, PASSWORD " is not set; set it, or " PASSWORD_FILE
                                        " to the path of a file that contains the password");
    }
    if (c->static_mappings > c->mappings_max)
        return fail(ret_error,
                    "MAX_MAPPINGS=%u is less than the %u mappings of " STATICS
                    "; raise it, or remove entries",
                    (unsigned)c->mappings_max, (unsigned)c->static_mappings);
    return check_tls(c, ret_error);
}

static bool parse(struct config *ret_config, const char *const *environment, bool identity,
                  struct config_error *ret_error)
{
    *ret_config = (struct config){
        .gateway_port = NATPMP_PORT, /* RFC 6886 section 3: not configurable [C-04] */
        .listen_port = NATPMP_PORT,
        .user = "admin",
        .instance = "default",
        .mappings_max = MAPPINGS_DEFAULT,
        .client_mappings_max = CLIENT_MAPPINGS_DEFAULT,
        .router_changes_per_s = ROUTER_CHANGES_DEFAULT,
        .log_level = LOG_LEVEL_INFO,
    };
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const struct variable *variable = &variables[i];
        if (identity && !variable->identity)
            continue;
        const char *value = look_up(environment, variable->name);
        if (value == NULL && variable->required)
            return fail(ret_error, "%s is not set; set it to %s", variable->name, variable->allowed);
        if (value != NULL && !take(ret_config, variable, span_text(value)))
            return fail_value(ret_error, variable, span_text(value));
    }
    if (ret_config->router_port == 0)
        ret_config->router_port = ret_config->tls ? API_TLS_PORT : API_PORT;
    return true;
}

bool config_parse(struct config *ret_config, const char *const *environment, struct config_error *ret_error)
{
    return parse(ret_config, environment, false, ret_error) &&
           parse_statics(ret_config, environment, ret_error) && check_together(ret_config, ret_error);
}

bool config_parse_identity(struct config *ret_config, const char *const *environment,
                           struct config_error *ret_error)
{
    return parse(ret_config, environment, true, ret_error);
}

const char *config_name(size_t number)
{
    return number < ARRAY_LEN(variables) ? variables[number].name : NULL;
}

/* ---- the password file ---- */

static bool fail_file(struct config_error *ret_error, const struct config *config, const char *why)
{
    return fail(ret_error,
                PASSWORD_FILE
                "=\"%s\" cannot be used: %s; set it to a readable file that contains only the password",
                log_safe(span_text(config->password_file)).text, why);
}

bool config_read_password(struct config *config, struct config_error *ret_error)
{
    if (config->password_file[0] == '\0')
        return true;
    /* Room for the longest password, the end of a line, and one more byte that shows that there is more. */
    char bytes[CREDENTIAL_MAX + sizeof("\r\n")];
    ssize_t got = file_read(config->password_file, bytes, sizeof(bytes));
    if (got < 0)
        return fail_file(ret_error, config, file_problem(errno));
    struct span text = span_of(bytes, (size_t)got);
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len -= text.len > 1 && text.data[text.len - 2] == '\r' ? 2 : 1;
    const char *why = NULL;
    if (text.len == 0)
        why = "it is empty";
    else if (text.len > CREDENTIAL_MAX)
        why = "the password has more than 255 bytes";
    else if (!config_parse_text(text, config->password, sizeof(config->password)))
        why = "it has more than one line, or control characters";
    explicit_bzero(bytes, sizeof(bytes));
    return why == NULL || fail_file(ret_error, config, why);
}

/* ---- printing ---- */

static void print_listen(uint32_t address, uint16_t port, FILE *out)
{
    (void)fprintf(out, "%s:%u", address == 0 ? "" : address_text(address).text, (unsigned)port);
}

static void print_value(const struct config *c, const struct variable *variable, FILE *out)
{
    const void *field = (const uint8_t *)c + variable->offset;
    switch (variable->kind) {
    case KIND_TEXT:
    case KIND_INSTANCE:
    case KIND_INTERFACE:
        (void)fputs(field, out);
        break;
    case KIND_ADDRESS:
        (void)fputs(address_text(*(const uint32_t *)field).text, out);
        break;
    case KIND_BOOL:
        (void)fputs(*(const bool *)field ? "true" : "false", out);
        break;
    case KIND_WORD:
        (void)fputs(variable->words[*(const unsigned *)field], out);
        break;
    case KIND_NUMBER:
        (void)fprintf(out, "%u", (unsigned)*(const uint16_t *)field);
        break;
    case KIND_FINGERPRINT:
        for (size_t i = 0; c->tls_pinned && i < TLS_FINGERPRINT_SIZE; i++)
            (void)fprintf(out, "%02x", (unsigned)c->tls_fingerprint[i]);
        break;
    case KIND_ROUTER:
        (void)fprintf(out, strchr(c->router_host, ':') != NULL ? "[%s]:%u" : "%s:%u", c->router_host,
                      (unsigned)c->router_port);
        break;
    case KIND_LISTEN:
        print_listen(c->listen_address, c->listen_port, out);
        break;
    case KIND_STATUS:
        print_listen(c->status_address, c->status_port, out);
        break;
    case KIND_STATICS:
        config_print_statics(c, out);
        break;
    }
}

static bool is_set(const struct config *c, const struct variable *variable)
{
    for (size_t i = 0; i < variable->size; i++)
        if (((const uint8_t *)c)[variable->offset + i] != 0)
            return true;
    return false;
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const struct variable *variable = &variables[i];
        bool hidden = variable->secret ? config->password_file[0] != '\0'
                                       : variable->optional && !is_set(config, variable);
        if (hidden)
            continue;
        (void)fprintf(out, "%s=", variable->name);
        if (variable->secret)
            (void)fputs("(hidden)", out);
        else
            print_value(config, variable, out);
        (void)fputc('\n', out);
    }
}

void config_wipe_environment(char **environment)
{
    static const char name[] = PASSWORD "=";
    char **kept = environment;
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, strlen(name)) == 0)
            explicit_bzero(*environment, strlen(*environment));
        else
            *kept++ = *environment;
    *kept = NULL;
}
