// The only module that makes elements. Text from outside enters the page
// through outside(), rich() or text nodes, never as markup or attributes.

const TAGS = new Set(('a article b bdi blockquote br button code dd details div dl dt em fieldset footer form h2 h3 h4 h5 ' +
  'hr input label legend li ol option p pre section select small span strong summary table tbody td textarea th thead time tr ul').split(' '));
const ATTRS = new Set(('class role title type name value for hidden tabindex scope datetime colspan rows maxlength placeholder ' +
  'autocomplete open id href checked').split(' '));
const SVG = 'http://www.w3.org/2000/svg';

export const $ = (sel, root = document) => root.querySelector(sel);
export const $$ = (sel, root = document) => [...root.querySelectorAll(sel)];
export const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);

// el makes one element. Attributes are ours; href may only stay within /ui/.
export function el(tag, attrs, ...kids) {
  if (!TAGS.has(tag)) throw new Error(`dom: tag "${tag}" is not on the list`);
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (!ATTRS.has(name) && !/^(aria|data)-[a-z-]+$/.test(name)) throw new Error(`dom: attribute "${name}" is not on the list`);
    if (name === 'href' && !/^\/ui\/|^#/.test(value)) throw new Error('dom: href leaves the control UI');
    node.setAttribute(name, value === true ? '' : String(value));
  }
  if (tag === 'button' && !node.hasAttribute('type')) node.type = 'button';
  node.append(...kids.flat(Infinity).filter((k) => k !== null && k !== undefined && k !== false));
  return node;
}

export const clone = (id) => document.getElementById(id).content.cloneNode(true);
export const fill = (node, ...kids) => { node.replaceChildren(...kids.flat(Infinity).filter((k) => k !== null && k !== undefined && k !== false)); return node; };

// renew replaces only the children that differ: a row replaced between press
// and release loses the click, one replaced under the keyboard the focus. Rows
// carry data-key.
export function renew(list, ...rows) {
  const fresh = rows.flat(Infinity).filter(Boolean);
  const old = [...list.children];
  const held = list.contains(document.activeElement) ? document.activeElement : null;
  const nameOf = (n) => [n.closest('[data-key]')?.dataset.key, n.dataset.do, n.dataset.what].join(' ');
  const name = held && nameOf(held);
  const plain = (n) => { const c = n.cloneNode(true); for (const b of c.querySelectorAll('[aria-disabled]')) { b.removeAttribute('aria-disabled'); b.removeAttribute('title'); } return c; };
  fresh.forEach((n, i) => {
    if (!old[i]) list.append(n);
    else if (!plain(old[i]).isEqualNode(plain(n))) old[i].replaceWith(n);
  });
  for (const n of old.slice(fresh.length)) n.remove();
  if (!held || list.contains(held)) return;
  [...list.querySelectorAll('a, button')].find((n) => nameOf(n) === name)?.focus({ preventScroll: true });
}

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  svg.setAttribute('class', 'g');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#g-${name}`);
  svg.append(use);
  return svg;
}

// ---- text from outside ----------------------------------------------------

