// The connection: this browser's key, upstream's handshake, requests with
// answers, events in order. Nothing is queued while there is no connection.

const DB = 'openclaw';
const STORE = 'identity';
const SCOPES = ['operator.read', 'operator.write', 'operator.approvals', 'operator.admin', 'operator.pairing'];

function store(mode, act) {
  return new Promise((done, fail) => {
    const open = indexedDB.open(DB, 1);
    open.onupgradeneeded = () => open.result.createObjectStore(STORE);
    open.onerror = () => fail(open.error);
    open.onsuccess = () => {
      const db = open.result;
      const tx = db.transaction(STORE, mode);
      const req = act(tx.objectStore(STORE));
      tx.oncomplete = () => { db.close(); done(req.result); };
      tx.onabort = () => { db.close(); fail(tx.error); };
    };
  });
}

export const identity = () => store('readonly', (s) => s.get('self'));
export const forget = () => store('readwrite', (s) => s.delete('self'));

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const hex = (bytes) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, '0')).join('');

// makeIdentity creates a key that no script can read out, here included.
export async function makeIdentity() {
  const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify']);
  const raw = await crypto.subtle.exportKey('raw', pair.publicKey);
  const id = hex(await crypto.subtle.digest('SHA-256', raw));
  return { id, publicKey: base64url(raw), key: pair.privateKey };
}

export const keepIdentity = (self) => store('readwrite', (s) => s.put(self, 'self'));

// Refusal is an error answer of the gateway.
export class Refusal extends Error {
  constructor(error, id) {
    super(error?.message ?? 'the gateway refused');
    this.code = error?.code ?? '';
    this.details = error?.details ?? {};
    this.id = id;
  }
}

// Offline is why a request was not sent at all.
export class Offline extends Error {}

const trim = (s) => String(s ?? '').trim().replace(/[A-Z]/g, (c) => c.toLowerCase());

