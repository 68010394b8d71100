/* double-natpmp answers NAT-PMP (RFC 6886) on a LAN on behalf of its MikroTik router: for each mapping it
 * adds a dst-nat rule to the router, by the RouterOS API, and requests a mapping from the VPN gateway behind
 * it.
 *
 * The map of the program. Each folder includes only folders above it. The modules of core are listed in
 * ARCHITECTURE.md, under "The core in a line".
 *
 * base/   for every program
 *   span, cursor     borrowed bytes; checked readers and writers
 *   limits           every capacity of the core, with its reason
 *   attributes       what the compiler is told about a function
 *   address_use      what an address is reserved for
 *   failure          each way in which a connection fails, and the words for it: one row
 *   portset, list, index, heap, prng   the containers and the random numbers of the core
 *   bucket, log_rate   how often something may happen; how often a line may be written
 * wire/   bytes to structs and back, without state
 *   natpmp           the messages of RFC 6886
 *   routeros, login  the RouterOS API: words, sentences, the old login
 * core/   the program itself, without I/O: one event in, actions out
 * check/  will a set-up work? Rows in, findings out, without I/O
 *   check*           asks the router and the gateway; one event in, actions out
 *   survey           the answers
 *   judge*, scene*   the judgement
 *   trip, firewall, marks, ways, address_lists   what the router does with a packet
 *   finding          the results
 *   setup*, script, ros_version   the commands that set a router up; what depends on its version
 * io/     sockets and time on the event loop, without knowledge of protocols
 *   udp, udp_client  the socket to the LAN; the socket to the gateway
 *   flood            blocks a host that floods the socket to the LAN
 *   stream, tls*     connections to the router
 *   probe, feed      one question to the running daemon; messages from it, for all who watch
 *   abstract         the names of these two sockets
 *   links            this machine's addresses
 *   http*            a server for a few short HTTP requests
 *   clock            time, the deadline, the seed
 *   file             reads a small file
 *   notify           reports to systemd
 *   confine          the seccomp filter
 *   resident         gives back memory that a rare task needed
 * app/    makes it a daemon
 *   config*          environment to struct; names that look like settings and are none
 *   secure           sets up TLS from the configuration
 *   log              lines on stderr
 *   driver           turns callbacks of io into events, and actions into calls of io
 *   self_*           runs the reading part of a check when something has not worked for a while
 *   health, status*  the replies to `double-natpmp health` and `double-natpmp status`
 *   changes, watch, change_report   the last changes; what `double-natpmp watch` gets and prints
 *   web, document    the status page: who may ask for what; one document in pieces
 *   page*, metrics, portforward, history   what it answers; the external ports of the last day
 *   command*, inquiry, report*, json   the subcommands; how a check is run; its findings as text and JSON
 *   version          which version and commit this is
 *   main             this file: arguments, start, end */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/command.h"
#include "app/config.h"
#include "app/config_names.h"
#include "app/driver.h"
#include "app/log.h"
#include "app/secure.h"
#include "app/version.h"
#include "core/proxy.h"
#include "io/confine.h"
#include "io/notify.h"
#include "io/resident.h"

