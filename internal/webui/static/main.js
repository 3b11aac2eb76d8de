// The frame: navigation, header, connection state, keys, and the facts that
// every page shares. Pages are modules that export mount(root, app, where).

import { $, $$, clock, clone, copyText, count, el, fill, hrefOf, icon, millis, openLink, problem, slot, asText, stateOf } from './dom.js';
import { Connection, Offline, forget } from './ws.js';

const root = document.documentElement;
const main = $('#main');
const BUILD = $('meta[name=build]').content;
const BASE_TITLE = 'OpenClaw';

const app = {
  approvals: new Map(), // id -> {id, view, createdAtMs, expiresAtMs, state, answer}
  runs: new Map(), // runId -> {runId, sessionKey, startedAtMs}
  overview: null,
  lockdown: null, // what is stopped, {mode: ''} when nothing is
  ready: false, // the first snapshot has arrived
  now: () => conn.now(),
  get live() { return conn.fresh; },
  get conn() { return conn; },
  request: (...args) => conn.request(...args),
  go, say, shout, load, guard, why, tell, refresh: snapshot, waiting, settle,
};

// ---- settings of this browser ---------------------------------------------

const setting = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private mode: lasts for the page */ } };

function theme(value) {
  if (value === 'light' || value === 'dark') root.dataset.theme = value;
  else delete root.dataset.theme;
  for (const r of $$('input[name=theme]')) r.checked = r.value === (root.dataset.theme ?? 'auto');
}
theme(setting('theme'));
$('#letters').checked = setting('letters') !== 'off';

// ---- announcements --------------------------------------------------------

let spoken = [];
let speaking = 0;
function say(text) {
  spoken.push(text);
  speaking ||= setTimeout(() => { $('#say').textContent = spoken.join(' '); spoken = []; speaking = 0; }, 1000);
}
function shout(text) { $('#shout').textContent = text; }

// ---- other tabs -----------------------------------------------------------

const tabs = new BroadcastChannel('openclaw');
function tell(kind, detail) { tabs.postMessage({ kind, ...detail }); }
tabs.onmessage = ({ data }) => {
  if (data.kind === 'theme') theme(data.value);
  if (data.kind === 'answered') settle(data);
  if (data.kind === 'signed-out') conn.end('This browser was signed out in another tab.');
  if (data.kind === 'signed-in' && conn.state === 'ended' && current.page !== 'login') location.reload();
};

// ---- connection and shared facts ------------------------------------------

const conn = new Connection({ onState, onEvent, build: BUILD });
let asOf = 0;

function onState(state, detail) {
  if (state === 'old') { banner('look', 'The gateway was updated.', el('button', { 'data-do': 'reload' }, 'Reload')); root.dataset.old = ''; guard(); return; }
  root.dataset.conn = state;
  if (state === 'live') { banner(); snapshot(detail); }
  if (state === 'ended') ended(detail);
  if (state === 'offline' || state === 'reconnecting') {
    asOf ||= conn.now();
    banner('look', `No connection to the gateway. What is shown is as of ${clock(asOf)}. Nothing is sent or queued.`);
  }
  header();
  guard();
}

function banner(state, text, ...more) {
  if (!state && root.dataset.old !== undefined) return;
  const b = $('#banner');
  b.hidden = !state;
  if (state) { b.dataset.state = state; fill(b, icon(state), el('span', null, text), more); }
}

