package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const value = "s3cr3t-Value-91"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(s Secret) string {
	out := ""
	_ = s.Use(func(b []byte) error { out = string(b); return nil })
	return out
}

func TestSecretNeverPrints(t *testing.T) {
	s := NewSecret([]byte(value))
	type holder struct {
		A Secret
		b Secret
		P *Secret
		M map[string]Secret
		L []Secret
	}
	h := holder{s, s, &s, map[string]Secret{"k": s}, []Secret{s}}
	ref := Literal(value)
	for _, v := range []any{s, &s, h, &h, ref, &ref, []any{s}, map[string]any{"k": h}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%t", "%8.3f", "%!"} {
			hides(t, verb, fmt.Sprintf(verb, v))
		}
		b, err := json.Marshal(v)
		if err == nil {
			hides(t, "json", string(b))
		}
		var buf bytes.Buffer
		slog.New(slog.NewTextHandler(&buf, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&buf, nil)).Info("m", "v", v)
		hides(t, "slog", buf.String())
	}
	if got := fmt.Sprint(s); got != "[redacted]" {
		t.Errorf("prints %q", got)
	}
	if b, err := json.Marshal(s); err != nil || string(b) != `"[redacted]"` {
		t.Errorf("%s, %v", b, err)
	}
	err := fmt.Errorf("it was %v: %w", s, errors.New("x"))
	hides(t, "error", err.Error())
}

// hides fails when text holds the value or a form of it.
func hides(t *testing.T, how, text string) {
	t.Helper()
	for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprint([]byte(value)), fmt.Sprintf("%#v", []byte(value))} {
		if strings.Contains(text, form) {
			t.Errorf("%s prints the value: %s", how, text)
		}
	}
}

func TestSecretUse(t *testing.T) {
	s := NewSecret([]byte(value))
	var kept []byte
	must(t, s.Use(func(b []byte) error {
		if string(b) != value {
			t.Errorf("%q", b)
		}
		kept = b
		b[0] = 'X'
		return nil
	}))
	if !bytes.Equal(kept, make([]byte, len(value))) {
		t.Errorf("the copy was not erased: %q", kept)
	}
	if text(s) != value {
		t.Error("a user changed the secret")
	}
	raw := []byte(value)
	s = NewSecret(raw)
	clear(raw)
	if text(s) != value {
		t.Error("the secret shares the caller's bytes")
	}
	var zero Secret
	if err := zero.Use(func([]byte) error { return nil }); !errors.Is(err, ErrEmpty) || !zero.Empty() || !NewSecret(nil).Empty() {
		t.Errorf("the zero secret: %v", err)
	}
}

func TestSecretEqual(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := rapid.String().Draw(r, "a"), rapid.String().Draw(r, "b")
		if got := NewSecret([]byte(a)).Equal([]byte(b)); got != (a == b && a != "") {
			r.Fatalf("%q = %q: %v", a, b, got)
		}
	})
	if (Secret{}).Equal(nil) || (Secret{}).Equal([]byte{}) {
		t.Error("an empty secret equals something")
	}
}

