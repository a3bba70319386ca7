"""Strikes the blows of a plan, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from tests.e2e.chaos.installation import SmallDisk
from tests.e2e.chaos.pacs_switch import Line, PacsSwitch
from tests.e2e.chaos.plan import Blow, Fault, Plan
from tests.e2e.chaos.supervisor import Supervisor


class Faults(threading.Thread):
    """Hurts the system until the plan's last blow."""

    def __init__(
        self,
        plan: Plan,
        supervisor: Supervisor,
        switch: PacsSwitch,
        disks: Mapping[str, SmallDisk],
        on_blow: Callable[[str], None],
    ) -> None:
        super().__init__(name="faults")
        self._plan, self._supervisor, self._switch, self._disks = plan, supervisor, switch, disks
        self._on_blow = on_blow
        self._over = threading.Event()
        self.struck = 0

    def stop(self) -> None:
        """End early; what is broken is mended."""
        self._over.set()

    def run(self) -> None:
        for blow in self._plan.blows:
            if self._over.wait(blow.pause_s):
                return
            self._strike(blow)
            self.struck += 1

    def _strike(self, blow: Blow) -> None:
        fault = blow.fault
        if fault.needs_small_disks:
            self._on_blow(f"{fault}, for {blow.lasts_s:.1f} s")
            disk = self._disks[fault.value.rpartition(" ")[2]]
            disk.fill()
            self._over.wait(blow.lasts_s)
            disk.free()
        elif fault in (Fault.REFUSE_AT_PACS, Fault.SILENCE_AT_PACS):
            self._on_blow(f"{fault}, for {blow.lasts_s:.1f} s")
            self._switch.set(Line.REFUSED if fault is Fault.REFUSE_AT_PACS else Line.SILENT)
            self._over.wait(blow.lasts_s)
            self._switch.set(Line.OPEN)
        else:
            service = fault.value.rpartition(" ")[2]
            kill = self._supervisor.kill_child if "child" in fault else self._supervisor.kill
            self._on_blow(f"{fault}{'' if kill(service) else ' (it was down already)'}")
