"""Writes to every stream that ends in the error log, marked with the query string."""

import logging
import sys


def application(environ, start_response):
    mark = environ["QUERY_STRING"]
    case = environ["PATH_INFO"][1:]
    errors = environ["wsgi.errors"]
    if case == "partial":
        errors.write(f"{mark} begun")
        errors.write(" and ended")
    elif case == "long":
        errors.write(f"{mark} " + "x" * 20000 + " tail\n")
    elif case == "unicode":
        errors.write(f"{mark} Grüße €\n")
    elif case == "many":
        errors.writelines([f"{mark} line {number}\n" for number in range(50)])
    else:
        errors.write(f"{mark} errors\n")
        print(f"{mark} stdout")
        print(f"{mark} stderr", file=sys.stderr)
        logging.getLogger("talking").warning("%s logging", mark)
    errors.flush()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"said"]