static const char usage[] =
    "usage: double-natpmp [--check-config | --help | --version]\n"
    "       double-natpmp check [--json | --report]\n"
    "       double-natpmp health\n"
    "       double-natpmp setup [--routeros VERSION] [--via WAY] [--image NAME | --remove]\n"
    "       double-natpmp status [--json]\n"
    "       double-natpmp watch\n"
    "\n"
    "A NAT-PMP server for a LAN behind two NATs, a MikroTik router's and a VPN provider's.\n"
    "\n"
    "  check           check whether router and gateway are set up for this configuration; undoes all its\n"
    "                  changes; exit status 1 if a check fails\n"
    "  health          ask the running daemon with the same INSTANCE and LISTEN_ADDR whether router and\n"
    "                  gateway work; exit status 1 and the reason if they do not\n"
    "  setup           print the RouterOS commands that set up a container on the router; executes none;\n"
    "                  --routeros VERSION, --image NAME (in a registry; otherwise an uploaded file),\n"
    "                  --via main, rule or mangle (how the LAN uses the tunnel), --remove\n"
    "  status          show router, gateway, mappings and what is wrong, as the running daemon knows them; "
    "for\n"
    "                  root and the daemon's own user\n"
    "  watch           print a line of JSON for each change as it happens, first for what is; for root and\n"
    "                  the daemon's own user\n"
    "  --check-config  print the configuration in force, or what is wrong with it\n"
    "  --help          print this text\n"
    "  --version       print the version and the commit\n"
    "\n"
    "Environment variables configure it (default in parentheses):\n"
    "  VPN_GATEWAY                 IPv4 address of the VPN's NAT-PMP gateway (required)\n"
    "  GATEWAY_SOURCE              address of this machine from which to send to the gateway\n"
    "  GATEWAY_DEVICE              interface of this machine by which to send to the gateway\n"
    "  MIKROTIK_API_ADDRESS        host[:port] of the RouterOS API (required; port 8728, with TLS 8729)\n"
    "  MIKROTIK_API_PASSWORD       password of the user, or\n"
    "  MIKROTIK_API_PASSWORD_FILE  file that contains it (one of the two is required)\n"
    "  MIKROTIK_API_USER           RouterOS user (admin)\n"
    "  MIKROTIK_API_TLS            true: use TLS (false); the router's certificate must then be\n"
    "  MIKROTIK_API_TLS_CA           signed by a CA in this PEM file (the system's CAs)\n"
    "  MIKROTIK_API_TLS_NAME         for this name (with the system's CAs, MIKROTIK_API_ADDRESS)\n"
    "  MIKROTIK_API_TLS_FINGERPRINT  or only have this SHA-256 fingerprint\n"
    "  MIKROTIK_API_TLS_INSECURE     true: accept any certificate, or none (false)\n"
    "  MIKROTIK_IN_INTERFACE       the router's interface at which the answers of VPN_GATEWAY arrive (as\n"
    "                                the router shows it)\n"
    "  INSTANCE                    name in the comments of this daemon's rules, unique on the router "
    "(default)\n"
    "  LISTEN_ADDR                 [address]:port on which to answer NAT-PMP (:5351)\n"
    "  STATUS_LISTEN               [address]:port of a status page for the LAN (none)\n"
    "  MAX_MAPPINGS                mappings for all hosts (1024)\n"
    "  MAX_MAPPINGS_PER_CLIENT     mappings for one host (64)\n"
    "  ROUTER_CHANGES_PER_SECOND   changes on the router that all hosts may cause; 0: no limit (20)\n"
    "  ON_CHANGE_SCRIPT            script of the router that is run when a port or the address changes\n"
    "  STATIC_MAPPINGS             protocol:address:port[:external port], ... of hosts that request none: "
    "tcp,\n"
    "                              udp or both (none)\n"
    "  GATEWAY_MODE                auto, or symmetric if the gateway forwards port n to port n only (auto)\n"
    "  LEASE_HOLD                  auto, always or off: renew mappings whose client renews too late (auto)\n"
    "  LOG_LEVEL                   DEBUG, INFO, WARN or ERROR (INFO)\n"
    "\n"
    "Exit status: 0 after a signal ended it, 1 if LISTEN_ADDR cannot be bound or a limit of the system is "
    "too\n"
    "low, 2 for a bad configuration, 128 + n if a second signal n ended it early.\n";

/* ---- before anything is opened ---- */

/* If a standard stream is closed, a socket would get its number, and messages for the terminal would be sent
 * to the network. */
static void open_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

/* The other signals that would end the process are the driver's. SIGTTOU would stop it if it writes to a
 * terminal from the background, and SIGXFSZ would end it if its log reaches the limit of a file. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGTTOU, SIGXFSZ};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        (void)signal(number, SIG_IGN);
}

/* Keeps the password out of core dumps and away from other processes of the same user. */
static void protect_memory(void)
{
    const struct rlimit none = {0};
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* ---- start ---- */

/* The tables have many megabytes; the kernel gives real memory only to the parts in use. */
static struct proxy *make_proxy(struct config *config)
{
    void *memory =
        mmap(NULL, proxy_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, proxy_size(), MADV_DONTDUMP);
    struct proxy_config core = {.gateway = config->gateway,
                                .listen_address = config->listen_address,
                                .mappings_max = config->mappings_max,
                                .client_mappings_max = config->client_mappings_max,
                                .router_changes_per_s = config->router_changes_per_s,
                                .static_mappings = config->static_mappings,
                                .lease_hold = config->lease_hold,
                                .gateway_mode = config->gateway_mode,
                                .log_level = config->log_level};
    memcpy(core.instance, config->instance, sizeof(core.instance));
    memcpy(core.user, config->user, sizeof(core.user));
    memcpy(core.password, config->password, sizeof(core.password));
    memcpy(core.in_interface, config->in_interface, sizeof(core.in_interface));
    memcpy(core.change_script, config->change_script, sizeof(core.change_script));
    memcpy(core.static_mapping, config->static_mapping, sizeof(core.static_mapping));
    proxy_init(memory, &core, clock_seed());
    explicit_bzero(core.password, sizeof(core.password));
    explicit_bzero(config->password, sizeof(config->password));
    return memory;
}

static const char *bind_remedy(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another NAT-PMP server uses the port; change LISTEN_ADDR or stop it (ss -lunp shows it)";
    case EACCES:
    case EPERM:
        return "a port below 1024 needs CAP_NET_BIND_SERVICE; use port 5351 and redirect to it on the router";
    case EADDRNOTAVAIL:
        return "no interface of this machine has the address; use one that ip -4 address shows";
    default:
        return "check LISTEN_ADDR and the limits of this process";
    }
}

