"""In a Jupyter kernel: cells on one event loop, one tracker after the other, nothing said twice."""

import pytest

pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

CELLS = [
    """
import carbonsdk as ct
SETTINGS = dict(backends={"replay": {"watts": {"cpu": 100}}}, zone="DE", offline=True, verbose=1, decimal_precision=4)
tracker = ct.CarbonTracker(epochs=2, **SETTINGS)
""",
    """
for _ in tracker.epochs():
    pass
_ = tracker.stop()
""",
    """
import asyncio
with ct.CarbonTracker(epochs=1, **SETTINGS) as second:
    with ct.epoch() as epoch:
        await asyncio.sleep(0)
assert epoch.report.energy.joules > 0
""",
    """
third = ct.CarbonTracker(epochs=3, **SETTINGS)
with third.epoch():
    raise ValueError("a bug")
""",
    "assert third.report().epochs[0].failed",
    "print(third.stop().epoch_count)",
]


@pytest.fixture
def ran(tmp_path, monkeypatch):
    monkeypatch.setenv("CARBONSDK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]}) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook.metadata.update(kernel)
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    return [cell.outputs for cell in notebook.cells]


def text_of(outputs):
    return "".join(output.text for output in outputs if output.output_type == "stream")


# The client's own event loop leaves warnings of its own behind.
@pytest.mark.filterwarnings("default")
def test_cells_are_measured_and_no_line_is_doubled(ran):
    outputs = "".join(text_of(each) for each in ran[:3])
    errors = [output for each in (*ran[:3], *ran[4:]) for output in each if output.output_type == "error"]
    assert errors == []
    lines = [line for line in outputs.splitlines() if line.strip()]
    assert outputs.count("Actual consumption") == 2, lines
    (error,) = [output for output in ran[3] if output.output_type == "error"]
    assert (error.ename, error.evalue) == ("ValueError", "a bug")
    assert text_of(ran[5]).splitlines()[-1] == "1"
