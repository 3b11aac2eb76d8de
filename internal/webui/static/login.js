// Sign-in: one link, one press. The code is wiped from the address bar first
// and is spent only by the press.
import { el, fill, outside, slot } from './dom.js';
import { forget, identity, keepIdentity, makeIdentity } from './ws.js';

export const title = 'Sign in';

const SENTENCES = {
  wrong: 'This link is not one that the gateway gave out.',
  used: 'This link has been used already. If that was not you, run openclaw devices list and remove what you do not know.',
  expired: 'This link is older than two minutes.',
};

const which = (status, code) => {
  if (/USED/i.test(code)) return 'used';
  if (/EXPIRED|OLD/i.test(code)) return 'expired';
  return status === 401 || status === 403 || status === 404 || /WRONG|INVALID|UNKNOWN/i.test(code) ? 'wrong' : '';
};

const browserName = () => {
  const ua = navigator.userAgentData;
  const brand = ua?.brands?.find((b) => !/not.?a.?brand/i.test(b.brand))?.brand ?? (navigator.userAgent.includes('Firefox') ? 'Firefox' : 'Browser');
  return `${brand} on ${ua?.platform || navigator.platform || 'an unknown system'}`;
};

export function mount(root, app, place) {
  const code = new URLSearchParams(place.hash.slice(1)).get('c') ?? '';
  if (place.hash) history.replaceState(null, '', '/ui/login');
  const at = (name) => slot(root, name);
  let secret = code;
  offer();

  function offer() {
    at('ask').hidden = !secret;
    at('none').hidden = Boolean(secret);
  }

  identity().then((self) => {
    if (self && !secret) fill(at('why'), 'This browser is signed in. ', el('a', { href: '/ui/' }, 'Go to the overview'), '. For another browser, run this on the gateway\'s machine and open the link there:');
  });

  async function signIn(b) {
    b.setAttribute('aria-disabled', 'true');
    b.textContent = 'Sending…';
    try {
      if (!crypto.subtle) throw new Error('This address is not secure enough for a browser key. Open the link on the gateway\'s machine, or through https.');
      const self = await makeIdentity();
      const res = await fetch('/ui/login', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, credentials: 'omit', cache: 'no-store', redirect: 'error',
        body: JSON.stringify({ code: secret, publicKey: self.publicKey, name: browserName() }),
      });
      const got = await res.json().catch(() => ({}));
      if (!res.ok) { refused(res.status, got.error ?? {}); return; }
      if (got.deviceId && got.deviceId !== self.id) throw new Error('The gateway registered another key than this browser\'s. Nothing was kept.');
      await forget();
      await keepIdentity(self);
      secret = '';
      app.tell('signed-in');
      location.replace('/ui/');
    } catch (e) { wrong(e.message); }
  }

  function refused(status, error) {
    secret = '';
    offer();
    const kind = which(status, `${error.code ?? ''} ${error.details?.code ?? ''}`);
    if (kind) wrong(SENTENCES[kind]);
    else wrong(status === 429 ? 'Too many tries. Wait a minute, then open a new link.' : error.message || `The gateway answered ${status}.`);
  }

  function wrong(text) {
    const b = root.querySelector('[data-do=sign-in]');
    b.removeAttribute('aria-disabled');
    b.textContent = 'Sign in';
    fill(at('error'), el('div', { class: 'load' }, el('p', null, el('strong', null, 'Not signed in. '), outside(text), ' For a new link run ', el('code', null, 'openclaw dashboard'), '.')));
  }

  return {
    move(next) {
      const c = new URLSearchParams(next.hash.slice(1)).get('c');
      if (!c) return;
      history.replaceState(null, '', '/ui/login');
      secret = c;
      fill(at('error'));
      offer();
    },
    acts: { 'sign-in': signIn },
  };
}
