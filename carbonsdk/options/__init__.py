"""Plain options to a plugin's own frozen settings: types checked, strings read, misspellings named."""

from carbonsdk.options.fitting import anchored, configure, fit, misfit, nearest, required, unknown
from carbonsdk.options.scalars import FileText

__all__ = ["FileText", "anchored", "configure", "fit", "misfit", "nearest", "required", "unknown"]
