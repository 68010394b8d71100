"""Chromium without a window, as the reader of the status page."""

WIDTHS = {"phone": 390, "desktop": 1100}
SCHEMES = {"dark": 0, "light": 1}


def chromium(lab, namespace, url, *options):
    """(standard output, standard error) of a run."""
    # The lab's user namespace has no other users, and each run is a browser of its own.
    profile = lab.folder / "chromium"
    result = lab.run(namespace, "env", f"HOME={profile}", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--enable-logging=stderr",
                     "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=3000",
                     f"--user-data-dir={profile}", *options, url, check=False, limit=90)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout, result.stderr


def screenshot(lab, namespace, url, path, width, height, scheme):
    """Writes a PNG file; returns what the page reported to the console."""
    errors = chromium(lab, namespace, url, f"--screenshot={path}", f"--window-size={width},{height}",
                      f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}")[1]
    return [line for line in errors.splitlines() if "CONSOLE" in line]
