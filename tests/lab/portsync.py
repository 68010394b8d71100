#!/usr/bin/python3
"""portsync.py GLUETUN CLIENT: the same as portsync.sh, by the older path, which redirects, and by the list of ports."""

import contextlib
import json
import sys
import time
import urllib.parse
import urllib.request

gluetun, client = sys.argv[1:]
current = None
while True:
    time.sleep(0.2)
    with contextlib.suppress(OSError, ValueError):
        with urllib.request.urlopen(f"{gluetun}/v1/openvpn/portforwarded", timeout=5) as answer:
            ports = json.load(answer)["ports"]
        if ports and ports[0] != current:
            body = urllib.parse.urlencode({"json": json.dumps({"listen_port": ports[0]})}).encode()
            urllib.request.urlopen(f"{client}/api/v2/app/setPreferences", data=body, timeout=5).close()
            current = ports[0]
