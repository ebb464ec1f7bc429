"""Are all packets accounted for? What a port received is counted in the next layer or dropped by name, what was built was sent
or dropped by name. What is not is lost without a reason, and a run in which that happens proves nothing. Response times are as
many as there were responses."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .response_times import REQUEST, SYN, ResponseTimes

Counters = Mapping[str, Mapping[str, int]]  # of a port, by group

GROUPS = ("port", "ethernet", "arp", "ipv4", "icmp", "tcp", "udp", "drop", "faults", "tsm", "http")
FIRST_DROPS = ("rx_runt", "eth_not_mine", "vlan_bad", "handoff_full")
IP_DROPS = ("ip_version", "ip_hdr_len", "ip_total_len", "ip_src", "ip_checksum", "ip_src_route")
# packets lost in the engine or its device for want of time or room: the test is not wrong for it, but should know
OWN_LOSSES = {"tx_full": "the port did not take them in time", "handoff_full": "another worker did not take them in time",
              "no_mbuf": "no packet buffer was free", "tcp_no_tcb": "no TCP control block was free",
              "udp_no_ucb": "no UDP control block was free"}
DEVICE_LOSSES = {"rx_missed": "the workers did not empty the device's queues in time", "rx_errors": "received with an error",
                 "rx_no_mbuf": "there was no buffer to receive into", "tx_errors": "could not be sent"}


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> Dict[str, int]:
    """Of counters, what was added."""
    return {k: v - before.get(k, 0) for k, v in now.items()}


def sums(c: Counters) -> List[Tuple[str, int, int]]:
    """(what, how many came in, how many are accounted for) of a port's counters, as they grew while tests ran and stopped."""
    drop, eth, ip, f = c["drop"], c["ethernet"], c["ipv4"], c["faults"]
    gone = {d: f[f"{d}_lost"] + f[f"{d}_queue_full"] + f[f"{d}_overflow"] + f[f"{d}_held"] - f[f"{d}_duplicated"] for d in ("tx", "rx")}
    built = (c["tcp"]["tx_ctrl_pkts"] + c["tcp"]["tx_data_pkts"] + c["udp"]["tx_pkts"] + c["arp"]["tx_req"] + c["arp"]["tx_rep"]
             + c["icmp"]["tx_echo_rep"] + c["icmp"]["tx_unreach"] + ip["tx_frags"])
    by_type = eth["rx_arp"] + eth["rx_ipv4"] + eth["rx_ipv6"] + eth["rx_other"] + sum(drop[k] for k in FIRST_DROPS)
    by_protocol = ip["rx_icmp"] + ip["rx_tcp"] + ip["rx_udp"] + ip["rx_other"] + ip["rx_frags"] + sum(drop[k] for k in IP_DROPS)
    return [("packets received", c["port"]["rx_pkts"] - gone["rx"], by_type),
            ("IPv4 packets received", ip["rx_pkts"] + ip["reasm"], by_protocol),
            ("packets built", built - gone["tx"], c["port"]["tx_pkts"] + c["port"]["tx_failures"]),
            ("packets that a port did not take", c["port"]["tx_failures"], drop["tx_full"])]


def unaccounted(ports: Mapping[int, Counters], drivers: Mapping[int, str]) -> List[str]:
    """A sentence for each sum that is none; nothing: all packets are accounted for. drivers: of each port of the engine."""
    found = [f"port {p}: {what}: {a}, of which {b} are accounted for" for p, c in ports.items() for what, a, b in sums(c) if a != b]
    for a in ports:
        b = a + 1
        if a % 2 == 0 and b in ports and all("ring" in drivers.get(p, "") for p in (a, b)):
            for x, y in ((a, b), (b, a)):
                sent, received = ports[x]["port"]["tx_pkts"], ports[y]["port"]["rx_pkts"]
                if sent != received:
                    found.append(f"port {x} sent {sent} packets to port {y}, which received {received}")
    return found


def untimed(where: str, is_udp: bool, stats: Mapping[str, int], times: ResponseTimes) -> List[str]:
    """A sentence for each sum of a client's response times that is none. Over UDP a response that was given up may come yet, to
    no request."""
    first, last = times.first.samples, times.last.samples
    found = [f"{where}: {last} last bytes of responses were timed, and {first} first ones"] if last > first else []
    if times.begin == REQUEST and not is_udp and last != stats["responses"]:
        found.append(f"{where}: {stats['responses']} responses, of which {last} were timed")
    if times.begin == SYN and first > stats["estab"]:
        found.append(f"{where}: {stats['estab']} connections were established, and the first responses of {first} were timed")
    return found


def lost(ports: Mapping[int, Counters], devices: Mapping[int, Mapping[str, int]]) -> int:
    """How many packets the engine itself or its devices lost."""
    return (sum(c["drop"][k] for c in ports.values() for k in OWN_LOSSES)
            + sum(d.get(k, 0) for d in devices.values() for k in DEVICE_LOSSES))


def own_losses(ports: Mapping[int, Counters], devices: Mapping[int, Mapping[str, int]]) -> List[str]:
    """A sentence for each reason for which the engine itself lost packets."""
    return [f"port {p}: {counters[k]} packets lost: {why} ({k})"
            for of, reasons in (({p: c["drop"] for p, c in ports.items()}, OWN_LOSSES), (devices, DEVICE_LOSSES))
            for p, counters in of.items() for k, why in reasons.items() if counters.get(k)]


def take(answers: Sequence[Mapping[str, Any]], ports: Sequence[int]) -> Tuple[Dict[int, Dict[str, Dict[str, int]]], Dict[int, Dict[str, int]]]:
    """(counters by port and group, devices' counters by port) out of the views of GROUPS, in their order."""
    counters = {p: {g: dict(a["ports"][str(p)]["stats"]) for g, a in zip(GROUPS, answers)} for p in ports}
    return counters, {p: dict(answers[0]["ports"][str(p)]["device"]) for p in ports}
