"""TLS in front of the router model's API: the service api-ssl, by socat, with certificates as RouterOS makes them."""

import os
import pathlib
import signal
import subprocess

from lab import ROOT, ROUTER_CONTAINER, wait_until


def make_certificates(folder):
    subprocess.run([ROOT / "tests" / "unit" / "certificates", folder], check=True)
    return folder


def fingerprint(certificates, name):
    out = subprocess.run(["openssl", "x509", "-in", certificates / f"{name}.pem", "-noout", "-fingerprint", "-sha256"],
                         capture_output=True, text=True, check=True).stdout
    return out.strip().split("=")[1]


class ApiSsl:
    """The service api-ssl: TLS on its port, and the plain API behind it."""

    def __init__(self, lab, certificate):
        self.lab = lab
        self.certificate = certificate
        self.process = None

    def start(self, certificate="server"):
        if certificate:
            shows = f"cert={self.certificate}/{certificate}.pem,key={self.certificate}/router.key"
        else:
            # RouterOS does this with certificate=none.
            shows = "cipher=ADH:@SECLEVEL=0,openssl-max-proto-version=TLS1.2"
        self.process = self.lab.popen("socat", "rtr", [
            "socat", f"OPENSSL-LISTEN:8729,bind={ROUTER_CONTAINER},reuseaddr,fork,nodelay,verify=0,{shows}",
            f"TCP4:{ROUTER_CONTAINER}:8728,nodelay"])
        wait_until(lambda: ":8729 " in self.lab.run("rtr", "ss", "-Hltn"), what="socat listens")

    def stop(self):
        """Ends socat and its connections, each of which is a child process."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        self.process.kill()
