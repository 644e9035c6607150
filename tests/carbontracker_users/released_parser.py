"""Run the released carbontracker's parser on a directory of logs and write what it returns as JSON; not a test itself."""

import contextlib
import io
import json
import sys

from carbontracker import parser

directory = sys.argv[1]
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    logs = parser.parse_all_logs(directory)
    kwh, grams, equivalents = parser.aggregate_consumption(directory)
    parser.print_aggregate(directory)
json.dump(
    {"logs": logs, "kwh": kwh, "grams": grams, "equivalents": equivalents, "printed": printed.getvalue()},
    sys.stdout,
    default=lambda value: value.tolist(),
)
