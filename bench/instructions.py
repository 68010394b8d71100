"""Counts instructions with valgrind's callgrind.

Only those of the program's own file are counted, not those of the C library, because another machine may choose
other variants of its functions. Valgrind shows every program the same kind of processor, and the same events take
the same path. So the count is the same each time, and on every machine of one architecture with the same compiler."""

import pathlib
import re
import subprocess
import tempfile

CALLS = re.compile(r"calls=")
COST = re.compile(r"[+*\-\d]\S* (\d+)$")
OBJECT = re.compile(r"ob=\((\d+)\)(?: (.*))?$")


def own_instructions(profile, program):
    """The sum of the costs of that file's functions in a profile. The line after `calls=` has the cost of the callee,
    which the profile also lists at the callee itself."""
    names = {}
    total = 0
    own = False
    called = False
    with open(profile, encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            match = OBJECT.match(line)
            # cob= lines define names of objects, too.
            callee = re.match(r"cob=\((\d+)\) (.*)$", line)
            if callee:
                names[callee[1]] = callee[2]
            elif match:
                names.setdefault(match[1], match[2])
                own = pathlib.Path(names[match[1]] or "").name == pathlib.Path(program).name
            elif CALLS.match(line):
                called = True
            elif cost := COST.match(line):
                total += int(cost[1]) if own and not called else 0
                called = False
    return total


def count(argv, *options):
    """Runs a program until it ends. Returns the instructions of its own file."""
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder) / "profile"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", *options, *map(str, argv)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{argv}: {result.stderr}")
        return own_instructions(profile, argv[0])


def of_core(steps, kind, bursts=10):
    """Instructions in the core for one event of that kind and for what follows from it."""
    once, twice = (count([steps, kind, n], "--toggle-collect=proxy_step") for n in (bursts, 2 * bursts))
    return (twice - once) / (bursts * 50)
