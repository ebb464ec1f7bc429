/* Times of an interval: histograms in documents count since a test case's start, so two of them have what came between.
 * The buckets are those of the documents' schema: 2^sub_bits of them an octave. */
import { sub } from "./format.js";

export const QUANTILES = { p50: 0.5, p90: 0.9, p99: 0.99, p99_9: 0.999 };

const at = (h, bucket) => h.counts[bucket - h.first] ?? 0;

/* The counts of what came after `was`; where one is less than before, the test case has begun again at zero. */
function since(now, was) {
  const again = was.sub_bits !== now.sub_bits || was.counts.some((n, i) => at(now, was.first + i) < n);
  return now.counts.map((n, i) => Number(again ? n : sub(n, at(was, now.first + i))));
}

/* The middle of a bucket, ns. */
function middle(bucket, subBits) {
  const shift = Math.max(0, (bucket >> subBits) - 1), width = 2 ** shift;
  return (bucket - shift * 2 ** subBits) * width + Math.floor(width / 2);
}

/* The quantiles of what came between two histograms, ns, by their names behind a prefix; none of them when nothing did. */
export function quantilesBetween(now, was, prefix = "") {
  const found = {};
  if (!now || !was)
    return found;
  const counts = since(now, was), all = counts.reduce((a, b) => a + b, 0);
  for (const [name, of] of Object.entries(all > 0 ? QUANTILES : {})) {
    const rank = Math.min(all, Math.max(1, Math.ceil(of * all)));
    let seen = 0;
    const i = counts.findIndex((n) => (seen += n) >= rank);
    found[prefix + name] = middle(now.first + i, now.sub_bits);
  }
  return found;
}
