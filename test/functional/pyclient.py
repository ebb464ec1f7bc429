"""scripts/python/warp17 for tests; under another name, for warp17 is the tests' own module here."""
import importlib.util
import sys

from warp17 import TOP

PACKAGE = TOP / "scripts/python/warp17"
spec = importlib.util.spec_from_file_location("warp17_client", PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)])
client = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = client
spec.loader.exec_module(client)
