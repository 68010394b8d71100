"""What is measured with each program, and in which order. The result is a row of docs/clients.md."""

import time

from lab import CLIENTS, wait_until
from programs import HOME

COLUMNS = ("client", "version", "asks", "port", "reachable", "after 90 s", "kept alive", "new port", "at exit")
LEASE_S = 60
LATER_S = 90  # a lease and a half: by then the mapping exists only if somebody has renewed it
RETRY_S = 5   # requests that are closer together are retransmissions


class Story:
    def __init__(self, lab, program, row):
        self.lab = lab
        self.program = program
        self.row = row
        self.restarted = False
        row.update(client=program.name, version=program.version())

    # ---- what is requested and granted ----

    def begins(self):
        """Both NATs have a port for the program, and the answer with it was sent."""
        asked = time.monotonic()
        self.program.start()
        self._is_granted(asked)
        self.row["port"] = "yes"

    def comes_back(self):
        """As after a crash: the lease is over, and the program requests the same again."""
        assert not self.lab.gateway.mappings()
        self.program.crash()
        self.restarted = True
        asked = time.monotonic()
        self.program.start()
        self._is_granted(asked)

    def comes_late(self, limit):
        """The program requests again by its own clock, long after the end of the lease."""
        assert not self.lab.gateway.mappings()
        self._is_granted(time.monotonic(), limit)

    def _is_granted(self, since, limit=60):
        def granted():
            grants = [self.program.wire.granted(one) for one in self.program.protocols]
            return all(grant and grant.at > since for grant in grants) and grants

        grants = wait_until(granted, limit, f"{self.program.name} is granted {self.program.protocols}")
        assert {grant.lifetime for grant in grants} == {LEASE_S}, grants
        self.granted_at = min(grant.at for grant in grants)
        for grant in grants:
            assert self._router_port(grant) is not None, self.lab.gateway.mappings()

    def _router_port(self, grant):
        rule = self.lab.router.rule_for(grant.protocol, CLIENTS[HOME], grant.internal)
        target = self.lab.gateway.mappings().get((grant.protocol, grant.external))
        return target[1] if rule and target and str(target[1]) == rule["dst-port"] else None

    # ---- what the internet host sees ----

    def _reached(self):
        return all([self.program.reached(one) for one in self.program.protocols])

    def is_reachable(self, expected=True, column="reachable"):
        if expected:
            wait_until(lambda: all(self.program.believes(one) for one in self.program.protocols), 60,
                       "it knows its port")
        reached = self._reached()
        self.row[column] = "yes" if reached else "no"
        assert reached == expected, f"{column}: {self.row[column]}"

    def after_90_s(self, expected=True, column="after 90 s"):
        time.sleep(max(0, self.granted_at + LATER_S - time.monotonic()))
        self.is_reachable(expected, column)

    def is_held(self, expected=True):
        """From now on the daemon renews the lease, although the program sends nothing."""
        assert self.lab.gateway.mappings()
        self.after_90_s(expected, "kept alive")
        assert self.lab.gateway.mappings()

    def is_held_from_the_start(self):
        self.after_90_s()
        self.row["kept alive"] = "yes"

    # ---- rotation, end ----

    def learns_of_another_port(self, limit):
        """The gateway grants another port. True if the program uses it within `limit` s."""
        program = self.program
        before = {one: program.wire.granted(one).external for one in program.protocols}
        self.lab.gateway.rotate()
        start = time.monotonic()

        def changed():
            now = self.lab.gateway.mappings()
            return now and not any((one, port) in now for one, port in before.items())

        def granted():
            return all(program.wire.granted(one).external != before[one] for one in program.protocols)

        def known():
            return all(program.believes(one) == program.wire.granted(one).external for one in program.protocols)

        wait_until(changed, LEASE_S + 10, "the gateway has given another port")
        try:
            wait_until(granted, limit)
            getattr(program, "announce", lambda: None)()
            wait_until(known, 30)
        except AssertionError:
            self.row["new port"] = "no"
            return False
        self.row["new port"] = f"after {time.monotonic() - start:.0f} s"
        self.is_reachable(column="reachable again")
        return True

    def ends(self, deletes):
        self.program.stop()
        try:
            wait_until(lambda: not self.lab.gateway.mappings() and not self.lab.router.own_rules(), 5)
            deleted = bool(self.program.wire.asks(deletions=True))
        except AssertionError:
            deleted = False
        self.row["at exit"] = "deletes" if deleted else "leaves it"
        assert deleted == deletes, self.row["at exit"]
        self.row["asks"] = self._asks()

    # ---- words for the table ----

    def _asks(self):
        wire, program = self.program.wire, self.program
        parts = ["PCP first"] if wire.has("pcp") else []
        for protocol in program.protocols:
            first = [ask for ask in wire.asks(protocol) if ask.internal == program.port][0]
            port = {first.internal: "its own port", 0: "any port"}.get(first.suggested, "another port")
            parts.append(f"{protocol} {first.lifetime} s, {port}")
        return "; ".join(parts + [self._renewal()])

    def _renewal(self):
        times = [ask.at for ask in self.program.wire.asks(self.program.protocols[0])
                 if ask.internal == self.program.port]
        gaps = [later - earlier for earlier, later in zip(times, times[1:]) if later - earlier > RETRY_S]
        if self.restarted or not gaps:
            return f"not again within {LATER_S} s"
        return f"again after {gaps[0]:.0f} s"
