// Chat: "What is it doing, on whose word?" All rows are kept as data; only a
// window of them is in the page.
import { asText, badge, el, fill, icon, labelNames, millis, outside, place, problem, refusal, rich, slot, when, clone } from './dom.js';
import { attachments } from './attach.js';
import { Offline } from './ws.js';

export const title = 'Chat';

const WINDOW = 200;
const SHIFT = 100;
const SHOWN = 20000; // characters of one tool's output

export function mount(root, app, where) {
  const at = (name) => slot(root, name);
  const log = at('log');
  const field = root.querySelector('textarea');
  let key = '';
  let rows = [];
  let tools = new Map(); // toolCallId -> row
  let streams = new Map(); // runId -> row that still grows
  let from = 0;
  let to = 0;
  let loaded = false;
  let sending = false;
  let dirty = new Set();
  let frame = 0;
  let lineages = [];
  let agent = '';
  let turn = 0;
  let seen = new Set(); // ids of stored messages in rows
  const said = new Set(); // runs whose message is in rows
  const policy = () => app.conn.hello?.policy ?? {};
  const files = attachments(at('files'), () => Math.min(policy().attachments?.maxBytes ?? 0, ((policy().maxPayload ?? 0) - 65536) * 0.74), (text) => { at('note').textContent = text; });

  const fallback = () => app.conn.hello?.snapshot?.sessionDefaults?.mainSessionKey ?? 'agent:main:main';
  const agentOf = (k) => (/^agent:([^:]+):/.exec(k) ?? [])[1] ?? k;
  const mine = (k) => k === key;

  // ---- rows from history --------------------------------------------------

  function adopt(messages) {
    rows = [];
    seen = new Set();
    tools = new Map();
    streams = new Map();
    for (const m of messages) message(m);
  }

  function message(m) {
    const { role } = m;
    if (m.id) seen.add(m.id);
    const time = millis(m.timestamp);
    if (role === 'toolResult') { tool({ result: textOf(m), toolCallId: m.id ?? `result-${rows.length}`, ...m.call, phase: 'result', ts: time }); return; }
    const text = textOf(m);
    if (text || m.tree) {
      rows.push({ kind: 'msg', you: role === 'user', system: role === 'system', from: m.from, text, tree: m.tree, time, stopped: m.stopReason === 'aborted' });
      if (role === 'user' && m.runId) said.add(m.runId);
    }
    for (const b of Array.isArray(m.content) ? m.content : []) {
      if (b.type === 'toolCall') tool({ toolCallId: b.id, name: b.name, args: b.arguments, phase: 'start', ts: time });
    }
  }

  const textOf = (m) => (typeof m.content === 'string' ? m.content : Array.isArray(m.content) ? m.content.filter((b) => b.type === 'text' || typeof b === 'string').map((b) => b.text ?? b).join('\n') : m.text ?? '');

  // tool makes or completes the row of one call; what is known is kept.
  function tool(d) {
    let row = tools.get(d.toolCallId);
    const fresh = !row;
    if (fresh) { row = { kind: 'tool', id: d.toolCallId }; tools.set(d.toolCallId, row); rows.push(row); }
    for (const name of ['name', 'args', 'summary', 'verdict', 'rule', 'reason', 'hint', 'where', 'enforced', 'witness', 'approvalId', 'journalSeq', 'durationMs', 'newLabels', 'status', 'runId']) {
      if (d[name] !== undefined && d[name] !== null && d[name] !== '') row[name] = d[name];
    }
    if (d.phase === 'result' || d.phase === 'end') { row.done = d.status !== 'approval-pending'; row.result = typeof d.result === 'string' ? d.result : JSON.stringify(d.result ?? ''); row.isError = d.isError; }
    if (d.ts && d.phase === 'start') row.time = millis(d.ts);
    return { row, fresh };
  }

  function label(p) {
    if (p.added) lineages.push(p.added);
    for (const n of labelNames(p.labels)) if (!lineages.some((l) => labelNames(l.label).includes(n))) lineages.push({ label: [n] });
    rows.push({ kind: 'label', added: p.added ?? {}, effect: p.effect });
  }

  // ---- drawing ------------------------------------------------------------

  const draws = { msg: drawMessage, tool: drawTool, label: drawLabel, note: (r) => el('p', { class: 'note', 'data-state': r.state ?? 'na' }, badge(r.state ?? 'na', ''), ' ', r.text) };

  function nodeOf(row) { return row.node ??= draws[row.kind](row); }

  function redraw(row) {
    const old = row.node;
    row.node = null;
    const fresh = nodeOf(row);
    if (old?.open !== undefined && row.touched) fresh.open = old.open;
    if (old?.isConnected) old.replaceWith(fresh);
  }

  function drawMessage(row) {
    const name = row.you ? sender(row.from) : [el('strong', null, row.system ? 'Gateway' : outside(agent, 'code'))];
    const body = row.tree ? rich(row.tree) : el('div', { class: 'body plain-text' }, outside(row.text));
    if (row.tree) body.classList.add('body');
    row.body = body;
    return el('article', { class: row.you ? 'msg you' : 'msg' }, el('p', { class: 'who' }, name, Number.isFinite(row.time) ? when(row.time, app.now()) : null,
      row.stopped ? el('span', null, 'stopped before its end') : null), body);
  }

  // sender names who wrote: stable ids, never only a display name.
  function sender(from) {
    if (!from || /^(webchat|cli)\b/.test(from)) return [el('strong', null, 'You')];
    return [el('span', null, 'Sender'), el('strong', null, outside(from, 'code'))];
  }

  const verdicts = { allow: ['fine', 'allowed'], ask: ['na', 'asks'], deny: ['act', 'refused'] };

  function verdictOf(row) {
    const q = row.approvalId && app.approvals.get(row.approvalId);
    if (row.verdict === 'ask' && q && q.state !== 'waiting') return q.state === 'allowed' ? ['fine', 'allowed by you'] : ['act', q.state === 'expired' ? 'expired' : q.state === 'denied' ? 'denied' : q.state];
    return verdicts[row.verdict] ?? ['none', row.done ? 'decision not shown' : 'being decided'];
  }

  function drawTool(row) {
    const node = clone('part-tool').firstElementChild;
    const [state, word] = verdictOf(row);
    fill(slot(node, 'name'), outside(row.name ?? 'tool', 'code'));
    fill(slot(node, 'args'), outside(brief(row), 'code'));
    const v = slot(node, 'verdict');
    v.dataset.state = state;
    fill(v, icon(word === 'asks' ? 'wait' : state), ` ${word}`);
    fill(slot(node, 'rule'), row.rule ? outside(row.rule, 'code') : '');
    fill(slot(node, 'more'), extras(row));
    fill(slot(node, 'body'), details(row));
    node.open = row.verdict === 'deny' || (row.verdict === 'ask' && !row.done);
    return node;
  }

  // brief is the one line that says what the call is about.
  function brief(row) {
    if (row.summary) return row.summary;
    const a = row.args;
    if (a === undefined || a === null) return '';
    if (typeof a !== 'object') return String(a);
    for (const name of ['command', 'path', 'url', 'query', 'text', 'message']) if (typeof a[name] === 'string') return a[name].split('\n')[0];
    return JSON.stringify(a);
  }

  // told reports whether the one line already holds all arguments.
  const told = (row) => Object.keys(row.args).length < 2 && !row.summary && Object.values(row.args).every((v) => typeof v === 'string' && !v.includes('\n') && v.length < 60);

  function extras(row) {
    const out = [];
    if (row.enforced) out.push(row.enforced);
    if (Number.isFinite(row.durationMs)) out.push(`${(row.durationMs / 1000).toFixed(1)} s`);
    for (const l of labelNames(row.newLabels)) out.push(`+${l}`);
    if (row.done && row.isError && row.verdict === 'allow') out.push(row.status === 'stopped' ? 'stopped' : 'failed');
    return out.length ? outside(out.join(' · '), 'code') : row.verdict === 'allow' && !row.done ? 'runs' : '';
  }

  function details(row) {
    const out = [];
    if (row.verdict !== 'allow' && (row.rule || row.reason)) out.push(refusal(row));
    else if (row.reason) out.push(el('p', { class: 'meta' }, outside(row.reason), place(row.where) ? [' ', outside(place(row.where), 'code')] : ''));
    if (row.approvalId) out.push(el('p', null, el('a', { href: `/ui/approvals/${encodeURIComponent(row.approvalId)}` }, 'Open approval')));
    if (typeof row.args === 'object' && row.args && !told(row)) out.push(el('div', { class: 'code-box' }, el('pre', { tabindex: '0', 'aria-label': 'Arguments' }, outside(JSON.stringify(row.args, null, 1), 'code'))));
    if (row.done && row.result) {
      const cut = row.result.length > SHOWN;
      out.push(el('div', { class: 'code-box' }, el('pre', { tabindex: '0', 'aria-label': 'Result' }, outside(cut ? row.result.slice(0, SHOWN) : row.result, 'code'))));
      if (cut) out.push(el('p', { class: 'meta' }, `${row.result.length - SHOWN} characters more are in the transcript.`));
    }
    const proof = [];
    const prove = (...kids) => { if (proof.length) proof.push(' · '); proof.push(kids); };
    if (row.enforced) prove('Enforced: ', outside(row.enforced, 'code'));
    if (row.witness) prove('witness: ', outside(row.witness, 'code'));
    if (row.journalSeq) prove(`journal #${row.journalSeq}`);
    if (proof.length) out.push(el('p', { class: 'meta' }, proof));
    if (row.journalSeq && app.conn.has('policy.explain')) out.push(el('p', null, el('button', { class: 'quiet', 'data-do': 'trace', 'data-id': row.id }, 'Why: the whole trace')));
    if (row.trace) out.push(el('ol', { class: 'rows' }, row.trace.map((s) => el('li', null, badge(verdicts[s.verdict]?.[0] ?? 'none', ''), el('span', { class: 'what' }, outside(s.layer ?? '', 'code'), ' ', outside(s.rule ?? '', 'code')), el('span', { class: 'sub' }, outside(s.reason ?? ''), place(s.where) ? [' ', outside(place(s.where), 'code')] : '')))));
    return out;
  }

  const SEEN = { untrusted: 'seen untrusted text', private: 'seen private data', secret: 'touched a secret' };

  function drawLabel({ added, effect }) {
    const names = labelNames(added.label);
    return el('p', { class: 'note', 'data-state': 'none' }, icon('look'), ' From here on this session has ', names.map((n) => SEEN[n] ?? asText(n)).join(' and ') || 'a new label',
      added.from ? [' (', outside(added.from), ')'] : '', '. ', effect ? outside(effect) : names.includes('untrusted') ? 'Commands will ask.' : '');
  }

  // ---- window -------------------------------------------------------------

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 60;

  function windowTo(end, keepNode) {
    const anchor = keepNode?.isConnected ? keepNode.getBoundingClientRect().top : null;
    to = Math.min(rows.length, Math.max(end, 0));
    from = Math.max(0, to - WINDOW);
    fill(log, rows.length ? rows.slice(from, to).map(nodeOf) : empty());
    for (const r of rows) if (r.node && !r.node.isConnected) r.node = null;
    if (anchor !== null && keepNode.isConnected) log.scrollTop += keepNode.getBoundingClientRect().top - anchor;
    else log.scrollTop = log.scrollHeight;
    latest();
  }

  function empty() {
    return loaded ? el('p', { class: 'empty' }, 'Nothing has been said here yet. Write below. ', el('code', null, 'help'), ' tells what this agent understands.') : '';
  }

  // appended shows rows that came at the end, without moving what is read.
  function appended() {
    if (to < rows.length - 1 && !atEnd()) { latest(); return; }
    if (atEnd() || to === 0) { if (rows.length - from > WINDOW + 50 || to === 0) windowTo(rows.length); else { log.append(...rows.slice(to).map(nodeOf)); to = rows.length; log.scrollTop = log.scrollHeight; } }
    else { log.append(...rows.slice(to).map(nodeOf)); to = rows.length; }
    latest();
  }

  function latest() { at('latest').hidden = to === rows.length && atEnd(); }

  function scrolled() {
    if (log.scrollTop < 200 && from > 0) windowTo(Math.max(WINDOW, to - SHIFT), rows[from].node);
    else if (to < rows.length && atEnd()) windowTo(to + SHIFT, rows[to - 1].node);
    latest();
  }

  // touch asks for a row to be drawn again with the next frame.
  function touch(row) {
    dirty.add(row);
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      const end = atEnd();
      for (const r of dirty) { if (r.growing && r.node) fill(r.body, outside(r.text)); else if (r.node) redraw(r); }
      dirty.clear();
      if (to < rows.length) appended();
      if (end) log.scrollTop = log.scrollHeight;
    });
  }

  // ---- events -------------------------------------------------------------

  function chatEvent(p) {
    let row = streams.get(p.runId);
    if (p.state === 'delta') {
      if (!row) { row = { kind: 'msg', role: 'assistant', text: '', time: app.now(), growing: true }; rows.push(row); streams.set(p.runId, row); }
      if (p.deltaText !== undefined) row.text = p.replace ? p.deltaText : row.text + p.deltaText;
      else if (p.message) row.text = textOf(p.message);
      touch(row);
      return;
    }
    const text = p.message ? textOf(p.message) : '';
    const tree = p.message?.tree ?? p.tree;
    if (!row && (text || tree)) { row = { kind: 'msg', role: 'assistant', text, time: app.now() }; rows.push(row); }
    if (row) {
      row.growing = false;
      if (text) row.text = text;
      row.tree = tree;
      row.stopped = p.state === 'aborted';
      touch(row);
      app.say(`${agent}: ${asText(row.text, 'prose').slice(0, 300)}`);
    }
    streams.delete(p.runId);
    if (p.state === 'error') note('act', ['The run ended with an error: ', outside(p.errorMessage ?? p.errorKind ?? 'unknown')]);
    if (p.state === 'aborted' && !row) note('na', 'The run was stopped.');
    running();
  }

  function note(state, text) { const r = { kind: 'note', state, text }; rows.push(r); touch(r); }

  function agentEvent(p) {
    if (p.stream !== 'tool') { if (p.stream === 'lifecycle') running(); return; }
    const open = streams.get(p.runId);
    if (open) { open.growing = false; streams.delete(p.runId); touch(open); }
    const { row } = tool({ ...p.data, runId: p.runId, ts: p.ts });
    touch(row);
  }

  function running() {
    const on = [...app.runs.values()].some((r) => mine(r.sessionKey));
    at('stop').hidden = !on;
    at('stop2').hidden = !on;
    root.querySelector('.chat').toggleAttribute('data-running', on);
    app.guard();
  }

  function labels() {
    const names = [...new Set(lineages.flatMap((l) => labelNames(l.label ?? l)))];
    fill(at('labels'), names.map((n) => {
      const l = lineages.find((x) => labelNames(x.label ?? x).includes(n));
      return el('span', { class: 'label', title: l?.from ? `since ${asText(l.from)}` : undefined }, outside(n));
    }));
  }

  // ---- session ------------------------------------------------------------

  async function open(k) {
    const mark = ++turn;
    keepDraft();
    unfollow();
    const typed = key ? '' : field.value; // before the page knew its session
    key = k;
    agent = agentOf(k);
    fill(at('agent'), outside(agent, 'code'));
    field.placeholder = `Message ${asText(agent)}…`;
    files.clear();
    field.value = typed || (sessionStorage.getItem(`draft:${key}`) ?? '');
    loaded = false;
    rows = [];
    lineages = [];
    windowTo(0);
    labels();
    await history(mark);
  }

  // follow asks for the messages of others in this session; the wish ends with
  // the connection.
  function follow() {
    if (app.conn.has('sessions.messages.subscribe')) app.request('sessions.messages.subscribe', { key }).catch(() => {}); // without it the next snapshot has them
  }

  function unfollow() {
    if (key && app.live && app.conn.has('sessions.messages.unsubscribe')) app.request('sessions.messages.unsubscribe', { key }).catch(() => {});
  }

  async function history(mark = turn) {
    follow();
    const got = await app.load(at('load'), () => app.request('chat.history', { sessionKey: key, limit: 1000 }));
    if (!got || mark !== turn) return;
    loaded = true;
    lineages = [];
    adopt(got.messages ?? []);
    lineages = labelNames(got.labels).map((n) => ({ label: [n] }));
    if (got.truncated) rows.unshift({ kind: 'note', state: 'na', text: 'Earlier messages are in the transcript.' });
    about(mark);
    labels();
    windowTo(rows.length);
    running();
  }

  // about fills in what the list knows of this session: lineage, model, cost.
  async function about(mark) {
    const got = await app.request('sessions.list', { search: key, limit: 20 }).catch(() => null);
    const row = got?.sessions?.find((s) => s.key === key);
    if (!row || mark !== turn) return;
    if (row.lineage?.length) lineages = row.lineage;
    fill(at('meta'), [row.model, row.cost ? `$${row.cost.toFixed(2)}` : ''].filter(Boolean).map((x, i) => [i ? ' · ' : '', outside(x, 'code')]));
    labels();
  }

  function keepDraft() {
    if (!key) return;
    if (field.value) sessionStorage.setItem(`draft:${key}`, field.value);
    else sessionStorage.removeItem(`draft:${key}`);
  }

  async function send() {
    const text = field.value.trim();
    if ((!text && !files.any()) || sending) return;
    const reason = app.why();
    if (reason) { at('note').textContent = `${reason} Your text is kept.`; return; }
    sending = true;
    const mark = rows.length;
    const b = at('send');
    b.textContent = 'Sending…';
    b.dataset.sending = '';
    at('note').textContent = '';
    app.guard();
    try {
      const run = crypto.randomUUID();
      const got = await app.request('chat.send', { sessionKey: key, message: text, idempotencyKey: run, attachments: files.any() ? files.params() : undefined });
      const id = got.runId ?? run;
      if (!said.has(id)) { said.add(id); rows.splice(mark, 0, { kind: 'msg', you: true, text: [text, ...files.names().map((n) => `[attached: ${n}]`)].filter(Boolean).join('\n'), time: app.now() }); }
      if (got.status !== 'ok' && !ended.has(id)) app.runs.set(id, { runId: id, sessionKey: key, startedAtMs: app.now() });
      field.value = '';
      files.clear();
      keepDraft();
      windowTo(rows.length);
    } catch (e) { at('note').textContent = e instanceof Offline ? `${e.message} Your text is kept.` : `Not sent: ${asText(e.message, 'prose')}${e.code ? ` (${e.code})` : ''}`; }
    sending = false;
    b.textContent = 'Send';
    delete b.dataset.sending;
    running();
  }

  function stored(m) {
    if (m.role !== 'user' && m.role !== 'system') return; // replies come as chat events
    if ((m.runId && said.has(m.runId)) || (m.id && seen.has(m.id))) return;
    message(m);
    touch(rows.at(-1));
  }

  const ended = new Set(); // runs that were over before their acknowledgement

  async function switcher(b) {
    const box = at('switcher');
    const show = box.hidden;
    box.hidden = !show;
    b.setAttribute('aria-expanded', String(show));
    if (!show) return;
    fill(box, 'Loading…');
    try {
      const [sessions, agents] = await Promise.all([app.request('sessions.list', { limit: 100 }), app.conn.has('agents.list') ? app.request('agents.list', {}) : {}]);
      const keys = new Map((agents.agents ?? []).map((a) => [a.mainSessionKey ?? `agent:${a.id}:main`, a.name ?? a.id]));
      for (const s of sessions.sessions ?? []) keys.set(s.key, s.displayName ?? s.derivedTitle ?? keys.get(s.key) ?? '');
      fill(box, el('ul', { class: 'plain' }, [...keys].map(([k, name]) => el('li', null, el('a', { href: `/ui/chat/${encodeURIComponent(k)}`, 'aria-current': k === key ? 'true' : undefined }, outside(k, 'code')), name ? [' ', outside(name)] : ''))));
    } catch (e) { fill(box, problem(e, 'The list')); }
  }

  log.addEventListener('scroll', scrolled, { passive: true });
  log.addEventListener('toggle', (ev) => { const r = rows.find((x) => x.node === ev.target); if (r) r.touched = true; }, true);
  if (app.ready) open(where.arg || fallback());

  return {
    snapshot(why) { if (!key || why === 'mount') { if (!key) open(where.arg || fallback()); } else history(); },
    move(next) { at('switcher').hidden = true; at('switch').setAttribute('aria-expanded', 'false'); open(next.arg || fallback()); root.querySelector('h1').focus({ preventScroll: true }); },
    onEvent(name, p) {
      if (name === 'chat' && mine(p.sessionKey)) { if (p.state !== 'delta') ended.add(p.runId); chatEvent(p); }
      else if (name === 'agent' && (p.sessionKey === undefined ? app.runs.get(p.runId)?.sessionKey === key : mine(p.sessionKey))) agentEvent(p);
      else if (name === 'session.labels' && mine(p.sessionKey)) { label(p); labels(); touch(rows.at(-1)); }
      else if (name === 'session.message' && mine(p.sessionKey) && p.message) stored(p.message);
      else if (name.startsWith('exec.approval')) for (const r of rows) if (r.approvalId && r.approvalId === (p.id ?? p.view?.id)) { r.touched = false; touch(r); }
    },
    leave() { keepDraft(); unfollow(); cancelAnimationFrame(frame); },
    escape() { at('switcher').hidden = true; at('switch').setAttribute('aria-expanded', 'false'); },
    input(ev) {
      if (ev.target === field) keepDraft();
      if (ev.target !== at('file')) return;
      const chosen = [...ev.target.files];
      ev.target.value = ''; // the same file may be chosen again
      files.add(chosen);
    },
    submit: send,
    key(ev) {
      if (ev.target === field && ev.key === 'Enter' && !ev.shiftKey && !matchMedia('(pointer: coarse)').matches) { send(); return true; }
      return false;
    },
    acts: {
      sessions: switcher,
      attach: () => at('file').click(),
      detach: (b) => { files.drop(Number(b.dataset.id)); at('attach').focus(); },
      retry: () => history(),
      latest: () => { windowTo(rows.length); log.scrollTop = log.scrollHeight; },
      async stop(b) {
        b.dataset.sending = '';
        app.guard();
        try { await app.request('chat.abort', { sessionKey: key }); } catch (e) { at('note').textContent = `Not stopped: ${asText(e.message, 'prose')}`; }
        delete b.dataset.sending;
        running();
      },
      async trace(b) {
        const row = tools.get(b.dataset.id);
        try { row.trace = (await app.request('policy.explain', { seq: row.journalSeq })).trace ?? []; row.touched = true; redraw(row); } catch (e) { b.replaceWith(problem(e, 'The trace')); }
      },
    },
  };
}
