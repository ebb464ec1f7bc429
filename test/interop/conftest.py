import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
for d in (HERE, HERE.parent / "functional"):
    sys.path.insert(0, str(d))
_spec = importlib.util.spec_from_file_location("functional_conftest", HERE.parent / "functional" / "conftest.py")
_functional = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_functional)
engine, netns, public = _functional.engine, _functional.netns, _functional.public


def pytest_addoption(parser):
    parser.addoption("--table", help="the table of results goes to this file too")


def pytest_terminal_summary(terminalreporter, config):
    import cells
    if cells.rows:
        terminalreporter.write_line("\n".join(cells.table()))
    if config.getoption("--table"):
        pathlib.Path(config.getoption("--table")).write_text("\n".join(cells.table()) + "\n")
