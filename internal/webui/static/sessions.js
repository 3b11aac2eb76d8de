// Sessions: "What is running or will run?"
import { ago, badge, count, el, fill, labelNames, millis, outside, problem, renew, slot } from './dom.js';

export const title = 'Sessions';

const STATES = { running: 'running', waiting: 'waits for you', idle: 'idle' };

export function mount(root, app) {
  const at = (name) => slot(root, name);
  let rows = null;
  let asking = null; // {key, what} whose confirmation is open

  async function fetch() {
    const got = await app.load(at('load'), () => app.request('sessions.list', { limit: 500 }));
    if (got) { rows = got.sessions ?? []; draw(); }
  }

  const stateOf = (s) => {
    if ([...app.runs.values()].some((r) => r.sessionKey === s.key)) return 'running';
    if (app.waiting().some((q) => q.view.session === s.key)) return 'waiting';
    return STATES[s.state] ? s.state : 'idle';
  };

  function draw() {
    if (!rows) return;
    const running = rows.filter((s) => stateOf(s) === 'running').length;
    const waits = rows.filter((s) => stateOf(s) === 'waiting').length;
    at('lead').textContent = rows.length ? `${count(rows.length, 'session')}: ${running} running, ${waits} waiting for you, ${rows.length - running - waits} idle.` : 'Nothing runs.';
    const word = root.querySelector('[data-filter]').value.trim().toLowerCase();
    const shown = rows.filter((s) => !word || `${s.key} ${s.displayName ?? s.derivedTitle ?? ''} ${s.agentId ?? ''}`.toLowerCase().includes(word));
    const next = shown.slice(0, 200).map(row);
    const more = shown.length > 200 ? el('tr', null, el('td', { colspan: 7 }, `${shown.length - 200} more: filter to find them.`)) : null;
    renew(at('rows'), next, more);
    at('table').hidden = rows.length === 0;
    at('empty').hidden = rows.length > 0;
    app.guard();
  }

  function row(s) {
    const state = stateOf(s);
    const labels = labelNames(s.labels);
    const cells = el('tr', { 'data-key': s.key },
      el('th', { scope: 'row' }, el('a', { href: `/ui/chat/${encodeURIComponent(s.key)}` }, outside(s.key, 'code')), s.displayName || s.derivedTitle ? el('span', { class: 'meta' }, ' ', outside(s.displayName || s.derivedTitle)) : null),
      cell('State', state === 'running' ? badge('fine', 'running') : state === 'waiting' ? badge('look', STATES.waiting) : badge('na', 'idle')),
      cell('Labels', labels.length ? labels.map((l) => [el('span', { class: 'label' }, outside(l)), ' ']) : '–'),
      cell('Started by', outside(s.startedBy || s.channel || '–')),
      cell('Calls', String(s.calls ?? '–')),
      cell('Last active', Number.isFinite(millis(s.updatedAt)) ? `${ago(millis(s.updatedAt), app.now())} ago` : '–'),
      el('td', null, el('span', { class: 'acts' },
        state === 'running' ? el('button', { class: 'stop', 'data-do': 'stop', 'data-acts': '' }, 'Stop') : null,
        ask(s.key, 'reset', 'Reset…'), ask(s.key, 'delete', 'Delete…'))));
    return asking?.key === s.key ? [cells, confirmation(s)] : [cells];
  }

  const cell = (label, ...kids) => el('td', { 'data-label': label }, kids);
  const ask = (key, what, word) => el('button', { class: 'quiet', 'data-do': 'ask', 'data-what': what, 'aria-expanded': String(asking?.key === key && asking.what === what) }, word);

  function confirmation(s) {
    const text = asking.what === 'reset'
      ? 'Reset starts this session anew: the agent forgets the conversation; the old transcript stays on disk.'
      : 'Delete removes the session and its transcript. The journal keeps what was decided.';
    return el('tr', { class: 'confirm', 'data-key': s.key }, el('td', { colspan: 7 }, el('p', null, text),
      el('p', { class: 'actions' }, el('button', { 'data-do': 'cancel' }, 'Cancel'),
        el('button', { 'data-do': 'confirm', 'data-acts': '' }, asking.what === 'reset' ? 'Reset this session' : 'Delete this session'), el('span', { class: 'meta', 'data-slot': 'note', role: 'status' }))));
  }

  const keyOf = (b) => b.closest('tr').dataset.key;
  const again = () => { if (app.live) fetch(); };
  if (app.ready) fetch();
  return {
    snapshot: again,
    onEvent(name, p) {
      if (name === 'sessions.changed') again();
      else if (name === 'agent' ? p.stream === 'lifecycle' : name === 'chat' ? p.state !== 'delta' : name.startsWith('exec.approval')) draw();
    },
    input(ev) { if (ev.target.matches('[data-filter]')) draw(); },
    escape() { if (asking) { asking = null; draw(); } },
    acts: {
      retry: fetch,
      ask(b) {
        const next = { key: keyOf(b), what: b.dataset.what };
        asking = asking?.key === next.key && asking.what === next.what ? null : next;
        draw();
        root.querySelector('.confirm button')?.focus();
      },
      cancel() { const k = asking.key; asking = null; draw(); [...root.querySelectorAll('tr')].find((t) => t.dataset.key === k)?.querySelector('[data-do=ask]')?.focus(); },
      async confirm(b) {
        const { key, what } = asking;
        b.dataset.sending = '';
        b.textContent = 'Sending…';
        app.guard();
        try {
          await app.request(`sessions.${what}`, what === 'delete' ? { key, deleteTranscript: true } : { key });
          asking = null;
          app.say(what === 'reset' ? 'Session reset.' : 'Session deleted.');
          await fetch();
        } catch (e) { fill(b.closest('td').querySelector('[data-slot=note]'), problem(e, what === 'reset' ? 'Reset' : 'Delete')); b.remove(); }
      },
      async stop(b) {
        b.dataset.sending = '';
        b.textContent = 'Sending…';
        app.guard();
        try { await app.request('chat.abort', { sessionKey: keyOf(b) }); } catch (e) { fill(at('load'), problem(e, 'Stop')).hidden = false; }
        draw();
      },
    },
  };
}