// snapshot fetches what every page shows. It replaces, never merges.
async function snapshot(detail) {
  try {
    const optional = (method, params) => (conn.has(method) ? conn.request(method, params).catch((e) => ({ problem: e })) : null);
    const [approvals, overview, sessions, lockdown] = await Promise.all([conn.request('exec.approval.list', {}), optional('overview.get', {}), optional('sessions.list', { limit: 200 }), optional('lockdown.state', {})]);
    asOf = 0;
    const fresh = new Map();
    for (const item of approvals.approvals ?? []) { const q = question(item); if (q) fresh.set(q.id, q); }
    const lost = [...app.approvals.values()].filter((q) => q.state === 'waiting' && !fresh.has(q.id));
    const old = [...app.approvals.values()].filter((q) => q.state !== 'waiting' && !fresh.has(q.id));
    app.approvals = new Map([...old.slice(-100).map((q) => [q.id, q]), ...fresh]);
    await Promise.all(lost.map(lookUp));
    if (overview) app.overview = overview;
    if (sessions && !sessions.problem) app.runs = new Map((sessions.sessions ?? []).filter((r) => r.state === 'running' && r.runId).map((r) => [r.runId, { runId: r.runId, sessionKey: r.key, startedAtMs: r.runningSinceMs }]));
    if (lockdown && !lockdown.problem) locked(lockdown);
    const first = !app.ready;
    app.ready = true;
    header();
    if (first && location.pathname === '/ui/' && waiting().length && !sessionStorage.getItem('been')) go('/ui/approvals', 'replace');
    sessionStorage.setItem('been', '1');
    current.view?.snapshot?.(detail);
  } catch (e) {
    if (!(e instanceof Offline)) fill($('#banner'), problem(e, 'The snapshot')).hidden = false;
  }
  guard();
}

// locked shows on every page that something is stopped.
async function locked(state) {
  const was = app.lockdown?.mode;
  app.lockdown = state;
  if (state.mode) banner('act', (await import('./stop.js')).sentence(state));
  else if (was) banner();
}

// lookUp asks what became of a question that the list no longer has.
async function lookUp(q) {
  const known = { ...q, state: 'gone' };
  app.approvals.set(q.id, known);
  try {
    const got = question(await conn.request('exec.approval.get', { id: q.id }));
    if (got) app.approvals.set(q.id, got);
  } catch { /* "gone" is what we know */ }
}

const WORDS = { waiting: 'waiting', allowed: 'allowed', denied: 'denied', expired: 'expired', voided: 'voided' };
const DECISIONS = { 'allow-once': 'allowed', 'allow-always': 'allowed', deny: 'denied', expired: 'expired', voided: 'voided' };

function question(item) {
  const view = item?.view ?? item?.approval?.view ?? (item?.headline ? item : null);
  if (!view) return null;
  const answer = item.answer ?? null;
  return {
    id: item.id ?? view.id, view,
    createdAtMs: item.createdAtMs ?? millis(view.created), expiresAtMs: item.expiresAtMs ?? millis(view.expires),
    state: WORDS[item.state ?? answer?.state] ?? DECISIONS[item.decision] ?? 'waiting', answer,
    extensionsLeft: item.extensionsLeft ?? 3,
  };
}

function settle(p) {
  const q = app.approvals.get(p.id);
  if (!q || (q.state !== 'waiting' && q.answer && !p.own)) return; // own: the gateway took this browser's answer, and it takes one
  q.state = WORDS[p.state ?? p.answer?.state] ?? DECISIONS[p.decision] ?? 'gone';
  q.answer = p.answer ?? { by: p.by ?? p.resolvedBy, at: p.at ?? p.ts, reason: p.reason, scope: p.scope };
  header();
  current.view?.onEvent?.('exec.approval.resolved', p);
}

function onEvent(name, p) {
  switch (name) {
    case 'exec.approval.requested': {
      const q = question(p);
      if (!q) break;
      const first = !app.approvals.has(q.id);
      app.approvals.set(q.id, q);
      if (first) { say(`An approval waits: ${asText(q.view.headline ?? '', 'prose')}`); notify(); }
      header();
      break;
    }
    case 'exec.approval.resolved': settle(p); return;
    case 'events.dropped': snapshot('gap'); return;
    case 'exec.approval.extended': { const q = app.approvals.get(p.id); if (q) q.expiresAtMs = p.expiresAtMs; break; }
    case 'agent':
      if (p.stream === 'lifecycle') {
        if (p.data?.phase === 'start') app.runs.set(p.runId, { runId: p.runId, sessionKey: p.sessionKey, startedAtMs: p.ts });
        else app.runs.delete(p.runId);
        header();
      }
      break;
    case 'chat':
      if (p.state === 'delta') { if (!app.runs.has(p.runId)) { app.runs.set(p.runId, { runId: p.runId, sessionKey: p.sessionKey, startedAtMs: app.now() }); header(); } }
      else if (app.runs.delete(p.runId)) header();
      break;
    case 'lockdown': locked(p); break;
    case 'shutdown': say('The gateway stops.'); break;
  }
  current.view?.onEvent?.(name, p);
}

