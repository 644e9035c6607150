"""Carbon intensities without a run, and for one that is over."""

from carbonsdk.engine.inquiry.inquiry import Inquiry

__all__ = ["Inquiry"]
