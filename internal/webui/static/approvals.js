// Approvals: "Shall this one call happen?" A card is made once and then only
// changed in place; nothing ever takes its spot while it is looked at.
import { ago, asText, badge, clock, clone, copyText, count, el, fill, icon, left, millis, outside, place, problem, punycode, slot, when } from './dom.js';
import { Offline } from './ws.js';

export const title = 'Approvals';

const ARMING = 700; // ms in which a card that has just moved takes no answer
const LONG = { lines: 20, chars: 2000 };
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;
const lengths = { session: 'for this session', agent: 'for this agent, for a time', always: 'for this agent until revoked' };
const quoted = (a) => (PLAIN.test(a) ? a : `'${a.replaceAll("'", "'\\''")}'`);

export function mount(root, app, where) {
  const at = (name) => slot(root, name);
  const cards = new Map(); // id -> card
  const tabOf = (query) => (['answered', 'rules'].includes(query.get('tab')) ? query.get('tab') : 'waiting');
  let tab = tabOf(where.query);
  let shown = where.arg;
  let wanted = Boolean(where.arg); // focus goes to the headline once it is there
  let older = [];
  const observer = new ResizeObserver(() => arm());
  observer.observe(root);

  const all = () => {
    const known = new Map([...older.map((q) => [q.id, q]), ...app.approvals]);
    return [...known.values()].filter((q) => (tab === 'waiting' ? q.state === 'waiting' || q.id === shown : q.state !== 'waiting'))
      .sort((a, b) => (tab === 'waiting' ? a.createdAtMs - b.createdAtMs : b.createdAtMs - a.createdAtMs));
  };

  // ---- list ---------------------------------------------------------------

  function draw() {
    if (!app.ready) return;
    for (const a of root.querySelectorAll('.tabs a')) { if (a.dataset.tab === tab) a.setAttribute('aria-current', 'page'); else a.removeAttribute('aria-current'); }
    at('rules').hidden = tab !== 'rules';
    root.querySelector('.split').hidden = tab === 'rules';
    if (tab === 'rules') { at('lead').textContent = 'Answers that last, and stored approvals that are not used.'; return; }
    const list = all();
    const open = app.waiting();
    if (!list.some((q) => q.id === shown) && !(shown && wanted)) shown = list[0]?.id ?? '';
    at('lead').textContent = tab === 'waiting' ? sentence(open) : list.length ? `${count(list.length, 'request')} answered since the gateway started.` : 'None was answered since the gateway started.';
    fill(at('list'), list.map((q) => el('li', null, el('a', { href: `/ui/approvals/${encodeURIComponent(q.id)}${tab === 'answered' ? '?tab=answered' : ''}`, 'aria-current': q.id === shown ? 'true' : undefined },
      outside(q.view.headline ?? ''), el('span', { class: 'meta' }, q.state === 'waiting' ? `asked ${ago(q.createdAtMs, app.now())} ago` : q.state)))));
    root.querySelector('.split').classList.toggle('alone', list.length < 2);
    const nth = list.findIndex((q) => q.id === shown);
    at('stepper').hidden = list.length < 2;
    at('nth').textContent = `${nth + 1} of ${list.length}`;
    const q = list.find((x) => x.id === shown);
    if (q) show(q);
    else if (shown && wanted) fetchOne(shown);
    else fill(at('card'), el('p', { class: 'empty' }, tab === 'waiting' ? empty() : ''));
  }

  function sentence(open) {
    if (!open.length) return 'Nothing waits for you.';
    return `${count(open.length, 'call waits', 'calls wait')}, the oldest for ${ago(open[0].createdAtMs, app.now())}. Without an answer it is refused.`;
  }

  function empty() {
    const last = [...app.approvals.values()].filter((q) => q.state !== 'waiting').sort((a, b) => b.createdAtMs - a.createdAtMs)[0];
    return last ? ['The last call that asked was ', ago(last.createdAtMs, app.now()), ' ago: ', outside(last.view.headline ?? ''), ` ${last.state}.`] : 'Calls that need your word appear here by themselves.';
  }

  async function fetchOne(id) {
    wanted = false;
    fill(at('card'));
    const got = await app.load(at('load'), () => app.request('exec.approval.get', { id }));
    if (got?.view) { app.approvals.set(id, { id, view: got.view, createdAtMs: got.createdAtMs ?? millis(got.view.created), expiresAtMs: got.expiresAtMs ?? millis(got.view.expires), state: got.state ?? got.answer?.state ?? 'gone', answer: got.answer }); wanted = true; }
    else if (shown === id) shown = '';
    draw();
  }

  // ---- card ---------------------------------------------------------------

  function show(q) {
    const box = at('card');
    let c = cards.get(q.id);
    if (!c) { c = make(q); cards.set(q.id, c); }
    c.q = q;
    if (box.firstElementChild !== c.node) { fill(box, c.node); observer.observe(c.node); arm(); }
    update(c);
    if (wanted) { wanted = false; slot(c.node, 'headline').focus(); }
  }

  function make(q) {
    const node = clone('part-card').firstElementChild;
    node.dataset.id = q.id;
    const c = { q, node, v: q.view, armAt: 0, folded: false, sending: '', note: '', said: 0 };
    const v = q.view;
    fill(slot(node, 'headline'), outside(v.headline ?? ''));
    text(c);
    fill(slot(node, 'warnings'), (v.warnings ?? []).map((w) => el('li', null, icon('look'), el('span', { class: 'vh' }, 'Warning: '), outside(w))));
    fill(slot(node, 'facts'), facts(v));
    fill(slot(node, 'allow'), allowWord(v));
    fill(slot(node, 'more-body'), more(v));
    slot(node, 'more').hidden = false;
    fill(slot(node, 'foot'), 'digest ', outside(v.digest ? `${v.digest.slice(0, 8)}…${v.digest.slice(-4)}` : 'missing', 'code'), v.seq ? ` · journal #${v.seq}` : '', ` · request `, outside(q.id, 'code'));
    return c;
  }

  function allowWord(v) {
    const w = v.warnings ?? [];
    if (!w.length) return 'Allow this once';
    return w.length === 1 && w[0].length <= 40 ? ['Allow once: ', outside(w[0])] : `Allow once despite ${count(w.length, 'warning')}`;
  }

  // text fills the box with exactly what would run, one span per argument.
  function text(c) {
    const { node, v } = c;
    const pre = slot(node, 'text');
    const commands = v.command ?? [];
    fill(pre);
    commands.forEach((argv, i) => {
      if (i) pre.append('\n');
      argv.forEach((a, k) => pre.append(el('span', { class: 'arg' }, k ? ' ' : '', outside(quoted(a), 'code'))));
    });
    if (v.text) pre.append(commands.length ? '\n\n' : '', outside(v.text, 'code'));
    if (v.content) {
      if (pre.firstChild) pre.append('\n\n');
      for (const line of v.content.split('\n')) pre.append(el('span', { class: line.startsWith('+') ? 'diff-add' : line.startsWith('-') ? 'diff-del' : '' }, outside(line, 'code')), '\n');
    }
    const all = pre.textContent;
    c.folded = all.length > LONG.chars || all.split('\n').length > LONG.lines;
    slot(node, 'byarg').hidden = !commands.some((argv) => argv.length > 1);
    const unfold = slot(node, 'unfold');
    unfold.hidden = !c.folded;
    unfold.textContent = `Show all ${count(all.split('\n').length, 'line')}, ${all.length} characters`;
    slot(node, 'box').classList.toggle('folded', c.folded);
  }

  function facts(v) {
    const rows = [];
    const add = (name, ...kids) => rows.push(el('dt', null, name), el('dd', null, kids));
    const none = [];
    for (const f of v.facts ?? []) {
      const values = f.values ?? [];
      if (!values.length) { none.push(f.name); continue; }
      add(f.name, values.map((x) => el('span', { class: 'val' }, outside(x, 'code'), f.name === 'Hosts' && punycode(x) ? [' = ', outside(punycode(x), 'code')] : null)));
    }
    if (none.length) add('None', none.join(', '));
    rows.push(el('div', { class: 'apart' }));
    const spot = place(v.where);
    add('Why asked', outside(v.rule ?? '', 'code'), spot ? [' (', outside(spot, 'code'), ')'] : '', '. ', outside(v.reason ?? ''), v.hint ? [' ', outside(v.hint)] : '');
    if (v.labels?.length) add('Labels', v.labels.map((l) => el('span', { class: 'val' }, el('span', { class: 'label' }, outside([].concat(l.label).join(', '))), ' ← ', outside(l.from ?? ''), l.time ? [' ', when(millis(l.time), app.now())] : '')));
    add('Asked by', 'agent ', outside(v.agent ?? '', 'code'), ', session ', outside(v.session ?? '', 'code'), v.askedBy ? [', for ', outside(v.askedBy, 'code')] : '');
    if (v.lastHuman) add('Last message', el('div', { class: 'quote' }, outside(v.lastHuman)));
    if (v.agentSays) add('The agent says', el('div', { class: 'quote' }, outside(v.agentSays)));
    if (v.ifAllowed?.length) add('If allowed', v.ifAllowed.map((s) => el('div', null, outside(s))));
    return rows;
  }

  function more(v) {
    const offered = v.scopes ?? [];
    if (offered.length < 2) return el('p', { class: 'meta' }, 'Not offered for this call: ', outside(v.noMore || 'the gateway gave no reason'), '.');
    const rows = [['session', ' this session'], ['agent', ' this agent for 24 h'], ['always', ' this agent until revoked']].filter(([s]) => offered.includes(s));
    const out = [el('fieldset', null, el('legend', { class: 'vh' }, 'How long'), rows.map(([s, word], i) => el('label', null, el('input', { type: 'radio', name: `scope-${v.id}`, value: s, checked: i === 0 }), word)))];
    if (offered.includes('session')) out.push(el('p', { class: 'meta' }, 'This session opens: exactly this call may run again in session ', outside(v.session ?? '', 'code'), ' without asking, as long as the session gains no new label.'));
    if (v.standing) out.push(standing(v.standing));
    else if (v.noStanding) out.push(el('p', { class: 'meta' }, 'No rule is offered: ', outside(v.noStanding), '.'));
    out.push(el('p', { class: 'actions' }, el('button', { 'data-do': 'allow-more', 'data-acts': '' }, 'Allow as chosen')));
    return out;
  }

  // standing shows the rule before it is stored, and what else it would let run.
  function standing(s) {
    const out = [el('p', null, 'For the agent, this rule would be stored:'), (s.rules ?? []).map((r) => el('ul', { class: 'rule' }, r.map((line) => el('li', null, outside(line, 'code')))))];
    const also = s.also ?? [];
    out.push(el('p', null, `It would also have allowed ${s.covered ?? also.length} of the last ${count(s.looked ?? 0, 'decision')}`, s.unknown ? `; ${s.unknown} could not be judged again` : '', '.'));
    if (also.length) out.push(el('ul', null, also.map((a) => el('li', null, `#${a.seq} `, outside(a.command ?? '', 'code'), ': ', outside(a.became ?? '')))));
    const near = s.near ?? [];
    if (near.length) out.push(el('p', null, 'Commands near it:'), el('ul', null, near.map((n) => el('li', null, n.verdict === 'allow' ? 'allowed' : n.verdict === 'ask' ? 'asks' : 'refused', ': ', outside(n.command ?? '', 'code'), ' (', outside(n.what ?? ''), ')'))));
    return el('div', { class: 'standing' }, out);
  }

  // arm starts the time in which the card on screen takes no answer.
  function arm() {
    const c = cards.get(shown);
    if (!c) return;
    c.armAt = performance.now() + ARMING;
    clearTimeout(c.timer);
    c.timer = setTimeout(() => update(c), ARMING + 5);
    update(c);
  }

  const ready = (c) => performance.now() >= c.armAt && !document.hidden;

  function update(c) {
    const { node, q } = c;
    const open = q.state === 'waiting';
    const over = open && app.now() >= q.expiresAtMs;
    const off = (name, reason) => { for (const b of node.querySelectorAll(name)) { b.dataset.off = reason ? '1' : ''; b.dataset.reason = reason; } };
    const busy = !open ? 'This was answered.' : over ? 'The time is over.' : c.sending ? 'Sending.' : !ready(c) ? 'The card has just appeared or moved. Wait a moment.' : '';
    off('[data-do=deny], [data-do=why], [data-slot=reason] [type=submit]', busy);
    off('[data-do=allow], [data-do=allow-more]', busy || (c.folded ? 'Show all of it first.' : ''));
    off('[data-do=extend]', !open || over || c.sending ? 'No longer open.' : q.extensionsLeft === 0 ? 'It was extended three times already.' : '');
    node.classList.toggle('done', !open);
    node.dataset.armed = String(!busy);
    slot(node, 'answer').hidden = !open;
    const deny = slot(node, 'deny');
    deny.textContent = c.sending === 'deny' ? 'Sending…' : 'Deny';
    fill(slot(node, 'allow'), c.sending === 'allow' ? 'Sending…' : allowWord(c.v));
    const note = slot(node, 'note');
    const word = c.note || (c.folded ? 'Allow stays off until all of it was shown.' : '');
    if (note.textContent !== word) note.textContent = word;
    timer(c, open, over);
    const out = slot(node, 'outcome');
    out.hidden = open;
    slot(node, 'extend').hidden = !open;
    if (!open) { fill(out, outcome(q)); if (c.wasOpen) { c.wasOpen = false; keepFocus(c); } } else c.wasOpen = true;
    app.guard();
  }

  // keepFocus moves focus only when the button that held it has gone.
  function keepFocus({ node }) {
    if (node.contains(document.activeElement) && document.activeElement.closest('[data-slot=answer], [data-slot=bar]')) slot(node, 'outcome').focus({ preventScroll: true });
  }

  function timer(c, open, over) {
    const rest = c.q.expiresAtMs - app.now();
    slot(c.node, 'expires').textContent = !open ? '' : over ? 'Time is over, waiting for the gateway' : `expires ${clock(c.q.expiresAtMs)} (${left(rest)})`;
    for (const s of [60, 10]) if (open && rest <= s * 1000 && rest > 0 && c.said !== s && (c.said === 0 || c.said > s)) { c.said = s; app.say(`This approval expires in ${Math.ceil(rest / 1000)} seconds.`); }
    if (rest > 60000) c.said = 0;
  }

  const who = (by) => {
    if (!by) return '';
    if (typeof by === 'string') return [' by ', outside(by, 'code')];
    if (by.device && by.device === app.conn.self?.id) return ' by you, in this browser';
    const name = by.name || by.sender || by.surface;
    return name ? [' by ', outside(name, 'code'), by.channel ? [' on ', outside(by.channel, 'code')] : by.name && by.surface ? [' in ', outside(by.surface, 'code')] : ''] : '';
  };

  function outcome(q) {
    const a = q.answer ?? {};
    const at = Number.isFinite(millis(a.at)) ? [', ', when(millis(a.at), app.now())] : '';
    if (q.state === 'allowed') return [badge('fine', ''), ' Allowed ', lengths[a.scope] ?? 'once', who(a.by), at, '. The result is in ', el('a', { href: `/ui/chat/${encodeURIComponent(q.view.session ?? '')}` }, 'the chat'), '.'];
    if (q.state === 'denied') return [badge('na', ''), ' Denied', who(a.by), at, '. Nothing ran.', a.reason ? [' The agent was told: ', outside(a.reason)] : ''];
    if (q.state === 'expired') return [badge('na', ''), ' Expired ', when(q.expiresAtMs, app.now()), ', refused. Nothing ran.'];
    if (q.state === 'voided') return [badge('look', ''), ' The facts changed before an answer, so it was refused. Nothing ran.'];
    return [badge('none', ''), ' This request is no longer open. The gateway has not said what became of it.'];
  }

  // ---- answering ----------------------------------------------------------

  const cardOf = (b) => cards.get(b.closest('.card').dataset.id);

  async function answer(c, decision, extra = {}) {
    if (c.sending || c.q.state !== 'waiting' || !ready(c) || app.why()) { update(c); return; }
    if (decision !== 'deny' && c.folded) return;
    c.sending = decision === 'deny' ? 'deny' : 'allow';
    c.note = '';
    update(c);
    try {
      const got = await app.request('exec.approval.resolve', { id: c.q.id, decision, digest: c.v.digest, ...extra });
      const settled = { id: c.q.id, decision, own: true, by: { device: app.conn.self.id }, at: app.now(), ...extra, ...got };
      c.sending = '';
      app.settle(settled);
      app.tell('answered', settled);
    } catch (e) {
      c.sending = '';
      refused(c, e);
    }
    draw();
  }

  function refused(c, e) {
    const first = e.details?.answer ?? e.details?.first;
    if (first) { app.settle({ id: c.q.id, answer: first, state: first.state }); c.note = 'Too late: it was answered before.'; return; }
    c.note = e instanceof Offline ? e.message : `Not answered: ${asText(e.message, 'prose')}${e.code ? ` (${e.code})` : ''}`;
    if (!(e instanceof Offline)) app.refresh('refused');
  }

  function step(by) {
    const list = all();
    const next = list[list.findIndex((q) => q.id === shown) + by];
    if (next) { wanted = true; app.go(`/ui/approvals/${encodeURIComponent(next.id)}${tab === 'answered' ? '?tab=answered' : ''}`); }
  }

  function why(c, open) {
    slot(c.node, 'reason').hidden = !open;
    slot(c.node, 'whybtn').setAttribute('aria-expanded', String(open));
    if (open) slot(c.node, 'reason-text').focus(); else slot(c.node, 'whybtn').focus();
  }

  const acts = {
    deny: (b) => answer(cardOf(b), 'deny'),
    allow: (b) => answer(cardOf(b), 'allow-once'),
    'allow-more': (b) => answer(cardOf(b), 'allow-always', { scope: b.closest('details').querySelector('input:checked')?.value ?? 'session' }),
    revoke: (b) => revoke(b),
    why: (b) => why(cardOf(b), slot(cardOf(b).node, 'reason').hidden),
    'why-close': (b) => why(cardOf(b), false),
    unfold: (b) => { const c = cardOf(b); c.folded = false; slot(c.node, 'box').classList.remove('folded'); b.hidden = true; slot(c.node, 'text').focus(); arm(); },
    'by-argument': (b) => { const on = cardOf(b).node.classList.toggle('by-arg'); b.setAttribute('aria-pressed', String(on)); },
    copy: async (b) => { await copyText(slot(cardOf(b).node, 'text').textContent.trimEnd()); app.say('Copied as shown.'); },
    'read-on': () => scrollBy(0, innerHeight * 0.6),
    prev: () => step(-1),
    next: () => step(1),
    retry: () => app.refresh('retry'),
    async extend(b) {
      const c = cardOf(b);
      b.dataset.sending = '';
      app.guard();
      try {
        const got = await app.request('approval.extend', { id: c.q.id });
        if (got.expiresAtMs) c.q.expiresAtMs = got.expiresAtMs;
        c.q.extensionsLeft = got.extensionsLeft ?? c.q.extensionsLeft - 1;
        app.say(`Expires ${clock(c.q.expiresAtMs)}.`);
      } catch (e) { c.note = `Not extended: ${asText(e.message, 'prose')}`; }
      delete b.dataset.sending;
      update(c);
    },
  };

  async function history() {
    try {
      const got = await app.request('exec.approval.list', { state: 'answered' });
      older = (got.approvals ?? []).filter((i) => i.view && (i.state ?? i.answer?.state ?? 'waiting') !== 'waiting').map((i) => ({ id: i.id ?? i.view.id, view: i.view, createdAtMs: i.createdAtMs ?? millis(i.view.created), expiresAtMs: i.expiresAtMs ?? millis(i.view.expires), state: i.state ?? i.answer.state, answer: i.answer }));
      draw();
    } catch (e) { if (!(e instanceof Offline)) fill(at('load'), problem(e, 'Answered requests')).hidden = false; }
  }

  // rules lists what stands; a stored approval that is unsafe says why.
  async function rules() {
    const got = await app.load(at('load'), () => app.request('exec.approvals.rules'));
    if (!got) return;
    const rows = (got.rules ?? []).map((r) => el('li', null, r.text.map((line) => el('div', null, outside(line, 'code'))),
      el('p', { class: 'meta' }, r.expired ? 'ended' : r.untilMs ? ['until ', when(r.untilMs, app.now())] : 'until revoked', r.by ? [', by ', outside(r.by, 'code')] : ', an entry of the file', r.atMs ? [', ', when(r.atMs, app.now())] : ''),
      r.id ? el('p', { class: 'actions' }, el('button', { type: 'button', 'data-do': 'revoke', 'data-acts': '', 'data-id': r.id }, 'Revoke')) : null));
    const unused = (got.unused ?? []).map((u) => el('li', null, icon('look'), ' not used: ', outside(u.what ?? '', 'code'), ': ', outside(u.reason ?? '')));
    fill(at('rules'), got.problem ? el('p', { role: 'alert' }, 'No command may run: ', outside(got.problem)) : null,
      rows.length ? el('ul', { class: 'rulelist' }, rows) : el('p', { class: 'empty' }, 'No standing answers.'), unused.length ? el('ul', { class: 'rulelist' }, unused) : null);
    app.guard();
  }

  async function revoke(b) {
    b.disabled = true;
    try {
      await app.request('exec.approvals.rules.remove', { id: b.dataset.id });
      app.say('Revoked.');
      await rules();
    } catch (e) { b.disabled = false; fill(at('load'), problem(e, 'Revoking')).hidden = false; }
  }

  draw();
  return {
    snapshot() { draw(); if (tab === 'answered') history(); if (tab === 'rules') rules(); },
    move(next) {
      tab = tabOf(next.query);
      shown = next.arg;
      wanted = Boolean(next.arg);
      draw();
      if (tab === 'answered' && app.live) history();
      if (tab === 'rules' && app.live) rules();
    },
    onEvent(name) { if (name.startsWith('exec.approval')) draw(); },
    tick() { const c = cards.get(shown); if (c) update(c); if (tab === 'waiting' && app.ready) at('lead').textContent = sentence(app.waiting()); },
    shown: arm,
    leave() { observer.disconnect(); for (const c of cards.values()) clearTimeout(c.timer); },
    escape() { const c = cards.get(shown); if (c && !slot(c.node, 'reason').hidden) why(c, false); },
    submit(ev) {
      const c = cardOf(ev.target);
      const reason = slot(c.node, 'reason-text').value.trim();
      answer(c, 'deny', reason ? { reason } : {});
    },
    key(ev) {
      const node = ev.target.closest('.card');
      if (!node || ev.target.closest('textarea, input') || !document.getElementById('letters').checked) return false;
      const c = cards.get(node.dataset.id);
      if (ev.key === 'd') answer(c, 'deny');
      else if (ev.key === 'a') slot(node, 'allow').focus();
      else if (ev.key === 'w') why(c, true);
      else if (ev.key === 'j') step(1);
      else if (ev.key === 'k') step(-1);
      else return false;
      return true;
    },
    acts,
  };
}