func TestTemplates(t *testing.T) {
	env := map[string]string{"A": "1", "B_2": "two", "EMPTY": ""}
	r := New(Options{Env: func(n string) (string, bool) { v, ok := env[n]; return v, ok }})
	for _, c := range []struct{ in, want string }{
		{"${A}", "1"}, {"$A", "1"}, {"Bearer ${A}-${B_2}", "Bearer 1-two"}, {"${A}${A}", "11"}, {"$${A}", "${A}"},
		{"x$${A}y${A}", "x${A}y1"}, {"a $A b", "a $A b"}, {"$a", "$a"}, {"100$", "100$"}, {"plain", "plain"}, {"$", "$"},
		{"${NONE}", ""}, {"x${NONE}", ""}, {"${EMPTY}", ""}, {"${}", ""}, {"${a}", ""}, {"${A", ""}, {"x${A-1}", ""}, {"", ""},
	} {
		got, err := r.Resolve(context.Background(), "k", Template(c.in))
		if (err != nil) != (c.want == "") || err == nil && text(got) != c.want {
			t.Errorf("%q: %q, %v; expected %q", c.in, text(got), err, c.want)
		}
	}
	for in, want := range map[string]bool{"${A}": true, "$A": true, "$a": false, "a": false, "${broken": true, "$${A}": false} {
		if IsTemplate(in) != want {
			t.Errorf("IsTemplate(%q) is %v", in, !want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"${A}", "$${A}", "$A", "${", "}${A}{", "$$${A}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tm, err := parseTemplate(s)
		if err != nil {
			return
		}
		if len(tm.parts) != len(tm.names)+1 {
			t.Fatalf("%q: %d parts, %d names", s, len(tm.parts), len(tm.names))
		}
		for _, n := range tm.names {
			if !envName().MatchString(n) {
				t.Fatalf("%q: name %q", s, n)
			}
		}
	})
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), mode))
		must(t, os.Chmod(path, mode))
		return path
	}
	creds := filepath.Join(dir, "credentials")
	must(t, Credentials{creds}.Set("tok", NewSecret([]byte(value))))
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(file("one", value+"\n", 0o600), link))
	providers := []Provider{
		{Name: "json", Source: SourceFile, Path: file("s.json", `{"a":{"b/c":"`+value+`","list":["x","`+value+`"]},"n":7,"e":""}`, 0o600)},
		{Name: "one", Source: SourceFile, Mode: ModeSingleValue, Path: filepath.Join(dir, "one")},
		{Name: "link", Source: SourceFile, Mode: ModeSingleValue, Path: link},
		{Name: "open", Source: SourceFile, Mode: ModeSingleValue, Path: file("open", value, 0o644)},
		{Name: "big", Source: SourceFile, Mode: ModeSingleValue, Path: filepath.Join(dir, "one"), MaxBytes: 3},
		{Name: "dir", Source: SourceFile, Mode: ModeSingleValue, Path: dir},
		{Name: "rel", Source: SourceFile, Path: "s.json"},
		{Name: "odd", Source: SourceFile, Mode: "yaml", Path: filepath.Join(dir, "s.json")},
		{Name: "few", Source: SourceEnv, Allowlist: []string{"B"}},
	}
	env := map[string]string{"A": value, "B": value}
	live := &Live{}
	r := New(Options{Env: func(n string) (string, bool) { v, ok := env[n]; return v, ok }, Providers: providers, Credentials: creds, Live: live})
	for _, c := range []struct {
		ref Ref
		ok  bool
		why string
	}{
		{ref: Literal(value), ok: true},
		{ref: Env("A"), ok: true},
		{ref: Ref{Source: SourceEnv, Provider: "few", ID: "B"}, ok: true},
		{ref: Ref{Source: SourceFile, ID: "tok"}, ok: true},
		{ref: Ref{Source: SourceFile, Provider: "json", ID: "/a/b~1c"}, ok: true},
		{ref: Ref{Source: SourceFile, Provider: "json", ID: "/a/list/1"}, ok: true},
		{ref: Ref{Source: SourceFile, Provider: "one", ID: "value"}, ok: true},
		{ref: Ref{}, why: "source"},
		{ref: Literal(""), why: "empty"},
		{ref: Ref{Source: SourceEnv, ID: "A", Disabled: true}, why: "not ours"},
		{ref: Env("C"), why: "not set"},
		{ref: Env("a b"), why: "name"},
		{ref: Ref{Source: SourceEnv, Provider: "few", ID: "A"}, why: "does not allow"},
		{ref: Ref{Source: SourceEnv, Provider: "json", ID: "A"}, why: "source"},
		{ref: Ref{Source: SourceFile, Provider: "none", ID: "x"}, why: "no provider"},
		{ref: Ref{Source: SourceFile, ID: "../one"}, why: "name"},
		{ref: Ref{Source: SourceFile, ID: "absent"}, why: "no such file"},
		{ref: Ref{Source: SourceFile, Provider: "json", ID: "a"}, why: "pointer"},
		{ref: Ref{Source: SourceFile, Provider: "json", ID: "/x"}, why: "nothing"},
		{ref: Ref{Source: SourceFile, Provider: "json", ID: "/a/list/01"}, why: "nothing"},
		{ref: Ref{Source: SourceFile, Provider: "json", ID: "/n"}, why: "not a text"},
		{ref: Ref{Source: SourceFile, Provider: "json", ID: "/e"}, why: "empty"},
		{ref: Ref{Source: SourceFile, Provider: "one", ID: "/a"}, why: "no entry"},
		{ref: Ref{Source: SourceFile, Provider: "link"}, why: "symbolic links"},
		{ref: Ref{Source: SourceFile, Provider: "open"}, why: "0644"},
		{ref: Ref{Source: SourceFile, Provider: "big"}, why: "more than 3"},
		{ref: Ref{Source: SourceFile, Provider: "dir"}, why: "regular"},
		{ref: Ref{Source: SourceFile, Provider: "rel", ID: "/a"}, why: "absolute"},
		{ref: Ref{Source: SourceFile, Provider: "odd", ID: "/a"}, why: "mode"},
		{ref: Ref{Source: SourceExec, ID: "x"}, why: "no provider"},
	} {
		got, err := r.Resolve(context.Background(), "gateway.auth.token", c.ref)
		if c.ok {
			if err != nil || text(got) != value {
				t.Errorf("%v: %q, %v", c.ref, text(got), err)
			}
			continue
		}
		var u *UnresolvedError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), c.why) || !got.Empty() || u.Key != "gateway.auth.token" {
			t.Errorf("%v: %v; expected %q", c.ref, err, c.why)
		}
		hides(t, "error", fmt.Sprintf("%v %#v", err, u))
	}
	if live.Generation() != 1 {
		t.Errorf("the live list grew %d times for one value", live.Generation())
	}
	var found bool
	live.Each(func(b []byte) { found = found || string(b) == value })
	if !found {
		t.Error("the live list lacks the value")
	}
}

