"""The status page in a real browser: in its own colours, on a phone and on a wide screen, and without a complaint of the
browser. SHOTS=FOLDER keeps the pictures, to be looked at."""

import base64
import hashlib
import html.parser
import os
import pathlib
import re

import pytest

from browser import SCHEMES, WIDTHS, chromium, screenshot
from lab import CLIENTS, ROOT, wait_until
from png import pixels
from web import PORT, US, request

URL = f"http://{US}:{PORT}/"
# The background of the page, as src/app/page_style.h has it.
BACKGROUND = {"dark": (13, 17, 23), "light": (255, 255, 255)}
HEIGHT = 1400


@pytest.fixture
def served(make_lab):
    """A lab whose daemon has mappings of two hosts."""
    lab = make_lab(proton=True)
    lab.daemon(env={"STATUS_LISTEN": f":{PORT}"})
    wait_until(lambda: request("/healthz")[0] == 200, 20)
    for namespace, protocol, port in (("lan1", "tcp", 6881), ("lan1", "udp", 6881), ("lan2", "udp", 51820)):
        assert lab.client(namespace).map(protocol, port).result == 0
    return lab


class Text(html.parser.HTMLParser):
    """The visible text, and the elements that are open."""

    EMPTY = {"meta", "br", "path"}
    CLOSED_BY_NEXT = {"th", "td"}

    def __init__(self, text):
        super().__init__()
        self.text, self.open, self.names = [], [], set()
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs), attrs
        if tag not in self.EMPTY | self.CLOSED_BY_NEXT:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} was not open"

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def page_text():
    return " ".join(" ".join(Text(request("/")[2]).text).split())


def test_what_it_says(served):
    port = served.client("lan1").map("udp", 6881).external
    text = page_text()
    for words in ("11.22.33.44", "10.2.0.1", "172.17.0.1 works RouterOS 7.18.2 tunnel wg-vpn", "2 hosts 3 mappings",
                  "active", "External ports in the last 24 hours",
                  f"{CLIENTS['lan1']}, udp 6881: external port {port} opened", "the gateway works", "the router works"):
        assert words in text, (words, text)
    assert re.search(rf"{CLIENTS['lan1']} 6881 udp \d+ {port} \d+s \d+s 0 - active", text), text
    served.router.kill()
    wait_until(lambda: "the router refuses connections What to do: /ip/service/enable api" in page_text(), 30)
    assert "172.17.0.1 does not work" in page_text()


def test_nothing_runs_and_nothing_is_fetched(served):
    """No script, no form, nothing from elsewhere; and the policy says so."""
    _, headers, text = request("/")
    names = Text(text).names
    assert not names & {"script", "form", "img", "link", "iframe", "object"} and {"svg", "table", "time"} <= names
    assert not re.findall(r"(?:src|href)=\"(?!/)", text)
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    wanted = "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src '{wanted}'" in headers["content-security-policy"], f"PAGE_STYLE_HASH is {wanted}"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert re.search(r'<meta http-equiv="refresh" content="\d+">', text)


def test_a_plot_has_its_steps(served):
    """One line for each mapping, from its beginning to now."""
    paths = re.findall(r'<path d="([^"]*)"', request("/")[2])
    assert len(paths) == 3 and all(re.fullmatch(r"M14\d\d \d+(H\d+V\d+)*H1440", path) for path in paths), paths


@pytest.mark.parametrize("device", WIDTHS)
def test_in_a_browser(served, tmp_path, device):
    """The page has its style, fills the width and does not scroll sideways."""
    folder = pathlib.Path(os.environ.get("SHOTS", tmp_path))
    folder.mkdir(exist_ok=True)
    for scheme in SCHEMES:
        picture = folder / f"{device}-{scheme}.png"
        console = screenshot(served, "lan1", URL, picture, WIDTHS[device], HEIGHT, scheme)
        assert console == [], console
        width, height, lines, step = pixels(picture)
        assert (width, height) == (WIDTHS[device], HEIGHT)
        background = bytes(BACKGROUND[scheme])
        assert lines[0][:3] == lines[-1][:3] == background
        # The margins are empty: no text is cut at the edge.
        for line in lines:
            assert line[:3] == background and line[-step:][:3] == background
        drawn = sum(any(line[i:i + 3] != background for i in range(0, len(line), step)) for line in lines)
        assert drawn > 400, "the page is empty"


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_contrast():
    """WCAG 2.1, level AA, of each text on each background of both colour schemes."""
    style = (ROOT / "src/app/page_style.h").read_text().replace('"\n', "").replace("\\\n", "")
    schemes = re.findall(r":root\{([^}]*)\}", re.sub(r'"\s*\\?\s*"', "", style))
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w):(#[0-9a-f]{3,6})", scheme))
        colours = {name: value if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:])
                   for name, value in colours.items()}
        for text in "tmgrp":
            for background in "bc":
                high, low = sorted((luminance(colours[text]), luminance(colours[background])), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= 4.5, (text, background, colours)


def test_keyboard(served):
    """Each link can be reached and is named by its text."""
    out, _ = chromium(served, "lan1", URL, "--dump-dom")
    links = re.findall(r"<a href=\"([^\"]*)\">([^<]*)</a>", out)
    assert links and all(address == text for address, text in links)
    assert "tabindex" not in out
