// The mirrors of the network whose pages are opened, and how each of them fares.

const HOUR = 3600;
const DAY = 24 * HOUR;

/** Text that would be markup, a script or a reversal of the line if a page let it through. */
export const WICKED =
  '"><script>globalThis.hacked=1</script><img src=x onerror="globalThis.hacked=1">' +
  '&lt;b&gt; {{7*7}} \u202Elanretxe\u202C\u2066 \u0007]]>--><style>body{display:none}</style>';
/** A word that no line holds. */
export const LONG = 'w'.repeat(10_000);

/** The host that a mirror's admin looks for. */
export const REMOVED = 'mirror.budapest.example';
export const DOWN = 'mirror.krakow.example';
export const OLD = 'mirror.lyon.example';
export const DRAINED = 'mirror.koeln.example';
export const UP = 'clamav.berlin.example';

/**
 * A way of answering from `since` seconds before the end until `to` seconds before it:
 * "stale" (the timestamp stands still), "refused", "status" (503) or a function of the response.
 */
const from = (since, way, to = -1) => ({ since, to, way });

const redirect = (response) => {
  // By hand, for node would not send such a header.
  const place = `https://elsewhere.example/${WICKED.replaceAll('\u0007', '')}${LONG.slice(0, 900)}`;
  response.socket.end(
    `HTTP/1.1 302 Found\r\nLocation: ${place}\r\nContent-Length: 0\r\n` +
      'Connection: close\r\n\r\n');
};
const babble = (response) => response.end(`${WICKED} ${LONG}`.slice(0, 3500));

/** Host, country, capacity, what went wrong. All others are well all the time. */
const MIRRORS = [
  [UP, 'DE', '10Gbit/s'],
  ['ftp.hamburg.example', 'DE', '1Gbit/s', from(20 * DAY, 'refused', 19 * DAY),
    from(9 * HOUR, 'refused', 6 * HOUR)],
  [DRAINED, 'DE', '1Gbit/s'],
  ['clamav.paris.example', 'FR', '2Gbit/s'],
  [OLD, 'FR', '1Gbit/s', from(30 * HOUR, 'stale')],
  ['mirror.london.example', 'GB', '1Gbit/s', from(12 * DAY, 'status', 11 * DAY)],
  ['mirror.delft.example', 'NL', '1Gbit/s'],
  ['clamav.wien.example', 'AT', '1Gbit/s'],
  [REMOVED, 'HU', '200Mbit/s', from(5 * DAY, 'refused')],
  ['mirror.bern.example', 'CH', '1Gbit/s'],
  ['ftp.praha.example', 'CZ', '500Mbit/s'],
  [DOWN, 'PL', '1Gbit/s', from(14 * DAY, 'refused', 13.5 * DAY), from(3 * HOUR, 'status')],
  ['mirror.torun.example', 'PL', '200Mbit/s'],
  ['mirror.uppsala.example', 'SE', '2Gbit/s'],
  ['mirror.boston.example', 'US', '10Gbit/s'],
  ['mirror.denver.example', 'US', '1Gbit/s', from(25 * DAY, 'stale', 21 * DAY)],
  ['clamav.seattle.example', 'US', '1Gbit/s'],
  ['mirror.toronto.example', 'CA', '1Gbit/s'],
  ['mirror.recife.example', 'BR', '500Mbit/s'],
  ['mirror.durban.example', 'ZA', '200Mbit/s'],
  ['mirror.kyoto.example', 'JP', '1Gbit/s'],
  ['mirror.singapore.example', 'SG', '1Gbit/s'],
  ['mirror.perth.example', 'AU', '500Mbit/s', from(6 * DAY, 'refused', 5 * DAY)],
];

/** Mirrors whose servers say what pages must not repeat as it is. */
export const HOSTILE = [
  ['wild.milano.example', 'IT', '1Gbit/s', from(40 * HOUR, redirect)],
  ['wild.madrid.example', 'ES', '1Gbit/s', from(40 * HOUR, babble)],
  // Drained by an override whose reason is hostile.
  ['wild.oulu.example', 'FI', '1Gbit/s'],
  // As long as names may be.
  [`${'l'.repeat(63)}.${'o'.repeat(63)}.${'ng'.repeat(31)}.example`, 'NO', '1Gbit/s'],
];

/** The fleet; `tame` leaves out those that are hostile. */
export function fleet(tame) {
  return [...MIRRORS, ...(tame ? [] : HOSTILE)].map(([host, country, capacity, ...faults], n) => ({
    host, country, capacity, faults, address: `127.0.1.${n + 1}`,
  }));
}

/** How a mirror answers `before` seconds before the end: a way, or `undefined` if it is well. */
export function wayOf(mirror, before) {
  return mirror.faults.find(({ since, to }) => before <= since && before > to);
}

/** The moments of the rounds, in seconds before the end: a month, and then a day by the hour. */
export function rounds() {
  const month = [];
  for (let before = 31 * DAY; before > 26 * HOUR; before -= 12 * HOUR) month.push(before);
  const day = [];
  for (let before = 26 * HOUR; before >= 0; before -= HOUR) day.push(before);
  return { month, day };
}
