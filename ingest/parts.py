"""Messages that are not one device's JSON: telegrams of several devices, and those of Sparkplug B."""

from __future__ import annotations

from typing import Protocol
from zoneinfo import ZoneInfo

from core.quantities import READING
from ingest.decode import MAX_PAYLOAD_BYTES, DecodeResult, Fault, decode_documents
from ingest.handoff import Received
from ingest.router import Route, Router
from ingest.several import decode_telegram
from ingest.sparkplug import NAMESPACE, Told
from ingest.stranger_limit import STRANGERS

_SLASHES_OF_A_NODE = 3


class SparkplugReader(Protocol):
    """What reads a Sparkplug telegram with the births it knows."""

    def take(self, topic: str, payload: bytes, *, ours: bool = True) -> Told:
        """Return the metrics of a telegram by name, and what is wrong with it."""
        ...


def decode_parts(
    route: Route, message: Received, router: Router, zone: ZoneInfo, sparkplug: SparkplugReader | None
) -> list[DecodeResult]:
    """Return a result per device of a telegram; rows of devices the park does not have become problems."""
    if route.message.format == "sparkplug_b" and sparkplug is not None:
        result = DecodeResult(route.device, message.received_at)
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            result.fault("too_large", f"{len(message.payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read")
            return [result]
        documents, faults = sparkplug.take(message.topic, message.payload)
        return [decode_documents(route.template, route.message, documents, faults, result, zone)]
    parts = decode_telegram(route.template, route.message, route.device, message.payload, message.received_at, zone)
    for part in parts:
        if route.message.several and part.device and part.rows and not router.serves(route.template, part.device):
            stranger = router.stranger(part.device)
            part.rows.clear()
            part.problems = [Fault(stranger.reason, f"{part.device:.80}: {stranger.detail}")]
    return parts


def worse(so_far: Fault, part: DecodeResult) -> Fault:
    """Return what a telegram goes to quarantine for: a stranger in it only where nothing else is wrong."""
    for fault in part.problems:
        if not so_far.reason or (so_far.reason in STRANGERS and fault.reason not in STRANGERS):
            so_far = fault
    return so_far


def of_no_concern(message: Received, sparkplug: SparkplugReader) -> bool:
    """Follow an edge node through a telegram of a device that is not ours; True where no reading is lost by it.

    A node tells of itself beside its devices, and its sequence has to be followed whole.
    """
    if not message.topic.startswith(NAMESPACE) or len(message.payload) > MAX_PAYLOAD_BYTES:
        return False
    documents, faults = sparkplug.take(message.topic, message.payload, ours=False)
    of_node = message.topic.count("/") == _SLASHES_OF_A_NODE
    return of_node and not faults and not any(_is_quantity(name) for d in documents for name in d["metrics"])


def _is_quantity(name: str) -> bool:
    return name.partition(".")[0] in READING
