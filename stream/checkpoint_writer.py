from typing import Any, NamedTuple, Protocol


class Written(NamedTuple):
    partition: int
    steps: int
    size_bytes: int
    seconds: float
    error: Any = None


class Writer(Protocol):
    pass


class CheckpointWriter:
    def __init__(self, store):
        self.store = store
        self.done = []

    def submit(self, c):
        try:
            size = self.store.write(c)
            self.done.append(Written(c.partition, c.steps, size, 0.0))
        except Exception as e:
            self.done.append(Written(c.partition, c.steps, 0, 0.0, e))
        return True

    def finished(self):
        d, self.done = self.done, []
        return d

    def writing(self):
        return {}

    def wait(self, p, t):
        return True

    def close(self, t):
        pass


InlineWriter = CheckpointWriter
