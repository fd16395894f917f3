"""`wsgi.file_wrapper`, which is `mod_wsgi.FileWrapper`.
"""


class FileWrapper:
    """wsgi.file_wrapper: iterates over a file-like object; httpd sends a real file by itself."""

    __slots__ = ("_filelike", "_blksize", "_closed")

    def __init__(self, filelike, blksize=8192):
        if blksize < 0:
            raise ValueError("blksize must not be negative")
        self._filelike = filelike
        self._blksize = blksize
        self._closed = False

    @property
    def filelike(self):
        return self._filelike

    @property
    def blksize(self):
        return self._blksize

    def __iter__(self):
        return self

    def __next__(self):
        if self._closed:
            raise ValueError("file wrapper is closed")
        data = self._filelike.read(self._blksize)
        if not isinstance(data, bytes):
            raise TypeError(f"file wrapper: read() returned {type(data).__name__} where bytes are needed")
        if not data:
            raise StopIteration
        return data

    def close(self):
        if not self._closed:
            self._closed = True
            try:
                close = self._filelike.close
            except AttributeError:
                return
            try:
                close()
            except Exception:
                pass
