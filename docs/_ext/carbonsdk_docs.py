"""Sphinx's side of the generated reference: fills pages in, resolves re-exported names, and counts what is documented."""

import re
from importlib import import_module
from typing import Any

import reference_text
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

PUBLIC = ("carbonsdk", "carbonsdk.plugin", "carbonsdk.runs", "carbonsdk.testing", "carbonsdk.errors")
_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    for name in ("carbonsdk", "carbonsdk.testing"):
        module = import_module(name)
        for each in module.__all__:
            getattr(module, each)  # these modules import a name at its first use, and autodoc looks at what is there
    app.connect("env-get-outdated", _outdated)
    app.connect("source-read", _fill)
    app.connect("autodoc-process-signature", _signature)
    app.connect("missing-reference", _resolve)
    app.connect("env-check-consistency", _count)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _outdated(_app: Sphinx, env: BuildEnvironment, _added: set[str], _changed: set[str], _removed: set[str]) -> list[str]:
    """Read pages anew whose text comes from the code, though their own files are as they were."""
    return [page for page in env.found_docs if page.startswith("reference/") or page == "explanation/output"]


def _fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = reference_text.filled(source[0])


def _signature(
    _app: Sphinx, what: str, _name: str, described: Any, _options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Leave out how a protocol would be called, and write a class that is a default by its name."""
    if what == "class" and getattr(described, "_is_protocol", False):
        return "", None
    return signature and re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", signature), returned


def _resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> nodes.Element | None:
    """Link a name to where it is documented: annotations tell the module that defines it, pages the one that offers it."""
    if node.get("refdomain") != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    found = sorted(name for name in _documented(env) if name.rpartition(".")[2] == last)
    if not found or app.builder is None:
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, content)


def _count(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name that no page documents."""
    documented = {name.rpartition(".")[2] for name in _documented(env)}
    for name in PUBLIC:
        module = import_module(name)
        for each in getattr(module, "__all__", ()):
            if each not in documented and each not in ("__version__", "errors", "runs"):
                _log.warning("%s.%s is public, and no page documents it", name, each)


def _documented(env: BuildEnvironment) -> list[str]:
    return list(env.domains.python_domain.objects)
