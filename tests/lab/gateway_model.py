"""The VPN gateway's NAT-PMP server as a model (tests/models): gatewayd."""

import re

from control import Control

PROTON = ("--proton", "--client", "10.2.0.2", "--nft-chain", "inet miniupnpd_nat prerouting_miniupnpd")


class GatewayModel:
    """Grants what was requested, with rules of nftables. With PROTON it behaves as ProtonVPN's gateway: leases of 60 s
    whatever was requested, and five random external ports."""

    def __init__(self, lab, *options):
        self.lab = lab
        self.options = options
        self.control = Control(lab.folder / "gatewayd.control")
        self.process = None

    def start(self):
        self.lab.nft("gw", "add rule inet filter miniupnpd ct status dnat accept")
        self.process = self.lab.popen("gatewayd", "gw", [
            self.lab.program("gatewayd"), "--listen", "10.2.0.1", "--external", "11.22.33.44",
            "--control", self.control.path, *self.options])
        self.lab.wait_until(self._answers, what="gatewayd answers")

    def _answers(self):
        assert self.process.running(), self.process.log()
        return self.control.answers()

    def rotate(self):
        """The next renewals grant other external ports."""
        self.control.ask("rotate")

    def refuse(self, result):
        """All requests for a mapping get this result; 0: no longer."""
        self.control.ask(f"result map {result}")

    def requests(self):
        return self.control.json("counters")["requests"]

    def close(self):
        """Nothing to do: the lab ends the process."""

    def leases(self):
        """{(protocol, internal port): external port}"""
        return {(one["protocol"], one["internal"]): one["external"] for one in self.control.json("leases")}

    def mappings(self):
        """{(protocol, external port): (address, port)} as nftables has them."""
        text = self.lab.run("gw", "nft", "-n", "list", "chain", "inet", "miniupnpd_nat",
                            "prerouting_miniupnpd")
        rows = re.findall(r" (udp|tcp) dport (\d+) .*dnat ip to ([\d.]+):(\d+)", text)
        assert len(rows) == text.count("dnat"), text
        return {(protocol, int(external)): (address, int(port)) for protocol, external, address, port in rows}
