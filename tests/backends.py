"""The ways to execute a graph, for tests that try all of them."""

from __future__ import annotations

from typing import Any

from nodeflow.manifests import Offer, offers


def _is_installed(backend: Offer) -> bool:
    software = backend.integration.software
    return software is None or software.is_installed


TIERS: tuple[dict[str, Any], ...] = ({"tier": "reference"}, {"tier": "compiled"})
OTHERS: tuple[dict[str, Any], ...] = tuple(
    {"backend": each.name} for each in offers("backend") if _is_installed(each)
)
SESSIONS = (*TIERS, *OTHERS)
"""Options of sessions: both tiers, and the backends of integrations whose software is installed."""
