/* What came, as series over time: rings of fixed size, one slot a state. Rates are differences of counters; where there is
 * nothing to take the difference from, as after a gap or with a new engine, a slot holds NaN and charts have a gap. */
import { add, known, sub } from "./format.js";
import { engineKey, INTERVAL_MS } from "./feed.js";
import { QUANTILES as QUANTILE_OF, quantilesBetween } from "./histogram.js";

export const SLOTS = 15 * 60 * 1000 / INTERVAL_MS + 2;
const FRAME_EXTRA = 4 + 8 + 12; // bytes of a frame on the wire beside its own: FCS, preamble, gap
const FAILED = ["failed_syn", "failed_rst", "failed_retry", "failed_icmp", "failed_to", "failed_app"];
const DEVICE_LOSSES = ["rx_missed", "rx_errors", "rx_no_mbuf"];
// what test cases measure, in front of the names of its quantiles; of several test cases the worst is shown
const TIMES = { "": (t) => t?.latency, last_: (t) => t?.response_times?.last_byte };
const QUANTILES = Object.keys(TIMES).flatMap((prefix) => Object.keys(QUANTILE_OF).map((q) => prefix + q));
const OF_TESTS = ["estabC", "estabS", "failed", "transC", "transS", "openC", "openS", ...QUANTILES];
const OF_PORTS = ["rxPkts", "txPkts", "rxBits", "txBits", "drops"];
const OF_ALL = ["busiest", "average"];
const GAPS_MAX = 60;

export const isServer = (test) => test.type === "server";
export const testKey = (t) => `test ${t.port}/${t.test_case_id}`;
export const portKey = (p) => `port ${p.port}`;
export const failures = (tc) => FAILED.reduce((sum, k) => add(sum, tc[k] ?? 0), 0);

/* Why packets of a port were lost, as [group, name, how many]: those that were. */
export function losses(port) {
  const some = (group, from, names) => names.filter((n) => from[n] > 0).map((n) => [group, n, from[n]]);
  return [...some("drop", port.stats.drop, Object.keys(port.stats.drop)), ...some("device", port.device, DEVICE_LOSSES)];
}

const total = (port) => losses(port).reduce((sum, [, , v]) => add(sum, v), 0);

class Series {
  constructor(fields) {
    this.of = Object.fromEntries(fields.map((f) => [f, new Float32Array(SLOTS).fill(NaN)]));
    this.seen = 0;
    this.now = {}; // the newest of each, not rounded
  }

  put(slot, values) {
    this.now = values;
    for (const [field, ring] of Object.entries(this.of))
      ring[slot] = values[field] ?? NaN;
  }
}

export class Store {
  constructor() {
    this.times = new Float64Array(SLOTS);
    this.count = 0; // slots that were ever filled
    this.series = new Map([["all", new Series([...OF_TESTS, ...OF_PORTS, ...OF_ALL])]]);
    this.gaps = []; // {from, to}, ms
    this.state = null; // the newest with an engine
    this.rates = { tests: new Map(), ports: new Map(), losses: new Map() };
  }

  /* Takes a state in. True: it is of another engine than the one before. */
  take(state) {
    if (!state.engine)
      return false;
    const before = this.state, ms = state.timestamp * 1000;
    const other = engineKey(before?.engine) !== engineKey(state.engine);
    const seconds = before ? state.timestamp - before.timestamp : 0;
    const fresh = other || seconds <= 0 || seconds * 1000 > 2.5 * INTERVAL_MS;
    if (before && !other && seconds <= 0)
      return false;
    if (before && fresh)
      this.gaps = [...this.gaps.slice(1 - GAPS_MAX), { from: before.timestamp * 1000, to: ms, other }];
    this.state = state;
    this.#reckon(state, fresh ? null : before, seconds);
    this.#put(ms, state, fresh);
    return other && before !== null;
  }

