// Files that go with the next message: read in this tab, shown by name and
// size, sent with the text. The gateway decides what it takes of them.
import { asText, el, fill, outside } from './dom.js';

const MOST = 8;

const size = (n) => (n < 1000 ? `${n} bytes` : n < 1e6 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`);

const base64 = (file) => new Promise((done, failed) => {
  const r = new FileReader();
  r.onload = () => done(r.result.slice(r.result.indexOf(',') + 1));
  r.onerror = () => failed(r.error);
  r.readAsDataURL(file);
});

// attachments keeps the files; list is where they are shown, most the bytes
// that one message may carry, tell says what was not taken.
export function attachments(list, most, tell) {
  let files = [];

  function draw() {
    list.hidden = files.length === 0;
    fill(list, files.map((f, i) => el('li', null, outside(f.fileName, 'code'), ` ${size(f.size)} `,
      el('button', { class: 'quiet', 'data-do': 'detach', 'data-id': i, 'aria-label': `Remove ${asText(f.fileName)}` }, 'Remove'))));
  }

  return {
    any: () => files.length > 0,
    names: () => files.map((f) => f.fileName),
    params: () => files.map(({ fileName, mimeType, content }) => ({ type: 'file', fileName, mimeType, content })),
    clear() { files = []; draw(); },
    drop(i) { files.splice(i, 1); draw(); },
    async add(chosen) {
      const left = [];
      for (const f of chosen) {
        const room = most() - files.reduce((sum, x) => sum + x.size, 0);
        if (files.length === MOST) { left.push(`${asText(f.name)}: ${MOST} files go with one message`); continue; }
        if (f.size === 0) { left.push(`${asText(f.name)}: it is empty`); continue; }
        if (f.size > room) { left.push(`${asText(f.name)}: ${size(f.size)}, room for ${size(Math.max(room, 0))}`); continue; }
        try { files.push({ fileName: f.name, mimeType: f.type, size: f.size, content: await base64(f) }); } catch (e) { left.push(`${asText(f.name)}: it could not be read (${asText(e.message)})`); }
      }
      draw();
      tell(left.length ? `Not attached: ${left.join('; ')}.` : '');
    },
  };
}
