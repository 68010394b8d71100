#!/usr/bin/python3
"""The workflows in .github/workflows: their form, as far as it can be checked without GitHub. `make package-test` runs their
steps."""

import pathlib
import re
import subprocess
import sys
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"

WORKFLOW = {"name", "on", "permissions", "env", "defaults", "concurrency", "jobs"}
JOB = {"name", "needs", "if", "runs-on", "permissions", "environment", "concurrency", "outputs", "env", "defaults", "steps",
       "timeout-minutes", "strategy", "container", "services", "continue-on-error"}
STEP = {"id", "if", "name", "uses", "run", "with", "env", "working-directory", "shell", "timeout-minutes",
        "continue-on-error"}
EVENTS = {"push": {"branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore"},
          "pull_request": {"branches", "branches-ignore", "paths", "paths-ignore", "types"},
          "schedule": None, "workflow_dispatch": {"inputs"}, "release": {"types"}}
PERMISSIONS = {"actions", "attestations", "checks", "contents", "deployments", "id-token", "issues", "packages", "pages",
               "pull-requests", "security-events", "statuses"}
# The contexts that a stranger cannot write into.
EXPRESSION = re.compile(r"github\.(ref|repository|token|event_name)|secrets\.[A-Z_]+")


class Loader(yaml.SafeLoader):
    """YAML 1.2, in which `on` is a word, and no key stands twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, f"a key stands twice: {keys}", node.start_mark)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), list("tf"))


def load(text):
    return yaml.load(text, Loader)


def findings(workflow):
    """What is wrong with it, as a list of texts."""
    found = []

    def check(condition, text):
        if not condition:
            found.append(text)

    def known(what, keys, allowed):
        check(isinstance(keys, dict), f"{what} is no mapping")
        check(not isinstance(keys, dict) or set(keys) <= allowed, f"{what} has unknown keys")

    def permissions(what, value):
        known(what, value, PERMISSIONS)
        check(all(level in ("read", "write", "none") for level in value.values()), f"{what}: read, write or none")

    known("the workflow", workflow, WORKFLOW)
    check({"name", "on", "permissions", "jobs"} <= set(workflow), "name, on, permissions and jobs are needed")
    permissions("the workflow's permissions", workflow.get("permissions", {}))
    check("write" not in workflow.get("permissions", {}).values(), "only a job may write")
    for event, value in workflow.get("on", {}).items():
        check(event in EVENTS, f"unknown event {event}")
        if event == "schedule":
            check(all(re.fullmatch(r"(\S+ ){4}\S+", one["cron"]) for one in value), "a cron line has five words")
        elif value is not None:
            known(f"the event {event}", value, EVENTS.get(event) or set())
    for name, job in workflow.get("jobs", {}).items():
        known(f"the job {name}", job, JOB)
        check({"runs-on", "steps", "timeout-minutes"} <= set(job), f"{name}: runs-on, steps, timeout-minutes are needed")
        check(re.fullmatch(r"ubuntu-\d\d\.04", str(job.get("runs-on"))), f"{name}: a version of the runner is needed")
        permissions(f"the permissions of {name}", job.get("permissions", {}))
        needs = job.get("needs", [])
        for other in [needs] if isinstance(needs, str) else needs:
            check(other in workflow["jobs"], f"{name} needs {other}, which does not exist")
        known(f"the container of {name}", job.get("container", {}), {"image", "options", "env"})
        for step in job.get("steps", []):
            found.extend(f"{name}: {text}" for text in step_findings(step))
    return found


def step_findings(step):
    what = step.get("name", "a step without a name")
    if not set(step) <= STEP or "name" not in step or ("run" in step) == ("uses" in step):
        yield f"{what}: a name, and either run or uses, and only keys that exist"
    # A tag can be moved, a commit cannot.
    if "uses" in step and not re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", step["uses"]):
        yield f"{what}: an action of a commit"
    for value in step.get("env", {}).values():
        for expression in re.findall(r"\$\{\{\s*(.*?)\s*\}\}", str(value)):
            if not EXPRESSION.fullmatch(expression):
                yield f"{what}: {expression}"
    if "run" in step:
        # GitHub puts the value into the script before the shell reads it.
        if "${{" in step["run"]:
            yield f"{what}: an expression inside a script; use env"
        done = subprocess.run(["sh", "-n"], input=step["run"], capture_output=True, text=True)
        if done.returncode != 0:
            yield f"{what}: {done.stderr}"


class Workflows(unittest.TestCase):
    def workflows(self):
        paths = sorted(FOLDER.glob("*.yml"))
        self.assertEqual([path.name for path in paths], ["ci.yml", "release.yml"])
        return {path.name: load(path.read_text()) for path in paths}

    def test_form(self):
        for name, workflow in self.workflows().items():
            self.assertEqual(findings(workflow), [], name)

    def test_what_the_scripts_call_exists(self):
        makefile = (ROOT / "Makefile").read_text()
        for workflow in self.workflows().values():
            for job in workflow["jobs"].values():
                for script in (step["run"] for step in job["steps"] if "run" in step):
                    for target in re.findall(r"(?m)^make (\S+)", script):
                        self.assertRegex(makefile, rf"(?m)^{target}:")
                    for path in re.findall(r"(?m)^(\./\w+|tools/[\w/]+)", script):
                        self.assertTrue((ROOT / path).is_file(), path)

    def test_each_push_is_tested(self):
        ci = self.workflows()["ci.yml"]
        self.assertLessEqual({"push", "pull_request", "schedule"}, set(ci["on"]))
        self.assertIn("./test", [step.get("run") for step in ci["jobs"]["test"]["steps"]])
        self.assertEqual(ci["jobs"]["test"]["container"]["image"], "debian:12")

    def test_a_release_follows_a_tag_alone(self):
        release = self.workflows()["release.yml"]
        self.assertEqual(release["on"], {"push": {"tags": ["v*"]}})

    def test_the_check_finds_what_is_wrong(self):
        good = (FOLDER / "release.yml").read_text()
        self.assertEqual(findings(load(good)), [])
        for old, new in (
            ("on:\n", "when:\n"),
            ("contents: read", "contents: everything"),
            ("contents: read", "contents: write"),
            ("timeout-minutes: 90", "timeout-minute: 90"),
            ("runs-on: ubuntu-24.04", "runs-on: ubuntu-latest"),
            ("run: make deb", "run: if make deb"),
            ("run: make deb", "runs: make deb"),
            ('tools/release check "$GITHUB_REF_NAME"', "tools/release check ${{ github.ref_name }}"),
            ("GH_TOKEN: ${{ github.token }}", "GH_TOKEN: ${{ github.event.head_commit.message }}"),
            ("@fbc6f3992d24b796d5a048ff273f7fcc4a7b6c09", "@v5"),
        ):
            self.assertIn(old, good)
            self.assertNotEqual(findings(load(good.replace(old, new, 1))), [], new)
        with self.assertRaises(yaml.YAMLError):
            load(good + "name: again\n")


if __name__ == "__main__":
    sys.exit(unittest.main())
