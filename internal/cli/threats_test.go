package cli

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/coder/websocket"
	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
	"github.com/openclaw-go/openclaw/internal/store"
)

// commandLine is the command line on a home of its own, with what it prints.
func commandLine(t *testing.T) (e *env, out, errs *bytes.Buffer) {
	t.Helper()
	home := t.TempDir()
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	e = &env{ctx: t.Context(), stdin: strings.NewReader(""), print: &printer{out: out, err: errs}, getenv: func(name string) string {
		if name == "HOME" {
			return home
		}
		return ""
	}}
	if _, err := e.home(app.HomeOptions{}); err != nil {
		t.Fatal(err)
	}
	return e, out, errs
}

// squatter answers on the owner's socket with a challenge of its making and
// keeps every byte that it is told.
func squatter(t *testing.T, socket string, challenge func(clientNonce string) wire.Challenge) (heard func() string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	frames := make(chan string, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		b, err := json.Marshal(map[string]any{"type": "event", "event": "connect.challenge", "payload": challenge(r.Header.Get(wire.ClientNonceHeader))})
		if err != nil {
			t.Error(err)
		}
		_ = ws.Write(r.Context(), websocket.MessageText, b)
		var all strings.Builder
		for {
			_, b, err := ws.Read(r.Context())
			all.Write(b)
			if err != nil {
				break
			}
		}
		frames <- all.String()
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return func() string {
		select {
		case s := <-frames:
			return s
		case <-time.After(20 * time.Second):
			t.Fatal("the command neither spoke nor hung up")
			return ""
		}
	}
}

// gatewayKey gives the gateway of a home its key, as its first start does.
func gatewayKey(t *testing.T, e *env) (socket string, key *store.Device) {
	t.Helper()
	p, err := e.paths()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: p.State, Now: time.Now, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	if key, err = s.Device(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return p.Socket, key
}

type signer interface {
	PublicKey() ed25519.PublicKey
	Sign([]byte) []byte
}

type strangersKey struct{ ed25519.PrivateKey }

func (k strangersKey) PublicKey() ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }
func (k strangersKey) Sign(m []byte) []byte         { return ed25519.Sign(k.PrivateKey, m) }

// proven is a challenge that says who signed it.
func proven(claims, signs signer, nonce, address string) wire.Challenge {
	ch := wire.Challenge{Nonce: "n", TS: 1, Proof: &wire.Proof{DeviceID: wire.DeviceIDOf(claims.PublicKey()), PublicKey: wire.EncodeKey(claims.PublicKey()), ClientNonce: nonce, Address: address}}
	ch.Proof.Signature = wire.EncodeKey(signs.Sign([]byte(wire.ProofText(ch))))
	return ch
}

// TestR17SquatterIsToldNothing: whoever listens on the socket of a home
// without its key, or with a proof that it had from elsewhere, gets no frame
// of a command.
func TestR17SquatterIsToldNothing(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger := strangersKey{private}
	for name, c := range map[string]struct {
		challenge func(home signer, nonce, socket string) wire.Challenge
		spoken    bool
	}{
		"no proof":                       {func(signer, string, string) wire.Challenge { return wire.Challenge{Nonce: "n", TS: 1} }, false},
		"a key of its own":               {func(_ signer, nonce, socket string) wire.Challenge { return proven(stranger, stranger, nonce, socket) }, false},
		"the home's name, another's pen": {func(home signer, nonce, socket string) wire.Challenge { return proven(home, stranger, nonce, socket) }, false},
		"a recorded proof":               {func(home signer, _, socket string) wire.Challenge { return proven(home, home, "earlier", socket) }, false},
		"a proof relayed from the port":  {func(home signer, nonce, _ string) wire.Challenge { return proven(home, home, nonce, "127.0.0.1:8765") }, false},
		"the home's gateway":             {func(home signer, nonce, socket string) wire.Challenge { return proven(home, home, nonce, socket) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			e, _, _ := commandLine(t)
			socket, key := gatewayKey(t, e)
			heard := squatter(t, socket, func(nonce string) wire.Challenge { return c.challenge(key, nonce, "unix:"+socket) })
			_, err := e.dial()
			var f *failure
			if !c.spoken && (!errors.As(err, &f) || f.code != exitRefused) {
				t.Errorf("found %v, expected a refusal", err)
			}
			if s := heard(); (s != "") != c.spoken {
				t.Errorf("the listener was told %q", s)
			}
		})
	}
}

// TestR18NoLinkInALog: what up prints into a file or a service's log holds no
// sign-in link.
func TestR18NoLinkInALog(t *testing.T) {
	for _, print := range []bool{false, true} {
		e, out, _ := commandLine(t)
		socket, key := gatewayKey(t, e)
		asked := make(chan struct{}, 1)
		gatewayOf(t, socket, key, func(method string) any {
			if method == "login.link" {
				asked <- struct{}{}
				return map[string]string{"path": "/ui/login#c=00ff"}
			}
			return map[string]string{}
		})
		e.announce(app.Serving{URL: "http://127.0.0.1:8765/ui/"}, startFlags{print: print})
		if got := strings.Contains(out.String(), "00ff"); got != print || len(asked) != map[bool]int{true: 1}[print] {
			t.Errorf("with --print=%v: %q, asked %d times", print, out, len(asked))
		}
	}
}

// gatewayOf answers on a home's socket as its gateway would.
func gatewayOf(t *testing.T, socket string, key signer, answer func(method string) any) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		send := func(v any) {
			b, err := json.Marshal(v)
			if err != nil {
				t.Error(err)
			}
			_ = ws.Write(r.Context(), websocket.MessageText, b) // the command may have gone
		}
		send(map[string]any{"type": "event", "event": "connect.challenge", "payload": proven(key, key, r.Header.Get(wire.ClientNonceHeader), "unix:"+socket)})
		for {
			_, b, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			var q wire.Request
			if err := json.Unmarshal(b, &q); err != nil {
				t.Error(err)
			}
			send(map[string]any{"type": "res", "id": q.ID, "ok": true, "payload": answer(q.Method)})
		}
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
}

