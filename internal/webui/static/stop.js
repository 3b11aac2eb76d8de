// Stop everything: a panel that says what ends, one press that ends it, and a
// line for each thing with what became of it. The module is loaded when it is
// first wanted.
import { $, asText, badge, clock, count, el, fill, outside, problem } from './dom.js';
import { Offline } from './ws.js';

const ARM = 400; // ms in which the panel that has just opened takes no press
const PATIENCE = 10_000; // the gateway waits up to five seconds for what it ends

const panel = $('#stop-panel');
let arming = 0;

export function open(app) {
  const runs = app.runs.size;
  const waits = app.waiting().length;
  fill($('#stop-text'), `Ends now: ${runs ? count(runs, 'run') : 'no run'} with every program that was started, and all background commands. `,
    waits ? `${count(waits, 'approval')} will be denied. ` : '', 'Channels close, other browsers and devices are signed out, the gateway token is replaced. It stays so, also after a restart, until it is released on the host.');
  fill($('#stop-items'));
  $('#stop-items').hidden = true;
  $('#stop-now').hidden = false;
  panel.hidden = false;
  clearTimeout(arming);
  delete panel.dataset.armed;
  arming = setTimeout(() => { panel.dataset.armed = 'true'; }, ARM);
  $('#stop-h').focus();
}

export function close() { panel.hidden = true; $('#h-stop').focus(); }

export async function now(app, b) {
  if (!panel.dataset.armed) return;
  b.dataset.sending = '';
  b.textContent = 'Stopping…';
  app.guard();
  try {
    const s = await app.request('lockdown.start', { why: 'Stop everything in the Control UI' }, PATIENCE);
    fill($('#stop-items'), s.items.map((i) => el('li', null, badge(i.done ? 'fine' : 'act', ''), el('span', { class: 'what' }, outside(i.what)), el('span', { class: 'sub' }, outside(i.detail ?? '')))));
    const left = s.items.filter((i) => !i.done).length;
    fill($('#stop-text'), left ? `${count(left, 'thing')} could not be confirmed. When in doubt, on the host: openclaw gateway stop.` : 'Everything is stopped, and each thing was seen to stop.');
    $('#stop-now').hidden = true;
    app.shout(left ? 'Stopped, but not everything is confirmed.' : 'Everything is stopped.');
  } catch (e) {
    fill($('#stop-text'), e instanceof Offline ? 'The gateway does not answer. On the host: openclaw lockdown, or systemctl --user stop openclaw.' : problem(e, 'Stopping'));
  }
  $('#stop-items').hidden = $('#stop-items').children.length === 0;
  delete b.dataset.sending;
  b.textContent = 'Stop now';
  app.guard();
}

// sentence says what a lockdown in force means.
export function sentence(s) {
  const who = [s.sinceMs ? ` since ${clock(s.sinceMs)}` : '', s.by ? ` by ${asText(s.by)}` : '', s.why ? `: ${asText(s.why, 'prose')}` : ''].join('');
  return s.mode === 'talk' ? `Agents answer and do nothing else${who}. On the host: openclaw lockdown release --everything.` : `Everything is stopped${who}. Nothing runs. On the host: openclaw lockdown release.`;
}
