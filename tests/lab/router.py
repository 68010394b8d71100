"""The MikroTik router: a model of RouterOS's API (tests/models) whose dst-nat rules become rules of nftables."""

from control import Control

USER = "natpmp"
PASSWORD = "a lab's secret, 4711"
POLICIES = "read,write,test,api"
# The rule that an administrator adds by hand: NAT-PMP from the LAN goes to the container.
REDIRECT = ("chain=dstnat action=dst-nat in-interface=bridge protocol=udp dst-address=192.168.88.1 "
            'dst-port=5351 to-addresses=172.17.0.2 to-ports=5351 comment="NAT-PMP to the container"')
MARK = "double-natpmp/"
# What `Lab._tunnel` tells the kernel.
RULES = ("dst-address=192.168.88.0/24 action=lookup table=main", "dst-address=172.17.0.0/30 action=lookup table=main",
         "interface=bridge action=lookup table=vpn", "interface=veth1 action=lookup table=vpn")


class Router:
    def __init__(self, lab):
        self.lab = lab
        self.process = None
        self.control = Control(lab.folder / "routerd.control")
        self.password_file = lab.folder / "password"
        self.password_file.write_text(PASSWORD + "\n")

    def start(self, *options, version="7.18.2", rules=(REDIRECT,), nft=True, configured=None):
        """The router serves when this returns. A start after a kill has the given rules, as after a restored backup.
        Without nft the rules stay in its table. `configured`: the options of configured.py instead of the usual ones."""
        argv = [
            self.lab.program("routerd"), "--listen", "172.17.0.1:8728", "--version", version,
            "--control", self.control.path,
            "--user", USER, "--password-file", self.password_file, "--policies", POLICIES,
            "--api-from", "172.17.0.2/32",
            *(["--nft-chain", "ip nat dstnat"] if nft else []),
            "--interface", "ether1=203.0.113.2/24", "--interface", "ether2", "--interface", "ether3",
            "--interface", "bridge=192.168.88.1/24", "--interface", "veth1=172.17.0.1/30",
            "--interface", f"wg-vpn=10.2.0.2/{24 if configured is None else 32}"]
        if configured is None:
            argv += ["--list", "WAN=ether1,wg-vpn", "--list", "LAN=bridge",
                     "--route", "0.0.0.0/0=203.0.113.1", "--route", "0.0.0.0/0=10.2.0.1,table=vpn",
                     *(word for rule in RULES for word in ("--routing-rule", rule)),
                     *(word for rule in rules for word in ("--rule", rule))]
        else:
            argv += configured
        self.control.path.unlink(missing_ok=True)
        self.process = self.lab.popen("routerd", "rtr", argv + list(options))
        self.lab.wait_until(self._answers, what="routerd answers")

    def kill(self):
        self.process.kill()

    def _answers(self):
        assert self.process.running(), self.process.log()
        return self.control.answers()

    def ask(self, command):
        return self.control.ask(command)

    def rules(self):
        """All rules, in order, as dictionaries of RouterOS's property names."""
        return self.control.json("list")

    def own_rules(self, instance="default"):
        return [r for r in self.rules() if r.get("comment", "").startswith(f"{MARK}{instance} ")]

    def foreign_rules(self):
        return [r for r in self.rules() if not r.get("comment", "").startswith(MARK)]

    def rule_for(self, protocol, client, port, instance="default"):
        """The daemon's only enabled rule that leads to the client's port, or None. A second one is a failure."""
        found = [r for r in self.own_rules(instance) if r["disabled"] == "false" and r["protocol"] == protocol
                 and (r["to-addresses"], r["to-ports"]) == (client, str(port))]
        assert len(found) <= 1, found
        return found[0] if found else None

    def counters(self):
        return self.control.json("counters")

    def add(self, attributes):
        return self.ask(f"add {attributes}").strip()

    def installed(self):
        """The rules in the kernel."""
        return self.lab.run("rtr", "nft", "list", "chain", "ip", "nat", "dstnat")
