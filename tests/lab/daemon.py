"""double-natpmp in its container's namespace."""

import re
import signal


class Daemon:
    def __init__(self, lab, name, env, build, namespace="ctr", output=None, wrapper=()):
        self.lab = lab
        self.program = build / "double-natpmp"
        environment = {
            "VPN_GATEWAY": "10.2.0.1",
            "MIKROTIK_API_ADDRESS": "172.17.0.1",
            "MIKROTIK_API_USER": "natpmp",
            "MIKROTIK_API_PASSWORD_FILE": str(lab.router.password_file),
            "LOG_LEVEL": "DEBUG",
            "ASAN_OPTIONS": "abort_on_error=0:detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        environment.update(env)
        self.environment = {k: v for k, v in environment.items() if v is not None}
        self.process = lab.popen(name, namespace, [*wrapper, self.program], env=self.environment, output=output)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.process.log()

    def log_lines(self, level=None):
        """Each line as a dictionary: time, level, component, message, and the keys."""
        lines = []
        for line in self.log().splitlines():
            match = re.match(r"(\S+Z) (error|warn|info|debug) +(\S+) +(.*)$", line)
            if not match:
                continue
            keys = dict(re.findall(r"(?:^| )([a-z_-]+)=(\"[^\"]*\"|\S*)", match[4]))
            message = re.split(r"(?:^| )[a-z_-]+=", match[4])[0].strip()
            lines.append({**keys, "time": match[1], "level": match[2], "component": match[3],
                          "message": message, "line": line})
        return [one for one in lines if level is None or one["level"] == level]

    def events(self, message, **keys):
        """The log lines with that message and those keys."""
        return [line for line in self.log_lines()
                if line["message"] == message and all(line.get(k) == str(v) for k, v in keys.items())]

    def running(self):
        return self.process.running()

    def kill(self):
        self.process.kill()

    def stop(self, limit=6.0):
        """Sends SIGTERM and returns the exit status."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(limit)

    def _memory(self, *kinds):
        text = open(f"/proc/{self.pid}/smaps_rollup").read()
        return sum(int(re.search(rf"^{kind}:\s+(\d+) kB", text, re.M)[1]) for kind in kinds) * 1024

    def resident_bytes(self):
        return self._memory("Rss")

    def dirty_bytes(self):
        return self._memory("Private_Dirty")

    def own_bytes(self):
        return self._memory("Private_Clean", "Private_Dirty")
