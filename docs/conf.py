"""How the documentation is built: `make docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from carbonsdk import __version__  # noqa: E402

project = "carbonsdk"
author = "the carbonsdk authors"
copyright = "the carbonsdk authors, Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click", "carbonsdk_docs"]
exclude_patterns = ["_build", "data"]
nitpicky = True
# No page is fetched to build these: what is Python's own, click's or a library's is named and not linked.
nitpick_ignore_regex = [
    ("py:.*", r"(?!carbonsdk).*"),
    ("py:.*", r"carbonsdk\..*\.(R|T|T_co)"),  # type variables
    ("py:.*", r"carbonsdk\.journal\..*"),  # the record's schema has a page of its own
    ("py:.*", r"carbonsdk\..*\._\w+"),
    ("py:.*", r"carbonsdk\.sinks\.memory\.MemorySink"),  # carbonsdk.testing.RecordingSink, under the name that it is made with
]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

default_role = "literal"  # docstrings write `names` in single backquotes
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = f"carbonsdk {release}"
html_static_path = ["_static"]
html_css_files = ["carbonsdk.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
