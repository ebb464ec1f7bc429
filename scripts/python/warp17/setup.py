"""Ports, interfaces, test cases, applications, IMIX: what is told before a start."""
from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple, Union

from .apps import App

Addresses = Union[str, Tuple[str, str]]  # "10.0.0.1", "10.0.0.1-10.0.0.9", ("10.0.0.1", "10.0.0.9")
L4Ports = Union[int, str, Tuple[int, int]]  # 80, "80-81", (80, 81)
Limit = Union[int, str, None]  # a number, "infinite", None: stays
Setting = Union[int, float, str, bool, None]


class Setup:
    """Methods of Warp17. All raise InvalidParams for what is out of range, CommandFailed for what does not go together (a
    port whose tests run, mostly), Refused when another holds the port."""

    def call(self, method: str, /, **params: Any) -> Any:
        raise NotImplementedError

    # ---- ports

    def add_interface(self, port: int, ip: str, mask: str, vlan_id: Optional[int] = None, gw: Optional[str] = None) -> None:
        """An IP interface; vlan_id: 802.1Q tag, gw: gateway of that VLAN."""
        self.call("add.tests.l3_intf", port=port, ip=ip, mask=mask, vlan_id=vlan_id, gw=gw)

    def delete_interface(self, port: int, ip: str, vlan_id: Optional[int] = None) -> None:
        """Takes an interface from a port."""
        self.call("del.tests.l3_intf", port=port, ip=ip, vlan_id=vlan_id)

    def set_gateway(self, port: int, gw: str) -> None:
        """The port's default gateway."""
        self.call("add.tests.l3_gw", port=port, gw=gw)

    def delete_gateway(self, port: int) -> None:
        """Takes the port's default gateway away."""
        self.call("del.tests.l3_gw", port=port)

    def set_mtu(self, port: int, mtu: int) -> None:
        """Bytes of an IP packet: the frame without Ethernet's header and CRC."""
        self.call("set.tests.mtu", port=port, mtu=mtu)

    def set_faults(self, port: int, **settings: Setting) -> None:
        """Impairs what the port sends and receives, also while tests run: loss, duplicate, reorder, corrupt (%), delay, jitter,
        reorder_by (ms), rate (Mbit/s), burst, queue (packets), seed, direction ("tx", "rx", "both"). Those not named stay."""
        self.call("set.tests.faults", port=port, **settings)

    def delete_faults(self, port: int) -> None:
        """No more faults."""
        self.call("del.tests.faults", port=port)

    # ---- test cases

    def add_client(self, proto: str, port: int, test_case_id: int, src: Addresses, sport: L4Ports, dest: Addresses,
                   dport: L4Ports) -> None:
        """A client test case, proto "tcp" or "udp": a session for each combination of addresses and ports."""
        self.call("add.tests.client", proto=proto, port=port, test_case_id=test_case_id, src=src, sport=sport, dest=dest,
                  dport=dport)

    def add_server(self, proto: str, port: int, test_case_id: int, src: Addresses, sport: L4Ports) -> None:
        """A server test case, proto "tcp" or "udp", which listens on each address and port."""
        self.call("add.tests.server", proto=proto, port=port, test_case_id=test_case_id, src=src, sport=sport)

    def add_multicast(self, port: int, test_case_id: int, src: Addresses, sport: L4Ports, dest: Addresses, dport: L4Ports) -> None:
        """A UDP test case that sends to multicast groups (dest) and awaits nothing."""
        self.call("add.tests.multicast_src", proto="udp", port=port, test_case_id=test_case_id, src=src, sport=sport, dest=dest,
                  dport=dport)

    def delete_test(self, port: int, test_case_id: int) -> None:
        """Deletes a test case."""
        self.call("del.tests", port=port, test_case_id=test_case_id)

    def set_rates(self, port: int, test_case_id: int, open: Limit = None, close: Limit = None, send: Limit = None) -> None:
        """Per second: sessions opened, sessions closed, messages sent."""
        self.call("set.tests.rate", port=port, test_case_id=test_case_id, open=open, close=close, send=send)

    def set_timeouts(self, port: int, test_case_id: int, init: Limit = None, uptime: Limit = None, downtime: Limit = None) -> None:
        """Seconds: before the first session opens, that a session stays up, that it stays down before it reopens."""
        self.call("set.tests.timeouts", port=port, test_case_id=test_case_id, init=init, uptime=uptime, downtime=downtime)

    def set_criteria(self, port: int, test_case_id: int, criterion: str, count: int, within: Optional[int] = None) -> None:
        """What makes it PASSED: "run-time" (count is seconds), "servers-up", "clients-up", "clients-estab", "data-MB"; FAILED
        if it is not reached within so many seconds (600 when left out; not for run-time)."""
        self.call("set.tests.criteria", port=port, test_case_id=test_case_id, criterion=criterion, count=count, within=within)

    def set_async(self, port: int, test_case_id: int, on: bool = True) -> None:
        """The next test case starts without waiting for this one; on=False: it waits."""
        self.call("set.tests.async" if on else "set.tests.noasync", port=port, test_case_id=test_case_id)

    def set_tcp_options(self, port: int, test_case_id: int, **options: Setting) -> None:
        """win_size (bytes), rto, twait_to (ms), congestion, mss, sack, ...: set.tests.tcp_options of doc/rpc-methods.md."""
        self.call("set.tests.tcp_options", port=port, test_case_id=test_case_id, **options)

    def set_ipv4_options(self, port: int, test_case_id: int, **options: Setting) -> None:
        """tos, or dscp and ecn; tx_timestamp, rx_timestamp (latencies of packets)."""
        self.call("set.tests.ipv4_options", port=port, test_case_id=test_case_id, **options)

    def set_vlan(self, port: int, test_case_id: int, vlan_id: int, vlan_pri: Optional[int] = None) -> None:
        """802.1Q tag (0: none) and 802.1p priority of its packets."""
        self.call("set.tests.vlan_options", port=port, test_case_id=test_case_id, vlan_id=vlan_id, vlan_pri=vlan_pri)

    def set_latency(self, port: int, test_case_id: int, max: Optional[int] = None, max_avg: Optional[int] = None,
                    samples: Optional[int] = None) -> None:
        """What latencies are held against: max and max_avg in us, 0 for none; samples: how many newest are shown apart."""
        self.call("set.tests.latency", port=port, test_case_id=test_case_id, max=max, max_avg=max_avg, samples=samples)

    def set_response_times(self, port: int, test_case_id: int, start: str) -> None:
        """Of a client test case, from when on until the first and the last byte of responses: "syn", "request" or "off"."""
        self.call("set.tests.response_times", port=port, test_case_id=test_case_id, **{"from": start})

    # ---- applications

    def set_client(self, port: int, test_case_id: int, app: App) -> None:
        """What a client test case says: Raw, HttpClient or Echo."""
        self._app("set.tests.client", "client", app, port=port, test_case_id=test_case_id)

    def set_server(self, port: int, test_case_id: int, app: App) -> None:
        """What a server test case says: Raw, HttpServer or Echo."""
        self._app("set.tests.server", "server", app, port=port, test_case_id=test_case_id)

    def _app(self, method: str, side: str, app: App, **of: int) -> None:
        if side not in app.sides:
            raise TypeError(f"{type(app).__name__} is not for a {side}")
        self.call(f"{method}.{app.word}", **of, **app.params())
        for line in app.lines():
            self.call(f"{method}.{app.word}.field", **of, http_field=line)

    # ---- IMIX

    def set_imix_client(self, app_index: int, app: App, weight: Optional[int] = None) -> None:
        """An application of IMIX groups for client test cases, and its share of the sessions and rates of a group."""
        self._imix_app("client", app_index, app, weight)

    def set_imix_server(self, app_index: int, app: App, weight: Optional[int] = None) -> None:
        """The same for server test cases."""
        self._imix_app("server", app_index, app, weight)

    def _imix_app(self, side: str, app_index: int, app: App, weight: Optional[int]) -> None:
        self._app(f"set.tests.imix.{side}", side, app, app_index=app_index)
        if weight is not None:
            self.call("set.tests.imix.weight", app_index=app_index, weight=weight)

    def add_imix(self, imix_id: int, apps: Sequence[int]) -> None:
        """A group of applications, by their app_index; at most 16, their weights make at most 100."""
        self.call("add.tests.imix_id", imix_id=imix_id, app=list(apps))

    def delete_imix(self, imix_id: int) -> None:
        """Deletes a group."""
        self.call("del.tests.imix_id", imix_id=imix_id)

    def set_imix(self, port: int, test_case_id: int, imix_id: int) -> None:
        """A test case has the applications of a group."""
        self.call("set.tests.imix", port=port, test_case_id=test_case_id, imix_id=imix_id)