const NAMES = new Map(Object.entries({
  '061C': 'Arabic letter mark', '200B': 'zero width space', '200C': 'zero width non-joiner', '200D': 'zero width joiner',
  '200E': 'left-to-right mark', '200F': 'right-to-left mark', '2028': 'line separator', '2029': 'paragraph separator',
  '202A': 'left-to-right embedding', '202B': 'right-to-left embedding', '202C': 'pop directional formatting',
  '202D': 'left-to-right override', '202E': 'right-to-left override', '2066': 'left-to-right isolate',
  '2067': 'right-to-left isolate', '2068': 'first strong isolate', '2069': 'pop directional isolate',
  '00A0': 'no-break space', '00AD': 'soft hyphen', FEFF: 'byte order mark', '001B': 'escape', '0000': 'null',
}));
// What a person cannot see, or sees as something else: the gateway's own list
// (filter.Visible), the brackets of the chip included, so that none is forged.
const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u27e8\u27e9\u2800\u3000\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}\u{f0000}-\u{10ffff}]/u;
const VARIATION = /[\ufe00-\ufe0f]/;
const PICTOGRAPH = /[\u{1f000}-\u{1faff}\u2190-\u2bff\xa9\xae\u3030\u303d\ufe00-\ufe0f#*0-9]/u;
const SCRIPTS = ['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Hebrew', 'Arabic', 'Cherokee'].map((s) => [s, new RegExp(`\\p{Script=${s}}`, 'u')]);

// visible cuts text into runs: a string, or {code, name} for a character that
// would not be seen. In "prose" joined emoji stay whole; in "code" nothing is
// excused.
export function visible(text, mode = 'prose') {
  const s = String(text);
  if (!HIDDEN.test(s)) return s === '' ? [] : [s];
  const out = [];
  let run = '';
  let before = '';
  for (const c of s) {
    if (mode === 'prose' && (c === '\u200d' || VARIATION.test(c)) && PICTOGRAPH.test(before)) {
      run += c;
      if (c === '\u200d') before = '';
      continue;
    }
    before = c;
    if (!HIDDEN.test(c)) { run += c; continue; }
    if (run) out.push(run);
    run = '';
    const code = c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    out.push({ code: `U+${code}`, name: NAMES.get(code) ?? 'character that is not shown' });
  }
  if (run) out.push(run);
  return out;
}

// asText is visible() as one string, for places that take no elements: a
// clipboard, a title, an accessible name.
export const asText = (text, mode = 'code') => visible(text, mode).map((r) => (typeof r === 'string' ? r : `⟨${r.code}⟩`)).join('');

// mixed names the scripts of the first word that mixes several.
export function mixed(text) {
  for (const [word] of String(text).matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    const found = SCRIPTS.filter(([, re]) => re.test(word)).map(([name]) => name);
    if (found.length > 1) return { word, scripts: found };
  }
  return null;
}

// outside wraps a string that others wrote. Modes: "prose", "code" (commands,
// paths, hosts, names: words that mix scripts are marked too).
export function outside(text, mode = 'prose') {
  const node = el('bdi', mode === 'code' ? { class: 'mono' } : null);
  for (const r of visible(text ?? '', mode)) {
    node.append(typeof r === 'string' ? r : el('span', { class: 'chip', title: r.name }, `⟨${r.code}⟩`));
  }
  const odd = mode === 'prose' ? null : mixed(text ?? '');
  if (odd) node.append(' ', el('span', { class: 'chip', title: 'Letters of different scripts look alike' }, `one word mixes ${odd.scripts.join(' and ')}`));
  return node;
}

// punycode is the ASCII form of a host[:port] that is not ASCII, else null.
export function punycode(host) {
  if (!/[^\0-\x7f]/.test(host)) return null;
  try { return new URL(`http://${host}`).host; } catch { return null; }
}

// ---- rich text ------------------------------------------------------------

const RICH = new Set('p br strong em code pre ul ol li blockquote h3 h4 h5 table tr th td a'.split(' '));
const links = new WeakMap();

// hrefOf returns the address behind a link made by rich().
export const hrefOf = (node) => links.get(node);

// safeURL parses an address that a person may be offered to open.
export function safeURL(href) {
  if (typeof href !== 'string' || /[\s\\<>"\0-\x1f]/.test(href)) return null;
  let u;
  try { u = new URL(href); } catch { return null; }
  if (u.username || u.password) return null;
  return ['https:', 'http:', 'mailto:'].includes(u.protocol) ? u : null;
}

// rich draws the tree that the gateway made of formatted text. What is not on
// the list is drawn as its text.
export function rich(tree) {
  let left = 5000;
  const draw = (node, depth) => {
    if (left-- <= 0) return [];
    if (typeof node === 'string') return [outside(node)];
    if (!Array.isArray(node) || typeof node[0] !== 'string') return [];
    const [tag, ...rest] = node;
    const url = tag === 'a' ? safeURL(rest[0]) : null;
    const kids = tag === 'a' ? rest.slice(1) : rest;
    if (!RICH.has(tag) || depth > 16) return kids.flatMap((k) => draw(k, depth + 1));
    const mode = tag === 'code' || tag === 'pre' ? 'code' : 'prose';
    const inner = kids.flatMap((k) => (typeof k === 'string' && left-- > 0 ? [outside(k, mode)] : draw(k, depth + 1)));
    if (tag !== 'a') return [el(tag, null, inner)];
    if (!url) return inner;
    const link = el('a', { href: '#link', 'data-do': 'link', class: 'out' }, inner);
    links.set(link, rest[0]);
    const where = url.protocol === 'mailto:' ? url.pathname : url.host;
    return link.textContent.includes(where) && /^[\x20-\x7e]*$/.test(link.textContent) && shows(link.textContent, url) ? [link] : [link, ' (', outside(where, 'code'), ')'];
  };
  return el('div', { class: 'rich' }, tree.flatMap((n) => draw(n, 0)));
}

// shows reports whether a label is just the address it leads to.
const shows = (label, url) => label === url.href || `${label}/` === url.href || label === url.host || label === `${url.host}${url.pathname}` || label === url.pathname;

// openLink fills and shows the dialog that stands before every way out.
export function openLink(href) {
  const url = safeURL(href);
  if (!url) return;
  fill($('#leave-url'), outside(href, 'code'));
  const notes = [];
  if (/[^\0-\x7f]/.test(href)) notes.push(`As the network sees it: ${url.href}`);
  if (url.search.length > 100) notes.push(`It carries ${url.search.length} characters of data in its query. Data can leave that way.`);
  if (url.protocol === 'http:') notes.push('The connection is not encrypted.');
  fill($('#leave-notes'), notes.map((n) => el('li', null, badge('look', ''), ' ', n)));
  const open = $('#leave-open');
  open.href = url.href;
  open.rel = 'noopener noreferrer';
  $('#leave').showModal();
}

// ---- small parts ----------------------------------------------------------

export const STATES = { fine: 'fine', look: 'look', act: 'act', none: 'not measured', na: 'does not apply' };

// stateOf reads the gateway's word for one of the five states.
export const stateOf = (level) => ({ unmeasured: 'none', 'not-applicable': 'na' })[level] ?? (level in STATES ? level : 'none');

// badge is glyph + word; the word may be empty where one stands beside it.
export function badge(state, word) {
  const known = state in STATES ? state : 'none';
  return el('span', { class: 'badge', 'data-state': known }, icon(known), word === '' ? el('span', { class: 'vh' }, STATES[known]) : ` ${word ?? STATES[known]}`);
}

const pad = (n) => String(n).padStart(2, '0');
export const clock = (ms) => { const d = new Date(ms); return `${pad(d.getHours())}:${pad(d.getMinutes())}`; };

export function ago(ms, now) {
  const s = Math.max(0, Math.round((now - ms) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export const left = (ms) => { const s = Math.max(0, Math.ceil(ms / 1000)); return s >= 3600 ? `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`; };

// when is an absolute time with the date unless it is today.
export function when(ms, now = Date.now()) {
  if (!Number.isFinite(ms)) return el('span', null, 'time unknown');
  const d = new Date(ms);
  const day = d.toDateString() === new Date(now).toDateString() ? '' : `${d.getDate()} ${d.toLocaleString('en', { month: 'short' })} `;
  return el('time', { datetime: d.toISOString() }, day + clock(ms));
}

export const millis = (v) => (typeof v === 'number' ? v : Date.parse(v));
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

// place prints where in the configuration something was decided.
export function place(ref) {
  if (!ref) return '';
  if (typeof ref === 'string') return ref;
  if (!ref.file) return ref.pointer ? `${ref.pointer}, default` : '';
  return `${ref.file}${ref.line ? `:${ref.line}:${ref.column ?? 1}` : ''}${ref.pointer ? ` ${ref.pointer}` : ''}`;
}

// refusal shows rule, sentence, place and what a person can do, everywhere
// alike.
export function refusal({ rule, reason, where, hint, verdict }) {
  const word = verdict === 'ask' ? 'Asks' : verdict === 'allow' ? 'Allowed' : 'Refused';
  const spot = place(where);
  return el('div', { class: 'refusal', 'data-state': verdict === 'ask' || verdict === 'allow' ? 'na' : 'act' },
    el('p', null, el('strong', null, `${word}: `), rule ? outside(rule, 'code') : 'no rule was named', '. ', outside(reason ?? '')),
    spot ? el('p', { class: 'meta' }, 'Decided by ', outside(spot, 'code')) : null,
    hint ? el('p', null, outside(hint)) : null);
}

// problem shows an error of the gateway with its code and request.
export function problem(err, what) {
  const d = err.details ?? {};
  return el('div', { class: 'load', role: 'alert' }, badge('act', `${what} failed`), ' ',
    el('span', null, outside(err.message || 'The gateway gave no reason.'), err.code ? [' (', outside(err.code, 'code'), err.id ? `, request ${err.id}` : '', ')'] : null),
    d.hint ? el('span', null, outside(d.hint)) : null);
}

export const labelNames = (l) => (Array.isArray(l) ? l : typeof l === 'string' && l ? [l] : []);
export async function copyText(text) { await navigator.clipboard.writeText(text); }
