"""What must hold of the counters once traffic has stopped (ARCHITECTURE §7): everything received is counted in the next
layer or dropped by name, everything begun has ended by name, everything taken is given back."""

IP_DROPS = ("ip_version", "ip_hdr_len", "ip_total_len", "ip_src", "ip_checksum", "ip_src_route")
FRAG_DROPS = ("frag_not_mine", "frag_bad", "frag_full", "frag_timeout")
L4_DROPS = ("tcp_hdr_len", "tcp_checksum", "udp_bad", "udp_checksum", "frag_too_long", "stopped")
# buffers a driver keeps: for what it will receive next, or until the kernel says that they are sent
HELD = {"net_tap": 1024 + 1, "net_af_xdp": 2 * 2048}
ENDS = ("closed", "failed_syn", "failed_rst", "failed_icmp", "failed_retry", "failed_to", "failed_app", "failed_stop")


def port_sums(s):
    """(what, left side, right side) of one port's counters."""
    drop, eth, ip, tcp, arp = s["drop"], s["eth"], s["ipv4"], s["tcp"], s["arp"]
    ic = s["icmp"]
    errors = sum(ic[k] for k in ("rx_unreach", "rx_need_frag", "rx_time_exc", "rx_param"))
    icmp = ic["rx_echo_req"] + errors + ic["rx_quench"] + ic["rx_other"] + drop["icmp_bad"]
    arp_rx = arp["rx_req"] + arp["rx_rep"] + arp["rx_other"] + arp["invalid"]
    classes = eth["rx_arp"] + eth["rx_ipv4"] + eth["rx_ipv6"] + eth["rx_other"]
    built = (tcp["tx_ctrl_pkts"] + tcp["tx_data_pkts"] + s["udp"]["tx_pkts"] + arp["tx_req"] + arp["tx_rep"]
             + ic["tx_echo_rep"] + ic["tx_unreach"] + ip["tx_frags"])
    f = s["faults"]
    gone = {d: f[d + "_lost"] + f[d + "_queue_full"] + f[d + "_overflow"] + f[d + "_held"] - f[d + "_duplicated"]
            for d in ("tx", "rx")}
    states = sum(v for k, v in s["tsm"].items() if k.startswith("in_"))
    return [
        ("frames by type", s["port"]["rx_pkts"] - gone["rx"], classes + drop["rx_runt"] + drop["eth_not_mine"] + drop["vlan_bad"]
         + drop["handoff_full"]),
        ("other types dropped", eth["rx_ipv6"] + eth["rx_other"], drop["eth_type"]),
        ("IPv4 taken", eth["rx_ipv4"], ip["rx_pkts"]),
        ("IPv4 by protocol", ip["rx_pkts"] + ip["reasm"], ip["rx_icmp"] + ip["rx_tcp"] + ip["rx_udp"] + ip["rx_other"]
         + ip["rx_frags"] + sum(drop[k] for k in IP_DROPS)),
        ("other protocols dropped", ip["rx_other"], drop["ip_proto"]),
        ("next layer", ip["rx_tcp"] + ip["rx_udp"] + ip["rx_icmp"] + ip["rx_frags"] + eth["rx_arp"],
         tcp["rx_pkts"] + s["udp"]["rx_pkts"] + icmp + arp_rx + ip["reasm_frags"]
         + sum(drop[k] for k in L4_DROPS + FRAG_DROPS)),
        ("ICMP errors by whose they are", errors, ic["err_matched"] + ic["err_seq"] + ic["err_unmatched"]),
        ("packets built and sent", built - gone["tx"], s["port"]["tx_pkts"] + s["port"]["tx_failures"]),
        ("packets not sent", s["port"]["tx_failures"], drop["tx_full"]),
        ("faults: sent", f["tx_offered"], f["tx_passed"] + gone["tx"]),
        ("faults: received", f["rx_offered"], f["rx_passed"] + gone["rx"]),
        ("packets held by faults", f["tx_held"] + f["rx_held"], 0),
        ("TCBs given back", tcp["tcb_alloc"], tcp["tcb_free"]),
        ("UCBs given back", s["udp"]["ucb_alloc"], s["udp"]["ucb_free"]),
        ("connections in a TCP state", states, 0),
        ("connections waiting for a hole", s["tsm"]["missing_seq"], 0),
    ]


def test_case_sums(t):
    """(what, left side, right side) of a test case that has stopped."""
    s = t["stats"]["tc"]
    return [
        ("sessions ended by name", s["opened"], sum(s[k] for k in ENDS)),
        ("sessions open", s["open_now"], 0),
        ("sessions established", s["estab_now"], 0),
    ]


def pool_sums(s, held):
    """(what, left side, right side) of an lcore's pools; held: buffers the ports' devices keep."""
    m = s["memory"]
    out = [(f"{k} free", m[f"{k}_free"], m[f"{k}_total"]) for k in ("tcb", "ucb", "side")]
    missing = m["mbuf_total"] - m["mbuf_free"]
    return out + [("buffers free", missing if missing > held else 0, 0)]


def differences(doc):
    """The sentences that a document of /api/v1/stats contradicts; empty: all adds up."""
    held = sum(HELD.get(p["driver"], 0) for p in doc["ports"])
    sums = []
    for p in doc["ports"]:
        sums += [(f"port {p['port']}: {what}", a, b) for what, a, b in port_sums(p["stats"])]
    for a, b in zip(doc["ports"], doc["ports"][1:]):
        if a["kind"] == b["kind"] == "ring" and a["port"] % 2 == 0:
            for k in ("pkts", "bytes"):
                for x, y in ((a, b), (b, a)):
                    sums.append((f"port {x['port']} to {y['port']}: {k}", x["stats"]["port"]["tx_" + k],
                                 y["stats"]["port"]["rx_" + k]))
    for t in doc["test_cases"]:
        sums += [(f"port {t['port']} test case {t['test_case_id']}: {what}", a, b) for what, a, b in test_case_sums(t)]
    for lc in doc["lcores"]:
        if lc["role"] == "worker":
            sums += [(f"lcore {lc['lcore']}: {what}", a, b) for what, a, b in pool_sums(lc["stats"], held)]
    return [f"{what}: {a} is not {b}" for what, a, b in sums if a != b]