function waiting() { return [...app.approvals.values()].filter((q) => q.state === 'waiting').sort((a, b) => a.createdAtMs - b.createdAtMs); }

// ---- header ---------------------------------------------------------------

function header() {
  const n = waiting().length;
  const waits = $('#h-waits');
  waits.hidden = n === 0;
  slotText(waits, n === 1 ? '1 waits' : `${n} wait`);
  const chip = $('#n-waits');
  if (chip) chip.textContent = n ? ` (${n})` : '';
  document.title = `${n ? `(${n}) ` : ''}${current.title ?? BASE_TITLE} · ${BASE_TITLE}`;
  const h = $('#h-verdict');
  const state = conn.live ? stateOf(app.overview?.verdict) : 'none';
  if (h.dataset.state !== state) { h.dataset.state = state; h.replaceChild(icon(state), h.firstElementChild); }
  slotText(h, short(state, app.overview?.counts ?? {}));
  const runs = [...app.runs.values()];
  const stop = $('#h-stop');
  const all = conn.has('lockdown.start');
  const word = all ? 'Stop everything' : runs.length > 1 ? `Stop ${runs.length} runs` : 'Stop run';
  if (all) {
    slotText(stop, word);
    stop.dataset.off = '';
    stop.setAttribute('aria-label', word);
  } else if (!stop.dataset.sending) {
    slotText(stop, word);
    stop.dataset.off = runs.length ? '' : '1';
    stop.setAttribute('aria-label', runs.length ? word : 'Stop run: nothing runs');
  }
  link();
  guard();
}

function short(state, c) {
  if (state === 'act') return `act on ${c.act ?? 1}`;
  if (state === 'look') return `${c.look ?? 1} to look at`;
  return state === 'fine' ? 'fine' : 'not measured';
}

function link() {
  const c = $('#h-conn');
  const state = conn.state;
  c.dataset.conn = state;
  c.replaceChild(icon(state === 'live' ? 'live' : 'off'), c.firstElementChild);
  slotText(c, state === 'offline' || state === 'reconnecting' ? `${state}${asOf ? ` ${Math.max(0, Math.round((conn.now() - asOf) / 1000))} s` : ''}` : state === 'ended' ? 'signed out' : state);
}

const slotText = (node, text) => { const t = $('.t', node); if (t.textContent !== text) t.textContent = text; };

// why says why nothing can be sent from this tab, or nothing.
function why() {
  if (root.dataset.old !== undefined) return 'The gateway was updated. Reload this page first.';
  if (!conn.live) return 'There is no connection to the gateway.';
  if (!conn.fresh) return 'This tab has not heard from the gateway for a while.';
  return '';
}

// guard shows on every acting button whether it may be pressed.
function guard() {
  const reason = why();
  for (const b of $$('[data-acts], #h-stop')) {
    const off = Boolean(reason) || b.dataset.off === '1' || b.dataset.sending !== undefined;
    if (off) b.setAttribute('aria-disabled', 'true'); else b.removeAttribute('aria-disabled');
    if (reason) b.title = reason; else b.removeAttribute('title');
  }
}

// ---- loading --------------------------------------------------------------

// load runs ask() and shows in box when it takes long or fails.
async function load(box, ask) {
  const wait = (ms, ...kids) => setTimeout(() => { fill(box, kids).hidden = false; }, ms);
  const soon = wait(300, el('span', null, 'Loading…'));
  const late = wait(5000, el('span', null, 'The gateway has not answered for 5 s.'), el('button', { 'data-do': 'retry' }, 'Try again'));
  try {
    const got = await ask();
    box.hidden = true;
    return got;
  } catch (e) {
    if (e instanceof Offline) box.hidden = true;
    else fill(box, problem(e, 'Loading'), el('button', { 'data-do': 'retry' }, 'Try again')).hidden = false;
    return null;
  } finally { clearTimeout(soon); clearTimeout(late); }
}

