"""The VPN gateway's NAT-PMP server: miniupnpd over nftables."""

import os
import pathlib
import re
import signal

CONFIG = """\
ext_ifname=wan0
listening_ip=wg0
http_port=0
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
system_uptime=no
min_lifetime=120
max_lifetime=86400
upnp_table_name=filter
upnp_nat_table_name=miniupnpd_nat
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
lease_file={leases}
uuid=00000000-0000-0000-0000-000000000000
allow 1024-65535 10.2.0.0/24 0-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


class Gateway:
    def __init__(self, lab):
        self.lab = lab
        self.pid = None
        self.pid_file = lab.folder / "miniupnpd.pid"
        self.leases = lab.folder / "leases"
        self.config = lab.folder / "miniupnpd.conf"

    def start(self):
        self.leases.touch()
        self.pid_file.unlink(missing_ok=True)
        self.config.write_text(CONFIG.format(leases=self.leases))
        # It runs in the background, because in the foreground it logs all that it does, which makes it a hundred times
        # slower.
        self.lab.run("gw", "miniupnpd", "-f", self.config, "-P", self.pid_file)
        self.pid = int(self.lab.wait_until(self._pid_text, what="miniupnpd runs"))

    def _pid_text(self):
        return self.pid_file.exists() and self.pid_file.read_text().strip()

    def signal(self, number):
        os.kill(self.pid, number)

    def close(self):
        """Kills it, so that it cannot clean up."""
        if self.pid is None:
            return
        self.signal(signal.SIGKILL)
        self.lab.wait_until(self._is_dead, what="miniupnpd is gone")
        self.pid = None

    def _is_dead(self):
        try:
            # The parent of its orphan is this process: the lab's first one, or a worker that adopts orphans.
            return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        except ChildProcessError:
            return not pathlib.Path(f"/proc/{self.pid}").exists()

    def kill(self):
        """A power cut: all mappings are lost, and the next start has a new epoch."""
        self.close()
        self.leases.unlink(missing_ok=True)
        self.lab.nft("gw", """
            flush chain inet filter miniupnpd
            flush chain inet miniupnpd_nat prerouting_miniupnpd
            flush chain inet miniupnpd_nat postrouting_miniupnpd""")

    def mappings(self):
        """{(protocol, external port): (address, port)} as nftables has them."""
        text = self.lab.run("gw", "nft", "-n", "list", "chain", "inet", "miniupnpd_nat",
                            "prerouting_miniupnpd")
        rows = re.findall(r"@nh,72,8 (0x11|0x6) th dport (\d+) dnat ip to ([\d.]+):(\d+)", text)
        assert len(rows) == text.count("dnat"), text
        return {({"0x11": "udp", "0x6": "tcp"}[protocol], int(external)): (address, int(port))
                for protocol, external, address, port in rows}
