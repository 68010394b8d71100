/* The configuration: from environment variables to a struct, or to one line that says which variable is wrong
 * and why. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attributes.h"
#include "base/limits.h"
#include "core/event.h"
#include "core/proxy.h"
#include "io/tls.h"
#include "io/udp_client.h"

enum {
    CONFIG_HOST_MAX = 253, /* RFC 1035 section 2.3.4, as text */
    CONFIG_PATH_MAX = 1023,
    CONFIG_ERROR_MAX = 512,
};

struct config {
    uint32_t gateway; /* host byte order, as everywhere */
    uint16_t gateway_port;
    struct udp_way gateway_way;
    uint32_t listen_address; /* 0: every address */
    uint16_t listen_port;
    uint32_t status_address;               /* 0: every address */
    uint16_t status_port;                  /* 0: no status page */
    char router_host[CONFIG_HOST_MAX + 1]; /* a name, an IPv4 address, or an IPv6 address without brackets */
    uint16_t router_port;
    char user[CREDENTIAL_MAX + 1];
    char password[CREDENTIAL_MAX + 1];
    char password_file[CONFIG_PATH_MAX + 1]; /* empty: the password itself is configured */
    char instance[INSTANCE_NAME_MAX + 1];
    char in_interface[INTERFACE_NAME_MAX + 1]; /* empty: the interface on the router's route to the gateway */
    enum lease_hold lease_hold;
    enum gateway_mode gateway_mode;
    bool tls;
    bool tls_insecure; /* if set, none of the three below is */
    bool tls_pinned;   /* tls_fingerprint alone counts */
    uint8_t tls_fingerprint[TLS_FINGERPRINT_SIZE];
    char tls_ca_file[CONFIG_PATH_MAX + 1]; /* empty: the system's CAs */
    char tls_name[CONFIG_HOST_MAX + 1];    /* empty: not given */
    char change_script[SCRIPT_NAME_MAX + 1];
    uint16_t mappings_max;         /* 1 .. MAPPINGS_MAX */
    uint16_t client_mappings_max;  /* 1 .. CLIENT_MAPPINGS_MAX */
    uint16_t router_changes_per_s; /* 0 .. ROUTER_CHANGES_MAX; 0: no limit */
    uint16_t static_mappings;
    struct static_mapping static_mapping[STATIC_MAPPINGS_MAX];
    enum log_level log_level;
};

/* One printable line without a newline, which never contains a password. */
struct config_error {
    char text[CONFIG_ERROR_MAX];
};

/* Parses text only: opens no file and asks no name server. `environment` is a list of NAME=value that ends
 * with NULL; an empty value counts as not set. Variables of other programs are ignored. */
nodiscard_ bool config_parse(struct config *ret_config, const char *const *environment,
                             struct config_error *ret_error);
/* Reads only INSTANCE and LISTEN_ADDR, which distinguish the daemons on this machine. Others may be
 * missing. */
nodiscard_ bool config_parse_identity(struct config *ret_config, const char *const *environment,
                                      struct config_error *ret_error);
/* The names of all variables, by number; NULL after the last one. */
const char *config_name(size_t number);
/* Reads the password from its file, if one is configured. */
nodiscard_ bool config_read_password(struct config *config, struct config_error *ret_error);
/* Prints the values in force as lines of NAME=value, with "(hidden)" for a password. */
void config_print(const struct config *config, FILE *out);
/* Removes the password from the environment and overwrites it with zeros, so that neither /proc nor a child
 * process shows it. */
void config_wipe_environment(char **environment);
