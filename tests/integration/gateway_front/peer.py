"""A small PACS in this process that answers what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from gateway.association import PacsNode


@contextmanager
def peer(*sop_classes: str, status: int = 0x0000, aborts: bool = False) -> Iterator[tuple[PacsNode, list[str]]]:
    """Listen on a free port; yields how to reach it and the SOP instance UIDs that arrive."""
    arrived: list[str] = []

    def on_store(event: evt.Event) -> int:
        if aborts:
            event.assoc.abort()
            return 0x0110
        dataset: Dataset = event.dataset
        arrived.append(str(dataset.SOPInstanceUID))
        return status

    entity = AE(ae_title="PEER")
    for sop_class in sop_classes:
        entity.add_supported_context(sop_class)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    if server is None or server.socket is None:
        raise RuntimeError("the peer did not start")
    try:
        port = int(server.socket.getsockname()[1])
        yield PacsNode("127.0.0.1", port, "PEER", "INTERVAL"), arrived
    finally:
        server.shutdown()
