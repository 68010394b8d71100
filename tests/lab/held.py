"""The mappings that clients have before a fault. The tests check that they are the same after it, and that nothing is
left when the daemon ends."""

from lab import ROUTER_TUNNEL, wait_until
from natpmp import map_request, parse_mapping

# Not TCP and UDP of one port: when one of them is renewed twice in a row, miniupnpd removes the filter rule of the other.
MAPPINGS = (("lan1", "udp", 5000, 45001), ("lan1", "tcp", 5003, 45004), ("lan2", "tcp", 5001, 45002),
            ("lan2", "udp", 5002, 45003))


class Held:
    """Mappings of two clients, of both protocols."""

    def __init__(self, lab, lifetime=600, mappings=MAPPINGS):
        self.lab = lab
        self.lifetime = lifetime
        self.mappings = mappings
        self.clients = {mapping: lab.client(mapping[0]) for mapping in mappings}
        self.listeners = [lab.listener(name, protocol, port) for name, protocol, port, _ in mappings]
        for mapping in mappings:
            wait_until(lambda: self.renew(mapping), 40, f"{mapping} is made")
        self.rules = wait_until(self._complete_rules, 20, "the comments name the external ports")

    def renew(self, mapping, limit=14.0):
        """Requests as a client does, with retransmissions. False: no answer, or a transient error."""
        _, protocol, port, external = mapping
        request = map_request(protocol, port, external, self.lifetime)
        reply = self.clients[mapping].ask(request, limit, retransmit=True)
        if reply is None:
            return False
        answer = parse_mapping(reply, protocol)
        assert answer.result in (0, 3), answer
        assert answer.result == 3 or answer.external == external, answer
        return answer.result == 0

    def _rules(self):
        """Each rule without its number and its place."""
        names = ("protocol", "dst-port", "to-addresses", "to-ports", "in-interface", "disabled", "comment")
        return sorted([r[name] for name in names] for r in self.lab.router.own_rules())

    def _complete_rules(self):
        rules = self._rules()
        return rules if all("pending" not in rule[-1] for rule in rules) else None

    def at_gateway(self):
        """The mappings that the gateway should have."""
        return {(protocol, external): (ROUTER_TUNNEL, external) for _, protocol, _, external in self.mappings}

    def check(self, limit=40.0):
        """After the fault every client renews and gets the same port, and rules, leases and packets agree."""
        for mapping in self.mappings:
            wait_until(lambda: self.renew(mapping), limit, f"{mapping} is renewed")
        wait_until(lambda: self._rules() == self.rules, 10, "the rules are as before")
        # Retransmissions of one request are answered without the gateway, so the lease shows a renewal some time later
        # only.
        wait_until(lambda: self.lab.gateway.mappings() == self.at_gateway() or self.renew(self.mappings[-1]) is None, limit,
                   "the leases are as before")
        for listener, (_, _, _, external) in zip(self.listeners, self.mappings):
            assert listener.reached(external)

    def end(self, daemon):
        """Nothing of the daemon's is left, and everything else is."""
        foreign = self.lab.router.foreign_rules()
        assert daemon.stop() == 0
        assert self.lab.router.own_rules() == []
        assert self.lab.gateway.mappings() == {}
        assert self.lab.router.foreign_rules() == foreign
