/* What the exporter says, by Server-Sent Events, and whether it still does. Connects again by itself: an EventSource's own
 * way waits as long as the browser likes. */
import { parse } from "./format.js";

export const INTERVAL_MS = 1000;
const STALE_MS = 3 * INTERVAL_MS; // without a state
const DEAD_MS = 15000; // then the connection is given up
const AGAIN_MS = [250, 500, 1000, 2000];
// from the origin: the page's own address may have a name and a token in it, which browsers do not ask with
const URL_OF_EVENTS = `${location.origin}/events?interval=${INTERVAL_MS}&since=0`;

/* An engine from its start to its end. */
export const engineKey = (engine) => (engine ? `${engine.start_time}:${engine.pid}` : null);

/* health = {is, why, since}; is: connecting, live, gone (no engine), lost (no exporter) or stale. */
export class Feed {
  #source = null;
  #tries = 0;
  #timer = 0;
  #last = 0; // when a state came, by performance.now()
  #early = []; // events of a stream that has not said yet whose they are
  #engine = null; // of this stream
  #on;

  constructor(on) {
    this.#on = on; // {state, operators, event, lost, health}
    this.health = { is: "connecting", why: "", since: Date.now() };
  }

  start() {
    this.#open();
    setInterval(() => this.#look(), 250);
    addEventListener("online", () => this.#again(0));
  }

  #open() {
    const source = new EventSource(URL_OF_EVENTS);
    this.#source = source;
    this.#engine = null;
    this.#early = [];
    const on = (name, what) => source.addEventListener(name, (e) => {
      if (source === this.#source)
        what(parse(e.data));
    });
    on("state", (doc) => this.#state(doc));
    on("operators", (doc) => this.#on.operators(doc));
    on("event", (doc) => this.#event(doc));
    on("lost", (doc) => this.#on.lost(Number(doc.lost)));
    source.onerror = () => {
      if (source === this.#source)
        this.#broken("the connection to the exporter was cut");
    };
  }

  #state(doc) {
    this.#last = performance.now();
    this.#tries = 0;
    if (doc.engine)
      this.#say("live", "");
    else
      this.#say("gone", doc.why || "no engine is attached");
    this.#on.state(doc);
    if (doc.engine) {
      this.#engine = engineKey(doc.engine);
      this.#early.splice(0).forEach((e) => this.#on.event(e, this.#engine));
    }
  }

  #event(doc) {
    if (this.#engine)
      this.#on.event(doc, this.#engine);
    else if (this.#early.length < 1000)
      this.#early.push(doc);
  }

  /* The moment of the first of several troubles in a row stays. */
  #say(is, why) {
    const was = this.health;
    if (was.is === is && was.why === why)
      return;
    const still = was.is !== "live" && is !== "live";
    this.health = { is, why, since: still ? was.since : Date.now() };
    this.#on.health(this.health);
  }

  #broken(why) {
    const wait = AGAIN_MS[Math.min(this.#tries, AGAIN_MS.length - 1)];
    this.#tries++;
    this.#source.close();
    if (this.health.is !== "gone" || this.#tries > 2)
      this.#say("lost", why);
    if (this.#tries > 1)
      this.#ask();
    this.#again(wait);
  }

  #again(wait) {
    if (this.#source.readyState !== EventSource.CLOSED)
      return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  /* An EventSource does not tell why it was refused. */
  async #ask() {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), 2000);
    let why = "nothing answers at this address: has the exporter ended?";
    try {
      const r = await fetch(URL_OF_EVENTS, { signal: stop.signal, cache: "no-store" });
      if (r.ok)
        why = "";
      else
        why = (await r.json()).error || r.statusText;
    } catch {
      if (stop.signal.aborted)
        why = "the exporter takes connections and does not answer";
    }
    clearTimeout(late);
    stop.abort();
    if (why && this.health.is === "lost")
      this.#say("lost", why);
  }

  #look() {
    const age = performance.now() - this.#last;
    const is = this.health.is;
    if (is === "live" && age > STALE_MS)
      this.#say("stale", "the exporter has sent nothing for some seconds, though it is connected");
    if ((is === "stale" || is === "gone") && age > DEAD_MS && this.#source.readyState !== EventSource.CLOSED) {
      this.#last = performance.now();
      this.#broken("the exporter does not send any more");
    }
  }
}