// ---- pages ----------------------------------------------------------------

const current = { page: root.dataset.page, view: null, title: '' };

function where(url = location) {
  const rest = url.pathname.slice('/ui/'.length);
  const at = rest.indexOf('/');
  const head = at < 0 ? rest : rest.slice(0, at);
  let arg = at < 0 ? '' : rest.slice(at + 1);
  try { arg = decodeURIComponent(arg); } catch { /* keep it as it is */ }
  return { page: head || 'overview', arg, query: new URLSearchParams(url.search), hash: url.hash };
}

async function show(place, focus) {
  const tpl = document.getElementById(`page-${place.page}`);
  if (!tpl) { location.assign('/ui/'); return; }
  const same = current.page === place.page && current.view;
  if (same && current.view.move) { current.view.move(place); header(); return; }
  const turn = current.turn = Symbol('turn');
  const mod = await import(`./${place.page}.js`);
  if (turn !== current.turn) return;
  current.view?.leave?.();
  if (same || root.dataset.page !== place.page || !main.firstElementChild) main.replaceChildren(tpl.content.cloneNode(true));
  root.dataset.page = current.page = place.page;
  for (const a of $$('.nav a')) { if (a.dataset.nav === place.page) a.setAttribute('aria-current', 'page'); else a.removeAttribute('aria-current'); }
  current.title = mod.title ?? '';
  current.view = mod.mount(main, app, place);
  if (focus) { if (!$(':focus', main)) $('h1', main)?.focus({ preventScroll: true }); scrollTo(0, 0); }
  if (app.ready) current.view.snapshot?.('mount');
  header();
}

function go(url, how = 'push') {
  const to = new URL(url, location.href);
  if (how === 'replace') history.replaceState(null, '', to); else if (to.href !== location.href) history.pushState(null, '', to);
  $('#more').open = false;
  show(where(to), how === 'push');
}

function ended(text) {
  if (where().page === 'login') { show(where()); return; }
  current.view?.leave?.();
  current.view = null;
  app.approvals.clear();
  app.runs.clear();
  app.overview = null;
  app.ready = false;
  main.replaceChildren(clone('part-ended'));
  slot(main, 'why').textContent = text || 'This browser is not signed in.';
  banner();
  shout('Signed out. The page was emptied.');
}

// ---- what buttons do ------------------------------------------------------

const acts = {
  keys: () => { $('#more').open = false; $('#keys').showModal(); },
  'keys-close': () => $('#keys').close(),
  'leave-close': () => $('#leave').close(),
  'leave-copy': () => copyText(asText($('#leave-url').textContent)),
  reload: () => location.reload(),
  retry: () => snapshot('retry'),
  link: (a) => openLink(hrefOf(a)),
  async 'sign-out'() {
    const id = conn.self?.id;
    let note = 'Signed out. This browser\'s key is gone.';
    try { await conn.request('device.pair.remove', { deviceId: id }); } catch { note = 'Signed out here. The gateway could not be told: revoke this browser with openclaw devices remove.'; }
    await forget();
    tell('signed-out');
    conn.end(note);
  },
  'stop-cancel': async () => (await import('./stop.js')).close(),
  'stop-now': async (b) => (await import('./stop.js')).now(app, b),
  async 'stop-runs'(b) {
    if (conn.has('lockdown.start')) { (await import('./stop.js')).open(app); return; }
    const runs = [...app.runs.values()];
    b.dataset.sending = '';
    slotText(b, 'Sending…');
    guard();
    const done = await Promise.allSettled(runs.map((r) => conn.request('chat.abort', { sessionKey: r.sessionKey, runId: r.runId })));
    delete b.dataset.sending;
    const failed = done.filter((d) => d.status === 'rejected').length;
    if (failed) banner('act', `${count(failed, 'run')} could not be stopped: ${asText(done.find((d) => d.reason)?.reason.message ?? '')}. On the host: openclaw gateway stop.`);
    else say(`${count(runs.length, 'run')} told to stop.`);
    header();
  },
};

