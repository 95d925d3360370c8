from stream.checkpoint import CheckpointStore as Old


class CheckpointStore(Old):
    def list(self, partition):
        return sorted(self._paths(self._folder(partition)))

    def list(self, partition):
        return sorted(self._paths(self._folder(partition)))