// nasty steers a terminal in every way that R49 names: the clipboard (OSC 52),
// links (OSC 8), a device control string, eight-bit controls, reordering.
const nasty = "a\x1b]52;c;ZXZpbA==\x07b\x1b]8;;http://x\x1b\\c\x1bP$q\x1b\\d\u009b31me\u202ef\u2066g\x7fh\ri"

// obeyed lists the runes of s that a terminal would obey.
func obeyed(s string) []rune {
	var out []rune
	for _, r := range s {
		if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || unicode.Is(unicode.Bidi_Control, r) {
			out = append(out, r)
		}
	}
	return out
}

// TestR49TerminalObeysNothing: every road of the printer to a terminal.
func TestR49TerminalObeysNothing(t *testing.T) {
	for name, say := range map[string]func(p *printer) error{
		"line":  func(p *printer) error { p.line("%s", nasty); return nil },
		"text":  func(p *printer) error { p.text(nasty); return nil },
		"note":  func(p *printer) error { p.note("%s", nasty); return nil },
		"aside": func(p *printer) error { p.aside(nasty); return nil },
		"fail":  func(p *printer) error { p.fail(cannot(errors.New(nasty), nasty)); return nil },
		"value": func(p *printer) error { return p.value(map[string]string{nasty: nasty}) },
	} {
		var out bytes.Buffer
		if err := say(&printer{out: &out, err: &out}); err != nil {
			t.Fatal(err)
		}
		if got := obeyed(out.String()); len(got) != 0 || !strings.Contains(out.String(), "52;c;") {
			t.Errorf("%s: a terminal would obey %q of %q", name, got, out.String())
		}
	}
}

// TestR49JSONStaysTheSame: what is escaped for a terminal means what it meant.
func TestR49JSONStaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{"k": rapid.OneOf(rapid.String(), rapid.Just(nasty), rapid.StringOf(rapid.RuneFrom([]rune{0x7f, 0x9b, 0x202e, 0xe0041, 'a', '"', '\\'}))).Draw(t, "text")}
		var out bytes.Buffer
		if err := (&printer{out: &out, err: &out}).value(want); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["k"] != want["k"] || len(obeyed(out.String())) != 0 {
			t.Fatalf("%q: %q, %v", want["k"], out.String(), err)
		}
	})
}

// TestR49RunsPrintNothingRaw: what a confined command prints reaches the
// terminal of sandbox run escaped, on both streams.
func TestR49RunsPrintNothingRaw(t *testing.T) {
	e, out, errs := commandLine(t)
	root := e.root()
	root.SetArgs([]string{"sandbox", "run", "--agent", "workbench", "--", "/bin/sh", "-c", `printf 'one\033]52;c;eA==\007'; printf 'two\033[2J\302\233' >&2`})
	if err := root.ExecuteContext(e.ctx); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{out.String(), errs.String()} {
		if len(obeyed(s)) != 0 || !strings.Contains(s, "one") && !strings.Contains(s, "two") {
			t.Errorf("%q", s)
		}
	}
}
