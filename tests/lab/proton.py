"""The VPN gateway's NAT-PMP server as ProtonVPN runs it: gatewayd, a model over nftables. It leases 60 s whatever is
asked and gives five random external ports."""

import re
import signal


class ProtonGateway:
    def __init__(self, lab):
        self.lab = lab
        self.process = None

    def start(self):
        self.lab.nft("gw", "add rule inet filter miniupnpd ct status dnat accept")
        self.process = self.lab.popen("gatewayd", "gw", [
            self.lab.program("gatewayd"), "10.2.0.1", "11.22.33.44", "10.2.0.2",
            "inet miniupnpd_nat prerouting_miniupnpd"])

    def rotate(self):
        """The next renewals give other external ports."""
        self.process.signal(signal.SIGUSR1)

    def close(self):
        """The lab ends the process."""

    def mappings(self):
        """{(protocol, external port): (address, port)} as nftables has them."""
        text = self.lab.run("gw", "nft", "-n", "list", "chain", "inet", "miniupnpd_nat",
                            "prerouting_miniupnpd")
        rows = re.findall(r" (udp|tcp) dport (\d+) .*dnat ip to ([\d.]+):(\d+)", text)
        assert len(rows) == text.count("dnat"), text
        return {(protocol, int(external)): (address, int(port)) for protocol, external, address, port in rows}
