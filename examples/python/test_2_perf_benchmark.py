#!/usr/bin/env python3
"""Request and response sizes against TCP RAW, HTTP and UDP: sets up sessions, lets them talk, and draws how full the link is,
packets per second and the setup rate, as PNG and in one HTML report.

Starts an engine with a pair of ports joined in memory, or attaches to one (ports 0 and 1 have to reach each other). A link
without a speed is drawn in Mbit/s. UDP goes one way, from clients to servers.
Needs matplotlib: apt-get install python3-matplotlib
exit: 0 all runs are good, 1 one is not, 2 usage, 3 no engine, 4 refused, 5 no answer, 130 interrupted
"""
import argparse
import base64
import html
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parents[2]  # the tree, or share/warp17
sys.path[:0] = [str(d) for d in (HERE / "scripts/python", HERE / "python") if d.is_dir()]
from warp17 import HttpClient, HttpServer, Raw, Warp17, run_script  # noqa: E402

CLIENT, SERVER = 0, 1  # ports
SPORTS = 50000
KINDS = {  # name of files: (title, transport, the client's application and the server's of a size)
    "tcp_raw": ("TCP RAW", "tcp", lambda n: (Raw(n, n), Raw(n, n))),
    "tcp_http": ("HTTP", "tcp", lambda n: (HttpClient("www.foo42.net", "/index.html", req_size=n), HttpServer(n))),
    "udp_raw": ("UDP RAW", "udp", lambda n: (Raw(n, 0), Raw(n, 0))),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--scale", type=int, default=int(os.environ.get("WARP17_SCALE", "1")),
                   help="so many times fewer sessions than 10 million (default WARP17_SCALE, 1)")
    p.add_argument("--attach", metavar="ADDR", help="HOST:PORT or unix:PATH of a running RPC server")
    p.add_argument("--kinds", default=",".join(KINDS), help="of %(default)s")
    p.add_argument("--sizes", default="32,64,128,256,512,1024,4096,8192", help="bytes (default %(default)s; UDP: below 1400)")
    p.add_argument("--seconds", type=int, default=5, help="over which each run is measured (default 5)")
    p.add_argument("--runs", type=int, default=3, help="of each size, of which the mean is drawn (default 3)")
    p.add_argument("--output", type=pathlib.Path, default=pathlib.Path("benchmark"), help="folder (default %(default)s)")
    a = p.parse_args()
    a.kinds = a.kinds.split(",")
    try:
        a.sizes = [int(n) for n in a.sizes.split(",")]
    except ValueError:
        p.error("--sizes: expected numbers with ',' between them")
    if not set(a.kinds) <= set(KINDS) or min(a.scale, a.seconds, a.runs, *a.sizes) < 1:
        p.error("--kinds: expected some of " + ",".join(KINDS) + "; numbers: expected 1 or more")
    return a


def configure(w, proto, apps, sports, dports):
    w.add_server(proto, SERVER, 0, src="10.0.0.253", sport=(6000, 5999 + dports))
    w.set_server(SERVER, 0, apps[1])
    w.set_criteria(SERVER, 0, "servers-up", dports)
    w.add_client(proto, CLIENT, 0, src="10.0.0.1", sport=(10000, 9999 + sports), dest="10.0.0.253", dport=(6000, 5999 + dports))
    w.set_client(CLIENT, 0, apps[0])
    w.set_timeouts(CLIENT, 0, init=0, uptime="infinite")
    w.set_criteria(CLIENT, 0, "clients-estab", sports * dports)


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values and None not in values else None


def run(w, kind, size, sports, dports, seconds):
    """One: sets up, measures, takes away. {"setup_per_s", "mbps", "percent" or None, "pps", "wrong"}"""
    _, proto, apps = KINDS[kind]
    configure(w, proto, apps(size), sports, dports)
    try:
        w.start([SERVER, CLIENT])
        states = w.wait([SERVER, CLIENT], timeout=700)
        rates = [w.link_rate()[CLIENT] for _ in range(seconds)]
        now = w.status(CLIENT)[0]
    finally:
        w.stop([CLIENT, SERVER])
    stats = w.statistics(CLIENT, 0)["stats"]
    for port in (CLIENT, SERVER):
        w.delete_test(port, 0)
    wrong = [str(t) for t in [*states, now] if not t.passed or t.behind]
    wrong += [f"{k} {n}" for k, n in stats.items() if k.startswith("failed_") and k != "failed_stop" and n]
    return {"setup_per_s": now.target / max(now.estab_us, 1) * 1e6, "mbps": mean(r["tx_mbps"] for r in rates),
            "percent": mean(r["tx_percent"] for r in rates), "pps": mean(r["tx_pkts_per_second"] for r in rates), "wrong": wrong}