// starter answers like a provider's program.
type starter struct {
	out  string
	err  error
	seen Helper
	ask  string
}

func (s *starter) Start(_ context.Context, h Helper) ([]byte, error) {
	s.seen = h
	var b bytes.Buffer
	_, _ = b.ReadFrom(h.Stdin)
	s.ask = b.String()
	return []byte(s.out), s.err
}

func TestExec(t *testing.T) {
	// The program's directories must belong to us up to the root.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	prog := filepath.Join(dir, "prog")
	must(t, os.WriteFile(prog, []byte("#!/bin/sh\n"), 0o755))
	must(t, os.Symlink(prog, filepath.Join(dir, "alias")))
	loose := filepath.Join(dir, "loose")
	must(t, os.WriteFile(loose, nil, 0o755))
	must(t, os.Chmod(loose, 0o777))
	base := Provider{Name: "p", Source: SourceExec, Command: prog, Args: []string{"-x"}, PassEnv: []string{"HOME", "NONE"}, Env: map[string]string{"K": "v"}}
	with := func(f func(*Provider)) Provider { p := base; f(&p); return p }
	good := `{"protocolVersion":1,"values":{"id":"` + value + `"}}`
	for _, c := range []struct {
		name string
		p    Provider
		s    *starter
		why  string
	}{
		{"answers", base, &starter{out: good}, ""},
		{"plain", with(func(p *Provider) { p.PlainOutput = true }), &starter{out: value + "\n"}, ""},
		{"in a trusted directory", with(func(p *Provider) { p.TrustedDirs = []string{dir} }), &starter{out: good}, ""},
		{"a link that is allowed", with(func(p *Provider) { p.Command, p.AllowSymlinkCommand = filepath.Join(dir, "alias"), true }), &starter{out: good}, ""},
		{"no starter", base, nil, "not started"},
		{"a link", with(func(p *Provider) { p.Command = filepath.Join(dir, "alias") }), &starter{out: good}, "is a link"},
		{"loose", with(func(p *Provider) { p.Command = loose }), &starter{out: good}, "lets others"},
		{"relative", with(func(p *Provider) { p.Command = "prog" }), &starter{out: good}, "absolute"},
		{"absent", with(func(p *Provider) { p.Command = dir + "/none" }), &starter{out: good}, "not there"},
		{"directory", with(func(p *Provider) { p.Command = dir }), &starter{out: good}, "regular"},
		{"not trusted", with(func(p *Provider) { p.TrustedDirs = []string{"/opt/x"} }), &starter{out: good}, "trustedDirs"},
		{"fails", base, &starter{out: good, err: errors.New(value)}, "failed"},
		{"prints text", base, &starter{out: value}, "JSON"},
		{"other protocol", base, &starter{out: `{"protocolVersion":2,"values":{"id":"` + value + `"}}`}, "protocol 2"},
		{"an error", base, &starter{out: `{"protocolVersion":1,"errors":{"id":{"message":"` + value + `"}}}`}, "error for"},
		{"no value", base, &starter{out: `{"protocolVersion":1,"values":{}}`}, "no text"},
		{"too much", with(func(p *Provider) { p.MaxOutputBytes = 5 }), &starter{out: good}, "more than 5"},
	} {
		o := Options{Env: func(n string) (string, bool) { return "/home/x", n == "HOME" }, Providers: []Provider{c.p}}
		if c.s != nil {
			o.Starter = c.s
		}
		got, err := New(o).Resolve(context.Background(), "k", Ref{Source: SourceExec, Provider: "p", ID: "id"})
		if c.why == "" {
			if err != nil || text(got) != value {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if env := strings.Join(c.s.seen.Env, " "); env != "HOME=/home/x K=v" || !strings.Contains(c.s.ask, `"ids":["id"]`) {
				t.Errorf("%s: environment %q, request %s", c.name, env, c.s.ask)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v; expected %q", c.name, err, c.why)
			continue
		}
		hides(t, c.name, err.Error())
	}
}

func TestCredentials(t *testing.T) {
	c := Credentials{filepath.Join(t.TempDir(), "credentials")}
	a, err := c.Ensure("gateway-token")
	must(t, err)
	b, err := c.Ensure("gateway-token")
	must(t, err)
	if text(a) != text(b) || len(text(a)) != 43 {
		t.Errorf("%d and %d characters", len(text(a)), len(text(b)))
	}
	rotated, err := c.Rotate("gateway-token")
	must(t, err)
	if text(rotated) == text(a) {
		t.Error("rotation kept the token")
	}
	path := filepath.Join(c.Dir, "gateway-token")
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if di, _ := os.Stat(c.Dir); di.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v", di.Mode())
	}
	list, err := c.List()
	if err != nil || len(list) != 1 || list[0].Name != "gateway-token" {
		t.Errorf("%v, %v", list, err)
	}
	must(t, os.Chmod(path, 0o640))
	if _, err := c.Ensure("gateway-token"); err == nil {
		t.Error("a file that others read was taken")
	}
	must(t, os.Chmod(path, 0o600))
	for _, name := range []string{"", "..", "../x", "a/b", ".hidden", "a\x00", strings.Repeat("a", 200)} {
		if err := c.Set(name, a); err == nil {
			t.Errorf("name %q was taken", name)
		}
	}
	if err := c.Set("empty", Secret{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	must(t, os.Chmod(c.Dir, 0o755))
	if err := c.Set("x", a); err == nil {
		t.Error("a directory that others enter was taken")
	}
	must(t, c.Remove("gateway-token"))
	if _, err := c.Get("gateway-token"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	if _, err := (Credentials{}).Get("x"); err == nil {
		t.Error("the zero value reads")
	}
}
