from stream.checkpoint import CheckpointStore as Old


class CheckpointStore(Old):
    def list(self, partition):
        return sorted(self._paths(self._folder(partition)))

    def remove(self, paths):
        for path in paths:
            if self._fs.exists(path):
                self._fs.rm_file(path)
