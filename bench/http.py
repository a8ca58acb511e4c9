"""What a request for the market costs, beside a bare server; and what a token costs to believe.

    python bench/http.py [--quick] [--json]

Starts the api-server as it is, with servers of its own, and beside it the server that it is made
of, gevent's pywsgi, answering a fixed body of the same size without looking at the request. Clients
that keep their connections ask both by turns; a ratio is the median of those of the rounds, and
"per_core_s" are answers for each second of CPU of the server alone.

`/v1/instruments` is asked by nobody, by people with an access token, and by people who have the
answer already and get a 304. Redis counts what it reads from its connections: a 304 may be one
such reading, no more. Signatures are checked in this process, thousands of times.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from sysconfig import get_path

if __name__ != "__main__":
    # Python looks for modules beside the program first, and everything that speaks HTTP imports
    # "http". Whoever means the standard library's gets it.
    _home = Path(get_path("stdlib")) / "http"
    _spec = spec_from_file_location(
        __name__, _home / "__init__.py", submodule_search_locations=[str(_home)]
    )
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[__name__] = _module = module_from_spec(_spec)
    _spec.loader.exec_module(_module)
else:
    from http_run import main

    sys.exit(main(__doc__))
