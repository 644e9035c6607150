"""Write the record's schema and its reference page from the records: `python docs/build_journal_schema.py`."""

import json
from pathlib import Path

from carbonsdk.journal.page import page
from carbonsdk.journal.schema import json_schema

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    reference = ROOT / "docs" / "reference"
    reference.mkdir(exist_ok=True)
    (reference / "journal-schema.md").write_text(page(), encoding="utf-8")
    schema = json.dumps(json_schema(), indent=1, ensure_ascii=False)
    (ROOT / "carbonsdk" / "journal" / "schema.json").write_text(schema + "\n", encoding="utf-8")
