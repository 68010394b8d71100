/* The external ports of one host, in the form of gluetun's HTTP control server: {"port":N,"ports":[N,...]}.
 * Programs that give a torrent client its port read it. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "core/proxy_status.h"

struct port_filter {
    uint32_t client;
    uint16_t internal_port; /* 0: any */
    int protocol;           /* enum natpmp_protocol; -1: any */
};

/* The ports that forward now, each once, in the order of the internal ports. Without one, the port is 0. */
void portforward_write(const struct proxy *proxy, struct port_filter filter, uint64_t now_ms, FILE *out);
