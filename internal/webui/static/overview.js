// Overview: "Am I safe, and what needs me?"
import { ago, asText, badge, count, el, fill, icon, outside, place, problem, slot, stateOf, when } from './dom.js';

export const title = 'Overview';

const DAY = 24 * 3600e3; // the audit runs at least nightly

const heading = (state, c) => {
  if (state === 'act') return `Act on ${count(c.act ?? 1, 'thing')}`;
  if (state === 'look') return `Look at ${count(c.look ?? 1, 'thing')}`;
  if (state === 'fine') return 'Nothing to act on';
  return 'Not measured';
};

// row shows one fact; without a state it is neither good nor bad.
const row = (state, what, sub, action) => el('li', { class: state ? undefined : 'bare' }, state ? badge(state, '') : null, el('span', { class: 'what' }, what),
  action ? el('span', { class: 'do' }, action) : null, sub ? el('span', { class: 'sub' }, sub) : null);

export function mount(root, app) {
  const at = (name) => slot(root, name);
  let again = 0;
  const stopping = new Set(); // runs whose stop was not answered yet

  function draw() {
    const o = app.overview;
    if (!o) return;
    if (o.problem) { verdict({ verdict: 'unmeasured', sentence: `The gateway did not answer: ${o.problem.message}` }); return; }
    verdict(o);
    needs(o);
    since(o);
    force(o);
  }

  function verdict(o) {
    const c = o.counts ?? {};
    const old = o.checkedAtMs && app.now() - o.checkedAtMs > 2 * DAY;
    const state = old ? 'none' : stateOf(o.verdict);
    at('verdict').dataset.state = state;
    fill(at('glyph'), icon(state));
    fill(at('title'), old ? ['Not measured since ', when(o.checkedAtMs, app.now())] : heading(state, c));
    fill(at('sentence'), outside(o.sentence ?? ''));
    fill(at('counts'), c.checks ? `${count(c.checks, 'check')}: ${c.act} act, ${c.look} look, ${c.unmeasured} not measured, ${c.fine} fine.` : 'No check has run yet.');
    age();
  }

  function age() {
    const t = app.overview?.checkedAtMs;
    at('checked').textContent = t ? `Checked ${ago(t, app.now())} ago` : '';
  }

  function needs(o) {
    const rows = (o.needsYou ?? []).filter((n) => n.kind !== 'approval').map((n) => {
      const spot = place(n.where);
      return row(stateOf(n.level), [outside(n.text ?? n.id ?? ''), n.count > 1 ? ` (${n.count})` : ''],
        [n.id ? outside(n.id, 'code') : '', spot ? [' · ', outside(spot, 'code')] : '', n.fix ? [' · ', outside(n.fix)] : '']);
    });
    if (o.configNotInForce) rows.unshift(row('look', ['The configuration file is not what is in force: ', outside(o.configNotInForce)]));
    const open = app.waiting();
    if (open.length) {
      rows.push(row('look', `${count(open.length, 'approval waits', 'approvals wait')}, oldest ${ago(open[0].createdAtMs, app.now())}`,
        [outside(open[0].view.headline ?? '')], el('a', { href: '/ui/approvals' }, 'Answer')));
    }
    for (const r of app.runs.values()) {
      rows.push(row('na', ['A run is on: ', outside(r.sessionKey ?? '', 'code')], r.startedAtMs ? ['since ', when(r.startedAtMs)] : null,
        r.sessionKey ? [el('a', { href: `/ui/chat/${encodeURIComponent(r.sessionKey)}` }, 'Watch'), ' ',
          el('button', { class: 'stop', 'data-do': 'stop-run', 'data-acts': '', 'data-run': r.runId, 'aria-label': `Stop this run: ${asText(r.sessionKey)}` }, 'Stop this run')] : null));
    }
    const held = at('needs').contains(document.activeElement) ? document.activeElement.dataset.run : undefined;
    fill(at('needs'), rows.length ? rows : row('fine', 'Nothing waits for you.'));
    for (const b of at('needs').querySelectorAll('[data-run]')) {
      if (stopping.has(b.dataset.run)) { b.dataset.sending = ''; b.textContent = 'Sending…'; }
      if (b.dataset.run === held) b.focus({ preventScroll: true });
    }
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
    snapshot: draw,
    onEvent(name, p) {
      // A delta changes no row, and a row replaced between press and release loses the click.
      const known = name === 'chat' ? p.state === 'delta' : p.stream !== 'lifecycle';
      if (name.startsWith('exec.approval') || ((name === 'agent' || name === 'chat') && !(known && shownRun(p.runId)))) needs(app.overview ?? {});
      if (name === 'config.changed') refresh();
    },
    tick() { age(); if (app.live && !document.hidden && ++again % 60 === 0) refresh(); },
    acts: { refresh, retry: refresh, 'stop-run': stop },
  };

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