function press(ev) {
  const b = ev.target.closest('[data-do]');
  if (b) {
    const act = current.view?.acts?.[b.dataset.do] ?? acts[b.dataset.do];
    if (b.tagName === 'A') ev.preventDefault();
    if (!act) return;
    if (b.getAttribute('aria-disabled') === 'true') { say(b.dataset.reason || why() || b.getAttribute('aria-label') || 'Not now.'); return; }
    act(b, ev);
    return;
  }
  if (ev.target.closest('.skip')) { ev.preventDefault(); main.focus(); return; } // a fragment would count as a move to another page
  const a = ev.target.closest('a[href^="/ui/"]');
  if (!a || a.target || ev.button !== 0 || ev.metaKey || ev.ctrlKey || ev.shiftKey || ev.altKey) return;
  ev.preventDefault();
  go(a.getAttribute('href'));
}

// ---- keys -----------------------------------------------------------------

let chord = 0;
const letters = new Map($$('#keys dt').filter((d) => d.children.length === 2 && d.children[0].textContent === 'g').map((d) => [d.children[1].textContent, d.nextElementSibling.textContent]));

function key(ev) {
  if (ev.key === 'Escape') { $('#more').open = false; if (!$('#stop-panel').hidden) acts['stop-cancel'](); current.view?.escape?.(); return; }
  if (ev.ctrlKey || ev.metaKey || ev.altKey || ev.isComposing) return;
  if (current.view?.key?.(ev)) { ev.preventDefault(); return; }
  if (ev.target.closest('input, textarea, select, dialog') || !$('#letters').checked) return;
  if (ev.timeStamp - chord < 1500 && chord) {
    chord = 0;
    const title = letters.get(ev.key);
    const a = title && $$('.nav a').find((n) => n.firstChild.textContent === title);
    if (a) { ev.preventDefault(); go(a.getAttribute('href')); }
    return;
  }
  if (ev.key === 'g') chord = ev.timeStamp;
  if (ev.key === '?') { ev.preventDefault(); acts.keys(); }
  if (ev.key === '/') { const f = $('[data-filter], .composer textarea'); if (f) { ev.preventDefault(); f.focus(); } }
}

// ---- notifications: one tab, no content -----------------------------------

function notify() {
  if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted' || setting('notify') !== 'on') return;
  navigator.locks.request('notify', { ifAvailable: true }, async (lock) => {
    if (lock) new Notification(BASE_TITLE, { body: count(waiting().length, 'approval waits', 'approvals wait'), tag: 'approvals' });
  });
}

// ---- start ----------------------------------------------------------------

document.addEventListener('click', press);
document.addEventListener('keydown', key);
document.addEventListener('change', (ev) => {
  if (ev.target.name === 'theme') { keep('theme', ev.target.value); theme(ev.target.value); tell('theme', { value: ev.target.value }); }
  if (ev.target.id === 'letters') keep('letters', ev.target.checked ? 'on' : 'off');
  if (ev.target.id === 'notify') { keep('notify', ev.target.checked ? 'on' : 'off'); if (ev.target.checked) Notification.requestPermission(); }
  current.view?.change?.(ev);
});
document.addEventListener('submit', (ev) => { ev.preventDefault(); current.view?.submit?.(ev); });
document.addEventListener('input', (ev) => current.view?.input?.(ev));
document.addEventListener('visibilitychange', () => { if (!document.hidden) current.view?.shown?.(); });
addEventListener('popstate', () => show(where(), true));
setInterval(() => {
  if (conn.state === 'offline' || conn.state === 'reconnecting') link();
  if (conn.live) guard();
  current.view?.tick?.(conn.now());
}, 1000);
$('#notify').checked = setting('notify') === 'on';

await show(where());
conn.start();
