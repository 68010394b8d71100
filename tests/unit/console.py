"""RouterOS console commands: takes them out of texts, parses them, and checks menu, verb and arguments against
routeros-commands.tsv, for each version in which somebody may paste them."""

import functools
import pathlib
import re

TABLE = pathlib.Path(__file__).resolve().parent / "routeros-commands.tsv"
FIRST, LAST = (7, 9), (7, 24)

# The vendor's manual has these. The inspection from which the table was taken did not look at them. The last one is of
# RouterOS 6.
NOT_IN_THE_TABLE = {"/system/package/print", "/system/package/update/install", "/interface/enable", "/ip/settings/print",
                    "/ip/settings/set", "/ip/vrf/print", "/ip/route/rule/print"}
# Columns that can be asked for, but not set.
READ_ONLY = {".id", "name", "dynamic", "invalid", "running", "active", "topics", "status", "type", "fasttrack", "srcnat", "protocol",
             "dst-address", "reply-dst-address"}
# Words that stand for a command's place in these texts: an item, a value or several arguments.
PLACEHOLDER = re.compile(r"%[a-zA-Z]+|\{\w+\}|<[\w-]+>|\.\.\.")
# A command in a sentence, whose next word is not a part of it.
PROSE = {"and", "answers", "shows", "asks", "does", "exists", "finds", "for", "has", "in", "is", "names", "of", "says", "that",
         "to", "which", "with"}
FILES = {"dev", "etc", "health", "lib", "proc", "root", "run", "sys", "tmp", "usr", "var", "double-natpmp",
         "healthz", "metrics", "status", "v1"}


class Wrong(Exception):
    """A command that a router refuses."""


def version(text):
    return tuple(int(part) for part in text.split("."))


class Table:
    """What exists where: verbs[menu][verb] and arguments[menu, verb][name] are sets of versions."""

    def __init__(self, path=TABLE):
        lines = path.read_text().splitlines()
        self.versions = [version(v) for line in lines if line.startswith("# versions looked at:")
                         for v in line.split(":")[1].split()]
        self.verbs = {}
        self.arguments = {}
        for line in lines:
            if line.startswith("#"):
                continue
            menu, verb, span, names = line.split("\t")
            first, last = (version(v) for v in span.split(".."))
            inside = {v for v in self.versions if first <= v <= last}
            self.verbs.setdefault(menu, {}).setdefault(verb, set()).update(inside)
            for name in names.split():
                self.arguments.setdefault((menu, verb), {}).setdefault(name, set()).update(inside)

    def between(self, first, last):
        return {v for v in self.versions if first <= v[:len(first)] and v[:2] <= last[:2]}

    def properties(self, menu):
        """The columns of a menu, as far as `where` and `find` can name them."""
        names = {name: set(self.versions) for name in READ_ONLY}
        for verb in ("add", "set"):
            for name, versions in self.arguments.get((menu, verb), {}).items():
                names[name] = names.get(name, set()) | versions
        return names


@functools.cache
def table():
    return Table()


# ---- parsing ----

def split(text):
    """The words of a command. Quotes and brackets keep a word together."""
    words, word, depth, quoted, i = [], "", 0, False, 0
    while i < len(text):
        c = text[i]
        if quoted:
            word += c
            if c == "\\" and i + 1 < len(text):
                i += 1
                word += text[i]
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
            word += c
        elif c in "[{(":
            depth += 1
            word += c
        elif c in "]})":
            depth -= 1
            if depth < 0:
                raise Wrong(f"a bracket is closed that was not opened: {text}")
            word += c
        elif c in " \n" and depth == 0:
            if word:
                words.append(word)
            word = ""
        else:
            word += c
        i += 1
    if quoted or depth:
        raise Wrong(f"a quote or a bracket stays open: {text}")
    return words + ([word] if word else [])


def statements(text):
    """Commands that ';' or the end of a line separates, outside of quotes and brackets."""
    found, part, depth, quoted = [], "", 0, False
    for i, c in enumerate(text):
        if c == '"' and (i == 0 or text[i - 1] != "\\"):
            quoted = not quoted
        if not quoted:
            depth += (c in "[{(") - (c in "]})")
        if c in ";\n" and depth == 0 and not quoted:
            found.append(part)
            part = ""
        else:
            part += c
    return [p.strip() for p in found + [part] if p.strip()]


def inner(word):
    """The commands in the brackets of a word. In quotes a bracket is a character."""
    depth, start, quoted = 0, None, False
    for i, c in enumerate(word):
        quoted ^= c == '"' and (i == 0 or word[i - 1] != "\\")
        if quoted:
            continue
        if c == "[":
            depth += 1
            start = i if depth == 1 else start
        elif c == "]":
            depth -= 1
            if depth == 0:
                yield word[start + 1:i]


def body(word):
    """The commands of a block: do={ ... }, else={ ... }, source={ ... }."""
    block = re.fullmatch(r"(?:do|else|on-error|source)=\{(.*)\}", word, re.S)
    return block and block[1]


