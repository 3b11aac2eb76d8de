// Overview: "Am I safe, and what needs me?"
import { ago, asText, badge, copyText, count, el, fill, icon, outside, place, problem, renew, slot, stateOf, when } from './dom.js';

export const title = 'Overview';

const DAY = 24 * 3600e3; // the audit runs at least nightly

const heading = (state, c) => {
  if (state === 'act') return `Act on ${count(c.act ?? 1, 'thing')}`;
  if (state === 'look') return `Look at ${count(c.look ?? 1, 'thing')}`;
  if (state === 'fine') return 'Nothing to act on';
  return 'Not measured';
};

// row shows one fact; without a state it is neither good nor bad.
const row = (state, what, sub, action, key) => el('li', { class: state ? undefined : 'bare', 'data-key': key }, state ? badge(state, '') : null, el('span', { class: 'what' }, what),
  action ? el('span', { class: 'do' }, action) : null, sub ? el('span', { class: 'sub' }, sub) : null);

// oneLine keeps a name with a line break in it on its line.
const oneLine = (text) => String(text ?? '').split('\n').map((part, i) => [i ? el('span', { class: 'chip', title: 'line break' }, '⟨U+000A⟩') : null, outside(part, 'code')]);

const SIGNS = { '-': ['diff-del', 'before'], '+': ['diff-add', 'after'] };

// diff lists what would change, as openclaw security audit --fix --dry-run does.
const diff = (lines) => el('ul', { class: 'diff' }, (lines ?? []).map((l) => {
  const [look, word] = SIGNS[l.op] ?? ['', 'file'];
  return el('li', { class: look || undefined }, el('span', null, el('span', { class: 'vh' }, `${word}: `), el('span', { 'aria-hidden': 'true' }, l.op in SIGNS ? l.op : '')), el('span', null, oneLine(l.text)));
}));

const ARM = 700; // ms in which a panel that has just opened takes no press

