"""A router that is set up by console commands, such as those that `setup` prints and those of the check's remedies. Its
tables become Linux's: routing rules and tables, and nftables rules for raw, mangle, filter and source NAT. The model of the
API gets the same tables, so that the check reads what the packets meet. Destination NAT is the model's own.

What RouterOS has and Linux has not: marks are numbers, and a bit of the connection mark says that a connection is
fasttracked, so that its packets skip the mangle rules."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "unit"))
import console  # noqa: E402

from lab import inside  # noqa: E402
from router import PASSWORD, REDIRECT  # noqa: E402,F401

FASTTRACKED = 0x1000
# Menus whose commands change nothing that packets meet here.
IGNORED = ("/user", "/ip/service", "/container", "/interface/veth", "/ip/address", "/ip/nat-pmp", "/routing/table")
OPTIONS = {"/ip/firewall/nat": "rule", "/ip/firewall/filter": "filter", "/ip/firewall/mangle": "mangle",
           "/ip/firewall/raw": "raw", "/routing/rule": "routing-rule", "/ip/firewall/address-list": "address-list",
           "/ip/settings": "settings"}

# RouterOS's default configuration. The tunnel is in no list.
DEFAULT = """
/interface/list/add name=WAN
/interface/list/add name=LAN
/interface/list/member/add list=WAN interface=ether1
/interface/list/member/add list=LAN interface=bridge
/ip/route/add dst-address=0.0.0.0/0 gateway=203.0.113.1
/ip/firewall/nat/add chain=srcnat out-interface-list=WAN action=masquerade
/ip/firewall/filter/add chain=input action=accept connection-state=established,related,untracked
/ip/firewall/filter/add chain=input action=drop connection-state=invalid
/ip/firewall/filter/add chain=input action=accept protocol=icmp
/ip/firewall/filter/add chain=input action=drop in-interface-list=!LAN
/ip/firewall/filter/add chain=forward action=fasttrack-connection connection-state=established,related
/ip/firewall/filter/add chain=forward action=accept connection-state=established,related,untracked
/ip/firewall/filter/add chain=forward action=drop connection-state=invalid
/ip/firewall/filter/add chain=forward action=drop connection-state=new connection-nat-state=!dstnat in-interface-list=WAN
"""


class Configured:
    def __init__(self, lab):
        self.lab = lab
        self.tables = {}
        self.run(DEFAULT)

    # ---- the console ----

    def run(self, script):
        """Executes commands, one or more in a line."""
        for line in script.splitlines():
            if line.strip() and not line.startswith("#"):
                for statement in console.statements(line):
                    self._execute(console.split(statement))

    def table(self, menu):
        return self.tables.setdefault(menu, [])

    def _execute(self, words):
        menu, _, verb = words[0].rpartition("/")
        if menu.startswith(IGNORED):
            return
        arguments = {}
        items = []
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if word.startswith("!"):
                arguments[word] = None
            elif equals and not word.startswith("["):
                arguments[name] = self._value(menu, value)
            else:
                items += self._items(menu, word)
        rows = self.table(menu)
        if verb == "add":
            place = arguments.pop("place-before", None)
            rows.insert(self._index(rows, place) if place else len(rows), {".id": None, **arguments})
        elif (menu, verb) == ("/ip/settings", "set"):
            self.tables[menu] = [{".id": None, **dict(*rows), **arguments}]
        elif verb == "set":
            for row in items:
                row.update({name: value for name, value in arguments.items() if name[0] != "!"})
                for name in arguments:
                    if name[0] == "!":
                        row.pop(name[1:], None)
        elif verb == "move":
            at = self._index(rows, arguments["destination"])
            before = rows[at]
            rest = [row for row in rows if row not in items or row is before]
            at = next(i for i, row in enumerate(rest) if row is before)
            moved = [row for row in items if row is not before]
            self.tables[menu] = rest[:at] + moved + rest[at:]
        elif verb in ("remove", "disable"):
            self.tables[menu] = [row for row in rows if not any(row is item for item in items)]
        else:
            raise AssertionError(f"no such verb here: {words}")

    def _value(self, menu, value):
        if value.startswith("[:pick"):
            inner = next(console.inner(value[1:-1]))
            return self._find(*self._split(menu, inner))[0]
        if value.startswith('"'):
            return re.sub(r"\\(.)", r"\1", value[1:-1])
        return value

    def _split(self, menu, text):
        words = console.split(text)
        return (words[0].rpartition("/")[0] or menu), words[1:]

    def _find(self, menu, conditions):
        def meets(row, condition):
            name, operator, value = re.match(r"([\w-]+)(=|~)(.*)", condition).groups()
            value = self._value(menu, value)
            if name == "dynamic":
                return value == "no"
            return re.search(value, row.get(name, "")) is not None if operator == "~" else row.get(name) == value

        return [row for row in self.table(menu) if all(meets(row, c) for c in conditions)]

    def _items(self, menu, word):
        if word.startswith("[find"):
            return self._find(*self._split(menu, word[1:-1]))
        return [row for row in self.table(menu) if row[".id"] == word]

    def _index(self, rows, item):
        return next(i for i, row in enumerate(rows) if row is item or row[".id"] == item)

    # ---- the model of the API ----

    def options(self):
        """The options of routerd. Ids begin with 1 in each table, in its order."""
        words = []
        for menu, option in OPTIONS.items():
            for number, row in enumerate(self.table(menu), 1):
                row[".id"] = f"*{number:X}"
                words += [f"--{option}", " ".join(f'"{name}={value}"' for name, value in row.items() if name != ".id")]
        for name in [row["name"] for row in self.table("/interface/list")]:
            words += ["--list", f"{name}={','.join(sorted(self._members(name)))}"]
        for row in self.table("/ip/route"):
            table = f",table={row['routing-table']}" if "routing-table" in row else ""
            words += ["--route", f"{row['dst-address']}={row['gateway']}{table}"]
        return words

    def _members(self, name):
        return {row["interface"] for row in self.table("/interface/list/member") if row["list"] == name}

    # ---- Linux ----

    def apply(self):
        """The kernel and the model have what the tables have."""
        lab = self.lab
        lab.run("rtr", "ip", "addr", "replace", "10.2.0.2/32", "dev", "wg-vpn")
        lab.run("rtr", "ip", "addr", "del", "10.2.0.2/24", "dev", "wg-vpn", check=False)
        self._routes()
        settings = dict(*self.table("/ip/settings"))
        with inside("rtr"):
            for path, on in (("ip_forward", settings.get("ip-forward") != "no"),
                             ("conf/all/rp_filter", settings.get("rp-filter") == "strict")):
                pathlib.Path("/proc/sys/net/ipv4", path).write_text(str(int(on)))
        lab.nft("rtr", self._script())
        if lab.router.process is not None:
            lab.router.kill()
        lab.router.start(configured=self.options())

    def _number(self, name):
        """Of a mark or a table."""
        names = sorted({row[key] for menu in self.tables for row in self.tables[menu]
                        for key in ("routing-table", "table", "new-routing-mark", "new-connection-mark", "connection-mark")
                        if row.get(key, "main").lstrip("!") not in ("main", "no-mark")})
        return 201 + names.index(name)

    def _routes(self):
        present = self.lab.run("rtr", "ip", "rule", "show").splitlines()
        rules = [f"rule del pref {line.split(':')[0]}" for line in present if not line.startswith(("0:", "32766:"))]
        pref = 100
        for row in self.table("/routing/rule"):
            selectors = [f"{word} {row[name]}" for name, word in (
                ("src-address", "from"), ("dst-address", "to"), ("interface", "iif")) if name in row]
            table = row.get("table", "main")
            number = "main" if table == "main" else self._number(table)
            rules.append(f"rule add {' '.join(selectors)} lookup {number} pref {pref}")
            if row["action"] == "lookup-only-in-table":
                rules.append(f"rule add {' '.join(selectors)} unreachable pref {pref + 1}")
            pref += 2
        tables = {row["routing-table"] for row in self.table("/ip/route") if "routing-table" in row}
        rules += [f"rule add fwmark {self._number(name)} lookup {self._number(name)} pref {1000 + i}"
                  for i, name in enumerate(sorted(tables))]
        self.lab.ip(*rules, namespace="rtr")
        for table in ["main", *range(201, 220)]:
            self.lab.run("rtr", "ip", "route", "flush", "table", str(table), "proto", "static", check=False)
        for row in self.table("/ip/route"):
            via = row["gateway"] if not row["gateway"][0].isdigit() else None
            self.lab.run("rtr", "ip", "route", "replace", row["dst-address"], *(["dev", via] if via else ["via", row["gateway"]]),
                         "table", str(self._number(row["routing-table"]) if "routing-table" in row else "main"), "proto", "static")

    def _script(self):
        chains = []

        def chain(table, name, hook, kind, priority, rows, before=()):
            rules = [*before, *(rule for rule in map(self._rule, rows) if rule)]
            chains.append(f"table ip {table} {{ chain {name} {{ type {kind} hook {hook} priority {priority};\n"
                          + "\n".join(rules) + "\n}\n}")

        def rows_of(menu, name):
            return [row for row in self.table(menu) if row["chain"] == name]

        for name in ("filter", "mangle", "raw", "source"):
            chains.append(f"table ip {name} {{}}\ndelete table ip {name}")
        chains.append("table ip nat {}\nflush chain ip nat postrouting")
        chain("raw", "prerouting", "prerouting", "filter", -300, rows_of("/ip/firewall/raw", "prerouting"))
        chain("mangle", "prerouting", "prerouting", "filter", -150, rows_of("/ip/firewall/mangle", "prerouting"),
              [f"ct mark and {FASTTRACKED} == {FASTTRACKED} accept"])
        chain("mangle", "forward", "forward", "filter", -150, rows_of("/ip/firewall/mangle", "forward"))
        chain("filter", "input", "input", "filter", 0, rows_of("/ip/firewall/filter", "input"), ['iifname "lo" accept'])
        chain("filter", "forward", "forward", "filter", 0, rows_of("/ip/firewall/filter", "forward"))
        chain("source", "postrouting", "postrouting", "nat", 100, rows_of("/ip/firewall/nat", "srcnat"))
        return "\n".join(chains)

    def _rule(self, row):
        conditions = [self._condition(name, value, row) for name, value in row.items()]
        action = {
            "accept": "accept", "drop": "drop", "masquerade": "masquerade",
            "fasttrack-connection": f"ct mark set ct mark or {FASTTRACKED} accept",
        }.get(row["action"])
        if row["action"] == "mark-connection":
            action = f"ct mark set ct mark and {FASTTRACKED} or {self._number(row['new-connection-mark'])}"
        if row["action"] == "mark-routing":
            action = f"meta mark set {self._number(row['new-routing-mark'])}"
        if row.get("passthrough") == "no":
            action += " accept"
        assert action, row
        return " ".join([c for c in conditions if c] + [action])

    def _condition(self, name, value, row):
        no = "!= " if value is not None and value.startswith("!") else ""
        value = (value or "").lstrip("!")
        if name in ("in-interface", "out-interface"):
            return f'{name[0]}ifname {no}"{value}"'
        if name in ("in-interface-list", "out-interface-list"):
            members = ", ".join(f'"{m}"' for m in sorted(self._members(value))) or '"none"'
            return f"{name[0]}ifname {no}{{ {members} }}"
        if name == "protocol":
            return f"meta l4proto {no}{value}"
        if name in ("dst-port", "src-port"):
            return f"{row['protocol']} {name[0]}port {no}{{ {value} }}"
        if name in ("src-address", "dst-address"):
            return f"ip {name[0]}addr {no}{value}"
        if name in ("src-address-list", "dst-address-list"):
            addresses = [r["address"] for r in self.table("/ip/firewall/address-list") if r["list"] == value]
            return f"ip {name[0]}addr {no}{{ {', '.join(addresses)} }}"
        if name == "dst-address-type":
            return f"fib daddr type {no}{value}"
        if name == "connection-state":
            return f"ct state {no}{{ {value} }}"
        if name == "connection-nat-state":
            return f"ct status and {value[0]}nat {'==' if no else '!='} 0"
        if name == "connection-mark":
            number = 0 if value == "no-mark" else self._number(value)
            return f"ct mark and {FASTTRACKED - 1} {no or '== '}{number}"
        assert name in (".id", "chain", "action", "comment", "passthrough", "new-connection-mark", "new-routing-mark"), name
        return ""