// Connection calls on(state, detail) for: live, reconnecting, offline, ended.
// "live" always means that a new snapshot has to be fetched.
export class Connection {
  constructor({ onState, onEvent, build }) {
    this.onState = onState;
    this.onEvent = onEvent;
    this.build = build;
    this.state = 'connecting';
    this.waiting = new Map();
    this.next = 1;
    this.tries = 0;
    this.offset = 0;
    this.lastHeard = 0;
    this.tick = 15000;
    this.methods = new Set();
    addEventListener('online', () => this.hurry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.hurry(); });
    setInterval(() => this.watch(), 1000);
  }

  // now is the gateway's clock.
  now() { return Date.now() + this.offset; }

  get live() { return this.state === 'live'; }

  // fresh reports whether what this tab shows is younger than two ticks.
  get fresh() { return this.live && performance.now() - this.lastHeard < 2 * this.tick; }

  has(method) { return this.methods.size === 0 || this.methods.has(method); }

  set(state, detail) {
    if (this.state === state && state !== 'live') return;
    this.state = state;
    this.onState(state, detail);
  }

  async start() {
    this.self = await identity();
    if (!this.self) { this.set('ended', 'This browser is not signed in.'); return; }
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.timer = 0;
    const sock = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/`);
    this.sock = sock;
    this.seq = 0;
    this.hello = null;
    sock.onmessage = (m) => { if (sock === this.sock) this.frame(m.data); };
    sock.onclose = (e) => { if (sock === this.sock) this.closed(e); };
    this.opening = setTimeout(() => sock.close(4001, 'no hello'), 15000);
  }

  frame(data) {
    let f;
    try { f = JSON.parse(data); } catch { this.sock.close(4002, 'not JSON'); return; }
    this.lastHeard = performance.now();
    if (f.type === 'res') { this.answer(f); return; }
    if (f.type !== 'event') return;
    if (f.event === 'connect.challenge') { this.connect(f.payload).catch((e) => this.failed(e)); return; }
    if (f.event === 'tick' && f.payload?.ts) this.offset = f.payload.ts - Date.now();
    if (typeof f.seq === 'number') {
      if (this.seq && f.seq !== this.seq + 1) { this.seq = f.seq; this.onState('live', 'gap'); return; }
      this.seq = f.seq;
    }
    this.onEvent(f.event, f.payload ?? {});
  }

  answer(f) {
    const w = this.waiting.get(f.id);
    if (!w) return;
    this.waiting.delete(f.id);
    clearTimeout(w.timer);
    if (f.ok) w.done(f.payload ?? {});
    else w.fail(new Refusal(f.error, f.id));
  }

  async connect(challenge) {
    const client = { id: 'openclaw-control-ui', displayName: 'Control UI', version: this.build, platform: navigator.platform || 'web', mode: 'ui' };
    const signedAt = challenge.ts ?? Date.now();
    if (challenge.ts) this.offset = challenge.ts - Date.now();
    const text = ['v3', this.self.id, client.id, client.mode, 'operator', SCOPES.join(','), signedAt, '', challenge.nonce, trim(client.platform), ''].join('|');
    const signature = base64url(await crypto.subtle.sign({ name: 'Ed25519' }, this.self.key, new TextEncoder().encode(text)));
    const hello = await this.send('connect', {
      minProtocol: 3, maxProtocol: 4, client, role: 'operator', scopes: SCOPES, caps: ['tool-events'],
      device: { id: this.self.id, publicKey: this.self.publicKey, signature, signedAt, nonce: challenge.nonce },
    });
    clearTimeout(this.opening);
    this.hello = hello;
    this.tries = 0;
    this.tick = hello.policy?.tickIntervalMs ?? 15000;
    this.methods = new Set(hello.features?.methods ?? []);
    this.lastHeard = performance.now();
    this.set('live', 'hello');
    this.compareBuild();
  }

  // compareBuild notices that the gateway serves another UI than this one.
  async compareBuild() {
    if (!this.again) { this.again = true; return; } // the frame has only just been served
    try {
      const res = await fetch('/ui/build', { cache: 'no-store' });
      if (res.ok && (await res.text()).trim() !== this.build) this.onState('old');
    } catch { /* the socket will say so */ }
  }

  // failed handles a refused handshake. A key that the gateway does not know
  // ends the session; anything else is tried again.
  failed(err) {
    const code = err.details?.code ?? err.code ?? '';
    if (/PAIRING|NOT_PAIRED|REVOKED|UNAUTHORIZED|FORBIDDEN|AUTH_TOKEN|DEVICE_(ID|PUBLIC|AUTH_SIGNATURE_INVALID|AUTH_DEVICE|AUTH_PUBLIC)/.test(code)) {
      this.end(/REVOKED/.test(code) ? 'This browser was signed out.' : 'The gateway does not know this browser.');
      return;
    }
    this.sock.close(4003, 'handshake');
  }

  end(why) {
    clearTimeout(this.timer);
    const sock = this.sock;
    this.sock = null;
    sock?.close();
    this.drop();
    this.set('ended', why);
  }

  closed(e) {
    clearTimeout(this.opening);
    this.sock = null;
    this.drop();
    if (e.code === 1008 && /pairing|revoked|signed out/i.test(e.reason)) { this.set('ended', 'This browser was signed out.'); return; }
    if (this.state === 'ended') return;
    const wait = Math.min(10000, 250 * 2 ** this.tries) * (0.75 + Math.random() / 2);
    this.tries++;
    this.since ??= Date.now();
    this.set(this.tries > 2 ? 'offline' : 'reconnecting');
    this.timer = setTimeout(() => this.open(), wait);
  }

  drop() {
    for (const w of this.waiting.values()) { clearTimeout(w.timer); w.fail(new Offline('The connection was lost before the gateway answered.')); }
    this.waiting.clear();
  }

  hurry() { if (this.timer && !this.sock) { this.tries = Math.min(this.tries, 1); this.open(); } }

  watch() {
    if (this.live && performance.now() - this.lastHeard > 2 * this.tick) this.sock?.close(4000, 'tick timeout');
  }

  send(method, params, timeout = 30000) {
    const sock = this.sock;
    if (sock?.readyState !== WebSocket.OPEN) return Promise.reject(new Offline('There is no connection to the gateway.'));
    const id = String(this.next++);
    return new Promise((done, fail) => {
      const timer = setTimeout(() => { this.waiting.delete(id); fail(new Refusal({ message: `no answer in ${timeout / 1000} s`, code: 'TIMEOUT' }, id)); }, timeout);
      this.waiting.set(id, { done, fail, timer });
      sock.send(JSON.stringify({ type: 'req', id, method, params }));
    });
  }

  // request is send() for pages: it refuses unless the tab is live.
  request(method, params = {}, timeout) {
    if (!this.live) return Promise.reject(new Offline('There is no connection to the gateway. Nothing was sent.'));
    return this.send(method, params, timeout);
  }
}
