"""A family of processes whose use is set by the test."""

from carbonsdk.engine.processes import Memory


class SetFamily:
    """`own_s` of the machine's `all_s` CPU seconds; `memory` is (own, all) in bytes."""

    def __init__(self, root=50, *, pids=(), memory=(0, 1), known_to_drivers=True, running=1):
        self.root = root
        self.pids = frozenset({root, *pids})
        self.known_to_drivers = known_to_drivers
        self.own_s = self.all_s = 0.0
        self.held = memory
        self.others = running
        self.looks = 0

    def use(self, own_s, all_s):
        self.own_s += own_s
        self.all_s += all_s

    def refresh(self):
        self.looks += 1

    def cpu_s(self):
        return self.own_s

    def machine_cpu_s(self):
        return self.all_s

    def running(self):
        return self.others

    def memory(self):
        return Memory(*self.held, "proportional set size")