class Checker:
    def __init__(self, first=FIRST, last=LAST):
        self.wanted = table().between(max(first, FIRST), min(last, LAST))
        assert self.wanted, (first, last)

    def require(self, what, versions):
        missing = sorted(self.wanted - versions)
        if missing:
            raise Wrong(f"{what} does not exist in {'.'.join(map(str, missing[0]))}"
                        f" ... {'.'.join(map(str, missing[-1]))}")

    def check(self, text, menu=None):
        """`menu` is where a command without a path is executed: that of the command around it."""
        for statement in statements(text):
            words = split(statement)
            if words[0].startswith(":"):
                self.check_global(words, menu)
            else:
                self.check_command(words, menu)

    def check_global(self, words, menu):
        verb = words[0][1:]
        if verb not in ("pick", "put", "if", "len", "local", "foreach", "do", "while", "delay", "error", "set", "find", "log"):
            raise Wrong(f"unknown global command :{verb}")
        for word in words[1:]:
            self.check_parts(word, menu)

    def check_parts(self, word, menu):
        for command in [body(word)] if body(word) is not None else inner(word):
            self.check(command, menu)

    def check_command(self, words, menu):
        if words[0].startswith("/"):
            menu, _, verb = words[0].rpartition("/")
            menu = menu or "/"
        elif menu is not None:
            verb = words[0]
        else:
            raise Wrong(f"not a command: {' '.join(words)}")
        if f"{menu}/{verb}" in NOT_IN_THE_TABLE:
            return
        if menu not in table().verbs:
            raise Wrong(f"unknown menu {menu}")
        if verb not in table().verbs[menu]:
            raise Wrong(f"{menu} has no verb {verb}")
        self.require(f"{menu}/{verb}", table().verbs[menu][verb])
        self.check_arguments(menu, verb, words[1:])

    def check_arguments(self, menu, verb, words):
        names = table().arguments.get((menu, verb), {})
        where = verb == "find"
        items = 2 if verb == "get" else 1 if {"numbers", "number", "address"} & set(names) and verb != "add" else 0
        for word in words:
            self.check_parts(word, menu)
            name = re.match(r"!?([\w.-]+)(?:=|~|!=|<|>|$)", word)
            if word == "where" and "where" in names:
                where = True
            elif PLACEHOLDER.fullmatch(word):
                continue
            elif where:
                self.check_name(f"{menu} has no column", name, word, table().properties(menu), menu)
            elif name and (name[1] in names or "=" in word):
                self.check_name(f"{menu}/{verb} has no argument", name, word, names, menu)
            elif items > 0:
                items -= 1
            else:
                raise Wrong(f"{menu}/{verb} does not take {word}")

    def check_name(self, problem, name, word, names, menu):
        if name is None or name[1] not in names:
            raise Wrong(f"{problem} {word}")
        self.require(f"the argument {name[1]} of {menu}", names[name[1]])


# ---- texts ----

def is_path(word):
    return re.match(r"/[a-z]", word) and re.match(r"/([a-z0-9-]*)", word)[1] not in FILES


def spans_of(text):
    """(versions, command) of each command in the code blocks and code spans of a Markdown document. The paragraph
    before a block, or around a span, may limit the versions: "RouterOS 7.20 and later", "RouterOS 7.4 to 7.19"."""
    paragraph, block, plain, blank, open_lines = "", False, False, True, ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            block = not block
            plain = block and line.strip() == "```"
        elif block:
            if open_lines or (plain and re.match(r"[/:][a-z]", line) and not line.startswith("/*")):
                open_lines = f"{open_lines}\n{line}" if open_lines else line
                if open_lines.count("{") == open_lines.count("}"):
                    yield versions_of(paragraph), open_lines
                    open_lines = ""
        else:
            begins = blank or line[:1] in "#|-"
            blank = line == ""
            paragraph = paragraph if blank else line if begins else f"{paragraph}\n{line}"
            for span in re.findall(r"`([^`]+)`", line):
                if is_path(span):
                    yield versions_of(line), span


def versions_of(text):
    text = " ".join(text.split())
    since = re.search(r"RouterOS (\d+\.\d+) and later", text)
    between = re.search(r"RouterOS (\d+\.\d+) to (\d+\.\d+)", text)
    if between:
        return version(between[1]), version(between[2])
    return (version(since[1]) if since else FIRST), LAST


def literals_of(source):
    """The string literals of a C source; those that follow each other are one."""
    token = re.compile(r'/\*.*?\*/|//[^\n]*|"((?:[^"\\\n]|\\.)*)"|\'(?:[^\'\\]|\\.)*\'|\s+|\\\n|[A-Za-z_]\w*|.', re.S)
    joined = None
    for match in token.finditer(source):
        if match[1] is not None:
            joined = (joined or "") + re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[1])
        elif not re.match(r"\s|\\|/\*|//", match[0]) and joined is not None:
            yield joined
            joined = None
    if joined is not None:
        yield joined


def commands_in(sentence):
    """The commands in a sentence: each from a path to the next ';', '(' or ')'."""
    for line in sentence.splitlines():
        for match in re.finditer(r"(?:^|(?<=[ \[(]))(?=/[a-z])", line):
            rest = line[match.start():]
            depth, quoted, end = 0, False, len(rest)
            for i, c in enumerate(rest):
                quoted ^= c == '"'
                depth += (c in "[") - (c in "]") if not quoted else 0
                if not quoted and (depth < 0 or (depth == 0 and c in ";()")):
                    end = i
                    break
            command = rest[:end].strip().rstrip(".,:")
            words = command.split(" ", 2)
            if is_path(words[0]):
                yield words[0].rstrip(",:") if len(words) > 1 and (words[1].rstrip(",.") in PROSE or words[0][-1] in ",:") else command
