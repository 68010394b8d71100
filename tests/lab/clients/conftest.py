import json
import os
import pathlib

import pytest

from story import Story


@pytest.fixture
def tell(make_lab, request):
    """tell(Program): a story with that program, in a lab of its own whose gateway leases 60 s. What is measured goes to
    the folder CLIENTS_RESULTS as JSON."""
    rows = []

    def begin(program, daemon=None, **attributes):
        lab = make_lab(proton=True)
        lab.daemon(env=daemon)
        rows.append({})
        made = program(lab)
        for name, value in attributes.items():
            setattr(made, name, value)
        return Story(lab, made, rows[-1])

    yield begin
    folder = os.environ.get("CLIENTS_RESULTS")
    for row in rows if folder else []:
        pathlib.Path(folder, f"{request.node.name}.json").write_text(json.dumps(row))