export function mount(root, app) {
  const at = (name) => slot(root, name);
  let again = 0;
  let fixes = []; // repairs on record
  let open = null; // the change that is shown: {what: 'fix' | 'undo', key, plan, note, busy, armed}
  let checking = ''; // what is being looked at
  let mine = false; // this tab asked for it
  let known = { atMs: 0 }; // the checks as they were fetched
  const stopping = new Set(); // runs whose stop was not answered yet

  function draw() {
    const o = app.overview;
    if (!o) return;
    if (o.problem) { verdict({ verdict: 'unmeasured', sentence: `The gateway did not answer: ${o.problem.message}` }); return; }
    verdict(o);
    needs(o);
    repaired();
    since(o);
    force(o);
    checks(o);
  }

  function verdict(o) {
    const c = o.counts ?? {};
    const old = o.checkedAtMs && app.now() - o.checkedAtMs > 2 * DAY;
    const state = old ? 'none' : stateOf(o.verdict);
    at('verdict').dataset.state = state;
    fill(at('glyph'), icon(state));
    fill(at('title'), old ? ['Not measured since ', when(o.checkedAtMs, app.now())] : heading(state, c));
    fill(at('sentence'), outside(o.sentence ?? ''));
    fill(at('counts'), c.checks ? `${count(c.checks, 'check')}: ${c.act} act, ${c.look} look, ${c.unmeasured} not measured, ${c.fine} fine${c.notApplicable ? `, ${c.notApplicable} do not apply` : ''}.` : 'No check has run yet.');
    age();
  }

  function age() {
    const t = app.overview?.checkedAtMs;
    at('checked').textContent = checking ? `Checking: ${checking}…` : t ? `Checked ${ago(t, app.now())} ago` : '';
  }

  // finding is a row of the audit: a change to see, a command, or a reason.
  function finding(n) {
    const spot = place(n.where);
    const shown = open?.what === 'fix' && open.key === n.finding;
    const sub = [n.id ? outside(n.id, 'code') : '', spot ? [' · ', outside(spot, 'code')] : ''];
    if (n.fix && n.fix !== n.command) sub.push(' · ', outside(n.fix));
    if (n.command) sub.push(' · run: ', el('span', { class: 'mono' }, oneLine(n.command)));
    if (n.why && n.repair !== 'fix') sub.push(' · not repaired here: ', outside(n.why));
    let action = null;
    if (n.repair === 'fix' && n.finding && app.conn.has('security.fix.plan')) {
      action = el('button', { 'data-do': 'see', 'aria-expanded': String(shown), 'aria-label': `See change: ${asText(n.id)}` }, 'See change');
    } else if (n.command) action = el('button', { 'data-do': 'copy-command', 'aria-label': `Copy command: ${asText(n.command)}` }, 'Copy command');
    const li = row(stateOf(n.level), [outside(n.text ?? n.id ?? ''), n.count > 1 ? ` (${n.count})` : ''], sub, action, n.finding ?? n.id);
    if (shown) li.append(panel());
    return li;
  }

  // panel shows a change before it is made. Taking a repair back widens, so
  // its button waits until the panel could be read.
  function panel() {
    const undo = open.what === 'undo';
    const parts = [];
    if (open.error) parts.push(problem(open.error, undo ? 'Taking it back' : 'The repair'));
    if (open.note) parts.push(el('p', null, open.note));
    if (!open.plan) return el('div', { class: 'change' }, parts.length ? parts : el('p', { class: 'meta' }, 'Asking what would change…'), el('p', { class: 'actions' }, el('button', { 'data-do': 'close' }, 'Close')));
    for (const l of open.plan.left ?? []) parts.push(el('p', null, 'Not repaired here: ', outside(l.why)));
    const word = undo ? 'Take it back' : 'Apply';
    if (open.plan.diff?.length) {
      parts.push(diff(open.plan.diff), el('p', { class: 'meta' }, undo ? 'This opens again what the repair closed. It needs a sign-in from the last 15 minutes.' : 'Only this changes. It is written down first, and can be taken back for 30 days.'));
    }
    return el('div', { class: 'change', role: 'group', 'aria-label': undo ? 'What taking it back would change' : 'What would change' }, parts,
      el('p', { class: 'actions' }, el('button', { 'data-do': 'close' }, undo ? 'Keep the repair' : 'Close'),
        open.plan.diff?.length ? el('button', { 'data-do': undo ? 'undo' : 'apply', class: undo ? undefined : 'primary', 'data-acts': '', 'data-off': open.armed ? undefined : '1', 'data-sending': open.busy ? '' : undefined }, open.busy ? 'Sending…' : word) : null));
  }

  function repaired() {
    const rows = fixes.filter((f) => !f.undone).slice(0, 10).map((f) => {
      const shown = open?.what === 'undo' && open.key === f.id;
      const ids = (f.checkIds ?? []).map((id, i) => [i ? ', ' : '', outside(id, 'code')]);
      const li = row('fine', ids, [when(f.atMs, app.now()), ' · can be taken back until ', when(f.untilMs, app.now())],
        el('button', { 'data-do': 'see-undo', 'aria-expanded': String(shown), 'aria-label': `Undo: ${(f.checkIds ?? []).map((id) => asText(id)).join(', ')}` }, 'Undo…'), f.id);
      if (shown) li.append(panel());
      return li;
    });
    at('fixed-box').hidden = rows.length === 0;
    renew(at('fixed'), rows);
  }

  // ---- all checks ----

  function checks(o) {
    const c = o.counts ?? {};
    at('checks').hidden = !c.checks || !app.conn.has('security.checks');
    for (const d of at('checks').querySelectorAll('details')) {
      const n = known[d.dataset.group]?.length ?? c[d.dataset.group];
      d.querySelector('[data-count]').textContent = n === undefined ? '' : `(${n})`;
    }
    const first = at('checks').querySelector('details');
    if (c.unmeasured > 0 && !known.atMs) first.open = true; // nobody should have to look for it
    if (!at('checks').hidden && at('checks').querySelector('details[open]') && known.atMs !== o.checkedAtMs) fetchChecks();
  }

  async function fetchChecks() {
    let got;
    try { got = await app.request('security.checks', {}); } catch (e) {
      for (const d of at('checks').querySelectorAll('details[open]')) fill(d.querySelector('ul'), el('li', null, problem(e, 'Asking for the checks')));
      return;
    }
    const of = (level) => (got.checks ?? []).filter((r) => r.level === level);
    known = { atMs: got.atMs, unmeasured: of('unmeasured'), fine: of('fine'), notApplicable: of('not-applicable'), notes: got.notes ?? [], accepted: got.accepted ?? [] };
    for (const d of at('checks').querySelectorAll('details')) {
      d.querySelector('[data-count]').textContent = `(${known[d.dataset.group].length})`;
      if (d.open) list(d);
    }
  }

  function list(d) {
    const rows = !known.atMs ? [row('none', 'Asking the gateway…')] : known[d.dataset.group].map((r) => row('', outside(r.id, 'code'), r.text ? outside(r.text) : null));
    renew(d.querySelector('ul'), rows.length ? rows : row('', 'None.'));
  }

  function needs(o) {
    const rows = (o.needsYou ?? []).filter((n) => n.kind !== 'approval').map(finding);
    if (o.configNotInForce) rows.unshift(row('look', ['The configuration file is not what is in force: ', outside(o.configNotInForce)]));
    const open = app.waiting();
    if (open.length) {
      rows.push(row('look', `${count(open.length, 'approval waits', 'approvals wait')}, oldest ${ago(open[0].createdAtMs, app.now())}`,
        [outside(open[0].view.headline ?? '')], el('a', { href: '/ui/approvals' }, 'Answer')));
    }
    for (const r of app.runs.values()) {
      rows.push(row('na', ['A run is on: ', outside(r.sessionKey ?? '', 'code')], r.startedAtMs ? ['since ', when(r.startedAtMs)] : null,
        r.sessionKey ? [el('a', { href: `/ui/chat/${encodeURIComponent(r.sessionKey)}` }, 'Watch'), ' ',
          el('button', { class: 'stop', 'data-do': 'stop-run', 'data-acts': '', 'data-run': r.runId, 'data-sending': stopping.has(r.runId) ? '' : undefined, 'aria-label': `Stop this run: ${asText(r.sessionKey)}` }, stopping.has(r.runId) ? 'Sending…' : 'Stop this run')] : null, r.runId));
    }
    renew(at('needs'), rows.length ? rows : row('fine', 'Nothing waits for you.'));
    app.guard();
  }

  function since(o) {
    const s = o.since;
    const rows = [];
    if (s) {
      fill(at('since-time'), '(', when(s.fromMs), ')');
      rows.push(row('', `${count(s.messages ?? 0, 'message')}, ${count(s.calls ?? 0, 'call')}: ${s.allowed ?? 0} allowed, ${s.asked ?? 0} asked, ${s.refused ?? 0} refused`));
      rows.push(row('', `${count(s.hosts ?? 0, 'host')} reached, ${count(s.configChanges ?? 0, 'config change')}`));
    } else rows.push(row('none', 'What happened since your last visit is not measured.'));
    rows.push(journal(o.journal ?? {}));
    fill(at('since'), rows);
  }

  function journal(j) {
    if (j.state === 'damaged') return row('act', `The journal is damaged${j.firstBadSeq ? ` at #${j.firstBadSeq}` : ''}.`, [outside(j.problem ?? ''), ' Run: ', el('code', null, 'openclaw journal verify')]);
    if (j.state === 'verified') return row('fine', [`Journal verified to #${j.intactUpTo}`, j.lastSeq > j.intactUpTo ? `, ${count(j.lastSeq - j.intactUpTo, 'entry', 'entries')} since` : '', '.'], j.checkedAtMs ? ['checked ', when(j.checkedAtMs, app.now())] : null);
    if (j.state === 'verifying') return row('none', 'The journal is being verified.');
    return row('none', 'The journal has not been verified since start.', j.problem ? outside(j.problem) : null);
  }

  function force(o) {
    const rows = (o.inForce ?? []).map((f) => row(stateOf(f.level), [el('strong', null, outside(f.name ?? '')), ': ', outside(f.text ?? ''), f.atMs ? [', ', when(f.atMs, app.now())] : '']));
    if (o.model) rows.push(row('', [el('strong', null, 'Model'), ': ', outside(o.model)]));
    const reach = (o.reach ?? []).map((r) => row('', [el('strong', null, outside(r.who ?? '')), ': ', outside(r.text ?? '')]));
    fill(at('reach'), reach.length ? reach : row('none', 'Who can make it do what is not measured.'));
    fill(at('force'), rows.length ? rows : row('none', 'What is in force is not measured.'));
  }

  draw();
  return {
    snapshot() { draw(); fetchFixes(); },
    onEvent(name, p) {
      // A delta changes no row, and a row replaced between press and release loses the click.
      const known = name === 'chat' ? p.state === 'delta' : p.stream !== 'lifecycle';
      if (name.startsWith('exec.approval') || ((name === 'agent' || name === 'chat') && !(known && shownRun(p.runId)))) needs(app.overview ?? {});
      if (name === 'config.changed') refresh();
      if (name === 'security.audit') {
        checking = p.what ?? '';
        age();
        if (!checking && !mine) refresh();
      }
    },
    escape() { if (open && !open.busy) close(); },
    tick() { age(); if (app.live && !document.hidden && ++again % 60 === 0) refresh(); },
    acts: {
      refresh: check, retry: refresh, 'stop-run': stop, see, 'see-undo': see, apply, undo, close,
      async 'copy-command'(b) {
        const n = (app.overview?.needsYou ?? []).find((x) => (x.finding ?? x.id) === keyOf(b));
        await copyText(asText(n?.command ?? ''));
        app.say('Command copied.');
      },
      checks(b) { const d = b.closest('details'); if (!d.open) { list(d); if (known.atMs !== app.overview?.checkedAtMs) fetchChecks(); } },
    },
  };

  function keyOf(b) { return b.closest('[data-key]').dataset.key; }

  function redraw() { needs(app.overview ?? {}); repaired(); app.guard(); }

  function focusOn(act, key) { [...root.querySelectorAll(`[data-do="${act}"]`)].find((b) => !key || keyOf(b) === key)?.focus(); }

  // see opens the change of a row, or closes it again.
  async function see(b) {
    const what = b.dataset.do === 'see' ? 'fix' : 'undo';
    const key = keyOf(b);
    if (open?.key === key && open.what === what) { close(); return; }
    open = { what, key };
    await ask();
    if (open?.key === key) focusOn('close');
  }

  // ask fetches the plan that is open, and arms its button a moment later.
  async function ask(note) {
    const p = open;
    p.note = note;
    p.plan = p.error = undefined;
    p.armed = p.busy = false;
    redraw();
    try {
      if (p.what === 'fix') p.plan = await app.request('security.fix.plan', { finding: p.key });
      else { await fetchFixes(); p.plan = fixes.find((f) => f.id === p.key && !f.undone); if (!p.plan) p.note = 'This repair was taken back already.'; }
    } catch (e) { p.error = e; }
    if (open !== p) return;
    redraw();
    setTimeout(() => { p.armed = true; if (open === p) redraw(); }, ARM);
  }

  function close() {
    const { what, key } = open;
    open = null;
    redraw();
    focusOn(what === 'fix' ? 'see' : 'see-undo', key);
  }

  // send makes the change that is shown; the gateway refuses any other one.
  async function send(method, params, done) {
    const p = open;
    p.busy = true;
    p.error = undefined;
    redraw();
    let got;
    try { got = await app.request(method, params); } catch (e) {
      if (open !== p) return;
      if (e.code === 'CONFLICT') {
        await ask('The home changed since this was shown, so nothing was done. This is the change as it is now.');
        app.say('The home changed. Look at the change again.');
        focusOn('close');
        return;
      }
      p.busy = false;
      p.error = e;
      redraw();
      focusOn('close');
      return;
    }
    open = null;
    const failed = (got.changes ?? []).filter((c) => !c.ok);
    app.say(failed.length ? `${done}, but for ${count(failed.length, 'change')}.` : `${done}.`);
    await refresh();
    await fetchFixes();
    if (!failed.length && !got.configNotInForce) return;
    fill(at('load'), failed.map((c) => el('p', null, badge('look', 'Not done'), ' ', oneLine(c.text), ': ', outside(c.error ?? ''))),
      got.configNotInForce ? el('p', null, badge('look', 'Not in force'), ' ', outside(got.configNotInForce)) : null).hidden = false;
  }

  async function apply() {
    const { key, plan } = open;
    const before = new Set(fixes.map((f) => f.id));
    await send('security.fix.apply', { finding: key, digest: plan.digest }, 'Applied');
    const made = fixes.find((f) => !before.has(f.id));
    if (made && !open) focusOn('see-undo', made.id);
  }

  async function undo() {
    const { key, plan } = open;
    await send('security.fix.undo', { id: key, digest: plan.digest }, 'Taken back');
    if (!open) at('again').focus();
  }

  async function fetchFixes() {
    if (!app.conn.has('security.fix.list')) return;
    try { fixes = (await app.request('security.fix.list', {})).fixes ?? []; } catch (e) { if (open?.what === 'undo') throw e; return; }
    repaired();
    app.guard();
  }

  // check has the gateway audit the home again; several who ask share one run.
  async function check(b) {
    if (!app.conn.has('security.audit')) { refresh(); return; }
    mine = true;
    checking = 'the home';
    b.dataset.sending = '';
    b.textContent = 'Checking…';
    app.guard();
    age();
    let failed;
    try { await app.request('security.audit', {}); } catch (e) { failed = e; }
    mine = false;
    checking = '';
    delete b.dataset.sending;
    b.textContent = 'Check again';
    await refresh();
    app.guard();
    if (failed) { fill(at('load'), problem(failed, 'Check again')).hidden = false; return; }
    app.say(`Checked again: ${heading(stateOf(app.overview?.verdict), app.overview?.counts ?? {})}.`);
  }

  function shownRun(id) { return [...at('needs').querySelectorAll('[data-run]')].some((b) => b.dataset.run === id); }

  async function stop(b) {
    const r = app.runs.get(b.dataset.run);
    if (!r) return;
    stopping.add(r.runId);
    needs(app.overview ?? {});
    try {
      await app.request('chat.abort', { sessionKey: r.sessionKey, runId: r.runId });
      app.say('The run was told to stop.');
    } catch (e) { fill(at('load'), problem(e, 'Stop')).hidden = false; }
    stopping.delete(r.runId);
    needs(app.overview ?? {});
  }

  function refresh() { return app.load(at('load'), () => app.refresh('refresh')); }
}