  #reckon(state, before, seconds) {
    const by = (list, key) => new Map((before?.[list] ?? []).map((o) => [key(o), o]));
    const tests = by("tests", testKey), ports = by("ports", portKey);
    this.rates = { tests: new Map(), ports: new Map(), losses: new Map() };
    for (const t of state.tests)
      this.rates.tests.set(testKey(t), testNow(t, tests.get(testKey(t)), seconds));
    for (const p of state.ports) {
      const old = ports.get(portKey(p));
      this.rates.ports.set(portKey(p), portNow(p, old, seconds));
      for (const [group, name, v] of losses(p)) {
        const key = `${group}.${name}`;
        const one = this.rates.losses.get(key) ?? { group, name, total: 0, perSecond: 0, ports: [] };
        const less = group === "drop" ? old?.stats.drop[name] : old?.device[name];
        one.total = add(one.total, v);
        one.perSecond += old ? rate(v, less ?? 0, seconds) : 0;
        one.ports.push([p.port, v]);
        this.rates.losses.set(key, one);
      }
    }
  }

  #put(ms, state, fresh) {
    const slot = this.count % SLOTS;
    this.times[slot] = ms;
    for (const [key, values] of [...this.rates.tests, ...this.rates.ports])
      this.#of(key).put(slot, values);
    for (const p of state.ports)
      Object.assign(this.#of(portKey(p)).now, this.#together(slot, portKey(p), (t) => t.port === p.port, OF_TESTS));
    const all = this.#of("all");
    this.#together(slot, "all", () => true, [...OF_TESTS, ...OF_PORTS]);
    const loads = fresh ? [] : state.lcores.filter((l) => l.load).map((l) => l.load.percent);
    all.now.busiest = all.of.busiest[slot] = loads.length ? Math.max(...loads) : NaN;
    all.now.average = all.of.average[slot] = loads.length ? loads.reduce((a, b) => a + b) / loads.length : NaN;
    this.count++;
    this.#forget(slot);
  }

  /* The sum over test cases and ports, of latencies the worst. */
  #together(slot, key, which, fields) {
    const to = this.#of(key), sums = {};
    const tests = this.state.tests.filter(which).map((t) => this.rates.tests.get(testKey(t)));
    const ports = key === "all" ? [...this.rates.ports.values()] : [];
    for (const f of fields) {
      const values = (OF_PORTS.includes(f) ? ports : tests).map((o) => o[f]).filter((v) => known(v));
      const none = values.length === 0;
      sums[f] = none ? NaN : QUANTILES.includes(f) ? Math.max(...values) : values.reduce((a, b) => a + b);
      to.of[f][slot] = sums[f];
    }
    Object.assign(to.now, sums);
    to.seen = this.count;
    return sums;
  }

  #of(key) {
    let s = this.series.get(key);
    if (!s) {
      s = new Series(key.startsWith("test") ? OF_TESTS : [...OF_TESTS, ...OF_PORTS]);
      this.series.set(key, s);
    }
    s.seen = this.count;
    return s;
  }

  /* What is not there now has a hole in this slot; when it has not been there for a whole ring, it goes. */
  #forget(slot) {
    for (const [key, s] of this.series) {
      if (this.count - 1 - s.seen > SLOTS)
        this.series.delete(key);
      else if (s.seen !== this.count - 1)
        s.put(slot, {});
    }
  }

  /* Rows [ms, field, …] of a key's series since that time, and the one before it, the oldest first. */
  rows(key, fields, since) {
    const rings = fields.map((f) => this.series.get(key)?.of[f]);
    const rows = [], oldest = Math.max(0, this.count - SLOTS);
    let at = this.count;
    while (at > oldest && this.times[(at - 1) % SLOTS] >= since)
      at--;
    for (at = Math.max(oldest, at - 1); at < this.count; at++) {
      const slot = at % SLOTS;
      rows.push([this.times[slot], ...rings.map((r) => (r && !Number.isNaN(r[slot]) ? r[slot] : null))]);
    }
    return rows;
  }

  /* The last n values of a field. */
  tail(key, field, n) {
    const ring = this.series.get(key)?.of[field], values = [];
    for (let at = Math.max(0, this.count - n); ring && at < this.count; at++)
      values.push(ring[at % SLOTS]);
    return values;
  }

  /* As it is now, for as long as a page is paused (and not longer than the rings reach). */
  freeze() {
    const copy = Object.assign(new Store(), this);
    copy.series = new Map([...this.series].map(([key, s]) => [key, { of: s.of, now: { ...s.now } }]));
    return copy;
  }

  /* Of the oldest state that is kept, and the newest, ms. */
  get oldest() {
    return this.count ? this.times[Math.max(0, this.count - SLOTS) % SLOTS] : NaN;
  }

  get newest() {
    return this.count ? this.times[(this.count - 1) % SLOTS] : NaN;
  }
}

/* Per second; what is less than before has begun again at zero. */
function rate(now, before, seconds) {
  const d = sub(now, before);
  return Number(d < 0 ? now : d) / seconds;
}

function testNow(t, old, seconds) {
  const now = t.stats.tc, was = old?.stats.tc, v = {};
  const per = (of) => (was ? rate(of(now), of(was), seconds) : NaN);
  const side = isServer(t) ? "S" : "C";
  v[`estab${side}`] = per((tc) => tc.estab);
  v[`trans${side}`] = per((tc) => tc.responses);
  v[`open${side}`] = was ? Number(now.estab_now) : NaN;
  v.failed = per(failures);
  for (const [prefix, of] of Object.entries(TIMES))
    Object.assign(v, quantilesBetween(of(t)?.histogram, of(old)?.histogram, prefix));
  return v;
}

function portNow(p, old, seconds) {
  const now = p.stats.port, was = old?.stats.port;
  if (!was)
    return {};
  const per = (name) => rate(now[name], was[name], seconds);
  const v = { rxPkts: per("rx_pkts"), txPkts: per("tx_pkts"), rxBits: per("rx_bytes") * 8, txBits: per("tx_bytes") * 8 };
  v.drops = rate(total(p), total(old), seconds);
  if (p.speed_mbps) {
    v.rxShare = 100 * (v.rxBits + v.rxPkts * FRAME_EXTRA * 8) / (p.speed_mbps * 1e6);
    v.txShare = 100 * (v.txBits + v.txPkts * FRAME_EXTRA * 8) / (p.speed_mbps * 1e6);
  }
  return v;
}
