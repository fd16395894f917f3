"""`mod_wsgi.LogHandler`, made when it is first asked for: importing logging takes milliseconds.

Of shim.py: `host`, `record`, the levels.
"""


def log_handler():
    import logging

    class LogHandler(logging.Handler):
        """Writes records to httpd's error log at their own level, with their own source place (%F)."""

        def emit(self, entry):
            level = entry.levelno
            level = CRIT if level >= 50 else ERROR if level >= 40 else WARN if level >= 30 else INFO if level >= 20 else DEBUG
            if not host.enabled(level):
                return
            try:
                record(level, self.format(entry), entry.pathname or "", entry.lineno)
            except Exception:
                self.handleError(entry)

    LogHandler.__module__ = "mod_wsgi"
    LogHandler.__qualname__ = "LogHandler"
    return LogHandler