def sweep(w, a, sports, dports):
    """{kind: [{"size", ...}, ...]}, each the mean of its runs."""
    results = {}
    for kind in a.kinds:
        results[kind] = []
        for size in a.sizes:
            if KINDS[kind][1] == "udp" and size >= 1400:  # a datagram is one packet
                continue
            runs = [run(w, kind, size, sports, dports, a.seconds) for _ in range(a.runs)]
            row = {"size": size, **{k: mean(r[k] for r in runs) for k in ("setup_per_s", "mbps", "percent", "pps")},
                   "wrong": sorted({x for r in runs for x in r["wrong"]})}
            results[kind].append(row)
            print(f"{KINDS[kind][0]} {size} bytes: {row['setup_per_s']:.0f} sessions/s, {row['pps']:.0f} packets/s, "
                  f"{row['mbps']:.0f} Mbit/s", *(f"WRONG: {x}" for x in row["wrong"]), flush=True)
    return results


def charts(results, folder):
    """Draws; {file: title}."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    drawn = {}
    for kind, rows in results.items():
        if not rows:
            continue
        usage = ("percent", "link usage, %") if rows[0]["percent"] is not None else ("mbps", "link usage, Mbit/s")
        for name, (key, label) in {"link_usage": usage, "pps": ("pps", "packets/s"), "setup": ("setup_per_s", "sessions set up/s")}.items():
            if kind == "udp_raw" and name == "setup":  # nothing is set up
                continue
            figure, axes = pyplot.subplots(figsize=(7, 4.5))
            axes.bar([str(r["size"]) for r in rows], [r[key] for r in rows], color="#3070b0")
            axes.set(title=f"{KINDS[kind][0]}: {label}", xlabel="request and response size, bytes", ylabel=label)
            axes.set_ylim(bottom=0)
            axes.grid(axis="y", alpha=0.4)
            figure.tight_layout()
            drawn[f"{kind}_{name}.png"] = f"{KINDS[kind][0]} {label}"
            figure.savefig(folder / f"{kind}_{name}.png", dpi=100)
            pyplot.close(figure)
    return drawn


def report(results, drawn, version, what, folder):
    """One file that needs no other."""
    def cell(x):
        return "" if x is None else f"{x:,.1f}" if isinstance(x, float) else html.escape(str(x))

    parts = ["<!DOCTYPE html><meta charset=utf-8><title>WARP17 benchmark</title>",
             "<style>body{font-family:sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:right}img{max-width:49%}</style>",
             f"<h1>WARP17 benchmark</h1><p>{html.escape(what)}; engine {html.escape(version)}</p>"]
    for kind, rows in results.items():
        heads = ["size", "setup_per_s", "pps", "mbps", "percent", "wrong"]
        parts.append(f"<h2>{KINDS[kind][0]}</h2><table><tr>" + "".join(f"<th>{h}" for h in heads))
        parts += ["<tr>" + "".join(f"<td>{cell('; '.join(r[h]) if h == 'wrong' else r[h])}" for h in heads) for r in rows]
        parts.append("</table>")
        for name in (n for n in drawn if n.startswith(kind)):
            data = base64.b64encode((folder / name).read_bytes()).decode()
            parts.append(f'<img alt="{html.escape(drawn[name])}" src="data:image/png;base64,{data}">')
    (folder / "report.html").write_text("\n".join(parts) + "\n")


def main():
    a = arguments()
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("error: no matplotlib: apt-get install python3-matplotlib", file=sys.stderr)
        return 2
    sports = max(1, SPORTS // a.scale)
    dports = max(1, 10_000_000 // a.scale // sports)
    sessions = sports * dports
    pool = 2 * sessions // 1024 * 17 // 16 + 16
    a.output.mkdir(parents=True, exist_ok=True)
    with Warp17(a.attach) if a.attach else Warp17.launch(ring_if_pairs=1, tcb_pool_sz=pool, ucb_pool_sz=pool) as w:
        w.add_interface(CLIENT, "10.0.0.1", "255.255.255.0")
        w.add_interface(SERVER, "10.0.0.253", "255.255.255.0")
        version = w.version()["engine"]
        results = sweep(w, a, sports, dports)
    what = f"{sessions} sessions, the mean of {a.runs} runs, each measured for {a.seconds} s"
    (a.output / "results.json").write_text(json.dumps({"sessions": sessions, "engine": version, "results": results}, indent=1) + "\n")
    report(results, charts(results, a.output), version, what, a.output)
    good = all(not r["wrong"] for rows in results.values() for r in rows)
    print(f"{'PASS' if good else 'FAIL'}: {a.output}/report.html")
    return 0 if good else 1


if __name__ == "__main__":
    run_script(main)  # an error of the engine's is told, and ends it with that error's exit code
