"""Energy, CO2eq and a forecast of training runs."""

__version__ = "0.1.0"