static void report_failed_open(struct log *log, const struct config *config, int error)
{
    unsigned needed = driver_descriptors_needed(config);
    unsigned long long descriptors = driver_descriptors(needed);
    if (descriptors < needed)
        log_printf(log, LOG_LEVEL_ERROR, "main",
                   "the limit of open files is too low; raise it (ulimit -n, or LimitNOFILE= in the systemd "
                   "unit) limit=%llu needed=%u",
                   descriptors, needed);
    else
        log_printf(log, LOG_LEVEL_ERROR, "main", "cannot listen: %s LISTEN_ADDR=%s:%u error=\"%s\"",
                   bind_remedy(error), address_text(config->listen_address).text,
                   (unsigned)config->listen_port, strerror(error));
}

/* To be called when all files and sockets that stay open have been opened. */
static void give_up_rights(const struct config *config, struct log *log)
{
    unsigned more = stream_needs_resolver(config->router_host) ? CONFINE_NAMES : 0;
    more |= config->status_port != 0 ? CONFINE_CLIENTS : 0;
#ifdef __SANITIZE_ADDRESS__
    more |= CONFINE_SANITIZED;
#endif
    int result = confine(more);
    if (result != 0)
        log_printf(log, LOG_LEVEL_DEBUG, "main",
                   "the kernel has no seccomp filter; running without one error=\"%s\"", strerror(-result));
}

static int run(struct config *config, struct tls_context *tls)
{
    struct log log;
    struct driver *driver = calloc(1, sizeof(*driver));
    log_detach(STDERR_FILENO);
    log_init(&log, STDERR_FILENO, config->log_level);
    struct proxy *proxy = make_proxy(config);
    if (proxy == NULL || driver == NULL) {
        log_printf(
            &log, LOG_LEVEL_ERROR, "main",
            "cannot reserve memory for the tables; raise the limit of address space (ulimit -v) bytes=%zu",
            proxy_size());
        free(driver);
        return EXIT_STATUS_FAILED;
    }
    struct address_text address = address_text(config->listen_address);
    int result = driver_open(driver, config, tls, proxy, &log);
    if (result != 0) {
        report_failed_open(&log, config, -result);
        free(driver);
        return EXIT_STATUS_FAILED;
    }
    log_printf(&log, LOG_LEVEL_INFO, "main", "listening address=%s:%u version=%s instance=%s", address.text,
               (unsigned)config->listen_port, version, config->instance);
    struct config_error warning;
    size_t next = 0;
    for (unsigned i = 0; i < CONFIG_UNKNOWN_MAX; i++) {
        next = config_next_unknown((const char *const *)environ, next, &warning);
        if (next == 0)
            break;
        log_printf(&log, LOG_LEVEL_WARN, "main", "%s", warning.text);
    }
    if (config->tls_insecure) {
        log_printf(&log, LOG_LEVEL_WARN, "main",
                   "the router's certificate is not checked: an attacker in between can read the password; "
                   "unset MIKROTIK_API_TLS_INSECURE");
    }
    notify_ready();
    give_up_rights(config, &log);
    resident_trim();
    driver_run(driver);
    log_printf(&log, LOG_LEVEL_INFO, "main", "ended");
    if (!driver_close(driver))
        _exit(EXIT_STATUS_DONE);
    (void)munmap(proxy, proxy_size());
    free(driver);
    return EXIT_STATUS_DONE;
}

static const struct command {
    const char *name;
    int (*run)(int count, char **arguments);
} commands[] = {
    {"check", command_check},   {"health", command_health}, {"setup", command_setup},
    {"status", command_status}, {"watch", command_watch},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static struct config config;
    struct tls_context *tls;
    open_standard_streams();
    /* RouterOS passes cmd="" as one empty argument. */
    while (argc > 1 && argv[argc - 1][0] == '\0')
        argc--;
    const char *argument = argc == 2 ? argv[1] : "";
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    if (strcmp(argument, "--help") == 0)
        return fputs(usage, stdout) < 0;
    if (strcmp(argument, "--version") == 0)
        return printf("double-natpmp %s\n", version) < 0;
    bool check = strcmp(argument, "--check-config") == 0;
    if (argc > 1 && !check && command == NULL) {
        (void)fputs(usage, stderr);
        return EXIT_STATUS_USAGE;
    }
    /* To be set before a thread starts: one thread is enough to look names up, and costs one stack. */
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1);
    protect_memory();
    ignore_signals();
    if (command != NULL)
        return command->run(argc - 2, argv + 2);
    if (!command_load(&config, (const char *const *)environ) || !secure_open(&config, &tls))
        return EXIT_STATUS_USAGE;
    int status = EXIT_STATUS_DONE;
    if (check) {
        explicit_bzero(config.password, sizeof(config.password));
        config_print(&config, stdout);
        command_print_unknown((const char *const *)environ);
    } else {
        status = run(&config, tls);
    }
    tls_context_free(tls);
    return status;
}
