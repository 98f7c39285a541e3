"""The one queue in front of an engine's slots."""

from atlas.broker.broker import Broker, Priority
from atlas.broker.report import Report

__all__ = ["Broker", "Priority", "Report"]
