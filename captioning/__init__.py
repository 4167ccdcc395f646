"""Pixels in; vectors, words and tags out: a library that knows nothing of the service."""
import sys
from typing import Any, cast

# At every import OpenVINO (and NNCF) would report to Google Analytics by this package and write a client's number into
# the home directory. Where it cannot be imported, they stay silent.
cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
