"""./demo inside the lab: a stock client maps two ports through both NATs, and every step is checked."""

import os
import pathlib
import sys
import time

os.environ.setdefault("BUILD_DIR", str(pathlib.Path(__file__).resolve().parents[2] / "build/release"))

from lab import CLIENTS, EXTERNAL, INTERNET_HOST, ROUTER_TUNNEL, Lab, wait_until  # noqa: E402

LIFETIME = 10
INTERNAL = 5000
SUGGESTED = 45001
PROTOCOLS = ("udp", "tcp")

PICTURE = f"""
  internet host              VPN gateway                 MikroTik router              LAN client
  {INTERNET_HOST}  -------  {EXTERNAL} | 10.2.0.1  =====  10.2.0.2 | 192.168.88.1  ---  {CLIENTS['lan1']}
                             NAT: miniupnpd     WireGuard     NAT: RouterOS API
                                                                    |
                                                             172.17.0.2 double-natpmp, in a container
"""

# The properties of a rule that RouterOS prints, in its order.
SHOWN = ("chain", "action", "protocol", "in-interface", "dst-port", "to-addresses", "to-ports", "comment")


class Steps:
    number = 0

    def begin(self, text):
        self.number += 1
        print(f"{self.number}. {text}", flush=True)

    @staticmethod
    def show(text):
        for line in text.strip().splitlines():
            print(f"     {line.strip()}", flush=True)


def rule_line(rule):
    return " ".join(f'{k}="{rule[k]}"' if " " in rule[k] else f"{k}={rule[k]}" for k in SHOWN if k in rule)


def gateway_lines(lab):
    found = sorted(lab.gateway.mappings().items(), reverse=True)
    return "\n".join(f"{protocol} {EXTERNAL}:{external} -> {address}:{port}"
                     for (protocol, external), (address, port) in found)


def show_both_halves(lab, step, mappings):
    step.begin("The router has a dst-nat rule for each (/ip/firewall/nat print):")
    for protocol in PROTOCOLS:
        rule = lab.router.rule_for(protocol, CLIENTS["lan1"], INTERNAL)
        assert rule, f"no rule for {protocol}"
        step.show(rule_line(rule))
    step.begin("And the VPN gateway has a mapping for each (in miniupnpd's nftables):")
    for protocol in PROTOCOLS:
        rule = lab.router.rule_for(protocol, CLIENTS["lan1"], INTERNAL)
        target = lab.gateway.mappings()[protocol, mappings[protocol].external]
        assert target == (ROUTER_TUNNEL, int(rule["dst-port"])), target
    step.show(gateway_lines(lab))


def story(lab, step):
    daemon = lab.daemon(env={"LOG_LEVEL": "INFO"})
    step.begin("double-natpmp is running. It has found the gateway, and the interface for its rules:")
    wait_until(lambda: daemon.events("the router is ready") and daemon.events("the external address is known"),
               what="router and gateway answer")
    step.show(daemon.log())

    listeners = {protocol: lab.listener("lan1", protocol, INTERNAL) for protocol in PROTOCOLS}
    step.begin("Before the request: a message from the internet does not arrive.")
    for protocol in PROTOCOLS:
        assert not listeners[protocol].reached(SUGGESTED), protocol
        step.show(f"{protocol} to {EXTERNAL}:{SUGGESTED}: refused")

    step.begin(f"The LAN client requests two ports for {LIFETIME} s from its default gateway, with natpmpc:")
    mappings = {}
    for protocol in PROTOCOLS:
        mapping = lab.natpmpc("lan1", protocol, INTERNAL, SUGGESTED, LIFETIME)
        assert mapping.lifetime == LIFETIME and mapping.external >= 1024, mapping
        mappings[protocol] = mapping
        step.show(f"natpmpc -a {SUGGESTED} {INTERNAL} {protocol} {LIFETIME}: "
                  f"external port {mapping.external}, lifetime {mapping.lifetime} s")
    show_both_halves(lab, step, mappings)

    step.begin("A message from the internet host arrives at the LAN client, and the answer returns:")
    for protocol in PROTOCOLS:
        assert listeners[protocol].reached(mappings[protocol].external), protocol
        step.show(f"{protocol} {INTERNET_HOST} -> {EXTERNAL}:{mappings[protocol].external} -> "
                  f"{CLIENTS['lan1']}:{INTERNAL}: \"{listeners[protocol].received}\"")

    step.begin(f"The client does not renew. {LIFETIME} s after the request, rules and mappings are removed:")
    start = time.monotonic()
    wait_until(lambda: not lab.router.own_rules(), LIFETIME + 5, "the rules are gone")
    wait_until(lambda: not lab.gateway.mappings(), LIFETIME + 5, "the gateway's mappings are gone")
    step.show(f"waited {time.monotonic() - start:.1f} s: no rule on the router, no mapping at the gateway")
    for protocol in PROTOCOLS:
        assert not listeners[protocol].reached(mappings[protocol].external), protocol
        step.show(f"{protocol} to {EXTERNAL}:{mappings[protocol].external}: refused")

    step.begin("double-natpmp gets SIGTERM. Its complete log:")
    status = daemon.stop()
    step.show(daemon.log())
    assert status == 0, f"exit status {status}"


def main():
    step = Steps()
    lab = Lab()
    try:
        lab.start()
        print(PICTURE)
        step.begin(f"The lab is up: six network namespaces, the tunnel is {lab.tunnel}.")
        story(lab, step)
    except Exception as error:  # whatever the error was, the demonstration has failed, and the logs contain more
        print(f"\nFAILED at step {step.number}: {type(error).__name__}: {error}")
        for name, text in lab.logs():
            print(f"---- {name}\n{text}")
        return 1
    finally:
        lab.close()
    assert os.listdir("/run/netns") == [] and not lab.folder.exists()
    step.begin("Everything is cleaned up: the namespaces and all processes in them are gone.")
    print("\nEvery step succeeded.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
